// SPDX-License-Identifier: MIT
#include "arrival.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "ftpsfs/base/pause.hpp"

namespace ftpsfs::transfer {

Result<remote::FileVersion> settled_version(remote::Remote& remote, const PathProvider& path,
                                            Duration pause, const Wait& wait) {
  std::optional<remote::FileVersion> before;
  for (;;) {
    FTPSFS_TRY_ASSIGN(const remote::RemotePath there, path());
    auto version = remote.version(there, wait);
    if (version) {
      if (before && before->size == version->size) {
        return version;
      }
      before = *version;
    } else if (!is_link_failure(version.error().code)) {
      return version.error();
    }
    if (wait.expired() || wait.stop.stop_requested()) {
      return version ? make_error(Errc::timed_out, "the file goes on changing on the server")
                     : version.error();
    }
    pause_for(wait.no_longer_than(pause));
  }
}

bool holds(remote::Remote& remote, const PathProvider& path, std::uint64_t begin,
           std::uint64_t bytes, const std::deque<Slice>& sent, const Wait& wait) {
  constexpr std::size_t kStepBytes = 64ULL << 10;
  const auto there = path();
  if (!there) {
    return false;
  }
  const auto step = std::chrono::duration_cast<Duration>(wait.deadline - SteadyClock::now());
  const auto reader = remote.open_reader(*there, remote::ByteRange(begin), {}, wait);
  if (!reader) {
    return false;
  }
  std::vector<std::byte> buffer(kStepBytes);
  std::uint64_t left = bytes;
  for (const Slice& piece : sent) {
    auto expected = piece.bytes.first(std::min<std::uint64_t>(piece.bytes.size(), left));
    left -= expected.size();
    while (!expected.empty()) {
      const auto room = std::span(buffer).first(std::min(buffer.size(), expected.size()));
      const auto got = (*reader)->read(room, Wait::for_at_most(step, wait.stop));
      if (!got || *got == 0 || !std::ranges::equal(room.first(*got), expected.first(*got))) {
        return false;
      }
      expected = expected.subspan(*got);
    }
  }
  return left == 0;
}

}  // namespace ftpsfs::transfer
