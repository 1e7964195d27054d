// SPDX-License-Identifier: MIT
//
// The clear stream. See stream.hpp.
#include "ftpsfs/net/stream.hpp"

#include <poll.h>

#include <array>

namespace ftpsfs::net {

SocketStream::~SocketStream() {
  if (!write_closed_ && end_ == EndOfStream::none) {
    socket_.reset();
  }
}

Result<std::optional<std::size_t>> SocketStream::try_read(std::span<std::byte> into) {
  auto got = socket_.try_read(into);
  if (got && *got == std::size_t{0}) {
    end_ = EndOfStream::plain;
  }
  return got;
}

Result<std::size_t> SocketStream::read(std::span<std::byte> into, const Wait& wait) {
  while (true) {
    FTPSFS_TRY_ASSIGN(const std::optional<std::size_t> got, try_read(into));
    if (got) {
      return *got;
    }
    FTPSFS_TRY(socket_.wait_readable(wait, "the server"));
  }
}

Result<std::size_t> SocketStream::try_write(std::span<const std::byte> bytes) {
  return socket_.try_write(bytes);
}

Result<void> SocketStream::write_all(std::span<const std::byte> bytes, const Wait& wait) {
  while (!bytes.empty()) {
    FTPSFS_TRY_ASSIGN(const std::size_t taken, socket_.try_write(bytes));
    bytes = bytes.subspan(taken);
    if (taken == 0) {
      FTPSFS_TRY(socket_.wait_writable(wait, "the server to take data"));
    }
  }
  return {};
}

Result<void> SocketStream::wait_for_progress(bool want_write, const Wait& wait) {
  WakeFd::Item item{socket_.fd(), static_cast<short>(want_write ? POLLIN | POLLOUT : POLLIN), 0};
  return socket_.wait_any({&item, 1}, wait, "the server");
}

Result<void> SocketStream::close_write(const Wait& /*wait*/) {
  write_closed_ = true;
  socket_.shutdown_write();
  return {};
}

bool SocketStream::announce_end(HalfClose how) noexcept {
  if (how == HalfClose::fin) {
    socket_.shutdown_write();
  }
  return how == HalfClose::fin;
}

Result<void> SocketStream::drain_to_end(const Wait& wait) {
  std::array<std::byte, 16384> discarded;  // NOLINT: never read
  while (true) {
    auto got = read(discarded, wait);
    if (!got) {
      if (got.error().code == Errc::closed) {
        return {};
      }
      return std::move(got).error();
    }
    if (*got == 0) {
      return {};
    }
    // A peer that never stops talking would keep read() from ever looking at the limit.
    if (wait.expired() || wait.stop.stop_requested()) {
      return wait.give_up("the end of the data connection");
    }
  }
}

}  // namespace ftpsfs::net
