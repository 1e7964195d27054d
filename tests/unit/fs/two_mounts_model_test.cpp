// SPDX-License-Identifier: MIT
//
// Two mounts of one server, over a link that fails now and then, against a tree in memory. Whatever
// succeeds is on the server, wholly; what fails has happened or not, and nothing else has: but for
// a new file or an appended line, of which a beginning may be there. The other mount, whose caches
// have grown old, sees the same.
//
// FTPSFS_MODEL_SEED=<n> runs that seed alone; FTPSFS_MODEL_STEPS=<n> makes runs longer.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "filesystem_fixture.hpp"
#include "ftpsfs/base/log.hpp"

namespace ftpsfs::fs {
namespace {

using test::Moment;
using Tree = std::map<std::string, std::string>;  ///< as FakeRemote::snapshot() has it

class TwoMounts {
 public:
  explicit TwoMounts(unsigned seed) : random_(seed), server_(clock_, options_of(seed)) {
    for (std::unique_ptr<Filesystem>& each : mounts_) {
      each = std::make_unique<Filesystem>(server_, Settings{}, kernel_, clock_);
    }
  }

  void run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      const std::size_t chosen = pick(mounts_.size());
      if (chosen != current_) {
        clock_.advance(std::chrono::hours(1));  // what one of them knows of the other's doing
        current_ = chosen;
      }
      fs_ = mounts_.at(chosen).get();
      if (pick(3) == 0) {
        fail_something();
      }
      step();
    }
    server_.fail_all(std::nullopt);
    for (std::unique_ptr<Filesystem>& each : mounts_) {
      EXPECT_EQ(each->finish_uploads(patience()), 0U);
      EXPECT_EQ(each->counters().lost_files, 0U);
      each.reset();
    }
    EXPECT_EQ(on_server(), tree_);
    if (::testing::Test::HasFailure()) {
      std::string trail;
      for (const std::string& line : history_) {
        trail += line + "\n";
      }
      ADD_FAILURE() << "the last steps:\n" << trail;
    }
  }
  std::size_t failed() const { return failed_; }

 private:
  static FakeRemoteOptions options_of(unsigned seed) {
    FakeRemoteOptions options;
    options.exact_listing = seed % 2 == 0;
    options.stat_is_cheap = seed % 3 != 0;
    options.tells_unique = seed % 4 == 0;
    options.lost_on_abort = seed % 5 == 0 ? 7 : 0;
    return options;
  }
  static Request request() { return {::getpid(), patience()}; }
  static Wait patience() { return Wait::for_at_most(std::chrono::seconds(20)); }
  std::size_t pick(std::size_t below) {
    return std::uniform_int_distribution<std::size_t>(0, below - 1)(random_);
  }

  void fail_something() {
    static constexpr std::array kFailing = {
        Op::stat,        Op::version, Op::list,           Op::open_reader, Op::read,
        Op::open_writer, Op::write,   Op::finish,         Op::rename,      Op::remove_file,
        Op::exact_times, Op::stamp,   Op::make_directory, Op::set_mode,    Op::remove_directory};
    static constexpr std::array kHow = {Errc::closed, Errc::timed_out, Errc::unreachable};
    server_.fail_next(kFailing.at(pick(kFailing.size())), {},
                      make_error(kHow.at(pick(kHow.size())), "the link is cut"),
                      pick(2) == 0 ? Moment::before : Moment::after);
  }

  // ---- The tree ----

  std::string any_path() {
    static constexpr std::array kDirectories = {"", "/a", "/b", "/a/c"};
    static constexpr std::array kNames = {"/x", "/y", "/z", "/a", "/b", "/c"};
    return std::string(kDirectories.at(pick(kDirectories.size()))) + kNames.at(pick(kNames.size()));
  }
  bool is_file(const std::string& path) const { return tree_.contains(path); }
  bool is_directory(const std::string& path) const {
    return path.empty() || tree_.contains(path + "/");
  }
  bool is_empty(const std::string& directory) const {
    const auto next = tree_.upper_bound(directory + "/");
    return next == tree_.end() || !next->first.starts_with(directory + "/");
  }
  bool is_free(const std::string& path) const { return !is_file(path) && !is_directory(path); }
  static std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }
  static std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

  Tree on_server() const {
    Tree seen = server_.snapshot();
    std::erase_if(seen, [](const auto& each) {
      return each.first == "/" || each.first.find("/.ftpsfs-") != std::string::npos;
    });
    return seen;
  }

  // ---- What programs do ----

  Result<Ino> find(const std::string& path) {
    Ino at = kRootIno;
    for (std::size_t begin = 1; begin < path.size();) {
      const std::size_t end = std::min(path.find('/', begin), path.size());
      FTPSFS_TRY_ASSIGN(const EntryReply reply,
                        fs_->lookup(at, path.substr(begin, end - begin), request()));
      at = reply.attributes.ino;
      if (at == kNoIno) {
        return make_error(Errc::not_found, path);
      }
      begin = end + 1;
    }
    return at;
  }

  Result<std::string> read_file(const std::string& path) {
    FTPSFS_TRY_ASSIGN(const Ino ino, find(path));
    FTPSFS_TRY_ASSIGN(const OpenReply opened, fs_->open(ino, O_RDONLY, request()));
    Result<std::string> text(std::string{});
    for (bool more = true; more;) {
      const auto slices = fs_->read(opened.handle, text->size(), 50'000, request());
      if (!slices) {
        text = slices.error();
        break;
      }
      more = false;
      for (const Slice& slice : *slices) {
        more = more || !slice.bytes.empty();
        text->append(reinterpret_cast<const char*>(slice.bytes.data()), slice.bytes.size());
      }
    }
    fs_->release(opened.handle, request());
    return text;
  }

  /// @param flags O_TRUNC or O_APPEND.
  Result<void> write_file(const std::string& path, const std::string& text, int flags) {
    HandleId handle = 0;
    if (is_file(path)) {
      FTPSFS_TRY_ASSIGN(const Ino ino, find(path));
      FTPSFS_TRY_ASSIGN(const OpenReply opened, fs_->open(ino, O_WRONLY | flags, request()));
      handle = opened.handle;
    } else {
      FTPSFS_TRY_ASSIGN(const Ino parent, find(parent_of(path)));
      FTPSFS_TRY_ASSIGN(const CreateReply made,
                        fs_->create(parent, name_of(path), 0644, O_WRONLY | flags, request()));
      handle = made.open.handle;
    }
    auto done = fs_->write(handle, {0, (flags & O_APPEND) != 0},
                           copy_of(std::as_bytes(std::span(text))), request());
    auto flushed = fs_->flush(handle, request());
    fs_->release(handle, request());
    return done ? std::move(flushed) : std::move(done);
  }

  // ---- Steps ----

  void step() {
    const std::string path = any_path();
    if (!is_directory(parent_of(path))) {
      return;
    }
    switch (pick(9)) {
      case 0:
      case 1:
        return put(path);
      case 2:
        return append(path);
      case 3:
        return make_directory(path);
      case 4:
        return remove(path);
      case 5:
        return rename(path, any_path());
      case 6:
        return list(parent_of(path));
      default:
        return read(path);
    }
  }

  std::string any_text() {
    std::string text(pick(4) == 0 ? 100'000 + pick(1'000'000) : 1 + pick(50), ' ');
    for (char& c : text) {
      c = static_cast<char>('a' + pick(26));
    }
    return text;
  }

  void note(const std::string& what) {
    history_.push_back("mount " + std::to_string(current_) + ": " + what);
    if (history_.size() > 15) {
      history_.pop_front();
    }
  }

  void put(const std::string& path) {
    if (is_directory(path)) {
      return;
    }
    const std::string text = any_text();
    note("put " + path + ", " + std::to_string(text.size()));
    Tree after = tree_;
    after[path] = text;
    const bool is_new = !is_file(path);
    settle(write_file(path, text, O_TRUNC), after, is_new ? path : "");
  }
  void append(const std::string& path) {
    if (is_directory(path)) {
      return;
    }
    const std::string text = any_text();
    note("append " + path + ", " + std::to_string(text.size()));
    Tree after = tree_;
    after[path] += text;
    settle(write_file(path, text, O_APPEND), after, path);
  }
  void make_directory(const std::string& path) {
    if (!is_free(path)) {
      return;
    }
    note("mkdir " + path);
    Tree after = tree_;
    after[path + "/"] = "";
    const auto parent = find(parent_of(path));
    settle(parent ? done(fs_->make_directory(*parent, name_of(path), 0755, request()))
                  : parent.error(),
           after);
  }
  void remove(const std::string& path) {
    if (is_free(path) || (is_directory(path) && !is_empty(path))) {
      return;
    }
    note("remove " + path);
    Tree after = tree_;
    after.erase(is_file(path) ? path : path + "/");
    const auto parent = find(parent_of(path));
    settle(!parent         ? Result<void>(parent.error())
           : is_file(path) ? fs_->remove_file(*parent, name_of(path), request())
                           : fs_->remove_directory(*parent, name_of(path), request()),
           after);
  }
  void rename(const std::string& path, const std::string& to) {
    if (!is_file(path) || is_directory(to) || !is_directory(parent_of(to)) || path == to) {
      return;
    }
    note("rename " + path + " " + to);
    Tree after = tree_;
    after[to] = after.at(path);
    after.erase(path);
    const auto from_parent = find(parent_of(path));
    const auto to_parent = find(parent_of(to));
    settle(!from_parent ? Result<void>(from_parent.error())
           : !to_parent
               ? Result<void>(to_parent.error())
               : fs_->rename(*from_parent, name_of(path), *to_parent, name_of(to), 0, request()),
           after);
  }

  void list(const std::string& directory) {
    note("list " + directory);
    const auto ino = find(directory);
    const auto handle = ino ? fs_->open_directory(*ino, {}, request()) : ino.error();
    if (!handle) {
      return expect_link_failure(handle.error());
    }
    std::vector<std::string> names;
    const auto read = fs_->read_directory(
        *handle, 0, false,
        [&](const DirectoryItem& item) {
          names.push_back(item.name);
          return true;
        },
        request());
    fs_->release_directory(*handle);
    if (!read) {
      return expect_link_failure(read.error());
    }
    std::vector<std::string> wanted;
    for (const auto& [path, content] : tree_) {
      const std::string whole = path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
      if (parent_of(whole) == directory) {
        wanted.push_back(name_of(whole));
      }
    }
    std::sort(names.begin(), names.end());
    std::sort(wanted.begin(), wanted.end());
    EXPECT_EQ(names, wanted);
  }
  void read(const std::string& path) {
    if (is_directory(path)) {
      return;
    }
    note("read " + path);
    const auto text = read_file(path);
    if (text) {
      EXPECT_TRUE(is_file(path)) << "it is not there";
      EXPECT_TRUE(*text == tree_[path]) << text->size() << " bytes, not " << tree_[path].size();
    } else if (is_file(path) || text.error().code != Errc::not_found) {
      expect_link_failure(text.error());
    }
  }

  // ---- Verdicts ----

  template <typename T>
  static Result<void> done(const Result<T>& result) {
    return result ? Result<void>() : Result<void>(result.error());
  }

  void expect_link_failure(const Error& error) {
    ++failed_;
    note("  " + error.text);
    EXPECT_TRUE(is_link_failure(error.code) || error.code == Errc::io_error) << error.text;
  }

  /// @param growing of this file a beginning of what is added may have arrived.
  void settle(const Result<void>& result, const Tree& after, const std::string& growing = {}) {
    fs_->finish_uploads(patience());
    const Tree now = on_server();
    if (result) {
      EXPECT_TRUE(now == after) << "it succeeded, and the server has something else";
    } else {
      expect_link_failure(result.error());
      const bool is_either = now == tree_ || now == after;
      EXPECT_TRUE(is_either || has_a_beginning(now, after, growing))
          << "neither before nor after it";
    }
    tree_ = now;
  }

  bool has_a_beginning(Tree now, const Tree& after, const std::string& growing) const {
    const auto found = now.find(growing);
    if (growing.empty() || found == now.end()) {
      return false;
    }
    const std::string before = is_file(growing) ? tree_.at(growing) : "";
    const std::string there = found->second;
    found->second = after.at(growing);
    return now == after && there.starts_with(before) && after.at(growing).starts_with(there);
  }

  std::mt19937 random_;
  ManualClock clock_;
  SilentKernel kernel_;
  FakeRemote server_;
  std::array<std::unique_ptr<Filesystem>, 2> mounts_;
  Filesystem* fs_ = nullptr;
  std::size_t current_ = 0;
  std::size_t failed_ = 0;
  Tree tree_;
  std::deque<std::string> history_;
};

int number_in(const char* name, int otherwise) {
  const char* const given = std::getenv(name);
  return given != nullptr ? std::atoi(given) : otherwise;
}

TEST(TwoMountsModel, SeeOneTreeThroughALinkThatFails) {
  log::set_level(log::Level::off);
  const int only = number_in("FTPSFS_MODEL_SEED", -1);
  const int steps = number_in("FTPSFS_MODEL_STEPS", 60);
  std::size_t failed = 0;
  for (int seed = 0; seed < 6 && !::testing::Test::HasFailure(); ++seed) {
    const int chosen = only >= 0 ? only : seed;
    SCOPED_TRACE("FTPSFS_MODEL_SEED=" + std::to_string(chosen));
    TwoMounts model(static_cast<unsigned>(chosen));
    model.run(steps);
    failed += model.failed();
    if (only >= 0) {
      break;
    }
  }
  EXPECT_GT(failed, 0U) << "no fault was met";
  log::set_level(log::Level::warning);
}

}  // namespace
}  // namespace ftpsfs::fs
