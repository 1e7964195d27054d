// SPDX-License-Identifier: MIT
//
// What changes the server's tree. Every command goes out once; what a refusal means is settled
// here, what a lost reply means in FtpRemote.
#include <array>
#include <utility>

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

/// Servers that nobody has tried may DELE a directory or RMD a file: the type is looked at first.
Result<void> check_type(session::Session& session, const RemotePath& path, bool directory,
                        const Wait& wait) {
  if (session.profile().kind != ftp::ServerKind::unknown) {
    return {};
  }
  FTPSFS_TRY_ASSIGN(const auto entry, fetch_entry(session, path, wait));
  if ((entry.type == FileType::directory) == directory) {
    return {};
  }
  return make_error(directory ? Errc::not_directory : Errc::is_directory, path.str());
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
  auto made = demand_success("MKD", reply);
  if (!made && is_ambiguous(made.error())) {
    Error error = settle_creation(session, path, std::move(made).error(), wait);
    // Whatever has the name already, mkdir(2) says EEXIST.
    if (error.code == Errc::is_directory || fetch_entry(session, path, wait)) {
      error.code = Errc::already_exists;
    }
    return error;
  }
  return made;
}

Result<void> send_remove_directory(session::Session& session, const RemotePath& path,
                                   const Wait& wait) {
  FTPSFS_TRY(check_type(session, path, true, wait));
  FTPSFS_TRY_ASSIGN(const auto reply, session.command("RMD", path.str(), wait));
  auto removed = demand_success("RMD", reply);
  if (!removed && is_ambiguous(removed.error())) {
    return settle_remove_directory(session, path, std::move(removed).error(), wait);
  }
  return removed;
}

Result<void> send_remove_file(session::Session& session, const RemotePath& path, const Wait& wait) {
  FTPSFS_TRY(check_type(session, path, false, wait));
  FTPSFS_TRY_ASSIGN(const auto reply, session.command("DELE", path.str(), wait));
  auto removed = demand_success("DELE", reply);
  if (!removed && (is_ambiguous(removed.error()) ||
                   removed.error().code == Errc::invalid_argument)) {  // Pure-FTPd, a directory
    return settle_remove_file(session, path, std::move(removed).error(), wait);
  }
  return removed;
}

Result<void> send_rename(session::Session& session, const RemotePath& from, const RemotePath& to,
                         const Wait& wait) {
  FTPSFS_TRY(check_new_name(session, to));
  FTPSFS_TRY_ASSIGN(auto rnfr, ftp::Command::make("RNFR", from.str()));
  FTPSFS_TRY_ASSIGN(auto rnto, ftp::Command::make("RNTO", to.str()));
  // In one flight: a refused RNFR leaves RNTO a harmless 503.
  const std::array<ftp::Command, 2> flight{std::move(rnfr), std::move(rnto)};
  FTPSFS_TRY_ASSIGN(const auto replies, session.exchange(flight, wait));
  const bool begun = replies[0].is_positive();
  auto renamed = begun ? demand_success("RNTO", replies[1])
                       : Result<void>(ftp::make_refusal("RNFR", replies[0]));
  if (renamed) {
    return {};
  }
  Error error = std::move(renamed).error();
  if (!begun) {
    return is_ambiguous(error) ? settle_read(session, from, std::move(error), wait) : error;
  }
  // What stands at the target decides, and servers' words speak of either name.
  const bool uncertain = is_ambiguous(error) || error.code == Errc::not_permitted ||
                         error.code == Errc::access_denied || error.code == Errc::already_exists;
  return uncertain ? settle_rename(session, from, to, std::move(error), wait) : error;
}

Result<void> send_make_symlink(session::Session& session, const std::string& target,
                               const RemotePath& path, const Wait& wait) {
  if (!session.profile().site_symlink) {
    return make_error(Errc::unsupported, "the server has no SITE SYMLINK");
  }
  // The server takes its arguments apart at blanks, and a relative target from its own working
  // directory: the link's directory is what symlink(2) means.
  FTPSFS_TRY_ASSIGN(
      const auto resolved,
      RemotePath::parse(target.starts_with('/') ? target : path.parent().str() + "/" + target));
  if (resolved.str().find(' ') != std::string::npos || path.str().find(' ') != std::string::npos) {
    return make_error(Errc::unsupported, "SITE SYMLINK cannot carry names with blanks");
  }
  FTPSFS_TRY_ASSIGN(const auto reply,
                    session.command("SITE", "SYMLINK " + resolved.str() + " " + path.str(), wait));
  if (ftp::is_unknown_command(reply.code)) {
    session.knowledge().forget(&ftp::ServerProfile::site_symlink);
    return make_error(Errc::unsupported, "SITE SYMLINK: " + reply.text(), reply.code);
  }
  if (reply.is_completion()) {
    return {};
  }
  Error error = ftp::make_refusal("SITE SYMLINK", reply);
  if (!is_ambiguous(error) && error.code != Errc::not_found) {
    return error;
  }
  const auto entry = fetch_entry(session, path, wait);
  if (entry) {
    error.code = Errc::already_exists;
    return error;
  }
  // ProFTPD makes no link to a name that does not exist.
  const auto pointee = fetch_entry(session, resolved, wait);
  if (!pointee && pointee.error().code == Errc::not_found) {
    error.code = Errc::unsupported;
    return error;
  }
  return settle_creation(session, path, std::move(error), wait);
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
