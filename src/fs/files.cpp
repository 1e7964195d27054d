// SPDX-License-Identifier: MIT
//
// Filesystem: open files.
#include <fcntl.h>

#include <algorithm>
#include <system_error>
#include <thread>

#include "caller.hpp"
#include "filesystem_impl.hpp"
#include "ftpsfs/base/log.hpp"
#include "ftpsfs/base/pause.hpp"

namespace ftpsfs::fs {
namespace {

/// Attributes younger than this are believed at open; older ones are asked anew, so that what a
/// partner has just delivered is seen whole (close-to-open, as NFS does it).
constexpr std::chrono::milliseconds kOpenTrust{1000};
constexpr std::size_t kPagedVersions = 100'000;

Error bad_handle() {
  return make_error(Errc::invalid_argument, "no such open file");
}

bool may_write(int flags) {
  return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0;
}

}  // namespace

std::shared_ptr<OpenFile> Filesystem::Impl::find_open(Ino ino) const {
  const MutexLock lock(mutex_);
  const auto found = open_files_.find(ino);
  return found == open_files_.end() ? nullptr : found->second.file;
}

std::shared_ptr<FileHandle> Filesystem::Impl::find_handle(HandleId id) const {
  const MutexLock lock(mutex_);
  const auto found = handles_.find(id);
  return found == handles_.end() ? nullptr : found->second;
}

std::shared_ptr<FileHandle> Filesystem::Impl::add_handle(Ino ino, std::shared_ptr<OpenFile> file,
                                                         int flags, const Request& request,
                                                         HandleId id) {
  auto handle = std::make_shared<FileHandle>();
  handle->id = id;
  handle->flags = flags;
  handle->opener = handle->publishes() ? process_of(request.pid) : 0;
  {
    const MutexLock lock(mutex_);
    OpenEntry& entry = open_files_[ino];
    if (!entry.file) {
      entry.file = std::move(file);
      inodes_.pin(ino);
    }
    ++entry.handles;
    handle->file = entry.file;
    handles_[id] = handle;
  }
  handle->failures_before = handle->file->failures();
  return handle;
}

Result<Tree::Known> Filesystem::Impl::revalidated(Ino ino, const Location& location, bool writes,
                                                  const Request& request) {
  FTPSFS_TRY_ASSIGN(Tree::Known found, existing(location.parent, location.name, request));
  if (found.entry->type != remote::FileType::regular ||
      find_pending(location.parent, location.name) || !settings_.close_to_open ||
      services_.clock.now() - found.fetched_at < kOpenTrust) {
    return found;
  }
  if (!found.entry->size) {
    const auto measured = services_.sizes.find(ino, remote::version_of(*found.entry));
    if (measured && services_.clock.now() - measured->measured_at < kOpenTrust) {
      return found;  // the whole file was read just now
    }
  }
  const auto bring_news = [&] {
    return found.entry->size && file_prefetch_.bring_news(location.parent, location.name, ino,
                                                          *found.entry->size, request.wait);
  };
  if (!writes && (file_prefetch_.await_news(ino, request.wait) || bring_news())) {
    FTPSFS_TRY_ASSIGN(found, existing(location.parent, location.name, request));
    if (services_.clock.now() - found.fetched_at < kOpenTrust) {
      return found;
    }
  }
  FTPSFS_TRY_ASSIGN(const remote::RemotePath path, tree_.path(ino));
  const auto ticket = cache_.begin_fetch(location.parent);
  auto version = services_.remote.version(path, request.wait);
  if (!version) {
    if (version.error().code == Errc::unsupported) {
      return found;
    }
    cache_.invalidate_entry(location.parent, location.name);
    return std::move(version).error();
  }
  if (version->size) {
    found.entry->size = version->size;
  }
  if (version->mtime) {
    found.entry->mtime = version->mtime;
  }
  if (!version->unique.empty()) {
    found.entry->unique = version->unique;
  }
  cache_.store_entry(ticket, *found.entry);
  return found;
}

Result<OpenReply> Filesystem::Impl::open(Ino ino, int flags, const Request& request) {
  const bool writes = may_write(flags);
  FTPSFS_TRY_ASSIGN(const Location location, inodes_.locate(ino));
  if (!writes) {
    file_prefetch_.note_open(location.parent, location.name, ino);
  }
  FTPSFS_TRY_ASSIGN(const Tree::Known found, revalidated(ino, location, writes, request));
  return open_known(ino, *found.entry, flags, request);
}

bool Filesystem::Impl::has_pages(Ino ino, std::uint64_t size) const {
  const MutexLock lock(mutex_);
  const auto paged = paged_versions_.find(ino);
  return paged != paged_versions_.end() && paged->second.version.size == size;
}

Result<OpenReply> Filesystem::Impl::open_known(Ino ino, const remote::Entry& entry, int flags,
                                               const Request& request) {
  const bool writes = may_write(flags);
  if (entry.type == remote::FileType::directory) {
    return make_error(Errc::is_directory, "is a directory");
  }
  if (writes) {
    FTPSFS_TRY(writable());
  }
  if (const auto file = find_open(ino); file && file->is_replaced(entry)) {
    // Handles of the old file keep its inode, and the pages that the kernel has of it. The name
    // gets a new one: on ESTALE the kernel looks it up again.
    if (const auto location = inodes_.locate(ino)) {
      inodes_.detach(location->parent, location->name);
    }
    return make_error(Errc::stale, "the file was replaced on the server");
  }
  const HandleId id = next_handle_++;
  const auto handle =
      add_handle(ino, std::make_shared<OpenFile>(services_, ino, entry), flags, request, id);
  if (writes) {
    handle->file->stop_giving_pages();
  }
  OpenReply reply;
  reply.handle = id;
  reply.direct_io = !entry.size.has_value();
  reply.keep_cache = handle->file->observe(entry);
  if (entry.size) {
    // The program asks for its size next, and may map it: the kernel believes no answer to what it
    // asked before it dropped a page.
    handle->file->await_tellable(request.wait);
  }
  if ((flags & O_TRUNC) != 0) {
    auto pass = handle->file->enter_behind_others(request.wait);
    if (!pass) {
      release(id, request);
      return std::move(pass).error();
    }
    handle->file->begin_replacement();
  }
  const auto kept = note_paged(ino, handle->file->version());
  reply.keep_cache = kept && reply.keep_cache;
  if (reply.keep_cache && kept->trace) {
    handle->file->note_pages(*kept->trace);
  }
  if (writes || !reply.keep_cache) {
    // What the kernel is about to forget, or a program to write, no page may overtake.
    if (auto closed = services_.page_gates.close(ino, request.wait); !closed) {
      release(id, request);
      return std::move(closed).error();
    }
  }
  if (!reply.keep_cache && entry.size) {
    // The kernel drops its pages, but not the size that it knows, and reads no further than that:
    // of a file that has grown since it was listed a program would get the beginning alone.
    services_.kernel.outdate_attributes(ino);
  }
  if (!writes) {
    handle->pages_kept = reply.keep_cache;
    handle->file->adopt_ahead();
  }
  return reply;
}

/// The kernel may hold pages of this version from now on. @return those that it has, if they are.
std::optional<Filesystem::Impl::Paged> Filesystem::Impl::note_paged(
    Ino ino, const remote::FileVersion& version) {
  const MutexLock lock(mutex_);
  if (paged_versions_.size() > kPagedVersions) {
    paged_versions_.clear();
  }
  auto [paged, is_new] = paged_versions_.try_emplace(ino, Paged{version, std::nullopt});
  const bool holds = !is_new && remote::may_be_same(paged->second.version, version);
  if (!holds) {
    paged->second.trace.reset();
  }
  paged->second.version = version;
  return is_new || !holds ? std::nullopt : std::optional(paged->second);
}

/// The last handle goes, and with it what was given out; the pages stay.
void Filesystem::Impl::note_trace(Ino ino, const std::optional<ContentTrace>& trace) {
  const auto paged = paged_versions_.find(ino);
  if (trace && paged != paged_versions_.end()) {
    paged->second.trace = trace;
  }
}

Result<CreateReply> Filesystem::Impl::create(Ino parent, const std::string& name,
                                             std::uint32_t mode, int flags,
                                             const Request& request) {
  FTPSFS_TRY(writable());
  FTPSFS_TRY(remote::check_name(name));
  if (HiddenNames::is_hidden(name)) {
    return make_error(Errc::not_permitted, "names of this form belong to ftpsfs itself");
  }
  FTPSFS_TRY_ASSIGN(Tree::Known found, known(parent, name, request));
  CreateReply reply;
  if (found.entry) {
    if ((flags & O_EXCL) != 0) {
      return make_error(Errc::already_exists, "file exists");
    }
    const Ino ino = inodes_.acquire(parent, spelling(name, found), found.entry->type, 0);
    auto opened = open_known(ino, *found.entry, flags, request);
    if (!opened && opened.error().code == Errc::stale) {
      opened = open_known(inodes_.acquire(parent, spelling(name, found), found.entry->type, 0),
                          *found.entry, flags, request);
    }
    FTPSFS_TRY_ASSIGN(reply.open, std::move(opened));
    reply.entry = reply_for(parent, name, found, 1);
    return reply;
  }
  const Ino ino = inodes_.acquire(parent, name, remote::FileType::regular, 1);
  auto file = OpenFile::make_new(services_, ino, static_cast<std::uint16_t>(mode & 07777U));
  const auto view = file->local_view();
  const Tree::Known local = local_entry(view.value_or(OpenFile::LocalView{}), name);
  reply.open.handle = next_handle_++;
  const auto handle = add_handle(ino, file, flags, request, reply.open.handle);
  handle->created = true;
  handle->opener = process_of(request.pid);
  // Listings that are cached show the name at once.
  cache_.note_created(parent, *local.entry);
  reply.entry.attributes = attributes(ino, *local.entry, std::chrono::milliseconds(0), view);
  return reply;
}

std::optional<Result<Slices>> Filesystem::Impl::find_content(HandleId id, std::uint64_t offset,
                                                             std::size_t size) {
  const auto handle = find_handle(id);
  if (!handle) {
    return Result<Slices>(bad_handle());
  }
  return handle->file->find_content(*handle, offset, size);
}

Result<Slices> Filesystem::Impl::read(HandleId id, std::uint64_t offset, std::size_t size,
                                      const Request& request) {
  const auto handle = find_handle(id);
  if (!handle) {
    return bad_handle();
  }
  if (offset == 0 && handle->pages_kept) {
    file_prefetch_.doubt_pages();
  }
  return handle->file->read(*handle, offset, size, request);
}

std::optional<Result<void>> Filesystem::Impl::try_write(HandleId id, WritePlace place,
                                                        const Slice& data) {
  const auto handle = find_handle(id);
  if (!handle) {
    return Result<void>(bad_handle());
  }
  auto taken = handle->file->try_write(*handle, place, data);
  if (taken) {
    handle->interrupted = false;
    if (!*taken) {
      note_told(*handle->file);
    }
  }
  return taken;
}

Result<void> Filesystem::Impl::write(HandleId id, WritePlace place, const Slice& data,
                                     const Request& request) {
  const auto handle = find_handle(id);
  if (!handle) {
    return bad_handle();
  }
  auto written = handle->file->write(*handle, place, data, request);
  handle->interrupted = !written && written.error().code == Errc::cancelled;
  if (!written && !handle->interrupted && !request.wait.stop.stop_requested()) {
    note_told(*handle->file);  // else what ends the writing will fail as well
  }
  return written;
}

Result<void> Filesystem::Impl::flush(HandleId id, const Request& request) {
  const auto handle = find_handle(id);
  if (!handle) {
    return bad_handle();
  }
  auto flushed = flush_handle(*handle, request);
  if (!flushed) {
    note_failure(*handle->file, flushed.error(), is_heard(request) && !handle->left_by_child);
  }
  return flushed;
}

Result<void> Filesystem::Impl::flush_handle(FileHandle& handle, const Request& request) {
  const auto& file = handle.file;
  if (!handle.publishes()) {
    return {};
  }
  // A child that inherited the descriptor and ends is not the end of the writing.
  if (request.pid != 0 && request.pid != handle.opener &&
      process_of(request.pid) != handle.opener) {
    handle.left_by_child = handle.left_by_child || file->written_since_flush();
    return {};
  }
  if (!file->written_since_flush()) {
    FTPSFS_TRY_ASSIGN(const Gate::Pass pass, file->enter_behind_others(request.wait));
    return file->begin_upload(request.wait.stop, handle.failures_before);
  }
  if (handle.interrupted) {
    // Ctrl-C: the program knows that its writing was cut short. What was taken follows at release.
    return make_error(Errc::cancelled, "interrupted while writing");
  }
  return publish_handle(handle, request);
}

Result<void> Filesystem::Impl::sync(HandleId id, const Request& request) {
  const auto handle = find_handle(id);
  if (!handle) {
    return bad_handle();
  }
  auto published = publish_handle(*handle, request);
  if (published && !handle->file->is_orphan()) {
    FTPSFS_TRY_ASSIGN(const remote::RemotePath path, tree_.path(handle->file->ino()));
    published = services_.remote.settle(path, request.wait);
  }
  if (!published) {
    note_failure(*handle->file, published.error(), is_heard(request));
  }
  return published;
}

Result<void> Filesystem::Impl::publish_handle(FileHandle& handle, const Request& request) {
  const auto& file = handle.file;
  FTPSFS_TRY_ASSIGN(const Gate::Pass pass, file->enter_behind_others(request.wait));
  FTPSFS_TRY(file->publish(request.wait.stop, handle.failures_before));
  handle.left_by_child = false;
  const MutexLock lock(mutex_);
  if (handle.appended) {
    // The kernel placed the bytes where it believed the end to be.
    paged_versions_.erase(file->ino());
  } else {
    paged_versions_[file->ino()] = {file->version(), ContentTrace{}};  // as it was written
  }
  return {};
}

/// What was only cancelled is still owed, and follows at release.
void Filesystem::Impl::note_failure(OpenFile& file, const Error& error, bool is_heard) {
  if (error.code == Errc::cancelled) {
    return;
  }
  if (is_heard) {
    note_told(file);
  } else {
    note_lost(file);
  }
}

void Filesystem::Impl::note_told(OpenFile& file) {
  // Only of what became of this opening: an earlier loss is still nobody's news.
  const auto path = tree_.path(file.ino());
  if (file.note_told() && path) {
    services_.lost_files.forget(path->str());
  }
}

void Filesystem::Impl::note_lost(OpenFile& file) {
  const auto path = tree_.path(file.ino());  // none: it was removed meanwhile
  if (path && !file.is_told() && services_.lost_files.note(path->str())) {
    file.note_lost();
    log::error("{} is not whole on the server, and the program that wrote it may not know",
               path->str());
  }
}

/// What a handle for reading alone leaves behind is the others' business; the last one's, whatever
/// is left of an upload that could not be finished before.
bool Filesystem::Impl::must_publish(const FileHandle& handle) const {
  if (!handle.file->owes_upload()) {
    return false;
  }
  if (handle.publishes()) {
    return true;
  }
  const MutexLock lock(mutex_);
  const auto found = open_files_.find(handle.file->ino());
  return found != open_files_.end() && found->second.handles == 1;
}

/// Most closes owe nothing any more. Ended at once, they do not make an unlink(2) that follows
/// believe that the file is still open.
std::optional<std::shared_ptr<void>> Filesystem::Impl::try_release(HandleId id) {
  auto handle = find_handle(id);
  if (!handle) {
    return std::shared_ptr<void>();
  }
  const auto& file = handle->file;
  if (file->hidden_on_server() || must_publish(*handle)) {
    return std::nullopt;
  }
  const auto trace = file->trace();
  {
    const MutexLock lock(mutex_);
    handles_.erase(id);
    const auto found = open_files_.find(file->ino());
    if (found == open_files_.end() || --found->second.handles > 0) {
      return handle;
    }
    note_trace(file->ino(), trace);
    open_files_.erase(found);
  }
  if (file->hidden_on_server()) {
    // Removed since we looked, by somebody who still saw it open: what is to go is on the server.
    return std::shared_ptr<void>(handle.get(), [this, handle](void*) {
      remove_hidden(handle->file);
      inodes_.unpin(handle->file->ino());
    });
  }
  inodes_.unpin(file->ino());
  return handle;
}

void Filesystem::Impl::release(HandleId id, const Request& request) {
  const auto handle = find_handle(id);
  if (!handle) {
    return;
  }
  const auto file = handle->file;
  if (must_publish(*handle)) {
    // Nobody hears an error of a release: it is logged and counted where it occurs.
    if (auto done = publish_handle(*handle, request); !done) {
      if (file->owes_upload()) {
        const auto path = tree_.path(file->ino());
        log::warning("{}: the upload could not be finished: {}",
                     path ? path->str() : "a removed file", done.error().text);
      }
      note_lost(*file);
    }
  }
  {
    const MutexLock lock(mutex_);
    handles_.erase(id);
  }
  close_file(file);
}

/// Drops one handle's share; the last one takes the file out of the table.
void Filesystem::Impl::close_file(const std::shared_ptr<OpenFile>& file) {
  const auto trace = file->trace();
  bool last = false;
  {
    const MutexLock lock(mutex_);
    const auto found = open_files_.find(file->ino());
    if (found == open_files_.end() || --found->second.handles > 0) {
      return;
    }
    note_trace(file->ino(), trace);
    open_files_.erase(found);
    last = true;
  }
  if (last) {
    remove_hidden(file);
    file->rescue();
  }
  inodes_.unpin(file->ino());
}

/// A removed file was kept on the server for its handles; they are gone, or about to go.
void Filesystem::Impl::remove_hidden(const std::shared_ptr<OpenFile>& file) {
  if (!file->hidden_on_server()) {
    return;
  }
  file->mark_orphan(false);
  if (const auto path = tree_.path(file->ino())) {
    const auto removed = services_.remote.remove_file(*path, services_.own_wait());
    if (!removed && removed.error().code != Errc::not_found) {
      ++services_.left_behind;
      log::warning("{} stays behind on the server: {}", path->str(), removed.error().text);
    }
  }
  if (const auto location = inodes_.locate(file->ino())) {
    inodes_.detach(location->parent, location->name);
  }
}

Result<void> Filesystem::Impl::allocate(HandleId id, int mode, std::uint64_t offset,
                                        std::uint64_t length, const Request& request) {
  const auto handle = find_handle(id);
  if (!handle) {
    return bad_handle();
  }
  if (length == 0 || offset + length < offset) {
    return make_error(Errc::invalid_argument, "no such range");
  }
  FTPSFS_TRY_ASSIGN(const Gate::Pass pass, handle->file->enter_behind_others(request.wait));
  return handle->file->allocate(mode, {offset, offset + length}, request.wait.stop);
}

std::size_t Filesystem::Impl::finish_uploads(const Wait& wait) {
  std::vector<std::shared_ptr<OpenFile>> files;
  {
    const MutexLock lock(mutex_);
    for (const auto& [ino, entry] : open_files_) {
      files.push_back(entry.file);
    }
  }
  // Publishing knows a stop token, no deadline: make the one from the other.
  std::stop_source out_of_time;
  const std::stop_callback on_stop(wait.stop, [&] { out_of_time.request_stop(); });
  std::jthread timer;
  try {
    timer = std::jthread([&](const std::stop_token& done) {
      pause_for(Wait{wait.deadline, done});
      out_of_time.request_stop();
    });
  } catch (const std::system_error& e) {
    log::warning("uploads are finished without a limit of time: {}", e.what());
  }
  std::size_t unfinished = 0;
  for (const auto& file : files) {
    bool finished = false;
    try {
      remove_hidden(file);  // an unmount need not tell us of the last close
      finished = !file->owes_upload();
      if (!finished) {
        auto pass = file->enter(Wait{wait.deadline, out_of_time.get_token()});
        finished = pass && file->publish(out_of_time.get_token());
      }
    } catch (const std::exception& e) {
      log::error("finishing an upload: {}", e.what());  // the others still have a chance
    }
    if (!finished) {
      unfinished += file->is_told() ? 0 : 1;  // as when its last handle is closed before the end
      note_lost(*file);
      file->rescue();
    }
  }
  return unfinished;
}

}  // namespace ftpsfs::fs
