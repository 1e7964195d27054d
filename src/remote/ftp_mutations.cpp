// SPDX-License-Identifier: MIT
//
// What changes the server's tree. Every command goes out once; what a refusal means is settled in
// ftp_settle.cpp, what a lost reply means in FtpRemote.
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "ftp_operations.hpp"
#include "ftpsfs/ftp/features.hpp"
#include "ftpsfs/ftp/refusal.hpp"

namespace ftpsfs::remote {
namespace {

/// A mutation's single reply.
Result<void> demand_success(std::string_view verb, const ftp::Reply& reply) {
  if (reply.is_completion()) {
    return {};
  }
  return ftp::make_refusal(verb, reply);
}

}  // namespace

Result<void> check_new_name(const session::Session& session, const RemotePath& path) {
  if (session.profile().mangles_trailing_blank && path.name().ends_with(' ')) {
    return make_error(Errc::invalid_argument,
                      "this server cannot make names that end with a blank: '" + path.str() + "'");
  }
  return {};
}

Result<void> send_make_directory(session::Session& session, const RemotePath& path,
                                 const Wait& wait) {
  FTPSFS_TRY(check_new_name(session, path));
  FTPSFS_TRY_ASSIGN(const auto reply, session.command("MKD", path.str(), wait));
  return demand_success("MKD", reply);
}

Result<void> send_remove_directory(session::Session& session, const RemotePath& path,
                                   const Wait& wait) {
  FTPSFS_TRY_ASSIGN(const auto reply, session.command("RMD", path.str(), wait));
  return demand_success("RMD", reply);
}

Result<void> send_remove_file(session::Session& session, const RemotePath& path, const Wait& wait) {
  FTPSFS_TRY_ASSIGN(const auto reply, session.command("DELE", path.str(), wait));
  return demand_success("DELE", reply);
}

Result<std::vector<bool>> send_remove_files(session::Session& session,
                                            std::span<const RemotePath> paths, const Wait& wait) {
  std::vector<ftp::Command> commands;
  commands.reserve(paths.size());
  for (const RemotePath& path : paths) {
    FTPSFS_TRY_ASSIGN(auto command, ftp::Command::make("DELE", path.str()));
    commands.push_back(std::move(command));
  }
  FTPSFS_TRY_ASSIGN(const auto replies, session.exchange(commands, wait));
  std::vector<bool> removed;
  removed.reserve(paths.size());
  for (const ftp::Reply& reply : replies) {
    removed.push_back(reply.is_completion());
  }
  return removed;
}

Result<void> send_rename(session::Session& session, const RemotePath& from, const RemotePath& to,
                         bool& begun, const Wait& wait) {
  begun = false;
  FTPSFS_TRY(check_new_name(session, to));
  FTPSFS_TRY_ASSIGN(auto rnfr, ftp::Command::make("RNFR", from.str()));
  FTPSFS_TRY_ASSIGN(auto rnto, ftp::Command::make("RNTO", to.str()));
  // In one flight: a refused RNFR leaves RNTO a harmless 503.
  const std::array<ftp::Command, 2> flight{std::move(rnfr), std::move(rnto)};
  FTPSFS_TRY_ASSIGN(const auto replies, session.exchange(flight, wait));
  begun = replies[0].is_positive();
  return begun ? demand_success("RNTO", replies[1])
               : Result<void>(ftp::make_refusal("RNFR", replies[0]));
}

Result<RemotePath> link_target(const std::string& target, const RemotePath& path) {
  return RemotePath::parse(target.starts_with('/') ? target : path.parent().str() + "/" + target);
}

Result<void> send_make_symlink(session::Session& session, const std::string& target,
                               const RemotePath& path, const Wait& wait) {
  if (!session.profile().site_symlink) {
    return make_error(Errc::unsupported, "the server has no SITE SYMLINK");
  }
  FTPSFS_TRY_ASSIGN(const auto resolved, link_target(target, path));
  // The server takes its arguments apart at blanks.
  if (resolved.str().find(' ') != std::string::npos || path.str().find(' ') != std::string::npos) {
    return make_error(Errc::unsupported, "SITE SYMLINK cannot carry names with blanks");
  }
  FTPSFS_TRY_ASSIGN(const auto reply,
                    session.command("SITE", "SYMLINK " + resolved.str() + " " + path.str(), wait));
  if (ftp::is_unknown_command(reply.code)) {
    session.knowledge().forget(&ftp::ServerProfile::site_symlink);
    return make_error(Errc::unsupported, "SITE SYMLINK: " + reply.text(), reply.code);
  }
  return demand_success("SITE SYMLINK", reply);
}

Result<Space> fetch_space(session::Session& session, const RemotePath& path, const Wait& wait) {
  Space space;
  if (!session.profile().avbl) {
    return space;
  }
  FTPSFS_TRY_ASSIGN(const auto reply, session.command("AVBL", path.str(), wait));
  if (ftp::is_unknown_command(reply.code)) {
    session.knowledge().forget(&ftp::ServerProfile::avbl);
  }
  // "213 123456": the form of SIZE.
  if (const auto bytes = ftp::parse_size(reply)) {
    space.free_bytes = *bytes;
  }
  return space;
}

}  // namespace ftpsfs::remote
