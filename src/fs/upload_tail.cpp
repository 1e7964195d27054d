// SPDX-License-Identifier: MIT
//
// OpenFile: mode and time of content that the server does not have yet. They travel with the last
// bytes to a name that is the file's own, and follow separately where they could not.
#include <sys/stat.h>

#include "ftpsfs/base/log.hpp"
#include "open_file.hpp"

namespace ftpsfs::fs {
namespace {

/// @return nullopt: this value did not travel, or the name was not there (a directory above may
/// have been renamed meanwhile).
template <typename Value>
std::optional<Result<void>> carried(const std::optional<Value>& sent, Value wanted,
                                    const std::optional<Result<void>>& set) {
  const bool answered = set && (*set || set->error().code != Errc::not_found);
  return sent == wanted && answered ? set : std::nullopt;
}

}  // namespace

bool OpenFile::defer_mode(std::uint16_t mode) {
  const MutexLock lock(mutex_);
  if (orphan_) {
    mode_ = mode;
    return true;
  }
  if (!owes_locked()) {
    return false;
  }
  mode_ = mode;
  mode_owed_ = true;
  return true;
}

bool OpenFile::defer_mtime(std::optional<std::int64_t> unix_seconds) {
  const MutexLock lock(mutex_);
  if (!owes_locked() && !orphan_) {
    return false;
  }
  mtime_owed_ = unix_seconds;
  return true;
}

void OpenFile::note_mtime(std::int64_t unix_seconds) {
  const MutexLock lock(mutex_);
  version_.mtime = remote::FileTime{unix_seconds, remote::TimeGrain::second};
  given().retime(*version_.mtime);
  mtime_owed_.reset();
}

void OpenFile::note_mode(std::uint16_t mode) {
  const MutexLock lock(mutex_);
  mode_ = mode;
  mode_owed_ = false;
}

remote::UploadTail OpenFile::tail_for(const std::string& temporary) {
  remote::UploadTail tail;
  if (!temporary.empty()) {
    return tail;  // it is set under the final name
  }
  const MutexLock lock(mutex_);
  tail.mtime = mtime_owed_;
  tail.may_lead = !on_server_;
  const std::uint16_t given = services_.new_file_mode;
  // While it is not known what mode the server gives to new files, this one must show it. A mode
  // that forbids writing would forbid to send again an upload that proves short.
  const bool may_travel = on_server_ || (given != 0 && mode_ != given) ||
                          services_.remote.traits().writes_back;  // then it costs nothing
  if (mode_owed_ && mode_ && may_travel && (*mode_ & S_IWUSR) != 0) {
    tail.mode = mode_;
  }
  mode_sent_ = mode_sent_ || tail.mode;
  mtime_sent_ = mtime_sent_ || tail.mtime;
  return tail;
}

/// The first new file of a mount shows what mode the server gives, so that later ones need a
/// command only when the program wants another.
void OpenFile::learn_mode(const remote::RemotePath& path) {
  const auto entry = services_.remote.stat(path, services_.own_wait());
  if (entry && entry->mode) {
    services_.new_file_mode = *entry->mode;
  }
}

/// What did not travel with the upload is set now. What the link's death keeps from the server
/// stays owed, for the next publishing.
void OpenFile::apply_tail(const remote::RemotePath& path, bool made_file,
                          const remote::UploadTail& tail, remote::FinishedUpload& end) {
  apply_mode(path, made_file, tail, end);
  apply_mtime(path, tail, end);
}

void OpenFile::apply_mode(const remote::RemotePath& path, bool made_file,
                          const remote::UploadTail& tail, const remote::FinishedUpload& end) {
  std::uint16_t mode = 0;
  bool was_sent = false;
  {
    const MutexLock lock(mutex_);
    if (!mode_owed_ || !mode_) {
      return;
    }
    mode = *mode_;
    was_sent = mode_sent_;
  }
  // What the server gives to new files says nothing of one that was there before.
  const std::uint16_t given = made_file ? services_.new_file_mode.load() : std::uint16_t{0};
  auto set = carried(tail.mode, mode, end.mode_set);
  if (!set) {
    set = given != 0 && mode == given && !was_sent
              ? Result<void>()
              : services_.remote.set_mode(path, mode, services_.own_wait());
  }
  if (!*set) {
    log::info("{}: the mode could not be set: {}", path.str(), set->error().text);
  }
  const MutexLock lock(mutex_);
  if (mode_ != mode || (!*set && is_link_failure(set->error().code))) {
    return;  // still owed; perhaps another one by now
  }
  mode_owed_ = false;
  mode_sent_ = false;
  if (!*set) {
    mode_ = given != 0 ? std::optional(given) : std::nullopt;
  }
}

void OpenFile::apply_mtime(const remote::RemotePath& path, const remote::UploadTail& tail,
                           remote::FinishedUpload& end) {
  std::optional<std::int64_t> mtime;
  {
    const MutexLock lock(mutex_);
    mtime = mtime_owed_;
    if (!mtime && !mtime_sent_) {
      return;
    }
  }
  if (!mtime) {
    mtime = services_.wall_seconds();  // somebody wanted the present time meanwhile
  }
  auto set = carried(tail.mtime, *mtime, end.mtime_set);
  if (!set) {
    set = services_.remote.set_mtime(path, *mtime, services_.own_wait());
    if (*set) {
      end.version.mtime = remote::FileTime{*mtime, remote::TimeGrain::second};
    }
  }
  if (!*set) {
    log::warning("{}: the time could not be set: {}", path.str(), set->error().text);
  }
  const MutexLock lock(mutex_);
  if (!*set && is_link_failure(set->error().code)) {
    return;
  }
  mtime_sent_ = false;
  if (mtime_owed_ == mtime) {
    mtime_owed_.reset();
  }
}

}  // namespace ftpsfs::fs
