// SPDX-License-Identifier: MIT
//
// What one kind of server can and cannot do, found from its greeting, SYST and FEAT: the only place
// that knows server names. The session may correct it while it learns (500, 502, 504: the
// capability is gone). Values only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ftpsfs/base/digest.hpp"
#include "ftpsfs/ftp/features.hpp"
#include "ftpsfs/ftp/list_dialect.hpp"
#include "ftpsfs/ftp/reply.hpp"

namespace ftpsfs::ftp {

enum class ServerKind : std::uint8_t {
  unknown,
  vsftpd,
  proftpd,
  pureftpd,
  pyftpdlib,
  windows,  ///< IIS and others on Windows
  ibmi,
  zos,
  openvms,
  nonstop,
  zvm,
};

/// "vsftpd", "ProFTPD", …, "unknown".
const char* to_string(ServerKind kind) noexcept;

/// How a client may say, before the data of a download, that it will write nothing there.
enum class EarlyEnd : std::uint8_t {
  none,
  fin,
  close_notify,  ///< or a FIN, where TLS cannot say it
};

/// What MLST and MLSD tell of a symbolic link.
enum class LinkView : std::uint8_t {
  shown,     ///< type=OS.unix=slink or symlink; the target is mostly left out
  followed,  ///< the facts of what it leads to; a dangling link is not listed at all
  mixed,     ///< type of what it leads to, size and mode of the link itself
};

/// What the user says of the server, over what it says of itself.
struct ProfileOverrides {
  std::optional<ServerKind> kind{};
  std::optional<Dialect> dialect{};
  bool disable_mlsd = false;  ///< neither MLSD nor MLST
  bool disable_epsv = false;
  /// LIST or NLST, with or without arguments, in place of every other way to list; empty: none.
  std::string list_command{};
};
/// "auto", "unix", "iis", "ibmi", "mvs", "vms", "vm", "nonstop", and the names of servers.
/// @return false: no such word.
bool apply_server_word(ProfileOverrides& overrides, std::string_view word);

struct ServerProfile;

/// A command that tells the digest of a file.
struct DigestCommand {
  const char* verb;
  bool ServerProfile::*capability;
  DigestAlgorithm algorithm;
};

struct ServerProfile {
  ServerKind kind = ServerKind::unknown;
  std::string version;             ///< "3.0.3"; empty when the server does not tell
  std::string system;              ///< SYST's words, empty when refused
  std::optional<Dialect> dialect;  ///< in which LIST is most likely answered, after SYST

  // Capabilities: may the command be tried?
  bool has_mlst = false;
  bool has_mlsd = false;
  bool opts_utf8 = false;  ///< send OPTS UTF8 ON
  bool utf8 = false;       ///< names are UTF-8
  bool rest = true;        ///< REST before RETR
  bool rang = false;       ///< RANG before RETR (draft-bryan-ftp-range)
  bool size = true;
  bool mdtm = true;
  bool mfmt = false;
  bool mff_modify = false;             ///< MFF modify=…;
  bool mff_unix_mode = false;          ///< MFF UNIX.mode=…;
  bool mdtm_set = false;               ///< "MDTM yyyymmddhhmmss path" sets the time
  bool sets_directory_times = true;    ///< the ways above work for directories too
  bool site_chmod = true;              ///< tried everywhere: few announce it
  bool site_symlink = false;           ///< "SITE SYMLINK target link"
  bool site_symlink_resolves = false;  ///< targets become absolute and must exist (ProFTPD)
  bool site_utime = false;             ///< "SITE UTIME yyyymmddhhmm[ss] path"
  bool epsv = true;
  bool pasv = true;
  bool eprt = true;
  bool avbl = false;
  bool hash = false;
  DigestAlgorithm hash_algorithm = DigestAlgorithm::sha256;  ///< the best that HASH has
  bool hash_selected = false;                                ///< HASH tells it without OPTS
  bool xsha256 = false;
  bool xsha512 = false;
  bool xsha1 = false;
  bool xmd5 = false;
  bool md5 = false;
  bool xcrc = false;

  /// Commands behind SITE that every new session sends, before it asks where it is.
  std::vector<std::string> login_sites;
  bool folds_case = false;    ///< names that differ in case alone are one file
  bool habits_tried = false;  ///< what follows was seen on this kind of server, by our own tests

  // Machine listings.
  LinkView mlst_links = LinkView::shown;
  LinkView mlsd_links = LinkView::shown;
  bool mlsd_hides_dangling_links = false;  ///< a listing that must be whole needs LIST or STAT

  // Listing without MLSD. Both follow a CWD; no path stands in their argument.
  std::string list_command = "LIST -a";  ///< verb and argument
  bool lists = true;                     ///< else all that is left are names, by names_command
  std::string names_command = "NLST";
  /// Where the user's list_command leaves names out: the one of this kind. Else empty.
  std::string whole_list_command{};
  std::string stat_command = "STAT -a .";  ///< lists over the control connection
  bool stat_lists = false;                 ///< stat_command is known to give a whole listing
  /// ProFTPD: 58 round trips of 20 ms for 10,000 entries, and with the square of their number.
  bool stat_slow_when_large = false;
  bool empty_listing_may_be_denial = false;  ///< vsftpd: 226 Transfer done (but failed to open …)
  bool empty_listing_may_be_missing = false;  ///< a path that is not there is an empty success
  bool cwd_proves_directory = true;           ///< else any prefix of names can be changed to
  bool mlst_says_why = true;                  ///< else the words of its refusal may mean anything
  std::size_t listing_limit = 0;  ///< entries after which the server cuts a listing; 0 = none known

  // Dialogue habits.
  bool pipelines = false;  ///< a flight of several records is answered in order
  /// The ClientHello of a data connection may go out before the 1xx reply.
  bool early_data_handshake = false;
  /// The server ends a download when the client has ended its own direction, which may be done
  /// before the data has come. Done behind them it costs a round trip.
  EarlyEnd early_data_end = EarlyEnd::none;
  /// Questions and the next EPSV may stand in the record of RETR or STOR, behind it: they are
  /// answered behind its end. In a record of their own the same commands may be refused meanwhile.
  bool commands_behind_transfer = false;
  bool appends = true;  ///< APPE behind what is there
  bool append_is_doubtful =
      false;  ///< ProFTPD: not with AllowStoreRestart off, which it is by default
  bool rest_stor_keeps_tail = false;    ///< REST n + STOR leaves what is behind
  bool rename_replaces = false;         ///< RNTO over an existing file is known to replace it
  bool mangles_trailing_blank = false;  ///< what is made as "x " gets the name "x_"

  /// Is the size that the server tells of the file at `path` its length when it is read? Not that
  /// of IBM i's members, which are padded to records, and of its save files.
  bool tells_length_of(std::string_view path) const;
  /// May a file of any name stand beside `path` for a while (.ftpsfs-….part)? Not in IBM i's
  /// libraries, where names are short and say the type of the object.
  bool takes_any_name_beside(std::string_view path) const;

  /// The commands that tell a file's digest, the strongest first.
  std::vector<DigestCommand> digest_commands() const;

  /// One line for status and logs: "vsftpd 3.0.3: LIST -a, SIZE, MDTM, …".
  std::string describe() const;
};

/// Does it list names alone ("NLST", "NLST -a")?
bool lists_names_alone(std::string_view list_command);

/// Has "LIST -al" a flag that shows names with a dot in front, "." among them?
bool shows_dot_names(std::string_view list_command);

/// @param greeting the 220; @param syst the answer to SYST, whatever it was; an empty Reply for
/// one that was never asked.
ServerProfile recognise_server(const Reply& greeting, const Reply& syst, const Features& features,
                               const ProfileOverrides& overrides = {});

}  // namespace ftpsfs::ftp
