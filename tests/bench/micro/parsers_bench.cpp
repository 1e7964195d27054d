// SPDX-License-Identifier: MIT
//
// How fast whole listings are read: MLSD as ProFTPD writes it, LIST as `ls -l` does.
#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include <chrono>
#include <string>

#include "ftpsfs/ftp/listing.hpp"

namespace {

using namespace ftpsfs;

std::string mlsd(std::int64_t entries) {
  std::string text;
  for (std::int64_t i = 0; i < entries; ++i) {
    text += fmt::format(
        "modify=20240102{:06};perm=adfrw;size={};type=file;unique=FE01U{:06X};UNIX.group=65534;"
        "UNIX.groupname=nogroup;UNIX.mode=0644;UNIX.owner=65534;UNIX.ownername=nobody; "
        "file-{:06}.txt\r\n",
        i % 60, i * 37, i, i);
  }
  return text;
}

std::string list(std::int64_t entries) {
  std::string text;
  for (std::int64_t i = 0; i < entries; ++i) {
    text +=
        fmt::format("-rw-r--r--    1 65534    65534    {:>8} Jan {:02} 12:34 file-{:06}.txt\r\n",
                    i * 37, 1 + i % 28, i);
  }
  return text;
}

template <typename Parse>
void measure(benchmark::State& state, const std::string& text, Parse parse) {
  const auto entries = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    const auto parsed = parse(text);
    if (!parsed || parsed->size() != entries) {
      state.SkipWithError("not all entries were read");
      return;
    }
  }
  const std::int64_t rounds = state.iterations();
  state.SetBytesProcessed(rounds * static_cast<std::int64_t>(text.size()));
  state.SetItemsProcessed(rounds * state.range(0));
}

void ParseMlsd(benchmark::State& state) {
  measure(state, mlsd(state.range(0)),
          [](const std::string& text) { return ftp::parse_mlsd(text); });
}

void ParseList(benchmark::State& state) {
  ftp::ListContext context;
  context.now = WallTime(std::chrono::seconds(1'720'000'000));
  measure(state, list(state.range(0)),
          [&](const std::string& text) { return ftp::parse_list(text, context); });
}

BENCHMARK(ParseMlsd)->Arg(100)->Arg(20'000);
BENCHMARK(ParseList)->Arg(100)->Arg(20'000);

}  // namespace
