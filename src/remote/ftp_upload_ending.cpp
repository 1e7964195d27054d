// SPDX-License-Identifier: MIT
#include "ftp_upload_ending.hpp"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "ftp_operations.hpp"

namespace ftpsfs::remote {
namespace {

/// Nothing was learned: another session may tell.
bool is_unsettled(const Result<void>& done) {
  return !done && (is_link_failure(done.error().code) || done.error().code == Errc::cancelled);
}

}  // namespace

UploadEnding::UploadEnding(const RemotePath& path, const UploadTail& tail,
                           const std::optional<session::FileStamp>& told)
    : path_(path), wanted_mtime_(tail.mtime), stamp_(told) {
  if (tail.mtime) {
    mtime_.emplace(ways_to_set_mtime(path, *tail.mtime));
  }
  if (tail.mode) {
    mode_.emplace(ways_to_set_mode(path, *tail.mode));
  }
}

std::vector<ftp::Command> UploadEnding::next(const session::Session& session) {
  auto time = mtime_ ? mtime_->next(session) : std::nullopt;
  auto mode = mode_ ? mode_->next(session) : std::nullopt;
  flight_ = {};
  flight_.time = time.has_value();
  flight_.mode = mode.has_value();
  if (!stamp_ || flight_.time) {
    // A path that cannot be sent has failed in the upload's own command.
    flight_.questions =
        session::stamp_commands(session, path_.str()).value_or(std::vector<ftp::Command>());
    if (flight_.questions.empty()) {
      stamp_ = session::FileStamp{};  // nothing can be asked
    }
  }
  std::vector<ftp::Command> flight;
  if (time) {
    flight.push_back(*std::move(time));
  }
  // Behind the time, so that the time told is the one that the server made of it; before the mode,
  // which may forbid to look.
  flight.insert(flight.end(), flight_.questions.begin(), flight_.questions.end());
  if (mode) {
    flight.push_back(*std::move(mode));
  }
  return flight;
}

void UploadEnding::take(session::Session& session, std::span<const ftp::Reply> replies) {
  if (flight_.time) {
    mtime_->take(session, replies.front());
    replies = replies.subspan(1);
  }
  if (!flight_.questions.empty()) {
    stamp_ =
        session::read_stamp(session, flight_.questions, replies.first(flight_.questions.size()));
    replies = replies.subspan(flight_.questions.size());
  }
  if (flight_.mode) {
    mode_->take(session, replies.back());
  }
}

void UploadEnding::take_led(session::Session& session, std::span<const ftp::Reply> replies) {
  const auto told = replies.subspan(flight_.time ? 1 : 0, flight_.questions.size());
  if (!told.empty() && std::all_of(told.begin(), told.end(),
                                   [](const ftp::Reply& reply) { return reply.is_completion(); })) {
    const session::FileStamp stamp = session::read_stamp(session, flight_.questions, told);
    stamp_ = stamp.size ? std::optional(stamp) : std::nullopt;
  }
  if (!stamp_) {
    return;  // by a size between them it is seen that the replies are those of these commands
  }
  if (flight_.time && replies.front().is_completion()) {
    mtime_->take(session, replies.front());
  }
  if (flight_.mode && replies.back().is_completion()) {
    mode_->take(session, replies.back());
  }
}

Result<void> UploadEnding::run(session::Session& session, const Wait& wait) {
  for (auto flight = next(session); !flight.empty(); flight = next(session)) {
    FTPSFS_TRY_ASSIGN(const auto replies, session.exchange(flight, wait));
    take(session, replies);
  }
  if (mtime_ && !mtime_set_) {
    auto set = settle_set_mtime(session, path_, mtime_->outcome(), wait);
    if (is_unsettled(set)) {
      return set;
    }
    mtime_set_ = std::move(set);
  }
  if (mode_ && !mode_set_) {
    auto set = settle_set_mode(session, path_, mode_->outcome(), wait);
    if (is_unsettled(set)) {
      return set;
    }
    mode_set_ = std::move(set);
  }
  return {};
}

Result<FinishedUpload> UploadEnding::outcome(const Result<void>& ran) const {
  if (!stamp_) {
    return ran.error();
  }
  FinishedUpload end;
  end.version = to_version(*stamp_);
  if (mtime_) {
    end.mtime_set = mtime_set_.value_or(ran);
    if (*end.mtime_set && !end.version.mtime) {
      end.version.mtime = FileTime{*wanted_mtime_, TimeGrain::second};
    }
  }
  if (mode_) {
    end.mode_set = mode_set_.value_or(ran);
  }
  return end;
}

}  // namespace ftpsfs::remote
