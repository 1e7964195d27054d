// SPDX-License-Identifier: MIT
//
// The reply parser on any bytes, whole and cut in two: both must see the same replies.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "ftpsfs/ftp/features.hpp"
#include "ftpsfs/ftp/refusal.hpp"
#include "ftpsfs/ftp/reply.hpp"
#include "ftpsfs/ftp/server_profile.hpp"
#include "invariant.hpp"

namespace {

using ftpsfs::ftp::Reply;
using ftpsfs::ftp::ReplyParser;
using ftpsfs::fuzz::demand;

struct Outcome {
  bool ok = true;
  bool empty = false;
  std::vector<Reply> replies;
};

Outcome parse(std::string_view first, std::string_view second) {
  Outcome outcome;
  ReplyParser parser;
  outcome.ok = parser.feed(first).has_value();
  outcome.ok = parser.feed(second).has_value() && outcome.ok;
  while (auto reply = parser.next()) {
    outcome.replies.push_back(*std::move(reply));
  }
  outcome.empty = parser.empty();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view wire(reinterpret_cast<const char*>(data), size);
  const Outcome whole = parse(wire, {});
  const std::size_t cut = size == 0 ? 0 : (data[size - 1] * std::size_t{257}) % size;
  const Outcome pieces = parse(wire.substr(0, cut), wire.substr(cut));
  demand(whole.ok == pieces.ok && whole.empty == pieces.empty);
  demand(whole.replies.size() == pieces.replies.size());
  demand(whole.ok || !whole.empty);
  for (std::size_t i = 0; i < whole.replies.size(); ++i) {
    const Reply& reply = whole.replies[i];
    demand(reply.code >= 100 && reply.code <= 599 && !reply.lines.empty());
    demand(reply.code == pieces.replies[i].code && reply.lines == pieces.replies[i].lines);
    demand(reply.text().size() < 2000);
    reply.body();
    ftpsfs::ftp::make_refusal("RETR", reply);
    ftpsfs::ftp::recognise_server(reply, reply, ftpsfs::ftp::parse_features(reply)).describe();
  }
  return 0;
}
