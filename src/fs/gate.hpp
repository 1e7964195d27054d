// SPDX-License-Identifier: MIT
//
// The right to change a file's content state, held across I/O: one holder at a time, and waiting
// for it can be cancelled. Not a Mutex: nobody who holds a Mutex may wait here. The holder may wait
// for a session of the pool; holders of sessions never wait for a gate, so there is no cycle.
#pragma once

#include <utility>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/base/result.hpp"

namespace ftpsfs::fs {

class Gate {
 public:
  class Pass {
   public:
    explicit Pass(Gate* gate) : gate_(gate) {}
    ~Pass() { leave(); }
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&& other) noexcept {
      if (this != &other) {
        leave();
        gate_ = std::exchange(other.gate_, nullptr);
      }
      return *this;
    }

   private:
    void leave() {
      if (gate_ != nullptr) {
        MutexLock lock(gate_->mutex_);
        gate_->taken_ = false;
        gate_->left_.notify_one();
        gate_ = nullptr;
      }
    }
    Gate* gate_;
  };

  Result<Pass> enter(const Wait& wait) {
    MutexLock lock(mutex_);
    if (!left_.wait(mutex_, wait, [&]() FTPSFS_NO_ANALYSIS { return !taken_; })) {
      // A notification may have been meant for us: pass it on.
      left_.notify_one();
      return wait.give_up("another operation on the same file");
    }
    taken_ = true;
    return Pass(this);
  }

  std::optional<Pass> try_enter() {
    MutexLock lock(mutex_);
    if (taken_) {
      return std::nullopt;
    }
    taken_ = true;
    return Pass(this);
  }

 private:
  Mutex mutex_;
  ConditionVariable left_;
  bool taken_ FTPSFS_GUARDED_BY(mutex_) = false;
};

}  // namespace ftpsfs::fs
