// SPDX-License-Identifier: MIT
//
// Two hosts and a link between them, on one machine: two network namespaces, joined by a link of
// the wanted delay, rate, loss and jitter. All of it vanishes when the program ends.
//
//   link_emulator [SEED]
//
// Prints "left ADDRESS PATH" and "right ADDRESS PATH" (for nsenter --net=PATH), then obeys lines on
// standard input, each answered by "ok" or "error …", until it is closed:
//
//   set delay_ms=10 jitter_ms=0 mbit=0 loss=0 cut=0    both directions; what is left out stays
//   counters                                           answered by "ok PACKETS BYTES LOST"
//   forget                                             as a NAT router that has been restarted:
//                                                      packets of the TCP connections so far vanish
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <iostream>
#include <optional>
#include <span>
#include <sstream>
#include <string>

#include "support/link/emulated_link.hpp"
#include "support/link/flow_table.hpp"
#include "support/link/network_namespace.hpp"

namespace ftpsfs::test {
namespace {

constexpr const char* kLeft = "10.77.0.1";
constexpr const char* kRight = "10.77.0.2";

std::chrono::nanoseconds milliseconds(double value) {
  return std::chrono::nanoseconds(static_cast<std::int64_t>(std::llround(value * 1e6)));
}

class Emulator {
 public:
  explicit Emulator(std::uint64_t seed)
      : left_(kLeft), right_(kRight), to_right_(seed), to_left_(seed + 1) {}

  void run() {
    std::cout << "left " << kLeft << ' ' << left_.path() << '\n'
              << "right " << kRight << ' ' << right_.path() << std::endl;
    while (!ended_) {
      wait();
      const auto now = std::chrono::steady_clock::now();
      carry(left_.device(), to_right_, right_.device(), now);
      carry(right_.device(), to_left_, left_.device(), now);
    }
  }

 private:
  void wait() {
    std::array<pollfd, 3> fds{pollfd{left_.device(), POLLIN, 0}, pollfd{right_.device(), POLLIN, 0},
                              pollfd{STDIN_FILENO, POLLIN, 0}};
    std::optional<EmulatedLink::Time> next = to_right_.next_arrival();
    if (const auto other = to_left_.next_arrival(); other && (!next || *other < *next)) {
      next = other;
    }
    timespec limit{};
    if (next) {
      const auto left = std::max<std::int64_t>(
          0, std::chrono::nanoseconds(*next - std::chrono::steady_clock::now()).count());
      limit.tv_sec = left / 1'000'000'000;
      limit.tv_nsec = left % 1'000'000'000;
    }
    if (::ppoll(fds.data(), fds.size(), next ? &limit : nullptr, nullptr) > 0 &&
        fds[2].revents != 0) {
      read_orders();
    }
  }

  void carry(int from, EmulatedLink& link, int to, EmulatedLink::Time now) {
    std::array<std::byte, 65536> buffer;
    for (int i = 0; i < 64; ++i) {
      const ssize_t got = ::read(from, buffer.data(), buffer.size());
      if (got <= 0) {
        break;
      }
      if (const auto size = static_cast<std::size_t>(got);
          flows_.lets_pass(std::span(buffer).first(size))) {
        link.put({buffer.begin(), buffer.begin() + got}, now);
      }
    }
    while (const auto packet = link.take(now)) {
      // A full device drops it, as a card would.
      [[maybe_unused]] const ssize_t written = ::write(to, packet->data(), packet->size());
    }
  }

  void read_orders() {
    std::array<char, 4096> buffer;
    const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got <= 0) {
      ended_ = got == 0 || errno != EINTR;
      return;
    }
    orders_.append(buffer.data(), static_cast<std::size_t>(got));
    for (std::size_t end = orders_.find('\n'); end != std::string::npos; end = orders_.find('\n')) {
      const std::string line = orders_.substr(0, end);
      orders_.erase(0, end + 1);
      std::cout << obey(line) << std::endl;
    }
  }

  std::string obey(const std::string& line) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    if (word == "counters") {
      const auto& a = to_right_.counters();
      const auto& b = to_left_.counters();
      return "ok " + std::to_string(a.packets + b.packets) + ' ' +
             std::to_string(a.bytes + b.bytes) + ' ' + std::to_string(a.lost + b.lost);
    }
    if (word == "forget") {
      flows_.forget();
      return "ok";
    }
    if (word != "set") {
      return "error: unknown order";
    }
    while (words >> word) {
      const std::size_t equals = word.find('=');
      const std::string name = word.substr(0, equals);
      char* rest = nullptr;
      const std::string text = equals == std::string::npos ? "" : word.substr(equals + 1);
      const double value = std::strtod(text.c_str(), &rest);
      if (text.empty() || *rest != '\0' || value < 0) {
        return "error: not a number: " + word;
      }
      if (name == "delay_ms") {
        character_.delay = milliseconds(value);
      } else if (name == "jitter_ms") {
        character_.jitter = milliseconds(value);
      } else if (name == "mbit") {
        character_.bytes_per_second = static_cast<std::uint64_t>(value * 125'000);
      } else if (name == "loss") {
        character_.loss = value;
      } else if (name == "cut") {
        character_.cut = value > 0;
      } else {
        return "error: unknown setting: " + name;
      }
    }
    to_right_.set(character_);
    to_left_.set(character_);
    return "ok";
  }

  NetworkNamespace left_;
  NetworkNamespace right_;
  LinkCharacter character_;
  FlowTable flows_;
  EmulatedLink to_right_;
  EmulatedLink to_left_;
  std::string orders_;
  bool ended_ = false;
};

}  // namespace
}  // namespace ftpsfs::test

int main(int argc, char** argv) {
  try {
    const std::uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
    ftpsfs::test::Emulator(seed).run();
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "link_emulator: " << e.what() << '\n';
    return 1;
  }
}
