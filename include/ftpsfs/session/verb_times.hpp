// SPDX-License-Identifier: MIT
//
// How long the server takes for each verb: from the sending of a command to its final reply. For
// RETR, STOR, LIST and their like that reply comes behind the data, so their time is that of the
// whole transfer; the time of one that was cut ends with the reply that shows the server to be done
// with it. Commands that travelled together have the same beginning.
//
// Thread-safe, and cheap enough for each reply: a few relaxed atomics. Bounded: verbs beyond
// kMostVerbs - 1, and any that is very long, share the last place.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ftpsfs/base/mutex.hpp"

namespace ftpsfs::session {

class VerbTimes {
 public:
  using Microseconds = std::chrono::microseconds;
  static constexpr std::size_t kMostVerbs = 64;
  static constexpr std::size_t kLongestVerb = 24;
  static constexpr std::string_view kOtherVerbs = "(others)";

  /// The times of one verb, counted in powers of two.
  class Place {
   public:
    void note(std::chrono::nanoseconds took) noexcept;
    std::string_view verb() const noexcept { return verb_; }

   private:
    friend class VerbTimes;
    /// The last one has no upper end; the one before it ends at 2^30 us, some 18 minutes.
    static constexpr std::size_t kSteps = 32;

    Microseconds quantile(double share) const noexcept;

    std::string verb_;  ///< set before the place is shown to others
    std::atomic<std::uint64_t> count_{0};
    std::atomic<std::uint64_t> sum_{0};
    std::atomic<std::uint64_t> largest_{0};
    std::array<std::atomic<std::uint64_t>, kSteps> steps_{};
  };

  struct Summary {
    std::string verb;
    std::uint64_t count = 0;
    Microseconds mean{0};
    Microseconds median{0};  ///< rounded up to a power of two, and never above the largest
    Microseconds p99{0};     ///< as the median
    Microseconds largest{0};
  };

  VerbTimes() = default;
  VerbTimes(const VerbTimes&) = delete;
  VerbTimes& operator=(const VerbTimes&) = delete;

  /// Where a verb's times are noted; stays where it is as long as this object lives.
  Place& of(std::string_view verb);

  /// All verbs with a time, those first that took most of it. Not one instant's picture: what is
  /// noted meanwhile may be in some of the numbers.
  std::vector<Summary> summary() const;

 private:
  Place* find(std::string_view verb, std::size_t used);

  std::array<Place, kMostVerbs> places_;
  std::atomic<std::size_t> used_{0};  ///< places that have their verb
  Mutex adding_;
};

}  // namespace ftpsfs::session
