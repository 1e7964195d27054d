// SPDX-License-Identifier: MIT
//
// Journal: how what was noted comes to the disk. One of those who wait writes for all.
#include <unistd.h>

#include <algorithm>
#include <exception>

#include "ftpsfs/base/log.hpp"
#include "journal_parts.hpp"

namespace ftpsfs::writeback {
namespace {

constexpr std::size_t kBufferedBytes = 1ULL << 20;
/// A disk that writes back gigabytes of others first may take minutes; one that takes longer has
/// failed, and no wait is without end.
constexpr Duration kLongestWrite = std::chrono::minutes(10);

/// Frames on their way into a file.
class FrameWriter {
 public:
  FrameWriter(int fd, std::uint64_t offset, std::uint64_t frames)
      : fd_(fd), written_(offset), frames_(frames) {}

  /// @return where the frame begins.
  Result<std::uint64_t> add(std::uint64_t durable, const Record& record) {
    const std::uint64_t offset = end();
    append_frame(buffer_, frames_++, durable, record);
    if (buffer_.size() >= kBufferedBytes) {
      FTPSFS_TRY(flush());
    }
    return offset;
  }
  Result<void> flush() {
    FTPSFS_TRY(write_at(fd_, written_, std::as_bytes(std::span(buffer_)), "the journal"));
    written_ += buffer_.size();
    buffer_.clear();
    return {};
  }
  std::uint64_t end() const noexcept { return written_ + buffer_.size(); }
  std::uint64_t frames() const noexcept { return frames_; }

 private:
  const int fd_;
  std::uint64_t written_;
  std::uint64_t frames_;
  std::string buffer_;
};

ContentRecord record_of(ContentId id, const std::string& bytes) {
  return ContentRecord{id, std::as_bytes(std::span(bytes))};
}

}  // namespace

Result<void> Journal::commit(Ticket ticket, const Wait& wait) {
  const Wait for_disk = Wait::for_at_most(kLongestWrite, wait.stop);
  MutexLock lock(mutex_);
  while (durable_ < ticket) {
    if (writing_) {
      if (!changed_.wait(mutex_, for_disk, [this, ticket]() FTPSFS_NO_ANALYSIS {
            return durable_ >= ticket || !writing_;
          })) {
        return for_disk.give_up("the journal");
      }
      continue;
    }
    const Batch batch = take_batch();
    writing_ = true;
    lock.unlock();
    auto outcome = write(batch);
    lock.lock();
    writing_ = false;
    changed_.notify_all();
    if (!outcome) {
      must_begin_anew_ = true;
      return std::move(outcome).error();
    }
    settle(batch, *outcome);
    lock.unlock();
    if (batch.anew && batch.generation) {
      if (const auto gone = directory_.remove(generation_name(batch.generation->number)); !gone) {
        log::warning("journal: {}", gone.error().text);
      }
    }
    remove_files(outcome->idle);
    lock.lock();
  }
  return {};
}

Journal::Batch Journal::take_batch() {
  Batch batch;
  const std::uint64_t needed = needed_bytes();
  batch.anew = must_begin_anew_ || !generation_ ||
               file_bytes_ > std::max(2 * needed, needed + settings_.most_idle_bytes);
  batch.last = appended_;
  if (batch.anew) {
    batch.intentions = ledger_.intentions();
    for (const auto& [id, place] : contents_) {
      if (ledger_.needs(id) && !place.in_own_file()) {
        batch.contents.emplace(id, place);
      }
    }
  }
  batch.generation = generation_;
  batch.file_bytes = file_bytes_;
  batch.frames = frames_;
  batch.records.swap(pending_);  // last: nothing is lost where there is no memory
  return batch;
}

Result<Journal::Outcome> Journal::write(const Batch& batch) {
  try {
    return batch.anew ? write_anew(batch) : write_on(batch);
  } catch (const std::exception& failure) {  // no memory: a failure of the disk is no worse
    return make_error(Errc::io_error, fmt::format("the journal: {}", failure.what()));
  }
}

Result<Journal::Outcome> Journal::write_on(const Batch& batch) {
  const int fd = batch.generation->file.get();
  FrameWriter writer(fd, batch.file_bytes, batch.frames);
  Outcome outcome;
  const auto add_all = [&]() -> Result<void> {
    for (const PendingRecord& record : batch.records) {
      if (const auto* edit = std::get_if<Edit>(&record)) {
        FTPSFS_TRY(writer.add(batch.frames, *edit));
        continue;
      }
      const auto& content = std::get<PendingContent>(record);
      Place place;
      place.size = content.bytes->size();
      place.record_file = batch.generation;
      FTPSFS_TRY_ASSIGN(place.record_offset,
                        writer.add(batch.frames, record_of(content.id, *content.bytes)));
      place.record_bytes = kContentOffset + place.size;
      outcome.places.emplace(content.id, std::move(place));
    }
    FTPSFS_TRY(writer.flush());
    return sync(fd, ::fdatasync);
  };
  if (auto added = add_all(); !added) {
    // Nothing more is appended behind this; a process that opens it next shall find a clean end.
    if (::ftruncate(fd, static_cast<off_t>(batch.file_bytes)) != 0) {
      log::warning("journal: {}", local_error("cannot cut", "the journal").text);
    }
    return std::move(added).error();
  }
  outcome.generation = batch.generation;
  outcome.file_bytes = writer.end();
  outcome.frames = writer.frames();
  return outcome;
}

Result<Journal::Outcome> Journal::write_anew(const Batch& batch) {
  auto generation = std::make_shared<Generation>();
  generation->number = batch.generation ? batch.generation->number + 1 : 1;
  const std::string name = generation_name(generation->number);
  const std::string unfinished = name + std::string(kUnfinishedSuffix);
  FTPSFS_TRY(directory_.remove(unfinished));
  FTPSFS_TRY_ASSIGN(generation->file, directory_.create(unfinished));
  const int fd = generation->file.get();
  FrameWriter writer(fd, 0, 0);
  Outcome outcome;
  // Under its name it is on the disk as a whole, so each frame may say so of all before it.
  const auto add = [&writer](const Record& record) { return writer.add(writer.frames(), record); };
  const auto add_all = [&]() -> Result<void> {
    FTPSFS_TRY(add(HeaderRecord{settings_.identity}));
    for (const auto& [id, old] : batch.contents) {
      auto bytes =
          old.bytes ? Result<std::shared_ptr<const std::string>>(old.bytes) : read_record(old, id);
      if (!bytes) {
        log::error("journal: {}", bytes.error().text);
        continue;  // who wants it will be told
      }
      Place place;
      place.size = (*bytes)->size();
      place.record_file = generation;
      FTPSFS_TRY_ASSIGN(place.record_offset, add(record_of(id, **bytes)));
      place.record_bytes = kContentOffset + place.size;
      outcome.places.emplace(id, std::move(place));
    }
    for (const auto& [id, intention] : batch.intentions) {
      FTPSFS_TRY(add(Edit{{{id, intention}}, {}}));
    }
    FTPSFS_TRY(add(Edit{}));  // vouches for the last one
    FTPSFS_TRY(writer.flush());
    FTPSFS_TRY(sync(fd, ::fsync));
    FTPSFS_TRY(directory_.rename(unfinished, name));
    return directory_.sync();
  };
  if (auto added = add_all(); !added) {
    // Perhaps it has its name already: the next try gives it to another file.
    if (const auto gone = directory_.remove(unfinished); !gone) {
      log::warning("journal: {}", gone.error().text);
    }
    return std::move(added).error();
  }
  outcome.generation = std::move(generation);
  outcome.file_bytes = writer.end();
  outcome.frames = writer.frames();
  return outcome;
}

/// @param how fsync(2) or fdatasync(2)
Result<void> Journal::sync(int fd, int (*how)(int)) const {
  if (settings_.before_sync) {
    settings_.before_sync();
  }
  return how(fd) == 0 ? Result<void>() : local_error("cannot write out", "the journal");
}

void Journal::settle(const Batch& batch, Outcome& outcome) {
  must_begin_anew_ = false;
  generation_ = outcome.generation;
  file_bytes_ = outcome.file_bytes;
  frames_ = outcome.frames;
  durable_ = batch.last;
  for (auto& [id, place] : outcome.places) {
    if (const auto found = contents_.find(id); found != contents_.end()) {
      found->second = std::move(place);
    }
  }
  std::erase_if(idle_, [&](const auto& idle) FTPSFS_NO_ANALYSIS {
    if (idle.first > durable_) {
      return false;
    }
    const auto found = contents_.find(idle.second);
    if (found != contents_.end()) {
      if (found->second.in_own_file()) {
        bytes_in_files_ -= found->second.size;
        outcome.idle.push_back(idle.second);
      } else {
        needed_in_records_ -= found->second.size;
      }
      contents_.erase(found);
    }
    return true;
  });
}

void Journal::remove_files(const std::vector<ContentId>& idle) const {
  for (const ContentId id : idle) {
    if (const auto gone = directory_.remove(content_file_name(id)); !gone) {
      log::warning("journal: {}", gone.error().text);
    }
  }
}

std::uint64_t Journal::needed_bytes() const {
  return needed_in_records_ + ledger_.intentions().size() * 2 * kBytesOfIntention;
}

}  // namespace ftpsfs::writeback
