// SPDX-License-Identifier: MIT
//
// Everything that is decided about a mount before the first packet: the command line checked
// against this machine, and turned into the settings of the floors below. No thread, no socket.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ftpsfs/app/credentials.hpp"
#include "ftpsfs/app/mount_url.hpp"
#include "ftpsfs/app/options.hpp"
#include "ftpsfs/app/run_as.hpp"
#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/unique_fd.hpp"
#include "ftpsfs/fs/settings.hpp"
#include "ftpsfs/fuse/settings.hpp"
#include "ftpsfs/remote/ftp_remote.hpp"
#include "ftpsfs/writeback/writeback_remote.hpp"

namespace ftpsfs::app {

struct MountPlan {
  Options options;
  MountUrl url;
  net::Route route;  ///< its proxy's password may still be to be gathered
  Credentials credentials;
  std::shared_ptr<const net::ClientIdentity> identity;  ///< none: no certificate is shown
  std::string mount_point;                              ///< absolute, links resolved
  std::string staging_directory;
  std::string journal_directory;                  ///< empty: no writeback
  std::optional<ftp::ServerZone> zone;            ///< of timezone=
  std::optional<RunAs> run_as;                    ///< setuid=
  std::shared_ptr<session::DialogueTrace> trace;  ///< to be opened before the fork; none: not asked
  std::shared_ptr<UniqueFd> log_file;  ///< opened before the fork; none: syslog or stderr
  std::vector<std::string> warnings;   ///< for the terminal, before anything is mounted
};

/// Checks all that can be checked without the network and without asking anybody. The credentials
/// and the client's certificate are still to be gathered.
/// @errors invalid_argument, not_found, not_directory, access_denied, busy: one line with the cure.
Result<MountPlan> make_mount_plan(const Options& options, const std::string& source,
                                  const std::string& mount_point,
                                  const std::string& working_directory);

/// The part that is about the server: no mount point, no place for local copies.
/// @errors invalid_argument, not_found, access_denied.
Result<MountPlan> make_server_plan(const Options& options, const std::string& source);

/// Credentials and the client's certificate, asking on the terminal where need be.
/// @errors as gather_credentials and load_identity.
Result<void> gather_login(MountPlan& plan);

/// The directory on the server that a plan means.
/// @param start where the login starts. @errors invalid_argument.
Result<remote::RemotePath> remote_root(const MountPlan& plan, const remote::RemotePath& start);

remote::FtpRemoteSettings remote_settings(const MountPlan& plan);
fs::Settings filesystem_settings(const MountPlan& plan, const remote::RemotePath& root);
/// @param mount makes hidden names unlike those of any other mount. @pre there is a journal's
/// place.
writeback::WritebackSettings writeback_settings(const MountPlan& plan,
                                                const remote::RemotePath& root,
                                                std::uint64_t mount);
fuse::MountOptions mount_options(const MountPlan& plan);
fuse::ServeSettings serve_settings(const MountPlan& plan);

}  // namespace ftpsfs::app
