// SPDX-License-Identifier: MIT
//
// See socket.hpp. All of poll(2), connect(2) and getaddrinfo(3) in the product is here.
#include "ftpsfs/net/socket.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/net/round_trip.hpp"

namespace ftpsfs::net {
namespace {

std::string errno_text(int error) {
  return std::generic_category().message(error);
}

Error connect_error(int error, const std::string& to) {
  switch (error) {
    case ECONNREFUSED:
      return make_error(Errc::unreachable, "connection refused by " + to);
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EADDRNOTAVAIL:
      return make_error(Errc::unreachable, "no route to " + to);
    case ETIMEDOUT:
      return make_error(Errc::timed_out, "timed out connecting to " + to);
    default:
      return make_error(Errc::unreachable,
                        fmt::format("cannot connect to {}: {}", to, errno_text(error)));
  }
}

Error lost_error(int error) {
  switch (error) {
    case ECONNRESET:
    case EPIPE:
    case ENOTCONN:
      return make_error(Errc::closed, "connection reset by the server");
    default:
      return make_error(Errc::closed, "connection lost: " + errno_text(error));
  }
}

void set_option(int fd, int level, int name, int value) noexcept {
  // A failure costs speed or a late notice of a dead peer, never correctness.
  static_cast<void>(::setsockopt(fd, level, name, &value, sizeof value));
}

void set_tcp_options(int fd) noexcept {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  // Keep-alives every minute: NAT boxes forget control connections that are silent during a long
  // transfer, and the kernel's default of two hours would not remind them.
  constexpr int kIdleSeconds = 60;
  constexpr int kIntervalSeconds = 15;
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, kIdleSeconds);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, kIntervalSeconds);
}

/// poll(2) up to the deadline. @return how many are ready, 0 = the deadline passed, -errno.
int poll_until(std::span<pollfd> polled, const Wait& wait) {
  while (true) {
    const int ready = ::poll(polled.data(), polled.size(), wait.poll_timeout_ms());
    const bool interrupted = ready < 0 && errno == EINTR;
    // The longest poll is an hour: a later deadline needs another round.
    if (!interrupted && (ready != 0 || wait.expired())) {
      return ready < 0 ? -errno : ready;
    }
  }
}

}  // namespace

// ---------------------------------------------------------------------------------- WakeFd

int WakeFd::ready_fd() {
  if (!event_) {
    event_.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  }
  return event_.get();
}

void WakeFd::drain() noexcept {
  eventfd_t count = 0;
  static_cast<void>(::eventfd_read(event_.get(), &count));
}

Result<void> WakeFd::wait_any(std::span<Item> items, const Wait& wait, const char* what) {
  constexpr std::size_t kMostItems = 4;
  std::array<pollfd, kMostItems + 1> polled{};
  const std::size_t count = std::min(items.size(), kMostItems);
  for (std::size_t i = 0; i < count; ++i) {
    polled[i] = pollfd{items[i].fd, items[i].events, 0};
  }
  const bool cancellable = wait.stop.stop_possible();
  if (cancellable) {
    if (wait.stop.stop_requested()) {
      return wait.give_up(what);
    }
    if (ready_fd() < 0) {
      return make_error(Errc::io_error, "cannot create an eventfd: " + errno_text(errno));
    }
    polled[count] = pollfd{event_.get(), POLLIN, 0};
  }
  int ready = 0;
  if (cancellable) {
    const int event = event_.get();
    {
      const std::stop_callback wake(wait.stop, [event] { ::eventfd_write(event, 1); });
      ready = poll_until({polled.data(), count + 1}, wait);
    }
    if (wait.stop.stop_requested()) {
      drain();  // the callback is gone: nothing writes any more
      return wait.give_up(what);
    }
  } else {
    ready = poll_until({polled.data(), count}, wait);
  }
  if (ready < 0) {
    return make_error(Errc::io_error, "poll: " + errno_text(-ready));
  }
  if (ready == 0) {
    return wait.give_up(what);
  }
  for (std::size_t i = 0; i < count; ++i) {
    items[i].revents = polled[i].revents;
  }
  return {};
}

// --------------------------------------------------------------------------- SocketAddress

SocketAddress::SocketAddress(const sockaddr* address, socklen_t length)
    : length_(std::min<socklen_t>(length, sizeof storage_)) {
  std::memcpy(&storage_, address, length_);
}

SocketAddress SocketAddress::with_port(std::uint16_t port) const {
  SocketAddress other = *this;
  if (family() == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(&other.storage_)->sin6_port = htons(port);
  } else if (family() == AF_INET) {
    reinterpret_cast<sockaddr_in*>(&other.storage_)->sin_port = htons(port);
  }
  return other;
}

std::uint16_t SocketAddress::port() const noexcept {
  if (family() == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_port);
  }
  if (family() == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port);
  }
  return 0;
}

bool SocketAddress::operator==(const SocketAddress& other) const noexcept {
  if (family() != other.family()) {
    return false;
  }
  if (family() == AF_INET6) {
    const auto* const a = reinterpret_cast<const sockaddr_in6*>(&storage_);
    const auto* const b = reinterpret_cast<const sockaddr_in6*>(&other.storage_);
    return port() == other.port() && std::memcmp(&a->sin6_addr, &b->sin6_addr, 16) == 0;
  }
  const auto* const a = reinterpret_cast<const sockaddr_in*>(&storage_);
  const auto* const b = reinterpret_cast<const sockaddr_in*>(&other.storage_);
  return family() == AF_INET && port() == other.port() && a->sin_addr.s_addr == b->sin_addr.s_addr;
}

std::string SocketAddress::host() const {
  std::array<char, NI_MAXHOST> host{};
  if (::getnameinfo(data(), size(), host.data(), host.size(), nullptr, 0, NI_NUMERICHOST) != 0) {
    return {};
  }
  const std::string_view text(host.data());
  return std::string(text.substr(0, text.find('%')));
}

std::string SocketAddress::to_string() const {
  std::array<char, NI_MAXHOST> host{};
  if (::getnameinfo(data(), size(), host.data(), host.size(), nullptr, 0, NI_NUMERICHOST) != 0) {
    return "(local)";
  }
  const bool v6 = family() == AF_INET6;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", host.data(), v6 ? "]" : "", port());
}

// ---------------------------------------------------------------------------------- Socket

Socket::Socket(UniqueFd fd) : fd_(std::move(fd)) {
  const int flags = ::fcntl(fd_.get(), F_GETFL);
  static_cast<void>(::fcntl(fd_.get(), F_SETFL, flags | O_NONBLOCK));
}

SocketAddress Socket::peer_address() const {
  if (dialled_.size() != 0) {
    return dialled_;  // known even after the peer is gone
  }
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  auto* const address = reinterpret_cast<sockaddr*>(&storage);
  if (::getpeername(fd_.get(), address, &length) != 0) {
    return {};
  }
  return SocketAddress(address, length);
}

Result<void> Socket::finish_connect(const Wait& wait) {
  if (!connecting_) {
    return {};
  }
  auto waited = wait_writable(wait, "the connection");
  if (!waited) {
    if (waited.error().code == Errc::timed_out) {
      return connect_error(ETIMEDOUT, dialled_.to_string());
    }
    return waited;
  }
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) {
    error = errno;
  }
  if (error != 0) {
    return connect_error(error, dialled_.to_string());
  }
  connecting_ = false;
  return {};
}

Result<std::optional<std::size_t>> Socket::try_read(std::span<std::byte> into) {
  while (true) {
    const ssize_t got = ::recv(fd_.get(), into.data(), into.size(), 0);
    if (got >= 0) {
      return std::optional<std::size_t>(static_cast<std::size_t>(got));
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return std::optional<std::size_t>();
    }
    if (errno != EINTR) {
      return lost_error(errno);
    }
  }
}

Result<std::size_t> Socket::try_write(std::span<const std::byte> bytes) {
  while (true) {
    const ssize_t taken = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (taken >= 0) {
      return static_cast<std::size_t>(taken);
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return std::size_t{0};
    }
    if (errno != EINTR) {
      return lost_error(errno);
    }
  }
}

Result<void> Socket::wait_readable(const Wait& wait, const char* what) {
  WakeFd::Item item{fd_.get(), POLLIN, 0};
  return wait_any({&item, 1}, wait, what);
}

Result<void> Socket::wait_writable(const Wait& wait, const char* what) {
  WakeFd::Item item{fd_.get(), POLLOUT, 0};
  return wait_any({&item, 1}, wait, what);
}

Result<void> Socket::wait_any(std::span<WakeFd::Item> items, const Wait& wait, const char* what) {
  if (connecting_ && patience_ > Duration(0) && awaits_peer(fd_.get())) {
    Wait until_then = wait;
    until_then.deadline = std::min(wait.deadline, dialled_at_ + patience_);
    auto waited = wake_.wait_any(items, until_then, what);
    if (waited || waited.error().code != Errc::timed_out || wait.expired()) {
      return waited;
    }
    const int silent = fd_.get();
    if (!dial()) {
      log::debug("{} could not be dialled again", dialled_.to_string());  // the first goes on
    }
    for (WakeFd::Item& item : items) {
      item.fd = item.fd == silent ? fd_.get() : item.fd;
    }
  }
  patience_ = Duration(0);  // once: where the way has become slow, more would only make it slower
  return wake_.wait_any(items, wait, what);
}

/// What it was dialled by before is closed, unless it has come through meanwhile: the server sees
/// one connection alone.
Result<void> Socket::dial() {
  UniqueFd fd(::socket(dialled_.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) {
    return connect_error(errno, dialled_.to_string());
  }
  set_tcp_options(fd.get());
  const bool connecting = ::connect(fd.get(), dialled_.data(), dialled_.size()) != 0;
  // EINTR too leaves a connect that goes on by itself.
  if (connecting && errno != EINPROGRESS && errno != EINTR) {
    return connect_error(errno, dialled_.to_string());
  }
  if (!fd_ || awaits_peer(fd_.get())) {
    fd_ = std::move(fd);
    connecting_ = connecting;
    dialled_at_ = SteadyClock::now();
  }
  return {};
}

bool Socket::readable_now() const noexcept {
  pollfd polled{fd_.get(), POLLIN | POLLRDHUP, 0};
  return ::poll(&polled, 1, 0) != 0;
}

void Socket::shutdown_write() noexcept {
  ::shutdown(fd_.get(), SHUT_WR);
}

void Socket::reset() noexcept {
  if (fd_) {
    const linger at_once{1, 0};
    static_cast<void>(::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
    fd_.reset();
  }
}

// --------------------------------------------------------------------------------- connect

Result<Socket> begin_connect(const SocketAddress& to) {
  Socket socket;
  socket.dialled_ = to;
  FTPSFS_TRY(socket.dial());
  return socket;
}

Result<Socket> connect_to(const SocketAddress& to, const Wait& wait) {
  FTPSFS_TRY_ASSIGN(Socket socket, begin_connect(to));
  FTPSFS_TRY(socket.finish_connect(wait));
  return socket;
}

namespace {

using Addresses = std::vector<SocketAddress>;

/// What the caller and the look-up thread share: whichever leaves last frees it.
struct Lookup {
  Mutex mutex;
  ConditionVariable changed;
  bool done FTPSFS_GUARDED_BY(mutex) = false;
  int status FTPSFS_GUARDED_BY(mutex) = 0;
  Addresses found FTPSFS_GUARDED_BY(mutex);
};

int native_family(AddressFamily family) {
  return family == AddressFamily::any    ? AF_UNSPEC
         : family == AddressFamily::ipv4 ? AF_INET
                                         : AF_INET6;
}

int look_up(const std::string& host, AddressFamily family, int flags, Addresses& found) {
  addrinfo hints{};
  hints.ai_family = native_family(family);
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* list = nullptr;
  const int status = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (status != 0) {
    return status;
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, ::freeaddrinfo);
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    found.emplace_back(each->ai_addr, each->ai_addrlen);
  }
  return 0;
}

Error resolve_error(const std::string& host, AddressFamily family, int status) {
  const char* const restriction = family == AddressFamily::ipv4   ? " (ipv4 allows no other)"
                                  : family == AddressFamily::ipv6 ? " (ipv6 allows no other)"
                                                                  : "";
  return make_error(Errc::unreachable, fmt::format("cannot resolve host {}: {}{}", host,
                                                   ::gai_strerror(status), restriction));
}

}  // namespace

Result<Addresses> resolve(const std::string& host, const Wait& wait, AddressFamily family) {
  Addresses literal;
  if (look_up(host, family, AI_NUMERICHOST, literal) == 0) {
    return literal;
  }
  auto lookup = std::make_shared<Lookup>();
  try {
    std::thread([lookup, host, family] {
      Addresses found;
      const int status = look_up(host, family, 0, found);
      {
        const MutexLock lock(lookup->mutex);
        lookup->status = status;
        lookup->found = std::move(found);
        lookup->done = true;
      }
      lookup->changed.notify_all();
    }).detach();
  } catch (const std::system_error& failure) {
    return make_error(Errc::io_error, fmt::format("cannot start a thread: {}", failure.what()));
  }
  MutexLock lock(lookup->mutex);
  const bool done =
      lookup->changed.wait(lookup->mutex, wait, [&]() FTPSFS_NO_ANALYSIS { return lookup->done; });
  if (!done) {
    return wait.give_up(("the address of " + host).c_str());
  }
  if (lookup->status != 0) {
    return resolve_error(host, family, lookup->status);
  }
  return std::move(lookup->found);
}

Result<Socket> connect_tcp(const std::string& host, std::uint16_t port, const Wait& wait,
                           AddressFamily family) {
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  const std::string name = bracketed ? host.substr(1, host.size() - 2) : host;
  FTPSFS_TRY_ASSIGN(const Addresses addresses, resolve(name, wait, family));
  Error last = resolve_error(name, family, EAI_NONAME);
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    // Each address has an even share of what time is left, so that one black hole (often IPv6)
    // does not use it all up.
    const auto left = std::chrono::ceil<Duration>(wait.deadline - SteadyClock::now());
    const auto share = left / static_cast<Duration::rep>(addresses.size() - i);
    auto socket = connect_to(addresses[i].with_port(port), wait.no_longer_than(share));
    if (socket || socket.error().code == Errc::cancelled) {
      return socket;
    }
    last = std::move(socket).error();
    if (const std::string shown = addresses[i].with_port(port).to_string();
        shown != fmt::format("{}:{}", host, port)) {
      // People know the name they typed; the address says which of its machines was meant.
      const auto at = last.text.find(shown);
      if (at != std::string::npos) {
        last.text.replace(at, shown.size(), fmt::format("{}:{} ({})", host, port, shown));
      }
    }
  }
  return last;
}

}  // namespace ftpsfs::net
