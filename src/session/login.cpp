// SPDX-License-Identifier: MIT
#include "ftpsfs/session/login.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/ftp/ascii.hpp"
#include "ftpsfs/ftp/features.hpp"

namespace ftpsfs::session {
namespace {

/// What MLST and MLSD shall tell. pyftpdlib is silent about modes unless asked; ProFTPD tells twice
/// as much as anybody needs, and a listing's bytes are round trips of TCP's slow start. Sent before
/// FEAT has told whether there is MLST: an answer would cost a round trip, a refusal costs nothing.
constexpr std::string_view kFacts = "MLST type;size;modify;perm;unique;unix.mode;";

constexpr Duration kProbeLimit = std::chrono::seconds(3);

constexpr int kWantsAccount = 332;

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

/// USER or PASS was refused. 4xx is a matter of time, save 430: "invalid username or password".
Errc refusal_of_login(const ftp::Reply& reply) {
  return reply.is_transient_negative() && reply.code != 430 ? Errc::closed : Errc::login_refused;
}

class Login {
 public:
  Login(const SessionSettings& settings, Transport& transport, ServerKnowledge& knowledge,
        bool brief, const Wait& wait, DialogueNotes notes)
      : settings_(settings),
        transport_(transport),
        knowledge_(knowledge),
        brief_(brief),
        wait_(wait),
        notes_(notes) {}

  Result<LoggedIn> run() {
    FTPSFS_TRY(settings_.mode == TlsMode::explicit_tls ? begin_explicit() : begin_implicit());
    result_.tls = transport_.describe_tls(control().stream());
    control().send_singly(!settings_.pipelining);
    if (!settings_.server.charset.empty()) {
      FTPSFS_TRY_ASSIGN(auto charset, ftp::NameCharset::open(settings_.server.charset));
      control().use_charset(std::move(charset));
    }
    known_ = knowledge_.recall(greeting_.text());
    FTPSFS_TRY(fits_in_one_flight() ? run_flight() : run_steps());
    transport_.remember(control().stream());
    return std::move(result_);
  }

 private:
  ControlChannel& control() { return *result_.control; }

  Result<void> begin_explicit();
  Result<void> agree_on_tls(const ftp::Reply& answer);
  Result<void> begin_implicit();
  Result<void> take_greeting();
  Result<ftp::Reply> await_explicit_greeting();

  bool fits_in_one_flight() const;
  Result<void> run_flight();
  Result<void> run_steps();
  Result<std::vector<ftp::Command>> introduction() const;
  Result<void> judge_user(const ftp::Reply& user) const;
  Result<void> judge_password(const ftp::Reply& pass) const;
  Error lacks(const std::string& what, const ftp::Reply& reply) const;
  /// What goes wrong may be for our having spoken before the greeting: then it is tried otherwise.
  bool may_be_haste() const {
    return brief_ && knowledge_.login() != ServerKnowledge::Login::short_works;
  }
  Result<ftp::Reply> say_secret(std::string_view verb, const Secret& secret);
  Result<void> take_introduction(std::span<const ftp::Reply> replies);
  Result<void> add_sites(std::vector<ftp::Command>& commands,
                         const std::vector<std::string>& sites) const;
  Result<void> check_site(const ftp::Reply& reply, std::string_view site) const;
  Result<void> settle_in();
  Result<void> check_protection(const ftp::Reply& pbsz, const ftp::Reply& prot);
  Result<ftp::Reply> say(std::string_view verb, std::string_view argument = {});
  Result<ftp::Reply> next_answer();
  std::string who() const {
    return fmt::format("{} refused the login of '{}'", settings_.host, settings_.username);
  }

  const SessionSettings& settings_;
  Transport& transport_;
  ServerKnowledge& knowledge_;
  const bool brief_;
  const Wait& wait_;
  const DialogueNotes notes_;
  LoggedIn result_;
  ftp::Reply greeting_;
  std::optional<ftp::ServerProfile> known_;  ///< of a server that greeted in the same words before
};

Result<ftp::Reply> Login::say(std::string_view verb, std::string_view argument) {
  FTPSFS_TRY_ASSIGN(const auto command, ftp::Command::make(verb, argument));
  return control().exchange(command, wait_);
}

Result<ftp::Reply> Login::say_secret(std::string_view verb, const Secret& secret) {
  FTPSFS_TRY_ASSIGN(const auto command, ftp::Command::secret(verb, secret.reveal()));
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
    // ProFTPD takes our AUTH for a broken ClientHello, and says so in clear.
    const bool speaks_of_tls = ftp::ascii::upper(greeting_.text()).find("TLS") != std::string::npos;
    if (settings_.mode == TlsMode::explicit_tls && speaks_of_tls &&
        transport_.answers_with_tls(wait_.no_longer_than(kProbeLimit))) {
      return use_implicit(settings_);
    }
    return refused(Errc::protocol_error, place(settings_) + " does not let us in", greeting_);
  }
  return {};
}

Result<void> Login::begin_explicit() {
  FTPSFS_TRY_ASSIGN(auto socket, transport_.dial_control(wait_));
  result_.control = std::make_unique<ControlChannel>(
      std::make_unique<net::SocketStream>(std::move(socket)), notes_);
  FTPSFS_TRY_ASSIGN(const auto auth, ftp::Command::make("AUTH", "TLS"));
  if (brief_) {
    FTPSFS_TRY(control().send_ahead_of_greeting(auth, wait_));
  }
  FTPSFS_TRY_ASSIGN(greeting_, await_explicit_greeting());
  FTPSFS_TRY(take_greeting());
  FTPSFS_TRY_ASSIGN(const auto answer,
                    brief_ ? control().receive(wait_) : control().exchange(auth, wait_));
  FTPSFS_TRY(agree_on_tls(answer));
  auto stream = control().release_stream();
  if (!stream) {
    if (!may_be_haste() && stream.error().code == Errc::protocol_error) {
      stream.error().code = Errc::untrusted;
    }
    return std::move(stream).error();
  }
  auto& clear = static_cast<net::SocketStream&>(**stream);
  FTPSFS_TRY_ASSIGN(auto secured, transport_.secure_control(std::move(clear).release(), wait_));
  control().adopt_stream(std::move(secured));
  return {};
}

/// Servers from before RFC 4217 know AUTH SSL alone. They may protect data from then on; PBSZ and
/// PROT are sent, and insisted on, nevertheless.
Result<void> Login::agree_on_tls(const ftp::Reply& answer) {
  constexpr int kAgreed = 234;
  constexpr int kAgreedOfOld = 334;
  if (answer.code == kAgreed) {
    return {};
  }
  const std::string what =
      place(settings_) + " refuses TLS (AUTH TLS), and ftpsfs does not speak without";
  // 530 is a full house on some servers, and 4xx passes: all else is no matter of time.
  const bool is_final = answer.is_permanent_negative() && answer.code != 530;
  const Errc code = is_final ? Errc::untrusted : Errc::tls_failed;
  if (answer.code < 500 || answer.code > 504) {  // a matter of policy (534), not of knowledge
    return refused(code, what, answer);
  }
  auto second = say("AUTH", "SSL");
  if (second && (second->code == kAgreed || second->code == kAgreedOfOld)) {
    return {};
  }
  // A server that hangs up now has said why before.
  if (!second && second.error().code != Errc::closed) {
    return std::move(second).error();
  }
  return refused(code, what, answer);
}

Result<void> Login::begin_implicit() {
  FTPSFS_TRY_ASSIGN(auto socket, transport_.dial_control(wait_));
  FTPSFS_TRY_ASSIGN(auto secured, transport_.secure_control(std::move(socket), wait_));
  result_.control = std::make_unique<ControlChannel>(std::move(secured), notes_);
  FTPSFS_TRY_ASSIGN(greeting_, control().read_greeting(wait_));
  return take_greeting();
}

/// The server asks for what nobody has given.
Error Login::lacks(const std::string& what, const ftp::Reply& reply) const {
  return refused(Errc::login_refused,
                 fmt::format("{} wants {} of '{}'", settings_.host, what, settings_.username),
                 reply);
}

/// 230 and 232: the client certificate was enough. @source RFC 2228 §3
Result<void> Login::judge_user(const ftp::Reply& user) const {
  if (user.code == 331 && !settings_.password) {
    return lacks("a password beside the certificate (credentials=FILE, password_stdin)", user);
  }
  if (user.code == kWantsAccount && !settings_.account) {
    return lacks("an account (account=NAME)", user);
  }
  if (user.code == 331 || user.code == kWantsAccount || user.code == 230 || user.code == 232) {
    return {};
  }
  return refused(refusal_of_login(user), who(), user);
}

Result<void> Login::judge_password(const ftp::Reply& pass) const {
  if (pass.code == kWantsAccount) {
    return settings_.account ? Result<void>() : lacks("an account (account=NAME)", pass);
  }
  if (!pass.is_completion()) {
    return refused(refusal_of_login(pass), who(), pass);
  }
  return {};
}

Result<std::vector<ftp::Command>> Login::introduction() const {
  const bool is_private = settings_.protection == Protection::private_data;
  std::vector<ftp::Command> commands;
  for (const auto& [verb, argument] :
       std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"PBSZ", "0"},
           {"PROT", is_private ? "P" : "C"},
           {"TYPE", "I"},
           {"OPTS", settings_.server.charset.empty() ? "UTF8 ON" : "UTF8 OFF"},
           {"OPTS", kFacts},
           {"FEAT", ""},
           {"SYST", ""}}) {
    // The long answer to FEAT costs another round trip where each line is a packet (vsftpd).
    if (known_ && (verb == "FEAT" || verb == "SYST")) {
      continue;
    }
    FTPSFS_TRY_ASSIGN(auto command, ftp::Command::make(verb, argument));
    commands.push_back(std::move(command));
  }
  if (known_) {
    FTPSFS_TRY(add_sites(commands, known_->login_sites));
  }
  FTPSFS_TRY(add_sites(commands, settings_.server.sites));
  FTPSFS_TRY_ASSIGN(auto where, ftp::Command::make("PWD"));
  commands.push_back(std::move(where));
  return commands;
}

Result<void> Login::add_sites(std::vector<ftp::Command>& commands,
                              const std::vector<std::string>& sites) const {
  for (const std::string& site : sites) {
    FTPSFS_TRY_ASSIGN(auto command, ftp::Command::make("SITE", site));
    commands.push_back(std::move(command));
  }
  return {};
}

/// A refusal is told and lived with, except where paths would mean something else from then on.
Result<void> Login::check_site(const ftp::Reply& reply, std::string_view site) const {
  if (reply.is_completion()) {
    return {};
  }
  if (site.starts_with("NAMEFMT")) {
    return refused(Errc::unsupported,
                   fmt::format("{} refuses SITE {}, without which its files have no paths",
                               settings_.host, site),
                   reply);
  }
  if (site.starts_with("LISTFMT")) {
    log::debug("SITE {} refused: {}", site, reply.text());  // the other format is understood
  } else {
    log::warning("{} refused site={}: {}", settings_.host, site, reply.text());
  }
  return {};
}

/// What only the answers to SYST and FEAT could tell: the commands that this kind of server needs,
/// those of the user again behind them, and where we are then.
Result<void> Login::settle_in() {
  if (known_ || result_.profile.login_sites.empty()) {
    return {};
  }
  std::vector<ftp::Command> commands;
  FTPSFS_TRY(add_sites(commands, result_.profile.login_sites));
  FTPSFS_TRY(add_sites(commands, settings_.server.sites));
  FTPSFS_TRY_ASSIGN(auto where, ftp::Command::make("PWD"));
  commands.push_back(std::move(where));
  FTPSFS_TRY_ASSIGN(const auto replies, control().exchange(commands, wait_));
  for (std::size_t i = 0; i < result_.profile.login_sites.size(); ++i) {
    FTPSFS_TRY(check_site(replies[i], result_.profile.login_sites[i]));
  }
  if (auto directory = ftp::parse_pwd(replies.back())) {
    result_.start_directory = *std::move(directory);
  }
  return {};
}

/// An empty password, or an account, are for the few servers that ask: so they are asked first.
bool Login::fits_in_one_flight() const {
  constexpr std::size_t kAllTheRest = 200;
  const std::string_view password =
      settings_.password ? settings_.password->reveal() : std::string_view();
  const bool asks = settings_.account || (settings_.password && password.empty());
  std::size_t bytes = settings_.username.size() + password.size() + kAllTheRest;
  for (const std::string& site : settings_.server.sites) {
    bytes += site.size() + std::string_view("SITE \r\n").size();
  }
  return brief_ && !asks && bytes <= ControlChannel::kMaxRecordBytes;
}

Result<ftp::Reply> Login::next_answer() {
  for (;;) {
    FTPSFS_TRY_ASSIGN(auto reply, control().receive(wait_));
    if (!reply.is_preliminary()) {
      return reply;
    }
  }
}

/// Everything in one round trip. Whatever follows a refused USER or PASS is refused as well, and
/// does not count. Servers may hang up behind the refusal: so it is judged before the rest is read.
Result<void> Login::run_flight() {
  FTPSFS_TRY_ASSIGN(auto user, ftp::Command::make("USER", settings_.username));
  std::vector<ftp::Command> flight{std::move(user)};
  if (settings_.password) {
    FTPSFS_TRY_ASSIGN(auto pass, ftp::Command::secret("PASS", settings_.password->reveal()));
    flight.push_back(std::move(pass));
  }
  FTPSFS_TRY_ASSIGN(auto more, introduction());
  std::move(more.begin(), more.end(), std::back_inserter(flight));
  if (settings_.may_warm_data() && !settings_.server.profile.disable_epsv &&
      knowledge_.allows(ServerKnowledge::Way::warm_start)) {
    result_.port_slot = knowledge_.warm_slots().try_take();
  }
  if (result_.port_slot) {
    FTPSFS_TRY_ASSIGN(auto ask, ftp::Command::make("EPSV"));
    flight.push_back(std::move(ask));
  }
  FTPSFS_TRY(control().send(flight, wait_));
  FTPSFS_TRY_ASSIGN(const auto user_reply, next_answer());
  FTPSFS_TRY(judge_user(user_reply));
  if (settings_.password) {
    FTPSFS_TRY_ASSIGN(const auto pass_reply, next_answer());
    if (user_reply.code == 331) {
      FTPSFS_TRY(judge_password(pass_reply));
    }
  }
  std::vector<ftp::Reply> replies;
  while (control().owed() > 0) {
    FTPSFS_TRY_ASSIGN(auto reply, next_answer());
    replies.push_back(std::move(reply));
  }
  if (result_.port_slot) {
    result_.port = std::move(replies.back());
    replies.pop_back();
  }
  return take_introduction(replies);
}

Result<void> Login::run_steps() {
  FTPSFS_TRY_ASSIGN(auto reply, say("USER", settings_.username));
  FTPSFS_TRY(judge_user(reply));
  if (reply.code == 331) {
    FTPSFS_TRY_ASSIGN(reply, say_secret("PASS", *settings_.password));
    FTPSFS_TRY(judge_password(reply));
  }
  if (reply.code == kWantsAccount) {
    FTPSFS_TRY_ASSIGN(reply, say_secret("ACCT", *settings_.account));
    if (!reply.is_completion()) {
      return refused(refusal_of_login(reply), who(), reply);
    }
  }
  FTPSFS_TRY_ASSIGN(const auto commands, introduction());
  FTPSFS_TRY_ASSIGN(const auto replies, control().exchange(commands, wait_));
  return take_introduction(replies);
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

Result<void> Login::take_introduction(std::span<const ftp::Reply> replies) {
  FTPSFS_TRY(check_protection(replies[0], replies[1]));
  if (!replies[2].is_completion()) {
    return refused(Errc::unsupported, settings_.host + " refuses binary transfers (TYPE I)",
                   replies[2]);
  }
  // OPTS is advice: servers that always speak UTF-8, or that have no MLST, may not know it.
  result_.greeting = greeting_.text();
  if (known_) {
    result_.profile = *known_;
  } else {
    result_.profile = ftp::recognise_server(greeting_, replies[6], ftp::parse_features(replies[5]),
                                            settings_.server.profile);
  }
  std::vector<std::string> sites = known_ ? known_->login_sites : std::vector<std::string>();
  sites.insert(sites.end(), settings_.server.sites.begin(), settings_.server.sites.end());
  const auto answers = replies.subspan(replies.size() - 1 - sites.size());
  for (std::size_t i = 0; i < sites.size(); ++i) {
    FTPSFS_TRY(check_site(answers[i], sites[i]));
  }
  if (auto directory = ftp::parse_pwd(replies.back())) {
    result_.start_directory = *std::move(directory);
  }
  FTPSFS_TRY(settle_in());
  control().allow_pipelining(result_.profile.pipelines && settings_.pipelining);
  return {};
}

}  // namespace

Result<LoggedIn> log_in(const SessionSettings& settings, Transport& transport,
                        ServerKnowledge& knowledge, const Wait& wait, DialogueNotes notes) {
  using Known = ServerKnowledge::Login;
  const Known known = knowledge.login();
  if (settings.pipelining && known != Known::long_only) {
    auto brief = Login(settings, transport, knowledge, true, wait, notes).run();
    if (brief) {
      knowledge.note_login(Known::short_works);
      return brief;
    }
    // A server that hangs up, or says what is no reply, may only dislike our haste.
    const Errc code = brief.error().code;
    const bool may_be_haste =
        (code == Errc::closed && brief.error().reply_code == 0) || code == Errc::protocol_error;
    if (known == Known::short_works || !may_be_haste || wait.expired()) {
      return brief;
    }
    log::debug("login: {}; once more, step by step", brief.error().text);
    auto steps = Login(settings, transport, knowledge, false, wait, notes).run();
    if (!steps) {
      // What it says when asked politely is the better answer, unless it is silence.
      const Errc second = steps.error().code;
      return second == Errc::timed_out || second == Errc::unreachable ? std::move(brief)
                                                                      : std::move(steps);
    }
    knowledge.note_login(Known::long_only);
    return steps;
  }
  return Login(settings, transport, knowledge, false, wait, notes).run();
}

}  // namespace ftpsfs::session
