// SPDX-License-Identifier: MIT
#include "ftpsfs/app/mount_plan.hpp"
#include "ftpsfs/ftp/ascii.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <tuple>
#include <utility>

#include "ftpsfs/app/identity.hpp"
#include "ftpsfs/app/mount_profile.hpp"
#include "ftpsfs/app/mount_table.hpp"
#include "ftpsfs/app/private_directory.hpp"
#include "ftpsfs/base/small_file.hpp"
#include "ftpsfs/ftp/name_charset.hpp"

namespace ftpsfs::app {
namespace {

Error unusable(Errc code, std::string text) {
  return make_error(code, std::move(text));
}

Result<void> check_readable(std::string_view option, const std::string& path, bool directory) {
  struct stat status {};
  const bool found = ::stat(path.c_str(), &status) == 0;
  if (!found || ::access(path.c_str(), R_OK) != 0) {
    return unusable(Errc::not_found, fmt::format("{}={}: {}", option, path, std::strerror(errno)));
  }
  if (directory != S_ISDIR(status.st_mode)) {
    return unusable(Errc::invalid_argument, fmt::format("{}={}: {}", option, path,
                                                        directory ? "not a directory"
                                                                  : "is a directory; the option "
                                                                    "for those is capath"));
  }
  return {};
}

/// "sha256:" and 32 bytes in base64.
Result<void> check_pin(const std::string& pin) {
  constexpr std::string_view kKind = "sha256:";
  constexpr std::string_view kBase64 =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  constexpr std::size_t kDigits = 43;
  const std::size_t end = pin.find_first_not_of(kBase64, kKind.size());
  if (!pin.starts_with(kKind) || end != kKind.size() + kDigits || pin.substr(end) != "=") {
    return unusable(Errc::invalid_argument,
                    fmt::format("pin={}: not of the form sha256:BASE64, 44 characters; "
                                "contrib/doc/ibmi.md shows how to make one",
                                pin));
  }
  return {};
}

Result<void> check_tls(const Options& options) {
  for (const std::string& file : options.ca_files) {
    FTPSFS_TRY(check_readable("cacert", file, false));
  }
  for (const std::string& directory : options.ca_directories) {
    FTPSFS_TRY(check_readable("capath", directory, true));
  }
  for (const std::string& file : options.crl_files) {
    FTPSFS_TRY(check_readable("crlfile", file, false));
  }
  if (!options.crl_files.empty() && options.verify == net::TlsVerify::none) {
    return unusable(Errc::invalid_argument,
                    "crlfile= has no effect with verify=none, which checks no certificate; give "
                    "verify=full or verify=ca, or leave crlfile= out");
  }
  if (options.ocsp == net::StapledStatus::require && options.verify == net::TlsVerify::none) {
    return unusable(
        Errc::invalid_argument,
        "ocsp=require has no effect with verify=none, which checks no certificate; give "
        "verify=full or verify=ca, or leave ocsp= out");
  }
  if (options.strict_end && options.protection == session::Protection::clear_data) {
    return unusable(Errc::invalid_argument,
                    "eof=strict is for encrypted data; it excludes prot=clear");
  }
  if (options.tls_min < net::TlsVersion::tls1_2 && !options.tls_legacy) {
    return unusable(
        Errc::invalid_argument,
        "tls_min: TLS 1.0 and 1.1 are broken; where a server has nothing better, say so "
        "by tls_legacy, too");
  }
  for (const std::string& pin : options.pins) {
    FTPSFS_TRY(check_pin(pin));
  }
  if (options.tls_min > options.tls_max) {
    return unusable(Errc::invalid_argument,
                    "tls_min is above tls_max: no version of TLS is left to use");
  }
  return {};
}

/// "6000-6010". @return nullopt: it is none.
std::optional<std::pair<std::uint16_t, std::uint16_t>> port_range(std::string_view text) {
  const auto number = [](std::string_view digits) {
    return ftp::ascii::parse_number<std::uint16_t>(digits).value_or(0);
  };
  const std::size_t dash = std::min(text.find('-'), text.size());
  const std::uint16_t low = number(text.substr(0, dash));
  const std::uint16_t high = dash == text.size() ? low : number(text.substr(dash + 1));
  if (low == 0 || high < low) {
    return std::nullopt;
  }
  return std::pair(low, high);
}

bool is_interface_or_address(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> ignored{};
  return ::if_nametoindex(text.c_str()) != 0 ||
         ::inet_pton(AF_INET, text.c_str(), ignored.data()) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), ignored.data()) == 1;
}

Result<net::ListenPlace> make_listen_place(const Options& options) {
  net::ListenPlace place;
  if (!options.interface.empty() && !is_interface_or_address(options.interface)) {
    return unusable(Errc::invalid_argument,
                    fmt::format("interface={}: neither a network interface of this machine nor an "
                                "address",
                                options.interface));
  }
  place.interface = options.interface;
  if (!options.port_range.empty()) {
    const auto range = port_range(options.port_range);
    if (!range) {
      return unusable(Errc::invalid_argument,
                      fmt::format("port_range={}: not of the form LOW-HIGH, ports from 1 to 65535",
                                  options.port_range));
    }
    std::tie(place.lowest_port, place.highest_port) = *range;
  }
  return place;
}

Result<net::Route> make_route(const Options& options) {
  net::Route route;
  if (options.ipv4 && options.ipv6) {
    return unusable(Errc::invalid_argument,
                    "ipv4 and ipv6 exclude each other; without them both "
                    "are used");
  }
  route.family = options.ipv4   ? net::AddressFamily::ipv4
                 : options.ipv6 ? net::AddressFamily::ipv6
                                : net::AddressFamily::any;
  if (!options.active && !(options.interface.empty() && options.port_range.empty())) {
    return unusable(Errc::invalid_argument,
                    "interface= and port_range= are for active mode; give active, too");
  }
  if (options.active && !options.proxy.empty()) {
    return unusable(Errc::invalid_argument,
                    "active and proxy= exclude each other: a proxy takes no connection from the "
                    "server");
  }
  if (options.active) {
    FTPSFS_TRY_ASSIGN(route.active, make_listen_place(options));
  }
  if (!options.proxy.empty()) {
    FTPSFS_TRY_ASSIGN(route.proxy, parse_proxy(options.proxy));
  }
  return route;
}

/// What goes over the wire as it was given must be one line.
Result<void> check_one_line(std::string_view option, const std::string& text) {
  const bool is_plain = std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) >= ' ' && c != '\x7F';
  });
  return is_plain ? Result<void>()
                  : unusable(Errc::invalid_argument,
                             fmt::format("{}=: control characters cannot be sent", option));
}

Result<void> check_server(const Options& options) {
  for (const std::string& site : options.sites) {
    FTPSFS_TRY(check_one_line("site", site));
    if (ftp::ascii::starts_with_ignoring_case(site, "SITE ")) {
      return unusable(Errc::invalid_argument,
                      fmt::format("site={}: SITE is put before it; leave the word out", site));
    }
  }
  const std::string& list = options.server.list_command;
  FTPSFS_TRY(check_one_line("list_command", list));
  if (!list.empty() && list != "LIST" && !list.starts_with("LIST ") &&
      !ftp::lists_names_alone(list)) {
    return unusable(Errc::invalid_argument,
                    fmt::format("list_command={}: it must be LIST, or, where that is of no use, "
                                "NLST, with or without arguments",
                                list));
  }
  if (!options.charset.empty()) {
    FTPSFS_TRY(ftp::NameCharset::open(options.charset));
  }
  return {};
}

/// An offset, or a zone's name: those that this machine knows.
Result<ftp::ServerZone> find_zone(const std::string& name) {
  if (auto offset = ftp::ServerZone::from_offset(name)) {
    return offset;
  }
  constexpr std::size_t kLargest = std::size_t{1} << 20;
  const bool is_name = name.front() != '/' && name.find("..") == std::string::npos;
  const auto file = is_name ? read_small_file("/usr/share/zoneinfo/" + name, kLargest)
                            : make_error(Errc::not_found, "no such zone");
  auto zone =
      file ? ftp::ServerZone::from_tzif(file->bytes) : Result<ftp::ServerZone>(file.error());
  if (!zone) {
    return unusable(Errc::invalid_argument,
                    fmt::format("timezone={}: give UTC, an offset like +02:00, or a zone of "
                                "/usr/share/zoneinfo (package tzdata), like Europe/Berlin",
                                name));
  }
  return zone;
}

bool others_are_allowed_by_fuse_conf() {
  std::ifstream file("/etc/fuse.conf");
  for (std::string line; std::getline(file, line);) {
    const std::size_t begin = line.find_first_not_of(" \t");
    if (begin != std::string::npos && line.compare(begin, 16, "user_allow_other") == 0) {
      return true;
    }
  }
  return false;
}

Result<void> check_access(const Options& options) {
  if (options.allow_other && options.allow_root) {
    return unusable(Errc::invalid_argument,
                    "allow_other and allow_root exclude each other; allow_other lets root in too");
  }
  if ((options.allow_other || options.allow_root) && ::geteuid() != 0 &&
      !others_are_allowed_by_fuse_conf()) {
    return unusable(Errc::access_denied,
                    fmt::format("{} needs a line user_allow_other in /etc/fuse.conf, or root",
                                options.allow_other ? "allow_other" : "allow_root"));
  }
  if (::access("/dev/fuse", F_OK) != 0) {
    return unusable(Errc::not_found,
                    "there is no /dev/fuse; load the kernel module (modprobe fuse), or give the "
                    "container the device (--device /dev/fuse --cap-add SYS_ADMIN)");
  }
  return {};
}

Error stat_failure(const std::string& mount_point, int error) {
  switch (error) {
    case ENOENT:
      return unusable(Errc::not_found, fmt::format("mount point {} does not exist; mkdir {}",
                                                   mount_point, mount_point));
    case ENOTCONN:
      return unusable(
          Errc::busy,
          fmt::format("mount point {} is a mount whose process has died; fusermount3 -u "
                      "{} (or umount) removes it",
                      mount_point, mount_point));
    default:
      return unusable(Errc::access_denied,
                      fmt::format("mount point {}: {}", mount_point, std::strerror(error)));
  }
}

/// A directory that is not empty is taken as well, as mount(8) does: what it holds is hidden.
Result<void> check_mount_point(const std::string& mount_point) {
  // The table comes first: a stat would ask the mount itself, which may hang or be dead.
  if (const auto mounted = find_mount(read_mount_table(), mount_point)) {
    return unusable(Errc::busy, fmt::format("{} is an ftpsfs mount already ({}); ftpsfs umount {}",
                                            mount_point, mounted->source, mount_point));
  }
  struct stat status {};
  if (::stat(mount_point.c_str(), &status) != 0) {
    return stat_failure(mount_point, errno);
  }
  if (!S_ISDIR(status.st_mode)) {
    return unusable(Errc::not_directory,
                    fmt::format("mount point {} is not a directory", mount_point));
  }
  return {};
}

void collect_warnings(MountPlan& plan) {
  if (plan.options.verify == net::TlsVerify::none && plan.options.pins.empty()) {
    plan.warnings.push_back(fmt::format(
        "warning: verify=none: whoever answers as {} is believed, and can read the password and "
        "all files; give the CA with -o cacert=FILE instead",
        plan.url.authority()));
  }
  if (plan.options.tls_legacy) {
    plan.warnings.emplace_back(
        "warning: tls_legacy: encryption that is broken is accepted; who sits between can perhaps "
        "read and change everything");
  }
  if (plan.options.protection == session::Protection::clear_data) {
    plan.warnings.emplace_back(
        "warning: prot=clear: files and listings travel unencrypted; only the login and the "
        "commands are protected");
  }
  if (plan.route.proxy && plan.route.proxy->password) {
    plan.warnings.emplace_back(
        "warning: a password in proxy= can be seen by others in the list of processes; write "
        "proxy_password= into the credentials file");
  }
  if (plan.url.password) {
    plan.warnings.emplace_back(
        "warning: a password in the URL can be seen by others in the list of processes, and stays "
        "in the shell's history; use -o credentials=FILE");
  }
}

}  // namespace

Result<MountPlan> make_server_plan(const Options& options, const std::string& source) {
  MountPlan plan;
  plan.options = options;
  FTPSFS_TRY_ASSIGN(plan.url, resolve_source(options, source));
  FTPSFS_TRY_ASSIGN(plan.route, make_route(options));
  Secret::wipe(plan.options.proxy);  // may hold a password
  FTPSFS_TRY(check_tls(options));
  FTPSFS_TRY(check_identity_options(options));
  FTPSFS_TRY(check_server(options));
  if (!options.timezone.empty()) {
    FTPSFS_TRY_ASSIGN(plan.zone, find_zone(options.timezone));
  }
  collect_warnings(plan);
  return plan;
}

Result<void> gather_login(MountPlan& plan) {
  FTPSFS_TRY_ASSIGN(plan.credentials, gather_credentials(plan.options, plan.url));
  FTPSFS_TRY_ASSIGN(plan.identity, load_identity(plan.options, plan.credentials, Asking::terminal,
                                                 Wait::for_at_most(kPromptLimit)));
  plan.url.password.reset();
  return {};
}

Result<MountPlan> make_mount_plan(const Options& options, const std::string& source,
                                  const std::string& mount_point,
                                  const std::string& working_directory) {
  FTPSFS_TRY_ASSIGN(MountPlan plan, make_server_plan(options, source));
  FTPSFS_TRY(check_access(options));
  plan.mount_point = resolve_mount_point(mount_point, working_directory);
  FTPSFS_TRY(check_mount_point(plan.mount_point));
  if (options.run_as) {
    FTPSFS_TRY_ASSIGN(const RunAs user, RunAs::find(*options.run_as));
    plan.run_as = user;
  }
  FTPSFS_TRY_ASSIGN(
      plan.staging_directory,
      plan.run_as
          ? make_staging_directory_for(*plan.run_as, options.staging_directory, plan.mount_point)
          : make_staging_directory(options.staging_directory, plan.mount_point));
  if (options.writeback && !options.read_only) {
    if (options.upload_mode != fs::UploadMode::automatic) {
      return make_error(Errc::invalid_argument,
                        "writeback has its own way to replace files: leave upload= out");
    }
    FTPSFS_TRY_ASSIGN(
        plan.journal_directory,
        plan.run_as
            ? make_journal_directory_for(*plan.run_as, options.journal_directory, plan.mount_point)
            : make_journal_directory(options.journal_directory, plan.mount_point));
  }
  return plan;
}

Result<remote::RemotePath> remote_root(const MountPlan& plan, const remote::RemotePath& start) {
  const std::string& path = plan.url.path;
  if (path.empty()) {
    return start;
  }
  return remote::RemotePath::parse(path.starts_with('/') ? path : start.str() + "/" + path);
}

remote::FtpRemoteSettings remote_settings(const MountPlan& plan) {
  const Options& options = plan.options;
  remote::FtpRemoteSettings settings;
  settings.session.host = plan.url.host;
  settings.session.port = plan.url.port;
  settings.session.mode = plan.url.mode;
  settings.session.route = plan.route;
  if (plan.route.proxy && !plan.route.proxy->password) {
    settings.session.route.proxy->password = plan.credentials.proxy_password;
  }
  settings.session.username = plan.credentials.username;
  settings.session.password = plan.credentials.password;
  settings.session.account = plan.credentials.account;
  settings.session.tls.ca_files = options.ca_files;
  settings.session.tls.ca_directories = options.ca_directories;
  settings.session.tls.identity = plan.identity;
  settings.session.tls.crl_files = options.crl_files;
  settings.session.tls.pins = options.pins;
  settings.session.tls.ciphers = options.ciphers;
  settings.session.tls.ciphersuites = options.ciphersuites;
  settings.session.tls.session_reuse = options.session_reuse;
  settings.session.tls.verify = options.verify;
  settings.session.tls.min_version = options.tls_min;
  settings.session.tls.max_version = options.tls_max;
  settings.session.tls.legacy = options.tls_legacy;
  settings.session.tls.stapled_status = options.ocsp;
  settings.session.strict_end = options.strict_end;
  settings.session.protection = options.protection;
  settings.session.connect_timeout = options.connect_timeout;
  settings.session.timeout = options.timeout;
  settings.session.pipelining = options.pipelining;
  settings.session.warm_data = options.warm_data;
  settings.session.stat_listing = options.stat_listing;
  settings.session.coarse_times = !options.exact_times;
  settings.session.server.profile = options.server;
  settings.session.server.sites = options.sites;
  settings.session.server.charset =
      ftp::ascii::equal_ignoring_case(options.charset, "UTF-8") ? "" : options.charset;
  settings.session.server.zone = plan.zone;
  settings.session.server.date_order = options.date_order;
  settings.session.trace = plan.trace;
  settings.max_conns = options.max_conns;
  settings.retries = static_cast<int>(options.retries);
  settings.warm_conns = options.warm_conns;
  settings.verify_content = options.verify_content;
  return settings;
}

fs::Settings filesystem_settings(const MountPlan& plan, const remote::RemotePath& root) {
  const Options& options = plan.options;
  fs::Settings settings;
  settings.root = root;
  settings.uid = options.uid.value_or(plan.run_as ? plan.run_as->user() : ::getuid());
  settings.gid = options.gid.value_or(plan.run_as ? plan.run_as->group() : ::getgid());
  settings.file_mask = options.file_mask ? options.file_mask : options.umask;
  settings.directory_mask = options.directory_mask ? options.directory_mask : options.umask;
  settings.read_only = options.read_only;
  settings.dir_cache_timeout = options.dir_cache_timeout;
  settings.attr_timeout = options.attr_timeout;
  settings.entry_timeout = options.entry_timeout;
  settings.negative_timeout = options.negative_timeout;
  settings.exact_times = options.exact_times;
  settings.prefetch = options.prefetch;
  settings.close_to_open = options.close_to_open;
  settings.cache_bytes = options.cache_size;
  settings.connections = options.max_conns;
  settings.buffer_bytes = options.buffer_size;
  settings.readahead_bytes = options.readahead;
  settings.timeout = options.timeout;
  settings.waits_for_link = options.hard;
  settings.retries = static_cast<int>(options.retries);
  settings.staging_directory = plan.staging_directory;
  settings.staging_bytes = options.staging_size;
  settings.source = plan.url.fsname();
  settings.upload_mode = options.upload_mode;
  settings.symlinks = options.symlinks;
  return settings;
}

writeback::WritebackSettings writeback_settings(const MountPlan& plan,
                                                const remote::RemotePath& root,
                                                std::uint64_t mount) {
  writeback::WritebackSettings settings;
  settings.journal.directory = plan.journal_directory;
  settings.journal.identity =
      fmt::format("{}@{}{}", plan.credentials.username, plan.url.authority(), root.str());
  settings.courier.mount = mount;
  settings.courier.limits.timeout = plan.options.timeout;
  settings.courier.most_content_bytes = plan.options.journal_size;
  // Programs come first: they ask for attributes and content meanwhile.
  constexpr unsigned kMostThreads = 15;
  settings.courier.threads =
      std::clamp(plan.options.max_conns > 1 ? plan.options.max_conns - 1 : 1U, 1U, kMostThreads);
  return settings;
}

fuse::MountOptions mount_options(const MountPlan& plan) {
  const Options& options = plan.options;
  fuse::MountOptions mount;
  mount.mount_point = plan.mount_point;
  mount.fsname = options.fsname.empty() ? plan.url.fsname() : options.fsname;
  mount.allow_other = options.allow_other;
  mount.read_only = options.read_only;
  mount.debug = options.debug;
  mount.others = options.kernel_flags;
  if (options.allow_root) {
    mount.others.emplace_back("allow_root");
  }
  if (options.auto_unmount) {
    mount.others.emplace_back("auto_unmount");
  }
  return mount;
}

fuse::ServeSettings serve_settings(const MountPlan& plan) {
  fuse::ServeSettings settings;
  // A request may find its connection dead, dial another one, and then do its work once more.
  settings.operation_timeout = plan.options.connect_timeout + 2 * plan.options.timeout;
  if (plan.options.hard) {
    settings.operation_timeout = settings.settle_timeout = kNoLimit;
  }
  return settings;
}

}  // namespace ftpsfs::app
