// SPDX-License-Identifier: MIT
#include "ftpsfs/app/option_table.hpp"

#include <algorithm>
#include <iterator>
#include <numeric>

namespace ftpsfs::app {
namespace {

template <auto Member>
void store_flag(Options& options, const OptionValue& value) {
  options.*Member = std::get<bool>(value);
}
template <auto Member>
void store_text(Options& options, const OptionValue& value) {
  options.*Member = std::get<std::string>(value);
}
template <auto Member>
void collect_text(Options& options, const OptionValue& value) {
  (options.*Member).push_back(std::get<std::string>(value));
}
template <auto Member>
void store_duration(Options& options, const OptionValue& value) {
  options.*Member = std::get<Duration>(value);
}
template <auto Member>
void store_id(Options& options, const OptionValue& value) {
  options.*Member = static_cast<std::uint32_t>(std::get<std::uint64_t>(value));
}
template <auto Member>
void store_mask(Options& options, const OptionValue& value) {
  options.*Member = static_cast<std::uint16_t>(std::get<std::uint64_t>(value));
}

template <auto Member>
void store_shown_bits(Options& options, const OptionValue& value) {
  options.*Member = static_cast<std::uint16_t>(~std::get<std::uint64_t>(value) & 0777U);
}

template <auto Member>
void store_count(Options& options, const OptionValue& value) {
  options.*Member = static_cast<unsigned>(std::get<std::uint64_t>(value));
}
template <auto Member>
void store_switch(Options& options, const OptionValue& value) {
  options.*Member = std::get<std::string>(value) == "on";
}

template <std::uint64_t Options::*Member>
void store_size(Options& options, const OptionValue& value) {
  options.*Member = std::get<std::uint64_t>(value);
}

void store_netrc(Options& options, const OptionValue& value) {
  const auto* file = std::get_if<std::string>(&value);
  options.netrc_file = file != nullptr ? *file : std::string();
}

void store_watch(Options& options, const OptionValue& value) {
  const auto* interval = std::get_if<Duration>(&value);
  options.watch = interval != nullptr ? *interval : Duration(std::chrono::seconds(1));
}

void store_umount_wait(Options& options, const OptionValue& value) {
  if (const auto* limit = std::get_if<Duration>(&value)) {
    options.umount_timeout = *limit;
  }
}

void store_times(Options& options, const OptionValue& value) {
  options.exact_times = std::get<std::string>(value) == "exact";
}

void store_verify(Options& options, const OptionValue& value) {
  const auto& word = std::get<std::string>(value);
  options.verify = word == "full" ? net::TlsVerify::full
                   : word == "ca" ? net::TlsVerify::ca
                                  : net::TlsVerify::none;
}

void store_session_reuse(Options& options, const OptionValue& value) {
  const auto& word = std::get<std::string>(value);
  options.session_reuse = word == "on"        ? net::SessionReuse::on
                          : word == "require" ? net::SessionReuse::require
                                              : net::SessionReuse::off;
}

void store_upload(Options& options, const OptionValue& value) {
  const auto& word = std::get<std::string>(value);
  options.upload_mode = word == "auto"     ? fs::UploadMode::automatic
                        : word == "atomic" ? fs::UploadMode::atomic
                                           : fs::UploadMode::direct;
}

fs::SymlinkView symlink_view(std::string_view word) {
  return word == "show"     ? fs::SymlinkView::show
         : word == "follow" ? fs::SymlinkView::follow
                            : fs::SymlinkView::transform;
}

void store_protection(Options& options, const OptionValue& value) {
  options.protection = std::get<std::string>(value) == "private" ? session::Protection::private_data
                                                                 : session::Protection::clear_data;
}

net::TlsVersion tls_version(const OptionValue& value) {
  const auto& word = std::get<std::string>(value);
  return word == "1.0"   ? net::TlsVersion::tls1_0
         : word == "1.1" ? net::TlsVersion::tls1_1
         : word == "1.2" ? net::TlsVersion::tls1_2
                         : net::TlsVersion::tls1_3;
}

void store_date_order(Options& options, const OptionValue& value) {
  const auto& word = std::get<std::string>(value);
  options.date_order = word == "ymd"   ? ftp::DateOrder::ymd
                       : word == "mdy" ? ftp::DateOrder::mdy
                       : word == "dmy" ? ftp::DateOrder::dmy
                                       : ftp::DateOrder::unknown;
}

void store_completion(Options& options, const OptionValue& value) {
  const auto& shell = std::get<std::string>(value);
  options.help_format = shell == "bash"  ? HelpFormat::bash
                        : shell == "zsh" ? HelpFormat::zsh
                                         : HelpFormat::fish;
}

void store_log_level(Options& options, const OptionValue& value) {
  options.log_level = log::parse_level(std::get<std::string>(value));
}

/// The kernel's flags come in pairs; libfuse takes the last of each.
template <std::size_t N>
struct FlagName {
  char text[N];
  constexpr FlagName(const char (&name)[N]) {  // NOLINT(google-explicit-constructor)
    std::copy_n(name, N, text);
  }
};
template <FlagName Name>
void store_kernel_flag(Options& options, const OptionValue&) {
  options.kernel_flags.emplace_back(Name.text);
}

using K = OptionKind;
using G = OptionGroup;

// clang-format off
const OptionRow kRows[] = {
  // The login.
  {.name = "profile", .kind = K::text, .group = G::login, .value_name = "NAME",
   .help = "section of ~/.config/ftpsfs.conf or /etc/ftpsfs/ftpsfs.conf with url= and any of these options; NAME: in place of the URL means it, too; the command line wins",
   .store = store_text<&Options::profile>},
  {.name = "credentials", .aliases = "passwd_file", .kind = K::path, .group = G::login, .value_name = "FILE",
   .help = "file with lines username=NAME, password=WORD, account=NAME, key_password=WORD, proxy_password=WORD; refused when group or others may read it",
   .store = store_text<&Options::credentials_file>},
  {.name = "username", .kind = K::text, .group = G::login, .value_name = "NAME", .default_text = "anonymous",
   .help = "user to log in as; also in the URL or the credentials file",
   .store = store_text<&Options::username>},
  {.name = "account", .kind = K::text, .group = G::login, .value_name = "NAME",
   .help = "for servers that ask for an account (ACCT); also in the credentials file",
   .store = store_text<&Options::account>},
  {.name = "password_stdin", .aliases = "user_password_stdin", .group = G::login,
   .help = "read the password from the first line of standard input",
   .store = store_flag<&Options::password_stdin>},
  {.name = "password_command", .kind = K::text, .group = G::login, .value_name = "CMD",
   .help = "run CMD by sh -c; the first line that it prints is the password; again at each reload",
   .store = store_text<&Options::password_command>},
  {.name = "key_password_command", .kind = K::text, .group = G::login, .value_name = "CMD",
   .help = "the same for the passphrase of the client certificate's key",
   .store = store_text<&Options::key_password_command>},
  {.name = "netrc", .kind = K::path, .group = G::login, .value_name = "FILE",
   .help = "take user and password from this file, by default ~/.netrc, as curl does; refused when it holds a password and group or others may read it",
   .store = store_netrc, .value_optional = true},

  // TLS.
  {.name = "cert", .aliases = "client_cert", .kind = K::path, .group = G::tls, .value_name = "FILE",
   .help = "client certificate, PEM (with the chain above it) or DER; without a password it is the login",
   .store = [](Options& o, const OptionValue& v) { o.identity.certificate = std::get<std::string>(v); }},
  {.name = "key", .aliases = "client_key", .kind = K::path, .group = G::tls, .value_name = "FILE", .default_text = "in cert",
   .help = "its private key, PEM or DER, perhaps encrypted; refused when it is not and group or others may use the file",
   .store = [](Options& o, const OptionValue& v) { o.identity.key = std::get<std::string>(v); }},
  {.name = "pkcs12", .aliases = "clientcert", .kind = K::path, .group = G::tls, .value_name = "FILE",
   .help = "client certificate, key and chain in one file (.pfx, .p12), in place of cert and key",
   .store = [](Options& o, const OptionValue& v) { o.identity.pkcs12 = std::get<std::string>(v); }},
  {.name = "cacert", .aliases = "ca_cert", .kind = K::path, .group = G::tls, .value_name = "FILE", .default_text = "the system's CAs",
   .help = "trust the CAs in this file (PEM bundle or one DER certificate); may be given several times",
   .store = collect_text<&Options::ca_files>},
  {.name = "capath", .kind = K::path, .group = G::tls, .value_name = "DIR",
   .help = "trust the CAs in this directory; may be given several times",
   .store = collect_text<&Options::ca_directories>},
  {.name = "verify", .kind = K::choice, .group = G::tls, .value_name = "full|ca|none", .default_text = "full",
   .help = "what is checked of the server's certificate: chain and name, chain alone, or nothing (warns)",
   .store = store_verify, .choices = "full|ca|none"},
  {.name = "pin", .kind = K::text, .group = G::tls, .value_name = "sha256:BASE64",
   .help = "public key (SPKI) that the server's certificate must have, on top of verify; several: one of them",
   .store = collect_text<&Options::pins>},
  {.name = "crlfile", .kind = K::path, .group = G::tls, .value_name = "FILE",
   .help = "lists of revoked certificates (PEM or DER), among them one of the issuer of the server's; CAs above it are checked where their list is given; not with verify=none; may be given several times",
   .store = collect_text<&Options::crl_files>},
  {.name = "prot", .kind = K::choice, .group = G::tls, .value_name = "private|clear", .default_text = "private",
   .help = "are files and listings encrypted too? The control connection always is",
   .store = store_protection, .choices = "private|clear"},
  {.name = "ocsp", .kind = K::choice, .group = G::tls, .value_name = "check|require", .default_text = "check",
   .help = "the CA's word on revocation that a server staples to its certificate: heeded when it is there, or demanded",
   .store = [](Options& o, const OptionValue& v) { o.ocsp = std::get<std::string>(v) == "check" ? net::StapledStatus::check : net::StapledStatus::require; },
   .choices = "check|require"},
  {.name = "tls_min", .kind = K::choice, .group = G::tls, .value_name = "1.0|1.1|1.2|1.3", .default_text = "1.2",
   .help = "lowest TLS version; below 1.2 only with tls_legacy",
   .store = [](Options& o, const OptionValue& v) { o.tls_min = tls_version(v); }, .choices = "1.0|1.1|1.2|1.3"},
  {.name = "tls_max", .kind = K::choice, .group = G::tls, .value_name = "1.0|1.1|1.2|1.3", .default_text = "1.3",
   .help = "highest TLS version",
   .store = [](Options& o, const OptionValue& v) { o.tls_max = tls_version(v); }, .choices = "1.0|1.1|1.2|1.3"},
  {.name = "tls_legacy", .group = G::tls,
   .help = "bear old ciphers and signatures, short keys and servers without secure renegotiation (warns)",
   .store = store_flag<&Options::tls_legacy>},
  {.name = "ciphers", .kind = K::text, .group = G::tls, .value_name = "LIST", .default_text = "OpenSSL's",
   .help = "ciphers for TLS 1.2, as openssl-ciphers(1) has them",
   .store = store_text<&Options::ciphers>},
  {.name = "ciphersuites", .kind = K::text, .group = G::tls, .value_name = "LIST", .default_text = "OpenSSL's",
   .help = "the same for TLS 1.3",
   .store = store_text<&Options::ciphersuites>},
  {.name = "session_reuse", .kind = K::choice, .group = G::tls, .value_name = "on|require|off", .default_text = "on",
   .help = "data connections resume the TLS session of their control connection: offered, demanded, or never",
   .store = store_session_reuse, .choices = "on|require|off"},
  {.name = "eof", .kind = K::choice, .group = G::tls, .value_name = "verify|strict", .default_text = "verify",
   .help = "a download that ends without TLS's close_notify: good when the server confirms it and the file's size is reached, or an error",
   .store = [](Options& o, const OptionValue& v) { o.strict_end = std::get<std::string>(v) == "strict"; }, .choices = "verify|strict"},

  // Words of curlftpfs and rclone for values of the options above.
  {.name = "no_check_certificate", .aliases = "no_verify_peer", .group = G::tls,
   .store = [](Options& o, const OptionValue&) { o.verify = net::TlsVerify::none; }},
  {.name = "no_verify_hostname", .group = G::tls,
   .store = [](Options& o, const OptionValue&) { o.verify = net::TlsVerify::ca; }},
  {.name = "ssl_control", .group = G::tls,
   .store = [](Options& o, const OptionValue&) { o.protection = session::Protection::clear_data; }},
  {.name = "tlsv1_2", .aliases = "tlsv1.2", .group = G::tls,
   .store = [](Options& o, const OptionValue&) { o.tls_min = net::TlsVersion::tls1_2; }},
  {.name = "disable_tls13", .group = G::tls,
   .store = [](Options& o, const OptionValue&) { o.tls_max = net::TlsVersion::tls1_2; }},

  // The connections.
  {.name = "max_conns", .aliases = "concurrency", .kind = K::number, .group = G::connection, .value_name = "N", .default_text = "10",
   .help = "most connections to the server at a time, 1 to 64",
   .store = store_count<&Options::max_conns>, .minimum = 1, .maximum = 64},
  {.name = "warm_conns", .kind = K::number, .group = G::connection, .value_name = "N", .default_text = "10",
   .help = "most data connections that are made ahead of need, 0 to 64",
   .store = store_count<&Options::warm_conns>, .minimum = 0, .maximum = 64},
  {.name = "connect_timeout", .kind = K::duration, .group = G::connection, .value_name = "TIME", .default_text = "15s",
   .help = "for one connection: dial, TLS and login together",
   .store = store_duration<&Options::connect_timeout>, .minimum = 100},
  {.name = "timeout", .kind = K::duration, .group = G::connection, .value_name = "TIME", .default_text = "30s",
   .help = "for one operation, and for each stall of a transfer",
   .store = store_duration<&Options::timeout>, .minimum = 100},
  {.name = "soft", .group = G::connection, .default_text = "yes",
   .help = "a server that is away is an error when timeout has passed since it was lost",
   .store = [](Options& o, const OptionValue&) { o.hard = false; }},
  {.name = "hard", .group = G::connection,
   .help = "operations wait for ever for a server that is away, as those of NFS do; programs that wait can be interrupted and killed",
   .store = [](Options& o, const OptionValue&) { o.hard = true; }},
  {.name = "retries", .kind = K::number, .group = G::connection, .value_name = "N", .default_text = "2",
   .help = "how often a transfer that makes no progress, or an operation that the link cut, is taken up again, 0 to 100",
   .store = store_count<&Options::retries>, .minimum = 0, .maximum = 100},
  {.name = "pipelining", .kind = K::choice, .group = G::connection, .value_name = "on|off", .default_text = "on",
   .help = "several commands at a time, where the server bears it",
   .store = store_switch<&Options::pipelining>, .choices = "on|off"},
  {.name = "warm", .kind = K::choice, .group = G::connection, .value_name = "on|off", .default_text = "on",
   .help = "data connections made ahead of need; off where something between cuts idle ones",
   .store = store_switch<&Options::warm_data>, .choices = "on|off"},
  {.name = "stat_list", .kind = K::choice, .group = G::connection, .value_name = "on|off", .default_text = "on",
   .help = "listings by STAT over the control connection, where the server bears it",
   .store = store_switch<&Options::stat_listing>, .choices = "on|off"},
  {.name = "ipv4", .group = G::connection,
   .help = "use addresses of IPv4 alone",
   .store = store_flag<&Options::ipv4>},
  {.name = "ipv6", .group = G::connection,
   .help = "use addresses of IPv6 alone",
   .store = store_flag<&Options::ipv6>},
  {.name = "proxy", .kind = K::text, .group = G::connection, .value_name = "socks5h://[USER@]HOST[:PORT]",
   .help = "make all connections through this SOCKS5 proxy, port 1080 by default; socks5h: it looks up the server's name, socks5: we do; its password is a line proxy_password= in the credentials file",
   .store = store_text<&Options::proxy>},
  {.name = "active", .group = G::connection,
   .help = "active mode: the server dials the data connections (EPRT, PORT), for servers that cannot do passive",
   .store = store_flag<&Options::active>},
  {.name = "interface", .kind = K::text, .group = G::connection, .value_name = "ADDR|NAME", .default_text = "as the control connection",
   .help = "address or network interface at which the server dials us in active mode",
   .store = store_text<&Options::interface>},
  {.name = "port_range", .kind = K::text, .group = G::connection, .value_name = "LOW-HIGH", .default_text = "any",
   .help = "ports at which the server dials us in active mode",
   .store = store_text<&Options::port_range>},

  // What the server is.
  {.name = "server", .kind = K::choice, .group = G::server, .value_name = "KIND", .default_text = "auto",
   .help = "auto: found from greeting, SYST and FEAT; or unix, iis, ibmi, mvs, vms, vm, nonstop, vsftpd, proftpd, pureftpd, pyftpdlib",
   .store = [](Options& o, const OptionValue& v) { ftp::apply_server_word(o.server, std::get<std::string>(v)); },
   .choices = "auto|unix|iis|ibmi|mvs|vms|vm|nonstop|vsftpd|proftpd|pureftpd|pyftpdlib"},
  {.name = "disable_mlsd", .group = G::server,
   .help = "use neither MLSD nor MLST, for servers whose answers to them are wrong",
   .store = [](Options& o, const OptionValue& v) { o.server.disable_mlsd = std::get<bool>(v); }},
  {.name = "disable_epsv", .group = G::server,
   .help = "use PASV in place of EPSV",
   .store = [](Options& o, const OptionValue& v) { o.server.disable_epsv = std::get<bool>(v); }},
  {.name = "list_command", .kind = K::text, .group = G::server, .value_name = "CMD",
   .help = "list directories by this, sent behind a CWD: LIST, LIST -a, LIST -al, or NLST as the last resort; in place of MLSD, STAT and what ftpsfs would choose",
   .store = [](Options& o, const OptionValue& v) { o.server.list_command = std::get<std::string>(v); }},
  {.name = "site", .kind = K::text, .group = G::server, .value_name = "CMD",
   .help = "send SITE CMD at each login; may be given several times",
   .store = collect_text<&Options::sites>},
  {.name = "charset", .aliases = "codepage encoding", .kind = K::text, .group = G::server, .value_name = "NAME", .default_text = "UTF-8",
   .help = "character set of the names on the server, as iconv calls it; bytes that are none in it are shown as U+EF80 to U+EFFF and sent back as they were",
   .store = store_text<&Options::charset>},
  {.name = "timezone", .kind = K::text, .group = G::server, .value_name = "ZONE", .default_text = "found by MDTM or an upload, else UTC",
   .help = "zone of the times in listings by LIST: Europe/Berlin, or +HH:MM",
   .store = store_text<&Options::timezone>},
  {.name = "date_order", .kind = K::choice, .group = G::server, .value_name = "auto|ymd|mdy|dmy", .default_text = "auto",
   .help = "order of year, month and day in listings that write numbers alone (IBM i, Windows); auto: what fits all lines",
   .store = store_date_order, .choices = "auto|ymd|mdy|dmy"},
  {.name = "symlinks", .kind = K::choice, .group = G::server, .value_name = "show|follow|transform", .default_text = "show",
   .help = "symbolic links: with targets as the server tells them; as what they lead to on the server; or with absolute targets made relative, so that they stay inside the mount",
   .store = [](Options& o, const OptionValue& v) { o.symlinks = symlink_view(std::get<std::string>(v)); },
   .choices = "show|follow|transform"},

  // Words of sshfs for the values of the option above.
  {.name = "follow_symlinks", .group = G::server,
   .store = [](Options& o, const OptionValue&) { o.symlinks = fs::SymlinkView::follow; }},
  {.name = "transform_symlinks", .group = G::server,
   .store = [](Options& o, const OptionValue&) { o.symlinks = fs::SymlinkView::transform; }},

  // What is remembered.
  {.name = "dir_cache_timeout", .aliases = "dcache_timeout cache_timeout dir_cache_time", .kind = K::duration, .group = G::cache, .value_name = "TIME", .default_text = "30s",
   .help = "how long listings and attributes are believed inside ftpsfs",
   .store = store_duration<&Options::dir_cache_timeout>},
  {.name = "attr_timeout", .kind = K::duration, .group = G::cache, .value_name = "TIME", .default_text = "30s",
   .help = "how long the kernel believes attributes",
   .store = store_duration<&Options::attr_timeout>},
  {.name = "entry_timeout", .kind = K::duration, .group = G::cache, .value_name = "TIME", .default_text = "30s",
   .help = "how long the kernel believes that a name exists",
   .store = store_duration<&Options::entry_timeout>},
  {.name = "negative_timeout", .kind = K::duration, .group = G::cache, .value_name = "TIME", .default_text = "5s",
   .help = "how long it is believed that a name does not exist",
   .store = store_duration<&Options::negative_timeout>},
  {.name = "times", .kind = K::choice, .group = G::cache, .value_name = "exact|listing", .default_text = "exact",
   .help = "exact: to the second, asked by MDTM where listings do not tell; listing: as listings tell, to the minute or day",
   .store = store_times, .choices = "exact|listing"},
  {.name = "cto", .kind = K::choice, .group = G::cache, .value_name = "on|off", .default_text = "on",
   .help = "close-to-open: open() asks the server whether the file has changed; off: it believes what is remembered",
   .store = store_switch<&Options::close_to_open>, .choices = "on|off"},
  {.name = "prefetch", .kind = K::choice, .group = G::cache, .value_name = "on|off", .default_text = "on",
   .help = "list directories, and read small files, ahead of programs that go through them in a row (find, tar, cp -r, rsync, git)",
   .store = store_switch<&Options::prefetch>, .choices = "on|off"},
  {.name = "buffer_size", .kind = K::size, .group = G::cache, .value_name = "SIZE", .default_text = "96M",
   .help = "memory for content on its way: what is read ahead, and what waits to be sent",
   .store = store_size<&Options::buffer_size>, .minimum = 8ULL << 20, .maximum = 1ULL << 40},
  {.name = "readahead", .kind = K::size, .group = G::cache, .value_name = "SIZE", .default_text = "",
   .help = "the most that is read ahead of a program in one file, up to 32M; as the link needs when it is not given",
   .store = store_size<&Options::readahead>, .minimum = 256ULL << 10, .maximum = 32ULL << 20},
  {.name = "cache_size", .kind = K::size, .group = G::cache, .value_name = "SIZE", .default_text = "64M",
   .help = "memory for names and attributes",
   .store = store_size<&Options::cache_size>, .minimum = 1ULL << 20, .maximum = 1ULL << 40},
  {.name = "staging_dir", .kind = K::path, .group = G::cache, .value_name = "DIR", .default_text = "~/.cache/ftpsfs",
   .help = "where local copies lie for random writes (root: /var/cache/ftpsfs)",
   .store = store_text<&Options::staging_directory>},
  {.name = "staging_size", .kind = K::size, .group = G::cache, .value_name = "SIZE", .default_text = "",
   .help = "the most that local copies may hold, all together; then writes fail with ENOSPC; as the disk has room when it is not given",
   .store = store_size<&Options::staging_size>, .minimum = 1ULL << 20, .maximum = 1ULL << 50},
  {.name = "upload", .kind = K::choice, .group = G::cache, .value_name = "auto|atomic|direct", .default_text = "auto",
   .help = "auto: a file that is replaced stays until the new one is whole, new names are written directly; atomic: new names appear whole, too; direct: straight to the name, for drop folders that allow nothing else",
   .store = store_upload, .choices = "auto|atomic|direct"},
  {.name = "verify_upload", .kind = K::choice, .group = G::cache, .value_name = "size|hash", .default_text = "size",
   .help = "what is compared when an upload has arrived: its size; or its digest as well, by the server's HASH, XSHA256, XSHA512, XSHA1, XMD5, MD5 or XCRC, before it replaces a file: other content is EIO",
   .store = [](Options& o, const OptionValue& v) { o.verify_content = std::get<std::string>(v) == "hash"; }, .choices = "size|hash"},
  {.name = "writeback", .group = G::cache,
   .help = "close() returns when the file is safe in a journal on this machine; it is uploaded in the background, also by the next mount. Others see changes later, and the server may refuse one when its program has long ended",
   .store = store_flag<&Options::writeback>},
  {.name = "journal_dir", .kind = K::path, .group = G::cache, .value_name = "DIR", .default_text = "~/.local/state/ftpsfs",
   .help = "where the journal of writeback lies (root: /var/lib/ftpsfs); a disk that outlives a reboot",
   .store = store_text<&Options::journal_directory>},
  {.name = "journal_size", .kind = K::size, .group = G::cache, .value_name = "SIZE", .default_text = "10G",
   .help = "the most content that the journal holds; then writes wait for room, and fail with ENOSPC",
   .store = store_size<&Options::journal_size>, .minimum = 1ULL << 20, .maximum = 1ULL << 50},

  // Whose files they are.
  {.name = "uid", .kind = K::user, .group = G::owner, .value_name = "USER", .default_text = "who mounts",
   .help = "owner shown for all files, a name or a number",
   .store = store_id<&Options::uid>},
  {.name = "gid", .kind = K::group, .group = G::owner, .value_name = "GROUP", .default_text = "who mounts",
   .help = "group shown for all files, a name or a number",
   .store = store_id<&Options::gid>},
  {.name = "umask", .kind = K::octal, .group = G::owner, .value_name = "OCTAL",
   .help = "show files as 666, programs and directories as 777, less these bits; without it as the server says",
   .store = store_mask<&Options::umask>},
  {.name = "fmask", .kind = K::octal, .group = G::owner, .value_name = "OCTAL", .default_text = "umask",
   .help = "the same for files alone",
   .store = store_mask<&Options::file_mask>},
  {.name = "dmask", .kind = K::octal, .group = G::owner, .value_name = "OCTAL", .default_text = "umask",
   .help = "the same for directories alone",
   .store = store_mask<&Options::directory_mask>},

  // Words of mount.cifs: bits that are shown, in place of those that are taken away.
  {.name = "file_mode", .kind = K::octal, .group = G::owner, .value_name = "OCTAL",
   .store = store_shown_bits<&Options::file_mask>},
  {.name = "dir_mode", .kind = K::octal, .group = G::owner, .value_name = "OCTAL",
   .store = store_shown_bits<&Options::directory_mask>},

  // The mount.
  {.name = "ro",
   .help = "read only: nothing on the server is changed",
   .store = store_flag<&Options::read_only>},
  {.name = "rw", .default_text = "yes",
   .help = "read and write, where no ro is given, here or in the profile: mount(8) always passes this word"},
  {.name = "allow_other",
   .help = "let other users in (needs user_allow_other in /etc/fuse.conf unless root mounts)",
   .store = store_flag<&Options::allow_other>},
  {.name = "allow_root",
   .help = "let root in, besides who mounts",
   .store = store_flag<&Options::allow_root>},
  {.name = "auto_unmount",
   .help = "unmount even when ftpsfs is killed",
   .store = store_flag<&Options::auto_unmount>},
  {.name = "setuid", .kind = K::user, .value_name = "USER",
   .help = "serve the mount as this user, without any right of root's: root alone can give it. The files are the user's, unless uid= says otherwise; reload reads files as the user",
   .store = store_id<&Options::run_as>},
  {.name = "fsname", .kind = K::text, .value_name = "NAME", .default_text = "the URL",
   .help = "source shown in /proc/mounts and by df; by default the URL without user and password; from fstab what stands there, where no user does",
   .store = store_text<&Options::fsname>},
  {.name = "nodev", .default_text = "yes",
   .help = "with dev, nosuid, suid, noexec, exec, noatime, atime, sync, async, dirsync: as in mount(8)",
   .store = store_kernel_flag<"nodev">},
  {.name = "dev", .store = store_kernel_flag<"dev">},
  {.name = "nosuid", .store = store_kernel_flag<"nosuid">},
  {.name = "suid", .store = store_kernel_flag<"suid">},
  {.name = "noexec", .store = store_kernel_flag<"noexec">},
  {.name = "exec", .store = store_kernel_flag<"exec">},
  {.name = "noatime", .store = store_kernel_flag<"noatime">},
  {.name = "atime", .store = store_kernel_flag<"atime">},
  {.name = "sync", .store = store_kernel_flag<"sync">},
  {.name = "async", .store = store_kernel_flag<"async">},
  {.name = "dirsync", .store = store_kernel_flag<"dirsync">},
  {.name = "_netdev", .aliases = "auto noauto users nouser owner group nofail defaults nonempty relatime norelatime "
                                 "strictatime diratime nodiratime mand nomand silent loud big_writes default_permissions",
   .help = "this and mount(8)'s other words for fstab (noauto, user, users, nofail, defaults, x-*, comment=*) are accepted and ignored"},
  // Of sshfs and curlftpfs: always so.
  {.name = "reconnect", .aliases = "skip_pasv_ip"},
  // Always "ftpsfs": `ftpsfs status` finds its mounts by it.
  {.name = "subtype", .kind = K::text},

  // How it runs.
  {.name = "foreground", .short_name = 'f', .group = G::run,
   .help = "stay in front and log to stderr",
   .store = store_flag<&Options::foreground>},
  {.name = "debug", .short_name = 'd', .group = G::run,
   .help = "as -f, and log everything but secrets",
   .store = [](Options& o, const OptionValue&) { o.debug = o.foreground = true; }},
  {.name = "verbose", .short_name = 'v', .group = G::run,
   .help = "log more; twice: still more",
   .store = [](Options& o, const OptionValue&) { ++o.verbose; }},
  {.name = "log_level", .aliases = "loglevel", .kind = K::choice, .group = G::run, .value_name = "LEVEL", .default_text = "warning",
   .help = "trace, debug, info, warning, error or off",
   .store = store_log_level, .choices = "trace|debug|info|warning|error|off"},
  {.name = "log", .aliases = "log_file", .kind = K::path, .group = G::run, .value_name = "FILE", .default_text = "syslog",
   .help = "append the log to this file, in front and in the background; only you can read it",
   .store = store_text<&Options::log_file>},
  {.name = "trace", .kind = K::path, .group = G::run, .value_name = "FILE",
   .help = "append the dialogue with the server to this file, with times; secrets are masked",
   .store = store_text<&Options::trace_file>},
  {.name = "help", .short_name = 'h', .group = G::run,
   .help = "print this and exit",
   .store = store_flag<&Options::show_help>, .scope = kEveryScope},
  {.name = "version", .short_name = 'V', .group = G::run,
   .help = "print the version and exit",
   .store = store_flag<&Options::show_version>, .scope = kEveryScope},

  // The other commands.
  {.name = "json", .group = G::run,
   .help = "print JSON: one object in one line (status: for each mount)",
   .store = store_flag<&Options::json>, .scope = kStatusScope | kCheckScope},
  {.name = "write", .group = G::run,
   .help = "also write a small file beside those that are there, read it back and remove it",
   .store = store_flag<&Options::write_test>, .scope = kCheckScope},
  {.name = "watch", .aliases = "interval", .kind = K::duration, .group = G::run, .value_name = "TIME", .default_text = "1s",
   .help = "draw it again and again, with transfers and their rates, until Ctrl-C",
   .store = store_watch, .scope = kStatusScope, .minimum = 100, .value_optional = true},
  {.name = "failed", .group = G::run,
   .help = "tell of what the server has refused alone",
   .store = store_flag<&Options::failed_uploads_alone>, .scope = kUploadsScope},
  {.name = "retry", .group = G::run,
   .help = "try once more what the server has refused",
   .store = store_flag<&Options::retry_uploads>, .scope = kUploadsScope},
  {.name = "export", .kind = K::path, .group = G::run, .value_name = "DIR",
   .help = "copy what the server has refused into this directory, and keep it in the journal",
   .store = store_text<&Options::export_uploads_to>, .scope = kUploadsScope},
  {.name = "discard", .group = G::run,
   .help = "give up what the server has refused; behind --export when both are given",
   .store = store_flag<&Options::discard_uploads>, .scope = kUploadsScope},
  {.name = "wait", .kind = K::duration, .group = G::run, .value_name = "TIME",
   .help = "wait until uploads are finished, as umount always does; with a TIME: the same as timeout",
   .store = store_umount_wait, .scope = kUmountScope, .minimum = 0, .value_optional = true},
  {.name = "timeout", .kind = K::duration, .group = G::run, .value_name = "TIME", .default_text = "10m",
   .help = "how long to wait for uploads to be finished",
   .store = store_duration<&Options::umount_timeout>, .scope = kUmountScope, .minimum = 0},
  {.name = "markdown", .group = G::run,
   .store = [](Options& o, const OptionValue&) { o.help_format = HelpFormat::markdown; }, .scope = kHelpScope},
  {.name = "scdoc", .group = G::run,
   .store = [](Options& o, const OptionValue&) { o.help_format = HelpFormat::scdoc; }, .scope = kHelpScope},
  {.name = "completion", .kind = K::choice, .group = G::run, .value_name = "bash|zsh|fish",
   .store = store_completion, .scope = kHelpScope, .choices = "bash|zsh|fish"},
};

const CommandRow kCommands[] = {
  {"mount", Command::mount, kMountScope, CommandWords::source_and_directory, "mount a server; the word may be left out"},
  {"check", Command::check, kMountScope | kCheckScope, CommandWords::source_and_directory, "go the way of a mount step by step"},
  {"umount", Command::umount, kUmountScope, CommandWords::mount_point, "unmount, and wait for uploads"},
  {"unmount", Command::umount, kUmountScope, CommandWords::mount_point},
  {"status", Command::status, kStatusScope, CommandWords::mount_point, "tell how mounts are doing"},
  {"refresh", Command::refresh, kPlainScope, CommandWords::mount_point_and_path, "forget what is remembered of the server"},
  {"reload", Command::reload, kPlainScope, CommandWords::mount_point, "read certificates and credentials anew"},
  {"uploads", Command::uploads, kUploadsScope, CommandWords::mount_point, "tell what writeback still owes to the server"},
  {"log-level", Command::log_level, kPlainScope, CommandWords::mount_point_and_level, "change what is logged"},
  {"help", Command::help, kHelpScope, CommandWords::none, "print the options"},
  {"version", Command::version, kPlainScope, CommandWords::none, "print the versions of ftpsfs and its libraries"},
};
// clang-format on

bool same_name(std::string_view a, std::string_view b) {
  const auto folded = [](char c) { return c == '-' ? '_' : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return folded(x) == folded(y); });
}

/// Calls `visit` with the name and each alias until it returns true.
template <typename Visitor>
bool any_name(const OptionRow& row, Visitor visit) {
  if (visit(row.name)) {
    return true;
  }
  std::string_view rest = row.aliases;
  while (!rest.empty()) {
    const std::size_t blank = rest.find(' ');
    if (visit(rest.substr(0, blank))) {
      return true;
    }
    rest = blank == std::string_view::npos ? std::string_view() : rest.substr(blank + 1);
  }
  return false;
}

bool applies(const OptionRow& row, unsigned scope) {
  return (row.scope & scope) != 0;
}

/// Levenshtein's distance: letters to insert, delete or replace.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t above = row[j + 1];
      row[j + 1] =
          std::min({above + 1, row[j] + 1, diagonal + static_cast<std::size_t>(a[i] != b[j])});
      diagonal = above;
    }
  }
  return row.back();
}

}  // namespace

std::span<const OptionRow> option_rows() {
  return kRows;
}

std::span<const CommandRow> command_rows() {
  return kCommands;
}

unsigned scope_of(Command command) {
  const auto* found =
      std::find_if(std::begin(kCommands), std::end(kCommands),
                   [command](const CommandRow& row) { return row.command == command; });
  return found == std::end(kCommands) ? kPlainScope : found->scope;
}

const OptionRow* find_option(std::string_view name, unsigned scope) {
  for (const OptionRow& row : kRows) {
    if (applies(row, scope) &&
        any_name(row, [&](std::string_view known) { return same_name(known, name); })) {
      return &row;
    }
  }
  return nullptr;
}

const OptionRow* find_short_option(char name, unsigned scope) {
  const auto* found = std::find_if(std::begin(kRows), std::end(kRows), [&](const OptionRow& row) {
    return row.short_name == name && name != 0 && applies(row, scope);
  });
  return found == std::end(kRows) ? nullptr : found;
}

std::string_view nearest_option(std::string_view name, unsigned scope) {
  std::string folded(name.substr(0, 64));  // longer ones are near to nothing
  std::replace(folded.begin(), folded.end(), '-', '_');
  std::string_view best;
  // A third of the letters may be wrong, rounded up: "jsno", "dircache_timeout", but not "foo" for
  // "eof".
  std::size_t best_distance = (folded.size() + 2) / 3 + 1;
  for (const OptionRow& row : kRows) {
    if (!applies(row, scope)) {
      continue;
    }
    any_name(row, [&](std::string_view known) {
      const std::size_t distance = edit_distance(folded, known);
      if (distance < best_distance) {
        best_distance = distance;
        best = known;
      }
      return false;
    });
  }
  return best;
}

}  // namespace ftpsfs::app
