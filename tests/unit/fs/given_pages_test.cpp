// SPDX-License-Identifier: MIT
//
// Pages that the kernel is given where a program reads at random: when they are, and when they must
// not be any more.
#include <thread>

#include <fmt/core.h>

#include "filesystem_fixture.hpp"

namespace ftpsfs::fs {
namespace {

class GivenPages : public FilesystemFixture {
 protected:
  GivenPages() {
    for (std::size_t i = 0; i < data_.size(); i += 4096) {
      data_.replace(i, 8, fmt::format("{:08x}", i));  // each page is another one
    }
    remote.put("/f", data_, 1'600'000'000);
    ino_ = look(kRootIno, "f");
    handle_ = open(ino_, O_RDONLY);
    // Back and forth: each time the transfer goes elsewhere, and leaves something behind.
    for (unsigned i = 0; i < 12; ++i) {
      const std::uint64_t offset = (i % 2 == 0 ? 20U : 1U) * (1U << 20U) + i * 700'000U;
      EXPECT_EQ(read(handle_, offset, 4096), data_.substr(offset, 4096));
    }
  }
  ~GivenPages() override { EXPECT_TRUE(close(handle_)); }
  GivenPages(const GivenPages&) = delete;
  GivenPages& operator=(const GivenPages&) = delete;

  SilentKernel::Pages last() {
    for (const auto end = request().wait; !end.expired(); std::this_thread::yield()) {
      const MutexLock lock(kernel.mutex);
      if (!kernel.pages.empty()) {
        return kernel.pages.back();
      }
    }
    ADD_FAILURE() << "no pages were given";
    return {kNoIno, 0, {}, [] { return PageTicket(); }};
  }

  std::string data_ = std::string(32U << 20U, '\0');
  Ino ino_ = kNoIno;
  HandleId handle_ = 0;
};

TEST_F(GivenPages, AreTheFiles) {
  last();
  const MutexLock lock(kernel.mutex);
  for (const auto& each : kernel.pages) {
    EXPECT_EQ(each.ino, ino_);
    std::string text;
    for (const Slice& slice : each.bytes) {
      text.append(reinterpret_cast<const char*>(slice.bytes.data()), slice.bytes.size());
    }
    EXPECT_TRUE(text == data_.substr(each.offset, text.size()));
    EXPECT_TRUE(each.admit());
  }
}

TEST_F(GivenPages, AreNotWantedOnceAProgramMayWrite) {
  const auto pages = last();
  EXPECT_TRUE(pages.admit());
  const HandleId writer = open(ino_, O_RDWR);
  EXPECT_FALSE(pages.admit());
  EXPECT_TRUE(close(writer));
  EXPECT_FALSE(pages.admit()) << "nobody knows what was written";
}

TEST_F(GivenPages, AreWaitedForByWhoOpensToWrite) {
  auto ticket = last().admit();
  ASSERT_TRUE(ticket);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(fs->open(ino_, O_RDWR, request(stop.get_token())));
  std::jthread arrival([&ticket] { ticket.reset(); });
  EXPECT_TRUE(close(open(ino_, O_RDWR)));
}

TEST_F(GivenPages, AreForgottenWhenTheFileChangesOnTheServerMeanwhile) {
  auto ticket = last().admit();
  ASSERT_TRUE(ticket);
  remote.grow("/f", "more");
  clock.advance(std::chrono::minutes(1));
  EXPECT_EQ(attributes(ino_).size, data_.size() + 4);
  const int before = kernel.inodes;
  ticket.reset();
  EXPECT_EQ(kernel.inodes, before + 1);
  EXPECT_FALSE(last().admit());
}

/// Pages belong to the inode, whoever has it open.
TEST_F(GivenPages, AreWaitedForByWhoOpensToWriteBehindTheLastClose) {
  const auto pages = last();
  auto ticket = pages.admit();
  ASSERT_TRUE(ticket);
  EXPECT_TRUE(close(handle_));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(fs->open(ino_, O_WRONLY, request(stop.get_token())));
  ticket.reset();
  EXPECT_FALSE(pages.admit());
  handle_ = open(ino_, O_RDWR);
}

TEST_F(GivenPages, OfAnOlderVersionDoNotFollowAnOpening) {
  const auto pages = last();
  auto ticket = pages.admit();
  ASSERT_TRUE(ticket);
  EXPECT_TRUE(close(handle_));
  remote.put("/f", std::string(1000, 'n'));
  clock.advance(std::chrono::minutes(1));
  std::stop_source stop;
  stop.request_stop();
  look(kRootIno, "f");
  const auto blocked = fs->open(ino_, O_RDONLY, request(stop.get_token()));
  EXPECT_FALSE(blocked && blocked->keep_cache);
  ticket.reset();
  EXPECT_FALSE(pages.admit());
  handle_ = open(look(kRootIno, "f"), O_RDONLY);
}

TEST_F(GivenPages, AreNoneOfAFileThatWasMadeHere) {
  const HandleId made = create("new", O_RDWR);
  EXPECT_TRUE(write(made, 0, data_));
  EXPECT_TRUE(fs->sync(made, request()));
  for (unsigned i = 0; i < 12; ++i) {
    const std::uint64_t offset = (i % 2 == 0 ? 20U : 1U) * (1U << 20U) + i * 700'000U;
    EXPECT_EQ(read(made, offset, 4096), data_.substr(offset, 4096));
  }
  EXPECT_TRUE(close(made));
  const MutexLock lock(kernel.mutex);
  for (const auto& each : kernel.pages) {
    EXPECT_EQ(each.ino, ino_) << "the other file's";
  }
}

TEST_F(GivenPages, OutliveTheirFile) {
  const auto pages = last();
  auto ticket = pages.admit();
  EXPECT_TRUE(close(handle_));
  ticket.reset();
  EXPECT_FALSE(pages.admit());
  handle_ = open(ino_, O_RDONLY);
}

}  // namespace
}  // namespace ftpsfs::fs
