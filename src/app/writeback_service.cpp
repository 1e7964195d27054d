// SPDX-License-Identifier: MIT
#include "ftpsfs/app/writeback_service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "ftpsfs/app/private_directory.hpp"
#include "ftpsfs/base/log.hpp"
#include "ftpsfs/writeback/exporting.hpp"
#include "ftpsfs/writeback/idle_journals.hpp"

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

void report_owed(const std::map<writeback::IntentionId, writeback::Intention>& owed,
                 OwedRoom& room) {
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
    if (!room.add(std::move(one))) {
      return;
    }
  }
}

std::vector<std::string> usual_places(const MountPlan& plan) {
  return usual_journal_directories(plan.run_as ? &*plan.run_as : nullptr);
}

/// So that a mount without journal_dir= hears of what is left in this place.
void note_place(const MountPlan& plan) {
  const std::vector<std::string> usual = usual_places(plan);
  if (plan.options.journal_directory.empty() || usual.empty()) {
    return;
  }
  auto noted = ensure_private_directory(usual.front());
  if (noted) {
    noted = writeback::note_journal_place(usual.front(), plan.journal_directory);
  }
  if (!noted) {
    log::info("other mounts will not hear of this journal: {}", noted.error().text);
  }
}

}  // namespace

std::string idle_journals(const MountPlan& plan) {
  constexpr std::size_t kMostTold = 5;
  std::vector<std::string> places = usual_places(plan);
  const auto is_usual = [usual = places](const std::string& place) {
    return std::find(usual.begin(), usual.end(), place) != usual.end();
  };
  for (const std::string& own : {plan.journal_directory, plan.options.journal_directory}) {
    if (!own.empty()) {
      places.push_back(own);
    }
  }
  const std::string login = fmt::format("{}@{}/", plan.credentials.username, plan.url.authority());
  const auto idle = writeback::find_idle_journals(places, login);
  std::string text;
  for (std::size_t i = 0; i < std::min(idle.size(), kMostTold); ++i) {
    text += fmt::format(
        "{}the journal {} holds changes for {}, and no mount brings them to the server: mount that "
        "directory with -o writeback{}",
        i == 0 ? "" : "; ", idle[i].path, idle[i].identity,
        is_usual(idle[i].place) ? "" : ",journal_dir=" + idle[i].place);
  }
  return text + (idle.size() > kMostTold ? fmt::format("; and {} more", idle.size() - kMostTold)
                                         : std::string());
}

Result<void> begin_writeback(const MountPlan& plan, const remote::RemotePath& root,
                             std::uint64_t mount, Surprises& surprises,
                             writeback::WritebackRemote& remote) {
  writeback::WritebackSettings settings = writeback_settings(plan, root, mount);
  settings.on_surprise = [&surprises](const remote::RemotePath& directory) {
    surprises.tell(directory);
  };
  FTPSFS_TRY(remote.begin(std::move(settings)));
  note_place(plan);
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
  OwedRoom room(report);
  report_owed(refused, room);
  report_owed(waiting, room);
  return report;
}

bool is_clean(const writeback::Courier& courier) {
  const writeback::Courier::Counters counters = courier.counters();
  return counters.waiting == 0 && counters.left_behind == 0;
}

}  // namespace ftpsfs::app
