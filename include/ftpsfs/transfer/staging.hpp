// SPDX-License-Identifier: MIT
//
// Whole files between the server and a local copy, through the same streams that serve programs:
// preemptible, resumed after link failures, checked for size and version.
#pragma once

#include "ftpsfs/transfer/memory_budget.hpp"
#include "ftpsfs/transfer/read_stream.hpp"
#include "ftpsfs/transfer/staged_file.hpp"
#include "ftpsfs/transfer/write_stream.hpp"

namespace ftpsfs::transfer {

/// Appends the remote file's content, from the beginning, to the empty `file`.
/// @errors those of ReadStream and StagedFile; cancelled.
Result<void> fetch_into(StagedFile& file, remote::Remote& remote, const PathProvider& path,
                        const VersionCheck& check, MemoryBudget& budget, Pace& pace,
                        const Limits& limits, const std::stop_token& stop);

/// Uploads `file` to the path given (STOR), begun anew after link failures: the copy is all there.
/// @param tail as in WriteStream::finish.
Result<remote::FinishedUpload> send_from(StagedFile& file, remote::Remote& remote,
                                         const PathProvider& path, const remote::UploadTail& tail,
                                         MemoryBudget& budget, const Limits& limits,
                                         const std::stop_token& stop);

}  // namespace ftpsfs::transfer
