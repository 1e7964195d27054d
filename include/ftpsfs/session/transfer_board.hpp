// SPDX-License-Identifier: MIT
//
// The downloads and uploads of files that are under way, for status. Each notes its bytes in its
// own entry, which costs a relaxed atomic; the mutex is only taken when one begins or ends, or
// somebody looks. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <iterator>
#include <list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/base/wait.hpp"

namespace ftpsfs::session {

class TransferBoard {
 public:
  enum class Direction : std::uint8_t { download, upload };

  /// One that is under way.
  struct Running {
    Direction direction = Direction::download;
    std::string path;
    std::uint64_t begun_at = 0;         ///< offset in the file
    std::uint64_t bytes = 0;            ///< transferred since
    std::optional<std::uint64_t> size;  ///< of the whole file, where it is known
    SteadyClock::duration since{};
  };

 private:
  struct Item {
    Item(Direction whither, std::string name, std::uint64_t offset,
         std::optional<std::uint64_t> whole)
        : direction(whither), path(std::move(name)), begun_at(offset), size(whole) {}

    const Direction direction;
    const std::string path;
    const std::uint64_t begun_at;
    const std::optional<std::uint64_t> size;
    const SteadyTime begun = SteadyClock::now();
    std::atomic<std::uint64_t> bytes{0};
  };

 public:
  /// The place of one transfer; leaves the board with its end. The board must outlive it.
  class Entry {
   public:
    Entry() = default;
    ~Entry() { leave(); }
    Entry(Entry&& other) noexcept
        : board_(std::exchange(other.board_, nullptr)), item_(other.item_) {}
    Entry& operator=(Entry&& other) noexcept {
      if (this != &other) {
        leave();
        board_ = std::exchange(other.board_, nullptr);
        item_ = other.item_;
      }
      return *this;
    }

    void add(std::uint64_t bytes) noexcept {
      if (board_ != nullptr) {
        item_->bytes.fetch_add(bytes, std::memory_order_relaxed);
      }
    }
    void leave() noexcept {
      if (board_ != nullptr) {
        std::exchange(board_, nullptr)->remove(item_);
      }
    }

   private:
    friend class TransferBoard;
    Entry(TransferBoard& board, std::list<Item>::iterator item) : board_(&board), item_(item) {}

    TransferBoard* board_ = nullptr;
    std::list<Item>::iterator item_;
  };

  Entry add(Direction direction, std::string path, std::uint64_t begun_at,
            std::optional<std::uint64_t> size) {
    const MutexLock lock(mutex_);
    items_.emplace_back(direction, std::move(path), begun_at, size);
    return Entry(*this, std::prev(items_.end()));
  }

  /// In the order of their beginning.
  std::vector<Running> running() const {
    const SteadyTime now = SteadyClock::now();
    const MutexLock lock(mutex_);
    std::vector<Running> all;
    all.reserve(items_.size());
    for (const Item& item : items_) {
      all.push_back({item.direction, item.path, item.begun_at,
                     item.bytes.load(std::memory_order_relaxed), item.size, now - item.begun});
    }
    return all;
  }

 private:
  void remove(std::list<Item>::iterator item) noexcept {
    const MutexLock lock(mutex_);
    items_.erase(item);
  }

  mutable Mutex mutex_;
  std::list<Item> items_ FTPSFS_GUARDED_BY(mutex_);
};

}  // namespace ftpsfs::session
