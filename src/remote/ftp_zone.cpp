// SPDX-License-Identifier: MIT
#include "ftp_zone.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "ftp_operations.hpp"
#include "ftpsfs/ftp/zone_finder.hpp"
#include "ftpsfs/session/server_knowledge.hpp"

namespace ftpsfs::remote {
namespace {

/// What is asked of one listing, so that its times need not move later on. What a round has told
/// makes fewer questions of the next one.
struct Rounds {
  std::size_t questions;
  int most;
};
Rounds rounds_for(const session::Session& session) {
  if (!session.settings().pipelining) {
    return {4, 3};  // each question is a round trip
  }
  if (!session.profile().pipelines) {
    return {ftp::ZoneFinder::kMostQuestions / 3, 3};  // a round trip for each record
  }
  return {ftp::ZoneFinder::kMostQuestions, session.settings().coarse_times ? 2 : 1};
}

/// For what nobody has asked for: that of a round, and of all before the last one.
constexpr Duration kPatience = std::chrono::seconds(5);
constexpr Duration kRoundsPatience = std::chrono::seconds(1);

/// After two flights that broke the connection the third try lists without one.
constexpr unsigned kBrokenFlight = 4;

bool is_zone_given(const session::Session& session) {
  return session.settings().server.zone.has_value();
}

/// The time of a regular file by the server's clock, to the minute at least.
bool is_comparable(const ftp::FileFacts& facts) {
  return facts.kind == ftp::FactKind::file && facts.modify && facts.modify->in_server_zone &&
         facts.modify->grain != ftp::FactGrain::day;
}

/// Those whose exact times would tell most.
class Comparison {
 public:
  void add(const RemotePath* directory, Facts& facts) {
    for (ftp::FileFacts& each : facts) {
      if (is_comparable(each)) {
        shown_.push_back(each.modify->unix_seconds);
        files_.push_back({directory, &each});
      }
    }
  }

  struct File {
    const RemotePath* directory;
    ftp::FileFacts* facts;
  };
  /// Each file once only.
  std::vector<File> take(const ftp::ZoneFinder& finder, std::size_t most) {
    std::vector<std::size_t> indices = finder.choose(shown_, most);
    std::vector<File> taken;
    taken.reserve(indices.size());
    for (const std::size_t index : indices) {
      taken.push_back(files_[index]);
    }
    std::sort(indices.begin(), indices.end(), std::greater<>());
    for (const std::size_t index : indices) {
      shown_.erase(shown_.begin() + static_cast<std::ptrdiff_t>(index));
      files_.erase(files_.begin() + static_cast<std::ptrdiff_t>(index));
    }
    return taken;
  }

 private:
  std::vector<ftp::ZoneFinder::Shown> shown_;
  std::vector<File> files_;
};

/// @return false: there is nothing to ask for.
Result<bool> ask_for_times(session::Session& session, Comparison& comparison, std::size_t most,
                           const Wait& wait) {
  session::ServerKnowledge& knowledge = session.knowledge();
  if (!session.profile().mdtm) {
    return false;
  }
  const ftp::ZoneFinder finder = knowledge.zone_finder();
  const auto chosen =
      comparison.take(finder, std::min(most, finder.most_questions(SteadyClock::now())));
  if (chosen.empty()) {
    return false;
  }
  std::vector<std::optional<RemotePath>> paths;
  paths.reserve(chosen.size());
  for (const Comparison::File& each : chosen) {
    paths.push_back(child_of(*each.directory, each.facts->name));
  }
  const auto times = fetch_exact_times(session, paths, wait.no_longer_than(kPatience));
  if (!times && times.error().code == Errc::cancelled) {
    return times.error();
  }
  if (!times) {
    // The listing is whole all the same; whoever uses the session next learns what became of it.
    knowledge.note_times_unanswered(kBrokenFlight);
    return false;
  }
  bool told = false;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (const auto& exact = (*times)[i]) {
      ftp::FactTime& shown = *chosen[i].facts->modify;
      told = knowledge.note_time(shown.unix_seconds, exact->unix_seconds, "MDTM") || told;
      if (!session.settings().coarse_times) {
        shown = {exact->unix_seconds, ftp::FactGrain::second};
      }
    }
  }
  if (!told) {
    knowledge.note_times_unanswered(static_cast<unsigned>(chosen.size()));
  }
  return true;
}

/// Does the directory's listing show what was uploaded there?
void compare_upload(session::Session& session, const ShownTimes& listing,
                    const ftp::FreshUpload& upload) {
  const auto path = RemotePath::parse(upload.path);
  if (!path || path->parent() != *listing.directory) {
    return;
  }
  const ftp::ServerProfile known = session.profile();
  for (const ftp::FileFacts& each : *listing.facts) {
    if (each.size == upload.size && is_comparable(each) &&
        is_name(known, each.name, path->name())) {
      const std::int64_t shown = each.modify->unix_seconds;
      if (const auto time = upload.time_of(shown)) {
        session.knowledge().note_time(shown, *time, "an upload");
      }
    }
  }
}

void compare_uploads(session::Session& session, std::span<const ShownTimes> listings,
                     const FreshUploads& uploads) {
  for (const ftp::FreshUpload& upload : uploads) {
    for (const ShownTimes& listing : listings) {
      compare_upload(session, listing, upload);
    }
  }
}

}  // namespace

FreshUploads fresh_uploads(const session::Session& session) {
  return session.knowledge().fresh_uploads();
}

Result<void> settle_times(session::Session& session, std::span<const ShownTimes> listings,
                          const FreshUploads& before, const Wait& wait) {
  if (is_zone_given(session)) {
    return {};
  }
  if (!session.profile().mdtm) {
    compare_uploads(session, listings, before);
  }
  Comparison comparison;
  for (const ShownTimes& each : listings) {
    comparison.add(each.directory, *each.facts);
  }
  const Rounds rounds = rounds_for(session);
  const SteadyTime began = SteadyClock::now();
  for (int i = 0; i < rounds.most; ++i) {
    FTPSFS_TRY_ASSIGN(const bool asked, ask_for_times(session, comparison, rounds.questions, wait));
    if (!asked || SteadyClock::now() - began > kRoundsPatience) {
      break;
    }
  }
  for (const ShownTimes& each : listings) {
    apply_zone(session, *each.facts);
  }
  return {};
}

void apply_zone(const session::Session& session, Facts& facts) {
  if (is_zone_given(session)) {
    return;
  }
  const ftp::ZoneFinder finder = session.knowledge().zone_finder();
  for (ftp::FileFacts& each : facts) {
    if (each.modify && each.modify->in_server_zone) {
      each.modify->unix_seconds = finder.zone().to_utc(each.modify->unix_seconds);
      each.modify->in_server_zone = false;
    }
  }
}

void compare_times(session::Session& session, Facts& shown, const Facts& exact, const char* verb) {
  if (is_zone_given(session)) {
    return;
  }
  Comparison comparison;
  comparison.add(nullptr, shown);
  std::unordered_map<std::string_view, std::int64_t> wanted;
  for (const auto& each :
       comparison.take(session.knowledge().zone_finder(), ftp::ZoneFinder::kMostQuestions)) {
    wanted.emplace(each.facts->name, each.facts->modify->unix_seconds);
  }
  if (wanted.empty()) {
    return;
  }
  for (const ftp::FileFacts& each : exact) {
    const auto found = wanted.find(each.name);
    if (found != wanted.end() && each.kind == ftp::FactKind::file && each.modify &&
        each.modify->grain == ftp::FactGrain::second) {
      session.knowledge().note_time(found->second, each.modify->unix_seconds, verb);
    }
  }
}

void compare_time(session::Session& session, const Facts& shown, std::string_view name,
                  std::int64_t exact) {
  const auto found = std::find_if(shown.begin(), shown.end(),
                                  [name](const ftp::FileFacts& each) { return each.name == name; });
  if (!is_zone_given(session) && found != shown.end() && is_comparable(*found)) {
    session.knowledge().note_time(found->modify->unix_seconds, exact, "MDTM");
  }
}

}  // namespace ftpsfs::remote
