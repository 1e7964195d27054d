// SPDX-License-Identifier: MIT
//
// A session that is logged in to a scripted server, for the tests of transfers. No TLS: "encrypted"
// data connections only go through the motions.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <future>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "ftpsfs/session/download.hpp"
#include "ftpsfs/session/session.hpp"
#include "scripted_transport.hpp"
#include "soon.hpp"

namespace ftpsfs::session {

/// Opened once by a script's step; others wait for it.
class Gate {
 public:
  std::function<void()> opener() {
    return [this] { promise_.set_value(); };
  }
  std::function<void()> waiter() {
    return [this] { future_.wait(); };
  }
  void open() { promise_.set_value(); }

 private:
  std::promise<void> promise_;
  std::shared_future<void> future_ = promise_.get_future().share();
};

class SessionFixture : public ::testing::Test {
 protected:
  SessionFixture() {
    settings_.username = "joe";
    settings_.password = Secret();
  }

  /// The login. @param port the answer to its EPSV, where one is asked.
  void script_login(const std::string& greeting, const std::string& port = {}) {
    const bool brief = !settings_.password->empty() && settings_.pipelining;
    const bool clear = settings_.protection == Protection::clear_data;
    const std::string batch =
        std::string("PBSZ 0\r\nPROT ") + (clear ? "C" : "P") +
        "\r\nTYPE I\r\nOPTS UTF8 ON\r\n"
        "OPTS MLST type;size;modify;perm;unique;unix.mode;\r\nFEAT\r\nSYST\r\nPWD\r\n";
    const std::string answers =
        "200 a\r\n200 b\r\n200 c\r\n500 d\r\n500 m\r\n500 e\r\n500 f\r\n257 \"/\"\r\n";
    control_.reply(greeting).expect("AUTH TLS").reply("234 go");
    if (brief) {
      control_.expect_bytes("USER joe\r\nPASS s3cret\r\n" + batch +
                            (port.empty() ? "" : "EPSV\r\n"));
      control_.send("331 ?\r\n230 in\r\n" + answers + (port.empty() ? "" : port + "\r\n"));
      return;
    }
    control_.expect("USER joe").reply("230 in");
    if (settings_.pipelining) {
      control_.expect_bytes(batch).send(answers);
      return;
    }
    control_.expect("PBSZ 0").reply("200 a").expect(clear ? "PROT C" : "PROT P").reply("200 b");
    control_.expect("TYPE I")
        .reply("200 c")
        .expect("OPTS UTF8 ON")
        .reply("500 d")
        .expect("OPTS MLST type;size;modify;perm;unique;unix.mode;")
        .reply("500 m");
    control_.expect("FEAT").reply("500 e").expect("SYST").reply("500 f");
    control_.expect("PWD").reply("257 \"/\"");
  }

  /// @pre the scripts are complete.
  void log_in() {
    auto opened = Session::open(settings_, transport_, knowledge_, counters_, soon());
    ASSERT_TRUE(opened) << opened.error().text;
    session_ = *std::move(opened);
    transport_.records.clear();
  }

  void finish() {
    session_.reset();
    EXPECT_EQ(control_.finish(), "");
  }

  static std::string read_to_end(Download& download) {
    std::string all;
    std::array<std::byte, 7> buffer;
    for (;;) {
      auto got = download.read(buffer, soon());
      if (!got) {
        return "error: " + got.error().text;
      }
      if (*got == 0) {
        return all;
      }
      all.append(reinterpret_cast<const char*>(buffer.data()), *got);
    }
  }

  /// Opens a download and reads all of it.
  std::string fetch(const std::string& path, std::uint64_t offset = 0) {
    auto download = Download::open(*session_, path, offset, soon());
    return download ? read_to_end(**download) : "no download: " + download.error().text;
  }

  static std::span<const std::byte> bytes(const std::string& text) {
    return std::as_bytes(std::span(text));
  }

  SessionSettings settings_;
  test::ScriptedPeer control_;
  test::ScriptedPeer data_;
  ScriptedTransport transport_{control_};
  ServerKnowledge knowledge_;
  TrafficCounters counters_;
  std::unique_ptr<Session> session_;
};

}  // namespace ftpsfs::session
