// SPDX-License-Identifier: MIT
//
// OpenFile: how content becomes visible under the file's name (SEMANTICS, rules 1 to 3).
//
// New names are written straight to the name. An existing file is replaced by a rename over it, so
// that others see the old or the new content, whole (`upload=` says otherwise for either, and so
// does a directory that takes no hidden names: there all is written straight to the name). What
// belongs to the upload besides its bytes (mode, time) is its tail: see upload_tail.cpp.
#include "ftpsfs/base/log.hpp"
#include "ftpsfs/transfer/staging.hpp"
#include "open_file.hpp"
#include "recovery.hpp"
#include "rename_over.hpp"

namespace ftpsfs::fs {
namespace {

/// An upload that was cut cannot go on where the server does not append, and not begin again under
/// its name where the server does not write over anything.
bool is_for_another_name(const Error& error, const remote::RemoteTraits& traits) {
  return !traits.appends &&
         (error.code == Errc::access_denied || error.code == Errc::already_exists);
}

}  // namespace

Result<void> OpenFile::publish(const std::stop_token& stop, std::uint64_t failures_before) {
  if (!owes_upload()) {
    return verdict(failures_before);
  }
  const Content now = content();
  if (const auto* streaming = std::get_if<Streaming>(&now)) {
    return publish_stream(*streaming, stop);
  }
  return publish_copy(std::get<Staged>(now), stop);
}

Result<void> OpenFile::begin_upload(const std::stop_token& stop, std::uint64_t failures_before) {
  const Content now = content();
  const auto* streaming = std::get_if<Streaming>(&now);
  if (streaming == nullptr || streaming->stream->started() || is_orphan() ||
      services_.remote.traits().writes_back) {  // whose verdict comes later in any case
    return verdict(failures_before);
  }
  if (streaming->temporary.empty()) {
    return publish_stream(*streaming, stop);
  }
  auto begun = streaming->stream->finish(stop);
  if (begun) {
    return {};
  }
  if (begun.error().code == Errc::cancelled) {
    return std::move(begun).error();
  }
  streaming->stream->abandon();
  clear_away(streaming->temporary, begun.error());
  {
    const MutexLock lock(mutex_);
    content_ = OnServer{};
    bytes_lost_ = true;
    ++epoch_;
  }
  return settle_verdict(std::move(begun).error());
}

Result<void> OpenFile::publish_stream(const Streaming& streaming, const std::stop_token& stop) {
  const remote::UploadTail tail = tail_for(streaming.temporary);
  auto end = streaming.stream->finish(stop, tail);
  if (!end && streaming.stream->is_stuck()) {
    auto left = leave_stuck(streaming, stop);
    if (left) {
      return publish(stop);
    }
    end = std::move(left).error();
  }
  if (!end && end.error().code == Errc::cancelled) {
    return std::move(end).error();
  }
  Result<void> installed;
  if (end) {
    installed = install(*std::move(end), tail, streaming.temporary);
  } else {
    installed = std::move(end).error();
    streaming.stream->abandon();
    clear_away(streaming.temporary, installed.error());
  }
  {
    // The bytes of a failed stream are gone; what the server has stays what it was, or, under a
    // new name, a part that the verdict tells of.
    const MutexLock lock(mutex_);
    content_ = OnServer{};
    bytes_lost_ = bytes_lost_ || !installed;
    ++epoch_;
  }
  return settle_verdict(std::move(installed));
}

Result<void> OpenFile::publish_copy(const Staged& staged, const std::stop_token& stop) {
  // First: an upload and a download that wait for each other would take turns on one connection.
  if (auto whole = staged.copy->complete(stop); !whole) {
    return whole.error().code == Errc::cancelled ? whole : settle_verdict(std::move(whole));
  }
  std::string temporary = temporary_for(on_server());
  remote::UploadTail tail = tail_for(temporary);
  const auto send = [&] {
    return transfer::send_from(*staged.copy, services_.remote, target_path(temporary), tail,
                               services_.budget, services_.limits, stop);
  };
  auto end = send();
  if (!end && is_for_another_name(end.error(), services_.remote.traits())) {
    remove_temporary(temporary, services_.own_wait());
    temporary = temporary_for(true);
    tail = tail_for(temporary);
    end = send();
  }
  if (!end && end.error().code == Errc::cancelled) {
    remove_temporary(temporary, services_.own_wait());
    return std::move(end).error();
  }
  Result<void> installed;
  if (end) {
    installed = install(*std::move(end), tail, temporary);
  } else {
    installed = std::move(end).error();
    clear_away(temporary, installed.error());
  }
  if (installed) {
    const MutexLock lock(mutex_);
    auto& published = std::get<Staged>(content_);
    published.dirty = false;
    published.is_published = true;
  }  // else it stays dirty: the copy is there for another try
  return settle_verdict(std::move(installed));
}

/// The upload has arrived whole; now it gets its name, mode and time.
Result<void> OpenFile::install(remote::FinishedUpload end, remote::UploadTail tail,
                               const std::string& temporary) {
  bool is_new = false;
  {
    const MutexLock lock(mutex_);
    is_new = !on_server_;
  }
  const Wait wait = wait_behind(end);
  if (!temporary.empty()) {
    FTPSFS_TRY(put_in_place(temporary, tail, end, wait));
  }
  FTPSFS_TRY_ASSIGN(const remote::RemotePath path, own_path()());
  if (is_new && services_.new_file_mode == 0 && !services_.remote.traits().writes_back) {
    learn_mode(path, wait);
  }
  apply_tail(path, is_new || !temporary.empty(), tail, end, wait);
  remember_published(end.version);
  note_whole(path);
  return {};
}

/// A server that hung with mode or time, which travel with the bytes, has had half of it.
Wait OpenFile::wait_behind(const remote::FinishedUpload& end) const {
  const auto hung = [](const std::optional<Result<void>>& set) {
    return set && !*set && is_link_failure(set->error().code);
  };
  const Wait wait = services_.own_wait();
  return hung(end.mode_set) || hung(end.mtime_set) ? Services::half_of(wait) : wait;
}

Result<void> OpenFile::put_in_place(const std::string& temporary, remote::UploadTail& tail,
                                    remote::FinishedUpload& end, const Wait& wait) {
  FTPSFS_TRY_ASSIGN(const remote::RemotePath part, sibling_path(temporary)());
  auto moved = move_part(part, tail, end, wait);
  if (!moved) {
    // A directory above may have been renamed meanwhile.
    if (const auto now = sibling_path(temporary)(); now && *now != part) {
      moved = move_part(*now, tail, end, wait);
    }
  }
  if (!moved) {
    clear_away(temporary, moved.error());
    return moved;
  }
  // What is refused for a hidden name may be granted for the file's own.
  for (auto* set : {&end.mode_set, &end.mtime_set}) {
    if (*set && !**set) {
      set->reset();
    }
  }
  return {};
}

Result<void> OpenFile::move_part(const remote::RemotePath& part, remote::UploadTail& tail,
                                 remote::FinishedUpload& end, const Wait& wait) {
  FTPSFS_TRY_ASSIGN(const remote::RemotePath path, own_path()());
  set_mode_of_part(part, tail, end, wait);
  return rename_over(services_, part, path, wait);
}

void OpenFile::remember_published(const remote::FileVersion& version) {
  services_.files_ahead.drop(ino_);  // begun before, it may be the old content
  remote::Entry entry;
  entry.type = remote::FileType::regular;
  entry.followed = behind_link_;
  entry.size = version.size;
  entry.mtime = version.mtime;
  entry.unique = version.unique;
  {
    const MutexLock lock(mutex_);
    entry.mode = mode_owed_ ? std::nullopt : mode_;
    version_ = version;
    services_.sizes.forget(ino_);
    if (!version_.size) {
      // What a server makes of our bytes, it does not say: whoever opens the file reads to its end.
      const std::optional<std::uint64_t> ours = size_locked();
      if (ours) {
        services_.sizes.note_written(ino_, *ours, version);
      }
      version_.size = is_padded() ? std::nullopt : ours;
    }
    version_seen_ = services_.clock.now();
    growth_.reset();
    is_outlived_ = false;
    on_server_ = true;
    ++epoch_;
  }
  if (const auto location = services_.inodes.locate(ino_)) {
    entry.name = location->name;
    services_.cache.note_created(location->parent, std::move(entry));
  }
}

/// What was added to a lost file, or changed in it, does not make it whole.
void OpenFile::note_whole(const remote::RemotePath& path) {
  {
    const MutexLock lock(mutex_);
    const auto* streaming = std::get_if<Streaming>(&content_);
    const auto* staged = std::get_if<Staged>(&content_);
    if ((streaming != nullptr && streaming->mode == remote::WriteMode::append) ||
        (staged != nullptr && !staged->all_ours)) {
      return;
    }
    lost_noted_ = false;
  }
  services_.lost_files.forget(path.str());
  services_.upload_failures.forget(path.str());
}

/// Keeps the verdict for later flushes, and tells log, status and cache of a failure.
Result<void> OpenFile::settle_verdict(Result<void> outcome) {
  {
    const MutexLock lock(mutex_);
    written_ = false;
    if (!outcome) {
      verdict_ = outcome.error();
      ++failures_;
    } else if (!bytes_lost_) {
      forget_verdict();  // a local copy was there for another try
    }
  }
  if (!outcome) {
    const auto location = services_.inodes.locate(ino_);
    if (const auto path = own_path()()) {
      log::warning("{}: the upload failed: {}", path->str(), outcome.error().text);
      services_.upload_failures.note({path->str(), outcome.error().text, services_.clock.now()});
    } else {
      log::warning("the upload of a removed file failed: {}", outcome.error().text);
    }
    ++services_.failed_uploads;
    if (location) {
      services_.cache.invalidate_entry(location->parent, location->name);
    }
  }
  return outcome;
}

void OpenFile::forget_verdict() {
  verdict_.reset();
  bytes_lost_ = false;
}

void OpenFile::clear_away(const std::string& temporary, const Error& failure) {
  // A server that has just been waited for in vain hardly answers now.
  const Wait wait = services_.own_wait();
  remove_temporary(
      temporary, is_link_failure(failure.code) ? Services::half_of(Services::half_of(wait)) : wait);
}

void OpenFile::remove_temporary(const std::string& temporary, const Wait& wait) {
  if (temporary.empty()) {
    return;
  }
  const auto path = sibling_path(temporary)();
  if (!path) {
    return;
  }
  const auto removed = services_.remote.remove_file(*path, wait);
  if (!removed && removed.error().code != Errc::not_found) {
    ++services_.left_behind;
    log::info("{}: left behind: {}", path->str(), removed.error().text);
  }
}

Result<bool> OpenFile::prepare_orphan(const std::stop_token& stop) {
  FTPSFS_TRY(leave_copy_behind(services_.own_wait(stop)));
  if (!std::holds_alternative<OnServer>(content())) {
    FTPSFS_TRY_ASSIGN(const auto copy, staged_copy(stop));
    FTPSFS_TRY(copy->complete(stop));
  }
  const MutexLock lock(mutex_);
  return on_server_;
}

Result<void> OpenFile::bring_home(const std::stop_token& stop) {
  FTPSFS_TRY_ASSIGN(const auto copy, staged_copy(stop));
  FTPSFS_TRY(copy->complete(stop));
  const MutexLock lock(mutex_);
  hidden_on_server_ = false;
  return {};
}

void OpenFile::rescue() {
  std::shared_ptr<transfer::StagedFile> copy;
  std::string reason;
  {
    const MutexLock lock(mutex_);
    const auto* staged = std::get_if<Staged>(&content_);
    if (staged == nullptr || !owes_locked() || std::exchange(rescued_, true)) {
      return;
    }
    copy = staged->copy;
    reason = verdict_ ? verdict_->text : "the mount ended before it was uploaded";
  }
  const auto path = own_path()();
  if (!path) {
    return;
  }
  const auto kept =
      keep_for_recovery(services_.settings, *copy, {path->str(), reason, services_.wall_seconds()});
  if (!kept) {
    log::error("{}: what was written to it is lost ({}), and cannot be kept here: {}", path->str(),
               reason, kept.error().text);
    return;
  }
  ++services_.rescued_files;
  log::error("{}: what was written to it is not on the server ({}), and is kept in {}", path->str(),
             reason, *kept);
}

void OpenFile::mark_orphan(bool hidden_on_server) {
  const MutexLock lock(mutex_);
  orphan_ = true;
  hidden_on_server_ = hidden_on_server;
}

bool OpenFile::written_since_flush() const {
  const MutexLock lock(mutex_);
  return written_;
}

Result<void> OpenFile::verdict(std::uint64_t failures_before) const {
  const MutexLock lock(mutex_);
  return verdict_ && failures_ > failures_before ? Result<void>(*verdict_) : Result<void>();
}

std::uint64_t OpenFile::failures() const {
  const MutexLock lock(mutex_);
  return failures_;
}

bool OpenFile::note_told() {
  const MutexLock lock(mutex_);
  told_ = true;
  return std::exchange(lost_noted_, false);
}

void OpenFile::note_lost() {
  const MutexLock lock(mutex_);
  lost_noted_ = true;
}

bool OpenFile::is_told() const {
  const MutexLock lock(mutex_);
  return told_;
}

bool OpenFile::owes_upload() const {
  const MutexLock lock(mutex_);
  return owes_locked();
}

bool OpenFile::is_orphan() const {
  const MutexLock lock(mutex_);
  return orphan_;
}

bool OpenFile::hidden_on_server() const {
  const MutexLock lock(mutex_);
  return hidden_on_server_;
}

bool OpenFile::on_server() const {
  const MutexLock lock(mutex_);
  return on_server_;
}

remote::FileVersion OpenFile::version() const {
  const MutexLock lock(mutex_);
  return version_;
}

std::optional<OpenFile::LocalView> OpenFile::local_view() const {
  const MutexLock lock(mutex_);
  if (!owes_locked() && !orphan_) {
    return std::nullopt;
  }
  LocalView view;
  const auto* streaming = std::get_if<Streaming>(&content_);
  view.size = streaming != nullptr ? streaming->shown_end() : size_locked();
  view.mtime_seconds = mtime_owed_.value_or(
      changed_at_ != 0 ? changed_at_ : (version_.mtime ? version_.mtime->unix_seconds : 0));
  view.mode = mode_;
  view.orphan = orphan_;
  return view;
}

OpenFile::Comparison OpenFile::compare(const remote::Entry& entry) const {
  if (is_ours_newer()) {
    return Comparison::same;
  }
  const remote::FileVersion observed = remote::version_of(entry);
  if (remote::may_be_same(version_, observed)) {
    return Comparison::same;
  }
  const bool grown = observed.size && version_.size && *observed.size > *version_.size &&
                     !remote::is_another_file(version_, observed) &&
                     !remote::is_older(observed, version_);
  return grown ? Comparison::grown : Comparison::other;
}

bool OpenFile::observe(const remote::Entry& entry) {
  const MutexLock lock(mutex_);
  const Comparison comparison = compare(entry);
  if (comparison == Comparison::grown) {
    given();  // of what was before
    growth_.follow(*version_.size, SteadyClock::now());
    version_ = remote::version_of(entry);
    version_seen_ = services_.clock.now();
    if (auto* staged = std::get_if<Staged>(&content_)) {
      staged->is_behind = true;
    }
  }
  return comparison == Comparison::same;
}

bool OpenFile::is_replaced(const remote::Entry& entry) const {
  const MutexLock lock(mutex_);
  return (is_outlived_ && !is_ours_newer()) || compare(entry) == Comparison::other;
}

}  // namespace ftpsfs::fs
