// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/fresh_uploads.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <iterator>
#include <utility>

namespace ftpsfs::ftp {
namespace {

constexpr std::int64_t kOneMinute = 60;
constexpr std::int64_t kZoneStep = 15 * kOneMinute;
constexpr std::int64_t kFarthestEast = std::int64_t{14} * 60 * kOneMinute;
constexpr std::int64_t kFarthestWest = std::int64_t{-12} * 60 * kOneMinute;
/// Between both clocks, with the minute that a listing cuts off.
constexpr std::int64_t kMostApart = 4 * kOneMinute;
constexpr std::int64_t kFreshFor = 5 * kOneMinute;
constexpr std::size_t kMostUploads = 32;

bool is_at_or_below(std::string_view path, std::string_view place) {
  return path.starts_with(place) && (path.size() == place.size() || path[place.size()] == '/');
}

}  // namespace

std::optional<std::int64_t> FreshUpload::time_of(std::int64_t shown) const noexcept {
  const std::int64_t apart = shown - ended;
  const std::int64_t half = apart < 0 ? -kZoneStep / 2 : kZoneStep / 2;
  const std::int64_t east = (apart + half) / kZoneStep * kZoneStep;
  if (std::abs(apart - east) > kMostApart || east < kFarthestWest || east > kFarthestEast) {
    return std::nullopt;
  }
  return shown - east;
}

void FreshUploads::note(FreshUpload upload) {
  forget(upload.path);
  if (uploads_.size() == kMostUploads) {
    uploads_.erase(uploads_.begin());
  }
  uploads_.push_back(std::move(upload));
}

void FreshUploads::rename(std::string_view from, std::string_view to) {
  forget(to);
  for (FreshUpload& each : uploads_) {
    if (is_at_or_below(each.path, from)) {
      each.path.replace(0, from.size(), to);
    }
  }
}

void FreshUploads::forget(std::string_view path) {
  std::erase_if(uploads_, [path](const FreshUpload& each) { return each.path == path; });
}

std::vector<FreshUpload> FreshUploads::list(std::int64_t now) const {
  std::vector<FreshUpload> fresh;
  std::copy_if(uploads_.begin(), uploads_.end(), std::back_inserter(fresh),
               [now](const FreshUpload& each) {
                 return now >= each.ended && now - each.ended <= kFreshFor;
               });
  return fresh;
}

}  // namespace ftpsfs::ftp
