// SPDX-License-Identifier: MIT
//
// The bytes of a ReadStream that are in memory: a run of chunks, filled at its end, dropped at its
// beginning. Not thread-safe; its owner's mutex guards it. Bytes already published are never
// written again, so slices of them may be read without the mutex.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>

#include "ftpsfs/base/slice.hpp"

namespace ftpsfs::transfer {

class ReadWindow {
 public:
  /// 16 TLS records: SSL_read never gives more than one, and a chunk should outlive many.
  static constexpr std::size_t kChunkBytes = 256ULL << 10;

  std::uint64_t begin() const { return begin_; }
  std::uint64_t end() const { return end_; }
  /// What its chunks take of memory.
  std::uint64_t held_bytes() const { return chunks_.size() * kChunkBytes; }

  /// Forgets all and begins anew at `offset`.
  void restart(std::uint64_t offset) {
    chunks_.clear();
    begin_ = end_ = offset;
  }

  struct Room {
    std::shared_ptr<std::byte[]> owner;
    std::span<std::byte> space;
  };

  /// Free space at the end. Only what commit() has published may be read.
  Room room() {
    if (chunks_.empty() || chunks_.back().filled == kChunkBytes) {
      chunks_.push_back({std::shared_ptr<std::byte[]>(new std::byte[kChunkBytes]), end_, 0});
    }
    Chunk& last = chunks_.back();
    return {last.data, {last.data.get() + last.filled, kChunkBytes - last.filled}};
  }

  void commit(std::size_t bytes) {
    chunks_.back().filled += bytes;
    end_ += bytes;
  }

  /// Drops whole chunks that lie before `offset`.
  void drop_before(std::uint64_t offset) {
    while (!chunks_.empty() && chunks_.front().filled == kChunkBytes &&
           chunks_.front().offset + kChunkBytes <= offset) {
      begin_ = chunks_.front().offset + kChunkBytes;
      chunks_.pop_front();
    }
  }

  /// Drops whole chunks that lie at or behind `offset`: filling goes on where they began.
  void drop_after(std::uint64_t offset) {
    while (!chunks_.empty() && chunks_.back().offset >= offset) {
      end_ = chunks_.back().offset;
      chunks_.pop_back();
    }
  }

  /// @pre begin() <= offset and offset + size <= end().
  Slices slices(std::uint64_t offset, std::size_t size) const {
    Slices result;
    for (const Chunk& chunk : chunks_) {
      if (size == 0) {
        break;
      }
      const std::uint64_t chunk_end = chunk.offset + chunk.filled;
      if (chunk_end <= offset) {
        continue;
      }
      const auto skip = static_cast<std::size_t>(offset - chunk.offset);
      const std::size_t take = std::min<std::size_t>(chunk.filled - skip, size);
      result.push_back({chunk.data, {chunk.data.get() + skip, take}});
      offset += take;
      size -= take;
    }
    return result;
  }

 private:
  struct Chunk {
    std::shared_ptr<std::byte[]> data;
    std::uint64_t offset;
    std::size_t filled;
  };
  std::deque<Chunk> chunks_;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
};

}  // namespace ftpsfs::transfer
