// SPDX-License-Identifier: MIT
//
// The whole FUSE side between two doubles: FakeKernel sends requests, FakeRemote is the server.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "ftpsfs/fs/filesystem.hpp"
#include "ftpsfs/fuse/mounted_session.hpp"
#include "support/fake_kernel.hpp"
#include "support/fake_remote.hpp"

namespace ftpsfs::fuse {

inline constexpr std::uint64_t kRoot = FUSE_ROOT_ID;

/// Passes everything on, and counts what is told to be forgotten.
class CountingKernelCache final : public fs::KernelCache {
 public:
  explicit CountingKernelCache(fs::KernelCache& next) : next_(next) {}
  void invalidate_entry(fs::Ino parent, std::string name) override {
    next_.invalidate_entry(parent, std::move(name));
  }
  void invalidate_inode(fs::Ino ino, bool data) override {
    ++inodes_;
    next_.invalidate_inode(ino, data);
  }
  void outdate_attributes(fs::Ino ino) override { next_.outdate_attributes(ino); }
  bool store_pages(fs::Ino ino, std::uint64_t offset, Slices bytes, fs::AdmitPages admit) override {
    return next_.store_pages(ino, offset, std::move(bytes), std::move(admit));
  }
  void drop_pages(fs::Ino ino, std::uint64_t offset, fs::PagesDropped then) override {
    next_.drop_pages(ino, offset, std::move(then));
  }
  std::size_t inodes() const { return inodes_; }

 private:
  fs::KernelCache& next_;
  std::atomic<std::size_t> inodes_{0};
};

class MountedTest : public ::testing::Test {
 protected:
  using Unique = test::FakeKernel::Unique;
  using Reply = test::FakeKernel::Reply;

  explicit MountedTest(test::FakeRemoteOptions options = {}) : remote_(clock_, options) {}
  ~MountedTest() override {
    if (serving_.joinable()) {
      session_->request_stop();
      EXPECT_TRUE(end());
    }
    EXPECT_EQ(kernel_.surplus_replies(), 0U);
  }

  /// Serves from now on.
  void mount(ServeSettings settings = {}, MountedSession::Finish finish = {}) {
    filesystem_.emplace(remote_, fs::Settings(), kernel_cache_, clock_);
    auto session = MountedSession::attach(*filesystem_, notifier_, test::FakeKernel::io(),
                                          kernel_.take_channel(), {}, settings);
    ASSERT_TRUE(session);
    session_ = *std::move(session);
    serving_ = std::thread([this, finish] { ended_ = session_->serve(finish); });
    init_ = kernel_.init();
  }
  Result<void> end() {
    serving_.join();
    return ended_;
  }

  Reply wait(Unique unique) {
    const auto reply = kernel_.wait(unique);
    EXPECT_TRUE(reply) << "request " << unique << " got no reply";
    return reply ? *reply : Reply{-1, {}};
  }
  int error(Unique unique) { return wait(unique).error; }
  /// The inode of a name that is there.
  std::uint64_t ino(std::uint64_t parent, const std::string& name) {
    const Reply reply = wait(kernel_.lookup(parent, name));
    EXPECT_EQ(reply.error, 0) << name;
    return reply.as<fuse_entry_out>().nodeid;
  }
  std::uint64_t open(std::uint64_t node, std::uint32_t flags) {
    const Reply reply = wait(kernel_.open(node, flags));
    EXPECT_EQ(reply.error, 0);
    return reply.as<fuse_open_out>().fh;
  }
  std::uint64_t opendir(std::uint64_t node) {
    const Reply reply = wait(kernel_.opendir(node));
    EXPECT_EQ(reply.error, 0);
    return reply.as<fuse_open_out>().fh;
  }
  /// How many inodes have lookups that the kernel has not given back, besides the root.
  std::size_t counted_inodes() {
    const std::size_t before = kernel_cache_.inodes();
    filesystem_->refresh();  // tells of each of them
    return kernel_cache_.inodes() - before - 1;
  }
  /// Waits for the workers to be done with what programs no longer wait for.
  void await_idle() {
    const auto patience = SteadyClock::now() + std::chrono::seconds(10);
    while (session_->counters().pending_requests != 0 && SteadyClock::now() < patience) {
      std::this_thread::yield();
    }
    EXPECT_EQ(session_->counters().pending_requests, 0U);
  }

  ManualClock clock_;
  test::FakeRemote remote_;
  test::FakeKernel kernel_;
  Notifier notifier_;
  CountingKernelCache kernel_cache_{notifier_};
  std::optional<fs::Filesystem> filesystem_;
  std::unique_ptr<MountedSession> session_;
  fuse_init_out init_{};
  std::thread serving_;
  Result<void> ended_;
};

}  // namespace ftpsfs::fuse
