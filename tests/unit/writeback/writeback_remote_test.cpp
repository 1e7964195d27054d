// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/writeback_remote.hpp"

#include <gmock/gmock.h>

#include <future>
#include <mutex>

#include "writeback_remote_fixture.hpp"

namespace ftpsfs::writeback {
namespace {

using test::FakeRemote;
using test::Moment;
using test::Op;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

TEST_F(WritebackRemoteTest, WhatIsAcceptedShowsAtOnceAndArrivesLater) {
  server_->put("/old", "old");
  server_->put("/gone", "gone");
  ASSERT_TRUE(begin());
  EXPECT_TRUE(remote_->traits().writes_back);
  EXPECT_THAT(list("/"), ElementsAre("gone", "old"));
  cut_link();
  ASSERT_TRUE(remote_->make_directory(path_of("/d"), patience()));
  const auto finished = put("/d/f", "content", {12345, std::uint16_t{0640}});
  ASSERT_TRUE(finished) << finished.error().text;
  EXPECT_EQ(finished->version.size, 7U);
  EXPECT_EQ(finished->version.mtime->unix_seconds, 12345);
  EXPECT_TRUE(finished->mtime_set && *finished->mtime_set);
  ASSERT_TRUE(put("/old", "newer"));
  ASSERT_TRUE(remote_->remove_file(path_of("/gone"), patience()));
  EXPECT_EQ(*read("/d/f"), "content");
  EXPECT_EQ(*read("/old"), "newer");
  EXPECT_EQ(stat("/d/f")->mode, 0640);
  EXPECT_EQ(stat("/gone").error().code, Errc::not_found);
  EXPECT_EQ(stat("/d/g").error().code, Errc::not_found);
  EXPECT_EQ(stat("/d")->type, remote::FileType::directory);
  EXPECT_THAT(list("/d"), ElementsAre("f"));
  EXPECT_EQ(remote_->version(path_of("/d/f"), patience())->size, 7U);
  EXPECT_EQ(remote_->remove_file(path_of("/gone"), patience()).error().code, Errc::not_found);
  EXPECT_EQ(server_->content("/old"), "old");
  mend_link();
  EXPECT_THAT(list("/"), ElementsAre("d", "old")) << "laid over the server's answer";
  drain();
  const std::map<std::string, std::string> expected{
      {"/d/", ""}, {"/d/f", "content"}, {"/old", "newer"}};
  EXPECT_EQ(server_->snapshot(), expected);
  EXPECT_EQ(server_->mtime("/d/f"), 12345);
  EXPECT_EQ(stat("/d/f")->mtime->unix_seconds, 12345);
  EXPECT_EQ(courier().counters().conflicts, 0U);
}

TEST_F(WritebackRemoteTest, WhatTheServerSaysOfTheFileLaterIsWhatProgramsWereTold) {
  ASSERT_TRUE(begin());
  const auto finished = put("/f", "content");
  ASSERT_TRUE(finished);
  clock_.advance(std::chrono::hours(1));
  drain();
  const auto version = remote_->version(path_of("/f"), patience());
  ASSERT_TRUE(version);
  EXPECT_EQ(version->mtime, finished->version.mtime);
  EXPECT_EQ(version->size, finished->version.size);
}

TEST_F(WritebackRemoteTest, TimesArePromisedOnlyWhereTheServerSetsThem) {
  test::FakeRemoteOptions options;
  options.can_set_mtime = false;
  serve(options);
  ASSERT_TRUE(begin());
  EXPECT_THAT(list("/"), IsEmpty());
  auto gate = server_->hold(Op::open_writer);
  const auto finished = put("/f", "content");
  ASSERT_TRUE(finished);
  EXPECT_FALSE(finished->version.mtime);
  EXPECT_FALSE(remote_->version(path_of("/f"), patience())->mtime);
  EXPECT_TRUE(stat("/f")->mtime) << "something has to be shown";
  EXPECT_EQ(*read("/f"), "content");
  gate.open();
  drain();
  EXPECT_EQ(server_->calls(Op::set_mtime), 0U);
  EXPECT_EQ(courier().counters().given_up, 0U);
}

/// Fault by fault: see the names.

TEST_F(WritebackRemoteTest, AFileThatIsRefusedIsKeptUnderTheNameThatItWasGiven) {
  ASSERT_TRUE(begin());
  list("/");
  auto gate = server_->hold(Op::open_writer);
  ASSERT_TRUE(put("/f.part", "content"));
  ASSERT_TRUE(gate.await_blocked());
  ASSERT_TRUE(remote_->rename(path_of("/f.part"), path_of("/f"), patience()));
  EXPECT_THAT(list("/"), ElementsAre("f"));
  EXPECT_EQ(*read("/f"), "content");
  server_->fail_next(Op::finish, "/f.part", make_error(Errc::quota_exceeded, "552 quota", 552));
  gate.open();
  const auto verdict = remote_->settle(path_of("/f"), patience());
  ASSERT_FALSE(verdict) << "the path that resulted is asked for";
  EXPECT_EQ(verdict.error().text, "552 quota");
  ASSERT_EQ(courier().refused().size(), 1U);
  EXPECT_EQ(courier().refused().begin()->second.path.str(), "/f");
  EXPECT_EQ(courier().counters().waiting, 0U);
  ASSERT_TRUE(courier().retry_refused(patience()));
  drain();
  EXPECT_EQ(server_->content("/f"), "content");
}

TEST_F(WritebackRemoteTest, WhatWasRefusedEarlierIsNoVerdictOnWhatTheServerTookItself) {
  const std::vector<std::function<Result<void>()>> changes{
      [&]() -> Result<void> {
        FTPSFS_TRY_ASSIGN(
            auto writer,
            remote_->open_writer(path_of("/f"), remote::WriteMode::append, {}, patience()));
        FTPSFS_TRY(writer->write(std::as_bytes(std::span("more", 4)), patience()));
        FTPSFS_TRY(writer->finish({}, patience()));
        return {};
      },
      [&] { return remote_->rename(path_of("/other"), path_of("/f"), patience()); },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    SCOPED_TRACE(i);
    serve();
    server_->put("/f", "old");
    server_->put("/other", "other");
    ASSERT_TRUE(begin());
    list("/");
    server_->fail_next(Op::open_writer, "", make_error(Errc::quota_exceeded, "552 quota", 552));
    ASSERT_TRUE(put("/f", "new"));
    drain();
    ASSERT_EQ(courier().counters().refused, 1U);
    EXPECT_FALSE(remote_->settle(path_of("/f"), patience()));
    EXPECT_FALSE(remote_->settle(path_of("/f"), patience())) << "whoever asks";
    ASSERT_TRUE(remote_->set_mode(path_of("/f"), 0600, patience()));
    EXPECT_FALSE(remote_->settle(path_of("/f"), patience())) << "its content is what was refused";
    ASSERT_TRUE(changes[i]());
    EXPECT_TRUE(remote_->settle(path_of("/f"), patience()));
    EXPECT_EQ(courier().counters().refused, 1U) << "it is kept all the same";
    ASSERT_TRUE(courier().discard_refused(patience()));
    end();
  }
}

TEST_F(WritebackRemoteTest, WhatAnEarlierMountWasRefusedIsNoVerdictOfThisOne) {
  ASSERT_TRUE(begin());
  list("/");
  server_->fail_next(Op::open_writer, "/f", make_error(Errc::quota_exceeded, "552 quota", 552));
  ASSERT_TRUE(put("/f", "one"));
  drain();
  cut_link();
  ASSERT_TRUE(put("/g", "two"));
  end();
  mend_link();
  server_->fail_next(Op::open_writer, "/g", make_error(Errc::quota_exceeded, "552 quota", 552));
  ASSERT_TRUE(begin());
  drain();
  EXPECT_EQ(courier().counters().refused, 2U);
  EXPECT_TRUE(remote_->settle(path_of("/f"), patience()));
  EXPECT_FALSE(remote_->settle(path_of("/g"), patience())) << "this one has tried";
}

TEST_F(WritebackRemoteTest, ANewerVersionOfWhatIsRefusedInItsMiddleIsNoConflict) {
  for (const bool stays : {false, true}) {
    serve();
    ASSERT_TRUE(begin());
    list("/");
    auto gate = server_->hold(Op::open_writer, "/f");
    ASSERT_TRUE(put("/f", "a long one"));
    ASSERT_TRUE(gate.await_blocked());
    ASSERT_TRUE(put("/f", "short"));
    server_->fail_after_bytes(Op::write, 4, make_error(Errc::quota_exceeded, "552 quota", 552));
    if (stays) {
      server_->fail_next(Op::remove_file, "/f", make_error(Errc::access_denied, "550", 550));
    }
    gate.open();
    drain();
    EXPECT_EQ(server_->content("/f"), "short");
    EXPECT_THAT(server_->names("/"), ElementsAre("f"));
    EXPECT_EQ(courier().counters().conflicts, 0U);
    EXPECT_EQ(courier().counters().refused, 0U);
  }
}

/// Libraries of IBM i: what is there is told by no size, and reads other than it was written.
TEST_F(WritebackRemoteTest, NamesBesideWhichNoOtherMayStandAreNotForTheJournal) {
  test::FakeRemoteOptions options;
  options.plain_names_below = "/lib";
  serve(options);
  server_->put("/lib/f", "old");
  server_->put("/lib/g", "old");
  ASSERT_TRUE(begin());
  list("/lib");
  ASSERT_TRUE(put("/lib/f", "new"));
  EXPECT_EQ(server_->content("/lib/f"), "new");
  ASSERT_TRUE(remote_->make_directory(path_of("/lib/d"), patience()));
  EXPECT_TRUE(server_->exists("/lib/d"));
  ASSERT_TRUE(remote_->remove_file(path_of("/lib/g"), patience()));
  EXPECT_FALSE(server_->exists("/lib/g"));
  ASSERT_TRUE(put("/f", "new"));
  ASSERT_TRUE(remote_->rename(path_of("/f"), path_of("/lib/h"), patience()));
  EXPECT_EQ(server_->content("/lib/h"), "new") << "behind what is owed for it";
  EXPECT_EQ(courier().counters().delivered, 1U);
}

TEST_F(WritebackRemoteTest, OnlyWhatGoesIntoTheJournalArrivesWhole) {
  server_->put("/f", "text");
  server_->put_symlink("/link", "f");
  ASSERT_TRUE(begin());
  list("/");
  const auto is_whole = [&](const std::string& path, remote::WriteMode mode) {
    const auto writer = remote_->open_writer(path_of(path), mode, {}, patience());
    EXPECT_TRUE(writer);
    return writer && (*writer)->arrives_whole();
  };
  EXPECT_TRUE(is_whole("/f", remote::WriteMode::replace));
  EXPECT_TRUE(is_whole("/new", remote::WriteMode::replace));
  EXPECT_FALSE(is_whole("/f", remote::WriteMode::append)) << "it has a connection to give back";
  EXPECT_FALSE(is_whole("/link", remote::WriteMode::replace));
}

TEST_F(WritebackRemoteTest, ANameThatListingsDoNotShowIsAskedForByItself) {
  test::FakeRemoteOptions options;
  options.stat_is_cheap = false;
  options.unlisted = "hidden";
  serve(options);
  server_->put("/hidden", "precious");
  ASSERT_TRUE(begin());
  list("/");
  EXPECT_EQ(stat("/hidden").error().code, Errc::not_found);
  const auto found = remote_->stat_unlisted(path_of("/hidden"), patience());
  ASSERT_TRUE(found) << found.error().text;
  EXPECT_EQ(found->size, 8U);
  auto gate = server_->hold(Op::remove_file);
  ASSERT_TRUE(remote_->remove_file(path_of("/hidden"), patience()));
  EXPECT_EQ(remote_->stat_unlisted(path_of("/hidden"), patience()).error().code, Errc::not_found)
      << "with what is owed laid over it";
  gate.open();
  drain();
  EXPECT_FALSE(server_->content("/hidden")) << "it is not taken for gone already";
}

TEST_F(WritebackRemoteTest, WhatIsBeingWrittenFollowsItsDirectory) {
  server_->put("/d/f", "old");
  server_->put("/d/sub/x", "old");
  server_->put("/dd/f", "another");
  ASSERT_TRUE(begin());
  for (const char* directory : {"/", "/d", "/d/sub", "/dd"}) {
    list(directory);
  }
  std::map<std::string, std::unique_ptr<remote::RemoteWriter>> writers;
  for (const std::string path : {"/d/f", "/d/new", "/d/sub/x", "/dd/f"}) {
    auto writer = remote_->open_writer(path_of(path), remote::WriteMode::replace, {}, patience());
    ASSERT_TRUE(writer);
    ASSERT_TRUE((*writer)->write(std::as_bytes(std::span(path)), patience()));
    writers[path] = *std::move(writer);
  }
  ASSERT_TRUE(remote_->rename(path_of("/d"), path_of("/moved"), patience()));
  for (auto& [path, writer] : writers) {
    ASSERT_TRUE(writer->finish({}, patience())) << path;
  }
  EXPECT_EQ(*read("/moved/new"), "/d/new");
  drain();
  const std::map<std::string, std::string> expected{{"/dd/", ""},
                                                    {"/dd/f", "/dd/f"},
                                                    {"/moved/", ""},
                                                    {"/moved/f", "/d/f"},
                                                    {"/moved/sub/", ""},
                                                    {"/moved/sub/x", "/d/sub/x"},
                                                    {"/moved/new", "/d/new"}};
  EXPECT_EQ(server_->snapshot(), expected);
  EXPECT_EQ(courier().counters().conflicts, 0U);
  EXPECT_EQ(courier().counters().refused, 0U);
}

TEST_F(WritebackRemoteTest, WhatIsBeingWrittenFollowsItsFile) {
  ASSERT_TRUE(begin());
  list("/");
  auto gate = server_->hold(Op::open_writer);
  ASSERT_TRUE(put("/f", "first"));
  ASSERT_TRUE(gate.await_blocked());
  const std::string second = "second";
  auto writer = remote_->open_writer(path_of("/f"), remote::WriteMode::replace, {}, patience());
  ASSERT_TRUE(writer);
  ASSERT_TRUE((*writer)->write(std::as_bytes(std::span(second)), patience()));
  ASSERT_TRUE(remote_->rename(path_of("/f"), path_of("/g"), patience()));
  ASSERT_TRUE(put("/f", "another"));
  ASSERT_TRUE((*writer)->finish({}, patience()));
  gate.open();
  drain();
  const std::map<std::string, std::string> expected{{"/f", "another"}, {"/g", "second"}};
  EXPECT_EQ(server_->snapshot(), expected);
  EXPECT_EQ(courier().counters().conflicts, 0U);
}

TEST_F(WritebackRemoteTest, WhatEndsWhileItsDirectoryIsRenamedIsAcceptedThere) {
  server_->put_directory("/d");
  ASSERT_TRUE(begin());
  list("/");
  list("/d");
  auto writer = remote_->open_writer(path_of("/d/f"), remote::WriteMode::replace, {}, patience());
  ASSERT_TRUE(writer);
  auto gate = server_->hold(Op::rename, "/d", Moment::after);
  auto renaming = std::async(std::launch::async, [&] {
    return remote_->rename(path_of("/d"), path_of("/e"), patience());
  });
  ASSERT_TRUE(gate.await_blocked());
  EXPECT_FALSE(remote_->make_directory(path_of("/d/new"), none())) << "where is that to be?";
  auto finishing =
      std::async(std::launch::async, [&] { return (*writer)->finish({}, patience()); });
  gate.open();
  EXPECT_TRUE(renaming.get());
  EXPECT_TRUE(finishing.get());
  drain();
  EXPECT_TRUE(server_->exists("/e/f"));
  EXPECT_EQ(courier().counters().refused, 0U);
}

TEST_F(WritebackRemoteTest, ManyWriteInADirectoryThatMovesToAndFro) {
  constexpr int kWriters = 4;
  constexpr int kFiles = 10;
  constexpr int kMoves = 11;
  server_->put_directory("/even");
  ASSERT_TRUE(begin());
  list("/");
  list("/even");
  std::mutex opening;  // a name that has gone cannot be opened
  std::string directory = "/even";
  std::vector<std::future<int>> writers;
  for (int i = 0; i < kWriters; ++i) {
    writers.push_back(std::async(std::launch::async, [&, i] {
      int accepted = 0;
      for (int j = 0; j < kFiles; ++j) {
        const std::string name = std::to_string(i) + "-" + std::to_string(j);
        std::unique_lock lock(opening);
        auto writer = remote_->open_writer(path_of(directory + "/" + name),
                                           remote::WriteMode::replace, {}, patience());
        lock.unlock();
        const bool is_accepted = writer &&
                                 (*writer)->write(std::as_bytes(std::span(name)), patience()) &&
                                 (*writer)->finish({}, patience());
        accepted += is_accepted ? 1 : 0;
      }
      return accepted;
    }));
  }
  for (int i = 0; i < kMoves; ++i) {
    const std::scoped_lock lock(opening);
    const std::string target = i % 2 == 0 ? "/odd" : "/even";
    ASSERT_TRUE(remote_->rename(path_of(directory), path_of(target), patience()));
    directory = target;
  }
  for (auto& writer : writers) {
    EXPECT_EQ(writer.get(), kFiles);
  }
  drain();
  std::map<std::string, std::string> expected{{"/odd/", ""}};
  for (int i = 0; i < kWriters * kFiles; ++i) {
    const std::string name = std::to_string(i / kFiles) + "-" + std::to_string(i % kFiles);
    expected["/odd/" + name] = name;
  }
  EXPECT_EQ(server_->snapshot(), expected);
  EXPECT_EQ(courier().counters().conflicts, 0U);
  EXPECT_EQ(courier().counters().refused, 0U);
}

TEST_F(WritebackRemoteTest, WhatWaitsForAnotherChangeOfItsNameStartsFromWhatThatLeaves) {
  server_->put("/f", "old");
  ASSERT_TRUE(begin());
  list("/");
  auto writer = remote_->open_writer(path_of("/f"), remote::WriteMode::replace, {}, patience());
  ASSERT_TRUE(writer);
  auto gate = server_->hold(Op::set_mtime, "/f", Moment::after);
  auto touching = std::async(std::launch::async,
                             [&] { return remote_->set_mtime(path_of("/f"), 5, patience()); });
  ASSERT_TRUE(gate.await_blocked());
  std::atomic<bool> begun = false;
  auto finishing = std::async(std::launch::async, [&] {
    begun = true;
    return (*writer)->finish({}, patience());
  });
  constexpr int kTurns = 1000;  // so that it waits, most probably
  for (int i = 0; i < kTurns || !begun; ++i) {
    std::this_thread::yield();
  }
  gate.open();
  EXPECT_TRUE(touching.get());
  EXPECT_TRUE(finishing.get());
  drain();
  EXPECT_EQ(courier().counters().conflicts, 0U);
  EXPECT_EQ(server_->content("/f"), "");
}

TEST_F(WritebackRemoteTest, WhatMustWaitForWhatIsOwedGoesOnAsSoonAsTheServerIsThere) {
  ASSERT_TRUE(begin());
  const auto owe = [&](const std::string& content) {
    list("/");
    cut_link();
    EXPECT_TRUE(put("/f", content));
    while (courier().counters().waiting > 0 && courier().counters().problem.empty()) {
      std::this_thread::yield();
    }
    mend_link();  // nobody tells the courier
  };
  owe("text");
  auto writer = remote_->open_writer(path_of("/f"), remote::WriteMode::append, {}, patience());
  ASSERT_TRUE(writer) << writer.error().text;
  ASSERT_TRUE((*writer)->write(std::as_bytes(std::span("+", 1)), patience()));
  ASSERT_TRUE((*writer)->finish({}, patience()));
  EXPECT_EQ(server_->content("/f"), "text+");
  owe("other");
  EXPECT_TRUE(remote_->settle(path_of("/f"), patience()));
  EXPECT_EQ(server_->content("/f"), "other");
}

TEST_F(WritebackRemoteTest, ARenameWhoseTargetIsUnknownAsksForItAndWaitsForNothing) {
  server_->put("/d/f", "old");
  ASSERT_TRUE(begin());
  EXPECT_THAT(list("/"), ElementsAre("d"));
  auto gate = server_->hold(Op::open_writer);
  ASSERT_TRUE(put("/part", "new"));
  ASSERT_TRUE(gate.await_blocked());
  server_->forget_calls();
  ASSERT_TRUE(remote_->rename(path_of("/part"), path_of("/d/f"), patience()))
      << "its upload stands still";
  EXPECT_THAT(server_->log(), Contains("stat /d/f"));
  gate.open();
  drain();
  EXPECT_EQ(server_->content("/d/f"), "new");
  EXPECT_FALSE(server_->exists("/part"));
  EXPECT_EQ(courier().counters().conflicts, 0U);
}

TEST_F(WritebackRemoteTest, ReplacingWorksWhereTheServerRenamesOverNothing) {
  test::FakeRemoteOptions options;
  options.rename_replaces = false;
  serve(options);
  server_->put("/f", "old");
  ASSERT_TRUE(begin());
  list("/");
  ASSERT_TRUE(put("/f", "new"));
  drain();
  EXPECT_EQ(server_->content("/f"), "new");
  EXPECT_THAT(server_->names("/"), ElementsAre("f"));
  EXPECT_EQ(courier().counters().refused, 0U);
}

TEST_F(WritebackRemoteTest, AFileOfWhichOnlyAttributesAreOwedIsReadWhenTheyAreThere) {
  ASSERT_TRUE(begin());
  list("/");
  auto upload_gate = server_->hold(Op::open_writer);
  ASSERT_TRUE(put("/f", "content"));
  ASSERT_TRUE(upload_gate.await_blocked());
  ASSERT_TRUE(remote_->set_mtime(path_of("/f"), 777, patience()));
  auto gate = server_->hold(Op::set_mtime);
  upload_gate.open();
  ASSERT_TRUE(gate.await_blocked());
  gate.let_one_pass();  // that of the upload itself
  while (courier().counters().delivered == 0) {
    std::this_thread::yield();
  }
  ASSERT_TRUE(gate.await_blocked());
  EXPECT_EQ(remote_->version(path_of("/f"), patience())->mtime->unix_seconds, 777);
  EXPECT_EQ(stat("/f")->mtime->unix_seconds, 777);
  const auto early = remote_->open_reader(
      path_of("/f"), 0, [] {}, none());
  ASSERT_FALSE(early) << "the server would tell another time";
  EXPECT_EQ(early.error().code, Errc::timed_out);
  gate.open();
  const auto reader = remote_->open_reader(
      path_of("/f"), 0, [] {}, patience());
  ASSERT_TRUE(reader);
  EXPECT_EQ((*reader)->version().mtime->unix_seconds, 777);
}

TEST_F(WritebackRemoteTest, WhatOthersHavePutThereMeanwhileIsNotRemoved) {
  server_->put("/f", "old");
  ASSERT_TRUE(begin());
  list("/");
  auto gate = server_->hold(Op::stat, "/f");
  ASSERT_TRUE(remote_->remove_file(path_of("/f"), patience()));
  ASSERT_TRUE(gate.await_blocked());
  server_->put("/f", "theirs, new", 99);
  gate.open();
  drain();
  EXPECT_EQ(server_->content("/f"), "theirs, new");
  EXPECT_EQ(courier().counters().conflicts, 1U);
  EXPECT_THAT(surprises(), ElementsAre("/"));
}

TEST_F(WritebackRemoteTest, WhatOthersHavePutInTheSourcesPlaceIsNotMoved) {
  ASSERT_TRUE(begin());
  list("/");
  auto upload_gate = server_->hold(Op::open_writer);
  ASSERT_TRUE(put("/a", "ours"));
  ASSERT_TRUE(upload_gate.await_blocked());
  ASSERT_TRUE(remote_->rename(path_of("/a"), path_of("/b"), patience()));
  auto gate = server_->hold(Op::finish, "/a", Moment::after);
  upload_gate.open();
  ASSERT_TRUE(gate.await_blocked());
  auto look_gate = server_->hold(Op::stat, "/a");
  gate.open();
  ASSERT_TRUE(look_gate.await_blocked());
  server_->put("/a", "theirs, longer", 99);
  look_gate.open();
  drain();
  EXPECT_EQ(server_->content("/a"), "theirs, longer");
  EXPECT_FALSE(server_->exists("/b"));
  EXPECT_EQ(courier().counters().conflicts, 1U);
}

TEST_F(WritebackRemoteTest, WhatThisMountDidItselfIsNoConflict) {
  server_->put("/log", "one");
  server_->put("/moved", "before");
  ASSERT_TRUE(begin());
  list("/");
  {
    auto writer = remote_->open_writer(path_of("/log"), remote::WriteMode::append, {}, patience());
    ASSERT_TRUE(writer);
    clock_.advance(std::chrono::seconds(5));
    const std::string more = " two";
    ASSERT_TRUE((*writer)->write(std::as_bytes(std::span(more)), patience()));
    list("/");  // tells what is there half-way
    ASSERT_TRUE((*writer)->finish({}, patience()));
  }
  ASSERT_TRUE(put("/log", "all anew"));
  ASSERT_TRUE(remote_->rename(path_of("/moved"), path_of("/here"), patience()));
  ASSERT_TRUE(put("/here", "after"));
  ASSERT_TRUE(remote_->set_mtime(path_of("/here"), 5, patience()));
  drain();
  ASSERT_TRUE(remote_->set_mtime(path_of("/here"), 6, patience()));
  ASSERT_TRUE(put("/here", "and again"));
  drain();
  EXPECT_EQ(server_->content("/log"), "all anew");
  EXPECT_EQ(server_->content("/here"), "and again");
  EXPECT_EQ(courier().counters().conflicts, 0U);
  EXPECT_EQ(courier().counters().refused, 0U);
}

TEST_F(WritebackRemoteTest, WhatOthersDidSinceItWasSeenIsAConflict) {
  server_->put("/f", "old");
  ASSERT_TRUE(begin());
  list("/");
  server_->put("/f", "theirs, longer", 99);
  ASSERT_TRUE(put("/f", "ours"));
  drain();
  EXPECT_EQ(server_->content("/f"), "theirs, longer");
  ASSERT_EQ(server_->names("/").size(), 2U);
  EXPECT_THAT(server_->names("/")[1], StartsWith("f.conflict-"));
  EXPECT_EQ(server_->content("/" + server_->names("/")[1]), "ours");
  EXPECT_THAT(surprises(), ElementsAre("/")) << "the one directory";
}

/// Its program may have closed it long ago: there is nobody to be told that the server hangs.
TEST_F(WritebackRemoteTest, ANewFileIsAcceptedWithoutTheServersAnswer) {
  ASSERT_TRUE(begin());
  cut_link();
  remote::UploadTail tail;
  const auto accept = [&](const std::string& path) -> Result<void> {
    FTPSFS_TRY_ASSIGN(
        const auto writer,
        remote_->open_writer(path_of(path), remote::WriteMode::replace, {}, none(), tail));
    FTPSFS_TRY(writer->write(std::as_bytes(std::span("ours", 4)), patience()));
    FTPSFS_TRY(writer->finish(tail, patience()));
    return {};
  };
  EXPECT_FALSE(accept("/a")) << "nothing is known of it";
  tail.may_lead = true;
  ASSERT_TRUE(accept("/a"));
  ASSERT_TRUE(accept("/b"));
  EXPECT_EQ(read("/a").value_or(""), "ours");
  server_->put("/b", "somebody else's");
  mend_link();
  drain();
  EXPECT_EQ(server_->content("/a"), "ours");
  EXPECT_EQ(server_->content("/b"), "somebody else's") << "nothing is written over";
  EXPECT_EQ(courier().counters().conflicts, 1U);
}

TEST_F(WritebackRemoteTest, WhatIsSettledIsWhatTheServerHas) {
  ASSERT_TRUE(begin());
  server_->put("/f", "old");
  ASSERT_TRUE(stat("/f"));
  cut_link();
  ASSERT_TRUE(put("/f", "owed"));
  ASSERT_TRUE(stat("/f"));
  const auto early = remote_->stat_settled(path_of("/f"), none());
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code, Errc::timed_out);
  mend_link();
  server_->erase("/f");
  server_->fail_next(Op::open_writer, {}, make_error(Errc::access_denied, "553"));
  drain();
  const auto settled = remote_->stat_settled(path_of("/f"), patience());
  ASSERT_FALSE(settled);
  EXPECT_EQ(settled.error().code, Errc::not_found);
}

TEST_F(WritebackRemoteTest, AttributesOfWhatIsNotOwedGoToTheServerAndARefusalIsTold) {
  server_->put("/f", "text");
  server_->put_directory("/d");
  ASSERT_TRUE(begin());
  list("/");
  server_->fail_next(Op::set_mtime, "/f", make_error(Errc::access_denied, "550", 550));
  const auto refused = remote_->set_mtime(path_of("/f"), 5, patience());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::access_denied);
  ASSERT_TRUE(remote_->set_mode(path_of("/d"), 0700, patience()));
  EXPECT_EQ(server_->mode("/d"), 0700) << "of a directory: done when it is answered";
}

TEST_F(WritebackRemoteTest, ADirectorysTimeIsNotSetWhileSomethingIsOwedInIt) {
  server_->put_directory("/d");
  ASSERT_TRUE(begin());
  list("/d");
  auto gate = server_->hold(Op::open_writer);
  ASSERT_TRUE(put("/d/f", "content"));
  const auto set = remote_->set_mtime(path_of("/d"), 5, patience());
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().code, Errc::unsupported);
  gate.open();
  drain();
  EXPECT_TRUE(remote_->set_mtime(path_of("/d"), 5, patience()));
  EXPECT_EQ(server_->mtime("/d"), 5);
}

TEST_F(WritebackRemoteTest, ANewDirectorysModeIsNotLost) {
  ASSERT_TRUE(begin());
  list("/");
  cut_link();
  ASSERT_TRUE(remote_->make_directory(path_of("/d"), patience()));
  ASSERT_TRUE(stat("/d")->mode);
  EXPECT_NE(*stat("/d")->mode & 0777, 0750) << "so whoever wants that sets it";
  ASSERT_TRUE(remote_->set_mode(path_of("/d"), 0750, patience()));
  EXPECT_EQ(stat("/d")->mode, 0750);
  mend_link();
  drain();
  EXPECT_EQ(server_->mode("/d"), 0750);
  EXPECT_EQ(courier().counters().given_up, 0U);
}

TEST_F(WritebackRemoteTest, DirectoriesThatAreNewAreNotListedAhead) {
  server_->put("/a/f", "1");
  ASSERT_TRUE(begin());
  list("/");
  list("/a");
  auto gate = server_->hold(Op::make_directory);
  ASSERT_TRUE(remote_->make_directory(path_of("/new"), patience()));
  ASSERT_TRUE(remote_->make_directory(path_of("/new/sub"), patience()));
  ASSERT_TRUE(remote_->remove_file(path_of("/a/f"), patience()));
  ASSERT_TRUE(put("/a/g", "2"));
  std::map<std::size_t, std::size_t> seen;
  remote_->list_ahead(
      [] {
        return std::vector{path_of("/new"), path_of("/new/sub"), path_of("/a")};
      },
      false,
      [&](std::size_t index, Result<remote::Listing> listing) {
        ASSERT_TRUE(listing);
        seen[index] = listing->entries.size();
        EXPECT_EQ(listing->entries.at(0).name, "g") << "what is owed is laid over it";
      },
      patience());
  EXPECT_THAT(seen, ElementsAre(std::pair(2U, 1U)));
  gate.open();
  drain();
}

TEST_F(WritebackRemoteTest, RoomIsTakenBeforeBytesAreWrittenAndGivenBack) {
  ASSERT_TRUE(begin(100'000));
  list("/");
  cut_link();
  const std::string half(60'000, 'x');
  ASSERT_TRUE(put("/a", half));
  {
    auto writer = remote_->open_writer(path_of("/b"), remote::WriteMode::replace, {}, patience());
    ASSERT_TRUE(writer);
    const auto full = (*writer)->write(std::as_bytes(std::span(half)), none());
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().code, Errc::no_space);
    EXPECT_TRUE((*writer)->write(std::as_bytes(std::span(half).first(30'000)), none()));
  }
  ASSERT_TRUE(put("/c", half.substr(0, 40'000))) << "nobody holds any of it";
  mend_link();
  drain();
  EXPECT_EQ(server_->content("/c")->size(), 40'000U);
}

TEST_F(WritebackRemoteTest, AFailedBeginEndsCleanlyAndBeforeItAllGoesThrough) {
  server_->put("/f", "text");
  ASSERT_TRUE(begin());
  WritebackRemote second(*server_, clock_);
  WritebackSettings settings;
  settings.journal = {place_.path(), "server", 4096};
  const auto busy = second.begin(std::move(settings));
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code, Errc::busy);
  EXPECT_EQ(second.courier(), nullptr);
  EXPECT_FALSE(second.traits().writes_back);
  EXPECT_TRUE(second.stat(path_of("/f"), patience()));
  EXPECT_TRUE(second.remove_file(path_of("/f"), patience()));
  EXPECT_FALSE(server_->exists("/f"));
  EXPECT_TRUE(second.settle(path_of("/f"), patience()));
}

TEST_F(WritebackRemoteTest, TheNextMountGoesOnAndShowsWhatIsOwed) {
  ASSERT_TRUE(begin());
  list("/");
  cut_link();
  ASSERT_TRUE(remote_->make_directory(path_of("/d"), patience()));
  ASSERT_TRUE(put("/d/f", "content"));
  end();
  ASSERT_TRUE(begin());
  EXPECT_THAT(list("/d"), ElementsAre("f"));
  EXPECT_EQ(*read("/d/f"), "content");
  mend_link();
  drain();
  EXPECT_EQ(server_->content("/d/f"), "content");
}

TEST_F(WritebackRemoteTest, FilesThatAreRenamedOrRemovedInTimeNeverTouchTheWire) {
  ASSERT_TRUE(begin());
  list("/");
  cut_link();
  ASSERT_TRUE(put("/first", "x"));  // its failure makes all pause
  while (courier().counters().problem.empty()) {
    std::this_thread::yield();
  }
  ASSERT_TRUE(put("/part", "content"));
  ASSERT_TRUE(remote_->rename(path_of("/part"), path_of("/f"), patience()));
  ASSERT_TRUE(put("/short", "lived"));
  ASSERT_TRUE(remote_->remove_file(path_of("/short"), patience()));
  server_->forget_calls();
  mend_link();
  drain();
  EXPECT_EQ(server_->content("/f"), "content");
  for (const std::string& line : server_->log()) {
    EXPECT_THAT(line, Not(HasSubstr("/part")));
    EXPECT_THAT(line, Not(HasSubstr("/short")));
  }
}

TEST_F(WritebackRemoteTest, ARefusalIsToldAndTheServersTruthShowsAgain) {
  server_->put("/d/f", "old");
  ASSERT_TRUE(begin());
  list("/d");
  server_->fail_next(Op::remove_file, "/d/f", make_error(Errc::access_denied, "550", 550));
  ASSERT_TRUE(remote_->remove_file(path_of("/d/f"), patience()));
  drain();
  EXPECT_THAT(surprises(), ElementsAre("/d"));
  EXPECT_THAT(list("/d"), ElementsAre("f"));
  EXPECT_EQ(courier().counters().given_up, 1U);
}

TEST_F(WritebackRemoteTest, LongListingsShowWhatIsOwedWhileTheyArrive) {
  test::FakeRemoteOptions options;
  options.arrives_in = 1;
  serve(options);
  server_->put("/a", "1");
  server_->put("/b", "2");
  server_->put("/c", "3");
  ASSERT_TRUE(begin());
  list("/");
  auto gate = server_->hold(Op::remove_file);
  auto upload_gate = server_->hold(Op::open_writer);
  ASSERT_TRUE(remote_->remove_file(path_of("/a"), patience()));
  ASSERT_TRUE(put("/b", "longer"));
  ASSERT_TRUE(put("/d", "new"));
  std::vector<std::string> arrived;
  remote::ListingHints hints;
  hints.arriving = [&](std::vector<remote::Entry> entries) -> std::optional<Wait> {
    for (const auto& entry : entries) {
      arrived.push_back(entry.name + " " + std::to_string(entry.size.value_or(0)));
    }
    return std::nullopt;
  };
  const auto whole = remote_->list(path_of("/"), patience(), hints);
  ASSERT_TRUE(whole);
  EXPECT_THAT(arrived, ElementsAre("b 6", "c 1"));
  EXPECT_EQ(whole->entries.size(), 3U);
  gate.open();
  upload_gate.open();
  drain();
}

}  // namespace
}  // namespace ftpsfs::writeback
