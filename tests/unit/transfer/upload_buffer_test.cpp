// SPDX-License-Identifier: MIT
#include "../../../src/transfer/upload_buffer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <string_view>

#include "sizes.hpp"

namespace ftpsfs::transfer {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Slice slice_of(std::string_view text) {
  return copy_of(std::as_bytes(std::span(text)));
}

std::string text_of_slice(const Slice& slice) {
  std::string text(slice.bytes.size(), '\0');
  std::memcpy(text.data(), slice.bytes.data(), text.size());
  return text;
}

const Error kCut = make_error(Errc::closed, "the link died");

class UploadBufferTest : public ::testing::Test {
 protected:
  void push(std::string_view text) { buffer_.push(slice_of(text)); }
  /// @param size of each piece: large enough for the next to leave on its own.
  void push_large(char byte, std::size_t size = 200'000) { push(std::string(size, byte)); }
  std::string send_next(std::size_t ring_room = kMebibyte) {
    return text_of_slice(buffer_.send_next(ring_room));
  }
  std::string send_rest() {
    std::string text;
    while (!buffer_.is_all_sent()) {
      text += send_next();
    }
    return text;
  }

  UploadBuffer buffer_;
};

TEST_F(UploadBufferTest, SmallSlicesThatWaitTogetherLeaveTogether) {
  push("one ");
  push("two ");
  push("three");
  EXPECT_EQ(buffer_.accepted(), 13U);
  EXPECT_EQ(send_next(), "one two three");
  EXPECT_TRUE(buffer_.is_all_sent());
  EXPECT_EQ(buffer_.sent(), 13U);
  EXPECT_EQ(buffer_.queue_cost(), 0U);
}

TEST_F(UploadBufferTest, LargeSlicesAreNotCopied) {
  const Slice large = slice_of(std::string(200'000, 'x'));
  buffer_.push(large);
  push("behind it");
  EXPECT_EQ(buffer_.send_next(kMebibyte).bytes.data(), large.bytes.data());
  EXPECT_EQ(send_next(), "behind it");
}

TEST_F(UploadBufferTest, ALargeSliceHasRoomInAnEmptyQueueAlone) {
  const Slice large = slice_of(std::string(200'000, 'x'));
  EXPECT_TRUE(buffer_.has_room(large, 1000));
  push("x");
  EXPECT_FALSE(buffer_.has_room(large, 1000));
  EXPECT_TRUE(buffer_.has_room(slice_of("y"), 1000));
}

TEST_F(UploadBufferTest, ManyTinySlicesCostMoreThanTheirBytes) {
  for (int i = 0; i < 100; ++i) {
    push("x");
  }
  EXPECT_GT(buffer_.queue_cost(), 5000U);
  EXPECT_FALSE(buffer_.has_room(slice_of("x"), 5000));
}

TEST_F(UploadBufferTest, TheRingKeepsTheLastBytesUntilTheyAreConfirmed) {
  push_large('a');
  push_large('b');
  push_large('c');
  send_next(450'000);
  send_next(450'000);
  EXPECT_EQ(buffer_.ring_begin(), 0U);
  send_next(450'000);
  EXPECT_EQ(buffer_.ring_begin(), 200'000U);
  buffer_.confirm();
  EXPECT_EQ(buffer_.ring_begin(), 600'000U);
  EXPECT_EQ(buffer_.confirmed(), 600'000U);
  EXPECT_TRUE(buffer_.proof().bytes.empty());
}

/// What has arrived may end where the ring begins: then other bytes must tell whose it is.
TEST_F(UploadBufferTest, TheProofBeginsInFrontOfTheRing) {
  push_large('a');
  push_large('b');
  send_next(300'000);
  EXPECT_EQ(buffer_.proof().begin, 0U) << "all is in the ring";
  send_next(300'000);
  ASSERT_EQ(buffer_.ring_begin(), 200'000U);
  const UploadBuffer::Proof proof = buffer_.proof();
  ASSERT_LT(proof.begin, buffer_.ring_begin());
  std::string text;
  for (const Slice& piece : proof.bytes) {
    text += text_of_slice(piece);
  }
  EXPECT_TRUE(text == std::string(200'000 - proof.begin, 'a') + std::string(200'000, 'b'));
  ASSERT_TRUE(buffer_.rewind_to(200'000, kCut));
  EXPECT_EQ(buffer_.proof().begin, 200'000U) << "confirmed, and needs none";
  EXPECT_TRUE(send_rest() == std::string(200'000, 'b'));
}

TEST_F(UploadBufferTest, TheProofIsOfTheLastBytesHoweverSmallTheyCame) {
  std::string sent;
  for (int i = 0; i < 1000; ++i) {
    push(std::to_string(i));
    sent += send_next(1);
  }
  const UploadBuffer::Proof proof = buffer_.proof();
  std::string text;
  for (const Slice& piece : proof.bytes) {
    text += text_of_slice(piece);
  }
  EXPECT_EQ(text, sent.substr(proof.begin));
  EXPECT_GT(text.size(), 1000U);
}

TEST_F(UploadBufferTest, TheLastPieceIsKeptWhateverItsSize) {
  push_large('a');
  send_next(10);
  EXPECT_EQ(buffer_.ring_begin(), 0U);
}

TEST_F(UploadBufferTest, WhatHasNotArrivedIsSentAgainInOrder) {
  push_large('a');
  push_large('b');
  push("not sent yet");
  send_next();
  send_next();
  ASSERT_TRUE(buffer_.rewind_to(150'000, kCut));
  EXPECT_EQ(buffer_.sent(), 150'000U);
  EXPECT_EQ(buffer_.confirmed(), 150'000U);
  const std::string expected =
      std::string(50'000, 'a') + std::string(200'000, 'b') + "not sent yet";
  EXPECT_TRUE(send_rest() == expected);
  EXPECT_EQ(buffer_.sent(), buffer_.accepted());
  EXPECT_EQ(buffer_.queue_cost(), 0U);
}

TEST_F(UploadBufferTest, AllMayHaveArrivedOrNothing) {
  push("whole");
  send_next();
  ASSERT_TRUE(buffer_.rewind_to(5, kCut));
  EXPECT_TRUE(buffer_.is_all_sent());
  push(" and more");
  send_next();
  ASSERT_TRUE(buffer_.rewind_to(5, kCut));
  EXPECT_EQ(send_rest(), " and more");
}

/// A refused rewind leaves the buffer as it was.
TEST_F(UploadBufferTest, WhatIsNotKeptCannotBeSentAgain) {
  push_large('a');
  push_large('b');
  send_next(10);
  send_next(10);
  const auto rewound = buffer_.rewind_to(100, kCut);
  ASSERT_FALSE(rewound);
  EXPECT_EQ(rewound.error().code, Errc::closed);
  EXPECT_THAT(rewound.error().text, AllOf(HasSubstr("the link died"), HasSubstr("not here")));
  EXPECT_EQ(buffer_.sent(), 400'000U);
  EXPECT_EQ(buffer_.ring_begin(), 200'000U);
}

TEST_F(UploadBufferTest, SizesThatCannotBeOursAreErrors) {
  push("0123456789");
  send_next();
  buffer_.confirm();
  push("more");
  send_next();
  for (const std::uint64_t told : {9ULL, 15ULL}) {
    const auto rewound = buffer_.rewind_to(told, kCut);
    ASSERT_FALSE(rewound) << told;
    EXPECT_THAT(rewound.error().text, HasSubstr("somebody else")) << told;
  }
  EXPECT_EQ(buffer_.sent(), 14U);
}

TEST_F(UploadBufferTest, WhatWasNotSentCanBeTakenBack) {
  push("one");
  push("two");
  const Slices back = buffer_.take_back();
  ASSERT_EQ(back.size(), 2U);
  EXPECT_EQ(text_of_slice(back[0]) + text_of_slice(back[1]), "onetwo");
  EXPECT_EQ(buffer_.accepted(), 0U);
  EXPECT_EQ(buffer_.queue_cost(), 0U);
  EXPECT_TRUE(buffer_.is_all_sent());
}

TEST_F(UploadBufferTest, CanBeginAgainAsLongAsNoByteIsGone) {
  push("one");
  push_large('2');
  EXPECT_TRUE(buffer_.has_all());
  send_rest();
  buffer_.confirm(UploadBuffer::Confirmed::kept);
  EXPECT_EQ(buffer_.confirmed(), 200'003U);
  EXPECT_TRUE(buffer_.has_all());
  push("three");
  EXPECT_EQ(send_next(), "three");
  ASSERT_TRUE(buffer_.rewind_to(200'005, kCut, UploadBuffer::Confirmed::kept));
  EXPECT_EQ(buffer_.sent(), 200'005U);
  push("four");
  ASSERT_TRUE(buffer_.has_all());
  buffer_.begin_again();
  EXPECT_EQ(buffer_.sent(), 0U);
  EXPECT_EQ(buffer_.confirmed(), 0U);
  EXPECT_EQ(buffer_.accepted(), 200'012U);
  EXPECT_EQ(send_rest(), "one" + std::string(200'000, '2') + "threefour");
  EXPECT_EQ(buffer_.sent(), 200'012U);
  EXPECT_EQ(buffer_.queue_cost(), 0U);
}

TEST_F(UploadBufferTest, CannotBeginAgainBehindWhatIsGone) {
  push("one");
  send_rest();
  buffer_.confirm();
  EXPECT_FALSE(buffer_.has_all());
  push("two");
  send_rest();
  buffer_.confirm(UploadBuffer::Confirmed::kept);
  EXPECT_FALSE(buffer_.has_all()) << "kept is the whole, or nothing";

  UploadBuffer trimmed;
  for (const char byte : {'1', '2', '3'}) {
    trimmed.push(slice_of(std::string(600'000, byte)));
    trimmed.send_next(kMebibyte);
  }
  EXPECT_FALSE(trimmed.has_all());
  ASSERT_TRUE(trimmed.rewind_to(1'300'000, kCut, UploadBuffer::Confirmed::kept));
  EXPECT_FALSE(trimmed.has_all());
  EXPECT_EQ(text_of_slice(trimmed.send_next(kMebibyte)), std::string(500'000, '3'));
}

TEST_F(UploadBufferTest, WhatWasNotSentCanBeLookedAt) {
  push_large('1');
  push("two");
  send_next();
  const Slices unsent = buffer_.unsent();
  ASSERT_EQ(unsent.size(), 1U);
  EXPECT_EQ(text_of_slice(unsent[0]), "two");
  EXPECT_EQ(send_rest(), "two");
}

}  // namespace
}  // namespace ftpsfs::transfer
