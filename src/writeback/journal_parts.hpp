// SPDX-License-Identifier: MIT
//
// What the files of Journal share.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>

#include "ftpsfs/base/hex_id.hpp"
#include "ftpsfs/writeback/journal.hpp"

namespace ftpsfs::writeback {

/// About what an intention takes besides its texts.
constexpr std::size_t kBytesOfIntention = 128;

constexpr std::string_view kGenerationPrefix = "journal-";
constexpr std::string_view kContentPrefix = "content-";
constexpr std::string_view kUnfinishedSuffix = ".new";

inline std::string generation_name(std::uint64_t number) {
  return fmt::format("{}{:016x}", kGenerationPrefix, number);
}

/// The number in a name that consists of the prefix and sixteen digits.
inline std::optional<std::uint64_t> number_in(std::string_view name, std::string_view prefix) {
  return name.starts_with(prefix) ? parse_hex_id(name.substr(prefix.size())) : std::nullopt;
}

/// What one write brings to the disk.
struct Journal::Batch {
  bool anew = false;
  Ticket last = 0;
  std::deque<PendingRecord> records;  ///< to be appended; of no interest to a new generation
  // Of a new generation.
  std::map<IntentionId, Intention> intentions;
  std::map<ContentId, Place> contents;
  // The file that is written on, or replaced; null: there is none.
  std::shared_ptr<Generation> generation;
  std::uint64_t file_bytes = 0;
  std::uint64_t frames = 0;
};

/// Where things are after it.
struct Journal::Outcome {
  std::map<ContentId, Place> places;
  std::shared_ptr<Generation> generation;
  std::uint64_t file_bytes = 0;
  std::uint64_t frames = 0;
  std::vector<ContentId> idle;  ///< may be removed now
};

}  // namespace ftpsfs::writeback
