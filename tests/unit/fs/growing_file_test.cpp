// SPDX-License-Identifier: MIT
//
// A file that grows on the server while it is read, and one that is replaced.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "filesystem_fixture.hpp"
#include "support/noise.hpp"

namespace ftpsfs::fs {
namespace {

using std::chrono::seconds;
using test::noise;

class GrowingFile : public FilesystemFixture {
 protected:
  explicit GrowingFile(FakeRemoteOptions options = {}) : FilesystemFixture(options) {}

  /// As a log does it: more bytes, and a later time.
  void grow(const std::string& bytes) {
    clock.advance(seconds(1));
    remote.grow("/log", bytes);
    content_ += bytes;
  }
  void start(const std::string& text) {
    remote.put("/log", text);
    content_ = text;
    ino_ = walk("log");
  }
  void replace(const std::string& text) {
    clock.advance(seconds(1));
    remote.put("/log", text);
  }
  /// Each transfer finds the file grown once more.
  void grow_with_each_transfer() {
    remote.on_call([this](Op op, const std::string&) {
      if (op == Op::open_reader) {
        grow("once more\n");
      }
    });
  }
  void stop_growing() { remote.on_call({}); }
  Errc failure(HandleId handle, std::uint64_t offset, std::size_t size = 100) {
    const auto slices = fs->read(handle, offset, size, request());
    EXPECT_FALSE(slices);
    return slices ? Errc::io_error : slices.error().code;
  }
  /// The kernel asks for attributes that are old.
  std::uint64_t size_now() {
    clock.advance(seconds(60));
    return attributes(ino_).size;
  }

  /// A large file's first page is the kernel's from an earlier opening.
  HandleId open_with_a_page_kept() {
    start(noise(kLarge));
    const HandleId earlier = open(ino_, O_RDONLY);
    EXPECT_EQ(read(earlier, 0, 4096), content_.substr(0, 4096));
    EXPECT_TRUE(close(earlier));
    const auto opened = fs->open(ino_, O_RDONLY, request());
    EXPECT_TRUE(opened);
    EXPECT_TRUE(opened && opened->keep_cache);
    return opened ? opened->handle : 0;
  }

  static constexpr std::size_t kLarge = 12U << 20U;
  std::string content_;
  Ino ino_ = kNoIno;
};

TEST_F(GrowingFile, MayHaveGrownBetweenTheOpeningAndTheFirstRead) {
  start(noise(1000));
  const HandleId handle = open(ino_, O_RDONLY);
  grow("more\n");
  EXPECT_EQ(read(handle, 0, 4096), content_);
  EXPECT_GE(kernel.inodes, 1) << "the kernel must look at the size anew";
  EXPECT_EQ(attributes(ino_).size, content_.size());
  EXPECT_TRUE(close(handle));
}

TEST_F(GrowingFile, MayHaveGrownBeforeAFirstReadInTheMiddle) {
  start(noise(kLarge));
  const HandleId handle = open(ino_, O_RDONLY);
  grow("more\n");
  EXPECT_EQ(read(handle, 8'000'000, 100), content_.substr(8'000'000, 100));
  EXPECT_TRUE(close(handle));
}

TEST_F(GrowingFile, IsFollowedWhenItGrowsOnceMoreBehindTheLookAtItsSize) {
  start(noise(1000));
  const HandleId handle = open(ino_, O_RDONLY);
  EXPECT_EQ(read(handle, 0, 4096), content_);
  EXPECT_EQ(read(handle, 1000, 4096), "");
  for (int round = 0; round < 3; ++round) {
    const std::size_t end = content_.size();
    grow("seen\n");
    EXPECT_EQ(size_now(), content_.size());
    grow_with_each_transfer();
    const std::string got = read(handle, end, 4096);
    stop_growing();
    EXPECT_EQ(got, content_.substr(end)) << round;
  }
  EXPECT_TRUE(close(handle));
}

TEST_F(GrowingFile, IsReadOnWhenItsTransferWasCut) {
  start(noise(3U << 20U));
  remote.fail_after_bytes(Op::read, 1'000'000, make_error(Errc::closed, "reset"));
  const HandleId handle = open(ino_, O_RDONLY);
  grow_with_each_transfer();
  const std::size_t size = content_.size();
  EXPECT_TRUE(read(handle, 0, size) == content_.substr(0, size));
  EXPECT_EQ(remote.calls(Op::open_reader), 2U);
  stop_growing();
  EXPECT_TRUE(close(handle));
}

TEST_F(GrowingFile, IsReadOnBehindAJump) {
  start(noise(kLarge));
  const HandleId handle = open(ino_, O_RDONLY);
  EXPECT_EQ(read(handle, 0, 4096), content_.substr(0, 4096));
  grow_with_each_transfer();
  EXPECT_EQ(read(handle, 9'000'000, 4096), content_.substr(9'000'000, 4096));
  stop_growing();
  EXPECT_TRUE(close(handle));
}

TEST_F(GrowingFile, HasAnEndAlthoughItGoesOnGrowing) {
  start(noise(1000));
  const HandleId handle = open(ino_, O_RDONLY);
  grow_with_each_transfer();
  std::size_t got = 0;
  // As the kernel has it when a program reads on: attributes, for they were called outdated, and
  // what they promise.
  for (int round = 0; round < 2; ++round) {
    got += read(handle, got, static_cast<std::size_t>(attributes(ino_).size - got)).size();
  }
  EXPECT_EQ(attributes(ino_).size, got);
  EXPECT_GT(got, 1000U);
  EXPECT_EQ(remote.calls(Op::open_reader), 1U);
  stop_growing();
  EXPECT_TRUE(close(handle));
}

TEST_F(GrowingFile, IsReadByManyAtATime) {
  start(noise(1000));
  const HandleId first = open(ino_, O_RDONLY);
  EXPECT_EQ(read(first, 0, 4096), content_);
  for (int round = 0; round < 3; ++round) {
    grow("seen\n");
    EXPECT_EQ(size_now(), content_.size());
    const HandleId second = open(ino_, O_RDONLY);
    grow_with_each_transfer();
    const std::string got = read(second, 0, 4096);
    stop_growing();
    EXPECT_EQ(got, content_) << round;
    EXPECT_TRUE(close(second));
  }
  EXPECT_EQ(read(first, 0, 4096), content_);
  EXPECT_TRUE(close(first));
}

TEST_F(GrowingFile, IsReadByManyThatHaveOpenedItBefore) {
  start(noise(1000));
  const HandleId first = open(ino_, O_RDONLY);
  const auto second = fs->open(ino_, O_RDONLY, request());
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->keep_cache) << "of nothing";
  grow("more\n");
  EXPECT_EQ(read(second->handle, 0, 4096), content_);
  EXPECT_EQ(read(first, 0, 4096), content_);
  EXPECT_TRUE(close(first));
  EXPECT_TRUE(close(second->handle));
}

TEST_F(GrowingFile, IsReadWhileTheKernelHasPagesOfIt) {
  const HandleId handle = open_with_a_page_kept();
  grow("more\n");
  EXPECT_EQ(read(handle, 100'000, 4096), content_.substr(100'000, 4096));
  EXPECT_TRUE(close(handle));
}

TEST_F(GrowingFile, IsAnotherOneWhenItWasReplacedByAPageThatTheKernelHas) {
  const HandleId handle = open_with_a_page_kept();
  replace(noise(kLarge + 5, 7));
  EXPECT_EQ(failure(handle, 100'000), Errc::stale);
  EXPECT_TRUE(close(handle));
}

TEST_F(GrowingFile, ThatWasReplacedByALargerOneIsStaleAtItsEnd) {
  start(noise(1000));
  const HandleId handle = open(ino_, O_RDONLY);
  EXPECT_EQ(read(handle, 0, 4096), content_);
  EXPECT_EQ(read(handle, 1000, 4096), "");
  replace(noise(2000, 7));
  EXPECT_EQ(size_now(), 2000U) << "for all that size and time tell";
  EXPECT_EQ(failure(handle, 1000), Errc::stale);
  EXPECT_TRUE(close(handle));
}

/// Only who had it open before is left with nothing.
TEST_F(GrowingFile, ThatWasReplacedByALargerOneIsReadByWhoOpensItLater) {
  start(noise(1000));
  const HandleId older = open(ino_, O_RDONLY);
  EXPECT_EQ(read(older, 0, 4096), content_);
  const std::string other = noise(3000, 7);
  replace(other);
  clock.advance(seconds(60));
  std::string got;
  for (int attempt = 0; attempt < 3 && got.empty(); ++attempt) {  // the kernel looks up again
    const auto opened = fs->open(look(kRootIno, "log"), O_RDONLY, request());
    if (opened) {
      const auto slices = fs->read(opened->handle, 0, 4096, request());
      for (const Slice& slice : slices.value_or(Slices{})) {
        got.append(reinterpret_cast<const char*>(slice.bytes.data()), slice.bytes.size());
      }
      fs->release(opened->handle, request());
    }
  }
  EXPECT_TRUE(got == other);
  EXPECT_TRUE(close(older));
}

TEST_F(GrowingFile, ThatWasReplacedByALargerOneIsStaleBehindACut) {
  start(noise(kLarge));
  remote.fail_after_bytes(Op::read, 100'000, make_error(Errc::closed, "reset"));
  std::atomic<int> opened{0};
  remote.on_call([&](Op op, const std::string&) {
    if (op == Op::open_reader && ++opened == 2) {
      replace(noise(kLarge + 5, 7));
    }
  });
  const HandleId handle = open(ino_, O_RDONLY);
  EXPECT_EQ(failure(handle, 0, 1'000'000), Errc::stale);
  remote.on_call({});
  EXPECT_TRUE(close(handle));
}

TEST_F(GrowingFile, ThatWasReplacedByALargerOneIsStaleBehindAJump) {
  start(noise(kLarge));
  const HandleId handle = open(ino_, O_RDONLY);
  EXPECT_EQ(read(handle, 0, 4096), content_.substr(0, 4096));
  replace(noise(kLarge + 5, 7));
  const int before = kernel.inodes;
  EXPECT_EQ(failure(handle, 9'000'000), Errc::stale);
  EXPECT_GT(kernel.inodes, before);
  EXPECT_TRUE(close(handle));
}

TEST_F(GrowingFile, ThatIsOlderOrShorterIsAnotherOne) {
  for (const bool is_shorter : {false, true}) {
    clock.advance(seconds(60));
    const std::string name = is_shorter ? "shorter" : "older";
    const std::string text = noise(kLarge);
    remote.put("/" + name, text, 5'000);
    const HandleId handle = open(walk(name), O_RDONLY);
    EXPECT_EQ(read(handle, 0, 4096), text.substr(0, 4096));
    remote.put("/" + name, is_shorter ? text.substr(0, 10'000'000) : text + "more",
               is_shorter ? 6'000 : 4'000);
    EXPECT_EQ(failure(handle, 9'000'000), Errc::stale) << name;
    EXPECT_TRUE(close(handle));
  }
}

class GrowingFileOfOneConnection : public GrowingFile {
 protected:
  GrowingFileOfOneConnection() : GrowingFile(one()) {}
  static FakeRemoteOptions one() {
    FakeRemoteOptions options;
    options.max_conns = 1;
    return options;
  }
};

TEST_F(GrowingFileOfOneConnection, IsReadOnBehindAJump) {
  start(noise(kLarge));
  const HandleId handle = open(ino_, O_RDONLY);
  EXPECT_EQ(read(handle, 0, 4096), content_.substr(0, 4096));
  grow("more\n");
  EXPECT_EQ(read(handle, 9'000'000, 4096), content_.substr(9'000'000, 4096));
  EXPECT_TRUE(close(handle));
}

}  // namespace
}  // namespace ftpsfs::fs
