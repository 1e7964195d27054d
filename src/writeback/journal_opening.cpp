// SPDX-License-Identifier: MIT
//
// Journal: what an earlier process has left.
#include <unistd.h>

#include <algorithm>
#include <set>

#include "ftpsfs/base/log.hpp"
#include "journal_parts.hpp"
#include "mapped_file.hpp"

namespace ftpsfs::writeback {
namespace {

constexpr Duration kLongestOpening = std::chrono::minutes(5);

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(JournalSettings settings) {
  FTPSFS_TRY_ASSIGN(JournalDirectory directory,
                    JournalDirectory::open(settings.directory, settings.identity));
  std::unique_ptr<Journal> journal(new Journal(std::move(settings), std::move(directory)));
  FTPSFS_TRY(journal->recover());
  return journal;
}

Result<void> Journal::recover() {
  FTPSFS_TRY_ASSIGN(const std::vector<std::string> names, directory_.names());
  std::uint64_t newest = 0;
  for (const std::string& name : names) {
    newest = std::max(newest, number_in(name, kGenerationPrefix).value_or(0));
  }
  if (newest != 0) {
    FTPSFS_TRY(read_generation(newest));
  }
  FTPSFS_TRY(sort_out(names));
  Ticket all = 0;
  {
    const MutexLock lock(mutex_);
    all = ++appended_;  // so that there is a file, and what was found out is in it
    must_begin_anew_ = must_begin_anew_ || !generation_;
  }
  return commit(all, Wait::for_at_most(kLongestOpening));
}

Result<void> Journal::read_generation(std::uint64_t number) {
  auto generation = std::make_shared<Generation>();
  generation->number = number;
  const std::string name = generation_name(number);
  FTPSFS_TRY_ASSIGN(generation->file, directory_.open_file(name));
  FTPSFS_TRY_ASSIGN(const MappedFile text, MappedFile::map(generation->file.get(), name));
  std::string identity;
  const MutexLock lock(mutex_);
  const JournalEnd end =
      read_journal(text.bytes(), [&](std::size_t offset, const Frame& frame) FTPSFS_NO_ANALYSIS {
        take_record(generation, offset, frame, identity);
      });
  if (end.frames > 0 && identity != settings_.identity) {
    return make_error(Errc::invalid_argument,
                      fmt::format("{}/{} is the journal of {}, not of {}", directory_.path(), name,
                                  identity, settings_.identity));
  }
  if (end.frames == 0) {
    // It got its name when it was whole.
    return make_error(Errc::invalid_argument,
                      fmt::format("{}/{} is damaged, or of another version of ftpsfs; move the "
                                  "directory away to begin a new journal",
                                  directory_.path(), name));
  }
  generation_ = std::move(generation);
  file_bytes_ = end.bytes;
  frames_ = end.frames;
  damaged_ = end.damaged;
  if (end.bytes < text.bytes().size()) {
    log::info("journal: {} bytes of an unfinished write are cut off",
              text.bytes().size() - end.bytes);
    if (!damaged_ && ::ftruncate(generation_->file.get(), static_cast<off_t>(end.bytes)) != 0) {
      return local_error("cannot cut", name);
    }
  }
  return {};
}

void Journal::take_record(const std::shared_ptr<Generation>& generation, std::size_t offset,
                          const Frame& frame, std::string& identity) {
  if (const auto* header = std::get_if<HeaderRecord>(&frame.record)) {
    identity = header->identity;
  } else if (const auto* content = std::get_if<ContentRecord>(&frame.record)) {
    Place place;
    place.size = content->bytes.size();
    place.record_file = generation;
    place.record_offset = offset;
    place.record_bytes = frame.bytes;
    contents_.insert_or_assign(content->id, std::move(place));
    last_content_ = std::max(last_content_, content->id);
  } else {
    const Edit& edit = std::get<Edit>(frame.record);
    for (const auto& [id, intention] : edit.puts) {
      last_content_ = std::max(last_content_, intention.content);
    }
    for (const ContentId idle : ledger_.apply(edit)) {
      contents_.erase(idle);
    }
  }
}

/// Drops what nobody needs, and marks what cannot be carried out.
Result<void> Journal::sort_out(const std::vector<std::string>& names) {
  const MutexLock lock(mutex_);
  const std::uint64_t current = generation_ ? generation_->number : 0;
  if (damaged_) {
    const std::string aside = fmt::format("damaged-{:016x}", current);
    if (auto kept = directory_.link(generation_name(current), aside);
        !kept && kept.error().code != Errc::already_exists) {
      return kept;
    }
    log::error(
        "journal: {} is damaged; it is kept as {}/{}, and nothing of it is uploaded by itself",
        generation_name(current), directory_.path(), aside);
  }
  std::erase_if(contents_, [this](const auto& content)
                               FTPSFS_NO_ANALYSIS { return !ledger_.needs(content.first); });
  refuse_what_cannot_be(names);
  for (const auto& [id, place] : contents_) {
    (place.in_own_file() ? bytes_in_files_ : needed_in_records_) += place.size;
  }
  for (const std::string& name : names) {
    const auto content = number_in(name, kContentPrefix);
    const auto generation = number_in(name, kGenerationPrefix);
    const bool is_unfinished =
        (generation && *generation < current) || name.ends_with(kUnfinishedSuffix);
    const bool is_idle_content = content && !ledger_.needs(*content);
    last_content_ = std::max(last_content_, content.value_or(0));
    if (is_idle_content && damaged_) {
      // Whom it belonged to may have stood in what is broken.
      FTPSFS_TRY(directory_.rename(name, fmt::format("damaged-{}", name)));
    } else if (is_idle_content || is_unfinished) {
      FTPSFS_TRY(directory_.remove(name));
    }
  }
  return {};
}

void Journal::refuse_what_cannot_be(const std::vector<std::string>& names) {
  const std::set<std::string> there(names.begin(), names.end());
  Edit edit;
  for (const auto& [id, intention] : ledger_.intentions()) {
    Intention changed = intention;
    if (intention.content != 0 && !contents_.contains(intention.content)) {
      const std::string name = content_file_name(intention.content);
      if (there.contains(name) && directory_.size_of(name) == intention.size) {
        contents_.emplace(intention.content, Place{intention.size, nullptr, nullptr, 0, 0});
      } else {
        changed.refusal = "its content is not in the journal, or not whole";
      }
    }
    if (damaged_ && changed.refusal.empty()) {
      changed.refusal = "the journal was damaged, and what stood before or after this is not known";
    }
    if (changed.refusal != intention.refusal) {
      edit.puts.emplace_back(id, std::move(changed));
    }
  }
  if (!edit.empty()) {
    ledger_.apply(edit);
    must_begin_anew_ = true;
  }
}

}  // namespace ftpsfs::writeback
