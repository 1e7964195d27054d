// SPDX-License-Identifier: MIT
#include "ftp_upload_ending.hpp"

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
                           const std::optional<session::FileStamp>& told, std::uint64_t latest)
    : path_(path), wanted_mtime_(tail.mtime), stamp_(told) {
  if (tail.mtime) {
    mtime_.emplace(ways_to_set_mtime(path, *tail.mtime));
  }
  if (tail.mode) {
    mode_.emplace(ways_to_set_mode(path, *tail.mode));
  }
  if (tail.digest) {
    content_.emplace(path, *tail.digest, latest);
  }
}

Result<void> UploadEnding::fly(session::Session& session, const Wait& wait, bool& over) {
  auto time = mtime_ ? mtime_->next(session) : std::nullopt;
  auto mode = mode_ ? mode_->next(session) : std::nullopt;
  const bool sets_time = time.has_value();
  const bool sets_mode = mode.has_value();
  const bool asks = !stamp_ || sets_time;
  std::vector<ftp::Command> questions;
  if (asks) {
    FTPSFS_TRY_ASSIGN(questions, session::stamp_commands(session, path_.str()));
  }
  const auto compare = content_ ? content_->next(session) : std::vector<ftp::Command>();
  std::vector<ftp::Command> flight;
  if (sets_time) {
    flight.push_back(*std::move(time));
  }
  // Behind the time, so that the time told is the one that the server made of it; before the mode,
  // which may forbid to look.
  flight.insert(flight.end(), questions.begin(), questions.end());
  flight.insert(flight.end(), compare.begin(), compare.end());
  if (sets_mode) {
    flight.push_back(*std::move(mode));
  }
  over = flight.empty();
  std::vector<ftp::Reply> replies;
  if (!over) {
    const Wait limit = compare.empty() ? wait : content_->patience(wait);
    FTPSFS_TRY_ASSIGN(replies, session.exchange(flight, limit));
  }
  std::span<const ftp::Reply> left = replies;
  if (sets_time) {
    mtime_->take(session, left.front());
    left = left.subspan(1);
  }
  if (asks) {
    stamp_ = session::read_stamp(session, questions, left.first(questions.size()));
    left = left.subspan(questions.size());
  }
  if (sets_mode) {
    mode_->take(session, left.back());
  }
  return compare.empty() ? Result<void>() : content_->take(session, left.first(compare.size()));
}

Result<void> UploadEnding::run(session::Session& session, const Wait& wait) {
  for (bool over = false; !over;) {
    FTPSFS_TRY(fly(session, wait, over));
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
  if (content_) {
    end.content_checked = content_->outcome().value_or(ran);
  }
  return end;
}

}  // namespace ftpsfs::remote
