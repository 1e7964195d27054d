// SPDX-License-Identifier: MIT
//
// Every parser that reads a value out of a reply's words. The input is one line or more of text
// behind the code that the parser expects.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "ftpsfs/ftp/ascii.hpp"
#include "ftpsfs/ftp/features.hpp"
#include "ftpsfs/ftp/reply.hpp"
#include "invariant.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ftpsfs::ftp;
  using ftpsfs::fuzz::demand;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Reply reply;
  for (const std::string_view line : ascii::split(text, "\n")) {
    reply.lines.emplace_back(line);
  }
  reply.code = 211;
  parse_features(reply).has_site("UTIME");
  reply.code = 229;
  if (const auto port = parse_epsv_port(reply)) {
    demand(*port != 0);
  }
  reply.code = 227;
  if (const auto port = parse_pasv(reply)) {
    demand(*port != 0);
  }
  reply.code = 257;
  if (const auto path = parse_pwd(reply)) {
    demand(!path->empty() && path->size() < size);
  }
  reply.code = 213;
  if (const auto bytes = parse_size(reply)) {
    demand(reply.lines.back().find(std::to_string(*bytes)) != std::string::npos);
  }
  if (const auto time = parse_mdtm(reply)) {
    demand(*parse_time_val(format_mdtm_time(*time)) == *time ||
           *time == 253'402'300'800);  // a leap second at the end of 9999
  }
  return 0;
}
