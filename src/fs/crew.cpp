// SPDX-License-Identifier: MIT
#include "crew.hpp"

#include <chrono>
#include <exception>
#include <system_error>
#include <utility>

#include "ftpsfs/base/log.hpp"

namespace ftpsfs::fs {

Crew::~Crew() {
  std::vector<std::jthread> workers;
  {
    const MutexLock lock(mutex_);
    jobs_.clear();
    workers.swap(workers_);
  }
  for (std::jthread& worker : workers) {
    worker.request_stop();
  }
}

bool Crew::take(Job job, std::size_t most_workers) {
  const MutexLock lock(mutex_);
  if (jobs_.size() >= most_workers) {
    return false;
  }
  add(std::move(job), most_workers);
  return true;
}

bool Crew::take_at_once(Job job, std::size_t most_workers) {
  const MutexLock lock(mutex_);
  if (jobs_.size() >= idle_ && workers_.size() >= most_workers) {
    return false;
  }
  add(std::move(job), most_workers);
  return true;
}

void Crew::add(Job job, std::size_t most_workers) {
  jobs_.push_back(std::move(job));
  work_.notify_one();
  if (jobs_.size() > idle_ && workers_.size() < most_workers) {
    try {
      workers_.emplace_back([this](const std::stop_token& stop) { run(stop); });
      ++idle_;
    } catch (const std::system_error& e) {
      log::debug("no thread for work ahead of need: {}", e.what());
    }
  }
}

void Crew::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    Job job;
    {
      const MutexLock lock(mutex_);
      if (!work_.wait(mutex_, Wait::for_at_most(std::chrono::hours(1), stop),
                      [this]() FTPSFS_NO_ANALYSIS { return !jobs_.empty(); })) {
        continue;
      }
      --idle_;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    try {
      job(stop);
    } catch (const std::exception& e) {
      log::debug("work ahead of need: {}", e.what());
    }
    const MutexLock lock(mutex_);
    ++idle_;
  }
}

}  // namespace ftpsfs::fs
