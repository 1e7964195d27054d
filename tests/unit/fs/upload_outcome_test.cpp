// SPDX-License-Identifier: MIT
//
// What becomes of an upload when others work on the same file or above it, when it fails, and when
// its handles go.
#include <gmock/gmock.h>

#include <future>
#include <thread>

#include "filesystem_fixture.hpp"

namespace ftpsfs::fs {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;

class UploadOutcomeTest : public FilesystemFixture {
 protected:
  Request out_of_time() const {
    Request late = request();
    late.wait.deadline = SteadyClock::now();
    return late;
  }
};

TEST_F(UploadOutcomeTest, AFailedUploadIsNotTheFailureOfLaterOpens) {
  remote.put("/log", "0");
  const Ino ino = walk("log");
  const HandleId early = open(ino, O_WRONLY | O_APPEND);
  ASSERT_TRUE(append(early, "lost"));
  remote.fail_next(Op::finish, "", make_error(Errc::no_space, "552"));
  EXPECT_EQ(fs->flush(early, request()).error().code, Errc::no_space);
  remote.put("/log", "0");
  clock.advance(seconds(60));
  const HandleId late = open(look(kRootIno, "log"), O_WRONLY | O_APPEND);
  EXPECT_TRUE(fs->flush(late, request()));
  ASSERT_TRUE(append(late, "1"));
  EXPECT_TRUE(close(late));
  EXPECT_EQ(remote.content("/log"), "01");
  // What follows lost bytes would be taken for the whole.
  EXPECT_EQ(append(early, "2").error().code, Errc::no_space);
  EXPECT_FALSE(close(early));
  EXPECT_EQ(remote.content("/log"), "01");
}

TEST_F(UploadOutcomeTest, AFailureBehindTheLastCloseIsRemembered) {
  const HandleId handle = create("f", O_RDWR);
  ASSERT_TRUE(write(handle, 0, "by a child"));
  ASSERT_TRUE(fs->flush(handle, request_of_a_child())) << "publishes nothing";
  remote.fail_all(make_error(Errc::no_space, "552"));
  fs->release(handle, request());
  EXPECT_EQ(fs->counters().lost_files, 1U);
}

TEST_F(UploadOutcomeTest, AFailureThatItsProgramWasToldOfIsNotALostFile) {
  remote.put("/f", "0123456789");
  const HandleId handle = open(walk("f"), O_RDWR);
  ASSERT_TRUE(write(handle, 3, "abc"));
  remote.fail_all(make_error(Errc::no_space, "552"));
  EXPECT_FALSE(close(handle)) << "the local copy was tried again by the release";
  EXPECT_EQ(fs->counters().lost_files, 0U);
}

TEST_F(UploadOutcomeTest, AFailureBehindTheCloseOfAChildIsRemembered) {
  for (const bool is_child_closing : {false, true}) {
    const HandleId handle = create(is_child_closing ? "by a child" : "by itself");
    if (!is_child_closing) {
      ASSERT_TRUE(fs->flush(handle, request_of_a_child())) << "before anything was written";
    }
    ASSERT_TRUE(write(handle, 0, "text"));
    if (is_child_closing) {
      ASSERT_TRUE(fs->flush(handle, request_of_a_child()));
    }
    remote.fail_all(make_error(Errc::no_space, "552"));
    EXPECT_FALSE(close(handle)) << "a shell that does not look";
    EXPECT_EQ(fs->counters().lost_files, is_child_closing ? 1U : 0U);
    remote.fail_all(std::nullopt);
  }
}

TEST_F(UploadOutcomeTest, WhatAChildLeftAndWasPublishedIsForgotten) {
  remote.put("/f", "0123456789");
  const HandleId handle = open(walk("f"), O_RDWR);
  ASSERT_TRUE(write(handle, 3, "abc"));
  ASSERT_TRUE(fs->flush(handle, request_of_a_child()));
  ASSERT_TRUE(fs->sync(handle, request()));
  ASSERT_TRUE(write(handle, 3, "def"));
  remote.fail_all(make_error(Errc::no_space, "552"));
  EXPECT_FALSE(close(handle));
  EXPECT_EQ(fs->counters().lost_files, 0U);
}

TEST_F(UploadOutcomeTest, WhatWasWrittenAfterAToldFailureIsLostOnceMore) {
  remote.put("/f", "0123456789");
  const HandleId handle = open(walk("f"), O_RDWR);
  ASSERT_TRUE(write(handle, 3, "abc"));
  remote.fail_all(make_error(Errc::no_space, "552"));
  EXPECT_FALSE(fs->sync(handle, request()));
  ASSERT_TRUE(write(handle, 3, "def"));
  fs->release(handle, request());
  EXPECT_EQ(fs->counters().lost_files, 1U);
}

TEST_F(UploadOutcomeTest, AFailureThatAnInterruptedProgramDidNotHearIsRemembered) {
  remote.put("/f", "old");
  const HandleId handle = open(walk("f"), O_WRONLY | O_TRUNC);
  ASSERT_TRUE(write(handle, 0, "new"));
  remote.fail_next(Op::rename, "", make_error(Errc::access_denied, "550"));
  std::stop_source interrupt;
  remote.on_call([&](Op op, const std::string&) {
    if (op == Op::rename) {
      interrupt.request_stop();  // too late to cancel, and the program does not wait
    }
  });
  EXPECT_EQ(fs->flush(handle, request(interrupt.get_token())).error().code, Errc::access_denied);
  EXPECT_EQ(fs->counters().lost_files, 1U);
  fs->release(handle, request());
  EXPECT_EQ(fs->counters().lost_files, 1U);
}

TEST_F(UploadOutcomeTest, ATruncationThatFailedIsToldToItsCaller) {
  remote.put("/f", "0123456789");
  const Ino ino = walk("f");
  for (int i = 0; i < 2; ++i) {  // the change itself, and the last try of what is still owed
    remote.fail_next(Op::finish, "", make_error(Errc::no_space, "552"));
  }
  AttributeChange change;
  change.size = 5;
  EXPECT_FALSE(fs->set_attributes(ino, change, std::nullopt, request()));
  EXPECT_EQ(fs->counters().lost_files, 0U);
}

TEST_F(UploadOutcomeTest, AnUploadThatTheEndCutsShortIsALostFile) {
  const HandleId handle = create("f");
  ASSERT_TRUE(write(handle, 0, "text"));
  remote.fail_all(make_error(Errc::closed, "down"));
  EXPECT_EQ(fs->finish_uploads(request().wait), 1U);
  EXPECT_EQ(fs->counters().lost_files, 1U);
  fs->release(handle, request());
  EXPECT_EQ(fs->counters().lost_files, 1U) << "counted once";
}

class LostFileTest : public UploadOutcomeTest {
 protected:
  void SetUp() override {
    const HandleId handle = create("f", O_RDWR);
    ASSERT_TRUE(write(handle, 0, "text"));
    remote.fail_next(Op::finish, "", make_error(Errc::no_space, "552"));
    fs->release(handle, request());
    ASSERT_EQ(fs->counters().lost_files, 1U);
  }
  void append_to(const std::string& name) {
    const HandleId handle = open(look(kRootIno, name), O_WRONLY | O_APPEND);
    ASSERT_TRUE(append(handle, "more"));
    ASSERT_TRUE(close(handle));
  }
  void replace(const std::string& name) {
    const HandleId handle = open(look(kRootIno, name), O_WRONLY | O_TRUNC);
    ASSERT_TRUE(write(handle, 0, "anew"));
    ASSERT_TRUE(close(handle));
  }
};

TEST_F(LostFileTest, IsFoundAgainWhenItIsWrittenAnew) {
  remote.put("/f", "te");
  clock.advance(seconds(60));
  append_to("f");
  EXPECT_EQ(fs->counters().lost_files, 1U) << "more at its end does not make it whole";
  replace("f");
  EXPECT_EQ(fs->counters().lost_files, 0U);
}

TEST_F(LostFileTest, IsNotMadeWholeByAChangeInItsMiddle) {
  remote.put("/f", "te");
  clock.advance(seconds(60));
  const HandleId handle = open(look(kRootIno, "f"), O_RDWR);
  ASSERT_TRUE(write(handle, 1, "E"));
  ASSERT_TRUE(close(handle));
  EXPECT_EQ(remote.content("/f"), "tE");
  EXPECT_EQ(fs->counters().lost_files, 1U);
}

TEST_F(LostFileTest, IsNotTheNewsOfWhoFailsLater) {
  remote.put("/f", "te");
  clock.advance(seconds(60));
  const HandleId handle = open(look(kRootIno, "f"), O_WRONLY | O_APPEND);
  ASSERT_TRUE(append(handle, "more"));
  remote.fail_next(Op::finish, "", make_error(Errc::no_space, "552"));
  EXPECT_FALSE(close(handle));
  EXPECT_EQ(fs->counters().lost_files, 1U);
}

TEST_F(LostFileTest, IsForgottenWhenItIsRemoved) {
  remote.put("/f", "te");
  clock.advance(seconds(60));
  ASSERT_TRUE(fs->remove_file(kRootIno, "f", request()));
  EXPECT_EQ(fs->counters().lost_files, 0U);
}

TEST_F(LostFileTest, IsKnownUnderItsNewName) {
  remote.put("/f", "te");
  clock.advance(seconds(60));
  ASSERT_TRUE(fs->rename(kRootIno, "f", kRootIno, "g", 0, request()));
  put("f", "another");
  EXPECT_EQ(fs->counters().lost_files, 1U);
  replace("g");
  EXPECT_EQ(fs->counters().lost_files, 0U);
}

TEST_F(LostFileTest, IsForgottenWhenAnotherTakesItsPlace) {
  remote.put("/f", "te");
  remote.put("/other", "whole");
  clock.advance(seconds(60));
  ASSERT_TRUE(fs->rename(kRootIno, "other", kRootIno, "f", 0, request()));
  EXPECT_EQ(fs->counters().lost_files, 0U);
}

TEST_F(UploadOutcomeTest, AReplacedUploadHasEndedBeforeItsHiddenFileIsRemoved) {
  remote.put("/f", "old");
  const Ino ino = walk("f");
  const HandleId first = open(ino, O_WRONLY | O_TRUNC);
  const Gate sending = remote.hold(Op::write);
  ASSERT_TRUE(write(first, 0, std::string(1U << 20U, 'x')));
  ASSERT_TRUE(sending.await_blocked());
  std::size_t connections = 0;
  remote.on_call([&](Op op, const std::string&) {
    if (op == Op::remove_file) {
      connections = remote.connections();
    }
  });
  const HandleId second = open(ino, O_WRONLY | O_TRUNC);
  EXPECT_EQ(connections, 1U);
  EXPECT_THAT(hidden(), ElementsAre());
  fs->release(second, request());
  fs->release(first, request());
  EXPECT_EQ(remote.content("/f"), "");
}

TEST_F(UploadOutcomeTest, AReplacementThatFailsBeforeItsFirstByteLeavesNothingBehind) {
  remote.put("/f", "old");
  const HandleId handle = open(walk("f"), O_WRONLY | O_TRUNC);
  remote.fail_next(Op::finish, "", make_error(Errc::no_space, "552"));
  EXPECT_FALSE(fs->flush(handle, request()));
  EXPECT_THAT(hidden(), ElementsAre());
  fs->release(handle, request());
  EXPECT_EQ(remote.content("/f"), "old");
}

TEST_F(UploadOutcomeTest, AReplacementBelowADirectoryThatIsRenamedFollowsIt) {
  remote.put("/d/f", "old");
  const Ino file = walk("d/f");
  Gate moving = remote.hold(Op::rename, "/d");
  std::thread mover([&] { EXPECT_TRUE(fs->rename(kRootIno, "d", kRootIno, "e", 0, request())); });
  ASSERT_TRUE(moving.await_blocked());
  const HandleId handle = open(file, O_WRONLY | O_TRUNC);
  ASSERT_TRUE(write(handle, 0, "new"));
  remote.on_call([&](Op op, const std::string& path) {
    if (op == Op::rename && path.ends_with(".part") && mover.joinable()) {
      moving.open();  // just when the part's command is on its way
      mover.join();
    }
  });
  ASSERT_TRUE(close(handle));
  EXPECT_EQ(remote.content("/e/f"), "new");
  EXPECT_THAT(remote.names("/e"), ElementsAre("f"));
}

TEST_F(UploadOutcomeTest, AFileIsNeverShownEmptyWhenItsUploadEnds) {
  // The name is asked for again and again while uploads end: when exactly is chance.
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::thread asking([&] {
    while (!done) {
      const auto found = fs->find_entry(kRootIno, "f");
      if (found && *found && (*found)->attributes.ino != kNoIno) {
        wrong += (*found)->attributes.mtime_seconds == 0 ? 1 : 0;
      }
    }
  });
  for (int i = 0; i < 500; ++i) {
    put("f", "12345");
    ASSERT_TRUE(fs->remove_file(kRootIno, "f", request()));
  }
  done = true;
  asking.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(UploadOutcomeTest, AModeSetWhileAppendingIsNotTakenForThatOfNewFiles) {
  put("new", "x");  // shows what mode the server gives
  remote.put("/log", "old ");
  ASSERT_TRUE(remote.set_mode(*remote::RemotePath::parse("/log"), 0600, request().wait));
  const Ino ino = walk("log");
  const HandleId handle = open(ino, O_WRONLY | O_APPEND);
  ASSERT_TRUE(append(handle, "line"));
  AttributeChange change;
  change.mode = *remote.mode("/new");
  ASSERT_TRUE(fs->set_attributes(ino, change, handle, request()));
  ASSERT_TRUE(close(handle));
  EXPECT_EQ(remote.mode("/log"), remote.mode("/new"));
}

TEST_F(UploadOutcomeTest, AModeThatTheLinkKeptFromTheServerFollows) {
  const HandleId handle = create("f");
  ASSERT_TRUE(write(handle, 0, "one"));
  AttributeChange change;
  change.mode = 0751;
  ASSERT_TRUE(fs->set_attributes(look(kRootIno, "f"), change, handle, request()));
  remote.fail_next(Op::set_mode, "/f", make_error(Errc::closed, "reset"));
  ASSERT_TRUE(fs->sync(handle, request()));
  EXPECT_NE(remote.mode("/f"), 0751);
  ASSERT_TRUE(write(handle, 3, "two"));
  ASSERT_TRUE(close(handle));
  EXPECT_EQ(remote.mode("/f"), 0751);
}

TEST_F(UploadOutcomeTest, AFailedRenameOntoADirtyFileLeavesThatFileItsBytes) {
  remote.put("/a", "other");
  remote.put("/b", "0123456789");
  const HandleId handle = open(walk("b"), O_RDWR);
  ASSERT_TRUE(write(handle, 3, "abc"));
  remote.fail_next(Op::rename, "/a", make_error(Errc::access_denied, "550"));
  EXPECT_FALSE(fs->rename(kRootIno, "a", kRootIno, "b", 0, request()));
  EXPECT_EQ(read(handle), "012abc6789");
  ASSERT_TRUE(close(handle));
  EXPECT_EQ(remote.content("/b"), "012abc6789");
  EXPECT_EQ(remote.content("/a"), "other");
}

TEST_F(UploadOutcomeTest, AFileReplacedByARenameIsNotPublishedAnyMore) {
  remote.put("/a", "other");
  const HandleId handle = create("b", O_RDWR);
  ASSERT_TRUE(write(handle, 0, "mine"));
  ASSERT_TRUE(fs->rename(kRootIno, "a", kRootIno, "b", 0, request()));
  EXPECT_EQ(read(handle), "mine");
  ASSERT_TRUE(close(handle));
  EXPECT_EQ(remote.content("/b"), "other");
}

TEST_F(UploadOutcomeTest, TheLastHandlePublishesWhatIsStillOwed) {
  remote.put("/f", "0123456789");
  const Ino ino = walk("f");
  const HandleId writer = open(ino, O_RDWR);
  const HandleId reader = open(ino, O_RDONLY);
  ASSERT_TRUE(write(writer, 3, "abc"));
  remote.fail_all(make_error(Errc::closed, "down"));
  EXPECT_FALSE(close(writer));
  remote.fail_all(std::nullopt);
  EXPECT_FALSE(fs->try_release(reader));
  fs->release(reader, request());
  EXPECT_EQ(remote.content("/f"), "012abc6789");
}

TEST_F(UploadOutcomeTest, AWriteWaitsForAsLongAsAnotherOperationWorks) {
  const HandleId writer = create("f", O_RDWR);
  ASSERT_TRUE(write(writer, 0, "draft"));
  ASSERT_TRUE(fs->sync(writer, request()));
  ASSERT_TRUE(write(writer, 5, "!"));
  Gate fetching = remote.hold(Op::open_reader);
  std::thread reading([&] { EXPECT_EQ(read(writer), "draft!"); });
  ASSERT_TRUE(fetching.await_blocked());
  auto written = std::async(std::launch::async,
                            [&] { return fs->write(writer, {6}, copy_of({}), out_of_time()); });
  EXPECT_EQ(written.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  fetching.open();
  reading.join();
  EXPECT_TRUE(written.get());
  fs->release(writer, request());
}

TEST_F(UploadOutcomeTest, ASyncWaitsForAsLongAsAnotherOperationWorks) {
  const HandleId writer = create("f", O_RDWR);
  ASSERT_TRUE(write(writer, 0, "draft"));
  Gate storing = remote.hold(Op::finish);
  std::thread storer([&] { EXPECT_TRUE(fs->sync(writer, request())); });
  ASSERT_TRUE(storing.await_blocked());
  auto synced = std::async(std::launch::async, [&] { return fs->sync(writer, out_of_time()); });
  auto flushed = std::async(std::launch::async, [&] { return fs->flush(writer, out_of_time()); });
  EXPECT_EQ(synced.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  EXPECT_EQ(flushed.wait_for(std::chrono::milliseconds(0)), std::future_status::timeout);
  storing.open();
  storer.join();
  EXPECT_TRUE(synced.get());
  EXPECT_TRUE(flushed.get());
  fs->release(writer, request());
}

TEST_F(UploadOutcomeTest, ATruncationByAHandleForReadingIsPublishedToo) {
  remote.put("/f", "old");
  ASSERT_TRUE(close(open(walk("f"), O_RDONLY | O_TRUNC)));
  EXPECT_EQ(remote.content("/f"), "");
}

}  // namespace
}  // namespace ftpsfs::fs
