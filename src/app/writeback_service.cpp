// SPDX-License-Identifier: MIT
#include "ftpsfs/app/writeback_service.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/writeback/exporting.hpp"

namespace ftpsfs::app {
namespace {

std::string name_of(writeback::Action action) {
  switch (action) {
    case writeback::Action::upload:
      return "upload";
    case writeback::Action::make_directory:
      return "mkdir";
    case writeback::Action::remove_file:
      return "unlink";
    case writeback::Action::remove_directory:
      return "rmdir";
    case writeback::Action::rename:
      return "rename";
    case writeback::Action::set_attributes:
      return "attributes";
  }
  return {};
}

/// As much as a reply holds, whatever the names are made of.
void report_owed(const std::map<writeback::IntentionId, writeback::Intention>& owed,
                 UploadsReport& report, std::size_t& room) {
  for (const auto& [id, intention] : owed) {
    OwedReport one;
    one.what = name_of(intention.action);
    one.path = intention.path.str();
    if (intention.action == writeback::Action::rename) {
      one.path += " -> " + intention.target.str();
    }
    one.bytes = intention.size;
    one.accepted = static_cast<std::uint64_t>(std::max<std::int64_t>(intention.accepted, 0));
    one.refusal = intention.refusal;
    constexpr std::size_t kFrame = 100;
    const std::size_t needed = kFrame + one.path.size() + one.refusal.size();
    if (needed > room) {
      return;
    }
    room -= needed;
    report.owed.push_back(std::move(one));
  }
}

}  // namespace

Result<void> begin_writeback(const MountPlan& plan, const remote::RemotePath& root,
                             std::uint64_t mount, Surprises& surprises,
                             writeback::WritebackRemote& remote) {
  writeback::WritebackSettings settings = writeback_settings(plan, root, mount);
  settings.on_surprise = [&surprises](const remote::RemotePath& directory) {
    surprises.tell(directory);
  };
  FTPSFS_TRY(remote.begin(std::move(settings)));
  const writeback::Courier& courier = *remote.courier();
  if (const auto counters = courier.counters(); counters.waiting + counters.refused > 0) {
    log::warning("an earlier mount has left {} changes to be uploaded, and {} that were refused",
                 counters.waiting, counters.refused);
  }
  if (courier.journal().damaged()) {
    log::error("the journal {} is damaged: nothing of it is uploaded by itself",
               courier.journal().path());
  }
  return {};
}

void report_writeback(const writeback::Courier& courier, StatusReport& report) {
  const writeback::Courier::Counters counters = courier.counters();
  report.writeback = true;
  report.waiting_changes = counters.waiting;
  report.refused_changes = counters.refused;
  report.given_up_changes = counters.given_up;
  report.conflicts = counters.conflicts;
  report.journal_bytes = counters.content_bytes;
  report.journal_trouble = counters.problem;
}

void report_end(const writeback::Courier& courier, EndReport& end) {
  const writeback::Courier::Counters counters = courier.counters();
  end.waiting = counters.waiting;
  end.refused = counters.refused;
  end.given_up = counters.given_up;
  end.conflicts = counters.conflicts;
  if (counters.waiting + counters.refused > 0) {
    log::error("the journal {} holds what is not on the server", courier.journal().path());
  }
}

Result<UploadsReport> answer_uploads(writeback::Courier& courier, ControlVerb verb,
                                     const std::string& path, const Wait& wait) {
  UploadsReport report;
  if (verb == ControlVerb::retry_uploads) {
    FTPSFS_TRY_ASSIGN(report.done, courier.retry_refused(wait));
    courier.hurry();
  } else if (verb == ControlVerb::discard_uploads) {
    FTPSFS_TRY_ASSIGN(report.done, courier.discard_refused(wait));
  } else if (verb == ControlVerb::export_uploads) {
    FTPSFS_TRY_ASSIGN(report.done, writeback::export_refused(courier, path));
  }
  const auto refused = courier.refused();
  const auto waiting = courier.waiting();
  report.refused = refused.size();
  report.waiting = waiting.size();
  constexpr std::size_t kLongestEscape = 6;
  std::size_t room = kLongestReply / kLongestEscape - 1000;
  report_owed(refused, report, room);
  report_owed(waiting, report, room);
  return report;
}

bool is_clean(const writeback::Courier& courier) {
  const writeback::Courier::Counters counters = courier.counters();
  return counters.waiting == 0 && counters.left_behind == 0;
}

}  // namespace ftpsfs::app
