// SPDX-License-Identifier: MIT
//
// The memory that requests are received in. A WRITE may keep the buffer that holds its bytes, so
// that they travel from /dev/fuse to the network without a copy of ours; the loop then goes on with
// another one. Kept buffers come back from any thread, even after this object is gone.
//
// current(), keep_current() and next() belong to the receiving thread.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <vector>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/fuse/libfuse.hpp"

namespace ftpsfs::fuse {

class RequestBuffers {
 public:
  /// 1 MiB each: what may be pinned by writes, and what lies ready for the next ones.
  static constexpr std::size_t kMostKept = 16;
  static constexpr std::size_t kMostFree = 4;

  RequestBuffers();
  ~RequestBuffers();
  RequestBuffers(const RequestBuffers&) = delete;
  RequestBuffers& operator=(const RequestBuffers&) = delete;

  /// For fuse_session_receive_buf(), which allocates the memory when there is none.
  fuse_buf& current() noexcept { return current_; }

  /// Makes the current request's bytes outlive its processing.
  /// @return their owner; null when too many buffers are kept already (copy, then).
  std::shared_ptr<const void> keep_current();

  /// Call after each processed request.
  void next();

  struct Counters {
    std::size_t kept = 0;
    std::size_t free = 0;
  };
  Counters counters() const;

 private:
  struct Free {
    void operator()(void* memory) const noexcept { std::free(memory); }
  };
  using Memory = std::unique_ptr<void, Free>;
  struct Pool {
    mutable Mutex mutex;
    std::vector<Memory> free FTPSFS_GUARDED_BY(mutex);
    std::size_t kept FTPSFS_GUARDED_BY(mutex) = 0;
    void give_back(void* memory) noexcept;
  };

  std::shared_ptr<Pool> pool_;
  fuse_buf current_;
  std::shared_ptr<const void> keeper_;  ///< set while the current request's bytes are kept
  bool first_ = true;
};

}  // namespace ftpsfs::fuse
