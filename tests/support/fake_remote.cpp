// SPDX-License-Identifier: MIT
#include "support/fake_remote.hpp"

#include <chrono>
#include <cstring>
#include <stdexcept>

namespace ftpsfs::test {
namespace {

using remote::Entry;
using remote::FileTime;
using remote::FileType;
using remote::FileVersion;
using remote::Listing;
using remote::ListingSink;
using remote::RemotePath;
using remote::TimeGrain;

FileTime shown(std::int64_t seconds, bool exact) {
  constexpr std::int64_t kMinute = 60;
  const std::int64_t within = ((seconds % kMinute) + kMinute) % kMinute;
  return exact ? FileTime{seconds, TimeGrain::second}
               : FileTime{seconds - within, TimeGrain::minute};
}

/// A test's own path: a wrong one is the test's bug.
RemotePath parsed(const std::string& path) {
  auto result = RemotePath::parse(path);
  if (!result) {
    throw std::invalid_argument("not a path: " + path);
  }
  return *std::move(result);
}

void add_below(const FakeNode& directory, const std::string& path,
               std::map<std::string, std::string>& into) {
  for (const auto& [key, child] : directory.children) {
    const std::string name = path + '/' + child.name;
    switch (child.node->type) {
      case FileType::directory:
        into[name + '/'];
        add_below(*child.node, name, into);
        break;
      case FileType::symlink:
        into[name] = "-> " + child.node->target;
        break;
      default:
        into[name] = child.node->content;
        break;
    }
  }
}

}  // namespace

FakeRemote::FakeRemote(const Clock& clock, FakeRemoteOptions options)
    : clock_(clock),
      options_(std::move(options)),
      places_(options_.max_conns),
      tree_(options_.case_sensitive, now()) {}

FakeRemote::~FakeRemote() = default;

std::int64_t FakeRemote::now() const {
  return std::chrono::floor<std::chrono::seconds>(clock_.wall_now()).time_since_epoch().count();
}

// From outside.

FakeNodePtr FakeRemote::look(const std::string& path, bool follow) const {
  auto node = tree_.resolve(parsed(path), follow);
  return node ? *node : nullptr;
}

void FakeRemote::put(const std::string& path, std::string content,
                     std::optional<std::int64_t> mtime) {
  const RemotePath where = parsed(path);
  const MutexLock lock(mutex_);
  tree_.obtain_directory(where.parent(), now());
  tree_.remove_all(where);
  const FakeNodePtr node = tree_.add(where, FileType::regular, now()).value();
  node->content = std::move(content);
  node->mtime = mtime.value_or(now());
}

void FakeRemote::grow(const std::string& path, const std::string& bytes) {
  const MutexLock lock(mutex_);
  const FakeNodePtr node = tree_.obtain_file(parsed(path), now()).value();
  node->content += bytes;
  node->mtime = now();
}

void FakeRemote::put_directory(const std::string& path) {
  const MutexLock lock(mutex_);
  tree_.obtain_directory(parsed(path), now());
}

void FakeRemote::put_symlink(const std::string& path, const std::string& target) {
  const RemotePath where = parsed(path);
  const MutexLock lock(mutex_);
  tree_.obtain_directory(where.parent(), now());
  tree_.add(where, FileType::symlink, now()).value()->target = target;
}

void FakeRemote::erase(const std::string& path) {
  const MutexLock lock(mutex_);
  tree_.remove_all(parsed(path));
}

std::optional<std::string> FakeRemote::content(const std::string& path) const {
  const MutexLock lock(mutex_);
  const FakeNodePtr node = look(path, true);
  return node && node->type != FileType::directory ? std::optional(node->content) : std::nullopt;
}

bool FakeRemote::exists(const std::string& path) const {
  const MutexLock lock(mutex_);
  return look(path, false) != nullptr;
}

std::vector<std::string> FakeRemote::names(const std::string& directory) const {
  const MutexLock lock(mutex_);
  std::vector<std::string> names;
  if (const FakeNodePtr node = look(directory, true)) {
    for (const auto& [key, child] : node->children) {
      names.push_back(child.name);
    }
  }
  return names;
}

std::optional<std::uint16_t> FakeRemote::mode(const std::string& path) const {
  const MutexLock lock(mutex_);
  const FakeNodePtr node = look(path, true);
  return node ? std::optional(node->mode) : std::nullopt;
}

std::optional<std::int64_t> FakeRemote::mtime(const std::string& path) const {
  const MutexLock lock(mutex_);
  const FakeNodePtr node = look(path, true);
  return node ? std::optional(node->mtime) : std::nullopt;
}

std::map<std::string, std::string> FakeRemote::snapshot() const {
  std::map<std::string, std::string> result;
  const MutexLock lock(mutex_);
  add_below(tree_.root(), "", result);
  return result;
}

// As a Remote.

remote::RemoteTraits FakeRemote::traits() const {
  remote::RemoteTraits traits;
  traits.stat_is_cheap = options_.stat_is_cheap;
  traits.exact_listing = options_.exact_listing;
  traits.case_sensitive = options_.case_sensitive;
  traits.can_set_mtime = options_.can_set_mtime;
  traits.can_set_mode = options_.can_set_mode;
  traits.can_symlink = options_.can_symlink;
  traits.appends = options_.appends && !append_refused_;
  traits.appends_surely = traits.appends && options_.appends_surely && !options_.refuses_append;
  traits.writes_back = options_.writes_back;
  return traits;
}

Entry FakeRemote::entry_of(const std::string& name, const FakeNode& node, bool exact) const {
  Entry entry;
  entry.name = name;
  entry.type = node.type;
  entry.mtime = shown(node.mtime, exact);
  entry.mode = node.mode;
  if (node.type == FileType::regular && options_.tells_size) {
    entry.size = node.content.size();
  }
  if (node.type == FileType::directory && options_.bytes_of_name > 0) {
    entry.size = node.children.size() * options_.bytes_of_name;
  }
  if (node.type == FileType::symlink) {
    entry.symlink_target = node.target;
  }
  if (options_.tells_unique) {
    entry.unique = remote::UniqueFact("n" + std::to_string(node.id));
  }
  return entry;
}

FileVersion FakeRemote::version_of(const FakeNode& node) const {
  FileVersion version = remote::version_of(entry_of({}, node, true));
  if (options_.tells_size_when_asked && node.type == FileType::regular) {
    version.size = node.content.size();
  }
  return version;
}

bool FakeRemote::takes_any_name_beside(const RemotePath& path) const {
  return options_.plain_names_below.empty() ||
         !path.str().starts_with(options_.plain_names_below + "/");
}

Result<void> FakeRemote::check_new_name(const RemotePath& path) const {
  return takes_any_name_beside(path) || !path.name().starts_with('.')
             ? Result<void>()
             : make_error(Errc::access_denied, path.str() + ": no such name here", 553);
}

Result<Entry> FakeRemote::stat(const RemotePath& path, const Wait& wait) {
  if (!options_.stat_is_cheap && !options_.unlisted.empty() && path.name() == options_.unlisted) {
    return call(Op::stat, path.str(), wait, {}, [&]() -> Result<Entry> {
      return make_error(Errc::not_found, path.str() + " is not listed");
    });
  }
  return stat_unlisted(path, wait);
}

Result<Entry> FakeRemote::stat_unlisted(const RemotePath& path, const Wait& wait) {
  return call(Op::stat, path.str(), wait, {}, [&]() FTPSFS_NO_ANALYSIS -> Result<Entry> {
    FTPSFS_TRY_ASSIGN(const FakeNodePtr node, tree_.resolve(path, false));
    return entry_of(std::string(path.name()), *node,
                    options_.stat_is_cheap || options_.exact_listing);
  });
}

Result<std::optional<Entry>> FakeRemote::glance(const RemotePath& path, const Wait& wait) {
  auto entry = stat(path, wait);
  if (!entry && entry.error().code == Errc::not_found && options_.absence_needs_listing) {
    return std::optional<Entry>();
  }
  FTPSFS_TRY_ASSIGN(Entry seen, std::move(entry));
  return std::optional<Entry>(std::move(seen));
}

Result<Entry> FakeRemote::follow(const RemotePath& path, const Entry& /*link*/, const Wait& wait) {
  return call(Op::follow, path.str(), wait, {}, [&]() FTPSFS_NO_ANALYSIS -> Result<Entry> {
    FTPSFS_TRY_ASSIGN(const FakeNodePtr node, tree_.resolve(path, true));
    return entry_of(std::string(path.name()), *node, true);
  });
}

Result<FileVersion> FakeRemote::version(const RemotePath& path, const Wait& wait) {
  return call(Op::version, path.str(), wait, {}, [&]() FTPSFS_NO_ANALYSIS -> Result<FileVersion> {
    FTPSFS_TRY_ASSIGN(const FakeNodePtr node, tree_.resolve(path, true));
    return version_of(*node);
  });
}

Result<FileVersion> FakeRemote::stamp(const RemotePath& path, const Wait& wait) {
  if (!options_.tells_size && !options_.tells_size_when_asked) {
    return FileVersion{};
  }
  return call(Op::stamp, path.str(), wait, {}, [&]() FTPSFS_NO_ANALYSIS -> Result<FileVersion> {
    FTPSFS_TRY_ASSIGN(const FakeNodePtr node, tree_.resolve(path, true));
    return version_of(*node);
  });
}

Result<Listing> FakeRemote::listing_of(const RemotePath& path, std::string_view timed,
                                       bool all_timed) const {
  FTPSFS_TRY_ASSIGN(const FakeNodePtr node, tree_.resolve(path, true));
  if (node->type != FileType::directory) {
    return make_error(Errc::not_directory, path.str(), 550);
  }
  Listing listing;
  listing.exact_times = options_.exact_listing;
  for (const auto& [key, child] : node->children) {
    if (!options_.unlisted.empty() && child.name == options_.unlisted) {
      listing.shows_all = false;
      continue;
    }
    const bool exact = options_.exact_listing || all_timed || child.name == timed;
    listing.entries.push_back(entry_of(child.name, *child.node, exact));
  }
  return listing;
}

Result<Listing> FakeRemote::list(const RemotePath& path, const Wait& wait,
                                 const remote::ListingHints& hints) {
  if (hints.arriving && options_.arrives_in > 0) {
    tell_arrivals(path, hints.arriving);
  }
  return call(Op::list, path.str(), wait, {},
              [&]() FTPSFS_NO_ANALYSIS { return listing_of(path, hints.timed, false); });
}

void FakeRemote::tell_arrivals(const RemotePath& path, const remote::ArrivalSink& sink) {
  Result<Listing> listing = make_error(Errc::not_found, "");
  {
    const MutexLock lock(mutex_);
    listing = listing_of(path, {}, false);
  }
  std::vector<Entry> part;
  for (Entry& entry : listing.value_or(Listing{}).entries) {
    entry.symlink_target = {};
    part.push_back(std::move(entry));
    if (part.size() == options_.arrives_in) {
      sink(std::exchange(part, {}));
    }
  }
}

void FakeRemote::list_ahead(const remote::ChooseDirectories& choose, bool times,
                            const ListingSink& sink, const Wait& wait) {
  const std::vector<RemotePath> directories = choose();
  for (std::size_t i = 0; i < directories.size(); ++i) {
    auto listing = call(Op::list_ahead, directories[i].str(), wait, {},
                        [&]() FTPSFS_NO_ANALYSIS { return listing_of(directories[i], {}, times); });
    if (!listing && is_link_failure(listing.error().code)) {
      return;
    }
    sink(i, std::move(listing));
  }
}

Result<std::optional<remote::WholeFile>> FakeRemote::read_ahead(const remote::FileAheadOfNeed& file,
                                                                const Wait& wait) {
  using Read = Result<std::optional<remote::WholeFile>>;
  const auto path = file.choose();
  if (!path) {
    return std::optional<remote::WholeFile>();
  }
  awaited_reads_ahead_ += file.is_awaited ? 1 : 0;
  auto read = call(Op::read_ahead, path->str(), wait, {}, [&]() FTPSFS_NO_ANALYSIS -> Read {
    FTPSFS_TRY_ASSIGN(const FakeNodePtr node, tree_.resolve(*path, true));
    const remote::FileVersion version = version_of(*node);
    if (!version.size || *version.size > file.most_bytes) {
      return std::optional<remote::WholeFile>();
    }
    const std::shared_ptr<std::byte[]> bytes(new std::byte[node->content.size()]);
    std::memcpy(bytes.get(), node->content.data(), node->content.size());
    bytes_read_ += node->content.size();
    return std::optional(remote::WholeFile{version, bytes});
  });
  if (read && *read && file.on_bytes) {
    file.on_bytes(**read);
  }
  FTPSFS_TRY(call_on_stream(Op::verdict, path->str(), wait, [] { return Result<void>(); }));
  return read;
}

Result<std::vector<std::optional<FileTime>>> FakeRemote::exact_times(
    const RemotePath& directory, std::span<const std::string> names, const Wait& wait) {
  using Times = std::vector<std::optional<FileTime>>;
  return call(Op::exact_times, directory.str(), wait, {},
              [&]() FTPSFS_NO_ANALYSIS -> Result<Times> {
                Times times;
                for (const std::string& name : names) {
                  FTPSFS_TRY_ASSIGN(const RemotePath path, directory.child(name));
                  const auto node = tree_.resolve(path, true);
                  const bool told = node && (*node)->type == FileType::regular;
                  times.push_back(told ? std::optional(shown((*node)->mtime, true)) : std::nullopt);
                }
                return times;
              });
}

Result<void> FakeRemote::make_directory(const RemotePath& path, const Wait& wait) {
  return call(Op::make_directory, path.str(), wait, {}, [&]() FTPSFS_NO_ANALYSIS -> Result<void> {
    FTPSFS_TRY(tree_.add(path, FileType::directory, now()));
    return {};
  });
}

Result<void> FakeRemote::remove_directory(const RemotePath& path, const Wait& wait) {
  return call(Op::remove_directory, path.str(), wait, {},
              [&]() FTPSFS_NO_ANALYSIS { return tree_.remove_directory(path, now()); });
}

Result<void> FakeRemote::remove_file(const RemotePath& path, const Wait& wait) {
  return call(Op::remove_file, path.str(), wait, {},
              [&]() FTPSFS_NO_ANALYSIS { return tree_.remove_file(path, now()); });
}

Result<void> FakeRemote::rename(const RemotePath& from, const RemotePath& to, const Wait& wait) {
  return call(Op::rename, from.str(), wait, to.str(), [&]() FTPSFS_NO_ANALYSIS -> Result<void> {
    FTPSFS_TRY(check_new_name(to));
    return tree_.rename(from, to, options_.rename_replaces, now());
  });
}

Result<void> FakeRemote::make_symlink(const std::string& target, const RemotePath& path,
                                      const Wait& wait) {
  return call(Op::make_symlink, path.str(), wait, target, [&]() FTPSFS_NO_ANALYSIS -> Result<void> {
    if (!options_.can_symlink) {
      return make_error(Errc::unsupported, "SITE SYMLINK", 500);
    }
    FTPSFS_TRY_ASSIGN(const FakeNodePtr node, tree_.add(path, FileType::symlink, now()));
    node->target = target;
    return {};
  });
}

Result<void> FakeRemote::set_mode(const RemotePath& path, std::uint16_t mode, const Wait& wait) {
  return call(Op::set_mode, path.str(), wait, {}, [&]() FTPSFS_NO_ANALYSIS -> Result<void> {
    if (!options_.can_set_mode) {
      return make_error(Errc::unsupported, "SITE CHMOD", 500);
    }
    FTPSFS_TRY_ASSIGN(const FakeNodePtr node, tree_.resolve(path, true));
    node->mode = mode;
    return {};
  });
}

Result<void> FakeRemote::set_mtime(const RemotePath& path, std::int64_t unix_seconds,
                                   const Wait& wait) {
  return call(Op::set_mtime, path.str(), wait, {}, [&]() FTPSFS_NO_ANALYSIS -> Result<void> {
    if (!options_.can_set_mtime) {
      return make_error(Errc::unsupported, "MFMT", 500);
    }
    FTPSFS_TRY_ASSIGN(const FakeNodePtr node, tree_.resolve(path, true));
    node->mtime = unix_seconds;
    return {};
  });
}

Result<void> FakeRemote::settle(const RemotePath& path, const Wait& wait) {
  if (!options_.writes_back) {
    return {};
  }
  return call(Op::settle, path.str(), wait, {}, []() -> Result<void> { return {}; });
}

Result<remote::Space> FakeRemote::space(const RemotePath& path, const Wait& wait) {
  return call(Op::space, path.str(), wait, {},
              [&]() -> Result<remote::Space> { return options_.space; });
}

}  // namespace ftpsfs::test
