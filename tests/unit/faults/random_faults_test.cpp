// SPDX-License-Identifier: MIT
//
// Bad days by chance: a program does one thing after the other on a mount whose server breaks in
// ways that are drawn from a seed, beside a tree of what has been accepted. Each result is the
// right one or an error; what was accepted stays; what failed has left the old state or the new
// one; and when the day is over the mount is as good as ever.
//
// FTPSFS_FAULT_SEEDS=<n> draws as many days, FTPSFS_FAULT_SEED=<n> is the first one's seed (alone,
// with FTPSFS_FAULT_SEEDS=1, it has that day once more).
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "faulty_mount.hpp"
#include "ftpsfs/base/log.hpp"
#include "support/faulty_ftps_server_dice.hpp"

namespace ftpsfs::faults {
namespace {

/// Content by path; nullopt: a directory.
using TreeSeen = std::map<std::string, std::optional<std::string>>;

std::uint32_t count_in(const char* name, std::uint32_t otherwise) {
  const char* const given = std::getenv(name);
  return given != nullptr ? static_cast<std::uint32_t>(std::atoi(given)) : otherwise;
}

std::vector<std::uint32_t> chosen_seeds() {
  const std::uint32_t first = count_in("FTPSFS_FAULT_SEED", 1);
  std::vector<std::uint32_t> seeds(std::max(1U, count_in("FTPSFS_FAULT_SEEDS", 12)));
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    seeds[i] = first + static_cast<std::uint32_t>(i);
  }
  return seeds;
}

class DayByChance : public FaultyMount {
 protected:
  void begin_day(std::uint32_t seed, std::chrono::milliseconds timeout) {
    log::set_level(log::Level::off);
    random_.seed(seed);
    begin({.timeout = timeout});
    expected_ = {{"m/", std::nullopt}, {"m/d/", std::nullopt}, {"m/e/", std::nullopt}};
    for (const auto& [path, content] : expected_) {
      tree().add_directory("/" + path.substr(0, path.size() - 1));
    }
    for (const char* name : {"m/a", "m/b", "m/d/a", "m/d/c"}) {
      expected_[name] = some_content();
      tree().add_file(std::string("/") + name, *expected_[name]);
    }
    auto connected = connect();
    for (const Wait patience = soon(); !connected && !patience.expired();) {
      connected = connect();  // a machine that stands still for a moment is no fault
    }
    ASSERT_TRUE(connected) << connected.error().text;
  }
  void TearDown() override { log::set_level(log::Level::warning); }

  std::size_t up_to(std::size_t most) { return random_() % (most + 1); }

  /// Of any length, with no two places alike. Most files are small.
  std::string some_content() {
    const std::size_t longest = up_to(3) == 0 ? 150'000 : 5'000;
    const std::size_t size = up_to(longest);
    return big().substr(up_to(big().size() - size), size);
  }

  std::string some_directory() {
    constexpr std::array kDirectories{"m/", "m/d/", "m/e/", "m/d/s/"};
    return kDirectories[up_to(kDirectories.size() - 1)];
  }
  std::string some_file() {
    constexpr std::array kNames{"a", "b", "c"};
    const std::string directory = some_directory();  // first, whatever the compiler likes better
    return directory + kNames[up_to(kNames.size() - 1)];
  }

  bool is_there(const std::string& path) const { return expected_.count(path) > 0; }
  bool has_parent(const std::string& path) const {
    return is_there(path.substr(0, path.rfind('/', path.size() - 2) + 1));
  }

  // ---- Questions: the right answer, or an error that does not say the contrary ----

  void judge_absence(const std::string& path, int error) {
    if (is_there(path)) {
      EXPECT_TRUE(error != ENOENT && error != ENOTDIR) << path << " is there: " << why_;
    } else {
      EXPECT_NE(error, 0) << path << " is not there";
    }
  }

  int looks_at(const std::string& path) {
    const auto found = stat(path);
    const int error = error_of(found);
    judge_absence(path, error);
    if (error == 0 && is_there(path)) {
      EXPECT_EQ(found->size, expected_[path]->size()) << path;
    }
    return error;
  }

  int lists_all(const std::string& directory) {
    std::vector<std::string> names;
    const int error = list_into(directory.substr(0, directory.size() - 1), names);
    judge_absence(directory, error);
    std::vector<std::string> right;
    for (const auto& [path, content] : expected_) {
      const std::string own = path.substr(0, path.size() - (path.ends_with('/') ? 1 : 0));
      if (own.rfind('/') + 1 == directory.size() && own.starts_with(directory)) {
        right.push_back(last_name(own));
      }
    }
    std::sort(right.begin(), right.end());
    if (error == 0) {
      EXPECT_EQ(names, right) << directory;
    }
    return error;
  }

  int reads_whole(const std::string& path) {
    const auto content = read_all(path);
    const int error = error_of(content);
    judge_absence(path, error);
    if (error == 0 && is_there(path)) {
      EXPECT_TRUE(*content == *expected_[path]) << path << ": " << content->size() << " bytes";
    }
    return error;
  }

  int reads_a_range(const std::string& path) {
    const auto ino = ino_of(path);
    const auto opened =
        ino ? filesystem().open(*ino, O_RDONLY, request()) : Result<fs::OpenReply>(ino.error());
    int error = error_of(opened);
    judge_absence(path, error);
    for (int i = 0; i < 3 && opened && is_there(path); ++i) {
      const std::string& right = *expected_[path];
      const std::size_t offset = up_to(right.size());
      const std::size_t size = 1 + up_to(30'000);
      const auto part = read_at(opened->handle, offset, size);
      if (part) {
        EXPECT_TRUE(*part == right.substr(offset, size)) << path << " at " << offset;
      }
      error = error_of(part);
    }
    if (opened) {
      filesystem().release(opened->handle, request());
    }
    return error;
  }

  // ---- Changes ----

  int puts(const std::string& path) {
    const std::string content = some_content();
    TreeSeen after = expected_;
    after[path] = content;
    const bool is_new = !is_there(path);
    const int error = writes(path, content, O_WRONLY | O_TRUNC);
    // Where there was nothing, a part of it may stay: it was written straight to the name.
    conclude(error, has_parent(path), after, is_new ? path : "");
    return error;
  }

  int adds(const std::string& path) {
    if (!is_there(path)) {
      return looks_at(path);
    }
    const std::string more = some_content();
    TreeSeen after = expected_;
    *after[path] += more;
    const int error = writes(path, more, O_WRONLY | O_APPEND);
    conclude(error, true, after, path);
    return error;
  }

  int moves(const std::string& from, const std::string& to) {
    TreeSeen after = expected_;
    if (is_there(from) && from != to) {
      after[to] = after[from];
      after.erase(from);
    }
    const int error = at_parents(from, to, [&](fs::Ino source, fs::Ino target) {
      return filesystem().rename(source, last_name(from), target, last_name(to), 0, request());
    });
    conclude(error, is_there(from) && has_parent(to), after);
    return error;
  }

  int takes_away(const std::string& path) {
    TreeSeen after = expected_;
    after.erase(path);
    const int error = at_parents(path, path, [&](fs::Ino parent, fs::Ino /*same*/) {
      return filesystem().remove_file(parent, last_name(path), request());
    });
    conclude(error, is_there(path), after);
    return error;
  }

  int makes_the_directory() {
    TreeSeen after = expected_;
    after["m/d/s/"] = std::nullopt;
    const int error = at_parents("m/d/s", "m/d/s", [&](fs::Ino parent, fs::Ino /*same*/) {
      return filesystem().make_directory(parent, "s", 0755, request());
    });
    conclude(error, !is_there("m/d/s/"), after);
    return error;
  }

  int removes_the_directory() {
    TreeSeen after = expected_;
    after.erase("m/d/s/");
    const bool is_empty = std::none_of(expected_.begin(), expected_.end(), [](const auto& each) {
      return each.first.starts_with("m/d/s/") && each.first != "m/d/s/";
    });
    const int error = at_parents("m/d/s", "m/d/s", [&](fs::Ino parent, fs::Ino /*same*/) {
      return filesystem().remove_directory(parent, "s", request());
    });
    conclude(error, is_there("m/d/s/") && is_empty, after);
    return error;
  }

  template <typename Deed>
  int at_parents(const std::string& one, const std::string& other, Deed deed) {
    const auto first = parent_of(one);
    const auto second = parent_of(other);
    return !first ? error_of(first) : !second ? error_of(second) : error_of(deed(*first, *second));
  }

  /// @param may_succeed as POSIX has it
  /// @param after the tree if it was a success
  /// @param torn of a file that may be there in part after a failure: what was there in front.
  void conclude(int error, bool may_succeed, const TreeSeen& after, const std::string& torn = "") {
    EXPECT_TRUE(error != 0 || may_succeed) << "a success that cannot be";
    if (error == 0) {
      expected_ = after;
      expect_tree(on_server(), expected_);
      return;
    }
    TreeSeen now = settled_server();
    const bool is_old_or_new = now == expected_ || now == after;
    if (!is_old_or_new && !torn.empty()) {
      const auto old = expected_.find(torn);
      const auto left = now.find(torn);
      if (left != now.end() && left->second) {
        EXPECT_TRUE(old == expected_.end() || left->second->starts_with(*old->second)) << torn;
      }
      TreeSeen others = now;
      others.erase(torn);
      TreeSeen others_before = expected_;
      others_before.erase(torn);
      expect_tree(others, others_before);
      EXPECT_TRUE(old == expected_.end() || left != now.end()) << torn << " has gone";
    } else if (!is_old_or_new) {
      ADD_FAILURE() << "neither the old state nor the new one: " << why_;
      expect_tree(now, expected_);
    }
    expected_ = std::move(now);
  }

  // ---- The server's side ----

  void collect(const std::string& directory, TreeSeen& seen) {
    seen[directory] = std::nullopt;
    const auto entries = tree().list("/" + directory.substr(0, directory.size() - 1));
    for (const auto& entry : entries.value_or(std::vector<test::FaultyTree::Named>())) {
      if (entry.node.directory) {
        collect(directory + entry.name + "/", seen);
      } else if (!entry.name.starts_with(".ftpsfs-")) {
        seen[directory + entry.name] = tree().content("/" + directory + entry.name);
      }
    }
  }
  TreeSeen on_server() {
    TreeSeen seen;
    collect("m/", seen);
    return seen;
  }

  /// Once nobody can change it any more: what the mount has given up may still be under way.
  TreeSeen settled_server() {
    for (const Wait patience = soon(); server().connections_open() > 0;) {
      server().reset_all_connections();
      std::this_thread::yield();
      if (patience.expired()) {
        ADD_FAILURE() << "the server's connections do not end";
        break;
      }
    }
    return on_server();
  }

  /// Without their contents in the test's output.
  static void expect_tree(const TreeSeen& seen, const TreeSeen& right) {
    for (const auto& [path, content] : right) {
      const auto found = seen.find(path);
      if (found == seen.end()) {
        ADD_FAILURE() << path << " is missing";
      } else {
        EXPECT_TRUE(found->second == content)
            << path << " has " << found->second.value_or("").size() << " bytes, not "
            << content.value_or("").size();
      }
    }
    for (const auto& [path, content] : seen) {
      EXPECT_TRUE(right.count(path) > 0) << path << " is there";
    }
  }

  // ---- The day ----

  int step() {
    const std::string file = some_file();
    switch (up_to(12)) {
      case 0:
        return looks_at(file);
      case 1:
        return lists_all(some_directory());
      case 2:
      case 3:
        return reads_whole(file);
      case 4:
      case 5:
        return reads_a_range(file);
      case 6:
      case 7:
        return puts(file);
      case 8:
        return adds(file);
      case 9:
        return moves(file, some_file());
      case 10:
        return takes_away(file);
      case 11:
        return makes_the_directory();
      default:
        return removes_the_directory();
    }
  }

  /// Everything is read by the mount, and is what the server has.
  void expect_all_there() {
    limit_ = 20s;
    expect_tree(on_server(), expected_);
    for (const auto& [path, content] : TreeSeen(expected_)) {
      if (content) {
        EXPECT_EQ(looks_at(path), 0) << path << ": " << why_;
        EXPECT_EQ(reads_whole(path), 0) << path << ": " << why_;
      } else {
        EXPECT_EQ(lists_all(path), 0) << path << ": " << why_;
      }
    }
  }

  std::mt19937 random_;
  TreeSeen expected_;
};

class RandomFaults : public DayByChance, public ::testing::WithParamInterface<std::uint32_t> {};

TEST_P(RandomFaults, LeaveWhatIsRightOrAnError) {
  SCOPED_TRACE("FTPSFS_FAULT_SEEDS=1 FTPSFS_FAULT_SEED=" + std::to_string(GetParam()));
  ASSERT_NO_FATAL_FAILURE(begin_day(GetParam(), 250ms));
  // A step is some calls; each may try again, and the machine may stand still for a while.
  const auto longest = 12 * limit_ + 15s;
  test::FaultDice dice(GetParam());
  constexpr int kSteps = 36;
  std::string drawn;
  for (int i = 0; i < kSteps && !HasFailure(); ++i) {
    if (i % 2 == 0) {
      const Fault fault = dice.draw();
      server().add_fault(fault);
      drawn += "\n  before step " + std::to_string(i) + ": " + test::describe(fault);
    }
    SCOPED_TRACE("step " + std::to_string(i) + drawn);
    const SteadyTime began = SteadyClock::now();
    step();
    EXPECT_LT(SteadyClock::now() - began, longest);
  }
  EXPECT_GT(server().faults_met(), 0) << drawn;
  server().clear_faults();
  settled_server();  // connections on which a fault still waits for its time go, too
  SCOPED_TRACE("after" + drawn);
  expect_healthy();
  expect_all_there();
}

/// Else the tests above would say nothing: here no error is excused.
TEST_F(DayByChance, HasNoErrorsButThoseOfFaults) {
  ASSERT_NO_FATAL_FAILURE(begin_day(chosen_seeds().front(), 20s));
  const auto without_error = [this](const std::string& path, int error) {
    EXPECT_EQ(error == 0, has_parent(path) && is_there(path)) << path << ": " << why_;
  };
  for (int i = 0; i < 60 && !HasFailure(); ++i) {
    const std::string file = some_file();
    const bool may_be_put = has_parent(file);
    EXPECT_EQ(puts(file) == 0, may_be_put) << file << ": " << why_;
    without_error(file, reads_whole(file));
    without_error(file, reads_a_range(file));
    without_error(file, adds(file));
    step();
  }
  expect_healthy();
  expect_all_there();
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomFaults, ::testing::ValuesIn(chosen_seeds()),
                         ::testing::PrintToStringParamName());

}  // namespace
}  // namespace ftpsfs::faults
