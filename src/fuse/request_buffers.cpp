// SPDX-License-Identifier: MIT
#include "ftpsfs/fuse/request_buffers.hpp"

#include <utility>

namespace ftpsfs::fuse {
namespace {

fuse_buf no_buffer() {
  fuse_buf buffer{};
  buffer.fd = -1;
  return buffer;
}

}  // namespace

RequestBuffers::RequestBuffers() : pool_(std::make_shared<Pool>()), current_(no_buffer()) {
  const MutexLock lock(pool_->mutex);
  pool_->free.reserve(kMostFree);  // so that giving back cannot throw
}

RequestBuffers::~RequestBuffers() {
  if (keeper_ == nullptr) {
    std::free(current_.mem);
  }
}

std::shared_ptr<const void> RequestBuffers::keep_current() {
  if (keeper_ != nullptr) {
    return keeper_;
  }
  {
    const MutexLock lock(pool_->mutex);
    if (pool_->kept >= kMostKept) {
      return nullptr;
    }
    ++pool_->kept;
  }
  keeper_ = std::shared_ptr<const void>(current_.mem, [pool = pool_](const void* memory) {
    pool->give_back(const_cast<void*>(memory));
  });
  return keeper_;
}

void RequestBuffers::next() {
  if (keeper_ != nullptr) {
    keeper_ = nullptr;
    current_ = no_buffer();
    const MutexLock lock(pool_->mutex);
    if (!pool_->free.empty()) {
      current_.mem = pool_->free.back().release();
      pool_->free.pop_back();
    }
  } else if (first_) {
    // The first request is INIT, and newer versions of libfuse want buffers of the size that is
    // agreed on there.
    std::free(current_.mem);
    current_ = no_buffer();
  }
  first_ = false;
}

void RequestBuffers::Pool::give_back(void* memory) noexcept {
  Memory owned(memory);
  const MutexLock lock(mutex);
  --kept;
  if (free.size() < kMostFree) {
    free.push_back(std::move(owned));
  }
}

RequestBuffers::Counters RequestBuffers::counters() const {
  const MutexLock lock(pool_->mutex);
  return {pool_->kept, pool_->free.size()};
}

}  // namespace ftpsfs::fuse
