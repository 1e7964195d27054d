// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/server_profile.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include "ftpsfs/ftp/ascii.hpp"

namespace ftpsfs::ftp {
namespace {

struct Signature {
  std::string_view word;  ///< in the greeting, lower case
  ServerKind kind;
};
constexpr std::array kSignatures = {
    Signature{"vsftpd", ServerKind::vsftpd},
    Signature{"proftpd", ServerKind::proftpd},
    Signature{"pure-ftpd", ServerKind::pureftpd},
    Signature{"pyftpdlib", ServerKind::pyftpdlib},
    Signature{"microsoft ftp service", ServerKind::windows},
    Signature{"qtcp at", ServerKind::ibmi},
    Signature{"ibm ftp cs", ServerKind::zos},
};

bool announces(const Features& features, std::string_view line) {
  return std::any_of(features.lines.begin(), features.lines.end(), [&](const std::string& known) {
    return ascii::equal_ignoring_case(known, line);
  });
}

/// vsftpd's whole repertoire: nobody else has PASV and TVFS and so little around them.
bool is_vsftpd_repertoire(const Features& features) {
  constexpr std::array<std::string_view, 12> kLines = {"AUTH SSL",    "AUTH TLS", "EPRT", "EPSV",
                                                       "MDTM",        "PASV",     "PBSZ", "PROT",
                                                       "REST STREAM", "SIZE",     "TVFS", "UTF8"};
  const bool nothing_else =
      std::all_of(features.lines.begin(), features.lines.end(), [&](const std::string& line) {
        return std::find(kLines.begin(), kLines.end(), line) != kLines.end();
      });
  return nothing_else && features.pasv && features.tvfs && features.rest_stream;
}

/// For servers whose greeting was changed by their administrator.
ServerKind kind_by_features(const Features& features) {
  if (announces(features, "ESTA") && announces(features, "ESTP")) {
    return ServerKind::pureftpd;
  }
  if (announces(features, "CSID") && announces(features, "SSCN")) {
    return ServerKind::proftpd;
  }
  return is_vsftpd_repertoire(features) ? ServerKind::vsftpd : ServerKind::unknown;
}

/// "3.0.3" of "(vsFTPd 3.0.3)": the word behind the name, when it begins with a digit.
std::string version_behind(std::string_view text, std::size_t at) {
  const std::string_view rest = ascii::trim(text.substr(at));
  if (rest.empty() || !ascii::is_digit(rest.front())) {
    return {};
  }
  const std::size_t end = rest.find_first_not_of("0123456789.abcdefghijklmnopqrstuvwxyz-");
  return std::string(rest.substr(0, std::min(end, rest.size())));
}

/// For systems whose own servers are the only ones.
ServerKind kind_by_system(std::optional<Dialect> dialect) {
  switch (dialect.value_or(Dialect::unix_ls)) {
    case Dialect::dos:
      return ServerKind::windows;
    case Dialect::os400:
      return ServerKind::ibmi;
    case Dialect::mvs:
      return ServerKind::zos;
    case Dialect::vms:
      return ServerKind::openvms;
    case Dialect::nonstop:
      return ServerKind::nonstop;
    case Dialect::vm:
      return ServerKind::zvm;
    default:
      return ServerKind::unknown;
  }
}

void identify(ServerProfile& profile, const Reply& greeting, const Features& features) {
  const std::string text = ascii::lower(greeting.text());
  for (const Signature& signature : kSignatures) {
    const std::size_t at = text.find(signature.word);
    if (at != std::string::npos) {
      profile.kind = signature.kind;
      profile.version = version_behind(text, at + signature.word.size());
      return;
    }
  }
  profile.kind = kind_by_system(profile.dialect);
  if (profile.kind == ServerKind::unknown) {
    profile.kind = kind_by_features(features);
  }
}

bool was_tried(ServerKind kind) {
  return kind == ServerKind::vsftpd || kind == ServerKind::proftpd ||
         kind == ServerKind::pureftpd || kind == ServerKind::pyftpdlib;
}

void apply_overrides(ServerProfile& profile, const ProfileOverrides& overrides) {
  if (overrides.dialect) {
    profile.dialect = overrides.dialect;
  }
  if (overrides.disable_epsv) {
    profile.epsv = false;
  }
  if (lists_names_alone(overrides.list_command)) {
    profile.lists = false;
    profile.names_command = overrides.list_command;
    profile.stat_lists = false;
  } else if (!overrides.list_command.empty()) {
    if (shows_dot_names(profile.list_command) && !shows_dot_names(overrides.list_command)) {
      profile.whole_list_command = profile.list_command;
    }
    profile.list_command = overrides.list_command;
    profile.stat_lists = false;
  }
  if (overrides.disable_mlsd || !overrides.list_command.empty()) {
    profile.has_mlsd = false;
    profile.has_mlst = false;
  }
}

/// @param system the words of SYST's 215.
std::optional<Dialect> dialect_of(std::string_view system) {
  struct SystemWord {
    std::string_view word;
    Dialect dialect;
  };
  constexpr std::array kSystemWords = {
      SystemWord{"os/400", Dialect::os400},  // "OS/400 is the remote operating system. …"
      SystemWord{"windows", Dialect::dos},   // "Windows_NT", "Windows_CE"
      SystemWord{"win32", Dialect::dos},
      SystemWord{"vms", Dialect::vms},  // "VMS OpenVMS V8.4", "VMS MultiNet Unix Emulation"
      SystemWord{"mvs", Dialect::mvs},  // "MVS is the operating system of this server. …"
      SystemWord{"z/os", Dialect::mvs},
      SystemWord{"z/vm", Dialect::vm},
      SystemWord{"vm is the", Dialect::vm},  // "VM is the operating system of this server."
      SystemWord{"nonstop", Dialect::nonstop},
      SystemWord{"guardian", Dialect::nonstop},
      SystemWord{"unix", Dialect::unix_ls},
  };
  const std::string lowered = ascii::lower(system);
  const auto* found =
      std::find_if(kSystemWords.begin(), kSystemWords.end(), [&lowered](const SystemWord& known) {
        return lowered.find(known.word) != std::string::npos;
      });
  return found == kSystemWords.end() ? std::nullopt : std::optional(found->dialect);
}

/// Of servers that announce HASH alone it is not known which algorithms there are.
void apply_hash(ServerProfile& profile, const Features& features) {
  for (const DigestAlgorithm algorithm : kDigestAlgorithms) {
    const std::string_view name = to_string(algorithm);
    const auto& known = features.hash_algorithms;
    if (std::find(known.begin(), known.end(), name) != known.end()) {
      profile.hash = features.hash;
      profile.hash_algorithm = algorithm;
      profile.hash_selected = features.hash_selected == name;
      return;
    }
  }
}

void apply_features(ServerProfile& profile, const Features& features) {
  profile.has_mlst = features.mlst;
  profile.has_mlsd = features.mlsd;
  profile.utf8 = features.utf8;
  profile.opts_utf8 = features.utf8;
  profile.mfmt = features.mfmt;
  profile.mff_modify = features.mff && features.has_mff_fact("modify");
  profile.mff_unix_mode = features.mff && features.has_mff_fact("unix.mode");
  profile.site_symlink = features.has_site("SYMLINK");
  profile.site_utime = features.has_site("UTIME");
  profile.avbl = features.avbl;
  profile.rang = features.rang_stream;
  profile.xsha256 = features.xsha256;
  profile.xsha512 = features.xsha512;
  profile.xsha1 = features.xsha1;
  profile.xmd5 = features.xmd5;
  profile.md5 = features.md5;
  profile.xcrc = features.xcrc;
  apply_hash(profile, features);
}

/// Observed on vsftpd 3.0.3, ProFTPD 1.3.8, Pure-FTPd 1.0.50, pyftpdlib 1.5.7.
void apply_habits(ServerProfile& profile) {
  const bool is_known = was_tried(profile.kind);
  profile.habits_tried = is_known;
  profile.stat_lists = is_known;
  profile.pipelines = is_known;
  profile.rename_replaces = is_known;
  profile.rest_stor_keeps_tail = is_known;
  profile.early_data_handshake = is_known;
  profile.commands_behind_transfer = is_known;
  switch (profile.kind) {
    case ServerKind::vsftpd:
      profile.early_data_end = EarlyEnd::close_notify;
      profile.mdtm_set = true;
      profile.sets_directory_times = false;
      profile.empty_listing_may_be_denial = true;
      profile.empty_listing_may_be_missing = true;
      break;
    case ServerKind::proftpd:
      // It leaves a close_notify unread, and so resets the connection behind its last bytes.
      profile.early_data_end = EarlyEnd::fin;
      profile.mlst_links = LinkView::mixed;
      profile.mlsd_hides_dangling_links = true;
      // A lone "-a" is no option where a file has that name; it is listed instead of the directory.
      profile.list_command = "LIST -a .";
      profile.stat_slow_when_large = true;
      profile.site_symlink_resolves = true;
      profile.empty_listing_may_be_denial = true;
      profile.append_is_doubtful = true;
      break;
    case ServerKind::pureftpd:
      profile.early_data_end = EarlyEnd::fin;
      profile.opts_utf8 = false;  // always UTF-8; OPTS UTF8 is 504
      profile.site_utime = true;  // announced by SITE HELP alone
      profile.listing_limit = 10'000;
      profile.rest_stor_keeps_tail = false;
      profile.mangles_trailing_blank = true;
      profile.empty_listing_may_be_denial = true;
      profile.empty_listing_may_be_missing = true;
      break;
    case ServerKind::pyftpdlib:
      profile.opts_utf8 = false;  // always UTF-8; OPTS UTF8 is 501
      profile.mlst_links = LinkView::followed;
      profile.mlsd_links = LinkView::followed;
      profile.sets_directory_times = false;
      profile.mlsd_hides_dangling_links = true;
      profile.list_command = "LIST";  // shows dot files; "-a" would be a name
      profile.stat_command = "STAT .";
      profile.early_data_handshake = false;
      profile.commands_behind_transfer = false;
      break;
    case ServerKind::ibmi:
      profile.login_sites = {"NAMEFMT 1", "LISTFMT 1"};  // where 1 is refused, 0 is understood
      profile.folds_case = true;
      profile.list_command = "LIST";
      break;
    case ServerKind::zos:
      profile.cwd_proves_directory = false;
      [[fallthrough]];
    case ServerKind::windows:
    case ServerKind::openvms:
    case ServerKind::nonstop:
    case ServerKind::zvm:
      profile.folds_case = true;
      profile.list_command = "LIST";
      break;
    case ServerKind::unknown:
      // A flag that is taken for a name fails, or lists nothing: plain LIST is understood by all.
      profile.list_command = "LIST";
      profile.stat_command = "STAT .";
      break;
  }
}

}  // namespace

bool lists_names_alone(std::string_view list_command) {
  return list_command.substr(0, list_command.find(' ')) == "NLST";
}

bool shows_dot_names(std::string_view list_command) {
  const auto words = ascii::split(list_command, " ");
  return std::any_of(words.begin(), words.end(), [](std::string_view word) {
    return word.starts_with('-') && word.find('a') != std::string_view::npos;
  });
}

const char* to_string(ServerKind kind) noexcept {
  switch (kind) {
    case ServerKind::vsftpd:
      return "vsftpd";
    case ServerKind::proftpd:
      return "ProFTPD";
    case ServerKind::pureftpd:
      return "Pure-FTPd";
    case ServerKind::pyftpdlib:
      return "pyftpdlib";
    case ServerKind::windows:
      return "Windows";
    case ServerKind::ibmi:
      return "IBM i";
    case ServerKind::zos:
      return "z/OS";
    case ServerKind::openvms:
      return "OpenVMS";
    case ServerKind::nonstop:
      return "NonStop";
    case ServerKind::zvm:
      return "z/VM";
    case ServerKind::unknown:
      break;
  }
  return "unknown";
}

bool apply_server_word(ProfileOverrides& overrides, std::string_view word) {
  struct ServerWord {
    std::string_view word;
    std::optional<ServerKind> kind;
    std::optional<Dialect> dialect;
  };
  const ServerWord words[] = {
      {"auto", std::nullopt, std::nullopt},
      {"unix", ServerKind::unknown, Dialect::unix_ls},
      {"vsftpd", ServerKind::vsftpd, Dialect::unix_ls},
      {"proftpd", ServerKind::proftpd, Dialect::unix_ls},
      {"pureftpd", ServerKind::pureftpd, Dialect::unix_ls},
      {"pyftpdlib", ServerKind::pyftpdlib, Dialect::unix_ls},
      {"iis", ServerKind::windows, Dialect::dos},
      {"ibmi", ServerKind::ibmi, Dialect::os400},
      {"mvs", ServerKind::zos, Dialect::mvs},
      {"vms", ServerKind::openvms, Dialect::vms},
      {"vm", ServerKind::zvm, Dialect::vm},
      {"nonstop", ServerKind::nonstop, Dialect::nonstop},
  };
  const auto* const found =
      std::find_if(std::begin(words), std::end(words),
                   [word](const ServerWord& each) { return each.word == word; });
  if (found == std::end(words)) {
    return false;
  }
  overrides.kind = found->kind;
  overrides.dialect = found->dialect;
  return true;
}

namespace {

/// "/QSYS.LIB/…", or that of an independent disk pool: "/IASP1/QSYS.LIB/…".
bool is_in_ibmi_library(std::string_view path) {
  const auto parts = ascii::split(path, "/");
  for (std::size_t i = 0; i < 2 && i + 1 < parts.size(); ++i) {
    if (ascii::equal_ignoring_case(parts[i], "QSYS.LIB")) {
      return true;
    }
  }
  return false;
}

}  // namespace

bool ServerProfile::tells_length_of(std::string_view path) const {
  return kind != ServerKind::ibmi || !is_in_ibmi_library(path);
}

bool ServerProfile::takes_any_name_beside(std::string_view path) const {
  return kind != ServerKind::ibmi || !is_in_ibmi_library(path);
}

std::vector<DigestCommand> ServerProfile::digest_commands() const {
  using P = ServerProfile;
  std::vector<DigestCommand> commands = {
      {"HASH", &P::hash, hash_algorithm},
      {"XSHA256", &P::xsha256, DigestAlgorithm::sha256},
      {"XSHA512", &P::xsha512, DigestAlgorithm::sha512},
      {"XSHA1", &P::xsha1, DigestAlgorithm::sha1},
      {"XMD5", &P::xmd5, DigestAlgorithm::md5},
      {"MD5", &P::md5, DigestAlgorithm::md5},
      {"XCRC", &P::xcrc, DigestAlgorithm::crc32},
  };
  std::erase_if(commands,
                [this](const DigestCommand& command) { return !(this->*command.capability); });
  std::stable_sort(
      commands.begin(), commands.end(),
      [](const DigestCommand& a, const DigestCommand& b) { return a.algorithm < b.algorithm; });
  return commands;
}

std::string ServerProfile::describe() const {
  struct Item {
    bool shown;
    std::string_view words;
  };
  const Item items[] = {
      {has_mlsd, "MLSD"},
      {has_mlst, "MLST"},
      {!has_mlsd && lists, list_command},
      {!has_mlsd && !lists, names_command},
      {stat_lists, stat_command},
      {utf8, "UTF-8"},
      {rest, "REST"},
      {rang, "RANG"},
      {size, "SIZE"},
      {mdtm, "MDTM"},
      {mfmt, "MFMT"},
      {mff_modify || mff_unix_mode, "MFF"},
      {mdtm_set, "MDTM (set)"},
      {site_chmod, "SITE CHMOD"},
      {site_symlink, "SITE SYMLINK"},
      {site_utime, "SITE UTIME"},
      {avbl, "AVBL"},
      {hash, "HASH"},
      {xsha256, "XSHA256"},
      {xsha512, "XSHA512"},
      {xsha1, "XSHA1"},
      {xmd5, "XMD5"},
      {md5, "MD5"},
      {xcrc, "XCRC"},
      {epsv, "EPSV"},
      {!epsv && pasv, "PASV"},
      {pipelines, "pipelining"},
  };
  std::string text = to_string(kind);
  if (!version.empty()) {
    text.append(" ").append(version);
  }
  std::string_view separator = ": ";
  for (const Item& item : items) {
    if (item.shown) {
      text.append(separator).append(item.words);
      separator = ", ";
    }
  }
  return text;
}

ServerProfile recognise_server(const Reply& greeting, const Reply& syst, const Features& features,
                               const ProfileOverrides& overrides) {
  ServerProfile profile;
  if (syst.is_completion() && !syst.lines.empty()) {
    profile.system = ascii::trim(syst.lines.front());
    profile.dialect = dialect_of(profile.system);
  }
  identify(profile, greeting, features);
  profile.kind = overrides.kind.value_or(profile.kind);
  apply_features(profile, features);
  apply_habits(profile);
  apply_overrides(profile, overrides);
  return profile;
}

}  // namespace ftpsfs::ftp
