// SPDX-License-Identifier: MIT
//
// The mount that the model test drives: a Filesystem over FakeRemote beside the reference tree. It
// plays the kernel's part (names are looked up one by one, and lookups are given back) and says
// whether both sides agree.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ftpsfs/fs/filesystem.hpp"
#include "reference_tree.hpp"
#include "support/fake_remote.hpp"
#include "support/temp_directory.hpp"

namespace ftpsfs::fs::model {

constexpr const char* kRoot = "/srv/mounted";

class DeafKernel final : public KernelCache {
 public:
  void invalidate_entry(Ino, std::string) override {}
  void invalidate_inode(Ino, bool) override {}
  void outdate_attributes(Ino) override {}
  bool store_pages(Ino, std::uint64_t, Slices, AdmitPages) override { return true; }
  void drop_pages(Ino, std::uint64_t, PagesDropped then) override { then(true); }
};

class ModelMount {
 public:
  ModelMount(std::uint64_t seed, const test::FakeRemoteOptions& options)
      : chance_(seed), remote_(clock_, options) {
    remote_.put_directory(kRoot);
    Settings settings;
    settings.root = *remote::RemotePath::parse(kRoot);
    settings.staging_directory = staging_.path();
    fs_ = std::make_unique<Filesystem>(remote_, settings, kernel_, clock_);
    root_->kind = Node::Kind::directory;
  }

 protected:
  // The kernel's side: names are looked up one by one, and lookups given back.
  Request request() const { return Request{::getpid(), patient()}; }
  static Wait patient() { return Wait::for_at_most(std::chrono::seconds(20)); }
  Ino look_up(Ino parent, const std::string& name) {
    if (chance_.below(2) == 0) {
      if (auto known = fs_->find_entry(parent, name)) {
        return *known ? (*known)->attributes.ino : kNoIno;
      }
    }
    const auto reply = fs_->lookup(parent, name, request());
    EXPECT_TRUE(reply) << name << ": " << reply.error().text;
    return reply ? reply->attributes.ino : kNoIno;
  }
  Ino counted(Ino ino) {
    if (ino != kNoIno && ino != kRootIno) {
      to_forget_.push_back(ino);
    }
    return ino;
  }
  void give_lookups_back() {
    for (const Ino ino : to_forget_) {
      fs_->forget(ino, 1);
    }
    to_forget_.clear();
  }
  Ino directory_of(const Place& place) {
    Ino ino = kRootIno;
    for (const std::string& part : place.directories) {
      ino = counted(look_up(ino, part));
    }
    return ino;
  }
  Ino file_of(const Place& place) { return counted(look_up(directory_of(place), place.name)); }

  // The verdicts.
  template <typename T>
  bool agree(const Result<T>& result, std::optional<Errc> expected) {
    if (result) {
      EXPECT_FALSE(expected) << "should have failed: " << to_string(*expected);
    } else if (!expected) {
      ADD_FAILURE() << to_string(result.error().code) << ": " << result.error().text;
    } else {
      EXPECT_EQ(to_string(result.error().code), std::string(to_string(*expected)));
    }
    return result && !expected;
  }
  void compare(const Attributes& shown, const Node& node) {
    const mode_t type = node.is(Node::Kind::directory) ? S_IFDIR
                        : node.is(Node::Kind::symlink) ? S_IFLNK
                                                       : S_IFREG;
    EXPECT_EQ(shown.mode & S_IFMT, type);
    if (!node.is(Node::Kind::directory)) {
      EXPECT_EQ(shown.size, node.content.size());
    }
    if (node.mode) {
      EXPECT_EQ(shown.mode & 07777U, *node.mode);
    }
    if (node.mtime) {
      EXPECT_EQ(shown.mtime_seconds, *node.mtime);
    }
  }
  /// The server must hold exactly what the reference tree holds: nothing lost, nothing left behind.
  void compare_server() {
    std::map<std::string, std::string> expected = {{"/srv/", ""}, {std::string(kRoot) + '/', ""}};
    add_expected(*root_, kRoot, expected);
    const auto got = remote_.snapshot();
    EXPECT_TRUE(got == expected) << describe(got, expected);
  }

  // Reports.
  void note(std::string what) { steps_.push_back(std::move(what)); }
  std::string trail() const {
    std::string text;
    for (std::size_t i = steps_.size() > 60 ? steps_.size() - 60 : 0; i < steps_.size(); ++i) {
      text += "  " + steps_[i] + '\n';
    }
    return text;
  }

  const test::TempDirectory staging_;
  ManualClock clock_;
  Chance chance_;
  NodePtr root_ = std::make_shared<Node>();
  test::FakeRemote remote_;
  DeafKernel kernel_;
  std::unique_ptr<Filesystem> fs_;

 private:
  std::vector<Ino> to_forget_;
  std::vector<std::string> steps_;
};

}  // namespace ftpsfs::fs::model
