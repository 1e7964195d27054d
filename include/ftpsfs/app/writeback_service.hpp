// SPDX-License-Identifier: MIT
//
// What a mount with writeback has besides: its beginning, what it tells, and who hears that the
// server is other than programs were told.
#pragma once

#include <cstdint>
#include <string>

#include "ftpsfs/app/mount_plan.hpp"
#include "ftpsfs/app/status_protocol.hpp"
#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/fs/filesystem.hpp"
#include "ftpsfs/writeback/writeback_remote.hpp"

namespace ftpsfs::app {

/// Where the courier's threads tell that the server is other than programs were told, as long as
/// there is a filesystem to hear it.
class Surprises {
 public:
  void attach(fs::Filesystem* filesystem) {
    const MutexLock lock(mutex_);
    filesystem_ = filesystem;
  }
  void tell(const remote::RemotePath& directory) {
    const MutexLock lock(mutex_);
    if (filesystem_ != nullptr) {
      filesystem_->forget_directory(directory);
    }
  }

 private:
  Mutex mutex_;
  fs::Filesystem* filesystem_ FTPSFS_GUARDED_BY(mutex_) = nullptr;
};

/// From here on threads work, and files are the user's who serves. `surprises` must outlive
/// `remote`.
/// @errors those of WritebackRemote::begin().
Result<void> begin_writeback(const MountPlan& plan, const remote::RemotePath& root,
                             std::uint64_t mount, Surprises& surprises,
                             writeback::WritebackRemote& remote);

/// What journals of the same login hold that no mount brings to the server, and what to do; empty:
/// nothing. They are looked for where journals usually lie, where `plan` has its own, and where
/// earlier mounts of the same user had theirs.
std::string idle_journals(const MountPlan& plan);

void report_writeback(const writeback::Courier& courier, StatusReport& report);
/// The same at the end of a mount, and logs where what is left is to be found.
void report_end(const writeback::Courier& courier, EndReport& end);

/// What is owed, after what the verb does to what was refused of it.
/// @param path of export_uploads: the directory. @errors of the local disk; timed_out.
Result<UploadsReport> answer_uploads(writeback::Courier& courier, ControlVerb verb,
                                     const std::string& path, const Wait& wait);

/// Has nothing been cut or left behind that the next mount should clear away?
bool is_clean(const writeback::Courier& courier);

}  // namespace ftpsfs::app
