// SPDX-License-Identifier: MIT
#include "ftpsfs/app/rescue_service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ftpsfs/fs/rescued_files.hpp"

namespace ftpsfs::app {

Result<void> answer_rescued(const std::string& staging_directory, const std::string& source,
                            ControlVerb verb, const std::string& path, UploadsReport& report) {
  auto files = fs::find_rescued(staging_directory, source);
  if (verb == ControlVerb::export_uploads) {
    FTPSFS_TRY_ASSIGN(const std::size_t copied, fs::export_rescued(files, path));
    report.done += copied;
  } else if (verb == ControlVerb::discard_uploads) {
    report.done += fs::remove_rescued(files);
    files = fs::find_rescued(staging_directory, source);
  }
  report.refused += files.size();
  OwedRoom room(report);
  for (const fs::RescuedFile& file : files) {
    OwedReport one;
    one.what = "upload";
    one.path = file.path;
    one.bytes = file.size;
    one.accepted = static_cast<std::uint64_t>(std::max<std::int64_t>(file.unix_seconds, 0));
    one.refusal = fmt::format("{}; kept in {}{}", file.reason, file.data_file(),
                              file.is_complete ? "" : ", with zeros for what could not be fetched");
    if (!room.add(std::move(one))) {
      break;
    }
  }
  return {};
}

}  // namespace ftpsfs::app
