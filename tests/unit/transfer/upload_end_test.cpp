// SPDX-License-Identifier: MIT
//
// The end of an upload on a server that has died half-way: what may follow the last byte has one
// deadline, and what has arrived puts it off.
#include <gmock/gmock.h>

#include "../../../src/transfer/end_deadline.hpp"
#include "ftpsfs/transfer/staging.hpp"
#include "stream_fixture.hpp"

namespace ftpsfs::transfer {
namespace {

constexpr Duration kStall{300};
constexpr Duration kEnd = kStall * 3 / 2;
/// The time in which bytes move does not count. Two stalls in turn would be longer, all the same.
constexpr Duration kMoved = kStall / 4;

class UploadEndTest : public StreamFixture {
 protected:
  UploadEndTest() { limits.stall_timeout = kStall; }

  /// Notes when the first verdict was waited for.
  void watch(FakeRemote& remote) {
    remote.on_call([this, &remote](Op op, const std::string&) {
      if (op == Op::finish && remote.calls(Op::finish) == 1) {
        first_verdict_ = SteadyClock::now();
      }
    });
  }
  std::unique_ptr<WriteStream> written(FakeRemote& remote) {
    auto stream = writer(remote);
    EXPECT_TRUE(stream->write(slice_of("hello"), patience()));
    return stream;
  }

  std::atomic<SteadyTime> first_verdict_{};
};

TEST_F(UploadEndTest, TheVerdictAndTheLookHaveOneDeadline) {
  FakeRemote remote(clock);
  watch(remote);
  const Gate no_verdict = remote.hold(Op::finish);
  const Gate no_look = remote.hold(Op::version);
  const auto stream = written(remote);
  const auto end = stream->finish({});
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, Errc::timed_out);
  EXPECT_TRUE(stream->ran_out());
  EXPECT_GE(remote.calls(Op::version), 1U) << "the look had its time, too";
  EXPECT_LE(remote.last_deadline(), first_verdict_.load() + kEnd + kMoved);
  EXPECT_FALSE(stream->finish({})) << "sticky";
}

TEST_F(UploadEndTest, ServersThatRefuseToTellAreAskedNoLongerEither) {
  FakeRemote remote(clock);
  remote.fail_next(Op::finish, "/f", make_error(Errc::closed, "reset"));
  const auto stream = written(remote);
  remote.on_call([this, &remote](Op op, const std::string&) {
    if (op == Op::finish) {
      first_verdict_ = SteadyClock::now();
      remote.fail_all(make_error(Errc::unreachable, "refused"));
    }
  });
  ASSERT_FALSE(stream->finish({}));
  EXPECT_TRUE(stream->ran_out());
  EXPECT_LE(remote.last_deadline(), first_verdict_.load() + kEnd + kMoved);
}

/// Nothing has arrived: it is sent again, and the verdict on that does not come, either.
TEST_F(UploadEndTest, AnotherTryHasNoTimeOfItsOwn) {
  FakeRemoteOptions options;
  options.lost_on_abort = 5;
  FakeRemote remote(clock, options);
  watch(remote);
  const Gate no_verdict = remote.hold(Op::finish);
  const auto stream = written(remote);
  ASSERT_FALSE(stream->finish({}));
  EXPECT_EQ(remote.calls(Op::open_writer), 2U);
  EXPECT_TRUE(stream->ran_out());
  EXPECT_LE(remote.last_deadline(), first_verdict_.load() + kEnd + kMoved);
}

TEST_F(UploadEndTest, WhatHasArrivedGivesAllTheTimeAgain) {
  FakeRemoteOptions options;
  options.lost_on_abort = 2;
  FakeRemote remote(clock, options);
  Gate no_verdict = remote.hold(Op::finish);
  const auto stream = written(remote);
  remote.on_call([&](Op op, const std::string&) {
    if (op == Op::open_writer && remote.calls(Op::open_writer) == 2) {
      no_verdict.open();
    }
  });
  const SteadyTime began = SteadyClock::now();
  const auto end = stream->finish({});
  ASSERT_TRUE(end) << end.error().text;
  EXPECT_EQ(remote.content("/f"), "hello");
  EXPECT_FALSE(stream->ran_out());
  EXPECT_GE(remote.last_deadline(), began + 2 * kStall) << "one stall had passed by then";
}

TEST_F(UploadEndTest, ALocalCopyIsNotSentAgainToAServerThatIsSilent) {
  FakeRemote remote(clock);
  watch(remote);
  const Gate no_verdict = remote.hold(Op::finish);
  const Gate no_look = remote.hold(Op::version);
  const auto copy = StagedFile::create("/tmp");
  ASSERT_TRUE(copy);
  ASSERT_TRUE((*copy)->write(0, slice_of("hello").bytes));
  ASSERT_FALSE(send_from(**copy, remote, path(), {}, budget, limits, {}));
  EXPECT_EQ(remote.calls(Op::open_writer), 1U);
  EXPECT_LE(remote.last_deadline(), first_verdict_.load() + kEnd + kMoved);
}

TEST_F(UploadEndTest, WhoWaitsForTheLinkHasNoDeadline) {
  limits.stall_timeout = kNoLimit;
  EndDeadline deadline(limits);
  deadline.begin();
  EXPECT_FALSE(deadline.is_over());
  EXPECT_TRUE(deadline.step({}).is_endless());
}

TEST_F(UploadEndTest, TheDeadlineStaysUntilSomethingArrives) {
  limits.stall_timeout = std::chrono::hours(2);
  EndDeadline deadline(limits);
  deadline.begin();
  const SteadyTime by = SteadyClock::now() + std::chrono::hours(3);
  deadline.put_off(SteadyClock::now() - std::chrono::hours(1));  // for an hour bytes moved
  deadline.put_off(SteadyClock::now() + std::chrono::minutes(150));
  deadline.begin();
  EXPECT_LE(deadline.step({}).deadline, by - std::chrono::minutes(80)) << "no time of its own";
  deadline.end();
  deadline.begin();
  EXPECT_GE(deadline.step({}).deadline, by - std::chrono::minutes(61));
}

}  // namespace
}  // namespace ftpsfs::transfer
