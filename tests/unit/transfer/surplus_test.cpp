// SPDX-License-Identifier: MIT
//
// Files that grow while they are read: more bytes come than the server told of. What a server sends
// that converts line ends is in tests/unit/faults.
#include "../../../src/transfer/surplus.hpp"

#include <atomic>

#include "stream_fixture.hpp"

namespace ftpsfs::transfer {
namespace {

class GrownFiles : public StreamFixture, public ::testing::WithParamInterface<std::size_t> {};

TEST_P(GrownFiles, AreReadToTheirNewEndAndAskedForOnce) {
  FakeRemote remote(clock);
  const std::string data = pattern(300'001);
  const std::string more = pattern(GetParam());
  remote.put("/f", data);
  std::atomic<bool> has_grown{false};
  remote.on_call([&](Op op, const std::string&) {
    if (op == Op::read && !has_grown.exchange(true)) {
      remote.grow("/f", more);
    }
  });
  const auto stream = reader(remote);
  const auto slices = stream->read(0, data.size() + more.size() + 1, std::nullopt, patience());
  ASSERT_TRUE(slices) << slices.error().text;
  EXPECT_TRUE(text_of(*slices) == data + more);
  EXPECT_EQ(remote.calls(Op::version), 1U);
}

INSTANTIATE_TEST_SUITE_P(ByLittleAndMuch, GrownFiles, ::testing::Values(1, 70'000, 700'000));

class SurplusTest : public StreamFixture {
 protected:
  Result<void> check(FakeRemote& remote, std::uint64_t told) {
    return Surplus(told).check(remote, *path()(), patience());
  }
};

TEST_F(SurplusTest, BeginsWithThePieceInWhichTheSizeEnds) {
  Surplus surplus(100);
  EXPECT_FALSE(surplus.has(100));
  EXPECT_TRUE(surplus.has(101));
  surplus.take(std::as_bytes(std::span("ab", 2)));
  EXPECT_TRUE(surplus.has(50)) << "what comes behind it follows it";
  EXPECT_FALSE(Surplus(std::nullopt).has(1));
  EXPECT_FALSE(Surplus(0).has(1)) << "no line end was in it";
}

TEST_F(SurplusTest, IsAnErrorWhenTheSizeIsTheOldOne) {
  FakeRemote remote(clock);
  remote.put("/f", "five\n");
  EXPECT_EQ(check(remote, 5).error().code, Errc::io_error);
  EXPECT_TRUE(check(remote, 4)) << "it has grown";
  remote.fail_next(Op::version, "/f", make_error(Errc::closed, "cut"));
  EXPECT_EQ(check(remote, 5).error().code, Errc::closed);
}

}  // namespace
}  // namespace ftpsfs::transfer
