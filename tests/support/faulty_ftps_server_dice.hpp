// SPDX-License-Identifier: MIT
//
// Faults drawn by chance from a seed, the same ones on every machine: which command meets which
// fault, at which byte and when. Only such as leave a client no excuse: it can tell each of them
// from a success, and whatever it does is right or an error.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "support/faulty_ftps_server.hpp"

namespace ftpsfs::test {

class FaultDice {
 public:
  explicit FaultDice(std::uint32_t seed) : random_(seed) {}

  /// The next of the sequence that belongs to the seed.
  Fault draw();

 private:
  std::uint64_t up_to(std::uint64_t most) { return random_() % (most + 1); }

  std::mt19937 random_;  // its numbers, unlike those of distributions, are the same everywhere
};

/// "2. STOR: cut_data, 1234 bytes, 5 ms", for the trace of a test.
std::string describe(const Fault& fault);

}  // namespace ftpsfs::test
