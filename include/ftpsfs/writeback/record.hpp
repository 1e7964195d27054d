// SPDX-License-Identifier: MIT
//
// A journal as bytes: frames one after the other, each with a length, a CRC-32 and its number in
// the file. Pure; no I/O. Reading trusts nothing: any bytes give some records and a place where
// they end.
//
//   u32 bytes of the payload | u32 CRC of all that follows | u64 number | u64 durable | payload
//
// Integers are little-endian. `durable` is how many frames were known to be on the disk when this
// one was written: what is broken before that had been promised, and is damage; what is broken
// behind it is the torn end of the last write, and was promised to nobody.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include "ftpsfs/writeback/intention.hpp"

namespace ftpsfs::writeback {

/// The first record of a journal: whose it is.
struct HeaderRecord {
  std::string identity;  ///< server and user
};

/// The content of a small file. Those that no intention names are left-overs.
struct ContentRecord {
  ContentId id = 0;
  std::span<const std::byte> bytes;  ///< of whoever gave them; when read, of the text
};

using Record = std::variant<HeaderRecord, ContentRecord, Edit>;

constexpr std::size_t kFrameHead = 4 + 4 + 8 + 8;
/// A longer payload is not one of ours.
constexpr std::size_t kLargestPayload = 1ULL << 20;
/// Content of more bytes has a file of its own.
constexpr std::size_t kLargestContentRecord = 64 * 1024;

/// @pre the payload is no larger than kLargestPayload.
void append_frame(std::string& to, std::uint64_t number, std::uint64_t durable,
                  const Record& record);

struct Frame {
  std::uint64_t number = 0;
  std::uint64_t durable = 0;
  Record record;
  std::size_t bytes = 0;  ///< head and payload
};

/// The frame that `text` begins with. @return nullopt: none that is whole and sound.
std::optional<Frame> read_frame(std::span<const std::byte> text);

/// Where a content record's bytes begin within its frame.
constexpr std::size_t kContentOffset = kFrameHead + 1 + 8;

struct JournalEnd {
  std::size_t bytes = 0;     ///< of the sound frames
  std::uint64_t frames = 0;  ///< how many
  /// Frames that had been promised are broken: what stands in the journal is not all of it.
  bool damaged = false;
};

/// Gives the frames to `take`, in their order, with the offset of each, up to the first that is
/// broken. The first is a HeaderRecord, no other is.
JournalEnd read_journal(std::span<const std::byte> text,
                        const std::function<void(std::size_t offset, const Frame&)>& take);

}  // namespace ftpsfs::writeback
