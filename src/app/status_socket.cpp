// SPDX-License-Identifier: MIT
#include "ftpsfs/app/status_socket.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "ftpsfs/app/private_directory.hpp"
#include "ftpsfs/base/log.hpp"
#include "ftpsfs/base/mutex.hpp"
#include "line_io.hpp"

namespace ftpsfs::app {
namespace {

/// For a whole conversation. Handlers only read counters or small files, or drop what is in memory.
constexpr auto kConversationLimit = std::chrono::seconds(5);
constexpr auto kAcceptPause = std::chrono::milliseconds(200);
constexpr int kBacklog = 16;

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return make_error(Errc::name_too_long, fmt::format("{} is too long for a socket's name", path));
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

std::optional<ucred> peer_of(int fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return std::nullopt;
  }
  return peer;
}

/// Without waiting.
bool has_gone(int fd) {
  char byte = 0;
  const ssize_t got = ::recv(fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

Result<UniqueFd> bind_and_listen(const std::string& path) {
  FTPSFS_TRY_ASSIGN(const sockaddr_un address, address_of(path));
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto failed = [&path] {
    return make_error(Errc::io_error,
                      fmt::format("control socket {}: {}", path, std::strerror(errno)));
  };
  ::unlink(path.c_str());
  if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::chmod(path.c_str(), 0600) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    return failed();
  }
  return fd;
}

}  // namespace

std::string control_socket_name(const std::string& mount_point) {
  // FNV-1a: the same in every build, and two mounts of one user do not meet by chance.
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : mount_point) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  }
  return fmt::format("{:016x}.sock", hash);
}

class StatusSocket::Server {
 public:
  Server(std::string path, UniqueFd listener, ControlHandler& handler)
      : path_(std::move(path)),
        listener_(std::move(listener)),
        wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        handler_(handler) {
    struct stat status {};
    if (::lstat(path_.c_str(), &status) == 0) {
      device_ = status.st_dev;
      inode_ = status.st_ino;
    }
    thread_ = std::thread([this] { run(); });
  }

  ~Server() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof(one));
    thread_.join();
    // A newer mount at the same place may have put its own socket there.
    struct stat status {};
    if (::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ &&
        status.st_ino == inode_) {
      ::unlink(path_.c_str());
    }
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void tell_end(const EndReport& report) {
    std::vector<UniqueFd> awaiting;
    {
      const MutexLock lock(mutex_);
      end_ = report;
      awaiting.swap(awaiting_);
    }
    for (const UniqueFd& peer : awaiting) {
      say(peer.get(), {.end = report}, Wait::for_at_most(kConversationLimit));
    }
  }

 private:
  void run() noexcept;
  void converse(UniqueFd peer);
  void keep_until_end(UniqueFd peer, const Wait& wait);
  ControlReply answer(const ControlRequest& request);
  ControlReply grant_waiting();
  bool say(int fd, const ControlReply& reply, const Wait& wait);

  const std::string path_;
  const UniqueFd listener_;
  const UniqueFd wake_;
  ControlHandler& handler_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  Mutex mutex_;
  std::optional<EndReport> end_ FTPSFS_GUARDED_BY(mutex_);
  std::vector<UniqueFd> awaiting_ FTPSFS_GUARDED_BY(mutex_);
  std::thread thread_;
};

void StatusSocket::Server::run() noexcept {
  for (;;) {
    // No request is a fine state, so the deadline only ends one round of waiting.
    const auto ready =
        wait_for(listener_.get(), POLLIN, wake_.get(), Wait::for_at_most(std::chrono::hours(1)));
    if (!ready && ready.error().code == Errc::timed_out) {
      continue;
    }
    if (!ready) {
      return;
    }
    UniqueFd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!peer) {
      // Out of descriptors, perhaps: the caller stays in the backlog, and this must not spin.
      const auto stopped =
          wait_for(wake_.get(), POLLIN, wake_.get(), Wait::for_at_most(kAcceptPause));
      if (!stopped && stopped.error().code == Errc::cancelled) {
        return;
      }
      continue;
    }
    try {
      converse(std::move(peer));
    } catch (const std::exception& failure) {
      log::error("control socket: {}", failure.what());
    }
  }
}

void StatusSocket::Server::converse(UniqueFd peer) {
  const auto user = peer_of(peer.get());
  if (!user || (user->uid != ::geteuid() && user->uid != 0)) {
    log::warning("control socket: refused user {}", user ? user->uid : 0);
    return;
  }
  const Wait wait = Wait::for_at_most(kConversationLimit);
  const auto line = read_line(peer.get(), kLongestRequest, wake_.get(), wait);
  if (!line && line.error().code != Errc::invalid_argument) {
    return;
  }
  const Result<ControlRequest> request = line ? decode_request(*line) : line.error();
  const ControlReply reply =
      request ? answer(*request) : ControlReply{.error = request.error().text};
  const Wait saying = Wait::for_at_most(kConversationLimit);  // the answer may have taken its time
  const bool said = say(peer.get(), reply, saying);
  if (said && !reply.error && request->verb == ControlVerb::await_end) {
    keep_until_end(std::move(peer), saying);
  }
}

bool StatusSocket::Server::say(int fd, const ControlReply& reply, const Wait& wait) {
  const auto sent = write_all(fd, encode(reply), wake_.get(), wait);
  if (!sent) {
    log::debug("control socket: {}", sent.error().text);
  }
  return sent.has_value();
}

void StatusSocket::Server::keep_until_end(UniqueFd peer, const Wait& wait) {
  EndReport end;
  {
    const MutexLock lock(mutex_);
    if (!end_) {
      awaiting_.push_back(std::move(peer));
      return;
    }
    end = *end_;
  }
  say(peer.get(), {.end = end}, wait);
}

/// Makes room first: who has gone need not be told.
ControlReply StatusSocket::Server::grant_waiting() {
  const MutexLock lock(mutex_);
  std::erase_if(awaiting_, [](const UniqueFd& peer) { return has_gone(peer.get()); });
  return awaiting_.size() < kMostAwaiting
             ? ControlReply{}
             : ControlReply{.error = "too many await the end of this mount already"};
}

ControlReply StatusSocket::Server::answer(const ControlRequest& request) {
  ControlReply reply;
  switch (request.verb) {
    case ControlVerb::status:
      reply.status = handler_.status();
      break;
    case ControlVerb::refresh:
      handler_.refresh(request.path);
      break;
    case ControlVerb::reload:
      if (const auto done = handler_.reload(); !done) {
        reply.error = done.error().text;
      }
      break;
    case ControlVerb::log_level:
      handler_.set_log_level(request.level);
      break;
    case ControlVerb::await_end:
      return grant_waiting();
    case ControlVerb::uploads:
    case ControlVerb::retry_uploads:
    case ControlVerb::export_uploads:
    case ControlVerb::discard_uploads:
      if (auto uploads = handler_.uploads(request.verb, request.path)) {
        reply.uploads = *std::move(uploads);
      } else {
        reply.error = uploads.error().text;
      }
      break;
  }
  return reply;
}

StatusSocket::StatusSocket(std::unique_ptr<Server> server) : server_(std::move(server)) {}
StatusSocket::~StatusSocket() = default;

void StatusSocket::tell_end(const EndReport& report) {
  server_->tell_end(report);
}

Result<std::unique_ptr<StatusSocket>> StatusSocket::listen(const std::string& directory,
                                                           const std::string& mount_point,
                                                           ControlHandler& handler) {
  std::string path = directory + "/" + control_socket_name(mount_point);
  FTPSFS_TRY_ASSIGN(UniqueFd listener, bind_and_listen(path));
  return std::unique_ptr<StatusSocket>(
      new StatusSocket(std::make_unique<Server>(std::move(path), std::move(listener), handler)));
}

Result<ControlConnection> ControlConnection::open(const MountEntry& mount) {
  return open(mount, control_directories(mount.owner));
}

Result<ControlConnection> ControlConnection::open(const MountEntry& mount,
                                                  const std::vector<std::string>& directories) {
  if (mount.owner != ::geteuid() && ::geteuid() != 0) {
    return make_error(Errc::access_denied,
                      fmt::format("{} was mounted by another user (uid {}); ask as that user or as "
                                  "root",
                                  mount.mount_point, mount.owner));
  }
  for (const std::string& directory : directories) {
    if (!is_private_directory(directory, mount.owner)) {
      continue;
    }
    const auto address = address_of(directory + "/" + control_socket_name(mount.mount_point));
    // A blocking connect to a unix socket waits only for room in the backlog; SO_SNDTIMEO bounds
    // it.
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval limit{std::chrono::seconds(kConversationLimit).count(), 0};
    if (!address || !fd ||
        ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0 ||
        ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0) {
      continue;
    }
    const auto peer = peer_of(fd.get());
    if (peer && (peer->uid == mount.owner || peer->uid == 0)) {
      return ControlConnection(std::move(fd), peer->pid);
    }
  }
  return make_error(Errc::not_found, fmt::format("{}: the process of this mount does not answer",
                                                 mount.mount_point));
}

Result<ControlReply> ControlConnection::ask(const ControlRequest& request, const Wait& wait) {
  FTPSFS_TRY(write_all(fd_.get(), encode(request), -1, wait));
  return read_reply(wait);
}

Result<EndReport> ControlConnection::await_end(const Wait& wait) {
  FTPSFS_TRY_ASSIGN(ControlReply reply, read_reply(wait));
  if (!reply.end) {  // the grant
    FTPSFS_TRY_ASSIGN(reply, read_reply(wait));
  }
  if (!reply.end) {
    return make_error(Errc::invalid_argument, "not what a mount says at its end");
  }
  return *reply.end;
}

Result<ControlReply> ControlConnection::read_reply(const Wait& wait) {
  FTPSFS_TRY_ASSIGN(const std::string line, read_line(fd_.get(), kLongestReply, -1, wait, unread_));
  FTPSFS_TRY_ASSIGN(ControlReply reply, decode_reply(line));
  if (reply.error) {
    return make_error(Errc::refused, *reply.error);
  }
  return reply;
}

}  // namespace ftpsfs::app
