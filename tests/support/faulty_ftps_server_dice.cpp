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
  std::string_view name;  ///< of the kind
  std::string_view reply = {};
};

/// What a client finds out by itself.
constexpr std::array kSides{
    Side{"WORK", Kind::reset, "reset"},
    Side{"WORK", Kind::close, "close"},
    Side{"WORK", Kind::drop_reply, "drop_reply"},
    Side{"WORK", Kind::trail, "trail", "421 Going down."},
    Side{"WORK", Kind::dribble, "dribble"},
    Side{"WORK", Kind::late, "late"},
    Side{"WORK", Kind::refuse, "refuse", "421 Not now."},
    Side{"RNTO", Kind::drop_reply, "drop_reply"},
    Side{"RETR", Kind::truncate, "truncate", "226 Transfer complete"},
    Side{"RETR", Kind::truncate, "truncate", "426 Cut."},
    Side{"RETR", Kind::cut_data, "cut_data"},
    Side{"RETR", Kind::cut_data, "cut_data"},
    Side{"RETR", Kind::silent_end, "silent_end"},
    Side{"RETR", Kind::early_end, "early_end"},
    Side{"STOR", Kind::cut_data, "cut_data"},
    Side{"STOR", Kind::cut_data, "cut_data"},
    Side{"STOR", Kind::truncate, "truncate", "226 Transfer complete"},
    Side{"STOR", Kind::truncate, "truncate", "451 Trouble."},
    Side{"STOR", Kind::swallow, "swallow"},
    Side{"STOR", Kind::drop_reply, "drop_reply"},
    Side{"STOR", Kind::refuse, "refuse", "452 No space left."},
    Side{"APPE", Kind::cut_data, "cut_data"},
    Side{"APPE", Kind::truncate, "truncate", "426 Cut."},
    Side{"APPE", Kind::swallow, "swallow"},
    Side{"APPE", Kind::drop_reply, "drop_reply"},
    Side{"MLSD", Kind::truncate, "truncate", "226 Transfer complete"},
    Side{"MLSD", Kind::cut_data, "cut_data"},
    Side{"MLSD", Kind::silent_end, "silent_end"},
    Side{"EPSV", Kind::port_refused, "port_refused"},
    Side{"CONNECT", Kind::reset, "reset"},
    Side{"CONNECT", Kind::close, "close"},
    Side{"CONNECT", Kind::refuse, "refuse", "421 Too many connections."},
    Side{"AUTH", Kind::reset, "reset"},
    Side{"SESSION", Kind::reset, "reset"},
    Side{"SESSION", Kind::close, "close"},
    Side{"SESSION", Kind::refuse, "refuse", "421 Your time is up."},
};

/// What costs the client a timeout: one throw in so many.
constexpr std::uint64_t kSilenceEvery = 16;
constexpr std::array kSilences{
    Side{"WORK", Kind::stall, "stall"},
    Side{"WORK", Kind::stall_reply, "stall_reply"},
    Side{"RETR", Kind::stall_data, "stall_data"},
    Side{"STOR", Kind::stall_data, "stall_data"},
    Side{"EPSV", Kind::port_silent, "port_silent"},
    Side{"AUTH", Kind::stall_tls, "stall_tls"},
    Side{"SESSION", Kind::stall, "stall"},
};

std::string_view name_of(Kind kind) {
  const auto find_in = [kind](const auto& sides) -> std::string_view {
    const auto found = std::find_if(sides.begin(), sides.end(),
                                    [kind](const Side& side) { return side.kind == kind; });
    return found != sides.end() ? found->name : std::string_view();
  };
  const std::string_view name = find_in(kSides);
  return name.empty() ? find_in(kSilences) : name;
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
