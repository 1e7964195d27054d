// SPDX-License-Identifier: MIT
#include "support/link/emulated_link.hpp"

#include <algorithm>
#include <utility>

namespace ftpsfs::test {

void EmulatedLink::put(Packet packet, Time now) {
  const bool lost = std::uniform_real_distribution<double>(0, 1)(random_) < character_.loss;
  Time sent = std::max(now, line_free_);
  if (character_.cut || lost || sent - now > kLongestQueue) {
    ++counters_.lost;
    return;
  }
  if (character_.bytes_per_second > 0) {
    sent += std::chrono::nanoseconds(packet.size() * 1'000'000'000 / character_.bytes_per_second);
    line_free_ = sent;
  }
  auto jitter = std::uniform_int_distribution<std::int64_t>(0, character_.jitter.count());
  const Time arrives = sent + character_.delay + std::chrono::nanoseconds(jitter(random_));
  last_arrival_ = std::max(last_arrival_, arrives);
  ++counters_.packets;
  counters_.bytes += packet.size();
  under_way_.push_back({last_arrival_, std::move(packet)});
}

std::optional<EmulatedLink::Packet> EmulatedLink::take(Time now) {
  if (under_way_.empty() || under_way_.front().arrives > now) {
    return std::nullopt;
  }
  Packet packet = std::move(under_way_.front().packet);
  under_way_.pop_front();
  return packet;
}

std::optional<EmulatedLink::Time> EmulatedLink::next_arrival() const {
  if (under_way_.empty()) {
    return std::nullopt;
  }
  return under_way_.front().arrives;
}

}  // namespace ftpsfs::test
