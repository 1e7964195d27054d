// SPDX-License-Identifier: MIT
//
// Filesystem: open directories.
#include <algorithm>

#include "filesystem_impl.hpp"

namespace ftpsfs::fs {

Result<HandleId> Filesystem::Impl::open_directory(Ino ino, const Request& request) {
  auto handle = std::make_shared<DirectoryHandle>();
  handle->ino = ino;
  FTPSFS_TRY_ASSIGN(handle->listing, tree_.fetch_listing(ino, request.wait));
  prefetch_.note_visit(ino);
  tree_.times_demand().note_read(ino);
  handle->names_alone = tree_.times_demand().hides_times(ino);
  std::vector<Ino> open_inos;
  {
    const MutexLock lock(mutex_);
    for (const auto& [open_ino, entry] : open_files_) {
      open_inos.push_back(open_ino);
    }
  }
  for (const Ino open_ino : open_inos) {
    const auto location = inodes_.locate(open_ino);
    if (location && location->parent == ino && find_pending(ino, location->name) &&
        handle->listing->find(location->name) == nullptr) {
      handle->pending.emplace_back(location->name, open_ino);
    }
  }
  const HandleId id = next_handle_++;
  const MutexLock lock(mutex_);
  directories_[id] = std::move(handle);
  return id;
}

Result<void> Filesystem::Impl::read_directory(HandleId id, std::uint64_t offset, bool plus,
                                              const DirectoryVisitor& visit,
                                              const Request& request) {
  std::shared_ptr<DirectoryHandle> handle;
  {
    const MutexLock lock(mutex_);
    const auto found = directories_.find(id);
    if (found == directories_.end()) {
      return make_error(Errc::invalid_argument, "no such open directory");
    }
    handle = found->second;
  }
  if (request.wait.stop.stop_requested()) {
    return make_error(Errc::cancelled, "interrupted");
  }
  const bool times_follow = !services_.remote.traits().exact_listing;
  const std::size_t listed = handle->listing->size();
  for (std::size_t i = offset; i < listed + handle->pending.size(); ++i) {
    const std::string& name =
        i < listed ? handle->listing->at(i).entry.name : handle->pending[i - listed].first;
    Tree::Known known;
    if (const auto local = find_pending(handle->ino, name)) {
      known = local_entry(*local, name);
    } else if (auto fresh = tree_.find(handle->ino, name)) {
      known = *std::move(fresh);
    } else if (i < listed) {
      known.entry = handle->listing->at(i).entry;
    }
    if (!known.entry) {
      continue;  // removed since the directory was opened
    }
    const bool with_entry =
        plus && !handle->names_alone && !(times_follow && tree_.needs_exact_time(*known.entry));
    DirectoryItem item{name};
    item.next_offset = i + 1;
    EntryReply reply;
    if (with_entry) {
      reply = reply_for(handle->ino, name, known, 1);
      item.entry = &reply;
      item.ino = reply.attributes.ino;
      item.mode = reply.attributes.mode;
    } else {
      item.ino = inodes_.acquire(handle->ino, name, known.entry->type, 0);
      item.mode = shown_mode(known.entry->type, known.entry->mode);
    }
    if (!visit(item)) {
      if (with_entry) {
        inodes_.forget(item.ino, 1);
      }
      break;
    }
  }
  return {};
}

void Filesystem::Impl::release_directory(HandleId id) {
  std::shared_ptr<DirectoryHandle> last;
  const MutexLock lock(mutex_);
  const auto found = directories_.find(id);
  if (found != directories_.end()) {
    last = std::move(found->second);
    directories_.erase(found);
  }
}

}  // namespace ftpsfs::fs
