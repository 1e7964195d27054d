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
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "model_mount.hpp"

namespace ftpsfs::fs {
namespace {

using namespace std::chrono_literals;
using model::ModelMount;
using model::Node;
using model::NodePtr;
using model::Place;
using test::FakeRemoteOptions;
using Kind = Node::Kind;

constexpr unsigned kNoReplace = 1;  // RENAME_NOREPLACE

struct Handle {
  HandleId id = 0;
  Ino ino = 0;
  NodePtr node;
  int flags = 0;
  bool lost = false;  ///< its file was replaced by a rename: FTP cannot keep it readable
  bool can_read() const { return (flags & O_ACCMODE) != O_WRONLY; }
  bool can_write() const { return (flags & O_ACCMODE) != O_RDONLY; }
};

class Model : private ModelMount {
 public:
  using ModelMount::ModelMount;

  void run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      clock_.advance(std::chrono::milliseconds(chance_.below(4) == 0 ? chance_.below(45'000)
                                                                     : chance_.below(500)));
      step();
    }
    while (!handles_.empty()) {
      close(handles_.size() - 1);
    }
    EXPECT_EQ(fs_->finish_uploads(patient()), 0U);
    EXPECT_EQ(fs_->counters().open_files, 0U);
    EXPECT_EQ(fs_->counters().failed_uploads, 0U);
    fs_.reset();
    compare_server();
    if (::testing::Test::HasFailure()) {
      ADD_FAILURE() << "the last steps:\n" << trail();
    }
  }

 private:
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
    std::size_t chosen = chance_.below(total);
    for (const auto& [action, weight] : kActions) {
      if (chosen < weight) {
        (this->*action)();
        break;
      }
      chosen -= weight;
    }
    give_lookups_back();
  }

  // Actions. Each does the same to both sides and compares.
  void stat() {
    const Place place = chance_.any_place(root_);
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
    const Place place = chance_.any_place(root_);
    note("list above " + place.text());
    const auto opened = fs_->open_directory(directory_of(place), {}, request());
    ASSERT_TRUE(agree(opened, std::nullopt));
    const bool plus = chance_.below(2) == 0;
    std::multiset<std::string> names;
    std::uint64_t offset = 0;
    for (bool more = true; more;) {
      more = false;
      std::size_t room = 1 + chance_.below(4);
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
    return kModes[chance_.below(5)];
  }
  void remember(HandleId id, Ino ino, const NodePtr& node, int flags) {
    ++node->handles;
    handles_.push_back({id, ino, node, flags, false});
  }

  void create() {
    const Place place = chance_.any_place(root_);
    if (place.node || handles_.size() >= 6) {
      return;
    }
    const std::uint32_t mode = chance_.below(2) == 0 ? 0644 : 0600;
    const int flags = any_flags() | O_CREAT | (chance_.below(2) == 0 ? O_EXCL : 0);
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
    const Place place = chance_.any_place(root_);
    if (!place.node || !place.node->is(Kind::file) || handles_.size() >= 6) {
      return;
    }
    int flags = any_flags();
    if ((flags & O_ACCMODE) != O_RDONLY && chance_.below(3) == 0) {
      flags |= O_TRUNC;
    }
    note("open " + place.text() + " with " + std::to_string(flags));
    const Ino directory = directory_of(place);
    Ino ino = look_up(directory, place.name);
    auto opened = fs_->open(ino, flags, request());
    if (!opened && opened.error().code == Errc::stale) {
      // The name has got another file elsewhere: the kernel looks it up once more.
      counted(ino);
      ino = look_up(directory, place.name);
      opened = fs_->open(ino, flags, request());
    }
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
    Handle& handle = handles_[chance_.below(handles_.size())];
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
        append || chance_.below(2) == 0 ? content.size() : chance_.below(content.size() + 1000);
    const std::string bytes = chance_.any_bytes();
    if (bytes.empty()) {
      return;
    }
    note("write " + std::to_string(bytes.size()) + " at " + std::to_string(offset) + " to ino " +
         std::to_string(handle->ino));
    const Slice slice = copy_of(std::as_bytes(std::span(bytes)));
    std::optional<Result<void>> done;
    if (chance_.below(2) == 0) {
      done = fs_->try_write(handle->id, {offset, append}, slice);
    }
    if (!done) {
      done = fs_->write(handle->id, {offset, append}, slice, request());
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
    const std::size_t offset = chance_.below(3) == 0 ? 0 : chance_.below(content.size() + 100);
    const std::size_t size = chance_.below(2) == 0 ? 4096 : 700'000;
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
      agree(chance_.below(2) == 0 ? fs_->flush(handle->id, request())
                                  : fs_->sync(handle->id, request()),
            std::nullopt);
    }
  }

  void close_any() {
    if (!handles_.empty()) {
      close(chance_.below(handles_.size()));
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
    const Place place = chance_.any_place(root_);
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
    const Place place = chance_.any_place(root_);
    const std::string target = "../" + chance_.any_name();
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
    const Place place = chance_.any_place(root_);
    note("unlink " + place.text());
    const auto error = !place.node                       ? std::optional(Errc::not_found)
                       : place.node->is(Kind::directory) ? std::optional(Errc::is_directory)
                                                         : std::nullopt;
    if (agree(fs_->remove_file(directory_of(place), place.name, request()), error)) {
      place.directory->children.erase(place.name);
    }
  }

  void remove_dir() {
    const Place place = chance_.any_place(root_);
    note("rmdir " + place.text());
    const auto error = !place.node                        ? std::optional(Errc::not_found)
                       : !place.node->is(Kind::directory) ? std::optional(Errc::not_directory)
                       : !place.node->children.empty()    ? std::optional(Errc::not_empty)
                                                          : std::nullopt;
    if (agree(fs_->remove_directory(directory_of(place), place.name, request()), error)) {
      place.directory->children.erase(place.name);
    }
  }

  void rename() {
    const Place from = chance_.any_place(root_);
    const Place to = chance_.any_place(root_);
    if (to.node && contains(to.node, from.directory) && from.node) {
      return;  // onto its own ancestor: the kernel answers that itself
    }
    const unsigned flags = chance_.below(4) == 0 ? kNoReplace : 0;
    note("rename " + from.text() + " -> " + to.text());
    const Ino from_directory = directory_of(from);
    const Ino to_directory = directory_of(to);
    const auto renamed =
        fs_->rename(from_directory, from.name, to_directory, to.name, flags, request());
    if (!agree(renamed, rename_error(from, to, flags == kNoReplace)) || from.node == to.node) {
      return;
    }
    for (Handle& handle : handles_) {
      handle.lost = handle.lost || handle.node == to.node;
    }
    from.directory->children.erase(from.name);
    to.directory->children[to.name] = from.node;
  }

  void truncate() {
    const Place place = chance_.any_place(root_);
    if (!place.node || !place.node->is(Kind::file)) {
      return;
    }
    const std::size_t size =
        chance_.below(2) == 0 ? 0 : chance_.below(place.node->content.size() + 2000);
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
    const Place place = chance_.any_place(root_);
    if (!place.node || place.node->is(Kind::symlink)) {
      return;
    }
    AttributeChange change;
    change.mode = chance_.below(2) == 0 ? 0600 : 0755;
    note("chmod " + place.text());
    if (agree(fs_->set_attributes(file_of(place), change, std::nullopt, request()), std::nullopt)) {
      place.node->mode = change.mode;
    }
  }

  void set_time() {
    const Place place = chance_.any_place(root_);
    if (!place.node || !place.node->is(Kind::file)) {
      return;
    }
    AttributeChange change;
    change.mtime =
        AttributeChange::Time{1'500'000'000 + static_cast<std::int64_t>(chance_.below(9999))};
    note("utimens " + place.text());
    if (agree(fs_->set_attributes(file_of(place), change, std::nullopt, request()), std::nullopt)) {
      place.node->mtime = change.mtime->unix_seconds;
    }
  }

  /// Another client of the server changes a file that nobody has open here.
  void elsewhere() {
    const Place place = chance_.any_place(root_);
    if (place.node && (!place.node->is(Kind::file) || place.node->handles > 0)) {
      return;
    }
    const auto node = std::make_shared<Node>();
    node->content = chance_.any_bytes();
    note("elsewhere: put " + place.text());
    remote_.put(model::kRoot + place.text(), node->content);
    place.directory->children[place.name] = node;
    fs_->refresh();
  }

  void refresh() {
    note("refresh");
    fs_->refresh();
  }

  std::vector<Handle> handles_;
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
