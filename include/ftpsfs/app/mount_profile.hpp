// SPDX-License-Identifier: MIT
//
// A partner's options under a name: a section of ~/.config/ftpsfs.conf or /etc/ftpsfs/ftpsfs.conf.
//   [partner]
//   url = ftpes://orders@ftp.partner.example/in
//   cacert = partner-ca.pem        (relative paths start at the file's folder)
//   ro = yes
// Any option of a mount may stand there, and password=, key_password= and proxy_password=, which
// make the file one that must be private. No error holds a value that may be a secret.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ftpsfs/app/mount_url.hpp"
#include "ftpsfs/app/option_parser.hpp"
#include "ftpsfs/app/options.hpp"
#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/secret.hpp"

namespace ftpsfs::app {

struct ProfileOption {
  std::string name;
  std::string value;
  unsigned line = 0;
};

struct Profile {
  std::string name;
  std::string file;
  std::string url;
  std::vector<ProfileOption> options;
  std::optional<Secret> password;
  std::optional<Secret> key_password;
  std::optional<Secret> proxy_password;

  /// As its options or its URL say; empty when they do not.
  std::string username() const;
};

/// What a file says, of which one section is asked for.
struct ProfileFile {
  std::optional<Profile> profile;
  bool holds_password = false;  ///< in any section
};

/// Pure. @param file names it in errors. @errors invalid_argument: a line that is none.
Result<ProfileFile> parse_profiles(std::string_view text, const std::string& file,
                                   const std::string& name);

/// The user's file, then the machine's.
std::vector<std::string> profile_files();

/// Looks for a section in the files, one after the other; the first that has it counts, whole.
/// @return nullopt when none has it. @param why grows by a word on each file that has it not.
/// @errors invalid_argument: a file with a bad line; access_denied: one that we may not read, that
/// others may change, or read although it holds a password, or that is a symbolic link.
Result<std::optional<Profile>> find_profile(const std::string& name,
                                            const std::vector<std::string>& files,
                                            std::string& why);

/// Sets the options of a profile; its user stands apart from that of the command line.
/// @pre nothing else has set any. @errors invalid_argument: names the file, the line and the cure.
Result<void> apply_profile(const Profile& profile, Options& options);

/// The options with which a command line begins: those of the profile that it names by profile= or
/// by its source (`partner:`), else the defaults.
/// @errors as find_profile and apply_profile; not_found: profile= names none.
Result<Options> profile_options(const CommandLine& line, const std::vector<std::string>& files);

/// The URL that a source means: itself, or that of the profile with the path behind the colon
/// added.
/// @errors invalid_argument.
Result<MountUrl> resolve_source(const Options& options, const std::string& source);

}  // namespace ftpsfs::app
