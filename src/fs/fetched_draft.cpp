// SPDX-License-Identifier: MIT
#include "fetched_draft.hpp"

#include <sys/statvfs.h>

#include <utility>

#include "ftpsfs/base/log.hpp"

namespace ftpsfs::fs {
namespace {

constexpr std::uint64_t kBetweenLooks = 16ULL << 20;

/// Nobody has asked for this copy: it leaves half of the disk's free space to others.
std::uint64_t room_on_disk(const std::string& directory) {
  struct statvfs disk {};
  if (::statvfs(directory.c_str(), &disk) != 0) {
    return 0;
  }
  return static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize / 2;
}

}  // namespace

void FetchedDraft::add(const Slices& slices) {
  const std::uint64_t more = total_bytes(slices);
  size_ += more;
  if (place_ == Place::memory) {
    if (room_.grow(more)) {
      for (const Slice& slice : slices) {
        bytes_.push_back(copy_of(slice.bytes));  // a stream's chunk is larger than a small file
      }
      return;
    }
    move_to_disk();
  }
  write(slices);
}

void FetchedDraft::move_to_disk() {
  auto created = transfer::StagedFile::create(settings_.staging_directory, &staging_);
  if (!created) {
    give_up(created.error());
    return;
  }
  place_ = Place::disk;
  copy_ = *std::move(created);
  write(std::exchange(bytes_, {}));
  room_.give_back();
}

void FetchedDraft::write(const Slices& slices) {
  if (place_ == Place::disk && size_ >= looks_again_at_) {
    looks_again_at_ = size_ + kBetweenLooks;  // others use the disk, too
    most_on_disk_ = size_ + room_on_disk(settings_.staging_directory);
  }
  if (place_ == Place::disk && size_ > most_on_disk_) {
    give_up(make_error(Errc::no_space, "too large for the free space"));
  }
  for (const Slice& slice : slices) {
    if (place_ != Place::disk) {
      return;
    }
    if (auto written = copy_->write(copy_->size(), slice.bytes); !written) {
      give_up(written.error());
    }
  }
}

void FetchedDraft::give_up(const Error& why) {
  log::debug("a file that is read for its size is not kept: {}", why.text);
  place_ = Place::nowhere;
  copy_.reset();
  bytes_.clear();
  room_.give_back();
}

std::shared_ptr<const FetchedFile> FetchedDraft::finish(remote::FileVersion version,
                                                        remote::FileVersion listed) {
  if (place_ == Place::nowhere) {
    return nullptr;
  }
  version.size = size_;
  listed.size.reset();
  return std::make_shared<const FetchedFile>(
      FetchedFile{version, listed, std::move(bytes_), std::move(copy_)});
}

}  // namespace ftpsfs::fs
