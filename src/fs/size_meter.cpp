// SPDX-License-Identifier: MIT
#include "size_meter.hpp"

#include <utility>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/base/pause.hpp"
#include "ftpsfs/transfer/read_stream.hpp"

namespace ftpsfs::fs {
namespace {

/// Each step has a deadline of its own; a large file on a slow link takes hours. This only keeps
/// the wait from being unbounded.
constexpr std::chrono::hours kLongestReading{24};
/// Little enough to come in time over the slowest link that is of any use.
constexpr std::size_t kReadAtOnce = 64ULL << 10;
/// A file that changes while it is read is read anew so often.
constexpr int kReadings = 3;

/// The version of which the first byte is; every later transfer must be of the same.
class FirstVersion {
 public:
  Result<void> check(const remote::FileVersion& observed, std::uint64_t offset,
                     transfer::Overlap overlap) {
    const MutexLock lock(mutex_);
    if (offset == 0) {
      first_ = observed;
    }
    return transfer::is_same_content(first_, observed, overlap)
               ? Result<void>()
               : make_error(Errc::stale, "the file was changed on the server while it was read");
  }
  remote::FileVersion get() const {
    const MutexLock lock(mutex_);
    return first_;
  }

 private:
  mutable Mutex mutex_;
  remote::FileVersion first_ FTPSFS_GUARDED_BY(mutex_);
};

/// What the server told with the content, or, where it tells nothing then, what it lists.
remote::FileVersion version_of_content(remote::FileVersion told,
                                       const remote::FileVersion& listed) {
  if (!told.mtime) {
    told.mtime = remote::comparable(listed).mtime;
  }
  if (told.unique.empty()) {
    told.unique = listed.unique;
  }
  return told;
}

}  // namespace

Result<SizeMeter::Measured> SizeMeter::measure(Ino file, const remote::FileVersion& listed,
                                               const std::stop_token& stop) {
  const std::uint64_t number = services_.sizes.begin(file);
  return flights_.run(number, Wait::for_at_most(kLongestReading, stop), [&](const Wait& wait) {
    return ask_or_read(file, number, listed, wait.stop);
  });
}

Result<SizeMeter::Measured> SizeMeter::ask_or_read(Ino file, std::uint64_t number,
                                                   const remote::FileVersion& listed,
                                                   const std::stop_token& stop) {
  const auto where = [&] { return services_.inodes.path(file, services_.settings.root); };
  if (const auto known = services_.sizes.find(file, listed)) {
    return Measured{known->bytes};  // somebody was just done with it
  }
  FTPSFS_TRY_ASSIGN(const remote::RemotePath path, where());
  FTPSFS_TRY_ASSIGN(
      const remote::FileVersion stamp,
      services_.remote.stamp(path, Wait::for_at_most(services_.limits.stall_timeout, stop)));
  if (stamp.size) {
    const auto now = where();
    return Measured{*stamp.size, stamp, !now || *now != path};
  }
  log::debug("{} is read, as the server tells no size of it", path.str());
  const auto place = services_.files_ahead.expect(file);
  /// Whatever happens, nobody waits for it any longer than for this.
  const std::shared_ptr<void> end(
      nullptr, [&](void*) { services_.files_ahead.abandon_unkept(file, place); });
  FTPSFS_TRY_ASSIGN(Read read, this->read(file, *place, listed, stop));
  const auto now = where();
  const bool is_overtaken =
      !now || *now != path || !services_.sizes.note(file, number, read.bytes, listed);
  if (!is_overtaken && read.content) {
    const bool has_copy = read.content->copy != nullptr;
    services_.files_ahead.keep(file, place, std::move(read.content));
    if (has_copy) {
      crew_.take([this](const std::stop_token& over) { sweep(over); }, 1);
    }
  }
  return Measured{read.bytes, std::nullopt, is_overtaken};
}

Result<SizeMeter::Read> SizeMeter::read(Ino file, FileAhead& room,
                                        const remote::FileVersion& listed,
                                        const std::stop_token& stop) {
  const auto path = [this, file] { return services_.inodes.path(file, services_.settings.root); };
  // Twice the stall time: the stream reports its own failure first.
  const Duration patience = 2 * services_.limits.stall_timeout;
  for (int left = kReadings;; --left) {
    const auto version = std::make_shared<FirstVersion>();
    const auto check = [version](const remote::FileVersion& observed, std::uint64_t offset,
                                 transfer::Overlap overlap) {
      return version->check(observed, offset, overlap);
    };
    transfer::ReadStream stream(services_.remote, transfer::origin_of(path, check),
                                services_.budget, services_.pace, services_.limits);
    FetchedDraft draft(room, services_.settings, services_.staging);
    Result<Slices> slices = Slices{};
    do {
      slices =
          stream.read(draft.size(), kReadAtOnce, std::nullopt, Wait::for_at_most(patience, stop));
      if (slices) {
        draft.add(*slices);
      }
    } while (slices && total_bytes(*slices) == kReadAtOnce);
    if (slices) {
      return Read{draft.size(), draft.finish(version_of_content(version->get(), listed), listed)};
    }
    if (slices.error().code != Errc::stale || left == 1) {
      return std::move(slices).error();
    }
    room.give_back();
  }
}

/// Local copies take room on the disk, whether or not the mount is used.
void SizeMeter::sweep(const std::stop_token& stop) {
  do {
    pause_for(Wait::for_at_most(FilesAhead::kKept, stop));
  } while (!stop.stop_requested() && services_.files_ahead.sweep());
}

}  // namespace ftpsfs::fs
