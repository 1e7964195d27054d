// SPDX-License-Identifier: MIT
//
// Every parser that reads a value out of a reply's words. The input is one line or more of text
// behind the code that the parser expects.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "ftpsfs/ftp/ascii.hpp"
#include "ftpsfs/ftp/digest_reply.hpp"
#include "ftpsfs/ftp/features.hpp"
#include "ftpsfs/ftp/reply.hpp"
#include "ftpsfs/ftp/server_profile.hpp"
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
  recognise_server(Reply{}, Reply{}, parse_features(reply)).digest_commands();
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
  for (const auto algorithm : ftpsfs::kDigestAlgorithms) {
    for (const std::string_view verb : {"HASH", "XCRC"}) {
      if (const auto digest = parse_digest(verb, algorithm, "/a file", reply)) {
        demand(digest->size() == 2 * ftpsfs::digest_bytes(algorithm));
        demand(digest->find_first_not_of("0123456789abcdef") == std::string::npos);
      }
    }
  }
  return 0;
}
