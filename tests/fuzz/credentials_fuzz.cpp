// SPDX-License-Identifier: MIT
//
// Any content of a credentials file: what is accepted can be sent, what is refused is not shown.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ftpsfs/app/credentials.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto credentials = ftpsfs::app::parse_credentials(text, "file");
  if (!credentials) {
    return credentials.error().text.starts_with("credentials file file") ? 0 : (std::abort(), 0);
  }
  constexpr std::string_view kForbidden("\r\n\0", 3);
  const bool bad_user = credentials->username.find_first_of(kForbidden) != std::string::npos;
  const bool bad_password = credentials->password && credentials->password->reveal().find_first_of(
                                                         kForbidden) != std::string_view::npos;
  if (bad_user || bad_password) {
    std::abort();
  }
  return 0;
}
