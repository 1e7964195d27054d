// SPDX-License-Identifier: MIT
//
// Logins that no further try can mend: told at once, at the mount and later, and not when the
// timeout is over. Whoever comes next tries again.
#include <gmock/gmock.h>

#include <ostream>
#include <string>

#include "faulty_mount.hpp"

namespace ftpsfs::faults {
namespace {

struct Vain {
  const char* name;
  Fault fault;
  const char* words;  ///< of the error
  FaultyServerOptions server{};

  friend void PrintTo(const Vain& vain, std::ostream* out) { *out << vain.name; }
};

class LoginInVain : public FaultyMount, public ::testing::WithParamInterface<Vain> {
 protected:
  void begin_with_fault_from(bool the_start) {
    Day day{.server = GetParam().server, .timeout = kLong};
    fault_.times = kAlways;
    if (the_start) {
      day.from_the_start = {fault_};
    }
    begin(day);
  }

  /// Should it be waited for all the same: the test is over before.
  static constexpr std::chrono::milliseconds kLong = 60s;
  Fault fault_ = GetParam().fault;
};

TEST_P(LoginInVain, IsToldByTheMountAtOnce) {
  begin_with_fault_from(true);
  const Wait wait = Wait::for_at_most(kLong);
  const auto connected = remote::FtpRemote::connect(settings_, wait);
  ASSERT_FALSE(connected);
  EXPECT_THAT(connected.error().text, ::testing::HasSubstr(GetParam().words));
  EXPECT_EQ(to_errno(connected.error().code), EACCES) << connected.error().text;
  EXPECT_LE(server_->connections_accepted(), 2) << "in haste, and once more step by step";
  EXPECT_EQ(server_->count("PASS"), 0);
}

TEST_P(LoginInVain, IsToldByAnOperationAtOnceAndTheNextOneTriesAgain) {
  begin_with_fault_from(false);
  ASSERT_TRUE(connect());
  ASSERT_EQ(reads(), 0) << why_;
  server_->add_fault(fault_);
  server_->reset_all_connections();
  const int before = server_->connections_accepted();
  EXPECT_EQ(reads(), EACCES);
  EXPECT_THAT(why_, ::testing::HasSubstr(GetParam().words));
  EXPECT_EQ(server_->connections_accepted(), before + 1);
  EXPECT_EQ(replaces(), EACCES);
  EXPECT_EQ(server_->connections_accepted(), before + 2);
  server_->clear_faults();
  EXPECT_EQ(reads(), 0) << why_;
  EXPECT_EQ(server_->connections_accepted(), before + 3);
  expect_healthy();
}

Fault auth_refused(const char* reply) {
  return {.verb = "AUTH", .reply = reply};
}
const Fault kCertificateDemanded{.verb = "AUTH", .kind = Fault::Kind::ask_certificate};

INSTANTIATE_TEST_SUITE_P(
    Faults, LoginInVain,
    ::testing::Values(Vain{"auth_500", auth_refused("500 What?"), "refuses TLS"},
                      Vain{"auth_502", auth_refused("502 No."), "refuses TLS"},
                      Vain{"auth_504", auth_refused("504 No such mechanism."), "refuses TLS"},
                      Vain{"auth_534", auth_refused("534 Policy."), "refuses TLS"},
                      Vain{"bytes_behind_the_234",
                           {.verb = "AUTH", .kind = Fault::Kind::trail, .reply = "230 You are in."},
                           "injected"},
                      Vain{"client_certificate_demanded", kCertificateDemanded,
                           "none without a client certificate"},
                      Vain{"client_certificate_demanded_in_tls_1_2",
                           kCertificateDemanded,
                           "none without a client certificate",
                           {.tls1_2_only = true}}),
    [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace ftpsfs::faults
