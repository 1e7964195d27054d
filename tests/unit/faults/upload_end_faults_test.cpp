// SPDX-License-Identifier: MIT
//
// A server that dies half-way through the end of an upload: the verdict, the look at what has
// arrived, mode and time, the rename and the clearing away have their time together, and close()
// does not wait for each of them.
#include <fcntl.h>

#include <cerrno>
#include <string>

#include "faulty_mount.hpp"

namespace ftpsfs::faults {
namespace {

constexpr auto kDeathTimeout = 2s;

Fault silent(const char* verb, Fault::Kind kind = Fault::Kind::stall) {
  return {.verb = verb, .kind = kind, .times = kAlways};
}

/// What a program writes before it closes the file.
struct Written {
  const char* name;
  Result<fs::HandleId> (*write)(FaultyMount& mount);
};

Result<fs::HandleId> write_new(FaultyMount& mount, const std::string& content) {
  FTPSFS_TRY_ASSIGN(const auto made, mount.filesystem().create(fs::kRootIno, "new", 0600, O_WRONLY,
                                                               mount.request()));
  FTPSFS_TRY(mount.write_at(made.open.handle, {0, false}, content));
  return made.open.handle;
}

Result<fs::HandleId> write_old(FaultyMount& mount, int flags, fs::WritePlace place) {
  FTPSFS_TRY_ASSIGN(const auto ino, mount.ino_of("old"));
  FTPSFS_TRY_ASSIGN(const auto opened, mount.filesystem().open(ino, flags, mount.request()));
  FTPSFS_TRY(mount.write_at(opened.handle, place, "other"));
  return opened.handle;
}

const Written kWritten[] = {
    {"small", [](FaultyMount& m) { return write_new(m, "a line\n"); }},
    {"replacement",
     [](FaultyMount& m) {
       return write_old(m, O_WRONLY | O_TRUNC, {0, false});
     }},
    {"local_copy",
     [](FaultyMount& m) -> Result<fs::HandleId> {
       FTPSFS_TRY_ASSIGN(const auto handle, write_new(m, "a line\n"));
       FTPSFS_TRY(m.write_at(handle, {100, false}, "another line\n"));
       return handle;
     }},
};

/// From which step on the server says nothing any more. It takes no new connection, either.
struct DeadEnd {
  const char* name;
  std::vector<Fault> faults;
  bool loses_bytes = false;
};

const DeadEnd kDeadEnds[] = {
    {"no_verdict",
     {silent("STOR", Fault::Kind::stall_reply), silent("APPE", Fault::Kind::stall_reply)},
     true},
    {"no_mode", {silent("SITE"), silent("MFF")}},
    {"no_rename", {silent("RNFR")}},
};

class UploadEnd : public FaultyMount,
                  public ::testing::WithParamInterface<std::tuple<Written, DeadEnd>> {};

TEST_P(UploadEnd, HasOneDeadline) {
  const auto& [written, dead_end] = GetParam();
  ASSERT_NO_FATAL_FAILURE(mount({.timeout = kDeathTimeout}));
  for (const Fault& fault : dead_end.faults) {
    server().add_fault(fault);
  }
  server().add_fault(silent("CONNECT"));
  server().add_fault(silent("DELE"));
  const auto handle = written.write(*this);
  ASSERT_TRUE(handle) << handle.error().text;
  const SteadyTime began = SteadyClock::now();
  const int error = error_of(filesystem().flush(*handle, request()));
  const auto took = std::chrono::duration_cast<Duration>(SteadyClock::now() - began);
  // The end of an upload has one and a half timeouts, and what is cleared away behind it a quarter.
  // Each step by itself would have two and a half here, and four with a local copy.
  EXPECT_LT(took, Duration(kDeathTimeout) * 9 / 4);
  EXPECT_TRUE(error == 0 || error == ETIMEDOUT) << why_;
  if (dead_end.loses_bytes) {
    EXPECT_EQ(error, ETIMEDOUT);
  }
  server().clear_faults();
  filesystem().release(*handle, request());
  expect_healthy();
}

INSTANTIATE_TEST_SUITE_P(Faults, UploadEnd,
                         ::testing::Combine(::testing::ValuesIn(kWritten),
                                            ::testing::ValuesIn(kDeadEnds)),
                         [](const auto& tested) {
                           return std::string(std::get<0>(tested.param).name) + "_" +
                                  std::get<1>(tested.param).name;
                         });

}  // namespace
}  // namespace ftpsfs::faults
