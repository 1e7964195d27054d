// SPDX-License-Identifier: MIT
//
// See scripted_peer.hpp.
#include "support/scripted_peer.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <utility>

namespace ftpsfs::test {
namespace {

constexpr int kPatienceSeconds = 10;

/// Two ends of one TCP connection on loopback.
std::pair<UniqueFd, UniqueFd> tcp_pair() {
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  UniqueFd near(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const raw = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (::bind(listener.get(), raw, size) != 0 || ::listen(listener.get(), 1) != 0 ||
      ::getsockname(listener.get(), raw, &size) != 0 || ::connect(near.get(), raw, size) != 0) {
    throw std::runtime_error("ScriptedPeer: no loopback");
  }
  UniqueFd far(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const int one = 1;
  ::setsockopt(far.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  const timeval patience{kPatienceSeconds, 0};
  ::setsockopt(far.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(far.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  return {std::move(near), std::move(far)};
}

/// Control characters made visible.
std::string shown(const std::string& bytes) {
  std::string text = "\"";
  for (const char c : bytes) {
    if (c == '\r') {
      text += "\\r";
    } else if (c == '\n') {
      text += "\\n";
    } else {
      text += c;
    }
  }
  return text + "\"";
}

}  // namespace

ScriptedPeer::ScriptedPeer() {
  auto [near, far] = tcp_pair();
  client_end_ = std::move(near);
  own_end_ = std::move(far);
}

ScriptedPeer::~ScriptedPeer() {
  client_end_.reset();
  finish();
}

ScriptedPeer& ScriptedPeer::add(Step step) {
  steps_.push_back(std::move(step));
  return *this;
}

ScriptedPeer& ScriptedPeer::expect(std::string line) {
  return expect_bytes(std::move(line) + "\r\n");
}

ScriptedPeer& ScriptedPeer::expect_bytes(std::string bytes) {
  return add([bytes = std::move(bytes)](ScriptedPeer& self) {
    std::string got;
    std::string failure = self.receive(bytes.size(), got);
    if (failure.empty() && got != bytes) {
      failure = "it differs";
    }
    return failure.empty() ? failure
                           : "expected " + shown(bytes) + ", got " + shown(got) + ": " + failure;
  });
}

ScriptedPeer& ScriptedPeer::expect_end() {
  return add([](ScriptedPeer& self) -> std::string {
    char extra = 0;
    const ssize_t got = ::recv(self.own_end_.get(), &extra, 1, 0);
    if (got == 0 || (got < 0 && errno == ECONNRESET)) {
      return {};
    }
    return got > 0 ? "expected the end, got " + shown(std::string(1, extra))
                   : "expected the end, and nothing came";
  });
}

ScriptedPeer& ScriptedPeer::reply(const std::string& line) {
  return send(line + "\r\n");
}

ScriptedPeer& ScriptedPeer::send(std::string bytes) {
  return add([bytes = std::move(bytes)](ScriptedPeer& self) { return self.transmit(bytes); });
}

ScriptedPeer& ScriptedPeer::chop(std::size_t size) {
  return add([size](ScriptedPeer& self) -> std::string {
    self.chop_ = size;
    return {};
  });
}

ScriptedPeer& ScriptedPeer::run(std::function<void()> what) {
  return add([what = std::move(what)](ScriptedPeer&) -> std::string {
    what();
    return {};
  });
}

ScriptedPeer& ScriptedPeer::stall() {
  return add([](ScriptedPeer& self) -> std::string {
    std::array<char, 4096> discarded{};
    while (::recv(self.own_end_.get(), discarded.data(), discarded.size(), 0) > 0) {
    }
    return {};
  });
}

ScriptedPeer& ScriptedPeer::reset() {
  return add([](ScriptedPeer& self) -> std::string {
    const linger at_once{1, 0};
    ::setsockopt(self.own_end_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    self.own_end_.reset();
    return {};
  });
}

ScriptedPeer& ScriptedPeer::shutdown_write() {
  return add([](ScriptedPeer& self) -> std::string {
    ::shutdown(self.own_end_.get(), SHUT_WR);
    return {};
  });
}

ScriptedPeer& ScriptedPeer::close() {
  return add([](ScriptedPeer& self) -> std::string {
    self.own_end_.reset();
    return {};
  });
}

net::Socket ScriptedPeer::client() {
  thread_ = std::thread([this] { play(); });
  return net::Socket(std::move(client_end_));
}

std::string ScriptedPeer::finish() {
  if (thread_.joinable()) {
    thread_.join();
  }
  return failure_;
}

void ScriptedPeer::play() {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const std::string failure = steps_[i](*this);
    if (!failure.empty()) {
      failure_ = "step " + std::to_string(i + 1) + ": " + failure;
      break;
    }
  }
  own_end_.reset();  // whoever still waits for this peer learns that the script is over
}

std::string ScriptedPeer::receive(std::size_t size, std::string& into) {
  while (into.size() < size) {
    std::array<char, 4096> part{};
    const ssize_t got =
        ::recv(own_end_.get(), part.data(), std::min(part.size(), size - into.size()), 0);
    if (got < 0) {
      return errno == EAGAIN ? "nothing more came" : "the connection was reset";
    }
    if (got == 0) {
      return "the connection ended";
    }
    into.append(part.data(), static_cast<std::size_t>(got));
  }
  return {};
}

std::string ScriptedPeer::transmit(const std::string& bytes) {
  const std::size_t piece = chop_ == 0 ? bytes.size() : chop_;
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t taken = ::send(own_end_.get(), bytes.data() + sent,
                                 std::min(piece, bytes.size() - sent), MSG_NOSIGNAL);
    if (taken <= 0) {
      return "cannot send " + shown(bytes);
    }
    sent += static_cast<std::size_t>(taken);
  }
  return {};
}

}  // namespace ftpsfs::test
