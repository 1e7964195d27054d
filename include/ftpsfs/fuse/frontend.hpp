// SPDX-License-Identifier: MIT
//
// libfuse's low-level callbacks ⇄ fs::Filesystem. What memory can answer is answered on the spot,
// in the receiving thread; the rest goes to workers. Every request gets exactly one reply, an id
// for the log, a deadline, and a stop token that fires when its program is interrupted.
//
// Answered now when interrupted, while the worker settles the outcome: what changes names or
// attributes, flush and fsync. Left to the worker: what reads, opens or writes.
//
// The callbacks belong to the receiving thread; refuse_new_work() to any; stop_workers() to one.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/fs/filesystem.hpp"
#include "ftpsfs/fuse/answers.hpp"
#include "ftpsfs/fuse/executor.hpp"
#include "ftpsfs/fuse/pending_requests.hpp"
#include "ftpsfs/fuse/request_buffers.hpp"
#include "ftpsfs/fuse/settings.hpp"
#include "ftpsfs/fuse/ticket.hpp"
#include "ftpsfs/fuse/wire.hpp"

namespace ftpsfs::fuse {

/// What is still accepted when the mount is ending.
enum class Admission : std::uint8_t { new_work, always };

class Frontend {
 public:
  /// Smaller writes are copied: they would pin a whole receive buffer.
  static constexpr std::size_t kSmallestKeptWrite = 64U << 10;

  Frontend(fs::Filesystem& filesystem, RequestBuffers& buffers, const ServeSettings& settings,
           std::uint32_t max_read);
  ~Frontend();  ///< stop_workers() without grace
  Frontend(const Frontend&) = delete;
  Frontend& operator=(const Frontend&) = delete;

  /// For fuse_session_new(), whose userdata must be the Frontend.
  static const fuse_lowlevel_ops& callbacks();

  /// From now on answers ENOTCONN to all but what ends something: flush, fsync, release, forget.
  void refuse_new_work() noexcept { refusing_ = true; }
  /// Interrupts what is pending and whatever still comes; replies EIO in the place of workers that
  /// have not done so within the `grace`; returns when the last worker has ended.
  void stop_workers(Duration grace);

  Wire& wire() noexcept { return wire_; }
  PendingRequests& pending() noexcept { return pending_; }
  std::size_t worker_threads() const;

 private:
  template <auto Method, Admission admission>
  friend struct Callback;

  enum class Lane : std::uint8_t { work, settle };

  // Connection (frontend.cpp).
  static void on_init(void* userdata, fuse_conn_info* connection) noexcept;
  static void on_interrupt(fuse_req_t request, void* data) noexcept;
  static void on_forget(fuse_req_t request, fuse_ino_t ino, std::uint64_t lookups) noexcept;
  static void on_forget_multi(fuse_req_t request, std::size_t count,
                              fuse_forget_data* forgets) noexcept;
  void negotiate(fuse_conn_info& connection);
  void statfs(Ticket ticket, fuse_ino_t ino);

  // Names and attributes (frontend_names.cpp).
  void lookup(Ticket ticket, fuse_ino_t parent, const char* name);
  void getattr(Ticket ticket, fuse_ino_t ino, fuse_file_info* info);
  void setattr(Ticket ticket, fuse_ino_t ino, struct stat* attributes, int to_set,
               fuse_file_info* info);
  void readlink(Ticket ticket, fuse_ino_t ino);
  void mknod(Ticket ticket, fuse_ino_t parent, const char* name, mode_t mode, dev_t device);
  void mkdir(Ticket ticket, fuse_ino_t parent, const char* name, mode_t mode);
  void unlink(Ticket ticket, fuse_ino_t parent, const char* name);
  void rmdir(Ticket ticket, fuse_ino_t parent, const char* name);
  void symlink(Ticket ticket, const char* target, fuse_ino_t parent, const char* name);
  void rename(Ticket ticket, fuse_ino_t parent, const char* name, fuse_ino_t new_parent,
              const char* new_name, unsigned flags);
  void link(Ticket ticket, fuse_ino_t ino, fuse_ino_t new_parent, const char* new_name);

  // Files (frontend_files.cpp).
  void open(Ticket ticket, fuse_ino_t ino, fuse_file_info* info);
  void create(Ticket ticket, fuse_ino_t parent, const char* name, mode_t mode,
              fuse_file_info* info);
  void read(Ticket ticket, fuse_ino_t ino, std::size_t size, off_t offset, fuse_file_info* info);
  void write(Ticket ticket, fuse_ino_t ino, fuse_bufvec* data, off_t offset, fuse_file_info* info);
  void flush(Ticket ticket, fuse_ino_t ino, fuse_file_info* info);
  void fsync(Ticket ticket, fuse_ino_t ino, int data_only, fuse_file_info* info);
  void fallocate(Ticket ticket, fuse_ino_t ino, int mode, off_t offset, off_t length,
                 fuse_file_info* info);
  void release(Ticket ticket, fuse_ino_t ino, fuse_file_info* info);
  fs::Slice own(const fuse_buf& data);

  // Directories (frontend_directories.cpp).
  void opendir(Ticket ticket, fuse_ino_t ino, fuse_file_info* info);
  void readdir(Ticket ticket, fuse_ino_t ino, std::size_t size, off_t offset, fuse_file_info* info);
  void readdirplus(Ticket ticket, fuse_ino_t ino, std::size_t size, off_t offset,
                   fuse_file_info* info);
  void releasedir(Ticket ticket, fuse_ino_t ino, fuse_file_info* info);
  void fsyncdir(Ticket ticket, fuse_ino_t ino, int data_only, fuse_file_info* info);
  void read_directory(Ticket ticket, fuse_ino_t ino, std::size_t size, off_t offset,
                      fs::HandleId handle, bool plus);

  /// Has a worker call `work(const fs::Request&) -> Result<T>` and replies with what it returns.
  template <typename Work>
  void dispatch(const char* what, Ticket ticket, OnInterrupt on_interrupt, Lane lane, Work work);
  void submit(Ticket ticket, OnInterrupt on_interrupt, Lane lane, PendingRequest::Job job);

  void run(PendingRequest& pending) noexcept;

  template <typename T>
  void reply(const char* what, Ticket ticket, const Result<T>& result) const;
  /// Replies, or undoes what nobody hears of.
  template <typename T>
  void finish(const char* what, PendingRequest& pending, const Result<T>& result) const;

  fs::Filesystem& filesystem_;
  RequestBuffers& buffers_;
  const ServeSettings settings_;
  const std::uint32_t max_read_;
  const Undo undo_;
  Wire wire_;
  std::atomic<bool> refusing_{false};
  PendingRequest::Id current_id_ = 0;  ///< of the request that the receiving thread is at
  PendingRequests pending_;
  Executor work_;
  Executor settle_;
};

// The request's id is the thread's log scope: see Callback in frontend.cpp.
template <typename T>
void Frontend::reply(const char* what, Ticket ticket, const Result<T>& result) const {
  if (!result && log::enabled(log::Level::debug)) {
    log::debug("{}: {}: {}", what, to_string(result.error().code), result.error().text);
  }
  answer(std::move(ticket), result, undo_);
}

template <typename T>
void Frontend::finish(const char* what, PendingRequest& pending, const Result<T>& result) const {
  if (Ticket claimed = pending.claim()) {
    reply(what, std::move(claimed), result);
    return;
  }
  log::debug("{}: {}, after the interrupted program had its answer", what,
             result ? "done" : to_string(result.error().code));
  if constexpr (!std::is_void_v<T>) {
    if (result) {
      undo_(*result);
    }
  }
}

template <typename Work>
void Frontend::dispatch(const char* what, Ticket ticket, OnInterrupt on_interrupt, Lane lane,
                        Work work) {
  auto job = [this, what, work = std::move(work)](PendingRequest& pending) mutable {
    finish(what, pending, work(pending.request()));
  };
  submit(std::move(ticket), on_interrupt, lane, std::move(job));
}

}  // namespace ftpsfs::fuse
