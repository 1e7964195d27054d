// SPDX-License-Identifier: MIT
//
// Finds the size of a file of which listings tell none: the server is asked for it where it has a
// question for that, else the file is read to its confirmed end. Who wants the same at the same
// time gets the same answer. What was read is kept for who opens the file next (FilesAhead).
// Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>

#include "crew.hpp"
#include "fetched_draft.hpp"
#include "ftpsfs/cache/single_flight.hpp"
#include "services.hpp"

namespace ftpsfs::fs {

class SizeMeter {
 public:
  /// `services` must outlive it.
  explicit SizeMeter(Services& services) : services_(services) {}

  struct Measured {
    std::uint64_t bytes = 0;
    /// The server's answer to a question; absent: the file was read.
    std::optional<remote::FileVersion> told{};
    /// The file was changed here meanwhile, or has another name now: it may be another one's size.
    bool is_overtaken = false;
  };
  /// May take as long as reading the file; each step has its own deadline.
  /// @param listed what is known of the file.
  /// @errors those of Remote::open_reader and RemoteReader::read; stale: the name was removed, or
  /// the file changes all the time; cancelled.
  Result<Measured> measure(Ino file, const remote::FileVersion& listed,
                           const std::stop_token& stop);

 private:
  Result<Measured> ask_or_read(Ino file, std::uint64_t number, const remote::FileVersion& listed,
                               const std::stop_token& stop);
  struct Read {
    std::uint64_t bytes = 0;
    FileAhead::Content content;  ///< null: it was not kept
  };
  Result<Read> read(Ino file, FileAhead& room, const remote::FileVersion& listed,
                    const std::stop_token& stop);
  void sweep(const std::stop_token& stop);

  Services& services_;
  cache::SingleFlight<std::uint64_t, Measured> flights_;
  Crew crew_;  // last: its end waits for what is at work
};

}  // namespace ftpsfs::fs
