// SPDX-License-Identifier: MIT
//
// A server that takes commands and says nothing any more, from the first or from a later one on:
// whatever a program does has its end in time, with an error that says so, and the mount is as good
// as ever when the server speaks again.
#include <fcntl.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <tuple>

#include "faulty_mount.hpp"

namespace ftpsfs::faults {
namespace {

struct Silence {
  const char* name;
  Fault::Kind kind;
  int from;  ///< the nth command
};

struct Deed {
  const char* name;
  int (*program)(FaultyMount& mount);  ///< @return errno
};

int change(FaultyMount& mount, void (*fill)(fs::AttributeChange& change)) {
  fs::AttributeChange wanted;
  fill(wanted);
  const auto ino = mount.ino_of("g");
  return ino ? mount.error_of(
                   mount.filesystem().set_attributes(*ino, wanted, std::nullopt, mount.request()))
             : mount.error_of(ino);
}

int write_then_sync(FaultyMount& mount) {
  auto& files = mount.filesystem();
  const auto made = files.create(fs::kRootIno, "new", 0644, O_WRONLY, mount.request());
  if (!made) {
    return mount.error_of(made);
  }
  const auto handle = made->open.handle;
  auto done = mount.write_at(handle, {0, false}, "synced");
  if (done) {
    done = files.sync(handle, mount.request());
  }
  const auto flushed = files.flush(handle, mount.request());
  files.release(handle, mount.request());
  return mount.error_of(done ? flushed : done);
}

const Deed kDeeds[] = {
    {"stat", [](FaultyMount& m) { return m.error_of(m.stat("d/x")); }},
    {"list", [](FaultyMount& m) { return m.lists(); }},
    {"read", [](FaultyMount& m) { return m.reads(); }},
    {"read_in_the_middle", [](FaultyMount& m) { return m.reads_part("long", 2'100'000, 5'000); }},
    {"create", [](FaultyMount& m) { return m.writes("new", "a line\n", O_WRONLY); }},
    {"create_large", [](FaultyMount& m) { return m.writes("new", FaultyMount::big(), O_WRONLY); }},
    {"replace", [](FaultyMount& m) { return m.overwrites("old", "new"); }},
    {"append", [](FaultyMount& m) { return m.writes("d/x", "more", O_WRONLY | O_APPEND); }},
    {"fsync", write_then_sync},
    {"truncate", [](FaultyMount& m) { return change(m, [](auto& wanted) { wanted.size = 0; }); }},
    {"cut", [](FaultyMount& m) { return change(m, [](auto& wanted) { wanted.size = 1; }); }},
    {"chmod", [](FaultyMount& m) { return change(m, [](auto& wanted) { wanted.mode = 0600; }); }},
    {"utimens",
     [](FaultyMount& m) {
       return change(m, [](auto& wanted) {
         wanted.mtime = fs::AttributeChange::Time{1'600'000'000, false};
       });
     }},
    {"mkdir",
     [](FaultyMount& m) {
       return m.error_of(m.filesystem().make_directory(fs::kRootIno, "made", 0755, m.request()));
     }},
    {"rmdir",
     [](FaultyMount& m) {
       const auto done = m.filesystem().remove_directory(fs::kRootIno, "empty", m.request());
       m.tree().add_directory("/empty");
       return m.error_of(done);
     }},
    {"unlink",
     [](FaultyMount& m) {
       return m.error_of(m.filesystem().remove_file(fs::kRootIno, "g", m.request()));
     }},
    {"rename",
     [](FaultyMount& m) {
       return m.error_of(
           m.filesystem().rename(fs::kRootIno, "g", fs::kRootIno, "h", 0, m.request()));
     }},
    {"rename_over",
     [](FaultyMount& m) {
       return m.error_of(
           m.filesystem().rename(fs::kRootIno, "g", fs::kRootIno, "old", 0, m.request()));
     }},
    {"symlink",
     [](FaultyMount& m) {
       return m.error_of(m.filesystem().make_symlink("g", fs::kRootIno, "link", m.request()));
     }},
    {"statfs", [](FaultyMount& m) { return m.error_of(m.filesystem().space(m.request())); }},
};

const Silence kSilences[] = {{"at_once", Fault::Kind::stall, 1},
                             {"from_the_third_command", Fault::Kind::stall, 3},
                             {"behind_what_the_second_did", Fault::Kind::stall_reply, 2}};

class BlackHole : public FaultyMount,
                  public ::testing::WithParamInterface<std::tuple<Deed, Silence>> {};

TEST_P(BlackHole, EndsInTime) {
  const auto& [deed, silence] = GetParam();
  constexpr auto kTimeout = 120ms;
  ASSERT_NO_FATAL_FAILURE(mount({.timeout = kTimeout}));
  server().add_fault({.verb = "WORK", .kind = silence.kind, .nth = silence.from, .times = kAlways});
  const SteadyTime began = SteadyClock::now();
  const int error = deed.program(*this);
  const auto took = std::chrono::duration_cast<Duration>(SteadyClock::now() - began);
  // No other: neither "not there" nor "not allowed" follows from silence. What needs no server, or
  // has its answer in the first one, succeeds.
  EXPECT_TRUE(error == 0 || error == ETIMEDOUT || error == EIO || error == ENOSYS) << error;
  // A handful of requests, each with its own limit; the end of an upload has four timeouts.
  EXPECT_LT(took, 6 * 4 * Duration(kTimeout) + kSlack);
  server().clear_faults();
  expect_healthy();
}

INSTANTIATE_TEST_SUITE_P(Faults, BlackHole,
                         ::testing::Combine(::testing::ValuesIn(kDeeds),
                                            ::testing::ValuesIn(kSilences)),
                         [](const auto& tested) {
                           return std::string(std::get<0>(tested.param).name) + "_" +
                                  std::get<1>(tested.param).name;
                         });

}  // namespace
}  // namespace ftpsfs::faults
