// SPDX-License-Identifier: MIT
//
// Tells the kernel what to forget and what to keep, from threads of their own: a notification takes
// the kernel's locks of an inode or of its pages, which the very request that caused it may hold
// until it is answered. So what is said of one inode keeps its order, and waits for nothing that is
// said of another. What is to be kept can wait, and holds up nothing that must be forgotten.
//
// Thread-safe. Before attach() and after detach() notifications are dropped: nothing is mounted.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/fs/kernel_cache.hpp"
#include "ftpsfs/fuse/executor.hpp"

struct fuse_session;

namespace ftpsfs::fuse {

class Notifier final : public fs::KernelCache {
 public:
  /// Beyond it, notifications are dropped; the kernel then believes what it has for as long as the
  /// timeouts say.
  static constexpr std::size_t kMostQueued = 1U << 17;

  explicit Notifier(std::size_t most_queued = kMostQueued);
  ~Notifier() override;  ///< detach()
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  /// Starts the threads. @pre the session is mounted and outlives detach().
  void attach(fuse_session* session);

  /// Drops what is queued and ends the threads. The kernel may hold it up until the requests under
  /// way in the same directory are answered: keep answering until this returns.
  void detach();

  void invalidate_entry(fs::Ino parent, std::string name) override;
  void invalidate_inode(fs::Ino ino, bool data) override;
  void outdate_attributes(fs::Ino ino) override;
  void drop_pages(fs::Ino ino, std::uint64_t offset, fs::PagesDropped then) override;
  /// Not taken where more than a few megabytes wait already; dropped when the inode is invalidated.
  bool store_pages(fs::Ino ino, std::uint64_t offset, Slices bytes, fs::AdmitPages admit) override;

 private:
  struct Notification {
    fs::Ino ino;
    std::string name;    ///< empty: the inode itself
    std::int64_t pages;  ///< from the one with this byte on; kNoPages: attributes only
    fs::PagesDropped then{};

    bool says_the_same_as(const Notification& other) const {
      return ino == other.ino && name == other.name && pages == other.pages && !then && !other.then;
    }
  };
  struct Pages {
    fs::Ino ino;
    std::uint64_t offset;
    Slices bytes;
    fs::AdmitPages admit;
  };

  bool enqueue(Notification notification);
  /// What is to be said of an inode, one after the other, until that is all.
  void tell(fuse_session* session, fs::Ino ino) noexcept;
  void run_pages(fuse_session* session) noexcept;
  static void send(fuse_session* session, const Notification& notification);
  static void send(fuse_session* session, const Pages& pages);

  const std::size_t most_queued_;
  Mutex mutex_;
  ConditionVariable pages_changed_;
  /// By inode; each is some thread's as long as it is here, even when it is empty.
  std::unordered_map<fs::Ino, std::deque<Notification>> queues_ FTPSFS_GUARDED_BY(mutex_);
  std::size_t queued_ FTPSFS_GUARDED_BY(mutex_) = 0;
  std::deque<Pages> pages_ FTPSFS_GUARDED_BY(mutex_);
  fuse_session* session_ FTPSFS_GUARDED_BY(mutex_) = nullptr;  ///< while attached
  bool overflowed_ FTPSFS_GUARDED_BY(mutex_) = false;
  std::unique_ptr<Executor> tellers_ FTPSFS_GUARDED_BY(mutex_);  ///< while attached
  std::thread pages_thread_;
};

}  // namespace ftpsfs::fuse
