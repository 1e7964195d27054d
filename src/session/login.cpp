// SPDX-License-Identifier: MIT
#include "ftpsfs/session/login.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/ftp/features.hpp"

namespace ftpsfs::session {
namespace {

constexpr Duration kProbeLimit = std::chrono::seconds(3);

std::string place(const SessionSettings& settings) {
  return fmt::format("{}:{}", settings.host, settings.port);
}

Error use_implicit(const SessionSettings& settings) {
  return make_broken(Errc::tls_failed,
                     fmt::format("{} speaks implicit TLS: use ftps://{}", place(settings),
                                 settings.port == 990 ? settings.host : place(settings)));
}

/// A login step that failed, told with the step's name. 421 keeps its meaning.
Error refused(Errc code, const std::string& what, const ftp::Reply& reply) {
  return make_broken(reply.code == 421 ? Errc::closed : code,
                     fmt::format("{}: {}", what, reply.text()), reply.code);
}

class Login {
 public:
  Login(const SessionSettings& settings, Transport& transport, const Wait& wait)
      : settings_(settings), transport_(transport), wait_(wait) {}

  Result<LoggedIn> run() {
    FTPSFS_TRY(settings_.mode == TlsMode::explicit_tls ? begin_explicit() : begin_implicit());
    result_.tls = transport_.describe_tls(control().stream());
    FTPSFS_TRY(authenticate());
    FTPSFS_TRY(introduce());
    return std::move(result_);
  }

 private:
  ControlChannel& control() { return *result_.control; }

  Result<void> begin_explicit();
  Result<void> begin_implicit();
  Result<void> take_greeting();
  Result<ftp::Reply> await_explicit_greeting();
  Result<void> authenticate();
  Result<void> introduce();
  Result<void> check_protection(const ftp::Reply& pbsz, const ftp::Reply& prot);
  Result<void> ask_for_facts();
  Result<ftp::Reply> say(std::string_view verb, std::string_view argument = {});

  const SessionSettings& settings_;
  Transport& transport_;
  const Wait& wait_;
  LoggedIn result_;
  ftp::Reply greeting_;
};

Result<ftp::Reply> Login::say(std::string_view verb, std::string_view argument) {
  FTPSFS_TRY_ASSIGN(const auto command, ftp::Command::make(verb, argument));
  return control().exchange(command, wait_);
}

/// Waits for the greeting in two parts: a server that stays silent is asked whether it speaks TLS.
Result<ftp::Reply> Login::await_explicit_greeting() {
  auto early = control().stream().wait_for_progress(
      false, wait_.no_longer_than(settings_.greeting_patience));
  if (!early && early.error().code == Errc::timed_out && !wait_.expired() &&
      transport_.answers_with_tls(wait_.no_longer_than(kProbeLimit))) {
    return use_implicit(settings_);
  }
  auto greeting = control().read_greeting(wait_);
  if (!greeting && greeting.error().code == Errc::timed_out) {
    return make_broken(
        Errc::timed_out,
        fmt::format("{} sent no greeting in time (a server that expects implicit TLS does so: then "
                    "use ftps://)",
                    place(settings_)));
  }
  return greeting;
}

Result<void> Login::take_greeting() {
  if (greeting_.code != 220) {
    return refused(Errc::protocol_error, place(settings_) + " does not let us in", greeting_);
  }
  return {};
}

Result<void> Login::begin_explicit() {
  FTPSFS_TRY_ASSIGN(auto socket, transport_.dial_control(wait_));
  result_.control =
      std::make_unique<ControlChannel>(std::make_unique<net::SocketStream>(std::move(socket)));
  FTPSFS_TRY_ASSIGN(greeting_, await_explicit_greeting());
  FTPSFS_TRY(take_greeting());
  FTPSFS_TRY_ASSIGN(const auto answer, say("AUTH", "TLS"));
  if (answer.code != 234) {
    return refused(Errc::tls_failed,
                   place(settings_) + " refuses TLS (AUTH TLS), and ftpsfs does not speak without",
                   answer);
  }
  FTPSFS_TRY_ASSIGN(auto stream, control().release_stream());
  auto& clear = static_cast<net::SocketStream&>(*stream);
  FTPSFS_TRY_ASSIGN(auto secured, transport_.secure_control(std::move(clear).release(), wait_));
  control().adopt_stream(std::move(secured));
  return {};
}

Result<void> Login::begin_implicit() {
  FTPSFS_TRY_ASSIGN(auto socket, transport_.dial_control(wait_));
  FTPSFS_TRY_ASSIGN(auto secured, transport_.secure_control(std::move(socket), wait_));
  result_.control = std::make_unique<ControlChannel>(std::move(secured));
  FTPSFS_TRY_ASSIGN(greeting_, control().read_greeting(wait_));
  return take_greeting();
}

/// USER, and PASS where it is asked for. 230 and 232: the client certificate was enough.
Result<void> Login::authenticate() {
  const std::string who =
      fmt::format("{} refused the login of '{}'", settings_.host, settings_.username);
  FTPSFS_TRY_ASSIGN(const auto user, say("USER", settings_.username));
  if (user.code == 230 || user.code == 232) {
    return {};
  }
  if (user.code != 331) {
    return refused(user.code == 332 ? Errc::unsupported : Errc::login_refused, who, user);
  }
  FTPSFS_TRY_ASSIGN(const auto command, ftp::Command::secret("PASS", settings_.password.reveal()));
  FTPSFS_TRY_ASSIGN(const auto pass, control().exchange(command, wait_));
  if (pass.code == 332) {
    return refused(Errc::unsupported, who + ": an account (ACCT) is asked for", pass);
  }
  if (!pass.is_completion()) {
    return refused(Errc::login_refused, who, pass);
  }
  return {};
}

Result<void> Login::check_protection(const ftp::Reply& pbsz, const ftp::Reply& prot) {
  if (!pbsz.is_completion()) {
    return refused(Errc::unsupported, settings_.host + " refuses PBSZ 0", pbsz);
  }
  if (prot.is_completion()) {
    return {};
  }
  if (settings_.protection == Protection::private_data) {
    return refused(Errc::unsupported,
                   settings_.host +
                       " refuses encrypted data connections (PROT P); prot=clear "
                       "would transfer files unencrypted",
                   prot);
  }
  return refused(
      Errc::unsupported,
      settings_.host + " refuses unencrypted data connections (PROT C); use prot=private", prot);
}

/// Everything behind the password in one flight: one round trip.
Result<void> Login::introduce() {
  const bool is_private = settings_.protection == Protection::private_data;
  std::vector<ftp::Command> flight;
  for (const auto& [verb, argument] :
       std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"PBSZ", "0"},
           {"PROT", is_private ? "P" : "C"},
           {"TYPE", "I"},
           {"OPTS", "UTF8 ON"},
           {"FEAT", ""},
           {"SYST", ""},
           {"PWD", ""}}) {
    FTPSFS_TRY_ASSIGN(auto command, ftp::Command::make(verb, argument));
    flight.push_back(std::move(command));
  }
  FTPSFS_TRY_ASSIGN(const auto replies, control().exchange(flight, wait_));
  FTPSFS_TRY(check_protection(replies[0], replies[1]));
  if (!replies[2].is_completion()) {
    return refused(Errc::unsupported, settings_.host + " refuses binary transfers (TYPE I)",
                   replies[2]);
  }
  // OPTS UTF8 is advice: servers that always speak UTF-8 may not know it.
  const ftp::Features features = ftp::parse_features(replies[4]);
  result_.profile = ftp::recognise_server(greeting_, replies[5], features);
  control().allow_pipelining(result_.profile.pipelines);
  if (auto directory = ftp::parse_pwd(replies[6])) {
    result_.start_directory = *std::move(directory);
  }
  return ask_for_facts();
}

/// Some servers know facts that they send only when asked (pyftpdlib: the mode).
Result<void> Login::ask_for_facts() {
  if (result_.profile.opts_mlst.empty()) {
    return {};
  }
  FTPSFS_TRY_ASSIGN(const auto answer, say("OPTS", "MLST " + result_.profile.opts_mlst));
  if (!answer.is_completion()) {
    log::debug("the server keeps its own choice of facts");
  }
  return {};
}

}  // namespace

Result<LoggedIn> log_in(const SessionSettings& settings, Transport& transport, const Wait& wait) {
  return Login(settings, transport, wait).run();
}

}  // namespace ftpsfs::session
