// SPDX-License-Identifier: MIT
//
// Finds the zone of a server's clock by comparing the time that a listing shows of a file with the
// exact one that MDTM, MLST or MLSD tells of it. Most servers show local time by the rule of the
// date, so that files of summer and of winter differ: what was observed holds for times near that
// time of the year, in any year, as daylight saving comes back each year. Value; pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ftpsfs/base/wait.hpp"
#include "ftpsfs/ftp/server_zone.hpp"

namespace ftpsfs::ftp {

class ZoneFinder {
 public:
  /// What the server's clock shows, as seconds since 1970 shown there.
  using Shown = std::int64_t;

  /// That are worth asking of one listing.
  static constexpr std::size_t kMostQuestions = 60;

  /// Which of these files are worth asking for their exact times: one a week where nothing is known
  /// near, and one a day between two observations that differ.
  /// @param most of them at once. @return indices into `shown`.
  std::vector<std::size_t> choose(std::span<const Shown> shown, std::size_t most) const;

  /// A pair for the same file. One is believed where nothing was known; where it contradicts what
  /// was observed within a day of it, the second one that says the same is.
  /// @param shown to the minute at least. @param exact Unix seconds.
  /// @return has anything changed? Not by a pair whose difference no zone has: the file was written
  /// in between, or the clocks of both differ.
  bool note(Shown shown, std::int64_t exact);
  /// Answers that did not come, or that made no pair.
  void note_unanswered(unsigned questions, SteadyTime now);
  /// That may be asked at once. None for some minutes after several that brought nothing, and then
  /// only a few until one of them does.
  std::size_t most_questions(SteadyTime now) const noexcept;

  bool found() const noexcept { return !observations_.empty(); }
  /// For every time the offset that was observed nearest in the year; UTC until one is found.
  const ServerZone& zone() const noexcept { return zone_; }
  /// "UTC", "UTC+02:00", "UTC+01:00 and UTC+02:00".
  std::string describe() const;

 private:
  struct Observation {
    std::int64_t season;  ///< seconds into a mean year
    std::int64_t east;
    std::optional<std::int64_t> doubt{};  ///< what the last pair said instead
  };
  struct Surroundings {
    std::size_t nearest;
    std::int64_t away;  ///< of the nearest
    bool differ;        ///< those before and after
  };

  /// @pre found()
  Surroundings around(std::int64_t season) const;
  /// How close two files that are worth asking for may be; absent: this one is not.
  std::optional<std::int64_t> worth(std::int64_t season) const;
  ServerZone make_zone() const;

  std::vector<Observation> observations_;  ///< by season
  ServerZone zone_;
  unsigned unanswered_ = 0;  ///< in a row
  SteadyTime paused_until_;
};

}  // namespace ftpsfs::ftp
