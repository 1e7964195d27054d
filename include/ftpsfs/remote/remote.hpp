// SPDX-License-Identifier: MIT
//
// The server in terms of files. Everything above speaks to this interface alone; FtpRemote
// implements it over a pool of FTPS sessions, FakeRemote (tests) in memory. It caches nothing. No
// member has a body here: whoever stands before another Remote must say what becomes of each.
// Thread-safe: any member from any thread. Readers and writers belong to one thread at a time.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ftpsfs/base/digest.hpp"
#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/remote/entry.hpp"
#include "ftpsfs/remote/remote_path.hpp"

namespace ftpsfs::remote {

/// What this server can do, as far as it is known. Grows more precise while the mount lives.
struct RemoteTraits {
  bool stat_is_cheap = false;  ///< one name can be asked without listing its directory (MLST)
  bool exact_listing = false;  ///< listings tell times to the second (MLSD)
  bool case_sensitive = true;
  bool can_set_mtime = false;
  bool can_set_mode = false;
  bool can_symlink = false;
  bool tells_space = true;  ///< space() may know something
  bool appends = true;      ///< an upload may end before its time, and go on later
  bool appends_surely = true;
  /// Changes are accepted before the server has them. An upload shows when it is finished, and
  /// replaces what was there in one step.
  bool writes_back = false;
  /// The time for a listing may grow with the square of the names: none is listed ahead that is not
  /// known to be small.
  bool listing_slow_when_large = false;
  /// Many listings ahead cost little more than one; else each takes a transfer.
  bool listings_share_flight = false;
  /// How many directories list_ahead() had best be given at a time.
  std::size_t listings_at_once = 1;
};

/// Asked from any thread, at most once for a stream: "give your connection back soon". The stream's
/// owner answers by destroying (reader) or finishing (writer) it when it can. Must not block.
using YieldRequest = std::function<void()>;

/// Bytes of a file: from `begin` up to, not including, `end`, or to the end of the file.
struct ByteRange {
  ByteRange(std::uint64_t first, std::optional<std::uint64_t> behind = {})  // an offset is a range
      : begin(first), end(behind) {}

  std::uint64_t begin;
  std::optional<std::uint64_t> end;  ///< @pre begin < *end, and the file is known to be that long
};

/// One RETR. Destroying it before the end cuts the transfer.
class RemoteReader {
 public:
  virtual ~RemoteReader() = default;

  /// What the server told of the file just before the transfer began.
  virtual const FileVersion& version() const = 0;

  /// Reads at least one byte into `buffer`. @return bytes read; 0 only at an end of data that is
  /// authenticated (close_notify or matching size) and confirmed by a final 2xx.
  /// @errors timed_out, cancelled (may be called again), closed, truncated, refused…: the reader is
  /// of no further use.
  virtual Result<std::size_t> read(std::span<std::byte> buffer, const Wait& wait) = 0;
};

/// What a file shall have when its bytes have arrived; absent: whatever the server gives.
struct UploadTail {
  std::optional<std::int64_t> mtime;  ///< Unix seconds
  std::optional<std::uint16_t> mode;
  /// Of the whole file: the server is asked whether its content has it. Nothing is changed by that.
  std::optional<Digest> digest{};
  /// No older file stands under the name whose time and mode it would change should its bytes be
  /// refused: it may travel in front of them.
  bool may_lead = false;

  bool empty() const { return !mtime && !mode; }
};

/// The end of an upload whose bytes have arrived.
struct FinishedUpload {
  /// What the server tells of the file with its tail set: size and mtime where it can.
  FileVersion version;
  // Absent: the tail did not ask for it.
  std::optional<Result<void>> mtime_set;          ///< @errors as Remote::set_mtime
  std::optional<Result<void>> mode_set;           ///< @errors as Remote::set_mode
  std::optional<Result<void>> content_checked{};  ///< @errors as Remote::check_content
};

/// One STOR or APPE. Destroying it before finish() resets the transfer: what the server keeps is
/// unknown.
class RemoteWriter {
 public:
  virtual ~RemoteWriter() = default;

  /// Nothing of it shows before finish(), then all of it at once, and it holds no connection: to
  /// end it early would show a part, and help nobody.
  virtual bool arrives_whole() const = 0;

  /// Writes all of `data`. After any error the writer is of no further use.
  virtual Result<void> write(std::span<const std::byte> data, const Wait& wait) = 0;

  /// The digest by which the file's content should be compared. @return nullopt: it cannot be, or
  /// need not be; nobody then computes one.
  virtual std::optional<DigestAlgorithm> digest() const = 0;

  /// Ends the data and awaits the server's verdict (2xx); then sets the tail and asks for size and
  /// time, all in one flight on the same session. A link that fails behind the verdict is no
  /// failure: the rest is done on another session. Once there is a verdict a tail is set whatever
  /// the wait's stop token says.
  /// @return the caller compares the size, and heeds what is said of the content.
  virtual Result<FinishedUpload> finish(const UploadTail& tail, const Wait& wait) = 0;
};

enum class WriteMode : std::uint8_t {
  replace,  ///< STOR: the name is truncated at once
  append,   ///< APPE
};

/// Takes entries of a listing before it is whole. Some may have come before: the server may be
/// asked again when the link fails.
/// @return the limit of what is still to come, from now on; nullopt: it stays as it is.
using ArrivalSink = std::function<std::optional<Wait>(std::vector<Entry> arrived)>;

/// What helps to list a directory fast.
struct ListingHints {
  /// A name whose exact time is wanted as well, where that costs nothing more.
  std::string_view timed = {};
  /// The directory's own size, as its parent's listing tells it.
  std::optional<std::uint64_t> directory_bytes = std::nullopt;
  /// Called by the calling thread, if at all: for long listings whose entries are certain before
  /// the end. Symlinks come without their targets, directories without sizes.
  ArrivalSink arriving = {};

  /// Some thousand names at most, on any file system: a few blocks where it counts blocks; less
  /// than a block where it counts names (ZFS) or their bytes.
  bool is_small() const {
    return directory_bytes && (*directory_bytes <= kBlock ||
                               (*directory_bytes <= kSmall && *directory_bytes % kSector == 0));
  }
  /// Some hundred at most: one block, or less than a sector.
  bool is_tiny() const {
    return directory_bytes && (*directory_bytes == kBlock || *directory_bytes <= kSector);
  }
  bool is_large() const { return directory_bytes && *directory_bytes > kSmall; }

  static constexpr std::uint64_t kSector = 512;
  static constexpr std::uint64_t kBlock = 4096;
  static constexpr std::uint64_t kSmall = 64 * 1024;
};

/// Names the directories to be asked for, at the last moment.
using ChooseDirectories = std::function<std::vector<RemotePath>()>;
/// Takes what the server says of the directory with this index.
using ListingSink = std::function<void(std::size_t, Result<Listing>)>;

/// A file that was read from its first byte to its confirmed end.
struct WholeFile {
  FileVersion version;  ///< as the server told just before; its size is that of `bytes`
  std::shared_ptr<const std::byte[]> bytes;
};

/// Names the file to be read, at the last moment; nullopt: none is wanted any more.
using ChooseFile = std::function<std::optional<RemotePath>()>;

/// A small file that is to be read ahead of need.
struct FileAheadOfNeed {
  ChooseFile choose;  ///< called on the reading thread, once at most, when there is a connection
  std::uint64_t most_bytes = 0;
  /// A program waits for one that is read so, and needs no connection meanwhile.
  bool is_awaited = false;
  /// Called on the reading thread when as many bytes as the server has told of are there; their end
  /// is not confirmed yet.
  std::function<void(const WholeFile&)> on_bytes = {};
};

class Remote {
 public:
  virtual ~Remote() = default;

  /// Thread-safe snapshot.
  virtual RemoteTraits traits() const = 0;

  /// Somebody has seen to the server or to the account: what was refused for good is tried again.
  virtual void forget_refusals() = 0;

  /// @errors not_found, access_denied, not_directory (a parent is a file), link failures.
  virtual Result<Entry> stat(const RemotePath& path, const Wait& wait) = 0;

  /// The same for a name that its directory's listing, which the caller has, does not show: it may
  /// be there all the same, in a line that could not be read or under another spelling.
  virtual Result<Entry> stat_unlisted(const RemotePath& path, const Wait& wait) = 0;

  /// The same once nothing is owed for the name any more: what the server itself has, never what
  /// was only accepted.
  virtual Result<Entry> stat_settled(const RemotePath& path, const Wait& wait) = 0;

  /// The same as stat(), as far as one question tells.
  /// @return nullopt: only the directory's listing can tell what the name is, or that it is not
  /// there. Whoever keeps listings lists then, once for all names.
  virtual Result<std::optional<Entry>> glance(const RemotePath& path, const Wait& wait) = 0;

  /// What the symbolic link at `path` leads to, through others if need be, as the server sees it.
  /// @param link what stat() or list() said of it; its target may be unknown.
  /// @return bears the link's name. Of mode and of a directory's time: as far as can be learned.
  /// @errors not_found: it leads nowhere, in a circle, or to where the login may not look; link
  /// failures.
  virtual Result<Entry> follow(const RemotePath& path, const Entry& link, const Wait& wait) = 0;

  /// Size and time of a regular file alone, or of the one behind a symbolic link, as cheaply as
  /// this server can tell them.
  virtual Result<FileVersion> version(const RemotePath& path, const Wait& wait) = 0;

  /// The same by questions for this one file alone (SIZE, MDTM), for files of which listings tell
  /// no size. @return what is not told is absent: all of it where there are no such questions.
  /// @errors link failures.
  virtual Result<FileVersion> stamp(const RemotePath& path, const Wait& wait) = 0;

  /// May a file of any name stand beside `path` for a while? Else content on its way to that name,
  /// or a removed file, has no other name to hide under.
  virtual bool takes_any_name_beside(const RemotePath& path) const = 0;

  /// All entries or an error, never a part. @errors not_found, not_directory, access_denied, link
  /// failures.
  virtual Result<Listing> list(const RemotePath& path, const Wait& wait,
                               const ListingHints& hints = {}) = 0;

  /// Several directories ahead of need, in as few round trips as the server allows. Leaves alone
  /// the connections that programs may want: when there is none to spare, nothing is done.
  /// @pre the directories are not known to be large (ListingHints); of several, where listings are
  /// slow_when_large, all are known to be small.
  /// @param times the exact times of regular files as well, where listings do not tell them. Those
  /// that the server does not tell stay coarse.
  /// @param choose called on this thread, once at most, when there is a connection.
  /// @param sink called on this thread, at most once for each directory, as the answers come.
  virtual void list_ahead(const ChooseDirectories& choose, bool times, const ListingSink& sink,
                          const Wait& wait) = 0;

  /// Times to the second for names in `directory`, pipelined.
  /// @return one element for each name, absent where the server would not tell.
  virtual Result<std::vector<std::optional<FileTime>>> exact_times(
      const RemotePath& directory, std::span<const std::string> names, const Wait& wait) = 0;

  /// Opens a download. Where the server cannot end one early, what it sends goes on behind `range`.
  virtual Result<std::unique_ptr<RemoteReader>> open_reader(const RemotePath& path,
                                                            const ByteRange& range,
                                                            YieldRequest on_yield,
                                                            const Wait& wait) = 0;

  /// Reads a small file ahead of need, as list_ahead() lists.
  /// @return nullopt: no connection to spare; nothing chosen; larger than `most_bytes`; changed
  /// meanwhile, or of a size that the server does not tell.
  /// @errors as open_reader() and read().
  virtual Result<std::optional<WholeFile>> read_ahead(const FileAheadOfNeed& file,
                                                      const Wait& wait) = 0;

  /// Asks whether a file has this digest. May take longer than the wait, as the file is large.
  /// @return success also where the server does not tell, which the log says then.
  /// @errors io_error: it has other content; link failures.
  virtual Result<void> check_content(const RemotePath& path, const Digest& digest,
                                     const Wait& wait) = 0;

  /// @param likely what finish() will probably be given. What is in it may travel along with the
  /// verb, and be set behind the end of the transfer, however that comes out.
  virtual Result<std::unique_ptr<RemoteWriter>> open_writer(const RemotePath& path, WriteMode mode,
                                                            YieldRequest on_yield, const Wait& wait,
                                                            const UploadTail& likely = {}) = 0;

  /// Mutations. A lost final reply is settled by looking; none is repeated blindly. Once sent they
  /// ignore the wait's stop token (the outcome must be known) but never its deadline.
  /// @errors as their POSIX namesakes: not_found, already_exists, not_empty, access_denied, ….
  virtual Result<void> make_directory(const RemotePath& path, const Wait& wait) = 0;
  virtual Result<void> remove_directory(const RemotePath& path, const Wait& wait) = 0;
  virtual Result<void> remove_file(const RemotePath& path, const Wait& wait) = 0;

  /// Many, in few round trips where that is possible; else one after the other.
  /// @param paths of files, as far as is known.
  /// @return for each, whether it was removed: else remove_file() tells why not.
  /// @errors link failures: some may have been removed.
  virtual Result<std::vector<bool>> remove_files(std::span<const RemotePath> paths,
                                                 const Wait& wait);
  /// Replaces an existing file where the server does; refuses otherwise (already_exists or
  /// access_denied).
  virtual Result<void> rename(const RemotePath& from, const RemotePath& to, const Wait& wait) = 0;
  virtual Result<void> make_symlink(const std::string& target, const RemotePath& path,
                                    const Wait& wait) = 0;
  virtual Result<void> set_mode(const RemotePath& path, std::uint16_t mode, const Wait& wait) = 0;
  virtual Result<void> set_mtime(const RemotePath& path, std::int64_t unix_seconds,
                                 const Wait& wait) = 0;

  /// Returns when the server has all that was accepted for this path.
  /// @errors also the server's refusal of the content.
  virtual Result<void> settle(const RemotePath& path, const Wait& wait) = 0;

  virtual Result<Space> space(const RemotePath& path, const Wait& wait) = 0;
};

}  // namespace ftpsfs::remote
