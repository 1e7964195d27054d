// SPDX-License-Identifier: MIT
//
// Lines of the status socket, requests and replies: what can be read says the same when it is
// written and read once more, and no text shown for it has a byte that a terminal would obey.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "ftpsfs/app/status_protocol.hpp"
#include "invariant.hpp"

namespace {

using namespace ftpsfs::app;

std::string_view without_end(const std::string& line) {
  ftpsfs::fuzz::demand(!line.empty() && line.find('\n') == line.size() - 1);
  return std::string_view(line).substr(0, line.size() - 1);
}

void demand_harmless(const std::string& text) {
  ftpsfs::fuzz::demand(std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c == '\n' || (byte >= 0x20 && byte != 0x7F);
  }));
}

/// @return what the line says, or an error with words.
template <typename Decode>
auto demand_stable(std::string_view line, Decode decode) {
  auto said = decode(line);
  if (said) {
    const std::string written = encode(*said);
    const auto again = decode(without_end(written));
    ftpsfs::fuzz::demand(again && encode(*again) == written);
  } else {
    ftpsfs::fuzz::demand(!said.error().text.empty());
  }
  return said;
}

void try_reply(std::string_view line) {
  const auto reply = demand_stable(line, decode_reply);
  if (!reply) {
    return;
  }
  if (reply->status) {
    demand_harmless(as_text(*reply->status));
    demand_harmless(as_live_text(*reply->status, &*reply->status, std::chrono::seconds(1)));
  }
  if (reply->uploads) {
    demand_harmless(as_text(*reply->uploads));
    demand_harmless(as_text(*reply->uploads, true));
  }
  if (reply->end) {
    demand_harmless(as_text(*reply->end));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  static_cast<void>(demand_stable(line, decode_request));
  try_reply(line);
  return 0;
}
