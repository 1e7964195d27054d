// SPDX-License-Identifier: MIT
#include "ftpsfs/session/server_knowledge.hpp"

#include <utility>

#include "ftpsfs/base/log.hpp"

namespace ftpsfs::session {

void ServerKnowledge::learn(ftp::ServerProfile profile) {
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

}  // namespace ftpsfs::session
