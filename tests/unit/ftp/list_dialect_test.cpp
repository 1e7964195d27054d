// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/list_dialect.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "ftpsfs/ftp/listing.hpp"
#include "listing_tables.hpp"

namespace ftpsfs::ftp {
namespace {

using testing::ElementsAreArray;

/// Keeps everything, in order.
class Record final : public LineSink {
 public:
  void take(FileFacts&& facts) override { files.push_back(show(facts)); }
  void leave(std::string_view line) override { unread.emplace_back(line); }
  std::vector<std::string> files;
  std::vector<std::string> unread;
};

std::vector<std::string_view> lines_of(std::string_view body) {
  return ascii::split(body, "\r\n");
}

class ListingTable : public testing::TestWithParam<const char*> {};

TEST_P(ListingTable, IsReadAsItSays) {
  for (const TabledListing& listing : read_listing_table(GetParam())) {
    Record record;
    read_lines(listing.dialect, lines_of(listing.body), listing.context, record);
    EXPECT_THAT(record.files, ElementsAreArray(listing.files)) << listing.where;
    EXPECT_THAT(record.unread, ElementsAreArray(listing.unread)) << listing.where;
  }
}

TEST_P(ListingTable, IsRecognisedByItself) {
  for (TabledListing listing : read_listing_table(GetParam())) {
    listing.context.expected.reset();
    ListingNotes notes;
    ASSERT_TRUE(parse_list(listing.body, listing.context, &notes)) << listing.where;
    EXPECT_EQ(to_string(notes.dialect), std::string(to_string(listing.dialect))) << listing.where;
    EXPECT_EQ(notes.unparsed_lines, listing.unread.size()) << listing.where;
  }
}

INSTANTIATE_TEST_SUITE_P(Of, ListingTable,
                         testing::Values("unix", "dos", "os400", "mvs", "vms", "nonstop", "vm",
                                         "eplf", "numeric"),
                         [](const auto& param) { return std::string(param.param); });

TEST(ListingTables, HaveManyLines) {
  std::size_t lines = 0;
  for (const char* name :
       {"unix", "dos", "os400", "mvs", "vms", "nonstop", "vm", "eplf", "numeric"}) {
    for (const TabledListing& listing : read_listing_table(name)) {
      lines += listing.lines;
    }
  }
  EXPECT_GE(lines, 150U);
}

const ListContext kNoContext{};

ListContext at_the_time(std::int64_t unix_seconds) {
  ListContext context;
  context.now = WallTime(std::chrono::seconds(unix_seconds));
  return context;
}
const ListContext kIn2026 = at_the_time(1'795'230'245);

TEST(ListDialect, IsDecidedByTheWholeListing) {
  // The first line alone would be one of `ls -l`.
  const std::string body =
      "-rw-r--r-- 1 u g 5 Nov 21 02:04 x\r\n"
      "03-15-13  02:38PM                  912 a\r\n"
      "03-15-13  02:38PM                  912 b\r\n";
  ListingNotes notes;
  ASSERT_TRUE(parse_list(body, kIn2026, &notes));
  EXPECT_EQ(notes.dialect, Dialect::dos);
  EXPECT_EQ(notes.unparsed_lines, 1U);
  EXPECT_EQ(notes.first_unparsed, "-rw-r--r-- 1 u g 5 Nov 21 02:04 x");
}

TEST(ListDialect, ThatIsExpectedNeedsNoMajority) {
  ListContext context = kIn2026;
  context.expected = Dialect::mvs;
  ListingNotes notes;
  const auto none = parse_list(
      "Volume Unit    Referred Ext Used Recfm Lrecl BlkSz Dsorg Dsname\r\n", context, &notes);
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->empty());
  EXPECT_EQ(notes.dialect, Dialect::mvs);
}

TEST(ListDialect, WordsAloneAreNoMembers) {
  EXPECT_FALSE(parse_list("Permission\r\ndenied\r\n", kNoContext));
}

TEST(ListDialect, AHeadingAloneIsAnEmptyDirectory) {
  for (const Dialect expected : {Dialect::mvs, Dialect::dos, Dialect::os400, Dialect::unix_ls}) {
    ListContext context = kNoContext;
    context.expected = expected;
    ListingNotes notes;
    const auto files = parse_list("total 0\r\n", context, &notes);
    ASSERT_TRUE(files) << to_string(expected) << ": " << files.error().text;
    EXPECT_TRUE(files->empty());
    EXPECT_EQ(notes.unparsed_lines, 0U);
    EXPECT_FALSE(parse_list("total 0\r\nls: Permission denied\r\n", context));
  }
}

TEST(DateOrder, IsProvedByOneLine) {
  ListingNotes notes;
  const std::string body =
      "ME 1 04/03/12 00:00:00 *STMF a\r\n"
      "ME 1 31/12/99 00:00:00 *STMF b\r\n";
  const auto files = parse_list(body, kIn2026, &notes);
  ASSERT_TRUE(files);
  EXPECT_EQ(notes.date_order, DateOrder::dmy);
  EXPECT_TRUE(notes.date_order_proved);
  EXPECT_EQ(show(files->front()), "file 1 2012-03-04T00:00:00 a");
}

TEST(DateOrder, IsTheUsualOneWhereNothingProvesIt) {
  const std::string body = "ME 1 04/03/12 00:00:00 *STMF a\r\n";
  ListContext context = kIn2026;
  ListingNotes notes;
  EXPECT_EQ(show(parse_list(body, context, &notes)->front()), "file 1 2012-04-03T00:00:00 a");
  EXPECT_FALSE(notes.date_order_proved);
  context.usual_order = DateOrder::ymd;
  EXPECT_EQ(show(parse_list(body, context)->front()), "file 1 2004-03-12T00:00:00 a");
  context.date_order = DateOrder::dmy;
  EXPECT_EQ(show(parse_list(body, context)->front()), "file 1 2012-03-04T00:00:00 a");
}

TEST(DateOrder, OfTheFutureIsTheLeastLikely) {
  // 2028 or 2001: nothing was changed in two years from now.
  EXPECT_EQ(show(parse_list("ME 1 28/02/01 00:00:00 *STMF a\r\n", kIn2026)->front()),
            "file 1 2001-02-28T00:00:00 a");
}

TEST(ListDialect, TimesAreOfTheServersZone) {
  ListContext context = kIn2026;
  context.zone = ServerZone(2 * 3'600);
  const auto files = parse_list(
      "03-15-13  02:38PM                  912 a\r\n"
      "03-15-13  12:38AM                  912 b\r\n",
      context);
  EXPECT_EQ(show(files->front()), "file 912 2013-03-15T12:38 a");
  EXPECT_EQ(show(files->back()), "file 912 2013-03-14T22:38 b");
  // Those of EPLF are in no zone.
  EXPECT_EQ(show(parse_list("+m825718503,r,s280,\tdjb.html\r\n", context)->front()),
            "file 280 1996-03-01T22:15:03 djb.html");
}

}  // namespace
}  // namespace ftpsfs::ftp
