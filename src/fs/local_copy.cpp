// SPDX-License-Identifier: MIT
//
// OpenFile: local copies. How content gets into one, and when one is no longer what the server has.
#include <algorithm>
#include <functional>
#include <utility>

#include "ftpsfs/transfer/staging.hpp"
#include "open_file.hpp"

namespace ftpsfs::fs {
namespace {

/// What fills a local copy: a stream, and another one after a failure, which a stream remembers for
/// a moment. Thread-safe.
class CopySource {
 public:
  using Stream = std::shared_ptr<transfer::ReadStream>;
  explicit CopySource(std::function<Stream()> make) : make_(std::move(make)) {}

  Result<Slices> read(std::uint64_t offset, std::size_t size, std::optional<std::uint64_t> end,
                      const Wait& wait) {
    Stream stream;
    {
      const MutexLock lock(mutex_);
      if (!stream_) {
        stream_ = make_();
      }
      stream = stream_;
    }
    auto slices = stream->read(offset, size, end, wait);
    if (!slices) {
      const MutexLock lock(mutex_);
      if (stream_ == stream) {
        stream_.reset();  // we hold it, too: its end is not here
      }
    }
    return slices;
  }

 private:
  const std::function<Stream()> make_;
  Mutex mutex_;
  Stream stream_ FTPSFS_GUARDED_BY(mutex_);
};

}  // namespace

Result<void> OpenFile::settle_size(const std::stop_token& stop) {
  const Content now = content();
  const auto* streaming = std::get_if<Streaming>(&now);
  return streaming != nullptr && !streaming->shown_end() ? stage(stop) : Result<void>();
}

bool OpenFile::is_copy_behind() const {
  const auto* staged = std::get_if<Staged>(&content_);
  return staged != nullptr && !staged->dirty && staged->is_behind && !orphan_;
}

/// A larger file may be another one: what the copy ends with must be there still.
Result<void> OpenFile::leave_copy_behind(const Wait& wait) {
  std::shared_ptr<transfer::StagedFile> copy;
  {
    const MutexLock lock(mutex_);
    if (!is_copy_behind()) {
      return {};
    }
    const auto& staged = std::get<Staged>(content_);
    copy = staged.is_published ? staged.copy : nullptr;  // else nothing in it is ours
  }
  const std::uint64_t size = copy ? copy->size() : 0;
  const auto length =
      static_cast<std::size_t>(std::min<std::uint64_t>(size, GivenContent::kMostTraced));
  GivenContent seen;
  if (length > 0) {
    FTPSFS_TRY_ASSIGN(const Slices end, copy->read(size - length, length, wait.stop));
    seen.note_given(size - length, end);
  }
  const std::optional<ContentTrace> trace = seen.trace();
  bool is_there = true;
  if (trace) {
    FTPSFS_TRY_ASSIGN(is_there, has_still(*trace, wait));
  }
  Content left;  // its end, which may take long, is without the mutex
  {
    const MutexLock lock(mutex_);
    if (is_there) {
      left = std::exchange(content_, OnServer{});
      ++epoch_;
      if (trace) {
        given_ = GivenContent(version_, false);
        given_.note_pages(*trace);
        given_epoch_ = epoch_;
      }
    } else {
      auto& staged = std::get<Staged>(content_);
      staged.is_behind = false;
      staged.is_outlived = true;
      is_outlived_ = true;
    }
  }
  if (!is_there) {
    note_replaced();
  }
  return {};
}

void OpenFile::leave_copy_for_append() {
  Content left;
  {
    const MutexLock lock(mutex_);
    const auto* staged = std::get_if<Staged>(&content_);
    if (staged == nullptr || !(is_copy_behind() || (staged->is_outlived && !orphan_))) {
      return;
    }
    left = std::exchange(content_, OnServer{});
    ++epoch_;
  }
  note_replaced();  // nothing was compared
}

Result<bool> OpenFile::try_change(const Change& change) {
  Staged before;
  {
    const MutexLock lock(mutex_);
    if (is_copy_behind()) {
      return false;
    }
    auto& staged = std::get<Staged>(content_);
    before = staged;
    // First: what others do to the file from now on comes too late to be followed.
    staged.dirty = true;
    staged.is_published = false;
  }
  const std::uint64_t size = before.copy->size();
  if (auto changed = change(*before.copy); !changed) {
    const MutexLock lock(mutex_);
    if (before.copy->size() == size) {  // else a part of it was done
      std::get<Staged>(content_) = before;
    }
    return std::move(changed).error();
  }
  return true;
}

Result<void> OpenFile::change_copy(WritePlace place, const std::stop_token& stop,
                                   const Change& change) {
  for (;;) {
    FTPSFS_TRY(stage(stop));
    FTPSFS_TRY_ASSIGN(const bool is_done, try_change(change));
    if (is_done) {
      break;
    }
    FTPSFS_TRY(is_copy_valid(place, services_.own_wait(stop)));
  }
  const MutexLock lock(mutex_);
  ++epoch_;
  return {};
}

Result<bool> OpenFile::is_copy_valid(WritePlace place, const Wait& wait) {
  if (place.append) {
    leave_copy_for_append();
  } else {
    FTPSFS_TRY(leave_copy_behind(wait));
  }
  remote::FileVersion known;
  {
    const MutexLock lock(mutex_);
    const auto* staged = std::get_if<Staged>(&content_);
    if (staged == nullptr) {
      return false;
    }
    if (staged->is_outlived && !orphan_) {
      return replaced_error();
    }
    // A server that keeps what is written for a while compares it with what others wrote itself.
    if (!staged->is_published || orphan_ || services_.remote.traits().writes_back) {
      return true;
    }
    known = version_;
  }
  FTPSFS_TRY_ASSIGN(const remote::RemotePath path, own_path()());
  const auto observed = services_.remote.version(path, wait);
  if (!observed) {
    // Who has it open may write on in a file that others have removed: it is made anew. And so in
    // one of which the server tells nothing.
    const Errc why = observed.error().code;
    const bool is_told =
        why != Errc::not_found && why != Errc::unsupported && why != Errc::access_denied;
    return is_told ? Result<bool>(observed.error()) : Result<bool>(true);
  }
  if (remote::may_be_same(remote::comparable(known), *observed)) {
    const MutexLock lock(mutex_);
    version_seen_ = services_.clock.now();
    if (version_.unique.empty()) {
      version_.unique = observed->unique;  // an upload's end does not tell it
    }
    return !is_copy_behind();
  }
  const bool has_grown = observed->size > known.size && known.size &&
                         !remote::is_another_file(known, *observed) &&
                         !remote::is_older(*observed, known);
  if (!place.append && (!has_grown || place.offset == known.size)) {
    return note_replaced();
  }
  {
    const MutexLock lock(mutex_);
    if (!is_copy_behind()) {  // else somebody has looked meanwhile, and followed
      if (has_grown) {
        growth_.follow(*known.size, SteadyClock::now());
      }
      version_.size = observed->size ? observed->size : version_.size;
      version_.mtime = observed->mtime ? observed->mtime : version_.mtime;
      version_seen_ = services_.clock.now();
      std::get<Staged>(content_).is_behind = true;
    }
  }
  if (has_grown) {
    note_growth(*observed);
  }
  return is_copy_valid(place, wait);  // which leaves it, or tells why not
}

Result<void> OpenFile::stage(const std::stop_token& stop) {
  FTPSFS_TRY(leave_copy_behind(services_.own_wait(stop)));
  const Content now = content();
  if (std::holds_alternative<Staged>(now)) {
    return {};
  }
  if (const auto* streaming = std::get_if<Streaming>(&now)) {
    return stage_from_stream(*streaming, stop);
  }
  FTPSFS_TRY_ASSIGN(auto copy, sparse_copy(stop));
  const MutexLock lock(mutex_);
  content_ = Staged{std::move(copy), false, false};
  ++epoch_;
  return {};
}

Result<std::shared_ptr<transfer::StagedFile>> OpenFile::empty_copy() const {
  return transfer::StagedFile::create(services_.settings.staging_directory, &services_.staging);
}

Result<std::shared_ptr<transfer::StagedFile>> OpenFile::sparse_copy(const std::stop_token& stop) {
  remote::FileVersion known;
  {
    const MutexLock lock(mutex_);
    known = remote::comparable(version_);
  }
  if (!known.size) {
    return fetch_copy(own_path(), true, stop);  // how much there is shows only at its end
  }
  FTPSFS_TRY_ASSIGN(auto copy, empty_copy());
  if (*known.size == 0) {
    return copy;
  }
  const auto check = [known](const remote::FileVersion& observed, std::uint64_t,
                             transfer::Overlap overlap) -> Result<void> {
    return transfer::is_same_content(known, observed, overlap)
               ? Result<void>()
               : make_error(Errc::stale,
                            "the file was changed on the server while it was being written here");
  };
  const auto source = std::make_shared<CopySource>([&services = services_, path = own_path(),
                                                    check] {
    return std::make_shared<transfer::ReadStream>(services.remote, transfer::origin_of(path, check),
                                                  services.budget, services.pace, services.limits);
  });
  FTPSFS_TRY(copy->copy_from(
      *known.size, [source, size = known.size, patience = 2 * services_.limits.stall_timeout](
                       std::uint64_t offset, std::size_t bytes, const std::stop_token& wanted) {
        return source->read(offset, bytes, size, Wait::for_at_most(patience, wanted));
      }));
  return copy;
}

Result<std::shared_ptr<transfer::StagedFile>> OpenFile::staged_copy(const std::stop_token& stop) {
  FTPSFS_TRY(stage(stop));
  const MutexLock lock(mutex_);
  return std::get<Staged>(content_).copy;
}

Result<std::shared_ptr<transfer::StagedFile>> OpenFile::fetch_copy(
    const transfer::PathProvider& path, bool check, const std::stop_token& stop) {
  FTPSFS_TRY_ASSIGN(auto copy, empty_copy());
  Asked asked{};
  bool empty = false;
  {
    const MutexLock lock(mutex_);
    asked = {epoch_, growth_.steps()};
    empty = check && version_.size == 0;
  }
  if (empty) {
    return copy;
  }
  const auto check_version = [this, check, asked](const remote::FileVersion& observed,
                                                  std::uint64_t offset,
                                                  transfer::Overlap overlap) -> Result<void> {
    return check ? this->check_version(observed, offset, overlap, asked) : Result<void>();
  };
  FTPSFS_TRY(transfer::fetch_into(*copy, services_.remote, path, check_version, services_.budget,
                                  services_.pace, services_.limits, stop));
  return copy;
}

Result<void> OpenFile::stage_from_stream(const Streaming& streaming, const std::stop_token& stop) {
  if (streaming.stream->is_stuck()) {
    FTPSFS_TRY(leave_stuck(streaming, stop));
    return stage(stop);
  }
  const bool all_ours = is_all_ours(streaming);
  if (!streaming.stream->started()) {
    std::shared_ptr<transfer::StagedFile> copy;
    // Nothing was sent: the bytes are all in memory, behind what the server has (append).
    if (streaming.mode == remote::WriteMode::append && streaming.base != 0) {
      FTPSFS_TRY_ASSIGN(copy, fetch_copy(own_path(), false, stop));
    } else {
      FTPSFS_TRY_ASSIGN(copy, empty_copy());
    }
    if (auto slices = streaming.stream->take_back()) {
      Result<void> copied;
      for (const Slice& slice : *slices) {
        if (copied) {
          copied = copy->write(copy->size(), slice.bytes);
        }
      }
      if (!copied) {
        // No room for a copy: the stream must not have lost what it had accepted.
        for (const Slice& slice : *slices) {
          FTPSFS_TRY(streaming.stream->write(slice, services_.own_wait()));
        }
        return copied;
      }
      const MutexLock lock(mutex_);
      content_ = Staged{std::move(copy), true, all_ours};
      ++epoch_;
      return {};
    }
  }
  if (auto finished = streaming.stream->finish(stop); !finished) {
    return streaming.stream->is_stuck() ? stage_from_stream(streaming, stop)
                                        : Result<void>(std::move(finished).error());
  }
  const transfer::PathProvider target = target_path(streaming.temporary);
  FTPSFS_TRY_ASSIGN(auto copy, fetch_copy(target, false, stop));
  {
    const MutexLock lock(mutex_);
    on_server_ = on_server_ || streaming.temporary.empty();
    content_ = Staged{std::move(copy), true, all_ours};
    ++epoch_;
  }
  if (!streaming.temporary.empty()) {
    remove_temporary(streaming.temporary, services_.own_wait());
  }
  return {};
}

Result<void> OpenFile::leave_stuck(const Streaming& streaming, const std::stop_token& stop) {
  const Slices rest = streaming.stream->unsent();
  const bool all_ours = is_all_ours(streaming);
  Content next;
  if (all_ours && streaming.stream->accepted() == total_bytes(rest)) {
    // All of it is here. What the server may have of it goes first: the upload that follows may
    // hold the only session.
    remove_temporary(streaming.temporary, services_.own_wait());
    Streaming fresh = make_stream(remote::WriteMode::replace, 0, temporary_for(true));
    for (const Slice& slice : rest) {
      if (auto written = fresh.stream->write(slice, services_.own_wait()); !written) {
        fresh.stream->abandon();
        remove_temporary(fresh.temporary, services_.own_wait());
        return written;
      }
    }
    next = std::move(fresh);
  } else {
    FTPSFS_TRY_ASSIGN(auto copy, fetch_copy(target_path(streaming.temporary), false, stop));
    for (const Slice& slice : rest) {
      FTPSFS_TRY(copy->write(copy->size(), slice.bytes));
    }
    next = Staged{std::move(copy), true, all_ours};
    remove_temporary(streaming.temporary, services_.own_wait());
  }
  const MutexLock lock(mutex_);
  on_server_ = on_server_ || streaming.temporary.empty();
  content_ = std::move(next);
  ++epoch_;
  return {};
}

}  // namespace ftpsfs::fs
