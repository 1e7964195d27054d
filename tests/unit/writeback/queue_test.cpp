// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/queue.hpp"

#include <gmock/gmock.h>

#include "intentions.hpp"

namespace ftpsfs::writeback {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class QueueTest : public ::testing::Test {
 protected:
  Edit add(Intention intention) { return add_to(queue_, std::move(intention)); }
  static Edit add_to(Queue& queue, Intention intention) {
    Edit edit = queue.add(std::move(intention));
    queue.keep(edit);
    return edit;
  }
  /// All that may begin now.
  std::vector<Queue::Started> take_all() {
    std::vector<Queue::Started> taken;
    while (auto next = queue_.take()) {
      taken.push_back(*std::move(next));
    }
    return taken;
  }
  std::vector<std::string> take_words() {
    std::vector<std::string> texts;
    for (const auto& started : take_all()) {
      begun_[words(started.intention)] = started.id;
      texts.push_back(words(started.intention));
    }
    return texts;
  }
  /// What was taken by take_words() is carried out.
  void end(const std::string& text, const std::optional<remote::FileVersion>& left = std::nullopt) {
    const IntentionId id = begun_.at(text);
    queue_.keep(queue_.finish(id, left));
    queue_.release(id);
  }
  std::vector<std::string> waiting() const {
    std::vector<std::string> texts;
    for (const auto& [id, intention] : queue_.waiting()) {
      texts.push_back(words(intention));
    }
    return texts;
  }

  Queue queue_{NameCase::sensitive};
  std::map<std::string, IntentionId> begun_;
};

TEST_F(QueueTest, WhatHasNothingToDoWithEachOtherRunsSideBySide) {
  add(upload("/d/a", 1));
  add(upload("/d/b", 2));
  add(simple(Action::make_directory, "/d/c"));
  add(simple(Action::remove_file, "/d/cc"));
  EXPECT_THAT(take_words(),
              ElementsAre("upload /d/a", "upload /d/b", "mkdir /d/c", "remove /d/cc"));
}

TEST_F(QueueTest, ADirectoryComesBeforeWhatIsInIt) {
  add(simple(Action::make_directory, "/d"));
  add(simple(Action::make_directory, "/d/e"));
  add(upload("/d/e/f", 1));
  add(upload("/x", 2));
  EXPECT_THAT(take_words(), ElementsAre("mkdir /d", "upload /x"));
  end("mkdir /d");
  EXPECT_THAT(take_words(), ElementsAre("mkdir /d/e"));
  end("mkdir /d/e");
  EXPECT_THAT(take_words(), ElementsAre("upload /d/e/f"));
}

TEST_F(QueueTest, ADirectoryGoesBehindWhatIsInIt) {
  add(simple(Action::remove_file, "/d/a"));
  add(simple(Action::remove_file, "/d/b"));
  add(simple(Action::remove_directory, "/d"));
  EXPECT_THAT(take_words(), ElementsAre("remove /d/a", "remove /d/b"));
  end("remove /d/a");
  EXPECT_THAT(take_words(), IsEmpty());
  end("remove /d/b");
  EXPECT_THAT(take_words(), ElementsAre("rmdir /d"));
}

TEST_F(QueueTest, ARenameStandsBetweenWhatComesBeforeAndBehindUnderBothNames) {
  add(upload("/d/f", 1, version(1, 1)));
  add(rename("/d", "/e"));
  add(upload("/e/f", 2, ours()));
  add(upload("/d", 3));
  EXPECT_THAT(take_words(), ElementsAre("upload /d/f"));
  end("upload /d/f");
  EXPECT_THAT(take_words(), ElementsAre("rename /d /e"));
  end("rename /d /e");
  EXPECT_THAT(take_words(), ElementsAre("upload /e/f", "upload /d"));
}

TEST_F(QueueTest, NothingBeginsBeforeItIsKept) {
  const Edit first = queue_.add(upload("/f", 1));
  EXPECT_FALSE(queue_.take());
  const Edit second = queue_.add(attributes("/f", 5));
  queue_.keep(first);
  EXPECT_FALSE(queue_.take()) << "it is another one now";
  queue_.keep(second);
  EXPECT_TRUE(queue_.take());
}

TEST_F(QueueTest, WhatCannotBeKeptIsTakenBack) {
  add(simple(Action::make_directory, "/d"));
  const Edit edit = queue_.add(upload("/d/f", 1));
  const Edit behind = add(simple(Action::remove_directory, "/d"));
  const Edit back = queue_.withdraw(edit);
  EXPECT_THAT(back.drops, ElementsAre(edit.puts[0].first));
  EXPECT_THAT(waiting(), ElementsAre("mkdir /d", "rmdir /d"));
  EXPECT_THAT(take_words(), ElementsAre("mkdir /d"));
  end("mkdir /d");
  EXPECT_THAT(take_words(), ElementsAre("rmdir /d"));
}

TEST_F(QueueTest, WhatWasPromisedIsNotTakenBack) {
  const Edit first = add(upload("/f", 1));
  const Edit second = queue_.add(attributes("/f", 5));
  EXPECT_TRUE(queue_.withdraw(second).empty());
  EXPECT_THAT(take_words(), ElementsAre("upload /f"));

  const Edit third = queue_.add(upload("/g", 2));
  const Edit fourth = queue_.add(attributes("/g", 5));
  EXPECT_TRUE(queue_.withdraw(third).empty()) << "the second one may have been promised";
  queue_.keep(fourth);
  EXPECT_THAT(take_words(), ElementsAre("upload /g"));
}

TEST_F(QueueTest, WhatDependsWaitsUntilTheEndIsKept) {
  add(simple(Action::make_directory, "/d"));
  add(upload("/d/f", 1));
  EXPECT_THAT(take_words(), ElementsAre("mkdir /d"));
  const Edit edit = queue_.finish(begun_.at("mkdir /d"), std::nullopt);
  EXPECT_THAT(edit.drops, ElementsAre(begun_.at("mkdir /d")));
  EXPECT_FALSE(queue_.take());
  queue_.release(begun_.at("mkdir /d"));
  EXPECT_TRUE(queue_.take());
}

TEST_F(QueueTest, AFileThatIsRenamedWhileItWaitsIsUploadedUnderItsNewName) {
  const Edit first = add(upload("/d/.part", 1));
  const Edit second = add(rename("/d/.part", "/d/f", version(3, 4)));
  EXPECT_THAT(waiting(), ElementsAre("upload /d/f"));
  ASSERT_EQ(second.puts.size(), 1U);
  EXPECT_EQ(second.puts[0].first, first.puts[0].first) << "in its place";
  EXPECT_EQ(second.puts[0].second.base.kind, Base::Kind::version);
  EXPECT_EQ(second.puts[0].second.content, 1U);
  EXPECT_THAT(second.drops, IsEmpty());
}

TEST_F(QueueTest, AFileThatIsWrittenTwiceWhileItWaitsIsUploadedOnce) {
  const Edit first = add(upload("/f", 1, version(3, 4)));
  const Edit part = add(upload("/.part", 2));
  const Edit last = add(rename("/.part", "/f", ours()));
  EXPECT_THAT(waiting(), ElementsAre("upload /f"));
  ASSERT_EQ(last.puts.size(), 1U);
  EXPECT_EQ(last.puts[0].first, first.puts[0].first);
  EXPECT_EQ(last.puts[0].second.content, 2U);
  EXPECT_EQ(last.puts[0].second.base.kind, Base::Kind::version) << "what the server still has";
  EXPECT_THAT(last.drops, ElementsAre(part.puts[0].first));
}

TEST_F(QueueTest, AFileThatIsRemovedWhileItWaitsNeverTouchesTheWire) {
  add(simple(Action::make_directory, "/d"));
  add(upload("/d/a", 1));
  add(upload("/d/b", 2));
  add(attributes("/d/a", 7));
  add(simple(Action::remove_file, "/d/a"));
  add(simple(Action::remove_file, "/d/b"));
  EXPECT_THAT(waiting(), ElementsAre("mkdir /d"));
  const Edit last = add(simple(Action::remove_directory, "/d"));
  EXPECT_THAT(waiting(), IsEmpty());
  EXPECT_THAT(last.puts, IsEmpty());
  EXPECT_EQ(last.drops.size(), 1U);
}

TEST_F(QueueTest, ARefusedDirectoryTakesWithItWhatWasDoneToIt) {
  add(simple(Action::make_directory, "/d"));
  add(simple(Action::make_directory, "/e"));
  EXPECT_THAT(take_words(), ElementsAre("mkdir /d", "mkdir /e"));
  add(attributes("/d", std::nullopt, std::uint16_t{0700}));
  add(simple(Action::remove_directory, "/e"));
  add(upload("/e", 1, ours()));
  for (const char* text : {"mkdir /d", "mkdir /e"}) {
    queue_.keep(queue_.refuse(begun_.at(text), "550 no"));
    queue_.release(begun_.at(text));
  }
  ASSERT_EQ(queue_.refused().size(), 1U) << "nobody wants the other one any more";
  EXPECT_EQ(words(queue_.refused().begin()->second), "mkdir /d");
  EXPECT_EQ(queue_.refused().begin()->second.tail.mode, 0700);
  const auto left = take_all();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(words(left[0].intention), "upload /e");
  EXPECT_EQ(left[0].intention.base.kind, Base::Kind::absent) << "nothing of ours is there";
}

TEST_F(QueueTest, ANewDirectoryIsMadeBehindTheRemovalOfTheOldOne) {
  add(simple(Action::remove_file, "/d/f"));
  add(simple(Action::remove_directory, "/d"));
  add(simple(Action::make_directory, "/d"));
  add(upload("/d/f", 1, ours()));
  EXPECT_THAT(waiting(), ElementsAre("remove /d/f", "rmdir /d", "mkdir /d", "upload /d/f"));
  EXPECT_THAT(take_words(), ElementsAre("remove /d/f"));
  end("remove /d/f");
  EXPECT_THAT(take_words(), ElementsAre("rmdir /d"));
  end("rmdir /d");
  EXPECT_THAT(take_words(), ElementsAre("mkdir /d"));
  end("mkdir /d");
  EXPECT_THAT(take_words(), ElementsAre("upload /d/f"));
}

TEST_F(QueueTest, AReplacementThatIsRemovedLeavesTheRemoval) {
  add(upload("/f", 1, version(3, 4)));
  add(simple(Action::remove_file, "/f"));
  EXPECT_THAT(waiting(), ElementsAre("remove /f"));
}

TEST_F(QueueTest, AReplacementThatIsRenamedTakesTheOldNameAway) {
  add(upload("/f", 1, version(3, 4)));
  add(rename("/f", "/g"));
  EXPECT_THAT(waiting(), ElementsAre("upload /f", "rename /f /g"));
}

TEST_F(QueueTest, ModesAndTimesTravelWithTheUpload) {
  add(upload("/f", 1));
  add(upload("/other", 2));
  add(attributes("/f", 5));
  add(attributes("/f", std::nullopt, std::uint16_t{0600}));
  ASSERT_THAT(waiting(), ElementsAre("upload /f", "upload /other"));
  const Intention intention = queue_.waiting().begin()->second;
  EXPECT_EQ(intention.tail.mtime, 5);
  EXPECT_EQ(intention.tail.mode, 0600);
}

TEST_F(QueueTest, WhatWasBegunIsNotMerged) {
  add(upload("/f", 1));
  EXPECT_THAT(take_words(), ElementsAre("upload /f"));
  add(attributes("/f", 5));
  add(simple(Action::remove_file, "/f"));
  EXPECT_THAT(waiting(), ElementsAre("upload /f", "remove /f"));
  queue_.put_back(begun_.at("upload /f"));
  add(rename("/x", "/f"));
  EXPECT_THAT(waiting(), ElementsAre("upload /f", "remove /f", "rename /x /f"));
  const auto again = queue_.take();
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->again);
}

TEST_F(QueueTest, NothingIsMergedAcrossWhatMattersToBoth) {
  add(upload("/d/f", 1));
  add(attributes("/d", 5));  // the directory's time counts the file in
  add(simple(Action::remove_file, "/d/f"));
  EXPECT_THAT(waiting(), ElementsAre("upload /d/f", "set attributes /d", "remove /d/f"));
}

TEST_F(QueueTest, TheVersionThatAnUploadLeavesIsTheNextOnesBase) {
  add(upload("/f", 1));
  EXPECT_THAT(take_words(), ElementsAre("upload /f"));
  add(upload("/f", 2, ours()));
  const remote::FileVersion left{9, remote::FileTime{99, remote::TimeGrain::second}, {}};
  const Edit edit = queue_.finish(begun_.at("upload /f"), left);
  ASSERT_EQ(edit.puts.size(), 1U);
  EXPECT_EQ(edit.puts[0].second.base.kind, Base::Kind::version);
  EXPECT_EQ(edit.puts[0].second.base.version.size, 9U);
  queue_.release(begun_.at("upload /f"));
  EXPECT_FALSE(queue_.take()) << "the base is not kept yet";
  queue_.keep(edit);
  EXPECT_TRUE(queue_.take());
}

TEST_F(QueueTest, WhatAnEarlierProcessLeftMayHaveBeenCarriedOut) {
  std::map<IntentionId, Intention> left{{3, upload("/f", 1)}, {5, upload("/g", 2)}};
  left.at(5).refusal = "552";
  queue_.restore(left, 9);
  EXPECT_EQ(queue_.refused().size(), 1U);
  add(simple(Action::remove_file, "/f"));
  EXPECT_THAT(waiting(), ElementsAre("upload /f", "remove /f")) << "the server may have it";
  const auto started = queue_.take();
  ASSERT_TRUE(started);
  EXPECT_TRUE(started->again);
  EXPECT_EQ(queue_.waiting().rbegin()->first, 10U);
}

TEST_F(QueueTest, WhatIsRefusedIsKeptAside) {
  add(simple(Action::make_directory, "/d"));
  add(upload("/d/f", 1));
  EXPECT_THAT(take_words(), ElementsAre("mkdir /d"));
  const IntentionId id = begun_.at("mkdir /d");
  const Edit edit = queue_.refuse(id, "550 no");
  ASSERT_EQ(edit.puts.size(), 1U);
  EXPECT_EQ(edit.puts[0].second.refusal, "550 no");
  EXPECT_FALSE(queue_.take()) << "not before the refusal is kept";
  queue_.release(id);
  EXPECT_THAT(take_words(), ElementsAre("upload /d/f"));
  end("upload /d/f");
  EXPECT_EQ(queue_.size(), 0U);

  const Edit again = queue_.retry(id);
  EXPECT_THAT(again.drops, ElementsAre(id));
  ASSERT_EQ(again.puts.size(), 1U);
  EXPECT_EQ(again.puts[0].second.refusal, "");
  queue_.keep(again);
  EXPECT_THAT(take_words(), ElementsAre("mkdir /d"));
  EXPECT_TRUE(queue_.retry(id).empty());
  EXPECT_TRUE(queue_.discard(id).empty());
}

TEST_F(QueueTest, ARefusedUploadTakesWhatWasDoneToTheFileWithIt) {
  add(upload("/part", 7, absent()));
  EXPECT_THAT(take_words(), ElementsAre("upload /part"));
  const IntentionId id = begun_.at("upload /part");
  add(attributes("/part", 5));
  add(rename("/part", "/f", version(3, 4)));
  add(attributes("/f", std::nullopt, std::uint16_t{0600}));
  const Edit edit = queue_.refuse(id, "552 quota");
  EXPECT_EQ(edit.drops.size(), 3U);
  queue_.keep(edit);
  queue_.release(id);
  EXPECT_EQ(queue_.size(), 0U);
  ASSERT_EQ(queue_.refused().size(), 1U);
  const Intention& refused = queue_.refused().begin()->second;
  EXPECT_EQ(words(refused), "upload /f") << "not what it was on its way";
  EXPECT_EQ(refused.content, 7U);
  EXPECT_EQ(refused.base.kind, Base::Kind::version);
  EXPECT_EQ(refused.tail.mtime, 5);
  EXPECT_EQ(refused.tail.mode, 0600);
}

TEST_F(QueueTest, WhatARefusedUploadLeavesIsTheNextOnesBase) {
  add(upload("/a", 1));
  EXPECT_THAT(take_words(), ElementsAre("upload /a"));
  add(upload("/a", 2, ours()));
  const IntentionId id = begun_.at("upload /a");
  queue_.keep(queue_.refuse(id, "quota", version(3, 100).version));
  queue_.release(id);
  const auto next = queue_.take();
  ASSERT_TRUE(next);
  ASSERT_EQ(next->intention.base.kind, Base::Kind::version) << "not taken for somebody else's";
  EXPECT_EQ(next->intention.base.version.size, 3U);
}

TEST_F(QueueTest, ARenameThatMeetsARefusalMovesWhatWasRefused) {
  add(upload("/part", 7));
  EXPECT_THAT(take_words(), ElementsAre("upload /part"));
  const IntentionId id = begun_.at("upload /part");
  const Edit refusal = queue_.refuse(id, "552 quota");
  const Edit edit = add(rename("/part", "/f", absent()));
  ASSERT_EQ(edit.puts.size(), 1U);
  EXPECT_EQ(edit.puts[0].first, id);
  queue_.keep(refusal);
  queue_.release(id);
  EXPECT_EQ(words(queue_.refused().begin()->second), "upload /f");
  EXPECT_EQ(queue_.size(), 0U);
}

TEST_F(QueueTest, WhatProgramsHaveOverwrittenOrRemovedIsNotKeptWhenItIsRefused) {
  for (const Base& base : {absent(), version(3, 4)}) {
    for (const bool is_removed : {false, true}) {
      Queue queue(NameCase::sensitive);
      add_to(queue, upload("/f", 1, base));
      const auto started = queue.take();
      ASSERT_TRUE(started);
      add_to(queue, is_removed ? simple(Action::remove_file, "/f") : upload("/f", 2, ours()));
      const Edit edit = queue.refuse(started->id, "553 no");
      queue.keep(edit);
      queue.release(started->id);
      EXPECT_TRUE(queue.refused().empty());
      const auto next = queue.take();
      ASSERT_EQ(next.has_value(), !is_removed || base.kind == Base::Kind::version);
      if (next) {
        EXPECT_EQ(next->intention.base.kind, base.kind) << "all is as it was";
      }
    }
  }
}

TEST_F(QueueTest, RefusedAttributesRemovalsAndRenamesAreGivenUp) {
  for (const Intention& intention :
       {attributes("/f", 5), simple(Action::remove_file, "/f"), rename("/f", "/g")}) {
    Queue queue(NameCase::sensitive);
    add_to(queue, intention);
    const auto started = queue.take();
    ASSERT_TRUE(started);
    const Edit edit = queue.refuse(started->id, "550 no");
    EXPECT_THAT(edit.drops, ElementsAre(started->id));
    EXPECT_THAT(edit.puts, IsEmpty());
    queue.release(started->id);
    EXPECT_TRUE(queue.refused().empty());
  }
}

TEST_F(QueueTest, WhoComesBetweenTheEndAndItsRecordKnowsWhatIsThere) {
  add(upload("/f", 1));
  EXPECT_THAT(take_words(), ElementsAre("upload /f"));
  const remote::FileVersion left{9, remote::FileTime{99, remote::TimeGrain::second}, {}};
  queue_.finish(begun_.at("upload /f"), left);
  const Edit edit = add(upload("/f", 2, ours()));
  ASSERT_EQ(edit.puts.size(), 1U);
  EXPECT_EQ(edit.puts[0].second.base.kind, Base::Kind::version);
  EXPECT_EQ(edit.puts[0].second.base.version.size, 9U);
}

TEST_F(QueueTest, ARenamesSourceIsWhatItsUploadLeft) {
  add(upload("/part", 1));
  EXPECT_THAT(take_words(), ElementsAre("upload /part"));
  add(rename("/part", "/f", absent()));
  add(upload("/part", 2, ours()));
  const remote::FileVersion left{9, remote::FileTime{99, remote::TimeGrain::second}, {}};
  end("upload /part", left);
  const auto started = queue_.take();
  ASSERT_TRUE(started);
  EXPECT_EQ(started->intention.source.kind, Base::Kind::version);
  EXPECT_EQ(started->intention.source.version.size, 9U);
  queue_.keep(queue_.finish(started->id, left));
  queue_.release(started->id);
  const auto next = queue_.take();
  ASSERT_TRUE(next);
  EXPECT_EQ(next->intention.base.kind, Base::Kind::absent) << "the name is free again";
}

TEST_F(QueueTest, WhatIsDoneToAFileFollowsItToItsConflictsName) {
  add(upload("/f", 1));
  EXPECT_THAT(take_words(), ElementsAre("upload /f"));
  add(attributes("/f", 5));
  add(rename("/f", "/g", absent()));
  add(upload("/f", 2, ours()));
  const remote::FileVersion left{9, std::nullopt, {}};
  const Edit edit = queue_.finish(begun_.at("upload /f"), left, path_of("/f.conflict"));
  queue_.keep(edit);
  queue_.release(begun_.at("upload /f"));
  EXPECT_THAT(waiting(),
              ElementsAre("set attributes /f.conflict", "rename /f.conflict /g", "upload /f"));
  const auto last = queue_.waiting().rbegin()->second;
  EXPECT_EQ(last.base.kind, Base::Kind::absent) << "what is there now is others'";
  EXPECT_THAT(take_words(), ElementsAre("set attributes /f.conflict", "upload /f"));
}

TEST_F(QueueTest, ARefusedUploadIsSupersededByNewContent) {
  for (const Intention& later :
       {upload("/f", 2), rename("/g", "/f"), simple(Action::remove_file, "/f")}) {
    Queue queue(NameCase::sensitive);
    std::map<IntentionId, Intention> left{{1, upload("/f", 1)}, {2, upload("/other", 3)}};
    left.at(1).refusal = left.at(2).refusal = "552";
    queue.restore(left, 2);
    const Edit edit = add_to(queue, later);
    EXPECT_THAT(edit.drops, ElementsAre(1));
    EXPECT_EQ(queue.refused().size(), 1U);
    EXPECT_THAT(queue.discard(2).drops, ElementsAre(2));
  }
}

TEST_F(QueueTest, NamesThatTheServerDoesNotTellApartKeepTheirOrder) {
  Queue folded(NameCase::folded);
  add_to(folded, upload("/D/a", 1));
  add_to(folded, upload("/d/A", 2, ours()));
  EXPECT_TRUE(folded.take());
  EXPECT_FALSE(folded.take());
}

TEST_F(QueueTest, TellsWhatWasOwedUpToAMoment) {
  add(upload("/a/b", 1));
  const IntentionId last = queue_.last();
  EXPECT_THAT(take_words(), ElementsAre("upload /a/b"));
  add(upload("/a/c", 2));
  add(upload("/d", 3));
  EXPECT_TRUE(queue_.touches(path_of("/a"), last));
  EXPECT_FALSE(queue_.touches(path_of("/d"), last)) << "it came later";
  end("upload /a/b");
  EXPECT_FALSE(queue_.touches(path_of("/a"), last));
  EXPECT_TRUE(queue_.touches(path_of("/a")));
}

TEST_F(QueueTest, TellsWhatWouldBeMerged) {
  add(upload("/a", 1));
  EXPECT_TRUE(queue_.would_merge(upload("/a", 2, ours())));
  EXPECT_TRUE(queue_.would_merge(simple(Action::remove_file, "/a")));
  EXPECT_FALSE(queue_.would_merge(upload("/b", 2)));
  take_all();
  EXPECT_FALSE(queue_.would_merge(upload("/a", 2, ours()))) << "it has been begun";
}

TEST_F(QueueTest, TellsWhatAPathIsOwed) {
  add(upload("/d/f", 1));
  EXPECT_TRUE(queue_.touches(path_of("/d/f")));
  EXPECT_TRUE(queue_.touches(path_of("/d")));
  EXPECT_TRUE(queue_.touches(path_of("/")));
  EXPECT_TRUE(queue_.touches(path_of("/d/f/g")));
  EXPECT_FALSE(queue_.touches(path_of("/d/fa")));
  EXPECT_FALSE(queue_.touches(path_of("/e")));
}

TEST_F(QueueTest, RemovalsInOneDirectoryAreTakenTogether) {
  for (const char* path : {"/d/a", "/d/b", "/e/c", "/d/f", "/d/g"}) {
    add(simple(Action::remove_file, path));
  }
  add(simple(Action::make_directory, "/d/new"));
  const auto first = queue_.take();
  ASSERT_TRUE(first);
  EXPECT_EQ(words(first->intention), "remove /d/a");
  std::vector<std::string> more;
  for (const auto& started : queue_.take_removals_beside(*first, 2)) {
    more.push_back(words(started.intention));
  }
  EXPECT_THAT(more, ElementsAre("remove /d/b", "remove /d/f"));
  EXPECT_THAT(take_words(), ElementsAre("remove /e/c", "remove /d/g", "mkdir /d/new"));
}

TEST_F(QueueTest, ARemovalThatCouldNotGoWithOthersGoesAloneOnce) {
  for (const char* path : {"/d/a", "/d/b", "/d/c"}) {
    add(simple(Action::remove_file, path));
  }
  const auto first = queue_.take();
  ASSERT_TRUE(first);
  for (const auto& started : queue_.take_removals_beside(*first, 9)) {
    if (started.intention.path == path_of("/d/b")) {
      queue_.put_back_alone(started.id);
    } else {
      queue_.put_back(started.id);
    }
  }
  const auto beside = queue_.take_removals_beside(*first, 9);
  ASSERT_EQ(beside.size(), 1U);
  EXPECT_EQ(words(beside.front().intention), "remove /d/c");
  const auto alone = queue_.take();
  ASSERT_TRUE(alone);
  EXPECT_TRUE(alone->goes_alone);
  queue_.put_back(alone->id);
  EXPECT_EQ(queue_.take_removals_beside(*first, 9).size(), 1U);
}

TEST_F(QueueTest, WhatIsWantedGoesBeforeWhatCameEarlier) {
  add(upload("/first", 1));
  add(simple(Action::make_directory, "/d"));
  add(upload("/d/f", 2));
  add(upload("/e/below", 3));
  const auto next_for = [this](const char* path) {
    const Intention wanted = intention_of(Action::set_attributes, path_of(path));
    const auto taken = queue_.take(&wanted);
    return taken ? words(taken->intention) : "nothing";
  };
  EXPECT_EQ(next_for("/d/f"), "mkdir /d") << "it waits for that";
  EXPECT_EQ(next_for("/e"), "upload /e/below");
  EXPECT_EQ(next_for("/d/f"), "upload /first") << "it has to wait: any other may go";
  EXPECT_EQ(next_for("/d/f"), "nothing");
}

TEST_F(QueueTest, OfTheRootAllAreWanted) {
  add(upload("/b", 1));
  add(upload("/a", 2));
  const Intention wanted = intention_of(Action::set_attributes, remote::RemotePath());
  EXPECT_EQ(words(queue_.take(&wanted)->intention), "upload /b");
}

}  // namespace
}  // namespace ftpsfs::writeback
