// SPDX-License-Identifier: MIT
#include "ftpsfs/fuse/answers.hpp"

#include <sys/uio.h>

#include <algorithm>
#include <vector>

namespace ftpsfs::fuse {
namespace {

constexpr std::size_t kBlock = 4096;     // of statfs
constexpr std::size_t kStatBlock = 512;  // of st_blocks, by definition
/// The kernel takes 1024 parts (UIO_MAXIOV), one of which is the reply's header.
constexpr std::size_t kMostParts = 1000;

double to_seconds(std::chrono::milliseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

fuse_file_info to_file_info(fs::HandleId handle) {
  fuse_file_info info{};
  info.fh = handle;
  return info;
}

fuse_file_info to_file_info(const fs::OpenReply& open) {
  fuse_file_info info = to_file_info(open.handle);
  info.keep_cache = open.keep_cache ? 1 : 0;
  info.direct_io = open.direct_io ? 1 : 0;
  return info;
}

iovec to_iovec(const fs::Slice& slice) {
  // writev() does not write into what it is given; its type is older than const.
  return {const_cast<std::byte*>(slice.bytes.data()), slice.bytes.size()};
}

std::vector<std::byte> joined(const fs::Slices& slices) {
  std::vector<std::byte> bytes;
  for (const fs::Slice& slice : slices) {
    bytes.insert(bytes.end(), slice.bytes.begin(), slice.bytes.end());
  }
  return bytes;
}

}  // namespace

struct stat to_stat(const fs::Attributes& attributes) {
  struct stat out {};
  out.st_ino = attributes.ino;
  out.st_mode = attributes.mode;
  out.st_nlink = attributes.nlink;
  out.st_uid = attributes.uid;
  out.st_gid = attributes.gid;
  out.st_size = static_cast<off_t>(attributes.size);
  out.st_blocks = static_cast<blkcnt_t>(attributes.size / kStatBlock +
                                        (attributes.size % kStatBlock != 0 ? 1 : 0));
  out.st_mtim.tv_sec = attributes.mtime_seconds;
  out.st_atim = out.st_mtim;
  out.st_ctim = out.st_mtim;
  return out;
}

fuse_entry_param to_entry_param(const fs::EntryReply& entry) {
  fuse_entry_param out{};
  out.ino = entry.attributes.ino;
  out.attr = to_stat(entry.attributes);
  out.attr_timeout = to_seconds(entry.attributes.valid_for);
  out.entry_timeout = to_seconds(entry.valid_for);
  return out;
}

int send(fuse_req_t request, const Done&) {
  return fuse_reply_err(request, 0);
}

int send(fuse_req_t request, const fs::EntryReply& entry) {
  // Inode 0 with a time is a name that may be believed absent for that long.
  if (entry.attributes.ino == fs::kNoIno && entry.valid_for.count() <= 0) {
    return fuse_reply_err(request, ENOENT);
  }
  const fuse_entry_param param = to_entry_param(entry);
  return fuse_reply_entry(request, &param);
}

int send(fuse_req_t request, const fs::Attributes& attributes) {
  const struct stat out = to_stat(attributes);
  return fuse_reply_attr(request, &out, to_seconds(attributes.valid_for));
}

int send(fuse_req_t request, const LinkTarget& target) {
  return fuse_reply_readlink(request, target.path.c_str());
}

int send(fuse_req_t request, const Opened& opened) {
  fuse_file_info info = to_file_info(opened.open);
  info.noflush = opened.needs_flush ? 0 : 1;
  return fuse_reply_open(request, &info);
}

int send(fuse_req_t request, const fs::CreateReply& created) {
  const fuse_entry_param param = to_entry_param(created.entry);
  const fuse_file_info info = to_file_info(created.open);
  return fuse_reply_create(request, &param, &info);
}

int send(fuse_req_t request, const fs::Slices& slices) {
  if (slices.size() > kMostParts) {
    const auto bytes = joined(slices);
    return fuse_reply_buf(request, reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  std::vector<iovec> parts(slices.size());
  std::transform(slices.begin(), slices.end(), parts.begin(), to_iovec);
  return fuse_reply_iov(request, parts.data(), static_cast<int>(parts.size()));
}

int send(fuse_req_t request, const Written& written) {
  return fuse_reply_write(request, written.bytes);
}

int send(fuse_req_t request, const DirectoryHandle& handle) {
  const fuse_file_info info = to_file_info(handle.id);
  return fuse_reply_open(request, &info);
}

int send(fuse_req_t request, const DirectoryPage& page) {
  return fuse_reply_buf(request, page.data(), page.size());
}

int send(fuse_req_t request, const fs::FilesystemSpace& space) {
  struct statvfs out {};
  out.f_bsize = kBlock;
  out.f_frsize = kBlock;
  out.f_blocks = space.total_bytes / kBlock;
  out.f_bfree = std::min(space.free_bytes, space.total_bytes) / kBlock;
  out.f_bavail = out.f_bfree;
  out.f_namemax = 255;
  return fuse_reply_statfs(request, &out);
}

void Undo::operator()(const fs::EntryReply& entry) const {
  if (entry.attributes.ino != fs::kNoIno) {
    filesystem_.forget(entry.attributes.ino, 1);
  }
}

void Undo::operator()(const Opened& opened) const {
  filesystem_.release(opened.open.handle, {0, Wait::for_at_most(release_timeout_)});
}

void Undo::operator()(const fs::CreateReply& created) const {
  (*this)(Opened{created.open});
  (*this)(created.entry);
}

void Undo::operator()(const DirectoryHandle& handle) const {
  filesystem_.release_directory(handle.id);
}

void Undo::operator()(const DirectoryPage& page) const {
  for (const fs::Ino ino : page.counted()) {
    filesystem_.forget(ino, 1);
  }
}

}  // namespace ftpsfs::fuse
