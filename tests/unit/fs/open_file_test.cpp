// SPDX-License-Identifier: MIT
//
// The promises of contrib/doc/semantics.md about the content of files.
#include <gmock/gmock.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "filesystem_fixture.hpp"

namespace ftpsfs::fs {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;

class OpenFileTest : public FilesystemFixture {};

TEST_F(OpenFileTest, CloseReturnsTheServersVerdict) {
  const HandleId handle = create("f");
  ASSERT_TRUE(write(handle, 0, "hello"));
  remote.fail_next(Op::open_writer, "", make_error(Errc::quota_exceeded, "552 quota"));
  EXPECT_EQ(fs->flush(handle, request()).error().code, Errc::quota_exceeded);
  fs->release(handle, request());
  EXPECT_EQ(fs->counters().failed_uploads, 1U);
  EXPECT_EQ(look(kRootIno, "f"), kNoIno);
}

TEST_F(OpenFileTest, AFailedUploadIsListedWithItsReasonUntilTheFileIsWhole) {
  remote.fail_next(Op::open_writer, "", make_error(Errc::quota_exceeded, "552 quota"));
  const HandleId handle = create("f");
  ASSERT_TRUE(write(handle, 0, "hello"));
  EXPECT_FALSE(close(handle));
  const auto failures = fs->counters().failures;
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_EQ(failures[0].path, "/f");
  EXPECT_EQ(failures[0].reason, "552 quota");
  const HandleId again = create("f");
  ASSERT_TRUE(write(again, 0, "hello"));
  ASSERT_TRUE(close(again));
  EXPECT_TRUE(fs->counters().failures.empty());
  EXPECT_EQ(fs->counters().failed_uploads, 1U);
}

TEST_F(OpenFileTest, AFlushBeforeTheFirstBytePublishesNothing) {
  remote.put("/f", "old");
  const HandleId handle = open(walk("f"), O_WRONLY | O_TRUNC);
  ASSERT_TRUE(fs->flush(handle, request()));
  EXPECT_EQ(remote.content("/f"), "old");
  ASSERT_TRUE(write(handle, 0, "new"));
  EXPECT_EQ(remote.content("/f"), "old");
  ASSERT_TRUE(close(handle));
  EXPECT_EQ(remote.content("/f"), "new");
}

TEST_F(OpenFileTest, AnEmptyNewFileIsThereWhenCloseReturns) {
  const HandleId handle = create("f");
  ASSERT_TRUE(fs->flush(handle, request()));
  EXPECT_EQ(remote.content("/f"), "");
  fs->release(handle, request());
  EXPECT_EQ(remote.calls(Op::open_writer), 1U);
}

TEST_F(OpenFileTest, AFileCreatedForReadingIsMadeToo) {
  const HandleId handle = create("lock", O_RDONLY);
  ASSERT_TRUE(close(handle));
  EXPECT_EQ(remote.content("/lock"), "");
}

TEST_F(OpenFileTest, ARefusalIsToldByTheFirstWriteOfAShellsRedirect) {
  remote.put("/f", "old");
  for (const bool is_new : {false, true}) {
    remote.fail_next(Op::open_writer, "", make_error(Errc::access_denied, "550 denied"));
    const HandleId handle = is_new ? create("g") : open(walk("f"), O_WRONLY | O_TRUNC);
    EXPECT_FALSE(fs->flush(handle, request()));  // the shell does not look at this one
    EXPECT_EQ(write(handle, 0, "x").error().code, Errc::access_denied);
    fs->release(handle, request());
  }
  EXPECT_EQ(remote.content("/f"), "old");
  EXPECT_FALSE(remote.exists("/g"));
  EXPECT_THAT(hidden(), ElementsAre());
}

TEST_F(OpenFileTest, HiddenFilesAreRemovedAtTheEnd) {
  remote.put("/f", "x");
  const HandleId handle = open(walk("f"), O_RDONLY);
  ASSERT_TRUE(fs->remove_file(kRootIno, "f", request()));
  EXPECT_EQ(hidden().size(), 1U);
  EXPECT_EQ(fs->finish_uploads(request().wait), 0U);
  EXPECT_THAT(hidden(), ElementsAre());
  fs->release(handle, request());
}

TEST_F(OpenFileTest, AFlushByAChildPublishesNothing) {
  remote.put("/f", "old");
  const HandleId handle = open(walk("f"), O_WRONLY | O_TRUNC);
  ASSERT_TRUE(write(handle, 0, "a\n"));
  ASSERT_TRUE(fs->flush(handle, request_of_a_child()));
  EXPECT_EQ(remote.content("/f"), "old");
  ASSERT_TRUE(write(handle, 2, "b\n"));
  ASSERT_TRUE(close(handle));
  EXPECT_EQ(remote.content("/f"), "a\nb\n");
}

TEST_F(OpenFileTest, ATruncationAloneIsPublishedAtRelease) {
  remote.put("/f", "old");
  const HandleId handle = open(walk("f"), O_WRONLY | O_TRUNC);
  ASSERT_TRUE(fs->flush(handle, request()));
  EXPECT_EQ(remote.content("/f"), "old");
  fs->release(handle, request());
  EXPECT_EQ(remote.content("/f"), "");
}

TEST_F(OpenFileTest, ReleaseUploadsWhatIsStillDirty) {
  const HandleId handle = create("f");
  ASSERT_TRUE(write(handle, 0, "mapped"));
  fs->release(handle, request());
  EXPECT_EQ(remote.content("/f"), "mapped");
}

TEST_F(OpenFileTest, TheOldFileStaysUntilTheNewOneIsWhole) {
  remote.put("/f", "precious");
  const HandleId handle = open(walk("f"), O_WRONLY | O_TRUNC);
  ASSERT_TRUE(write(handle, 0, std::string(2U << 20U, 'x')));
  EXPECT_EQ(remote.content("/f"), "precious");
  remote.fail_next(Op::finish, "", make_error(Errc::no_space, "552"));
  EXPECT_EQ(fs->flush(handle, request()).error().code, Errc::no_space);
  fs->release(handle, request());
  EXPECT_EQ(remote.content("/f"), "precious");
  EXPECT_THAT(hidden(), ElementsAre());
}

TEST_F(OpenFileTest, ARefusedRenameLeavesTheOldFile) {
  remote.put("/f", "precious");
  const HandleId handle = open(walk("f"), O_WRONLY | O_TRUNC);
  ASSERT_TRUE(write(handle, 0, "new"));
  remote.fail_next(Op::rename, "", make_error(Errc::access_denied, "550"));
  EXPECT_FALSE(fs->flush(handle, request()));
  fs->release(handle, request());
  EXPECT_EQ(remote.content("/f"), "precious");
  EXPECT_THAT(hidden(), ElementsAre());
}

TEST_F(OpenFileTest, AnAtomicReplaceKeepsTheOldMode) {
  remote.put("/f", "old");
  ASSERT_TRUE(remote.set_mode(*remote::RemotePath::parse("/f"), 0600, request().wait));
  const HandleId handle = open(walk("f"), O_WRONLY | O_TRUNC);
  ASSERT_TRUE(write(handle, 0, "new"));
  ASSERT_TRUE(close(handle));
  EXPECT_EQ(remote.content("/f"), "new");
  EXPECT_EQ(remote.mode("/f"), 0600);
}

TEST_F(OpenFileTest, AppendingSendsOnlyTheNewBytes) {
  remote.put("/log", std::string(100'000, 'x'));
  const HandleId handle = open(walk("log"), O_WRONLY | O_APPEND);
  // What the kernel says of the offset does not count under O_APPEND.
  ASSERT_TRUE(write_to(handle, {7, true}, "line\n"));
  ASSERT_TRUE(close(handle));
  EXPECT_EQ(remote.content("/log"), std::string(100'000, 'x') + "line\n");
  EXPECT_EQ(remote.bytes_read(), 0U);
  EXPECT_EQ(remote.bytes_written(), 5U);
}

TEST_F(OpenFileTest, PagesOfAMappingKeepTheirPlaceThroughAnAppendingHandle) {
  remote.put("/f", "0123456789");
  const HandleId handle = open(walk("f"), O_RDWR | O_APPEND);
  ASSERT_TRUE(append(handle, "end"));
  ASSERT_TRUE(write(handle, 2, "ab"));
  ASSERT_TRUE(append(handle, "!"));
  ASSERT_TRUE(close(handle));
  EXPECT_EQ(remote.content("/f"), "01ab456789end!");
}

TEST_F(OpenFileTest, RandomWritesGoThroughALocalCopy) {
  remote.put("/f", "0123456789");
  const HandleId handle = open(walk("f"), O_RDWR);
  ASSERT_TRUE(write(handle, 3, "abc"));
  EXPECT_EQ(read(handle), "012abc6789");
  ASSERT_TRUE(write(handle, 12, "z"));
  EXPECT_EQ(remote.content("/f"), "0123456789");
  ASSERT_TRUE(close(handle));
  EXPECT_EQ(remote.content("/f"), std::string("012abc6789\0\0z", 13));
}

TEST_F(OpenFileTest, AStreamTurnsIntoACopyWithoutLosingAByte) {
  const HandleId handle = create("f", O_RDWR);
  const std::string big(3U << 20U, 'x');
  ASSERT_TRUE(write(handle, 0, big));
  ASSERT_TRUE(write(handle, 1000, "changed"));
  EXPECT_EQ(read(handle, 998, 11), "xxchangedxx");
  ASSERT_TRUE(close(handle));
  std::string expected = big;
  expected.replace(1000, 7, "changed");
  EXPECT_TRUE(remote.content("/f") == expected);
  EXPECT_THAT(hidden(), ElementsAre());
}

TEST_F(OpenFileTest, AnotherHandleReadsWhatIsBeingWritten) {
  const HandleId writer = create("f");
  ASSERT_TRUE(write(writer, 0, "draft"));
  const Ino ino = look(kRootIno, "f");
  EXPECT_EQ(attributes(ino).size, 5U);
  const HandleId reader = open(ino, O_RDONLY);
  EXPECT_EQ(read(reader), "draft");
  ASSERT_TRUE(write(writer, 5, " two"));
  EXPECT_EQ(read(reader), "draft two");
  ASSERT_TRUE(close(writer));
  ASSERT_TRUE(close(reader));
  EXPECT_EQ(remote.content("/f"), "draft two");
}

/// Behind an upload that works, and takes longer than one answer of the server may.
class BehindALongUpload : public OpenFileTest {
 protected:
  using Operation =
      std::function<Result<void>(const std::string& name, HandleId reader, const Request& request)>;

  /// A machine that stalls may need more time for the rest: what fails for good fails with any.
  void expect_success(const Operation& operation) {
    std::string failure;
    for (const int patience : {50, 500, 5000}) {
      const auto done = try_behind(std::chrono::milliseconds(patience), operation);
      if (done) {
        return;
      }
      failure = done.error().text;
    }
    ADD_FAILURE() << failure;
  }

  std::string last_name_;

 private:
  Result<void> try_behind(Duration patience, const Operation& operation) {
    last_name_ += "f";
    const std::string name = last_name_;
    const HandleId writer = create(name);
    EXPECT_TRUE(write(writer, 0, "content"));
    const HandleId reader = open(look(kRootIno, name), O_RDONLY);
    Gate gate = remote.hold(Op::open_writer, "/" + name);
    std::thread flusher([&] { EXPECT_TRUE(fs->flush(writer, request())); });
    EXPECT_TRUE(gate.await_blocked());
    const Request hasty{::getpid(), Wait::for_at_most(patience)};
    Result<void> done;
    std::thread other([&] { done = operation(name, reader, hasty); });
    while (!hasty.wait.expired()) {
      std::this_thread::yield();
    }
    gate.open();
    other.join();
    flusher.join();
    fs->release(reader, request());
    fs->release(writer, request());
    return done;
  }
};

TEST_F(BehindALongUpload, AReaderWaits) {
  expect_success([&](const std::string&, HandleId reader, const Request& hasty) -> Result<void> {
    FTPSFS_TRY_ASSIGN(const Slices slices, fs->read(reader, 0, 7, hasty));
    EXPECT_EQ(total_bytes(slices), 7U);
    return {};
  });
}

TEST_F(BehindALongUpload, ARenameWaits) {
  expect_success([&](const std::string& name, HandleId, const Request& hasty) {
    return fs->rename(kRootIno, name, kRootIno, "g", 0, hasty);
  });
  EXPECT_EQ(remote.content("/g"), "content");
}

TEST_F(BehindALongUpload, ARenameOverItWaits) {
  remote.put("/g", "other");
  expect_success([&](const std::string& name, HandleId, const Request& hasty) {
    return fs->rename(kRootIno, "g", kRootIno, name, 0, hasty);
  });
  EXPECT_EQ(remote.content("/" + last_name_), "other");
}

TEST_F(BehindALongUpload, ARemovalWaits) {
  expect_success([&](const std::string& name, HandleId, const Request& hasty) {
    return fs->remove_file(kRootIno, name, hasty);
  });
  EXPECT_FALSE(remote.exists("/" + last_name_));
}

TEST_F(OpenFileTest, TruncateTakesAnySize) {
  remote.put("/f", "0123456789");
  const Ino ino = walk("f");
  AttributeChange change;
  change.size = 4;
  ASSERT_TRUE(fs->set_attributes(ino, change, std::nullopt, request()));
  EXPECT_EQ(remote.content("/f"), "0123");
  change.size = 6;
  ASSERT_TRUE(fs->set_attributes(ino, change, std::nullopt, request()));
  EXPECT_EQ(remote.content("/f"), std::string("0123\0\0", 6));
  change.size = 0;
  ASSERT_TRUE(fs->set_attributes(ino, change, std::nullopt, request()));
  EXPECT_EQ(remote.content("/f"), "");
}

TEST_F(OpenFileTest, ModeAndTimeTravelWithTheUpload) {
  const HandleId handle = create("f");
  const Ino ino = look(kRootIno, "f");
  ASSERT_TRUE(write(handle, 0, "x"));
  AttributeChange change;
  change.mode = 0751;
  change.mtime = AttributeChange::Time{1'111'111'111, false};
  ASSERT_TRUE(fs->set_attributes(ino, change, handle, request()));
  EXPECT_FALSE(remote.exists("/f"));
  ASSERT_TRUE(close(handle));
  EXPECT_EQ(remote.mtime("/f"), 1'111'111'111);
  EXPECT_EQ(remote.mode("/f"), 0751);
  EXPECT_EQ(attributes(ino).mtime_seconds, 1'111'111'111);
}

TEST_F(OpenFileTest, ARemovedFileStaysUsableForItsHandles) {
  remote.put("/f", "content");
  const HandleId handle = open(walk("f"), O_RDONLY);
  ASSERT_TRUE(fs->remove_file(kRootIno, "f", request()));
  EXPECT_FALSE(remote.exists("/f"));
  EXPECT_THAT(list(kRootIno), ElementsAre());
  EXPECT_EQ(read(handle), "content");
  ASSERT_TRUE(close(handle));
  EXPECT_THAT(hidden(), ElementsAre());
}

TEST_F(OpenFileTest, ARemovedNewFileNeverReachesTheServer) {
  const HandleId handle = create("f", O_RDWR);
  ASSERT_TRUE(write(handle, 0, "scratch"));
  ASSERT_TRUE(fs->remove_file(kRootIno, "f", request()));
  ASSERT_TRUE(write(handle, 7, " more"));
  EXPECT_EQ(read(handle), "scratch more");
  ASSERT_TRUE(close(handle));
  EXPECT_THAT(remote.names("/"), ElementsAre());
}

TEST_F(OpenFileTest, AnOpenFileThatIsRenamedGoesOn) {
  const HandleId handle = create("draft");
  ASSERT_TRUE(write(handle, 0, "one "));
  ASSERT_TRUE(fs->rename(kRootIno, "draft", kRootIno, "final", 0, request()));
  ASSERT_TRUE(write(handle, 4, "two"));
  ASSERT_TRUE(close(handle));
  EXPECT_EQ(remote.content("/final"), "one two");
  EXPECT_FALSE(remote.exists("/draft"));
}

TEST_F(OpenFileTest, ReadsNeverMixVersions) {
  remote.put("/f", std::string(4U << 20U, 'a'), 1'000);
  const Ino ino = walk("f");
  const HandleId early = open(ino, O_RDONLY);
  EXPECT_EQ(read(early, 0, 10), "aaaaaaaaaa");
  remote.put("/f", std::string(3U << 20U, 'b'), 2'000);
  clock.advance(seconds(60));
  // A new open sees the new file under a new inode; the old handle is told when it must ask again.
  EXPECT_EQ(fs->open(ino, O_RDONLY, request()).error().code, Errc::stale);
  const Ino fresh = look(kRootIno, "f");
  EXPECT_NE(fresh, ino);
  const HandleId late = open(fresh, O_RDONLY);
  EXPECT_EQ(read(late, 0, 3), "bbb");
  const auto slices = fs->read(early, 3'900'000, 10, request());
  if (slices) {
    EXPECT_EQ(read(early, 3'900'000, 10), "aaaaaaaaaa");
  } else {
    EXPECT_EQ(slices.error().code, Errc::stale);
  }
  EXPECT_TRUE(close(early));
  EXPECT_TRUE(close(late));
}

TEST_F(OpenFileTest, LocalWritesNeverMakeAReaderStale) {
  remote.put("/f", "old content");
  const Ino ino = walk("f");
  const HandleId reader = open(ino, O_RDONLY);
  EXPECT_EQ(read(reader), "old content");
  const HandleId writer = open(ino, O_WRONLY | O_TRUNC);
  ASSERT_TRUE(write(writer, 0, "new"));
  ASSERT_TRUE(close(writer));
  EXPECT_EQ(read(reader), "new");
  ASSERT_TRUE(close(reader));
}

TEST_F(OpenFileTest, PagesAreKeptOnlyForTheSameVersion) {
  remote.put("/f", "one", 1'000);
  const Ino ino = walk("f");
  const auto first = fs->open(ino, O_RDONLY, request());
  EXPECT_FALSE(first->keep_cache);
  const auto second = fs->open(ino, O_RDONLY, request());
  EXPECT_TRUE(second->keep_cache);
  fs->release(first->handle, request());
  fs->release(second->handle, request());
  remote.put("/f", "two", 2'000);
  clock.advance(seconds(60));
  const auto third = fs->open(ino, O_RDONLY, request());
  ASSERT_TRUE(third);
  EXPECT_FALSE(third->keep_cache);
  EXPECT_EQ(read(third->handle), "two");
  fs->release(third->handle, request());
}

/// With its pages goes the size that it knows, behind which it would read nothing.
TEST_F(OpenFileTest, TheKernelAsksForTheSizeOfWhatItDoesNotKeep) {
  remote.put("/f", "one", 1'000);
  const Ino ino = walk("f");
  int before = kernel.outdated;
  const auto first = fs->open(ino, O_RDONLY, request());
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->keep_cache);
  EXPECT_EQ(kernel.outdated, before + 1);
  before = kernel.outdated;
  const auto second = fs->open(ino, O_RDONLY, request());
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->keep_cache);
  EXPECT_EQ(kernel.outdated, before);
  fs->release(first->handle, request());
  fs->release(second->handle, request());
}

TEST_F(OpenFileTest, ExclusiveCreationIsExactOnThisMount) {
  const HandleId handle = create("lock", O_WRONLY | O_EXCL);
  EXPECT_EQ(fs->create(kRootIno, "lock", 0644, O_WRONLY | O_EXCL, request()).error().code,
            Errc::already_exists);
  ASSERT_TRUE(close(handle));
  EXPECT_EQ(fs->create(kRootIno, "lock", 0644, O_WRONLY | O_EXCL, request()).error().code,
            Errc::already_exists);
}

TEST_F(OpenFileTest, AnInterruptedFlushLosesNothing) {
  const HandleId handle = create("f");
  ASSERT_TRUE(write(handle, 0, "kept"));
  Gate gate = remote.hold(Op::open_writer);
  std::stop_source interrupt;
  Result<void> flushed;
  std::thread flusher([&] { flushed = fs->flush(handle, request(interrupt.get_token())); });
  ASSERT_TRUE(gate.await_blocked());
  interrupt.request_stop();
  flusher.join();
  EXPECT_EQ(flushed.error().code, Errc::cancelled);
  gate.open();
  fs->release(handle, request());
  EXPECT_EQ(remote.content("/f"), "kept");
}

TEST_F(OpenFileTest, CloseAfterAnInterruptedWriteDoesNotWait) {
  Gate gate = remote.hold(Op::open_writer);
  const HandleId handle = create("f");
  const std::string piece(1U << 20U, 'x');
  std::stop_source interrupt;
  interrupt.request_stop();
  std::uint64_t offset = 0;
  for (;;) {
    const auto written =
        fs->write(handle, {offset}, copy_of(std::as_bytes(std::span(piece.data(), piece.size()))),
                  request(interrupt.get_token()));
    if (!written) {
      EXPECT_EQ(written.error().code, Errc::cancelled);
      break;
    }
    offset += piece.size();
  }
  EXPECT_EQ(fs->flush(handle, request()).error().code, Errc::cancelled);
  gate.open();
  fs->release(handle, request());
  EXPECT_EQ(remote.content("/f")->size(), offset);
}

TEST_F(OpenFileTest, UploadsUnderWayAreFinishedAtTheEnd) {
  const HandleId handle = create("f");
  ASSERT_TRUE(write(handle, 0, "in time"));
  EXPECT_EQ(fs->counters().dirty_files, 1U);
  EXPECT_EQ(fs->finish_uploads(request().wait), 0U);
  EXPECT_EQ(remote.content("/f"), "in time");
  fs->release(handle, request());
}

TEST_F(OpenFileTest, UploadsThatCannotBeFinishedInTimeAreCounted) {
  const HandleId handle = create("f");
  ASSERT_TRUE(write(handle, 0, "too late"));
  Gate gate = remote.hold(Op::open_writer);
  EXPECT_EQ(fs->finish_uploads(Wait::for_at_most(std::chrono::milliseconds(50))), 1U);
  gate.open();
  fs->release(handle, request());
  EXPECT_EQ(remote.content("/f"), "too late");
}

}  // namespace
}  // namespace ftpsfs::fs
