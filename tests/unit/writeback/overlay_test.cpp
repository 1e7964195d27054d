// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/overlay.hpp"

#include <gmock/gmock.h>

#include "intentions.hpp"

namespace ftpsfs::writeback {
namespace {

using testing::ElementsAre;
using ViewKind = View::Kind;

class OverlayTest : public ::testing::Test {
 protected:
  void add(Intention intention) { queue_.keep(queue_.add(std::move(intention))); }
  View at(const std::string& path) const { return Overlay(queue_).at(path_of(path)); }
  ViewKind kind(const std::string& path) const { return at(path).kind; }
  std::vector<std::string> names_in(const std::string& path) const {
    std::vector<std::string> names;
    for (const auto& [name, view] : Overlay(queue_).names_in(path_of(path))) {
      names.push_back(name + (view.kind == ViewKind::absent ? " gone" : ""));
    }
    return names;
  }
  static Intention sized(Intention intention, std::uint64_t size) {
    intention.size = size;
    return intention;
  }

  Queue queue_{NameCase::sensitive};
};

TEST_F(OverlayTest, WithNothingOwedAllIsAsTheServerSays) {
  EXPECT_EQ(kind("/"), ViewKind::untouched);
  EXPECT_EQ(kind("/f"), ViewKind::untouched);
}

TEST_F(OverlayTest, AnUploadShowsAtOnce) {
  Intention intention = sized(upload("/d/f", 7), 12);
  intention.accepted = 1000;
  add(intention);
  View view = at("/d/f");
  EXPECT_EQ(view.kind, ViewKind::file);
  EXPECT_EQ(view.size, 12U);
  EXPECT_EQ(view.content, 7U);
  EXPECT_EQ(view.mtime, 1000);
  EXPECT_FALSE(view.mtime_is_promised);
  add(attributes("/d/f", 5, std::uint16_t{0600}));
  view = at("/d/f");
  EXPECT_EQ(view.mtime, 5);
  EXPECT_TRUE(view.mtime_is_promised);
  EXPECT_EQ(view.mode, 0600);
  EXPECT_EQ(kind("/d"), ViewKind::untouched);
}

TEST_F(OverlayTest, ANewDirectoryHidesWhateverTheServerSaysOfWhatIsInIt) {
  add(simple(Action::make_directory, "/d"));
  add(upload("/d/f", 1));
  EXPECT_EQ(kind("/d"), ViewKind::directory);
  EXPECT_EQ(kind("/d/f"), ViewKind::file);
  EXPECT_EQ(kind("/d/g"), ViewKind::absent);
  EXPECT_EQ(kind("/d/g/h"), ViewKind::absent);
  EXPECT_EQ(kind("/e"), ViewKind::untouched);
}

TEST_F(OverlayTest, ARemovalHidesTheName) {
  add(simple(Action::remove_file, "/f"));
  EXPECT_EQ(kind("/f"), ViewKind::absent);
  add(sized(upload("/f", 2, ours()), 3));
  EXPECT_EQ(kind("/f"), ViewKind::file);
}

TEST_F(OverlayTest, ARenamedFileIsReadFromTheJournalAsLongAsItIsThere) {
  add(upload("/part", 7));
  const auto started = queue_.take();
  ASSERT_TRUE(started);
  Intention moved = sized(rename("/part", "/f"), 12);
  moved.tail.mtime = 5;
  add(moved);
  EXPECT_EQ(kind("/part"), ViewKind::absent);
  View view = at("/f");
  EXPECT_EQ(view.kind, ViewKind::file);
  EXPECT_EQ(view.size, 12U);
  EXPECT_EQ(view.mtime, 5);
  EXPECT_EQ(view.content, 7U);
  queue_.keep(queue_.finish(started->id, remote::FileVersion{12, std::nullopt, {}}));
  EXPECT_EQ(at("/f").kind, ViewKind::file) << "until the end of the upload is kept";
  queue_.release(started->id);
  view = at("/f");
  EXPECT_EQ(view.kind, ViewKind::file);
  EXPECT_EQ(view.content, 0U) << "its bytes are on the server, under the old name";
  EXPECT_EQ(kind("/part"), ViewKind::absent);
}

TEST_F(OverlayTest, WhatIsCarriedOutShowsUntilThatIsKept) {
  add(sized(upload("/f", 7), 3));
  const auto started = queue_.take();
  ASSERT_TRUE(started);
  queue_.finish(started->id, std::nullopt);
  EXPECT_EQ(kind("/f"), ViewKind::file);
  queue_.release(started->id);
  EXPECT_EQ(kind("/f"), ViewKind::untouched);
}

TEST_F(OverlayTest, OwedAttributesArePutOnWhatTheServerSays) {
  add(attributes("/f", 5));
  const View view = at("/f");
  EXPECT_EQ(view.kind, ViewKind::patched);
  remote::Entry answer;
  answer.name = "f";
  answer.size = 9;
  answer.mode = std::uint16_t{0644};
  const auto shown = Overlay::lay_over("f", view, answer);
  ASSERT_TRUE(shown);
  EXPECT_EQ(shown->size, 9U);
  EXPECT_EQ(shown->mode, 0644);
  EXPECT_EQ(shown->mtime->unix_seconds, 5);
  EXPECT_FALSE(Overlay::lay_over("f", view, std::nullopt)) << "others have removed it";
}

TEST_F(OverlayTest, ADirectoryShowsTheNamesThatAreOwedRightInIt) {
  add(upload("/d/b", 1));
  add(upload("/d/sub/x", 2));
  add(upload("/d/sub/y", 3));
  add(upload("/d/sub2", 4));
  add(simple(Action::remove_file, "/d/gone"));
  add(simple(Action::make_directory, "/d/new"));
  add(upload("/dd", 5));
  EXPECT_THAT(names_in("/d"), ElementsAre("b", "gone gone", "new", "sub2"));
  EXPECT_THAT(names_in("/d/sub"), ElementsAre("x", "y"));
  EXPECT_THAT(names_in("/"), ElementsAre("dd"));
  add(simple(Action::remove_file, "/e"));
  add(rename("/d/x", "/e/y"));
  EXPECT_THAT(names_in("/e"), ElementsAre("y"));
}

TEST_F(OverlayTest, TheServersAnswerGivesWayToWhatIsOwed) {
  remote::Entry answer;
  answer.name = "f";
  answer.size = 9;
  View view;
  EXPECT_EQ(Overlay::lay_over("f", view, answer)->size, 9U);
  view.kind = ViewKind::absent;
  EXPECT_FALSE(Overlay::lay_over("f", view, answer));
  view.kind = ViewKind::file;
  view.size = 3;
  EXPECT_EQ(Overlay::lay_over("f", view, answer)->size, 3U);
  EXPECT_EQ(Overlay::lay_over("f", view, std::nullopt)->type, remote::FileType::regular);
  view.kind = ViewKind::directory;
  EXPECT_EQ(Overlay::lay_over("f", view, answer)->type, remote::FileType::directory);
}

}  // namespace
}  // namespace ftpsfs::writeback
