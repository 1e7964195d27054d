// SPDX-License-Identifier: MIT
//
// From the filesystem's values to libfuse's replies. For each kind of answer: send() replies with
// it, undo() gives back what it counted or opened when the kernel will never learn of it.
#pragma once

#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/fs/filesystem.hpp"
#include "ftpsfs/fuse/directory_page.hpp"
#include "ftpsfs/fuse/ticket.hpp"

namespace ftpsfs::fuse {

/// Success and nothing else to say.
struct Done {};
struct LinkTarget {
  std::string path;
};
struct Written {
  std::size_t bytes = 0;
};
struct Opened {
  fs::OpenReply open;
  bool needs_flush = true;  ///< false: nothing can be owed at close, so that it need not be asked
};
struct DirectoryHandle {
  fs::HandleId id = 0;
};

struct stat to_stat(const fs::Attributes& attributes);
fuse_entry_param to_entry_param(const fs::EntryReply& entry);

/// Each replies and uses up the request. @return 0, or -errno when the kernel did not take it.
int send(fuse_req_t request, const Done& done);
int send(fuse_req_t request, const fs::EntryReply& entry);
int send(fuse_req_t request, const fs::Attributes& attributes);
int send(fuse_req_t request, const LinkTarget& target);
int send(fuse_req_t request, const Opened& opened);
int send(fuse_req_t request, const fs::CreateReply& created);
int send(fuse_req_t request, const fs::Slices& slices);
int send(fuse_req_t request, const Written& written);
int send(fuse_req_t request, const DirectoryHandle& handle);
int send(fuse_req_t request, const DirectoryPage& page);
int send(fuse_req_t request, const fs::FilesystemSpace& space);

/// Takes back what an answer that nobody gets has counted or opened. May wait, as release() does.
class Undo {
 public:
  Undo(fs::Filesystem& filesystem, Duration release_timeout)
      : filesystem_(filesystem), release_timeout_(release_timeout) {}

  void operator()(const fs::EntryReply& entry) const;
  void operator()(const Opened& opened) const;
  void operator()(const fs::CreateReply& created) const;
  void operator()(const DirectoryHandle& handle) const;
  void operator()(const DirectoryPage& page) const;
  /// All other answers leave nothing behind.
  template <typename T>
  void operator()(const T&) const {}

 private:
  fs::Filesystem& filesystem_;
  Duration release_timeout_;
};

/// The one reply to a request.
template <typename T>
void answer(Ticket ticket, const Result<T>& result, const Undo& undo) {
  if (!result) {
    ticket.fail(to_errno(result.error().code));
  } else if constexpr (std::is_void_v<T>) {
    send(ticket.take(), Done{});
  } else if (send(ticket.take(), *result) < 0) {
    undo(*result);
  }
}

}  // namespace ftpsfs::fuse
