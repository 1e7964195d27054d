// SPDX-License-Identifier: MIT
//
// A server in memory, and WritebackRemote before it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/writeback/writeback_remote.hpp"
#include "intentions.hpp"
#include "support/fake_remote.hpp"
#include "support/temp_directory.hpp"

namespace ftpsfs::writeback {

class WritebackRemoteTest : public ::testing::Test {
 protected:
  WritebackRemoteTest() { log::set_level(log::Level::off); }
  ~WritebackRemoteTest() override {
    remote_.reset();
    log::set_level(log::Level::warning);
  }

  static Wait patience() { return Wait::for_at_most(std::chrono::seconds(20)); }
  static Wait none() { return Wait::for_at_most(Duration(0)); }

  void serve(test::FakeRemoteOptions options = {}) {
    remote_.reset();
    server_ = std::make_unique<test::FakeRemote>(clock_, options);
  }
  Result<void> begin(std::uint64_t most_content_bytes = 1ULL << 30U) {
    remote_ = std::make_unique<WritebackRemote>(*server_, clock_);
    WritebackSettings settings;
    settings.journal = {place_.path(), "server", 4096};
    settings.courier.threads = 3;
    settings.courier.first_pause = std::chrono::hours(1);  // but for hurry()
    settings.courier.limits.settle_pause = Duration(0);
    settings.courier.most_content_bytes = most_content_bytes;
    settings.on_surprise = [this](const remote::RemotePath& directory) {
      const MutexLock lock(mutex_);
      surprises_.push_back(directory.str());
    };
    return remote_->begin(std::move(settings));
  }
  void end() { remote_.reset(); }
  Courier& courier() { return *remote_->courier(); }
  void drain() {
    const Wait wait = patience();
    bool is_over = false;
    do {  // what failed while the link was cut may be noted only now
      courier().hurry();
      is_over = courier().await_all(Wait::for_at_most(std::chrono::milliseconds(5))).has_value();
    } while (!is_over && !wait.expired());
    ASSERT_TRUE(is_over);
  }
  void cut_link() { server_->fail_all(make_error(Errc::unreachable, "no route")); }
  /// Without what failed meanwhile being tried again.
  void mend_link() { server_->fail_all(std::nullopt); }

  Result<remote::FinishedUpload> put(const std::string& path, const std::string& content,
                                     const remote::UploadTail& tail = {}) {
    FTPSFS_TRY_ASSIGN(auto writer, remote_->open_writer(path_of(path), remote::WriteMode::replace,
                                                        {}, patience()));
    FTPSFS_TRY(writer->write(std::as_bytes(std::span(content)), patience()));
    return writer->finish(tail, patience());
  }
  Result<std::string> read(const std::string& path) {
    FTPSFS_TRY_ASSIGN(auto reader, remote_->open_reader(
                                       path_of(path), 0, [] {}, patience()));
    std::string text;
    std::array<std::byte, 100> buffer;
    for (;;) {
      FTPSFS_TRY_ASSIGN(const std::size_t got, reader->read(buffer, patience()));
      if (got == 0) {
        return text;
      }
      text.append(reinterpret_cast<const char*>(buffer.data()), got);
    }
  }
  std::vector<std::string> list(const std::string& path) {
    const auto listing = remote_->list(path_of(path), patience());
    EXPECT_TRUE(listing) << listing.error().text;
    std::vector<std::string> names;
    for (const auto& entry : listing.value_or(remote::Listing{}).entries) {
      names.push_back(entry.name);
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  Result<remote::Entry> stat(const std::string& path) {
    return remote_->stat(path_of(path), patience());
  }
  /// They are told behind the end of what is owed.
  std::vector<std::string> surprises() {
    for (;;) {
      const MutexLock lock(mutex_);
      if (!surprises_.empty()) {
        return surprises_;
      }
      std::this_thread::yield();
    }
  }

  ManualClock clock_;
  std::unique_ptr<test::FakeRemote> server_ = std::make_unique<test::FakeRemote>(clock_);
  const test::TempDirectory place_{test::TempDirectory::memory()};
  Mutex mutex_;
  std::vector<std::string> surprises_ FTPSFS_GUARDED_BY(mutex_);
  std::unique_ptr<WritebackRemote> remote_;
};

}  // namespace ftpsfs::writeback
