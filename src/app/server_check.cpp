// SPDX-License-Identifier: MIT
#include "ftpsfs/app/server_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <random>
#include <thread>
#include <tuple>
#include <utility>

#include "ftpsfs/ftp/features.hpp"
#include "ftpsfs/net/socket.hpp"
#include "ftpsfs/session/download.hpp"
#include "ftpsfs/session/session.hpp"
#include "timed_transport.hpp"

namespace ftpsfs::app {
namespace {

constexpr std::size_t kLongestDetail = 160;
constexpr std::size_t kMostRead = std::size_t{1} << 20;
constexpr std::size_t kWritten = std::size_t{16} << 10;
constexpr auto kGoodbye = std::chrono::seconds(2);
constexpr auto kBetweenLogins = std::chrono::milliseconds(100);

std::string shortened(std::string text) {
  if (text.size() > kLongestDetail) {
    text.resize(text.rfind(' ', kLongestDetail) == std::string::npos
                    ? kLongestDetail
                    : text.rfind(' ', kLongestDetail));
    text += " …";
  }
  return text;
}

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  std::string out;
  for (const std::string& word : words) {
    out += (out.empty() ? "" : std::string(between)) + word;
  }
  return out;
}

/// The names of features; what they can do in detail is for the log.
std::string feature_names(const ftp::Features& features) {
  std::vector<std::string> names;
  for (const std::string& line : features.lines) {
    names.push_back(line.starts_with("MLST") ? "MLST" : line);
  }
  return shortened(fmt::format("{} features: {}", names.size(), joined(names, ", ")));
}

std::string rate(std::uint64_t bytes, SteadyClock::duration took) {
  const double seconds = std::chrono::duration<double>(took).count();
  return bytes < kWritten || seconds <= 0
             ? std::string()
             : fmt::format(", {:.1f} MiB/s", static_cast<double>(bytes) / seconds / (1 << 20));
}

/// The connection whose parts are told.
struct TestedLine {
  TestedLine(const session::SessionSettings& wanted, std::shared_ptr<const net::TlsContext> tls)
      : settings(wanted),
        network(settings.host, settings.port, std::move(tls), nullptr, settings.route),
        transport(network) {}

  const session::SessionSettings settings;
  session::NetTransport network;
  TimedTransport transport;
  session::ServerKnowledge knowledge{0};
  session::TrafficCounters traffic;
  std::unique_ptr<session::Session> session;
};

class Check {
 public:
  Check(const MountPlan& plan, bool writes, const CheckSink& tell)
      : plan_(plan), options_(plan.options), writes_(writes), tell_(tell) {}

  ServerCheckResult run() {
    if (look_up() && log_in()) {
      tell_of_server();
      if (open_data() && connect() && list() && read() && writes_) {
        write();
      }
    }
    return std::move(result_);
  }

 private:
  using Took = std::optional<SteadyClock::duration>;

  bool look_up();
  bool log_in();
  bool tell_failed_login(const Error& error, SteadyClock::duration took);
  void tell_of_tls();
  void tell_of_server();
  bool open_data();
  bool connect();
  bool list();
  bool read();
  void write();
  Result<void> write_and_compare(const remote::RemotePath& path);
  Result<std::uint64_t> read_some(const remote::RemotePath& path, std::size_t most,
                                  std::vector<std::byte>& bytes);

  Wait wait() const { return Wait::for_at_most(options_.timeout); }
  Wait login_wait() const { return Wait::for_at_most(options_.connect_timeout); }

  bool tell(std::string name, CheckOutcome outcome, std::string detail, Took took = {}) {
    CheckStep step{std::move(name), outcome, std::move(detail), {}};
    if (took) {
      step.took = std::chrono::duration_cast<std::chrono::microseconds>(*took);
    }
    result_.steps.push_back(step);
    tell_(step);
    return outcome != CheckOutcome::failed;
  }
  bool good(std::string name, std::string detail, Took took = {}) {
    return tell(std::move(name), CheckOutcome::good, std::move(detail), took);
  }
  bool failed(std::string name, const Error& error, Took took = {}) {
    return tell(std::move(name), CheckOutcome::failed, error.text, took);
  }
  bool skipped(std::string name, std::string detail) {
    return tell(std::move(name), CheckOutcome::skipped, std::move(detail));
  }

  const MountPlan& plan_;
  const Options& options_;
  const bool writes_;
  const CheckSink& tell_;
  ServerCheckResult result_;
  std::unique_ptr<TestedLine> line_;
  std::unique_ptr<remote::FtpRemote> remote_;
  remote::RemotePath root_;
  std::vector<remote::Entry> entries_;
};

/// Measures from its making.
class Watch {
 public:
  SteadyClock::duration took() const { return SteadyClock::now() - begun_; }

 private:
  const SteadyTime begun_ = SteadyClock::now();
};

bool Check::look_up() {
  if (plan_.route.proxy && plan_.route.proxy->resolves_names) {
    return skipped("name", "the proxy looks it up");
  }
  const Watch watch;
  const auto addresses = net::resolve(plan_.url.host, login_wait(), plan_.route.family);
  if (!addresses) {
    return failed("name", addresses.error(), watch.took());
  }
  std::vector<std::string> hosts;
  for (const net::SocketAddress& address : *addresses) {
    if (std::find(hosts.begin(), hosts.end(), address.host()) == hosts.end()) {
      hosts.push_back(address.host());
    }
  }
  return good("name", fmt::format("{} is {}", plan_.url.host, shortened(joined(hosts, ", "))),
              watch.took());
}

bool Check::log_in() {
  session::SessionSettings settings = remote_settings(plan_).session;
  settings.warm_data = false;  // its data connection is a step of its own
  auto context = net::TlsContext::create(settings.tls);
  if (!context) {
    return failed("TLS", context.error());
  }
  line_ = std::make_unique<TestedLine>(settings, *std::move(context));
  const Watch watch;
  auto session = session::Session::open(line_->settings, line_->transport, line_->knowledge,
                                        line_->traffic, login_wait());
  if (!session) {
    return tell_failed_login(session.error(), watch.took());
  }
  line_->session = *std::move(session);
  const TimedTransport& transport = line_->transport;
  good("TCP", plan_.route.proxy ? "through the proxy" : transport.peer(),
       transport.dialling()->took);
  tell_of_tls();
  const std::string& start = line_->session->start_directory();
  std::string who = fmt::format("{}{}", plan_.credentials.username,
                                plan_.credentials.password ? "" : ", by certificate");
  return good("login", start.empty() ? who : fmt::format("{}; it starts in {}", who, start),
              watch.took() - transport.dialling()->took - transport.securing()->took);
}

/// Finds the part that failed among those of one login.
bool Check::tell_failed_login(const Error& error, SteadyClock::duration took) {
  const TimedTransport& transport = line_->transport;
  if (!transport.dialling() || transport.dialling()->failure) {
    return failed("TCP", error, took);
  }
  good("TCP", transport.peer(), transport.dialling()->took);
  if (!transport.securing()) {
    const bool is_tls = error.code == Errc::tls_failed || error.code == Errc::untrusted;
    return failed(is_tls ? "TLS" : "greeting", error, took);
  }
  if (transport.securing()->failure) {
    const bool is_certificate = error.code == Errc::untrusted;
    if (is_certificate) {
      good("TLS", "the server answers in TLS", transport.securing()->took);
    }
    return failed(is_certificate ? "certificate" : "TLS", error,
                  is_certificate ? Took() : transport.securing()->took);
  }
  tell_of_tls();
  return failed(error.code == Errc::unsupported ? "PROT" : "login", error,
                took - transport.dialling()->took - transport.securing()->took);
}

void Check::tell_of_tls() {
  const net::TlsPeerInfo& tls = line_->transport.tls();
  good("TLS", fmt::format("{}, {}", tls.version, tls.cipher), line_->transport.securing()->took);
  const std::string whose = fmt::format("{}, until {}", tls.subject, tls.not_after);
  switch (options_.verify) {
    case net::TlsVerify::full:
      good("certificate", whose + "; the name is right");
      break;
    case net::TlsVerify::ca:
      good("certificate", whose + "; the name is not checked (verify=ca)");
      break;
    case net::TlsVerify::none:
      skipped("certificate", whose + "; it is not checked (verify=none)");
      break;
  }
  if (tls.chain.empty()) {
    skipped("chain", fmt::format("issued by {}; not checked", tls.issuer));
  } else {
    good("chain", shortened(joined(tls.chain, " < ")));
  }
  good("public key", "pin=" + tls.public_key);
  if (tls.alpn.empty()) {
    skipped("ALPN", "the server does not use it, and need not");
  } else {
    good("ALPN", tls.alpn);
  }
}

void Check::tell_of_server() {
  const Watch watch;
  const auto reply = line_->session->command("FEAT", "", wait());
  if (!reply) {
    failed("FEAT", reply.error(), watch.took());
    return;
  }
  const ftp::Features features = ftp::parse_features(*reply);
  if (features.answered) {
    good("FEAT", feature_names(features), watch.took());
  } else {
    skipped("FEAT", "the server tells nothing: " + reply->text());
  }
  good("profile", shortened(line_->session->profile().describe()));
  good("PROT", options_.protection == session::Protection::private_data
                   ? "P: files and listings are encrypted"
                   : "C: files and listings travel in clear (prot=clear)");
}

/// A listing of the place in which the login starts: by a data connection, whatever else the server
/// could do.
bool Check::open_data() {
  const ftp::ServerProfile profile = line_->session->profile();
  const Watch watch;
  const std::string& classic = profile.lists ? profile.list_command : profile.names_command;
  const auto listed =
      session::fetch_listing(*line_->session, {}, profile.has_mlsd ? "MLSD" : classic, wait());
  const std::string name = "data connection";
  if (!listed) {
    const Errc code = listed.error().code;
    if (code == Errc::access_denied || code == Errc::not_found || code == Errc::refused) {
      skipped(name, "no listing where the login starts: " + listed.error().text);
      return true;
    }
    return failed(name, listed.error(), watch.took());
  }
  good(name, options_.active ? "active: the server dials" : "passive: the server is dialled",
       watch.took());
  if (options_.protection == session::Protection::clear_data) {
    skipped("session reuse", "no TLS on data connections (prot=clear)");
  } else if (options_.session_reuse == net::SessionReuse::off) {
    skipped("session reuse", "switched off (session_reuse=off)");
  } else if (line_->traffic.full_handshakes == 0) {
    good("session reuse", "the data connection resumed the TLS session of its login");
  } else {
    skipped("session reuse", "the server makes a full handshake for each data connection");
  }
  return true;
}

/// From here on as a mount does it. The first connection stays meanwhile: are two of them allowed?
bool Check::connect() {
  const auto try_once = [this] {
    const Watch watch;
    auto remote = remote::FtpRemote::connect(remote_settings(plan_), login_wait());
    if (!remote) {
      return std::pair(std::optional(remote.error()), watch.took());
    }
    remote_ = *std::move(remote);
    return std::pair(std::optional<Error>(), watch.took());
  };
  const std::string name = "2 connections";
  if (options_.max_conns > 1) {
    const auto [refusal, took] = try_once();
    if (!refusal) {
      good(name, "a second login at the same time is let in", took);
    }
  }
  line_->session->quit(Wait::for_at_most(kGoodbye));
  line_->session.reset();
  if (!remote_) {
    // Servers count a connection for a moment behind its end.
    auto [refusal, took] = try_once();
    for (const Watch since; refusal && since.took() < kGoodbye;) {
      std::this_thread::sleep_for(kBetweenLogins);
      std::tie(refusal, took) = try_once();
    }
    if (refusal) {
      return failed("second login", *refusal, took);
    }
    result_.one_connection = options_.max_conns > 1;
    skipped(name, result_.one_connection ? "the server lets in one at a time: max_conns=1"
                                         : "not tried (max_conns=1)");
  }
  return true;
}

bool Check::list() {
  const auto root = remote_root(plan_, remote_->start_directory());
  if (!root) {
    return failed("listing", root.error());
  }
  root_ = *root;
  const Watch watch;
  auto listing = remote_->list(root_, wait());
  if (!listing) {
    Error error = listing.error();
    if (error.code == Errc::not_found) {
      error.text = fmt::format("there is no directory {} on the server", root_.str());
    } else if (error.code == Errc::not_directory) {
      error.text = fmt::format("{} on the server is a file, not a directory", root_.str());
    }
    return failed("listing", error, watch.took());
  }
  entries_ = std::move(listing->entries);
  const auto directories = std::count_if(
      entries_.begin(), entries_.end(),
      [](const remote::Entry& entry) { return entry.type == remote::FileType::directory; });
  return good("listing",
              fmt::format("{} entries in {}, {} of them directories", entries_.size(), root_.str(),
                          directories),
              watch.took());
}

Result<std::uint64_t> Check::read_some(const remote::RemotePath& path, std::size_t most,
                                       std::vector<std::byte>& bytes) {
  const Wait step = wait();
  FTPSFS_TRY_ASSIGN(const auto reader, remote_->open_reader(
                                           path, 0, [] {}, step));
  bytes.resize(most);
  std::size_t filled = 0;
  while (filled < most) {
    FTPSFS_TRY_ASSIGN(const std::size_t got, reader->read(std::span(bytes).subspan(filled), step));
    if (got == 0) {
      break;
    }
    filled += got;
  }
  bytes.resize(filled);
  return std::uint64_t{filled};
}

/// The smallest file that has content will do.
bool Check::read() {
  const remote::Entry* chosen = nullptr;
  for (const remote::Entry& entry : entries_) {
    const bool has_content = entry.type == remote::FileType::regular && entry.size.value_or(0) > 0;
    if (has_content && (chosen == nullptr || *entry.size < *chosen->size)) {
      chosen = &entry;
    }
  }
  const auto path = chosen == nullptr ? Result<remote::RemotePath>(remote::RemotePath())
                                      : root_.child(chosen->name);
  if (chosen == nullptr || !path) {
    return skipped("read", "no file with content there");
  }
  const Watch watch;
  std::vector<std::byte> bytes;
  const auto got = read_some(*path, kMostRead, bytes);
  if (!got) {
    Error error = got.error();
    error.text = fmt::format("{}: {}", path->str(), error.text);
    return failed("read", error, watch.took());
  }
  return good("read", fmt::format("{}: {} bytes{}", path->str(), *got, rate(*got, watch.took())),
              watch.took());
}

Result<void> Check::write_and_compare(const remote::RemotePath& path) {
  std::vector<std::byte> bytes(kWritten);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>((i * 131) ^ (i >> 8));  // all values, line ends among them
  }
  FTPSFS_TRY_ASSIGN(const auto writer, remote_->open_writer(
                                           path, remote::WriteMode::replace, [] {}, wait()));
  FTPSFS_TRY(writer->write(bytes, wait()));
  FTPSFS_TRY_ASSIGN(const auto finished, writer->finish({}, wait()));
  if (finished.version.size && *finished.version.size != bytes.size()) {
    return make_error(Errc::truncated, fmt::format("{} bytes were sent, and the server has {}",
                                                   bytes.size(), *finished.version.size));
  }
  std::vector<std::byte> back;
  FTPSFS_TRY(read_some(path, kWritten + 1, back));
  if (back != bytes) {
    return make_error(Errc::io_error, "what was written is not what is read back");
  }
  return {};
}

void Check::write() {
  const std::string name = fmt::format(".ftpsfs-check-{:08x}", std::random_device()());
  const auto path = root_.child(name);
  if (!path) {
    failed("write", path.error());
    return;
  }
  const Watch watch;
  const auto written = write_and_compare(*path);
  const auto removed = remote_->remove_file(*path, wait());
  if (!written) {
    failed("write", written.error(), watch.took());
  } else if (!removed) {
    failed("write",
           make_error(removed.error().code, fmt::format("{} was written, but cannot be removed: {}",
                                                        path->str(), removed.error().text)),
           watch.took());
  } else {
    good("write", fmt::format("{} bytes written, read back and removed", kWritten), watch.took());
  }
}

}  // namespace

ServerCheckResult check_server(const MountPlan& plan, bool writes, const CheckSink& tell) {
  return Check(plan, writes, tell).run();
}

}  // namespace ftpsfs::app
