// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/idle_journals.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "ftpsfs/writeback/journal.hpp"
#include "intentions.hpp"
#include "support/temp_directory.hpp"

namespace ftpsfs::writeback {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class IdleJournalsTest : public ::testing::Test {
 protected:
  static std::unique_ptr<Journal> open(const std::string& place, const std::string& identity) {
    auto journal = Journal::open({place, identity, 4096});
    EXPECT_TRUE(journal) << journal.error().text;
    return journal ? *std::move(journal) : nullptr;
  }
  static void note(Journal& journal, const Edit& edit) {
    const auto ticket = journal.append(edit);
    ASSERT_TRUE(ticket);
    ASSERT_TRUE(journal.commit(*ticket, Wait::for_at_most(std::chrono::seconds(20))));
  }
  static void owe(Journal& journal) {
    note(journal, {{{1, simple(Action::make_directory, "/d")}}, {}});
  }
  std::vector<std::string> found(const std::string& login = "me@server/") const {
    std::vector<std::string> identities;
    for (const IdleJournal& one : find_idle_journals({usual_}, login)) {
      EXPECT_EQ(one.path, one.place + "/" + journal_name(one.identity));
      identities.push_back(one.identity);
    }
    std::sort(identities.begin(), identities.end());
    return identities;
  }

  const test::TempDirectory directory_{test::TempDirectory::memory()};
  const std::string usual_ = directory_.path() + "/usual";
  const std::string other_ = directory_.path() + "/other";
};

TEST_F(IdleJournalsTest, ThoseThatOweSomethingAreFoundWhenNobodyHasThem) {
  EXPECT_THAT(found(), IsEmpty()) << "there is no such place";
  auto journal = open(usual_, "me@server/orders");
  owe(*journal);
  EXPECT_THAT(found(), IsEmpty()) << "it is being worked on";
  journal.reset();
  EXPECT_THAT(found(), ElementsAre("me@server/orders"));
  EXPECT_THAT(found("me@server:2121/"), IsEmpty());
  EXPECT_THAT(found("you@server/"), IsEmpty());
  journal = open(usual_, "me@server/orders");
  note(*journal, {{}, {1}});
  journal.reset();
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(IdleJournalsTest, PlacesThatAreNotedAreLookedInto) {
  open(usual_, "me@server/");
  owe(*open(other_, "me@server/elsewhere"));
  EXPECT_THAT(found(), IsEmpty());
  for (int times = 0; times < 2; ++times) {
    ASSERT_TRUE(note_journal_place(usual_, other_));
  }
  ASSERT_TRUE(note_journal_place(usual_, usual_));
  const auto idle = find_idle_journals({usual_}, "me@server/");
  ASSERT_EQ(idle.size(), 1U);
  EXPECT_EQ(idle.front().place, other_);
  std::filesystem::remove_all(other_);
  EXPECT_THAT(found(), IsEmpty());
  std::filesystem::create_directory(directory_.path() + "/third");
  ASSERT_TRUE(note_journal_place(usual_, directory_.path() + "/third"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(usual_), {}), 2)
      << "a journal, and the place that is still there";
  EXPECT_FALSE(note_journal_place(directory_.path() + "/nowhere", other_));
}

TEST_F(IdleJournalsTest, WhatIsNoJournalIsPassedOver) {
  std::filesystem::create_directories(usual_ + "/empty");
  std::ofstream(usual_ + "/file") << "text";
  std::filesystem::create_directories(usual_ + "/broken");
  std::ofstream(usual_ + "/broken/journal-0000000000000001") << "no records";
  std::filesystem::create_directories(usual_ + "/pipe");
  ASSERT_EQ(::mkfifo((usual_ + "/pipe/journal-0000000000000001").c_str(), 0600), 0);
  std::filesystem::create_directory_symlink("/nowhere", usual_ + "/elsewhere-x");
  owe(*open(usual_, "me@server/"));
  EXPECT_THAT(found(), ElementsAre("me@server/"));
}

}  // namespace
}  // namespace ftpsfs::writeback
