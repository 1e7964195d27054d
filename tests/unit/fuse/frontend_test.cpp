// SPDX-License-Identifier: MIT
#include "ftpsfs/fuse/frontend.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "mounted_fixture.hpp"

namespace ftpsfs::fuse {
namespace {

using test::FakeKernel;
using test::Op;
using ::testing::ElementsAre;

class FrontendTest : public MountedTest {
 protected:
  void SetUp() override {
    remote_.put("/file", "hello");
    remote_.put("/dir/inner", "deep");
    mount();
  }
};

TEST_F(FrontendTest, InitAsksForWhatWeBuildOn) {
  const std::uint32_t wanted = FUSE_ASYNC_READ | FUSE_ATOMIC_O_TRUNC | FUSE_DO_READDIRPLUS |
                               FUSE_READDIRPLUS_AUTO | FUSE_PARALLEL_DIROPS | FUSE_AUTO_INVAL_DATA;
  const std::uint32_t unwanted = FUSE_WRITEBACK_CACHE | FUSE_EXPORT_SUPPORT | FUSE_POSIX_LOCKS |
                                 FUSE_FLOCK_LOCKS | FUSE_POSIX_ACL | FUSE_SPLICE_READ |
                                 FUSE_SPLICE_WRITE | FUSE_SPLICE_MOVE;
  EXPECT_EQ(init_.flags & wanted, wanted);
  EXPECT_EQ(init_.flags & unwanted, 0U);
  EXPECT_EQ(init_.max_write, 1U << 20);
  EXPECT_EQ(init_.max_background, 64U);
  EXPECT_EQ(init_.congestion_threshold, 48U);
  EXPECT_EQ(init_.time_gran, 1'000'000'000U);
}

TEST_F(FrontendTest, LookupAnswersWithAttributesAndTimes) {
  const Reply reply = wait(kernel_.lookup(kRoot, "file"));
  ASSERT_EQ(reply.error, 0);
  const auto entry = reply.as<fuse_entry_out>();
  EXPECT_NE(entry.nodeid, 0U);
  EXPECT_EQ(entry.attr.ino, entry.nodeid);
  EXPECT_EQ(entry.attr.size, 5U);
  EXPECT_EQ(entry.attr.blocks, 1U);
  EXPECT_EQ(entry.attr.nlink, 1U);
  EXPECT_TRUE(S_ISREG(entry.attr.mode));
  EXPECT_GT(entry.entry_valid, 0U);
}

TEST_F(FrontendTest, AMissingNameIsNotRememberedByTheKernel) {
  EXPECT_EQ(wait(kernel_.lookup(kRoot, "nothing")).error, ENOENT);
}

TEST_F(FrontendTest, ErrorsBecomeErrnos) {
  const std::pair<Errc, int> expected[] = {
      {Errc::access_denied, EACCES}, {Errc::timed_out, ETIMEDOUT}, {Errc::closed, EIO},
      {Errc::no_space, ENOSPC},      {Errc::not_permitted, EPERM}, {Errc::unsupported, EOPNOTSUPP}};
  for (const auto& [code, number] : expected) {
    remote_.fail_next(Op::make_directory, "", make_error(code, "as planned"));
    EXPECT_EQ(error(kernel_.mkdir(kRoot, "new")), number) << to_string(code);
  }
}

TEST_F(FrontendTest, ForgetBalancesEveryLookup) {
  const auto file = ino(kRoot, "file");
  EXPECT_EQ(ino(kRoot, "file"), file);
  const auto dir = ino(kRoot, "dir");
  EXPECT_EQ(counted_inodes(), 2U);
  kernel_.forget(file, 1);
  EXPECT_EQ(error(kernel_.getattr(file)), 0) << "one lookup is left";
  kernel_.batch_forget({{file, 1}, {dir, 1}});
  EXPECT_EQ(error(kernel_.getattr(kRoot)), 0);  // comes behind the forgets
  EXPECT_EQ(counted_inodes(), 0U);
}

TEST_F(FrontendTest, ReadsWhatTheServerHas) {
  const auto file = ino(kRoot, "file");
  const auto handle = open(file, O_RDONLY);
  EXPECT_EQ(wait(kernel_.read(file, handle, 0, 4096)).body, "hello");
  EXPECT_EQ(wait(kernel_.read(file, handle, 2, 2)).body, "ll");
  EXPECT_EQ(wait(kernel_.read(file, handle, 5, 4096)).body, "");
  EXPECT_EQ(error(kernel_.release(file, handle)), 0);
}

TEST_F(FrontendTest, OnlyReadingNeedsNoFlush) {
  const auto file = ino(kRoot, "file");
  constexpr std::uint32_t kNoFlush = 1U << 5;  // FOPEN_NOFLUSH, newer than some headers
  EXPECT_NE(wait(kernel_.open(file, O_RDONLY)).as<fuse_open_out>().open_flags & kNoFlush, 0U);
  EXPECT_EQ(wait(kernel_.open(file, O_WRONLY)).as<fuse_open_out>().open_flags & kNoFlush, 0U);
  EXPECT_EQ(wait(kernel_.open(file, O_RDWR)).as<fuse_open_out>().open_flags & kNoFlush, 0U);
}

TEST_F(FrontendTest, WritesOfAllSizesArriveWhole) {
  const Reply created = wait(kernel_.create(kRoot, "new", O_WRONLY | O_CREAT));
  ASSERT_EQ(created.error, 0);
  const auto file = created.as<fuse_entry_out>().nodeid;
  const auto handle = created.as<fuse_open_out>(sizeof(fuse_entry_out)).fh;
  std::string expected;
  for (const std::size_t size : {1U, 4096U, 65535U, 65536U, 131072U, 1U << 20}) {
    const std::string piece(size, static_cast<char>('a' + expected.size() % 26));
    const Reply reply = wait(kernel_.write(file, handle, expected.size(), piece));
    ASSERT_EQ(reply.error, 0) << size;
    EXPECT_EQ(reply.as<fuse_write_out>().size, size);
    expected += piece;
  }
  EXPECT_EQ(error(kernel_.flush(file, handle)), 0);
  EXPECT_EQ(error(kernel_.release(file, handle)), 0);
  EXPECT_TRUE(remote_.content("/new") == expected);
}

TEST_F(FrontendTest, ManyLargeWritesAtOnceShareFewBuffers) {
  const Reply created = wait(kernel_.create(kRoot, "big", O_WRONLY | O_CREAT));
  const auto file = created.as<fuse_entry_out>().nodeid;
  const auto handle = created.as<fuse_open_out>(sizeof(fuse_entry_out)).fh;
  auto gate = remote_.hold(Op::open_writer);
  const std::string piece(Frontend::kSmallestKeptWrite, 'p');
  constexpr std::size_t kWrites = RequestBuffers::kMostKept + 8;
  for (std::size_t i = 0; i < kWrites; ++i) {
    kernel_.write(file, handle, i * piece.size(), piece);
  }
  gate.open();
  EXPECT_EQ(kernel_.wait_for_all(), 0U);
  EXPECT_EQ(error(kernel_.fsync(file, handle)), 0);
  EXPECT_EQ(remote_.content("/big")->size(), kWrites * piece.size());
  EXPECT_EQ(error(kernel_.release(file, handle)), 0);
}

TEST_F(FrontendTest, NamesAreMadeMovedAndRemoved) {
  EXPECT_EQ(error(kernel_.mkdir(kRoot, "made")), 0);
  const auto made = ino(kRoot, "made");
  EXPECT_EQ(error(kernel_.rename(kRoot, "file", made, "moved")), 0);
  EXPECT_EQ(remote_.content("/made/moved"), "hello");
  EXPECT_EQ(error(kernel_.rmdir(kRoot, "made")), ENOTEMPTY);
  EXPECT_EQ(error(kernel_.unlink(made, "moved")), 0);
  EXPECT_EQ(error(kernel_.rmdir(kRoot, "made")), 0);
  EXPECT_FALSE(remote_.exists("/made"));
}

TEST_F(FrontendTest, RenameFlags) {
  EXPECT_EQ(error(kernel_.rename(kRoot, "file", kRoot, "dir", RENAME_NOREPLACE)), EEXIST);
  EXPECT_EQ(error(kernel_.rename(kRoot, "file", kRoot, "dir", RENAME_EXCHANGE)), EINVAL);
}

TEST_F(FrontendTest, SymlinksAreMadeAndRead) {
  const Reply reply = wait(kernel_.symlink(kRoot, "link", "some/where"));
  ASSERT_EQ(reply.error, 0);
  EXPECT_EQ(wait(kernel_.readlink(reply.as<fuse_entry_out>().nodeid)).body, "some/where");
}

TEST_F(FrontendTest, MknodMakesRegularFilesOnly) {
  const Reply reply = wait(kernel_.mknod(kRoot, "node", S_IFREG | 0644));
  ASSERT_EQ(reply.error, 0);
  EXPECT_TRUE(S_ISREG(reply.as<fuse_entry_out>().attr.mode));
  EXPECT_EQ(remote_.content("/node"), "");
  EXPECT_EQ(error(kernel_.mknod(kRoot, "node", S_IFREG | 0644)), EEXIST);
  EXPECT_EQ(error(kernel_.mknod(kRoot, "pipe", S_IFIFO | 0644)), EPERM);
  EXPECT_EQ(error(kernel_.link(reply.as<fuse_entry_out>().nodeid, kRoot, "hard")), EPERM);
}

TEST_F(FrontendTest, SetattrChangesSizeAndTime) {
  const auto file = ino(kRoot, "file");
  fuse_setattr_in change{};
  change.valid = FATTR_MTIME;
  change.mtime = 1'000'000'000;
  EXPECT_EQ(error(kernel_.setattr(file, change)), 0);
  EXPECT_EQ(remote_.mtime("/file"), 1'000'000'000);
  change = {};
  change.valid = FATTR_SIZE;
  change.size = 2;
  const Reply reply = wait(kernel_.setattr(file, change));
  ASSERT_EQ(reply.error, 0);
  EXPECT_EQ(reply.as<fuse_attr_out>().attr.size, 2U);
  EXPECT_EQ(remote_.content("/file"), "he");
}

TEST_F(FrontendTest, EachWriteTellsWhetherItAppends) {
  const auto file = ino(kRoot, "file");
  const std::string before = *remote_.content("/file");
  const auto handle = open(file, O_RDWR);
  fuse_write_in in{};
  in.fh = handle;
  in.size = 3;
  in.flags = O_RDWR | O_APPEND;  // set by fcntl(2), after the open
  EXPECT_EQ(error(kernel_.send_with(FUSE_WRITE, file, in, "end")), 0);
  in.write_flags = FUSE_WRITE_CACHE;  // pages of a mapping
  EXPECT_EQ(error(kernel_.send_with(FUSE_WRITE, file, in, "map")), 0);
  EXPECT_EQ(error(kernel_.flush(file, handle)), 0);
  EXPECT_EQ(remote_.content("/file"), "map" + before.substr(3) + "end");
  EXPECT_EQ(error(kernel_.release(file, handle)), 0);
}

TEST_F(FrontendTest, StatfsAnswers) {
  const Reply reply = wait(kernel_.statfs());
  ASSERT_EQ(reply.error, 0);
  EXPECT_EQ(reply.as<fuse_statfs_out>().st.namelen, 255U);
}

TEST_F(FrontendTest, WhatIsNotOfferedIsNotImplemented) {
  for (const fuse_opcode opcode : {FUSE_GETXATTR, FUSE_ACCESS, FUSE_GETLK, FUSE_LSEEK}) {
    EXPECT_EQ(error(kernel_.send(opcode, kRoot, std::string(64, '\0'))), ENOSYS) << opcode;
  }
}

TEST_F(FrontendTest, AFlushOfAKilledProgramDoesNotWait) {
  const Reply created = wait(kernel_.create(kRoot, "cut", O_WRONLY | O_CREAT));
  const auto file = created.as<fuse_entry_out>().nodeid;
  const auto handle = created.as<fuse_open_out>(sizeof(fuse_entry_out)).fh;
  EXPECT_EQ(error(kernel_.write(file, handle, 0, "so far")), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  ::kill(child, SIGKILL);
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
  {
    auto gate = remote_.hold(Op::finish);
    kernel_.act_as(child);
    EXPECT_EQ(error(kernel_.flush(file, handle)), EINTR);
    kernel_.act_as(0);
    ::waitpid(child, nullptr, 0);
  }
  EXPECT_EQ(error(kernel_.release(file, handle)), 0);
  EXPECT_EQ(remote_.content("/cut"), "so far") << "the release uploads it";
}

TEST_F(FrontendTest, AnUnknownHandleIsAnError) {
  EXPECT_NE(error(kernel_.read(2, 999, 0, 10)), 0);
  EXPECT_NE(error(kernel_.readdir(kRoot, 999, 2)), 0);
  EXPECT_EQ(error(kernel_.release(2, 999)), 0);
  EXPECT_EQ(error(kernel_.releasedir(kRoot, 999)), 0);
}

class DirectoryTest : public FrontendTest {
 protected:
  void SetUp() override {
    for (int i = 0; i < kFiles; ++i) {
      remote_.put(
          "/many/" + std::string(static_cast<std::size_t>(1 + i * 7 % 60), 'n') + std::to_string(i),
          "x");
    }
    FrontendTest::SetUp();
    many_ = ino(kRoot, "many");
    handle_ = opendir(many_);
    kernel_.forget(many_, 1);
  }

  /// Reads the directory to its end in pages of `size` bytes.
  std::vector<FakeKernel::Name> read_all(std::uint32_t size, bool plus) {
    std::vector<FakeKernel::Name> all;
    std::uint64_t offset = 0;
    for (;;) {
      const Reply reply = wait(plus ? kernel_.readdirplus(many_, handle_, offset, size)
                                    : kernel_.readdir(many_, handle_, offset, size));
      EXPECT_EQ(reply.error, 0);
      EXPECT_LE(reply.body.size(), size);
      const auto page =
          plus ? FakeKernel::parse_names_plus(reply.body) : FakeKernel::parse_names(reply.body);
      if (page.empty()) {
        return all;
      }
      offset = page.back().next;
      all.insert(all.end(), page.begin(), page.end());
    }
  }

  static constexpr int kFiles = 40;
  std::uint64_t many_ = 0;
  std::uint64_t handle_ = 0;
};

TEST_F(DirectoryTest, EveryPageSizeGivesEveryNameOnce) {
  for (const std::uint32_t size : {96U, 200U, 512U, 4096U, 65536U}) {
    std::set<std::string> names;
    for (const auto& name : read_all(size, false)) {
      EXPECT_TRUE(names.insert(name.name).second) << name.name;
      EXPECT_NE(name.ino, 0U);
      EXPECT_EQ(name.type, name.name == "." || name.name == ".." ? DT_DIR : DT_REG) << name.name;
    }
    EXPECT_EQ(names.size(), kFiles + 2U) << size;
  }
}

TEST_F(DirectoryTest, ReaddirplusCountsWhatItShowsAndNothingElse) {
  for (std::uint32_t size = 256; size < 1024; size += 40) {
    std::size_t shown = 0;
    for (const auto& name : read_all(size, true)) {
      if (name.entry.nodeid != 0) {
        ++shown;
        EXPECT_EQ(name.entry.nodeid, name.ino);
        EXPECT_EQ(name.entry.attr.size, 1U);
        kernel_.forget(name.entry.nodeid, 1);
      } else {
        EXPECT_TRUE(name.name == "." || name.name == "..");
      }
    }
    EXPECT_EQ(shown, static_cast<std::size_t>(kFiles));
    EXPECT_EQ(error(kernel_.getattr(kRoot)), 0);  // comes behind the forgets
    EXPECT_EQ(counted_inodes(), 0U) << "with pages of " << size;
  }
}

TEST_F(DirectoryTest, NoRoomForASingleNameIsAnError) {
  EXPECT_EQ(wait(kernel_.readdir(many_, handle_, 0, 8)).body, "");
  EXPECT_EQ(error(kernel_.readdir(many_, handle_, 2, 8)), EINVAL);
}

TEST_F(DirectoryTest, DotsComeFirst) {
  const auto names = read_all(4096, false);
  ASSERT_GE(names.size(), 2U);
  EXPECT_EQ(names[0].name, ".");
  EXPECT_EQ(names[0].ino, many_);
  EXPECT_EQ(names[0].next, 1U);
  EXPECT_EQ(names[1].name, "..");
  EXPECT_EQ(names[1].next, 2U);
  EXPECT_EQ(FakeKernel::parse_names(wait(kernel_.readdir(many_, handle_, 1)).body)[0].name, "..");
}

class ArrivingTest : public MountedTest {
 protected:
  ArrivingTest()
      : MountedTest([] {
          test::FakeRemoteOptions options;
          options.arrives_in = 1;
          return options;
        }()) {}
};

TEST_F(ArrivingTest, OpendirIsAnsweredBeforeTheListingIsWhole) {
  remote_.put("/a", "x");
  remote_.put("/b", "x");
  test::Gate gate = remote_.hold(test::Op::list, "/");
  mount();
  const auto handle = opendir(kRoot);
  ASSERT_TRUE(gate.await_blocked());
  const auto first = FakeKernel::parse_names(wait(kernel_.readdir(kRoot, handle, 2)).body);
  ASSERT_EQ(first.size(), 2U);
  const Unique last = kernel_.readdir(kRoot, handle, first.back().next);
  gate.open();
  EXPECT_EQ(wait(last).body, "") << "the end";
  EXPECT_EQ(error(kernel_.releasedir(kRoot, handle)), 0);
}

TEST_F(ArrivingTest, TheEndOfTheMountDoesNotWaitForAListing) {
  remote_.put("/a", "x");
  test::Gate gate = remote_.hold(test::Op::list, "/");
  mount();
  opendir(kRoot);
  ASSERT_TRUE(gate.await_blocked());
  session_->request_stop();
  EXPECT_TRUE(end());
}

class LazyTimesTest : public MountedTest {
 protected:
  LazyTimesTest()
      : MountedTest([] {
          test::FakeRemoteOptions options;
          options.exact_listing = false;
          return options;
        }()) {}
};

TEST_F(LazyTimesTest, ANameWithoutAttributesKeepsItsTypeAndNumber) {
  remote_.put("/file", "x");
  remote_.put_directory("/sub");
  mount();
  const auto handle = opendir(kRoot);
  const Reply reply = wait(kernel_.readdirplus(kRoot, handle, 2));
  const auto names = FakeKernel::parse_names_plus(reply.body);
  ASSERT_EQ(names.size(), 2U);
  for (const auto& name : names) {
    EXPECT_NE(name.ino, 0U) << name.name;
    EXPECT_EQ(name.type, name.name == "sub" ? DT_DIR : DT_REG);
  }
  EXPECT_EQ(names[0].entry.nodeid, 0U) << "its time costs a round trip";
}

class UntoldSizesTest : public MountedTest {
 protected:
  UntoldSizesTest()
      : MountedTest([] {
          test::FakeRemoteOptions options;
          options.tells_size = false;
          return options;
        }()) {}
};

TEST_F(UntoldSizesTest, TheKernelAsksForTheSizeWhenAProgramDoes) {
  remote_.put("/file", "hello");
  mount();
  const auto entry = wait(kernel_.lookup(kRoot, "file")).as<fuse_entry_out>();
  EXPECT_GT(entry.entry_valid + entry.entry_valid_nsec, 0U);
  EXPECT_EQ(entry.attr_valid + entry.attr_valid_nsec, 0U);
  const auto attributes = wait(kernel_.getattr(entry.nodeid)).as<fuse_attr_out>();
  EXPECT_EQ(attributes.attr.size, 5U);
  EXPECT_GT(attributes.attr_valid + attributes.attr_valid_nsec, 0U);
  const auto opened = wait(kernel_.open(entry.nodeid, O_RDONLY)).as<fuse_open_out>();
  EXPECT_NE(opened.open_flags & FOPEN_DIRECT_IO, 0U);
  EXPECT_EQ(remote_.calls(Op::open_reader), 1U);
}

}  // namespace
}  // namespace ftpsfs::fuse
