// SPDX-License-Identifier: MIT
//
// Long directories, read while the server still lists them.
#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <set>
#include <thread>

#include "../../../src/fs/open_listing.hpp"
#include "filesystem_fixture.hpp"

namespace ftpsfs::fs {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

FakeRemoteOptions arriving() {
  FakeRemoteOptions options;
  options.arrives_in = 2;  // of five names, the last comes with the end
  return options;
}

class ArrivingListing : public FilesystemFixture {
 protected:
  explicit ArrivingListing(FakeRemoteOptions options = arriving())
      : FilesystemFixture(std::move(options)) {
    for (const char* name : {"a", "b", "c", "d", "e"}) {
      remote.put(std::string("/dir/") + name, name);
    }
    directory_ = walk("dir");
  }
  ~ArrivingListing() override {
    gate_.reset();
    if (opener_.joinable()) {
      opener_.join();
    }
  }

  /// Opens the directory; its listing stands still when four names are there.
  HandleId open_held() {
    gate_.emplace(remote.hold(Op::list, "/dir"));
    std::promise<HandleId> early;
    auto handle = early.get_future();
    opener_ = std::thread([this, early = std::move(early)]() mutable {
      opened_ = fs->open_directory(
          directory_, [&early](HandleId given) { early.set_value(given); }, request());
    });
    const HandleId given = handle.get();
    EXPECT_TRUE(gate_->await_blocked());
    return given;
  }
  void let_it_end() {
    gate_.reset();
    opener_.join();
  }

  struct Page {
    std::vector<std::string> names;
    std::uint64_t next = 0;
    Result<void> done;
  };
  Page read_on(HandleId handle, std::uint64_t offset = 0, bool plus = false) {
    Page page;
    page.next = offset;
    page.done = fs->read_directory(
        handle, offset, plus,
        [&page](const DirectoryItem& item) {
          const bool told = item.entry != nullptr && item.entry->valid_for.count() > 0;
          page.names.push_back(item.name + (told ? "!" : ""));
          page.next = item.next_offset;
          return true;
        },
        request());
    return page;
  }

  Ino directory_ = kNoIno;
  std::optional<Gate> gate_;
  std::thread opener_;
  Result<HandleId> opened_ = make_error(Errc::io_error, "not yet");
};

TEST_F(ArrivingListing, ShowsWhatHasComeAndThenTheRest) {
  const HandleId handle = open_held();
  const Page first = read_on(handle);
  EXPECT_THAT(first.names, ElementsAre("a", "b", "c", "d"));
  auto rest = std::async(std::launch::async, [&] { return read_on(handle, first.next); });
  let_it_end();
  const Page last = rest.get();
  EXPECT_THAT(last.names, ElementsAre("e"));
  EXPECT_THAT(read_on(handle, last.next).names, IsEmpty());
  ASSERT_TRUE(opened_);
  EXPECT_EQ(*opened_, handle);
  EXPECT_THAT(read_on(handle).names, ElementsAre("a", "b", "c", "d", "e")) << "after rewinddir";
}

TEST_F(ArrivingListing, TellsAttributesThatMayBeBelieved) {
  const HandleId handle = open_held();
  EXPECT_THAT(read_on(handle, 0, true).names, ElementsAre("a!", "b!", "c!", "d!"));
  EXPECT_TRUE(fs->find_entry(directory_, "a")) << "and looks at them ask nobody";
}

TEST_F(ArrivingListing, IsKeptWhenItIsWhole) {
  open_held();
  let_it_end();
  remote.forget_calls();
  EXPECT_THAT(list(directory_), ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_EQ(look(directory_, "none"), kNoIno);
  EXPECT_EQ(remote.calls(), 0U);
}

TEST_F(ArrivingListing, IsSharedByWhoOpensItMeanwhile) {
  const HandleId handle = open_held();
  const auto other = fs->open_directory(directory_, {}, request());
  ASSERT_TRUE(other);
  EXPECT_NE(*other, handle);
  EXPECT_THAT(read_on(*other).names, ElementsAre("a", "b", "c", "d"));
  let_it_end();
  EXPECT_EQ(remote.calls(Op::list), 1U);
}

TEST_F(ArrivingListing, AFailureComesBehindWhatCame) {
  remote.fail_next(Op::list, "/dir", make_error(Errc::truncated, "cut"));
  const HandleId handle = open_held();
  let_it_end();
  const Page first = read_on(handle);
  EXPECT_TRUE(first.done);
  EXPECT_THAT(first.names, ElementsAre("a", "b", "c", "d"));
  const Page last = read_on(handle, first.next);
  ASSERT_FALSE(last.done);
  EXPECT_EQ(last.done.error().code, Errc::truncated);
  EXPECT_THAT(list(directory_), ElementsAre("a", "b", "c", "d", "e")) << "and is not remembered";
}

TEST_F(ArrivingListing, AReaderWaitsNoLongerThanItLikes) {
  const HandleId handle = open_held();
  std::stop_source stop;
  auto waiting = std::async(std::launch::async, [&] {
    return fs->read_directory(
        handle, 4, false, [](const DirectoryItem&) { return true; }, request(stop.get_token()));
  });
  stop.request_stop();
  const auto done = waiting.get();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::cancelled);
}

TEST_F(ArrivingListing, MayBeClosedBeforeItsEnd) {
  fs->release_directory(open_held());
  let_it_end();
  remote.forget_calls();
  EXPECT_THAT(list(directory_), ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_EQ(remote.calls(), 0U) << "it was worth finishing";
}

TEST_F(ArrivingListing, ALocalChangeMeanwhileIsSeenAndTheListingNotKept) {
  const HandleId handle = open_held();
  ASSERT_TRUE(fs->remove_file(directory_, "b", request()));
  ASSERT_TRUE(fs->make_directory(directory_, "new", 0755, request()));
  EXPECT_THAT(read_on(handle).names, ElementsAre("a", "c", "d"));
  let_it_end();
  EXPECT_THAT(list(directory_), ElementsAre("a", "c", "d", "e", "new"));
}

TEST_F(ArrivingListing, WhoOpensItAfterALocalChangeIsShownIt) {
  open_held();
  ASSERT_TRUE(fs->make_directory(directory_, "new", 0755, request()));
  auto other = std::async(std::launch::async, [&] { return list(directory_); });
  let_it_end();
  EXPECT_THAT(other.get(), ElementsAre("a", "b", "c", "d", "e", "new"));
}

TEST_F(ArrivingListing, OfADirectoryThatIsRenamedMeanwhileNothingIsKept) {
  open_held();
  ASSERT_TRUE(fs->rename(kRootIno, "dir", kRootIno, "old", 0, request()));
  let_it_end();
  remote.forget_calls();
  EXPECT_THAT(list(directory_), ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_EQ(remote.calls(Op::list), 1U);
}

TEST(OpenListingTest, KnowsWhenNobodyReadsItAnyMore) {
  OpenListing listing;
  EXPECT_FALSE(listing.unread_since());
  listing.join();
  listing.join();
  listing.leave();
  EXPECT_FALSE(listing.unread_since());
  listing.leave();
  EXPECT_TRUE(listing.unread_since());
  listing.join();
  EXPECT_FALSE(listing.unread_since());
}

/// Two open a directory of which nothing is shown early, and the first is killed.
class TwoOpeners : public ArrivingListing {
 protected:
  TwoOpeners() : ArrivingListing(FakeRemoteOptions{}) {}
};

TEST_F(TwoOpeners, TheSecondTakesOverFromAKilledFirst) {
  std::stop_source kill;
  gate_.emplace(remote.hold(Op::list, "/dir"));
  auto first = std::async(std::launch::async, [&] {
    return fs->open_directory(directory_, {}, request(kill.get_token()));
  });
  ASSERT_TRUE(gate_->await_blocked());
  auto second = std::async(std::launch::async, [&] { return list(directory_); });
  kill.request_stop();
  EXPECT_FALSE(first.get());
  gate_.reset();
  EXPECT_THAT(second.get(), ElementsAre("a", "b", "c", "d", "e"));
}

TEST_F(ArrivingListing, AFileThatTheServerDoesNotHaveYetComesLast) {
  const HandleId file = create("own", O_WRONLY, directory_);
  const HandleId handle = open_held();
  let_it_end();
  const Page page = read_on(handle);
  EXPECT_THAT(page.names, ElementsAre("a", "b", "c", "d", "e", "own"));
  EXPECT_TRUE(close(file));
}

TEST_F(ArrivingListing, ALinkIsShownWithoutATargetThatIsNotKnownYet) {
  remote.put_symlink("/dir/0link", "a");
  const HandleId handle = open_held();
  EXPECT_THAT(read_on(handle, 0, true).names, ElementsAre("0link", "a!", "b!", "c!", "d!", "e!"));
  let_it_end();
  const auto target = fs->read_link(look(directory_, "0link"), request());
  ASSERT_TRUE(target);
  EXPECT_EQ(*target, "a");
}

class HalfOfIt : public ArrivingListing {
 protected:
  HalfOfIt()
      : ArrivingListing([] {
          FakeRemoteOptions options;
          options.arrives_in = 1;
          return options;
        }()) {}
};

TEST_F(HalfOfIt, EveryNameIsShownOnceWhateverThePage) {
  const HandleId handle = open_held();
  let_it_end();
  std::vector<std::string> names;
  std::uint64_t offset = 0;
  for (bool more = true; more;) {
    more = false;
    ASSERT_TRUE(fs->read_directory(
        handle, offset, false,
        [&](const DirectoryItem& item) {
          if (more) {
            return false;
          }
          names.push_back(item.name);
          offset = item.next_offset;
          return more = true;
        },
        request()));
  }
  EXPECT_THAT(names, ElementsAre("a", "b", "c", "d", "e"));
}

}  // namespace
}  // namespace ftpsfs::fs
