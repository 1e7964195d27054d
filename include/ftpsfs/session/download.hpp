// SPDX-License-Identifier: MIT
//
// Bytes from the server: one RETR, and whole listings. A download ends well only by an
// authenticated end of data and a final 2xx; everything else is an error.
// Not thread-safe; lives inside the lease of its session.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "ftpsfs/session/session.hpp"

namespace ftpsfs::session {

/// What SIZE and MDTM said, where they did.
struct FileStamp {
  std::optional<std::uint64_t> size;
  std::optional<std::int64_t> mtime;  ///< Unix seconds
};

/// The commands that ask for it, as the server's profile allows, and the reading of their replies.
Result<std::vector<ftp::Command>> stamp_commands(const Session& session, const std::string& path);
FileStamp read_stamp(Session& session, std::span<const ftp::Command> commands,
                     std::span<const ftp::Reply> replies);
/// Both in one round trip. @errors as Session::exchange; a refusal leaves its part absent.
Result<FileStamp> fetch_stamp(Session& session, const std::string& path, const Wait& wait);

class Download {
 public:
  /// Opens `path` from `offset`; SIZE and MDTM are asked in the same flight as the port. An offset
  /// at or behind the end is an end at once, without a transfer.
  /// @param end where to end, by RANG, which the server must be known to have; absent: at the end
  /// of the file.
  /// @errors the refusal of RETR, classified (refused: a bare 550); unsupported: no REST, or no
  /// such RANG, here; link failures.
  static Result<std::unique_ptr<Download>> open(Session& session, const std::string& path,
                                                std::uint64_t offset, const Wait& wait,
                                                std::optional<std::uint64_t> end = {});
  /// Cuts what has not ended.
  ~Download();
  Download(const Download&) = delete;
  Download& operator=(const Download&) = delete;

  const FileStamp& stamp() const noexcept { return stamp_; }

  /// @return at least one byte; 0 at the confirmed end.
  /// @errors timed_out, cancelled: call again; all others are final: closed, truncated, ….
  Result<std::size_t> read(std::span<std::byte> buffer, const Wait& wait);

 private:
  enum class Phase { data, verdict, done };

  explicit Download(Session& session) : session_(session) {}
  Result<bool> is_at_end(const std::string& path, const Error& refusal, const Wait& wait);
  Result<void> await_end(const Wait& wait);
  Result<void> check_whole() const;

  Session& session_;
  std::unique_ptr<net::ByteStream> data_;
  TransferBoard::Entry shown_;
  FileStamp stamp_;
  std::uint64_t begun_at_ = 0;  ///< the offset
  std::optional<std::uint64_t> end_;
  std::uint64_t position_ = 0;
  Phase phase_ = Phase::data;
  bool authenticated_ = false;
  std::optional<Error> failure_;
};

/// Is shown the text so far each time when more of it has come.
/// @return the limit of what is still to come, from now on; nullopt: it stays as it is.
using ListingTap = std::function<std::optional<Wait>(std::string_view so_far)>;

struct ListingBody {
  std::string text;
  ftp::Reply verdict;  ///< its words may say more than its code
  Wait limit;          ///< the caller's, or the last that the tap gave
};

/// Lists `directory` (absolute) by CWD and an argument-less `list` ("MLSD", "LIST -a"): paths in a
/// listing's argument are read as options or patterns by real servers. An empty `directory` lists
/// the one of the call before.
/// @param tap may be empty
/// @errors the refusal of CWD or of `list`, classified; truncated: no authenticated end; io_error:
/// more than SessionSettings::listing allows; link failures.
Result<ListingBody> fetch_listing(Session& session, const std::string& directory,
                                  const std::string& list, const Wait& wait,
                                  const ListingTap& tap = {});

}  // namespace ftpsfs::session
