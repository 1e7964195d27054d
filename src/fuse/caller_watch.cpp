// SPDX-License-Identifier: MIT
#include "ftpsfs/fuse/caller_watch.hpp"

#include <pthread.h>

#include <exception>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/base/pause.hpp"
#include "ftpsfs/fuse/caller.hpp"

namespace ftpsfs::fuse {
CallerWatch::CallerWatch(PendingRequests& requests)
    : requests_(requests), thread_([this] { run(stop_.get_token()); }) {}

CallerWatch::~CallerWatch() {
  stop_.request_stop();
  thread_.join();
}

void CallerWatch::run(const std::stop_token& stop) noexcept {
  ::pthread_setname_np(::pthread_self(), "ftpsfs-watch");
  while (!stop.stop_requested()) {
    try {
      if (requests_.wait_for_any(Wait::for_at_most(kNoLimit, stop))) {
        pause_for(Wait::for_at_most(kInterval, stop));
        look();
      }
    } catch (const std::exception& e) {
      log::error("watching callers: {}", e.what());
    }
  }
}

void CallerWatch::look() const {
  const SteadyTime old = SteadyClock::now() - kInterval;
  for (const auto& request : requests_.all()) {
    if (request->arrived() <= old && !request->settled() &&
        find_caller_intent(request->pid()) == CallerIntent::leaving) {
      request->interrupt();
    }
  }
}

}  // namespace ftpsfs::fuse
