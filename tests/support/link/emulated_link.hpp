// SPDX-License-Identifier: MIT
//
// One direction of an emulated link: packets go in, and come out later, or never. Pure arithmetic:
// time is given, nothing sleeps. Jitter never reorders packets, as real queues do not either.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <vector>

namespace ftpsfs::test {

struct LinkCharacter {
  std::chrono::nanoseconds delay{0};   ///< one way
  std::chrono::nanoseconds jitter{0};  ///< added to the delay, evenly between 0 and this
  std::uint64_t bytes_per_second = 0;  ///< 0: no limit
  double loss = 0;                     ///< share of the packets, 0 to 1
  bool cut = false;                    ///< nothing passes
};

class EmulatedLink {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Packet = std::vector<std::byte>;

  explicit EmulatedLink(std::uint64_t seed) : random_(seed) {}

  /// For packets that come from now on; those under way arrive as they were to.
  void set(const LinkCharacter& character) { character_ = character; }

  void put(Packet packet, Time now);
  /// The next packet that has arrived, in order.
  std::optional<Packet> take(Time now);
  /// When take() will next have one.
  std::optional<Time> next_arrival() const;

  struct Counters {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    std::uint64_t lost = 0;
  };
  const Counters& counters() const { return counters_; }

 private:
  /// A router's queue: what would wait for longer at the bottleneck is dropped.
  static constexpr std::chrono::milliseconds kLongestQueue{200};

  struct UnderWay {
    Time arrives;
    Packet packet;
  };
  LinkCharacter character_;
  std::mt19937_64 random_;
  std::deque<UnderWay> under_way_;
  Time line_free_{};
  Time last_arrival_{};
  Counters counters_;
};

}  // namespace ftpsfs::test
