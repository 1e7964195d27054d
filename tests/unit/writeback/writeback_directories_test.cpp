// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>

#include "ftpsfs/remote/hidden_names.hpp"
#include "writeback_remote_fixture.hpp"

namespace ftpsfs::writeback {
namespace {

using test::Op;
using testing::ElementsAre;
using testing::IsEmpty;

class WritebackDirectoriesTest : public WritebackRemoteTest {
 protected:
  Result<void> remove(const std::string& path) {
    return remote_->remove_file(path_of(path), none());
  }
  /// Without waiting for anything that is owed.
  Result<void> remove_directory(const std::string& path) {
    return remote_->remove_directory(path_of(path), none());
  }
  Errc code_of(const Result<void>& result) { return result ? Errc{} : result.error().code; }
};

TEST_F(WritebackDirectoriesTest, ATreeIsRemovedWithoutWaitingForTheServer) {
  server_->put("/d/a", "1");
  server_->put("/d/e/b", "2");
  ASSERT_TRUE(begin());
  for (const char* directory : {"/", "/d", "/d/e"}) {
    list(directory);
  }
  auto gate = server_->hold(Op::remove_file);
  ASSERT_TRUE(remove("/d/a"));
  ASSERT_TRUE(remove("/d/e/b"));
  ASSERT_TRUE(remove_directory("/d/e"));
  EXPECT_THAT(list("/d"), IsEmpty());
  ASSERT_TRUE(remove_directory("/d"));
  EXPECT_EQ(stat("/d").error().code, Errc::not_found);
  EXPECT_EQ(stat("/d/e/b").error().code, Errc::not_found);
  EXPECT_EQ(code_of(remove_directory("/d")), Errc::not_found);
  EXPECT_TRUE(server_->exists("/d/e/b"));
  EXPECT_THAT(list("/"), IsEmpty());
  gate.open();
  drain();
  EXPECT_FALSE(server_->exists("/d"));
  EXPECT_EQ(courier().counters().given_up, 0U);
  EXPECT_EQ(stat("/d").error().code, Errc::not_found);
}

TEST_F(WritebackDirectoriesTest, WhatHasBeenCarriedOutMeanwhileIsKnownToBeGone) {
  server_->put("/d/e/a", "1");
  server_->put("/d/b", "2");
  ASSERT_TRUE(begin());
  for (const char* directory : {"/", "/d", "/d/e"}) {
    list(directory);
  }
  ASSERT_TRUE(remove("/d/e/a"));
  drain();
  ASSERT_TRUE(remove_directory("/d/e"));
  drain();
  cut_link();
  ASSERT_TRUE(remove("/d/b"));
  ASSERT_TRUE(remove_directory("/d"));
  mend_link();
  drain();
  EXPECT_FALSE(server_->exists("/d"));
}

TEST_F(WritebackDirectoriesTest, ANewTreeThatIsRemovedWhileItWaitsNeverTouchesTheWire) {
  ASSERT_TRUE(begin());
  list("/");
  cut_link();
  ASSERT_TRUE(put("/first", "x"));  // its failure makes all pause
  while (courier().counters().problem.empty()) {
    std::this_thread::yield();
  }
  ASSERT_TRUE(remote_->make_directory(path_of("/d"), none()));
  ASSERT_TRUE(remote_->make_directory(path_of("/d/e"), none()));
  ASSERT_TRUE(put("/d/e/f", "content"));
  EXPECT_EQ(code_of(remove_directory("/d/e")), Errc::not_empty);
  EXPECT_EQ(code_of(remove_directory("/d")), Errc::not_empty);
  ASSERT_TRUE(remove("/d/e/f"));
  ASSERT_TRUE(remove_directory("/d/e"));
  ASSERT_TRUE(remove_directory("/d"));
  EXPECT_EQ(courier().waiting().size(), 1U);
  server_->forget_calls();
  mend_link();
  drain();
  EXPECT_EQ(server_->calls(Op::make_directory), 0U);
  EXPECT_EQ(server_->calls(Op::remove_directory), 0U);
  EXPECT_THAT(server_->names("/"), ElementsAre("first"));
}

TEST_F(WritebackDirectoriesTest, OneThatIsBeingMadeIsRemovedBehindThat) {
  ASSERT_TRUE(begin());
  list("/");
  auto gate = server_->hold(Op::make_directory);
  ASSERT_TRUE(remote_->make_directory(path_of("/d"), none()));
  ASSERT_TRUE(gate.await_blocked());
  ASSERT_TRUE(put("/d/f", "content"));
  ASSERT_TRUE(remove("/d/f"));
  ASSERT_TRUE(remove_directory("/d"));
  EXPECT_EQ(stat("/d").error().code, Errc::not_found);
  gate.open();
  drain();
  EXPECT_FALSE(server_->exists("/d"));
  EXPECT_EQ(server_->calls(Op::open_writer), 0U);
}

TEST_F(WritebackDirectoriesTest, OneThatIsRefusedAndWasRemovedIsNotKept) {
  ASSERT_TRUE(begin());
  list("/");
  auto gate = server_->hold(Op::make_directory);
  ASSERT_TRUE(remote_->make_directory(path_of("/d"), none()));
  ASSERT_TRUE(gate.await_blocked());
  ASSERT_TRUE(remove_directory("/d"));
  server_->fail_next(Op::make_directory, "/d", make_error(Errc::access_denied, "550", 550),
                     test::Moment::after);
  server_->on_call([&](Op op, const std::string&) {
    if (op == Op::stat && server_->exists("/d")) {
      server_->erase("/d");
    }
  });
  gate.open();
  drain();
  EXPECT_EQ(courier().counters().refused, 0U) << "nobody wants it any more";
  EXPECT_EQ(server_->calls(Op::remove_directory), 0U);
}

TEST_F(WritebackDirectoriesTest, ANewOneTakesThePlaceOfOneThatIsStillToGo) {
  server_->put("/d/f", "old");
  ASSERT_TRUE(begin());
  list("/");
  list("/d");
  cut_link();
  ASSERT_TRUE(remove("/d/f"));
  ASSERT_TRUE(remove_directory("/d"));
  ASSERT_TRUE(remote_->make_directory(path_of("/d"), none()));
  EXPECT_THAT(list("/d"), IsEmpty());
  ASSERT_TRUE(put("/d/f", "new"));
  EXPECT_EQ(code_of(remove_directory("/d")), Errc::not_empty);
  mend_link();
  drain();
  EXPECT_EQ(server_->content("/d/f"), "new");
  EXPECT_EQ(courier().counters().conflicts, 0U);
  EXPECT_EQ(courier().counters().given_up, 0U);
}

TEST_F(WritebackDirectoriesTest, AFileTakesThePlaceOfOneThatIsStillToGo) {
  server_->put_directory("/d");
  ASSERT_TRUE(begin());
  list("/");
  list("/d");
  cut_link();
  ASSERT_TRUE(remove_directory("/d"));
  ASSERT_TRUE(put("/d", "a file now"));
  EXPECT_EQ(code_of(remove_directory("/d")), Errc::not_directory);
  mend_link();
  drain();
  EXPECT_EQ(server_->content("/d"), "a file now");
}

TEST_F(WritebackDirectoriesTest, NothingIsAcceptedInOneThatIsGone) {
  server_->put("/d/f", "old");
  ASSERT_TRUE(begin());
  list("/");
  list("/d");
  auto writer =
      remote_->open_writer(path_of("/d/late"), remote::WriteMode::replace, {}, patience());
  ASSERT_TRUE(writer);
  auto gate = server_->hold(Op::remove_file);
  ASSERT_TRUE(remove("/d/f"));
  ASSERT_TRUE(gate.await_blocked());
  ASSERT_TRUE(remove_directory("/d"));
  const auto finished = (*writer)->finish({}, none());
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code, Errc::not_found);
  EXPECT_FALSE(remote_->make_directory(path_of("/d/new"), none()));
  EXPECT_FALSE(remote_->open_writer(path_of("/d/f"), remote::WriteMode::replace, {}, none()));
  gate.open();
  drain();
  EXPECT_FALSE(server_->exists("/d"));
  EXPECT_EQ(courier().counters().refused, 0U);
}

TEST_F(WritebackDirectoriesTest, OneThatHoldsSomethingStays) {
  server_->put("/d/f", "1");
  server_->put("/d/g", "2");
  ASSERT_TRUE(begin());
  list("/");
  list("/d");
  cut_link();
  ASSERT_TRUE(remove("/d/f"));
  EXPECT_EQ(code_of(remove_directory("/d")), Errc::not_empty);
  ASSERT_TRUE(remove("/d/g"));
  ASSERT_TRUE(put("/d/h", "3"));
  EXPECT_EQ(code_of(remove_directory("/d")), Errc::not_empty);
}

TEST_F(WritebackDirectoriesTest, OneThatIsNotKnownIsAskedForBehindWhatIsOwed) {
  server_->put("/d/f", "1");
  server_->put("/d/g", "2");
  ASSERT_TRUE(begin());
  list("/");
  ASSERT_TRUE(stat("/d/f"));
  auto gate = server_->hold(Op::remove_file, "/d/f");
  ASSERT_TRUE(remove("/d/f"));
  EXPECT_EQ(code_of(remove_directory("/d")), Errc::timed_out) << "what else is in it?";
  gate.open();
  drain();
  EXPECT_EQ(code_of(remote_->remove_directory(path_of("/d"), patience())), Errc::not_empty)
      << "as the server says";
  server_->erase("/d/g");
  EXPECT_TRUE(remote_->remove_directory(path_of("/d"), patience()));
  EXPECT_FALSE(server_->exists("/d")) << "done when it is answered";
}

TEST_F(WritebackDirectoriesTest, OursThatNobodySeesAreSeenToBefore) {
  const std::string hidden = "/d/.ftpsfs-00000000000000aa-0000000000000001.part";
  ASSERT_TRUE(remote::HiddenNames::is_hidden(hidden.substr(3)));
  server_->put("/d/f", "1");
  server_->put(hidden, "2");
  ASSERT_TRUE(begin());
  list("/");
  list("/d");
  auto gate = server_->hold(Op::remove_file, "/d/f");
  ASSERT_TRUE(remove("/d/f"));
  EXPECT_EQ(code_of(remove_directory("/d")), Errc::timed_out);
  gate.open();
  drain();
  EXPECT_EQ(code_of(remote_->remove_directory(path_of("/d"), patience())), Errc::not_empty);
}

TEST_F(WritebackDirectoriesTest, OneInWhichAFileMayLieAsideIsNotTakenForEmpty) {
  test::FakeRemoteOptions options;
  options.rename_replaces = false;
  serve(options);
  server_->put("/d/f", "1");
  ASSERT_TRUE(begin());
  list("/");
  list("/d");
  server_->fail_next(Op::remove_file, {}, make_error(Errc::access_denied, "550", 550));
  ASSERT_TRUE(put("/d/f", "longer"));
  drain();
  ASSERT_EQ(server_->names("/d").size(), 2U);
  ASSERT_TRUE(remove("/d/f"));
  drain();
  EXPECT_EQ(code_of(remote_->remove_directory(path_of("/d"), patience())), Errc::not_empty);
  EXPECT_EQ(courier().counters().given_up, 0U);
}

TEST_F(WritebackDirectoriesTest, OneThatOthersHaveFilledMeanwhileStaysAndThatIsTold) {
  server_->put("/d/f", "1");
  ASSERT_TRUE(begin());
  list("/");
  list("/d");
  auto gate = server_->hold(Op::remove_file, "/d/f");
  ASSERT_TRUE(remove("/d/f"));
  ASSERT_TRUE(gate.await_blocked());
  ASSERT_TRUE(remove_directory("/d"));
  server_->put("/d/theirs", "2");
  gate.open();
  drain();
  EXPECT_THAT(surprises(), ElementsAre("/"));
  EXPECT_EQ(courier().counters().given_up, 1U);
  EXPECT_EQ(courier().counters().refused, 0U);
  EXPECT_THAT(list("/"), ElementsAre("d"));
  EXPECT_THAT(list("/d"), ElementsAre("theirs"));
}

TEST_F(WritebackDirectoriesTest, WhatIsPutWhereOneWasNotRemovedFollowsTheServersTruth) {
  server_->put("/d/f", "1");
  ASSERT_TRUE(begin());
  list("/");
  list("/d");
  auto gate = server_->hold(Op::remove_file, "/d/f");
  ASSERT_TRUE(remove("/d/f"));
  ASSERT_TRUE(gate.await_blocked());
  ASSERT_TRUE(remove_directory("/d"));
  ASSERT_TRUE(remote_->make_directory(path_of("/d"), none()));
  ASSERT_TRUE(put("/d/theirs", "ours"));
  server_->put("/d/theirs", "theirs");
  gate.open();
  drain();
  EXPECT_EQ(courier().counters().given_up, 1U) << "the removal";
  EXPECT_EQ(courier().counters().conflicts, 1U);
  EXPECT_EQ(server_->content("/d/theirs"), "theirs");
  EXPECT_EQ(server_->names("/d").size(), 2U);
}

TEST_F(WritebackDirectoriesTest, TheNextMountRemovesWhatThisOneWasToldTo) {
  server_->put("/d/f", "1");
  server_->put_directory("/e");
  ASSERT_TRUE(begin());
  for (const char* directory : {"/", "/d", "/e"}) {
    list(directory);
  }
  cut_link();
  ASSERT_TRUE(remove("/d/f"));
  ASSERT_TRUE(remove_directory("/d"));
  ASSERT_TRUE(remove_directory("/e"));
  end();
  server_->erase("/e");  // as if it had been carried out, and nobody had heard of it
  ASSERT_TRUE(begin());
  EXPECT_EQ(stat("/d").error().code, Errc::not_found);
  mend_link();
  drain();
  EXPECT_THAT(server_->names("/"), IsEmpty());
  EXPECT_EQ(courier().counters().given_up, 0U);
}

TEST_F(WritebackDirectoriesTest, WhereNoOtherNameMayStandTheServerIsAsked) {
  test::FakeRemoteOptions options;
  options.plain_names_below = "/lib";
  serve(options);
  server_->put_directory("/lib/d");
  ASSERT_TRUE(begin());
  list("/lib");
  list("/lib/d");
  ASSERT_TRUE(remote_->remove_directory(path_of("/lib/d"), patience()));
  EXPECT_FALSE(server_->exists("/lib/d")) << "done when it is answered";
}

TEST_F(WritebackDirectoriesTest, AModeIsAcceptedWhileSomethingInTheDirectoryIsOwed) {
  server_->put_directory("/d");
  ASSERT_TRUE(begin());
  list("/");
  list("/d");
  auto gate = server_->hold(Op::open_writer);
  ASSERT_TRUE(put("/d/f", "content"));
  ASSERT_TRUE(gate.await_blocked());
  ASSERT_TRUE(remote_->set_mode(path_of("/d"), 0550, none()));
  EXPECT_EQ(stat("/d")->mode, 0550);
  EXPECT_EQ(stat("/d")->type, remote::FileType::directory);
  gate.open();
  drain();
  EXPECT_EQ(server_->mode("/d"), 0550);
  EXPECT_EQ(server_->content("/d/f"), "content");
  ASSERT_TRUE(remove("/d/f"));
  drain();
  cut_link();
  ASSERT_TRUE(remove_directory("/d")) << "it is still known to be a directory";
}

TEST_F(WritebackDirectoriesTest, TheModeOfOneThatIsListedAndNotKnownOtherwiseIsAcceptedToo) {
  server_->put_directory("/d");
  ASSERT_TRUE(begin());
  list("/d");  // as a mount of that directory does
  auto gate = server_->hold(Op::open_writer);
  ASSERT_TRUE(put("/d/f", "content"));
  ASSERT_TRUE(remote_->set_mode(path_of("/d"), 0750, none()));
  ASSERT_TRUE(remote_->set_mode(path_of("/"), 0711, none()));
  gate.open();
  drain();
  EXPECT_EQ(server_->mode("/d"), 0750);
}

TEST_F(WritebackDirectoriesTest, ATimeIsNeverWaitedFor) {
  server_->put_directory("/d");
  server_->put("/d/old", "old");
  ASSERT_TRUE(begin());
  list("/");
  list("/d");
  auto gate = server_->hold(Op::open_writer);
  ASSERT_TRUE(put("/d/f", "content"));
  ASSERT_TRUE(remote_->set_mode(path_of("/d"), 0700, none()));
  EXPECT_EQ(code_of(remote_->set_mtime(path_of("/d"), 5, none())), Errc::unsupported);
  EXPECT_EQ(code_of(remote_->set_mtime(path_of("/"), 5, none())), Errc::unsupported);
  EXPECT_NE(code_of(remote_->set_mtime(path_of("/d/old"), 5, none())), Errc::unsupported)
      << "a file";
  gate.open();
  drain();
  ASSERT_TRUE(remote_->set_mtime(path_of("/d/old"), 5, patience()));
  EXPECT_EQ(server_->mtime("/d/old"), 5);
  EXPECT_EQ(courier().counters().given_up, 0U);
}

TEST_F(WritebackDirectoriesTest, AModeThatIsRefusedLateIsTold) {
  server_->put_directory("/d");
  ASSERT_TRUE(begin());
  list("/");
  auto gate = server_->hold(Op::open_writer);
  ASSERT_TRUE(put("/d/f", "content"));
  ASSERT_TRUE(remote_->set_mode(path_of("/d"), 0700, none()));
  server_->fail_next(Op::set_mode, "/d", make_error(Errc::access_denied, "550", 550));
  gate.open();
  drain();
  EXPECT_EQ(courier().counters().given_up, 1U);
  EXPECT_THAT(surprises(), ElementsAre("/"));
}

}  // namespace
}  // namespace ftpsfs::writeback
