// SPDX-License-Identifier: MIT
//
// Mode and time that programs set before they close a file: cp -p, tar x, install -m.
#include <fmt/core.h>
#include <gmock/gmock.h>

#include <future>

#include "filesystem_fixture.hpp"

namespace ftpsfs::fs {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;

class UploadTailTest : public FilesystemFixture {
 protected:
  void SetUp() override { put("first", "shows what mode the server gives"); }

  /// A program that is interrupted while its fsync waits at the gate.
  void interrupt_sync(HandleId handle, Gate& gate) {
    std::stop_source stop;
    auto synced =
        std::async(std::launch::async, [&] { return fs->sync(handle, request(stop.get_token())); });
    ASSERT_TRUE(gate.await_blocked());
    stop.request_stop();
    EXPECT_FALSE(synced.get());
  }

  /// As fchmod(2) and futimens(2) before the close.
  void set(const std::string& name, HandleId handle, std::optional<std::uint32_t> mode,
           std::optional<AttributeChange::Time> mtime = std::nullopt) {
    AttributeChange change;
    change.mode = mode;
    change.mtime = mtime;
    EXPECT_TRUE(fs->set_attributes(look(kRootIno, name), change, handle, request()));
  }
};

constexpr AttributeChange::Time kThen{1'000'000'007, false};

TEST_F(UploadTailTest, ModeAndTimeTravelWithTheUpload) {
  for (const bool staged : {false, true}) {
    const std::string name = staged ? "staged" : "streamed";
    const HandleId handle = create(name, O_RDWR);
    ASSERT_TRUE(write(handle, staged ? 1000 : 0, "content"));
    set(name, handle, 0640, kThen);
    remote.forget_calls();
    ASSERT_TRUE(close(handle));
    // It is known before the first byte leaves, and may go in front of it.
    EXPECT_THAT(remote.log(), ElementsAre("open_writer /" + name + " mtime=1000000007 mode=0640",
                                          "finish /" + name + " mtime=1000000007 mode=0640"));
    EXPECT_EQ(remote.mode("/" + name), 0640);
    EXPECT_EQ(remote.mtime("/" + name), 1'000'000'007);
    const Attributes shown = attributes(look(kRootIno, name));
    EXPECT_EQ(shown.mode & 07777U, 0640U);
    EXPECT_EQ(shown.mtime_seconds, 1'000'000'007);
  }
}

TEST_F(UploadTailTest, WhatAnAppendSetsTravelsWithItToo) {
  remote.put("/log", "old ");
  ASSERT_TRUE(remote.set_mode(*remote::RemotePath::parse("/log"), 0600, request().wait));
  const HandleId handle = open(walk("log"), O_WRONLY | O_APPEND);
  ASSERT_TRUE(append(handle, "line"));
  // What the server gives to new files says nothing of this one.
  const std::uint16_t mode = *remote.mode("/first");
  set("log", handle, mode, kThen);
  remote.forget_calls();
  ASSERT_TRUE(close(handle));
  EXPECT_EQ(remote.log().back(), fmt::format("finish /log mtime=1000000007 mode={:04o}", mode));
}

TEST_F(UploadTailTest, TheFirstFileOfAMountShowsWhatModeTheServerGives) {
  mount();
  const HandleId handle = create("f");
  ASSERT_TRUE(write(handle, 0, "content"));
  set("f", handle, 0640, kThen);
  remote.forget_calls();
  ASSERT_TRUE(close(handle));
  EXPECT_THAT(remote.log(), ElementsAre("open_writer /f mtime=1000000007",
                                        "finish /f mtime=1000000007", "stat /f", "set_mode /f"));
  EXPECT_EQ(remote.mode("/f"), 0640);
}

TEST_F(UploadTailTest, AModeThatForbidsWritingWaitsUntilTheSizeIsRight) {
  const HandleId handle = create("f");
  ASSERT_TRUE(write(handle, 0, "content"));
  set("f", handle, 0444, kThen);
  remote.forget_calls();
  ASSERT_TRUE(close(handle));
  EXPECT_THAT(remote.log(), ElementsAre("open_writer /f mtime=1000000007",
                                        "finish /f mtime=1000000007", "set_mode /f"));
  EXPECT_EQ(remote.mode("/f"), 0444);
}

TEST_F(UploadTailTest, ATailThatMissedARenamedFileIsSetUnderItsNewName) {
  const HandleId handle = create("f");
  ASSERT_TRUE(write(handle, 0, "content"));
  set("f", handle, 0640, kThen);
  remote.fail_next(Op::set_mode, "/f", make_error(Errc::not_found, "550"));
  remote.fail_next(Op::set_mtime, "/f", make_error(Errc::not_found, "550"));
  ASSERT_TRUE(close(handle));
  EXPECT_EQ(remote.mode("/f"), 0640);
  EXPECT_EQ(remote.mtime("/f"), 1'000'000'007);
}

TEST_F(UploadTailTest, ARefusedTailIsNoFailureOfTheUpload) {
  const HandleId handle = create("f");
  ASSERT_TRUE(write(handle, 0, "content"));
  set("f", handle, 0640, kThen);
  remote.fail_next(Op::set_mode, "/f", make_error(Errc::not_permitted, "550"));
  remote.fail_next(Op::set_mtime, "/f", make_error(Errc::not_permitted, "550"));
  remote.forget_calls();
  ASSERT_TRUE(close(handle));
  EXPECT_EQ(remote.calls(Op::set_mode) + remote.calls(Op::set_mtime), 0U);
  const Attributes shown = attributes(look(kRootIno, "f"));
  EXPECT_EQ(shown.mode & 07777U, *remote.mode("/f"));
  EXPECT_EQ(shown.mtime_seconds, *remote.mtime("/f"));
}

TEST_F(UploadTailTest, ATailThatTheLinkKeptFromTheServerFollows) {
  const HandleId handle = create("f");
  ASSERT_TRUE(write(handle, 0, "one"));
  set("f", handle, 0751, kThen);
  remote.fail_next(Op::set_mode, "/f", make_error(Errc::closed, "reset"));
  ASSERT_TRUE(fs->sync(handle, request()));
  EXPECT_NE(remote.mode("/f"), 0751);
  EXPECT_EQ(remote.mtime("/f"), 1'000'000'007);
  ASSERT_TRUE(write(handle, 3, "two"));
  ASSERT_TRUE(close(handle));
  EXPECT_EQ(remote.mode("/f"), 0751);
  EXPECT_NE(remote.mtime("/f"), 1'000'000'007);
}

TEST_F(UploadTailTest, WhatIsSetWhileTheTailTravelsIsNotLost) {
  clock.advance(seconds(5));
  const HandleId handle = create("f");
  ASSERT_TRUE(write(handle, 0, "content"));
  set("f", handle, 0600, kThen);
  Gate ending = remote.hold(Op::set_mtime, "/f");
  auto closed = std::async(std::launch::async, [&] { return close(handle); });
  ASSERT_TRUE(ending.await_blocked());
  set("f", handle, *remote.mode("/first"), AttributeChange::Time{0, true});
  ending.open();
  EXPECT_TRUE(closed.get());
  EXPECT_EQ(remote.mode("/f"), remote.mode("/first"));
  EXPECT_EQ(remote.mtime("/f"),
            std::chrono::floor<seconds>(clock.wall_now()).time_since_epoch().count());
}

/// The upload goes on behind an interrupted call, and its tail arrives though nobody waits for it.
TEST_F(UploadTailTest, WhatAnInterruptedCallHasSentIsSetAgainWhenItIsNotWantedAnyMore) {
  clock.advance(seconds(5));
  const HandleId handle = create("f");
  ASSERT_TRUE(write(handle, 0, "content"));
  set("f", handle, 0600, kThen);
  Gate ending = remote.hold(Op::set_mtime, "/f");
  ASSERT_NO_FATAL_FAILURE(interrupt_sync(handle, ending));
  set("f", handle, *remote.mode("/first"), AttributeChange::Time{0, true});
  ending.open();
  EXPECT_TRUE(close(handle));
  EXPECT_EQ(remote.mode("/f"), remote.mode("/first"));
  EXPECT_EQ(remote.mtime("/f"),
            std::chrono::floor<seconds>(clock.wall_now()).time_since_epoch().count());
}

/// As above, of a file that is there already: what replaces it gets its name last.
class ReplacingTailTest : public UploadTailTest {
 protected:
  void SetUp() override {
    UploadTailTest::SetUp();
    put("f", "old");
    ASSERT_TRUE(remote.set_mode(*remote::RemotePath::parse("/f"), 0600, request().wait));
    mount();
    put("second", "shows what mode the server gives");
  }
  /// Opened and written, but not closed.
  HandleId begin_replacement(int flags = O_WRONLY, std::uint64_t offset = 0) {
    const HandleId handle = open(walk("f"), flags | O_TRUNC);
    EXPECT_TRUE(write(handle, offset, "new"));
    remote.forget_calls();
    return handle;
  }
  /// The hidden name has another one each time.
  std::vector<std::string> calls() const {
    std::vector<std::string> lines = remote.log();
    for (std::string& line : lines) {
      const std::size_t begin = line.find(".ftpsfs-");
      const std::size_t end = line.find(".part", begin);
      if (end != std::string::npos) {
        line.replace(begin, end + 5 - begin, "part");
      }
    }
    return lines;
  }
};

TEST_F(ReplacingTailTest, ModeAndTimeTravelToTheHiddenName) {
  for (const bool staged : {false, true}) {
    const HandleId handle =
        staged ? begin_replacement(O_RDWR, 1000) : begin_replacement(O_WRONLY, 0);
    set("f", handle, staged ? 0755 : 0640, kThen);
    remote.forget_calls();
    ASSERT_TRUE(close(handle));
    const std::string tail = fmt::format(" mtime=1000000007 mode={}", staged ? "0755" : "0640");
    EXPECT_THAT(calls(),
                ElementsAre("open_writer /part" + tail, "finish /part" + tail, "rename /part /f"));
    EXPECT_EQ(remote.mode("/f"), staged ? 0755 : 0640);
    EXPECT_EQ(remote.mtime("/f"), 1'000'000'007);
    const Attributes shown = attributes(look(kRootIno, "f"));
    EXPECT_EQ(shown.mode & 07777U, staged ? 0755U : 0640U);
    EXPECT_EQ(shown.mtime_seconds, 1'000'000'007);
  }
}

TEST_F(ReplacingTailTest, TheOldModeTravelsWhereNoOtherIsWanted) {
  const HandleId handle = begin_replacement();
  ASSERT_TRUE(close(handle));
  EXPECT_THAT(calls(), ElementsAre("open_writer /part mode=0600", "finish /part mode=0600",
                                   "rename /part /f"));
  EXPECT_EQ(remote.mode("/f"), 0600);
  EXPECT_EQ(attributes(look(kRootIno, "f")).mode & 07777U, 0600U);
}

TEST_F(ReplacingTailTest, TheModeOfANewFileThatIsUploadedUnseenTravelsToo) {
  Settings settings;
  settings.upload_mode = UploadMode::atomic;
  mount(settings);
  put("third", "shows what mode the server gives");
  const HandleId handle = create("new");
  ASSERT_TRUE(write(handle, 0, "new"));
  set("new", handle, 0640, kThen);
  remote.forget_calls();
  ASSERT_TRUE(close(handle));
  EXPECT_THAT(calls(), ElementsAre("open_writer /part mtime=1000000007 mode=0640",
                                   "finish /part mtime=1000000007 mode=0640", "rename /part /new"));
}

/// A shell closes the file once before the first byte: the hidden upload is begun then.
TEST_F(ReplacingTailTest, TheOldModeTravelsWithWhatFollowsAnEmptyBeginning) {
  const HandleId handle = open(walk("f"), O_WRONLY | O_TRUNC);
  ASSERT_TRUE(fs->flush(handle, request()));
  ASSERT_TRUE(write(handle, 0, "new"));
  remote.forget_calls();
  ASSERT_TRUE(close(handle));
  EXPECT_THAT(calls(), ElementsAre("open_writer /part mode=0600", "finish /part mode=0600",
                                   "rename /part /f"));
  EXPECT_EQ(remote.content("/f"), "new");
  EXPECT_EQ(remote.mode("/f"), 0600);
}

TEST_F(ReplacingTailTest, AModeThatForbidsWritingIsSetBeforeTheRename) {
  const HandleId handle = begin_replacement();
  set("f", handle, 0400, kThen);
  remote.forget_calls();
  ASSERT_TRUE(close(handle));
  EXPECT_THAT(calls(),
              ElementsAre("open_writer /part mtime=1000000007", "finish /part mtime=1000000007",
                          "set_mode /part", "rename /part /f"));
  EXPECT_EQ(remote.mode("/f"), 0400);
}

TEST_F(ReplacingTailTest, WhatIsRefusedForTheHiddenNameIsSetUnderTheFilesOwn) {
  for (const Errc code : {Errc::not_permitted, Errc::not_found, Errc::closed}) {
    const HandleId handle = begin_replacement();
    set("f", handle, 0640, kThen);
    remote.fail_next(Op::set_mode, "", make_error(code, "550"));
    remote.fail_next(Op::set_mtime, "", make_error(code, "550"));
    remote.forget_calls();
    ASSERT_TRUE(close(handle));
    EXPECT_EQ(remote.mode("/f"), 0640);
    EXPECT_EQ(remote.mtime("/f"), 1'000'000'007);
    EXPECT_LE(remote.calls(), 5U) << "each is set once more";
    ASSERT_TRUE(remote.set_mode(*remote::RemotePath::parse("/f"), 0600, request().wait));
    mount();
  }
}

TEST_F(ReplacingTailTest, AnOldModeThatCannotBeKeptIsNoFailure) {
  const HandleId handle = begin_replacement();
  remote.fail_next(Op::set_mode, "", make_error(Errc::not_permitted, "550"));
  ASSERT_TRUE(close(handle));
  EXPECT_THAT(calls(), ElementsAre("open_writer /part mode=0600", "finish /part mode=0600",
                                   "rename /part /f"));
  EXPECT_EQ(remote.mode("/f"), remote.mode("/second"));
  EXPECT_EQ(remote.content("/f"), "new");
}

/// The hidden file has the old mode by then.
TEST_F(ReplacingTailTest, TheModeThatTheServerGivesIsSetBehindAnInterruptedCall) {
  const HandleId handle = begin_replacement();
  Gate ending = remote.hold(Op::set_mode, "", test::Moment::before);
  ASSERT_NO_FATAL_FAILURE(interrupt_sync(handle, ending));
  set("f", handle, *remote.mode("/second"));
  ending.open();
  EXPECT_TRUE(close(handle));
  EXPECT_EQ(remote.mode("/f"), remote.mode("/second"));
}

}  // namespace
}  // namespace ftpsfs::fs
