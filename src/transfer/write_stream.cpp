// SPDX-License-Identifier: MIT
#include "ftpsfs/transfer/write_stream.hpp"

#include <algorithm>
#include <deque>
#include <thread>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/base/mutex.hpp"

namespace ftpsfs::transfer {
namespace {

/// What a slice costs in memory besides its bytes: its place in the queue, and its owner's block.
constexpr std::size_t kSliceCost = 96;
/// The stall timeout is for so many bytes: a slow link moves them in time, where a whole piece
/// would need a megabyte's worth of it.
constexpr std::size_t kStepBytes = 64ULL << 10;

std::size_t cost_of(const Slice& slice) {
  return slice.bytes.size() + kSliceCost;
}

}  // namespace

/// Shared with the pump and with the session pool's yield request, which may come late.
class WriteStream::Core : public std::enable_shared_from_this<WriteStream::Core> {
 public:
  Core(remote::Remote& remote, PathProvider path, remote::WriteMode mode, std::uint64_t base_size,
       MemoryBudget& budget, const Limits& limits)
      : remote_(remote),
        path_(std::move(path)),
        mode_(mode),
        base_size_(base_size),
        limits_(limits),
        share_(budget) {}

  std::optional<Result<void>> try_write(const Slice& data);
  Result<void> write(const Slice& data, const Wait& wait);
  Result<remote::FinishedUpload> finish(const std::stop_token& stop,
                                        const remote::UploadTail& tail);
  std::optional<Slices> take_back();
  void shut_down();

  std::uint64_t accepted() {
    MutexLock lock(mutex_);
    return accepted_;
  }
  bool started() {
    MutexLock lock(mutex_);
    return started_;
  }

 private:
  bool has_room(const Slice& data) const FTPSFS_REQUIRES(mutex_) {
    return queue_.empty() ||
           queued_bytes_ + cost_of(data) <= std::min(share_.bytes(), limits_.upload_queue);
  }
  void enqueue(const Slice& data) FTPSFS_REQUIRES(mutex_);
  void ensure_pump() FTPSFS_REQUIRES(mutex_);
  bool owes() const FTPSFS_REQUIRES(mutex_) { return !made_ || confirmed_ < accepted_; }

  void pump(const std::stop_token& stop);
  /// One STOR or APPE. @return whether another one is due.
  /// @param opened is set once the server has taken the command.
  Result<bool> transfer(const std::stop_token& stop, bool& opened);
  Result<std::unique_ptr<remote::RemoteWriter>> open(remote::WriteMode mode,
                                                     const std::stop_token& stop);
  Result<void> send(remote::RemoteWriter& writer, std::span<const std::byte> bytes,
                    const std::stop_token& stop) const;
  bool may_try_again(const Error& error, bool opened, SteadyTime since, int& retries)
      FTPSFS_REQUIRES(mutex_);
  /// @return the next bytes to send; an empty slice when the transfer should be ended.
  Slice next_piece(const std::stop_token& stop, std::uint64_t quantum_end);
  Slice pop_piece() FTPSFS_REQUIRES(mutex_);
  /// Puts back what was sent since the last confirmation. @return false when it is gone.
  bool rewind() FTPSFS_REQUIRES(mutex_);
  /// How the last transfer ended, for who wants this tail.
  remote::FinishedUpload ended_with(const remote::UploadTail& tail) FTPSFS_REQUIRES(mutex_);

  remote::Remote& remote_;
  const PathProvider path_;
  const remote::WriteMode mode_;
  const std::uint64_t base_size_;
  const Limits limits_;
  const MemoryBudget::Share share_;

  Mutex mutex_;
  ConditionVariable changed_;
  std::deque<Slice> queue_ FTPSFS_GUARDED_BY(mutex_);
  std::size_t queued_bytes_ FTPSFS_GUARDED_BY(mutex_) = 0;  ///< with what the slices cost
  /// Sent but not confirmed, kept for sending again while it is small and whole.
  std::deque<Slice> held_ FTPSFS_GUARDED_BY(mutex_);
  std::size_t held_bytes_ FTPSFS_GUARDED_BY(mutex_) = 0;
  std::uint64_t accepted_ FTPSFS_GUARDED_BY(mutex_) = 0;
  std::uint64_t sent_ FTPSFS_GUARDED_BY(mutex_) = 0;
  std::uint64_t confirmed_ FTPSFS_GUARDED_BY(mutex_) = 0;
  bool started_ FTPSFS_GUARDED_BY(mutex_) = false;
  bool made_ FTPSFS_GUARDED_BY(mutex_) = false;  ///< a transfer has been confirmed
  bool finishing_ FTPSFS_GUARDED_BY(mutex_) = false;
  bool yield_ FTPSFS_GUARDED_BY(mutex_) = false;
  bool pumping_ FTPSFS_GUARDED_BY(mutex_) = false;
  bool shut_down_ FTPSFS_GUARDED_BY(mutex_) = false;
  std::optional<Error> error_ FTPSFS_GUARDED_BY(mutex_);
  remote::UploadTail tail_ FTPSFS_GUARDED_BY(mutex_);  ///< of the finish under way
  remote::UploadTail sent_tail_ FTPSFS_GUARDED_BY(mutex_);
  remote::FinishedUpload end_ FTPSFS_GUARDED_BY(mutex_);  ///< of the last transfer, with sent_tail_
  std::jthread thread_ FTPSFS_GUARDED_BY(mutex_);
};

void WriteStream::Core::enqueue(const Slice& data) {
  queue_.push_back(data);
  queued_bytes_ += cost_of(data);
  accepted_ += data.bytes.size();
  tail_ = {};  // it was for the bytes before these
  if (pumping_ || queued_bytes_ >= limits_.start_bytes) {
    ensure_pump();
  }
  changed_.notify_all();
}

std::optional<Result<void>> WriteStream::Core::try_write(const Slice& data) {
  MutexLock lock(mutex_);
  if (error_) {
    return Result<void>(*error_);
  }
  if (!has_room(data)) {
    return std::nullopt;
  }
  enqueue(data);
  return Result<void>();
}

Result<void> WriteStream::Core::write(const Slice& data, const Wait& wait) {
  MutexLock lock(mutex_);
  const bool woken = changed_.wait(
      mutex_, wait, [&]() FTPSFS_NO_ANALYSIS { return error_.has_value() || has_room(data); });
  if (error_) {
    return *error_;
  }
  if (!woken) {
    return wait.give_up("the server to take data");
  }
  enqueue(data);
  return {};
}

Result<remote::FinishedUpload> WriteStream::Core::finish(const std::stop_token& stop,
                                                         const remote::UploadTail& tail) {
  MutexLock lock(mutex_);
  tail_ = tail;
  while (!error_ && owes()) {
    finishing_ = true;
    ensure_pump();
    changed_.notify_all();
    // The pump ends by its own deadlines; this one only keeps the wait from being unbounded.
    const Wait wait = Wait::for_at_most(4 * limits_.stall_timeout, stop);
    const std::uint64_t sent = sent_;
    const bool woken = changed_.wait(mutex_, wait, [&]() FTPSFS_NO_ANALYSIS {
      return error_.has_value() || !owes() || !pumping_ || sent_ != sent;
    });
    if (!woken) {
      return wait.give_up("the server to confirm the upload");
    }
  }
  finishing_ = false;
  if (error_) {
    return *error_;
  }
  return ended_with(tail);
}

remote::FinishedUpload WriteStream::Core::ended_with(const remote::UploadTail& tail) {
  remote::FinishedUpload end;
  end.version = end_.version;
  if (tail.mtime && tail.mtime == sent_tail_.mtime) {
    end.mtime_set = end_.mtime_set;
  }
  if (tail.mode && tail.mode == sent_tail_.mode) {
    end.mode_set = end_.mode_set;
  }
  return end;
}

std::optional<Slices> WriteStream::Core::take_back() {
  MutexLock lock(mutex_);
  if (started_ || pumping_) {
    return std::nullopt;
  }
  Slices result(queue_.begin(), queue_.end());
  queue_.clear();
  queued_bytes_ = 0;
  accepted_ = 0;
  return result;
}

void WriteStream::Core::ensure_pump() {
  if (pumping_ || shut_down_ || error_) {
    return;
  }
  // The old thread, if any, has nothing left to do but to end: it takes no lock any more.
  thread_ =
      std::jthread([self = shared_from_this()](const std::stop_token& stop) { self->pump(stop); });
  pumping_ = true;  // not before: no thread may be had
}

void WriteStream::Core::shut_down() {
  std::jthread thread;
  {
    MutexLock lock(mutex_);
    shut_down_ = true;
    if (!error_) {
      error_ = make_error(Errc::io_error, "the upload was abandoned");
    }
    thread_.request_stop();
    thread = std::move(thread_);
    changed_.notify_all();
  }
}  // joins here, without the mutex

void WriteStream::Core::pump(const std::stop_token& stop) {
  int retries = limits_.retries;
  SteadyTime since = SteadyClock::now();  // nothing was opened since then
  for (;;) {
    std::uint64_t confirmed_before = 0;
    {
      MutexLock lock(mutex_);
      confirmed_before = confirmed_;
    }
    Result<bool> more = false;
    bool opened = false;
    try {
      more = transfer(stop, opened);
    } catch (const std::exception& exception) {
      more = make_error(Errc::io_error, exception.what());
    }
    MutexLock lock(mutex_);
    if (confirmed_ != confirmed_before) {
      retries = limits_.retries;
    }
    if (opened) {
      since = SteadyClock::now();
    }
    if (!more) {
      if (!stop.stop_requested() && may_try_again(more.error(), opened, since, retries)) {
        log::info("upload interrupted ({}); sending again", more.error().text);
        continue;
      }
      if (!error_) {
        error_ = more.error();
      }
    }
    // Decided under the same lock that clears `pumping_`: bytes that come later start a new pump.
    const bool due = more && (*more || (owes() && (finishing_ || !queue_.empty())));
    if (!due || stop.stop_requested()) {
      pumping_ = false;
      changed_.notify_all();
      return;
    }
  }
}

bool WriteStream::Core::may_try_again(const Error& error, bool opened, SteadyTime since,
                                      int& retries) {
  if (!is_link_failure(error.code)) {
    return false;
  }
  if (!opened && error.code == Errc::timed_out) {
    // All sessions were taken, most likely: that is nobody's failure. Three waits of the four after
    // which finish() gives up: this verdict comes first.
    return SteadyClock::now() - since < 3 * limits_.stall_timeout;
  }
  if (opened && made_ && sent_ == confirmed_ && error.code == Errc::truncated) {
    return false;  // what was confirmed is gone: others write there, too
  }
  return retries-- > 0 && rewind();
}

bool WriteStream::Core::rewind() {
  const std::uint64_t lost = sent_ - confirmed_;
  if (lost == 0) {
    return true;  // a parked upload, or one that had not begun: no byte's fate is unknown
  }
  // Only the first bytes of a replacement are safe to repeat: STOR truncates what arrived before.
  // An APPE whose fate is unknown is never sent twice.
  if (mode_ != remote::WriteMode::replace || confirmed_ != 0 || held_bytes_ != lost) {
    return false;
  }
  made_ = false;  // a transfer without bytes may have been confirmed
  queue_.insert(queue_.begin(), held_.begin(), held_.end());
  for (const Slice& piece : held_) {
    queued_bytes_ += cost_of(piece);
  }
  held_.clear();
  held_bytes_ = 0;
  sent_ = confirmed_;
  return true;
}

Result<std::unique_ptr<remote::RemoteWriter>> WriteStream::Core::open(remote::WriteMode mode,
                                                                      const std::stop_token& stop) {
  FTPSFS_TRY_ASSIGN(remote::RemotePath path, path_());
  for (;;) {
    auto on_yield = [weak = weak_from_this()] {
      if (const auto self = weak.lock()) {
        MutexLock lock(self->mutex_);
        self->yield_ = true;
        self->changed_.notify_all();
      }
    };
    auto writer = remote_.open_writer(path, mode, std::move(on_yield),
                                      Wait::for_at_most(limits_.stall_timeout, stop));
    if (writer || stop.stop_requested()) {
      return writer;
    }
    // A directory above may have been renamed meanwhile. Nothing was sent yet.
    auto now = path_();
    if (!now || *now == path) {
      return writer;
    }
    path = *std::move(now);
  }
}

Result<void> WriteStream::Core::send(remote::RemoteWriter& writer, std::span<const std::byte> bytes,
                                     const std::stop_token& stop) const {
  while (!bytes.empty()) {
    const std::size_t step = std::min(bytes.size(), kStepBytes);
    FTPSFS_TRY(writer.write(bytes.first(step), Wait::for_at_most(limits_.stall_timeout, stop)));
    bytes = bytes.subspan(step);
  }
  return {};
}

Result<bool> WriteStream::Core::transfer(const std::stop_token& stop, bool& opened) {
  remote::WriteMode mode = mode_;
  {
    MutexLock lock(mutex_);
    yield_ = false;
    started_ = true;
    if (made_) {
      mode = remote::WriteMode::append;
    }
  }
  FTPSFS_TRY_ASSIGN(const auto writer, open(mode, stop));
  opened = true;
  std::uint64_t quantum_end = 0;
  {
    MutexLock lock(mutex_);
    // What waits now is sent before the session is given away, so that everybody advances.
    quantum_end = sent_ + std::max<std::uint64_t>(accepted_ - sent_, limits_.start_bytes);
  }
  for (;;) {
    const Slice piece = next_piece(stop, quantum_end);
    if (piece.bytes.empty()) {
      break;
    }
    FTPSFS_TRY(send(*writer, piece.bytes, stop));
  }
  if (stop.stop_requested()) {
    return make_error(Errc::cancelled, "the upload was abandoned");
  }
  remote::UploadTail tail;
  {
    MutexLock lock(mutex_);
    if (queue_.empty()) {
      tail = tail_;
    }
  }
  FTPSFS_TRY_ASSIGN(remote::FinishedUpload end,
                    writer->finish(tail, Wait::for_at_most(limits_.stall_timeout, stop)));
  const remote::FileVersion& version = end.version;
  MutexLock lock(mutex_);
  const std::uint64_t expected = base_size_ + sent_;
  // Others may append to the same file meanwhile: more is possible there, less never.
  const bool fits = !version.size || *version.size == expected ||
                    (mode_ == remote::WriteMode::append && *version.size > expected);
  if (!fits) {
    return make_error(Errc::truncated, fmt::format("the server kept {} of {} bytes of the upload",
                                                   *version.size, expected));
  }
  end_ = std::move(end);
  sent_tail_ = tail;
  confirmed_ = sent_;
  made_ = true;
  held_.clear();
  held_bytes_ = 0;
  changed_.notify_all();
  return !queue_.empty();
}

/// Small writes that wait together leave together: a TLS record and a system call for each would
/// cost more than the copy.
Slice WriteStream::Core::pop_piece() {
  constexpr std::size_t kSmall = 64ULL << 10;
  constexpr std::size_t kMerged = 256ULL << 10;
  Slice piece = std::move(queue_.front());
  queue_.pop_front();
  queued_bytes_ -= cost_of(piece);
  if (piece.bytes.size() < kSmall && !queue_.empty()) {
    auto merged = std::make_shared<std::vector<std::byte>>(piece.bytes.begin(), piece.bytes.end());
    while (!queue_.empty() && merged->size() + queue_.front().bytes.size() <= kMerged) {
      const auto next = queue_.front().bytes;
      queued_bytes_ -= cost_of(queue_.front());
      merged->insert(merged->end(), next.begin(), next.end());
      queue_.pop_front();
    }
    piece.bytes = *merged;
    piece.owner = std::move(merged);
  }
  return piece;
}

Slice WriteStream::Core::next_piece(const std::stop_token& stop, std::uint64_t quantum_end) {
  MutexLock lock(mutex_);
  changed_.wait(mutex_, Wait::for_at_most(limits_.idle_timeout, stop),
                [&]() FTPSFS_NO_ANALYSIS { return !queue_.empty() || finishing_ || yield_; });
  if (queue_.empty() || (yield_ && sent_ >= quantum_end) || stop.stop_requested()) {
    return {};
  }
  Slice piece = pop_piece();
  sent_ += piece.bytes.size();
  if (held_bytes_ + piece.bytes.size() <= limits_.start_bytes * 2) {
    held_.push_back(piece);
    held_bytes_ += piece.bytes.size();
  } else {
    held_.clear();
    held_bytes_ = 0;
  }
  changed_.notify_all();
  return piece;
}

WriteStream::WriteStream(remote::Remote& remote, PathProvider path, remote::WriteMode mode,
                         std::uint64_t base_size, MemoryBudget& budget, const Limits& limits)
    : core_(std::make_shared<Core>(remote, std::move(path), mode, base_size, budget, limits)) {}

WriteStream::~WriteStream() {
  core_->shut_down();
}

std::optional<Result<void>> WriteStream::try_write(const Slice& data) {
  return core_->try_write(data);
}
Result<void> WriteStream::write(const Slice& data, const Wait& wait) {
  return core_->write(data, wait);
}
Result<remote::FinishedUpload> WriteStream::finish(const std::stop_token& stop,
                                                   const remote::UploadTail& tail) {
  return core_->finish(stop, tail);
}
std::uint64_t WriteStream::accepted() const {
  return core_->accepted();
}
std::optional<Slices> WriteStream::take_back() {
  return core_->take_back();
}
void WriteStream::abandon() {
  core_->shut_down();
}
bool WriteStream::started() const {
  return core_->started();
}

}  // namespace ftpsfs::transfer
