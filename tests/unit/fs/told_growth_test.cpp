// SPDX-License-Identifier: MIT
//
// A log that grows on the server while programs read it: which sizes the kernel is told, and when.
#include <thread>

#include "filesystem_fixture.hpp"

namespace ftpsfs::fs {
namespace {

class ToldGrowth : public FilesystemFixture {
 protected:
  ToldGrowth() {
    remote.put("/log", "one\n", 1'600'000'000);
    ino_ = look(kRootIno, "log");
    handle_ = open(ino_, O_RDONLY);
  }
  ~ToldGrowth() override { EXPECT_TRUE(close(handle_)); }
  ToldGrowth(const ToldGrowth&) = delete;
  ToldGrowth& operator=(const ToldGrowth&) = delete;

  void grow(const std::string& by) {
    remote.grow("/log", by);
    clock.advance(std::chrono::minutes(1));  // nobody believes the old size any more
  }
  /// As the kernel asks while it does not look closely.
  std::uint64_t size_at_a_glance() {
    const auto reply = fs->lookup(kRootIno, "log", request());
    return reply ? reply->attributes.size : 0;
  }
  SilentKernel::Drop take_drop() {
    for (const auto end = request().wait; !end.expired(); std::this_thread::yield()) {
      const MutexLock lock(kernel.mutex);
      if (!kernel.drops.empty()) {
        auto drop = std::move(kernel.drops.back());
        kernel.drops.pop_back();
        return drop;
      }
    }
    ADD_FAILURE() << "the kernel was asked nothing";
    return {kNoIno, 0, [](bool) {}};
  }

  Ino ino_ = kNoIno;
  HandleId handle_ = 0;
};

TEST_F(ToldGrowth, AnAnswerToAnOldQuestionIsNoShrinking) {
  Gate gate = remote.hold(Op::open_reader, {}, test::Moment::after);
  std::string got;
  std::jthread reading([&] { got = read(handle_, 0, 4096); });
  ASSERT_TRUE(gate.await_blocked());  // with the size of four bytes in its hand
  grow("two\n");
  EXPECT_EQ(size_at_a_glance(), 4U) << "eight are known now, and not told while somebody reads";
  gate.open();
  reading.join();
  EXPECT_EQ(got, "one\ntwo\n") << "the kernel, told of eight, fills up with zeros";
  EXPECT_EQ(attributes(ino_).size, 8U);
}

TEST_F(ToldGrowth, IsToldOnlyWhenTheKernelHasDroppedItsLastPage) {
  EXPECT_EQ(read(handle_), "one\n");
  kernel.holds_drops = true;
  grow("two\n");
  EXPECT_EQ(size_at_a_glance(), 4U);
  const auto drop = take_drop();
  EXPECT_EQ(drop.ino, ino_);
  EXPECT_EQ(drop.offset, 4U);
  EXPECT_EQ(read(handle_, 0, 4096), "one\ntwo\n") << "nothing stops what is read";
  std::uint64_t seen = 0;
  std::jthread asking([&] { seen = attributes(ino_).size; });
  drop.then(true);
  asking.join();
  EXPECT_EQ(seen, 8U);
  EXPECT_EQ(size_at_a_glance(), 8U);
}

TEST_F(ToldGrowth, NoAnswerIsBelievedUntilThen) {
  EXPECT_EQ(read(handle_), "one\n");
  kernel.holds_drops = true;
  grow("two\n");
  const int before = kernel.outdated;
  EXPECT_EQ(size_at_a_glance(), 4U);
  EXPECT_EQ(kernel.outdated, before + 1);
  const auto drop = take_drop();
  EXPECT_EQ(size_at_a_glance(), 4U);
  EXPECT_EQ(kernel.outdated, before + 2);
  drop.then(true);
  EXPECT_EQ(size_at_a_glance(), 8U);
  EXPECT_EQ(kernel.outdated, before + 2);
}

/// A program that reads a log again and again, and each time finds it grown since it read last.
TEST_F(ToldGrowth, TheKernelIsNotKeptWaitingAndHearsOfEachSecondStep) {
  EXPECT_EQ(read(handle_), "one\n");
  const auto ask = [this] {
    const auto seen = fs->get_attributes(ino_, request(), Asker::kernel);
    return seen ? seen->size : 0;
  };
  kernel.holds_drops = true;
  grow("two\n");
  EXPECT_EQ(ask(), 4U) << "no answer helps, as it is not believed";
  take_drop().then(true);
  grow("three\n");
  const int before = kernel.outdated;
  EXPECT_EQ(ask(), 8U);
  EXPECT_EQ(kernel.outdated, before) << "this one is believed";
  EXPECT_EQ(ask(), 8U);
  EXPECT_EQ(kernel.outdated, before + 1);
  take_drop().then(true);
  EXPECT_EQ(ask(), 14U);
}

TEST_F(ToldGrowth, TheKernelIsAskedAgainWhereItCouldNotBe) {
  EXPECT_EQ(read(handle_), "one\n");
  kernel.holds_drops = true;
  grow("two\n");
  EXPECT_EQ(size_at_a_glance(), 4U);
  take_drop().then(false);
  kernel.holds_drops = false;
  EXPECT_EQ(size_at_a_glance(), 8U);
}

}  // namespace
}  // namespace ftpsfs::fs
