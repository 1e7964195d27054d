// SPDX-License-Identifier: MIT
//
// Writing and the change of states. Reading is in reading.cpp, local copies are in local_copy.cpp,
// what makes content visible is in publish.cpp.
#include "open_file.hpp"

#include <fcntl.h>
#include <linux/falloc.h>

#include <utility>

namespace ftpsfs::fs {
namespace {

/// Who holds the gate has deadlines of its own, for each step of what may be a long way: a large
/// file on a slow link is fetched for hours. This only keeps the wait from being unbounded.
constexpr std::chrono::hours kLongestWork{24};

}  // namespace

bool FileHandle::writable() const {
  return (flags & O_ACCMODE) != O_RDONLY;
}

bool FileHandle::publishes() const {
  return writable() || created || (flags & O_TRUNC) != 0;
}

OpenFile::OpenFile(Services& services, Ino ino, bool behind_link)
    : services_(services), ino_(ino), behind_link_(behind_link) {}

OpenFile::OpenFile(Services& services, Ino ino, const remote::Entry& entry)
    : OpenFile(services, ino, entry.followed) {
  const MutexLock lock(mutex_);
  version_ = remote::version_of(entry);
  given_ = GivenContent(version_, false);
  version_seen_ = services.clock.now();
  mode_ = entry.mode;
  on_server_ = true;
}

std::shared_ptr<OpenFile> OpenFile::make_new(Services& services, Ino ino, std::uint16_t mode) {
  std::shared_ptr<OpenFile> file(new OpenFile(services, ino, false));
  file->begin_replacement();
  const MutexLock lock(file->mutex_);
  file->gives_pages_ = false;
  file->mode_ = mode;
  file->mode_owed_ = true;
  return file;
}

Result<Gate::Pass> OpenFile::enter_behind_others(const Wait& wait) {
  return gate_.enter(Wait::for_at_most(kLongestWork, wait.stop));
}

Result<OpenFile::Turn> OpenFile::await_turn(const Wait& wait) {
  const auto left = wait.deadline - SteadyClock::now();
  FTPSFS_TRY_ASSIGN(Gate::Pass pass, enter_behind_others(wait));
  return Turn{std::move(pass), Wait{SteadyClock::now() + left, wait.stop}};
}

transfer::PathProvider OpenFile::own_path() const {
  return [&services = services_, ino = ino_] {
    return services.inodes.path(ino, services.settings.root);
  };
}

transfer::PathProvider OpenFile::sibling_path(std::string name) const {
  return
      [&services = services_, ino = ino_, name = std::move(name)]() -> Result<remote::RemotePath> {
        FTPSFS_TRY_ASSIGN(const Location location, services.inodes.locate(ino));
        FTPSFS_TRY_ASSIGN(const remote::RemotePath parent,
                          services.inodes.path(location.parent, services.settings.root));
        return parent.child(name);
      };
}

transfer::PathProvider OpenFile::target_path(const std::string& temporary) const {
  return temporary.empty() ? own_path() : sibling_path(temporary);
}

OpenFile::Content OpenFile::content() const {
  const MutexLock lock(mutex_);
  return content_;
}

bool OpenFile::is_version_recent() const {
  constexpr std::chrono::milliseconds kTrust{1000};
  return services_.clock.now() - version_seen_ < kTrust;
}

std::optional<std::uint64_t> OpenFile::size_locked() const {
  if (const auto* streaming = std::get_if<Streaming>(&content_)) {
    return streaming->end();
  }
  if (const auto* staged = std::get_if<Staged>(&content_)) {
    return is_copy_behind() ? version_.size : staged->copy->size();
  }
  return version_.size;
}

bool OpenFile::owes_locked() const {
  if (orphan_) {
    return false;
  }
  if (const auto* staged = std::get_if<Staged>(&content_)) {
    return staged->dirty;
  }
  return std::holds_alternative<Streaming>(content_);
}

void OpenFile::note_written() {
  services_.files_ahead.drop(ino_);
  services_.sizes.forget(ino_);
  written_ = true;
  told_ = false;
  mtime_owed_.reset();
  changed_at_ = services_.wall_seconds();
}

// Writing.

std::optional<Result<void>> OpenFile::try_write(FileHandle& handle, WritePlace place,
                                                const Slice& data) {
  const auto pass = gate_.try_enter();
  if (!pass) {
    return std::nullopt;
  }
  const MutexLock lock(mutex_);
  const auto* streaming = std::get_if<Streaming>(&content_);
  if (streaming == nullptr || orphan_ || (!place.append && place.offset != streaming->end())) {
    return std::nullopt;
  }
  auto taken = streaming->stream->try_write(data);
  if (taken && !*taken && streaming->stream->is_stuck()) {
    return std::nullopt;
  }
  if (taken && *taken) {
    handle.appended = handle.appended || place.append;
    note_written();
  }
  return taken;
}

Result<void> OpenFile::write(FileHandle& handle, WritePlace place, const Slice& data,
                             const Request& request) {
  FTPSFS_TRY_ASSIGN(const Turn turn, await_turn(request.wait));
  FTPSFS_TRY(write_to(handle, place, data, Request{request.pid, turn.wait}));
  handle.appended = handle.appended || place.append;
  const MutexLock lock(mutex_);
  note_written();
  return {};
}

Result<void> OpenFile::write_to(const FileHandle& handle, WritePlace place, const Slice& data,
                                const Request& request) {
  for (;;) {
    const Content now = content();
    if (std::holds_alternative<Staged>(now)) {
      FTPSFS_TRY_ASSIGN(const bool is_valid, is_copy_valid(place, request.wait));
      if (!is_valid) {
        continue;
      }
      FTPSFS_TRY_ASSIGN(const bool is_done, try_change([&](transfer::StagedFile& copy) {
                          return copy.write(place.append ? copy.size() : place.offset, data.bytes);
                        }));
      if (!is_done) {
        continue;
      }
      return {};
    }
    if (const auto* streaming = std::get_if<Streaming>(&now)) {
      if (place.append || place.offset == streaming->end()) {
        auto written = streaming->stream->write(data, request.wait);
        if (written || !streaming->stream->is_stuck()) {
          return written;
        }
        FTPSFS_TRY(leave_stuck(*streaming, request.wait.stop));
        continue;
      }
      FTPSFS_TRY(stage(request.wait.stop));
      continue;
    }
    std::optional<std::uint64_t> size;
    bool orphan = false;
    {
      const MutexLock lock(mutex_);
      if (verdict_ && failures_ > handle.failures_before) {
        return *verdict_;  // bytes of this file were lost before: no later ones may follow them
      }
      size = version_.size;
      orphan = orphan_;
    }
    // A size that is not told is not zero: only what says so itself may then go to the end.
    if (!orphan && (place.append || place.offset == size)) {
      FTPSFS_TRY(begin_append(place, size, request.wait));
    } else {
      FTPSFS_TRY(stage(request.wait.stop));
    }
  }
}

Result<void> OpenFile::begin_append(WritePlace place, std::optional<std::uint64_t> size,
                                    const Wait& wait) {
  bool recent = false;
  {
    const MutexLock lock(mutex_);
    recent = version_.size && is_version_recent();
  }
  std::optional<std::uint64_t> base = size;
  if (!recent) {
    FTPSFS_TRY_ASSIGN(const remote::RemotePath path, own_path()());
    FTPSFS_TRY_ASSIGN(const remote::FileVersion version, services_.remote.version(path, wait));
    base = version.size ? version.size : size;
    if (base != size && !place.append) {
      services_.kernel.invalidate_inode(ino_, true);
      return make_error(Errc::stale, "the file's size changed on the server while it was open");
    }
  }
  if (!services_.remote.traits().appends) {
    return begin_append_elsewhere(base == 0, base != size, wait.stop);
  }
  const MutexLock lock(mutex_);
  Streaming appending = make_stream(remote::WriteMode::append, base, {});
  if (const auto measured = services_.sizes.find(ino_, version_); measured && !base) {
    appending.measured_base = measured->bytes;
  }
  content_ = std::move(appending);
  ++epoch_;
  return {};
}

Result<void> OpenFile::begin_append_elsewhere(bool is_empty, bool has_grown,
                                              const std::stop_token& stop) {
  if (!is_empty && !has_grown) {
    return stage(stop);
  }
  std::shared_ptr<transfer::StagedFile> copy;
  if (!is_empty) {
    FTPSFS_TRY_ASSIGN(copy, fetch_copy(own_path(), false, stop));
  }
  const MutexLock lock(mutex_);
  if (is_empty) {
    content_ = make_stream(remote::WriteMode::replace, 0, temporary_for(on_server_));
  } else {
    content_ = Staged{std::move(copy), false, false};
  }
  ++epoch_;
  return {};
}

bool OpenFile::is_padded() const {
  const auto path = own_path()();
  return path && !services_.remote.takes_any_name_beside(*path);
}

std::string OpenFile::temporary_for(bool on_server) const {
  if (services_.remote.traits().writes_back || is_padded()) {
    return {};  // what was there is replaced whole in any case; or nothing else may stand there
  }
  const UploadMode mode = services_.settings.upload_mode;
  const bool hides =
      !behind_link_ && (mode == UploadMode::atomic || (mode == UploadMode::automatic && on_server));
  return hides ? services_.hidden_names.upload() : std::string();
}

OpenFile::Streaming OpenFile::make_stream(remote::WriteMode mode, std::optional<std::uint64_t> base,
                                          std::string temporary) {
  transfer::Limits limits = services_.limits;
  limits.parks = !is_padded();
  auto stream = std::make_shared<transfer::WriteStream>(services_.remote, target_path(temporary),
                                                        mode, base, services_.budget, limits);
  return Streaming{std::move(stream), mode, base, std::move(temporary)};
}

void OpenFile::begin_replacement() {
  const Content before = content();
  if (const auto* streaming = std::get_if<Streaming>(&before)) {
    // It must not write to a name that is about to be removed, or begin to now.
    streaming->stream->abandon();
  }
  bool on_server = false;
  {
    const MutexLock lock(mutex_);
    on_server = on_server_;
    if (const auto* streaming = std::get_if<Streaming>(&before)) {
      // A stream to the file's own name has made or changed that file, or may have.
      on_server = on_server || (streaming->temporary.empty() && streaming->stream->started());
    }
  }
  Streaming fresh = make_stream(remote::WriteMode::replace, 0, temporary_for(on_server));
  {
    const MutexLock lock(mutex_);
    on_server_ = on_server;
    content_ = std::move(fresh);
    forget_verdict();
    ++epoch_;
    note_written();
    written_ = false;  // a shell's redirect flushes before its first byte
  }
  if (const auto* streaming = std::get_if<Streaming>(&before)) {
    if (!streaming->temporary.empty() && streaming->stream->started()) {
      remove_temporary(streaming->temporary, services_.own_wait());
    }
  }
}

Result<void> OpenFile::truncate(std::uint64_t size, const std::stop_token& stop) {
  if (size != 0 || is_orphan()) {
    FTPSFS_TRY(is_copy_valid({size}, services_.own_wait(stop)));
    return resize_copy(size, stop);
  }
  {
    const MutexLock lock(mutex_);
    if (size_locked() == 0) {
      return {};
    }
  }
  begin_replacement();
  const MutexLock lock(mutex_);
  note_written();
  return {};
}

Result<void> OpenFile::resize_copy(std::uint64_t size, const std::stop_token& stop) {
  {
    const MutexLock lock(mutex_);
    if (size == size_locked()) {
      return {};
    }
  }
  FTPSFS_TRY(change_copy({size}, stop, [size](auto& copy) { return copy.truncate(size); }));
  const MutexLock lock(mutex_);
  note_written();
  return {};
}

Result<void> OpenFile::allocate(int mode, transfer::Range range, const std::stop_token& stop) {
  const bool keeps_size = (mode & FALLOC_FL_KEEP_SIZE) != 0;
  const int what = mode & ~FALLOC_FL_KEEP_SIZE;
  if (what != 0 && what != FALLOC_FL_ZERO_RANGE && (what != FALLOC_FL_PUNCH_HOLE || !keeps_size)) {
    return make_error(Errc::unsupported, "this kind of fallocate is not offered");
  }
  FTPSFS_TRY(is_copy_valid({range.begin}, services_.own_wait(stop)));
  std::optional<std::uint64_t> size;
  {
    const MutexLock lock(mutex_);
    size = size_locked();
  }
  if (!size) {  // the server does not tell: the copy does
    FTPSFS_TRY_ASSIGN(const auto copy, staged_copy(stop));
    size = copy->size();
  }
  const bool grows = !keeps_size && range.end > *size;
  if (what == 0 && !grows) {
    return {};  // FTP reserves nothing
  }
  if (grows) {
    FTPSFS_TRY(resize_copy(range.end, stop));
  }
  if (what == 0) {
    return {};
  }
  FTPSFS_TRY(change_copy({range.begin}, stop, [range](auto& copy) { return copy.punch(range); }));
  const MutexLock lock(mutex_);
  note_written();
  return {};
}

}  // namespace ftpsfs::fs
