// SPDX-License-Identifier: MIT
#include "ftpsfs/session/download.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "ftpsfs/ftp/features.hpp"
#include "ftpsfs/ftp/refusal.hpp"

namespace ftpsfs::session {
namespace {

constexpr std::uint64_t kUnknownSize = std::numeric_limits<std::uint64_t>::max();

/// A read that ended without its authentication: TLS reports it as `truncated` with a plain FIN.
bool is_bare_end(const Error& error, const net::ByteStream& data) {
  return error.code == Errc::truncated && data.end() == net::EndOfStream::plain;
}

}  // namespace

// ---- SIZE and MDTM ----

Result<std::vector<ftp::Command>> stamp_commands(const Session& session, const std::string& path) {
  const ftp::ServerProfile known = session.profile();
  std::vector<ftp::Command> commands;
  if (known.size && known.tells_length_of(path)) {
    FTPSFS_TRY_ASSIGN(auto size, ftp::Command::make("SIZE", path));
    commands.push_back(std::move(size));
  }
  if (known.mdtm) {
    FTPSFS_TRY_ASSIGN(auto mdtm, ftp::Command::make("MDTM", path));
    commands.push_back(std::move(mdtm));
  }
  return commands;
}

FileStamp read_stamp(Session& session, std::span<const ftp::Command> commands,
                     std::span<const ftp::Reply> replies) {
  FileStamp stamp;
  for (std::size_t i = 0; i < commands.size() && i < replies.size(); ++i) {
    const bool is_size = commands[i].verb() == "SIZE";
    if (ftp::is_unknown_command(replies[i].code)) {
      session.knowledge().forget(is_size ? &ftp::ServerProfile::size : &ftp::ServerProfile::mdtm);
    } else if (is_size) {
      if (auto size = ftp::parse_size(replies[i])) {
        stamp.size = *size;
      }
    } else if (auto mtime = ftp::parse_mdtm(replies[i])) {
      stamp.mtime = *mtime;
    }
  }
  return stamp;
}

Result<FileStamp> fetch_stamp(Session& session, const std::string& path, const Wait& wait) {
  FTPSFS_TRY_ASSIGN(const auto questions, stamp_commands(session, path));
  FTPSFS_TRY_ASSIGN(const auto answers, session.exchange(questions, wait));
  return read_stamp(session, questions, answers);
}

// ---- Download ----

Result<std::unique_ptr<Download>> Download::open(Session& session, const std::string& path,
                                                 std::uint64_t offset, const Wait& wait,
                                                 std::optional<std::uint64_t> end) {
  FTPSFS_TRY_ASSIGN(auto questions, stamp_commands(session, path));
  FTPSFS_TRY_ASSIGN(auto retr, ftp::Command::make("RETR", path));
  TransferOrder order{std::move(questions), false, std::nullopt, std::move(retr), true};
  if (end) {  // the last byte is told, not the one behind it
    FTPSFS_TRY_ASSIGN(order.restart,
                      ftp::Command::make("RANG", fmt::format("{} {}", offset, *end - 1)));
  } else if (offset > 0) {
    FTPSFS_TRY_ASSIGN(order.restart, ftp::Command::make("REST", std::to_string(offset)));
  }
  std::unique_ptr<Download> download(new Download(session));
  download->position_ = download->begun_at_ = offset;
  download->end_ = end;
  auto started = session.start_transfer(order, wait);
  if (!started) {
    FTPSFS_TRY_ASSIGN(const bool at_end, download->is_at_end(path, started.error(), wait));
    if (!at_end) {
      return std::move(started).error();
    }
    download->phase_ = Phase::done;
    return download;
  }
  download->stamp_ = read_stamp(session, order.questions, started->answers);
  download->data_ = std::move(started->data);
  if (started->over) {
    download->data_.reset();
    download->phase_ = Phase::done;
  } else {
    const std::uint64_t whole = end.value_or(download->stamp_.size.value_or(kUnknownSize));
    session.announce_end(*download->data_, whole - std::min(offset, whole));
    download->shown_ = session.counters().transfers.add(TransferBoard::Direction::download, path,
                                                        offset, download->stamp_.size);
  }
  return download;
}

/// Behind the end of a file servers disagree: 554, or an empty transfer.
Result<bool> Download::is_at_end(const std::string& path, const Error& refusal, const Wait& wait) {
  if (position_ == 0 || refusal.reply_code < 500 || refusal.code == Errc::unsupported ||
      refusal.fate == SessionFate::broken) {
    return false;
  }
  FTPSFS_TRY_ASSIGN(stamp_, fetch_stamp(session_, path, wait));
  return stamp_.size && position_ >= *stamp_.size;
}

Download::~Download() {
  // FIN would kill ProFTPD's control connection; the session settles what it is owed.
  if (data_ != nullptr && phase_ != Phase::done) {
    data_->reset();
  }
}

Result<std::size_t> Download::read(std::span<std::byte> buffer, const Wait& wait) {
  if (failure_) {
    return *failure_;
  }
  if (phase_ == Phase::data) {
    auto got = data_->read(buffer, wait);
    if (got && *got > 0) {
      position_ += *got;
      session_.counters().bytes_read += *got;
      shown_.add(*got);
      return got;
    }
    if (!got && !is_bare_end(got.error(), *data_)) {
      const Errc code = got.error().code;
      if (code != Errc::timed_out && code != Errc::cancelled) {
        failure_ = session_.explain_broken_data("RETR", std::move(got).error());
        return *failure_;
      }
      return got;
    }
    authenticated_ = got.has_value() && data_->end() == net::EndOfStream::authenticated;
    // vsftpd and ProFTPD hold their 226 until our side is closed too.
    data_.reset();
    phase_ = Phase::verdict;
  }
  if (phase_ == Phase::verdict) {
    FTPSFS_TRY(await_end(wait));
  }
  return std::size_t{0};
}

Result<void> Download::await_end(const Wait& wait) {
  auto verdict = session_.await_verdict(wait);
  if (!verdict) {
    if (verdict.error().code != Errc::cancelled) {
      failure_ = verdict.error();
    }
    return std::move(verdict).error();
  }
  phase_ = Phase::done;
  shown_.leave();
  auto whole =
      verdict->is_completion() ? check_whole() : Result<void>(ftp::make_refusal("RETR", *verdict));
  session_.judge_announced_end(whole.has_value(), position_ - begun_at_);
  if (!whole) {
    failure_ = whole.error();
    // A file that was being sent is there: what ended it is no answer about its name.
    if (failure_->code == Errc::refused) {
      failure_->code = Errc::io_error;
    }
    return *failure_;
  }
  return {};
}

/// A bare FIN may be anyone's doing. It counts when an independent size says that all is here.
Result<void> Download::check_whole() const {
  if (authenticated_) {
    return {};
  }
  if (session_.settings().strict_end) {
    return make_error(Errc::truncated,
                      "RETR: the server ended the data without TLS's close_notify, and eof=strict "
                      "wants that");
  }
  const bool is_private = session_.settings().protection == Protection::private_data;
  const std::optional<std::uint64_t> whole = end_ ? end_ : stamp_.size;
  if (whole ? position_ >= *whole : !is_private) {
    return {};
  }
  return make_error(Errc::truncated,
                    "RETR: the data ended without TLS's close_notify, or before the file's size");
}

// ---- Listings ----

namespace {

Result<std::string> read_all(Session& session, net::ByteStream& data, const ListingTap& tap,
                             Wait& limit) {
  constexpr std::size_t kStep = std::size_t{64} * 1024;
  const ftp::ListingLimits& limits = session.settings().listing;
  std::string text;
  std::size_t used = 0;
  std::size_t lines = 0;
  for (;;) {
    if (text.size() - used < kStep / 2) {
      if (text.size() >= limits.bytes) {
        return limits.too_many_bytes();
      }
      text.resize(std::clamp(text.size() * 2, std::min(kStep, limits.bytes), limits.bytes));
    }
    const auto room = std::as_writable_bytes(std::span(text)).subspan(used);
    FTPSFS_TRY_ASSIGN(const std::size_t got, data.read(room, limit));
    if (got == 0) {
      text.resize(used);
      return text;
    }
    const auto part = std::string_view(text).substr(used, got);
    lines += static_cast<std::size_t>(std::count(part.begin(), part.end(), '\n'));
    used += got;
    session.counters().bytes_read += got;
    if (lines > limits.lines()) {
      return limits.too_many_entries();
    }
    if (tap) {
      limit = tap(std::string_view(text).substr(0, used)).value_or(limit);
    }
  }
}

}  // namespace

Result<ListingBody> fetch_listing(Session& session, const std::string& directory,
                                  const std::string& list, const Wait& wait,
                                  const ListingTap& tap) {
  const std::size_t blank = list.find(' ');
  const std::string verb = list.substr(0, blank);
  FTPSFS_TRY_ASSIGN(
      const auto command,
      ftp::Command::make(verb, blank == std::string::npos ? "" : list.substr(blank + 1)));
  TransferOrder order{{}, true, std::nullopt, command, true};
  if (!directory.empty()) {
    FTPSFS_TRY_ASSIGN(auto change, ftp::Command::make("CWD", directory));
    order.questions.push_back(std::move(change));
  }
  FTPSFS_TRY_ASSIGN(auto started, session.start_transfer(order, wait));
  ListingBody body;
  body.limit = wait;
  if (started.over) {
    return body;
  }
  std::unique_ptr<net::ByteStream> data = std::move(started.data);
  session.announce_end(*data, std::nullopt);
  auto text = read_all(session, *data, tap, body.limit);
  if (!text) {
    if (is_bare_end(text.error(), *data)) {
      text.error().text = "the listing was cut off (no close_notify)";
    }
    data->reset();
    if (text.error().code == Errc::io_error) {  // our own verdict
      text.error().fate = SessionFate::broken;
      return std::move(text).error();
    }
    return session.explain_broken_data(verb, std::move(text).error());
  }
  body.text = session.to_utf8(*std::move(text));
  data.reset();
  FTPSFS_TRY_ASSIGN(body.verdict, session.await_verdict(body.limit));
  session.judge_announced_end(body.verdict.is_completion(), body.text.size());
  if (!body.verdict.is_completion()) {
    return ftp::make_refusal(verb, body.verdict);
  }
  return body;
}

}  // namespace ftpsfs::session
