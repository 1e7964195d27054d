// SPDX-License-Identifier: MIT
#include "ftpsfs/app/signal_thread.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <exception>
#include <utility>

#include "ftpsfs/base/log.hpp"

namespace ftpsfs::app {
namespace {

sigset_t handled_signals() {
  sigset_t set{};
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) {
    sigaddset(&set, number);
  }
  return set;
}

}  // namespace

void SignalThread::block_signals() {
  const sigset_t set = handled_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ,
              SIG_IGN);  // a full trace or local copy is an error, not the end of the mount
}

// A signalfd is sigwait(3) that can be polled together with the descriptor that ends the thread.
SignalThread::SignalThread(Handler handler) : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  const sigset_t set = handled_signals();
  signals_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  thread_ = std::thread([this, kept = std::move(handler)] { run(kept); });
}

SignalThread::~SignalThread() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof(one));
  thread_.join();
}

void SignalThread::run(const Handler& handler) noexcept {
  for (;;) {
    std::array<pollfd, 2> items = {pollfd{signals_.get(), POLLIN, 0},
                                   pollfd{wake_.get(), POLLIN, 0}};
    // Without a deadline: the destructor's word is the only other end, and it always comes.
    ::poll(items.data(), items.size(), -1);
    if (items[1].revents != 0) {
      return;
    }
    signalfd_siginfo info{};
    if (::read(signals_.get(), &info, sizeof(info)) != static_cast<ssize_t>(sizeof(info))) {
      continue;
    }
    try {
      handler(static_cast<int>(info.ssi_signo));
    } catch (const std::exception& failure) {
      log::error("signal {}: {}", info.ssi_signo, failure.what());
    }
  }
}

}  // namespace ftpsfs::app
