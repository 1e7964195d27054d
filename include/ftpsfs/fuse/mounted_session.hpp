// SPDX-License-Identifier: MIT
//
// One mount from mounting to its end: the libfuse session, the receive loop, the workers, and the
// order in which they stop. What the app floor uses.
//
//   Notifier notifier;
//   fs::Filesystem filesystem(remote, settings, notifier, clock);
//   FTPSFS_TRY_ASSIGN(auto session, MountedSession::mount(filesystem, notifier, options, {}));
//   … tell the parent process that the mount stands …
//   auto end = session->serve([&](const Wait& wait) { filesystem.finish_uploads(wait); });
//
// mount() starts no thread, so that the process may still fork after it (the descriptor is
// inherited); serve() starts and joins them all. serve() is for one thread, request_stop() for any.
#pragma once

#include <functional>
#include <memory>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/fs/filesystem.hpp"
#include "ftpsfs/fuse/notifier.hpp"
#include "ftpsfs/fuse/settings.hpp"

struct fuse_custom_io;

namespace ftpsfs::fuse {

class MountedSession {
 public:
  /// Finishes uploads; bounded by `finish_timeout`, hurried by a second request_stop().
  using Finish = std::function<void(const Wait&)>;

  /// Mounts. Requests are answered from serve() on; until then, do not touch the mount point.
  /// `filesystem` and `notifier` must outlive the session.
  /// @errors invalid_argument (an option that libfuse refuses), not_found, not_directory,
  /// access_denied, io_error: one line for people, with the words of libfuse or fusermount3.
  static Result<std::unique_ptr<MountedSession>> mount(fs::Filesystem& filesystem,
                                                       Notifier& notifier,
                                                       const MountOptions& options,
                                                       const ServeSettings& settings);

  /// Speaks to whoever holds the other end of `fd` (which it takes over) in place of a kernel.
  /// `io` must outlive the session.
  static Result<std::unique_ptr<MountedSession>> attach(fs::Filesystem& filesystem,
                                                        Notifier& notifier,
                                                        const fuse_custom_io& io, int fd,
                                                        const MountOptions& options,
                                                        const ServeSettings& settings);

  /// Unmounts when that has not happened.
  ~MountedSession();
  MountedSession(const MountedSession&) = delete;
  MountedSession& operator=(const MountedSession&) = delete;

  /// Serves until someone unmounts or request_stop() is called. Then: new work is refused
  /// (ENOTCONN) → `finish` → what still waits is interrupted → workers, notifier and loop end →
  /// unmounted. Success for both kinds of end.
  /// @errors protocol_error, io_error: the dialogue with the kernel failed.
  Result<void> serve(const Finish& finish = {});

  /// Returns at once. A second call hurries an end that is under way. Not for signal handlers.
  void request_stop();

  /// For status.
  struct Counters {
    std::size_t pending_requests = 0;
    std::size_t worker_threads = 0;
  };
  Counters counters() const;

 private:
  class Impl;
  explicit MountedSession(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ftpsfs::fuse
