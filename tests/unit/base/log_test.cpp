// SPDX-License-Identifier: MIT
#include "ftpsfs/base/log.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "ftpsfs/base/log_context.hpp"
#include "ftpsfs/base/log_file.hpp"
#include "ftpsfs/base/log_throttle.hpp"

namespace ftpsfs::log {
namespace {

using std::string_view_literals::operator""sv;

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

/// What is written, without the line's time, thread and level.
class LogContext : public Log {
 protected:
  std::string last() const {
    std::string all = text();
    const std::size_t begin = all.rfind("error: ") + 7;
    return all.substr(begin, all.size() - begin - 1);
  }
};

TEST_F(LogContext, AMessageBearsRequestSessionAndPath) {
  const LogScope request(7);
  const PathScope about("/orders/a.csv"sv);
  note_session(2);
  error("the link is cut");
  EXPECT_EQ(last(), "request 7, #2, /orders/a.csv: the link is cut");
  EXPECT_EQ(current_request(), 7U);
}

TEST_F(LogContext, WhatAMessageNamesItselfIsNotSaidTwice) {
  const LogScope request(7);
  const PathScope about("/a"sv);
  note_session(2);
  error("#3 > STOR /a");
  EXPECT_EQ(last(), "request 7: #3 > STOR /a");
  error("/a: no room");
  EXPECT_EQ(last(), "request 7, #2: /a: no room");
  error("/ab: no room");
  EXPECT_EQ(last(), "request 7, #2, /a: /ab: no room");
}

TEST_F(LogContext, NothingStaysBehindAScope) {
  {
    const LogScope request(7);
    const std::string outer = "/outer";
    const PathScope about(outer);
    {
      const PathScope inner("/inner"sv);
      note_session(2);
      error("x");
      EXPECT_EQ(last(), "request 7, #2, /inner: x");
    }
    error("x");
    EXPECT_EQ(last(), "request 7, #2, /outer: x") << "the session may be what it is about";
    const PathScope another("/another"sv);
    error("x");
    EXPECT_EQ(last(), "request 7, /another: x");
  }
  error("x");
  EXPECT_EQ(last(), "x");
}

TEST_F(LogContext, AThreadThatServesNobodyNamesNoSession) {
  note_session(2);
  error("the keeper's word");
  EXPECT_EQ(last(), "the keeper's word");
}

TEST_F(LogContext, AHostilePathForgesNoLine) {
  const std::string path = "/a\nb\x1b";
  const PathScope about(path);
  error("x");
  EXPECT_EQ(last(), "/a\\x0ab\\x1b: x");
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
