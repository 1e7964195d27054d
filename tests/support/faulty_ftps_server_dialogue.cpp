// SPDX-License-Identifier: MIT
//
// See faulty_ftps_server_dialogue.hpp: the loop of commands, faults, login and settings.
#include "support/faulty_ftps_server_dialogue.hpp"

#include <algorithm>
#include <map>

namespace ftpsfs::test {

FaultyDialogue::FaultyDialogue(FaultyFtpsServer::Shared& shared, ServerConnection& control)
    : shared_(shared),
      control_(control),
      number_(shared.next_number++),
      data_encrypted_(shared.options.implicit_tls),
      directory_(shared.options.home),
      manner_(make_manner(shared.options, shared.tree)) {}

FaultyDialogue::~FaultyDialogue() {
  close_data();
  if (counted_) {
    --shared_.control_connections;
  }
}

void FaultyDialogue::run() {
  begin_session();
  if (!greet()) {
    return;
  }
  while (!over_) {
    std::string line = control_.read_line(patience());
    if (ends_by_time()) {
      return;
    }
    if (line.empty()) {
      if (control_.timed_out()) {
        say_so("421 Connection timed out");
        control_.finish();
      }
      return;
    }
    line.erase(line.find_last_not_of("\r\n") + 1);
    if (shared_.options.one_command_dialogue) {
      control_.discard_buffered();
    }
    obey(line);
  }
}

/// @return false when the connection ends before its first command.
bool FaultyDialogue::greet() {
  const auto fault = shared_.faults.next("CONNECT");
  const int connections = ++shared_.control_connections;
  counted_ = true;
  if (fault && fault->kind != Fault::Kind::refuse) {
    fault_ = fault;
    if (meet_fault_before(*fault)) {
      return false;
    }
  }
  if (shared_.options.implicit_tls) {
    if (!start_tls(control_)) {
      return false;
    }
    encrypted_ = true;
  }
  const int most = shared_.options.max_connections;
  if ((fault && !fault_) || (most > 0 && connections > most)) {
    say_so(fault && !fault->reply.empty() ? fault->reply : "421 Too many connections.");
    control_.finish();
    return false;
  }
  say_so(shared_.options.banner);
  fault_.reset();
  return !over_;
}

const FaultyDialogue::Row* FaultyDialogue::find_row(const std::string& verb) {
  using D = FaultyDialogue;
  static const std::map<std::string, Row> rows{
      {"AUTH", {&D::auth, false}},      {"USER", {&D::user, false}},
      {"PASS", {&D::pass, false}},      {"PBSZ", {&D::pbsz, false}},
      {"PROT", {&D::prot, false}},      {"FEAT", {&D::feat, false}},
      {"SYST", {&D::syst, false}},      {"QUIT", {&D::quit, false}},
      {"OPTS", {&D::opts, false}},      {"NOOP", {&D::noop, false}},
      {"TYPE", {&D::type, true}},       {"PWD", {&D::pwd, true}},
      {"CWD", {&D::cwd, true}},         {"CDUP", {&D::cdup, true}},
      {"MLST", {&D::mlst, true}},       {"STAT", {&D::stat, true}},
      {"SIZE", {&D::size, true}},       {"MDTM", {&D::mdtm, true}},
      {"MFMT", {&D::mfmt, true}},       {"DELE", {&D::dele, true}},
      {"MKD", {&D::mkd, true}},         {"RMD", {&D::rmd, true}},
      {"RNFR", {&D::rnfr, true}},       {"RNTO", {&D::rnto, true}},
      {"SITE", {&D::site, true}},       {"EPSV", {&D::epsv, true}},
      {"PASV", {&D::pasv, true}},       {"REST", {&D::rest, true}},
      {"RETR", {&D::retr, true}},       {"STOR", {&D::stor, true}},
      {"APPE", {&D::appe, true}},       {"LIST", {&D::list, true}},
      {"NLST", {&D::nlst, true}},       {"MLSD", {&D::mlsd, true}},
      {"ABOR", {&D::abor, true}},       {"HASH", {&D::hash, true}},
      {"MD5", {&D::xdigest, true}},     {"XCRC", {&D::xdigest, true}},
      {"XMD5", {&D::xdigest, true}},    {"XSHA1", {&D::xdigest, true}},
      {"XSHA256", {&D::xdigest, true}}, {"XSHA512", {&D::xdigest, true}},
  };
  const auto at = rows.find(verb);
  return at == rows.end() ? nullptr : &at->second;
}

void FaultyDialogue::obey(const std::string& line) {
  const std::size_t blank = std::min(line.find(' '), line.size());
  verb_ = upper_case(line.substr(0, blank));
  argument_ = blank < line.size() ? line.substr(blank + 1) : std::string();
  shared_.log.add(verb_ == "PASS" ? "PASS ***" : line);
  fault_ = shared_.faults.next(verb_);
  if (fault_ && meet_fault_before(*fault_)) {
    return;
  }
  const Row* const row = find_row(verb_);
  if (row == nullptr) {
    say("500 " + verb_ + " not understood");
  } else if (row->needs_login && !logged_in_) {
    say("530 Please login with USER and PASS");
  } else if (const auto answer = manner_->answer(asked(argument_))) {
    say_so(*answer);
  } else {
    (this->*row->command)(argument_);
  }
  fault_.reset();
}

/// The faults that come in place of the command. @return false for all others.
bool FaultyDialogue::meet_fault_before(const Fault& fault) {
  switch (fault.kind) {
    case Fault::Kind::refuse: {
      const std::string reply = fault.reply.empty() ? "550 No." : fault.reply;
      fault_.reset();
      say_so(reply);
      if (reply.starts_with("421")) {
        control_.finish();
        over_ = true;
      }
      return true;
    }
    case Fault::Kind::stall:
      stall();
      return true;
    case Fault::Kind::reset:
      close_data();
      control_.reset();
      over_ = true;
      return true;
    case Fault::Kind::close:
      close_data();
      control_.bare_fin();
      control_.await_end();
      over_ = true;
      return true;
    default:
      return false;
  }
}

void FaultyDialogue::stall() {
  ++shared_.stalled;
  control_.await_end();
  over_ = true;
}

void FaultyDialogue::say(const std::string& text) {
  say_so(manner_->in_words(asked(argument_), text));
}

void FaultyDialogue::say_so(const std::string& text) {
  if (over_) {
    return;
  }
  std::string out = text;
  if (fault_ && !text.starts_with("1")) {
    if (fault_->kind == Fault::Kind::drop_reply) {
      close_data();
      control_.reset();
      over_ = true;
      return;
    }
    if (fault_->kind == Fault::Kind::replace_reply) {
      out = fault_->reply;
    } else if (fault_->kind == Fault::Kind::inject) {
      out = fault_->reply + text;
    }
  }
  if (!fault_ || !say_by_fault(out + "\r\n", !text.starts_with("1"))) {
    over_ = !control_.write(out + "\r\n");
  }
}

void FaultyDialogue::refuse(const std::string& argument, const std::string& why) {
  say("550 " + argument + ": " + why);
}

// ---------------------------------------------------------------------- login and settings

void FaultyDialogue::auth(const std::string& argument) {
  if (encrypted_) {
    return say("503 TLS is active already");
  }
  if (argument != "TLS" && argument != "TLS-C" && argument != "SSL") {
    return say("504 AUTH " + argument + " unsupported");
  }
  say("234 AUTH " + argument + " successful");
  control_.discard_buffered();
  over_ = over_ || !start_tls(control_);
  encrypted_ = true;
}

void FaultyDialogue::user(const std::string& argument) {
  if (shared_.options.tls_required && !encrypted_) {
    return say("550 SSL/TLS required on the control channel");
  }
  user_ = argument;
  if (!shared_.options.user_enough.empty()) {
    logged_in_ = true;
    return say(shared_.options.user_enough);
  }
  by_certificate_ = shared_.options.certificate_login && control_.has_client_certificate();
  logged_in_ = by_certificate_ && user_ == shared_.options.user;
  if (logged_in_) {
    return say("232 User " + user_ + " logged in, authorized by security data exchange");
  }
  say("331 Password required for " + argument);
}

void FaultyDialogue::pass(const std::string& argument) {
  if (user_.empty()) {
    return say("503 Login with USER first");
  }
  if (by_certificate_) {
    return say("503 No password is needed");
  }
  if (logged_in_ && !shared_.options.user_enough.empty()) {
    return say("503 You are logged in already");
  }
  logged_in_ = user_ == shared_.options.user && argument == shared_.options.password;
  say(logged_in_ ? "230 User " + user_ + " logged in" : "530 Login incorrect.");
}

void FaultyDialogue::pbsz(const std::string& /*argument*/) {
  say(encrypted_ ? "200 PBSZ 0 successful" : "503 PBSZ not allowed on insecure control connection");
}

void FaultyDialogue::prot(const std::string& argument) {
  if (!encrypted_) {
    return say("503 PROT not allowed on insecure control connection");
  }
  if (argument == "P") {
    data_encrypted_ = !meets(Fault::Kind::clear_data);
    return say("200 Protection set to Private");
  }
  if (argument == "C" && shared_.options.clear_data_allowed) {
    data_encrypted_ = false;
    return say("200 Protection set to Clear");
  }
  say("534 Unwilling to accept security parameters");
}

void FaultyDialogue::type(const std::string& argument) {
  say("200 Type set to " + argument);
}

void FaultyDialogue::opts(const std::string& argument) {
  if (argument == "UTF8 ON" || argument == "UTF8 on") {
    return say("200 UTF8 set to on");
  }
  if (argument.starts_with("HASH ")) {
    return choose_hash(argument.substr(argument.find(' ') + 1));
  }
  say(argument.starts_with("MLST") && shared_.options.mlst
          ? "200 MLST OPTS modify;perm;size;type;unique;UNIX.mode;"
          : "501 OPTS: " + argument + " not understood");
}

void FaultyDialogue::feat(const std::string& /*argument*/) {
  const FaultyServerOptions& options = shared_.options;
  std::string text = "211-Features:\r\n AUTH TLS\r\n";
  text += options.epsv ? " EPSV\r\n" : "";
  text += " MDTM\r\n";
  text += options.mfmt ? " MFMT\r\n" : "";
  text += options.mlst ? " MLST modify*;perm*;size*;type*;unique*;UNIX.mode*;\r\n" : "";
  for (const std::string& line : options.digests) {
    text += " " + line + "\r\n";
  }
  text += " PBSZ\r\n PROT\r\n REST STREAM\r\n SIZE\r\n TVFS\r\n UTF8\r\n211 End";
  say(text);
}

void FaultyDialogue::syst(const std::string& /*argument*/) {
  say(shared_.options.system);
}

void FaultyDialogue::noop(const std::string& /*argument*/) {
  say("200 NOOP command successful");
}

void FaultyDialogue::abor(const std::string& /*argument*/) {
  close_data();
  say("226 Abort successful");
}

void FaultyDialogue::quit(const std::string& /*argument*/) {
  say("221 Goodbye.");
  if (!over_) {
    control_.finish();
    over_ = true;
  }
}

}  // namespace ftpsfs::test
