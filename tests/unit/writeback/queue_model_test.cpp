// SPDX-License-Identifier: MIT
//
// Random changes of a tree go through the queue to a second tree, which must come to the same;
// between any two steps the process may be killed, and go on from what had been kept.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>

#include "ftpsfs/writeback/ledger.hpp"
#include "ftpsfs/writeback/merge.hpp"
#include "ftpsfs/writeback/queue.hpp"
#include "intentions.hpp"

namespace ftpsfs::writeback {
namespace {

struct Node {
  bool is_directory = false;
  ContentId content = 0;
  std::optional<std::int64_t> mtime;
  std::optional<std::uint16_t> mode;

  friend bool operator==(const Node&, const Node&) = default;
};

/// The server, or what programs believe it to be.
class Tree {
 public:
  /// @param again as a server that may have done it already: what is done is no failure.
  /// @return false: refused.
  bool apply(const Intention& intention, bool again) {
    const std::string path = intention.path.str();
    switch (intention.action) {
      case Action::upload:
        if (!is_directory(intention.path.parent()) || is_directory(intention.path)) {
          return false;
        }
        nodes_[path] = Node{false, intention.content, intention.tail.mtime, intention.tail.mode};
        return true;
      case Action::make_directory:
        if (has(path)) {
          return again && nodes_.at(path).is_directory;
        }
        nodes_[path].is_directory = true;
        return is_directory(intention.path.parent());
      case Action::remove_file:
        return (has(path) && !nodes_.at(path).is_directory && nodes_.erase(path) > 0) ||
               (again && !has(path));
      case Action::remove_directory:
        return (has(path) && nodes_.at(path).is_directory && below(path).empty() &&
                nodes_.erase(path) > 0) ||
               (again && !has(path));
      case Action::rename:
        return rename(path, intention.target.str(), again);
      case Action::set_attributes:
        if (!has(path)) {
          return false;
        }
        nodes_[path].mtime = intention.tail.mtime ? intention.tail.mtime : nodes_[path].mtime;
        nodes_[path].mode = intention.tail.mode ? intention.tail.mode : nodes_[path].mode;
        return true;
    }
    return false;
  }

  bool has(const std::string& path) const { return nodes_.contains(path); }
  bool is_directory(const remote::RemotePath& path) const {
    const auto found = nodes_.find(path.str());
    return path.is_root() || (found != nodes_.end() && found->second.is_directory);
  }
  bool is_file(const std::string& path) const {
    const auto found = nodes_.find(path);
    return found != nodes_.end() && !found->second.is_directory;
  }
  std::vector<std::string> below(const std::string& path) const {
    std::vector<std::string> names;
    for (const auto& [name, node] : nodes_) {
      if (name.starts_with(path + "/")) {
        names.push_back(name);
      }
    }
    return names;
  }
  friend bool operator==(const Tree&, const Tree&) = default;

 private:
  bool rename(const std::string& from, const std::string& to, bool again) {
    if (!has(from)) {
      return again && has(to);
    }
    if (has(to) && (nodes_.at(to).is_directory || nodes_.at(from).is_directory)) {
      return false;
    }
    for (const std::string& name : below(from)) {
      nodes_[to + name.substr(from.size())] = nodes_.at(name);
      nodes_.erase(name);
    }
    nodes_[to] = nodes_.at(from);
    nodes_.erase(from);
    return is_directory(path_of(to).parent());
  }

  std::map<std::string, Node> nodes_;
};

class Model {
 public:
  explicit Model(unsigned seed) : random_(seed) {}

  void step() {
    const unsigned what = pick(100);
    if (what < 60) {
      change();
    } else if (what < 70) {
      begin();
    } else if (what < 82) {
      end();
    } else if (what < 98) {
      write_some();
    } else {
      be_killed();
    }
  }

  void run_dry() {
    write_all();
    for (;;) {
      begin();
      if (begun_.empty()) {
        break;
      }
      end();
      write_all();
    }
  }

  unsigned pick(unsigned limit) {
    return std::uniform_int_distribution<unsigned>(0, limit - 1)(random_);
  }
  void check() const {
    EXPECT_EQ(queue_.size(), 0U);
    EXPECT_TRUE(ledger_.intentions().empty());
    EXPECT_TRUE(server_ == believed_);
  }
  std::size_t merged() const { return merged_; }

 private:
  /// An edit on its way to the disk.
  struct Pending {
    Edit edit;
    IntentionId ends = 0;          ///< what may be released then
    std::optional<Tree> believed;  ///< what programs have been promised then
  };

  std::string any_path() {
    static const char* const kNames[] = {"a", "b", "c"};
    std::string path;
    const unsigned depth = 1 + pick(2) + pick(6) / 5;
    for (unsigned i = 0; i < depth; ++i) {
      path += std::string("/") + kNames[pick(3)];
    }
    return path;
  }

  /// Something that a program may do, as far as it can see.
  void change() {
    Intention intention;
    const std::string path = any_path();
    const bool is_file = believed_.is_file(path);
    switch (pick(9)) {
      case 0:
      case 1:
      case 2:
        intention = upload(path, ++last_content_, base_of(path));
        if (pick(2) == 0) {
          intention.tail.mtime = pick(1000);
        }
        break;
      case 3:
        intention = simple(Action::make_directory, path);
        break;
      case 4:
        intention =
            is_file ? simple(Action::remove_file, path) : simple(Action::remove_directory, path);
        break;
      case 5:
      case 6: {
        const std::string to = any_path();
        if (to == path || (to + "/").starts_with(path + "/") || !believed_.has(path)) {
          return;
        }
        intention = rename(path, to, base_of(to));
        break;
      }
      default:
        intention = attributes(path, pick(1000));
        if (pick(2) == 0) {
          intention.tail.mode = static_cast<std::uint16_t>(pick(512));
        }
        break;
    }
    Tree after = believed_;
    if (!after.apply(intention, false)) {
      return;
    }
    Edit edit = queue_.add(intention);
    const bool is_alone =
        edit.drops.empty() && edit.puts.size() == 1 && edit.puts[0].first > last_put_;
    if (is_alone && pick(20) == 0) {
      last_put_ = edit.puts[0].first;
      // Of one piece here: whoever was told of a failure, and is killed before the withdrawal is on
      // the disk, was promised nothing.
      const Edit back = queue_.withdraw(edit);
      EXPECT_FALSE(back.empty());
      edit.drops = back.drops;
      pending_.push_back({std::move(edit), 0, std::nullopt});
      return;
    }
    believed_ = after;
    merged_ += !edit.puts.empty() && edit.puts[0].first == last_put_ + 1 ? 0 : 1;
    last_put_ = edit.puts.empty() ? last_put_ : std::max(last_put_, edit.puts[0].first);
    pending_.push_back({std::move(edit), 0, believed_});
  }

  /// What the name is for programs: the queue must know by itself what the server has.
  Base base_of(const std::string& path) {
    if (!believed_.is_file(path)) {
      return absent();
    }
    return server_.is_file(path) && !queue_.touches(path_of(path)) ? version(1, 1) : ours();
  }

  void begin() {
    if (auto started = queue_.take()) {
      begun_.push_back(*std::move(started));
    }
  }

  /// One of those that were begun is carried out, or fails for a while before or after that.
  void end() {
    if (begun_.empty()) {
      return;
    }
    const auto which = begun_.begin() + pick(static_cast<unsigned>(begun_.size()));
    const Queue::Started started = *which;
    begun_.erase(which);
    const unsigned how = pick(10);
    if (how != 0) {
      ASSERT_TRUE(server_.apply(started.intention, started.again)) << words(started.intention);
    }
    if (how < 2) {
      queue_.put_back(started.id);
      return;
    }
    Edit edit = queue_.finish(started.id, remote::FileVersion{1, std::nullopt, {}});
    pending_.push_back({std::move(edit), started.id, std::nullopt});
  }

  void write_some() {
    for (unsigned left = pick(4); left > 0 && !pending_.empty(); --left) {
      const Pending next = std::move(pending_.front());
      pending_.pop_front();
      ledger_.apply(next.edit);
      queue_.keep(next.edit);
      if (next.ends != 0) {
        queue_.release(next.ends);
      }
      if (next.believed) {
        promised_ = *next.believed;
      }
    }
  }
  void write_all() {
    while (!pending_.empty()) {
      write_some();
    }
  }

  /// What was not written is gone; some of what was begun has been carried out.
  void be_killed() {
    for (const auto& started : begun_) {
      if (pick(2) == 0) {
        ASSERT_TRUE(server_.apply(started.intention, started.again)) << words(started.intention);
      }
    }
    begun_.clear();
    pending_.clear();
    believed_ = promised_;
    queue_ = Queue(NameCase::sensitive);
    queue_.restore(ledger_.intentions(), ledger_.last_intention());
  }

  std::mt19937 random_;
  Tree server_;
  Tree believed_;
  Tree promised_;
  Queue queue_{NameCase::sensitive};
  Ledger ledger_;
  std::deque<Pending> pending_;
  std::vector<Queue::Started> begun_;
  ContentId last_content_ = 0;
  std::size_t merged_ = 0;
  IntentionId last_put_ = 0;
};

TEST(QueueModel, TheServerComesToWhatProgramsWerePromised) {
  std::size_t merged = 0;
  for (unsigned seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    Model model(seed);
    for (int round = 0; round < 3; ++round) {
      const unsigned steps = 20 + model.pick(200);
      for (unsigned i = 0; i < steps && !::testing::Test::HasFatalFailure(); ++i) {
        model.step();
      }
      model.run_dry();
      model.check();
      if (::testing::Test::HasFailure()) {
        return;
      }
    }
    merged += model.merged();
  }
  EXPECT_GT(merged, 200U) << "merging has been tried";
}

}  // namespace
}  // namespace ftpsfs::writeback
