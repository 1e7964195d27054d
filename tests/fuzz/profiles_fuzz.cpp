// SPDX-License-Identifier: MIT
//
// Any content of a file of profiles: a profile or an error that names the file.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ftpsfs/app/mount_profile.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto found = ftpsfs::app::parse_profiles(text, "/etc/file", "p");
  if (!found) {
    return found.error().text.find("/etc/file") != std::string::npos ? 0 : (std::abort(), 0);
  }
  if (found->profile) {
    ftpsfs::app::Options options;
    const auto applied = ftpsfs::app::apply_profile(*found->profile, options);
    if (!applied && applied.error().text.find("/etc/file") == std::string::npos) {
      std::abort();
    }
  }
  return 0;
}
