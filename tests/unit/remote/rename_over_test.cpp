// SPDX-License-Identifier: MIT
#include "ftpsfs/remote/rename_over.hpp"

#include <gmock/gmock.h>

#include "ftpsfs/base/log.hpp"
#include "support/fake_remote.hpp"
#include "support/faulty_remote.hpp"

namespace ftpsfs::remote {
namespace {

using test::FakeRemote;
using test::FaultPoint;
using test::FaultyRemote;
using test::Op;
using testing::ElementsAre;

constexpr const char* kAsideName = ".ftpsfs-0000000000000001-1.kept-to";

RemotePath path_to(const std::string& text) {
  return RemotePath::parse(text).value();
}

class RenameOverTest : public ::testing::Test {
 protected:
  RenameOverTest() { log::set_level(log::Level::off); }
  ~RenameOverTest() override { log::set_level(log::Level::warning); }

  static RenamedOver run(Remote& remote) {
    return rename_over(
        remote, path_to("/from"), path_to("/to"), [] { return std::string(kAsideName); },
        Wait::for_at_most(std::chrono::seconds(5)), std::chrono::seconds(5));
  }
  static void fill(FakeRemote& remote) {
    remote.put("/from", "new");
    remote.put("/to", "old");
  }

  ManualClock clock_;
};

TEST_F(RenameOverTest, OneRenameIsEnoughWhereTheServerReplaces) {
  FakeRemote remote(clock_);
  fill(remote);
  const RenamedOver renamed = run(remote);
  EXPECT_TRUE(renamed.outcome);
  EXPECT_FALSE(renamed.left_behind);
  EXPECT_THAT(remote.log(), ElementsAre("rename /from /to"));
}

/// Each call fails once: the name holds the old content or the new, or the hidden name holds the
/// old one and that is told.
TEST_F(RenameOverTest, WhereItDoesNotTheOldContentIsNeverLost) {
  test::FakeRemoteOptions options;
  options.rename_replaces = false;
  std::uint64_t points = 0;
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U}) {
    points += test::for_each_fault(seed, [&](FaultPoint point) {
      SCOPED_TRACE(test::to_string(point));
      FakeRemote inner(clock_, options);
      fill(inner);
      FaultyRemote remote(inner, point);
      const RenamedOver renamed = run(remote);
      const auto to = inner.content("/to");
      const auto aside = inner.content(std::string("/") + kAsideName);
      if (renamed.outcome) {
        EXPECT_EQ(to, "new");
        EXPECT_FALSE(inner.exists("/from"));
      } else {
        EXPECT_TRUE(is_link_failure(renamed.outcome.error().code));
        EXPECT_TRUE(to == "old" || aside == "old" || to == "new");
      }
      EXPECT_TRUE(renamed.left_behind || !aside);
      return remote.has_struck() && !HasFailure();
    });
  }
  EXPECT_GT(points, 10U);
}

TEST_F(RenameOverTest, ARefusalIsToldAndNothingIsMovedAside) {
  FakeRemote remote(clock_);
  fill(remote);
  remote.fail_next(Op::rename, "/from", make_error(Errc::access_denied, "550", 550));
  const RenamedOver renamed = run(remote);
  ASSERT_FALSE(renamed.outcome);
  EXPECT_EQ(renamed.outcome.error().code, Errc::access_denied);
  EXPECT_EQ(remote.content("/to"), "old");
  EXPECT_EQ(remote.content("/from"), "new");
}

}  // namespace
}  // namespace ftpsfs::remote
