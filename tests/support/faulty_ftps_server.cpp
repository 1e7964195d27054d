// SPDX-License-Identifier: MIT
//
// See faulty_ftps_server.hpp: the front, the plan of faults and the log of commands.
#include "support/faulty_ftps_server.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "support/faulty_ftps_server_dialogue.hpp"
#include "support/faulty_ftps_server_faults.hpp"
#include "support/faulty_ftps_server_manner.hpp"

namespace ftpsfs::test {

// ------------------------------------------------------------------------------- FaultPlan

namespace {

bool is_of_class(std::string_view verb, std::string_view name) {
  if (verb == "CONNECT" || verb == "SESSION") {
    return false;
  }
  if (name == "WORK") {
    constexpr std::array<std::string_view, 13> kRoutine{"AUTH", "USER", "PASS", "PBSZ", "PROT",
                                                        "FEAT", "SYST", "OPTS", "CLNT", "TYPE",
                                                        "PWD",  "NOOP", "QUIT"};
    return std::find(kRoutine.begin(), kRoutine.end(), verb) == kRoutine.end();
  }
  return name == "*";
}

}  // namespace

void FaultPlan::add(Fault fault) {
  const MutexLock lock(mutex_);
  armed_.push_back(Armed{std::move(fault), 0});
}

void FaultPlan::clear() {
  const MutexLock lock(mutex_);
  armed_.clear();
}

std::optional<Fault> FaultPlan::next(const std::string& verb) {
  const MutexLock lock(mutex_);
  std::optional<Fault> hit;
  for (Armed& each : armed_) {
    const Fault& fault = each.fault;
    if (fault.verb != verb && !is_of_class(verb, fault.verb)) {
      continue;
    }
    ++each.seen;
    const bool due =
        each.seen >= fault.nth && (fault.times < 0 || each.seen < fault.nth + fault.times);
    if (due && !hit) {
      hit = fault;
    }
  }
  met_ += hit ? 1 : 0;
  return hit;
}

int FaultPlan::met() const {
  const MutexLock lock(mutex_);
  return met_;
}

// ------------------------------------------------------------------------------ CommandLog

void CommandLog::add(std::string line) {
  const MutexLock lock(mutex_);
  lines_.push_back(std::move(line));
}

std::vector<std::string> CommandLog::lines() const {
  const MutexLock lock(mutex_);
  return lines_;
}

int CommandLog::count(const std::string& verb) const {
  const MutexLock lock(mutex_);
  int found = 0;
  for (const std::string& line : lines_) {
    found += line == verb || line.starts_with(verb + " ") ? 1 : 0;
  }
  return found;
}

// ------------------------------------------------------------------------ FaultyFtpsServer

namespace {

ServerTlsFiles tls_files(const FaultyServerOptions& options) {
  if (!options.own_files.certificate.empty()) {
    return options.own_files;
  }
  const TestCertificates& made = TestCertificates::instance();
  return {made.certificate_file(options.certificate), made.key_file(options.certificate),
          options.own_files.client_ca};
}

}  // namespace

FaultyFtpsServer::Shared::Shared(FaultyServerOptions wanted)
    : options(std::move(wanted)),
      tls(tls_files(options),
          options.tls1_2_only ? ServerTls::Versions::only_1_2 : ServerTls::Versions::both,
          options.tickets),
      listener([this](ServerConnection& control) { FaultyDialogue(*this, control).run(); }) {}

FaultyFtpsServer::FaultyFtpsServer(FaultyServerOptions options)
    : shared_(std::make_unique<Shared>(std::move(options))) {
  furnish(shared_->tree, shared_->options.manner);
}

FaultyFtpsServer::~FaultyFtpsServer() {
  shared_->listener.stop();
}

std::uint16_t FaultyFtpsServer::port() const {
  return shared_->listener.port();
}

FaultyTree& FaultyFtpsServer::tree() {
  return shared_->tree;
}

void FaultyFtpsServer::add_fault(Fault fault) {
  shared_->faults.add(std::move(fault));
}

void FaultyFtpsServer::clear_faults() {
  shared_->faults.clear();
}

std::vector<std::string> FaultyFtpsServer::commands() const {
  return shared_->log.lines();
}

int FaultyFtpsServer::count(const std::string& verb) const {
  return shared_->log.count(verb);
}

int FaultyFtpsServer::stalled() const {
  return shared_->stalled;
}

int FaultyFtpsServer::faults_met() const {
  return shared_->faults.met();
}

int FaultyFtpsServer::connections_accepted() const {
  return shared_->listener.accepted();
}

int FaultyFtpsServer::connections_open() const {
  return shared_->listener.open();
}

int FaultyFtpsServer::data_connections() const {
  return shared_->data_connections;
}

int FaultyFtpsServer::data_connections_resumed() const {
  return shared_->data_connections_resumed;
}

void FaultyFtpsServer::reset_all_connections() {
  shared_->listener.interrupt_all(true);
}

void FaultyFtpsServer::set_listening(bool listening) {
  shared_->listener.set_listening(listening);
}

}  // namespace ftpsfs::test
