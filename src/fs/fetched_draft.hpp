// SPDX-License-Identifier: MIT
//
// Takes in a file of which nobody knows the length: in memory as long as there is room, then in a
// local copy, and where that finds no room either the bytes are only counted. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>

#include "fetched_file.hpp"
#include "files_ahead.hpp"
#include "ftpsfs/fs/settings.hpp"

namespace ftpsfs::fs {

class FetchedDraft {
 public:
  /// @param room counts what is in memory.
  FetchedDraft(FileAhead& room, const Settings& settings, transfer::StagingBudget& staging)
      : room_(room), settings_(settings), staging_(staging) {}

  /// What comes next in the file.
  void add(const Slices& slices);
  /// How much has come.
  std::uint64_t size() const { return size_; }
  /// @param version its size does not count. @return null: the bytes were only counted.
  std::shared_ptr<const FetchedFile> finish(remote::FileVersion version,
                                            remote::FileVersion listed);

 private:
  enum class Place : std::uint8_t { memory, disk, nowhere };

  void move_to_disk();
  void write(const Slices& slices);
  void give_up(const Error& why);

  FileAhead& room_;
  const Settings& settings_;
  transfer::StagingBudget& staging_;
  Place place_ = Place::memory;
  std::uint64_t size_ = 0;
  std::uint64_t most_on_disk_ = 0;
  std::uint64_t looks_again_at_ = 0;
  Slices bytes_;
  std::shared_ptr<transfer::StagedFile> copy_;
};

}  // namespace ftpsfs::fs
