// SPDX-License-Identifier: MIT
//
// Local copies: what of the server's content is fetched, how much they may hold, and where they go
// when the server does not take them.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/falloc.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "filesystem_fixture.hpp"
#include "support/temp_directory.hpp"

namespace ftpsfs::fs {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LocalCopyTest : public FilesystemFixture {
 protected:
  LocalCopyTest() { mount_with(0); }
  ~LocalCopyTest() override { fs.reset(); }
  void mount_with(std::uint64_t staging_bytes) {
    Settings settings;
    settings.staging_directory = directory;
    settings.staging_bytes = staging_bytes;
    settings.source = "ftpes://host/dir";
    mount(settings);
  }
  Result<void> truncate(HandleId handle, Ino ino, std::uint64_t size) {
    AttributeChange change;
    change.size = size;
    const auto done = fs->set_attributes(ino, change, handle, request());
    return done ? Result<void>() : Result<void>(done.error());
  }
  std::vector<std::filesystem::path> kept(const std::string& extension) const {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
      if (entry.path().extension() == extension) {
        files.push_back(entry.path());
      }
    }
    return files;
  }
  static std::string content_of(const std::filesystem::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const test::TempDirectory place_;
  const std::string directory = place_.path();
};

TEST_F(LocalCopyTest, AWriteFetchesNothingUntilTheClose) {
  remote.put("/f", "0123456789");
  const HandleId handle = open(walk("f"), O_RDWR);
  ASSERT_TRUE(write(handle, 3, "abc"));
  EXPECT_EQ(remote.calls(Op::open_reader), 0U);
  EXPECT_EQ(read(handle), "012abc6789");
  EXPECT_TRUE(close(handle));
  EXPECT_EQ(remote.content("/f"), "012abc6789");
}

TEST_F(LocalCopyTest, WhatIsWrittenOverIsNotFetched) {
  remote.put("/f", std::string(1U << 20U, 'x'));
  const HandleId handle = open(walk("f"), O_RDWR);
  ASSERT_TRUE(write(handle, 1, std::string((1U << 20U) - 1, 'y')));
  ASSERT_TRUE(write(handle, 0, "y"));
  EXPECT_TRUE(close(handle));
  EXPECT_EQ(remote.calls(Op::open_reader), 0U);
  EXPECT_EQ(remote.content("/f"), std::string(1U << 20U, 'y'));
}

TEST_F(LocalCopyTest, WhatIsCutOffIsNotFetched) {
  remote.put("/f", std::string(64U << 20U, 'x'));
  const Ino ino = walk("f");
  const HandleId handle = open(ino, O_RDWR);
  ASSERT_TRUE(truncate(handle, ino, 10));
  EXPECT_TRUE(close(handle));
  EXPECT_EQ(remote.content("/f"), "xxxxxxxxxx");
  EXPECT_LT(remote.bytes_read(), 40U << 20U);
}

TEST_F(LocalCopyTest, VersionsAreNotMixed) {
  remote.put("/f", "0123456789");
  const HandleId handle = open(walk("f"), O_RDWR);
  ASSERT_TRUE(write(handle, 3, "abc"));
  clock.advance(std::chrono::seconds(60));
  remote.put("/f", "another's!");
  EXPECT_EQ(close(handle).error().code, Errc::stale);
  EXPECT_EQ(remote.content("/f"), "another's!");
}

TEST_F(LocalCopyTest, ARemovedFileKeepsWhatWasNotFetchedYet) {
  remote.put("/f", "0123456789");
  const HandleId handle = open(walk("f"), O_RDWR);
  ASSERT_TRUE(write(handle, 3, "abc"));
  ASSERT_TRUE(fs->remove_file(kRootIno, "f", request()));
  EXPECT_EQ(read(handle), "012abc6789");
  EXPECT_TRUE(close(handle));
  EXPECT_FALSE(remote.exists("/f"));
}

TEST_F(LocalCopyTest, AFullStagingAreaIsNoSpace) {
  mount_with(8);
  remote.put("/f", "0123456789");
  const HandleId handle = open(walk("f"), O_RDWR);
  ASSERT_TRUE(write(handle, 1, "12345678"));
  EXPECT_EQ(write(handle, 0, "x").error().code, Errc::no_space);
  EXPECT_EQ(close(handle).error().code, Errc::no_space) << "there is no room for the rest of it";
  EXPECT_EQ(remote.content("/f"), "0123456789");
}

TEST_F(LocalCopyTest, SpaceIsReservedByGrowing) {
  const HandleId handle = create("f", O_RDWR);
  ASSERT_TRUE(write(handle, 0, "abc"));
  ASSERT_TRUE(fs->allocate(handle, FALLOC_FL_KEEP_SIZE, 0, 100, request()));
  ASSERT_TRUE(fs->allocate(handle, 0, 2, 3, request()));
  EXPECT_TRUE(close(handle));
  EXPECT_EQ(remote.content("/f"), std::string("abc\0\0", 5));
}

TEST_F(LocalCopyTest, HolesArePunched) {
  remote.put("/f", "0123456789");
  const HandleId handle = open(walk("f"), O_RDWR);
  constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  ASSERT_TRUE(fs->allocate(handle, kPunch, 2, 3, request()));
  ASSERT_TRUE(fs->allocate(handle, kPunch, 9, 100, request()));
  ASSERT_TRUE(fs->allocate(handle, FALLOC_FL_ZERO_RANGE, 0, 1, request()));
  EXPECT_TRUE(close(handle));
  EXPECT_EQ(remote.content("/f"), std::string("\0001\0\0\0005678\0", 10));
  EXPECT_EQ(fs->allocate(handle, 0, 0, 1, request()).error().code, Errc::invalid_argument);
}

TEST_F(LocalCopyTest, OtherKindsOfAllocationAreNotOffered) {
  const HandleId handle = create("f", O_RDWR);
  EXPECT_EQ(fs->allocate(handle, FALLOC_FL_COLLAPSE_RANGE, 0, 4096, request()).error().code,
            Errc::unsupported);
  EXPECT_EQ(fs->allocate(handle, 0, 0, 0, request()).error().code, Errc::invalid_argument);
  EXPECT_TRUE(close(handle));
}

TEST_F(LocalCopyTest, WhatTheServerDoesNotTakeIsKept) {
  remote.put("/d/f", "0123456789");
  const HandleId handle = open(walk("d/f"), O_RDWR);
  ASSERT_TRUE(write(handle, 3, "abc"));
  for (int i = 0; i < 2; ++i) {
    remote.fail_next(Op::finish, "", make_error(Errc::quota_exceeded, "552 quota"));
  }
  EXPECT_FALSE(close(handle));
  EXPECT_EQ(fs->counters().rescued_files, 1U);
  ASSERT_EQ(kept(".data").size(), 1U);
  ASSERT_EQ(kept(".json").size(), 1U);
  EXPECT_EQ(content_of(kept(".data")[0]), "012abc6789");
  const auto sidecar = nlohmann::json::parse(content_of(kept(".json")[0]));
  EXPECT_EQ(sidecar["path"], "/d/f");
  EXPECT_EQ(sidecar["source"], "ftpes://host/dir");
  EXPECT_EQ(sidecar["size"], 10);
  EXPECT_EQ(sidecar["complete"], true);
  EXPECT_THAT(sidecar["reason"].get<std::string>(), HasSubstr("552 quota"));
  EXPECT_EQ(kept(".json")[0].stem(), kept(".data")[0].stem());
  const auto mode = std::filesystem::status(kept(".data")[0].parent_path()).permissions();
  EXPECT_EQ(mode, std::filesystem::perms::owner_all);
}

TEST_F(LocalCopyTest, WhatTheEndOfTheMountCutsShortIsKept) {
  const HandleId handle = create("f", O_RDWR);
  ASSERT_TRUE(write(handle, 5, "x"));
  remote.fail_all(make_error(Errc::access_denied, "down"));
  EXPECT_EQ(fs->finish_uploads(request().wait), 1U);
  fs->release(handle, request());
  EXPECT_EQ(kept(".data").size(), 1U) << "once";
}

TEST_F(LocalCopyTest, WhatIsUploadedOrRemovedIsNotKept) {
  const HandleId whole = create("whole", O_RDWR);
  ASSERT_TRUE(write(whole, 5, "x"));
  EXPECT_TRUE(close(whole));
  const HandleId removed = create("removed", O_RDWR);
  ASSERT_TRUE(write(removed, 5, "x"));
  ASSERT_TRUE(fs->remove_file(kRootIno, "removed", request()));
  EXPECT_TRUE(close(removed));
  EXPECT_THAT(kept(".data"), IsEmpty());
}

}  // namespace
}  // namespace ftpsfs::fs
