// SPDX-License-Identifier: MIT
#include "../../../src/fs/walk.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace ftpsfs::fs {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// A tree of directories, each known or not, by paths.
class FakeTree final : public KnownTree {
 public:
  FakeTree() {
    paths_[kRootIno] = "";
    numbers_[""] = kRootIno;
  }

  /// Lists a directory: names ending in '/' are directories.
  void know(const std::string& path, const std::vector<std::string>& names) {
    auto snapshot = std::make_shared<cache::DirectorySnapshot>();
    for (const std::string& name : names) {
      cache::CachedEntry entry;
      const bool directory = name.back() == '/';
      entry.entry.name = directory ? name.substr(0, name.size() - 1) : name;
      entry.entry.type = directory ? remote::FileType::directory : remote::FileType::regular;
      snapshot->put(std::move(entry));
    }
    listings_[number(path)] = std::move(snapshot);
  }

  Ino number(const std::string& path) {
    const auto [at, is_new] = numbers_.try_emplace(path, next_);
    if (is_new) {
      paths_[next_++] = path;
    }
    return at->second;
  }
  std::vector<std::string> paths(const std::vector<Ino>& numbers) {
    std::vector<std::string> all;
    for (const Ino each : numbers) {
      all.push_back(paths_[each]);
    }
    return all;
  }

  cache::NamespaceCache::Snapshot listing(Ino directory) override {
    const auto found = listings_.find(directory);
    return found == listings_.end() ? nullptr : found->second;
  }
  std::optional<Location> locate(Ino ino) override {
    const std::string path = paths_[ino];
    const std::size_t slash = path.rfind('/');
    return Location{number(path.substr(0, slash)), path.substr(slash + 1)};
  }
  std::optional<Ino> child(Ino parent, std::string_view name) override {
    return number(paths_[parent] + "/" + std::string(name));
  }

 private:
  std::map<Ino, cache::NamespaceCache::Snapshot> listings_;
  std::map<Ino, std::string> paths_;
  std::map<std::string, Ino> numbers_;
  Ino next_ = kRootIno + 1;
};

class Walks : public ::testing::Test {
 protected:
  std::vector<std::string> ahead(const std::string& last, Route route, std::size_t most = 10) {
    return tree.paths(directories_ahead(tree, tree.number(last), route, most));
  }
  std::vector<std::string> visit(const std::string& path) {
    return tree.paths(walks.visit(tree.number(path), now));
  }
  /// A root of so many directories, d000 and on, each without any.
  void make_flat(int count) {
    std::vector<std::string> names;
    for (int i = 0; i < count; ++i) {
      std::string number = std::to_string(i);
      number.insert(0, 3 - number.size(), '0');
      names.push_back("d" + number + "/");
      tree.know("/d" + number, {"file"});
    }
    tree.know("", names);
  }

  FakeTree tree;
  WalkTracker walks{tree};
  SteadyTime now;
};

TEST_F(Walks, LeadIntoEachDirectoryBeforeTheNextAsFarAsListingsAreKnown) {
  tree.know("", {"b/", "file", "a/", "c/"});
  tree.know("/b", {"y/", "x/"});
  tree.know("/b/x", {"deep/"});
  EXPECT_THAT(ahead("", {}), ElementsAre("/b", "/b/y", "/b/x", "/b/x/deep", "/a", "/c"));
  EXPECT_THAT(ahead("/b/y", {}), ElementsAre("/b/x", "/b/x/deep", "/a", "/c"));
  EXPECT_THAT(ahead("/b/x/deep", {}, 1), ElementsAre("/a"));
  EXPECT_THAT(ahead("/c", {}), IsEmpty());
}

TEST_F(Walks, MayGoByNameOrStayOnOneLevel) {
  tree.know("", {"b/", "c/", "a/"});
  tree.know("/b", {"y/", "x/"});
  EXPECT_THAT(ahead("", {true, true}), ElementsAre("/a", "/b", "/b/x", "/b/y", "/c"));
  EXPECT_THAT(ahead("/b/y", {true, true}), ElementsAre("/c"));
  EXPECT_THAT(ahead("/b", {false, false}), ElementsAre("/c", "/a"));
  EXPECT_THAT(ahead("/b", {true, false}), ElementsAre("/c"));
}

TEST_F(Walks, OneDirectoryIsNoneAndTheFirstOfAFewIsNone) {
  make_flat(4);
  EXPECT_THAT(visit(""), IsEmpty());
  EXPECT_THAT(visit("/d000"), IsEmpty());
  EXPECT_THAT(visit("/d000"), IsEmpty());
}

TEST_F(Walks, WhoBeginsWithTheFirstOfManyIsBelieved) {
  make_flat(20);
  EXPECT_THAT(visit(""), IsEmpty());
  EXPECT_THAT(visit("/d000"), SizeIs(WalkTracker::kFirstWindow));
  EXPECT_THAT(visit("/d000"), IsEmpty()) << "told already";
}

TEST_F(Walks, AreForetoldFurtherTheLongerTheyGoAsForetold) {
  make_flat(200);
  visit("");
  visit("/d000");
  const auto first = visit("/d001");
  EXPECT_THAT(first, SizeIs(WalkTracker::kFirstWindow));
  EXPECT_EQ(first.front(), "/d002");
  EXPECT_EQ(first.back(), "/d009");
  EXPECT_THAT(visit("/d002"), SizeIs(16));
  EXPECT_THAT(visit("/d003"), SizeIs(32));
  for (int i = 4; i < 9; ++i) {
    visit("/d00" + std::to_string(i));
  }
  EXPECT_THAT(visit("/d009"), SizeIs(WalkTracker::kLargestWindow));
}

TEST_F(Walks, AreForetoldLessFarWhenDirectoriesAreLeftOut) {
  make_flat(200);
  for (const char* path : {"", "/d000", "/d001", "/d002", "/d003"}) {
    visit(path);
  }
  EXPECT_THAT(visit("/d006"), SizeIs(16));
  EXPECT_THAT(visit("/d007"), SizeIs(32));
}

TEST_F(Walks, InAnotherOrderAreFollowedToo) {
  tree.know("", {"z/", "b/", "y/", "c/", "a/"});
  visit("");
  EXPECT_THAT(visit("/a"), ElementsAre("/b", "/c", "/y", "/z"));
  EXPECT_THAT(visit("/b"), ElementsAre("/c", "/y", "/z"));
}

TEST_F(Walks, JumpsAreNone) {
  make_flat(100);
  for (const char* path : {"/d050", "/d010", "/d090", "/d030", "/d070", "/d020"}) {
    EXPECT_THAT(visit(path), IsEmpty()) << path;
  }
}

TEST_F(Walks, TwoAtATimeDoNotDisturbEachOther) {
  make_flat(100);
  visit("/d000");
  visit("/d050");
  visit("/d001");
  visit("/d051");
  EXPECT_EQ(visit("/d002").at(0), "/d003");
  EXPECT_EQ(visit("/d052").at(0), "/d053");
}

TEST_F(Walks, EndWhenNobodyIsSeenForLong) {
  make_flat(100);
  visit("");
  visit("/d000");
  visit("/d001");
  now += std::chrono::minutes(1);
  EXPECT_THAT(visit("/d002"), IsEmpty());
}

}  // namespace
}  // namespace ftpsfs::fs
