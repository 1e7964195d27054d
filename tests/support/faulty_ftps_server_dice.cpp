// SPDX-License-Identifier: MIT
#include "support/faulty_ftps_server_dice.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace ftpsfs::test {
namespace {

using Kind = Fault::Kind;

struct Side {
  std::string_view verb;
  Kind kind;
  std::string_view reply = {};
};

/// What a client finds out by itself.
constexpr std::array kSides{
    Side{"WORK", Kind::reset},
    Side{"WORK", Kind::close},
    Side{"WORK", Kind::drop_reply},
    Side{"WORK", Kind::trail, "421 Going down."},
    Side{"WORK", Kind::dribble},
    Side{"WORK", Kind::late},
    Side{"WORK", Kind::refuse, "421 Not now."},
    Side{"RNTO", Kind::drop_reply},
    Side{"RETR", Kind::truncate, "226 Transfer complete"},
    Side{"RETR", Kind::truncate, "426 Cut."},
    Side{"RETR", Kind::cut_data},
    Side{"RETR", Kind::cut_data},
    Side{"RETR", Kind::silent_end},
    Side{"RETR", Kind::early_end},
    Side{"STOR", Kind::cut_data},
    Side{"STOR", Kind::cut_data},
    Side{"STOR", Kind::truncate, "226 Transfer complete"},
    Side{"STOR", Kind::truncate, "451 Trouble."},
    Side{"STOR", Kind::swallow},
    Side{"STOR", Kind::drop_reply},
    Side{"STOR", Kind::refuse, "452 No space left."},
    Side{"APPE", Kind::cut_data},
    Side{"APPE", Kind::truncate, "426 Cut."},
    Side{"APPE", Kind::swallow},
    Side{"APPE", Kind::drop_reply},
    Side{"MLSD", Kind::truncate, "226 Transfer complete"},
    Side{"MLSD", Kind::cut_data},
    Side{"MLSD", Kind::silent_end},
    Side{"EPSV", Kind::port_refused},
    Side{"CONNECT", Kind::reset},
    Side{"CONNECT", Kind::close},
    Side{"CONNECT", Kind::refuse, "421 Too many connections."},
    Side{"AUTH", Kind::reset},
    Side{"SESSION", Kind::reset},
    Side{"SESSION", Kind::close},
    Side{"SESSION", Kind::refuse, "421 Your time is up."},
};

/// What costs the client a timeout: one throw in so many.
constexpr std::uint64_t kSilenceEvery = 16;
constexpr std::array kSilences{
    Side{"WORK", Kind::stall},      Side{"WORK", Kind::stall_reply}, Side{"RETR", Kind::stall_data},
    Side{"STOR", Kind::stall_data}, Side{"EPSV", Kind::port_silent}, Side{"AUTH", Kind::stall_tls},
    Side{"SESSION", Kind::stall},
};

struct KindName {
  Kind kind;
  std::string_view text;
};
constexpr std::array kKindNames{
    KindName{Kind::reset, "reset"},
    KindName{Kind::close, "close"},
    KindName{Kind::drop_reply, "drop_reply"},
    KindName{Kind::trail, "trail"},
    KindName{Kind::dribble, "dribble"},
    KindName{Kind::late, "late"},
    KindName{Kind::refuse, "refuse"},
    KindName{Kind::truncate, "truncate"},
    KindName{Kind::cut_data, "cut_data"},
    KindName{Kind::silent_end, "silent_end"},
    KindName{Kind::early_end, "early_end"},
    KindName{Kind::swallow, "swallow"},
    KindName{Kind::port_refused, "port_refused"},
    KindName{Kind::stall, "stall"},
    KindName{Kind::stall_reply, "stall_reply"},
    KindName{Kind::stall_data, "stall_data"},
    KindName{Kind::port_silent, "port_silent"},
    KindName{Kind::stall_tls, "stall_tls"},
};

std::string_view name_of(Kind kind) {
  const auto found = std::find_if(kKindNames.begin(), kKindNames.end(),
                                  [kind](const KindName& name) { return name.kind == kind; });
  return found != kKindNames.end() ? found->text : std::string_view();
}

}  // namespace

Fault FaultDice::draw() {
  constexpr std::uint64_t kMostBytes = 60'000;
  constexpr std::uint64_t kMostMilliseconds = 12;
  const bool is_silence = up_to(kSilenceEvery - 1) == 0;
  const Side side =
      is_silence ? kSilences[up_to(kSilences.size() - 1)] : kSides[up_to(kSides.size() - 1)];
  Fault fault;
  fault.verb = side.verb;
  fault.kind = side.kind;
  fault.reply = side.reply;
  fault.nth = 1 + static_cast<int>(up_to(side.verb == "WORK" ? 5 : 1));
  fault.bytes = 1 + up_to(kMostBytes);
  fault.after = std::chrono::milliseconds(up_to(kMostMilliseconds));
  return fault;
}

std::string describe(const Fault& fault) {
  return fmt::format("{}. {}: {}, {} bytes, {} ms{}{}", fault.nth, fault.verb, name_of(fault.kind),
                     fault.bytes, fault.after.count(), fault.reply.empty() ? "" : ", ",
                     fault.reply);
}

}  // namespace ftpsfs::test
