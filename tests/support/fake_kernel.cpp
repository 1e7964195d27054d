// SPDX-License-Identifier: MIT
#include "support/fake_kernel.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/fuse/libfuse.hpp"

namespace ftpsfs::test {
namespace {

/// A message must fit into the socket's buffer as a whole.
constexpr int kSocketBuffer = 4 << 20;
constexpr std::size_t kLargestMessage = (1 << 20) + 8192;
/// Marks the number of an interrupt; the rest is the number of its request.
constexpr FakeKernel::Unique kInterruptBit = 1;

/// What /dev/fuse says after an unmount.
int end_of_connection(int error) {
  return error == ECONNRESET || error == EPIPE || error == ENOTCONN ? ENODEV : error;
}

ssize_t channel_read(int fd, void* buffer, std::size_t size, void*) {
  const ssize_t got = ::recv(fd, buffer, size, 0);
  if (got == 0) {
    errno = ENODEV;
    return -1;
  }
  if (got < 0) {
    errno = end_of_connection(errno);
  }
  return got;
}

ssize_t channel_writev(int fd, iovec* parts, int count, void*) {
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = static_cast<std::size_t>(count);
  for (;;) {
    const ssize_t sent = ::sendmsg(fd, &message, MSG_NOSIGNAL);
    if (sent >= 0) {
      return sent;
    }
    if (errno != EAGAIN) {
      errno = end_of_connection(errno);
      return -1;
    }
    // The receive loop made the descriptor non-blocking; the real one never makes writers wait.
    pollfd room{fd, POLLOUT, 0};
    ::poll(&room, 1, 1000);
  }
}

void grow_buffers(int fd) {
  for (const int option : {SO_SNDBUFFORCE, SO_RCVBUFFORCE, SO_SNDBUF, SO_RCVBUF}) {
    ::setsockopt(fd, SOL_SOCKET, option, &kSocketBuffer, sizeof kSocketBuffer);
  }
}

std::string zero_terminated(std::string_view text) {
  return std::string(text) + '\0';
}

std::size_t padded(std::size_t size) {
  return (size + 7) / 8 * 8;  // FUSE_DIRENT_ALIGN
}

/// Reads one fuse_dirent and moves `at` behind it.
FakeKernel::Name parse_name(const std::string& body, std::size_t& at) {
  fuse_dirent head{};
  body.copy(reinterpret_cast<char*>(&head), FUSE_NAME_OFFSET, at);
  FakeKernel::Name name;
  name.name = body.substr(at + FUSE_NAME_OFFSET, head.namelen);
  name.ino = head.ino;
  name.next = head.off;
  name.type = head.type;
  at += padded(FUSE_NAME_OFFSET + head.namelen);
  return name;
}

}  // namespace

FakeKernel::FakeKernel() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
    throw std::system_error(errno, std::generic_category(), "socketpair");
  }
  fd_.reset(fds[0]);
  channel_.reset(fds[1]);
  grow_buffers(fds[0]);
  grow_buffers(fds[1]);
}

const fuse_custom_io& FakeKernel::io() {
  static const fuse_custom_io io = [] {
    fuse_custom_io functions{};
    functions.read = &channel_read;
    functions.writev = &channel_writev;
    return functions;
  }();
  return io;
}

void FakeKernel::send_message(fuse_opcode opcode, Unique unique, std::uint64_t node,
                              std::string_view body) {
  fuse_in_header header{};
  header.len = static_cast<std::uint32_t>(sizeof header + body.size());
  header.opcode = opcode;
  header.unique = unique;
  header.nodeid = node;
  header.pid = static_cast<std::uint32_t>(pid_);
  const std::string message = std::string(as_bytes(header)).append(body);
  if (::send(fd_.get(), message.data(), message.size(), MSG_NOSIGNAL) < 0) {
    throw std::system_error(errno, std::generic_category(), "FakeKernel: send");
  }
}

FakeKernel::Unique FakeKernel::send(fuse_opcode opcode, std::uint64_t node, std::string_view body) {
  last_ += 2;  // as the kernel counts: odd numbers are interrupts
  if (opcode != FUSE_FORGET && opcode != FUSE_BATCH_FORGET) {
    unanswered_.insert(last_);
  }
  send_message(opcode, last_, node, body);
  return last_;
}

void FakeKernel::take(const std::string& message) {
  fuse_out_header header{};
  if (message.size() < sizeof header) {
    throw std::runtime_error("FakeKernel: a reply without a whole header");
  }
  message.copy(reinterpret_cast<char*>(&header), sizeof header);
  if (header.len != message.size()) {
    throw std::runtime_error("FakeKernel: a reply with a wrong length");
  }
  std::string body = message.substr(sizeof header);
  if (header.unique == 0) {
    notifications_.push_back({header.error, std::move(body)});
  } else if ((header.unique & kInterruptBit) != 0) {
    // EAGAIN to an interrupt: the request had been answered already.
  } else if (unanswered_.erase(header.unique) == 0) {
    ++surplus_;
  } else {
    replies_[header.unique] = {-header.error, std::move(body)};
  }
}

bool FakeKernel::receive_one(SteadyTime deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - SteadyClock::now());
  pollfd readable{fd_.get(), POLLIN, 0};
  if (::poll(&readable, 1, left.count() > 0 ? static_cast<int>(left.count()) : 0) <= 0) {
    return false;
  }
  std::string message(kLargestMessage, '\0');
  const ssize_t got = ::recv(fd_.get(), message.data(), message.size(), 0);
  if (got <= 0) {
    return false;
  }
  message.resize(static_cast<std::size_t>(got));
  take(message);
  return true;
}

std::optional<FakeKernel::Reply> FakeKernel::wait(Unique unique,
                                                  std::chrono::milliseconds patience) {
  const auto deadline = SteadyClock::now() + patience;
  while (replies_.count(unique) == 0) {
    if (!receive_one(deadline)) {
      return std::nullopt;
    }
  }
  return replies_.at(unique);
}

bool FakeKernel::answered(Unique unique) {
  while (receive_one(SteadyClock::now())) {
  }
  return replies_.count(unique) != 0;
}

std::optional<FakeKernel::Notification> FakeKernel::wait_for_notification(
    std::chrono::milliseconds patience) {
  const auto deadline = SteadyClock::now() + patience;
  while (notifications_.empty()) {
    if (!receive_one(deadline)) {
      return std::nullopt;
    }
  }
  Notification first = std::move(notifications_.front());
  notifications_.erase(notifications_.begin());
  return first;
}

std::size_t FakeKernel::wait_for_all(std::chrono::milliseconds patience) {
  const auto deadline = SteadyClock::now() + patience;
  while (!unanswered_.empty() && receive_one(deadline)) {
  }
  return unanswered_.size();
}

fuse_init_out FakeKernel::init() {
  fuse_init_in in{};
  in.major = FUSE_KERNEL_VERSION;
  in.minor = FUSE_KERNEL_MINOR_VERSION;
  in.max_readahead = 128 << 10;
  in.flags = FUSE_ASYNC_READ | FUSE_POSIX_LOCKS | FUSE_ATOMIC_O_TRUNC | FUSE_EXPORT_SUPPORT |
             FUSE_BIG_WRITES | FUSE_DONT_MASK | FUSE_FLOCK_LOCKS | FUSE_AUTO_INVAL_DATA |
             FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO | FUSE_ASYNC_DIO | FUSE_WRITEBACK_CACHE |
             FUSE_PARALLEL_DIROPS | FUSE_HANDLE_KILLPRIV | FUSE_POSIX_ACL | FUSE_MAX_PAGES;
  const auto reply = wait(send_with(FUSE_INIT, 0, in));
  if (!reply || reply->error != 0) {
    throw std::runtime_error("FakeKernel: INIT failed");
  }
  return reply->as<fuse_init_out>();
}

FakeKernel::Unique FakeKernel::lookup(std::uint64_t parent, std::string_view name) {
  return send(FUSE_LOOKUP, parent, zero_terminated(name));
}

void FakeKernel::forget(std::uint64_t node, std::uint64_t lookups) {
  send_with(FUSE_FORGET, node, fuse_forget_in{lookups});
}

void FakeKernel::batch_forget(const std::vector<fuse_forget_one>& forgets) {
  fuse_batch_forget_in in{};
  in.count = static_cast<std::uint32_t>(forgets.size());
  std::string items;
  for (const fuse_forget_one& one : forgets) {
    items.append(as_bytes(one));
  }
  send_with(FUSE_BATCH_FORGET, 0, in, items);
}

FakeKernel::Unique FakeKernel::getattr(std::uint64_t node) {
  return send_with(FUSE_GETATTR, node, fuse_getattr_in{});
}

FakeKernel::Unique FakeKernel::setattr(std::uint64_t node, const fuse_setattr_in& change) {
  return send_with(FUSE_SETATTR, node, change);
}

FakeKernel::Unique FakeKernel::mkdir(std::uint64_t parent, std::string_view name) {
  fuse_mkdir_in in{};
  in.mode = 0755;
  return send_with(FUSE_MKDIR, parent, in, zero_terminated(name));
}

FakeKernel::Unique FakeKernel::mknod(std::uint64_t parent, std::string_view name,
                                     std::uint32_t mode) {
  fuse_mknod_in in{};
  in.mode = mode;
  return send_with(FUSE_MKNOD, parent, in, zero_terminated(name));
}

FakeKernel::Unique FakeKernel::unlink(std::uint64_t parent, std::string_view name) {
  return send(FUSE_UNLINK, parent, zero_terminated(name));
}

FakeKernel::Unique FakeKernel::rmdir(std::uint64_t parent, std::string_view name) {
  return send(FUSE_RMDIR, parent, zero_terminated(name));
}

FakeKernel::Unique FakeKernel::symlink(std::uint64_t parent, std::string_view name,
                                       std::string_view target) {
  return send(FUSE_SYMLINK, parent, zero_terminated(name) + zero_terminated(target));
}

FakeKernel::Unique FakeKernel::rename(std::uint64_t parent, std::string_view name,
                                      std::uint64_t new_parent, std::string_view new_name,
                                      std::uint32_t flags) {
  fuse_rename2_in in{};
  in.newdir = new_parent;
  in.flags = flags;
  return send_with(FUSE_RENAME2, parent, in, zero_terminated(name) + zero_terminated(new_name));
}

FakeKernel::Unique FakeKernel::link(std::uint64_t node, std::uint64_t new_parent,
                                    std::string_view new_name) {
  return send_with(FUSE_LINK, new_parent, fuse_link_in{node}, zero_terminated(new_name));
}

FakeKernel::Unique FakeKernel::open(std::uint64_t node, std::uint32_t flags) {
  fuse_open_in in{};
  in.flags = flags;
  return send_with(FUSE_OPEN, node, in);
}

FakeKernel::Unique FakeKernel::create(std::uint64_t parent, std::string_view name,
                                      std::uint32_t flags) {
  fuse_create_in in{};
  in.flags = flags;
  in.mode = S_IFREG | 0644;
  return send_with(FUSE_CREATE, parent, in, zero_terminated(name));
}

FakeKernel::Unique FakeKernel::read(std::uint64_t node, std::uint64_t handle, std::uint64_t offset,
                                    std::uint32_t size) {
  fuse_read_in in{};
  in.fh = handle;
  in.offset = offset;
  in.size = size;
  return send_with(FUSE_READ, node, in);
}

FakeKernel::Unique FakeKernel::write(std::uint64_t node, std::uint64_t handle, std::uint64_t offset,
                                     std::string_view data) {
  fuse_write_in in{};
  in.fh = handle;
  in.offset = offset;
  in.size = static_cast<std::uint32_t>(data.size());
  return send_with(FUSE_WRITE, node, in, data);
}

FakeKernel::Unique FakeKernel::flush(std::uint64_t node, std::uint64_t handle) {
  fuse_flush_in in{};
  in.fh = handle;
  return send_with(FUSE_FLUSH, node, in);
}

FakeKernel::Unique FakeKernel::fsync(std::uint64_t node, std::uint64_t handle) {
  fuse_fsync_in in{};
  in.fh = handle;
  return send_with(FUSE_FSYNC, node, in);
}

FakeKernel::Unique FakeKernel::release(std::uint64_t node, std::uint64_t handle) {
  fuse_release_in in{};
  in.fh = handle;
  return send_with(FUSE_RELEASE, node, in);
}

FakeKernel::Unique FakeKernel::opendir(std::uint64_t node) {
  return send_with(FUSE_OPENDIR, node, fuse_open_in{});
}

FakeKernel::Unique FakeKernel::readdir(std::uint64_t node, std::uint64_t handle,
                                       std::uint64_t offset, std::uint32_t size) {
  fuse_read_in in{};
  in.fh = handle;
  in.offset = offset;
  in.size = size;
  return send_with(FUSE_READDIR, node, in);
}

FakeKernel::Unique FakeKernel::readdirplus(std::uint64_t node, std::uint64_t handle,
                                           std::uint64_t offset, std::uint32_t size) {
  fuse_read_in in{};
  in.fh = handle;
  in.offset = offset;
  in.size = size;
  return send_with(FUSE_READDIRPLUS, node, in);
}

FakeKernel::Unique FakeKernel::releasedir(std::uint64_t node, std::uint64_t handle) {
  fuse_release_in in{};
  in.fh = handle;
  return send_with(FUSE_RELEASEDIR, node, in);
}

void FakeKernel::interrupt(Unique of) {
  send_message(FUSE_INTERRUPT, of | kInterruptBit, 0, as_bytes(fuse_interrupt_in{of}));
}

std::vector<FakeKernel::Name> FakeKernel::parse_names(const std::string& body) {
  std::vector<Name> names;
  std::size_t at = 0;
  while (at + FUSE_NAME_OFFSET <= body.size()) {
    names.push_back(parse_name(body, at));
  }
  return names;
}

std::vector<FakeKernel::Name> FakeKernel::parse_names_plus(const std::string& body) {
  std::vector<Name> names;
  std::size_t at = 0;
  while (at + FUSE_NAME_OFFSET_DIRENTPLUS <= body.size()) {
    fuse_entry_out entry{};
    body.copy(reinterpret_cast<char*>(&entry), sizeof entry, at);
    at += sizeof entry;
    names.push_back(parse_name(body, at));
    names.back().entry = entry;
  }
  return names;
}

}  // namespace ftpsfs::test
