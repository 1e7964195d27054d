// SPDX-License-Identifier: MIT
//
// Journal: noting and looking up. The opening is in journal_opening.cpp, the writing in
// journal_writing.cpp.
#include "ftpsfs/writeback/journal.hpp"

#include <utility>

#include "ftpsfs/base/log.hpp"
#include "journal_parts.hpp"

namespace ftpsfs::writeback {
namespace {

/// A payload of this size is sound; paths of a kernel's requests are far from it.
constexpr std::size_t kLongestPaths = kLargestPayload / 2;

/// What uploads leave free on the disk, besides room for a new generation: it takes some thousand
/// notes that something has arrived, or was removed again.
constexpr std::uint64_t kRoomForEnds = 1ULL << 20;

std::size_t path_bytes(const Edit& edit) {
  std::size_t bytes = 0;
  for (const auto& [id, intention] : edit.puts) {
    bytes += intention.path.str().size() + intention.target.str().size() +
             intention.refusal.size() + kBytesOfIntention;
  }
  return bytes + edit.drops.size() * sizeof(IntentionId);
}

}  // namespace

Journal::Journal(JournalSettings settings, JournalDirectory directory)
    : settings_(std::move(settings)), directory_(std::move(directory)) {}

Journal::~Journal() = default;

std::map<IntentionId, Intention> Journal::intentions() const {
  const MutexLock lock(mutex_);
  return ledger_.intentions();
}

IntentionId Journal::last_intention() const {
  const MutexLock lock(mutex_);
  return ledger_.last_intention();
}

std::unique_ptr<ContentDraft> Journal::draft() {
  const MutexLock lock(mutex_);
  return std::make_unique<ContentDraft>(directory_, ++last_content_,
                                        [this](std::uint64_t bytes) { return check_room(bytes); });
}

/// Without it a full disk would stay full: what has arrived gives its room back when that is noted.
Result<void> Journal::check_room(std::uint64_t bytes) const {
  const auto free =
      settings_.free_bytes ? std::optional(settings_.free_bytes()) : directory_.free_bytes();
  const MutexLock lock(mutex_);
  return !free || *free >= bytes + needed_bytes() + kRoomForEnds
             ? Result<void>()
             : make_error(Errc::no_space, "the disk under the journal is full");
}

Result<Journal::Ticket> Journal::append(const Edit& edit, std::unique_ptr<ContentDraft> content) {
  if (path_bytes(edit) > kLongestPaths) {
    return make_error(Errc::name_too_long, "a path is too long to be kept in the journal");
  }
  const MutexLock lock(mutex_);
  if (content) {
    Place place;
    place.size = content->size();
    place.bytes = content->bytes();
    if (place.bytes) {
      needed_in_records_ += place.size;
      pending_.emplace_back(PendingContent{content->id(), place.bytes});
    } else {
      bytes_in_files_ += place.size;
      content->keep();
    }
    contents_.emplace(content->id(), std::move(place));
  }
  ++appended_;
  for (const ContentId idle : ledger_.apply(edit)) {
    idle_.emplace_back(appended_, idle);
  }
  pending_.emplace_back(edit);
  return appended_;
}

Result<std::unique_ptr<ContentReader>> Journal::open_content(ContentId id) const {
  Place place;
  {
    const MutexLock lock(mutex_);
    const auto found = contents_.find(id);
    if (found == contents_.end()) {
      return make_error(Errc::not_found, "its content is not in the journal");
    }
    place = found->second;
  }
  if (place.bytes) {
    return std::make_unique<ContentReader>(place.bytes);
  }
  if (place.record_file) {
    FTPSFS_TRY_ASSIGN(auto bytes, read_record(place, id));
    return std::make_unique<ContentReader>(std::move(bytes));
  }
  auto file = directory_.open_file(content_file_name(id));
  if (!file) {
    return not_readable_now(std::move(file).error());
  }
  return std::make_unique<ContentReader>(*std::move(file), place.size);
}

Result<std::shared_ptr<const std::string>> Journal::read_record(const Place& place, ContentId id) {
  std::vector<std::byte> text(static_cast<std::size_t>(place.record_bytes));
  const auto got = read_at(place.record_file->file.get(), place.record_offset, text, "the journal");
  if (!got) {
    return not_readable_now(got.error());
  }
  const auto frame = read_frame(std::span(text).first(*got));
  const auto* record = frame ? std::get_if<ContentRecord>(&frame->record) : nullptr;
  if (record == nullptr || record->id != id) {
    return make_error(Errc::io_error, "content in the journal is damaged");
  }
  return std::make_shared<const std::string>(reinterpret_cast<const char*>(record->bytes.data()),
                                             record->bytes.size());
}

std::uint64_t Journal::held_bytes() const {
  const MutexLock lock(mutex_);
  return file_bytes_ + bytes_in_files_;
}

std::uint64_t Journal::content_bytes() const {
  const MutexLock lock(mutex_);
  return needed_in_records_ + bytes_in_files_;
}

std::uint64_t Journal::change_bytes() const {
  const MutexLock lock(mutex_);
  return ledger_.change_bytes();
}

}  // namespace ftpsfs::writeback
