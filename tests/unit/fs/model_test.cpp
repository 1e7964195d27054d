// SPDX-License-Identifier: MIT
//
// Random operations on Filesystem over FakeRemote, compared with a simple tree in memory that
// behaves like a local disk. Each step must give the same answer on both, and in the end the
// server must hold exactly what the model holds.
//
// FTPSFS_MODEL_SEED=<n> runs that seed alone; FTPSFS_MODEL_STEPS=<n> makes runs longer.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <ostream>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "ftpsfs/fs/filesystem.hpp"
#include "support/fake_remote.hpp"

namespace ftpsfs::fs {
namespace {

using namespace std::chrono_literals;
using test::FakeRemote;
using test::FakeRemoteOptions;

constexpr const char* kRoot = "/srv/mounted";
constexpr unsigned kNoReplace = 1;  // RENAME_NOREPLACE

struct Node;
using NodePtr = std::shared_ptr<Node>;
struct Node {
  enum class Kind { file, directory, symlink } kind = Kind::file;
  std::string content;  ///< or the link's target
  std::map<std::string, NodePtr> children;
  std::optional<std::uint32_t> mode;  ///< only while it is known for sure
  std::optional<std::int64_t> mtime;
  int handles = 0;
  bool is(Kind wanted) const { return kind == wanted; }
};
using Kind = Node::Kind;

class DeafKernel final : public KernelCache {
 public:
  void invalidate_entry(Ino, std::string) override {}
  void invalidate_inode(Ino, bool) override {}
};

struct Handle {
  HandleId id = 0;
  Ino ino = 0;
  NodePtr node;
  int flags = 0;
  bool lost = false;  ///< its file was replaced by a rename: FTP cannot keep it readable
  bool can_read() const { return (flags & O_ACCMODE) != O_WRONLY; }
  bool can_write() const { return (flags & O_ACCMODE) != O_RDONLY; }
};

/// A place in the tree: a directory and a name in it, there or not.
struct Place {
  std::vector<std::string> directories;
  NodePtr directory;
  std::string name;
  NodePtr node;  ///< null: there is nothing
  std::string text() const {
    std::string result;
    for (const std::string& part : directories) {
      result += '/' + part;
    }
    return result + '/' + name;
  }
};

class Model {
 public:
  Model(std::uint64_t seed, const FakeRemoteOptions& options)
      : random_(seed), remote_(clock_, options) {
    remote_.put_directory(kRoot);
    Settings settings;
    settings.root = *remote::RemotePath::parse(kRoot);
    fs_ = std::make_unique<Filesystem>(remote_, settings, kernel_, clock_);
    root_->kind = Kind::directory;
  }

  void run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      clock_.advance(std::chrono::milliseconds(below(4) == 0 ? below(45'000) : below(500)));
      step();
    }
    while (!handles_.empty()) {
      close(handles_.size() - 1);
    }
    EXPECT_EQ(fs_->finish_uploads(patient()), 0U);
    EXPECT_EQ(fs_->counters().open_files, 0U);
    EXPECT_EQ(fs_->counters().failed_uploads, 0U);
    fs_.reset();
    std::map<std::string, std::string> expected = {{"/srv/", ""}, {std::string(kRoot) + '/', ""}};
    add_expected(*root_, kRoot, expected);
    EXPECT_TRUE(remote_.snapshot() == expected) << describe(remote_.snapshot(), expected);
    if (::testing::Test::HasFailure()) {
      ADD_FAILURE() << "the last steps:\n" << trail();
    }
  }

 private:
  // Chance.
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(random_() % limit); }
  std::string any_name() {
    static const std::vector<std::string> kNames = {"a", "b", "c", "d e", "-x", "ü[1]", ".dot"};
    return kNames[below(kNames.size())];
  }
  std::string any_bytes() {
    const std::size_t size = below(40) == 0 ? 600'000 + below(100'000) : below(3000);
    const char first = static_cast<char>('a' + below(26));
    std::string bytes(size, first);
    for (std::size_t i = 0; i < size; i += 97) {
      bytes[i] = static_cast<char>('A' + (i + static_cast<std::size_t>(first)) % 26);
    }
    return bytes;
  }
  /// A few levels down at random; names that are there come more often.
  Place any_place() {
    Place place;
    place.directory = root_;
    while (below(3) != 0) {
      std::vector<std::pair<std::string, NodePtr>> below_here;
      for (const auto& [name, node] : place.directory->children) {
        if (node->is(Kind::directory)) {
          below_here.emplace_back(name, node);
        }
      }
      if (below_here.empty()) {
        break;
      }
      const auto& [name, node] = below_here[below(below_here.size())];
      place.directories.push_back(name);
      place.directory = node;
    }
    const auto& children = place.directory->children;
    place.name =
        !children.empty() && below(3) != 0
            ? std::next(children.begin(), static_cast<std::ptrdiff_t>(below(children.size())))
                  ->first
            : any_name();
    const auto found = children.find(place.name);
    place.node = found == children.end() ? nullptr : found->second;
    return place;
  }

  // The kernel's side: names are looked up one by one, and lookups given back.
  Request request() const { return Request{::getpid(), patient()}; }
  static Wait patient() { return Wait::for_at_most(20s); }
  Ino look_up(Ino parent, const std::string& name) {
    if (below(2) == 0) {
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
    const mode_t type = node.is(Kind::directory) ? S_IFDIR
                        : node.is(Kind::symlink) ? S_IFLNK
                                                 : S_IFREG;
    EXPECT_EQ(shown.mode & S_IFMT, type);
    if (!node.is(Kind::directory)) {
      EXPECT_EQ(shown.size, node.content.size());
    }
    if (node.mode) {
      EXPECT_EQ(shown.mode & 07777U, *node.mode);
    }
    if (node.mtime) {
      EXPECT_EQ(shown.mtime_seconds, *node.mtime);
    }
  }

  void step() {
    using Action = void (Model::*)();
    static const std::vector<std::pair<Action, std::size_t>> kActions = {
        {&Model::stat, 8},      {&Model::list, 5},       {&Model::create, 7},
        {&Model::open, 9},      {&Model::write, 14},     {&Model::read, 10},
        {&Model::flush, 4},     {&Model::close_any, 9},  {&Model::make_directory, 5},
        {&Model::unlink, 4},    {&Model::remove_dir, 3}, {&Model::rename, 7},
        {&Model::truncate, 4},  {&Model::chmod, 2},      {&Model::set_time, 2},
        {&Model::make_link, 2}, {&Model::elsewhere, 2},  {&Model::refresh, 1},
    };
    std::size_t total = 0;
    for (const auto& [action, weight] : kActions) {
      total += weight;
    }
    std::size_t chosen = below(total);
    for (const auto& [action, weight] : kActions) {
      if (chosen < weight) {
        (this->*action)();
        break;
      }
      chosen -= weight;
    }
    for (const Ino ino : to_forget_) {
      fs_->forget(ino, 1);
    }
    to_forget_.clear();
  }

  // Actions. Each does the same to both sides and compares.
  void stat() {
    const Place place = any_place();
    note("stat " + place.text());
    const Ino ino = file_of(place);
    ASSERT_EQ(ino != kNoIno, place.node != nullptr) << place.text();
    if (!place.node) {
      return;
    }
    const auto shown = fs_->get_attributes(ino, request());
    if (agree(shown, std::nullopt)) {
      compare(*shown, *place.node);
    }
    if (place.node->is(Kind::symlink)) {
      const auto target = fs_->read_link(ino, request());
      ASSERT_TRUE(agree(target, std::nullopt));
      EXPECT_EQ(*target, place.node->content);
    }
  }

  void list() {
    const Place place = any_place();
    note("list above " + place.text());
    const auto opened = fs_->open_directory(directory_of(place), request());
    ASSERT_TRUE(agree(opened, std::nullopt));
    const bool plus = below(2) == 0;
    std::multiset<std::string> names;
    std::uint64_t offset = 0;
    for (bool more = true; more;) {
      more = false;
      std::size_t room = 1 + below(4);
      const auto done = fs_->read_directory(
          *opened, offset, plus,
          [&](const DirectoryItem& item) {
            if (room-- == 0) {
              more = true;
              return false;
            }
            offset = item.next_offset;
            names.insert(item.name);
            if (item.entry != nullptr) {
              counted(item.entry->attributes.ino);
              const auto known = place.directory->children.find(item.name);
              if (known != place.directory->children.end()) {
                compare(item.entry->attributes, *known->second);
              }
            }
            return true;
          },
          request());
      ASSERT_TRUE(agree(done, std::nullopt));
    }
    fs_->release_directory(*opened);
    std::multiset<std::string> expected;
    for (const auto& [name, node] : place.directory->children) {
      expected.insert(name);
    }
    EXPECT_EQ(names, expected);
  }

  int any_flags() {
    static constexpr int kModes[] = {O_RDONLY, O_WRONLY, O_RDWR, O_WRONLY | O_APPEND,
                                     O_RDWR | O_APPEND};
    return kModes[below(5)];
  }
  void remember(HandleId id, Ino ino, const NodePtr& node, int flags) {
    ++node->handles;
    handles_.push_back({id, ino, node, flags, false});
  }

  void create() {
    const Place place = any_place();
    if (place.node || handles_.size() >= 6) {
      return;
    }
    const std::uint32_t mode = below(2) == 0 ? 0644 : 0600;
    const int flags = any_flags() | O_CREAT | (below(2) == 0 ? O_EXCL : 0);
    note("create " + place.text());
    const auto made = fs_->create(directory_of(place), place.name, mode, flags, request());
    if (agree(made, std::nullopt)) {
      const auto node = std::make_shared<Node>();
      node->mode = mode;
      place.directory->children[place.name] = node;
      remember(made->open.handle, made->entry.attributes.ino, node, flags);
    }
  }

  void open() {
    const Place place = any_place();
    if (!place.node || !place.node->is(Kind::file) || handles_.size() >= 6) {
      return;
    }
    int flags = any_flags();
    if ((flags & O_ACCMODE) != O_RDONLY && below(3) == 0) {
      flags |= O_TRUNC;
    }
    note("open " + place.text() + " with " + std::to_string(flags));
    const Ino ino = look_up(directory_of(place), place.name);
    const auto opened = fs_->open(ino, flags, request());
    if (!agree(opened, std::nullopt)) {
      return;
    }
    if ((flags & O_TRUNC) != 0) {
      place.node->content.clear();
      place.node->mtime.reset();
    }
    remember(opened->handle, ino, place.node, flags);
  }

  Handle* any_handle(bool (Handle::*fits)() const) {
    if (handles_.empty()) {
      return nullptr;
    }
    Handle& handle = handles_[below(handles_.size())];
    return !handle.lost && (handle.*fits)() ? &handle : nullptr;
  }

  void write() {
    Handle* handle = any_handle(&Handle::can_write);
    if (handle == nullptr) {
      return;
    }
    std::string& content = handle->node->content;
    const bool append = (handle->flags & O_APPEND) != 0;
    const std::size_t offset =
        append || below(2) == 0 ? content.size() : below(content.size() + 1000);
    const std::string bytes = any_bytes();
    if (bytes.empty()) {
      return;
    }
    note("write " + std::to_string(bytes.size()) + " at " + std::to_string(offset) + " to ino " +
         std::to_string(handle->ino));
    const Slice slice = copy_of(std::as_bytes(std::span(bytes)));
    std::optional<Result<void>> done;
    if (below(2) == 0) {
      done = fs_->try_write(handle->id, offset, slice);
    }
    if (!done) {
      done = fs_->write(handle->id, offset, slice, request());
    }
    if (agree(*done, std::nullopt)) {
      content.resize(std::max(content.size(), offset + bytes.size()));
      content.replace(offset, bytes.size(), bytes);
      handle->node->mtime.reset();
    }
  }

  void read() {
    Handle* handle = any_handle(&Handle::can_read);
    if (handle == nullptr) {
      return;
    }
    const std::string& content = handle->node->content;
    const std::size_t offset = below(3) == 0 ? 0 : below(content.size() + 100);
    const std::size_t size = below(2) == 0 ? 4096 : 700'000;
    note("read " + std::to_string(size) + " at " + std::to_string(offset) + " of ino " +
         std::to_string(handle->ino));
    auto slices = fs_->find_content(handle->id, offset, size);
    if (!slices) {
      slices = fs_->read(handle->id, offset, size, request());
    }
    if (!agree(*slices, std::nullopt)) {
      return;
    }
    std::string got;
    for (const Slice& slice : **slices) {
      got.append(reinterpret_cast<const char*>(slice.bytes.data()), slice.bytes.size());
    }
    const std::string expected = offset < content.size() ? content.substr(offset, size) : "";
    EXPECT_EQ(got.size(), expected.size());
    EXPECT_TRUE(got == expected) << "other bytes than were written";
  }

  void flush() {
    if (Handle* handle = any_handle(&Handle::can_write)) {
      note("flush ino " + std::to_string(handle->ino));
      agree(below(2) == 0 ? fs_->flush(handle->id, request()) : fs_->sync(handle->id, request()),
            std::nullopt);
    }
  }

  void close_any() {
    if (!handles_.empty()) {
      close(below(handles_.size()));
    }
  }
  void close(std::size_t i) {
    const Handle handle = handles_[i];
    handles_.erase(handles_.begin() + static_cast<std::ptrdiff_t>(i));
    note("close ino " + std::to_string(handle.ino));
    const auto flushed = fs_->flush(handle.id, request());
    if (!handle.lost) {
      agree(flushed, std::nullopt);
    }
    fs_->release(handle.id, request());
    fs_->forget(handle.ino, 1);
    --handle.node->handles;
  }

  void make_directory() {
    const Place place = any_place();
    note("mkdir " + place.text());
    const auto made = fs_->make_directory(directory_of(place), place.name, 0755, request());
    if (agree(made, place.node ? std::optional(Errc::already_exists) : std::nullopt)) {
      counted(made->attributes.ino);
      const auto node = std::make_shared<Node>();
      node->kind = Kind::directory;
      place.directory->children[place.name] = node;
    }
  }

  void make_link() {
    const Place place = any_place();
    const std::string target = "../" + any_name();
    note("symlink " + place.text());
    const auto made = fs_->make_symlink(target, directory_of(place), place.name, request());
    if (agree(made, place.node ? std::optional(Errc::already_exists) : std::nullopt)) {
      counted(made->attributes.ino);
      const auto node = std::make_shared<Node>();
      node->kind = Kind::symlink;
      node->content = target;
      place.directory->children[place.name] = node;
    }
  }

  void unlink() {
    const Place place = any_place();
    note("unlink " + place.text());
    const auto error = !place.node                       ? std::optional(Errc::not_found)
                       : place.node->is(Kind::directory) ? std::optional(Errc::is_directory)
                                                         : std::nullopt;
    if (agree(fs_->remove_file(directory_of(place), place.name, request()), error)) {
      place.directory->children.erase(place.name);
    }
  }

  void remove_dir() {
    const Place place = any_place();
    note("rmdir " + place.text());
    const auto error = !place.node                        ? std::optional(Errc::not_found)
                       : !place.node->is(Kind::directory) ? std::optional(Errc::not_directory)
                       : !place.node->children.empty()    ? std::optional(Errc::not_empty)
                                                          : std::nullopt;
    if (agree(fs_->remove_directory(directory_of(place), place.name, request()), error)) {
      place.directory->children.erase(place.name);
    }
  }

  static bool contains(const NodePtr& tree, const NodePtr& wanted) {
    return tree == wanted ||
           std::any_of(tree->children.begin(), tree->children.end(),
                       [&](const auto& child) { return contains(child.second, wanted); });
  }
  static std::optional<Errc> rename_error(const Place& from, const Place& to, unsigned flags) {
    if (!from.node) {
      return Errc::not_found;
    }
    if (to.node && flags == kNoReplace) {
      return Errc::already_exists;
    }
    if (from.node == to.node) {
      return std::nullopt;
    }
    if (contains(from.node, to.directory)) {
      return Errc::invalid_argument;
    }
    if (!to.node) {
      return std::nullopt;
    }
    const bool onto_directory = to.node->is(Kind::directory);
    if (from.node->is(Kind::directory) != onto_directory) {
      return onto_directory ? Errc::is_directory : Errc::not_directory;
    }
    return to.node->children.empty() ? std::nullopt : std::optional(Errc::not_empty);
  }

  void rename() {
    const Place from = any_place();
    const Place to = any_place();
    if (to.node && contains(to.node, from.directory) && from.node) {
      return;  // onto its own ancestor: the kernel answers that itself
    }
    const unsigned flags = below(4) == 0 ? kNoReplace : 0;
    note("rename " + from.text() + " -> " + to.text());
    const Ino from_directory = directory_of(from);
    const Ino to_directory = directory_of(to);
    const auto renamed =
        fs_->rename(from_directory, from.name, to_directory, to.name, flags, request());
    if (!agree(renamed, rename_error(from, to, flags)) || from.node == to.node) {
      return;
    }
    for (Handle& handle : handles_) {
      handle.lost = handle.lost || handle.node == to.node;
    }
    from.directory->children.erase(from.name);
    to.directory->children[to.name] = from.node;
  }

  void truncate() {
    const Place place = any_place();
    if (!place.node || !place.node->is(Kind::file)) {
      return;
    }
    const std::size_t size = below(2) == 0 ? 0 : below(place.node->content.size() + 2000);
    note("truncate " + place.text() + " to " + std::to_string(size));
    AttributeChange change;
    change.size = size;
    const auto changed = fs_->set_attributes(file_of(place), change, std::nullopt, request());
    if (agree(changed, std::nullopt)) {
      if (place.node->content.size() != size) {
        place.node->mtime.reset();
      }
      place.node->content.resize(size);
      compare(*changed, *place.node);
    }
  }

  void chmod() {
    const Place place = any_place();
    if (!place.node || place.node->is(Kind::symlink)) {
      return;
    }
    AttributeChange change;
    change.mode = below(2) == 0 ? 0600 : 0755;
    note("chmod " + place.text());
    if (agree(fs_->set_attributes(file_of(place), change, std::nullopt, request()), std::nullopt)) {
      place.node->mode = change.mode;
    }
  }

  void set_time() {
    const Place place = any_place();
    if (!place.node || !place.node->is(Kind::file)) {
      return;
    }
    AttributeChange change;
    change.mtime = AttributeChange::Time{1'500'000'000 + static_cast<std::int64_t>(below(9999))};
    note("utimens " + place.text());
    if (agree(fs_->set_attributes(file_of(place), change, std::nullopt, request()), std::nullopt)) {
      place.node->mtime = change.mtime->unix_seconds;
    }
  }

  /// Another client of the server changes a file that nobody has open here.
  void elsewhere() {
    const Place place = any_place();
    if (place.node && (!place.node->is(Kind::file) || place.node->handles > 0)) {
      return;
    }
    const auto node = std::make_shared<Node>();
    node->content = any_bytes();
    note("elsewhere: put " + place.text());
    remote_.put(kRoot + place.text(), node->content);
    place.directory->children[place.name] = node;
    fs_->refresh();
  }

  void refresh() {
    note("refresh");
    fs_->refresh();
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
  static void add_expected(const Node& directory, const std::string& path,
                           std::map<std::string, std::string>& into) {
    for (const auto& [name, node] : directory.children) {
      const std::string where = path + '/' + name;
      if (node->is(Kind::directory)) {
        into[where + '/'];
        add_expected(*node, where, into);
      } else {
        into[where] = node->is(Kind::symlink) ? "-> " + node->content : node->content;
      }
    }
  }
  static std::string describe(const std::map<std::string, std::string>& got,
                              const std::map<std::string, std::string>& expected) {
    std::string text = "the server differs from the model:\n";
    for (const auto& [name, content] : got) {
      if (expected.count(name) == 0) {
        text += "  too much: " + name + '\n';
      } else if (expected.at(name) != content) {
        text += "  other content: " + name + '\n';
      }
    }
    for (const auto& [name, content] : expected) {
      if (got.count(name) == 0) {
        text += "  missing: " + name + '\n';
      }
    }
    return text;
  }

  std::mt19937_64 random_;
  ManualClock clock_;
  FakeRemote remote_;
  DeafKernel kernel_;
  std::unique_ptr<Filesystem> fs_;
  NodePtr root_ = std::make_shared<Node>();
  std::vector<Handle> handles_;
  std::vector<Ino> to_forget_;
  std::vector<std::string> steps_;
};

struct ServerKind {
  const char* name;
  FakeRemoteOptions options;
};

std::ostream& operator<<(std::ostream& out, const ServerKind& kind) {
  return out << kind.name;
}

FakeRemoteOptions with(const std::function<void(FakeRemoteOptions&)>& change) {
  FakeRemoteOptions options;
  change(options);
  return options;
}

class ModelTest : public ::testing::TestWithParam<ServerKind> {};

TEST_P(ModelTest, RandomOperationsGiveWhatALocalDiskGives) {
  const char* chosen = std::getenv("FTPSFS_MODEL_SEED");
  const char* longer = std::getenv("FTPSFS_MODEL_STEPS");
  const int steps = longer != nullptr ? std::atoi(longer) : 250;
  const std::uint64_t first = chosen != nullptr ? std::strtoull(chosen, nullptr, 10) : 1;
  const std::uint64_t last = chosen != nullptr ? first : 8;
  for (std::uint64_t seed = first; seed <= last && !HasFailure(); ++seed) {
    SCOPED_TRACE("FTPSFS_MODEL_SEED=" + std::to_string(seed));
    Model(seed, GetParam().options).run(steps);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Servers, ModelTest,
    ::testing::Values(ServerKind{"modern", {}}, ServerKind{"list_only", with([](auto& o) {
                                                             o.stat_is_cheap = false;
                                                             o.exact_listing = false;
                                                           })},
                      ServerKind{"one_connection", with([](auto& o) { o.max_conns = 1; })},
                      ServerKind{"two_connections", with([](auto& o) { o.max_conns = 2; })},
                      ServerKind{"unique_facts", with([](auto& o) { o.tells_unique = true; })}),
    [](const auto& server) { return std::string(server.param.name); });

}  // namespace
}  // namespace ftpsfs::fs
