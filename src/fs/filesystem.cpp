// SPDX-License-Identifier: MIT
//
// Names and attributes, and the thin outer class.
#include "ftpsfs/fs/filesystem.hpp"

#include <sys/stat.h>

#include <algorithm>

#include "filesystem_impl.hpp"
#include "ftpsfs/base/random_number.hpp"
#include "link_target.hpp"

namespace ftpsfs::fs {
namespace {

using std::chrono::milliseconds;

/// The part of the buffers that holds small files which were read and not opened yet; the rest is
/// the streams'.
constexpr std::uint64_t kAheadPart = 6;
constexpr milliseconds kSpaceTimeout{10'000};
/// Shown when the server does not tell: large enough that no program refuses to write.
constexpr std::uint64_t kUnknownSpace = 1ULL << 50;

std::uint32_t type_bits(remote::FileType type) {
  switch (type) {
    case remote::FileType::directory:
      return S_IFDIR;
    case remote::FileType::symlink:
      return S_IFLNK;
    case remote::FileType::regular:
    case remote::FileType::other:
      return S_IFREG;
  }
  return S_IFREG;
}

}  // namespace

Filesystem::Impl::Impl(remote::Remote& remote, Settings settings, KernelCache& kernel,
                       const Clock& clock)
    : settings_(std::move(settings)),
      cache_(cache::Settings{settings_.dir_cache_timeout, settings_.attr_timeout,
                             settings_.negative_timeout, settings_.cache_bytes},
             clock),
      hidden_names_(settings_.mount_id != 0 ? settings_.mount_id : random_number()),
      budget_(settings_.buffer_bytes - settings_.buffer_bytes / kAheadPart),
      files_ahead_(settings_.buffer_bytes / kAheadPart, clock),
      services_{remote,      settings_,     kernel,  clock, cache_,
                inodes_,     hidden_names_, budget_, pace_, transfer::Limits{},
                files_ahead_},
      tree_(services_),
      leftovers_(services_),
      prefetch_(services_, tree_),
      file_prefetch_(services_,
                     [this](Ino ino, std::uint64_t size) { return has_pages(ino, size); }),
      size_meter_(services_) {
  services_.limits.stall_timeout = settings_.waits_for_link ? kNoLimit : settings_.timeout;
  services_.limits.retries = settings_.retries;
  services_.limits.taken_up = &services_.taken_up;
  services_.limits.readahead = settings_.readahead_bytes;
  // Some are left to other programs, and to work ahead of need.
  constexpr unsigned kLeftToOthers = 3;
  const unsigned ours = std::max(settings_.connections, kLeftToOthers + 1) - kLeftToOthers;
  services_.limits.lanes = std::min(ours, 4U);
  services_.limits.sweeps = std::clamp(ours - services_.limits.lanes, 1U, 3U);
  services_.case_sensitive = remote.traits().case_sensitive;
  cache_.set_case_sensitive(services_.case_sensitive);
  inodes_.set_case_sensitive(services_.case_sensitive);
  tree_.on_question(
      [this](Ino parent, std::string_view name) { prefetch_.note_question(parent, name); });
  tree_.on_hidden([this](Ino directory, const std::vector<std::string>& names) {
    leftovers_.note(directory, names);
  });
}

std::uint32_t Filesystem::Impl::shown_mode(remote::FileType type,
                                           std::optional<std::uint16_t> mode) const {
  const bool directory = type == remote::FileType::directory;
  if (type == remote::FileType::symlink) {
    return S_IFLNK | 0777U;
  }
  std::uint32_t bits = mode.value_or(directory ? 0755 : 0644);
  if (const auto& mask = directory ? settings_.directory_mask : settings_.file_mask) {
    // An explicit mask decides alone; only whether a file is a program is the server's word.
    const bool executable = directory || (mode.value_or(0) & 0111U) != 0;
    bits = (executable ? 0777U : 0666U) & ~static_cast<std::uint32_t>(*mask);
  }
  return type_bits(type) | (bits & 07777U);
}

Attributes Filesystem::Impl::attributes(Ino ino, const remote::Entry& entry, milliseconds valid_for,
                                        Asker asker) {
  const auto file = find_open(ino);
  const auto local = file ? file->local_view() : std::nullopt;
  if (!file || local) {
    return attributes(ino, entry, valid_for, local);
  }
  file->observe(entry);
  Attributes result = attributes(ino, entry, valid_for, local);
  const std::uint64_t told = file->tellable_size(result.size, asker);
  if (told < result.size) {
    result.size = told;
    result.is_size_current = false;
    result.valid_for = milliseconds(0);
  }
  return result;
}

Attributes Filesystem::Impl::attributes(Ino ino, const remote::Entry& entry, milliseconds valid_for,
                                        const std::optional<OpenFile::LocalView>& local) const {
  Attributes result;
  result.ino = ino;
  result.uid = settings_.uid;
  result.gid = settings_.gid;
  result.nlink = entry.type == remote::FileType::directory ? 2 : 1;
  result.size = entry.type == remote::FileType::directory ? 0 : entry.size.value_or(0);
  if (entry.type == remote::FileType::symlink && entry.symlink_target) {
    result.size = shown_target(ino, *entry.symlink_target).size();
  }
  result.mtime_seconds = entry.mtime ? entry.mtime->unix_seconds : 0;
  result.valid_for = std::min(valid_for, settings_.attr_timeout);
  std::optional<std::uint16_t> mode = entry.mode;
  if (entry.type == remote::FileType::regular) {
    std::optional<std::uint64_t> size = local ? local->size : entry.size;
    if (!size) {
      // Of what was removed nothing newer will ever be known.
      const auto last = services_.sizes.recall(ino);
      const auto measured =
          services_.sizes.find(ino, local ? remote::FileVersion{} : remote::version_of(entry));
      result.is_size_known = measured || (local && local->orphan && last);
      result.valid_for =
          std::min(result.valid_for, measured ? measured->valid_for : milliseconds(0));
      size = measured ? measured->bytes : last.value_or(0);
    }
    result.size = *size;
  }
  if (local) {
    result.mtime_seconds = local->mtime_seconds;
    mode = local->mode ? local->mode : mode;
    result.valid_for = milliseconds(0);
    if (local->orphan) {
      result.nlink = 0;
    }
  }
  result.mode = shown_mode(entry.type, mode);
  return result;
}

/// Also of links that lead nowhere on the server: here an absolute one might lead somewhere.
std::string Filesystem::Impl::shown_target(Ino link, const std::string& target) const {
  const auto location = inodes_.locate(link);
  if (settings_.symlinks == SymlinkView::show || !location) {
    return target;
  }
  const auto directory = tree_.path(location->parent);
  return directory ? mounted_target(settings_.root, *directory, target) : target;
}

/// The kernel is not told to remember absence: asking us costs it little, and what others create
/// must show up after a refresh, which cannot name what is not there.
EntryReply Filesystem::Impl::negative() {
  return EntryReply{};
}

const std::string& Filesystem::Impl::spelling(const std::string& name,
                                              const Tree::Known& known) const {
  return services_.case_sensitive || !known.entry || known.entry->name.empty() ? name
                                                                               : known.entry->name;
}

bool Filesystem::Impl::is_other_spelling(Ino parent, const std::string& name) const {
  const auto listing = services_.case_sensitive ? nullptr : cache_.peek_listing(parent);
  return listing && listing->shows_all() && cache_.find_in(*listing, name) == nullptr;
}

Result<remote::RemotePath> Filesystem::Impl::path_of(Ino parent, const std::string& name) const {
  if (const auto ino = inodes_.find(parent, name)) {
    return tree_.path(*ino);
  }
  FTPSFS_TRY_ASSIGN(const remote::RemotePath directory, tree_.path(parent));
  return directory.child(name);
}

EntryReply Filesystem::Impl::reply_for(Ino parent, const std::string& name,
                                       const Tree::Known& known, std::uint64_t lookups) {
  if (!known.entry) {
    return negative();
  }
  const Ino ino = inodes_.acquire(parent, spelling(name, known), known.entry->type, lookups);
  EntryReply reply;
  reply.attributes = attributes(ino, *known.entry, known.valid_for, Asker::kernel);
  // The kernel would remember each spelling by itself, also when the name has gone under another.
  reply.valid_for = services_.case_sensitive ? std::min(known.valid_for, settings_.entry_timeout)
                                             : milliseconds(0);
  return reply;
}

std::optional<OpenFile::LocalView> Filesystem::Impl::find_pending(Ino parent,
                                                                  std::string_view name) const {
  const auto ino = inodes_.find(parent, name);
  const auto file = ino ? find_open(*ino) : nullptr;
  auto local = file ? file->local_view() : std::nullopt;
  return local && !local->orphan ? local : std::nullopt;
}

Tree::Known Filesystem::Impl::local_entry(const OpenFile::LocalView& local,
                                          std::string_view name) const {
  remote::Entry entry;
  entry.name = std::string(name);
  entry.type = remote::FileType::regular;
  entry.size = local.size;
  entry.mtime = remote::FileTime{local.mtime_seconds, remote::TimeGrain::second};
  entry.mode = local.mode;
  return Tree::Known{std::move(entry), milliseconds(0), services_.clock.now()};
}

std::optional<Result<EntryReply>> Filesystem::Impl::find_entry(Ino parent, std::string_view name) {
  if (HiddenNames::is_hidden(name)) {
    return Result<EntryReply>(negative());
  }
  prefetch_.note_visit(parent);
  tree_.times_demand().note_look(parent);
  if (const auto local = find_pending(parent, name)) {
    return Result<EntryReply>(reply_for(parent, std::string(name), local_entry(*local, name), 1));
  }
  const auto known = tree_.find(parent, name);
  if (!known) {
    return std::nullopt;
  }
  return Result<EntryReply>(reply_for(parent, std::string(name), *known, 1));
}

Result<EntryReply> Filesystem::Impl::lookup(Ino parent, const std::string& name,
                                            const Request& request) {
  FTPSFS_TRY(remote::check_name(name));
  FTPSFS_TRY_ASSIGN(const Tree::Known known, this->known(parent, name, request));
  return reply_for(parent, name, known, 1);
}

/// What the name stands for, seen from this mount.
Result<Tree::Known> Filesystem::Impl::known(Ino parent, const std::string& name,
                                            const Request& request) {
  if (HiddenNames::is_hidden(name)) {
    return Tree::Known{std::nullopt, settings_.negative_timeout, services_.clock.now()};
  }
  if (const auto local = find_pending(parent, name)) {
    return local_entry(*local, name);
  }
  return tree_.fetch(parent, name, request.wait);
}

Result<Tree::Known> Filesystem::Impl::existing(Ino parent, const std::string& name,
                                               const Request& request) {
  FTPSFS_TRY(remote::check_name(name));
  FTPSFS_TRY_ASSIGN(Tree::Known found, known(parent, name, request));
  if (!found.entry) {
    return make_error(Errc::not_found, "no such file or directory");
  }
  return found;
}

std::optional<Result<Attributes>> Filesystem::Impl::find_attributes(Ino ino, Asker asker) {
  auto found = find_known_attributes(ino, asker);
  const bool is_settled =
      !found || !*found ||
      ((*found)->is_size_known && ((*found)->is_size_current || asker == Asker::kernel));
  return is_settled ? found : std::nullopt;
}

std::optional<Result<Attributes>> Filesystem::Impl::find_known_attributes(Ino ino, Asker asker) {
  if (ino == kRootIno) {
    return Result<Attributes>(attributes(ino, tree_.root_entry(), settings_.attr_timeout, asker));
  }
  if (const auto file = find_open(ino)) {
    if (const auto local = file->local_view()) {
      return Result<Attributes>(
          attributes(ino, *local_entry(*local, "").entry, milliseconds(0), local));
    }
  }
  const auto location = inodes_.locate(ino);
  if (!location) {
    return Result<Attributes>(location.error());
  }
  const auto known = tree_.find(location->parent, location->name);
  if (!known) {
    return std::nullopt;
  }
  if (!known->entry) {
    return Result<Attributes>(make_error(Errc::not_found, "the file is gone"));
  }
  return Result<Attributes>(attributes(ino, *known->entry, known->valid_for, asker));
}

Result<Attributes> Filesystem::Impl::known_attributes(Ino ino, const Request& request,
                                                      Asker asker) {
  if (auto found = find_known_attributes(ino, asker)) {
    return *std::move(found);
  }
  FTPSFS_TRY_ASSIGN(const Location location, inodes_.locate(ino));
  FTPSFS_TRY_ASSIGN(const Tree::Known known,
                    tree_.fetch(location.parent, location.name, request.wait));
  if (!known.entry) {
    return make_error(Errc::not_found, "the file is gone");
  }
  return attributes(ino, *known.entry, known.valid_for, asker);
}

/// No program is told a size that is only guessed: tar, rsync and cp would believe it.
Result<Attributes> Filesystem::Impl::get_attributes(Ino ino, const Request& request, Asker asker) {
  constexpr int kAttempts = 3;
  for (int left = kAttempts;; --left) {
    FTPSFS_TRY_ASSIGN(Attributes seen, known_attributes(ino, request, asker));
    if (!seen.is_size_current && asker == Asker::program && left == kAttempts) {
      if (const auto file = find_open(ino)) {
        file->await_tellable(request.wait);
      }
      continue;
    }
    if (seen.is_size_known) {
      return seen;
    }
    if (const auto file = find_open(ino); file && file->owes_upload()) {
      FTPSFS_TRY_ASSIGN(const Gate::Pass pass, file->enter_behind_others(request.wait));
      FTPSFS_TRY(file->settle_size(request.wait.stop));
      if (left > 1) {
        continue;
      }
      return make_error(Errc::busy, "the file's size changes all the time");
    }
    FTPSFS_TRY_ASSIGN(const SizeMeter::Measured measured, measure(ino, request));
    if (measured.is_overtaken && left > 1) {
      continue;
    }
    if (auto found = find_attributes(ino, asker); found && !measured.is_overtaken) {
      return *std::move(found);
    }
    seen.size = measured.bytes;
    seen.is_size_known = true;
    return seen;
  }
}

Result<SizeMeter::Measured> Filesystem::Impl::measure(Ino ino, const Request& request) {
  FTPSFS_TRY_ASSIGN(const Location location, inodes_.locate(ino));
  const auto known = tree_.find(location.parent, location.name);
  const auto ticket = cache_.begin_fetch(location.parent);
  const bool is_listed = known && known->entry;
  FTPSFS_TRY_ASSIGN(SizeMeter::Measured measured,
                    size_meter_.measure(
                        ino, is_listed ? remote::version_of(*known->entry) : remote::FileVersion{},
                        request.wait.stop));
  if (measured.told && !measured.is_overtaken && is_listed) {
    remote::Entry entry = *known->entry;
    entry.size = measured.told->size;
    entry.mtime = measured.told->mtime ? measured.told->mtime : entry.mtime;
    cache_.store_entry(ticket, std::move(entry));
  }
  return measured;
}

bool Filesystem::Impl::lacks_size(Ino parent, std::string_view name,
                                  const remote::Entry& entry) const {
  if (!remote::has_untold_size(entry)) {
    return false;
  }
  const auto ino = inodes_.find(parent, name);
  return !ino || !services_.sizes.find(*ino, remote::version_of(entry));
}

Result<std::string> Filesystem::Impl::read_link(Ino ino, const Request& request) {
  FTPSFS_TRY_ASSIGN(const Location location, inodes_.locate(ino));
  FTPSFS_TRY_ASSIGN(Tree::Known known, existing(location.parent, location.name, request));
  if (known.entry->type != remote::FileType::symlink) {
    return make_error(Errc::invalid_argument, "not a symbolic link");
  }
  if (!known.entry->symlink_target) {
    // MLST need not tell targets; a listing may.
    FTPSFS_TRY_ASSIGN(const auto listing, tree_.fetch_listing(location.parent, request.wait));
    const auto* found = cache_.find_in(*listing, location.name);
    if (found == nullptr || !found->entry.symlink_target) {
      return make_error(Errc::unsupported, "the server does not tell where the link leads");
    }
    return shown_target(ino, *found->entry.symlink_target);
  }
  return shown_target(ino, *known.entry->symlink_target);
}

Result<FilesystemSpace> Filesystem::Impl::space(const Request& request) {
  {
    const MutexLock lock(mutex_);
    if (space_ && services_.clock.now() < space_until_) {
      return *space_;
    }
  }
  FilesystemSpace result{kUnknownSpace, kUnknownSpace};
  if (!services_.remote.traits().tells_space) {
    return result;  // df must not wait for a server that has nothing to say
  }
  if (const auto space = services_.remote.space(settings_.root, request.wait)) {
    result.free_bytes = space->free_bytes.value_or(kUnknownSpace);
    result.total_bytes = std::max(space->total_bytes.value_or(kUnknownSpace), result.free_bytes);
  } else if (space.error().code == Errc::cancelled) {
    return space.error();
  }
  const MutexLock lock(mutex_);
  space_ = result;
  space_until_ = services_.clock.now() + kSpaceTimeout;
  return result;
}

/// The node of a path, or of as much of it as is known.
Ino Filesystem::Impl::nearest_known(std::string_view path) const {
  Ino current = kRootIno;
  while (!path.empty()) {
    const std::string_view name = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(name.size() + 1, path.size()));
    if (name.empty()) {
      continue;
    }
    const auto next = inodes_.find(current, name);
    if (!next) {
      break;
    }
    current = *next;
  }
  return current;
}

void Filesystem::Impl::refresh(std::string_view path) {
  services_.remote.forget_refusals();
  cache_.clear();
  files_ahead_.clear();
  services_.sizes.clear();
  {
    const MutexLock lock(mutex_);
    paged_versions_.clear();
    space_.reset();
  }
  const Ino top = nearest_known(path);
  for (const Ino ino : inodes_.known_to_kernel()) {
    if (!inodes_.is_below(ino, top)) {
      continue;
    }
    services_.kernel.invalidate_inode(ino, true);
    if (const auto location = inodes_.locate(ino); location && ino != kRootIno) {
      services_.kernel.invalidate_entry(location->parent, location->name);
    }
  }
}

void Filesystem::Impl::forget_directory(const remote::RemotePath& directory) {
  const std::string& top = settings_.root.str();
  const std::string prefix = settings_.root.is_root() ? std::string() : top;
  if (directory.str() != top && !directory.str().starts_with(prefix + "/")) {
    return;
  }
  const Ino ino = nearest_known(std::string_view(directory.str()).substr(prefix.size()));
  if (const auto path = tree_.path(ino); !path || *path != directory) {
    return;  // nobody has seen it
  }
  cache_.invalidate_directory(ino);
  files_ahead_.clear();
  for (const Ino known : inodes_.known_to_kernel()) {
    if (known == kRootIno) {
      continue;
    }
    if (const auto location = inodes_.locate(known); location && location->parent == ino) {
      services_.kernel.invalidate_inode(known, true);
      services_.kernel.invalidate_entry(ino, location->name);
    }
  }
  services_.kernel.invalidate_inode(ino, true);
}

Filesystem::Counters Filesystem::Impl::counters() const {
  Counters result;
  const auto cached = cache_.counters();
  result.cache_bytes = cached.bytes;
  result.cache_hits = cached.hits;
  result.cache_misses = cached.misses;
  result.inodes = inodes_.size();
  result.failed_uploads = services_.failed_uploads;
  result.failures = services_.upload_failures.all();
  result.taken_up = services_.taken_up;
  result.lost_files = services_.lost_files.count();
  result.rescued_files = services_.rescued_files;
  result.left_behind = services_.left_behind;
  const auto ahead = prefetch_.counters();
  result.listed_ahead = ahead.listed;
  result.listed_ahead_used = ahead.used;
  result.read_ahead = files_ahead_.counters().read;
  result.read_ahead_used = files_ahead_.counters().used;
  std::vector<std::shared_ptr<OpenFile>> files;
  {
    const MutexLock lock(mutex_);
    for (const auto& [ino, entry] : open_files_) {
      files.push_back(entry.file);
    }
  }
  result.open_files = files.size();
  result.dirty_files = static_cast<std::uint64_t>(std::count_if(
      files.begin(), files.end(), [](const auto& file) { return file->owes_upload(); }));
  return result;
}

Result<void> Filesystem::Impl::writable() const {
  if (settings_.read_only) {
    return make_error(Errc::read_only, "mounted read-only");
  }
  return {};
}

// The outer class.

Filesystem::Filesystem(remote::Remote& remote, Settings settings, KernelCache& kernel,
                       const Clock& clock)
    : impl_(std::make_unique<Impl>(remote, std::move(settings), kernel, clock)) {}
Filesystem::~Filesystem() = default;

std::optional<Result<EntryReply>> Filesystem::find_entry(Ino parent, std::string_view name) {
  return impl_->find_entry(parent, name);
}
Result<EntryReply> Filesystem::lookup(Ino parent, const std::string& name, const Request& request) {
  return impl_->lookup(parent, name, request);
}
void Filesystem::forget(Ino ino, std::uint64_t lookups) {
  impl_->inodes().forget(ino, lookups);
}
std::optional<Result<Attributes>> Filesystem::find_attributes(Ino ino, Asker asker) {
  return impl_->find_attributes(ino, asker);
}
Result<Attributes> Filesystem::get_attributes(Ino ino, const Request& request, Asker asker) {
  return impl_->get_attributes(ino, request, asker);
}
Result<Attributes> Filesystem::set_attributes(Ino ino, const AttributeChange& change,
                                              std::optional<HandleId> handle,
                                              const Request& request) {
  return impl_->set_attributes(ino, change, handle, request);
}
Result<std::string> Filesystem::read_link(Ino ino, const Request& request) {
  return impl_->read_link(ino, request);
}
Result<EntryReply> Filesystem::make_directory(Ino parent, const std::string& name,
                                              std::uint32_t mode, const Request& request) {
  return impl_->make_directory(parent, name, mode, request);
}
Result<EntryReply> Filesystem::make_symlink(const std::string& target, Ino parent,
                                            const std::string& name, const Request& request) {
  return impl_->make_symlink(target, parent, name, request);
}
Result<void> Filesystem::remove_file(Ino parent, const std::string& name, const Request& request) {
  return impl_->remove_file(parent, name, request);
}
Result<void> Filesystem::remove_directory(Ino parent, const std::string& name,
                                          const Request& request) {
  return impl_->remove_directory(parent, name, request);
}
Result<void> Filesystem::rename(Ino parent, const std::string& name, Ino new_parent,
                                const std::string& new_name, unsigned flags,
                                const Request& request) {
  return impl_->rename(parent, name, new_parent, new_name, flags, request);
}
Result<OpenReply> Filesystem::open(Ino ino, int flags, const Request& request) {
  return impl_->open(ino, flags, request);
}
Result<CreateReply> Filesystem::create(Ino parent, const std::string& name, std::uint32_t mode,
                                       int flags, const Request& request) {
  return impl_->create(parent, name, mode, flags, request);
}
std::optional<Result<Slices>> Filesystem::find_content(HandleId handle, std::uint64_t offset,
                                                       std::size_t size) {
  return impl_->find_content(handle, offset, size);
}
Result<Slices> Filesystem::read(HandleId handle, std::uint64_t offset, std::size_t size,
                                const Request& request) {
  return impl_->read(handle, offset, size, request);
}
std::optional<Result<void>> Filesystem::try_write(HandleId handle, WritePlace place,
                                                  const Slice& data) {
  return impl_->try_write(handle, place, data);
}
Result<void> Filesystem::write(HandleId handle, WritePlace place, const Slice& data,
                               const Request& request) {
  return impl_->write(handle, place, data, request);
}
Result<void> Filesystem::allocate(HandleId handle, int mode, std::uint64_t offset,
                                  std::uint64_t length, const Request& request) {
  return impl_->allocate(handle, mode, offset, length, request);
}
Result<void> Filesystem::flush(HandleId handle, const Request& request) {
  return impl_->flush(handle, request);
}
Result<void> Filesystem::sync(HandleId handle, const Request& request) {
  return impl_->sync(handle, request);
}
std::optional<std::shared_ptr<void>> Filesystem::try_release(HandleId handle) {
  return impl_->try_release(handle);
}
void Filesystem::release(HandleId handle, const Request& request) {
  impl_->release(handle, request);
}
Result<HandleId> Filesystem::open_directory(Ino ino, const EarlyHandle& early,
                                            const Request& request) {
  return impl_->open_directory(ino, early, request);
}
Result<void> Filesystem::read_directory(HandleId handle, std::uint64_t offset, bool plus,
                                        const DirectoryVisitor& visit, const Request& request) {
  return impl_->read_directory(handle, offset, plus, visit, request);
}
void Filesystem::release_directory(HandleId handle) {
  impl_->release_directory(handle);
}
Result<FilesystemSpace> Filesystem::space(const Request& request) {
  return impl_->space(request);
}
void Filesystem::refresh(std::string_view path) {
  impl_->refresh(path);
}
void Filesystem::forget_directory(const remote::RemotePath& directory) {
  impl_->forget_directory(directory);
}
std::size_t Filesystem::finish_uploads(const Wait& wait) {
  return impl_->finish_uploads(wait);
}
Filesystem::Counters Filesystem::counters() const {
  return impl_->counters();
}

}  // namespace ftpsfs::fs
