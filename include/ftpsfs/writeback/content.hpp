// SPDX-License-Identifier: MIT
//
// The bytes of one upload on their way into a journal, and out of it again. Small ones are held in
// memory until they are in the journal itself; as soon as they are more, they go to a file of their
// own. Each object belongs to one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/unique_fd.hpp"
#include "ftpsfs/writeback/intention.hpp"
#include "ftpsfs/writeback/journal_directory.hpp"

namespace ftpsfs::writeback {

std::string content_file_name(ContentId id);

/// Bytes that belong to nobody yet: their file goes when the draft goes, unless it is kept.
class ContentDraft {
 public:
  /// Is there room on the disk for so many bytes more? @errors no_space.
  using CheckRoom = std::function<Result<void>(std::uint64_t bytes)>;

  ContentDraft(const JournalDirectory& directory, ContentId id, CheckRoom check_room);
  ~ContentDraft();
  ContentDraft(const ContentDraft&) = delete;
  ContentDraft& operator=(const ContentDraft&) = delete;

  ContentId id() const noexcept { return id_; }
  std::uint64_t size() const noexcept { return size_; }

  /// Adds to the end. @errors no_space, io_error: the draft is of no further use.
  Result<void> write(std::span<const std::byte> data);

  /// After it a file of its own is on the disk, and so is its name. @errors no_space, io_error.
  Result<void> seal();

  /// Null: it is in a file.
  std::shared_ptr<const std::string> bytes() const;
  /// The file is somebody's now.
  void keep() noexcept { kept_ = true; }

 private:
  Result<void> write_out(std::span<const std::byte> data);

  const JournalDirectory& directory_;
  const ContentId id_;
  const CheckRoom check_room_;
  std::uint64_t size_ = 0;
  std::shared_ptr<std::string> small_;
  UniqueFd file_;
  bool kept_ = false;
};

/// Content of a journal, for as long as this object lives, also when the journal needs it no more.
class ContentReader {
 public:
  explicit ContentReader(std::shared_ptr<const std::string> bytes);
  ContentReader(UniqueFd file, std::uint64_t size);

  std::uint64_t size() const noexcept { return size_; }
  /// Fills `to`, or as much of it as there is from `offset` on. @errors busy: it cannot be read
  /// now; io_error: it is not what was written.
  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> to) const;

 private:
  std::shared_ptr<const std::string> bytes_;
  UniqueFd file_;
  std::uint64_t size_;
};

/// What a failed look at the disk means for content that is owed: what this machine cannot read
/// now, as descriptors or memory are short or the disk fails, it may read later. @return busy, but
/// for a file that is not there.
Error not_readable_now(Error error);

/// All of `data`, from `offset` on. @errors no_space, io_error.
Result<void> write_at(int fd, std::uint64_t offset, std::span<const std::byte> data,
                      const std::string& name);
/// As much of `to` as the file has. @errors io_error.
Result<std::size_t> read_at(int fd, std::uint64_t offset, std::span<std::byte> to,
                            const std::string& name);

}  // namespace ftpsfs::writeback
