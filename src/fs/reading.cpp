// SPDX-License-Identifier: MIT
//
// OpenFile: where the bytes that a program reads come from, and what the kernel is given beside
// them.
#include <algorithm>
#include <utility>

#include "open_file.hpp"

namespace ftpsfs::fs {

void OpenFile::adopt_ahead() {
  FilesAhead::Dropped dropped;
  const MutexLock lock(mutex_);  // across both: no local change comes between
  if (std::holds_alternative<OnServer>(content_) && version_.size) {
    if (auto ahead = services_.files_ahead.hand_over(ino_, dropped)) {
      ahead_ = std::move(ahead);
      ahead_epoch_ = epoch_;
    }
  }
}

std::shared_ptr<FileAhead> OpenFile::ahead_locked() {
  return ahead_epoch_ == epoch_ ? ahead_ : nullptr;
}

std::optional<Slices> OpenFile::find_ahead(const FileAhead::Content& whole, std::uint64_t offset,
                                           std::size_t size) const {
  return whole && whole->fits(version_) ? whole->find(offset, size) : std::nullopt;
}

/// A program looks at a file's size before it opens it, or right behind that: its first read finds
/// what was read for the answer. At the end of that it goes on with what a later look has brought.
FileAhead::Content OpenFile::kept_content(FileHandle& handle, std::uint64_t offset,
                                          FilesAhead::Dropped& dropped) {
  if (version_.size) {
    return nullptr;
  }
  const bool has_reader = handle.reader && handle.reader_epoch == epoch_;
  FileAhead::Content content;
  if (handle.kept && handle.kept_epoch == epoch_) {
    content = handle.kept->peek();
  }
  const bool is_at_end = content && offset >= content->size();
  if ((!content && !has_reader) || is_at_end) {
    auto newer = services_.files_ahead.take_kept(ino_, dropped);
    const auto known = services_.sizes.recall(ino_);
    if (newer && newer->peek()->fits(version_)) {
      std::swap(handle.kept, newer);
      handle.kept_epoch = epoch_;
      content = handle.kept->peek();
    } else if (is_at_end && known && *known > content->size()) {
      content = nullptr;  // it has grown, and what is behind is on the server
      dropped.push_back(std::move(handle.kept));
    }
    dropped.push_back(std::move(newer));
  }
  return content;
}

std::shared_ptr<transfer::FileReader> OpenFile::reader(FileHandle& handle, Outdated& outdated) {
  if (!handle.reader || handle.reader_epoch != epoch_) {
    const auto make_stream = [&services = services_, path = own_path(), weak = weak_from_this(),
                              epoch = epoch_] {
      auto check = [weak, epoch](const remote::FileVersion& observed,
                                 std::uint64_t offset) -> Result<void> {
        const auto self = weak.lock();
        return self ? self->check_version(observed, offset, epoch) : Result<void>();
      };
      return std::make_unique<transfer::ReadStream>(
          services.remote, path, std::move(check), services.budget, services.pace, services.limits);
    };
    // As all of them are read from now on: what is given later may be of a later version.
    const PageSource source{gives_pages_ ? services_.page_gates.gate(ino_) : nullptr, version_,
                            epoch_};
    const auto leftovers = [weak = weak_from_this(), source](transfer::Leftover pages) {
      if (const auto self = weak.lock()) {
        self->give_pages(std::move(pages), source);
      }
    };
    outdated = std::move(handle.reader);
    handle.reader = std::make_shared<transfer::FileReader>(make_stream, services_.pace,
                                                           services_.limits.lanes, leftovers);
    handle.reader_epoch = epoch_;
  }
  return handle.reader;
}

bool OpenFile::holds(const PageSource& source) const {
  return source.gate && gives_pages_ && source.epoch == epoch_ &&
         std::holds_alternative<OnServer>(content_) &&
         remote::may_be_same(source.version, version_);
}

/// Where a program reads at random, what it will want next is what lies around.
void OpenFile::give_pages(transfer::Leftover pages, const PageSource& source) {
  {
    const MutexLock lock(mutex_);
    // Of an unknown size the kernel keeps no pages; and none may make it believe in a longer file.
    if (!holds(source) || !source.version.size ||
        pages.offset + total_bytes(pages.bytes) > *source.version.size) {
      return;
    }
  }
  services_.kernel.store_pages(ino_, pages.offset, std::move(pages.bytes),
                               [weak = weak_from_this(), source] {
                                 const auto self = weak.lock();
                                 return self ? self->admit_pages(source) : PageTicket();
                               });
}

PageTicket OpenFile::admit_pages(const PageSource& source) {
  {
    const MutexLock lock(mutex_);
    if (!holds(source)) {
      return nullptr;
    }
  }
  auto ticket = source.gate->admit();
  if (!ticket) {
    return nullptr;
  }
  return {this, [self = shared_from_this(), source, passed = std::move(ticket)](void*) {
            bool changed = false;
            {
              const MutexLock lock(self->mutex_);
              changed = !remote::may_be_same(source.version, self->version_);
            }
            if (changed) {  // on the server, while they were on their way
              self->services_.kernel.invalidate_inode(self->ino_, true);
            }
          }};
}

void OpenFile::stop_giving_pages() {
  const MutexLock lock(mutex_);
  gives_pages_ = false;
}

std::optional<Result<Slices>> OpenFile::find_content(FileHandle& handle, std::uint64_t offset,
                                                     std::size_t size) {
  const MutexLock lock(mutex_);
  if (!std::holds_alternative<OnServer>(content_)) {
    return std::nullopt;
  }
  if (const auto ahead = ahead_locked()) {
    if (auto found = find_ahead(ahead->peek(), offset, size)) {
      return Result<Slices>(*std::move(found));
    }
  }
  if (handle.kept && handle.kept_epoch == epoch_) {
    const FileAhead::Content kept = handle.kept->peek();
    auto found = offset < kept->size() ? kept->find(offset, size) : std::nullopt;
    return found ? std::optional<Result<Slices>>(*std::move(found)) : std::nullopt;
  }
  if (!handle.reader || handle.reader_epoch != epoch_) {
    return std::nullopt;
  }
  if (auto found = handle.reader->find(offset, size, version_.size)) {
    return Result<Slices>(*std::move(found));
  }
  return std::nullopt;
}

Result<Slices> OpenFile::read(FileHandle& handle, std::uint64_t offset, std::size_t size,
                              const Request& request) {
  for (;;) {
    Outdated outdated;  // its end joins a pump that may want the mutex: destroyed without it
    FilesAhead::Dropped dropped;
    FileAhead::Content kept;
    std::shared_ptr<transfer::FileReader> stream;
    std::shared_ptr<transfer::StagedFile> copy;
    std::shared_ptr<FileAhead> ahead;
    std::optional<std::uint64_t> known_size;
    std::uint64_t epoch = 0;
    {
      const MutexLock lock(mutex_);
      epoch = epoch_;
      known_size = version_.size;
      ahead = ahead_locked();
      if (ahead) {
        // What was on its way at the opening comes sooner than what is asked for now.
      } else if (const auto* staged = std::get_if<Staged>(&content_)) {
        copy = staged->copy;
      } else if (std::holds_alternative<OnServer>(content_)) {
        kept = kept_content(handle, offset, dropped);
        if (!kept) {
          stream = reader(handle, outdated);
        }
      }
    }
    if (kept) {
      return kept->read(offset, size, request.wait.stop);
    }
    if (ahead) {
      auto whole = ahead->await(request.wait.no_longer_than(Services::kAheadPatience));
      if (!whole && request.wait.stop.stop_requested()) {
        return std::move(whole).error();
      }
      const MutexLock lock(mutex_);
      if (whole && ahead_locked() == ahead) {
        if (auto found = find_ahead(*whole, offset, size)) {
          return *std::move(found);
        }
      }
      if (ahead_ == ahead) {
        ahead_.reset();
      }
      continue;
    }
    if (copy) {
      return copy->read(offset, size, request.wait.stop);
    }
    if (!stream) {
      // Bytes on their way to the server cannot be read back from it half-way: take a copy.
      FTPSFS_TRY_ASSIGN(const Gate::Pass pass, enter(request.wait));
      if (std::holds_alternative<Streaming>(content())) {
        FTPSFS_TRY(stage(request.wait.stop));
      }
      continue;
    }
    auto slices = stream->read(offset, size, known_size, request.wait);
    if (!slices) {
      const MutexLock lock(mutex_);
      if (epoch_ != epoch && slices.error().code != Errc::cancelled) {
        continue;  // a local change took the content away under the stream
      }
    }
    return slices;
  }
}

Result<void> OpenFile::check_version(const remote::FileVersion& observed, std::uint64_t offset,
                                     std::uint64_t epoch) {
  bool grown = false;
  {
    const MutexLock lock(mutex_);
    if (epoch != epoch_) {
      return make_error(Errc::stale, "the file was written meanwhile");
    }
    const remote::FileVersion known = remote::comparable(version_);
    const bool same = remote::may_be_same(known, observed);
    grown = !same && observed.size && known.size && *observed.size >= *known.size &&
            offset >= *known.size;
    if (same || grown) {
      version_.size = observed.size ? observed.size : version_.size;
      version_.mtime = observed.mtime ? observed.mtime : version_.mtime;
      version_seen_ = services_.clock.now();
    }
    if (same) {
      return {};
    }
  }
  if (const auto location = services_.inodes.locate(ino_)) {
    services_.cache.invalidate_entry(location->parent, location->name);
  }
  services_.kernel.invalidate_inode(ino_, !grown);
  if (grown) {
    return {};
  }
  return make_error(Errc::stale, "the file was changed on the server while it was open");
}

}  // namespace ftpsfs::fs
