// SPDX-License-Identifier: MIT
//
// `Remote` over FTPS: a pool of sessions, and for each file operation the verbs that this server
// has for it. It caches nothing but what it learned of the server's abilities.
//
// What the server's answers become:
// - Paths are sent absolute, always: listings may change the server's working directory.
// - Entry.mode: group and other bits are what the server shows (UNIX.mode, or the columns of LIST).
//   The owner's bits say what the login may do: the MLSD `perm` fact where it is given; else the
//   union of the owner's, group's and other's bits, because which class the login is in cannot be
//   known, and no user of the mount may be locked out by bits meant for others (IBM i shows
//   `----rwxr-x`). The server decides in the end.
// - An ambiguous refusal (550) is settled by the parent's listing; Errc::refused never leaves.
// - Idempotent operations are tried again on another session when the link fails; a mutation whose
//   final reply was lost is settled by looking, and never repeated.
// - A wait without end (Wait::is_endless) lasts as long as the link is away; each step in it has
//   `timeout`, so that a connection that died without a word is found, and another one made.
// Thread-safe. Readers and writers must be destroyed before it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ftpsfs/remote/remote.hpp"
#include "ftpsfs/session/certificate_watch.hpp"
#include "ftpsfs/session/session_pool.hpp"
#include "ftpsfs/session/settings.hpp"
#include "ftpsfs/session/transfer_board.hpp"
#include "ftpsfs/session/verb_times.hpp"

namespace ftpsfs::remote {

struct FtpRemoteSettings {
  session::SessionSettings session;
  unsigned max_conns = 10;
  unsigned warm_conns = 10;  ///< data connections made ahead of need, at most
  /// How often an operation that the link cut is taken up again.
  int retries = 2;
  /// Are uploads compared by their digests? Else by their sizes alone.
  bool verify_content = false;
};

/// For status: a snapshot.
struct FtpRemoteCounters {
  session::PoolCounters pool;
  std::uint64_t bytes_read = 0;     ///< payload of downloads
  std::uint64_t bytes_written = 0;  ///< payload of uploads
  std::uint64_t data_connections = 0;
  std::uint64_t warm_starts = 0;      ///< transfers over a data connection that was made ahead
  std::uint64_t full_handshakes = 0;  ///< TLS, of data connections: not resumed
  std::uint64_t fallbacks = 0;        ///< fast ways that failed and were replaced
  std::uint64_t link_failures = 0;    ///< operations and transfers that the link cut
  std::uint64_t sent_again = 0;       ///< operations that were asked for once more
  std::uint64_t commands = 0;
  std::uint64_t flights = 0;  ///< commands that travelled together count once
  std::vector<session::VerbTimes::Summary> verbs{};
  std::vector<session::TransferBoard::Running> transfers{};  ///< those under way
};

class FtpRemote final : public Remote {
 public:
  /// Dials and logs in once, so that a mount is declared good only when the server let us in. The
  /// caller then checks its start path with stat(); "/" itself needs no right on the server.
  /// @errors unreachable, timed_out, tls_failed, untrusted, login_refused (with the server's
  /// words), protocol_error, invalid_argument (TLS settings: a file that cannot be read): one line
  /// for people, with the cure.
  static Result<std::unique_ptr<FtpRemote>> connect(FtpRemoteSettings settings, const Wait& wait);
  ~FtpRemote() override;

  /// The directory in which the login starts (PWD), "/" when the server would not say.
  RemotePath start_directory() const;
  FtpRemoteCounters counters() const;
  /// A line for status: kind of server, TLS version, protection.
  std::string description() const;
  /// When the client's and the server's certificates end.
  const session::CertificateWatch& certificates() const;

  /// Logs in once more, in the background: a second connection is soon of use, for listings that
  /// take two commands, for what runs beside a transfer, and ahead of a walk.
  void prepare();

  /// Another identity on the same server: all connections are made with these settings from now on.
  /// The old ones serve out what they are used for, and are closed; nothing that runs is broken,
  /// and no TLS session is resumed that was made before. What was refused is tried again. Does not
  /// wait for the network.
  /// @errors as TlsContext::create: nothing has changed.
  Result<void> renew(session::SessionSettings settings);

  /// Who waits without end for a link that is away waits for `timeout` from now on.
  void end_endless_waits();

  /// QUITs every idle session and ends all waits; operations fail with `closed` from now on.
  /// Readers and writers still open stay usable until they are destroyed.
  void close(const Wait& wait);

  void forget_refusals() override;
  RemoteTraits traits() const override;
  Result<Entry> stat(const RemotePath& path, const Wait& wait) override;
  Result<Entry> stat_unlisted(const RemotePath& path, const Wait& wait) override;
  Result<Entry> stat_settled(const RemotePath& path, const Wait& wait) override {
    return stat(path, wait);
  }
  Result<std::optional<Entry>> glance(const RemotePath& path, const Wait& wait) override;
  Result<Entry> follow(const RemotePath& path, const Entry& link, const Wait& wait) override;
  Result<FileVersion> version(const RemotePath& path, const Wait& wait) override;
  Result<FileVersion> stamp(const RemotePath& path, const Wait& wait) override;
  bool takes_any_name_beside(const RemotePath& path) const override;
  Result<Listing> list(const RemotePath& path, const Wait& wait,
                       const ListingHints& hints = {}) override;
  void list_ahead(const ChooseDirectories& choose, bool times, const ListingSink& sink,
                  const Wait& wait) override;
  Result<std::vector<std::optional<FileTime>>> exact_times(const RemotePath& directory,
                                                           std::span<const std::string> names,
                                                           const Wait& wait) override;
  Result<std::unique_ptr<RemoteReader>> open_reader(const RemotePath& path, const ByteRange& range,
                                                    YieldRequest on_yield,
                                                    const Wait& wait) override;
  Result<std::optional<WholeFile>> read_ahead(const FileAheadOfNeed& file,
                                              const Wait& wait) override;
  Result<std::unique_ptr<RemoteWriter>> open_writer(const RemotePath& path, WriteMode mode,
                                                    YieldRequest on_yield, const Wait& wait,
                                                    const UploadTail& likely = {}) override;
  Result<void> check_content(const RemotePath& path, const Digest& digest,
                             const Wait& wait) override;
  Result<void> make_directory(const RemotePath& path, const Wait& wait) override;
  Result<void> remove_directory(const RemotePath& path, const Wait& wait) override;
  Result<void> remove_file(const RemotePath& path, const Wait& wait) override;
  Result<std::vector<bool>> remove_files(std::span<const RemotePath> paths,
                                         const Wait& wait) override;
  Result<void> rename(const RemotePath& from, const RemotePath& to, const Wait& wait) override;
  Result<void> make_symlink(const std::string& target, const RemotePath& path,
                            const Wait& wait) override;
  Result<void> set_mode(const RemotePath& path, std::uint16_t mode, const Wait& wait) override;
  Result<void> set_mtime(const RemotePath& path, std::int64_t unix_seconds,
                         const Wait& wait) override;
  Result<void> settle(const RemotePath& /*path*/, const Wait& /*wait*/) override { return {}; }
  Result<Space> space(const RemotePath& path, const Wait& wait) override;

  class Core;

 private:
  explicit FtpRemote(std::unique_ptr<Core> core);

  Result<Entry> look_up(const RemotePath& path, const Wait& wait);

  /// Servers that nobody has tried may DELE a directory or RMD a file: the type is looked at first.
  Result<void> check_type(const RemotePath& path, bool directory, const Wait& wait);

  std::unique_ptr<Core> core_;
  RemotePath start_directory_;
  std::string tls_;
};

}  // namespace ftpsfs::remote
