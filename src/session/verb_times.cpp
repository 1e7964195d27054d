// SPDX-License-Identifier: MIT
#include "ftpsfs/session/verb_times.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace ftpsfs::session {

void VerbTimes::Place::note(std::chrono::nanoseconds took) noexcept {
  constexpr auto kOrder = std::memory_order_relaxed;
  const auto passed = std::chrono::duration_cast<Microseconds>(took).count();
  const std::uint64_t value = passed > 0 ? static_cast<std::uint64_t>(passed) : 0;
  count_.fetch_add(1, kOrder);
  sum_.fetch_add(value, kOrder);
  // Step n holds what is below 2^n, and not below half of that.
  const auto step = static_cast<std::size_t>(std::bit_width(value));
  steps_[std::min(step, kSteps - 1)].fetch_add(1, kOrder);
  std::uint64_t largest = largest_.load(kOrder);
  while (largest < value && !largest_.compare_exchange_weak(largest, value, kOrder)) {
  }
}

VerbTimes::Microseconds VerbTimes::Place::quantile(double share) const noexcept {
  std::uint64_t all = 0;
  for (const auto& step : steps_) {
    all += step.load(std::memory_order_relaxed);
  }
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(all)));
  const std::uint64_t largest = largest_.load(std::memory_order_relaxed);
  std::uint64_t seen = 0;
  for (std::size_t step = 0; step + 1 < kSteps; ++step) {
    seen += steps_[step].load(std::memory_order_relaxed);
    if (seen >= wanted) {
      return Microseconds(std::min(std::uint64_t{1} << step, largest));
    }
  }
  return Microseconds(largest);
}

VerbTimes::Place* VerbTimes::find(std::string_view verb, std::size_t used) {
  const auto* const end = places_.begin() + used;
  auto* const found = std::find_if(places_.begin(), places_.begin() + used,
                                   [verb](const Place& place) { return place.verb_ == verb; });
  return found == end ? nullptr : found;
}

VerbTimes::Place& VerbTimes::of(std::string_view verb) {
  if (verb.size() > kLongestVerb) {
    verb = kOtherVerbs;
  }
  if (Place* known = find(verb, used_.load(std::memory_order_acquire))) {
    return *known;
  }
  const MutexLock lock(adding_);
  const std::size_t used = used_.load(std::memory_order_relaxed);
  if (used + 1 >= kMostVerbs && find(verb, used) == nullptr) {
    verb = kOtherVerbs;  // which has the last place, or one before it
  }
  if (Place* known = find(verb, used)) {
    return *known;
  }
  places_[used].verb_ = verb;
  used_.store(used + 1, std::memory_order_release);
  return places_[used];
}

std::vector<VerbTimes::Summary> VerbTimes::summary() const {
  std::vector<Summary> all;
  const std::size_t used = used_.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < used; ++i) {
    const Place& place = places_[i];
    const std::uint64_t count = place.count_.load(std::memory_order_relaxed);
    if (count > 0) {
      all.push_back({place.verb_, count,
                     Microseconds(place.sum_.load(std::memory_order_relaxed) / count),
                     place.quantile(0.5), place.quantile(0.99),
                     Microseconds(place.largest_.load(std::memory_order_relaxed))});
    }
  }
  const auto total = [](const Summary& one) {
    return static_cast<std::uint64_t>(one.mean.count()) * one.count;
  };
  std::stable_sort(all.begin(), all.end(),
                   [&](const Summary& a, const Summary& b) { return total(a) > total(b); });
  return all;
}

}  // namespace ftpsfs::session
