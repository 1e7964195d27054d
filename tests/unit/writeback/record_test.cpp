// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/record.hpp"

#include <gmock/gmock.h>

#include "intentions.hpp"

namespace ftpsfs::writeback {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

Edit edit_with_everything() {
  Intention intention = rename("/from/ä", "/to/b c", version(12345678901ULL, -5));
  intention.base.version.mtime->grain = remote::TimeGrain::day;
  intention.content = 7;
  intention.size = 1ULL << 40U;
  intention.tail = {1'700'000'000, std::uint16_t{0640}};
  intention.refusal = "552 quota";
  intention.source = version(9, 8);
  intention.accepted = -7;
  return Edit{{{42, intention}, {43, simple(Action::make_directory, "/")}}, {1, 2, 3}};
}

TEST(Record, AnEditIsReadAsItWasWritten) {
  std::string text;
  append_frame(text, 9, 8, edit_with_everything());
  const auto frame = read_frame(bytes_of(text));
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->number, 9U);
  EXPECT_EQ(frame->durable, 8U);
  EXPECT_EQ(frame->bytes, text.size());
  const Edit& edit = std::get<Edit>(frame->record);
  ASSERT_EQ(edit.puts.size(), 2U);
  EXPECT_THAT(edit.drops, testing::ElementsAre(1, 2, 3));
  const Intention& read = edit.puts[0].second;
  EXPECT_EQ(edit.puts[0].first, 42U);
  EXPECT_EQ(read.action, Action::rename);
  EXPECT_EQ(read.path.str(), "/from/ä");
  EXPECT_EQ(read.target.str(), "/to/b c");
  EXPECT_EQ(read.base.kind, Base::Kind::version);
  EXPECT_EQ(read.base.version.size, 12345678901ULL);
  EXPECT_EQ(read.base.version.mtime, (remote::FileTime{-5, remote::TimeGrain::day}));
  EXPECT_EQ(read.content, 7U);
  EXPECT_EQ(read.size, 1ULL << 40U);
  EXPECT_EQ(read.tail.mtime, 1'700'000'000);
  EXPECT_EQ(read.tail.mode, 0640);
  EXPECT_EQ(read.refusal, "552 quota");
  EXPECT_EQ(read.source.version.size, 9U);
  EXPECT_EQ(read.accepted, -7);
}

TEST(Record, ContentLiesWhereItsOffsetSays) {
  const std::string content("a\0b\n", 4);
  std::string text;
  append_frame(text, 0, 0, ContentRecord{77, bytes_of(content)});
  const auto frame = read_frame(bytes_of(text));
  ASSERT_TRUE(frame);
  EXPECT_EQ(std::get<ContentRecord>(frame->record).id, 77U);
  EXPECT_EQ(text.substr(kContentOffset), content);
}

TEST(Record, EveryFlippedBitIsSeen) {
  std::string text;
  append_frame(text, 9, 8, edit_with_everything());
  for (std::size_t bit = 0; bit < text.size() * 8; ++bit) {
    std::string flipped = text;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_FALSE(read_frame(bytes_of(flipped))) << bit;
  }
}

TEST(Record, WhatIsCutOffIsNoFrame) {
  std::string text;
  append_frame(text, 0, 0, edit_with_everything());
  for (std::size_t size = 0; size < text.size(); ++size) {
    ASSERT_FALSE(read_frame(bytes_of(text).first(size))) << size;
  }
}

struct Reading {
  std::vector<std::uint64_t> numbers;
  JournalEnd end;
};
Reading read(const std::string& text) {
  Reading reading;
  reading.end = read_journal(bytes_of(text), [&](std::size_t, const Frame& frame) {
    reading.numbers.push_back(frame.number);
  });
  return reading;
}

/// Three writes of two frames each, behind the header.
std::string journal(std::vector<std::size_t>* begins = nullptr) {
  std::string text;
  append_frame(text, 0, 0, HeaderRecord{"server"});
  for (std::uint64_t number = 1; number <= 6; ++number) {
    if (begins != nullptr) {
      begins->push_back(text.size());
    }
    append_frame(text, number, (number - 1) / 2 * 2 + 1, Edit{{}, {number}});
  }
  return text;
}

TEST(Record, AJournalIsReadToItsEnd) {
  const Reading reading = read(journal());
  EXPECT_THAT(reading.numbers, testing::ElementsAre(0, 1, 2, 3, 4, 5, 6));
  EXPECT_EQ(reading.end.bytes, journal().size());
  EXPECT_FALSE(reading.end.damaged);
}

TEST(Record, ATornEndIsNoDamage) {
  std::vector<std::size_t> begins;
  std::string text = journal(&begins);
  // The last write: its first frame never arrived, its second did.
  for (std::size_t i = begins[4]; i < begins[5]; ++i) {
    text[i] = 0;
  }
  const Reading reading = read(text);
  EXPECT_THAT(reading.numbers, testing::ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(reading.end.bytes, begins[4]);
  EXPECT_FALSE(reading.end.damaged);
}

TEST(Record, WhatABrokenFrameHidesIsDamageWhenItHadBeenPromised) {
  std::vector<std::size_t> begins;
  std::string text = journal(&begins);
  text[begins[3] + 30] = static_cast<char>(text[begins[3] + 30] ^ 1);
  const Reading reading = read(text);
  EXPECT_THAT(reading.numbers, testing::ElementsAre(0, 1, 2, 3));
  EXPECT_TRUE(reading.end.damaged);
}

TEST(Record, FramesOfAnotherPlaceAreNotTaken) {
  std::string text = journal();
  append_frame(text, 9, 7, Edit{});
  EXPECT_EQ(read(text).end.frames, 7U);
  EXPECT_FALSE(read(text).end.damaged) << "7 and 8 may have been of the same write";
  append_frame(text, 10, 8, Edit{});
  EXPECT_TRUE(read(text).end.damaged) << "7 had been promised";
  EXPECT_EQ(read(journal().substr(1)).end.frames, 0U);
}

}  // namespace
}  // namespace ftpsfs::writeback
