// SPDX-License-Identifier: MIT
//
// Servers that do not greet, do not speak TLS, or do not let us in: as seen by a program on a mount
// whose connections were cut, so that the next operation has to log in.
#include "faulty_mount.hpp"
#include "ftpsfs/net/client_identity.hpp"
#include "support/test_identity_files.hpp"

namespace ftpsfs::faults {
namespace {

/// Waits to its end. A dial has less time than the operation, so that a second one is possible.
Day short_of_time(std::chrono::milliseconds timeout = 175ms) {
  return {.timeout = timeout, .logs_in_anew = true, .remote = [](remote::FtpRemoteSettings& made) {
            made.session.connect_timeout = 200ms;
            made.session.greeting_patience = 100ms;
          }};
}

void show_a_certificate(remote::FtpRemoteSettings& settings) {
  const auto& files = test::TestCertificates::instance();
  auto identity = net::ClientIdentity::load(
      {files.certificate_file(ServerCertificate::other_good),
       test::write_key(ServerCertificate::other_good, test::KeyForm::pem),
       {}},
      [](const std::string& path) -> Result<Secret> { return make_error(Errc::io_error, path); });
  ASSERT_TRUE(identity) << identity.error().text;
  settings.session.tls.identity = *identity;
}

class Greeting : public FaultTable {};

TEST_P(Greeting, IsSurvivedOrTold) {
  run(GetParam());
}

const FaultyServerOptions kByCertificate{.user_enough = "232 Authorized by your certificate."};

INSTANTIATE_TEST_SUITE_P(
    Faults, Greeting,
    ::testing::Values(Row{"none",
                          {{.verb = "CONNECT", .kind = Fault::Kind::stall, .times = kAlways}},
                          &FaultyMount::reads,
                          ETIMEDOUT,
                          short_of_time()},
                      Row{"none_once",
                          {{.verb = "CONNECT", .kind = Fault::Kind::stall, .times = 2}},
                          &FaultyMount::reads,
                          0,
                          short_of_time(4s)},
                      Row{"delayed_by_120",
                          {{.verb = "CONNECT",
                            .kind = Fault::Kind::inject,
                            .times = kAlways,
                            .reply = "120 Ready in 1 minute.\r\n"}},
                          &FaultyMount::reads,
                          0,
                          anew()},
                      Row{"in_single_bytes",
                          {{.verb = "CONNECT", .kind = Fault::Kind::dribble, .times = kAlways}},
                          &FaultyMount::reads,
                          0,
                          anew()},
                      Row{"is_421_once",
                          {{.verb = "CONNECT", .reply = "421 Out of service."}},
                          &FaultyMount::replaces,
                          0,
                          anew()}),
    name_of);

class StartOfTls : public FaultTable {};

TEST_P(StartOfTls, IsSurvivedOrTold) {
  run(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Faults, StartOfTls,
    ::testing::Values(
        Row{"auth_500",
            {{.verb = "AUTH", .times = kAlways, .reply = "500 What?"}},
            &FaultyMount::reads,
            EACCES,
            anew()},
        Row{"auth_tls_504_auth_ssl_234",
            {{.verb = "AUTH", .reply = "504 No such mechanism."}},
            &FaultyMount::reads,
            0,
            anew()},
        Row{"bytes_behind_the_234",
            {{.verb = "AUTH",
              .kind = Fault::Kind::trail,
              .times = kAlways,
              .reply = "230 You are in."}},
            &FaultyMount::reads,
            EACCES,
            anew()},
        Row{"bytes_behind_the_234_once",
            {{.verb = "AUTH", .kind = Fault::Kind::trail, .reply = "230 You are in."}},
            &FaultyMount::reads,
            EACCES,
            anew()},
        Row{"handshake_stalls",
            {{.verb = "AUTH", .kind = Fault::Kind::stall_tls, .times = kAlways}},
            &FaultyMount::reads,
            ETIMEDOUT,
            short_of_time()},
        Row{"handshake_stalls_once",
            {{.verb = "AUTH", .kind = Fault::Kind::stall_tls}},
            &FaultyMount::reads,
            0,
            short_of_time(4s)},
        Row{"certificate_expired",
            {{.verb = "AUTH",
              .kind = Fault::Kind::certificate,
              .times = kAlways,
              .certificate = ServerCertificate::expired}},
            &FaultyMount::reads,
            EACCES,
            anew()},
        Row{"certificate_of_another_name",
            {{.verb = "AUTH",
              .kind = Fault::Kind::certificate,
              .times = kAlways,
              .certificate = ServerCertificate::wrong_name}},
            &FaultyMount::replaces,
            EACCES,
            anew()},
        Row{"certificate_of_an_unknown_ca",
            {{.verb = "AUTH",
              .kind = Fault::Kind::certificate,
              .times = kAlways,
              .certificate = ServerCertificate::unknown_ca}},
            &FaultyMount::lists,
            EACCES,
            anew()},
        Row{"client_certificate_demanded_and_not_there",
            {{.verb = "AUTH", .kind = Fault::Kind::ask_certificate, .times = kAlways}},
            &FaultyMount::reads,
            EACCES,
            anew()},
        Row{"client_certificate_demanded_and_shown",
            {{.verb = "AUTH", .kind = Fault::Kind::ask_certificate, .times = kAlways}},
            &FaultyMount::reads,
            0,
            {.logs_in_anew = true, .remote = show_a_certificate}}),
    name_of);

class Entry : public FaultTable {};

TEST_P(Entry, IsSurvivedOrTold) {
  run(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Faults, Entry,
    ::testing::Values(
        Row{"user_232_and_pass_503", {}, &FaultyMount::reads, 0, anew(kByCertificate)},
        Row{"user_232_without_a_password",
            {},
            &FaultyMount::writes_a_new_file,
            0,
            {.server = kByCertificate,
             .logs_in_anew = true,
             .remote = [](remote::FtpRemoteSettings& made) { made.session.password.reset(); }}},
        Row{"password_refused_for_the_moment",
            {{.verb = "PASS", .reply = "450 Try again."}},
            &FaultyMount::reads,
            0,
            anew()},
        Row{"prot_p_refused",
            {{.verb = "PROT", .times = kAlways, .reply = "534 Not willing."}},
            &FaultyMount::reads,
            EIO,
            anew()},
        Row{"prot_p_agreed_and_data_in_clear",
            {{.verb = "PROT", .kind = Fault::Kind::clear_data, .times = kAlways}},
            &FaultyMount::reads,
            EIO,
            anew()},
        Row{"prot_p_agreed_and_uploads_in_clear",
            {{.verb = "PROT", .kind = Fault::Kind::clear_data, .times = kAlways}},
            &FaultyMount::replaces,
            ETIMEDOUT,
            short_of_time()},
        Row{"server_hangs_up_at_the_password",
            {{.verb = "PASS", .kind = Fault::Kind::close}},
            &FaultyMount::reads,
            0,
            anew()}),
    name_of);

/// Servers lock accounts after a few: so there is one failure, and whoever has seen to the account
/// says so (`ftpsfs refresh`).
TEST_F(FaultyMount, ARefusedPasswordIsSentOnceAndTriedAgainAfterARefresh) {
  mount();
  server_->add_fault({.verb = "PASS", .times = kAlways, .reply = "530 Login incorrect."});
  server_->reset_all_connections();
  const int before = server_->count("PASS");
  EXPECT_EQ(reads(), EACCES);
  EXPECT_EQ(lists(), EACCES);
  EXPECT_EQ(replaces(), EACCES);
  EXPECT_EQ(server_->count("PASS"), before + 1);
  server_->clear_faults();
  remote_->forget_refusals();
  expect_healthy();
}

}  // namespace
}  // namespace ftpsfs::faults
