// SPDX-License-Identifier: MIT
//
// The filesystem: every operation in POSIX words, on inodes and handles, without a FUSE type. What
// it promises stands in contrib/doc/semantics.md.
//
// Two kinds of members. `find_…` and `try_…` answer from memory, never wait for the network, and
// return nothing when they cannot: a receive loop may call them. All others may wait, bounded by
// the request's deadline and stop token.
//
// Thread-safe: any member from any thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ftpsfs/base/clock.hpp"
#include "ftpsfs/base/result.hpp"
#include "ftpsfs/fs/kernel_cache.hpp"
#include "ftpsfs/fs/settings.hpp"
#include "ftpsfs/fs/types.hpp"
#include "ftpsfs/remote/remote.hpp"

namespace ftpsfs::fs {

/// Takes one name; false: it did not fit, stop here (a readdirplus lookup is then undone).
using DirectoryVisitor = std::function<bool(const DirectoryItem&)>;

/// An upload that failed, and why.
struct FailedUpload {
  std::string path;    ///< on the server
  std::string reason;  ///< in the server's words, where it had some
  SteadyTime at;
};

class Filesystem {
 public:
  /// `remote`, `kernel` and `clock` must outlive the filesystem.
  Filesystem(remote::Remote& remote, Settings settings, KernelCache& kernel, const Clock& clock);
  ~Filesystem();
  Filesystem(const Filesystem&) = delete;
  Filesystem& operator=(const Filesystem&) = delete;

  // Names.
  std::optional<Result<EntryReply>> find_entry(Ino parent, std::string_view name);
  Result<EntryReply> lookup(Ino parent, const std::string& name, const Request& request);
  void forget(Ino ino, std::uint64_t lookups);

  // Attributes.
  std::optional<Result<Attributes>> find_attributes(Ino ino, Asker asker = Asker::program);
  Result<Attributes> get_attributes(Ino ino, const Request& request, Asker asker = Asker::program);
  Result<Attributes> set_attributes(Ino ino, const AttributeChange& change,
                                    std::optional<HandleId> handle, const Request& request);
  Result<std::string> read_link(Ino ino, const Request& request);

  // The tree.
  Result<EntryReply> make_directory(Ino parent, const std::string& name, std::uint32_t mode,
                                    const Request& request);
  Result<EntryReply> make_symlink(const std::string& target, Ino parent, const std::string& name,
                                  const Request& request);
  Result<void> remove_file(Ino parent, const std::string& name, const Request& request);
  Result<void> remove_directory(Ino parent, const std::string& name, const Request& request);
  /// @param flags of renameat2(2): 0 or RENAME_NOREPLACE; others are invalid_argument.
  Result<void> rename(Ino parent, const std::string& name, Ino new_parent,
                      const std::string& new_name, unsigned flags, const Request& request);

  // Files. `flags` are those of open(2).
  Result<OpenReply> open(Ino ino, int flags, const Request& request);
  Result<CreateReply> create(Ino parent, const std::string& name, std::uint32_t mode, int flags,
                             const Request& request);
  /// Answers when all bytes (or the end of the file) are in memory.
  std::optional<Result<Slices>> find_content(HandleId handle, std::uint64_t offset,
                                             std::size_t size);
  Result<Slices> read(HandleId handle, std::uint64_t offset, std::size_t size,
                      const Request& request);
  /// Takes the bytes when there is room for them now. On nullopt nothing was taken. The slice's
  /// owner may be kept until the bytes are sent.
  std::optional<Result<void>> try_write(HandleId handle, WritePlace place, const Slice& data);
  Result<void> write(HandleId handle, WritePlace place, const Slice& data, const Request& request);
  /// @param mode of fallocate(2): 0, KEEP_SIZE, PUNCH_HOLE|KEEP_SIZE, ZERO_RANGE; others are
  /// unsupported.
  Result<void> allocate(HandleId handle, int mode, std::uint64_t offset, std::uint64_t length,
                        const Request& request);
  Result<void> flush(HandleId handle, const Request& request);
  Result<void> sync(HandleId handle, const Request& request);
  /// Ends the handle when nothing is owed to the server. What must go, but may take a moment to (a
  /// transfer to be cut), is given to the caller. On nullopt nothing was done.
  std::optional<std::shared_ptr<void>> try_release(HandleId handle);
  /// Ends the handle; uploads what is still owed. Failures go to the log and to status.
  void release(HandleId handle, const Request& request);

  // Directories.
  /// Takes the handle of a directory of which names are there though not all: its owner need not
  /// wait for the end of the call.
  using EarlyHandle = std::function<void(HandleId)>;
  /// @param early may be empty; else called at most once, by this thread, with the handle that the
  /// call returns in the end. It may be released before that.
  Result<HandleId> open_directory(Ino ino, const EarlyHandle& early, const Request& request);
  /// Calls `visit` for names from `offset` on: none is left when there was none. With `plus`, items
  /// bear counted lookups.
  Result<void> read_directory(HandleId handle, std::uint64_t offset, bool plus,
                              const DirectoryVisitor& visit, const Request& request);
  void release_directory(HandleId handle);

  Result<FilesystemSpace> space(const Request& request);

  /// Drops everything remembered of the server, here and in the kernel.
  /// @param path below the root: the kernel keeps what it has of other places. Empty: nothing is
  /// kept.
  void refresh(std::string_view path = {});
  /// The server's directory of this path is other than it was told: what is remembered of the names
  /// in it is forgotten, and of no others. Does not wait.
  void forget_directory(const remote::RemotePath& directory);

  /// Finishes the uploads under way within the wait. @return the number that could not be finished;
  /// those that nobody was told of are among Counters::lost_files.
  std::size_t finish_uploads(const Wait& wait);

  /// For status: one consistent picture.
  struct Counters {
    std::uint64_t inodes = 0;
    std::uint64_t open_files = 0;
    std::uint64_t dirty_files = 0;
    std::uint64_t cache_bytes = 0;
    std::uint64_t cache_hits = 0;
    std::uint64_t cache_misses = 0;
    std::uint64_t failed_uploads = 0;
    std::vector<FailedUpload> failures;  ///< the latest of them, the last one last
    std::uint64_t taken_up = 0;          ///< transfers that went on behind a failure
    /// Files that are not whole on the server, and of which no program was told.
    std::uint64_t lost_files = 0;
    std::uint64_t rescued_files = 0;  ///< kept on this machine, as the server would not take them
    std::uint64_t left_behind = 0;    ///< hidden files that could not be cleared away
    std::uint64_t listed_ahead = 0;   ///< directories listed ahead of a walk
    std::uint64_t listed_ahead_used = 0;  ///< of those, visited later
    std::uint64_t read_ahead = 0;         ///< small files read ahead of their opening
    std::uint64_t read_ahead_used = 0;    ///< of those, opened later
  };
  Counters counters() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ftpsfs::fs
