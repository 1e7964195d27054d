// SPDX-License-Identifier: MIT
//
// Interrupts: the program gets its answer at once, whatever the server does.
#include <fcntl.h>
#include <unistd.h>

#include "ftpsfs/fuse/caller_watch.hpp"
#include "mounted_fixture.hpp"

namespace ftpsfs::fuse {
namespace {

using test::Gate;
using test::Moment;
using test::Op;

class InterruptTest : public MountedTest {
 protected:
  void SetUp() override {
    remote_.put("/file", std::string(100, 'f'));
    remote_.put("/dir/inner", "deep");
  }
  /// Interrupts and expects EINTR while the server still holds its answer back.
  void expect_interrupted(Unique unique) {
    kernel_.interrupt(unique);
    EXPECT_EQ(error(unique), EINTR);
  }
};

TEST_F(InterruptTest, OfAHeldLookup) {
  const Gate stat = remote_.hold(Op::stat);
  const Gate list = remote_.hold(Op::list);
  mount();
  const Unique lookup = kernel_.lookup(kRoot, "file");
  while (stat.blocked() + list.blocked() == 0) {
    std::this_thread::yield();
  }
  expect_interrupted(lookup);
  await_idle();
  EXPECT_EQ(counted_inodes(), 0U);
}

TEST_F(InterruptTest, OfAHeldOpendir) {
  const Gate list = remote_.hold(Op::list);
  mount();
  const Unique opendir = kernel_.opendir(kRoot);
  ASSERT_TRUE(list.await_blocked());
  expect_interrupted(opendir);
}

TEST_F(InterruptTest, OfAHeldRead) {
  const Gate read = remote_.hold(Op::read);
  mount();
  const auto file = ino(kRoot, "file");
  const auto handle = open(file, O_RDONLY);
  const Unique reading = kernel_.read(file, handle, 0, 100);
  ASSERT_TRUE(read.await_blocked());
  expect_interrupted(reading);
}

TEST_F(InterruptTest, OfAHeldMkdirWhoseLateResultIsSettled) {
  Gate made = remote_.hold(Op::make_directory, {}, Moment::after);
  mount();
  const Unique mkdir = kernel_.mkdir(kRoot, "late");
  ASSERT_TRUE(made.await_blocked());
  expect_interrupted(mkdir);
  made.open();
  await_idle();
  EXPECT_TRUE(remote_.exists("/late"));
  EXPECT_EQ(counted_inodes(), 0U) << "nobody will forget the lookup that nobody got";
  const auto late = ino(kRoot, "late");
  EXPECT_NE(late, 0U) << "the caches know of it";
}

TEST_F(InterruptTest, OfAHeldFlushWhichReleaseMakesUpFor) {
  Gate finish = remote_.hold(Op::finish);
  mount();
  const Reply created = wait(kernel_.create(kRoot, "new", O_WRONLY | O_CREAT));
  const auto file = created.as<fuse_entry_out>().nodeid;
  const auto handle = created.as<fuse_open_out>(sizeof(fuse_entry_out)).fh;
  EXPECT_EQ(error(kernel_.write(file, handle, 0, "content")), 0);
  const Unique flush = kernel_.flush(file, handle);
  ASSERT_TRUE(finish.await_blocked());
  expect_interrupted(flush);
  const Unique release = kernel_.release(file, handle);
  finish.open();
  EXPECT_EQ(error(release), 0);
  await_idle();
  EXPECT_EQ(remote_.content("/new"), "content");
}

TEST_F(InterruptTest, OfAQueuedRequestBehindBusyWorkers) {
  Gate list = remote_.hold(Op::list);
  ServeSettings settings;
  settings.max_threads = 2;
  mount(settings);
  const auto dir = ino(kRoot, "dir");
  std::vector<Unique> requests;
  for (int i = 0; i < 20; ++i) {
    requests.push_back(kernel_.opendir(i % 2 == 0 ? kRoot : dir));
  }
  ASSERT_TRUE(list.await_blocked(2));
  for (const Unique request : {requests[19], requests[10], requests[0], requests[1]}) {
    expect_interrupted(request);
  }
  EXPECT_EQ(error(kernel_.getattr(kRoot)), 0) << "what memory knows needs no worker";
  list.open();
  EXPECT_EQ(kernel_.wait_for_all(), 0U);
}

TEST_F(InterruptTest, AfterTheReplyDoesNothing) {
  mount();
  const Unique lookup = kernel_.lookup(kRoot, "file");
  EXPECT_EQ(error(lookup), 0);
  kernel_.interrupt(lookup);
  EXPECT_EQ(error(kernel_.getattr(kRoot)), 0);
  EXPECT_EQ(error(kernel_.mkdir(kRoot, "next")), 0);
}

TEST_F(InterruptTest, BeforeTheRequestIsHonouredToo) {
  mount();
  const Unique first = kernel_.getattr(kRoot);
  EXPECT_EQ(error(first), 0);
  kernel_.interrupt(first + 2);  // overtakes the request that it means
  EXPECT_EQ(error(kernel_.mkdir(kRoot, "never")), EINTR);
  EXPECT_FALSE(remote_.exists("/never"));
}

TEST_F(InterruptTest, ATimerOfTheProgramIsNoReasonToFail) {
  Gate made = remote_.hold(Op::make_directory);
  mount();
  kernel_.act_as(::getpid());  // it is not being killed
  const Unique mkdir = kernel_.mkdir(kRoot, "patient");
  ASSERT_TRUE(made.await_blocked());
  kernel_.interrupt(mkdir);
  EXPECT_FALSE(kernel_.wait(mkdir, 2 * CallerWatch::kInterval));
  made.open();
  EXPECT_EQ(error(mkdir), 0);
}

TEST_F(InterruptTest, ManyInterruptsAndRepliesMeet) {
  mount();
  std::size_t interrupted = 0;
  for (int i = 0; i < 500; ++i) {
    const Unique mkdir = kernel_.mkdir(kRoot, "d" + std::to_string(i));
    kernel_.interrupt(mkdir);
    const int result = error(mkdir);
    ASSERT_TRUE(result == 0 || result == EINTR) << result;
    interrupted += result == EINTR ? 1 : 0;
    if (result == 0) {
      kernel_.forget(kernel_.wait(mkdir)->as<fuse_entry_out>().nodeid, 1);
    }
  }
  await_idle();
  EXPECT_EQ(error(kernel_.getattr(kRoot)), 0);
  EXPECT_EQ(counted_inodes(), 0U) << interrupted << " were interrupted";
}

}  // namespace
}  // namespace ftpsfs::fuse
