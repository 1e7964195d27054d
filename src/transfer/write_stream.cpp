// SPDX-License-Identifier: MIT
#include "ftpsfs/transfer/write_stream.hpp"

#include <algorithm>
#include <string_view>
#include <thread>
#include <utility>

#include "arrival.hpp"
#include "end_deadline.hpp"
#include "ftpsfs/base/log.hpp"
#include "ftpsfs/base/log_context.hpp"
#include "ftpsfs/base/mutex.hpp"
#include "sent_digest.hpp"
#include "upload_buffer.hpp"

namespace ftpsfs::transfer {
namespace {

/// The stall timeout is for so many bytes: a slow link moves them in time, where a whole piece
/// would need a megabyte's worth of it.
constexpr std::size_t kStepBytes = 64ULL << 10;

}  // namespace

/// Shared with the pump and with the session pool's yield request, which may come late.
class WriteStream::Core : public std::enable_shared_from_this<WriteStream::Core> {
 public:
  Core(remote::Remote& remote, PathProvider path, remote::WriteMode mode,
       std::optional<std::uint64_t> base_size, MemoryBudget& budget, const Limits& limits)
      : remote_(remote),
        path_(std::move(path)),
        mode_(mode),
        base_size_(base_size),
        limits_(limits),
        budget_(budget),
        share_(budget),
        held_(budget),
        end_by_(limits) {}

  std::optional<Result<void>> try_write(const Slice& data);
  Result<void> write(const Slice& data, const Wait& wait);
  Result<remote::FinishedUpload> finish(const std::stop_token& stop,
                                        const remote::UploadTail& tail);
  std::optional<Slices> take_back();
  void shut_down();

  bool is_stuck() {
    MutexLock lock(mutex_);
    return is_stuck_;
  }
  bool ran_out() {
    MutexLock lock(mutex_);
    return error_ && end_by_.is_over();
  }
  Slices unsent() {
    MutexLock lock(mutex_);
    return bytes_.unsent();
  }
  std::uint64_t accepted() {
    MutexLock lock(mutex_);
    return bytes_.accepted();
  }
  bool started() {
    MutexLock lock(mutex_);
    return started_;
  }

 private:
  bool has_room(const Slice& data) const FTPSFS_REQUIRES(mutex_) {
    return bytes_.has_room(data, std::min(share_.bytes() / 2, limits_.upload_queue));
  }
  void enqueue(const Slice& data) FTPSFS_REQUIRES(mutex_);
  /// To be called when bytes have come or gone.
  void note_held() FTPSFS_REQUIRES(mutex_) { held_.set(bytes_.held_bytes()); }
  void ensure_pump() FTPSFS_REQUIRES(mutex_);
  bool owes() const FTPSFS_REQUIRES(mutex_) {
    return !made_ || bytes_.confirmed() < bytes_.accepted() || unchecked_;
  }

  void pump(const std::stop_token& stop);
  /// One STOR or APPE. @return whether another one is due.
  /// @param opened is set once the server has taken the command.
  Result<bool> transfer(const std::stop_token& stop, bool& opened);
  /// Compares an upload whose last transfer ended before it was known to be the last.
  Result<void> check_content(const std::stop_token& stop);
  /// How the next transfer begins, which may be from the first byte.
  /// @errors as stuck().
  Result<remote::WriteMode> next_mode() FTPSFS_REQUIRES(mutex_);
  /// Would what was sent be of use if the server refused to go on behind it?
  UploadBuffer::Confirmed fate_of_confirmed() const;
  /// @errors access_denied, always.
  Error stuck(std::string_view why) FTPSFS_REQUIRES(mutex_);
  /// @return true: another one is due, which begins otherwise.
  Result<bool> after_refusal(Error refusal, remote::WriteMode mode);
  Result<std::unique_ptr<remote::RemoteWriter>> open(remote::WriteMode mode,
                                                     const remote::UploadTail& likely,
                                                     const std::stop_token& stop);
  Result<void> send(remote::RemoteWriter& writer, std::span<const std::byte> bytes,
                    const std::stop_token& stop);
  Wait step(const std::stop_token& stop) {
    MutexLock lock(mutex_);
    return end_by_.step(stop);
  }
  /// What to do about a transfer that failed.
  enum class Remedy : std::uint8_t {
    none,
    again,   ///< nothing was sent whose fate is unknown
    resume,  ///< ask what has arrived
  };
  Remedy remedy_for(const Error& error, bool opened, SteadyTime since, int& retries)
      FTPSFS_REQUIRES(mutex_);
  /// Asks the server how much has arrived, on another session, and puts back what has not.
  /// @errors the failure, when the upload cannot go on; then nothing has changed.
  Result<void> resume(const Error& failure, const std::stop_token& stop);
  std::uint64_t sent() {
    MutexLock lock(mutex_);
    return bytes_.sent();
  }
  /// As much as an upload that is sent in one piece may have, whatever the others take.
  std::size_t ring_room() const {
    return std::max(2 * limits_.start_bytes, std::min(share_.bytes() / 2, limits_.upload_ring));
  }
  /// May a transfer end before its time, and another one go on by APPE?
  struct Parking {
    bool when_asked = false;
    bool when_idle = false;
    bool only_whole = false;  ///< as long as all that was sent is still here
  };
  /// @return the next bytes to send; an empty slice when the transfer should be ended.
  Slice next_piece(const std::stop_token& stop, std::uint64_t quantum_end, Parking parking);
  /// How the last transfer ended, for who wants this tail.
  remote::FinishedUpload ended_with(const remote::UploadTail& tail) FTPSFS_REQUIRES(mutex_);

  remote::Remote& remote_;
  const PathProvider path_;
  const remote::WriteMode mode_;
  const std::optional<std::uint64_t> base_size_;
  const Limits limits_;
  MemoryBudget& budget_;
  const MemoryBudget::Share share_;
  SentDigest digest_;  ///< the pump's alone

  Mutex mutex_;
  ConditionVariable changed_;
  UploadBuffer bytes_ FTPSFS_GUARDED_BY(mutex_);
  MemoryBudget::Account held_ FTPSFS_GUARDED_BY(mutex_);  ///< of those; nobody can let them go
  bool started_ FTPSFS_GUARDED_BY(mutex_) = false;
  bool opened_ FTPSFS_GUARDED_BY(mutex_) = false;  ///< the server has taken a command
  bool made_ FTPSFS_GUARDED_BY(mutex_) = false;    ///< a transfer has been confirmed
  bool is_stuck_ FTPSFS_GUARDED_BY(mutex_) = false;
  /// The server is asked what has arrived, or whether it is what was sent.
  bool asking_ FTPSFS_GUARDED_BY(mutex_) = false;
  /// What is confirmed has not been compared by its digest yet.
  bool unchecked_ FTPSFS_GUARDED_BY(mutex_) = false;
  bool resumed_ FTPSFS_GUARDED_BY(mutex_) = false;  ///< once at least
  bool finishing_ FTPSFS_GUARDED_BY(mutex_) = false;
  bool yield_ FTPSFS_GUARDED_BY(mutex_) = false;
  bool pumping_ FTPSFS_GUARDED_BY(mutex_) = false;
  bool shut_down_ FTPSFS_GUARDED_BY(mutex_) = false;
  std::optional<Error> error_ FTPSFS_GUARDED_BY(mutex_);
  EndDeadline end_by_ FTPSFS_GUARDED_BY(mutex_);
  remote::UploadTail tail_ FTPSFS_GUARDED_BY(mutex_);  ///< of the finish under way
  remote::UploadTail sent_tail_ FTPSFS_GUARDED_BY(mutex_);
  remote::FinishedUpload end_ FTPSFS_GUARDED_BY(mutex_);  ///< of the last transfer, with sent_tail_
  std::jthread thread_ FTPSFS_GUARDED_BY(mutex_);
};

void WriteStream::Core::enqueue(const Slice& data) {
  if (pumping_ || bytes_.queue_cost() + UploadBuffer::cost_of(data) >= limits_.start_bytes) {
    ensure_pump();  // first: no thread may be had, and then nothing was taken
  }
  bytes_.push(data);
  note_held();
  // A finish that was cancelled was for the bytes before these.
  tail_ = {};
  finishing_ = false;
  end_by_.end();
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
  for (Wait limit = wait;; limit = Wait::for_at_most(limits_.stall_timeout, wait.stop)) {
    const std::uint64_t sent = bytes_.sent();
    const bool woken = changed_.wait(
        mutex_, limit, [&]() FTPSFS_NO_ANALYSIS { return error_.has_value() || has_room(data); });
    if (error_) {
      return *error_;
    }
    if (woken) {
      enqueue(data);
      return {};
    }
    // A link that is slow, or being replaced, is at work: the pump knows when it is not any more.
    if (wait.stop.stop_requested() || (bytes_.sent() == sent && !asking_)) {
      return wait.give_up("the server to take data");
    }
  }
}

Result<remote::FinishedUpload> WriteStream::Core::finish(const std::stop_token& stop,
                                                         const remote::UploadTail& tail) {
  MutexLock lock(mutex_);
  tail_ = tail;
  while (!error_ && owes()) {
    finishing_ = true;
    if (bytes_.is_all_sent() && bytes_.sent() > bytes_.confirmed()) {
      end_by_.begin();  // the verdict is waited for already, as of an upload that was to be parked
    }
    ensure_pump();
    changed_.notify_all();
    // The pump ends by its own deadlines; this one only keeps the wait from being unbounded.
    const Wait wait = Wait::for_at_most(4 * limits_.stall_timeout, stop);
    const std::uint64_t sent = bytes_.sent();
    const bool woken = changed_.wait(mutex_, wait, [&]() FTPSFS_NO_ANALYSIS {
      return error_.has_value() || !owes() || !pumping_ || bytes_.sent() != sent;
    });
    if (!woken && (stop.stop_requested() || !asking_)) {
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
  auto taken = bytes_.take_back();
  note_held();
  return taken;
}

void WriteStream::Core::ensure_pump() {
  if (pumping_ || shut_down_ || error_) {
    return;
  }
  // The old thread, if any, has nothing left to do but to end: it takes no lock any more.
  thread_ = std::jthread(
      [self = shared_from_this(), request = log::current_request()](const std::stop_token& stop) {
        const log::LogScope scope(request);
        self->pump(stop);
      });
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
  std::uint64_t confirmed = 0;            // the most so far: then there were all retries again
  SteadyTime since = SteadyClock::now();  // nothing was opened since then
  std::optional<std::uint64_t> place;     // where the last transfer was cut
  int cuts_there = 0;
  for (;;) {
    const auto path = path_();  // it may be renamed between two transfers
    const log::PathScope about(path ? std::string_view(path->str()) : std::string_view());
    Result<bool> more = false;
    bool opened = false;
    try {
      more = transfer(stop, opened);
    } catch (const std::exception& exception) {
      more = make_error(Errc::io_error, exception.what());
    }
    MutexLock lock(mutex_);
    if (bytes_.confirmed() > confirmed) {
      confirmed = bytes_.confirmed();
      retries = limits_.retries;
    }
    if (opened) {
      since = SteadyClock::now();
    }
    if (!more && !stop.stop_requested()) {
      const Remedy remedy = remedy_for(more.error(), opened, since, retries);
      if (remedy == Remedy::again) {
        log::info("upload interrupted ({}); sending again", more.error().text);
        limits_.note_taken_up();
        continue;
      }
      if (remedy == Remedy::resume) {
        const Error cut = more.error();
        asking_ = true;
        lock.unlock();
        Result<void> resumed;
        try {
          resumed = resume(cut, stop);
        } catch (const std::exception& exception) {
          resumed = make_error(Errc::io_error, exception.what());
        }
        lock.lock();
        asking_ = false;
        more = resumed ? Result<bool>(!bytes_.is_all_sent())
                       : Result<bool>(std::move(resumed).error());
        if (more) {
          limits_.note_taken_up();
        }
        if (more && opened) {
          cuts_there = place == bytes_.confirmed() ? cuts_there + 1 : 1;
          place = bytes_.confirmed();
        }
        if (cuts_there > limits_.retries) {
          // A link is cut anywhere; a server without room cuts where its room ends (pyftpdlib).
          more = make_error(Errc::io_error, "the server ends it at the same place each time (" +
                                                cut.text + "); its disk may be full");
        }
      }
    }
    if (!more && !error_) {
      error_ = more.error();
    }
    // Decided under the same lock that clears `pumping_`: bytes that come later start a new pump.
    const bool due = more && (*more || (owes() && (finishing_ || !bytes_.is_all_sent())));
    if (!due || stop.stop_requested()) {
      pumping_ = false;
      changed_.notify_all();
      return;
    }
  }
}

WriteStream::Core::Remedy WriteStream::Core::remedy_for(const Error& error, bool opened,
                                                        SteadyTime since, int& retries) {
  if (!is_link_failure(error.code) || end_by_.is_over()) {
    return Remedy::none;
  }
  if (!opened && error.code == Errc::timed_out) {
    // All sessions were taken, most likely: that is nobody's failure. Three waits of the four after
    // which finish() gives up: this verdict comes first.
    const bool patient = SteadyClock::now() - since < 3 * limits_.stall_timeout;
    return patient ? Remedy::again : Remedy::none;
  }
  if (opened && made_ && bytes_.sent() == bytes_.confirmed() && error.code == Errc::truncated) {
    return Remedy::none;  // what was confirmed is gone: others write there, too
  }
  if (retries-- <= 0) {
    return Remedy::none;
  }
  const bool is_uncertain = opened || bytes_.sent() != bytes_.confirmed();
  // What is parked has arrived, and the server may need a moment to be there again.
  return is_uncertain || (made_ && base_size_) ? Remedy::resume : Remedy::again;
}

Result<void> WriteStream::Core::resume(const Error& failure, const std::stop_token& stop) {
  const bool appends = mode_ == remote::WriteMode::append;
  const std::uint64_t base = base_size_.value_or(0);
  bool from_start = false;
  bool all_sent = false;
  UploadBuffer sent;  // as it is now: only the pump, which is here, sends
  Wait patience;
  {
    MutexLock lock(mutex_);
    from_start = !appends && !made_ && bytes_.confirmed() == 0 && bytes_.ring_begin() == 0;
    all_sent = bytes_.is_all_sent() && finishing_;
    sent = bytes_;
    patience = end_by_.rest(stop);
  }
  if (!base_size_ && !from_start) {
    return failure;
  }
  const auto there = settled_version(remote_, path_, limits_.settle_pause, patience);
  const auto begin_anew = [&]() FTPSFS_NO_ANALYSIS {
    log::info("upload interrupted ({}); sending again", failure.text);
    made_ = false;
    return bytes_.rewind_to(0, failure);  // STOR truncates what arrived
  };
  if (!there || !there->size) {
    // A whole file that is not there may have been taken away by whom it was meant for.
    const bool is_absent = !there && there.error().code == Errc::not_found && !all_sent;
    const bool is_untold = there || there.error().code == Errc::unsupported;
    if (!from_start || !(is_absent || is_untold)) {
      return failure;
    }
    MutexLock lock(mutex_);
    return begin_anew();
  }
  if (*there->size < base + (appends ? sent.confirmed() : 0)) {
    return make_error(Errc::io_error, fmt::format("{}; the file was cut to {} bytes meanwhile",
                                                  failure.text, *there->size));
  }
  if (appends && sent.sent() == sent.confirmed()) {
    return {};  // nothing of ours was under way; others may have appended, too
  }
  const std::uint64_t told = *there->size - base;
  const UploadBuffer::Proof proof = sent.proof();
  const bool is_possible = told >= sent.ring_begin() && told <= sent.sent();
  const SteadyTime began = SteadyClock::now();
  const bool is_ours =
      is_possible && (told == proof.begin || holds(remote_, path_, base + proof.begin,
                                                   told - proof.begin, proof.bytes, step(stop)));
  MutexLock lock(mutex_);
  if (is_ours) {
    end_by_.put_off(began);
  }
  if (is_possible && !is_ours) {
    if (from_start && !all_sent) {
      return begin_anew();
    }
    return make_error(Errc::io_error,
                      fmt::format("{}; what the server has is not what was sent", failure.text));
  }
  const std::uint64_t confirmed = bytes_.confirmed();
  FTPSFS_TRY(bytes_.rewind_to(told, failure, fate_of_confirmed()));
  note_held();
  if (bytes_.confirmed() > confirmed) {
    end_by_.end();
  }
  log::info("upload interrupted ({}); {} bytes have arrived, going on behind them", failure.text,
            bytes_.confirmed());
  resumed_ = true;
  made_ = true;
  end_ = {};
  end_.version = *there;
  sent_tail_ = {};
  // The answer that was lost may have been the one about the content.
  unchecked_ = bytes_.is_all_sent() && digest_.covers(bytes_.sent());
  return {};
}

Result<std::unique_ptr<remote::RemoteWriter>> WriteStream::Core::open(
    remote::WriteMode mode, const remote::UploadTail& likely, const std::stop_token& stop) {
  FTPSFS_TRY_ASSIGN(remote::RemotePath path, path_());
  for (;;) {
    auto on_yield = [weak = weak_from_this()] {
      if (const auto self = weak.lock()) {
        MutexLock lock(self->mutex_);
        self->yield_ = true;
        self->changed_.notify_all();
      }
    };
    auto writer = remote_.open_writer(path, mode, std::move(on_yield), step(stop), likely);
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
                                     const std::stop_token& stop) {
  while (!bytes.empty()) {
    const SteadyTime began = SteadyClock::now();
    const std::size_t size = std::min(bytes.size(), kStepBytes);
    FTPSFS_TRY(writer.write(bytes.first(size), step(stop)));
    bytes = bytes.subspan(size);
    MutexLock lock(mutex_);
    end_by_.put_off(began);
  }
  return {};
}

Result<bool> WriteStream::Core::transfer(const std::stop_token& stop, bool& opened) {
  remote::WriteMode mode{};
  remote::UploadTail likely;
  {
    MutexLock lock(mutex_);
    if (unchecked_ && bytes_.is_all_sent()) {
      lock.unlock();
      FTPSFS_TRY(check_content(stop));
      return false;
    }
    FTPSFS_TRY_ASSIGN(mode, next_mode());
    yield_ = false;
    started_ = true;
    if (finishing_ && tail_.may_lead) {
      likely = tail_;
    }
  }
  auto begun = open(mode, likely, stop);
  if (!begun) {
    return after_refusal(std::move(begun).error(), mode);
  }
  const std::unique_ptr<remote::RemoteWriter> writer = *std::move(begun);
  opened = true;
  // Of a file to which is appended, the digest of the first part is nobody's to know.
  digest_.choose(mode_ == remote::WriteMode::replace ? writer->digest() : std::nullopt);
  const remote::RemoteTraits traits = remote_.traits();
  const bool parks = limits_.parks && traits.appends;
  const Parking parking{parks, parks && traits.appends_surely && !writer->arrives_whole(),
                        !traits.appends_surely};
  std::uint64_t quantum_end = 0;
  {
    MutexLock lock(mutex_);
    opened_ = true;
    if (mode == remote::WriteMode::append) {
      bytes_.drop_head();  // the server does append
      note_held();
    }
    // What waits now is sent before the session is given away, so that everybody advances.
    quantum_end = std::max(bytes_.accepted(), bytes_.sent() + limits_.start_bytes);
  }
  for (;;) {
    const Slice piece = next_piece(stop, quantum_end, parking);
    if (piece.bytes.empty()) {
      break;
    }
    budget_.make_room();
    digest_.add(sent() - piece.bytes.size(), piece.bytes);
    FTPSFS_TRY(send(*writer, piece.bytes, stop));
  }
  if (stop.stop_requested()) {
    return make_error(Errc::cancelled, "the upload was abandoned");
  }
  remote::UploadTail tail;
  {
    MutexLock lock(mutex_);
    if (bytes_.is_all_sent()) {
      tail = tail_;
      tail.digest = finishing_ ? digest_.of(bytes_.sent()) : std::nullopt;
      if (finishing_) {
        end_by_.begin();
      }
    }
    asking_ = tail.digest.has_value();
  }
  auto finished = writer->finish(tail, step(stop));
  MutexLock lock(mutex_);
  asking_ = false;
  FTPSFS_TRY_ASSIGN(remote::FinishedUpload end, std::move(finished));
  const remote::FileVersion& version = end.version;
  const std::uint64_t expected = base_size_.value_or(0) + bytes_.sent();
  // Others may append to the same file meanwhile: more is possible there, less never. Behind a link
  // that was cut more may be ours, twice.
  const bool fits = !version.size || *version.size == expected ||
                    (mode_ == remote::WriteMode::append && !resumed_ && *version.size > expected);
  if (!fits) {
    return make_error(Errc::truncated, fmt::format("the server kept {} of {} bytes of the upload",
                                                   *version.size, expected));
  }
  const Result<void> content = end.content_checked.value_or(Result<void>());
  if (!content && !is_link_failure(content.error().code)) {
    return content.error();
  }
  // Where the link died before the answer, the same is asked once more, alone.
  unchecked_ = digest_.covers(bytes_.sent()) && !(tail.digest && content);
  end_ = std::move(end);
  sent_tail_ = tail;
  bytes_.confirm(fate_of_confirmed());
  end_by_.end();
  note_held();
  made_ = true;
  changed_.notify_all();
  return !bytes_.is_all_sent();
}

Result<remote::WriteMode> WriteStream::Core::next_mode() {
  if (!made_ && mode_ == remote::WriteMode::replace) {
    return remote::WriteMode::replace;
  }
  if (remote_.traits().appends) {
    return remote::WriteMode::append;
  }
  if (mode_ == remote::WriteMode::append || !bytes_.has_all()) {
    return stuck("the server does not append to files");
  }
  if (bytes_.sent() > 0) {
    log::info("the server does not append to files: sending again from the first byte");
  }
  bytes_.begin_again();
  made_ = false;
  return remote::WriteMode::replace;
}

UploadBuffer::Confirmed WriteStream::Core::fate_of_confirmed() const {
  const bool may_begin_again =
      mode_ == remote::WriteMode::replace && !remote_.traits().appends_surely;
  return may_begin_again ? UploadBuffer::Confirmed::kept : UploadBuffer::Confirmed::dropped;
}

Error WriteStream::Core::stuck(std::string_view why) {
  is_stuck_ = true;
  return make_error(Errc::access_denied, std::string(why));
}

Result<bool> WriteStream::Core::after_refusal(Error refusal, remote::WriteMode mode) {
  const bool is_answer = refusal.code == Errc::access_denied ||
                         refusal.code == Errc::already_exists || refusal.code == Errc::unsupported;
  if (!is_answer || remote_.traits().appends) {
    return refusal;
  }
  if (mode == remote::WriteMode::append) {
    return true;
  }
  MutexLock lock(mutex_);
  // It does not write over what it has, either.
  return opened_ ? stuck(refusal.text) : refusal;
}

Result<void> WriteStream::Core::check_content(const std::stop_token& stop) {
  std::optional<Digest> digest;
  {
    MutexLock lock(mutex_);
    digest = digest_.of(bytes_.sent());
    asking_ = true;
  }
  Result<void> checked;
  if (digest) {
    const auto path = path_();
    checked =
        path ? remote_.check_content(*path, *digest, Wait::for_at_most(limits_.stall_timeout, stop))
             : Result<void>(path.error());
  }
  MutexLock lock(mutex_);
  asking_ = false;
  unchecked_ = unchecked_ && !checked;
  changed_.notify_all();
  return checked;
}

Slice WriteStream::Core::next_piece(const std::stop_token& stop, std::uint64_t quantum_end,
                                    Parking parking) {
  MutexLock lock(mutex_);
  const auto gives_way = [&]() FTPSFS_NO_ANALYSIS {
    return yield_ && parking.when_asked && (!parking.only_whole || bytes_.has_all());
  };
  // Who waits for the session may be whom the writer waits for: then it goes in any case.
  bool is_idle = false;
  while (bytes_.is_all_sent() && !finishing_ && !gives_way() && !is_idle &&
         !stop.stop_requested()) {
    is_idle = !changed_.wait(mutex_, Wait::for_at_most(limits_.idle_timeout, stop),
                             [&]() FTPSFS_NO_ANALYSIS {
                               return !bytes_.is_all_sent() || finishing_ || gives_way();
                             }) &&
              (parking.when_idle || (yield_ && limits_.parks));
  }
  if (bytes_.is_all_sent() || (gives_way() && bytes_.sent() >= quantum_end) ||
      stop.stop_requested()) {
    return {};
  }
  Slice piece = bytes_.send_next(ring_room());
  note_held();
  changed_.notify_all();
  return piece;
}

WriteStream::WriteStream(remote::Remote& remote, PathProvider path, remote::WriteMode mode,
                         std::optional<std::uint64_t> base_size, MemoryBudget& budget,
                         const Limits& limits)
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
bool WriteStream::is_stuck() const {
  return core_->is_stuck();
}
bool WriteStream::ran_out() const {
  return core_->ran_out();
}
Slices WriteStream::unsent() const {
  return core_->unsent();
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
