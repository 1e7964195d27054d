// SPDX-License-Identifier: MIT
//
// Another identity while files are open.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "ftpsfs/net/client_identity.hpp"
#include "remote_fixture.hpp"
#include "support/test_certificates.hpp"
#include "support/test_identity_files.hpp"

namespace ftpsfs::remote {
namespace {

class Renewal : public RemoteFixture {
 protected:
  /// The same identity as far as the server can tell, and another one for the pool.
  Result<void> renew() { return remote_->renew(settings_.session); }
  int logins() { return server_->count("USER"); }
};

TEST_F(Renewal, NewConnectionsAreMadeAndARunningReadGoesOn) {
  begin();
  const std::string content(4 << 20, 'x');
  tree().add_file("/large", content);
  tree().add_file("/f", "hello");
  auto reader = remote_->open_reader(at("/large"), 0, {}, soon());
  ASSERT_TRUE(reader);
  ASSERT_EQ(logins(), 1);
  ASSERT_TRUE(renew());
  EXPECT_EQ(read("/f").value(), "hello");
  EXPECT_EQ(logins(), 2);
  EXPECT_EQ(read_on(**reader).value(), content);
  EXPECT_EQ(logins(), 2) << "the read went on over its own connection";
}

TEST_F(Renewal, TheOldConnectionsAreClosed) {
  begin();
  ASSERT_TRUE(renew());
  const Wait limit = soon();
  while (server_->connections_open() > 0 && !limit.expired()) {
    std::this_thread::yield();
  }
  EXPECT_EQ(server_->connections_open(), 0);
  EXPECT_EQ(server_->count("QUIT"), 1);
}

TEST_F(Renewal, BadSettingsChangeNothing) {
  begin();
  tree().add_file("/f", "hello");
  settings_.session.tls.ca_files = {"/no/such.pem"};
  const auto renewed = renew();
  ASSERT_FALSE(renewed);
  EXPECT_EQ(renewed.error().code, Errc::invalid_argument);
  EXPECT_EQ(read("/f").value(), "hello");
  EXPECT_EQ(logins(), 1);
}

TEST_F(Renewal, TheNewCertificateIsToldBeforeAnybodyLogsIn) {
  using Whose = session::CertificateWatch::Whose;
  begin();
  EXPECT_FALSE(remote_->certificates().seen(Whose::client));
  constexpr auto kWhich = test::ServerCertificate::good;
  const auto identity = net::ClientIdentity::load(
      {test::TestCertificates::instance().certificate_file(kWhich),
       test::write_key(kWhich, test::KeyForm::pem),
       {}},
      [](const std::string&) -> Result<Secret> { return make_error(Errc::cancelled, "no"); });
  ASSERT_TRUE(identity) << identity.error().text;
  settings_.session.tls.identity = *identity;
  ASSERT_TRUE(renew());
  ASSERT_TRUE(remote_->certificates().seen(Whose::client));
  EXPECT_EQ(remote_->certificates().seen(Whose::client)->subject, (*identity)->subject());
  EXPECT_EQ(logins(), 1);
}

TEST_F(Renewal, ARefusedPasswordIsTriedAgain) {
  begin();
  tree().add_file("/f", "hello");
  settings_.session.password = Secret(std::string_view("wrong"));
  ASSERT_TRUE(renew());
  EXPECT_EQ(read("/f").error().code, Errc::login_refused);
  EXPECT_EQ(read("/f").error().code, Errc::login_refused);
  EXPECT_EQ(server_->count("PASS"), 2);
  settings_.session.password = Secret(std::string_view("secret"));
  ASSERT_TRUE(renew());
  EXPECT_EQ(read("/f").value(), "hello");
}

}  // namespace
}  // namespace ftpsfs::remote
