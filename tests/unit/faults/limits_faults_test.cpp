// SPDX-License-Identifier: MIT
//
// Servers that let few in, and say so in every way there is: many programs at once live with the
// connections that they get.
#include <gmock/gmock.h>

#include <future>
#include <ostream>
#include <string>
#include <vector>

#include "faulty_mount.hpp"

namespace ftpsfs::faults {
namespace {

struct Limit {
  const char* name;
  int connections;  ///< that the server bears
  Fault refusal;    ///< of each further one

  friend void PrintTo(const Limit& limit, std::ostream* out) { *out << limit.name; }
};

class LoginLimit : public FaultyMount, public ::testing::WithParamInterface<Limit> {};

TEST_P(LoginLimit, IsLearnedAndEverybodyIsServed) {
  begin();
  settings_.max_conns = 8;
  Fault refusal = GetParam().refusal;
  refusal.nth = GetParam().connections + 1;
  refusal.times = kAlways;
  server_->add_fault(refusal);
  ASSERT_TRUE(connect());
  std::vector<std::future<std::string>> programs;
  for (int i = 0; i < 6; ++i) {
    programs.push_back(std::async(std::launch::async, [this]() -> std::string {
      const auto content = read_all("f");
      return !content ? content.error().text : *content == big() ? "right" : "wrong";
    }));
  }
  for (int i = 0; i < 2; ++i) {
    programs.push_back(std::async(std::launch::async, [this]() -> std::string {
      const auto found = stat("d/x");
      return !found ? found.error().text : found->size == 1 ? "right" : "wrong";
    }));
  }
  for (auto& each : programs) {
    EXPECT_EQ(each.get(), "right");
  }
  EXPECT_LE(server_->connections_open(), GetParam().connections);
  EXPECT_EQ(remote_->counters().pool.limit, static_cast<unsigned>(GetParam().connections));
  expect_healthy();
}

constexpr const char* kTooMany = "Too many connections from this address.";

INSTANTIATE_TEST_SUITE_P(
    Faults, LoginLimit,
    ::testing::Values(
        Limit{"421_at_the_second", 1, {.verb = "CONNECT", .reply = std::string("421 ") + kTooMany}},
        Limit{"421_at_the_third", 2, {.verb = "CONNECT", .reply = std::string("421 ") + kTooMany}},
        Limit{"421_at_the_second_user", 1, {.verb = "USER", .reply = "421 Sorry, no more of you."}},
        Limit{"530_at_the_third_greeting",
              2,
              {.verb = "CONNECT", .reply = std::string("530 ") + kTooMany}},
        Limit{"530_at_the_second_password",
              1,
              {.verb = "PASS", .reply = "530 Sorry, the maximum number of clients is reached."}},
        Limit{"530_without_a_reason_at_the_third_password",
              2,
              {.verb = "PASS", .reply = "530 Login incorrect."}},
        Limit{"hang_up_at_the_third", 2, {.verb = "CONNECT", .kind = Fault::Kind::close}},
        Limit{"reset_at_the_third_password", 2, {.verb = "PASS", .kind = Fault::Kind::reset}}),
    [](const auto& tested) { return tested.param.name; });

class RateLimit : public FaultTable {};

TEST_P(RateLimit, IsRiddenOutOrTold) {
  run(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Faults, RateLimit,
    ::testing::Values(
        Row{"of_logins",
            {{.verb = "CONNECT", .times = 2, .reply = "421 Not so fast."}},
            &FaultyMount::reads,
            0,
            {.logs_in_anew = true}},
        Row{"of_commands_by_421",
            {{.verb = "*", .nth = 3, .reply = "421 Not so fast."}},
            &FaultyMount::reads},
        Row{"of_questions_by_450",
            {{.verb = "MLST", .times = kAlways, .reply = "450 Not so fast."}},
            &FaultyMount::looks_up,
            0},
        Row{"of_bytes",
            {{.verb = "*", .kind = Fault::Kind::dribble, .times = kAlways, .bytes = 50}},
            &FaultyMount::lists}),
    name_of);

}  // namespace
}  // namespace ftpsfs::faults
