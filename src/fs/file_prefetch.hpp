// SPDX-License-Identifier: MIT
//
// Reads small files ahead of the programs that open one after the other in a directory, several at
// a time, over connections that nobody else needs. What comes waits in FilesAhead for its opening;
// the size and time that the server told with it spare that opening a question. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "crew.hpp"
#include "file_row.hpp"
#include "files_ahead.hpp"
#include "ftpsfs/base/mutex.hpp"
#include "services.hpp"

namespace ftpsfs::fs {

class FilePrefetch {
 public:
  /// Files larger than this are left to the program's own stream.
  static constexpr std::uint64_t kLargest = 256ULL << 10;

  /// Has the kernel been given the pages of a file of this size? Called under the mutex.
  using HasPages = std::function<bool(Ino, std::uint64_t size)>;

  /// Does nothing unless the settings say so.
  FilePrefetch(Services& services, HasPages has_pages)
      : services_(services), has_pages_(std::move(has_pages)) {}

  /// A program has opened a file for reading. Waits for nothing.
  void note_open(Ino directory, std::string_view name, Ino file);

  /// The kernel asks for pages that it had: for a while none is believed to be there.
  void doubt_pages() { doubted_until_ = services_.clock.now() + kDoubt; }

  /// The program is about to ask for this file's size and time: if its content is on the way, they
  /// come with it. @return whether it is worth looking at what is known again.
  bool await_news(Ino file, const Wait& wait);

  /// The same where its content is not on the way: size and time come with it, if it is small and
  /// there is a connection to spare, in as many round trips as the content takes alone.
  bool bring_news(Ino directory, std::string_view name, Ino file, std::uint64_t size,
                  const Wait& wait);

 private:
  static constexpr std::chrono::seconds kDoubt{10};

  struct Wanted {
    Ino directory = kNoIno;
    std::string name;
    Ino file = kNoIno;
    std::shared_ptr<FileAhead> ahead;
  };

  using TakeWanted = std::function<std::optional<Wanted>()>;

  std::size_t most_workers() const;
  std::optional<Wanted> take_next();
  void work(const std::stop_token& stop);
  bool fetch_one(const TakeWanted& take, const std::stop_token& stop);
  void plan(Ino directory, const RowFile& next) FTPSFS_REQUIRES(mutex_);
  void note_outcome(bool came);
  void keep(const Wanted& wanted, const cache::NamespaceCache::Ticket& ticket,
            const remote::WholeFile& whole);

  Services& services_;
  const HasPages has_pages_;
  std::atomic<SteadyTime> doubted_until_{SteadyTime{}};
  Mutex mutex_;
  RowTracker rows_ FTPSFS_GUARDED_BY(mutex_);
  std::deque<Wanted> queue_ FTPSFS_GUARDED_BY(mutex_);
  unsigned in_vain_ FTPSFS_GUARDED_BY(mutex_) = 0;  ///< of late, one after the other
  SteadyTime not_before_ FTPSFS_GUARDED_BY(mutex_){};
  Crew crew_;  // ends first
};

}  // namespace ftpsfs::fs
