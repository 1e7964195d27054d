// SPDX-License-Identifier: MIT
//
// ftpsfs check against a server inside this process: what each fault makes of the steps.
#include "ftpsfs/app/server_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "support/faulty_ftps_server.hpp"
#include "support/test_certificates.hpp"

namespace ftpsfs::app {
namespace {

using test::Fault;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

class ServerCheckTest : public testing::Test {
 protected:
  void start(test::FaultyServerOptions options = {}) {
    server_ = std::make_unique<test::FaultyFtpsServer>(std::move(options));
    server_->tree().add_directory("/in");
    server_->tree().add_file("/in/small.txt", "hello\n");
    server_->tree().add_file("/in/large.bin", std::string(100'000, 'x'));
    options_.ca_files = {test::TestCertificates::instance().ca_file()};
    options_.connect_timeout = std::chrono::seconds(5);
    options_.timeout = std::chrono::seconds(5);
  }

  ServerCheckResult check(bool writes = false, const std::string& path = "/in") {
    auto plan = make_server_plan(
        options_, "ftpes://user@localhost:" + std::to_string(server_->port()) + path);
    EXPECT_TRUE(plan) << plan.error().text;
    plan->credentials.username = "user";
    plan->credentials.password = Secret(std::string_view(password_));
    told_ = 0;
    return check_server(*plan, writes, [this](const CheckStep&) { ++told_; });
  }

  static std::optional<CheckStep> step(const ServerCheckResult& result, const std::string& name) {
    const auto found = std::find_if(result.steps.begin(), result.steps.end(),
                                    [&](const CheckStep& each) { return each.name == name; });
    return found == result.steps.end() ? std::nullopt : std::optional(*found);
  }
  static std::optional<CheckOutcome> outcome(const ServerCheckResult& result,
                                             const std::string& name) {
    const auto found = step(result, name);
    return found ? std::optional(found->outcome) : std::nullopt;
  }
  static std::string detail(const ServerCheckResult& result, const std::string& name) {
    const auto found = step(result, name);
    return found ? found->detail : "there is no step " + name;
  }
  /// "name: detail" of the failed steps.
  static std::vector<std::string> failures(const ServerCheckResult& result) {
    std::vector<std::string> out;
    for (const CheckStep& each : result.steps) {
      if (each.outcome == CheckOutcome::failed) {
        out.push_back(each.name + ": " + each.detail);
      }
    }
    return out;
  }

  std::unique_ptr<test::FaultyFtpsServer> server_;
  Options options_;
  std::string password_ = "secret";
  std::size_t told_ = 0;
};

TEST_F(ServerCheckTest, TellsEveryStepOfAGoodServer) {
  start();
  const auto result = check();
  EXPECT_THAT(failures(result), IsEmpty());
  EXPECT_EQ(told_, result.steps.size());
  for (const char* name :
       {"name", "TCP", "TLS", "certificate", "chain", "public key", "login", "FEAT", "profile",
        "PROT", "data connection", "session reuse", "2 connections", "listing", "read"}) {
    EXPECT_EQ(outcome(result, name), CheckOutcome::good) << name << ": " << detail(result, name);
  }
  EXPECT_THAT(detail(result, "listing"), HasSubstr("2 entries in /in"));
  EXPECT_THAT(detail(result, "read"), HasSubstr("/in/small.txt: 6 bytes"));
  EXPECT_FALSE(result.one_connection);
}

TEST_F(ServerCheckTest, WritesOnlyWhenAskedTo) {
  start();
  EXPECT_FALSE(step(check(false), "write"));
  EXPECT_EQ(server_->count("STOR"), 0);
  const auto result = check(true);
  EXPECT_EQ(outcome(result, "write"), CheckOutcome::good) << detail(result, "write");
  EXPECT_EQ(server_->count("STOR"), 1);
  EXPECT_EQ(server_->count("DELE"), 1);
}

TEST_F(ServerCheckTest, ARefusedLoginIsTriedOnce) {
  start();
  password_ = "wrong";
  const auto result = check();
  EXPECT_THAT(failures(result), testing::ElementsAre(HasSubstr("login: ")));
  EXPECT_EQ(outcome(result, "certificate"), CheckOutcome::good);
  EXPECT_EQ(server_->count("PASS"), 1);
}

TEST_F(ServerCheckTest, AnUntrustedCertificateIsToldApartFromTls) {
  start();
  options_.ca_files.clear();
  const auto result = check();
  EXPECT_THAT(failures(result), testing::ElementsAre(HasSubstr("certificate: ")));
  EXPECT_EQ(outcome(result, "TLS"), CheckOutcome::good);
}

TEST_F(ServerCheckTest, ARefusalOfTlsIsAFailureOfTls) {
  start();
  server_->add_fault(
      {.verb = "AUTH", .kind = Fault::Kind::refuse, .times = -1, .reply = "534 No."});
  EXPECT_THAT(failures(check()), testing::ElementsAre(HasSubstr("TLS: ")));
}

TEST_F(ServerCheckTest, AClosedPortIsAFailureOfTcp) {
  start();
  server_->set_listening(false);
  EXPECT_THAT(failures(check()), testing::ElementsAre(HasSubstr("TCP: ")));
}

TEST_F(ServerCheckTest, AServerForOneConnectionIsFound) {
  start({.max_connections = 1});
  const auto result = check();
  EXPECT_THAT(failures(result), IsEmpty());
  EXPECT_TRUE(result.one_connection);
  EXPECT_THAT(detail(result, "2 connections"), HasSubstr("max_conns=1"));
}

TEST_F(ServerCheckTest, AnEndedLoginMayBeCountedForAMoment) {
  start();
  server_->add_fault({.verb = "CONNECT",
                      .kind = Fault::Kind::refuse,
                      .nth = 2,
                      .times = 3,
                      .reply = "421 Too many connections."});
  const auto result = check();
  EXPECT_THAT(failures(result), IsEmpty());
  EXPECT_TRUE(result.one_connection);
}

TEST_F(ServerCheckTest, ADirectoryThatIsNotThereIsAFailureOfTheListing) {
  start();
  EXPECT_THAT(failures(check(false, "/nowhere")),
              testing::ElementsAre(HasSubstr("listing: there is no directory /nowhere")));
}

TEST_F(ServerCheckTest, ADataConnectionThatFailsEndsIt) {
  start();
  server_->add_fault(
      {.verb = "MLSD", .kind = Fault::Kind::refuse, .times = -1, .reply = "425 Blocked."});
  const auto result = check();
  EXPECT_THAT(failures(result), testing::ElementsAre(HasSubstr("data connection: ")));
  EXPECT_FALSE(step(result, "listing"));
}

TEST_F(ServerCheckTest, AWriteThatIsRefusedIsAFailure) {
  start();
  server_->add_fault(
      {.verb = "STOR", .kind = Fault::Kind::refuse, .times = -1, .reply = "553 Read only."});
  EXPECT_THAT(failures(check(true)), testing::ElementsAre(HasSubstr("write: ")));
}

TEST_F(ServerCheckTest, ClearDataAndNoVerificationAreNoFailures) {
  start();
  options_.protection = session::Protection::clear_data;
  options_.verify = net::TlsVerify::none;
  options_.ca_files.clear();
  const auto result = check();
  EXPECT_THAT(failures(result), IsEmpty());
  EXPECT_EQ(outcome(result, "certificate"), CheckOutcome::skipped);
  EXPECT_EQ(outcome(result, "session reuse"), CheckOutcome::skipped);
}

}  // namespace
}  // namespace ftpsfs::app
