// SPDX-License-Identifier: MIT
#include "support/fake_remote_plan.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace ftpsfs::test {

struct Gate::State {
  State(Op which, std::string where, Moment at) : op(which), path(std::move(where)), moment(at) {}

  const Op op;
  const std::string path;
  const Moment moment;

  mutable Mutex mutex;
  mutable ConditionVariable changed;
  bool open FTPSFS_GUARDED_BY(mutex) = false;
  std::size_t passes FTPSFS_GUARDED_BY(mutex) = 0;
  std::size_t blocked FTPSFS_GUARDED_BY(mutex) = 0;

  bool is_open() const {
    const MutexLock lock(mutex);
    return open;
  }

  Result<void> pass(const Wait& wait) {
    const MutexLock lock(mutex);
    ++blocked;
    changed.notify_all();
    const bool let_in =
        changed.wait(mutex, wait, [this]() FTPSFS_NO_ANALYSIS { return open || passes > 0; });
    --blocked;
    if (!let_in) {
      return wait.give_up("a gate of the test");
    }
    if (!open) {
      --passes;
    }
    return {};
  }
};

Gate& Gate::operator=(Gate&& other) noexcept {
  if (this != &other) {
    open();
    state_ = std::move(other.state_);
  }
  return *this;
}

bool Gate::await_blocked(std::size_t calls) const {
  constexpr auto kPatience = std::chrono::seconds(10);
  const MutexLock lock(state_->mutex);
  return state_->changed.wait(state_->mutex, Wait::for_at_most(kPatience),
                              [this, calls]()
                                  FTPSFS_NO_ANALYSIS { return state_->blocked >= calls; });
}

std::size_t Gate::blocked() const {
  const MutexLock lock(state_->mutex);
  return state_->blocked;
}

void Gate::let_one_pass() {
  const MutexLock lock(state_->mutex);
  ++state_->passes;
  state_->changed.notify_all();
}

void Gate::open() {
  if (!state_) {
    return;
  }
  const MutexLock lock(state_->mutex);
  state_->open = true;
  state_->changed.notify_all();
}

namespace {

constexpr std::array<const char*, kOps> kNames = {"stat",
                                                  "version",
                                                  "list",
                                                  "exact_times",
                                                  "open_reader",
                                                  "read",
                                                  "open_writer",
                                                  "write",
                                                  "finish",
                                                  "make_directory",
                                                  "remove_directory",
                                                  "remove_file",
                                                  "rename",
                                                  "make_symlink",
                                                  "set_mode",
                                                  "set_mtime",
                                                  "space",
                                                  "list_ahead",
                                                  "read_ahead",
                                                  "stamp",
                                                  "follow",
                                                  "settle",
                                                  "check_content",
                                                  "verdict"};

/// Once sent, its outcome must be known: the caller's stop is ignored.
bool is_mutation(Op op) {
  switch (op) {
    case Op::finish:
    case Op::make_directory:
    case Op::remove_directory:
    case Op::remove_file:
    case Op::rename:
    case Op::make_symlink:
    case Op::set_mode:
    case Op::set_mtime:
      return true;
    default:
      return false;
  }
}

bool is_part_of_a_call(Op op) {
  return op == Op::read || op == Op::write || op == Op::verdict;
}

}  // namespace

const char* to_string(Op op) {
  return kNames[static_cast<std::size_t>(op)];
}

void FakePlan::fail_next(Op op, std::string path, Error error, Moment moment) {
  const MutexLock lock(mutex_);
  faults_.push_back(Fault{op, std::move(path), moment, std::move(error)});
}

void FakePlan::fail_after_bytes(Op op, std::uint64_t bytes, Error error) {
  const MutexLock lock(mutex_);
  stream_faults_.push_back(StreamFault{op, ByteLimit{bytes, std::move(error)}});
}

void FakePlan::fail_all(std::optional<Error> error) {
  const MutexLock lock(mutex_);
  all_fail_ = std::move(error);
}

Gate FakePlan::hold(Op op, std::string path, Moment moment) {
  auto state = std::make_shared<Gate::State>(op, std::move(path), moment);
  const MutexLock lock(mutex_);
  gates_.remove_if([](const auto& gate) { return gate->is_open(); });
  gates_.push_back(state);
  return Gate(std::move(state));
}

void FakePlan::on_call(std::function<void(Op, const std::string&)> hook) {
  const MutexLock lock(mutex_);
  hook_ = std::move(hook);
}

std::size_t FakePlan::calls(Op op) const {
  const MutexLock lock(mutex_);
  return counts_[static_cast<std::size_t>(op)];
}

std::size_t FakePlan::calls() const {
  const MutexLock lock(mutex_);
  return log_.size();
}

std::vector<std::string> FakePlan::log() const {
  const MutexLock lock(mutex_);
  return log_;
}

void FakePlan::forget_calls() {
  const MutexLock lock(mutex_);
  log_.clear();
  counts_.fill(0);
}

SteadyTime FakePlan::last_deadline() const {
  const MutexLock lock(mutex_);
  return last_deadline_;
}

void FakePlan::record(Op op, const std::string& path, const std::string& second) {
  std::function<void(Op, const std::string&)> hook;
  {
    const MutexLock lock(mutex_);
    ++counts_[static_cast<std::size_t>(op)];
    if (!is_part_of_a_call(op)) {
      log_.push_back(std::string(to_string(op)) + ' ' + path +
                     (second.empty() ? "" : ' ' + second));
    }
    hook = hook_;
  }
  if (hook) {
    hook(op, path);
  }
}

Result<void> FakePlan::before(Op op, const std::string& path, const Wait& wait,
                              const std::string& second) {
  record(op, path, second);
  {
    const MutexLock lock(mutex_);
    last_deadline_ = std::max(last_deadline_, wait.deadline);
  }
  return meet(op, path, Moment::before, wait);
}

Result<void> FakePlan::after(Op op, const std::string& path, const Wait& wait) {
  return meet(op, path, Moment::after, is_mutation(op) ? wait.uncancellable() : wait);
}

Result<void> FakePlan::meet(Op op, const std::string& path, Moment moment, const Wait& wait) {
  const auto concerns = [&](const auto& plan) {
    return plan.op == op && plan.moment == moment && (plan.path.empty() || plan.path == path);
  };
  std::vector<std::shared_ptr<Gate::State>> gates;
  {
    const MutexLock lock(mutex_);
    for (const auto& gate : gates_) {
      if (concerns(*gate)) {
        gates.push_back(gate);
      }
    }
  }
  for (const auto& gate : gates) {
    FTPSFS_TRY(gate->pass(wait));
  }
  if (moment == Moment::before && (wait.stop.stop_requested() || wait.expired())) {
    return wait.give_up("a reply");
  }
  const MutexLock lock(mutex_);
  if (all_fail_) {
    return *all_fail_;
  }
  const auto fault = std::find_if(faults_.begin(), faults_.end(), concerns);
  if (fault == faults_.end()) {
    return {};
  }
  Error error = std::move(fault->error);
  faults_.erase(fault);
  return error;
}

std::optional<FakePlan::ByteLimit> FakePlan::take_byte_limit(Op op) {
  const MutexLock lock(mutex_);
  const auto found = std::find_if(stream_faults_.begin(), stream_faults_.end(),
                                  [op](const StreamFault& fault) { return fault.op == op; });
  if (found == stream_faults_.end()) {
    return std::nullopt;
  }
  ByteLimit limit = std::move(found->limit);
  stream_faults_.erase(found);
  return limit;
}

}  // namespace ftpsfs::test
