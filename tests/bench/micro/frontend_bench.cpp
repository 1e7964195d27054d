// SPDX-License-Identifier: MIT
//
// The whole FUSE side between two doubles: FakeKernel sends requests that memory can answer, over a
// socketpair. One at a time, and many under way at once. What the double costs is inside.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <fmt/core.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "ftpsfs/base/clock.hpp"
#include "ftpsfs/fs/filesystem.hpp"
#include "ftpsfs/fuse/mounted_session.hpp"
#include "support/fake_kernel.hpp"
#include "support/fake_remote.hpp"

namespace {

using namespace ftpsfs;
using test::FakeKernel;

constexpr std::uint64_t kRoot = FUSE_ROOT_ID;
constexpr int kFiles = 1000;
constexpr std::int64_t kContent = 64LL << 20;
constexpr std::uint32_t kPiece = 128U << 10U;

class Mounted {
 public:
  Mounted() {
    for (int i = 0; i < kFiles; ++i) {
      remote_.put(fmt::format("/dir/file-{:06}", i), "x");
    }
    remote_.put("/large", std::string(static_cast<std::size_t>(kContent), 'x'));
    filesystem_.emplace(remote_, fs::Settings(), notifier_, clock_);
    auto session = fuse::MountedSession::attach(*filesystem_, notifier_, FakeKernel::io(),
                                                kernel.take_channel(), {}, {});
    if (!session) {
      return;
    }
    session_ = *std::move(session);
    serving_ = std::thread([this] { static_cast<void>(session_->serve()); });
    kernel.init();
    directory = look_up(kRoot, "dir");
    file = look_up(directory, "file-000000");
    large = look_up(kRoot, "large");
  }
  ~Mounted() {
    if (session_) {
      session_->request_stop();
      serving_.join();
    }
  }
  Mounted(const Mounted&) = delete;
  Mounted& operator=(const Mounted&) = delete;

  bool is_ready() const { return directory != 0 && file != 0 && large != 0; }

  std::uint64_t look_up(std::uint64_t parent, const std::string& name) {
    const auto reply = kernel.wait(kernel.lookup(parent, name));
    return reply && reply->error == 0 ? reply->as<fuse_entry_out>().nodeid : 0;
  }

  FakeKernel kernel;
  std::uint64_t directory = 0;
  std::uint64_t file = 0;
  std::uint64_t large = 0;

 private:
  ManualClock clock_;  // stands still: nothing that is cached grows old
  test::FakeRemote remote_{clock_};
  fuse::Notifier notifier_;
  std::optional<fs::Filesystem> filesystem_;
  std::unique_ptr<fuse::MountedSession> session_;
  std::thread serving_;
};

/// @param send sends one request and returns its number. state.range(0): so many under way.
template <typename Send>
void measure(benchmark::State& state, Mounted& mounted, Send send) {
  if (!mounted.is_ready()) {
    state.SkipWithError("not mounted");
    return;
  }
  const auto at_once = static_cast<std::size_t>(state.range(0));
  std::vector<FakeKernel::Unique> asked(at_once);
  for (auto _ : state) {
    for (auto& unique : asked) {
      unique = send();
    }
    for (const auto unique : asked) {
      const auto reply = mounted.kernel.wait(unique);
      if (!reply || reply->error != 0) {
        state.SkipWithError("a request failed");
        return;
      }
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void FrontendGetattr(benchmark::State& state) {
  Mounted mounted;
  measure(state, mounted, [&] { return mounted.kernel.getattr(mounted.file); });
}

void FrontendLookup(benchmark::State& state) {
  Mounted mounted;
  measure(state, mounted, [&] { return mounted.kernel.lookup(mounted.directory, "file-000500"); });
}

/// A thousand names with their attributes, in replies of 4 KiB.
void FrontendReaddirplus(benchmark::State& state) {
  Mounted mounted;
  if (!mounted.is_ready()) {
    state.SkipWithError("not mounted");
    return;
  }
  FakeKernel& kernel = mounted.kernel;
  for (auto _ : state) {
    const auto opened = kernel.wait(kernel.opendir(mounted.directory));
    const std::uint64_t handle = opened ? opened->as<fuse_open_out>().fh : 0;
    std::size_t seen = 0;
    for (std::uint64_t offset = 0;;) {
      const auto reply = kernel.wait(kernel.readdirplus(mounted.directory, handle, offset));
      const auto names = FakeKernel::parse_names_plus(reply ? reply->body : std::string());
      if (names.empty()) {
        break;
      }
      seen += names.size();
      offset = names.back().next;
    }
    kernel.wait(kernel.releasedir(mounted.directory, handle));
    if (seen < kFiles) {
      state.SkipWithError("not all names were told");
      return;
    }
  }
  state.SetItemsProcessed(state.iterations() * kFiles);
}

/// One file in sequence, from memory's window.
void FrontendRead(benchmark::State& state) {
  Mounted mounted;
  if (!mounted.is_ready()) {
    state.SkipWithError("not mounted");
    return;
  }
  FakeKernel& kernel = mounted.kernel;
  const std::int64_t at_once = state.range(0);
  std::vector<FakeKernel::Unique> asked;
  for (auto _ : state) {
    const auto opened = kernel.wait(kernel.open(mounted.large, O_RDONLY));
    const std::uint64_t handle = opened ? opened->as<fuse_open_out>().fh : 0;
    for (std::int64_t offset = 0; offset < kContent;) {
      asked.clear();
      for (std::int64_t i = 0; i < at_once && offset < kContent; ++i, offset += kPiece) {
        asked.push_back(
            kernel.read(mounted.large, handle, static_cast<std::uint64_t>(offset), kPiece));
      }
      for (const auto unique : asked) {
        const auto reply = kernel.wait(unique);
        if (!reply || reply->body.size() != kPiece) {
          state.SkipWithError("a read failed");
          return;
        }
      }
    }
    kernel.wait(kernel.release(mounted.large, handle));
  }
  state.SetBytesProcessed(state.iterations() * kContent);
  state.SetItemsProcessed(state.iterations() * (kContent / kPiece));
}

BENCHMARK(FrontendGetattr)->Arg(1)->Arg(32)->UseRealTime();
BENCHMARK(FrontendLookup)->Arg(1)->Arg(32)->UseRealTime();
BENCHMARK(FrontendReaddirplus)->UseRealTime();
BENCHMARK(FrontendRead)->Arg(1)->Arg(8)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
