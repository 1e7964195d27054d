// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/journal.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>
#include <thread>
#include <vector>

#include "file_size_limit.hpp"
#include "ftpsfs/base/log.hpp"
#include "intentions.hpp"
#include "slow_disk.hpp"
#include "support/temp_directory.hpp"

namespace ftpsfs::writeback {
namespace {

namespace files = std::filesystem;

class JournalTest : public ::testing::Test {
 protected:
  JournalTest() {
    log::set_level(log::Level::off);
    // In memory where there is such a place: the disk's own time is of no interest here.
  }
  ~JournalTest() override { log::set_level(log::Level::warning); }

  JournalSettings settings(std::uint64_t most_idle_bytes = 4ULL << 20) const {
    return {directory_ + "/journals", "ftpes://server user", most_idle_bytes};
  }
  std::unique_ptr<Journal> open(std::uint64_t most_idle_bytes = 4ULL << 20) const {
    auto journal = Journal::open(settings(most_idle_bytes));
    EXPECT_TRUE(journal) << journal.error().text;
    return journal ? *std::move(journal) : nullptr;
  }
  files::path place() const {
    return files::path(settings().directory) / journal_name(settings().identity);
  }
  /// The files with this beginning.
  std::vector<files::path> named(const std::string& prefix) const {
    std::vector<files::path> found;
    for (const auto& entry : files::directory_iterator(place())) {
      if (entry.path().filename().string().starts_with(prefix)) {
        found.push_back(entry.path());
      }
    }
    return found;
  }
  files::path generation() const {
    const auto all = named("journal-");
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? files::path() : all.front();
  }
  static Wait patience() { return Wait::for_at_most(std::chrono::seconds(20)); }

  /// Commits an upload of `text`. @return false: it was refused.
  static bool put(Journal& journal, IntentionId id, const std::string& text) {
    auto draft = journal.draft();
    EXPECT_TRUE(draft->write(std::as_bytes(std::span(text))));
    EXPECT_TRUE(draft->seal());
    Intention intention = upload("/f" + std::to_string(id), draft->id());
    intention.size = text.size();
    const auto ticket = journal.append(Edit{{{id, intention}}, {}}, std::move(draft));
    return ticket && journal.commit(*ticket, patience());
  }
  static bool drop(Journal& journal, IntentionId id) {
    const auto ticket = journal.append(Edit{{}, {id}});
    return ticket && journal.commit(*ticket, patience());
  }
  static std::string content(const Journal& journal, ContentId id) {
    auto reader = journal.open_content(id);
    if (!reader) {
      return "error: " + reader.error().text;
    }
    std::string text((*reader)->size() + 1, '\0');
    const auto got = (*reader)->read(0, std::as_writable_bytes(std::span(text)));
    if (!got) {
      return "error: " + got.error().text;
    }
    text.resize(*got);
    return text;
  }
  /// Content of the upload with this id.
  static std::string content_of(const Journal& journal, IntentionId id) {
    const auto all = journal.intentions();
    const auto found = all.find(id);
    return found == all.end() ? "none" : content(journal, found->second.content);
  }
  static std::vector<IntentionId> ids(const Journal& journal) {
    std::vector<IntentionId> ids;
    for (const auto& [id, intention] : journal.intentions()) {
      ids.push_back(id);
    }
    return ids;
  }
  static std::string slurp(const files::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }
  static void spill(const files::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  }

  const test::TempDirectory place_{test::TempDirectory::memory()};
  const std::string directory_ = place_.path();
};

const std::string kLarge(kLargestContentRecord + 1000, 'x');

TEST_F(JournalTest, WhatIsCommittedIsFoundAgain) {
  {
    const auto journal = open();
    EXPECT_TRUE(put(*journal, 1, "small"));
    EXPECT_TRUE(put(*journal, 2, kLarge));
    EXPECT_TRUE(put(*journal, 3, ""));
    EXPECT_TRUE(put(*journal, 4, "gone"));
    EXPECT_TRUE(drop(*journal, 4));
    EXPECT_EQ(content_of(*journal, 1), "small");
    EXPECT_EQ(content_of(*journal, 2), kLarge);
  }
  const auto journal = open();
  EXPECT_THAT(ids(*journal), testing::ElementsAre(1, 2, 3));
  EXPECT_EQ(content_of(*journal, 1), "small");
  EXPECT_EQ(content_of(*journal, 2), kLarge);
  EXPECT_EQ(content_of(*journal, 3), "");
  EXPECT_EQ(journal->last_intention(), 4U);
  EXPECT_FALSE(journal->damaged());
}

TEST_F(JournalTest, ContentIsReadableBeforeItIsCommitted) {
  const auto journal = open();
  auto draft = journal->draft();
  const std::string text = "early";
  ASSERT_TRUE(draft->write(std::as_bytes(std::span(text))));
  const ContentId id = draft->id();
  ASSERT_TRUE(journal->append(Edit{{{1, upload("/f", id)}}, {}}, std::move(draft)));
  EXPECT_EQ(content(*journal, id), "early");
}

TEST_F(JournalTest, AFileThatIsCutAtAnyByteGivesAPrefix) {
  std::vector<std::size_t> ends;
  {
    const auto journal = open();
    ends.push_back(files::file_size(generation()));
    for (IntentionId id = 1; id <= 4; ++id) {
      ASSERT_TRUE(put(*journal, id, "content " + std::to_string(id)));
      ends.push_back(files::file_size(generation()));
    }
    ASSERT_TRUE(drop(*journal, 1));
    ends.push_back(files::file_size(generation()));
  }
  const files::path file = generation();
  const std::string whole = slurp(file);
  const std::vector<std::vector<IntentionId>> states = {{},        {1},          {1, 2},
                                                        {1, 2, 3}, {1, 2, 3, 4}, {2, 3, 4}};
  for (std::size_t size = ends.front(); size <= whole.size(); ++size) {
    spill(file, whole.substr(0, size));
    std::size_t kept = 0;
    while (kept + 1 < ends.size() && ends[kept + 1] <= size) {
      ++kept;
    }
    {
      const auto journal = open();
      ASSERT_TRUE(journal) << size;
      ASSERT_EQ(ids(*journal), states[kept]) << size;
      ASSERT_FALSE(journal->damaged()) << size;
      for (const IntentionId id : states[kept]) {
        ASSERT_EQ(content_of(*journal, id), "content " + std::to_string(id));
      }
      ASSERT_TRUE(put(*journal, 9, "and on"));
    }
    const auto journal = open();
    ASSERT_EQ(content_of(*journal, 9), "and on") << size;
  }
}

TEST_F(JournalTest, AFileWithoutItsBeginningIsLeftAlone) {
  {
    const auto journal = open();
    ASSERT_TRUE(put(*journal, 1, "small"));
  }
  const files::path file = generation();
  const std::string whole = slurp(file);
  for (const std::string& broken : {whole.substr(0, 10), std::string(), "?" + whole}) {
    spill(file, broken);
    const auto journal = Journal::open(settings());
    ASSERT_FALSE(journal);
    EXPECT_EQ(journal.error().code, Errc::invalid_argument);
    EXPECT_EQ(slurp(file), broken);
  }
}

TEST_F(JournalTest, DamageIsToldAndNothingIsCarriedOutByItself) {
  std::size_t before = 0;
  {
    const auto journal = open();
    ASSERT_TRUE(put(*journal, 1, "one"));
    before = files::file_size(generation());
    ASSERT_TRUE(put(*journal, 2, "two"));
    ASSERT_TRUE(put(*journal, 3, kLarge));
  }
  std::string text = slurp(generation());
  text[before + kContentOffset] = '!';
  spill(generation(), text);
  {
    const auto journal = open();
    EXPECT_TRUE(journal->damaged());
    EXPECT_THAT(ids(*journal), testing::ElementsAre(1));
    EXPECT_NE(journal->intentions().at(1).refusal, "");
    EXPECT_EQ(content_of(*journal, 1), "one");
    ASSERT_EQ(named("damaged-0").size(), 1U);
    EXPECT_EQ(slurp(named("damaged-0").front()), text);
  }
  const auto journal = open();
  ASSERT_EQ(named("damaged-content-").size(), 1U);
  EXPECT_EQ(slurp(named("damaged-content-").front()), kLarge)
      << "nobody knows its name, but it is there";
  EXPECT_FALSE(journal->damaged()) << "it was put in order";
  EXPECT_NE(journal->intentions().at(1).refusal, "");
}

TEST_F(JournalTest, AnUploadWhoseContentIsGoneIsRefused) {
  {
    const auto journal = open();
    ASSERT_TRUE(put(*journal, 1, kLarge));
    ASSERT_TRUE(put(*journal, 2, kLarge));
  }
  files::resize_file(named("content-").front(), 100);
  const auto journal = open();
  std::size_t refused = 0;
  for (const auto& [id, intention] : journal->intentions()) {
    refused += intention.refusal.empty() ? 0 : 1;
  }
  EXPECT_EQ(refused, 1U);
}

TEST_F(JournalTest, FilesGoWithWhatNeededThem) {
  auto journal = open();
  ASSERT_TRUE(put(*journal, 1, kLarge));
  EXPECT_EQ(named("content-").size(), 1U);
  EXPECT_GT(journal->held_bytes(), kLarge.size());
  auto reader = journal->open_content(journal->intentions().at(1).content);
  ASSERT_TRUE(reader);
  ASSERT_TRUE(drop(*journal, 1));
  EXPECT_EQ(named("content-").size(), 0U);
  EXPECT_LT(journal->held_bytes(), kLarge.size());
  std::string text(kLarge.size(), '\0');
  EXPECT_TRUE((*reader)->read(0, std::as_writable_bytes(std::span(text))));
  EXPECT_EQ(text, kLarge) << "who reads it reads on";

  {  // neither does one stay that was never noted …
    const auto draft = journal->draft();
    ASSERT_TRUE(draft->write(std::as_bytes(std::span(kLarge))));
    EXPECT_EQ(named("content-").size(), 1U);
  }
  EXPECT_EQ(named("content-").size(), 0U);
  journal.reset();
  spill(place() / "content-00000000000000ff", "left by a process that was killed");
  spill(place() / "journal-00000000000000ff.new", "so was this");
  journal = open();
  EXPECT_EQ(named("content-").size(), 0U);
  EXPECT_EQ(named("journal-").size(), 1U);
}

TEST_F(JournalTest, ContentThatMovesToAnotherIntentionStays) {
  const auto journal = open();
  ASSERT_TRUE(put(*journal, 1, kLarge));
  ASSERT_TRUE(put(*journal, 2, "old"));
  Intention moved = journal->intentions().at(1);
  const auto ticket = journal->append(Edit{{{2, moved}}, {1}});
  ASSERT_TRUE(ticket);
  ASSERT_TRUE(journal->commit(*ticket, patience()));
  EXPECT_EQ(content_of(*journal, 2), kLarge);
  EXPECT_EQ(named("content-").size(), 1U);
}

TEST_F(JournalTest, WhoWaitsForTheDiskGivesUpAtAStopAndNotBecauseOfTime) {
  SlowDisk disk;
  JournalSettings slow = settings();
  slow.before_sync = [&disk] { disk.pass(); };
  auto opened = Journal::open(slow);
  ASSERT_TRUE(opened);
  Journal& journal = **opened;
  disk.hold();
  const auto ticket = journal.append(Edit{{{1, upload("/f", 0)}}, {}});
  ASSERT_TRUE(ticket);
  auto writing =
      std::async(std::launch::async, [&] { return journal.commit(*ticket, patience()); });
  disk.await_blocked();
  const auto next = journal.append(Edit{{}, {1}});
  ASSERT_TRUE(next);
  std::vector<std::future<bool>> waits;
  for (const Journal::Ticket each : {*ticket, *next}) {
    waits.push_back(std::async(std::launch::async, [&journal, each] {
      return journal.commit(each, Wait::for_at_most(Duration(0))).has_value();
    }));
  }
  for (const std::future<bool>& wait : waits) {
    EXPECT_EQ(wait.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  }
  std::stop_source stop;
  stop.request_stop();
  const auto stopped =
      journal.commit(*next, Wait::for_at_most(std::chrono::seconds(20), stop.get_token()));
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Errc::cancelled);
  disk.release();
  EXPECT_TRUE(writing.get());
  for (std::future<bool>& wait : waits) {
    EXPECT_TRUE(wait.get());
  }
}

TEST_F(JournalTest, ThePastDoesNotPileUp) {
  constexpr std::uint64_t kMostIdle = 20'000;
  {
    const auto journal = open(kMostIdle);
    ASSERT_TRUE(put(*journal, 1, "stays"));
    ASSERT_TRUE(put(*journal, 2, kLarge));
    auto early = journal->open_content(journal->intentions().at(1).content);
    for (IntentionId id = 3; id < 200; ++id) {
      ASSERT_TRUE(put(*journal, id, std::string(1000, 'y')));
      ASSERT_TRUE(drop(*journal, id));
      ASSERT_LT(files::file_size(generation()), 2 * kMostIdle + 10'000);
    }
    EXPECT_NE(generation().filename().string(), "journal-0000000000000001");
    EXPECT_EQ(content_of(*journal, 1), "stays");
    std::string text(5, '\0');
    EXPECT_TRUE((*early)->read(0, std::as_writable_bytes(std::span(text))));
    EXPECT_EQ(text, "stays");
  }
  const auto journal = open();
  EXPECT_THAT(ids(*journal), testing::ElementsAre(1, 2));
  EXPECT_EQ(content_of(*journal, 1), "stays");
  EXPECT_EQ(content_of(*journal, 2), kLarge);
}

TEST_F(JournalTest, AnUnfinishedChangeOfGenerationsIsSortedOut) {
  {
    const auto journal = open();
    ASSERT_TRUE(put(*journal, 1, "old"));
  }
  // Killed between the new one's rename and the old one's removal.
  const std::string old = slurp(generation());
  {
    const auto journal = open(1);
    ASSERT_TRUE(put(*journal, 2, std::string(5000, 'z')));
    ASSERT_TRUE(drop(*journal, 2));
    ASSERT_TRUE(put(*journal, 3, "new"));
  }
  spill(place() / "journal-0000000000000001", old);
  const auto journal = open();
  EXPECT_THAT(ids(*journal), testing::ElementsAre(1, 3));
  EXPECT_EQ(named("journal-").size(), 1U);
}

TEST_F(JournalTest, OnlyOneProcessHasIt) {
  const auto journal = open();
  const auto second = Journal::open(settings());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::busy);
  EXPECT_THAT(second.error().text, testing::HasSubstr(std::to_string(::getpid())));
  auto other = settings();
  other.identity = "ftpes://server another";
  EXPECT_TRUE(Journal::open(other)) << "each identity has its own";
}

TEST_F(JournalTest, ItIsItsOwnersAlone) {
  {
    const auto journal = open();
    ASSERT_TRUE(put(*journal, 1, kLarge));
    EXPECT_EQ(files::status(place()).permissions(), files::perms::owner_all);
    for (const auto& entry : files::directory_iterator(place())) {
      EXPECT_EQ(entry.status().permissions() & static_cast<files::perms>(077), files::perms::none)
          << entry.path();
    }
  }
  ASSERT_EQ(::chmod(place().c_str(), 0755), 0);
  const auto opened = Journal::open(settings());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::access_denied);
}

TEST_F(JournalTest, NoLinkIsFollowed) {
  files::create_directory(directory_ + "/elsewhere");
  files::permissions(directory_ + "/elsewhere", files::perms::owner_all);
  files::create_directory(settings().directory);
  files::create_directory_symlink(directory_ + "/elsewhere", place());
  EXPECT_FALSE(Journal::open(settings()));
  files::remove(place());
  { const auto journal = open(); }
  const files::path file = generation();
  files::rename(file, directory_ + "/taken");
  files::create_symlink(directory_ + "/taken", file);
  EXPECT_FALSE(Journal::open(settings()));
}

TEST_F(JournalTest, AnotherServersJournalIsNotTaken) {
  { const auto journal = open(); }
  auto other = settings();
  other.identity = "ftpes://server another";
  files::rename(place(), files::path(settings().directory) / journal_name(other.identity));
  const auto opened = Journal::open(other);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().text, testing::HasSubstr("ftpes://server user"));
}

TEST_F(JournalTest, ManyCommitAtATime) {
  constexpr IntentionId kThreads = 8;
  constexpr IntentionId kEach = 20;
  {
    const auto journal = open(30'000);
    std::vector<std::thread> threads;
    for (IntentionId thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&journal, thread] {
        for (IntentionId i = 0; i < kEach; ++i) {
          const IntentionId id = 1 + thread * kEach + i;
          EXPECT_TRUE(put(*journal, id, std::string(500, static_cast<char>('a' + thread))));
          EXPECT_EQ(content_of(*journal, id), std::string(500, static_cast<char>('a' + thread)));
          if (i % 2 == 1) {
            EXPECT_TRUE(drop(*journal, id));
          }
        }
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
  }
  const auto journal = open();
  EXPECT_EQ(ids(*journal).size(), kThreads * kEach / 2);
}

TEST_F(JournalTest, AFullDiskIsToldAndLosesNothing) {
  {
    const auto journal = open();
    ASSERT_TRUE(put(*journal, 1, "before"));
    {
      const test::FileSizeLimit full(files::file_size(generation()) + 40);
      EXPECT_FALSE(put(*journal, 2, "does not fit, neither here nor in a new file"));
      EXPECT_FALSE(put(*journal, 3, "nor does this, which is long enough for that ........"));
      const auto draft = journal->draft();
      EXPECT_FALSE(draft->write(std::as_bytes(std::span(kLarge))));
    }
    EXPECT_EQ(content_of(*journal, 2), "does not fit, neither here nor in a new file");
    EXPECT_TRUE(put(*journal, 4, "after")) << "there is room again";
  }
  const auto journal = open();
  EXPECT_THAT(ids(*journal), testing::ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(content_of(*journal, 2), "does not fit, neither here nor in a new file");
}

TEST_F(JournalTest, UploadsLeaveTheRoomThatTheJournalNeedsItself) {
  std::uint64_t free_bytes = 2ULL << 20;
  JournalSettings small_disk = settings();
  small_disk.free_bytes = [&free_bytes] { return free_bytes; };
  auto opened = Journal::open(std::move(small_disk));
  ASSERT_TRUE(opened);
  Journal& journal = **opened;
  ASSERT_TRUE(put(journal, 1, "small"));
  const std::string text(50'000, 'x');
  ASSERT_TRUE(put(journal, 2, text));
  const auto refusal = [&](const std::string& content) {
    const auto draft = journal.draft();
    auto written = draft->write(std::as_bytes(std::span(content)));
    written = written ? draft->seal() : written;
    return written ? std::nullopt : std::optional(written.error().code);
  };
  EXPECT_EQ(refusal(kLarge), std::nullopt);
  free_bytes = (1ULL << 20) + text.size() + 10'000;  // a new generation holds the text once more
  EXPECT_EQ(refusal(kLarge), Errc::no_space);
  EXPECT_EQ(refusal(text), Errc::no_space);
  EXPECT_EQ(refusal("a short one"), std::nullopt);
  free_bytes = 1ULL << 20;
  EXPECT_EQ(refusal("a short one"), Errc::no_space);
  EXPECT_TRUE(drop(journal, 1)) << "what has arrived is noted";
  const auto removal = journal.append(Edit{{{3, simple(Action::remove_file, "/gone")}}, {}});
  ASSERT_TRUE(removal);
  EXPECT_TRUE(journal.commit(*removal, patience())) << "what makes room is accepted";
}

TEST_F(JournalTest, WhatIsThrownWhileItWritesIsAFailureLikeOthers) {
  bool is_short = false;
  JournalSettings thrower = settings();
  thrower.before_sync = [&is_short] {
    if (is_short) {
      throw std::bad_alloc();
    }
  };
  {
    auto opened = Journal::open(std::move(thrower));
    ASSERT_TRUE(opened);
    Journal& journal = **opened;
    is_short = true;
    EXPECT_FALSE(put(journal, 1, "one"));
    EXPECT_FALSE(put(journal, 2, "two")) << "nobody waits for a writer that has gone";
    is_short = false;
    EXPECT_TRUE(put(journal, 3, "three"));
  }
  EXPECT_THAT(ids(*open()), testing::ElementsAre(1, 2, 3));
}

TEST_F(JournalTest, OnAFullDiskItOpens) {
  {
    const auto journal = open();
    ASSERT_TRUE(put(*journal, 1, "before"));
  }
  const std::string torn = slurp(generation()) + "the end of an unfinished write";
  spill(generation(), torn);
  const test::FileSizeLimit full(10);
  const auto journal = open();
  ASSERT_TRUE(journal);
  EXPECT_EQ(content_of(*journal, 1), "before");
}

TEST_F(JournalTest, WhatFailedToBeWrittenDoesNotHideWhatWas) {
  {
    const auto journal = open();
    ASSERT_TRUE(put(*journal, 1, "before"));
    const test::FileSizeLimit full(files::file_size(generation()) + 40);
    ASSERT_FALSE(put(*journal, 2, "does not fit, neither here nor in a new file"));
  }
  const auto journal = open();
  EXPECT_THAT(ids(*journal), testing::ElementsAre(1));
  EXPECT_FALSE(journal->damaged());
}

TEST_F(JournalTest, AProcessThatIsKilledKeepsItsPromises) {
  for (const int promises : {1, 7, 40}) {
    int ends[2] = {-1, -1};
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(ends[0]);
      auto journal = Journal::open(settings(5'000));
      for (IntentionId id = journal ? (*journal)->last_intention() + 1 : 0; journal; ++id) {
        if (!put(**journal, id, "text of " + std::to_string(id)) ||
            ::write(ends[1], &id, sizeof(id)) != sizeof(id)) {
          break;
        }
      }
      ::_exit(1);
    }
    ::close(ends[1]);
    IntentionId promised = 0;
    for (int i = 0; i < promises; ++i) {
      ASSERT_EQ(::read(ends[0], &promised, sizeof(promised)), sizeof(promised));
    }
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    for (IntentionId id = 0; ::read(ends[0], &id, sizeof(id)) == sizeof(id);) {
      promised = id;
    }
    ::close(ends[0]);
    const auto journal = open();
    ASSERT_GE(ids(*journal).size(), promised);
    for (IntentionId id = 1; id <= promised; ++id) {
      ASSERT_EQ(content_of(*journal, id), "text of " + std::to_string(id));
    }
  }
}

TEST_F(JournalTest, APathBeyondMeasureIsRefusedBeforeAnythingIsNoted) {
  const auto journal = open();
  std::string path;
  while (path.size() < kLargestPayload) {
    path += "/" + std::string(250, 'd');
  }
  const auto ticket = journal->append(Edit{{{1, simple(Action::remove_file, path)}}, {}});
  ASSERT_FALSE(ticket);
  EXPECT_EQ(ticket.error().code, Errc::name_too_long);
  EXPECT_TRUE(ids(*journal).empty());
}

}  // namespace
}  // namespace ftpsfs::writeback
