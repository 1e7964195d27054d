// SPDX-License-Identifier: MIT
//
// What happens when links, servers and replies fail: nothing wrong is shown, nothing is done twice,
// and what can be repeated is repeated unnoticed.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "remote_fixture.hpp"

namespace ftpsfs::remote {
namespace {

using test::Fault;

class Faults : public RemoteFixture {
 protected:
  void SetUp() override {
    start();
    tree().add_file("/f", std::string(200'000, 'f'));
    tree().add_directory("/d");
    tree().add_file("/d/x", "x");
    connect();
  }
};

TEST_F(Faults, ARestartOfTheServerGoesUnnoticed) {
  EXPECT_TRUE(remote_->stat(at("/f"), soon()));
  server_->reset_all_connections();
  EXPECT_TRUE(remote_->stat(at("/f"), soon()));
  server_->reset_all_connections();
  EXPECT_TRUE(remote_->list(at("/d"), soon()));
  server_->reset_all_connections();
  EXPECT_TRUE(remote_->make_directory(at("/new"), soon()));
  EXPECT_EQ(server_->count("MKD"), 1);
}

TEST_F(Faults, AnOutageIsRiddenOutForTheTimeoutAlone) {
  settings_.session.timeout = std::chrono::milliseconds(50);
  connect();
  server_->set_listening(false);
  server_->reset_all_connections();
  const Wait wait = Wait::for_at_most(std::chrono::seconds(25));
  expect_error(remote_->stat(at("/f"), wait), Errc::unreachable);
  EXPECT_FALSE(wait.expired()) << "it did not give up by itself";
}

/// The server is away, for longer than `timeout`: who waits with an end has got an error.
class Away : public Faults {
 protected:
  void SetUp() override {
    Faults::SetUp();
    settings_.session.timeout = std::chrono::milliseconds(200);
    connect();
    ASSERT_TRUE(read("/f"));
    server_->set_listening(false);
    server_->reset_all_connections();
    expect_error(remote_->stat(at("/f"), soon()), Errc::unreachable);
    expect_error(remote_->make_directory(at("/soft"), soon()), Errc::unreachable);
    expect_error(remote_->list(at("/d"), soon()), Errc::unreachable);
    expect_error(remote_->open_reader(at("/f"), 0, {}, soon()), Errc::unreachable);
  }
  static Wait endless(std::stop_token stop = {}) {
    return Wait::for_at_most(kNoLimit, std::move(stop));
  }
  /// All of them wait for a session, or dial one; and it has been tried in vain since.
  void await_waiting(unsigned operations) {
    const auto counters = [this] { return remote_->counters().pool; };
    while (counters().waiting + 1 < operations) {
      std::this_thread::yield();
    }
    const auto before = counters().failed_logins;
    while (counters().failed_logins == before) {
      std::this_thread::yield();
    }
  }
  template <typename Operation>
  auto begin(Operation operation) {
    return std::async(std::launch::async, operation);
  }
};

TEST_F(Away, WhoWaitsWithoutEndGetsWhatHeAskedForWhenItIsBack) {
  auto entry = begin([this] { return remote_->stat(at("/f"), endless()); });
  auto listing = begin([this] { return remote_->list(at("/d"), endless()); });
  auto made = begin([this] { return remote_->make_directory(at("/new"), endless()); });
  auto content = begin([this]() -> Result<std::string> {
    FTPSFS_TRY_ASSIGN(const auto reader, remote_->open_reader(at("/f"), 0, {}, endless()));
    return read_on(*reader);
  });
  await_waiting(4);
  server_->set_listening(true);
  EXPECT_TRUE(entry.get());
  const auto names = listing.get();
  ASSERT_TRUE(names) << names.error().text;
  EXPECT_EQ(names->entries.size(), 1U);
  EXPECT_TRUE(made.get());
  EXPECT_EQ(server_->count("MKD"), 1);
  const auto bytes = content.get();
  ASSERT_TRUE(bytes) << bytes.error().text;
  EXPECT_EQ(bytes->size(), 200'000U);
}

TEST_F(Away, AStopEndsTheWaitAtOnce) {
  std::stop_source stop;
  auto entry = begin([&] { return remote_->stat(at("/f"), endless(stop.get_token())); });
  auto listing = begin([&] { return remote_->list(at("/d"), endless(stop.get_token())); });
  auto made = begin([&] { return remote_->make_directory(at("/new"), endless(stop.get_token())); });
  auto reader = begin([&] {
    return remote_->open_reader(at("/f"), 0, {}, endless(stop.get_token())).error().code;
  });
  await_waiting(4);
  stop.request_stop();
  expect_error(entry.get(), Errc::cancelled);
  expect_error(listing.get(), Errc::cancelled);
  expect_error(made.get(), Errc::cancelled);
  EXPECT_EQ(reader.get(), Errc::cancelled);
}

TEST_F(Away, TheEndOfTheMountEndsTheWaitsWithAnErrorThatIsFinal) {
  auto entry = begin([this] { return remote_->stat(at("/f"), endless()); });
  auto made = begin([this] { return remote_->make_directory(at("/new"), endless()); });
  await_waiting(2);
  remote_->end_endless_waits();
  expect_error(entry.get(), Errc::io_error);
  expect_error(made.get(), Errc::io_error);
}

/// A connection that died without a word has the time of an operation, however long the wait is.
TEST_F(Faults, AnEndlessWaitFindsADeadLink) {
  settings_.session.timeout = std::chrono::milliseconds(300);
  connect();
  ASSERT_TRUE(remote_->stat(at("/f"), soon()));
  server_->add_fault({.verb = "MLST", .kind = Fault::Kind::stall});
  const auto entry = remote_->stat(at("/f"), Wait::for_at_most(kNoLimit));
  EXPECT_TRUE(entry) << entry.error().text;
  server_->add_fault({.verb = "RETR", .kind = Fault::Kind::stall_data, .bytes = 1000});
  const auto reader = remote_->open_reader(at("/f"), 0, {}, Wait::for_at_most(kNoLimit));
  ASSERT_TRUE(reader) << reader.error().text;
  std::vector<std::byte> buffer(300'000);
  Result<std::size_t> got = std::size_t{1};
  while (got && *got > 0) {
    got = (*reader)->read(buffer, Wait::for_at_most(kNoLimit));
  }
  expect_error(got, Errc::timed_out);
}

/// What is wrong with the answers is not the link's absence: it is tried as often as ever.
TEST_F(Faults, AnEndlessWaitDoesNotRepeatWhatIsCutEachTime) {
  server_->add_fault({.verb = "MLSD",
                      .kind = Fault::Kind::truncate,
                      .times = -1,
                      .reply = "226 Transfer complete.",
                      .bytes = 20});
  expect_error(remote_->list(at("/d"), Wait::for_at_most(kNoLimit)), Errc::io_error);
}

TEST_F(Faults, WithoutRetriesACutIsAnError) {
  settings_.retries = 0;
  connect();
  server_->add_fault({.verb = "MLST", .kind = Fault::Kind::reset});
  expect_error(remote_->stat(at("/f"), soon()), Errc::closed);
  EXPECT_TRUE(remote_->stat(at("/f"), soon()));
}

TEST_F(Faults, FailuresOfTheLinkAndSecondAttemptsAreCounted) {
  ASSERT_TRUE(remote_->stat(at("/f"), soon()));
  EXPECT_EQ(remote_->counters().link_failures, 0U);
  EXPECT_EQ(remote_->counters().sent_again, 0U);
  server_->add_fault({.verb = "*", .kind = Fault::Kind::reset});
  ASSERT_TRUE(remote_->stat(at("/f"), soon()));
  EXPECT_EQ(remote_->counters().link_failures, 1U);
  EXPECT_EQ(remote_->counters().sent_again, 1U);
  server_->add_fault({.verb = "RETR", .kind = Fault::Kind::cut_data, .bytes = 1000});
  EXPECT_FALSE(read("/f"));
  EXPECT_EQ(remote_->counters().link_failures, 2U);
}

/// Every command of every scenario fails once, in each way; the loop ends when no fault is met.
class EachPoint : public Faults, public ::testing::WithParamInterface<Fault::Kind> {};

TEST_P(EachPoint, IdempotentOperationsSucceedAllTheSame) {
  for (int nth = 1; nth < 60; ++nth) {
    server_->clear_faults();
    server_->add_fault({.verb = "*", .kind = GetParam(), .nth = nth});
    const auto before = server_->commands().size();
    const auto entry = remote_->stat(at("/f"), soon());
    ASSERT_TRUE(entry) << nth << ": " << entry.error().text;
    const auto listing = remote_->list(at("/d"), soon());
    ASSERT_TRUE(listing) << nth << ": " << listing.error().text;
    ASSERT_EQ(listing->entries.size(), 1U) << nth;
    const auto reader = remote_->open_reader(at("/f"), 100'000, {}, soon());
    ASSERT_TRUE(reader) << nth << ": " << reader.error().text;
    if (server_->commands().size() - before < static_cast<std::size_t>(nth)) {
      SUCCEED() << nth << " points";
      return;
    }
  }
  FAIL() << "no end of the loop";
}

INSTANTIATE_TEST_SUITE_P(Kinds, EachPoint,
                         ::testing::Values(Fault::Kind::reset, Fault::Kind::close),
                         [](const auto& tested) {
                           return tested.param == Fault::Kind::reset ? "reset" : "close";
                         });

TEST_F(Faults, ATruncatedDownloadIsNeverAnEnd) {
  server_->add_fault({.verb = "RETR",
                      .kind = Fault::Kind::truncate,
                      .reply = "226 Transfer complete.",
                      .bytes = 1000});
  expect_error(read("/f"), Errc::truncated);
  EXPECT_TRUE(read("/f"));
}

TEST_F(Faults, ADownloadCutByTheServerIsAnError) {
  server_->add_fault({.verb = "RETR", .kind = Fault::Kind::cut_data, .bytes = 1000});
  auto result = read("/f");
  ASSERT_FALSE(result);
  EXPECT_TRUE(is_link_failure(result.error().code)) << result.error().text;
  EXPECT_EQ(read("/f")->size(), 200'000U);
}

TEST_F(Faults, AMissingCloseNotifyCountsWithTheVerdictAndTheSize) {
  server_->add_fault({.verb = "RETR", .kind = Fault::Kind::silent_end});
  auto result = read("/f");
  ASSERT_TRUE(result) << result.error().text;
  EXPECT_EQ(result->size(), 200'000U);
}

TEST_F(Faults, AListingWithoutItsEndIsAnError) {
  server_->add_fault({.verb = "MLSD",
                      .kind = Fault::Kind::truncate,
                      .times = -1,
                      .reply = "226 Transfer complete.",
                      .bytes = 20});
  auto listing = remote_->list(at("/d"), soon());
  ASSERT_FALSE(listing);
  EXPECT_EQ(listing.error().code, Errc::truncated);
}

TEST_F(Faults, ACutListingIsFetchedAgain) {
  server_->add_fault({.verb = "MLSD", .kind = Fault::Kind::cut_data, .bytes = 20});
  auto listing = remote_->list(at("/d"), soon());
  ASSERT_TRUE(listing) << listing.error().text;
  EXPECT_EQ(listing->entries.size(), 1U);
}

TEST_F(Faults, ALongListingIsToldAsItComesAndAgainWhenItIsCut) {
  tree().add_directory("/long");
  for (int i = 0; i < 2000; ++i) {
    tree().add_file("/long/file-of-some-length-" + std::to_string(i), "x");
  }
  server_->add_fault({.verb = "MLSD", .kind = Fault::Kind::truncate, .bytes = 100'000});
  std::set<std::string> told;
  std::size_t times = 0;
  ListingHints hints;
  hints.arriving = [&](std::vector<Entry> arrived) -> std::optional<Wait> {
    for (const Entry& entry : arrived) {
      told.insert(entry.name);
      EXPECT_EQ(entry.size, 1U);
      ++times;
    }
    return std::nullopt;
  };
  const auto listing = remote_->list(at("/long"), soon(), hints);
  ASSERT_TRUE(listing) << listing.error().text;
  EXPECT_EQ(listing->entries.size(), 2000U);
  EXPECT_GT(told.size(), 1000U);
  EXPECT_GT(times, told.size()) << "a part came twice";
}

TEST_F(Faults, AShortListingIsWorthWaitingFor) {
  ListingHints hints;
  hints.arriving = [](const std::vector<Entry>&) -> std::optional<Wait> {
    ADD_FAILURE() << "told before its end";
    return std::nullopt;
  };
  EXPECT_TRUE(remote_->list(at("/d"), soon(), hints));
}

TEST_F(Faults, AStalledReadTimesOutAndCanBeCut) {
  server_->add_fault({.verb = "RETR", .kind = Fault::Kind::stall_data, .bytes = 0});
  auto reader = remote_->open_reader(at("/f"), 0, {}, soon());
  ASSERT_TRUE(reader) << reader.error().text;
  std::vector<std::byte> buffer(1000);
  auto got = (*reader)->read(buffer, Wait::for_at_most(std::chrono::milliseconds(50)));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::timed_out);
  reader->reset();
  EXPECT_TRUE(remote_->stat(at("/f"), soon()));
}

/// A router has forgotten the connections, or our address has changed: nothing comes any more.
TEST_F(Faults, AQuestionThatGetsNoAnswerIsAskedOnAnotherConnectionInTime) {
  settings_.session.timeout = std::chrono::seconds(1);
  connect();
  ASSERT_TRUE(remote_->stat(at("/f"), soon()));  // it was in use a moment ago
  server_->add_fault({.verb = "MLST", .kind = Fault::Kind::stall});
  const auto entry = remote_->stat(at("/d/x"), Wait::for_at_most(std::chrono::seconds(3)));
  ASSERT_TRUE(entry) << entry.error().text;
  EXPECT_EQ(entry->name, "x");
}

/// The server hung at the first STOR. It carries that out when the same has arrived over another
/// connection.
TEST_F(Faults, AStoreThatWasNotAnsweredMayEmptyTheFileLater) {
  start({.mlst = false});
  settings_.session.timeout = std::chrono::milliseconds(500);
  connect();
  ASSERT_TRUE(upload("/old", "content", {}));
  server_->add_fault({.verb = "STOR", .kind = Fault::Kind::stall});
  server_->add_fault(
      {.verb = "SIZE", .kind = Fault::Kind::replace_reply, .nth = 2, .reply = "213 0"});
  const auto brief = Wait::for_at_most(std::chrono::seconds(2));
  auto writer = remote_->open_writer(at("/new"), WriteMode::replace, {}, brief);
  ASSERT_TRUE(writer) << writer.error().text;
  ASSERT_TRUE((*writer)->write(std::as_bytes(std::span("content", 7)), soon()));
  const auto end = (*writer)->finish({}, soon());
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, Errc::truncated) << end.error().text;
  EXPECT_EQ(server_->count("STOR"), 3) << "that of the other file, and two";
  EXPECT_TRUE(upload("/new", "content", {}, WriteMode::replace)) << "it stays this time";
  EXPECT_EQ(server_->count("SIZE"), 5);
}

TEST_F(Faults, AnUploadWhoseStoreWasAnsweredIsNotLookedAtTwice) {
  EXPECT_TRUE(upload("/new", "content", {}, WriteMode::replace));
  EXPECT_EQ(server_->count("SIZE"), 1);
}

TEST_F(Faults, AnInterruptedCallLeavesNoStaleReply) {
  server_->add_fault({.verb = "MLST", .kind = Fault::Kind::stall});
  std::stop_source stop;
  std::jthread interrupter([&] {
    while (server_->count("MLST") == 0) {
      std::this_thread::yield();
    }
    stop.request_stop();
  });
  auto entry = remote_->stat(at("/f"), Wait{soon().deadline, stop.get_token()});
  ASSERT_FALSE(entry);
  EXPECT_EQ(entry.error().code, Errc::cancelled);
  auto next = remote_->stat(at("/d/x"), soon());
  ASSERT_TRUE(next) << next.error().text;
  EXPECT_EQ(next->name, "x");
  EXPECT_EQ(next->size, 1U);
}

// ---- Lost replies: look, and do nothing twice ----

TEST_F(Faults, ALostReplyToMkdirIsSettledByLooking) {
  server_->add_fault({.verb = "MKD", .kind = Fault::Kind::drop_reply});
  EXPECT_TRUE(remote_->make_directory(at("/new"), soon()));
  EXPECT_EQ(server_->count("MKD"), 1);
}

TEST_F(Faults, WhoWaitsWithoutEndMakesAChangeOnce) {
  server_->add_fault({.verb = "MKD", .kind = Fault::Kind::drop_reply});
  EXPECT_TRUE(remote_->make_directory(at("/new"), Wait::for_at_most(kNoLimit)));
  EXPECT_EQ(server_->count("MKD"), 1);
}

TEST_F(Faults, WhoWaitsWithoutEndMakesAChangeThatIsSeenNotToHaveBeenMade) {
  server_->add_fault({.verb = "MKD", .kind = Fault::Kind::close, .times = 3});
  EXPECT_TRUE(remote_->make_directory(at("/new"), Wait::for_at_most(kNoLimit)));
  EXPECT_EQ(server_->count("MKD"), 4);
}

TEST_F(Faults, ALostReplyToRenameIsSettledByLooking) {
  server_->add_fault({.verb = "RNTO", .kind = Fault::Kind::drop_reply});
  EXPECT_TRUE(remote_->rename(at("/f"), at("/g"), soon()));
  EXPECT_EQ(server_->count("RNTO"), 1);
  EXPECT_TRUE(tree().exists("/g"));
}

TEST_F(Faults, OfManyRemovalsThoseThatAreRefusedAreTold) {
  tree().add_file("/d/a", "1");
  tree().add_file("/d/b", "2");
  tree().add_directory("/d/directory");
  const std::vector<RemotePath> paths{at("/d/a"), at("/d/none"), at("/d/directory"), at("/d/b")};
  const auto removed = remote_->remove_files(paths, soon());
  ASSERT_TRUE(removed) << removed.error().text;
  EXPECT_EQ(*removed, (std::vector<bool>{true, false, false, true}));
  EXPECT_FALSE(tree().exists("/d/a") || tree().exists("/d/b"));
}

TEST_F(Faults, WhereTheLinkIsCutAmongManyRemovalsNothingIsSaidOfAnyOfThem) {
  tree().add_file("/d/a", "1");
  tree().add_file("/d/b", "2");
  server_->add_fault({.verb = "DELE", .kind = Fault::Kind::drop_reply, .nth = 2});
  const std::vector<RemotePath> paths{at("/d/a"), at("/d/b")};
  const auto removed = remote_->remove_files(paths, soon());
  ASSERT_FALSE(removed);
  EXPECT_TRUE(is_link_failure(removed.error().code)) << removed.error().text;
  EXPECT_TRUE(remote_->stat(at("/d"), soon()));
}

TEST_F(Faults, LostRepliesToRemovalsAreSettledByLooking) {
  server_->add_fault({.verb = "DELE", .kind = Fault::Kind::drop_reply});
  EXPECT_TRUE(remote_->remove_file(at("/d/x"), soon()));
  EXPECT_EQ(server_->count("DELE"), 1);
  server_->add_fault({.verb = "RMD", .kind = Fault::Kind::drop_reply});
  EXPECT_TRUE(remote_->remove_directory(at("/d"), soon()));
  EXPECT_EQ(server_->count("RMD"), 1);
}

TEST_F(Faults, WhatADeadConnectionDidNotDoIsSentOnceAgain) {
  server_->add_fault({.verb = "DELE", .kind = Fault::Kind::reset});
  EXPECT_TRUE(remote_->remove_file(at("/f"), soon()));
  EXPECT_FALSE(tree().exists("/f"));
  server_->add_fault({.verb = "MKD", .kind = Fault::Kind::reset, .times = -1});
  EXPECT_FALSE(remote_->make_directory(at("/new"), soon()));
  EXPECT_FALSE(tree().exists("/new"));
}

/// The server may still be at it: a second command could do it twice.
TEST_F(Faults, WhatTimedOutIsNotSentAgain) {
  server_->add_fault({.verb = "MKD", .kind = Fault::Kind::stall, .times = -1});
  auto made =
      remote_->make_directory(at("/new"), Wait::for_at_most(std::chrono::milliseconds(600)));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::timed_out);
  EXPECT_EQ(server_->count("MKD"), 1);
}

/// The server has said no: what a look over a dying link finds there was there before.
TEST_F(Faults, AKnownRefusalIsNoSuccessWhenTheLinkDiesBehindIt) {
  const auto refuse = [this](const char* verb) {
    server_->clear_faults();
    server_->add_fault({.verb = verb, .kind = Fault::Kind::refuse, .reply = "550 Failed."});
    server_->add_fault({.verb = "MLST", .kind = Fault::Kind::reset});
  };
  refuse("MKD");
  expect_error(remote_->make_directory(at("/d"), soon()), Errc::already_exists);
  EXPECT_EQ(server_->count("MKD"), 1);
  refuse("DELE");
  expect_error(remote_->remove_file(at("/nothing"), soon()), Errc::not_found);
  EXPECT_EQ(server_->count("DELE"), 1);
  refuse("RMD");
  expect_error(remote_->remove_directory(at("/d"), soon()), Errc::not_empty);
  EXPECT_EQ(server_->count("RMD"), 1);
}

TEST_F(Faults, AKnownRefusalStaysOneWhenNobodyCanTellItsReason) {
  server_->add_fault({.verb = "MKD", .kind = Fault::Kind::refuse, .reply = "550 Failed."});
  server_->add_fault({.verb = "MLST", .kind = Fault::Kind::reset, .times = -1});
  expect_error(remote_->make_directory(at("/d"), soon()), Errc::io_error);
  EXPECT_EQ(server_->count("MKD"), 1);
}

TEST_F(Faults, AChangeThatMeetsA530IsMadeOnANewLogin) {
  server_->add_fault({.verb = "MKD", .kind = Fault::Kind::refuse, .reply = "530 Log in first."});
  EXPECT_TRUE(remote_->make_directory(at("/new"), soon()));
  EXPECT_TRUE(tree().exists("/new"));
}

TEST_F(Faults, ALostVerdictOfAnUploadIsAnError) {
  server_->add_fault({.verb = "STOR", .kind = Fault::Kind::drop_reply});
  auto written = write("/new", "content");
  ASSERT_FALSE(written);
  EXPECT_TRUE(is_link_failure(written.error().code));
  EXPECT_EQ(server_->count("STOR"), 1);
}

TEST_F(Faults, AFullDiskIsNoSpace) {
  server_->add_fault({.verb = "STOR",
                      .kind = Fault::Kind::cut_data,
                      .reply = "452 No space left on device",
                      .bytes = 1000});
  expect_error(write("/new", std::string(5'000'000, 'x')), Errc::no_space);
  EXPECT_TRUE(remote_->stat(at("/f"), soon()));
}

/// The link dies between the verdict and the question for the size: the upload was whole.
TEST_F(Faults, ALinkThatDiesBehindTheVerdictDoesNotFailTheUpload) {
  ASSERT_TRUE(write("/new", "1"));
  server_->add_fault({.verb = "SIZE", .kind = Fault::Kind::reset});
  auto written = write("/new", "content");
  ASSERT_TRUE(written) << written.error().text;
  EXPECT_EQ(written->size, 7U);
  EXPECT_EQ(server_->count("STOR"), 2);
}

TEST_F(Faults, InjectedRepliesNeverAnswerALaterCommand) {
  server_->add_fault({.verb = "MLST",
                      .kind = Fault::Kind::inject,
                      .reply = "250-Begin\r\n type=file;size=666; /evil\r\n250 End\r\n"});
  (void)remote_->stat(at("/f"), soon());
  auto next = remote_->stat(at("/d/x"), soon());
  ASSERT_TRUE(next) << next.error().text;
  EXPECT_EQ(next->size, 1U);
}

TEST_F(Faults, A530AfterTheLoginIsTriedOnANewOne) {
  server_->add_fault({.verb = "MLST",
                      .kind = Fault::Kind::refuse,
                      .reply = "530 Please login with USER and PASS."});
  auto entry = remote_->stat(at("/f"), soon());
  EXPECT_TRUE(entry) << entry.error().text;
}

TEST_F(Faults, A425IsTriedAgain) {
  server_->add_fault(
      {.verb = "RETR", .kind = Fault::Kind::refuse, .reply = "425 Can't open data connection."});
  EXPECT_TRUE(read("/f"));
}

// ---- The pool in the large ----

class OneConnection : public RemoteFixture {
 protected:
  void SetUp() override {
    start({.require_resumption = true, .max_connections = 1});
    tree().add_file("/f", std::string(4'000'000, 'f'));
    settings_.max_conns = 8;
    connect();
  }
};

/// A stream as the floor above will have it: it leaves when asked, and resumes.
TEST_F(OneConnection, AnOpenReaderGivesWayToAStat) {
  std::atomic<bool> asked{false};
  auto reader = remote_->open_reader(
      at("/f"), 0,
      [&asked] {
        asked = true;
        asked.notify_all();
      },
      soon());
  ASSERT_TRUE(reader) << reader.error().text;
  std::vector<std::byte> buffer(1000);
  ASSERT_TRUE((*reader)->read(buffer, soon()));
  std::jthread owner([&] {
    asked.wait(false);
    reader->reset();
  });
  auto entry = remote_->stat(at("/f"), soon());
  EXPECT_TRUE(entry) << entry.error().text;
  owner.join();
  auto again = remote_->open_reader(at("/f"), 3'999'000, {}, soon());
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(read_on(**again)->size(), 1000U);
}

TEST_F(OneConnection, AFinishedReaderHoldsNoSession) {
  auto reader = remote_->open_reader(at("/f"), 3'999'999, {}, soon());
  ASSERT_TRUE(reader);
  EXPECT_EQ(read_on(**reader)->size(), 1U);
  EXPECT_TRUE(remote_->stat(at("/f"), soon()));
}

TEST_F(OneConnection, ClosingEndsEverything) {
  remote_->close(soon());
  expect_error(remote_->stat(at("/f"), soon()), Errc::closed);
  EXPECT_EQ(server_->count("QUIT"), 1);
}

}  // namespace
}  // namespace ftpsfs::remote
