// SPDX-License-Identifier: MIT
#include "ftpsfs/base/log.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "ftpsfs/base/log_file.hpp"
#include "ftpsfs/base/log_throttle.hpp"

namespace ftpsfs::log {
namespace {

/// What the log says lies in memory.
class Log : public testing::Test {
 protected:
  void SetUp() override {
    UniqueFd file(::memfd_create("log", MFD_CLOEXEC));
    ASSERT_TRUE(file);
    written_ = UniqueFd(::dup(file.get()));
    configure_file(std::move(file), Level::info);
  }
  void TearDown() override { configure(Sink::stderr_text, Level::warning); }

  std::string text() const {
    struct stat status {};
    EXPECT_EQ(::fstat(written_.get(), &status), 0);
    std::string out(static_cast<std::size_t>(status.st_size), ' ');
    EXPECT_EQ(::pread(written_.get(), out.data(), out.size(), 0), status.st_size);
    return out;
  }
  std::ptrdiff_t lines() const {
    const std::string all = text();
    return std::count(all.begin(), all.end(), '\n');
  }

 private:
  UniqueFd written_;
};

constexpr int kFlood = 10 * static_cast<int>(Throttle::kBurst);

TEST_F(Log, ErrorsAreNeverLeftOut) {
  for (int i = 0; i < kFlood; ++i) {
    error("file {} is lost", i);
  }
  EXPECT_EQ(lines(), kFlood);
}

TEST_F(Log, AFloodOfWarningsIsLeftOutButNotTheErrorsInIt) {
  for (int i = 0; i < kFlood; ++i) {
    warning("the server is away");
  }
  EXPECT_LT(lines(), kFlood);
  error("file x is lost");
  EXPECT_NE(text().find("file x is lost"), std::string::npos);
}

TEST(LogEscaped, WhatATerminalObeysIsShown) {
  EXPECT_EQ(escaped("a\n\x1b[2J\x7f"), "a\\x0a\\x1b[2J\\x7f");
  EXPECT_EQ(escaped("\xc2\x80 \xc2\x9b"
                    "2J \xc2\x9f"),
            "\\xc2\\x80 \\xc2\\x9b2J \\xc2\\x9f");
  EXPECT_EQ(escaped("\xc2\xa0 \xc3\x84 \xc4\x9b \xc2"), "\xc2\xa0 \xc3\x84 \xc4\x9b \xc2")
      << "letters";
}

}  // namespace
}  // namespace ftpsfs::log
