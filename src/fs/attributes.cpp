// SPDX-License-Identifier: MIT
//
// Filesystem: setattr.
#include <fcntl.h>
#include <sys/stat.h>

#include "filesystem_impl.hpp"

namespace ftpsfs::fs {
namespace {

constexpr std::uint32_t kPermissions = 07777;

}  // namespace

Result<Attributes> Filesystem::Impl::set_attributes(Ino ino, const AttributeChange& change,
                                                    std::optional<HandleId> handle,
                                                    const Request& request) {
  FTPSFS_TRY(writable());
  FTPSFS_TRY(check_owner(change));
  if (change.size) {
    FTPSFS_TRY(set_size(ino, *change.size, request, handle.has_value()));
  }
  if (change.mode) {
    FTPSFS_TRY(set_mode(ino, *change.mode, request));
  }
  if (change.mtime) {
    FTPSFS_TRY(set_mtime(ino, *change.mtime, request));
  }
  return known_attributes(ino, request);  // nobody looks at the size for that
}

/// A change to what is shown already succeeds: FTP knows no owners, and tar, cp -a and rsync -a
/// set what they find.
Result<void> Filesystem::Impl::check_owner(const AttributeChange& change) const {
  if ((change.uid && *change.uid != settings_.uid) ||
      (change.gid && *change.gid != settings_.gid)) {
    return make_error(Errc::not_permitted, "FTP cannot change the owner of a file");
  }
  return {};
}

Result<void> Filesystem::Impl::set_size(Ino ino, std::uint64_t size, const Request& request,
                                        bool has_handle) {
  if (has_handle) {
    const auto file = find_open(ino);
    if (!file) {
      return make_error(Errc::stale, "the file is gone");
    }
    FTPSFS_TRY_ASSIGN(const Gate::Pass pass, file->enter_behind_others(request.wait));
    return file->truncate(size, request.wait.stop);
  }
  // truncate(2): nobody will close a handle, so the whole change happens here.
  FTPSFS_TRY_ASSIGN(const OpenReply opened, open(ino, O_WRONLY, request));
  const auto handle = find_handle(opened.handle);
  Result<void> done = make_error(Errc::stale, "the file is gone");
  if (auto pass = handle->file->enter_behind_others(request.wait)) {
    done = handle->file->truncate(size, request.wait.stop);
    if (done) {
      done = handle->file->publish(request.wait.stop, handle->failures_before);
    }
  } else {
    done = std::move(pass).error();
  }
  if (!done) {
    note_failure(*handle->file, done.error(), is_heard(request));
  }
  release(opened.handle, request);
  return done;
}

template <typename Change>
void Filesystem::Impl::update_cached(Ino ino, Change change) {
  const auto location = inodes_.locate(ino);
  if (!location || ino == kRootIno) {
    return;
  }
  auto cached = cache_.find(location->parent, location->name);
  if (cached && cached->entry) {
    change(*cached->entry);
    cache_.note_created(location->parent, *std::move(cached->entry));
  } else {
    cache_.invalidate_entry(location->parent, location->name);
  }
}

Result<void> Filesystem::Impl::set_mode(Ino ino, std::uint32_t mode, const Request& request) {
  const auto bits = static_cast<std::uint16_t>(mode & kPermissions);
  FTPSFS_TRY_ASSIGN(const Attributes now, known_attributes(ino, request));
  if ((now.mode & kPermissions) == bits) {
    return {};
  }
  const auto file = find_open(ino);
  if (file && file->owes_upload() && !services_.remote.traits().can_set_mode) {
    return make_error(Errc::unsupported, "the server cannot change modes");  // not now, nor later
  }
  if (file && file->defer_mode(bits)) {
    return {};
  }
  FTPSFS_TRY_ASSIGN(const remote::RemotePath path, tree_.path(ino));
  FTPSFS_TRY(services_.remote.set_mode(path, bits, request.wait));
  update_cached(ino, [&](remote::Entry& entry) { entry.mode = bits; });
  if (file) {
    file->note_mode(bits);
  }
  return {};
}

Result<void> Filesystem::Impl::set_mtime(Ino ino, const AttributeChange::Time& time,
                                         const Request& request) {
  const auto file = find_open(ino);
  if (file && !time.now && file->owes_upload() && !services_.remote.traits().can_set_mtime) {
    return make_error(Errc::unsupported, "the server cannot set times");  // not now, nor later
  }
  // Bytes that are yet to arrive get the server's present time by themselves.
  if (file &&
      file->defer_mtime(time.now ? std::nullopt : std::optional<std::int64_t>(time.unix_seconds))) {
    return {};
  }
  const std::int64_t wanted = time.now ? services_.wall_seconds() : time.unix_seconds;
  FTPSFS_TRY_ASSIGN(const Attributes now, known_attributes(ino, request));
  if (now.mtime_seconds == wanted) {
    return {};
  }
  FTPSFS_TRY_ASSIGN(const remote::RemotePath path, tree_.path(ino));
  if (auto set = services_.remote.set_mtime(path, wanted, request.wait); !set) {
    // Several servers set the times of files only. For a directory the time is then kept here,
    // while it is cached: tar x, cp -a and rsync -a would call it a failure otherwise.
    if (!S_ISDIR(now.mode) || set.error().code != Errc::unsupported) {
      return set;
    }
  }
  const remote::FileTime set{wanted, remote::TimeGrain::second};
  update_cached(ino, [&](remote::Entry& entry) { entry.mtime = set; });
  services_.sizes.retime(ino, set);
  if (file) {
    file->note_mtime(wanted);
  }
  // The pages stay good: only the time has changed, by our own hand.
  const MutexLock lock(mutex_);
  if (const auto paged = paged_versions_.find(ino); paged != paged_versions_.end()) {
    paged->second.version.mtime = remote::FileTime{wanted, remote::TimeGrain::second};
  }
  return {};
}

}  // namespace ftpsfs::fs
