// SPDX-License-Identifier: MIT
//
// Content that the server would not take and that was kept for recovery (src/fs/recovery.hpp), by
// this mount or an earlier one of the same source: found, copied out, given up. No state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "ftpsfs/base/result.hpp"

namespace ftpsfs::fs {

struct RescuedFile {
  std::string stem;  ///< of its two files, without .data and .json
  std::string path;  ///< on the server
  std::string reason;
  std::uint64_t size = 0;
  std::int64_t unix_seconds = 0;  ///< when it was kept
  bool is_complete = false;       ///< else parts that no program had touched are zeros

  std::string data_file() const { return stem + ".data"; }
};

/// Those of `source`, the oldest first. A place that is not our user's alone holds none, and what
/// cannot be read is left out.
std::vector<RescuedFile> find_rescued(const std::string& staging_directory,
                                      const std::string& source);

/// Copies the contents into `directory`, under the last part of their names; one that is taken gets
/// a number behind it. The originals stay.
/// @return how many. @errors those of the local disk: what was copied before stays.
Result<std::size_t> export_rescued(const std::vector<RescuedFile>& files,
                                   const std::string& directory);

/// Gives them up. @return how many.
std::size_t remove_rescued(const std::vector<RescuedFile>& files);

}  // namespace ftpsfs::fs
