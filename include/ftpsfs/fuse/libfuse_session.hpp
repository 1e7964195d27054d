// SPDX-License-Identifier: MIT
//
// Owns libfuse's session object: made from mount options, mounted, unmounted; and keeps libfuse's
// own words for our errors and our log. Not thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/fuse/libfuse.hpp"
#include "ftpsfs/fuse/settings.hpp"

namespace ftpsfs::fuse {

class LibfuseSession {
 public:
  /// @errors invalid_argument: an option that libfuse refuses.
  static Result<std::unique_ptr<LibfuseSession>> create(const MountOptions& options,
                                                        const fuse_lowlevel_ops& callbacks,
                                                        void* userdata);
  ~LibfuseSession();  ///< unmounts
  LibfuseSession(const LibfuseSession&) = delete;
  LibfuseSession& operator=(const LibfuseSession&) = delete;

  fuse_session* get() const noexcept { return session_.get(); }

  /// @errors not_found, not_directory, access_denied, io_error, with the words of libfuse.
  Result<void> mount(const std::string& mount_point);
  /// Reads and writes by these functions from now on. Takes over `fd`, which may be the one that
  /// mount() opened.
  Result<void> use_channel(const fuse_custom_io& io, int fd);
  /// Closes the descriptor too: no reply and no notification may be under way.
  void unmount();

 private:
  struct Destroy {
    void operator()(fuse_session* session) const noexcept { fuse_session_destroy(session); }
  };
  explicit LibfuseSession(fuse_session* session) : session_(session) {}

  std::unique_ptr<fuse_session, Destroy> session_;
};

/// The arguments of fuse_session_new(), for the tests: each option escaped and behind its own -o.
std::vector<std::string> libfuse_arguments(const MountOptions& options);
/// max_read of the options, where `others` may override it: libfuse wants it in two places.
std::uint32_t effective_max_read(const MountOptions& options);

}  // namespace ftpsfs::fuse
