// SPDX-License-Identifier: MIT
#include "ftpsfs/fuse/mounted_session.hpp"

#include <poll.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <exception>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "ftpsfs/base/event_fd.hpp"
#include "ftpsfs/base/log.hpp"
#include "ftpsfs/fuse/caller_watch.hpp"
#include "ftpsfs/fuse/frontend.hpp"
#include "ftpsfs/fuse/libfuse_session.hpp"
#include "ftpsfs/fuse/read_ahead.hpp"
#include "ftpsfs/fuse/receive_loop.hpp"
#include "ftpsfs/fuse/request_buffers.hpp"

namespace ftpsfs::fuse {
namespace {

/// Workers that were interrupted reply within it, or others reply for them.
constexpr Duration kGrace{3'000};

/// The name under which /proc/self/mountinfo would show it.
std::string resolved(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  return real ? std::string(real.get()) : path;
}

}  // namespace

class MountedSession::Impl {
 public:
  Impl(fs::Filesystem& filesystem, Notifier& notifier, const MountOptions& options,
       const ServeSettings& settings)
      : notifier_(notifier),
        settings_(settings),
        max_read_(effective_max_read(options)),
        frontend_(filesystem, buffers_, settings, max_read_) {}

  Result<void> create(const MountOptions& options) {
    FTPSFS_TRY_ASSIGN(session_, LibfuseSession::create(options, Frontend::callbacks(), &frontend_));
    return {};
  }
  Result<void> mount(const std::string& mount_point) {
    // Root mounts for others too: a link that was put there since it was checked must not choose
    // the place.
    if (const std::string now = resolved(mount_point); now != mount_point) {
      return make_error(Errc::access_denied,
                        "mount point " + mount_point + ": the mount point leads elsewhere now");
    }
    FTPSFS_TRY(session_->mount(mount_point));
    mount_point_ = mount_point;
    return session_->use_channel(Wire::functions(), fuse_session_fd(session_->get()));
  }
  Result<void> use_channel(const fuse_custom_io& io, int fd) {
    frontend_.wire().use(&io);
    return session_->use_channel(Wire::functions(), fd);
  }

  Result<void> serve(const Finish& finish);
  void request_stop();
  Counters counters() noexcept { return {frontend_.pending().size(), frontend_.worker_threads()}; }

 private:
  void receive(ReceiveLoop& loop, Result<LoopEnd>& end) noexcept;
  void wait_for_end(const ReceiveLoop& loop);
  void tune();
  void finish_uploads(const Finish& finish) noexcept;

  Notifier& notifier_;
  const ServeSettings settings_;
  const std::uint32_t max_read_;
  RequestBuffers buffers_;
  Frontend frontend_;
  std::unique_ptr<LibfuseSession> session_;
  std::string mount_point_;  ///< empty when somebody plays the kernel
  EventFd stop_;
  EventFd loop_ended_;
  std::atomic<int> stop_requests_{0};
  std::stop_source hurry_;
};

Result<void> MountedSession::Impl::serve(const Finish& finish) {
  ReceiveLoop loop(session_->get(), buffers_);
  const CallerWatch watch(frontend_.pending());
  notifier_.attach(session_->get());
  Result<LoopEnd> end = LoopEnd::stopped;
  std::thread receiver;
  try {
    receiver = std::thread([this, &loop, &end] { receive(loop, end); });
  } catch (const std::system_error& e) {
    notifier_.detach();
    return make_error(Errc::io_error, std::string("no thread to serve with: ") + e.what());
  }
  wait_for_end(loop);
  // Until everything has ended the loop goes on: it answers what still comes, so that no program
  // hangs, and no request keeps an inode lock that the notifier is waiting for.
  frontend_.refuse_new_work();
  finish_uploads(finish);
  frontend_.stop_workers(kGrace);
  notifier_.detach();
  loop.stop();
  receiver.join();
  session_->unmount();
  FTPSFS_TRY(end);
  return {};
}

void MountedSession::Impl::receive(ReceiveLoop& loop, Result<LoopEnd>& end) noexcept {
  ::pthread_setname_np(::pthread_self(), "ftpsfs-receive");
  try {
    end = loop.run();
  } catch (const std::exception& e) {
    end = make_error(Errc::io_error, std::string("receiving requests: ") + e.what());
  }
  loop_ended_.raise();
}

void MountedSession::Impl::wait_for_end(const ReceiveLoop& loop) {
  bool initialized = false;
  for (;;) {
    pollfd fds[] = {{stop_.fd(), POLLIN, 0},
                    {loop_ended_.fd(), POLLIN, 0},
                    {initialized ? -1 : loop.initialized().fd(), POLLIN, 0}};
    // Without a limit, as long as the mount lives.
    if (::poll(fds, 3, -1) < 0) {
      continue;  // EINTR; all else is a bug
    }
    if (fds[0].revents != 0 || fds[1].revents != 0) {
      return;
    }
    if (fds[2].revents != 0) {
      initialized = true;
      tune();
    }
  }
}

void MountedSession::Impl::tune() {
  if (mount_point_.empty()) {
    return;
  }
  const auto raised = raise_read_ahead(mount_point_, max_read_);
  if (!raised) {
    log::debug("reads stay at the kernel's read-ahead size: {}", raised.error().text);
  }
}

void MountedSession::Impl::finish_uploads(const Finish& finish) noexcept {
  if (!finish) {
    return;
  }
  try {
    finish(Wait::for_at_most(settings_.finish_timeout, hurry_.get_token()));
  } catch (const std::exception& e) {
    log::error("finishing uploads: {}", e.what());
  }
}

void MountedSession::Impl::request_stop() {
  if (stop_requests_.fetch_add(1) > 0) {
    hurry_.request_stop();
  }
  stop_.raise();
}

MountedSession::MountedSession(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

MountedSession::~MountedSession() = default;

Result<std::unique_ptr<MountedSession>> MountedSession::mount(fs::Filesystem& filesystem,
                                                              Notifier& notifier,
                                                              const MountOptions& options,
                                                              const ServeSettings& settings) {
  auto impl = std::make_unique<Impl>(filesystem, notifier, options, settings);
  FTPSFS_TRY(impl->create(options));
  FTPSFS_TRY(impl->mount(options.mount_point));
  return std::unique_ptr<MountedSession>(new MountedSession(std::move(impl)));
}

Result<std::unique_ptr<MountedSession>> MountedSession::attach(fs::Filesystem& filesystem,
                                                               Notifier& notifier,
                                                               const fuse_custom_io& io, int fd,
                                                               const MountOptions& options,
                                                               const ServeSettings& settings) {
  auto impl = std::make_unique<Impl>(filesystem, notifier, options, settings);
  FTPSFS_TRY(impl->create(options));
  FTPSFS_TRY(impl->use_channel(io, fd));
  return std::unique_ptr<MountedSession>(new MountedSession(std::move(impl)));
}

Result<void> MountedSession::serve(const Finish& finish) {
  return impl_->serve(finish);
}

void MountedSession::request_stop() {
  impl_->request_stop();
}

MountedSession::Counters MountedSession::counters() const {
  return impl_->counters();
}

}  // namespace ftpsfs::fuse
