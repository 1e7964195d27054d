// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/listing.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "samples.hpp"

namespace ftpsfs::ftp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

const ListContext kListedAt{
    .now = WallTime(std::chrono::seconds(1'795'230'245))};  // 2026-11-21 02:04:05

std::vector<std::string> names(const std::vector<FileFacts>& entries) {
  std::vector<std::string> result;
  for (const FileFacts& entry : entries) {
    result.push_back(entry.name);
  }
  return result;
}

const FileFacts& find(const std::vector<FileFacts>& entries, std::string_view name) {
  static const FileFacts kNone;
  const auto entry = std::find_if(entries.begin(), entries.end(),
                                  [&](const FileFacts& facts) { return facts.name == name; });
  EXPECT_NE(entry, entries.end()) << name;
  return entry == entries.end() ? kNone : *entry;
}

/// The four servers served this same directory.
TEST(MlsdPart, IsTheChildrenOnWholeLines) {
  const std::string whole =
      "type=cdir; .\r\ntype=pdir; ..\r\ntype=file;size=1; a\r\nno line\r\ntype=dir; d\r\n"
      "type=file; ../x\r\n";
  const MlsdPart part = parse_mlsd_part(whole + "type=file;size=2; b");
  ASSERT_EQ(part.children.size(), 2U);
  EXPECT_EQ(part.children[0].name, "a");
  EXPECT_EQ(part.children[1].name, "d");
  EXPECT_EQ(part.bytes, whole.size());
}

TEST(MlsdPart, MayBeNothing) {
  EXPECT_EQ(parse_mlsd_part("").bytes, 0U);
  EXPECT_EQ(parse_mlsd_part("type=file; a").bytes, 0U);
}

TEST(Listing, OfTheServersByList) {
  for (const char* name : {"vsftpd.list", "proftpd.list", "pureftpd.list", "pyftpdlib.list"}) {
    ListingNotes notes;
    const auto entries = parse_list(read_sample(name), kListedAt, &notes);
    ASSERT_TRUE(entries) << name;
    EXPECT_THAT(names(*entries),
                UnorderedElementsAre(" lead", "-dash", ".dot", "abslink", "back\\slash", "dangling",
                                     "dir", "empty", "hello.txt", "link", "linkdir", "locked",
                                     "qu\"ote's", "readonlydir", "secret.txt", "star*?", "trail ",
                                     "two words [x].txt", "ünï.txt"))
        << name;
    EXPECT_EQ(find(*entries, "hello.txt").size, 6U);
    EXPECT_EQ(find(*entries, "hello.txt").modify, (FactTime{1'599'955'200, FactGrain::day}));
    EXPECT_EQ(find(*entries, ".dot").modify, (FactTime{1'795'226'640, FactGrain::minute})) << name;
    EXPECT_EQ(find(*entries, "dangling").symlink_target, "nowhere");
    EXPECT_EQ(find(*entries, "locked").unix_mode, 0700);
    EXPECT_EQ(notes.unparsed_lines + notes.hostile_names + notes.duplicates, 0U) << name;
    EXPECT_FALSE(notes.unterminated);
  }
}

TEST(Listing, OfTheServersByMlsd) {
  for (const char* name : {"proftpd.mlsd", "pureftpd.mlsd", "pyftpdlib.mlsd"}) {
    ListingNotes notes;
    const auto entries = parse_mlsd(read_sample(name), &notes);
    ASSERT_TRUE(entries) << name;
    EXPECT_EQ(find(*entries, "hello.txt").modify, (FactTime{1'600'000'000, FactGrain::second}));
    EXPECT_EQ(find(*entries, "hello.txt").size, 6U);
    EXPECT_EQ(find(*entries, " lead").size, 1U);
    EXPECT_EQ(find(*entries, "trail ").size, 1U);
    EXPECT_EQ(find(*entries, "dir").kind, FactKind::dir);
    const bool tells_self = std::string_view(name) != "pyftpdlib.mlsd";
    EXPECT_EQ(notes.self.has_value(), tells_self) << name;
    EXPECT_EQ(notes.unparsed_lines + notes.hostile_names + notes.duplicates, 0U) << name;
  }
  const auto pure = parse_mlsd(read_sample("pureftpd.mlsd"));
  EXPECT_EQ(find(*pure, "dangling").kind, FactKind::symlink);
  EXPECT_EQ(find(*pure, "link").kind, FactKind::symlink);
}

TEST(Listing, OfAStatReply) {
  for (const char* name : {"vsftpd.dialogue", "proftpd.dialogue", "pureftpd.dialogue"}) {
    ListingNotes notes;
    const auto entries = parse_list(answer_to(name, "STAT -a .").body(), kListedAt, &notes);
    ASSERT_TRUE(entries) << name;
    EXPECT_THAT(names(*entries), ElementsAre("inner.txt")) << name;
    EXPECT_TRUE(notes.self) << name;
  }
  EXPECT_THAT(names(*parse_list(answer_to("pyftpdlib.dialogue", "STAT .").body(), kListedAt)),
              ElementsAre("inner.txt"));
}

TEST(NameListing, IsNamesAlone) {
  ListingNotes notes;
  const auto entries =
      parse_names("b\r\n a \r\n.\r\n..\r\n.dot\n\r\nb\r\ndir/\r\nlast", "/x", &notes);
  ASSERT_TRUE(entries);
  EXPECT_THAT(names(*entries), ElementsAre("b", " a ", ".dot", "dir", "last"));
  EXPECT_TRUE(notes.self);
  EXPECT_TRUE(notes.unterminated);
  EXPECT_EQ(notes.duplicates, 1U);
  EXPECT_EQ(notes.unparsed_lines + notes.hostile_names, 0U);
}

TEST(NameListing, MayHaveThePathOfTheDirectoryInFront) {
  for (const char* body : {"/a/b/x\r\n", "a/b/x\r\n", "b/x\r\n", "./x\r\n", "/A/b/x\r\n"}) {
    const auto entries = parse_names(body, "/a/b");
    ASSERT_TRUE(entries) << body;
    EXPECT_THAT(names(*entries), ElementsAre("x")) << body;
  }
  EXPECT_THAT(names(*parse_names("/x\n./y\n", "/")), ElementsAre("x", "y"));
}

TEST(NameListing, LeavesOutWhatIsElsewhere) {
  for (const char* line :
       {"/a/c/x", "/b/x", "ab/x", "../x", "/x", "/a/b/../x", "//x", "/a/b/y/x"}) {
    ListingNotes notes;
    const auto entries = parse_names(std::string("good\n") + line + "\n", "/a/b", &notes);
    ASSERT_TRUE(entries) << line;
    EXPECT_THAT(names(*entries), ElementsAre("good")) << line;
    EXPECT_EQ(notes.unparsed_lines, 1U) << line;
    EXPECT_FALSE(parse_names(line, "/a/b")) << line;
  }
  ListingNotes notes;
  const std::string zero("a\0b\nx\ry\n", 8);
  EXPECT_TRUE(parse_names(zero + std::string(2000, 'n'), "/", &notes)->empty());
  EXPECT_EQ(notes.hostile_names, 3U);
  EXPECT_TRUE(parse_names("", "/")->empty());
  EXPECT_FALSE(parse_names("a\nb\nc\n", "/", nullptr, 2));
}

TEST(Listing, EmptyIsASuccess) {
  for (const char* body : {"", "\r\n", "\n\n", "total 0\r\n"}) {
    ListingNotes notes;
    const auto entries = parse_list(body, kListedAt, &notes);
    ASSERT_TRUE(entries) << body;
    EXPECT_TRUE(entries->empty());
    EXPECT_EQ(notes.unparsed_lines, 0U);
  }
  EXPECT_TRUE(parse_mlsd("")->empty());
  EXPECT_TRUE(parse_mlsd("type=cdir; /some/where\r\ntype=pdir; /some\r\n")->empty());
}

TEST(Listing, ThatNobodyCanReadIsAnErrorAndNotAnEmptyDirectory) {
  const auto list = parse_list("11/21  02:04AM   <DIR>   dir\r\n", kListedAt);
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().code, Errc::io_error);
  EXPECT_THAT(list.error().text, HasSubstr("11/21  02:04AM"));
  EXPECT_THAT(list.error().text, HasSubstr("list_command="));
  ListingNotes notes;
  EXPECT_FALSE(parse_mlsd("-rw-r--r-- 1 0 0 1 Nov 21 02:04 x\r\nrubbish\r\n", &notes));
  EXPECT_EQ(notes.unparsed_lines, 2U);
  EXPECT_FALSE(parse_list("ls: .: Permission denied\n", kListedAt));
  EXPECT_LT(parse_list(std::string(100'000, 'x') + "\n", kListedAt).error().text.size(), 300U);
}

TEST(Listing, CountsLinesItCannotRead) {
  ListingNotes notes;
  const auto entries =
      parse_list("total 4\n-rw-r--r-- 1 0 0 1 Nov 21 02:04 x\nwhat is this\n", kListedAt, &notes);
  EXPECT_THAT(names(*entries), ElementsAre("x"));
  EXPECT_EQ(notes.unparsed_lines, 1U);
}

TEST(Listing, LeavesOutHostileNames) {
  using namespace std::string_literals;
  const std::string too_long(kMaxNameBytes + 1, 'n');
  const std::string longest(kMaxNameBytes, 'n');
  std::string mlsd;
  std::string list;
  const std::string all[] = {"../up"s, "/etc/passwd"s, "a/b"s,  "nul\0nul"s, "cr\rcr"s,   too_long,
                             ""s,      "ok"s,          longest, "...",       "..\\weird"s};
  for (const std::string& name : all) {
    mlsd += "type=file; " + name + "\r\n";
    list += "-rw-r--r-- 1 0 0 1 Nov 21 02:04 " + name + "\r\n";
  }
  ListingNotes notes;
  EXPECT_THAT(names(*parse_mlsd(mlsd, &notes)), ElementsAre("ok", longest, "...", "..\\weird"));
  EXPECT_EQ(notes.hostile_names, 7U);
  EXPECT_THAT(names(*parse_list(list, kListedAt, &notes)),
              ElementsAre("ok", longest, "...", "..\\weird"));
  EXPECT_EQ(notes.hostile_names, 7U);
  EXPECT_EQ(notes.unparsed_lines, 0U) << "notes begin anew with each listing";
}

TEST(Listing, LeavesOutItselfAndItsParent) {
  ListingNotes notes;
  const auto entries = parse_list(
      "drwxr-xr-x 6 0 0 4096 Nov 21 02:04 .\n"
      "drwx------ 6 0 0 4096 Nov 21 02:04 ..\n"
      "-rw-r--r-- 1 0 0 1 Nov 21 02:04 .x\n",
      kListedAt, &notes);
  EXPECT_THAT(names(*entries), ElementsAre(".x"));
  ASSERT_TRUE(notes.self);
  EXPECT_EQ(notes.self->unix_mode, 0755);
}

TEST(Listing, OfTwoLinesWithOneNameKeepsTheLast) {
  ListingNotes notes;
  const auto entries =
      parse_mlsd("type=file;size=1; a\ntype=file;size=2; b\ntype=dir;size=3; a\n", &notes);
  EXPECT_THAT(names(*entries), ElementsAre("a", "b"));
  EXPECT_EQ((*entries)[0].size, 3U);
  EXPECT_EQ((*entries)[0].kind, FactKind::dir);
  EXPECT_EQ(notes.duplicates, 1U);
}

TEST(Listing, NoticesAnEndInsideALine) {
  ListingNotes notes;
  EXPECT_TRUE(parse_mlsd("type=file; a\r\ntype=file; b", &notes));
  EXPECT_TRUE(notes.unterminated);
  EXPECT_TRUE(parse_mlsd("type=file; a\r\n", &notes));
  EXPECT_FALSE(notes.unterminated);
}

TEST(Listing, LinesMayEndWithLfAlone) {
  EXPECT_THAT(names(*parse_mlsd("type=file; a\ntype=file; b\r\n\ntype=file; c\n")),
              ElementsAre("a", "b", "c"));
}

TEST(Listing, OfTwentyThousandNames) {
  std::string body;
  for (int i = 0; i < 20'000; ++i) {
    body += "-rw-r--r--    1 65534    65534    1 Nov 21 02:04 file" + std::to_string(i) + "\r\n";
  }
  const auto entries = parse_list(body, kListedAt);
  ASSERT_TRUE(entries);
  EXPECT_EQ(entries->size(), 20'000U);
  EXPECT_EQ(entries->back().name, "file19999");
}

TEST(Listing, OfMoreNamesThanAnyDirectoryHasIsRefused) {
  const std::string body = "type=file; a\r\ntype=file; b\r\ntype=file; c\r\n";
  EXPECT_TRUE(parse_mlsd(body, nullptr, 3));
  const auto entries = parse_mlsd(body, nullptr, 2);
  ASSERT_FALSE(entries);
  EXPECT_EQ(entries.error().code, Errc::io_error);
  EXPECT_EQ(entries.error().text,
            "the directory has more than 2 entries, or the server makes them up");
  EXPECT_TRUE(parse_mlsd(body + "type=file; a\r\n", nullptr, 3)) << "a name that came before";
}

/// Each would take memory, however little it says.
TEST(Listing, OfMoreLinesThanItsNamesCanTakeIsRefused) {
  const std::size_t most = ListingLimits{.entries = 2}.lines();
  std::string body;
  for (std::size_t i = 0; i + 2 < most; ++i) {
    body += "?\n";
  }
  body += "-rw-r--r-- 1 u g 1 Jan 01 2020 a\n";
  EXPECT_TRUE(parse_list(body, ListContext(), nullptr, 2));
  body += "?\n?\n";
  const auto entries = parse_list(body, ListContext(), nullptr, 2);
  ASSERT_FALSE(entries);
  EXPECT_EQ(entries.error().text,
            "the directory has more than 2 entries, or the server makes them up");
}

TEST(ListingVerdict, HearsConfessions) {
  EXPECT_EQ(judge_listing_reply(reply_of("226 Directory send OK.")), ListingVerdict::whole);
  EXPECT_EQ(judge_listing_reply(reply_of("226-Options: -a -l \n226 21 matches total")),
            ListingVerdict::whole);
  EXPECT_EQ(judge_listing_reply(reply_of("226-Options: -l\n226 Output truncated to 10000 matches")),
            ListingVerdict::truncated);
  EXPECT_EQ(judge_listing_reply(reply_of("226 Transfer done (but failed to open directory).")),
            ListingVerdict::denied);
}

}  // namespace
}  // namespace ftpsfs::ftp
