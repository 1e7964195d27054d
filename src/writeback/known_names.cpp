// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/known_names.hpp"

#include <algorithm>
#include <utility>

namespace ftpsfs::writeback {

KnownName KnownName::of(const remote::Entry& entry) {
  KnownName known;
  if (entry.type != remote::FileType::regular) {
    known.kind = entry.type == remote::FileType::directory ? Kind::directory : Kind::other;
    return known;
  }
  known.kind = Kind::file;
  known.version = remote::version_of(entry);
  known.version.unique = {};
  known.mode = entry.mode;
  return known;
}

void KnownNames::learn(const remote::RemotePath& path, const KnownName& name, Moment asked) {
  if (Directory* directory = teachable(name_key(case_, path.parent()), asked)) {
    set(*directory, name_key(case_, path), name);
    make_room();
  }
}

void KnownNames::learn_listing(const remote::RemotePath& path, const remote::Listing& listing,
                               Moment asked) {
  Directory* const directory = teachable(name_key(case_, path), asked);
  if (directory == nullptr) {
    return;
  }
  names_ -= directory->names.size();
  directory->names.clear();
  directory->is_whole = listing.shows_all;
  for (const remote::Entry& entry : listing.entries) {
    if (const auto child = path.child(entry.name)) {
      set(*directory, name_key(case_, *child), KnownName::of(entry));
    }
  }
  make_room();
}

void KnownNames::learn_version(const remote::RemotePath& path, const remote::FileVersion& version,
                               Moment asked) {
  Directory* const directory = teachable(name_key(case_, path.parent()), asked);
  if (directory == nullptr) {
    return;
  }
  const std::string key = name_key(case_, path);
  const auto before = directory->names.find(key);
  KnownName name;
  name.kind = KnownName::Kind::file;
  if (before != directory->names.end() && before->second) {
    if (before->second->kind == KnownName::Kind::other ||
        before->second->kind == KnownName::Kind::directory) {
      return;  // a link to a file
    }
    name.mode = before->second->mode;
  }
  name.version = {version.size, version.mtime, {}};
  set(*directory, key, name);
  make_room();
}

void KnownNames::learn_time(const remote::RemotePath& path, const remote::FileTime& time,
                            Moment asked) {
  Directory* const directory = teachable(name_key(case_, path.parent()), asked);
  if (directory == nullptr) {
    return;
  }
  const auto known = directory->names.find(name_key(case_, path));
  if (known != directory->names.end() && known->second &&
      known->second->kind == KnownName::Kind::file) {
    known->second->version.mtime = time;
  }
}

void KnownNames::note(const remote::RemotePath& path, const KnownName& name) {
  Directory& directory = obtain_directory(name_key(case_, path.parent()));
  directory.changed = ++clock_;
  set(directory, name_key(case_, path), name);
  make_room();
}

void KnownNames::note_new_directory(const remote::RemotePath& path) {
  KnownName name;
  name.kind = KnownName::Kind::directory;
  note(path, name);
  clear(path, true);
}

/// What is kept of it keeps answers that are under way from teaching what was in it.
void KnownNames::note_removed_directory(const remote::RemotePath& path) {
  note(path, {});
  clear(path, false);
}

void KnownNames::note_others_in(const remote::RemotePath& path) {
  Directory& directory = obtain_directory(name_key(case_, path));
  directory.is_whole = false;
  directory.changed = ++clock_;
  make_room();
}

void KnownNames::forget(const remote::RemotePath& path) {
  Directory& directory = obtain_directory(name_key(case_, path.parent()));
  directory.changed = ++clock_;
  set(directory, name_key(case_, path), std::nullopt);
  make_room();
}

void KnownNames::forget_tree(const remote::RemotePath& path) {
  forget(path);
  const std::string key = name_key(case_, path);
  if (const auto itself = directories_.find(key); itself != directories_.end()) {
    erase(itself);
  }
  const std::string below = key + '/';
  for (auto next = directories_.lower_bound(below);
       next != directories_.end() && next->first.starts_with(below);) {
    erase(next++);
  }
  floor_ = clock_;
}

std::optional<KnownName> KnownNames::find(const remote::RemotePath& path) {
  const Directory* const directory = find_directory(name_key(case_, path.parent()));
  if (directory == nullptr) {
    return std::nullopt;
  }
  const auto found = directory->names.find(name_key(case_, path));
  if (found != directory->names.end()) {
    return found->second;
  }
  return directory->is_whole ? std::optional(KnownName{}) : std::nullopt;
}

bool KnownNames::is_whole(const remote::RemotePath& directory) {
  const Directory* const known = find_directory(name_key(case_, directory));
  return known != nullptr && known->is_whole;
}

void KnownNames::for_each_in(const remote::RemotePath& directory, const Each& take) {
  if (const Directory* const known = find_directory(name_key(case_, directory))) {
    for (const auto& [key, name] : known->names) {
      take(key, name);
    }
  }
}

KnownNames::Directory* KnownNames::find_directory(const std::string& key) {
  const auto found = directories_.find(key);
  if (found == directories_.end()) {
    return nullptr;
  }
  uses_.splice(uses_.begin(), uses_, found->second.use);
  return &found->second;
}

KnownNames::Directory& KnownNames::obtain_directory(const std::string& key) {
  if (Directory* const known = find_directory(key)) {
    return *known;
  }
  uses_.push_front(key);
  Directory& directory = directories_[key];
  directory.use = uses_.begin();
  return directory;
}

void KnownNames::clear(const remote::RemotePath& path, bool is_whole) {
  Directory& directory = obtain_directory(name_key(case_, path));
  names_ -= directory.names.size();
  directory.names.clear();
  directory.is_whole = is_whole;
  directory.changed = ++clock_;
  make_room();
}

KnownNames::Directory* KnownNames::teachable(const std::string& key, Moment asked) {
  const auto known = directories_.find(key);
  const bool is_overtaken =
      floor_ > asked || (known != directories_.end() && known->second.changed > asked);
  return is_overtaken ? nullptr : &obtain_directory(key);
}

void KnownNames::set(Directory& directory, const std::string& key, std::optional<KnownName> name) {
  const bool is_new = directory.names.insert_or_assign(key, name).second;
  names_ += is_new ? 1 : 0;
}

void KnownNames::erase(std::map<std::string, Directory>::iterator place) {
  floor_ = std::max(floor_, place->second.changed);
  names_ -= place->second.names.size();
  uses_.erase(place->second.use);
  directories_.erase(place);
}

/// One directory stays, however large; an empty one counts as a name, too.
void KnownNames::make_room() {
  while (names_ + directories_.size() > most_names_ && uses_.size() > 1) {
    erase(directories_.find(uses_.back()));
  }
}

}  // namespace ftpsfs::writeback
