// SPDX-License-Identifier: MIT
//
// Any content of a netrc file: what is found can be sent.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ftpsfs/app/netrc.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto found = ftpsfs::app::find_in_netrc(text, "file", "h", {});
  if (!found || !found->entry) {
    return 0;
  }
  constexpr std::string_view kForbidden("\r\n\0", 3);
  const auto& password = found->entry->password;
  if (found->entry->username.find_first_of(kForbidden) != std::string::npos ||
      (password && password->reveal().find_first_of(kForbidden) != std::string_view::npos)) {
    std::abort();
  }
  return 0;
}
