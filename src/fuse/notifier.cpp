// SPDX-License-Identifier: MIT
#include "ftpsfs/fuse/notifier.hpp"

#include <pthread.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <optional>
#include <utility>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/fuse/libfuse.hpp"

namespace ftpsfs::fuse {
namespace {

/// The kernel copies them faster than they come; where it does not, they matter less than what
/// programs ask for.
constexpr std::size_t kMostBytesOfPages = 16ULL << 20;

constexpr std::int64_t kNoPages = -1;

/// So many inodes may be locked by requests that wait for the server before others wait as well.
constexpr std::size_t kTellers = 8;

}  // namespace

Notifier::Notifier(std::size_t most_queued) : most_queued_(most_queued) {}

Notifier::~Notifier() {
  detach();
}

void Notifier::attach(fuse_session* session) {
  detach();
  {
    const MutexLock lock(mutex_);
    session_ = session;
    tellers_ = std::make_unique<Executor>(ExecutorSettings{"ftpsfs-notify", kTellers});
  }
  pages_thread_ = std::thread([this, session] { run_pages(session); });
}

void Notifier::detach() {
  std::unique_ptr<Executor> tellers;
  std::unordered_map<fs::Ino, std::deque<Notification>> unsaid;  // ends without the mutex
  std::deque<Pages> ungiven;
  {
    const MutexLock lock(mutex_);
    session_ = nullptr;
    tellers.swap(tellers_);
    for (auto& [ino, queue] : queues_) {
      unsaid[ino].swap(queue);
    }
    queued_ = 0;
    ungiven.swap(pages_);
    pages_changed_.notify_all();
  }
  if (tellers) {
    tellers->stop();
  }
  if (pages_thread_.joinable()) {
    pages_thread_.join();
  }
}

void Notifier::invalidate_entry(fs::Ino parent, std::string name) {
  enqueue({parent, std::move(name), kNoPages});
}

void Notifier::invalidate_inode(fs::Ino ino, bool data) {
  if (data) {
    const MutexLock lock(mutex_);
    std::erase_if(pages_, [ino](const Pages& pages) { return pages.ino == ino; });
  }
  enqueue({ino, {}, data ? 0 : kNoPages});
}

void Notifier::outdate_attributes(fs::Ino ino) {
  const MutexLock lock(mutex_);  // the session stays as long
  if (session_ != nullptr) {
    send(session_, {ino, {}, kNoPages});
  }
}

void Notifier::drop_pages(fs::Ino ino, std::uint64_t offset, fs::PagesDropped then) {
  if (!enqueue({ino, {}, static_cast<std::int64_t>(offset), then})) {
    then(false);
  }
}

bool Notifier::store_pages(fs::Ino ino, std::uint64_t offset, Slices bytes, fs::AdmitPages admit) {
  std::size_t waiting = total_bytes(bytes);
  const MutexLock lock(mutex_);
  for (const Pages& each : pages_) {
    waiting += total_bytes(each.bytes);
  }
  if (session_ == nullptr || bytes.empty()) {
    return true;
  }
  if (waiting > kMostBytesOfPages) {
    return false;
  }
  pages_.push_back({ino, offset, std::move(bytes), std::move(admit)});
  pages_changed_.notify_one();
  return true;
}

/// @return false: it is not going to be said.
bool Notifier::enqueue(Notification notification) {
  const MutexLock lock(mutex_);
  if (session_ == nullptr) {
    return false;
  }
  if (queued_ >= most_queued_) {
    if (!std::exchange(overflowed_, true)) {
      log::warning("the kernel does not keep up with invalidations: some are dropped");
    }
    return false;
  }
  const fs::Ino ino = notification.ino;
  const auto [found, is_new] = queues_.try_emplace(ino);
  std::deque<Notification>& queue = found->second;
  // A chunk after chunk of one file says the same again and again.
  if (!queue.empty() && queue.back().says_the_same_as(notification)) {
    return true;
  }
  queue.push_back(std::move(notification));
  ++queued_;
  if (is_new && !tellers_->submit([this, session = session_, ino] { tell(session, ino); })) {
    log::warning("an invalidation is dropped: no thread can be started");
    --queued_;
    queues_.erase(found);
    return false;
  }
  return true;
}

void Notifier::tell(fuse_session* session, fs::Ino ino) noexcept {
  MutexLock lock(mutex_);
  for (;;) {
    const auto found = queues_.find(ino);
    if (found == queues_.end()) {
      return;
    }
    if (found->second.empty()) {
      queues_.erase(found);
      overflowed_ = overflowed_ && queued_ != 0;
      return;
    }
    std::optional<Notification> next = std::move(found->second.front());
    found->second.pop_front();
    --queued_;
    lock.unlock();
    send(session, *next);
    next.reset();  // the last to hold a file may be this
    lock.lock();
  }
}

void Notifier::run_pages(fuse_session* session) noexcept {
  ::pthread_setname_np(::pthread_self(), "ftpsfs-pages");
  MutexLock lock(mutex_);
  while (session_ != nullptr) {
    if (pages_.empty()) {
      pages_changed_.wait(mutex_, Wait::for_at_most(kNoLimit), [this]() FTPSFS_NO_ANALYSIS {
        return session_ == nullptr || !pages_.empty();
      });
      continue;
    }
    std::optional<Pages> next = std::move(pages_.front());
    pages_.pop_front();
    lock.unlock();
    send(session, *next);
    next.reset();  // the last to hold a file may be this
    lock.lock();
  }
}

void Notifier::send(fuse_session* session, const Notification& notification) {
  int result = 0;
  if (!notification.name.empty()) {
    result = fuse_lowlevel_notify_inval_entry(session, notification.ino, notification.name.c_str(),
                                              notification.name.size());
  } else {
    // A negative offset means attributes only; length 0 means up to the end.
    result = fuse_lowlevel_notify_inval_inode(session, notification.ino, notification.pages, 0);
  }
  // ENOENT: the kernel did not know it anyway. ENOTCONN and ENODEV: it has been unmounted.
  if (result != 0 && result != -ENOENT && result != -ENOTCONN && result != -ENODEV) {
    log::debug("invalidating inode {} '{}': {}", notification.ino, notification.name,
               std::strerror(-result));
  }
  if (notification.then) {
    notification.then(true);
  }
}

void Notifier::send(fuse_session* session, const Pages& pages) {
  const fs::PageTicket ticket = pages.admit();
  if (!ticket) {
    return;
  }
  std::uint64_t offset = pages.offset;
  for (const Slice& slice : pages.bytes) {
    fuse_bufvec buffer{};  // as FUSE_BUFVEC_INIT, which is no C++
    buffer.count = 1;
    buffer.buf[0].size = slice.bytes.size();
    buffer.buf[0].mem = const_cast<std::byte*>(slice.bytes.data());  // libfuse only reads it
    buffer.buf[0].fd = -1;
    const int result = fuse_lowlevel_notify_store(session, pages.ino, static_cast<off_t>(offset),
                                                  &buffer, static_cast<fuse_buf_copy_flags>(0));
    if (result != 0) {
      log::debug("pages of inode {}: {}", pages.ino, std::strerror(-result));
      return;
    }
    offset += slice.bytes.size();
  }
}

}  // namespace ftpsfs::fuse
