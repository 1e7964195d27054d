// SPDX-License-Identifier: MIT
#include "ftpsfs/fuse/receive_loop.hpp"

#include <poll.h>

#include <string>
#include <thread>

#include "bare_session.hpp"

namespace ftpsfs::fuse {
namespace {

class ReceiveLoopTest : public ::testing::Test {
 protected:
  ReceiveLoopTest() : loop_(session_.get(), session_.buffers) {}

  void start() {
    thread_ = std::thread([this] { end_ = loop_.run(); });
  }
  Result<LoopEnd> end() {
    thread_.join();
    return end_;
  }
  fuse_init_in init_message() {
    fuse_init_in in{};
    in.major = FUSE_KERNEL_VERSION;
    in.minor = FUSE_KERNEL_MINOR_VERSION;
    in.flags = FUSE_MAX_PAGES | FUSE_BIG_WRITES;
    return in;
  }

  BareSession session_;
  ReceiveLoop loop_;
  std::thread thread_;
  Result<LoopEnd> end_ = LoopEnd::stopped;
};

TEST_F(ReceiveLoopTest, AnswersUntilItIsStopped) {
  start();
  ASSERT_TRUE(session_.kernel.wait(session_.kernel.send_with(FUSE_INIT, 0, init_message())));
  for (int i = 0; i < 10; ++i) {
    const auto reply = session_.kernel.wait(session_.kernel.getattr(1));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->error, ENOENT);
  }
  loop_.stop();
  const auto ended = end();
  ASSERT_TRUE(ended);
  EXPECT_EQ(*ended, LoopEnd::stopped);
}

TEST_F(ReceiveLoopTest, SaysWhenInitIsAnswered) {
  pollfd raised{loop_.initialized().fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&raised, 1, 0), 0);
  start();
  session_.kernel.send_with(FUSE_INIT, 0, init_message());
  EXPECT_EQ(::poll(&raised, 1, 10'000), 1);
  loop_.stop();
  EXPECT_TRUE(end());
}

TEST_F(ReceiveLoopTest, EndsWithTheMount) {
  start();
  ASSERT_TRUE(session_.kernel.wait(session_.kernel.send_with(FUSE_INIT, 0, init_message())));
  session_.kernel.disconnect();
  const auto ended = end();
  ASSERT_TRUE(ended);
  EXPECT_EQ(*ended, LoopEnd::unmounted);
}

TEST_F(ReceiveLoopTest, AnInitThatFailsIsAnError) {
  session_.init_max_read = 4096;
  start();
  const auto reply = session_.kernel.wait(session_.kernel.send_with(FUSE_INIT, 0, init_message()));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->error, EPROTO);
  const auto ended = end();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Errc::protocol_error);
}

TEST_F(ReceiveLoopTest, AStopBeforeTheStartEndsItAtOnce) {
  loop_.stop();
  start();
  const auto ended = end();
  ASSERT_TRUE(ended);
  EXPECT_EQ(*ended, LoopEnd::stopped);
}

class RequestBuffersTest : public ::testing::Test {
 protected:
  void SetUp() override { session_.init(); }

  /// @return the owner of the bytes, which the next request must leave alone.
  std::shared_ptr<const void> write(char filling) {
    const std::string data(100'000, filling);
    const auto unique = session_.kernel.write(2, 1, 0, data);
    session_.step();
    EXPECT_TRUE(session_.kernel.wait(unique));
    return std::move(session_.kept);
  }

  BareSession session_;
};

TEST_F(RequestBuffersTest, KeptBytesStayWhileOtherRequestsCome) {
  const auto first = write('a');
  const char* const bytes = session_.kept_bytes;
  const auto second = write('b');
  session_.kernel.getattr(1);
  session_.step();
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(std::string(bytes, 100'000), std::string(100'000, 'a'));
  EXPECT_EQ(session_.buffers.counters().kept, 2U);
}

TEST_F(RequestBuffersTest, BuffersComeBackAndAreUsedAgain) {
  write('a').reset();
  const char* const first = session_.kept_bytes;
  EXPECT_EQ(session_.buffers.counters().free, 1U);
  write('b').reset();
  write('c').reset();
  EXPECT_EQ(session_.kept_bytes, first);
  EXPECT_EQ(session_.buffers.counters().kept, 0U);
}

TEST_F(RequestBuffersTest, OnlySoManyAreKept) {
  std::vector<std::shared_ptr<const void>> owners;
  for (std::size_t i = 0; i < RequestBuffers::kMostKept; ++i) {
    owners.push_back(write('x'));
    ASSERT_NE(owners.back(), nullptr);
  }
  EXPECT_EQ(write('y'), nullptr);
  owners.clear();
  EXPECT_EQ(session_.buffers.counters().free, RequestBuffers::kMostFree);
  EXPECT_NE(write('z'), nullptr);
}

TEST(RequestBuffersAlone, KeptBytesOutliveTheBuffers) {
  std::shared_ptr<const void> owner;
  const char* bytes = nullptr;
  {
    BareSession session;
    session.init();
    session.kernel.write(2, 1, 0, std::string(100'000, 'k'));
    session.step();
    owner = std::move(session.kept);
    bytes = session.kept_bytes;
  }
  EXPECT_EQ(std::string(bytes, 100'000), std::string(100'000, 'k'));
  std::thread([&owner] { owner.reset(); }).join();
}

}  // namespace
}  // namespace ftpsfs::fuse
