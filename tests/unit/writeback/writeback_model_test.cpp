// SPDX-License-Identifier: MIT
//
// Random changes through WritebackRemote against a simple tree: with a server whose calls fail now
// and then, before their work or behind it, and a process that is killed and goes on from its
// journal. At any moment programs see the tree, in the end the server has it, and nobody has got a
// conflict or a refusal.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <random>
#include <thread>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/writeback/writeback_remote.hpp"
#include "intentions.hpp"
#include "support/fake_remote.hpp"
#include "support/temp_directory.hpp"

namespace ftpsfs::writeback {
namespace {

using test::FakeRemote;
using test::Moment;
using test::Op;

struct ModelNode {
  bool is_directory = false;
  std::string content;
  std::optional<std::int64_t> mtime;  ///< as programs were told, where they were
};
using ModelTree = std::map<std::string, ModelNode>;

class WritebackModel {
 public:
  explicit WritebackModel(unsigned seed)
      : random_(seed),
        leaves_files_aside_(!options_of(seed).rename_replaces),
        server_(clock_, options_of(seed)) {
    server_.put("/old", "what was there", 1'500'000'000);
    tree_["/old"] = {false, "what was there", {}};
    server_.put_directory("/a");
    tree_["/a"].is_directory = true;
    begin();
  }
  ~WritebackModel() { remote_.reset(); }

  unsigned pick(unsigned limit) {
    return std::uniform_int_distribution<unsigned>(0, limit - 1)(random_);
  }

  void step() {
    clock_.advance(std::chrono::seconds(1 + pick(100)));
    const unsigned what = pick(100);
    if (what < 10) {
      fail_something();
    } else if (what < 12) {
      check_counters();
      remote_.reset();  // as if killed: what is under way is cut
      begin();
    } else if (what < 15) {
      drain();
      check_server();
    } else if (what < 30) {
      look();
    } else {
      change();
    }
  }

  void end() {
    drain();
    check_server();
    check_counters();
  }
  std::size_t accepted_early() const { return accepted_early_; }
  std::size_t renamed_above() const { return renamed_above_; }
  std::size_t removed_early() const { return removed_early_; }

 private:
  static test::FakeRemoteOptions options_of(unsigned seed) {
    test::FakeRemoteOptions options;
    options.rename_replaces = seed % 2 == 0;
    options.exact_listing = seed % 3 != 0;
    options.can_set_mtime = seed % 5 != 0;
    options.absence_needs_listing = seed % 7 == 0;
    return options;
  }
  static Wait patience() { return Wait::for_at_most(std::chrono::seconds(60)); }

  void begin() {
    remote_ = std::make_unique<WritebackRemote>(server_, clock_);
    WritebackSettings settings;
    settings.journal = {place_.path(), "server", 4096};
    settings.courier.threads = 3;
    settings.courier.mount = ++mounts_;
    settings.courier.first_pause = Duration(1);
    settings.courier.limits.settle_pause = Duration(0);
    settings.courier.longest_pause = Duration(4);
    const auto begun = remote_->begin(std::move(settings));
    ASSERT_TRUE(begun) << begun.error().text;
  }
  void drain() { ASSERT_TRUE(remote_->courier()->await_all(patience())); }

  void check_counters() const {
    const auto counters = remote_->courier()->counters();
    EXPECT_EQ(counters.conflicts, 0U);
    EXPECT_EQ(counters.refused, 0U);
    EXPECT_EQ(counters.given_up, 0U);
  }

  void fail_something() {
    static const Op kFailing[] = {Op::stat,        Op::version,   Op::list,
                                  Op::open_reader, Op::read,      Op::open_writer,
                                  Op::write,       Op::finish,    Op::make_directory,
                                  Op::remove_file, Op::rename,    Op::remove_directory,
                                  Op::set_mode,    Op::set_mtime, Op::exact_times};
    static const Errc kHow[] = {Errc::closed, Errc::timed_out, Errc::unreachable};
    const Op op = kFailing[pick(std::size(kFailing))];
    server_.fail_next(op, {}, make_error(kHow[pick(std::size(kHow))], "the link is cut"),
                      pick(2) == 0 ? Moment::before : Moment::after);
  }

  std::string any_path() {
    static const char* const kDirectories[] = {"", "/a", "/b", "/a/c"};
    static const char* const kNames[] = {"/x", "/y", "/z"};
    const unsigned what = pick(10);
    if (what == 0) {
      return "/old";
    }
    return what < 3 ? kDirectories[1 + pick(3)]
                    : std::string(kDirectories[pick(4)]) + kNames[pick(3)];
  }
  bool has(const std::string& path) const { return tree_.contains(path); }
  bool is_file(const std::string& path) const { return has(path) && !tree_.at(path).is_directory; }
  bool has_parent(const std::string& path) const {
    const std::string parent = path.substr(0, path.rfind('/'));
    return parent.empty() || (has(parent) && tree_.at(parent).is_directory);
  }
  std::vector<std::string> below(const std::string& path) const {
    std::vector<std::string> names;
    for (auto next = tree_.lower_bound(path + "/");
         next != tree_.end() && next->first.starts_with(path + "/"); ++next) {
      names.push_back(next->first);
    }
    return names;
  }
  std::string any_content() {
    std::string content(pick(6) == 0 ? 70'000 + pick(100'000) : pick(40), ' ');
    for (char& c : content) {
      c = static_cast<char>('a' + pick(26));
    }
    return content;
  }

  /// The tree is what programs may rely on: they have looked before.
  void change() {
    const std::string path = any_path();
    if (!has_parent(path)) {
      return;
    }
    ModelTree after = tree_;
    Result<void> done;
    switch (pick(10)) {
      case 0:
      case 1:
      case 2:
        done = put(path, after);
        break;
      case 3:
        done = append(path, after);
        break;
      case 4:
        done = make_directory(path, after);
        break;
      case 5:
      case 6:
        done = pick(3) == 0 ? remove_tree(path, after) : remove(path, after);
        break;
      case 7:
      case 8:
        done = rename(path, any_path(), after);
        break;
      default:
        done = set_attributes(path, after);
        break;
    }
    accepted_early_ += remote_->courier()->counters().waiting > 0 ? 1 : 0;
    if (done) {
      tree_ = std::move(after);
      return;
    }
    EXPECT_TRUE(is_link_failure(done.error().code) || done.error().code == Errc::io_error)
        << path << ": " << done.error().text;
    // Who knows whether it was done?
    drain();
    if (seen_on_server() != seen_in(tree_)) {
      std::swap(tree_, after);
    }
    for (auto& [name, node] : tree_) {
      const auto other = after.find(name);
      if (other == after.end() || other->second.mtime != node.mtime) {
        node.mtime.reset();
      }
    }
    check_server();
  }

  Result<void> put(const std::string& path, ModelTree& after) {
    if (has(path) && !is_file(path)) {
      return {};
    }
    ModelNode node{false, any_content(), {}};
    after[path] = node;
    FTPSFS_TRY_ASSIGN(auto writer, remote_->open_writer(path_of(path), remote::WriteMode::replace,
                                                        {}, patience()));
    FTPSFS_TRY(writer->write(std::as_bytes(std::span(node.content)), patience()));
    std::string path_now = path;
    if (pick(2) == 0) {
      FTPSFS_TRY(rename_above(path_now, node, after));
    }
    if (pick(20) == 0) {
      after = tree_;  // given up
      return {};
    }
    remote::UploadTail tail;
    if (pick(3) == 0 && remote_->traits().can_set_mtime) {
      tail.mtime = 1'000'000'000 + pick(1000);
    }
    FTPSFS_TRY_ASSIGN(const auto finished, writer->finish(tail, patience()));
    EXPECT_EQ(finished.version.size, node.content.size());
    if (finished.version.mtime) {
      after[path_now].mtime = finished.version.mtime->unix_seconds;
    }
    return {};
  }
  /// The directory of a file that is being written gets another name.
  Result<void> rename_above(std::string& path, const ModelNode& node, ModelTree& after) {
    static const char* const kTargets[] = {"/a", "/b", "/a/c", "/b/c"};
    const std::string from = path.substr(0, path.rfind('/'));
    const std::string to = kTargets[pick(std::size(kTargets))];
    const bool makes_sense =
        !from.empty() && !has(to) && has_parent(to) && !(to + "/").starts_with(from + "/");
    if (!makes_sense) {
      return {};
    }
    const ModelTree moved = renamed(tree_, from, to);
    after = moved;
    FTPSFS_TRY(remote_->rename(path_of(from), path_of(to), patience()));
    tree_ = moved;
    path = to + path.substr(from.size());
    after[path] = node;
    ++renamed_above_;
    return {};
  }
  Result<void> append(const std::string& path, ModelTree& after) {
    if (!is_file(path)) {
      return {};
    }
    const std::string more = any_content();
    after[path].content += more;
    after[path].mtime.reset();
    FTPSFS_TRY_ASSIGN(auto writer, remote_->open_writer(path_of(path), remote::WriteMode::append,
                                                        {}, patience()));
    FTPSFS_TRY(writer->write(std::as_bytes(std::span(more)), patience()));
    FTPSFS_TRY(writer->finish({}, patience()));
    return {};
  }
  Result<void> make_directory(const std::string& path, ModelTree& after) {
    if (has(path)) {
      return {};
    }
    after[path].is_directory = true;
    FTPSFS_TRY(remote_->make_directory(path_of(path), patience()));
    if (pick(2) == 0) {
      return remote_->set_mode(path_of(path), 0750, patience());
    }
    return {};
  }
  Result<void> remove(const std::string& path, ModelTree& after) {
    if (!has(path) || (!is_file(path) && !below(path).empty())) {
      return {};
    }
    after.erase(path);
    if (is_file(path)) {
      return remote_->remove_file(path_of(path), patience());
    }
    if (leaves_files_aside_) {
      drain();  // what lies aside is known then
    }
    const std::size_t before = remote_->courier()->counters().waiting;
    auto removed = remote_->remove_directory(path_of(path), patience());
    removed_early_ += removed && before > 0 && server_.exists(path) ? 1 : 0;
    const std::vector<std::string> left = server_.exists(path) ? server_.names(path) : below(path);
    const bool holds_hidden = std::any_of(left.begin(), left.end(), [](const std::string& name) {
      return name.starts_with(".ftpsfs-");
    });
    if (!removed && removed.error().code == Errc::not_empty && holds_hidden) {
      after = tree_;  // see seen_on_server()
      return {};
    }
    return removed;
  }
  /// As `rm -r` does it: what it looks at is known then.
  Result<void> remove_tree(const std::string& path, ModelTree& after) {
    const std::vector<std::string> names = below(path);
    if (has(path) && !is_file(path)) {
      list(path);
    }
    for (auto name = names.rbegin(); name != names.rend(); ++name) {
      if (!is_file(*name)) {
        list(*name);
      }
      after = tree_;
      FTPSFS_TRY(remove(*name, after));
      tree_ = after;
    }
    after = tree_;
    return remove(path, after);
  }
  Result<void> rename(const std::string& from, const std::string& to, ModelTree& after) {
    const bool makes_sense = has(from) && has_parent(to) && from != to &&
                             !(to + "/").starts_with(from + "/") &&
                             !(from + "/").starts_with(to + "/");
    if (!makes_sense || (has(to) && (!is_file(from) || !is_file(to)))) {
      return {};
    }
    after = renamed(tree_, from, to);
    auto done = remote_->rename(path_of(from), path_of(to), patience());
    if (!done && done.error().code == Errc::already_exists && has(to)) {
      after = tree_;  // one that does not replace
      return {};
    }
    return done;
  }
  ModelTree renamed(ModelTree tree, const std::string& from, const std::string& to) const {
    for (const std::string& name : below(from)) {
      tree[to + name.substr(from.size())] = tree.at(name);
      tree.erase(name);
    }
    tree[to] = tree.at(from);
    tree.erase(from);
    return tree;
  }
  Result<void> set_attributes(const std::string& path, ModelTree& after) {
    if (!has(path)) {
      return {};
    }
    if (!is_file(path) || pick(2) == 0 || !remote_->traits().can_set_mtime) {
      return remote_->set_mode(path_of(path), static_cast<std::uint16_t>(0600 + pick(64)),
                               patience());
    }
    after[path].mtime = 1'100'000'000 + pick(1000);
    return remote_->set_mtime(path_of(path), *after[path].mtime, patience());
  }

  /// What programs see: a failure of the link tells nothing.
  void look() {
    const std::string path = any_path();
    const auto entry = remote_->stat(path_of(path), patience());
    if (entry) {
      ASSERT_TRUE(has(path)) << path;
      EXPECT_EQ(entry->type == remote::FileType::directory, tree_.at(path).is_directory) << path;
      if (is_file(path)) {
        EXPECT_EQ(entry->size, tree_.at(path).content.size()) << path;
        if (tree_.at(path).mtime) {
          EXPECT_EQ(entry->mtime->unix_seconds, *tree_.at(path).mtime) << path;
        }
        look_into(path);
      } else {
        list(path);
      }
    } else if (entry.error().code == Errc::not_found || entry.error().code == Errc::not_directory) {
      EXPECT_FALSE(has(path)) << path;
    } else {
      EXPECT_TRUE(is_link_failure(entry.error().code)) << entry.error().text;
    }
    list("/");
  }
  void look_into(const std::string& path) {
    const auto version = remote_->version(path_of(path), patience());
    auto reader = remote_->open_reader(
        path_of(path), 0, [] {}, patience());
    if (!reader || !version) {
      return;
    }
    EXPECT_TRUE(remote::may_be_same((*reader)->version(), *version)) << "no ESTALE";
    std::string text;
    std::vector<std::byte> buffer(1 << 16);
    for (;;) {
      const auto got = (*reader)->read(buffer, patience());
      if (!got) {
        return;
      }
      if (*got == 0) {
        break;
      }
      text.append(reinterpret_cast<const char*>(buffer.data()), *got);
    }
    EXPECT_EQ(summary(text), summary(tree_.at(path).content)) << path;
  }
  void list(const std::string& path) {
    const auto listing = remote_->list(path_of(path), patience());
    if (!listing) {
      EXPECT_TRUE(is_link_failure(listing.error().code)) << listing.error().text;
      return;
    }
    std::map<std::string, std::uint64_t> seen;
    for (const auto& entry : listing->entries) {
      if (!entry.name.starts_with(".ftpsfs-")) {
        seen[entry.name] = entry.type == remote::FileType::directory ? 0 : entry.size.value_or(0);
      }
    }
    std::map<std::string, std::uint64_t> expected;
    const std::string prefix = path == "/" ? path : path + "/";
    for (const auto& [name, node] : tree_) {
      if (name.starts_with(prefix) && name.find('/', prefix.size()) == std::string::npos) {
        expected[name.substr(prefix.size())] = node.content.size();
      }
    }
    EXPECT_EQ(seen, expected) << path;
  }

  /// Short enough to be read when it is not what it should be.
  static std::string summary(const std::string& content) {
    constexpr std::size_t kShort = 40;
    return content.size() <= kShort
               ? content
               : content.substr(0, kShort) + "... " + std::to_string(content.size()) + " bytes, " +
                     std::to_string(std::hash<std::string>()(content));
  }
  /// What has been moved aside, and could not be removed then, the next mount clears away, as what
  /// a mount that was killed has left.
  std::map<std::string, std::string> seen_on_server() const {
    std::map<std::string, std::string> seen;
    for (const auto& [name, content] : server_.snapshot()) {
      const bool is_hidden = name.find("/.ftpsfs-") != std::string::npos;
      const bool is_of_this_mount =
          name.find(fmt::format("/.ftpsfs-{:016x}-", mounts_)) != std::string::npos;
      if (!is_hidden || (is_of_this_mount && name.find(".kept-") == std::string::npos)) {
        seen[name] = summary(content);
      }
    }
    return seen;
  }
  static std::map<std::string, std::string> seen_in(const ModelTree& tree) {
    std::map<std::string, std::string> seen;
    for (const auto& [name, node] : tree) {
      seen[name + (node.is_directory ? "/" : "")] = summary(node.content);
    }
    return seen;
  }
  void check_server() {
    EXPECT_EQ(seen_on_server(), seen_in(tree_));
    for (const auto& [name, node] : tree_) {
      if (node.mtime && server_.exists(name)) {
        EXPECT_EQ(server_.mtime(name), node.mtime) << name;
      }
    }
  }

  std::mt19937 random_;
  const bool leaves_files_aside_;  ///< when the link fails in the middle of replacing one
  ManualClock clock_;
  const test::TempDirectory place_{test::TempDirectory::memory()};
  FakeRemote server_;
  ModelTree tree_;
  std::size_t accepted_early_ = 0;
  std::size_t renamed_above_ = 0;
  std::size_t removed_early_ = 0;  ///< directories
  std::uint64_t mounts_ = 0;       ///< each has hidden names of its own
  std::unique_ptr<WritebackRemote> remote_;
};

TEST(WritebackModel, ProgramsSeeTheirTreeAndTheServerComesToIt) {
  log::set_level(log::Level::off);
  const char* const more = std::getenv("FTPSFS_MODEL_SEEDS");
  const unsigned seeds = more != nullptr ? static_cast<unsigned>(std::atoi(more)) : 40;
  constexpr unsigned kSteps = 250;
  std::size_t accepted_early = 0;
  std::size_t renamed_above = 0;
  std::size_t removed_early = 0;
  for (unsigned seed = 0; seed < seeds && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    WritebackModel model(seed);
    for (unsigned i = 0; i < kSteps && !::testing::Test::HasFailure(); ++i) {
      SCOPED_TRACE(i);
      model.step();
    }
    model.end();
    accepted_early += model.accepted_early();
    renamed_above += model.renamed_above();
    removed_early += model.removed_early();
  }
  // How often, depends on how far the courier's threads come meanwhile.
  EXPECT_GT(renamed_above, 0U);
  EXPECT_GT(removed_early, 0U);
  EXPECT_GT(accepted_early, seeds) << "the journal has been of use";
  log::set_level(log::Level::warning);
}

}  // namespace
}  // namespace ftpsfs::writeback
