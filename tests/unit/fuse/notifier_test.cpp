// SPDX-License-Identifier: MIT
#include "ftpsfs/fuse/notifier.hpp"

#include <cstring>
#include <future>
#include <set>
#include <string>

#include "bare_session.hpp"

namespace ftpsfs::fuse {
namespace {

template <typename T>
T as(const test::FakeKernel::Notification& notification) {
  T value{};
  std::memcpy(&value, notification.body.data(), std::min(sizeof value, notification.body.size()));
  return value;
}

class NotifierTest : public ::testing::Test {
 protected:
  void SetUp() override { session_.init(); }

  test::FakeKernel::Notification next() {
    auto notification = session_.kernel.wait_for_notification();
    EXPECT_TRUE(notification);
    return notification ? *notification : test::FakeKernel::Notification{};
  }

  BareSession session_;
  Notifier notifier_;
};

TEST_F(NotifierTest, TellsOfNames) {
  notifier_.attach(session_.get());
  notifier_.invalidate_entry(7, "a name");
  const auto told = next();
  EXPECT_EQ(told.code, FUSE_NOTIFY_INVAL_ENTRY);
  const auto head = as<fuse_notify_inval_entry_out>(told);
  EXPECT_EQ(head.parent, 7U);
  EXPECT_EQ(head.namelen, 6U);
  EXPECT_EQ(told.body.substr(sizeof head), std::string("a name\0", 7));
}

TEST_F(NotifierTest, TellsOfAttributesWithAndWithoutPages) {
  notifier_.attach(session_.get());
  notifier_.invalidate_inode(8, false);
  notifier_.invalidate_inode(8, true);
  const auto attributes = as<fuse_notify_inval_inode_out>(next());
  EXPECT_EQ(attributes.ino, 8U);
  EXPECT_LT(attributes.off, 0) << "pages are kept";
  const auto pages = as<fuse_notify_inval_inode_out>(next());
  EXPECT_EQ(pages.off, 0);
  EXPECT_EQ(pages.len, 0) << "up to the end";
}

TEST_F(NotifierTest, DropsWhatComesBeforeAttachAndAfterDetach) {
  notifier_.invalidate_inode(1, true);
  notifier_.attach(session_.get());
  notifier_.invalidate_inode(2, true);
  EXPECT_EQ(as<fuse_notify_inval_inode_out>(next()).ino, 2U);
  notifier_.detach();
  notifier_.invalidate_inode(3, true);
  EXPECT_FALSE(session_.kernel.wait_for_notification(Duration(0)));
}

TEST_F(NotifierTest, SurvivesAnUnmount) {
  notifier_.attach(session_.get());
  session_.kernel.disconnect();
  notifier_.invalidate_entry(1, "gone");
  notifier_.invalidate_inode(1, true);
  notifier_.detach();
}

TEST_F(NotifierTest, ManyOfOneInodeAreToldInTheirOrder) {
  notifier_.attach(session_.get());
  constexpr std::int64_t kMany = 1000;
  for (std::int64_t offset = 0; offset < kMany; ++offset) {
    notifier_.drop_pages(1, static_cast<std::uint64_t>(offset), [](bool) {});
  }
  for (std::int64_t offset = 0; offset < kMany; ++offset) {
    ASSERT_EQ(as<fuse_notify_inval_inode_out>(next()).off, offset);
  }
}

TEST_F(NotifierTest, ManyInodesAreToldOfOnceEach) {
  notifier_.attach(session_.get());
  constexpr fs::Ino kMany = 1000;
  std::set<fs::Ino> told;
  for (fs::Ino ino = 1; ino <= kMany; ++ino) {
    notifier_.invalidate_inode(ino, true);
  }
  for (fs::Ino ino = 1; ino <= kMany; ++ino) {
    told.insert(as<fuse_notify_inval_inode_out>(next()).ino);
  }
  EXPECT_EQ(told.size(), kMany);
}

/// The kernel waits with the dropping of pages until they have been read.
TEST_F(NotifierTest, WhatTheKernelIsSlowWithHoldsUpNothingElse) {
  std::promise<void> is_read;
  const std::shared_future<void> read = is_read.get_future();
  notifier_.attach(session_.get());
  for (const fs::Ino slow : {1U, 2U, 3U}) {
    notifier_.drop_pages(slow, 0, [read](bool) { read.wait(); });
    EXPECT_EQ(as<fuse_notify_inval_inode_out>(next()).ino, slow);
  }
  notifier_.invalidate_inode(1, false);
  notifier_.invalidate_inode(4, true);
  EXPECT_EQ(as<fuse_notify_inval_inode_out>(next()).ino, 4U);
  is_read.set_value();
  EXPECT_EQ(as<fuse_notify_inval_inode_out>(next()).ino, 1U);
}

}  // namespace
}  // namespace ftpsfs::fuse
