// SPDX-License-Identifier: MIT
#include "ftpsfs/fuse/wire.hpp"

#include <linux/fuse.h>
#include <unistd.h>

#include <cstring>

#include "ftpsfs/fuse/frontend.hpp"

namespace ftpsfs::fuse {
namespace {

Wire& wire_of(void* userdata) {
  return static_cast<Frontend*>(userdata)->wire();
}

/// Notifications bear no number, and may come before the reply to INIT.
bool is_init_reply(const iovec* parts, int count) {
  if (count != 2 || parts[0].iov_len != sizeof(fuse_out_header) ||
      parts[1].iov_len != sizeof(fuse_init_out)) {
    return false;
  }
  fuse_out_header header{};
  std::memcpy(&header, parts[0].iov_base, sizeof header);
  return header.unique != 0 && header.error == 0;
}

}  // namespace

const fuse_custom_io& Wire::functions() {
  static const fuse_custom_io functions = [] {
    fuse_custom_io io{};
    io.read = &Wire::read;
    io.writev = &Wire::writev;
    return io;
  }();
  return functions;
}

ssize_t Wire::read(int fd, void* buffer, size_t size, void* userdata) {
  const fuse_custom_io* const inner = wire_of(userdata).inner_;
  return inner != nullptr ? inner->read(fd, buffer, size, userdata) : ::read(fd, buffer, size);
}

ssize_t Wire::writev(int fd, iovec* parts, int count, void* userdata) {
  Wire& wire = wire_of(userdata);
  if (wire.parallel_directories_.load(std::memory_order_relaxed) && is_init_reply(parts, count)) {
    return wire.write_init_reply(fd, parts, count, userdata);
  }
  return wire.write_parts(fd, parts, count, userdata);
}

ssize_t Wire::write_init_reply(int fd, iovec* parts, int count, void* userdata) {
  parallel_directories_ = false;
  fuse_init_out reply{};
  std::memcpy(&reply, parts[1].iov_base, sizeof reply);
  reply.flags |= FUSE_PARALLEL_DIROPS;
  parts[1].iov_base = &reply;
  return write_parts(fd, parts, count, userdata);
}

ssize_t Wire::write_parts(int fd, iovec* parts, int count, void* userdata) const {
  return inner_ != nullptr ? inner_->writev(fd, parts, count, userdata)
                           : ::writev(fd, parts, count);
}

}  // namespace ftpsfs::fuse
