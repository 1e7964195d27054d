// SPDX-License-Identifier: MIT
//
// The content of one inode while somebody has it open: shared by all its handles, so that what one
// writes another reads. It is in one of three states:
//
//   OnServer   the server has all of it; reads stream from there
//   Streaming  sequential writing: bytes flow to the server (STOR, APPE)
//   Staged     a local copy, for everything else; uploaded when it is published
//
// "Publishing" is what makes content visible under the file's name: finishing the transfer,
// checking the size, and renaming over the old file when there is one (SEMANTICS, rule 3).
//
// Thread-safe. The gate orders everything that changes the state, across I/O; the mutex guards the
// members and is never held across I/O.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/fs/types.hpp"
#include "ftpsfs/transfer/file_reader.hpp"
#include "ftpsfs/transfer/staged_file.hpp"
#include "ftpsfs/transfer/write_stream.hpp"
#include "gate.hpp"
#include "given_content.hpp"
#include "growth.hpp"
#include "services.hpp"

namespace ftpsfs::fs {

class OpenFile;

/// One open(2) of a file.
struct FileHandle {
  HandleId id = 0;
  std::shared_ptr<OpenFile> file;
  int flags = 0;
  pid_t opener = 0;  ///< process (not thread) that opened it; 0 when unknown
  /// The last write was interrupted: the program is about to end, and its close must not wait.
  std::atomic<bool> interrupted = false;
  /// Another process than the opener has closed it with something owed: perhaps the writer, which
  /// was told that all is well. (dash opens a redirected file itself, and does not look at what its
  /// own close says.)
  std::atomic<bool> left_by_child = false;
  /// Something was written at the end, wherever the kernel believed that to be.
  std::atomic<bool> appended = false;
  /// The kernel was told that the pages which it may have are still good.
  std::atomic<bool> pages_kept = false;
  /// Failures of the file up to this one were before the open: they are not this program's.
  std::uint64_t failures_before = 0;

  // Guarded by the file's mutex.
  std::shared_ptr<transfer::FileReader> reader;
  std::uint64_t reader_epoch = 0;
  /// What was read of the file for its size, where the server tells none: this handle's alone, as
  /// nothing else may show that a later opening finds another version.
  std::shared_ptr<FileAhead> kept;
  std::uint64_t kept_epoch = 0;

  /// Opened with O_CREAT, even if only for reading: lock files are made this way.
  bool created = false;

  bool writable() const;
  /// Is its close one that publishes?
  bool publishes() const;
};

class OpenFile : public std::enable_shared_from_this<OpenFile> {
 public:
  /// A file that the server has.
  OpenFile(Services& services, Ino ino, const remote::Entry& entry);
  /// A new file that the server will get when it is published.
  static std::shared_ptr<OpenFile> make_new(Services& services, Ino ino, std::uint16_t mode);

  Ino ino() const { return ino_; }

  /// Waits for the exclusive right to change the content's state.
  Result<Gate::Pass> enter(const Wait& wait) { return gate_.enter(wait); }
  /// The same for what must not fail because another operation on the file, which works, takes
  /// longer than one answer of the server may: until the stop token fires.
  Result<Gate::Pass> enter_behind_others(const Wait& wait);
  struct Turn {
    Gate::Pass pass;
    Wait wait;  ///< with what was left of the time before
  };
  /// The same for who has more to do: the time at the gate is not the server's silence.
  Result<Turn> await_turn(const Wait& wait);

  /// Its content may have been read, or may be on its way, ahead of this opening.
  void adopt_ahead();

  /// The kernel keeps the pages of an earlier opening, of which this is remembered.
  void note_pages(const ContentTrace& trace);
  /// What is to be remembered for a later one.
  std::optional<ContentTrace> trace() const;

  /// Somebody may write: from now on the kernel is given no pages that it has not asked for.
  void stop_giving_pages();

  // Reading. Needs no gate unless the content must be staged first.
  std::optional<Result<Slices>> find_content(FileHandle& handle, std::uint64_t offset,
                                             std::size_t size);
  Result<Slices> read(FileHandle& handle, std::uint64_t offset, std::size_t size,
                      const Request& request);

  // Writing.
  std::optional<Result<void>> try_write(FileHandle& handle, WritePlace place, const Slice& data);
  Result<void> write(FileHandle& handle, WritePlace place, const Slice& data,
                     const Request& request);

  // With the gate's pass in the caller's hand:
  /// Content becomes empty; the server's file stays until the replacement is published.
  void begin_replacement();
  Result<void> truncate(std::uint64_t size, const std::stop_token& stop);
  /// As fallocate(2). @errors unsupported: a mode that is not known.
  Result<void> allocate(int mode, transfer::Range range, const std::stop_token& stop);
  /// Makes everything written so far visible and confirmed under the file's name.
  /// @param failures_before as in verdict(), which it gives when nothing is owed; default: no
  /// program asks.
  /// @errors cancelled: nothing is lost, publish again. Others stay as the file's verdict.
  Result<void> publish(const std::stop_token& stop,
                       std::uint64_t failures_before = std::numeric_limits<std::uint64_t>::max());
  /// For a close before the first byte (a shell's redirect): a new file is made, and the hidden
  /// file that will replace an existing one is begun, so that a refusal is told by the writes to
  /// come, which programs heed, and not only by the last close, which shells ignore.
  Result<void> begin_upload(const std::stop_token& stop, std::uint64_t failures_before);
  /// The name is about to go while handles stay: content that is not on the server yet stays
  /// local, what is there stays there (the caller renames it out of sight).
  /// @return whether the server has a file under the name.
  Result<bool> prepare_orphan(const std::stop_token& stop);
  /// Takes a local copy of a removed file that still lies on the server under a hidden name, so
  /// that the caller may delete it there.
  Result<void> bring_home(const std::stop_token& stop);
  /// Where only a local copy can tell the size with what was appended here, it is taken.
  Result<void> settle_size(const std::stop_token& stop);
  /// The last handle goes, or the mount: what is owed and lies in a local copy is kept for its
  /// owner. Once.
  void rescue();
  /// From now on nothing is published any more.
  void mark_orphan(bool hidden_on_server);

  /// The FLUSH policy: is there anything for a flush to publish?
  bool written_since_flush() const;
  /// The last verdict, for a flush that has nothing to publish. Failures are counted, and only
  /// those after the first `failures_before` are told.
  Result<void> verdict(std::uint64_t failures_before) const;
  std::uint64_t failures() const;
  /// A program was told that this content has not reached the server. Holds until the next write.
  /// @return had this opening's loss been noted?
  bool note_told();
  void note_lost();
  bool is_told() const;
  bool owes_upload() const;
  bool is_orphan() const;
  bool hidden_on_server() const;
  bool on_server() const;
  remote::FileVersion version() const;

  /// Size and time while the server does not have them yet.
  struct LocalView {
    std::optional<std::uint64_t> size;  ///< absent: neither the server nor anything here tells
    std::int64_t mtime_seconds = 0;
    std::optional<std::uint16_t> mode;
    bool orphan = false;
  };
  /// To be taken once for an answer: when it is asked for again the upload may have ended.
  std::optional<LocalView> local_view() const;

  /// While an upload is owed: mode and time travel with it. @return false: nothing is owed.
  bool defer_mode(std::uint16_t mode);
  bool defer_mtime(std::optional<std::int64_t> unix_seconds);

  /// The server was asked anew: growth is followed.
  /// @return whether pages cached from before still hold.
  bool observe(const remote::Entry& entry);
  /// What may be told of the size: less for the moment that the kernel takes to drop its last page,
  /// which ends with the file as it was.
  /// @param asker the kernel, where what this returns goes there in any case.
  std::uint64_t tellable_size(std::uint64_t size, Asker asker);
  /// Until what is known now may be told, but not for long: the kernel may be waiting for pages
  /// that are being read.
  void await_tellable(const Wait& wait);
  /// Does the name stand for another file by now? The handles keep the old one.
  bool is_replaced(const remote::Entry& entry) const;
  /// The mount itself changed the server's mtime.
  void note_mtime(std::int64_t unix_seconds);
  void note_mode(std::uint16_t mode);

 private:
  struct OnServer {};
  struct Streaming {
    std::shared_ptr<transfer::WriteStream> stream;
    remote::WriteMode mode;
    std::optional<std::uint64_t> base;  ///< bytes before the stream's first; absent: not told
    std::string temporary;  ///< hidden name that receives them; empty: the file's own name
    /// Where the server does not tell: as many as reading the file has shown. Only to be shown.
    std::optional<std::uint64_t> measured_base{};

    /// The file's size with the stream's bytes, if it is known.
    std::optional<std::uint64_t> end() const {
      return base ? std::optional(*base + stream->accepted()) : std::nullopt;
    }
    std::optional<std::uint64_t> shown_end() const {
      return measured_base ? std::optional(*measured_base + stream->accepted()) : end();
    }
  };
  struct Staged {
    std::shared_ptr<transfer::StagedFile> copy;
    bool dirty = false;
    bool all_ours = false;  ///< nothing of it was read from the server before we wrote
    // Of one that is not dirty:
    bool is_published = false;  ///< the server has had all of it
    bool is_behind = false;     ///< the server's file is known to have grown since
    bool is_outlived = false;   ///< what seemed to have grown is another file
  };
  using Content = std::variant<OnServer, Streaming, Staged>;

  OpenFile(Services& services, Ino ino, bool behind_link);

  /// Is nothing of it from before we wrote?
  static bool is_all_ours(const Streaming& streaming) {
    return streaming.mode == remote::WriteMode::replace || streaming.base == 0;
  }
  transfer::PathProvider own_path() const;
  transfer::PathProvider sibling_path(std::string name) const;
  transfer::PathProvider target_path(const std::string& temporary) const;

  /// What was read ahead, as long as it is the content that readers see.
  std::shared_ptr<FileAhead> ahead_locked() FTPSFS_REQUIRES(mutex_);
  std::optional<Slices> find_ahead(const FileAhead::Content& whole, std::uint64_t offset,
                                   std::size_t size) const FTPSFS_REQUIRES(mutex_);

  /// What was read for the size, as long as the handle is to see that.
  FileAhead::Content kept_content(FileHandle& handle, std::uint64_t offset,
                                  FilesAhead::Dropped& dropped) FTPSFS_REQUIRES(mutex_);

  using Outdated = std::shared_ptr<transfer::FileReader>;
  std::shared_ptr<transfer::FileReader> reader(FileHandle& handle, Outdated& outdated)
      FTPSFS_REQUIRES(mutex_);
  /// Pages of a file, and what they are of.
  struct PageSource {
    std::shared_ptr<PageGate> gate;  ///< null: none are to be given
    remote::FileVersion version;
    std::uint64_t epoch = 0;
  };
  /// @return as transfer::Leftovers.
  transfer::Taken give_pages(transfer::Leftover pages, const PageSource& source);
  PageTicket admit_pages(const PageSource& source);
  bool holds(const PageSource& source) const FTPSFS_REQUIRES(mutex_);
  /// How things were when the server was asked.
  struct Asked {
    std::uint64_t epoch;
    std::uint64_t steps;  ///< of growth
  };
  transfer::OriginProvider origin(std::uint64_t epoch);
  Result<void> check_version(const remote::FileVersion& observed, std::uint64_t offset,
                             transfer::Overlap overlap, const Asked& asked);
  void note_growth(const remote::FileVersion& observed);
  /// What is remembered of the file is of another one. @return what to tell programs.
  Error note_replaced();
  static Error replaced_error();
  /// Unless it is being done.
  void drop_old_end();
  /// Does the server still have what was given out last?
  Result<bool> look_back(std::uint64_t epoch, const Wait& wait);
  Result<bool> has_still(const ContentTrace& trace, const Wait& wait);
  GivenContent& given() FTPSFS_REQUIRES(mutex_);
  void note_given_ahead(std::uint64_t offset, const Slices& bytes) FTPSFS_REQUIRES(mutex_);
  /// Growth knows of it.
  class ReadUnderWay {
   public:
    explicit ReadUnderWay(OpenFile& file);
    ~ReadUnderWay();
    ReadUnderWay(const ReadUnderWay&) = delete;
    ReadUnderWay& operator=(const ReadUnderWay&) = delete;

   private:
    OpenFile& file_;
    SteadyTime begun_;
  };
  Result<Slices> read_to_known_end(FileHandle& handle, std::uint64_t offset, std::size_t size,
                                   const Request& request);
  Result<Slices> read_once(FileHandle& handle, std::uint64_t offset, std::size_t size,
                           const Request& request);

  Content content() const;
  enum class Comparison : std::uint8_t { same, grown, other };
  Comparison compare(const remote::Entry& entry) const FTPSFS_REQUIRES(mutex_);
  /// Was the server asked, or did it tell, so recently that nothing is asked again?
  bool is_version_recent() const FTPSFS_REQUIRES(mutex_);
  /// Absent: the server does not tell.
  std::optional<std::uint64_t> size_locked() const FTPSFS_REQUIRES(mutex_);
  bool owes_locked() const FTPSFS_REQUIRES(mutex_);
  /// What the server has under the name, if anything, says nothing of this content.
  bool is_ours_newer() const FTPSFS_REQUIRES(mutex_) { return owes_locked() || orphan_; }
  void note_written() FTPSFS_REQUIRES(mutex_);
  /// Changes the local copy, unless it is behind by now: then it does nothing, and returns false.
  using Change = std::function<Result<void>(transfer::StagedFile&)>;
  Result<bool> try_change(const Change& change);
  /// The name under which content is uploaded; empty: the file's own.
  /// Does the file lie where content is padded to records (a library of IBM i)? What is appended
  /// there does not stand behind the bytes that were sent, but behind the padding.
  bool is_padded() const;
  std::string temporary_for(bool on_server) const;
  Streaming make_stream(remote::WriteMode mode, std::optional<std::uint64_t> base,
                        std::string temporary);
  Result<void> write_to(const FileHandle& handle, WritePlace place, const Slice& data,
                        const Request& request);
  Result<void> begin_append(WritePlace place, std::optional<std::uint64_t> size, const Wait& wait);
  /// Where the server does not append. @param has_grown the file is another than the known one.
  Result<void> begin_append_elsewhere(bool is_empty, bool has_grown, const std::stop_token& stop);
  /// What a stuck stream has accepted goes on in another way; until it does, the stream keeps it.
  /// @pre stream.is_stuck().
  Result<void> leave_stuck(const Streaming& streaming, const std::stop_token& stop);

  /// @pre is_copy_valid() has been asked.
  Result<void> resize_copy(std::uint64_t size, const std::stop_token& stop);

  Result<void> stage(const std::stop_token& stop);
  /// The copy is no longer the content: the server has more.
  bool is_copy_behind() const FTPSFS_REQUIRES(mutex_);
  /// Then the server's file is the content again, if it begins as the copy does. With the gate's
  /// pass. @errors of asking the server.
  Result<void> leave_copy_behind(const Wait& wait);
  /// The same for what goes to the end of whatever is there.
  void leave_copy_for_append();
  /// Others may have written to the file since it was published from its copy, and are not to be
  /// written over. @return whether the copy is still the content.
  /// @errors stale: what is to be written was meant for another content.
  Result<bool> is_copy_valid(WritePlace place, const Wait& wait);
  /// What try_change() does, with a copy made if there is none. @pre is_copy_valid() has been
  /// asked.
  /// @param place where it begins
  Result<void> change_copy(WritePlace place, const std::stop_token& stop, const Change& change);
  /// A copy into which the server's content comes as it is touched.
  Result<std::shared_ptr<transfer::StagedFile>> sparse_copy(const std::stop_token& stop);
  Result<std::shared_ptr<transfer::StagedFile>> empty_copy() const;
  /// stage(), and the copy.
  Result<std::shared_ptr<transfer::StagedFile>> staged_copy(const std::stop_token& stop);
  Result<void> stage_from_stream(const Streaming& streaming, const std::stop_token& stop);
  Result<std::shared_ptr<transfer::StagedFile>> fetch_copy(const transfer::PathProvider& path,
                                                           bool check, const std::stop_token& stop);

  Result<void> publish_stream(const Streaming& streaming, const std::stop_token& stop);
  Result<void> publish_copy(const Staged& staged, const std::stop_token& stop);
  /// What the server shall be told of mode and time along with the last bytes of an upload to
  /// `temporary`.
  remote::UploadTail tail_for(const std::string& temporary);
  /// The one that is owed, or that of the file which a hidden name is to replace. @return nullopt:
  /// none, or the server gives it anyway.
  std::optional<std::uint16_t> mode_to_send(bool to_hidden_name) const FTPSFS_REQUIRES(mutex_);
  Result<void> install(remote::FinishedUpload end, remote::UploadTail tail,
                       const std::string& temporary);
  /// For all together that follows an upload's bytes.
  Wait wait_behind(const remote::FinishedUpload& end) const;
  Result<void> put_in_place(const std::string& temporary, remote::UploadTail& tail,
                            remote::FinishedUpload& end, const Wait& wait);
  Result<void> move_part(const remote::RemotePath& part, remote::UploadTail& tail,
                         remote::FinishedUpload& end, const Wait& wait);
  void set_mode_of_part(const remote::RemotePath& part, remote::UploadTail& tail,
                        remote::FinishedUpload& end, const Wait& wait);
  void apply_tail(const remote::RemotePath& path, bool made_file, const remote::UploadTail& tail,
                  remote::FinishedUpload& end, const Wait& wait);
  void apply_mode(const remote::RemotePath& path, bool made_file, const remote::UploadTail& tail,
                  const remote::FinishedUpload& end, const Wait& wait);
  void apply_mtime(const remote::RemotePath& path, const remote::UploadTail& tail,
                   remote::FinishedUpload& end, const Wait& wait);
  void learn_mode(const remote::RemotePath& path, const Wait& wait);
  void remember_published(const remote::FileVersion& version);
  void note_whole(const remote::RemotePath& path);
  Result<void> settle_verdict(Result<void> outcome);
  void forget_verdict() FTPSFS_REQUIRES(mutex_);
  void remove_temporary(const std::string& temporary, const Wait& wait);
  /// Behind `failure`, which a program waits to be told of.
  void clear_away(const std::string& temporary, const Error& failure);

  Services& services_;
  const Ino ino_;
  /// The name is a link's: a rename over it would replace the link, and not the file.
  const bool behind_link_;
  Gate gate_;

  mutable Mutex mutex_;
  Content content_ FTPSFS_GUARDED_BY(mutex_);
  remote::FileVersion version_ FTPSFS_GUARDED_BY(mutex_);  ///< of what the server has
  GivenContent given_ FTPSFS_GUARDED_BY(mutex_);
  std::uint64_t given_epoch_ FTPSFS_GUARDED_BY(mutex_) = 1;
  SteadyTime version_seen_ FTPSFS_GUARDED_BY(mutex_);
  bool on_server_ FTPSFS_GUARDED_BY(mutex_) = false;  ///< the name exists there
  bool rescued_ FTPSFS_GUARDED_BY(mutex_) = false;
  bool orphan_ FTPSFS_GUARDED_BY(mutex_) = false;
  bool hidden_on_server_ FTPSFS_GUARDED_BY(mutex_) = false;
  bool written_ FTPSFS_GUARDED_BY(mutex_) = false;  ///< since the last flush that published
  bool lost_noted_ FTPSFS_GUARDED_BY(mutex_) = false;
  bool told_ FTPSFS_GUARDED_BY(mutex_) = false;            ///< of a failure, since the last write
  std::int64_t changed_at_ FTPSFS_GUARDED_BY(mutex_) = 0;  ///< local time of the last change
  std::optional<Error> verdict_ FTPSFS_GUARDED_BY(mutex_);
  std::uint64_t failures_ FTPSFS_GUARDED_BY(mutex_) = 0;  ///< the verdict's number
  /// The verdict is of bytes that no later success brings back.
  bool bytes_lost_ FTPSFS_GUARDED_BY(mutex_) = false;
  std::optional<std::uint16_t> mode_ FTPSFS_GUARDED_BY(mutex_);  ///< what is shown, once known
  bool mode_owed_ FTPSFS_GUARDED_BY(mutex_) = false;
  std::optional<std::int64_t> mtime_owed_ FTPSFS_GUARDED_BY(mutex_);
  // Sent along with an upload since the last tail was applied: an interrupted close may have been
  // overtaken by its upload, and then the server has what nobody wants any more.
  bool mode_sent_ FTPSFS_GUARDED_BY(mutex_) = false;
  bool mtime_sent_ FTPSFS_GUARDED_BY(mutex_) = false;
  /// Counts changes of the content made here: read streams of an older count are thrown away.
  std::uint64_t epoch_ FTPSFS_GUARDED_BY(mutex_) = 1;
  std::shared_ptr<FileAhead> ahead_ FTPSFS_GUARDED_BY(mutex_);
  std::uint64_t ahead_epoch_ FTPSFS_GUARDED_BY(mutex_) = 0;
  bool gives_pages_ FTPSFS_GUARDED_BY(mutex_) = true;
  Growth growth_ FTPSFS_GUARDED_BY(mutex_);
  /// A transfer has found another file under the name: who opens it now is to have that one.
  bool is_outlived_ FTPSFS_GUARDED_BY(mutex_) = false;
  ConditionVariable growth_told_;
};

}  // namespace ftpsfs::fs
