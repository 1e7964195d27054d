// SPDX-License-Identifier: MIT
//
// What a command line asks for, as values. Filled by the option parser from the table in
// option_table.cpp; knows nothing of argv. Values only.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/fs/settings.hpp"
#include "ftpsfs/net/client_identity.hpp"
#include "ftpsfs/net/tls_context.hpp"
#include "ftpsfs/session/settings.hpp"

namespace ftpsfs::app {

enum class Command : std::uint8_t {
  mount,
  umount,
  status,
  refresh,
  reload,
  log_level,
  uploads,
  check,
  help,
  version
};

/// The documentation that the option table can write beside --help.
enum class HelpFormat : std::uint8_t { text, markdown, scdoc, bash, zsh, fish };

struct Options {
  // The profile whose options these are, besides those of the command line; empty: none.
  std::string profile;
  std::string profile_file;  ///< where it was found
  std::string profile_url;   ///< empty: it has none
  // Whose the passwords are that it gives (empty: anybody's), and which of these are its own.
  std::string profile_username;
  bool profile_credentials = false;
  bool profile_password_command = false;
  bool profile_account = false;

  // The login.
  std::string credentials_file;
  std::optional<std::string> netrc_file;  ///< empty: ~/.netrc; none: not asked
  std::string password_command;
  std::string key_password_command;
  std::string username;
  std::string account;
  bool password_stdin = false;

  // TLS.
  net::IdentityFiles identity;
  std::vector<std::string> ca_files;
  std::vector<std::string> ca_directories;
  std::vector<std::string> crl_files;
  std::vector<std::string> pins;
  std::string ciphers;
  std::string ciphersuites;
  net::SessionReuse session_reuse = net::SessionReuse::on;
  net::TlsVerify verify = net::TlsVerify::full;
  net::TlsVersion tls_min = net::TlsVersion::tls1_2;
  net::TlsVersion tls_max = net::TlsVersion::tls1_3;
  bool tls_legacy = false;
  net::StapledStatus ocsp = net::StapledStatus::check;
  bool strict_end = false;
  session::Protection protection = session::Protection::private_data;

  // The connections.
  bool ipv4 = false;  ///< and no other; the same of the next
  bool ipv6 = false;
  std::string proxy;
  bool active = false;
  std::string interface;
  std::string port_range;
  unsigned max_conns = 10;
  unsigned warm_conns = 10;
  bool pipelining = true;
  bool warm_data = true;
  bool stat_listing = true;
  Duration connect_timeout = std::chrono::seconds(15);
  Duration timeout = std::chrono::seconds(30);
  bool hard = false;  ///< operations wait for ever for a link that is away
  unsigned retries = 2;

  // What the server is.
  ftp::ProfileOverrides server;
  std::vector<std::string> sites;
  std::string charset;
  std::string timezone;
  ftp::DateOrder date_order = ftp::DateOrder::unknown;

  // What is remembered, and for how long.
  Duration dir_cache_timeout = std::chrono::seconds(30);
  Duration attr_timeout = std::chrono::seconds(30);
  Duration entry_timeout = std::chrono::seconds(30);
  Duration negative_timeout = std::chrono::seconds(5);
  bool exact_times = true;
  bool close_to_open = true;
  bool prefetch = true;
  std::uint64_t cache_size = std::uint64_t{64} << 20;   ///< bytes
  std::uint64_t buffer_size = std::uint64_t{96} << 20;  ///< bytes
  std::uint64_t readahead = 0;                          ///< bytes; 0: as the link needs
  std::string staging_directory;                        ///< empty: the default place
  std::uint64_t staging_size = 0;                       ///< bytes; 0: as the disk has room

  // How files are written.
  fs::UploadMode upload_mode = fs::UploadMode::automatic;
  bool verify_content = false;
  bool writeback = false;
  std::string journal_directory;                         ///< empty: the default place
  std::uint64_t journal_size = std::uint64_t{10} << 30;  ///< bytes of content

  // What symbolic links are shown as.
  fs::SymlinkView symlinks = fs::SymlinkView::show;

  // Who serves the mount once it stands; none: who mounts.
  std::optional<std::uint32_t> run_as;

  // Whose files they are.
  std::optional<std::uint32_t> uid;
  std::optional<std::uint32_t> gid;
  std::optional<std::uint16_t> umask;
  std::optional<std::uint16_t> file_mask;
  std::optional<std::uint16_t> directory_mask;

  // The mount.
  bool read_only = false;
  bool allow_other = false;
  bool allow_root = false;
  bool auto_unmount = false;
  std::string fsname;                     ///< empty: the URL without user and password
  std::vector<std::string> kernel_flags;  ///< nodev, noexec, …: passed through to libfuse

  // How it runs.
  bool foreground = false;
  bool debug = false;
  unsigned verbose = 0;
  std::optional<log::Level> log_level;
  std::string log_file;    ///< empty: syslog, or stderr in front
  std::string trace_file;  ///< empty: none
  bool show_help = false;
  bool show_version = false;

  // mount(8)'s helper interface only.
  bool fake = false;  ///< check everything, mount nothing

  // The other commands.
  bool json = false;
  bool write_test = false;     ///< of check
  bool retry_uploads = false;  ///< of uploads, as the next two
  bool discard_uploads = false;
  std::string export_uploads_to;  ///< empty: not asked
  bool failed_uploads_alone = false;
  std::optional<Duration> watch;  ///< of status: again and again
  bool lazy = false;              ///< of umount: for umount(8) alone, as the next
  bool force = false;
  Duration umount_timeout = std::chrono::minutes(10);
  HelpFormat help_format = HelpFormat::text;

  /// The level that -d, -v and --log-level come to.
  log::Level effective_log_level() const;
};

}  // namespace ftpsfs::app
