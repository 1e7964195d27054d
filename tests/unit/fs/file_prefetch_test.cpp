// SPDX-License-Identifier: MIT
//
// Small files read ahead of the programs that open them in a row.
#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <thread>

#include "filesystem_fixture.hpp"

namespace ftpsfs::fs {
namespace {

class FilesInARow : public FilesystemFixture {
 protected:
  FilesInARow() {
    for (int i = 0; i < kFiles; ++i) {
      remote.put("/" + name(i), text(i));
    }
    Settings settings;
    settings.prefetch = true;
    mount(std::move(settings));
    list(kRootIno);
    remote.forget_calls();
  }
  static std::string name(int i) { return "f" + std::to_string(100 + i); }
  static std::string text(int i) { return "content of " + std::to_string(i); }

  void expect_content(int first, int last) {
    for (int i = first; i <= last; ++i) {
      EXPECT_EQ(content(look(kRootIno, name(i))), text(i)) << i;
    }
  }
  void await_read(std::uint64_t count) {
    for (const auto end = request().wait; fs->counters().read_ahead < count;) {
      ASSERT_FALSE(end.expired());
      std::this_thread::yield();
    }
  }
  std::size_t opened(int i) {
    const auto log = remote.log();
    return static_cast<std::size_t>(std::count(log.begin(), log.end(), "open_reader /" + name(i)));
  }

  static constexpr int kFiles = 30;
};

TEST_F(FilesInARow, AreReadAhead) {
  expect_content(0, 1);
  await_read(8);
  expect_content(2, 9);
  EXPECT_EQ(remote.calls(Op::open_reader), 2U);
  EXPECT_GE(fs->counters().read_ahead_used, 8U);
}

TEST_F(FilesInARow, NeedNoQuestionAtTheirOpening) {
  expect_content(0, 0);
  clock.advance(std::chrono::milliseconds(1500));  // the listing is too old to be believed
  expect_content(1, 1);
  await_read(8);
  remote.forget_calls();
  expect_content(2, 9);
  EXPECT_EQ(remote.calls(Op::version), 0U);
  EXPECT_EQ(remote.calls(Op::stat), 0U);
}

TEST_F(FilesInARow, OneThatIsAskedAboutAtItsOpeningBringsItsContentAlong) {
  clock.advance(std::chrono::milliseconds(1500));  // the listing is too old to be believed
  expect_content(7, 7);
  EXPECT_EQ(remote.calls(Op::read_ahead), 1U);
  EXPECT_EQ(remote.calls(Op::version), 0U);
  EXPECT_EQ(opened(7), 0U);
  EXPECT_EQ(remote.awaited_reads_ahead(), 1U);
}

TEST_F(FilesInARow, OneThatIsBroughtAtItsOpeningIsReadBeforeTheServersVerdict) {
  clock.advance(std::chrono::milliseconds(1500));
  const Gate gate = remote.hold(Op::verdict, "/" + name(7));
  expect_content(7, 7);
  EXPECT_EQ(opened(7), 0U);
  EXPECT_TRUE(gate.await_blocked());
}

TEST_F(FilesInARow, OneWhoseEndIsNotConfirmedIsNotKeptForOthers) {
  expect_content(0, 0);
  clock.advance(std::chrono::seconds(11));  // what was read ahead is too old
  remote.fail_next(Op::verdict, "/" + name(20), make_error(Errc::truncated, "426"));
  remote.forget_calls();
  Gate gate = remote.hold(Op::verdict, "/" + name(20));
  const HandleId first = open(look(kRootIno, name(20)), O_RDONLY);
  EXPECT_EQ(remote.calls(Op::read_ahead), 1U);
  EXPECT_TRUE(close(first));
  gate.open();
  expect_content(20, 20);
  EXPECT_EQ(opened(20) + remote.calls(Op::read_ahead), 2U) << "it was read once more";
}

TEST_F(FilesInARow, OneThatIsNotBroughtAtItsOpeningIsAskedAboutAlone) {
  clock.advance(std::chrono::milliseconds(1500));
  remote.put("/" + name(7), "changed by others");
  remote.put("/" + name(9), std::string(300 * 1024, 'x'));
  remote.fail_next(Op::read_ahead, "/" + name(8), make_error(Errc::refused, "550 no"));
  EXPECT_EQ(content(look(kRootIno, name(7))), "changed by others");
  expect_content(8, 8);
  EXPECT_EQ(content(look(kRootIno, name(9))), std::string(300 * 1024, 'x'));
  EXPECT_EQ(opened(8), 1U);
  EXPECT_EQ(opened(9), 1U);
}

TEST_F(FilesInARow, AreNotReadAheadWhereThatIsSwitchedOff) {
  mount();
  list(kRootIno);
  remote.forget_calls();
  expect_content(0, kFiles - 1);
  EXPECT_EQ(remote.calls(Op::read_ahead), 0U);
}

TEST_F(FilesInARow, WhoOpensOneThatIsOnItsWayWaitsForIt) {
  Gate gate = remote.hold(Op::read_ahead, "/" + name(3));
  expect_content(0, 2);
  ASSERT_TRUE(gate.await_blocked());
  std::thread reader([this] { expect_content(3, 3); });
  gate.open();
  reader.join();
  EXPECT_EQ(opened(3), 0U);
}

TEST_F(FilesInARow, WhoseProgramWaitsNeedNoPlaceForIt) {
  Gate gate = remote.hold(Op::read_ahead, "/" + name(3));
  expect_content(0, 2);
  ASSERT_TRUE(gate.await_blocked());
  await_read(9);
  EXPECT_EQ(remote.awaited_reads_ahead(), 0U) << "nobody wants one that is on its way";
  const HandleId handle = open(look(kRootIno, name(3)), O_RDONLY);
  expect_content(4, 8);
  for (const auto end = request().wait; remote.awaited_reads_ahead() == 0;) {
    ASSERT_FALSE(end.expired());
    std::this_thread::yield();
  }
  gate.open();
  EXPECT_TRUE(fs->read(handle, 0, 100, request()));
  EXPECT_TRUE(close(handle));
}

TEST_F(FilesInARow, AProgramThatIsInterruptedStopsWaiting) {
  Gate gate = remote.hold(Op::read_ahead, "/" + name(3));
  expect_content(0, 2);
  ASSERT_TRUE(gate.await_blocked());
  const HandleId handle = open(look(kRootIno, name(3)), O_RDONLY);
  std::stop_source stop;
  stop.request_stop();
  const auto read = fs->read(handle, 0, 10, request(stop.get_token()));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::cancelled);
  gate.open();
  EXPECT_TRUE(close(handle));
}

TEST_F(FilesInARow, WhatFailsAheadIsReadByTheProgram) {
  remote.fail_next(Op::read_ahead, "/" + name(3), make_broken(Errc::closed, "gone"));
  expect_content(0, 1);
  await_read(7);
  expect_content(3, 10);
  EXPECT_EQ(opened(3), 1U);
}

TEST_F(FilesInARow, AChangeMadeHereIsSeen) {
  expect_content(0, 1);
  await_read(8);
  const HandleId handle = open(look(kRootIno, name(4)), O_WRONLY | O_TRUNC);
  EXPECT_TRUE(write(handle, 0, "new"));
  EXPECT_TRUE(close(handle));
  EXPECT_EQ(content(look(kRootIno, name(4))), "new");
}

TEST_F(FilesInARow, OfTheSameSizeAndSecondTooAChangeIsSeen) {
  expect_content(0, 1);
  await_read(8);
  std::string other = text(5);
  other.back() = '!';
  const HandleId handle = open(look(kRootIno, name(5)), O_WRONLY | O_TRUNC);
  EXPECT_TRUE(write(handle, 0, other));
  EXPECT_TRUE(close(handle));
  EXPECT_EQ(content(look(kRootIno, name(5))), other);
}

TEST_F(FilesInARow, AChangeMadeHereWhileItIsReadIsSeen) {
  Gate gate = remote.hold(Op::read_ahead, "/" + name(3), test::Moment::after);
  expect_content(0, 2);
  ASSERT_TRUE(gate.await_blocked());
  std::string other = text(3);
  other.back() = '!';
  const HandleId handle = open(look(kRootIno, name(3)), O_WRONLY | O_TRUNC);
  EXPECT_TRUE(write(handle, 0, other));
  EXPECT_TRUE(close(handle));
  gate.open();
  EXPECT_EQ(content(look(kRootIno, name(3))), other);
}

TEST_F(FilesInARow, AChangeMadeElsewhereIsSeenAtTheNextOpening) {
  expect_content(0, 1);
  await_read(8);
  remote.put("/" + name(4), "changed by a partner");
  clock.advance(std::chrono::milliseconds(1500));
  EXPECT_EQ(content(look(kRootIno, name(4))), "changed by a partner");
}

TEST_F(FilesInARow, ARenameMeanwhileDoesNotMixThem) {
  Gate gate = remote.hold(Op::read_ahead, "/" + name(3));
  expect_content(0, 2);
  ASSERT_TRUE(gate.await_blocked());
  EXPECT_TRUE(fs->rename(kRootIno, name(3), kRootIno, "moved", 0, request()));
  EXPECT_TRUE(fs->rename(kRootIno, name(20), kRootIno, name(3), 0, request()));
  gate.open();
  EXPECT_EQ(content(look(kRootIno, "moved")), text(3));
  EXPECT_EQ(content(look(kRootIno, name(3))), text(20));
}

TEST_F(FilesInARow, WhatTheKernelHasIsNotReadAgain) {
  expect_content(0, kFiles - 1);
  remote.forget_calls();
  const auto before = fs->counters().read_ahead;
  for (int i = 0; i < kFiles; ++i) {
    EXPECT_TRUE(close(open(look(kRootIno, name(i)), O_RDONLY)));  // all reads hit the page cache
  }
  EXPECT_EQ(fs->counters().read_ahead, before);
}

TEST_F(FilesInARow, TheEndDoesNotWaitForThem) {
  Gate gate = remote.hold(Op::read_ahead);
  expect_content(0, 1);
  ASSERT_TRUE(gate.await_blocked());
  fs.reset();
}

TEST_F(FilesInARow, AreBelievedForTenSecondsAtMost) {
  expect_content(0, 1);
  await_read(8);
  clock.advance(std::chrono::seconds(11));
  expect_content(3, 3);
  EXPECT_EQ(opened(3), 1U);
}

TEST_F(FilesInARow, AreLeftAloneWhereTheyNeverCome) {
  for (int i = 0; i < 8; ++i) {
    remote.fail_next(Op::read_ahead, {}, make_error(Errc::refused, "550 no"));
  }
  expect_content(0, 15);
  const auto asked = remote.calls(Op::read_ahead);
  expect_content(16, kFiles - 1);
  EXPECT_EQ(remote.calls(Op::read_ahead), asked);
  clock.advance(std::chrono::minutes(11));
  list(kRootIno);
  expect_content(0, 1);
  await_read(8);
}

TEST_F(FilesInARow, AnotherFileUnderTheNameIsToldByTheOpening) {
  Gate gate = remote.hold(Op::read_ahead, "/" + name(3));
  expect_content(0, 2);
  ASSERT_TRUE(gate.await_blocked());
  remote.put("/" + name(3), "another file");
  remote.forget_calls();
  gate.open();
  await_read(8);
  clock.advance(std::chrono::milliseconds(1500));
  EXPECT_EQ(content(look(kRootIno, name(3))), "another file");
  EXPECT_EQ(remote.calls(Op::version) + remote.calls(Op::stat), 1U);
}

TEST_F(FilesInARow, LargeOnesAreLeftToTheProgram) {
  remote.put("/" + name(4), std::string(300'000, 'x'));
  fs->refresh();
  list(kRootIno);
  expect_content(0, 1);
  await_read(7);
  const auto log = remote.log();
  EXPECT_EQ(std::count(log.begin(), log.end(), "read_ahead /" + name(4)), 0);
  EXPECT_EQ(content(look(kRootIno, name(4))).size(), 300'000U);
}

}  // namespace
}  // namespace ftpsfs::fs
