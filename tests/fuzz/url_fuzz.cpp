// SPDX-License-Identifier: MIT
//
// Any URL: what is accepted has a host and nothing that FTP cannot carry, and the password shows
// neither in the source for /proc/mounts nor, when the URL is refused, in the error.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ftpsfs/app/mount_url.hpp"

namespace {
void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto range = ftpsfs::app::find_password(text);
  require(!range || range->begin + range->length <= text.size());
  const auto url = ftpsfs::app::parse_mount_url(text);
  if (!url) {
    require(!url.error().text.empty());
    return 0;
  }
  constexpr std::string_view kForbidden("\r\n\0", 3);
  require(!url->host.empty() && url->port != 0);
  require(url->host.find_first_of(kForbidden) == std::string::npos);
  require(url->username.find_first_of(kForbidden) == std::string::npos);
  require(url->path.find_first_of(kForbidden) == std::string::npos);
  require(!url->password || url->password->reveal().find_first_of(kForbidden) == std::string::npos);
  require(url->fsname().find(url->host) != std::string::npos);
  // A password so long that it cannot be there by chance.
  const bool telling = url->password && url->password->reveal().size() > 8 &&
                       url->host.size() + url->path.size() < 8;
  require(!telling || url->fsname().find(url->password->reveal()) == std::string::npos);
  return 0;
}
