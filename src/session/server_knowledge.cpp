// SPDX-License-Identifier: MIT
#include "ftpsfs/session/server_knowledge.hpp"

#include <chrono>
#include <utility>

#include "ftpsfs/base/log.hpp"

namespace ftpsfs::session {

void ServerKnowledge::learn(ftp::ServerProfile profile, std::string greeting) {
  const MutexLock lock(mutex_);
  const bool same = profile_ && profile_->kind == profile.kind &&
                    profile_->version == profile.version && profile_->system == profile.system;
  if (!same) {
    forgotten_.clear();
    date_order_ = ftp::DateOrder::unknown;
    zone_finder_ = {};
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
  if (drop(capability)) {
    log::info("the server lacks a command that was expected of it; from now on: {}",
              profile_->describe());
  }
}

void ServerKnowledge::unlearn(Capability habit) {
  const MutexLock lock(mutex_);
  drop(habit);
}

bool ServerKnowledge::drop(Capability capability) {
  if (!profile_ || !((*profile_).*capability)) {
    return false;
  }
  (*profile_).*capability = false;
  forgotten_.push_back(capability);
  return true;
}

ftp::DateOrder ServerKnowledge::date_order() const {
  const MutexLock lock(mutex_);
  return date_order_;
}

void ServerKnowledge::note_date_order(ftp::DateOrder order, bool proved) {
  const MutexLock lock(mutex_);
  if (proved) {
    date_order_ = order;
  } else if (date_order_ == ftp::DateOrder::unknown && !date_order_guessed_) {
    date_order_guessed_ = true;
    log::info(
        "dates in the server's listings may be meant in more than one order; if files have "
        "wrong dates, give date_order=ymd, mdy or dmy");
  }
}

ftp::ZoneFinder ServerKnowledge::zone_finder() const {
  const MutexLock lock(mutex_);
  return zone_finder_;
}

bool ServerKnowledge::note_time(std::int64_t shown, std::int64_t exact, const char* verb) {
  const MutexLock lock(mutex_);
  const std::string before = zone_finder_.describe();
  const bool is_first = !zone_finder_.found();
  if (!zone_finder_.note(shown, exact)) {
    return false;
  }
  zone_found_by_ = verb;
  if (const std::string now = zone_finder_.describe(); is_first || now != before) {
    log::info("the server's listings show times in {}, as {} tells", now, verb);
  }
  return true;
}

void ServerKnowledge::note_times_unanswered(unsigned questions) {
  const MutexLock lock(mutex_);
  zone_finder_.note_unanswered(questions, SteadyClock::now());
}

std::string ServerKnowledge::describe_zone() const {
  const MutexLock lock(mutex_);
  return zone_finder_.found()
             ? "server time " + zone_finder_.describe() + ", found by " + zone_found_by_
             : std::string();
}

void ServerKnowledge::note_upload(ftp::FreshUpload upload) {
  const MutexLock lock(mutex_);
  fresh_uploads_.note(std::move(upload));
}

void ServerKnowledge::note_upload_renamed(const std::string& from, const std::string& to) {
  const MutexLock lock(mutex_);
  fresh_uploads_.rename(from, to);
}

void ServerKnowledge::forget_upload(const std::string& path) {
  const MutexLock lock(mutex_);
  fresh_uploads_.forget(path);
}

std::vector<ftp::FreshUpload> ServerKnowledge::fresh_uploads() const {
  const std::int64_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  const MutexLock lock(mutex_);
  return fresh_uploads_.list(now);
}

bool ServerKnowledge::allows(Way way) const {
  const MutexLock lock(mutex_);
  return SteadyClock::now() >= trials_[static_cast<std::size_t>(way)].again;
}

void ServerKnowledge::note(Way way, bool worked) {
  constexpr int kEnough = 3;
  const MutexLock lock(mutex_);
  Trial& trial = trials_[static_cast<std::size_t>(way)];
  trial.failures = worked ? 0 : trial.failures + 1;
  if (trial.failures >= kEnough) {
    pause(way);
  }
}

void ServerKnowledge::rule_out(Way way) {
  const MutexLock lock(mutex_);
  pause(way);
}

void ServerKnowledge::pause(Way way) {
  constexpr std::chrono::minutes kPause{10};
  constexpr std::array<const char*, 4> kNames{
      "data connections made ahead of need", "listings over two connections at a time",
      "downloads whose end is announced", "handshakes that await the 1xx"};
  const auto which = static_cast<std::size_t>(way);
  log::info("{} fail here; none is made for {} minutes", kNames[which], kPause.count());
  trials_[which] = {0, SteadyClock::now() + kPause};
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
