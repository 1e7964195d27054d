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
  std::stop_source stop;
  auto synced =
      std::async(std::launch::async, [&] { return fs->sync(handle, request(stop.get_token())); });
  ASSERT_TRUE(ending.await_blocked());
  stop.request_stop();
  EXPECT_FALSE(synced.get());
  set("f", handle, *remote.mode("/first"), AttributeChange::Time{0, true});
  ending.open();
  EXPECT_TRUE(close(handle));
  EXPECT_EQ(remote.mode("/f"), remote.mode("/first"));
  EXPECT_EQ(remote.mtime("/f"),
            std::chrono::floor<seconds>(clock.wall_now()).time_since_epoch().count());
}

}  // namespace
}  // namespace ftpsfs::fs
