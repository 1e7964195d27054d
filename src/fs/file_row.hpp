// SPDX-License-Identifier: MIT
//
// Guesses which files of a directory a program will open next. cp -r, grep -r, tar, rsync and
// compilers open them in the order of the listing or of their names, several copies side by side
// nearly so. After some right guesses it is a row, and the guess grows longer as long as it is
// right; the next directory's row is believed at once.
//
// Pure: knows no cache, no server and no thread. Not thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ftpsfs/base/clock.hpp"
#include "ftpsfs/fs/types.hpp"

namespace ftpsfs::fs {

/// A regular file of a directory.
struct RowFile {
  std::string name;
  std::uint64_t size = 0;  ///< 0: not known either
};

class RowTracker {
 public:
  static constexpr std::size_t kFirstWindow = 8;
  static constexpr std::size_t kLargestWindow = 64;

  /// The regular files of a directory in the listing's order; empty: not known.
  using Files = std::function<std::vector<RowFile>()>;

  /// A program has opened this file.
  /// @param files called where this directory is looked at for the first time, or has changed.
  /// @return the files that the row leads to next, nearest first; none when it is on none. Valid
  /// until the next call.
  std::vector<const RowFile*> visit(Ino directory, std::string_view name, const Files& files,
                                    SteadyTime now);

 private:
  enum Order : std::size_t { kListed, kByName, kOrders };

  /// How far the row has come, should it follow an order.
  struct Track {
    std::size_t furthest = 0;
    unsigned right = 0;  ///< guesses in a row
    std::size_t window = kFirstWindow;

    void begin(std::size_t place, unsigned believed);
    void advance(std::size_t place);
  };
  struct Row {
    Ino directory = kNoIno;
    std::vector<RowFile> files{};          ///< in the listing's order
    std::vector<std::uint32_t> by_name{};  ///< their places there, sorted by name
    std::array<Track, kOrders> tracks{};
    std::string last{};  ///< that was opened
    SteadyTime seen_at{};
    SteadyTime learnt_at{};

    void learn(std::vector<RowFile> known);
    std::optional<std::array<std::size_t, kOrders>> places_of(std::string_view name) const;
    void begin(std::string_view name, Order believed, unsigned right);
    const RowFile& at(Order order, std::size_t place) const {
      return files[order == kByName ? by_name[place] : place];
    }
  };

  Row* row_of(Ino directory, std::string_view name, const Files& files, SteadyTime now);

  std::list<Row> rows_;  ///< the one seen last first
  Order believed_ = kListed;
  SteadyTime believed_until_{};
};

}  // namespace ftpsfs::fs
