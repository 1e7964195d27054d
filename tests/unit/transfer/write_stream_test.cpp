// SPDX-License-Identifier: MIT
#include "ftpsfs/transfer/write_stream.hpp"

#include <gmock/gmock.h>

#include <thread>

#include "ftpsfs/transfer/staging.hpp"
#include "stream_fixture.hpp"

namespace ftpsfs::transfer {
namespace {

using ::testing::ElementsAre;

class WriteStreamTest : public StreamFixture {
 protected:
  void write(WriteStream& stream, const std::string& text) {
    const auto written = stream.write(slice_of(text), patience());
    EXPECT_TRUE(written) << (written ? "" : written.error().text);
  }
};

TEST_F(WriteStreamTest, ASmallFileTravelsAtFinish) {
  FakeRemote remote(clock);
  const auto stream = writer(remote);
  write(*stream, "hello ");
  write(*stream, "world");
  EXPECT_EQ(remote.calls(Op::open_writer), 0U);
  const auto end = stream->finish({});
  ASSERT_TRUE(end);
  EXPECT_EQ(end->version.size, 11U);
  EXPECT_EQ(remote.content("/f"), "hello world");
  EXPECT_EQ(remote.calls(Op::open_writer), 1U);
}

TEST_F(WriteStreamTest, AnEmptyFileIsMade) {
  FakeRemote remote(clock);
  EXPECT_TRUE(writer(remote)->finish({}));
  EXPECT_EQ(remote.content("/f"), "");
}

TEST_F(WriteStreamTest, ALargeFileIsOneTransfer) {
  FakeRemote remote(clock);
  const std::string data = pattern(5 * kMebibyte);
  const auto stream = writer(remote);
  for (std::size_t offset = 0; offset < data.size(); offset += 128 * 1024) {
    write(*stream, data.substr(offset, 128 * 1024));
  }
  EXPECT_EQ(stream->accepted(), data.size());
  ASSERT_TRUE(stream->finish({}));
  EXPECT_TRUE(remote.content("/f") == data);
  EXPECT_EQ(remote.calls(Op::open_writer), 1U);
}

TEST_F(WriteStreamTest, WritingAfterFinishGoesOnWithAppend) {
  FakeRemote remote(clock);
  const auto stream = writer(remote);
  write(*stream, "one");
  ASSERT_TRUE(stream->finish({}));
  write(*stream, "two");
  ASSERT_TRUE(stream->finish({}));
  EXPECT_EQ(remote.content("/f"), "onetwo");
}

TEST_F(WriteStreamTest, AFullQueueHoldsTheWriterBack) {
  FakeRemote remote(clock);
  const Gate gate = remote.hold(Op::open_writer);
  const auto stream = writer(remote);
  const std::string piece = pattern(kMebibyte);
  int taken = 0;
  while (taken < 100) {
    const auto result = stream->try_write(slice_of(piece));
    if (!result) {
      break;
    }
    ASSERT_TRUE(*result);
    ++taken;
  }
  EXPECT_GE(taken, 1);
  EXPECT_LE(taken, 8);
}

TEST_F(WriteStreamTest, AnInterruptedWriterHasWrittenNothing) {
  FakeRemote remote(clock);
  Gate gate = remote.hold(Op::open_writer);
  const auto stream = writer(remote);
  const std::string piece = pattern(kMebibyte);
  while (stream->try_write(slice_of(piece))) {
  }
  const std::uint64_t accepted = stream->accepted();
  std::stop_source interrupt;
  interrupt.request_stop();
  const auto result = stream->write(
      slice_of(piece), Wait::for_at_most(std::chrono::seconds(20), interrupt.get_token()));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::cancelled);
  EXPECT_EQ(stream->accepted(), accepted);
  gate.open();
  ASSERT_TRUE(stream->finish({}));
  EXPECT_EQ(remote.content("/f")->size(), accepted);
}

TEST_F(WriteStreamTest, ASmallFileIsSentAgainAfterALinkFailure) {
  FakeRemote remote(clock);
  remote.fail_after_bytes(Op::write, 3, make_error(Errc::closed, "reset"));
  const auto stream = writer(remote);
  write(*stream, "hello world");
  ASSERT_TRUE(stream->finish({}));
  EXPECT_EQ(remote.content("/f"), "hello world");
  EXPECT_EQ(remote.calls(Op::open_writer), 2U);
}

TEST_F(WriteStreamTest, AnAppendWhoseReplyIsLostIsSettledByTheSize) {
  FakeRemote remote(clock);
  remote.put("/f", "base");
  remote.fail_next(Op::finish, "/f", make_error(Errc::closed, "lost reply"), test::Moment::after);
  const auto stream = writer(remote, remote::WriteMode::append, 4);
  write(*stream, "+tail");
  const auto end = stream->finish({});
  ASSERT_TRUE(end);
  EXPECT_EQ(end->version.size, 9U);
  EXPECT_EQ(remote.content("/f"), "base+tail");
  EXPECT_EQ(remote.calls(Op::open_writer), 1U) << "not sent twice";
}

TEST_F(WriteStreamTest, AnAppendOfUnknownFateIsNotRepeated) {
  FakeRemoteOptions options;
  options.tells_size = false;
  FakeRemote remote(clock, options);
  remote.put("/f", "base");
  remote.fail_next(Op::finish, "/f", make_error(Errc::closed, "lost reply"), test::Moment::after);
  const auto stream = writer(remote, remote::WriteMode::append, 4);
  write(*stream, "+tail");
  ASSERT_FALSE(stream->finish({}));
  EXPECT_EQ(remote.content("/f"), "base+tail");
  EXPECT_EQ(remote.calls(Op::open_writer), 1U);
}

/// An upload of 6 MiB whose link dies when half of them were sent.
class CutUploadTest : public WriteStreamTest {
 protected:
  static FakeRemoteOptions losing(std::uint64_t bytes) {
    FakeRemoteOptions options;
    options.lost_on_abort = bytes;
    return options;
  }
  std::unique_ptr<WriteStream> begin(FakeRemote& remote,
                                     remote::WriteMode mode = remote::WriteMode::replace,
                                     std::uint64_t base = 0) {
    remote.fail_after_bytes(Op::write, 3 * kMebibyte, make_error(Errc::closed, "reset"));
    auto stream = writer(remote, mode, base);
    for (std::size_t offset = 0; offset < data.size(); offset += 128 * 1024) {
      if (!stream->write(slice_of(data.substr(offset, 128 * 1024)), patience())) {
        break;
      }
    }
    return stream;
  }
  const std::string data = pattern(6 * kMebibyte);
};

TEST_F(CutUploadTest, GoesOnBehindWhatHasArrived) {
  FakeRemote remote(clock, losing(kMebibyte));
  const auto stream = begin(remote);
  ASSERT_TRUE(stream->finish({}));
  EXPECT_TRUE(remote.content("/f") == data);
  EXPECT_EQ(remote.bytes_written(), data.size() + kMebibyte) << "what was lost, and no more";
}

TEST_F(CutUploadTest, AnAppendGoesOnAsWell) {
  FakeRemote remote(clock, losing(100'000));
  remote.put("/f", "base");
  const auto stream = begin(remote, remote::WriteMode::append, 4);
  ASSERT_TRUE(stream->finish({}));
  EXPECT_TRUE(remote.content("/f") == "base" + data);
}

/// Servers that write elsewhere and rename: what has the name is the old file.
TEST_F(CutUploadTest, TheOldFileIsNotTakenForWhatHasArrived) {
  FakeRemote remote(clock);
  remote.on_call([&](Op op, const std::string&) {
    if (op == Op::version && remote.calls(Op::version) == 1) {
      remote.put("/f", std::string(kMebibyte, 'o'));
    }
  });
  const auto stream = begin(remote);
  ASSERT_TRUE(stream->finish({}));
  EXPECT_TRUE(remote.content("/f") == data) << "sent again from its first byte";
}

TEST_F(CutUploadTest, WhatOthersAppendIsNotTakenForOurs) {
  FakeRemote remote(clock, losing(2 * kMebibyte));
  remote.put("/f", "base");
  remote.on_call([&](Op op, const std::string&) {
    if (op == Op::version && remote.calls(Op::version) == 1) {
      remote.grow("/f", std::string(kMebibyte, 'o'));
    }
  });
  ASSERT_FALSE(begin(remote, remote::WriteMode::append, 4)->finish({}));
  EXPECT_EQ(remote.calls(Op::open_writer), 1U);
}

TEST_F(CutUploadTest, FailsWhenTheMissingBytesAreGone) {
  limits.upload_ring = kMebibyte;
  FakeRemote remote(clock, losing(2 * kMebibyte));
  const auto stream = begin(remote);
  const auto end = stream->finish({});
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, Errc::closed);
  EXPECT_EQ(remote.calls(Op::open_writer), 1U);
  EXPECT_EQ(stream->write(slice_of("more"), patience()).error().code, Errc::closed) << "sticky";
}

/// Of what is still here not one byte has arrived: what was sent before it tells whose file it is.
class CutAtTheRingTest : public CutUploadTest {
 protected:
  CutAtTheRingTest() { limits.upload_ring = kMebibyte; }
  // Pieces of 128 KiB: one more was taken for sending than had arrived when the link died.
  static constexpr std::uint64_t kLost = kMebibyte - 128 * 1024;
  static constexpr std::uint64_t kArrived = 3 * kMebibyte - kLost;
};

TEST_F(CutAtTheRingTest, GoesOnBehindWhatHasArrived) {
  for (const std::uint64_t base : {0U, 4U}) {
    FakeRemote remote(clock, losing(kLost));
    remote.put("/f", "base");
    const auto mode = base > 0 ? remote::WriteMode::append : remote::WriteMode::replace;
    const auto stream = begin(remote, mode, base);
    const auto end = stream->finish({});
    ASSERT_TRUE(end) << end.error().text;
    EXPECT_TRUE(remote.content("/f") == (base > 0 ? "base" + data : data));
    EXPECT_EQ(remote.bytes_written(), data.size() + kLost) << "what was lost, and no more";
  }
}

TEST_F(CutAtTheRingTest, AnotherFileOfThatLengthIsNotTakenForOurs) {
  FakeRemote remote(clock, losing(kLost));
  remote.on_call([&](Op op, const std::string&) {
    if (op == Op::version && remote.calls(Op::version) == 1) {
      remote.put("/f", std::string(kArrived, 'o'));
    }
  });
  const auto end = begin(remote)->finish({});
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, Errc::io_error);
  EXPECT_EQ(remote.calls(Op::open_writer), 1U);
  EXPECT_TRUE(remote.content("/f") == std::string(kArrived, 'o'));
}

TEST_F(CutUploadTest, FailsWhenTheServerDoesNotTellWhatArrived) {
  FakeRemoteOptions options = losing(kMebibyte);
  options.tells_size = false;
  FakeRemote remote(clock, options);
  limits.upload_ring = kMebibyte;
  ASSERT_FALSE(begin(remote)->finish({}));
  EXPECT_EQ(remote.calls(Op::open_writer), 1U);
}

TEST_F(CutUploadTest, FailsWhenSomebodyElseWritesThere) {
  FakeRemote remote(clock);
  remote.on_call([&](Op op, const std::string&) {
    if (op == Op::version && remote.calls(Op::version) == 1) {
      remote.grow("/f", pattern(4 * kMebibyte));
    }
  });
  ASSERT_FALSE(begin(remote)->finish({}));
  EXPECT_EQ(remote.calls(Op::open_writer), 1U);
}

TEST_F(CutUploadTest, WaitsForAServerThatIsBeingStartedAgain) {
  FakeRemote remote(clock, losing(100));
  for (int i = 0; i < 10; ++i) {
    remote.fail_next(Op::version, "/f", make_error(Errc::unreachable, "refused"));
  }
  const auto stream = begin(remote);
  ASSERT_TRUE(stream->finish({}));
  EXPECT_TRUE(remote.content("/f") == data);
}

TEST_F(CutUploadTest, DoesNotWaitForItWithoutEnd) {
  limits.stall_timeout = Duration(50);
  FakeRemote remote(clock);
  remote.on_call([&](Op op, const std::string&) {
    if (op == Op::version) {
      remote.fail_all(make_error(Errc::unreachable, "refused"));
    }
  });
  ASSERT_FALSE(begin(remote)->finish({}));
}

TEST_F(CutUploadTest, WaitsUntilTheServerHasWrittenWhatItReceived) {
  FakeRemote remote(clock, losing(1000));
  remote.on_call([&](Op op, const std::string&) {
    if (op == Op::version && remote.calls(Op::version) == 2) {
      remote.grow("/f", data.substr(3 * kMebibyte - 1000, 1000));
    }
  });
  const auto stream = begin(remote);
  ASSERT_TRUE(stream->finish({}));
  EXPECT_TRUE(remote.content("/f") == data) << "nothing twice";
}

TEST_F(CutUploadTest, IsTakenUpAgainAsOftenAsItAdvances) {
  FakeRemote remote(clock, losing(1000));
  for (int i = 0; i < 8; ++i) {
    remote.fail_after_bytes(Op::write, 600'000, make_error(Errc::closed, "reset"));
  }
  const auto stream = begin(remote);
  ASSERT_TRUE(stream->finish({}));
  EXPECT_TRUE(remote.content("/f") == data);
  EXPECT_GE(remote.calls(Op::open_writer), 9U);
}

TEST_F(CutUploadTest, OneThatAdvancesIsNotGivenUpForFailuresBefore) {
  FakeRemote remote(clock);
  remote.fail_next(Op::open_writer, "/f", make_error(Errc::closed, "reset"));
  remote.fail_after_bytes(Op::write, 600'000, make_error(Errc::closed, "reset"));
  const auto stream = begin(remote);
  ASSERT_TRUE(stream->finish({}));
  EXPECT_TRUE(remote.content("/f") == data);
}

/// As a server does whose disk is full, and that has no words for it (pyftpdlib).
TEST_F(CutUploadTest, IsGivenUpWhenTheServerEndsItAtTheSamePlace) {
  FakeRemote remote(clock, losing(1000));
  for (const std::uint64_t bytes : {600'000U, 1000U, 1000U}) {
    remote.fail_after_bytes(Op::write, bytes, make_error(Errc::closed, "reset"));
  }
  const auto end = begin(remote)->finish({});
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, Errc::io_error) << "no link failure: nobody begins anew";
  EXPECT_EQ(remote.calls(Op::open_writer), 3U);
}

TEST_F(WriteStreamTest, AParkedUploadGoesOnAfterALinkFailure) {
  for (const auto mode : {remote::WriteMode::replace, remote::WriteMode::append}) {
    FakeRemote remote(clock);
    const std::uint64_t base = mode == remote::WriteMode::append ? 4 : 0;
    remote.put("/f", "base");
    const auto stream = writer(remote, mode, base);
    write(*stream, "one");
    ASSERT_TRUE(stream->finish({}));  // as when it gave its session away
    remote.fail_next(Op::open_writer, "/f", make_error(Errc::closed, "reset"));
    write(*stream, "two");
    ASSERT_TRUE(stream->finish({}));
    EXPECT_EQ(remote.content("/f"), base == 0 ? "onetwo" : "baseonetwo");
  }
}

TEST_F(WriteStreamTest, AnIdleOneGivesItsConnectionBackAlsoWhereOthersAreAcceptedWhole) {
  test::FakeRemoteOptions options;
  options.writes_back = true;
  options.plain_names_below = "/library";  // which the server has to be asked for
  FakeRemote remote(clock, options);
  remote.put_directory("/library");
  limits.idle_timeout = Duration(1);
  WriteStream stream(
      remote, [] { return remote::RemotePath::parse("/library/f"); }, remote::WriteMode::replace, 0,
      budget, limits);
  const std::string begin = pattern(limits.start_bytes + 1);
  write(stream, begin);
  const Wait wait = patience();
  while (remote.calls(Op::finish) == 0 && !wait.expired()) {
    std::this_thread::yield();
  }
  EXPECT_EQ(remote.calls(Op::finish), 1U);
  write(stream, "end");
  ASSERT_TRUE(stream.finish({}));
  EXPECT_TRUE(remote.content("/library/f") == begin + "end");
}

/// What ends before its time could not be gone on with.
TEST_F(WriteStreamTest, AnIdleOneKeepsItsConnectionWhereTheServerMayNotAppend) {
  test::FakeRemoteOptions options;
  options.appends_surely = false;
  FakeRemote remote(clock, options);
  limits.idle_timeout = Duration(0);  // parked as soon as nothing waits
  const auto stream = writer(remote);
  const std::string begin = pattern(limits.start_bytes + 1);
  write(*stream, begin);
  const Wait wait = patience();
  while (remote.bytes_written() < begin.size() && !wait.expired()) {
    std::this_thread::yield();
  }
  EXPECT_EQ(remote.calls(Op::finish), 0U);
  write(*stream, "end");
  ASSERT_TRUE(stream->finish({}));
  EXPECT_TRUE(remote.content("/f") == begin + "end");
  EXPECT_EQ(remote.calls(Op::open_writer), 1U);
}

TEST_F(WriteStreamTest, AnAppendThatTheServerNeverHeardOfIsTriedAgain) {
  FakeRemote remote(clock);
  remote.put("/f", "base");
  remote.fail_next(Op::open_writer, "/f", make_error(Errc::closed, "reset"));
  const auto stream = writer(remote, remote::WriteMode::append, 4);
  write(*stream, "+tail");
  ASSERT_TRUE(stream->finish({}));
  EXPECT_EQ(remote.content("/f"), "base+tail");
}

TEST_F(WriteStreamTest, AReplacementBegunEmptyIsSentAgainFromItsFirstByte) {
  FakeRemote remote(clock);
  const auto stream = writer(remote);
  ASSERT_TRUE(stream->finish({}));  // as a shell's redirect does before the first byte
  remote.fail_after_bytes(Op::write, 3, make_error(Errc::closed, "reset"));
  write(*stream, "hello world");
  ASSERT_TRUE(stream->finish({}));
  EXPECT_EQ(remote.content("/f"), "hello world");
}

TEST_F(WriteStreamTest, WaitingForASessionIsNoFailure) {
  limits.stall_timeout = Duration(100);
  limits.retries = 0;
  FakeRemote remote(clock);
  Gate taken = remote.hold(Op::open_writer);
  const auto stream = writer(remote);
  write(*stream, "patient");
  std::optional<Result<remote::FinishedUpload>> finished;
  std::jthread finisher([&] { finished = stream->finish({}); });
  const Wait limit = patience();
  while (remote.calls(Op::open_writer) < 2 && !limit.expired()) {
    std::this_thread::yield();
  }
  taken.open();
  finisher.join();
  ASSERT_TRUE(*finished) << finished->error().text;
  EXPECT_EQ(remote.content("/f"), "patient");
}

TEST_F(WriteStreamTest, WaitingForASessionHasAnEnd) {
  limits.stall_timeout = Duration(10);
  limits.retries = 0;
  FakeRemote remote(clock);
  const Gate taken = remote.hold(Op::open_writer);
  const auto stream = writer(remote);
  write(*stream, "in vain");
  EXPECT_EQ(stream->finish({}).error().code, Errc::timed_out);
}

TEST_F(WriteStreamTest, ASlowLinkHasTheStallTimeoutForEachStep) {
  FakeRemote remote(clock);
  const auto stream = writer(remote);
  write(*stream, pattern(kMebibyte));
  ASSERT_TRUE(stream->finish({}));
  EXPECT_TRUE(remote.content("/f") == pattern(kMebibyte));
  EXPECT_GE(remote.calls(Op::write), 16U);
}

TEST_F(WriteStreamTest, AnUploadBelowADirectoryThatIsRenamedFollowsIt) {
  FakeRemote remote(clock);
  remote.put_directory("/new");
  std::atomic<bool> renamed{false};
  remote.on_call([&](Op op, const std::string&) {
    if (op == Op::open_writer) {
      renamed = true;  // while the command is on its way
    }
  });
  WriteStream stream(
      remote, [&] { return remote::RemotePath::parse(renamed ? "/new/f" : "/old/f"); },
      remote::WriteMode::replace, 0, budget, limits);
  write(stream, "found");
  ASSERT_TRUE(stream.finish({}));
  EXPECT_EQ(remote.content("/new/f"), "found");
}

TEST_F(WriteStreamTest, SmallWritesAreChargedWhatTheyCost) {
  FakeRemote remote(clock);
  const Gate gate = remote.hold(Op::open_writer);
  const auto stream = writer(remote);
  std::size_t taken = 0;
  while (taken < 1'000'000 && stream->try_write(slice_of("x"))) {
    ++taken;
  }
  EXPECT_LE(taken, (8U << 20U) / 96);
  EXPECT_GE(taken, 10'000U);
}

/// A server that can tell the digest of what it has.
class DigestedStreamTest : public WriteStreamTest {
 protected:
  static FakeRemoteOptions telling() {
    FakeRemoteOptions options;
    options.digest = DigestAlgorithm::sha256;
    return options;
  }
  static Error reset() { return make_error(Errc::closed, "reset"); }

  void write_all(WriteStream& stream, const std::string& text) {
    for (std::size_t offset = 0; offset < text.size(); offset += 128 * 1024) {
      write(stream, text.substr(offset, 128 * 1024));
    }
  }

  const std::string data = pattern(3 * kMebibyte);
};

TEST_F(DigestedStreamTest, IsComparedWithTheLastBytes) {
  FakeRemote remote(clock, telling());
  const auto stream = writer(remote);
  write(*stream, "hello");
  ASSERT_TRUE(stream->finish({}));
  EXPECT_THAT(remote.log(), ElementsAre("open_writer /f", "finish /f digest of 5"));
  ASSERT_TRUE(stream->finish({})) << "once is enough";
  write(*stream, " world");
  ASSERT_TRUE(stream->finish({}));
  EXPECT_EQ(remote.log().back(), "finish /f digest of 11");
  EXPECT_EQ(remote.calls(Op::check_content), 0U);
}

TEST_F(DigestedStreamTest, AnEmptyFileIsProvedByItsSize) {
  FakeRemote remote(clock, telling());
  EXPECT_TRUE(writer(remote)->finish({}));
  EXPECT_THAT(remote.log(), ElementsAre("open_writer /f", "finish /f"));
}

TEST_F(DigestedStreamTest, OtherContentIsAnErrorAndStays) {
  for (const std::uint64_t byte : {0U, 1'500'000U, 3U * 1024 * 1024 - 1}) {
    FakeRemote remote(clock, telling());
    remote.corrupt_byte(byte);
    const auto stream = writer(remote);
    write_all(*stream, data);
    for (int i = 0; i < 2; ++i) {
      const auto end = stream->finish({});
      ASSERT_FALSE(end);
      EXPECT_EQ(end.error().code, Errc::io_error) << "no link failure: nobody begins anew";
    }
    EXPECT_EQ(remote.calls(Op::open_writer), 1U);
    EXPECT_EQ(remote.content("/f")->size(), data.size());
  }
}

TEST_F(DigestedStreamTest, WithoutADigestOtherContentOfTheSameSizeIsNotSeen) {
  FakeRemote remote(clock);
  remote.corrupt_byte(0);
  const auto stream = writer(remote);
  write(*stream, "hello");
  EXPECT_TRUE(stream->finish({}));
  EXPECT_EQ(remote.log().back(), "finish /f");
}

/// What is sent again counts once; the parts that the server has count.
TEST_F(DigestedStreamTest, CoversTheWholeOfAnUploadThatWasCut) {
  for (const std::uint64_t lost : {0U, 1000U, 300'000U}) {
    FakeRemoteOptions options = telling();
    options.lost_on_abort = lost;
    FakeRemote remote(clock, options);
    for (const std::uint64_t bytes : {600'000U, 700'001U, 800'002U}) {
      remote.fail_after_bytes(Op::write, bytes, reset());
    }
    const auto stream = writer(remote);
    write_all(*stream, data);
    const auto end = stream->finish({});
    ASSERT_TRUE(end) << end.error().text;
    EXPECT_TRUE(remote.content("/f") == data);
    EXPECT_EQ(remote.log().back(), "finish /f digest of 3145728");
    EXPECT_GE(remote.calls(Op::open_writer), 4U);
  }
}

TEST_F(DigestedStreamTest, CoversAnUploadThatBeganAgainFromItsFirstByte) {
  FakeRemote remote(clock, telling());
  remote.fail_after_bytes(Op::write, 100'000, reset());
  remote.on_call([&](Op op, const std::string&) {
    if (op == Op::version) {
      remote.put("/f", "xyz");  // none of ours
    }
  });
  const auto stream = writer(remote);
  write_all(*stream, data);
  ASSERT_TRUE(stream->finish({}));
  EXPECT_TRUE(remote.content("/f") == data);
  EXPECT_EQ(remote.log().back(), "finish /f digest of 3145728");
}

TEST_F(DigestedStreamTest, AnUploadThatWasParkedIsComparedAtItsEnd) {
  limits.idle_timeout = Duration(0);  // parked as soon as nothing waits
  for (const bool corrupted : {false, true}) {
    FakeRemote remote(clock, telling());
    if (corrupted) {
      remote.corrupt_byte(7);
    }
    const auto stream = writer(remote);
    write(*stream, pattern(kMebibyte));
    const Wait limit = patience();
    while (remote.calls(Op::finish) == 0 && !limit.expired()) {
      std::this_thread::yield();
    }
    EXPECT_EQ(remote.calls(Op::check_content), 0U) << "nobody has asked for the end";
    EXPECT_EQ(static_cast<bool>(stream->finish({})), !corrupted);
    EXPECT_THAT(remote.log(), ElementsAre("open_writer /f", "finish /f", "check_content /f"));
  }
}

TEST_F(DigestedStreamTest, ALinkThatDiesBeforeTheAnswerIsNoAnswer) {
  FakeRemote remote(clock, telling());
  remote.fail_next(Op::check_content, "/f", reset());
  remote.fail_next(Op::check_content, "/f", reset());
  const auto stream = writer(remote);
  write(*stream, "hello");
  const auto end = stream->finish({});
  ASSERT_TRUE(end) << end.error().text;
  EXPECT_EQ(remote.calls(Op::open_writer), 1U) << "the content is there";
  EXPECT_EQ(remote.log().back(), "check_content /f");
}

/// The size, and the bytes in memory, tell that all has arrived; not what is in front of those.
TEST_F(DigestedStreamTest, IsAskedAgainWhenTheLastReplyIsLost) {
  const std::string long_data = pattern(20 * kMebibyte);
  for (const bool corrupted : {false, true}) {
    FakeRemote remote(clock, telling());
    if (corrupted) {
      remote.corrupt_byte(0);
    }
    remote.fail_next(Op::finish, "/f", reset(), test::Moment::after);
    const auto stream = writer(remote);
    write_all(*stream, long_data);
    EXPECT_EQ(static_cast<bool>(stream->finish({})), !corrupted);
    EXPECT_EQ(remote.calls(Op::open_writer), 1U);
    EXPECT_EQ(remote.log().back(), "check_content /f");
  }
}

TEST_F(DigestedStreamTest, ALinkThatStaysDeadIsAnErrorNotASuccess) {
  FakeRemote remote(clock, telling());
  for (int i = 0; i < 10; ++i) {
    remote.fail_next(Op::check_content, "/f", reset());
  }
  const auto stream = writer(remote);
  write(*stream, "hello");
  EXPECT_FALSE(stream->finish({}));
}

TEST_F(DigestedStreamTest, WhatIsAppendedToOthersBytesIsComparedBySize) {
  FakeRemote remote(clock, telling());
  remote.put("/f", "base");
  const auto stream = writer(remote, remote::WriteMode::append, 4);
  write(*stream, "+tail");
  ASSERT_TRUE(stream->finish({}));
  EXPECT_THAT(remote.log(), ElementsAre("open_writer /f", "finish /f"));
}

const remote::UploadTail kTail{1'000'000'007, 0640};

TEST_F(WriteStreamTest, ATailTravelsWithTheLastBytes) {
  FakeRemote remote(clock);
  const auto stream = writer(remote);
  write(*stream, "hello");
  const auto end = stream->finish({}, kTail);
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->mtime_set && *end->mtime_set);
  EXPECT_TRUE(end->mode_set && *end->mode_set);
  EXPECT_EQ(end->version.mtime->unix_seconds, 1'000'000'007);
  EXPECT_THAT(remote.log(), ElementsAre("open_writer /f", "finish /f mtime=1000000007 mode=0640"));
}

TEST_F(WriteStreamTest, ATailThatComesBehindTheLastTransferIsNotToldAsSet) {
  FakeRemote remote(clock);
  const auto stream = writer(remote);
  write(*stream, "hello");
  ASSERT_TRUE(stream->finish({}, {5, kTail.mode}));
  const auto end = stream->finish({}, kTail);
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->mtime_set);
  EXPECT_TRUE(end->mode_set);  // this one did travel
  EXPECT_EQ(remote.calls(Op::finish), 1U);
}

TEST_F(WriteStreamTest, ATailIsSentAgainWithItsBytes) {
  FakeRemoteOptions options;
  options.lost_on_abort = 2;
  FakeRemote remote(clock, options);
  remote.fail_next(Op::finish, "/f", make_error(Errc::closed, "reset"));
  const auto stream = writer(remote);
  write(*stream, "hello");
  const auto end = stream->finish({}, kTail);
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->mtime_set && *end->mtime_set);
  EXPECT_EQ(remote.mtime("/f"), 1'000'000'007);
  EXPECT_EQ(remote.mode("/f"), 0640);
}

TEST_F(WriteStreamTest, ATailIsNotToldAsSetWhenOnlyTheBytesHaveArrived) {
  FakeRemote remote(clock);
  remote.fail_next(Op::finish, "/f", make_error(Errc::closed, "reset"));
  const auto stream = writer(remote);
  write(*stream, "hello");
  const auto end = stream->finish({}, kTail);
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->mtime_set);
  EXPECT_FALSE(end->mode_set);
  EXPECT_EQ(end->version.size, 5U);
}

TEST_F(WriteStreamTest, ATailIsNotForBytesThatCameLater) {
  limits.idle_timeout = Duration(0);  // ends its transfer as soon as nothing waits
  FakeRemote remote(clock);
  Gate gate = remote.hold(Op::open_writer);
  const auto stream = writer(remote);
  write(*stream, "one");
  std::stop_source interrupt;
  interrupt.request_stop();
  ASSERT_FALSE(stream->finish(interrupt.get_token(), kTail));  // goes on in the background
  ASSERT_TRUE(gate.await_blocked());
  write(*stream, "two");
  gate.open();
  const Wait limit = patience();
  while (remote.calls(Op::finish) < 1 && !limit.expired()) {
    std::this_thread::yield();
  }
  EXPECT_EQ(remote.log().back(), "finish /f");
  const auto end = stream->finish({}, kTail);
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->mtime_set);
}

TEST_F(WriteStreamTest, ATailWaitsWhileTheSessionIsLentElsewhere) {
  FakeRemoteOptions options;
  options.max_conns = 1;
  FakeRemote remote(clock, options);
  remote.put("/other", "");
  Gate gate = remote.hold(Op::write);
  const auto stream = writer(remote);
  write(*stream, pattern(limits.start_bytes));
  ASSERT_TRUE(gate.await_blocked());
  write(*stream, pattern(limits.start_bytes));
  std::jthread other(
      [&] { EXPECT_TRUE(remote.stat(*remote::RemotePath::parse("/other"), patience())); });
  const Wait limit = patience();
  while (remote.yield_requests() < 1 && !limit.expired()) {
    std::this_thread::yield();
  }
  std::stop_source interrupt;
  interrupt.request_stop();
  ASSERT_FALSE(stream->finish(interrupt.get_token(), kTail));  // goes on in the background
  gate.open();
  ASSERT_TRUE(stream->finish({}, kTail));
  other.join();
  std::vector<std::string> log = remote.log();
  std::erase(log, "stat /other");
  EXPECT_THAT(log, ElementsAre("open_writer /f", "finish /f", "open_writer /f",
                               "finish /f mtime=1000000007 mode=0640"));
}

/// As by a signal during fsync(), whose program goes on writing.
TEST_F(WriteStreamTest, WhatIsWrittenBehindACancelledFinishIsOneTransfer) {
  FakeRemote remote(clock);
  Gate gate = remote.hold(Op::finish);
  const auto stream = writer(remote);
  write(*stream, "one");
  std::stop_source interrupt;
  std::jthread finisher([&] { EXPECT_FALSE(stream->finish(interrupt.get_token())); });
  ASSERT_TRUE(gate.await_blocked());
  interrupt.request_stop();
  finisher.join();
  const std::string large = pattern(limits.start_bytes);
  gate.open();
  for (std::size_t i = 1; i <= 3; ++i) {  // each when the one before has gone
    write(*stream, large);
    const Wait limit = patience();
    while (remote.bytes_written() < 3 + i * large.size() && !limit.expired()) {
      std::this_thread::yield();
    }
  }
  EXPECT_LE(remote.calls(Op::open_writer), 2U);
  ASSERT_TRUE(stream->finish({}));
  EXPECT_TRUE(remote.content("/f") == "one" + large + large + large);
  EXPECT_LE(remote.calls(Op::open_writer), 2U);
}

/// ProFTPD with AllowStoreRestart off, which shows at the first APPE.
class RefusedAppendTest : public WriteStreamTest {
 protected:
  static FakeRemoteOptions refusing(bool overwrites = true) {
    FakeRemoteOptions options;
    options.refuses_append = true;
    options.overwrites = overwrites;
    return options;
  }
  static Error reset() { return make_error(Errc::closed, "reset"); }
  void write_all(WriteStream& stream, const std::string& text) {
    for (std::size_t offset = 0; offset < text.size(); offset += 128 * 1024) {
      write(stream, text.substr(offset, 128 * 1024));
    }
  }
};

TEST_F(RefusedAppendTest, AnAppendIsStuckWithAllItsBytes) {
  for (const bool is_known : {false, true}) {
    FakeRemoteOptions options = refusing();
    options.appends = !is_known;
    FakeRemote remote(clock, options);
    remote.put("/f", "base");
    const auto stream = writer(remote, remote::WriteMode::append, 4);
    write(*stream, "+ta");
    write(*stream, "il");
    EXPECT_FALSE(stream->is_stuck());
    EXPECT_EQ(stream->finish({}).error().code, Errc::access_denied);
    ASSERT_TRUE(stream->is_stuck());
    EXPECT_EQ(text_of(stream->unsent()), "+tail");
    EXPECT_EQ(stream->accepted(), 5U);
    EXPECT_EQ(remote.content("/f"), "base");
    EXPECT_EQ(remote.calls(Op::open_writer), is_known ? 0U : 1U) << "asked once";
  }
}

TEST_F(RefusedAppendTest, AnotherRefusalIsNotTakenForIt) {
  FakeRemote remote(clock);
  remote.put("/f", "base");
  remote.fail_next(Op::open_writer, "/f", make_error(Errc::access_denied, "550 No."));
  const auto stream = writer(remote, remote::WriteMode::append, 4);
  write(*stream, "+tail");
  ASSERT_FALSE(stream->finish({}));
  EXPECT_FALSE(stream->is_stuck());
}

TEST_F(RefusedAppendTest, WhatWasBegunEmptyOrSmallBeginsAgain) {
  for (const std::string& begin : {std::string(), std::string("one ")}) {
    FakeRemote remote(clock, refusing());
    const auto stream = writer(remote);
    write(*stream, begin);
    ASSERT_TRUE(stream->finish({}));
    write(*stream, "two");
    ASSERT_TRUE(stream->finish({}));
    write(*stream, " three");
    ASSERT_TRUE(stream->finish({}));
    EXPECT_EQ(remote.content("/f"), begin + "two three");
    EXPECT_EQ(remote.calls(Op::open_writer), 4U) << "one of them refused";
  }
}

TEST_F(RefusedAppendTest, WhatCannotBeWrittenOverIsStuck) {
  FakeRemote remote(clock, refusing(false));
  const auto stream = writer(remote);
  write(*stream, "one ");
  ASSERT_TRUE(stream->finish({}));
  write(*stream, "two");
  ASSERT_FALSE(stream->finish({}));
  ASSERT_TRUE(stream->is_stuck());
  EXPECT_EQ(text_of(stream->unsent()), "one two");
  EXPECT_EQ(remote.content("/f"), "one ") << "nothing was done to it";
}

TEST_F(RefusedAppendTest, BehindBytesThatAreNotHereAnyMoreItIsStuck) {
  limits.upload_ring = kMebibyte;
  FakeRemote remote(clock, refusing());
  const std::string data = pattern(4 * kMebibyte);
  const auto stream = writer(remote);
  write_all(*stream, data);
  ASSERT_TRUE(stream->finish({}));
  write(*stream, "end");
  ASSERT_FALSE(stream->finish({}));
  ASSERT_TRUE(stream->is_stuck());
  EXPECT_EQ(text_of(stream->unsent()), "end");
  EXPECT_TRUE(remote.content("/f") == data);
}

TEST_F(RefusedAppendTest, ACutUploadBeginsAgainFromMemory) {
  FakeRemoteOptions options = refusing();
  options.lost_on_abort = 1000;
  FakeRemote remote(clock, options);
  remote.fail_after_bytes(Op::write, 1'500'000, reset());
  remote.fail_after_bytes(Op::write, 700'000, reset());
  const std::string data = pattern(2 * kMebibyte);
  const auto stream = writer(remote);
  write_all(*stream, data);
  const auto end = stream->finish({});
  ASSERT_TRUE(end) << end.error().text;
  EXPECT_TRUE(remote.content("/f") == data);
}

TEST_F(RefusedAppendTest, BeginningAgainHasAnEnd) {
  FakeRemote remote(clock, refusing());
  for (std::uint64_t i = 0; i < 100; ++i) {
    remote.fail_after_bytes(Op::write, 1'500'000 - i, reset());
  }
  const auto stream = writer(remote);
  for (std::size_t i = 0; i < 16; ++i) {
    if (!stream->write(slice_of(pattern(128 * 1024)), patience())) {
      break;
    }
  }
  EXPECT_FALSE(stream->finish({}));
  EXPECT_LE(remote.calls(Op::open_writer), 10U);
}

TEST_F(RefusedAppendTest, AStagedFileIsSentAnewWhenItsUploadIsStuck) {
  limits.upload_ring = kMebibyte;
  FakeRemote remote(clock, refusing());
  remote.fail_after_bytes(Op::write, 3'500'000, reset());
  const std::string data = pattern(5 * kMebibyte);
  const auto copy = StagedFile::create("/tmp");
  ASSERT_TRUE(copy);
  ASSERT_TRUE((*copy)->write(0, slice_of(data).bytes));
  const auto sent = send_from(**copy, remote, path(), {}, budget, limits, {});
  ASSERT_TRUE(sent) << sent.error().text;
  EXPECT_TRUE(remote.content("/f") == data);
}

TEST_F(RefusedAppendTest, GivesWayOnlyWhileItCouldBeginAgain) {
  for (const bool refuses : {false, true}) {
    FakeRemoteOptions options = refusing();
    options.refuses_append = refuses;
    options.appends_surely = false;
    options.max_conns = 1;
    FakeRemote remote(clock, options);
    std::vector<std::unique_ptr<WriteStream>> streams;
    for (int i = 0; i < 3; ++i) {
      streams.push_back(std::make_unique<WriteStream>(
          remote, [i] { return remote::RemotePath::parse("/f" + std::to_string(i)); },
          remote::WriteMode::replace, 0, budget, limits));
    }
    const std::string piece = pattern(600'000);
    for (const auto& stream : streams) {
      write(*stream, piece);
    }
    for (const auto& stream : streams) {
      write(*stream, "end");
    }
    std::vector<std::jthread> finishers;  // whoever has the connection must be able to end
    for (const auto& stream : streams) {
      finishers.emplace_back([&stream] {
        const auto end = stream->finish({});
        EXPECT_TRUE(end) << end.error().text;
      });
    }
    finishers.clear();
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(remote.content("/f" + std::to_string(i)) == piece + "end");
    }
  }
}

/// Its writer may wait for whoever waits for the session: a copy within the mount.
TEST_F(RefusedAppendTest, AnIdleOneGivesItsSessionToWhoAsksAndIsStuck) {
  limits.idle_timeout = Duration(0);
  limits.upload_ring = 2 * limits.start_bytes;
  for (const bool is_known : {false, true}) {
    FakeRemoteOptions options = refusing();
    options.appends = !is_known;
    options.max_conns = 1;
    FakeRemote remote(clock, options);
    remote.put("/other", "");
    const std::string data = pattern(6 * limits.start_bytes);
    const auto stream = writer(remote);
    write_all(*stream, data);
    const Wait limit = patience();
    while (remote.bytes_written() < data.size() && !limit.expired()) {
      std::this_thread::yield();
    }
    EXPECT_TRUE(remote.stat(*remote::RemotePath::parse("/other"), patience()));
    write(*stream, "end");
    ASSERT_FALSE(stream->finish({}));
    ASSERT_TRUE(stream->is_stuck());
    EXPECT_EQ(text_of(stream->unsent()), "end");
    EXPECT_TRUE(remote.content("/f") == data);
  }
}

TEST_F(WriteStreamTest, TheFirstErrorIsSticky) {
  FakeRemote remote(clock);
  remote.fail_next(Op::open_writer, "/f", make_error(Errc::no_space, "552"));
  const auto stream = writer(remote);
  write(*stream, "x");
  ASSERT_FALSE(stream->finish({}));
  EXPECT_EQ(stream->finish({}).error().code, Errc::no_space);
  EXPECT_EQ(stream->write(slice_of("y"), patience()).error().code, Errc::no_space);
  EXPECT_EQ(remote.calls(Op::open_writer), 1U);
}

TEST_F(WriteStreamTest, BytesNotSentCanBeTakenBack) {
  FakeRemote remote(clock);
  const auto stream = writer(remote);
  write(*stream, "abc");
  write(*stream, "def");
  const auto slices = stream->take_back();
  ASSERT_TRUE(slices);
  EXPECT_EQ(text_of(*slices), "abcdef");
  EXPECT_EQ(stream->accepted(), 0U);
  EXPECT_FALSE(stream->started());
}

TEST_F(WriteStreamTest, ManyWritersShareOneConnection) {
  FakeRemoteOptions options;
  options.max_conns = 1;
  FakeRemote remote(clock, options);
  std::vector<std::unique_ptr<WriteStream>> streams;
  for (int i = 0; i < 5; ++i) {
    streams.push_back(std::make_unique<WriteStream>(
        remote, [i] { return remote::RemotePath::parse("/f" + std::to_string(i)); },
        remote::WriteMode::replace, 0, budget, limits));
  }
  const std::string piece = pattern(300'000);
  for (int round = 0; round < 6; ++round) {
    for (const auto& stream : streams) {
      write(*stream, piece);
    }
  }
  for (const auto& stream : streams) {
    ASSERT_TRUE(stream->finish({}));
  }
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(remote.content("/f" + std::to_string(i))->size(), 6 * piece.size());
  }
}

TEST_F(WriteStreamTest, AStagedFileIsFetchedAndSentWhole) {
  FakeRemote remote(clock);
  const std::string data = pattern(3 * kMebibyte + 5);
  remote.put("/f", data);
  const auto copy = StagedFile::create("/tmp");
  ASSERT_TRUE(copy);
  ASSERT_TRUE(fetch_into(**copy, remote, path(), no_check(), budget, pace, limits, {}));
  EXPECT_EQ((*copy)->size(), data.size());
  ASSERT_TRUE((*copy)->write(10, slice_of("changed").bytes));
  remote.fail_after_bytes(Op::write, 2 * kMebibyte, make_error(Errc::closed, "reset"));
  ASSERT_TRUE(send_from(**copy, remote, path(), {}, budget, limits, {}));
  std::string expected = data;
  expected.replace(10, 7, "changed");
  EXPECT_TRUE(remote.content("/f") == expected);
}

TEST(StagedFile, TellsWhereItCannotLie) {
  const auto copy = StagedFile::create("/nonexistent/place");
  ASSERT_FALSE(copy);
  EXPECT_NE(copy.error().text.find("/nonexistent/place"), std::string::npos);
}

TEST(StagedFile, GapsReadAsZeros) {
  const auto copy = *StagedFile::create("/tmp");
  ASSERT_TRUE(copy->write(5, slice_of("x").bytes));
  EXPECT_EQ(text_of(*copy->read(0, 100)), std::string("\0\0\0\0\0x", 6));
  ASSERT_TRUE(copy->truncate(2));
  ASSERT_TRUE(copy->truncate(4));
  EXPECT_EQ(text_of(*copy->read(0, 100)), std::string(4, '\0'));
}

}  // namespace
}  // namespace ftpsfs::transfer
