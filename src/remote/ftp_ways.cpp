// SPDX-License-Identifier: MIT
#include "ftp_ways.hpp"

#include <fmt/core.h>

#include <span>
#include <utility>

#include "ftp_operations.hpp"
#include "ftpsfs/ftp/features.hpp"
#include "ftpsfs/ftp/refusal.hpp"

namespace ftpsfs::remote {
namespace {

Result<void> try_ways(session::Session& session, Ways ways, const Wait& wait) {
  while (const auto command = ways.next(session)) {
    FTPSFS_TRY_ASSIGN(const auto replies, session.exchange(std::span(&*command, 1), wait));
    ways.take(session, replies.front());
  }
  return ways.outcome();
}

}  // namespace

std::optional<ftp::Command> Ways::next(const session::Session& session) {
  if (outcome_) {
    return std::nullopt;
  }
  const ftp::ServerProfile known = session.profile();
  while (at_ < ways_.size() && !(known.*ways_[at_].capability)) {
    ++at_;
  }
  if (at_ == ways_.size()) {
    outcome_ = make_error(Errc::unsupported, "the server has no command for it");
    return std::nullopt;
  }
  auto command = ftp::Command::make(ways_[at_].verb, ways_[at_].argument);
  if (!command) {
    outcome_ = std::move(command).error();
    return std::nullopt;
  }
  return *std::move(command);
}

void Ways::take(session::Session& session, const ftp::Reply& reply) {
  const Way& way = ways_[at_];
  if (reply.is_completion()) {
    outcome_ = Result<void>();
  } else if (ftp::is_unknown_command(reply.code)) {
    session.knowledge().forget(way.capability);
    ++at_;
  } else {
    outcome_ = ftp::make_refusal(way.verb, reply);
  }
}

Ways ways_to_set_mode(const RemotePath& path, std::uint16_t mode) {
  return Ways({
      {&ftp::ServerProfile::mff_unix_mode, "MFF",
       fmt::format("UNIX.mode={:04o}; {}", mode, path.str())},
      {&ftp::ServerProfile::site_chmod, "SITE", fmt::format("CHMOD {:03o} {}", mode, path.str())},
  });
}

Ways ways_to_set_mtime(const RemotePath& path, std::int64_t unix_seconds) {
  const std::string time = ftp::format_mdtm_time(unix_seconds);
  return Ways({
      {&ftp::ServerProfile::mfmt, "MFMT", time + " " + path.str()},
      {&ftp::ServerProfile::mff_modify, "MFF", "modify=" + time + "; " + path.str()},
      {&ftp::ServerProfile::mdtm_set, "MDTM", time + " " + path.str()},
      {&ftp::ServerProfile::site_utime, "SITE", "UTIME " + time + " " + path.str()},
  });
}

Result<void> settle_set_mode(session::Session& session, const RemotePath& path, Result<void> set,
                             const Wait& wait) {
  if (!set && is_ambiguous(set.error())) {
    return settle_change(session, path, std::move(set).error(), Errc::not_permitted, wait);
  }
  return set;
}

Result<void> settle_set_mtime(session::Session& session, const RemotePath& path, Result<void> set,
                              const Wait& wait) {
  if (set || set.error().code == Errc::unsupported || is_link_failure(set.error().code) ||
      set.error().code == Errc::cancelled) {
    return set;
  }
  // vsftpd and pyftpdlib set no directory's time, and say so in vague words.
  const auto entry = fetch_entry(session, path, wait);
  if (entry && entry->type == FileType::directory) {
    Error error = std::move(set).error();
    error.code = Errc::unsupported;
    return error;
  }
  if (is_ambiguous(set.error())) {
    return settle_change(session, path, std::move(set).error(), Errc::not_permitted, wait);
  }
  return set;
}

Result<void> send_set_mode(session::Session& session, const RemotePath& path, std::uint16_t mode,
                           const Wait& wait) {
  return settle_set_mode(session, path, try_ways(session, ways_to_set_mode(path, mode), wait),
                         wait);
}

Result<void> send_set_mtime(session::Session& session, const RemotePath& path,
                            std::int64_t unix_seconds, const Wait& wait) {
  return settle_set_mtime(session, path,
                          try_ways(session, ways_to_set_mtime(path, unix_seconds), wait), wait);
}

}  // namespace ftpsfs::remote
