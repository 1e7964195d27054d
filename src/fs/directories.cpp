// SPDX-License-Identifier: MIT
//
// Filesystem: open directories.
#include <algorithm>

#include "filesystem_impl.hpp"

namespace ftpsfs::fs {

Result<HandleId> Filesystem::Impl::open_directory(Ino ino, const EarlyHandle& early,
                                                  const Request& request) {
  std::optional<HandleId> given;
  const auto give_early = [&](const std::shared_ptr<OpenListing>& listing) {
    given = add_directory(ino, listing);
    if (early) {
      early(*given);
    }
  };
  auto listing = tree_.open_listing(ino, request.wait, give_early);
  if (given) {
    return *given;  // what became of the listing, its readers are told
  }
  if (!listing) {
    return std::move(listing).error();
  }
  return add_directory(ino, *std::move(listing));
}

HandleId Filesystem::Impl::add_directory(Ino ino, std::shared_ptr<OpenListing> listing) {
  const auto handle = std::make_shared<DirectoryHandle>(ino, std::move(listing));
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
    if (location && location->parent == ino && find_pending(ino, location->name)) {
      handle->pending.emplace_back(location->name);
    }
  }
  const HandleId id = next_handle_++;
  const MutexLock lock(mutex_);
  directories_[id] = handle;
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
  bool any = false;
  const DirectoryVisitor noting = [&visit, &any](const DirectoryItem& item) {
    any = true;
    return visit(item);
  };
  std::size_t position = offset;
  OpenListing::Extent extent;
  while (!extent.is_whole) {
    FTPSFS_TRY_ASSIGN(extent, handle->listing->await(position, request.wait));
    for (; position < extent.count; ++position) {
      const remote::Entry& listed = handle->listing->at(position);
      if (!show(*handle, position, listed.name, &listed, plus, noting)) {
        return {};
      }
    }
    if (any && !extent.is_whole) {
      return {};  // the reader has enough for now
    }
  }
  for (; position - extent.count < handle->pending.size(); ++position) {
    const std::string& name = handle->pending[position - extent.count];
    if (!handle->listing->contains(name) && !show(*handle, position, name, nullptr, plus, noting)) {
      return {};
    }
  }
  return {};
}

/// @return false: no more for now.
bool Filesystem::Impl::show(const DirectoryHandle& handle, std::size_t position,
                            const std::string& name, const remote::Entry* listed, bool plus,
                            const DirectoryVisitor& visit) {
  Tree::Known known;
  bool is_believed = true;
  if (const auto local = find_pending(handle.ino, name)) {
    known = local_entry(*local, name);
  } else if (auto fresh = tree_.find(handle.ino, name)) {
    known = *std::move(fresh);
  } else if (listed != nullptr) {
    known.entry = *listed;
    is_believed = handle.listing->tells_all();
  } else {
    // New when the directory was opened, and behind the listing by now: nobody says it is gone.
    known.entry.emplace();
    is_believed = false;
  }
  if (!known.entry) {
    return true;  // removed since the directory was opened
  }
  const bool times_follow =
      tree_.needs_exact_time(*known.entry) && !services_.remote.traits().exact_listing;
  // Nor is a file read for its size unless somebody looks at it.
  const bool size_follows = lacks_size(handle.ino, name, *known.entry);
  const bool is_unknown = tree_.needs_following(*known.entry);  // whoever cares looks it up
  const bool with_entry =
      plus && is_believed && !handle.names_alone && !times_follow && !size_follows && !is_unknown;
  DirectoryItem item{name};
  item.next_offset = position + 1;
  EntryReply reply;
  if (with_entry) {
    reply = reply_for(handle.ino, name, known, 1);
    item.entry = &reply;
    item.ino = reply.attributes.ino;
    item.mode = reply.attributes.mode;
  } else if (is_unknown) {
    item.ino = inodes_.number_of(handle.ino, name);
  } else {
    item.ino = inodes_.acquire(handle.ino, name, known.entry->type, 0);
    item.mode = shown_mode(known.entry->type, known.entry->mode);
  }
  if (visit(item)) {
    return true;
  }
  if (with_entry) {
    inodes_.forget(item.ino, 1);
  }
  return false;
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
