// SPDX-License-Identifier: MIT
//
// OpenFile: where the bytes that a program reads come from, and what the kernel is given beside
// them.
#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

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

transfer::OriginProvider OpenFile::origin(std::uint64_t epoch) {
  return [path = own_path(), weak = weak_from_this(), epoch]() -> Result<transfer::Origin> {
    FTPSFS_TRY_ASSIGN(remote::RemotePath now, path());
    Asked asked{epoch, 0};
    if (const auto self = weak.lock()) {
      const MutexLock lock(self->mutex_);
      asked.steps = self->growth_.steps();
    }
    auto check = [weak, asked](const remote::FileVersion& observed, std::uint64_t offset,
                               transfer::Overlap overlap) {
      const auto self = weak.lock();
      return self ? self->check_version(observed, offset, overlap, asked) : Result<void>();
    };
    return transfer::Origin{std::move(now), std::move(check)};
  };
}

std::shared_ptr<transfer::FileReader> OpenFile::reader(FileHandle& handle, Outdated& outdated) {
  if (!handle.reader || handle.reader_epoch != epoch_) {
    const auto make_stream = [&services = services_, origin = origin(epoch_),
                              weak = weak_from_this(), epoch = epoch_] {
      auto stream = std::make_unique<transfer::ReadStream>(services.remote, origin, services.budget,
                                                           services.pace, services.limits);
      stream->on_doubt([weak, epoch](const Wait& wait) -> Result<bool> {
        const auto self = weak.lock();
        return self ? self->look_back(epoch, wait) : Result<bool>(false);
      });
      return stream;
    };
    // As all of them are read from now on: what is given later may be of a later version.
    const PageSource source{gives_pages_ ? services_.page_gates.gate(ino_) : nullptr, version_,
                            epoch_};
    transfer::Leftovers leftovers;
    if (source.gate) {
      leftovers = [weak = weak_from_this(), source](transfer::Leftover pages) {
        const auto self = weak.lock();
        return self ? self->give_pages(std::move(pages), source) : transfer::Taken::never;
      };
    }
    outdated = std::move(handle.reader);
    handle.reader = std::make_shared<transfer::FileReader>(
        make_stream, services_.pace,
        transfer::ReaderLimits{.lanes = services_.limits.lanes, .sweeps = services_.limits.sweeps},
        std::move(leftovers));
    handle.reader_epoch = epoch_;
  }
  return handle.reader;
}

bool OpenFile::holds(const PageSource& source) const {
  return source.gate && source.gate->is_open() && gives_pages_ && source.epoch == epoch_ &&
         std::holds_alternative<OnServer>(content_) &&
         remote::may_be_same(source.version, version_);
}

/// Where a program reads at random, what it will want next is what lies around.
transfer::Taken OpenFile::give_pages(transfer::Leftover pages, const PageSource& source) {
  {
    const MutexLock lock(mutex_);
    // Of an unknown size the kernel keeps no pages; and none may make it believe in a longer file.
    if (!holds(source) || !source.version.size ||
        pages.offset + total_bytes(pages.bytes) > *source.version.size) {
      return transfer::Taken::never;
    }
  }
  const bool is_taken = services_.kernel.store_pages(
      ino_, pages.offset, std::move(pages.bytes), [weak = weak_from_this(), source] {
        const auto self = weak.lock();
        return self ? self->admit_pages(source) : PageTicket();
      });
  return is_taken ? transfer::Taken::yes : transfer::Taken::not_now;
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
      note_given_ahead(offset, *found);
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
    given().note_given(offset, *found);
    return Result<Slices>(*std::move(found));
  }
  return std::nullopt;
}

Result<Slices> OpenFile::read(FileHandle& handle, std::uint64_t offset, std::size_t size,
                              const Request& request) {
  const ReadUnderWay noted(*this);
  return read_to_known_end(handle, offset, size, request);
}

OpenFile::ReadUnderWay::ReadUnderWay(OpenFile& file) : file_(file) {
  const MutexLock lock(file_.mutex_);
  begun_ = SteadyClock::now();  // in the order in which Growth hears of it
  file_.growth_.begin_read(begun_);
}

OpenFile::ReadUnderWay::~ReadUnderWay() {
  const MutexLock lock(file_.mutex_);
  file_.growth_.end_read(begun_, SteadyClock::now());
  file_.growth_told_.notify_all();
}

/// The kernel takes less than it asked for as the end of the file: it must not get that for an end
/// which a look at the file, of which it has heard meanwhile, has put further behind.
Result<Slices> OpenFile::read_to_known_end(FileHandle& handle, std::uint64_t offset,
                                           std::size_t size, const Request& request) {
  for (;;) {
    std::optional<std::uint64_t> known_size;
    std::uint64_t epoch = 0;
    {
      const MutexLock lock(mutex_);
      known_size = version_.size;
      epoch = epoch_;
    }
    auto slices = read_once(handle, offset, size, request);
    const MutexLock lock(mutex_);
    if (slices && is_copy_behind()) {
      continue;  // since a moment ago
    }
    if (!slices || epoch != epoch_ || !std::holds_alternative<OnServer>(content_)) {
      return slices;
    }
    given().note_given(offset, *slices);
    const std::size_t got = total_bytes(*slices);
    const bool has_grown = known_size && version_.size && *version_.size > *known_size;
    if (!has_grown || got == size || offset + got >= *version_.size) {
      return slices;
    }
  }
}

Result<Slices> OpenFile::read_once(FileHandle& handle, std::uint64_t offset, std::size_t size,
                                   const Request& request) {
  Wait wait = request.wait;
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
        copy = is_copy_behind() ? nullptr : staged->copy;
      } else if (std::holds_alternative<OnServer>(content_)) {
        kept = kept_content(handle, offset, dropped);
        if (!kept) {
          stream = reader(handle, outdated);
        }
      }
    }
    if (kept) {
      return kept->read(offset, size, wait.stop);
    }
    if (ahead) {
      auto whole = ahead->await(wait.no_longer_than(Services::kAheadPatience));
      if (!whole && wait.stop.stop_requested()) {
        return std::move(whole).error();
      }
      const MutexLock lock(mutex_);
      if (whole && ahead_locked() == ahead) {
        if (auto found = find_ahead(*whole, offset, size)) {
          note_given_ahead(offset, *found);
          return *std::move(found);
        }
      }
      if (ahead_ == ahead) {
        ahead_.reset();
      }
      continue;
    }
    if (copy) {
      return copy->read(offset, size, wait.stop);
    }
    if (!stream) {
      // Bytes on their way to the server cannot be read back from it half-way: take a copy.
      FTPSFS_TRY_ASSIGN(const Turn turn, await_turn(wait));
      FTPSFS_TRY(leave_copy_behind(turn.wait));
      if (std::holds_alternative<Streaming>(content())) {
        FTPSFS_TRY(stage(wait.stop));
      }
      wait = turn.wait;
      continue;
    }
    auto slices = stream->read(offset, size, known_size, wait);
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
                                     transfer::Overlap overlap, const Asked& asked) {
  using Judgement = GivenContent::Judgement;
  Judgement judgement = Judgement::other;
  bool is_news = true;
  {
    const MutexLock lock(mutex_);
    if (asked.epoch != epoch_) {
      return make_error(Errc::stale, "the file was written meanwhile");
    }
    if (overlap != transfer::Overlap::differs && observed.size && version_.size &&
        growth_.was_size(*observed.size, *version_.size, asked.steps)) {
      return {};  // the answer was on its way while somebody else was told of more
    }
    judgement = given().judge(observed, offset, overlap);
    is_outlived_ = is_outlived_ || judgement == Judgement::other;
    if (judgement == Judgement::in_doubt) {
      return make_error(Errc::stale,
                        "the file was changed on the server, and perhaps not only grown");
    }
    if (judgement != Judgement::other) {
      given().follow(observed);
      // Somebody may have looked at the file since the server was asked for this.
      is_news = !observed.size || !version_.size || *observed.size >= *version_.size;
      if (is_news) {
        if (version_.size && observed.size > version_.size) {
          growth_.follow(*version_.size, SteadyClock::now());
        }
        version_.size = observed.size ? observed.size : version_.size;
        version_.mtime = observed.mtime ? observed.mtime : version_.mtime;
        version_seen_ = services_.clock.now();
      }
    }
  }
  if (judgement == Judgement::other) {
    return note_replaced();
  }
  if (judgement == Judgement::grown && is_news) {
    note_growth(observed);
  }
  return {};
}

/// The kernel is to look at the size anew, and the server has just told it. Were it asked again, a
/// program that reads a log to its end over a slow link would find no end as long as that grows.
void OpenFile::note_growth(const remote::FileVersion& observed) {
  if (const auto location = services_.inodes.locate(ino_)) {
    const auto ticket = services_.cache.begin_fetch(location->parent);
    auto known = services_.cache.find(location->parent, location->name);
    if (known && known->entry && observed.size && known->entry->size >= observed.size) {
      // Somebody has looked since, and seen more.
    } else if (known && known->entry && observed.size) {
      remote::Entry entry = *std::move(known->entry);
      entry.size = observed.size;
      const bool told_coarsely = !services_.settings.exact_times && has_coarse_time(entry);
      if (observed.mtime && !told_coarsely) {
        entry.mtime = observed.mtime;
      }
      services_.cache.store_entry(ticket, std::move(entry));
    } else {
      services_.cache.invalidate_entry(location->parent, location->name);
    }
  }
  services_.kernel.invalidate_inode(ino_, false);
}

Error OpenFile::replaced_error() {
  return make_error(Errc::stale, "the file was changed on the server while it was open");
}

Error OpenFile::note_replaced() {
  if (const auto location = services_.inodes.locate(ino_)) {
    services_.cache.invalidate_entry(location->parent, location->name);
  }
  services_.kernel.invalidate_inode(ino_, true);
  return replaced_error();
}

Result<bool> OpenFile::look_back(std::uint64_t epoch, const Wait& wait) {
  std::optional<ContentTrace> trace;
  {
    const MutexLock lock(mutex_);
    if (epoch == epoch_) {
      trace = given().trace();
    }
  }
  if (!trace) {
    return false;
  }
  if (trace->length == 0) {
    return true;  // written here: nothing is known of it that could be compared
  }
  return has_still(*trace, wait);
}

Result<bool> OpenFile::has_still(const ContentTrace& trace, const Wait& wait) {
  FTPSFS_TRY_ASSIGN(const remote::RemotePath path, own_path()());
  const remote::ByteRange range(trace.offset, trace.offset + trace.length);
  FTPSFS_TRY_ASSIGN(const auto reader, services_.remote.open_reader(path, range, {}, wait));
  std::vector<std::byte> bytes(trace.length);
  for (auto room = std::span(bytes); !room.empty();) {
    FTPSFS_TRY_ASSIGN(const std::size_t got, reader->read(room, wait));
    if (got == 0) {
      return false;
    }
    room = room.subspan(got);
  }
  return digest_of(bytes) == trace.digest;
}

/// What was written here since has been seen by programs, too, and is not remembered.
GivenContent& OpenFile::given() {
  if (given_epoch_ != epoch_) {
    given_ = GivenContent(version_, true);
    given_epoch_ = epoch_;
  }
  return given_;
}

/// No transfer has told of what was read ahead of need.
void OpenFile::note_given_ahead(std::uint64_t offset, const Slices& bytes) {
  if (!given().is_given()) {
    given().follow(version_);
  }
  given().note_given(offset, bytes);
}

void OpenFile::note_pages(const ContentTrace& trace) {
  const MutexLock lock(mutex_);
  given().note_pages(trace);
}

std::optional<ContentTrace> OpenFile::trace() const {
  const MutexLock lock(mutex_);
  return given_epoch_ == epoch_ ? given_.trace() : std::nullopt;
}

std::uint64_t OpenFile::tellable_size(std::uint64_t size, Asker asker) {
  const auto answer = [&] {
    const MutexLock lock(mutex_);
    return version_.size ? growth_.answer(size, asker, SteadyClock::now())
                         : Growth::Answer{size, false};
  };
  Growth::Answer now = answer();
  if (now.is_held) {
    drop_old_end();
    now = answer();
  }
  if (now.is_held) {
    services_.kernel.outdate_attributes(ino_);
  }
  return now.size;
}

void OpenFile::drop_old_end() {
  std::uint64_t from = 0;
  std::optional<std::uint64_t> ticket;
  {
    const MutexLock lock(mutex_);
    const SteadyTime now = SteadyClock::now();
    const auto limit = growth_.limit(now);
    if (!limit || !version_.size) {
      return;
    }
    from = *limit;
    ticket = growth_.begin_dropping(*version_.size, now);
  }
  if (!ticket) {
    return;
  }
  services_.kernel.drop_pages(ino_, from, [weak = weak_from_this(), ticket](bool is_done) {
    if (const auto self = weak.lock()) {
      const MutexLock lock(self->mutex_);
      self->growth_.end_dropping(*ticket, is_done, SteadyClock::now(),
                                 self->services_.settings.growth_rest);
      self->growth_told_.notify_all();
    }
  });
}

void OpenFile::await_tellable(const Wait& wait) {
  constexpr Duration kLongest{1000};
  const Wait limit = wait.no_longer_than(kLongest);
  std::optional<std::uint64_t> wanted;
  {
    const MutexLock lock(mutex_);
    wanted = version_.size;
  }
  while (wanted && !limit.expired() && !limit.stop.stop_requested()) {
    drop_old_end();
    const MutexLock lock(mutex_);
    const SteadyTime now = SteadyClock::now();
    if (growth_.limit(now).value_or(*wanted) >= *wanted) {
      return;
    }
    const auto until = growth_.changes_at(now);
    Wait part = limit;
    part.deadline = std::min(limit.deadline, until.value_or(limit.deadline));
    growth_told_.wait(mutex_, part,
                      [&]() FTPSFS_NO_ANALYSIS { return growth_.changes_at(now) != until; });
  }
}

}  // namespace ftpsfs::fs
