// SPDX-License-Identifier: MIT
//
// Delivery: changes of the tree, and what is found done. Uploads are in delivery_upload.cpp.
#include "ftpsfs/writeback/delivery.hpp"

#include <fmt/format.h>

#include <ctime>
#include <utility>

#include "ftpsfs/base/log.hpp"

namespace ftpsfs::writeback {

Delivery::Delivery(remote::Remote& remote, const Clock& clock, DeliveryLimits limits,
                   const Intention& intention, bool again, std::string temporary,
                   const ContentReader* content)
    : remote_(remote),
      clock_(clock),
      limits_(limits),
      intention_(intention),
      again_(again),
      temporary_(std::move(temporary)),
      content_(content) {}

Result<Delivered> Delivery::run(const std::stop_token& stop) {
  stop_ = stop;
  switch (intention_.action) {
    case Action::upload:
      return upload();
    case Action::rename:
      return rename();
    case Action::set_attributes:
      return set_attributes();
    case Action::make_directory:
      FTPSFS_TRY(make_directory());
      return Delivered{};
    case Action::remove_file:
      FTPSFS_TRY(remove(remote_.remove_file(intention_.path, wait())));
      return Delivered{};
    case Action::remove_directory:
      FTPSFS_TRY(remove(remote_.remove_directory(intention_.path, wait())));
      return Delivered{};
  }
  return make_error(Errc::invalid_argument, "an intention of an unknown kind");
}

/// That somebody else has removed it is as good.
Result<void> Delivery::remove(Result<void> removed) const {
  return !removed && removed.error().code == Errc::not_found ? Result<void>() : removed;
}

Result<void> Delivery::make_directory() {
  auto made = remote_.make_directory(intention_.path, wait());
  if (made || is_link_failure(made.error().code) || made.error().code == Errc::cancelled) {
    return made;
  }
  // Servers tell in many ways that it is there already.
  FTPSFS_TRY_ASSIGN(const auto there, look(intention_.path));
  return there && there->type == remote::FileType::directory ? Result<void>() : made;
}

Result<Delivered> Delivery::rename() {
  Delivered delivered;
  remote::RemotePath target = intention_.target;
  FTPSFS_TRY_ASSIGN(const auto source, look(intention_.path));
  FTPSFS_TRY_ASSIGN(const auto there, look(target));
  if (!source && again_ && there) {
    delivered.left = remote::version_of(*there);
    return delivered;
  }
  const Base& base = intention_.base;
  const bool is_others =
      there && (base.kind == Base::Kind::absent ||
                (base.kind == Base::Kind::version &&
                 !remote::may_be_same(remote::comparable(base.version),
                                      remote::comparable(remote::version_of(*there)))));
  if (is_others && source) {
    FTPSFS_TRY_ASSIGN(target, conflict_path(target));
    delivered.conflict = target;
  }
  FTPSFS_TRY(remote_.rename(intention_.path, target, wait()));
  if (source && source->type == remote::FileType::regular && !delivered.conflict) {
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
  return Delivered{};
}

Result<std::optional<remote::Entry>> Delivery::look(const remote::RemotePath& path) const {
  auto entry = remote_.stat(path, wait());
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
