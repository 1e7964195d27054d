// SPDX-License-Identifier: MIT
//
// Delivery: changes of the tree, and what is found done. Uploads are in delivery_upload.cpp.
#include "ftpsfs/writeback/delivery.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/remote/hidden_names.hpp"
#include "ftpsfs/remote/rename_over.hpp"
#include "ftpsfs/writeback/shared_looks.hpp"

namespace ftpsfs::writeback {

namespace {

/// That somebody else has removed it is as good.
Result<void> gone(Result<void> removed) {
  const bool is_gone = removed || removed.error().code == Errc::not_found;
  return is_gone ? Result<void>() : removed;
}

}  // namespace

bool is_passing(const Error& error) {
  switch (error.code) {
    case Errc::cancelled:
    case Errc::login_refused:
    case Errc::untrusted:
    case Errc::busy:
      return true;
    case Errc::no_space:
    case Errc::quota_exceeded:
      return false;
    default:
      return is_link_failure(error.code) || error.reply_code / 100 == 4;
  }
}

Delivery::Delivery(remote::Remote& remote, const Clock& clock, DeliveryLimits limits,
                   const Intention& intention, bool again, DeliveryNumber number,
                   const ContentReader* content, UploadTries* tries, SharedLooks* looks)
    : remote_(remote),
      clock_(clock),
      limits_(std::move(limits)),
      intention_(intention),
      again_(again),
      number_(number),
      content_(content),
      tries_(tries != nullptr ? *tries : own_tries_),
      looks_(looks) {}

Result<Delivered> Delivery::run(const std::stop_token& stop) {
  stop_ = stop;
  auto delivered = carry_out();
  if (delivered) {
    delivered->left_behind = left_behind_;
    return delivered;
  }
  if (begun_ != Begun::no && !is_passing(delivered.error())) {
    FTPSFS_TRY(take_back_beginning());
  }
  return delivered;
}

Result<Delivered> Delivery::carry_out() {
  switch (intention_.action) {
    case Action::upload:
      return upload();
    case Action::rename:
      return rename();
    case Action::set_attributes:
      return set_attributes();
    case Action::make_directory:
      return make_directory();
    case Action::remove_file:
      return remove_file();
    case Action::remove_directory:
      return remove_directory();
  }
  return make_error(Errc::invalid_argument, "an intention of an unknown kind");
}

/// That somebody else has removed it is as good.
Result<Delivered> Delivery::remove_file() {
  FTPSFS_TRY_ASSIGN(auto there, look_at_own());
  if (!there) {
    // Programs may know it although no listing shows it.
    FTPSFS_TRY_ASSIGN(there, found(remote_.stat_unlisted(intention_.path, wait())));
  }
  Delivered delivered;
  if (!there) {
    return delivered;
  }
  FTPSFS_TRY_ASSIGN(delivered.kept_theirs, is_others(intention_.path, intention_.base, *there));
  if (delivered.kept_theirs) {
    return delivered;
  }
  FTPSFS_TRY(gone(remote_.remove_file(intention_.path, wait())));
  return delivered;
}

Result<Delivered> Delivery::remove_directory() {
  auto removed = remote_.remove_directory(intention_.path, wait());
  if (!removed && removed.error().code == Errc::not_empty) {
    FTPSFS_TRY(remove_unfinished_uploads());
    removed = remote_.remove_directory(intention_.path, wait());
  }
  FTPSFS_TRY(gone(std::move(removed)));
  return Delivered{};
}

/// What a process that was killed has left in a directory that nothing else is in. What it had
/// moved aside may be the only copy of a file, and stays.
Result<void> Delivery::remove_unfinished_uploads() const {
  FTPSFS_TRY_ASSIGN(const remote::Listing listing, remote_.list(intention_.path, wait()));
  const auto is_unfinished = [](const remote::Entry& entry) {
    const auto hidden = remote::HiddenNames::parse(entry.name);
    return hidden && hidden->kind == remote::HiddenName::Kind::upload;
  };
  if (!std::all_of(listing.entries.begin(), listing.entries.end(), is_unfinished)) {
    return make_error(Errc::not_empty, intention_.path.str() + ": directory not empty");
  }
  for (const remote::Entry& entry : listing.entries) {
    FTPSFS_TRY_ASSIGN(const remote::RemotePath path, intention_.path.child(entry.name));
    FTPSFS_TRY(gone(remote_.remove_file(path, wait())));
  }
  return {};
}

Result<Delivered> Delivery::make_directory() {
  Delivered delivered;
  auto made = remote_.make_directory(intention_.path, wait());
  delivered.made_directory = made.has_value();
  if (!made) {
    if (is_link_failure(made.error().code) || made.error().code == Errc::cancelled) {
      return std::move(made).error();
    }
    // Servers tell in many ways that it is there already.
    FTPSFS_TRY_ASSIGN(const auto there, look(intention_.path));
    if (!there || there->type != remote::FileType::directory) {
      return std::move(made).error();
    }
  }
  // One that others have made keeps the mode that they have given it.
  if (intention_.tail.mode && (made || again_)) {
    const auto set = remote_.set_mode(intention_.path, *intention_.tail.mode, own_wait());
    if (!set && is_link_failure(set.error().code)) {
      return set.error();
    }
    if (!set) {
      log::info("{}: the mode could not be set: {}", intention_.path.str(), set.error().text);
    }
  }
  return delivered;
}

Result<Delivered> Delivery::rename() {
  Delivered delivered;
  remote::RemotePath target = intention_.target;
  if (again_) {
    FTPSFS_TRY(put_back_aside(target));
  }
  FTPSFS_TRY_ASSIGN(const auto source, look(intention_.path));
  FTPSFS_TRY_ASSIGN(const auto there, look(target));
  if (!source) {
    // Done only if what is there is what the source was.
    const bool knows_source = intention_.source.kind == Base::Kind::version;
    if (again_ && there && knows_source) {
      FTPSFS_TRY_ASSIGN(const bool is_other, is_others(target, intention_.source, *there));
      if (!is_other) {
        delivered.left = remote::version_of(*there);
        return delivered;
      }
    }
    return make_error(Errc::not_found,
                      fmt::format("{} has gone on the server, and cannot be renamed to {}",
                                  intention_.path.str(), target.str()));
  }
  FTPSFS_TRY_ASSIGN(delivered.kept_theirs, is_others(intention_.path, intention_.source, *source));
  if (delivered.kept_theirs) {
    return delivered;
  }
  if (there && there->type == remote::FileType::directory) {
    return make_error(Errc::is_directory,
                      fmt::format("{} is a directory on the server", target.str()));
  }
  if (there) {
    FTPSFS_TRY_ASSIGN(const bool is_other, is_others(target, intention_.base, *there));
    if (is_other) {
      FTPSFS_TRY_ASSIGN(target, conflict_path(target));
      delivered.conflict = target;
    }
  }
  FTPSFS_TRY(rename_over(intention_.path, target));
  if (source->type == remote::FileType::regular) {
    delivered.left = remote::version_of(*source);
  }
  return delivered;
}

Result<Delivered> Delivery::set_attributes() {
  if (intention_.tail.mode) {
    FTPSFS_TRY(remote_.set_mode(intention_.path, *intention_.tail.mode, wait()));
  }
  if (intention_.tail.mtime) {
    FTPSFS_TRY(remote_.set_mtime(intention_.path, *intention_.tail.mtime, wait()));
  }
  Delivered delivered;
  if (intention_.base.kind == Base::Kind::version) {
    delivered.left = intention_.base.version;
    if (intention_.tail.mtime) {
      delivered.left->mtime = remote::FileTime{*intention_.tail.mtime, remote::TimeGrain::second};
    }
  }
  return delivered;
}

/// Is it something else than what was there when the change was accepted?
Result<bool> Delivery::is_others(const remote::RemotePath& path, const Base& base,
                                 const remote::Entry& there) const {
  switch (base.kind) {
    case Base::Kind::absent:
      return true;
    case Base::Kind::ours:
      return false;
    case Base::Kind::version:
      break;
  }
  remote::FileVersion now = remote::version_of(there);
  const bool is_coarse = now.mtime && now.mtime->grain != remote::TimeGrain::second;
  if (is_coarse || !now.mtime || !now.size) {
    FTPSFS_TRY_ASSIGN(now, remote_.version(path, wait()));
  }
  return !remote::may_be_same(remote::comparable(base.version), remote::comparable(now));
}

Result<void> Delivery::rename_over(const remote::RemotePath& from, const remote::RemotePath& to) {
  const auto aside_name = [this, &to] {
    return remote::HiddenNames::aside_name(number_.mount, number_.number, to.name());
  };
  auto renamed = remote::rename_over(remote_, from, to, aside_name, wait(), limits_.timeout);
  left_behind_ = left_behind_ || renamed.left_behind;
  return std::move(renamed.outcome);
}

/// An earlier try may have ended between two steps of replacing: what was there has its name again,
/// or, where something has it, goes.
Result<void> Delivery::put_back_aside(const remote::RemotePath& path) const {
  FTPSFS_TRY_ASSIGN(const remote::RemotePath aside,
                    path.parent().child(remote::HiddenNames::aside_name(
                        number_.mount, number_.number, path.name())));
  FTPSFS_TRY_ASSIGN(const auto left, look(aside));
  if (!left) {
    return {};
  }
  FTPSFS_TRY_ASSIGN(const auto there, look(path));
  return there ? remote_.remove_file(aside, own_wait()) : remote_.rename(aside, path, own_wait());
}

Result<std::optional<remote::Entry>> Delivery::look(const remote::RemotePath& path) const {
  return found(remote_.stat(path, wait()));
}

/// What has the intention's name. Where that is what is expected, a listing that others share will
/// do; anything else may be news of a moment ago.
Result<std::optional<remote::Entry>> Delivery::look_at_own() const {
  const remote::RemotePath& path = intention_.path;
  const Base& base = intention_.base;
  std::optional<KnownName> shown;
  if (looks_ != nullptr && !again_ && base.kind != Base::Kind::ours) {
    shown = looks_->look(path.parent(), {&path, 1}, wait()).front();
  }
  if (shown && shown->kind == KnownName::Kind::absent && base.kind == Base::Kind::absent) {
    return std::optional<remote::Entry>();
  }
  if (!shows(shown, base)) {
    return look(path);
  }
  remote::Entry entry;
  entry.name = path.name();
  entry.type = remote::FileType::regular;
  entry.size = shown->version.size;
  entry.mtime = shown->version.mtime;
  entry.mode = shown->mode;
  return std::optional(std::move(entry));
}

Result<std::optional<remote::Entry>> Delivery::found(Result<remote::Entry> entry) {
  if (entry) {
    return std::optional(*std::move(entry));
  }
  if (entry.error().code == Errc::not_found) {
    return std::optional<remote::Entry>();
  }
  return std::move(entry).error();
}

/// A name beside the one that others have changed; one that is free.
Result<remote::RemotePath> Delivery::conflict_path(const remote::RemotePath& path) const {
  constexpr std::size_t kLongestName = 255;
  constexpr int kMostTries = 100;
  if (!remote_.takes_any_name_beside(path)) {
    return make_error(
        Errc::already_exists,
        fmt::format("{} was changed on the server meanwhile, and no other name can be "
                    "beside it",
                    path.str()));
  }
  const std::time_t seconds = std::chrono::system_clock::to_time_t(clock_.wall_now());
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  for (int number = 1; number <= kMostTries; ++number) {
    std::string suffix =
        fmt::format(".conflict-{:04}{:02}{:02}-{:02}{:02}{:02}", utc.tm_year + 1900, utc.tm_mon + 1,
                    utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
    if (number > 1) {
      suffix += fmt::format("-{}", number);
    }
    std::string name(path.name().substr(0, kLongestName - suffix.size()));
    FTPSFS_TRY_ASSIGN(const remote::RemotePath conflict, path.parent().child(name + suffix));
    FTPSFS_TRY_ASSIGN(const auto there, look(conflict));
    if (!there) {
      return conflict;
    }
  }
  return make_error(Errc::already_exists, fmt::format("no free name for a copy of {}", path.str()));
}

}  // namespace ftpsfs::writeback
