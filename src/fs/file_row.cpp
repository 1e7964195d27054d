// SPDX-License-Identifier: MIT
#include "file_row.hpp"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <utility>

namespace ftpsfs::fs {
namespace {

/// Several programs may read at a time.
constexpr std::size_t kMostRows = 8;
/// Who has not opened the next file for so long has ended, or waits for something else.
constexpr std::chrono::seconds kRowEnds(10);
/// Guesses that must have been right before anything is read ahead.
constexpr unsigned kRightToBelieve = 2;
/// A directory that changes all the time is not put in order each time.
constexpr std::chrono::seconds kLearnAgain(1);
/// So many copies side by side may open files in each other's turn.
constexpr std::size_t kSlack = 8;

}  // namespace

void RowTracker::Track::begin(std::size_t place, unsigned believed) {
  furthest = place;
  right = believed;
  window = kFirstWindow;
}

void RowTracker::Track::advance(std::size_t place) {
  if (place <= furthest) {
    if (furthest - place >= kSlack) {
      begin(place, 0);
    }
    return;  // else another copy's turn, or the same file once more
  }
  const std::size_t step = place - furthest;
  if (step > kSlack) {
    begin(place, 0);
    return;
  }
  furthest = place;
  if (++right > kRightToBelieve) {
    // Where files are left out, less of what is read ahead will be wanted.
    window = step > kSlack / 2 ? std::max(window / 2, kFirstWindow)
                               : std::min(window * 2, kLargestWindow);
  }
}

void RowTracker::Row::learn(std::vector<RowFile> known) {
  files = std::move(known);
  by_name.resize(files.size());
  std::iota(by_name.begin(), by_name.end(), 0U);
  std::sort(by_name.begin(), by_name.end(),
            [this](std::uint32_t a, std::uint32_t b) { return files[a].name < files[b].name; });
}

std::optional<std::array<std::size_t, RowTracker::kOrders>> RowTracker::Row::places_of(
    std::string_view name) const {
  const auto found = std::lower_bound(
      by_name.begin(), by_name.end(), name,
      [this](std::uint32_t place, std::string_view wanted) { return files[place].name < wanted; });
  if (found == by_name.end() || files[*found].name != name) {
    return std::nullopt;
  }
  return std::array<std::size_t, kOrders>{*found,
                                          static_cast<std::size_t>(found - by_name.begin())};
}

void RowTracker::Row::begin(std::string_view name, Order believed, unsigned right) {
  if (const auto places = places_of(name)) {
    for (std::size_t order = 0; order < kOrders; ++order) {
      // Who begins with the first one hardly does so by accident.
      const bool is_first = (*places)[order] == 0;
      const unsigned guessed = order == believed ? std::max(right, 1U) : 1;
      tracks[order].begin((*places)[order], is_first ? guessed : 0);
    }
  }
}

/// @return null: one file alone shows nothing.
RowTracker::Row* RowTracker::row_of(Ino directory, std::string_view name, const Files& files,
                                    SteadyTime now) {
  rows_.remove_if([now](const Row& row) { return now - row.seen_at > kRowEnds; });
  const auto found = std::find_if(rows_.begin(), rows_.end(), [directory](const Row& row) {
    return row.directory == directory;
  });
  const bool is_new = found == rows_.end();
  if (is_new) {
    if (rows_.size() >= kMostRows) {
      rows_.pop_back();
    }
    rows_.push_front(Row{.directory = directory, .last = std::string(name)});
  } else {
    rows_.splice(rows_.begin(), rows_, found);
  }
  Row& row = rows_.front();
  row.seen_at = now;
  const bool is_believed = now < believed_until_;
  if (is_new && !is_believed) {
    return nullptr;
  }
  if (!row.places_of(name) && now - row.learnt_at >= kLearnAgain) {
    row.learn(files());
    row.learnt_at = now;
    row.begin(row.last, believed_, is_believed ? kRightToBelieve : 0);
  }
  return row.places_of(name) ? &row : nullptr;
}

std::vector<const RowFile*> RowTracker::visit(Ino directory, std::string_view name,
                                              const Files& files, SteadyTime now) {
  Row* const row = row_of(directory, name, files, now);
  if (row == nullptr) {
    return {};
  }
  row->last = name;  // where it goes on when the directory is learnt anew
  const auto places = *row->places_of(name);
  Order order = believed_;
  for (const Order each : {kListed, kByName}) {
    row->tracks[each].advance(places[each]);
    order = row->tracks[each].right > row->tracks[order].right ? each : order;
  }
  const Track& track = row->tracks[order];
  if (track.right < kRightToBelieve) {
    return {};
  }
  believed_ = order;
  believed_until_ = now + kRowEnds;
  std::vector<const RowFile*> ahead;
  const std::size_t end = std::min(track.furthest + 1 + track.window, row->files.size());
  for (std::size_t place = track.furthest + 1; place < end; ++place) {
    ahead.push_back(&row->at(order, place));
  }
  return ahead;
}

}  // namespace ftpsfs::fs
