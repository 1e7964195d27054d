// SPDX-License-Identifier: MIT
#include "support/fake_remote_places.hpp"

#include <algorithm>
#include <utility>

namespace ftpsfs::test {

FakePlaces::Place::Place(Place&& other) noexcept
    : places_(std::exchange(other.places_, nullptr)), holder_(std::move(other.holder_)) {}

FakePlaces::Place& FakePlaces::Place::operator=(Place&& other) noexcept {
  if (this != &other) {
    give_back();
    places_ = std::exchange(other.places_, nullptr);
    holder_ = std::move(other.holder_);
  }
  return *this;
}

void FakePlaces::Place::offer(remote::YieldRequest on_yield) {
  const MutexLock lock(places_->mutex_);
  holder_->on_yield = std::move(on_yield);
  // Who waits already finds out, and asks on its own thread.
  places_->changed_.notify_all();
}

void FakePlaces::Place::give_back() noexcept {
  if (places_ == nullptr) {
    return;
  }
  FakePlaces& places = *std::exchange(places_, nullptr);
  const MutexLock lock(places.mutex_);
  if (holder_->being_asked && holder_->asker != std::this_thread::get_id()) {
    constexpr auto kPatience = std::chrono::seconds(10);  // the callback must not block
    places.changed_.wait(places.mutex_, Wait::for_at_most(kPatience),
                         [this]() FTPSFS_NO_ANALYSIS { return !holder_->being_asked; });
  }
  places.holders_.remove(holder_);
  holder_.reset();
  places.changed_.notify_all();
}

bool FakePlaces::has_room() const {
  return limit_ == 0 || holders_.size() < limit_;
}

std::shared_ptr<FakePlaces::Holder> FakePlaces::next_to_ask() const {
  // One stream for each who waits: those asked already will go.
  const auto asked = std::count_if(holders_.begin(), holders_.end(),
                                   [](const auto& holder) { return holder->asked; });
  if (static_cast<std::size_t>(asked) >= waiting_) {
    return nullptr;
  }
  const auto oldest = std::find_if(holders_.begin(), holders_.end(), [](const auto& holder) {
    return !holder->asked && holder->on_yield;
  });
  return oldest == holders_.end() ? nullptr : *oldest;
}

void FakePlaces::ask(const std::shared_ptr<Holder>& holder) FTPSFS_NO_ANALYSIS {
  holder->asked = true;
  holder->being_asked = true;
  holder->asker = std::this_thread::get_id();
  ++requests_;
  remote::YieldRequest on_yield = std::move(holder->on_yield);
  mutex_.unlock();
  on_yield();
  on_yield = nullptr;  // what it captured dies while the holder still waits
  mutex_.lock();
  holder->being_asked = false;
  changed_.notify_all();
}

Result<FakePlaces::Place> FakePlaces::acquire(const Wait& wait) {
  const MutexLock lock(mutex_);
  ++waiting_;
  while (!has_room()) {
    if (const auto holder = next_to_ask()) {
      ask(holder);
      continue;
    }
    const bool moved = changed_.wait(mutex_, wait, [this]() FTPSFS_NO_ANALYSIS {
      return has_room() || next_to_ask() != nullptr;
    });
    if (!moved) {
      --waiting_;
      return wait.give_up("a free connection");
    }
  }
  --waiting_;
  auto holder = std::make_shared<Holder>();
  holders_.push_back(holder);
  most_taken_ = std::max(most_taken_, holders_.size());
  return Place(this, std::move(holder));
}

std::size_t FakePlaces::taken() const {
  const MutexLock lock(mutex_);
  return holders_.size();
}

std::size_t FakePlaces::most_taken() const {
  const MutexLock lock(mutex_);
  return most_taken_;
}

std::size_t FakePlaces::requests() const {
  const MutexLock lock(mutex_);
  return requests_;
}

}  // namespace ftpsfs::test
