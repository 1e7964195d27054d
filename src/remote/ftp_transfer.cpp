// SPDX-License-Identifier: MIT
//
// Readers and writers: a lease with a transfer on it. The session goes back to the pool as soon as
// the transfer has ended, even when the object lives on.
#include <array>
#include <chrono>
#include <optional>
#include <utility>

#include "ftp_core.hpp"
#include "ftp_digest.hpp"
#include "ftp_operations.hpp"
#include "ftp_upload_ending.hpp"
#include "ftpsfs/base/pause.hpp"
#include "ftpsfs/session/download.hpp"
#include "ftpsfs/session/upload.hpp"

namespace ftpsfs::remote {
namespace {

class FtpReader final : public RemoteReader {
 public:
  FtpReader(FtpRemote::Core& core, session::Lease lease,
            std::unique_ptr<session::Download> download, std::uint64_t skip)
      : core_(core),
        lease_(std::move(lease)),
        download_(std::move(download)),
        version_(to_version(download_->stamp())),
        skip_(skip) {}
  ~FtpReader() override { end(); }
  FtpReader(const FtpReader&) = delete;
  FtpReader& operator=(const FtpReader&) = delete;

  const FileVersion& version() const override { return version_; }

  Result<std::size_t> read(std::span<std::byte> buffer, const Wait& wait) override {
    if (download_ == nullptr) {
      return failure_ ? Result<std::size_t>(*failure_) : Result<std::size_t>(0U);
    }
    const Wait step = core_.step_of(wait);
    FTPSFS_TRY(skip_bytes(step));
    return pass_on(download_ != nullptr ? download_->read(buffer, step)
                                        : Result<std::size_t>(std::size_t{0}));
  }

  void offer(YieldRequest on_yield) { lease_.offer(std::move(on_yield)); }

 private:
  /// Servers without REST send from the beginning.
  Result<void> skip_bytes(const Wait& wait) {
    std::array<std::byte, 16384> waste;
    while (skip_ > 0 && download_ != nullptr) {
      const auto room = std::span(waste).first(std::min<std::uint64_t>(skip_, waste.size()));
      FTPSFS_TRY_ASSIGN(const std::size_t got, pass_on(download_->read(room, wait)));
      skip_ = got == 0 ? 0 : skip_ - got;
    }
    return {};
  }

  /// At the end, good or bad, the session is free for others.
  Result<std::size_t> pass_on(Result<std::size_t> got) {
    if (got) {
      if (*got == 0) {
        end();
      }
      return got;
    }
    const Errc code = got.error().code;
    const bool may_go_on = (code == Errc::timed_out || code == Errc::cancelled) &&
                           got.error().fate == SessionFate::usable;
    if (!may_go_on) {
      failure_ = got.error();
      core_.note_failure(lease_, *failure_);
      end();
    }
    return got;
  }

  void end() {
    download_.reset();
    lease_.give_back();
  }

  FtpRemote::Core& core_;
  session::Lease lease_;
  std::unique_ptr<session::Download> download_;
  const FileVersion version_;
  std::uint64_t skip_;
  std::optional<Error> failure_;
};

class FtpWriter final : public RemoteWriter {
 public:
  FtpWriter(FtpRemote::Core& core, const RemotePath& path, WriteMode mode, const UploadTail& likely)
      : core_(core), path_(path), mode_(mode), likely_(likely), led_(path_, likely_) {}
  ~FtpWriter() override { end(); }
  FtpWriter(const FtpWriter&) = delete;
  FtpWriter& operator=(const FtpWriter&) = delete;

  /// What travels along with the verb.
  std::vector<ftp::Command> lead(const session::Session& session) { return led_.next(session); }
  void begin(session::Lease lease, std::unique_ptr<session::Upload> upload) {
    lease_ = std::move(lease);
    upload_ = std::move(upload);
  }

  bool arrives_whole() const override { return false; }

  Result<void> write(std::span<const std::byte> data, const Wait& wait) override {
    FTPSFS_TRY(upload_ == nullptr ? ended() : pass_on(upload_->write(data, core_.step_of(wait))));
    written_ += data.size();
    return {};
  }

  std::optional<DigestAlgorithm> digest() const override { return comparable_digest(core_, path_); }

  Result<FinishedUpload> finish(const UploadTail& tail, const Wait& wait) override {
    if (upload_ == nullptr) {
      return ended();
    }
    const Wait step = core_.step_of(wait);
    FTPSFS_TRY(pass_on(upload_->finish(step)));
    const auto ended_at = std::chrono::system_clock::now();
    UploadEnding ending = ending_for(tail);
    // Changes, once sent, are deaf to the stop.
    const bool is_change = !tail.empty();
    auto ran = ending.run(session_of(lease_), is_change ? step.uncancellable() : step);
    if (!ran) {
      lease_.note(ran.error());
    }
    // Changes nothing, and may take long: it can be stopped.
    const auto checked =
        ran && tail.digest ? std::optional(check_content(*tail.digest, wait)) : std::nullopt;
    end();
    // The upload is whole: a link that dies just now does not make it fail.
    if (!ran && is_link_failure(ran.error().code) && !wait.expired()) {
      const auto again = [&ending](session::Session& session, const Wait& part) {
        return ending.run(session, part);
      };
      ran = is_change ? core_.insist(wait, again)
                      : core_.repeat(session::Purpose::metadata, wait, again);
    }
    auto outcome = ending.outcome(ran);
    if (outcome && tail.digest) {
      if (checked) {
        outcome->content_checked = checked;
      } else {
        outcome->content_checked = ran ? check_ftp_content(core_, path_, *tail.digest, wait) : ran;
      }
    }
    note_fresh(tail, outcome, ended_at);
    if (outcome && core_.unanswered_stores().has(path_.str())) {
      FTPSFS_TRY(check_it_stays(outcome->version, wait));
    }
    return outcome;
  }

  void offer(YieldRequest on_yield) { lease_.offer(std::move(on_yield)); }

 private:
  Error ended() const {
    return failure_.value_or(make_error(Errc::io_error, "the upload has ended"));
  }

  UploadEnding ending_for(const UploadTail& tail) {
    if (const auto& answers = upload_->answers()) {
      led_.take_led(session_of(lease_), *answers);
    }
    const bool as_foreseen = tail.mtime == likely_.mtime && tail.mode == likely_.mode;
    return as_foreseen ? led_
                       : UploadEnding(path_, tail, likely_.empty() ? led_.stamp() : std::nullopt);
  }

  /// By this session; by others where its link fails, or its memory may deceive.
  Result<void> check_content(const Digest& digest, const Wait& wait) {
    ContentCheck check(path_, digest, core_.traffic().sessions);
    auto ran = check.run(session_of(lease_), core_.step_of(wait));
    if (!ran) {
      lease_.note(ran.error());
      end();
      return is_link_failure(ran.error().code) && !wait.expired()
                 ? check_ftp_content(core_, path_, digest, wait)
                 : ran;
    }
    end();
    if (check.is_doubtful()) {
      FTPSFS_TRY(check.ask_anew(core_, wait));
    }
    return check.outcome().value_or(Result<void>());
  }

  /// @errors truncated: an earlier STOR of the name, which was not answered, has come late.
  Result<void> check_it_stays(const FileVersion& arrived, const Wait& wait) {
    pause_for(wait.no_longer_than(UnansweredStores::kSettled));
    const auto now = core_.insist(wait, [this](session::Session& session, const Wait& part) {
      return fetch_version(session, path_, part);
    });
    if (now && now->size && arrived.size && *now->size < *arrived.size) {
      return make_error(
          Errc::truncated,
          fmt::format("{}: the server has emptied it behind the upload", path_.str()));
    }
    return {};
  }

  /// What a listing shows of it tells the server's zone, where MDTM does not. Not if it has got
  /// another time, and not of a long upload: some servers show when it began.
  void note_fresh(const UploadTail& tail, const Result<FinishedUpload>& outcome,
                  WallTime ended_at) const {
    constexpr std::chrono::minutes kBrief(1);
    const bool keeps_time =
        (!tail.mtime && !likely_.mtime) || (outcome && outcome->mtime_set && !*outcome->mtime_set &&
                                            outcome->mtime_set->error().code == Errc::unsupported);
    if (mode_ == WriteMode::replace && keeps_time && SteadyClock::now() - begun_ <= kBrief &&
        !core_.knowledge().profile().mdtm) {
      core_.knowledge().note_upload(
          {path_.str(), written_, std::chrono::system_clock::to_time_t(ended_at)});
    }
  }

  Result<void> pass_on(Result<void> done) {
    if (!done) {
      failure_ = done.error();
      core_.note_failure(lease_, *failure_);
      end();
    }
    return done;
  }

  void end() {
    upload_.reset();
    lease_.give_back();
  }

  FtpRemote::Core& core_;
  const RemotePath path_;
  const WriteMode mode_;
  const UploadTail likely_;
  UploadEnding led_;
  session::Lease lease_;
  std::unique_ptr<session::Upload> upload_;
  const SteadyTime begun_ = SteadyClock::now();
  const ChangeNote change_{core_.target_listings()};
  std::uint64_t written_ = 0;
  std::optional<Error> failure_;
};

/// ProFTPD's "451 Append/Restart not permitted", which it may say of some directories only, or a
/// server that has no APPE: one is enough to do without.
void note_append(session::Session& session, const Result<void>& begun) {
  constexpr int kNotPermitted = 451;
  const ftp::ServerProfile& profile = session.profile();
  if (begun) {
    if (profile.append_is_doubtful) {
      session.knowledge().unlearn(&ftp::ServerProfile::append_is_doubtful);
    }
    return;
  }
  const bool is_permitted =
      profile.kind != ftp::ServerKind::proftpd || begun.error().reply_code != kNotPermitted;
  if (!is_permitted || begun.error().code == Errc::unsupported) {
    session.knowledge().forget(&ftp::ServerProfile::appends);
  }
}

struct OpenedDownload {
  std::unique_ptr<session::Download> download;
  std::uint64_t skip = 0;
};

Result<OpenedDownload> open_download(session::Session& session, const RemotePath& path,
                                     const ByteRange& range, const Wait& wait) {
  const std::uint64_t offset = range.begin;
  if (range.end && session.profile().rang) {
    auto download = session::Download::open(session, path.str(), offset, wait, range.end);
    if (download) {
      return OpenedDownload{*std::move(download), 0};
    }
    if (download.error().code != Errc::unsupported) {
      return std::move(download).error();
    }
  }
  if (session.profile().rest || offset == 0) {
    auto download = session::Download::open(session, path.str(), offset, wait);
    if (download) {
      return OpenedDownload{*std::move(download), 0};
    }
    if (download.error().code != Errc::unsupported || offset == 0) {
      return std::move(download).error();
    }
    // No REST here: the transfer that began at the start is cut by the next command.
  }
  FTPSFS_TRY_ASSIGN(auto download, session::Download::open(session, path.str(), 0, wait));
  return OpenedDownload{std::move(download), offset};
}

}  // namespace

Result<std::unique_ptr<RemoteReader>> open_ftp_reader(FtpRemote::Core& core, const RemotePath& path,
                                                      const ByteRange& range, YieldRequest on_yield,
                                                      const Wait& wait) {
  auto opened = core.repeat_with_lease(
      session::Purpose::read, wait,
      [&core, &path, &range](session::Lease& lease,
                             const Wait& limit) -> Result<std::unique_ptr<FtpReader>> {
        session::Session& session = session_of(lease);
        auto download = open_download(session, path, range, limit);
        if (!download) {
          Error error = std::move(download).error();
          return is_ambiguous(error) ? settle_read(session, path, std::move(error), limit) : error;
        }
        return std::make_unique<FtpReader>(core, std::move(lease), std::move(download->download),
                                           download->skip);
      });
  if (!opened) {
    return std::move(opened).error();
  }
  if (on_yield) {
    (*opened)->offer(std::move(on_yield));
  }
  return std::unique_ptr<RemoteReader>(*std::move(opened));
}

Result<std::optional<WholeFile>> fetch_whole(session::Session& session, const RemotePath& path,
                                             std::uint64_t most_bytes,
                                             const std::function<void(const WholeFile&)>& on_bytes,
                                             const Wait& wait) {
  if (!session.profile().size) {
    return std::optional<WholeFile>();
  }
  FTPSFS_TRY_ASSIGN(const auto download, session::Download::open(session, path.str(), 0, wait));
  const FileVersion version = to_version(download->stamp());
  if (!version.size || *version.size > most_bytes) {
    return std::optional<WholeFile>();
  }
  // One byte more than it should have shows a file that has grown.
  const auto size = static_cast<std::size_t>(*version.size);
  const std::shared_ptr<std::byte[]> bytes(new std::byte[size + 1]);
  const std::span<std::byte> room(bytes.get(), size + 1);
  std::size_t filled = 0;
  while (filled <= size) {
    FTPSFS_TRY_ASSIGN(const std::size_t got, download->read(room.subspan(filled), wait));
    if (got == 0) {
      break;
    }
    filled += got;
    if (filled == size && on_bytes) {
      on_bytes({version, bytes});
    }
  }
  return filled == size ? std::optional(WholeFile{version, bytes}) : std::nullopt;
}

Result<std::unique_ptr<RemoteWriter>> open_ftp_writer(FtpRemote::Core& core, const RemotePath& path,
                                                      WriteMode mode, YieldRequest on_yield,
                                                      const Wait& wait, const UploadTail& likely) {
  // Nothing has been written before the 1xx: STOR that failed by the link may be sent again. It may
  // have truncated the name, which is what it was asked for; APPE adds nothing yet.
  core.knowledge().forget_upload(path.str());
  auto opened = core.repeat_with_lease(
      session::Purpose::write, wait,
      [&core, &path, &likely, mode](session::Lease& lease,
                                    const Wait& limit) -> Result<std::unique_ptr<FtpWriter>> {
        session::Session& session = session_of(lease);
        FTPSFS_TRY(check_new_name(session, path));
        auto writer = std::make_unique<FtpWriter>(core, path, mode, likely);
        auto upload = session::Upload::open(session, path.str(), mode == WriteMode::append, limit,
                                            writer->lead(session));
        if (mode == WriteMode::append) {
          note_append(session, upload ? Result<void>() : upload.error());
        }
        if (!upload) {
          Error error = std::move(upload).error();
          if (mode == WriteMode::replace && is_link_failure(error.code)) {
            core.unanswered_stores().note(path.str());
          }
          return is_ambiguous(error) ? settle_creation(session, path, std::move(error), limit)
                                     : error;
        }
        writer->begin(std::move(lease), *std::move(upload));
        return writer;
      });
  if (!opened) {
    return std::move(opened).error();
  }
  if (on_yield) {
    (*opened)->offer(std::move(on_yield));
  }
  return std::unique_ptr<RemoteWriter>(*std::move(opened));
}

}  // namespace ftpsfs::remote
