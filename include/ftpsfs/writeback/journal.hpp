// SPDX-License-Identifier: MIT
//
// What was accepted and is still owed, on this machine's disk. An edit that was committed is found
// again after kill -9 and after a power failure; one that was not is found whole or not at all.
//
// On the disk a journal is one file of records, `journal-<generation>`, to which is only appended,
// and a file for each large content. When most of it is of the past, or when writing has failed, a
// new generation is written with what is still needed, and takes the old one's place by a rename.
//
// Thread-safe. Several that commit at the same time share one fdatasync(2).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/writeback/content.hpp"
#include "ftpsfs/writeback/journal_directory.hpp"
#include "ftpsfs/writeback/ledger.hpp"
#include "ftpsfs/writeback/record.hpp"

namespace ftpsfs::writeback {

struct JournalSettings {
  std::string directory;  ///< where journals lie
  std::string identity;   ///< server and user
  /// A new generation is worth writing when so many bytes are of the past, and more than are
  /// needed.
  std::uint64_t most_idle_bytes = 4ULL << 20;
  /// For tests: called without a mutex each time before records are brought to the disk, where a
  /// slow one would take its time.
  std::function<void()> before_sync = {};
  /// For tests: what the disk has free. Else it is asked.
  std::function<std::uint64_t()> free_bytes = {};
};

class Journal {
 public:
  /// Takes the lock, reads what is there, cuts off a torn end.
  ///
  /// Where something that had been promised is broken, the file is kept aside (`damaged-…`) and
  /// each intention bears a refusal that says so: what would come of carrying out only a part of
  /// them nobody can tell.
  /// @errors as JournalDirectory::open(); invalid_argument: of another server or another version.
  static Result<std::unique_ptr<Journal>> open(JournalSettings settings);
  ~Journal();

  const std::string& path() const noexcept { return directory_.path(); }

  /// All that is owed.
  std::map<IntentionId, Intention> intentions() const;
  /// The greatest that it has ever seen; 0: none.
  IntentionId last_intention() const;
  /// Did the opening find damage?
  bool damaged() const noexcept { return damaged_; }

  /// Room for the bytes of an upload. It takes none that the journal itself will need: a disk that
  /// uploads alone have filled has room for a new generation, and to note what arrives.
  /// @pre the journal outlives it.
  std::unique_ptr<ContentDraft> draft();

  using Ticket = std::uint64_t;

  /// Notes the edit, in the order of the calls, and the content that it names. No I/O: it is not
  /// kept before commit().
  /// @param content null, or sealed. @errors name_too_long: nothing was noted.
  Result<Ticket> append(const Edit& edit, std::unique_ptr<ContentDraft> content = nullptr);

  /// Returns when the edit with this ticket, and all before it, are on the disk.
  /// @param wait its stop alone: who writes goes on to the end, and who waits for that gives up no
  /// sooner because of time. A slow disk is not a server's silence.
  /// @errors no_space, io_error: it may or may not be found again, and the next commit tries to
  /// write it once more; cancelled: another thread is still writing; timed_out: so it is since ten
  /// minutes.
  Result<void> commit(Ticket ticket, const Wait& wait);

  /// @errors not_found; busy: it cannot be read now; io_error: it is not what was written.
  Result<std::unique_ptr<ContentReader>> open_content(ContentId id) const;

  /// What the journal takes on the disk.
  std::uint64_t held_bytes() const;
  /// The content in it that is still needed.
  std::uint64_t content_bytes() const;
  /// What the changes in it cost: see change_cost().
  std::uint64_t change_bytes() const;

 private:
  /// One file of records; readers keep it open beyond its time.
  struct Generation {
    std::uint64_t number = 0;
    UniqueFd file;
  };
  /// Where a content is.
  struct Place {
    std::uint64_t size = 0;
    std::shared_ptr<const std::string> bytes;  ///< not yet in a record
    std::shared_ptr<const Generation> record_file;
    std::uint64_t record_offset = 0;  ///< of its frame
    std::uint64_t record_bytes = 0;

    bool in_own_file() const noexcept { return !bytes && !record_file; }
  };
  struct PendingContent {
    ContentId id = 0;
    std::shared_ptr<const std::string> bytes;
  };
  using PendingRecord = std::variant<PendingContent, Edit>;
  struct Batch;
  struct Outcome;

  explicit Journal(JournalSettings settings, JournalDirectory directory);
  Result<void> recover();
  Result<void> read_generation(std::uint64_t number);
  void take_record(const std::shared_ptr<Generation>& generation, std::size_t offset,
                   const Frame& frame, std::string& identity) FTPSFS_REQUIRES(mutex_);
  Result<void> sort_out(const std::vector<std::string>& names);
  void refuse_what_cannot_be(const std::vector<std::string>& names) FTPSFS_REQUIRES(mutex_);

  Batch take_batch() FTPSFS_REQUIRES(mutex_);
  Result<Outcome> write(const Batch& batch);
  Result<Outcome> write_on(const Batch& batch);
  Result<Outcome> write_anew(const Batch& batch);
  Result<void> sync(int fd, int (*how)(int)) const;
  void settle(const Batch& batch, Outcome& outcome) FTPSFS_REQUIRES(mutex_);
  void remove_files(const std::vector<ContentId>& idle) const;
  static Result<std::shared_ptr<const std::string>> read_record(const Place& place, ContentId id);
  std::uint64_t needed_bytes() const FTPSFS_REQUIRES(mutex_);
  Result<void> check_room(std::uint64_t bytes) const;

  const JournalSettings settings_;
  const JournalDirectory directory_;
  bool damaged_ = false;  ///< set by the opening alone

  mutable Mutex mutex_;
  ConditionVariable changed_;
  Ledger ledger_ FTPSFS_GUARDED_BY(mutex_);
  std::map<ContentId, Place> contents_ FTPSFS_GUARDED_BY(mutex_);
  ContentId last_content_ FTPSFS_GUARDED_BY(mutex_) = 0;
  std::uint64_t needed_in_records_ FTPSFS_GUARDED_BY(mutex_) = 0;
  std::uint64_t bytes_in_files_ FTPSFS_GUARDED_BY(mutex_) = 0;

  std::deque<PendingRecord> pending_ FTPSFS_GUARDED_BY(mutex_);
  /// Contents whose end is noted by an edit that may not be on the disk yet.
  std::vector<std::pair<Ticket, ContentId>> idle_ FTPSFS_GUARDED_BY(mutex_);
  Ticket appended_ FTPSFS_GUARDED_BY(mutex_) = 0;
  Ticket durable_ FTPSFS_GUARDED_BY(mutex_) = 0;
  bool writing_ FTPSFS_GUARDED_BY(mutex_) = false;
  /// What the file holds is not known to be what was noted: only a new generation will do.
  bool must_begin_anew_ FTPSFS_GUARDED_BY(mutex_) = false;

  std::shared_ptr<Generation> generation_ FTPSFS_GUARDED_BY(mutex_);
  std::uint64_t file_bytes_ FTPSFS_GUARDED_BY(mutex_) = 0;
  std::uint64_t frames_ FTPSFS_GUARDED_BY(mutex_) = 0;
};

}  // namespace ftpsfs::writeback
