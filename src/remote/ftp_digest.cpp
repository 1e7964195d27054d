// SPDX-License-Identifier: MIT
#include "ftp_digest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ftp_core.hpp"
#include "ftpsfs/base/log.hpp"
#include "ftpsfs/ftp/digest_reply.hpp"
#include "ftpsfs/ftp/refusal.hpp"

namespace ftpsfs::remote {

std::vector<ftp::Command> ContentCheck::next(const session::Session& session) {
  if (outcome_) {
    return {};
  }
  const ftp::ServerProfile known = session.profile();
  const auto commands = known.digest_commands();
  const auto fits = std::find_if(
      commands.begin(), commands.end(),
      [this](const ftp::DigestCommand& each) { return each.algorithm == wanted_.algorithm; });
  if (fits == commands.end()) {
    outcome_.emplace();
    return {};
  }
  asked_ = *fits;
  const std::string_view verb = asked_->verb;
  auto question = ftp::Command::make(verb, ftp::digest_argument(verb, path_.str()));
  if (!question || question->argument().empty()) {
    log::warning("{}: {} cannot ask for a file of this name; its size alone was compared",
                 path_.str(), verb);
    outcome_.emplace();
    return {};
  }
  std::vector<ftp::Command> flight;
  if (verb == "HASH" && !known.hash_selected) {
    if (auto choice =
            ftp::Command::make("OPTS", fmt::format("HASH {}", to_string(wanted_.algorithm)))) {
      flight.push_back(*std::move(choice));
    }
  }
  flight.push_back(*std::move(question));
  return flight;
}

Result<void> ContentCheck::take(session::Session& session, std::span<const ftp::Reply> replies) {
  const ftp::Reply& reply = replies.back();  // what OPTS did is seen in it
  const auto theirs = ftp::parse_digest(asked_->verb, asked_->algorithm, path_.str(), reply);
  if (theirs) {
    compare(session, *theirs);
  } else if (is_link_failure(theirs.error().code) && !reply.is_completion()) {
    return theirs.error();
  } else if (reply.is_completion() || ftp::is_unknown_command(reply.code)) {
    demote(session, theirs.error().text);
  } else {
    // Of this file alone (too large, not to be read): others may be told.
    log::warning("{}: the server does not tell its digest ({}); its size alone was compared",
                 path_.str(), theirs.error().text);
    outcome_.emplace();
  }
  return {};
}

void ContentCheck::compare(const session::Session& session, const std::string& theirs) {
  answered_by_ = session.number();
  outcome_ = theirs == wanted_.hex
                 ? Result<void>()
                 : make_error(Errc::io_error,
                              fmt::format("the server has other content than was sent: its {} is "
                                          "{} by {}, and that of what was sent {}",
                                          to_string(wanted_.algorithm), theirs, asked_->verb,
                                          wanted_.hex));
}

void ContentCheck::demote(session::Session& session, const std::string& why) {
  if (!(session.profile().*asked_->capability)) {
    return;  // somebody else was told
  }
  session.knowledge().forget(asked_->capability);
  const auto left = session.profile().digest_commands();
  log::warning("{}; from now on uploads are compared by {}", why,
               left.empty() ? "their sizes alone" : left.front().verb);
}

Result<void> ContentCheck::run(session::Session& session, const Wait& wait) {
  for (auto flight = next(session); !flight.empty(); flight = next(session)) {
    FTPSFS_TRY_ASSIGN(const auto replies, session.exchange(flight, patience(wait)));
    FTPSFS_TRY(take(session, replies));
  }
  return {};
}

Wait ContentCheck::patience(const Wait& wait) const {
  constexpr std::uint64_t kBytesPerSecond = 8ULL << 20;
  const SteadyTime computed =
      SteadyClock::now() + std::chrono::seconds(wanted_.bytes / kBytesPerSecond);
  return Wait{std::max(wait.deadline, computed), wait.stop};
}

Result<void> ContentCheck::ask_anew(FtpRemote::Core& core, const Wait& wait) {
  log::debug("other content than was sent, perhaps from the session's memory; asking a new one");
  const auto first = std::exchange(outcome_, std::nullopt);
  // Computing it may have taken longer than the caller waits.
  const Wait again = Wait::for_at_most(core.settings().session.timeout, wait.stop);
  auto asked = core.repeat_with_lease(
      session::Purpose::metadata, again,
      [this, &core](session::Lease& lease, const Wait& limit) -> Result<void> {
        while (session_of(lease).number() <= latest_) {
          lease.discard();
          lease.give_back();
          FTPSFS_TRY_ASSIGN(lease, core.pool().acquire(session::Purpose::metadata, limit));
        }
        return run(session_of(lease), limit);
      });
  if (!asked && asked.error().code != Errc::cancelled) {
    outcome_ = first;  // nobody says otherwise
    return {};
  }
  return asked;
}

std::optional<DigestAlgorithm> comparable_digest(FtpRemote::Core& core, const RemotePath& path) {
  const ftp::ServerProfile known = core.knowledge().profile();
  const auto commands = known.digest_commands();
  if (!core.settings().verify_content || commands.empty() || !known.tells_length_of(path.str())) {
    return std::nullopt;
  }
  return commands.front().algorithm;
}

Result<void> check_ftp_content(FtpRemote::Core& core, const RemotePath& path, const Digest& digest,
                               const Wait& wait) {
  ContentCheck check(path, digest, core.traffic().sessions);
  FTPSFS_TRY(core.repeat(session::Purpose::metadata, wait,
                         [&check](session::Session& session, const Wait& limit) {
                           return check.run(session, limit);
                         }));
  if (check.is_doubtful()) {
    FTPSFS_TRY(check.ask_anew(core, wait));
  }
  return check.outcome().value_or(Result<void>());
}

}  // namespace ftpsfs::remote
