// SPDX-License-Identifier: MIT
#include "ftpsfs/fuse/notifier.hpp"

#include <pthread.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/fuse/libfuse.hpp"
#include "no_limit.hpp"

namespace ftpsfs::fuse {

Notifier::Notifier(std::size_t most_queued) : most_queued_(most_queued) {}

Notifier::~Notifier() {
  detach();
}

void Notifier::attach(fuse_session* session) {
  detach();
  {
    const MutexLock lock(mutex_);
    attached_ = true;
  }
  thread_ = std::thread([this, session] { run(session); });
}

void Notifier::detach() {
  {
    const MutexLock lock(mutex_);
    attached_ = false;
    queue_.clear();
    changed_.notify_all();
  }
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Notifier::invalidate_entry(fs::Ino parent, std::string name) {
  enqueue({parent, std::move(name), false});
}

void Notifier::invalidate_inode(fs::Ino ino, bool data) {
  enqueue({ino, {}, data});
}

void Notifier::enqueue(Notification notification) {
  const MutexLock lock(mutex_);
  if (!attached_) {
    return;
  }
  if (queue_.size() >= most_queued_) {
    if (!std::exchange(overflowed_, true)) {
      log::warning("the kernel does not keep up with invalidations: some are dropped");
    }
    return;
  }
  // A chunk after chunk of one file says the same again and again.
  if (!queue_.empty() && queue_.back() == notification) {
    return;
  }
  queue_.push_back(std::move(notification));
  changed_.notify_one();
}

void Notifier::run(fuse_session* session) noexcept {
  ::pthread_setname_np(::pthread_self(), "ftpsfs-notify");
  MutexLock lock(mutex_);
  while (attached_) {
    if (queue_.empty()) {
      overflowed_ = false;
      changed_.wait(mutex_, Wait::for_at_most(kNoLimit),
                    [this]() FTPSFS_NO_ANALYSIS { return !attached_ || !queue_.empty(); });
      continue;
    }
    const Notification next = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    send(session, next);
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
    result =
        fuse_lowlevel_notify_inval_inode(session, notification.ino, notification.data ? 0 : -1, 0);
  }
  // ENOENT: the kernel did not know it anyway. ENOTCONN and ENODEV: it has been unmounted.
  if (result != 0 && result != -ENOENT && result != -ENOTCONN && result != -ENODEV) {
    log::debug("invalidating inode {} '{}': {}", notification.ino, notification.name,
               std::strerror(-result));
  }
}

}  // namespace ftpsfs::fuse
