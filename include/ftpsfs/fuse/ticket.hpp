// SPDX-License-Identifier: MIT
//
// A request that has not been answered yet. Whoever holds the ticket owes the kernel exactly one
// reply; a ticket that is dropped (an exception, a lost task) replies EIO. Move-only, for one
// thread at a time.
#pragma once

#include <cerrno>
#include <cstdint>
#include <utility>

#include "ftpsfs/fuse/libfuse.hpp"

namespace ftpsfs::fuse {

class Ticket {
 public:
  Ticket() = default;
  explicit Ticket(fuse_req_t request) noexcept : request_(request) {}
  ~Ticket() { fail(EIO); }
  Ticket(Ticket&& other) noexcept : request_(other.take()) {}
  Ticket& operator=(Ticket&& other) noexcept {
    if (this != &other) {
      fail(EIO);
      request_ = other.take();
    }
    return *this;
  }

  explicit operator bool() const noexcept { return request_ != nullptr; }
  /// For looking at; replies go through take() or fail().
  fuse_req_t get() const noexcept { return request_; }
  /// Hands the debt to the caller, who replies right away.
  fuse_req_t take() noexcept { return std::exchange(request_, nullptr); }

  /// Replies with an errno; does nothing when answered already.
  void fail(int error) noexcept {
    if (request_ != nullptr) {
      fuse_reply_err(take(), error);
    }
  }

 private:
  fuse_req_t request_ = nullptr;
};

}  // namespace ftpsfs::fuse
