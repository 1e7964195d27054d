// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/zone_finder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iterator>
#include <set>
#include <utility>

namespace ftpsfs::ftp {
namespace {

constexpr std::int64_t kMinute = 60;
constexpr std::int64_t kQuarter = 15 * kMinute;  // what all zones are multiples of
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kMostEast = 14 * kHour;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kWeek = 7 * kDay;
constexpr std::int64_t kMeanYear = 31'556'952;
constexpr std::int64_t kYearsWrittenOut = 130;  // from 1970
/// One a week, and some more around the two nights of a year in which clocks are changed.
constexpr std::size_t kMostObservations = 100;
constexpr unsigned kMostUnanswered = 8;
constexpr std::chrono::minutes kPause{10};

std::int64_t rest_of(std::int64_t value, std::int64_t step) noexcept {
  const std::int64_t rest = value % step;
  return rest < 0 ? rest + step : rest;
}

std::int64_t season_of(std::int64_t shown) noexcept {
  return rest_of(shown, kMeanYear);
}

std::int64_t distance(std::int64_t a, std::int64_t b) noexcept {
  const std::int64_t apart = std::abs(a - b);
  return std::min(apart, kMeanYear - apart);
}

std::string offset_text(std::int64_t east) {
  const std::int64_t size = std::abs(east);
  return east == 0 ? "UTC"
                   : fmt::format("UTC{}{:02}:{:02}", east < 0 ? '-' : '+', size / kHour,
                                 size % kHour / kMinute);
}

}  // namespace

ZoneFinder::Surroundings ZoneFinder::around(std::int64_t season) const {
  const auto behind =
      std::lower_bound(observations_.begin(), observations_.end(), season,
                       [](const Observation& each, std::int64_t at) { return each.season < at; });
  // The year is a ring.
  const auto after =
      static_cast<std::size_t>(behind - observations_.begin()) % observations_.size();
  const std::size_t before = (after + observations_.size() - 1) % observations_.size();
  const std::int64_t to_after = distance(observations_[after].season, season);
  const std::int64_t to_before = distance(observations_[before].season, season);
  return {to_after < to_before ? after : before, std::min(to_after, to_before),
          observations_[after].east != observations_[before].east};
}

std::optional<std::int64_t> ZoneFinder::worth(std::int64_t season) const {
  if (observations_.empty()) {
    return kWeek;
  }
  const Surroundings known = around(season);
  const std::int64_t spacing = known.differ ? kDay : kWeek;
  return known.away > spacing ? std::optional(spacing) : std::nullopt;
}

std::vector<std::size_t> ZoneFinder::choose(std::span<const Shown> shown, std::size_t most) const {
  std::vector<std::size_t> chosen;
  if (observations_.size() >= kMostObservations) {
    return chosen;
  }
  std::vector<std::pair<std::int64_t, std::size_t>> seasons;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    if (worth(season_of(shown[i]))) {
      seasons.emplace_back(season_of(shown[i]), i);
    }
  }
  std::sort(seasons.begin(), seasons.end());
  std::int64_t last = -kMeanYear;
  for (const auto& [season, index] : seasons) {
    if (season - last > worth(season).value_or(kWeek)) {
      chosen.push_back(index);
      last = season;
    }
  }
  const std::size_t worthy = chosen.size();
  if (worthy > most) {  // as far apart as can be
    for (std::size_t i = 0; i < most; ++i) {
      chosen[i] = chosen[i * worthy / most];
    }
    chosen.resize(most);
  }
  return chosen;
}

bool ZoneFinder::note(Shown shown, std::int64_t exact) {
  const std::int64_t shown_minute = shown - rest_of(shown, kMinute);
  const std::int64_t east = shown_minute - (exact - rest_of(exact, kMinute));
  if (east % kQuarter != 0 || std::abs(east) > kMostEast) {
    return false;
  }
  const std::int64_t season = season_of(shown);
  if (found()) {
    const Surroundings known = around(season);
    Observation& nearest = observations_[known.nearest];
    if (known.away <= kDay) {
      const bool is_sure = nearest.doubt == east;
      nearest.doubt = east == nearest.east ? std::nullopt : std::optional(east);
      if (!is_sure) {
        return false;
      }
      nearest = {nearest.season, east};
      unanswered_ = 0;
      zone_ = make_zone();
      return true;
    }
    const bool is_news = worth(season) || east != nearest.east;
    if (!is_news || observations_.size() >= kMostObservations) {
      return false;
    }
  }
  const auto place =
      std::lower_bound(observations_.begin(), observations_.end(), season,
                       [](const Observation& each, std::int64_t at) { return each.season < at; });
  observations_.insert(place, Observation{season, east});
  unanswered_ = 0;
  zone_ = make_zone();
  return true;
}

void ZoneFinder::note_unanswered(unsigned questions, SteadyTime now) {
  unanswered_ = std::min(unanswered_ + questions, kMostUnanswered);
  if (unanswered_ == kMostUnanswered) {
    paused_until_ = now + kPause;
  }
}

std::size_t ZoneFinder::most_questions(SteadyTime now) const noexcept {
  if (unanswered_ < kMostUnanswered) {
    return kMostQuestions;
  }
  return now < paused_until_ ? 0 : kMostUnanswered;
}

ServerZone ZoneFinder::make_zone() const {
  std::vector<ServerZone::Change> changes;
  for (std::int64_t year = 0; year < kYearsWrittenOut; ++year) {
    for (std::size_t i = 0; i < observations_.size(); ++i) {
      const Observation& here = observations_[i];
      const Observation& next = observations_[(i + 1) % observations_.size()];
      if (here.east != next.east) {
        const std::int64_t apart = rest_of(next.season - here.season, kMeanYear);
        changes.push_back({year * kMeanYear + here.season + apart / 2 - here.east, next.east});
      }
    }
  }
  return ServerZone(observations_.front().east, std::move(changes));
}

std::string ZoneFinder::describe() const {
  std::set<std::int64_t> offsets;
  for (const Observation& each : observations_) {
    offsets.insert(each.east);
  }
  std::string text = offset_text(offsets.empty() ? 0 : *offsets.begin());
  for (auto other = offsets.empty() ? offsets.end() : std::next(offsets.begin());
       other != offsets.end(); ++other) {
    text += " and " + offset_text(*other);
  }
  return text;
}

}  // namespace ftpsfs::ftp
