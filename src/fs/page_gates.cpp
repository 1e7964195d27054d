// SPDX-License-Identifier: MIT
#include "page_gates.hpp"

namespace ftpsfs::fs {
namespace {

constexpr std::size_t kMostGates = 1024;

}  // namespace

PageTicket PageGate::admit() {
  const MutexLock lock(mutex_);
  if (!open_) {
    return nullptr;
  }
  ++on_their_way_;
  return {this, [self = shared_from_this()](void*) {
            const MutexLock relock(self->mutex_);
            --self->on_their_way_;
            self->arrived_.notify_all();
          }};
}

bool PageGate::is_open() const {
  const MutexLock lock(mutex_);
  return open_;
}

Result<void> PageGate::close(const Wait& wait) {
  const MutexLock lock(mutex_);
  open_ = false;
  if (!arrived_.wait(mutex_, wait, [this]() FTPSFS_NO_ANALYSIS { return on_their_way_ == 0; })) {
    return wait.give_up("the kernel to take pages");
  }
  return {};
}

std::shared_ptr<PageGate> PageGates::gate(Ino ino) {
  const MutexLock lock(mutex_);
  if (gates_.size() >= kMostGates) {
    std::erase_if(gates_, [](const auto& each) { return each.second.expired(); });
  }
  std::weak_ptr<PageGate>& known = gates_[ino];
  auto gate = known.lock();
  if (!gate || !gate->is_open()) {
    gate = std::make_shared<PageGate>();
    known = gate;
  }
  return gate;
}

Result<void> PageGates::close(Ino ino, const Wait& wait) {
  std::shared_ptr<PageGate> gate;
  {
    const MutexLock lock(mutex_);
    const auto found = gates_.find(ino);
    gate = found == gates_.end() ? nullptr : found->second.lock();
  }
  return gate ? gate->close(wait) : Result<void>();
}

}  // namespace ftpsfs::fs
