// SPDX-License-Identifier: MIT
//
// A socket that listens for one connection: the data connection of active mode, which the server
// dials. Belongs to one thread.
#pragma once

#include <optional>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/unique_fd.hpp"
#include "ftpsfs/net/route.hpp"
#include "ftpsfs/net/socket.hpp"

namespace ftpsfs::net {

/// Our own end of a connection.
SocketAddress local_address(int fd);

class Listener {
 public:
  /// Listens at the place that is asked for, else at our own end of `control`.
  /// @errors invalid_argument: no such interface, or it has no address of this family; busy: no
  /// port of the range is free; io_error.
  static Result<Listener> open(const ListenPlace& place, int control);

  /// What the server shall dial.
  const SocketAddress& address() const noexcept { return address_; }
  int fd() const noexcept { return fd_.get(); }

  /// Takes a connection that has come from `peer`'s host; one from elsewhere is closed.
  /// @return nullopt when none is there, or not the right one: poll(2) tells of the next.
  /// @errors io_error.
  Result<std::optional<Socket>> try_accept(const SocketAddress& peer);

 private:
  Listener(UniqueFd fd, const SocketAddress& address) : fd_(std::move(fd)), address_(address) {}

  UniqueFd fd_;
  SocketAddress address_;
  bool has_warned_ = false;
};

}  // namespace ftpsfs::net
