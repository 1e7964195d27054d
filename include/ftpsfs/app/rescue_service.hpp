// SPDX-License-Identifier: MIT
//
// What a mount tells of content that the server would not take, and that is kept in recovery-UID.
#pragma once

#include <string>

#include "ftpsfs/app/status_protocol.hpp"
#include "ftpsfs/base/result.hpp"

namespace ftpsfs::app {

/// Does what the verb says to the files that were kept of `source`, and adds them to the report as
/// refused. They are the last copies: nothing tries them again by itself.
/// @param path of export_uploads: the directory. @errors of the local disk.
Result<void> answer_rescued(const std::string& staging_directory, const std::string& source,
                            ControlVerb verb, const std::string& path, UploadsReport& report);

}  // namespace ftpsfs::app
