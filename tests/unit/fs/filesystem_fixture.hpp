// SPDX-License-Identifier: MIT
//
// A filesystem over a server in memory, driven as the kernel would drive it.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "ftpsfs/fs/filesystem.hpp"
#include "support/fake_remote.hpp"
#include "support/temp_directory.hpp"

namespace ftpsfs::fs {

using test::FakeRemote;
using test::FakeRemoteOptions;
using test::Gate;
using test::Op;

class SilentKernel final : public KernelCache {
 public:
  void invalidate_entry(Ino, std::string) override { ++entries; }
  void invalidate_inode(Ino, bool) override { ++inodes; }
  void outdate_attributes(Ino) override { ++outdated; }
  /// Takes them when a test says so.
  bool store_pages(Ino ino, std::uint64_t offset, Slices bytes, AdmitPages admit) override {
    const MutexLock lock(mutex);
    pages.push_back({ino, offset, std::move(bytes), std::move(admit)});
    return true;
  }
  /// At once, unless a test holds it back.
  void drop_pages(Ino ino, std::uint64_t offset, PagesDropped then) override {
    if (holds_drops) {
      const MutexLock lock(mutex);
      drops.push_back({ino, offset, std::move(then)});
    } else {
      then(true);
    }
  }
  struct Drop {
    Ino ino;
    std::uint64_t offset;
    PagesDropped then;
  };
  struct Pages {
    Ino ino;
    std::uint64_t offset;
    Slices bytes;
    AdmitPages admit;
  };
  Mutex mutex;
  std::vector<Pages> pages FTPSFS_GUARDED_BY(mutex);
  std::vector<Drop> drops FTPSFS_GUARDED_BY(mutex);
  std::atomic<bool> holds_drops{false};
  std::atomic<int> entries{0};
  std::atomic<int> inodes{0};
  std::atomic<int> outdated{0};
};

class FilesystemFixture : public ::testing::Test {
 protected:
  explicit FilesystemFixture(FakeRemoteOptions options = {}) : remote(clock, options) { mount(); }

  void mount(Settings settings = {}) {
    fs.reset();
    settings.growth_rest = std::chrono::milliseconds(0);
    if (settings.staging_directory.empty()) {
      settings.staging_directory = staging.path();
    }
    fs = std::make_unique<Filesystem>(remote, std::move(settings), kernel, clock);
  }

  static Request request(std::stop_token stop = {}) {
    return Request{::getpid(), Wait::for_at_most(std::chrono::seconds(20), std::move(stop))};
  }
  /// As another process: init exists on every machine.
  static Request request_of_a_child() {
    Request other = request();
    other.pid = 1;
    return other;
  }

  Ino look(Ino parent, const std::string& name) {
    const auto reply = fs->lookup(parent, name, request());
    return reply ? reply->attributes.ino : kNoIno;
  }
  Ino walk(const std::string& path) {
    Ino at = kRootIno;
    for (std::size_t begin = 0; begin < path.size() && (at != kNoIno);) {
      const std::size_t end = std::min(path.find('/', begin), path.size());
      at = look(at, path.substr(begin, end - begin));
      begin = end + 1;
    }
    return at;
  }

  HandleId open(Ino ino, int flags) {
    const auto reply = fs->open(ino, flags, request());
    EXPECT_TRUE(reply) << (reply ? "" : reply.error().text);
    return reply ? reply->handle : 0;
  }
  HandleId create(const std::string& name, int flags = O_WRONLY, Ino parent = kRootIno) {
    const auto reply = fs->create(parent, name, 0644, flags, request());
    EXPECT_TRUE(reply) << (reply ? "" : reply.error().text);
    return reply ? reply->open.handle : 0;
  }
  Result<void> write(HandleId handle, std::uint64_t offset, const std::string& text) {
    return write_to(handle, {offset}, text);
  }
  Result<void> append(HandleId handle, const std::string& text) {
    return write_to(handle, {0, true}, text);
  }
  Result<void> write_to(HandleId handle, WritePlace place, const std::string& text) {
    return fs->write(handle, place, copy_of(std::as_bytes(std::span(text.data(), text.size()))),
                     request());
  }
  std::string read(HandleId handle, std::uint64_t offset = 0, std::size_t size = 1U << 20U) {
    const auto slices = fs->read(handle, offset, size, request());
    EXPECT_TRUE(slices) << (slices ? "" : slices.error().text);
    std::string text;
    for (const Slice& slice : slices.value_or(Slices{})) {
      text.append(reinterpret_cast<const char*>(slice.bytes.data()), slice.bytes.size());
    }
    return text;
  }
  Result<void> close(HandleId handle) {
    auto flushed = fs->flush(handle, request());
    fs->release(handle, request());
    return flushed;
  }
  /// A whole small file, as `echo text > name` makes it.
  void put(const std::string& name, const std::string& text) {
    const HandleId handle = create(name);
    EXPECT_TRUE(write(handle, 0, text));
    EXPECT_TRUE(close(handle));
  }
  std::string content(Ino ino) {
    const HandleId handle = open(ino, O_RDONLY);
    std::string text = read(handle);
    EXPECT_TRUE(close(handle));
    return text;
  }
  Attributes attributes(Ino ino) {
    const auto result = fs->get_attributes(ino, request());
    EXPECT_TRUE(result) << (result ? "" : result.error().text);
    return result.value_or(Attributes{});
  }
  std::vector<std::string> list(Ino directory) {
    std::vector<std::string> names;
    const auto handle = fs->open_directory(directory, {}, request());
    EXPECT_TRUE(handle) << (handle ? "" : handle.error().text);
    if (handle) {
      const auto done = fs->read_directory(
          *handle, 0, false,
          [&](const DirectoryItem& item) {
            names.push_back(item.name);
            return true;
          },
          request());
      EXPECT_TRUE(done);
      fs->release_directory(*handle);
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  /// Names on the server that no program made.
  std::vector<std::string> hidden() {
    std::vector<std::string> names;
    for (const std::string& name : remote.names("/")) {
      if (name.starts_with(".ftpsfs-")) {
        names.push_back(name);
      }
    }
    return names;
  }

  const test::TempDirectory staging;
  ManualClock clock;
  FakeRemote remote;
  SilentKernel kernel;
  std::unique_ptr<Filesystem> fs;
};

}  // namespace ftpsfs::fs
