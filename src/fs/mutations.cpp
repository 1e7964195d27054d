// SPDX-License-Identifier: MIT
//
// Filesystem: what changes the tree.
#include <fcntl.h>

#ifndef RENAME_NOREPLACE
#include <linux/fs.h>
#endif

#include "filesystem_impl.hpp"
#include "ftpsfs/base/log.hpp"
#include "ftpsfs/remote/folded_name.hpp"
#include "rename_over.hpp"

namespace ftpsfs::fs {
namespace {

/// An interrupted program has its answer before the outcome is known, and the kernel may have
/// looked the name up again meanwhile: what it then remembered is to be forgotten in the end, when
/// the caches here are right.
class LateOutcome {
 public:
  LateOutcome(KernelCache& kernel, const Request& request, Ino parent, const std::string& name)
      : kernel_(kernel), stop_(request.wait.stop), parent_(parent), name_(name) {}
  ~LateOutcome() {
    if (stop_.stop_requested()) {
      kernel_.invalidate_entry(parent_, name_);
    }
  }
  LateOutcome(const LateOutcome&) = delete;
  LateOutcome& operator=(const LateOutcome&) = delete;

 private:
  KernelCache& kernel_;
  const std::stop_token stop_;
  const Ino parent_;
  const std::string& name_;
};

}  // namespace

Result<EntryReply> Filesystem::Impl::make_directory(Ino parent, const std::string& name,
                                                    std::uint32_t mode, const Request& request) {
  FTPSFS_TRY(writable());
  FTPSFS_TRY_ASSIGN(const Tree::Known before, known(parent, name, request));
  if (before.entry) {
    return make_error(Errc::already_exists, "file exists");
  }
  FTPSFS_TRY_ASSIGN(const remote::RemotePath directory, tree_.path(parent));
  FTPSFS_TRY_ASSIGN(const remote::RemotePath path, directory.child(name));
  if (auto made = services_.remote.make_directory(path, request.wait); !made) {
    cache_.invalidate_entry(parent, name);
    return std::move(made).error();
  }
  if (services_.remote.traits().writes_back) {
    // Who has accepted it knows what it is; the parent's listing stays whole.
    auto entry = services_.remote.stat(path, services_.deaf(request.wait));
    if (!entry) {
      cache_.invalidate_entry(parent, name);
      return std::move(entry).error();
    }
    entry->name = name;
    cache_.note_created(parent, *std::move(entry));
  } else {
    cache_.invalidate_entry(parent, name);
  }
  FTPSFS_TRY_ASSIGN(Tree::Known made, tree_.fetch(parent, name, services_.deaf(request.wait)));
  if (!made.entry) {
    return make_error(Errc::io_error, "the server made the directory, but does not show it");
  }
  const auto wanted = static_cast<std::uint16_t>(mode & 07777U);
  if (made.entry->mode && (*made.entry->mode & 0777U) != (wanted & 0777U) &&
      services_.remote.traits().can_set_mode) {
    if (services_.remote.set_mode(path, wanted, services_.own_wait())) {
      made.entry->mode = wanted;
      cache_.note_created(parent, *made.entry);
    } else if (services_.remote.traits().writes_back) {
      // What was shown may be a stand-in, which would keep the owner out.
      made.entry->mode = wanted;
      cache_.invalidate_entry(parent, name);
    }
  }
  EntryReply reply = reply_for(parent, name, made, 1);
  // It is new, so it is known to be empty: the first files in it need no listing.
  cache_.store_listing(cache_.begin_fetch(reply.attributes.ino), remote::Listing{});
  return reply;
}

Result<EntryReply> Filesystem::Impl::make_symlink(const std::string& target, Ino parent,
                                                  const std::string& name, const Request& request) {
  FTPSFS_TRY(writable());
  FTPSFS_TRY_ASSIGN(const Tree::Known before, known(parent, name, request));
  if (before.entry) {
    return make_error(Errc::already_exists, "file exists");
  }
  FTPSFS_TRY_ASSIGN(const remote::RemotePath directory, tree_.path(parent));
  FTPSFS_TRY_ASSIGN(const remote::RemotePath path, directory.child(name));
  auto made = services_.remote.make_symlink(target, path, request.wait);
  cache_.invalidate_entry(parent, name);
  if (!made) {
    return std::move(made).error();
  }
  FTPSFS_TRY_ASSIGN(const Tree::Known shown,
                    tree_.fetch(parent, name, services_.deaf(request.wait)));
  if (!shown.entry) {
    return make_error(Errc::io_error, "the server made the link, but does not show it");
  }
  if (settings_.symlinks != SymlinkView::follow) {
    return reply_for(parent, name, shown, 1);
  }
  // The kernel wants a link for an answer. Whoever looks again is shown what it leads to.
  Tree::Known link;
  link.entry.emplace();
  link.entry->name = name;
  link.entry->type = remote::FileType::symlink;
  link.entry->symlink_target = target;
  return reply_for(parent, name, link, 1);
}

Result<void> Filesystem::Impl::remove_file(Ino parent, const std::string& name,
                                           const Request& request) {
  FTPSFS_TRY(writable());
  const LateOutcome late(services_.kernel, request, parent, name);
  FTPSFS_TRY_ASSIGN(const Tree::Known found, existing(parent, name, request));
  if (found.entry->type == remote::FileType::directory) {
    return make_error(Errc::is_directory, "is a directory");
  }
  if (const auto ino = inodes_.find(parent, name)) {
    if (const auto file = find_open(*ino)) {
      return remove_open_file(file, parent, name, request);
    }
  }
  FTPSFS_TRY_ASSIGN(const remote::RemotePath path, path_of(parent, name));
  auto removed = services_.remote.remove_file(path, request.wait);
  if (!removed && removed.error().code != Errc::not_found) {
    cache_.invalidate_entry(parent, name);
    return removed;
  }
  services_.lost_files.forget(path.str());
  services_.upload_failures.forget(path.str());
  cache_.note_removed(parent, name);
  inodes_.detach(parent, name);
  return removed;
}

/// The handles stay usable: what is only here stays local; what the server has moves out of sight
/// until the last handle is closed. Where nothing can be out of sight it goes at once, and handles
/// keep what has been read of it.
Result<void> Filesystem::Impl::remove_open_file(const std::shared_ptr<OpenFile>& file, Ino parent,
                                                const std::string& name, const Request& request) {
  FTPSFS_TRY_ASSIGN(const OpenFile::Turn turn, file->await_turn(request.wait));
  const bool local = file->owes_upload();
  FTPSFS_TRY_ASSIGN(const bool on_server, file->prepare_orphan(turn.wait.stop));
  FTPSFS_TRY_ASSIGN(const remote::RemotePath path, path_of(parent, name));
  const bool hides = !local && services_.remote.takes_any_name_beside(path);
  if (on_server && !hides) {
    auto removed = services_.remote.remove_file(path, turn.wait);
    if (!removed && removed.error().code != Errc::not_found) {
      return removed;
    }
  }
  if (on_server && hides) {
    const std::string hidden = services_.hidden_names.removed();
    FTPSFS_TRY_ASSIGN(const remote::RemotePath aside, path.parent().child(hidden));
    FTPSFS_TRY(services_.remote.rename(path, aside, turn.wait));
    inodes_.rename(parent, name, parent, hidden);
    file->mark_orphan(true);
    if (find_open(file->ino()) != file) {
      // Closed meanwhile, by somebody who may not have known.
      if (auto removed = services_.remote.remove_file(aside, services_.own_wait());
          !removed && removed.error().code != Errc::not_found) {
        ++services_.left_behind;
        log::warning("{} stays behind on the server: {}", aside.str(), removed.error().text);
      }
    }
  } else {
    inodes_.detach(parent, name);
    file->mark_orphan(false);
  }
  services_.lost_files.forget(path.str());
  services_.upload_failures.forget(path.str());
  cache_.note_removed(parent, name);
  return {};
}

Result<void> Filesystem::Impl::remove_directory(Ino parent, const std::string& name,
                                                const Request& request) {
  FTPSFS_TRY(writable());
  const LateOutcome late(services_.kernel, request, parent, name);
  FTPSFS_TRY_ASSIGN(const Tree::Known found, existing(parent, name, request));
  if (found.entry->type != remote::FileType::directory) {
    return make_error(Errc::not_directory, "not a directory");
  }
  auto removed = remove_directory_there(found, parent, name, request);
  if (removed || removed.error().code == Errc::not_found) {
    note_directory_removed(parent, name);
  }
  return removed;
}

void Filesystem::Impl::note_directory_removed(Ino parent, const std::string& name) {
  if (const auto ino = inodes_.find(parent, name)) {
    cache_.invalidate_directory(*ino);
  }
  cache_.note_removed(parent, name);
  inodes_.detach(parent, name);
}

/// The server's part: what is known here of the directory stays as it is.
Result<void> Filesystem::Impl::remove_directory_there(const Tree::Known& found, Ino parent,
                                                      const std::string& name,
                                                      const Request& request) {
  FTPSFS_TRY_ASSIGN(const remote::RemotePath path, path_of(parent, name));
  const auto ino = inodes_.find(parent, name);
  if (ino) {
    FTPSFS_TRY(settle_below(*ino, request));
  }
  auto removed = found.entry->followed ? remove_followed_directory(path, request)
                                       : services_.remote.remove_directory(path, request.wait);
  if (!removed && ino && !found.entry->followed &&
      (removed.error().code == Errc::not_empty || removed.error().code == Errc::access_denied)) {
    FTPSFS_TRY(remove_leftovers(*ino, request));
    removed = services_.remote.remove_directory(path, request.wait);
  }
  if (!removed && removed.error().code != Errc::not_found) {
    cache_.invalidate_entry(parent, name);
  }
  return removed;
}

/// A link that is shown as the directory it leads to: it is the link that goes, but only where
/// rmdir(2) of a directory with these names would succeed.
Result<void> Filesystem::Impl::remove_followed_directory(const remote::RemotePath& path,
                                                         const Request& request) {
  FTPSFS_TRY_ASSIGN(const remote::Listing listing, services_.remote.list(path, request.wait));
  if (!listing.entries.empty()) {
    return make_error(Errc::not_empty, "directory not empty");
  }
  return services_.remote.remove_file(path, request.wait);
}

/// Our own hidden files must not make rmdir(2) fail: nobody sees them. Anything else does.
Result<void> Filesystem::Impl::remove_leftovers(Ino directory, const Request& request) {
  FTPSFS_TRY_ASSIGN(const remote::RemotePath path, tree_.path(directory));
  FTPSFS_TRY_ASSIGN(const remote::Listing listing, services_.remote.list(path, request.wait));
  for (const remote::Entry& entry : listing.entries) {
    if (!HiddenNames::is_hidden(entry.name)) {
      return make_error(Errc::not_empty, "directory not empty");
    }
    // The only copy of a file, unless another has taken its place.
    if (const auto ours = HiddenNames::parse(entry.name);
        ours && ours->kind == HiddenName::Kind::aside) {
      leftovers_.note(directory, {entry.name});
      return make_error(Errc::not_empty, "a file in it was moved aside and not put back yet");
    }
  }
  for (const auto& file : files_below(directory)) {
    if (file->hidden_on_server()) {
      FTPSFS_TRY_ASSIGN(const Gate::Pass pass, file->enter_behind_others(request.wait));
      FTPSFS_TRY(file->bring_home(request.wait.stop));
    }
  }
  for (const remote::Entry& entry : listing.entries) {
    FTPSFS_TRY_ASSIGN(const remote::RemotePath hidden, path.child(entry.name));
    FTPSFS_TRY(services_.remote.remove_file(hidden, request.wait));
  }
  return {};
}

std::vector<std::shared_ptr<OpenFile>> Filesystem::Impl::files_below(Ino ino) const {
  std::vector<std::shared_ptr<OpenFile>> files;
  const MutexLock lock(mutex_);
  for (const auto& [open_ino, entry] : open_files_) {
    if (inodes_.is_below(open_ino, ino)) {
      files.push_back(entry.file);
    }
  }
  return files;
}

/// Before a name is moved or removed: uploads under it are finished, so that none arrives later
/// under a name that has gone.
Result<void> Filesystem::Impl::settle_below(Ino ino, const Request& request) {
  for (const auto& file : files_below(ino)) {
    if (file->owes_upload()) {
      FTPSFS_TRY_ASSIGN(const Gate::Pass pass, file->enter_behind_others(request.wait));
      if (auto published = file->publish(request.wait.stop); !published) {
        note_failure(*file, published.error(), is_heard(request));
        return published;
      }
    }
  }
  return {};
}

/// Makes way for a rename onto an existing name. What an open file there has accepted is only
/// brought to a local copy: should the rename fail, it is still that file's own.
Result<Filesystem::Impl::Displaced> Filesystem::Impl::clear_target(const Tree::Known& source,
                                                                   const Tree::Known& target,
                                                                   Ino new_parent,
                                                                   const std::string& new_name,
                                                                   const Request& request) {
  Displaced displaced;
  const bool from_directory = source.entry->type == remote::FileType::directory;
  const bool to_directory = target.entry->type == remote::FileType::directory;
  if (from_directory && !to_directory) {
    return make_error(Errc::not_directory, "a directory cannot replace a file");
  }
  if (!from_directory && to_directory) {
    return make_error(Errc::is_directory, "a file cannot replace a directory");
  }
  if (to_directory) {
    // No server renames over a directory; rename(2) allows an empty one to be replaced.
    auto removed = remove_directory_there(target, new_parent, new_name, request);
    if (!removed && removed.error().code != Errc::not_found) {
      return std::move(removed).error();
    }
    displaced.is_directory = true;
    displaced.can_be_made_again = removed && !target.entry->followed;
    displaced.mode = target.entry->mode;
    return displaced;
  }
  if (const auto ino = inodes_.find(new_parent, new_name)) {
    if (auto file = find_open(*ino); file && file->owes_upload()) {
      FTPSFS_TRY_ASSIGN(displaced.pass, file->enter_behind_others(request.wait));
      FTPSFS_TRY(file->prepare_orphan(request.wait.stop));
      displaced.file = std::move(file);
    }
  }
  return displaced;
}

/// A rename that fails leaves both names as they were: the empty directory that made way for it is
/// made again. Where the server has carried the rename out, though its answer was lost, it is
/// there.
void Filesystem::Impl::put_back(const Displaced& displaced, const remote::RemotePath& path) {
  if (!displaced.can_be_made_again) {
    return;
  }
  const auto made = services_.remote.make_directory(path, services_.own_wait());
  if (!made && made.error().code != Errc::already_exists) {
    log::warning(
        "{}: this empty directory was removed for a rename that failed, and cannot be made again: "
        "{}",
        path.str(), made.error().text);
  } else if (made && displaced.mode && services_.remote.traits().can_set_mode) {
    if (const auto set = services_.remote.set_mode(path, *displaced.mode, services_.own_wait());
        !set) {
      log::info("{}: the mode could not be set: {}", path.str(), set.error().text);
    }
  }
}

Result<void> Filesystem::Impl::rename(Ino parent, const std::string& name, Ino new_parent,
                                      const std::string& new_name, unsigned flags,
                                      const Request& request) {
  FTPSFS_TRY(writable());
  if ((flags & ~static_cast<unsigned>(RENAME_NOREPLACE)) != 0) {
    return make_error(Errc::invalid_argument, "this kind of rename is not offered");
  }
  if (HiddenNames::is_hidden(new_name)) {
    return make_error(Errc::not_permitted, "names of this form belong to ftpsfs itself");
  }
  const LateOutcome late_from(services_.kernel, request, parent, name);
  const LateOutcome late_to(services_.kernel, request, new_parent, new_name);
  FTPSFS_TRY_ASSIGN(const Tree::Known source, existing(parent, name, request));
  FTPSFS_TRY_ASSIGN(const Tree::Known target, known(new_parent, new_name, request));
  // Where the server folds case, another spelling is no other file that could be in the way.
  const bool respells =
      !services_.case_sensitive && parent == new_parent && remote::SameFoldedName()(name, new_name);
  if (target.entry && !respells && (flags & RENAME_NOREPLACE) != 0) {
    return make_error(Errc::already_exists, "file exists");
  }
  if (target.entry && !respells && is_other_spelling(new_parent, new_name)) {
    return make_error(Errc::already_exists, "the server has a file of that name in another case");
  }
  if (parent == new_parent && name == new_name) {
    return {};
  }
  if (const auto ino = inodes_.find(parent, name)) {
    if (inodes_.is_below(new_parent, *ino)) {
      return make_error(Errc::invalid_argument, "a directory cannot be moved into itself");
    }
    FTPSFS_TRY(settle_below(*ino, request));
  }
  Displaced displaced;
  if (target.entry && !respells) {
    FTPSFS_TRY_ASSIGN(displaced, clear_target(source, target, new_parent, new_name, request));
  }
  FTPSFS_TRY_ASSIGN(const remote::RemotePath to_directory, tree_.path(new_parent));
  FTPSFS_TRY_ASSIGN(const remote::RemotePath to, to_directory.child(new_name));
  FTPSFS_TRY_ASSIGN(const remote::RemotePath from,
                    respells ? to_directory.child(spelling(name, source)) : path_of(parent, name));
  if (from == to) {
    return {};
  }
  // Settling and staging may have used up the time that the program had.
  const Wait wait = Wait::for_at_most(services_.limits.stall_timeout, request.wait.stop);
  ++services_.renames;
  const bool replaces = !respells && (flags & RENAME_NOREPLACE) == 0;
  auto renamed =
      replaces ? rename_over(services_, from, to, wait) : services_.remote.rename(from, to, wait);
  if (!renamed) {
    put_back(displaced, to);
    ++services_.renames;
    cache_.invalidate_entry(parent, name);
    cache_.invalidate_entry(new_parent, new_name);
    return renamed;
  }
  if (displaced.is_directory) {
    note_directory_removed(new_parent, new_name);
  }
  if (displaced.file) {
    displaced.file->mark_orphan(false);  // its bytes belong to a name that has been replaced
  }
  services_.lost_files.move(from.str(), to.str());
  inodes_.rename(parent, name, new_parent, new_name);
  ++services_.renames;
  cache_.note_renamed(parent, name, new_parent, new_name);
  if (services_.settings.symlinks == SymlinkView::follow &&
      source.entry->type == remote::FileType::directory) {
    cache_.clear();  // below it links lead elsewhere now
  } else if (source.entry->followed) {
    // Seen from its new place a link may lead elsewhere.
    cache_.invalidate_entry(new_parent, new_name);
    if (const auto ino = inodes_.find(new_parent, new_name)) {
      cache_.invalidate_directory(*ino);
    }
  }
  return {};
}

}  // namespace ftpsfs::fs
