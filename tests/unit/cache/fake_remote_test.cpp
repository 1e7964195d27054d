// SPDX-License-Identifier: MIT
//
// The doubles of `remote` themselves: what other floors' tests lean on.
#include "support/fake_remote.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "support/faulty_remote.hpp"

namespace ftpsfs::test {
namespace {

using namespace std::chrono_literals;
using remote::RemotePath;
using remote::WriteMode;
using ::testing::ElementsAre;

RemotePath path(const std::string& text) {
  return RemotePath::parse(text).value();
}

Wait patient(std::stop_token stop = {}) {
  return Wait::for_at_most(10s, std::move(stop));
}

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

Result<std::string> read_all(remote::RemoteReader& reader) {
  std::string all;
  std::array<std::byte, 7> buffer{};
  for (;;) {
    FTPSFS_TRY_ASSIGN(const std::size_t size, reader.read(buffer, patient()));
    if (size == 0) {
      return all;
    }
    for (const std::byte byte : std::span(buffer).first(size)) {
      all.push_back(static_cast<char>(byte));
    }
  }
}

Result<void> write_all(remote::Remote& remote, const std::string& where, std::string_view text,
                       WriteMode mode = WriteMode::replace) {
  FTPSFS_TRY_ASSIGN(const auto writer, remote.open_writer(path(where), mode, {}, patient()));
  FTPSFS_TRY(writer->write(bytes(text), patient()));
  FTPSFS_TRY(writer->finish({}, patient()));
  return {};
}

class FakeRemoteTest : public ::testing::Test {
 protected:
  Errc list_error(const std::string& where) {
    const auto result = remote_.list(path(where), patient());
    return result ? Errc{} : result.error().code;
  }
  ManualClock clock_;
  FakeRemote remote_{clock_};
};

TEST_F(FakeRemoteTest, WritesAndReadsShareContent) {
  ASSERT_TRUE(write_all(remote_, "/f", "hello"));
  ASSERT_TRUE(write_all(remote_, "/f", ", world", WriteMode::append));
  EXPECT_EQ(remote_.content("/f"), "hello, world");
  const auto reader = remote_.open_reader(path("/f"), 7, {}, patient());
  EXPECT_EQ(*read_all(**reader), "world");
  EXPECT_EQ((*reader)->version().size, 12U);
  EXPECT_EQ(remote_.bytes_written(), 12U);
  EXPECT_EQ(remote_.bytes_read(), 5U);
}

TEST_F(FakeRemoteTest, TimesComeFromTheClock) {
  remote_.put("/old", "x", 1000);
  clock_.advance(90s);
  ASSERT_TRUE(write_all(remote_, "/new", "x"));
  EXPECT_EQ(remote_.stat(path("/old"), patient())->mtime->unix_seconds, 1000);
  EXPECT_EQ(remote_.mtime("/new"),
            std::chrono::floor<std::chrono::seconds>(clock_.wall_now()).time_since_epoch().count());
}

TEST_F(FakeRemoteTest, ErrorsAreThoseOfPosix) {
  remote_.put("/d/f", "x");
  EXPECT_EQ(list_error("/missing"), Errc::not_found);
  EXPECT_EQ(list_error("/d/f"), Errc::not_directory);
  EXPECT_EQ(list_error("/d/f/below"), Errc::not_directory);
  EXPECT_EQ(remote_.make_directory(path("/d"), patient()).error().code, Errc::already_exists);
  EXPECT_EQ(remote_.remove_directory(path("/d"), patient()).error().code, Errc::not_empty);
  EXPECT_EQ(remote_.remove_file(path("/d"), patient()).error().code, Errc::is_directory);
  EXPECT_EQ(remote_.rename(path("/d"), path("/d/in"), patient()).error().code,
            Errc::invalid_argument);
  EXPECT_EQ(remote_.open_reader(path("/d"), 0, {}, patient()).error().code, Errc::is_directory);
}

TEST_F(FakeRemoteTest, RenameReplacesFilesAndOpenReadersKeepTheirs) {
  remote_.put("/a", "new");
  remote_.put("/b", "old");
  const auto reader = remote_.open_reader(path("/b"), 0, {}, patient());
  ASSERT_TRUE(remote_.rename(path("/a"), path("/b"), patient()));
  EXPECT_EQ(remote_.snapshot(), (std::map<std::string, std::string>{{"/b", "new"}}));
  EXPECT_EQ(*read_all(**reader), "old");
}

TEST_F(FakeRemoteTest, ServerThatDoesNotReplaceRefuses) {
  FakeRemoteOptions options;
  options.rename_replaces = false;
  FakeRemote remote(clock_, options);
  remote.put("/a", "new");
  remote.put("/b", "old");
  EXPECT_EQ(remote.rename(path("/a"), path("/b"), patient()).error().code, Errc::already_exists);
}

TEST_F(FakeRemoteTest, CoarseListingsTellMinutesAndExactTimesTheRest) {
  FakeRemoteOptions options;
  options.stat_is_cheap = false;
  options.exact_listing = false;
  FakeRemote remote(clock_, options);
  remote.put("/f", "x", 6007);
  const auto listing = remote.list(path("/"), patient());
  EXPECT_FALSE(listing->exact_times);
  EXPECT_EQ(listing->entries.at(0).mtime, (remote::FileTime{6000, remote::TimeGrain::minute}));
  const std::vector<std::string> names = {"f", "missing"};
  const auto times = remote.exact_times(path("/"), names, patient());
  EXPECT_EQ(times->at(0), (remote::FileTime{6007, remote::TimeGrain::second}));
  EXPECT_EQ(times->at(1), std::nullopt);
}

TEST_F(FakeRemoteTest, SymlinksAreShownAndFollowed) {
  remote_.put("/d/f", "x");
  remote_.put_symlink("/l", "d/f");
  EXPECT_EQ(*remote_.stat(path("/l"), patient())->symlink_target, "d/f");
  EXPECT_EQ(*read_all(**remote_.open_reader(path("/l"), 0, {}, patient())), "x");
  remote_.put_symlink("/loop", "loop");
  EXPECT_EQ(list_error("/loop"), Errc::not_found);
}

TEST_F(FakeRemoteTest, FoldsCaseWhenToldTo) {
  FakeRemoteOptions options;
  options.case_sensitive = false;
  FakeRemote remote(clock_, options);
  remote.put("/README", "x");
  ASSERT_TRUE(write_all(remote, "/readme", "y"));
  EXPECT_THAT(remote.names("/"), ElementsAre("README"));
  ASSERT_TRUE(remote.rename(path("/README"), path("/readme"), patient()));
  EXPECT_THAT(remote.names("/"), ElementsAre("readme"));
}

TEST_F(FakeRemoteTest, FaultsStrikeBeforeOrAfterTheWork) {
  remote_.fail_next(Op::make_directory, "/a", make_error(Errc::closed, "cut"));
  remote_.fail_next(Op::make_directory, "", make_error(Errc::closed, "cut"), Moment::after);
  EXPECT_FALSE(remote_.make_directory(path("/a"), patient()));
  EXPECT_FALSE(remote_.exists("/a"));
  EXPECT_FALSE(remote_.make_directory(path("/b"), patient()));
  EXPECT_TRUE(remote_.exists("/b")) << "only its reply was lost";
  EXPECT_TRUE(remote_.make_directory(path("/c"), patient()));
}

TEST_F(FakeRemoteTest, StreamsFailAfterSoManyBytes) {
  remote_.put("/f", "0123456789");
  remote_.fail_after_bytes(Op::read, 4, make_error(Errc::truncated, "cut"));
  remote_.fail_after_bytes(Op::write, 3, make_error(Errc::closed, "cut"));
  const auto reader = remote_.open_reader(path("/f"), 0, {}, patient());
  EXPECT_EQ(read_all(**reader).error().code, Errc::truncated);
  EXPECT_EQ(remote_.bytes_read(), 4U);
  EXPECT_EQ(write_all(remote_, "/g", "0123456789").error().code, Errc::closed);
  EXPECT_EQ(remote_.content("/g"), "012");
}

TEST_F(FakeRemoteTest, AbortedWriterLosesItsTail) {
  FakeRemoteOptions options;
  options.lost_on_abort = 2;
  FakeRemote remote(clock_, options);
  {
    const auto writer = remote.open_writer(path("/f"), WriteMode::replace, {}, patient());
    ASSERT_TRUE((*writer)->write(bytes("hello"), patient()));
  }
  EXPECT_EQ(remote.content("/f"), "hel");
}

TEST_F(FakeRemoteTest, CallsAreLoggedInOrder) {
  remote_.put("/a", "x");
  (void)remote_.stat(path("/a"), patient());
  (void)remote_.rename(path("/a"), path("/b"), patient());
  (void)write_all(remote_, "/c", "x");
  EXPECT_THAT(remote_.log(), ElementsAre("stat /a", "rename /a /b", "open_writer /c", "finish /c"));
  EXPECT_EQ(remote_.calls(Op::write), 1U);
  EXPECT_EQ(remote_.calls(), 4U);
}

TEST_F(FakeRemoteTest, GateHoldsCallsBackUntilItOpens) {
  Gate gate = remote_.hold(Op::list);
  auto listing = std::async(std::launch::async, [&] { return remote_.list(path("/"), patient()); });
  ASSERT_TRUE(gate.await_blocked());
  remote_.put("/late", "x");
  gate.open();
  EXPECT_EQ(listing.get()->entries.size(), 1U);
}

TEST_F(FakeRemoteTest, CallAtAGateHeedsItsStop) {
  const Gate gate = remote_.hold(Op::make_directory);
  std::stop_source stop;
  auto made = std::async(std::launch::async, [&] {
    return remote_.make_directory(path("/d"), patient(stop.get_token()));
  });
  ASSERT_TRUE(gate.await_blocked());
  stop.request_stop();
  EXPECT_EQ(made.get().error().code, Errc::cancelled);
  EXPECT_FALSE(remote_.exists("/d"));
}

TEST_F(FakeRemoteTest, OldestStreamIsAskedToGiveWay) {
  FakeRemoteOptions options;
  options.max_conns = 2;
  FakeRemote remote(clock_, options);
  remote.put("/a", "x");
  std::unique_ptr<remote::RemoteReader> first;
  int asked = 0;
  first = *remote.open_reader(
      path("/a"), 0, [&] { ++asked, first.reset(); }, patient());
  const auto second = remote.open_reader(
      path("/a"), 0, [] { ADD_FAILURE(); }, patient());
  EXPECT_EQ(remote.connections(), 2U);
  EXPECT_TRUE(remote.stat(path("/a"), patient()));
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(remote.yield_requests(), 1U);
  EXPECT_EQ(remote.most_connections(), 2U);
  EXPECT_EQ(remote.connections(), 1U);
}

TEST_F(FakeRemoteTest, CallWithoutAFreeConnectionWaitsNoLongerThanItMay) {
  FakeRemoteOptions options;
  options.max_conns = 1;
  FakeRemote remote(clock_, options);
  remote.put("/a", "x");
  const auto reader = remote.open_reader(path("/a"), 0, {}, patient());
  EXPECT_EQ(remote.stat(path("/a"), Wait::for_at_most(0ms)).error().code, Errc::timed_out);
  EXPECT_EQ(*read_all(**reader), "x");
  EXPECT_TRUE(remote.stat(path("/a"), patient())) << "the end of data gave the connection back";
}

TEST(FaultyRemoteTest, EachPointOfFailureIsVisitedOnce) {
  std::vector<std::string> struck;
  const auto points = for_each_fault(1, [&](const FaultPoint& point) {
    const ManualClock clock;
    FakeRemote inner(clock);
    FaultyRemote remote(inner, point);
    const bool done = write_all(remote, "/f", "hello") &&
                      remote.rename(path("/f"), path("/g"), patient()).has_value();
    EXPECT_EQ(done, !remote.has_struck()) << to_string(point);
    if (remote.has_struck()) {
      struck.push_back(remote.struck_op());
    }
    return remote.has_struck();
  });
  EXPECT_EQ(points, 4U);
  EXPECT_THAT(struck, ElementsAre("open_writer", "write", "finish", "rename"));
}

TEST(FaultyRemoteTest, LostReplyComesAfterTheWork) {
  const ManualClock clock;
  FakeRemote inner(clock);
  FaultyRemote remote(inner, {1, make_error(Errc::closed, "lost"), Moment::after});
  EXPECT_FALSE(remote.make_directory(path("/d"), patient()));
  EXPECT_TRUE(inner.exists("/d"));
}

}  // namespace
}  // namespace ftpsfs::test
