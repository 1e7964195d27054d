// SPDX-License-Identifier: MIT
//
// A data connection made ahead of need: the server has opened a port for us (EPSV), and we are
// connected to it, or about to be. Whoever wants to transfer saves two round trips.
// A value, owned by one session. The slot bounds how many such connections a mount holds: partners
// open few passive ports.
#pragma once

#include <atomic>
#include <optional>
#include <utility>

#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/net/socket.hpp"

namespace ftpsfs::session {

/// The warm data connections of a mount, counted. Thread-safe.
class WarmSlots {
 public:
  explicit WarmSlots(unsigned most) : most_(most) {}

  class Slot {
   public:
    Slot() = default;
    ~Slot() { give_back(); }
    Slot(Slot&& other) noexcept : slots_(std::exchange(other.slots_, nullptr)) {}
    Slot& operator=(Slot&& other) noexcept {
      if (this != &other) {
        give_back();
        slots_ = std::exchange(other.slots_, nullptr);
      }
      return *this;
    }
    explicit operator bool() const noexcept { return slots_ != nullptr; }

   private:
    friend class WarmSlots;
    explicit Slot(WarmSlots* slots) : slots_(slots) {}
    void give_back() noexcept {
      if (slots_ != nullptr) {
        --std::exchange(slots_, nullptr)->taken_;
      }
    }
    WarmSlots* slots_ = nullptr;
  };

  /// Empty when all are taken.
  Slot try_take() {
    if (taken_.fetch_add(1) < most_) {
      return Slot(this);
    }
    --taken_;
    return Slot();
  }

 private:
  const unsigned most_;
  std::atomic<unsigned> taken_{0};
};

struct DataPort {
  enum class State : unsigned char {
    none,
    asked,  ///< the reply to EPSV is owed
    ready,  ///< `socket` is connected, or connecting
  };
  State state = State::none;
  bool extended = true;  ///< asked for by EPSV; else by PASV
  net::Socket socket;
  SteadyTime since;
  WarmSlots::Slot slot;

  void clear() { *this = DataPort(); }
};

}  // namespace ftpsfs::session
