// SPDX-License-Identifier: MIT
#include "ftpsfs/fuse/mounted_session.hpp"

#include <fcntl.h>

#include <latch>

#include "mounted_fixture.hpp"

namespace ftpsfs::fuse {
namespace {

using test::Gate;
using test::Op;

class MountedSessionTest : public MountedTest {};

TEST_F(MountedSessionTest, AnUnmountEndsItWithSuccess) {
  mount();
  kernel_.disconnect();
  EXPECT_TRUE(end());
}

TEST_F(MountedSessionTest, ARequestToStopEndsItWithSuccess) {
  mount();
  session_->request_stop();
  EXPECT_TRUE(end());
}

TEST_F(MountedSessionTest, AStopBeforeServingIsNotLost) {
  filesystem_.emplace(remote_, fs::Settings(), notifier_, clock_);
  auto session = MountedSession::attach(*filesystem_, notifier_, test::FakeKernel::io(),
                                        kernel_.take_channel(), {}, {});
  ASSERT_TRUE(session);
  (*session)->request_stop();
  EXPECT_TRUE((*session)->serve());
}

TEST_F(MountedSessionTest, WithoutServingNothingHangs) {
  filesystem_.emplace(remote_, fs::Settings(), notifier_, clock_);
  EXPECT_TRUE(MountedSession::attach(*filesystem_, notifier_, test::FakeKernel::io(),
                                     kernel_.take_channel(), {}, {}));
}

TEST_F(MountedSessionTest, WhileItEndsNewWorkIsRefusedAndEndingsAreNot) {
  std::latch finishing(1);
  std::latch go_on(1);
  mount({}, [&](const Wait& wait) {
    EXPECT_FALSE(wait.expired());
    finishing.count_down();
    go_on.wait();
    EXPECT_EQ(filesystem_->finish_uploads(wait), 0U);
  });
  const Reply created = wait(kernel_.create(kRoot, "owed", O_WRONLY | O_CREAT));
  const auto file = created.as<fuse_entry_out>().nodeid;
  const auto handle = created.as<fuse_open_out>(sizeof(fuse_entry_out)).fh;
  EXPECT_EQ(error(kernel_.write(file, handle, 0, "bytes")), 0);
  session_->request_stop();
  finishing.wait();
  EXPECT_EQ(error(kernel_.lookup(kRoot, "any")), ENOTCONN);
  EXPECT_EQ(error(kernel_.write(file, handle, 5, "more")), ENOTCONN);
  EXPECT_EQ(error(kernel_.flush(file, handle)), 0);
  EXPECT_EQ(remote_.content("/owed"), "bytes");
  go_on.count_down();
  EXPECT_TRUE(end());
}

TEST_F(MountedSessionTest, UploadsThatNobodyClosedAreFinished) {
  mount({}, [this](const Wait& wait) { EXPECT_EQ(filesystem_->finish_uploads(wait), 0U); });
  const Reply created = wait(kernel_.create(kRoot, "open", O_WRONLY | O_CREAT));
  EXPECT_EQ(error(kernel_.write(created.as<fuse_entry_out>().nodeid,
                                created.as<fuse_open_out>(sizeof(fuse_entry_out)).fh, 0, "bytes")),
            0);
  kernel_.disconnect();
  EXPECT_TRUE(end());
  EXPECT_EQ(remote_.content("/open"), "bytes");
}

TEST_F(MountedSessionTest, ASecondRequestHurriesTheUploads) {
  std::latch finishing(1);
  mount({}, [&](const Wait& wait) {
    finishing.count_down();
    Mutex mutex;
    ConditionVariable never;
    const MutexLock lock(mutex);
    EXPECT_FALSE(never.wait(mutex, wait, [] { return false; }));
    EXPECT_TRUE(wait.stop.stop_requested());
  });
  session_->request_stop();
  finishing.wait();
  session_->request_stop();
  EXPECT_TRUE(end());
}

TEST_F(MountedSessionTest, WhatStillWaitsIsInterruptedAtTheEnd) {
  const Gate list = remote_.hold(Op::list);
  mount();
  const Unique opendir = kernel_.opendir(kRoot);
  ASSERT_TRUE(list.await_blocked());
  session_->request_stop();
  EXPECT_TRUE(end());
  EXPECT_EQ(error(opendir), EINTR);
}

TEST_F(MountedSessionTest, AnUnmountWithRequestsUnderWayIsClean) {
  const Gate list = remote_.hold(Op::list);
  ServeSettings settings;
  settings.max_threads = 2;
  mount(settings);
  for (int i = 0; i < 10; ++i) {
    kernel_.opendir(kRoot);
  }
  ASSERT_TRUE(list.await_blocked());
  kernel_.disconnect();
  EXPECT_TRUE(end());
  EXPECT_EQ(session_->counters().pending_requests, 0U);
  EXPECT_EQ(session_->counters().worker_threads, 0U);
}

TEST_F(MountedSessionTest, ARequestHasADeadline) {
  const Gate list = remote_.hold(Op::list);
  ServeSettings settings;
  settings.operation_timeout = Duration(50);
  mount(settings);
  EXPECT_EQ(error(kernel_.opendir(kRoot)), ETIMEDOUT);
}

TEST_F(MountedSessionTest, ChangesElsewhereReachTheKernel) {
  mount();
  notifier_.invalidate_inode(kRoot, true);
  const auto told = kernel_.wait_for_notification();
  ASSERT_TRUE(told);
  EXPECT_EQ(told->code, FUSE_NOTIFY_INVAL_INODE);
}

TEST_F(MountedSessionTest, AnUnknownOptionIsRefused) {
  filesystem_.emplace(remote_, fs::Settings(), notifier_, clock_);
  MountOptions options;
  options.mount_point = "/nowhere";
  options.others = {"no_such_option"};
  const auto session = MountedSession::mount(*filesystem_, notifier_, options, {});
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, Errc::invalid_argument);
  EXPECT_NE(session.error().text.find("no_such_option"), std::string::npos);
}

TEST_F(MountedSessionTest, AMountPointThatHasBecomeALinkIsRefused) {
  filesystem_.emplace(remote_, fs::Settings(), notifier_, clock_);
  MountOptions options;
  options.mount_point = "/proc/self";
  const auto session = MountedSession::mount(*filesystem_, notifier_, options, {});
  ASSERT_FALSE(session);
  EXPECT_NE(session.error().text.find("leads elsewhere now"), std::string::npos);
}

}  // namespace
}  // namespace ftpsfs::fuse
