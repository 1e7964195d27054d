// SPDX-License-Identifier: MIT
#include "ftpsfs/fuse/executor.hpp"

#include <pthread.h>

#include <algorithm>
#include <exception>
#include <system_error>
#include <utility>

#include "ftpsfs/base/log.hpp"

namespace ftpsfs::fuse {
namespace {

void run_guarded(const Executor::Task& task) noexcept {
  try {
    task();
  } catch (const std::exception& e) {
    log::error("a task failed: {}", e.what());
  } catch (...) {
    log::error("a task failed with an unknown exception");
  }
}

}  // namespace

Executor::Executor(ExecutorSettings settings) : settings_(std::move(settings)) {}

Executor::~Executor() {
  stop();
}

bool Executor::submit(Task task) {
  MutexLock lock(mutex_);
  if (stopping_) {
    return false;
  }
  if (!idle_.empty()) {
    const std::shared_ptr<Worker> worker = workers_.at(idle_.back());
    idle_.pop_back();
    worker->task = std::move(task);
    lock.unlock();
    worker->wake.notify_one();  // without the mutex, which it needs first
    return true;
  }
  if (workers_.size() < settings_.max_threads && start_worker(task)) {
    return true;
  }
  if (workers_.empty()) {
    return false;
  }
  queue_.push_back(std::move(task));
  return true;
}

bool Executor::start_worker(Task& task) {
  auto worker = std::make_shared<Worker>();
  Worker* const self = worker.get();
  const auto place = workers_.emplace(self, std::move(worker)).first;
  try {
    self->thread = std::thread([this, self] { run(self); });
  } catch (const std::system_error& e) {
    log::warning("no further thread could be started: {}", e.what());
    workers_.erase(place);
    return false;
  }
  // The thread waits for our mutex before it looks at its task.
  self->task = std::move(task);
  return true;
}

void Executor::run(Worker* self) noexcept {
  ::pthread_setname_np(::pthread_self(), settings_.name.substr(0, 15).c_str());
  std::thread ended;
  {
    MutexLock lock(mutex_);
    while (Task task = next_task(self)) {
      lock.unlock();
      run_guarded(task);
      task = nullptr;  // what it holds is let go without the mutex
      lock.lock();
    }
    ended = retire(self);
  }
  if (ended.joinable()) {
    ended.join();
  }
}

Executor::Task Executor::next_task(Worker* self) {
  if (!self->task && !queue_.empty()) {
    self->task = std::move(queue_.front());
    queue_.pop_front();
  }
  if (!self->task && !stopping_) {
    idle_.push_back(self);
    const bool woken = self->wake.wait(
        mutex_, Wait::for_at_most(settings_.idle_limit),
        [this, self]() FTPSFS_NO_ANALYSIS { return self->task != nullptr || stopping_; });
    if (!woken || !self->task) {
      idle_.erase(std::remove(idle_.begin(), idle_.end(), self), idle_.end());
    }
  }
  return std::exchange(self->task, nullptr);
}

std::thread Executor::retire(Worker* self) {
  std::thread before = std::exchange(ended_, std::move(self->thread));
  workers_.erase(self);
  if (workers_.empty()) {
    all_ended_.notify_all();
  }
  return before;
}

void Executor::stop() {
  std::thread last;
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    for (Worker* const worker : idle_) {
      worker->wake.notify_one();
    }
    // Each task is bounded by its own deadline.
    all_ended_.wait(mutex_, Wait::for_at_most(kNoLimit),
                    [this]() FTPSFS_NO_ANALYSIS { return workers_.empty(); });
    last = std::exchange(ended_, {});
  }
  if (last.joinable()) {
    last.join();
  }
}

Executor::Counters Executor::counters() const {
  const MutexLock lock(mutex_);
  return {workers_.size(), idle_.size(), queue_.size()};
}

}  // namespace ftpsfs::fuse
