// SPDX-License-Identifier: MIT
//
// A local copy of a remote file, for what FTP cannot do in place: random writes, truncation, mmap.
// The file has no name, so that nothing is left behind whatever happens to the process. It is
// sparse: what the server has is fetched range by range as it is touched, and what is written over
// or cut off is never fetched.
//
// Thread-safe; who orders writes against an upload is the caller. The mutex is held while the local
// disk is read or written, never while something is fetched.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/slice.hpp"
#include "ftpsfs/base/unique_fd.hpp"
#include "ftpsfs/transfer/ranges.hpp"

namespace ftpsfs::transfer {

/// How much all local copies together may hold. Thread-safe.
class StagingBudget {
 public:
  explicit StagingBudget(std::uint64_t limit) : limit_(limit) {}
  /// @return false: there is no room for so much, and nothing was taken.
  bool take(std::uint64_t bytes);
  void give_back(std::uint64_t bytes) { used_ -= bytes; }
  std::uint64_t used() const { return used_; }

 private:
  const std::uint64_t limit_;
  std::atomic<std::uint64_t> used_{0};
};

class StagedFile {
 public:
  /// An empty file in `directory`.
  /// @param budget counts what it holds, and must outlive it; null: nobody counts.
  /// @errors no_space, access_denied, io_error, with the directory's name in the text.
  static Result<std::shared_ptr<StagedFile>> create(const std::string& directory,
                                                    StagingBudget* budget = nullptr);
  ~StagedFile();
  StagedFile(const StagedFile&) = delete;
  StagedFile& operator=(const StagedFile&) = delete;

  /// Brings bytes of what this is a copy of; fewer only at its end.
  using Fetch = std::function<Result<Slices>(std::uint64_t offset, std::size_t size,
                                             const std::stop_token& stop)>;
  /// The file becomes a copy of `size` bytes, none of which is here yet. @pre it is empty.
  Result<void> copy_from(std::uint64_t size, Fetch fetch);
  /// Fetches all that is still missing.
  /// @errors those of the fetch; truncated: there is less than there was.
  Result<void> complete(const std::stop_token& stop);
  bool is_complete() const;

  /// Bytes [offset, offset + size), shorter at the end of the file.
  Result<Slices> read(std::uint64_t offset, std::size_t size, const std::stop_token& stop = {});

  /// Writes all of `data`; a gap before `offset` reads as zeros.
  /// @errors no_space, file_too_large, io_error. On an error a part may have been written.
  Result<void> write(std::uint64_t offset, std::span<const std::byte> data);

  /// Cuts, or grows with zeros.
  Result<void> truncate(std::uint64_t size);

  /// The bytes in the range become zeros; the size stays.
  Result<void> punch(Range range);

  /// Gives the content a name: `path` must not exist.
  Result<void> save_as(const std::string& path);

  std::uint64_t size() const noexcept { return size_.load(); }

 private:
  StagedFile(UniqueFd fd, StagingBudget* budget) : fd_(std::move(fd)), budget_(budget) {}

  Result<void> bring(Range range, const std::stop_token& stop);
  Result<void> fill(std::uint64_t offset, std::span<const std::byte> data);
  Result<void> put(std::uint64_t offset, std::span<const std::byte> data) FTPSFS_REQUIRES(mutex_);
  void give_back(std::uint64_t bytes) const {
    if (budget_ != nullptr) {
      budget_->give_back(bytes);
    }
  }

  const UniqueFd fd_;
  StagingBudget* const budget_;
  std::atomic<std::uint64_t> size_{0};

  mutable Mutex mutex_;
  /// What is here: written, or fetched. Everything else below `remote_end_` is on the server;
  /// behind that it is zeros.
  Ranges present_ FTPSFS_GUARDED_BY(mutex_);
  std::uint64_t remote_end_ FTPSFS_GUARDED_BY(mutex_) = 0;
  std::shared_ptr<const Fetch> fetch_ FTPSFS_GUARDED_BY(mutex_);
};

}  // namespace ftpsfs::transfer
