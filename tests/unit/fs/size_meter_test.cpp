// SPDX-License-Identifier: MIT
//
// Files of which the server tells no size: what programs are told, and what that costs.
#include <gmock/gmock.h>

#include <thread>

#include "filesystem_fixture.hpp"
#include "support/temp_directory.hpp"

namespace ftpsfs::fs {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;

FakeRemoteOptions telling_no_sizes() {
  FakeRemoteOptions options;
  options.tells_size = false;
  return options;
}

class UntoldSizes : public FilesystemFixture {
 protected:
  explicit UntoldSizes(const FakeRemoteOptions& options = telling_no_sizes())
      : FilesystemFixture(options) {}

  std::size_t downloads() const { return remote.calls(Op::open_reader); }

  /// As tar and rsync do: so many bytes as was told, and the end behind them.
  std::string read_as_told(Ino ino) {
    const std::uint64_t size = attributes(ino).size;
    const HandleId handle = open(ino, O_RDONLY);
    std::string text;
    while (text.size() < size) {
      constexpr std::size_t kAtOnce = 100'000;
      const std::string part =
          read(handle, text.size(), std::min<std::size_t>(kAtOnce, size - text.size()));
      if (part.empty()) {
        ADD_FAILURE() << "the end at byte " << text.size() << " of " << size;
        break;
      }
      text += part;
    }
    EXPECT_EQ(read(handle, size), "") << "there is more than was told";
    EXPECT_TRUE(close(handle));
    return text;
  }
  static std::string large(std::size_t bytes) {
    std::string text(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i) {
      text[i] = static_cast<char>(i * 2654435761U >> 13U);
    }
    return text;
  }
};

TEST_F(UntoldSizes, AreFoundByReadingWhenSomebodyLooks) {
  remote.put("/f", "0123456789");
  const auto entry = fs->lookup(kRootIno, "f", request());
  ASSERT_TRUE(entry);
  EXPECT_EQ(downloads(), 0U) << "a name is no look at its size";
  EXPECT_EQ(entry->attributes.valid_for.count(), 0) << "nobody may believe what it says";
  const Ino ino = entry->attributes.ino;
  EXPECT_FALSE(fs->find_attributes(ino)) << "memory must not answer";
  EXPECT_EQ(attributes(ino).size, 10U);
  EXPECT_EQ(downloads(), 1U);
  EXPECT_EQ(attributes(ino).size, 10U);
  const auto known = fs->find_attributes(ino);
  ASSERT_TRUE(known && *known);
  EXPECT_GT((*known)->valid_for.count(), 0);
  EXPECT_EQ(downloads(), 1U);
}

TEST_F(UntoldSizes, NamesCostNoDownload) {
  remote.put("/a", "1");
  remote.put("/b", "22");
  EXPECT_THAT(list(kRootIno), ElementsAre("a", "b"));
  const auto told = [this] {
    std::vector<std::string> names;
    const auto handle = fs->open_directory(kRootIno, {}, request());
    EXPECT_TRUE(handle);
    EXPECT_TRUE(fs->read_directory(
        *handle, 0, true,
        [&](const DirectoryItem& item) {
          names.push_back(item.entry == nullptr
                              ? item.name
                              : item.name + "=" + std::to_string(item.entry->attributes.size));
          return true;
        },
        request()));
    fs->release_directory(*handle);
    return names;
  };
  EXPECT_THAT(told(), ElementsAre("a", "b"));
  EXPECT_EQ(downloads(), 0U);
  attributes(walk("b"));
  EXPECT_THAT(told(), ElementsAre("a", "b=2"));
  EXPECT_EQ(downloads(), 1U);
}

TEST_F(UntoldSizes, WhatWasReadForTheSizeIsWhatProgramsRead) {
  for (const char* name : {"a", "b", "c"}) {
    remote.put(std::string("/d/") + name, std::string("content of ") + name);
  }
  remote.put("/d/empty", "");
  const Ino directory = walk("d");
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_EQ(read_as_told(look(directory, name)), std::string("content of ") + name);
  }
  EXPECT_EQ(read_as_told(look(directory, "empty")), "");
  EXPECT_EQ(downloads(), 4U);
}

TEST_F(UntoldSizes, ALookBehindTheOpeningIsReadFromAsWell) {
  remote.put("/f", "0123456789");
  const Ino ino = walk("f");
  const auto opened = fs->open(ino, O_RDONLY, request());
  ASSERT_TRUE(opened);
  EXPECT_TRUE(opened->direct_io) << "the kernel must not cut what is read";
  EXPECT_EQ(attributes(ino).size, 10U);
  EXPECT_EQ(read(opened->handle, 0, 4), "0123");
  EXPECT_EQ(read(opened->handle, 4), "456789");
  const auto from_memory = fs->find_content(opened->handle, 8, 100);
  ASSERT_TRUE(from_memory && *from_memory);
  EXPECT_EQ(total_bytes(**from_memory), 2U);
  EXPECT_TRUE(close(opened->handle));
  EXPECT_EQ(downloads(), 1U);
}

TEST_F(UntoldSizes, AFileThatHasGrownSinceIsReadToItsEnd) {
  remote.put("/f", "01234");
  const Ino ino = walk("f");
  EXPECT_EQ(attributes(ino).size, 5U);
  clock.advance(seconds(2));
  remote.grow("/f", "56789");
  EXPECT_EQ(content(ino), "0123456789");
}

TEST_F(UntoldSizes, WhatNobodyOpensForAWhileIsReadAnew) {
  remote.put("/f", "01234");
  const Ino ino = walk("f");
  EXPECT_EQ(attributes(ino).size, 5U);
  clock.advance(seconds(11));
  EXPECT_EQ(content(ino), "01234");
  EXPECT_EQ(downloads(), 2U);
  EXPECT_EQ(attributes(ino).size, 5U) << "the size is still believed";
  EXPECT_EQ(downloads(), 2U);
  clock.advance(seconds(20));
  EXPECT_EQ(attributes(ino).size, 5U);
  EXPECT_EQ(downloads(), 3U);
}

TEST_F(UntoldSizes, WhoFollowsAFileSeesItGrow) {
  remote.put("/f", "01234");
  const Ino ino = walk("f");
  const HandleId handle = open(ino, O_RDONLY);
  EXPECT_EQ(attributes(ino).size, 5U);
  EXPECT_EQ(read(handle), "01234");
  EXPECT_EQ(read(handle, 5), "");
  remote.grow("/f", "567");
  fs->refresh();
  EXPECT_EQ(attributes(ino).size, 8U);
  EXPECT_EQ(read(handle, 5), "567");
  EXPECT_EQ(read(handle, 8), "");
  EXPECT_TRUE(close(handle));
  EXPECT_EQ(downloads(), 2U);
}

TEST_F(UntoldSizes, ErrorsAreToldAndNeverASizeOfNothing) {
  remote.put("/f", "0123456789");
  const Ino ino = walk("f");
  remote.fail_next(Op::open_reader, "/f", make_error(Errc::access_denied, "550"));
  EXPECT_EQ(fs->get_attributes(ino, request()).error().code, Errc::access_denied);
  remote.fail_after_bytes(Op::read, 3, make_error(Errc::io_error, "451"));
  EXPECT_EQ(fs->get_attributes(ino, request()).error().code, Errc::io_error);
  EXPECT_EQ(attributes(ino).size, 10U);
}

TEST_F(UntoldSizes, WhatIsGoneIsNotThere) {
  remote.put("/f", "0123456789");
  const Ino ino = walk("f");
  remote.erase("/f");
  EXPECT_EQ(fs->get_attributes(ino, request()).error().code, Errc::not_found);
}

TEST_F(UntoldSizes, ADeadLinkOnTheWayIsTakenUpAgain) {
  remote.put("/f", "0123456789");
  remote.fail_after_bytes(Op::read, 3, make_error(Errc::closed, "reset"));
  EXPECT_EQ(read_as_told(walk("f")), "0123456789");
  EXPECT_EQ(downloads(), 2U);
}

TEST_F(UntoldSizes, AFileThatChangesMeanwhileIsReadAnew) {
  remote.put("/f", "0123456789");
  const Ino ino = walk("f");
  remote.fail_after_bytes(Op::read, 3, make_error(Errc::closed, "reset"));
  Gate read = remote.hold(Op::read);
  std::thread program([&] { EXPECT_EQ(attributes(ino).size, 3U); });
  ASSERT_TRUE(read.await_blocked());
  clock.advance(seconds(1));
  remote.put("/f", "abc");
  read.open();
  program.join();
  EXPECT_EQ(downloads(), 3U);
}

TEST_F(UntoldSizes, ManyWhoLookCauseOneDownload) {
  remote.put("/f", "0123456789");
  const Ino ino = walk("f");
  Gate read = remote.hold(Op::read);
  std::vector<std::thread> programs;
  for (int i = 0; i < 4; ++i) {
    programs.emplace_back([&] { EXPECT_EQ(attributes(ino).size, 10U); });
  }
  ASSERT_TRUE(read.await_blocked());
  read.open();
  for (std::thread& program : programs) {
    program.join();
  }
  EXPECT_EQ(downloads(), 1U);
}

TEST_F(UntoldSizes, WhoIsInterruptedIsLetGoAndOthersAreNot) {
  remote.put("/f", "0123456789");
  const Ino ino = walk("f");
  Gate read = remote.hold(Op::read);
  std::stop_source interrupt;
  std::thread impatient([&] {
    EXPECT_EQ(fs->get_attributes(ino, request(interrupt.get_token())).error().code,
              Errc::cancelled);
  });
  ASSERT_TRUE(read.await_blocked());
  std::thread patient([&] { EXPECT_EQ(attributes(ino).size, 10U); });
  interrupt.request_stop();
  impatient.join();
  read.open();
  patient.join();
}

TEST_F(UntoldSizes, WhatWasWrittenHereIsKnownWithoutReading) {
  put("f", "0123456789");
  const Ino ino = walk("f");
  EXPECT_EQ(attributes(ino).size, 10U);
  const HandleId handle = open(ino, O_WRONLY | O_TRUNC);
  EXPECT_EQ(attributes(ino).size, 0U);
  ASSERT_TRUE(write(handle, 0, "abc"));
  EXPECT_EQ(attributes(ino).size, 3U);
  ASSERT_TRUE(close(handle));
  EXPECT_EQ(attributes(ino).size, 3U);
  EXPECT_EQ(downloads(), 0U);
  const auto opened = fs->open(ino, O_RDONLY, request());
  ASSERT_TRUE(opened);
  EXPECT_TRUE(opened->direct_io) << "the server may have made something else of it";
  EXPECT_EQ(read(opened->handle), "abc");
  EXPECT_TRUE(close(opened->handle));
  clock.advance(seconds(31));
  EXPECT_EQ(read_as_told(ino), "abc");
}

TEST_F(UntoldSizes, AReadingThatALocalChangeOvertakesIsNotTold) {
  remote.put("/f", "0123456789");
  const Ino ino = walk("f");
  Gate read = remote.hold(Op::read, "/f");
  std::thread program([&] { EXPECT_EQ(attributes(ino).size, 3U); });
  ASSERT_TRUE(read.await_blocked());
  const HandleId handle = open(ino, O_WRONLY | O_TRUNC);
  ASSERT_TRUE(write(handle, 0, "abc"));
  ASSERT_TRUE(close(handle));
  read.open();
  program.join();
  EXPECT_EQ(content(ino), "abc");
}

TEST_F(UntoldSizes, AnAppendIsShownBehindWhatWasThere) {
  remote.put("/f", "0123456789");
  const Ino ino = walk("f");
  for (const bool was_looked_at : {true, false}) {
    remote.put("/f", "0123456789");
    fs->refresh();
    if (was_looked_at) {
      attributes(ino);
    }
    const HandleId handle = open(ino, O_WRONLY | O_APPEND);
    ASSERT_TRUE(append(handle, "+"));
    const std::size_t before = downloads();
    EXPECT_EQ(attributes(ino).size, 11U);
    EXPECT_EQ(downloads() == before, was_looked_at) << "else a copy tells";
    ASSERT_TRUE(append(handle, "-"));
    EXPECT_EQ(attributes(ino).size, 12U);
    ASSERT_TRUE(close(handle));
    EXPECT_EQ(remote.content("/f"), "0123456789+-");
    EXPECT_EQ(attributes(ino).size, 12U);
  }
}

TEST_F(UntoldSizes, ChangesOfAttributesReadNothing) {
  remote.put("/f", "0123456789");
  const Ino ino = walk("f");
  AttributeChange change;
  change.mode = 0600;
  change.mtime = AttributeChange::Time{1'234'567'890, false};
  const auto changed = fs->set_attributes(ino, change, std::nullopt, request());
  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->mtime_seconds, 1'234'567'890);
  EXPECT_EQ(changed->valid_for.count(), 0);
  EXPECT_EQ(downloads(), 0U);
  EXPECT_EQ(attributes(ino).size, 10U);
  change.mtime->unix_seconds = 1'111'111'111;
  ASSERT_TRUE(fs->set_attributes(ino, change, std::nullopt, request()));
  EXPECT_EQ(attributes(ino).size, 10U);
  EXPECT_EQ(downloads(), 1U) << "by a time that is set here no file becomes another";
}

TEST_F(UntoldSizes, AreToldWhereNothingIsRemembered) {
  Settings settings;
  settings.attr_timeout = settings.dir_cache_timeout = std::chrono::milliseconds(0);
  mount(settings);
  remote.put("/f", "0123456789");
  const Ino ino = walk("f");
  EXPECT_EQ(attributes(ino).size, 10U);
  EXPECT_EQ(attributes(ino).size, 10U);
  EXPECT_EQ(downloads(), 2U);
}

TEST_F(UntoldSizes, WhatFitsNotIntoMemoryLiesInALocalCopy) {
  constexpr std::uint64_t kBuffers = 6ULL << 20;  // of which a sixth holds such files
  const std::string data = large(3U << 20U);
  const test::TempDirectory directory;
  Settings settings;
  settings.buffer_bytes = kBuffers;
  settings.staging_directory = directory.path();
  mount(settings);
  remote.put("/large", data);
  remote.put("/small", "small");
  EXPECT_TRUE(read_as_told(walk("large")) == data);
  EXPECT_EQ(read_as_told(walk("small")), "small");
  EXPECT_EQ(downloads(), 2U);
}

TEST_F(UntoldSizes, WhatFitsNowhereIsCounted) {
  const std::string data = large(3U << 20U);
  Settings settings;
  settings.buffer_bytes = 6ULL << 20;
  settings.staging_bytes = 1ULL << 20;
  mount(settings);
  remote.put("/large", data);
  EXPECT_TRUE(read_as_told(walk("large")) == data);
  EXPECT_EQ(downloads(), 2U);
  settings.staging_bytes = 0;
  settings.staging_directory = "/nowhere";
  mount(settings);
  EXPECT_EQ(attributes(walk("large")).size, data.size()) << "no disk is no reason to fail";
}

TEST_F(UntoldSizes, OldLocalCopiesMakeWay) {
  constexpr int kFiles = 6;
  const std::string data = large(2U << 20U);
  Settings settings;
  settings.buffer_bytes = 6ULL << 20;
  settings.staging_bytes = (kFiles - 1) * data.size();
  mount(settings);
  for (int i = 0; i < kFiles; ++i) {
    remote.put("/f" + std::to_string(i), data);
  }
  for (int i = 0; i < kFiles; ++i) {
    EXPECT_EQ(attributes(walk("f" + std::to_string(i))).size, data.size());
  }
  const std::size_t before = downloads();
  EXPECT_TRUE(content(walk("f" + std::to_string(kFiles - 1))).size() == (1U << 20U));
  EXPECT_EQ(downloads(), before) << "the newest is there";
  content(walk("f0"));
  EXPECT_EQ(downloads(), before + 1);
}

FakeRemoteOptions telling_sizes_when_asked() {
  FakeRemoteOptions options = telling_no_sizes();
  options.tells_size_when_asked = true;
  return options;
}

class SizesWhenAsked : public UntoldSizes {
 protected:
  SizesWhenAsked() : UntoldSizes(telling_sizes_when_asked()) {}
};

TEST_F(SizesWhenAsked, AreAskedBeforeAnythingIsRead) {
  remote.put("/f", "0123456789");
  const Ino ino = walk("f");
  EXPECT_EQ(attributes(ino).size, 10U);
  EXPECT_EQ(remote.calls(Op::stamp), 1U);
  EXPECT_EQ(downloads(), 0U);
  EXPECT_EQ(attributes(ino).size, 10U);
  EXPECT_EQ(remote.calls(Op::stamp), 1U);
  const auto opened = fs->open(ino, O_RDONLY, request());
  ASSERT_TRUE(opened);
  EXPECT_FALSE(opened->direct_io);
  EXPECT_TRUE(close(opened->handle));
}

}  // namespace
}  // namespace ftpsfs::fs
