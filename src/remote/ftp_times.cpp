// SPDX-License-Identifier: MIT
//
// Exact times of many files, by MDTM.
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "beside.hpp"
#include "ftp_core.hpp"
#include "ftp_operations.hpp"
#include "ftpsfs/ftp/features.hpp"
#include "ftpsfs/ftp/refusal.hpp"

namespace ftpsfs::remote {

Result<Times> fetch_exact_times(session::Session& session,
                                std::span<const std::optional<RemotePath>> paths,
                                const Wait& wait) {
  Times times(paths.size());
  if (!session.profile().mdtm) {
    return times;
  }
  std::vector<ftp::Command> commands;
  std::vector<std::size_t> asked;  // a name that cannot be sent is not asked for
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (!paths[i]) {
      continue;
    }
    if (auto command = ftp::Command::make("MDTM", paths[i]->str())) {
      commands.push_back(*std::move(command));
      asked.push_back(i);
    }
  }
  FTPSFS_TRY_ASSIGN(const auto replies, session.exchange(commands, wait));
  for (std::size_t i = 0; i < replies.size(); ++i) {
    if (ftp::is_unknown_command(replies[i].code)) {
      session.knowledge().forget(&ftp::ServerProfile::mdtm);
      break;
    }
    if (const auto seconds = ftp::parse_mdtm(replies[i])) {
      times[asked[i]] = FileTime{*seconds, TimeGrain::second};
    }
  }
  return times;
}

Result<Times> fetch_times_by_two(FtpRemote::Core& core, session::Session& session,
                                 std::span<const std::optional<RemotePath>> paths,
                                 const Wait& wait) {
  constexpr std::size_t kVeryMany = 400;
  auto second =
      paths.size() < kVeryMany ? std::nullopt : core.pool().try_acquire(session::Purpose::listing);
  if (!second) {
    if (paths.size() >= kVeryMany) {
      core.pool().grow(2);
    }
    return fetch_exact_times(session, paths, wait);
  }
  const auto half = paths.subspan(paths.size() / 2);
  Beside<Times> beside(wait, [&second, half](const Wait& own_wait) {
    return fetch_exact_times(session_of(*second), half, own_wait);
  });
  const std::size_t own = beside.is_running() ? paths.size() / 2 : paths.size();
  FTPSFS_TRY_ASSIGN(Times times, fetch_exact_times(session, paths.first(own), wait));
  if (!beside.is_running()) {
    return times;
  }
  auto others = beside.take(wait.deadline - SteadyClock::now());
  if (!others || !*others) {
    second->discard();
    others = fetch_exact_times(session, half, wait);
    FTPSFS_TRY(*others);
  }
  times.insert(times.end(), (*others)->begin(), (*others)->end());
  return times;
}

}  // namespace ftpsfs::remote
