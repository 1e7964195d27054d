// SPDX-License-Identifier: MIT
#include "ftpsfs/session/server_knowledge.hpp"

#include <utility>

#include "ftpsfs/base/log.hpp"

namespace ftpsfs::session {

void ServerKnowledge::learn(ftp::ServerProfile profile, std::string greeting) {
  const MutexLock lock(mutex_);
  const bool same = profile_ && profile_->kind == profile.kind &&
                    profile_->version == profile.version && profile_->system == profile.system;
  if (!same) {
    forgotten_.clear();
  }
  for (const Capability capability : forgotten_) {
    profile.*capability = false;
  }
  profile_ = std::move(profile);
  greeting_ = std::move(greeting);
}

std::optional<ftp::ServerProfile> ServerKnowledge::recall(const std::string& greeting) const {
  const MutexLock lock(mutex_);
  return greeting.empty() || greeting != greeting_ ? std::nullopt : profile_;
}

ftp::ServerProfile ServerKnowledge::profile() const {
  const MutexLock lock(mutex_);
  return profile_.value_or(ftp::ServerProfile{});
}

void ServerKnowledge::forget(Capability capability) {
  const MutexLock lock(mutex_);
  if (!profile_ || !((*profile_).*capability)) {
    return;
  }
  (*profile_).*capability = false;
  forgotten_.push_back(capability);
  log::info("the server lacks a command that was expected of it; from now on: {}",
            profile_->describe());
}

bool ServerKnowledge::warm_allowed() const {
  const MutexLock lock(mutex_);
  return SteadyClock::now() >= warm_again_;
}

void ServerKnowledge::note_warm_start(bool worked) {
  constexpr int kEnough = 3;
  constexpr std::chrono::minutes kPause{10};
  const MutexLock lock(mutex_);
  warm_failures_ = worked ? 0 : warm_failures_ + 1;
  if (warm_failures_ >= kEnough) {
    log::info("data connections made ahead of need fail here; none is made for {} minutes",
              kPause.count());
    warm_again_ = SteadyClock::now() + kPause;
    warm_failures_ = 0;
  }
}

ServerKnowledge::Login ServerKnowledge::login() const {
  const MutexLock lock(mutex_);
  return login_;
}

void ServerKnowledge::note_login(Login login) {
  const MutexLock lock(mutex_);
  login_ = login;
}

}  // namespace ftpsfs::session
