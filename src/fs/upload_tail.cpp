// SPDX-License-Identifier: MIT
//
// OpenFile: mode and time of content that the server does not have yet. They travel with the last
// bytes, also to a hidden name, and follow separately where they could not.
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
  const bool is_hidden = !temporary.empty();
  remote::UploadTail tail;
  const MutexLock lock(mutex_);
  tail.mtime = mtime_owed_;
  tail.may_lead = is_hidden || !on_server_;
  // A mode that forbids writing would forbid to send again an upload that proves short.
  if (const auto mode = mode_to_send(is_hidden); mode && (*mode & S_IWUSR) != 0) {
    tail.mode = mode;
  }
  mode_sent_ = mode_sent_ || tail.mode;
  mtime_sent_ = mtime_sent_ || tail.mtime;
  return tail;
}

std::optional<std::uint16_t> OpenFile::mode_to_send(bool to_hidden_name) const {
  const remote::RemoteTraits traits = services_.remote.traits();
  const bool is_kept = to_hidden_name && on_server_ && traits.can_set_mode;
  if (!mode_owed_ && !is_kept) {
    return std::nullopt;
  }
  // What the server gives to new files says nothing of one that was there before.
  const bool is_there = on_server_ && !to_hidden_name;
  if (is_there || traits.writes_back) {  // to whom it costs nothing
    return mode_;
  }
  const std::uint16_t given = services_.new_file_mode;
  // While it is not known what mode the server gives to new files, this one must show it.
  const bool shows_it = given == 0 && !on_server_;
  return shows_it || mode_ == given ? std::nullopt : mode_;
}

/// Before the rename: nobody shall see the new content under weaker permissions.
void OpenFile::set_mode_of_part(const remote::RemotePath& part, remote::UploadTail& tail,
                                remote::FinishedUpload& end, const Wait& wait) {
  std::optional<std::uint16_t> mode;
  bool is_kept = false;
  {
    const MutexLock lock(mutex_);
    mode = mode_to_send(true);
    is_kept = !mode_owed_;
    mode_sent_ = mode_sent_ || mode;
  }
  if (!mode) {
    return;
  }
  if (!carried(tail.mode, *mode, end.mode_set)) {
    tail.mode = mode;
    end.mode_set = services_.remote.set_mode(part, *mode, Services::half_of(wait));
  }
  if (is_kept && !*end.mode_set) {
    log::info("{}: the old mode could not be kept: {}", part.str(), end.mode_set->error().text);
  }
}

/// The first new file of a mount shows what mode the server gives, so that later ones need a
/// command only when the program wants another.
void OpenFile::learn_mode(const remote::RemotePath& path, const Wait& wait) {
  const auto entry = services_.remote.stat(path, Services::half_of(wait));
  if (entry && entry->mode) {
    services_.new_file_mode = *entry->mode;
  }
}

/// What did not travel with the upload is set now. What the link's death keeps from the server
/// stays owed, for the next publishing.
void OpenFile::apply_tail(const remote::RemotePath& path, bool made_file,
                          const remote::UploadTail& tail, remote::FinishedUpload& end,
                          const Wait& wait) {
  apply_mode(path, made_file, tail, end, Services::half_of(wait));
  apply_mtime(path, tail, end, wait);
}

void OpenFile::apply_mode(const remote::RemotePath& path, bool made_file,
                          const remote::UploadTail& tail, const remote::FinishedUpload& end,
                          const Wait& wait) {
  std::uint16_t mode = 0;
  bool was_sent = false;
  {
    const MutexLock lock(mutex_);
    if (!mode_owed_ || !mode_) {
      mode_sent_ = false;
      return;
    }
    mode = *mode_;
    was_sent = mode_sent_;
  }
  // What the server gives to new files says nothing of one that was there before.
  const std::uint16_t given = made_file ? services_.new_file_mode.load() : std::uint16_t{0};
  auto set = carried(tail.mode, mode, end.mode_set);
  if (!set) {
    set = given != 0 && mode == given && !was_sent ? Result<void>()
                                                   : services_.remote.set_mode(path, mode, wait);
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
                           remote::FinishedUpload& end, const Wait& wait) {
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
    set = services_.remote.set_mtime(path, *mtime, wait);
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
