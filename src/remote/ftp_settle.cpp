// SPDX-License-Identifier: MIT
//
// vsftpd answers "550 … failed." to everything, and others are vague at times: which errno it is,
// is told by what lies at the path. These are error paths; their round trips cost no success.
#include <utility>

#include "ftp_operations.hpp"

namespace ftpsfs::remote {
namespace {

Error with_code(Error error, Errc code) {
  error.code = code;
  return error;
}

/// The look itself failed: a broken link is the news; else the look's verdict with the refusal's
/// words.
Error after_failed_look(Error refusal, Error look) {
  if (is_link_failure(look.code) || look.code == Errc::cancelled) {
    return look;
  }
  return with_code(std::move(refusal),
                   look.code == Errc::refused ? Errc::access_denied : look.code);
}

/// Why nothing can be made in the directory `parent`.
Error settle_parent(session::Session& session, const RemotePath& parent, Error error,
                    const Wait& wait) {
  const auto entry = fetch_entry(session, parent, wait);
  if (!entry) {
    return after_failed_look(std::move(error), entry.error());
  }
  const bool enters =
      entry->type == FileType::directory || entry->type == FileType::symlink || parent.is_root();
  return with_code(std::move(error), enters ? Errc::access_denied : Errc::not_directory);
}

/// not_empty when the directory has children; else `otherwise`.
Error settle_not_empty(session::Session& session, const RemotePath& directory, Error error,
                       Errc otherwise, const Wait& wait) {
  const auto children = fetch_children(session, directory, wait);
  if (!children && is_link_failure(children.error().code)) {
    return children.error();
  }
  const bool full = children && !children->entries.empty();
  return with_code(std::move(error), full ? Errc::not_empty : otherwise);
}

}  // namespace

bool is_ambiguous(const Error& error) {
  constexpr int kFirstNegative = 400;
  // 553 is "cannot be made here": missing parent, directory or denied, the same to vsftpd.
  return error.code == Errc::refused ||
         (error.code == Errc::io_error && error.reply_code >= kFirstNegative) ||
         (error.code == Errc::access_denied && error.reply_code == 553);
}

Error settle_change_directory(session::Session& session, const RemotePath& directory, Error error,
                              const Wait& wait) {
  if (directory.is_root()) {
    return with_code(std::move(error), Errc::access_denied);
  }
  // Of the directory itself only its parent can tell: upwards until one can be listed.
  const auto entry = fetch_entry(session, directory, wait);
  if (!entry) {
    return after_failed_look(std::move(error), entry.error());
  }
  return with_code(std::move(error),
                   entry->type == FileType::directory ? Errc::access_denied : Errc::not_directory);
}

Error settle_read(session::Session& session, const RemotePath& path, Error error,
                  const Wait& wait) {
  const auto entry = fetch_entry(session, path, wait);
  if (!entry) {
    return after_failed_look(std::move(error), entry.error());
  }
  return with_code(std::move(error),
                   entry->type == FileType::directory ? Errc::is_directory : Errc::access_denied);
}

Error settle_creation(session::Session& session, const RemotePath& path, Error error,
                      const Wait& wait) {
  const auto entry = fetch_entry(session, path, wait);
  if (!entry) {
    if (entry.error().code == Errc::not_found) {
      return settle_parent(session, path.parent(), std::move(error), wait);
    }
    return after_failed_look(std::move(error), entry.error());
  }
  return with_code(std::move(error),
                   entry->type == FileType::directory ? Errc::is_directory : Errc::access_denied);
}

Error settle_make_directory(session::Session& session, const RemotePath& path, Error error,
                            const Wait& wait) {
  if (!is_ambiguous(error)) {
    return error;
  }
  error = settle_creation(session, path, std::move(error), wait);
  // Whatever has the name already, mkdir(2) says EEXIST.
  if (error.code == Errc::is_directory || fetch_entry(session, path, wait)) {
    error.code = Errc::already_exists;
  }
  return error;
}

Error settle_make_symlink(session::Session& session, const std::string& target,
                          const RemotePath& path, Error error, const Wait& wait) {
  if (!is_ambiguous(error) && error.code != Errc::not_found) {
    return error;
  }
  if (fetch_entry(session, path, wait)) {
    return with_code(std::move(error), Errc::already_exists);
  }
  // ProFTPD makes no link to a name that does not exist.
  const auto resolved = link_target(target, path);
  const auto pointee = resolved ? fetch_entry(session, *resolved, wait) : Result<Entry>(error);
  if (!pointee && pointee.error().code == Errc::not_found) {
    return with_code(std::move(error), Errc::unsupported);
  }
  return settle_creation(session, path, std::move(error), wait);
}

Error settle_remove_file(session::Session& session, const RemotePath& path, Error error,
                         const Wait& wait) {
  const bool is_vague =
      is_ambiguous(error) || error.code == Errc::invalid_argument;  // Pure-FTPd, of a directory
  return is_vague ? settle_read(session, path, std::move(error), wait) : error;
}

Error settle_remove_directory(session::Session& session, const RemotePath& path, Error error,
                              const Wait& wait) {
  if (!is_ambiguous(error)) {
    return error;
  }
  const auto entry = fetch_entry(session, path, wait);
  if (!entry) {
    return after_failed_look(std::move(error), entry.error());
  }
  if (entry->type != FileType::directory) {
    return with_code(std::move(error), Errc::not_directory);
  }
  return settle_not_empty(session, path, std::move(error), Errc::access_denied, wait);
}

Error settle_rename(session::Session& session, const RemotePath& from, const RemotePath& to,
                    bool begun, Error error, const Wait& wait) {
  if (!begun) {
    return is_ambiguous(error) ? settle_read(session, from, std::move(error), wait) : error;
  }
  // What stands at the target decides, and servers' words speak of either name.
  const bool is_vague = is_ambiguous(error) || error.code == Errc::not_permitted ||
                        error.code == Errc::access_denied || error.code == Errc::already_exists;
  if (!is_vague) {
    return error;
  }
  const auto source = fetch_entry(session, from, wait);
  if (!source) {
    return after_failed_look(std::move(error), source.error());
  }
  const auto target = fetch_entry(session, to, wait);
  if (!target) {
    if (target.error().code == Errc::not_found) {
      return settle_parent(session, to.parent(), std::move(error), wait);
    }
    return after_failed_look(std::move(error), target.error());
  }
  const bool moves_directory = source->type == FileType::directory;
  if (target->type == FileType::directory) {
    return moves_directory
               ? settle_not_empty(session, to, std::move(error), Errc::access_denied, wait)
               : with_code(std::move(error), Errc::is_directory);
  }
  return with_code(std::move(error), moves_directory ? Errc::not_directory : Errc::already_exists);
}

Error settle_change(session::Session& session, const RemotePath& path, Error error, Errc otherwise,
                    const Wait& wait) {
  const auto entry = fetch_entry(session, path, wait);
  if (!entry) {
    return after_failed_look(std::move(error), entry.error());
  }
  return with_code(std::move(error), otherwise);
}

}  // namespace ftpsfs::remote
