// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/courier.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <future>
#include <vector>

#include "file_size_limit.hpp"
#include "ftpsfs/base/log.hpp"
#include "ftpsfs/writeback/exporting.hpp"
#include "intentions.hpp"
#include "slow_disk.hpp"
#include "support/fake_remote.hpp"
#include "support/faulty_remote.hpp"
#include "support/temp_directory.hpp"

namespace ftpsfs::writeback {
namespace {

using test::FakeRemote;
using test::FaultPoint;
using test::FaultyRemote;
using test::Op;
using testing::ElementsAre;
using testing::IsEmpty;

const Error kDown = make_error(Errc::unreachable, "no route");

class CourierTest : public ::testing::Test {
 protected:
  CourierTest() : remote_(clock_) { log::set_level(log::Level::off); }
  ~CourierTest() override {
    courier_.reset();
    log::set_level(log::Level::warning);
  }

  static Wait patience() { return Wait::for_at_most(std::chrono::seconds(20)); }

  std::unique_ptr<Courier> begin(remote::Remote& remote, Duration first_pause,
                                 std::uint64_t most_content_bytes = 1ULL << 30,
                                 std::uint64_t most_change_bytes = 1ULL << 30) {
    auto journal = Journal::open({directory_, "server", 4096, [this] { disk_.pass(); }});
    EXPECT_TRUE(journal) << journal.error().text;
    CourierSettings settings;
    settings.threads = 4;
    settings.first_pause = first_pause;
    settings.limits.settle_pause = Duration(0);
    settings.most_content_bytes = most_content_bytes;
    settings.most_change_bytes = most_change_bytes;
    return std::make_unique<Courier>(*std::move(journal), remote, clock_, settings);
  }
  /// Pauses without end, but for hurry().
  void begin() { courier_ = begin(remote_, std::chrono::hours(1)); }
  void end() { courier_.reset(); }

  static Result<void> put(Courier& courier, const std::string& path, const std::string& content,
                          Base base = {}) {
    auto draft = courier.draft();
    FTPSFS_TRY(draft->write(std::as_bytes(std::span(content))));
    FTPSFS_TRY(draft->seal());
    Intention intention = upload(path, draft->id(), base);
    intention.size = content.size();
    return courier.accept(std::move(intention), std::move(draft), patience());
  }
  Result<void> put(const std::string& path, const std::string& content, Base base = {}) {
    return put(*courier_, path, content, base);
  }
  Result<void> change(Intention intention) {
    return courier_->accept(std::move(intention), nullptr, patience());
  }
  void await_failure() {
    while (courier_->counters().problem.empty()) {
      std::this_thread::yield();
    }
  }
  void await_problem(const std::string& part) {
    const Wait limit = patience();
    while (courier_->counters().problem.find(part) == std::string::npos && !limit.expired()) {
      std::this_thread::yield();
    }
    EXPECT_FALSE(limit.expired());
  }
  /// That of the only one.
  std::string content_file() const {
    for (const auto& file : std::filesystem::directory_iterator(courier_->journal().path())) {
      if (file.path().filename().string().starts_with("content-")) {
        return file.path();
      }
    }
    return {};
  }

  /// Of all that is owed, without a wait that the courier knows of.
  void await_arrival() {
    const Wait limit = patience();
    while (courier_->counters().waiting > 0 && !limit.expired()) {
      std::this_thread::yield();
    }
    EXPECT_FALSE(limit.expired());
  }

  ManualClock clock_;
  SlowDisk disk_;
  FakeRemote remote_;
  const test::TempDirectory place_{test::TempDirectory::memory()};
  const std::string directory_ = place_.path();
  std::unique_ptr<Courier> courier_;
};

TEST_F(CourierTest, WhatIsAcceptedArrives) {
  begin();
  const std::string large(300'000, 'x');
  ASSERT_TRUE(change(simple(Action::make_directory, "/d")));
  ASSERT_TRUE(put("/d/small", "text"));
  ASSERT_TRUE(put("/d/large", large));
  ASSERT_TRUE(put("/d/empty", ""));
  ASSERT_TRUE(courier_->await_all(patience()));
  EXPECT_EQ(remote_.content("/d/small"), "text");
  EXPECT_EQ(remote_.content("/d/large"), large);
  EXPECT_EQ(remote_.content("/d/empty"), "");
  EXPECT_EQ(courier_->counters().delivered, 4U);
  EXPECT_EQ(courier_->counters().content_bytes, 0U);
  EXPECT_THAT(courier_->journal().intentions(), IsEmpty());
}

TEST_F(CourierTest, WithTheServerDownThingsAreAcceptedAndArriveLater) {
  remote_.fail_all(kDown);
  begin();
  ASSERT_TRUE(put("/a", "one"));
  await_failure();
  ASSERT_TRUE(put("/b", "two"));
  ASSERT_TRUE(put("/c", "three"));
  ASSERT_TRUE(change(simple(Action::remove_file, "/c")));
  EXPECT_EQ(courier_->counters().problem, "no route");
  EXPECT_EQ(courier_->waiting().size(), 2U);
  const Wait none = Wait::for_at_most(Duration(0));
  EXPECT_FALSE(courier_->await(path_of("/a"), none));
  EXPECT_TRUE(courier_->await(path_of("/other"), none));
  remote_.fail_all(std::nullopt);
  courier_->hurry();
  ASSERT_TRUE(courier_->await_all(patience()));
  EXPECT_THAT(remote_.names("/"), ElementsAre("a", "b"));
  EXPECT_EQ(courier_->counters().problem, "");
  for (const std::string& line : remote_.log()) {
    EXPECT_THAT(line, testing::Not(testing::HasSubstr("/c"))) << "it never touched the wire";
  }
}

TEST_F(CourierTest, TheNextOneGoesOnWhereThisOneEnded) {
  remote_.fail_all(kDown);
  begin();
  ASSERT_TRUE(change(simple(Action::make_directory, "/d")));
  ASSERT_TRUE(put("/d/f", "content"));
  ASSERT_TRUE(change(attributes("/d/f", 4711)));
  await_failure();
  end();
  remote_.fail_all(std::nullopt);
  begin();
  ASSERT_TRUE(courier_->await_all(patience()));
  EXPECT_EQ(remote_.content("/d/f"), "content");
  EXPECT_EQ(remote_.mtime("/d/f"), 4711);
}

TEST_F(CourierTest, OverALinkThatIsCutAgainAndAgainAnUploadArrivesAndNothingOfItTwice) {
  remote_.put("/f", "old");
  const auto entry = remote_.stat(path_of("/f"), patience());
  ASSERT_TRUE(entry);
  for (int i = 0; i < 5; ++i) {
    remote_.fail_after_bytes(Op::write, 300'000, make_error(Errc::closed, "cut"));
  }
  courier_ = begin(remote_, Duration(1));
  const std::string content(1'700'000, 'x');
  ASSERT_TRUE(put("/f", content, {Base::Kind::version, remote::version_of(*entry)}));
  ASSERT_TRUE(courier_->await_all(patience()));
  EXPECT_EQ(remote_.content("/f"), content);
  EXPECT_EQ(remote_.bytes_written(), content.size());
}

TEST_F(CourierTest, AnEndInTheMiddleOfAnUploadLosesNothing) {
  begin();
  auto gate = remote_.hold(Op::finish);
  ASSERT_TRUE(put("/f", "content"));
  ASSERT_TRUE(gate.await_blocked());
  end();
  gate.open();
  begin();
  ASSERT_TRUE(courier_->await_all(patience()));
  EXPECT_EQ(remote_.content("/f"), "content");
  EXPECT_THAT(remote_.names("/"), ElementsAre("f"));
}

TEST_F(CourierTest, WhatTheServerRefusesIsKeptAndTold) {
  begin();
  remote_.fail_next(Op::open_writer, "/f", make_error(Errc::quota_exceeded, "552 quota", 552));
  ASSERT_TRUE(put("/f", "content"));
  ASSERT_TRUE(courier_->await_all(patience()));
  EXPECT_EQ(courier_->counters().refused, 1U);
  end();
  begin();
  ASSERT_EQ(courier_->refused().size(), 1U) << "over the process's end, too";
  const Intention refused = courier_->refused().begin()->second;
  EXPECT_EQ(refused.path.str(), "/f");
  EXPECT_EQ(refused.refusal, "552 quota");
  EXPECT_TRUE(courier_->journal().open_content(refused.content));
  const auto tried = courier_->retry_refused(patience());
  ASSERT_TRUE(tried);
  EXPECT_EQ(*tried, 1U);
  ASSERT_TRUE(courier_->await_all(patience()));
  EXPECT_EQ(remote_.content("/f"), "content");
  EXPECT_EQ(courier_->counters().refused, 0U);
}

TEST_F(CourierTest, AFileThatIsBusyHoldsNobodyUp) {
  begin();
  remote_.fail_next(Op::open_writer, "/busy", make_error(Errc::busy, "450", 450));
  ASSERT_TRUE(put("/busy", "one"));
  await_failure();
  ASSERT_TRUE(put("/other", "two"));
  ASSERT_TRUE(courier_->await(path_of("/other"), patience()));
  EXPECT_FALSE(remote_.exists("/busy"));
  courier_->hurry();
  ASSERT_TRUE(courier_->await_all(patience()));
  EXPECT_EQ(remote_.content("/busy"), "one");
}

TEST_F(CourierTest, ManyInOneDirectoryShareTheirLooks) {
  constexpr int kMany = 40;
  ASSERT_TRUE(remote_.make_directory(path_of("/d"), patience()));
  auto gate = remote_.hold(Op::open_writer);
  begin();
  const auto name = [](int i) { return "/d/f" + std::to_string(i); };
  for (int i = 0; i < kMany; ++i) {
    ASSERT_TRUE(put(name(i), "content"));
  }
  gate.open();
  ASSERT_TRUE(courier_->await_all(patience()));
  EXPECT_LE(remote_.calls(Op::list), 2U);
  EXPECT_LE(remote_.calls(Op::stat), 4U) << "one at most for each thread";
  for (int i = 0; i < kMany; ++i) {
    Intention removal = simple(Action::remove_file, name(i));
    const auto entry = remote_.stat(removal.path, patience());
    ASSERT_TRUE(entry);
    removal.base = {Base::Kind::version, remote::version_of(*entry)};
    ASSERT_TRUE(change(removal));
  }
  ASSERT_TRUE(courier_->await_all(patience()));
  for (int i = 0; i < kMany; ++i) {
    EXPECT_FALSE(remote_.exists(name(i))) << i;
  }
  EXPECT_EQ(courier_->counters().delivered, 2U * kMany);
  EXPECT_TRUE(courier_->journal().intentions().empty());
}

TEST_F(CourierTest, RemovalsThatCannotGoTogetherAreSharedByAllThreads) {
  remote_.fail_all(kDown);
  begin();
  for (const char* path : {"/d/a", "/d/b", "/d/c", "/d/d", "/d/e", "/d/f"}) {
    remote_.put(path, "content");
    ASSERT_TRUE(change(simple(Action::remove_file, path)));
    await_failure();
  }
  remote_.fail_all(std::nullopt);
  remote_.fail_next(Op::list, "/d", make_error(Errc::access_denied, "550", 550));
  auto gate = remote_.hold(Op::stat);
  courier_->hurry();
  EXPECT_TRUE(gate.await_blocked(4)) << "one for each thread";
  gate.open();
  ASSERT_TRUE(courier_->await_all(patience()));
  EXPECT_EQ(remote_.calls(Op::list), 1U);
}

TEST_F(CourierTest, ChangesOfOthersAreNotOverwritten) {
  remote_.fail_all(kDown);
  begin();
  ASSERT_TRUE(put("/f", "ours"));
  await_failure();
  remote_.put("/f", "theirs");
  remote_.fail_all(std::nullopt);
  courier_->hurry();
  ASSERT_TRUE(courier_->await_all(patience()));
  EXPECT_EQ(courier_->counters().conflicts, 1U);
  ASSERT_EQ(remote_.names("/").size(), 2U);
  EXPECT_EQ(remote_.content("/f"), "theirs");
  EXPECT_EQ(remote_.content("/" + remote_.names("/")[1]), "ours");
}

TEST_F(CourierTest, AFileThatIsWrittenWhileItIsUploadedIsUploadedOnceMore) {
  begin();
  auto gate = remote_.hold(Op::finish, "/f");
  ASSERT_TRUE(put("/f", "first"));
  ASSERT_TRUE(gate.await_blocked());
  ASSERT_TRUE(put("/f", "second", ours()));
  gate.open();
  ASSERT_TRUE(courier_->await_all(patience()));
  EXPECT_EQ(remote_.content("/f"), "second");
  EXPECT_EQ(courier_->counters().conflicts, 0U);
  EXPECT_THAT(remote_.names("/"), ElementsAre("f"));
}

TEST_F(CourierTest, AFullJournalWaitsForRoom) {
  remote_.fail_all(kDown);
  courier_ = begin(remote_, std::chrono::hours(1), 100'000);
  const std::string content(60'000, 'c');
  ASSERT_TRUE(put("/a", content));
  await_failure();
  const auto full = courier_->take_room(60'000, Wait::for_at_most(Duration(0)));
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Errc::no_space);
  ASSERT_TRUE(courier_->take_room(20'000, Wait::for_at_most(Duration(0)))) << "so much is left";
  std::jthread waiter([this] { EXPECT_TRUE(courier_->take_room(60'000, patience())); });
  remote_.fail_all(std::nullopt);
  courier_->hurry();
  waiter.join();
  ASSERT_TRUE(courier_->await_all(patience()));
  EXPECT_FALSE(courier_->take_room(60'000, Wait::for_at_most(Duration(0)))) << "others have it";
  courier_->give_room_back(80'000);
  EXPECT_TRUE(courier_->take_room(100'000, Wait::for_at_most(Duration(0))));
}

TEST_F(CourierTest, SmallChangesAreBoundedAsWell) {
  remote_.fail_all(kDown);
  const std::uint64_t cost = change_cost(simple(Action::make_directory, "/d0"));
  courier_ = begin(remote_, std::chrono::hours(1), 1ULL << 30, 3 * cost);
  ASSERT_TRUE(change(simple(Action::make_directory, "/d0")));
  await_failure();  // nothing else is begun now
  ASSERT_TRUE(change(simple(Action::make_directory, "/d1")));
  ASSERT_TRUE(change(simple(Action::make_directory, "/d2")));
  const Intention more = simple(Action::make_directory, "/d3");
  const Wait none = Wait::for_at_most(Duration(0));
  EXPECT_EQ(courier_->accept(more, nullptr, none).error().code, Errc::no_space);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(courier_->accept(more, nullptr, Wait::for_at_most(Duration(1000), stop.get_token()))
                .error()
                .code,
            Errc::cancelled);
  EXPECT_TRUE(courier_->accept(attributes("/d2", std::nullopt, 0750), nullptr, none))
      << "one that is merged takes nothing";
  auto later =
      std::async(std::launch::async, [&] { return courier_->accept(more, nullptr, patience()); });
  remote_.fail_all(std::nullopt);
  courier_->hurry();
  EXPECT_TRUE(later.get()) << "what waits goes on when some have arrived";
  ASSERT_TRUE(courier_->await_all(patience()));
  EXPECT_THAT(remote_.names("/"), ElementsAre("d0", "d1", "d2", "d3"));
  EXPECT_EQ(courier_->journal().change_bytes(), 0U);
}

TEST_F(CourierTest, WaitsEndThoughMoreAndMoreIsAccepted) {
  begin();
  auto gate = remote_.hold(Op::make_directory);
  ASSERT_TRUE(change(simple(Action::make_directory, "/first")));
  std::atomic<int> waiting = 0;
  const auto wait_for = [&](auto how) {
    return std::async(std::launch::async, [&, how] {
      ++waiting;
      return how().has_value();
    });
  };
  auto all = wait_for([&] { return courier_->await_all(patience()); });
  auto one = wait_for([&] { return courier_->await(path_of("/first"), patience()); });
  const Wait limit = patience();
  const auto have_ended = [&] {
    return all.wait_for(std::chrono::seconds(0)) == std::future_status::ready &&
           one.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  };
  while (waiting < 2) {
    std::this_thread::yield();
  }
  for (int i = 0; !have_ended() && !limit.expired(); ++i) {
    // Something is always owed, above and below.
    ASSERT_TRUE(change(simple(Action::make_directory, "/first/" + std::to_string(i))));
    gate.let_one_pass();
    while (courier_->counters().delivered == static_cast<std::uint64_t>(i)) {
      std::this_thread::yield();
    }
  }
  EXPECT_TRUE(have_ended());
  gate.open();
  EXPECT_TRUE(all.get());
  EXPECT_TRUE(one.get());
}

TEST_F(CourierTest, AWaitForAFileThatIsBusyEndsThoughOthersMoveOn) {
  begin();
  std::atomic<bool> is_busy = true;
  remote_.on_call([&](Op op, const std::string& path) {
    if (op == Op::open_writer && path == "/d/busy" && is_busy) {
      remote_.fail_next(op, path, make_error(Errc::busy, "450", 450));
    }
  });
  ASSERT_TRUE(change(simple(Action::make_directory, "/d")));
  ASSERT_TRUE(put("/d/busy", "one"));
  await_failure();
  const Wait short_wait = Wait::for_at_most(std::chrono::milliseconds(20));
  std::vector<std::future<bool>> waits;
  waits.reserve(3);
  for (const char* path : {"/d/busy", "/d"}) {
    waits.push_back(std::async(std::launch::async, [this, path, short_wait] {
      return courier_->await(path_of(path), short_wait).has_value();
    }));
  }
  waits.push_back(std::async(std::launch::async, [this, short_wait] {
    return courier_->pass(path_of("/d/busy"), path_of("/e"), short_wait).has_value();
  }));
  const auto has_ended = [](const std::future<bool>& wait) {
    return wait.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  };
  const Wait limit = patience();
  for (int i = 0; !std::all_of(waits.begin(), waits.end(), has_ended) && !limit.expired(); ++i) {
    const std::string other = "/other" + std::to_string(i);
    ASSERT_TRUE(change(simple(Action::make_directory, other)));
    ASSERT_TRUE(courier_->await(path_of(other), patience()));
  }
  EXPECT_FALSE(limit.expired());
  for (std::future<bool>& wait : waits) {
    EXPECT_FALSE(wait.get()) << "it is still owed";
  }
  is_busy = false;
  ASSERT_TRUE(courier_->await_all(patience()));
}

TEST_F(CourierTest, APassageIsBehindWhatIsOwedAndBeforeWhatComes) {
  begin();
  auto gate = remote_.hold(Op::make_directory);
  ASSERT_TRUE(change(simple(Action::make_directory, "/d")));
  ASSERT_TRUE(gate.await_blocked());
  const Wait none = Wait::for_at_most(Duration(0));
  EXPECT_FALSE(courier_->pass(path_of("/d/f"), path_of("/e"), none)) << "what is above is owed";
  auto passing = std::async(
      std::launch::async, [&] { return courier_->pass(path_of("/d"), path_of("/e"), patience()); });
  const SteadyTime before = SteadyClock::now();
  gate.open();
  auto passage = passing.get();
  ASSERT_TRUE(passage);
  EXPECT_GT(passage->wait().deadline, before + std::chrono::seconds(20)) << "begun anew";
  for (const char* path : {"/d", "/d/below", "/e"}) {
    const auto accepted = courier_->accept(simple(Action::make_directory, path), nullptr, none);
    ASSERT_FALSE(accepted) << path;
    EXPECT_EQ(accepted.error().code, Errc::timed_out);
  }
  EXPECT_TRUE(change(simple(Action::make_directory, "/other")));
  auto accepting = std::async(std::launch::async,
                              [&] { return change(simple(Action::make_directory, "/d/below")); });
  { const Courier::Passage end = *std::move(passage); }
  EXPECT_TRUE(accepting.get());
  ASSERT_TRUE(courier_->await_all(patience()));
}

TEST_F(CourierTest, RefusedContentTakesRoomUntilItIsDiscarded) {
  courier_ = begin(remote_, std::chrono::hours(1), 100'000);
  remote_.fail_next(Op::open_writer, "/a", make_error(Errc::quota_exceeded, "552 quota", 552));
  ASSERT_TRUE(put("/a", std::string(80'000, 'a')));
  ASSERT_TRUE(courier_->await_all(patience()));
  const auto full = courier_->take_room(80'000, patience());
  ASSERT_FALSE(full) << "told at once: nothing will make room by itself";
  EXPECT_EQ(full.error().code, Errc::no_space);
  const auto discarded = courier_->discard_refused(patience());
  ASSERT_TRUE(discarded);
  EXPECT_EQ(*discarded, 1U);
  EXPECT_TRUE(courier_->take_room(80'000, patience()));
  end();
  begin();
  EXPECT_THAT(courier_->refused(), IsEmpty());
}

TEST_F(CourierTest, RefusedContentCanBeSaved) {
  begin();
  const test::TempDirectory shelf;
  const std::string large(300'000, 'x');
  for (const char* path : {"/d1/f", "/d2/f"}) {
    remote_.put_directory(path_of(path).parent().str());
    remote_.fail_next(Op::open_writer, path, make_error(Errc::quota_exceeded, "552 quota", 552));
  }
  ASSERT_TRUE(put("/d1/f", "small"));
  ASSERT_TRUE(courier_->await_all(patience()));
  ASSERT_TRUE(put("/d2/f", large));
  ASSERT_TRUE(courier_->await_all(patience()));
  const auto saved = export_refused(*courier_, shelf.path());
  ASSERT_TRUE(saved) << saved.error().text;
  EXPECT_EQ(*saved, 2U);
  EXPECT_EQ(std::filesystem::file_size(shelf.path() + "/f"), 5U);
  EXPECT_EQ(std::filesystem::file_size(shelf.path() + "/f.2"), large.size());
  EXPECT_EQ(courier_->refused().size(), 2U) << "until they are discarded";
  EXPECT_FALSE(export_refused(*courier_, shelf.path() + "/nowhere"));
}

TEST_F(CourierTest, RefusedAttributesAreDroppedAndTold) {
  remote_.put("/f", "text");
  begin();
  remote_.fail_next(Op::set_mtime, "/f", make_error(Errc::access_denied, "550", 550));
  ASSERT_TRUE(change(attributes("/f", 5)));
  ASSERT_TRUE(courier_->await_all(patience()));
  EXPECT_EQ(courier_->counters().given_up, 1U);
  EXPECT_THAT(courier_->refused(), IsEmpty());
  EXPECT_THAT(courier_->journal().intentions(), IsEmpty());
}

TEST_F(CourierTest, WhoAwaitsAVerdictHearsOfARefusal) {
  begin();
  remote_.fail_next(Op::open_writer, "/f", make_error(Errc::quota_exceeded, "552 quota", 552));
  ASSERT_TRUE(put("/f", "content"));
  const auto verdict = courier_->await_verdict(path_of("/f"), patience());
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error().text, "552 quota");
  EXPECT_TRUE(courier_->await_verdict(path_of("/other"), patience()));
}

/// Descriptors may be short, or the disk may fail, for a while.
TEST_F(CourierTest, ContentThatCannotBeReadNowIsTriedAgain) {
  const std::string large(300'000, 'x');
  remote_.fail_all(kDown);
  begin();
  ASSERT_TRUE(put("/f", large));
  await_failure();
  const std::string file = content_file();
  std::filesystem::rename(file, file + ".away");
  std::filesystem::create_directory(file);
  remote_.fail_all(std::nullopt);
  courier_->hurry();
  await_problem("cannot open " + file);
  EXPECT_EQ(courier_->counters().refused, 0U);
  ASSERT_TRUE(put("/other", "text"));
  ASSERT_TRUE(courier_->await(path_of("/other"), patience())) << "it holds nobody up";
  std::filesystem::remove(file);
  std::filesystem::rename(file + ".away", file);
  courier_->hurry();
  ASSERT_TRUE(courier_->await_all(patience()));
  EXPECT_EQ(remote_.content("/f"), large);
}

TEST_F(CourierTest, ThatContentCannotBeReadSaysNothingOfTheLink) {
  remote_.fail_all(kDown);
  begin();
  ASSERT_TRUE(put("/f", std::string(300'000, 'x')));
  await_failure();
  ASSERT_TRUE(put("/other", "text"));
  const std::string file = content_file();
  std::filesystem::remove(file);
  std::filesystem::create_directory(file);
  const std::size_t calls = remote_.calls();
  EXPECT_FALSE(courier_->await(path_of("/f"), Wait::for_at_most(Duration(0))));
  await_problem("cannot open " + file);
  EXPECT_EQ(remote_.calls(), calls) << "the link's pause goes on";
}

TEST_F(CourierTest, ContentThatIsDamagedIsRefused) {
  remote_.fail_all(kDown);
  begin();
  ASSERT_TRUE(put("/f", std::string(300'000, 'x')));
  await_failure();
  std::filesystem::resize_file(content_file(), 100'000);
  remote_.fail_all(std::nullopt);
  courier_->hurry();
  ASSERT_TRUE(courier_->await_all(patience()));
  EXPECT_EQ(courier_->counters().refused, 1U);
  EXPECT_FALSE(remote_.exists("/f"));
}

TEST_F(CourierTest, WhatIsThrownCostsATryAndNoMore) {
  std::map<std::string, remote::Entry> entries;
  for (const char* name : {"/d/a", "/d/b", "/d/c"}) {
    remote_.put(name, "content");
    const auto entry = remote_.stat(path_of(name), patience());
    ASSERT_TRUE(entry);
    entries.emplace(name, *entry);
  }
  begin();
  std::atomic<bool> is_short = true;
  remote_.on_call([&](Op op, const std::string& path) {
    const bool is_content = op == Op::write && path == "/f";
    const bool is_removal = path == "/d" || path == "/d/a";
    if (is_short && (is_content || is_removal)) {
      throw std::bad_alloc();
    }
  });
  ASSERT_TRUE(put("/f", "content"));
  await_problem(std::bad_alloc().what());
  for (const char* name : {"/d/a", "/d/b", "/d/c"}) {
    Intention removal = simple(Action::remove_file, name);
    removal.base = {Base::Kind::version, remote::version_of(entries.at(name))};
    ASSERT_TRUE(change(removal));
  }
  ASSERT_TRUE(put("/other", "content"));
  ASSERT_TRUE(courier_->await(path_of("/other"), patience()));
  EXPECT_NE(remote_.content("/f"), "content");
  is_short = false;
  const Wait limit = patience();
  while (courier_->counters().waiting > 0 && !limit.expired()) {
    courier_->hurry();
    std::this_thread::yield();
  }
  for (const auto& [name, entry] : entries) {
    EXPECT_FALSE(remote_.exists(name)) << name;
  }
  EXPECT_EQ(remote_.content("/f"), "content");
  EXPECT_EQ(courier_->counters().refused + courier_->counters().given_up, 0U);
  EXPECT_EQ(courier_->counters().delivered, 5U);
  remote_.on_call({});
}

TEST_F(CourierTest, WhatIsThrownByWhoeverIsToldLosesNothing) {
  auto journal = Journal::open({directory_, "server", 4096, {}});
  ASSERT_TRUE(journal);
  CourierSettings settings;
  settings.threads = 1;
  settings.on_end = [](const auto&, const auto&) { throw std::bad_alloc(); };
  settings.on_surprise = [](const auto&) { throw std::bad_alloc(); };
  courier_ = std::make_unique<Courier>(*std::move(journal), remote_, clock_, settings);
  ASSERT_TRUE(change(simple(Action::make_directory, "/d")));
  remote_.fail_next(Op::open_writer, "/d/f", make_error(Errc::quota_exceeded, "552 quota", 552));
  ASSERT_TRUE(put("/d/f", "content"));
  ASSERT_TRUE(courier_->await_all(patience()));
  EXPECT_EQ(courier_->counters().refused, 1U);
  EXPECT_EQ(courier_->counters().delivered, 1U);
}

TEST_F(CourierTest, WhatTheDiskDoesNotTakeIsRefusedAtOnceAndNotSent) {
  remote_.fail_all(kDown);
  begin();
  ASSERT_TRUE(put("/a", "one"));
  await_failure();
  {
    const test::FileSizeLimit full(300);
    for (const char* path : {"/b", "/c"}) {
      const auto accepted = put(path, std::string(500, 'x'));
      ASSERT_FALSE(accepted);
    }
    EXPECT_EQ(courier_->waiting().size(), 1U);
  }
  remote_.fail_all(std::nullopt);
  courier_->hurry();
  ASSERT_TRUE(courier_->await_all(patience()));
  EXPECT_THAT(remote_.names("/"), ElementsAre("a"));
  ASSERT_TRUE(put("/b", "again"));
  end();
  begin();
  ASSERT_TRUE(courier_->await_all(patience()));
  EXPECT_THAT(remote_.names("/"), ElementsAre("a", "b"));
}

/// A wait that begins ends the courier's pauses: the server may be back for long.
TEST_F(CourierTest, WhoWaitsForWhatIsOwedDoesNotWaitForAPause) {
  begin();
  const remote::RemotePath name = path_of("/owed");
  const std::vector<std::function<bool()>> waits{
      [&] { return courier_->await(name, patience()).has_value(); },
      [&] { return courier_->await_all(patience()).has_value(); },
      [&] { return courier_->await_verdict(name, patience()).has_value(); },
      [&] { return courier_->pass(name, path_of("/other"), patience()).has_value(); },
  };
  for (std::size_t i = 0; i < waits.size(); ++i) {
    SCOPED_TRACE(i);
    remote_.fail_all(kDown);
    const std::string number = std::to_string(i);
    ASSERT_TRUE(put("/before" + number, "content"));
    await_failure();
    ASSERT_TRUE(put("/owed", number, ours()));
    ASSERT_TRUE(put("/behind" + number, "content"));
    remote_.fail_all(std::nullopt);
    EXPECT_TRUE(waits[i]());
    EXPECT_EQ(remote_.content("/owed"), number);
    await_arrival();
    EXPECT_TRUE(remote_.exists("/behind" + number)) << "the try has ended the pause for all";
  }
}

/// What is first may be large, and take long.
TEST_F(CourierTest, TheTryThatSomebodyWaitsForIsOfWhatHeWaitsFor) {
  remote_.fail_all(kDown);
  begin();
  for (const char* path : {"/1", "/2", "/3", "/4", "/5"}) {
    ASSERT_TRUE(put(path, "content"));
    await_failure();
  }
  ASSERT_TRUE(change(simple(Action::make_directory, "/d")));
  ASSERT_TRUE(put("/d/owed", "text"));
  auto gate = remote_.hold(Op::make_directory);
  std::vector<test::Gate> gates;
  for (const char* path : {"/1", "/2", "/3", "/4", "/5"}) {
    gates.push_back(remote_.hold(Op::open_writer, path));
  }
  remote_.fail_all(std::nullopt);
  auto wait = std::async(std::launch::async,
                         [this] { return courier_->await(path_of("/d/owed"), patience()); });
  EXPECT_TRUE(gate.await_blocked());
  for (const test::Gate& other : gates) {
    EXPECT_EQ(other.blocked(), 0U);
  }
  gate.open();
  gates.clear();
  EXPECT_TRUE(wait.get());
}

TEST_F(CourierTest, WhoWaitsForAFileThatWasBusyDoesNotWaitForItsPause) {
  begin();
  const Error busy = make_error(Errc::busy, "450", 450);
  remote_.fail_next(Op::open_writer, "/busy", busy);
  ASSERT_TRUE(put("/busy", "one"));
  await_failure();
  EXPECT_TRUE(courier_->await(path_of("/busy"), patience()));

  // The link is tried with what is first; that this one is busy says that the link is well.
  remote_.fail_all(kDown);
  ASSERT_TRUE(put("/first", "one"));
  await_failure();
  ASSERT_TRUE(put("/owed", "two"));
  remote_.fail_next(Op::open_writer, "/first", busy);
  remote_.fail_all(std::nullopt);
  EXPECT_TRUE(courier_->await(path_of("/owed"), patience()));
}

TEST_F(CourierTest, ATryThatBeganBeforeTheWaitIsNotTheTryForIt) {
  const Error busy = make_error(Errc::busy, "450", 450);
  begin();
  for (const Error& why : {kDown, busy}) {
    const std::string path = "/" + why.text;
    SCOPED_TRACE(path);
    remote_.fail_next(Op::open_writer, path, busy);
    ASSERT_TRUE(put(path, "content"));
    await_failure();
    auto gate = remote_.hold(Op::open_writer, path);
    remote_.fail_next(Op::open_writer, path, why);
    courier_->hurry();
    ASSERT_TRUE(gate.await_blocked());
    EXPECT_FALSE(courier_->await(path_of(path), Wait::for_at_most(Duration(0))));
    gate.open();
    await_arrival();
    EXPECT_EQ(remote_.content(path), "content");
  }
}

TEST_F(CourierTest, EachWaitForAServerThatIsDownCausesOneTryAtMost) {
  constexpr std::size_t kMany = 20;
  remote_.fail_all(kDown);
  begin();
  ASSERT_TRUE(put("/f", "content"));
  await_failure();
  const std::size_t calls_of_a_try = remote_.calls();
  std::vector<std::future<bool>> waits;
  for (std::size_t i = 0; i < kMany; ++i) {
    waits.push_back(std::async(std::launch::async, [this] {
      const Wait wait = Wait::for_at_most(std::chrono::milliseconds(50));
      return courier_->await(path_of("/f"), wait).has_value();
    }));
  }
  for (std::future<bool>& wait : waits) {
    EXPECT_FALSE(wait.get());
  }
  EXPECT_LE(remote_.calls(), (1 + kMany) * calls_of_a_try);
  const Wait limit = patience();
  while (remote_.calls() < 2 * calls_of_a_try && !limit.expired()) {
    std::this_thread::yield();
  }
  EXPECT_FALSE(limit.expired()) << "and at least one";
}

TEST_F(CourierTest, WhoWaitsForRoomDoesNotWaitForAPause) {
  remote_.fail_all(kDown);
  courier_ = begin(remote_, std::chrono::hours(1), 100'000);
  ASSERT_TRUE(put("/a", std::string(60'000, 'c')));
  await_failure();
  remote_.fail_all(std::nullopt);
  EXPECT_TRUE(courier_->take_room(60'000, patience()));
}

TEST_F(CourierTest, ADiskThatIsSlowIsNoReasonToTakeAChangeBack) {
  begin();
  ASSERT_TRUE(put("/a", "one"));
  ASSERT_TRUE(courier_->await_all(patience()));
  disk_.hold();
  auto first = std::async(std::launch::async, [this] { return put("/a", "two", ours()); });
  disk_.await_blocked();
  auto second = std::async(std::launch::async, [this] {
    return courier_->accept(simple(Action::make_directory, "/d"), nullptr,
                            Wait::for_at_most(std::chrono::milliseconds(10)));
  });
  EXPECT_EQ(second.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  std::stop_source stop;
  stop.request_stop();
  const auto stopped =
      courier_->accept(simple(Action::make_directory, "/e"), nullptr,
                       Wait::for_at_most(std::chrono::seconds(20), stop.get_token()));
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Errc::cancelled);
  disk_.release();
  EXPECT_TRUE(first.get());
  EXPECT_TRUE(second.get());
  ASSERT_TRUE(courier_->await_all(patience()));
  EXPECT_THAT(remote_.names("/"), ElementsAre("a", "d"));
}

/// Each call of the server fails once, in each of two ways; in the end all is there, and once.
TEST_F(CourierTest, AnyCallMayFail) {
  const auto scenario = [this](FaultPoint point, bool is_killed) {
    SCOPED_TRACE(test::to_string(point));
    std::filesystem::remove_all(directory_ + "/" + journal_name("server"));
    FakeRemote inner(clock_);
    inner.put("/old", "old");
    inner.put("/gone", "gone");
    FaultyRemote remote(inner, point);
    auto courier = begin(remote, Duration(1));
    const auto accept = [&](Intention intention) {
      EXPECT_TRUE(courier->accept(std::move(intention), nullptr, patience()));
    };
    accept(simple(Action::make_directory, "/d"));
    EXPECT_TRUE(put(*courier, "/d/new", "new content"));
    EXPECT_TRUE(put(*courier, "/old", "newer", {Base::Kind::version, {3, std::nullopt, {}}}));
    accept(simple(Action::remove_file, "/gone"));
    EXPECT_TRUE(courier->await_all(patience()));
    if (is_killed) {
      courier.reset();
      courier = begin(remote, Duration(1));
    }
    accept(rename("/d/new", "/d/moved"));
    EXPECT_TRUE(put(*courier, "/d/new", "second"));
    accept(attributes("/old", 99));
    EXPECT_TRUE(courier->await_all(patience()));
    EXPECT_EQ(courier->counters().refused, 0U);
    EXPECT_EQ(courier->counters().conflicts, 0U);
    courier.reset();
    const std::map<std::string, std::string> expected{
        {"/d/", ""}, {"/d/moved", "new content"}, {"/d/new", "second"}, {"/old", "newer"}};
    EXPECT_EQ(inner.snapshot(), expected);
    EXPECT_EQ(inner.mtime("/old"), 99);
    return remote.has_struck() && !HasFailure();
  };
  std::uint64_t points = 0;
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    points += test::for_each_fault(seed, [&](FaultPoint point) { return scenario(point, false); });
    points += test::for_each_fault(seed, [&](FaultPoint point) { return scenario(point, true); });
  }
  EXPECT_GT(points, 60U);
}

}  // namespace
}  // namespace ftpsfs::writeback
