// SPDX-License-Identifier: MIT
//
// Each grammar of LIST by itself: the first byte says which, the rest are the lines. And time zone
// files, which a server's times are read with.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "ftpsfs/ftp/list_dialect.hpp"
#include "invariant.hpp"

namespace {

using namespace ftpsfs::ftp;
using ftpsfs::fuzz::demand;

constexpr std::uint8_t kDialectCount = static_cast<std::uint8_t>(Dialect::numeric) + 1;

/// What every grammar must keep, whatever it reads.
class Judge final : public LineSink {
 public:
  void take(FileFacts&& facts) override {
    ++lines;
    demand(facts.unix_mode.value_or(0) <= 07777);
    demand(facts.name.find('\n') == std::string::npos);
    if (facts.modify) {
      constexpr std::int64_t kYear = 366 * 86'400LL;
      demand(facts.modify->unix_seconds < 253'402'300'800 + kYear);
    }
  }
  void leave(std::string_view line) override {
    ++lines;
    demand(!line.empty());
  }
  std::size_t lines = 0;
};

std::vector<std::string_view> lines_of(std::string_view body) {
  std::vector<std::string_view> lines;
  while (!body.empty()) {
    const std::size_t end = std::min(body.find('\n'), body.size());
    if (end > 0) {
      lines.push_back(body.substr(0, end));
    }
    body.remove_prefix(std::min(end + 1, body.size()));
  }
  return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  ListContext context{.now = ftpsfs::WallTime(std::chrono::seconds(1'795'230'245))};
  if (const auto zone = ServerZone::from_tzif(body)) {
    for (const std::int64_t shown : {INT64_C(0), INT64_C(1'795'230'245), INT64_C(-1)}) {
      const std::int64_t apart = zone->to_utc(shown) - shown;
      demand(apart > -100'000 && apart < 100'000);
    }
  }
  const auto lines = lines_of(body);
  for (const DateOrder order : {DateOrder::unknown, DateOrder::dmy}) {
    context.date_order = order;
    Judge judge;
    read_lines(static_cast<Dialect>(data[0] % kDialectCount), lines, context, judge);
    demand(judge.lines <= lines.size());
  }
  return 0;
}
