// SPDX-License-Identifier: MIT
//
// What travels over a mount's control socket: one line of JSON each way, versioned and bounded.
// Pure. Whatever cannot be read is an error, never a guess.
//
//   → {"v":1,"request":"status"}
//   → {"v":1,"request":"log-level","level":"debug"}
//   → {"v":1,"request":"refresh","path":"orders/2024"}
//   ← {"v":1,"ok":true,"status":{…}}
//   ← {"v":1,"ok":false,"error":"…"}
//
// One request has a second reply, when the mount has ended:
//
//   → {"v":1,"request":"await-end"}
//   ← {"v":1,"ok":true}
//   ← {"v":1,"ok":true,"end":{"lost_files":0}}
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/base/result.hpp"

namespace ftpsfs::app {

constexpr int kProtocolVersion = 1;
constexpr std::size_t kLongestRequest = 4 * 1024;
constexpr std::size_t kLongestReply = 64 * 1024;

enum class ControlVerb : std::uint8_t {
  status,
  refresh,
  reload,
  log_level,
  await_end,
  uploads,  ///< what writeback owes; the next act on what was refused of it
  retry_uploads,
  export_uploads,
  discard_uploads,
};

struct ControlRequest {
  ControlVerb verb = ControlVerb::status;
  log::Level level = log::Level::warning;  ///< of log_level
  /// Of refresh: below the mount point; empty: all. Of export_uploads: a directory, absolute.
  std::string path = {};
};

/// How long the server takes for one verb, from its sending to its final reply, which comes behind
/// the data where there is some.
struct VerbReport {
  std::string verb;
  std::uint64_t count = 0;
  std::uint64_t mean_us = 0;
  std::uint64_t p50_us = 0;  ///< rounded up to a power of two, as p99_us
  std::uint64_t p99_us = 0;
  std::uint64_t max_us = 0;

  friend bool operator==(const VerbReport&, const VerbReport&) = default;
};

/// A file on its way.
struct TransferReport {
  std::string path;
  bool upload = false;
  std::uint64_t begun_at = 0;  ///< offset in the file
  std::uint64_t bytes = 0;     ///< transferred since
  std::uint64_t size = 0;      ///< of the whole file; 0: not known
  std::uint64_t milliseconds = 0;

  friend bool operator==(const TransferReport&, const TransferReport&) = default;
};

/// An upload that failed, and why.
struct FailureReport {
  std::string path;
  std::string reason;
  std::uint64_t seconds_ago = 0;

  friend bool operator==(const FailureReport&, const FailureReport&) = default;
};

/// One picture of a mount.
struct StatusReport {
  int pid = 0;
  std::string mount_point;
  std::string source;                   ///< the URL without user and password
  std::string username;                 ///< who is logged in
  std::string server;                   ///< kind of server, TLS version, protection
  std::string client_certificate;       ///< subject; empty: none is shown
  std::string client_certificate_ends;  ///< "2027-01-31 12:00 UTC"
  std::string server_certificate_ends;
  std::string certificate_warning;  ///< one of them ends within 30 days; empty: none does
  std::string log_level;
  bool read_only = false;
  std::uint64_t uptime_seconds = 0;

  unsigned connections_limit = 0;
  unsigned connections_open = 0;
  unsigned connections_idle = 0;
  unsigned requests_waiting = 0;  ///< for a connection
  std::uint64_t logins = 0;
  std::uint64_t failed_logins = 0;
  std::uint64_t replaced_connections = 0;
  std::uint64_t streams_moved = 0;
  std::uint64_t data_connections = 0;
  std::uint64_t warm_starts = 0;      ///< transfers over a data connection that was made ahead
  std::uint64_t full_handshakes = 0;  ///< TLS of data connections, not resumed
  std::uint64_t fallbacks = 0;        ///< fast ways that failed and were replaced
  std::uint64_t link_failures = 0;    ///< operations and transfers that the link cut
  std::uint64_t sent_again = 0;       ///< operations that were asked for once more
  std::uint64_t taken_up = 0;         ///< transfers that went on behind a failure
  std::uint64_t commands = 0;
  std::uint64_t flights = 0;  ///< commands that travelled together count once
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_written = 0;

  std::uint64_t inodes = 0;
  std::uint64_t open_files = 0;
  std::uint64_t unfinished_uploads = 0;
  std::uint64_t failed_uploads = 0;
  std::uint64_t lost_files = 0;     ///< not whole on the server, and no program was told
  std::uint64_t rescued_files = 0;  ///< of those that failed, kept in the recovery directory
  std::uint64_t cache_bytes = 0;
  std::uint64_t cache_hits = 0;
  std::uint64_t listed_ahead = 0;
  std::uint64_t listed_ahead_used = 0;
  std::uint64_t read_ahead = 0;
  std::uint64_t read_ahead_used = 0;
  std::uint64_t cache_misses = 0;
  std::uint64_t kernel_requests = 0;  ///< not answered yet
  std::uint64_t worker_threads = 0;

  bool writeback = false;
  std::uint64_t waiting_changes = 0;   ///< accepted, and not on the server yet
  std::uint64_t refused_changes = 0;   ///< of the server, and kept
  std::uint64_t given_up_changes = 0;  ///< refused, and not worth keeping
  std::uint64_t conflicts = 0;
  std::uint64_t journal_bytes = 0;  ///< of content
  std::string journal_trouble;      ///< why nothing is brought to the server; empty: it is
  std::string idle_journals;        ///< what others hold that no mount works on; empty: nothing

  std::string trouble;  ///< why no connection can be made now; empty: nothing is wrong

  std::vector<VerbReport> verbs;  ///< those first that took most of the time
  std::vector<TransferReport> transfers;
  std::vector<FailureReport> failures;  ///< the latest of failed_uploads

  friend bool operator==(const StatusReport&, const StatusReport&) = default;
};

/// Something that writeback owes to the server.
struct OwedReport {
  std::string what;  ///< "upload", "rename", …
  std::string path;  ///< with its target, of a rename
  std::uint64_t bytes = 0;
  std::uint64_t accepted = 0;  ///< Unix seconds
  std::string refusal;         ///< empty: it waits for its turn

  friend bool operator==(const OwedReport&, const OwedReport&) = default;
};

/// The answer to all that asks for uploads.
struct UploadsReport {
  std::vector<OwedReport> owed;  ///< what was refused first; as much as a reply holds
  std::uint64_t waiting = 0;     ///< all of them
  std::uint64_t refused = 0;
  std::uint64_t done = 0;  ///< retried, saved or discarded just now

  friend bool operator==(const UploadsReport&, const UploadsReport&) = default;
};

/// Fills a report with as much as a reply has room for, whatever the names are made of.
class OwedRoom {
 public:
  /// Beside what the report lists already; it must outlive this.
  explicit OwedRoom(UploadsReport& report);
  /// @return false: there is no room for it.
  bool add(OwedReport one);

 private:
  UploadsReport& report_;
  std::size_t left_;
};

/// What became of a mount's uploads, as far as it is not what programs were told.
struct EndReport {
  std::uint64_t lost_files = 0;  ///< not whole on the server, and no program was told
  std::uint64_t waiting = 0;     ///< in the journal: the next mount brings it
  std::uint64_t refused = 0;     ///< of the server, and kept in the journal
  std::uint64_t given_up = 0;    ///< refused, and not worth keeping: removals, renames, attributes
  std::uint64_t conflicts = 0;   ///< others changed the same file meanwhile, and theirs stays

  friend bool operator==(const EndReport&, const EndReport&) = default;
};

struct ControlReply {
  std::optional<std::string> error = {};    ///< the mount could not do it
  std::optional<StatusReport> status = {};  ///< of a status request
  std::optional<EndReport> end = {};        ///< the mount has ended
  std::optional<UploadsReport> uploads = {};
};

/// Has everything come about that programs were told?
bool is_good(const EndReport& end);

/// The word for a level in requests, options and status.
std::string level_name(log::Level level);

/// All lines end with '\n'.
std::string encode(const ControlRequest& request);
std::string encode(const ControlReply& reply);

/// @param line without its '\n'.
/// @errors invalid_argument; unsupported: another version.
Result<ControlRequest> decode_request(std::string_view line);
Result<ControlReply> decode_reply(std::string_view line);

/// A report as one JSON object in one line, and as text for people.
std::string as_json(const StatusReport& report);
std::string as_text(const StatusReport& report);
/// What is not good of it, in a line; empty: nothing.
std::string as_text(const EndReport& end);
/// @param refused_alone leave out what waits.
std::string as_text(const UploadsReport& report, bool refused_alone = false);

/// For people who watch: the same, with the rates since an earlier picture of the same mount.
/// @param earlier null: there is none. @param passed since then.
std::string as_live_text(const StatusReport& report, const StatusReport* earlier,
                         std::chrono::milliseconds passed);

}  // namespace ftpsfs::app
