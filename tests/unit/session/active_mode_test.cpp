// SPDX-License-Identifier: MIT
//
// Active mode: the server dials the data connection.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ftpsfs/session/upload.hpp"
#include "session_fixture.hpp"

namespace ftpsfs::session {
namespace {

using ::testing::HasSubstr;

class ActiveMode : public SessionFixture {
 protected:
  ActiveMode() {
    settings_.route.active.emplace();
    settings_.protection = Protection::clear_data;
    script_login("220 ready");
  }

  /// A place to listen at, known before the script runs.
  std::uint16_t next_port() {
    auto listener = net::Listener::open({"127.0.0.1", 0, 0}, reference_.client_fd());
    EXPECT_TRUE(listener) << listener.error().text;
    const std::uint16_t port = listener->address().port();
    transport_.listeners.push_back(*std::move(listener));
    return port;
  }
  static std::string eprt(std::uint16_t port) {
    return "EPRT |1|127.0.0.1|" + std::to_string(port) + "|";
  }
  static std::string port_command(std::uint16_t port) {
    return "PORT 127,0,0,1," + std::to_string(port / 256) + "," + std::to_string(port % 256);
  }

  /// The server's data connection: dialled, filled, and ended.
  std::function<void()> sending(std::uint16_t port, const std::string& text, bool ends = true) {
    return [this, port, text, ends] {
      auto socket = net::connect_tcp("127.0.0.1", port, soon());
      ASSERT_TRUE(socket) << socket.error().text;
      auto& stream = dialled_.emplace_back(std::make_unique<net::SocketStream>(*std::move(socket)));
      EXPECT_TRUE(stream->write_all(bytes(text), soon()));
      if (ends) {
        EXPECT_TRUE(stream->close_write(soon()));
      }
    };
  }

  /// Any connected socket on loopback.
  class Reference {
   public:
    int client_fd() {
      if (!socket_) {
        socket_ = peer_.client();
      }
      return socket_.fd();
    }

   private:
    test::ScriptedPeer peer_;
    net::Socket socket_;
  };
  Reference reference_;
  std::vector<std::unique_ptr<net::SocketStream>> dialled_;
};

TEST_F(ActiveMode, TheServerDialsWhereEprtSays) {
  const auto port = next_port();
  control_.expect_bytes("SIZE f\r\nMDTM f\r\n" + eprt(port) + "\r\n")
      .send("213 5\r\n550 no\r\n200 good\r\n")
      .expect("RETR f")
      .run(sending(port, "hello"))
      .reply("150 here")
      .reply("226 done")
      .expect_end();
  log_in();
  EXPECT_EQ(fetch("f"), "hello");
  EXPECT_EQ(counters_.data_connections, 1U);
  finish();
}

TEST_F(ActiveMode, TheReplyMayComeBeforeTheConnection) {
  const auto port = next_port();
  control_.expect_bytes("SIZE f\r\nMDTM f\r\n" + eprt(port) + "\r\n")
      .send("213 5\r\n550 no\r\n200 good\r\n")
      .expect("RETR f")
      .reply("150 here")
      .run(sending(port, "hello"))
      .reply("226 done")
      .expect_end();
  log_in();
  EXPECT_EQ(fetch("f"), "hello");
  finish();
}

TEST_F(ActiveMode, PortWhereEprtIsUnknownAndFromThenOn) {
  const auto first = next_port();
  const auto second = next_port();
  control_.expect_bytes("SIZE f\r\nMDTM f\r\n" + eprt(first) + "\r\n")
      .send("213 5\r\n550 no\r\n500 EPRT?\r\n")
      .expect(port_command(first))
      .reply("200 good")
      .expect("RETR f")
      .run(sending(first, "hello"))
      .reply("150 here")
      .reply("226 done")
      .expect_bytes("SIZE f\r\nMDTM f\r\n" + port_command(second) + "\r\n")
      .send("213 5\r\n550 no\r\n200 good\r\n")
      .expect("RETR f")
      .run(sending(second, "again"))
      .reply("150 here")
      .reply("226 done")
      .expect_end();
  log_in();
  EXPECT_EQ(fetch("f"), "hello");
  EXPECT_EQ(fetch("f"), "again");
  finish();
}

TEST_F(ActiveMode, AnUploadGoesThere) {
  const auto port = next_port();
  control_.expect(eprt(port))
      .reply("200 good")
      .expect("STOR f")
      .run(sending(port, "", false))
      .reply("150 send")
      .run([this] {
        std::array<std::byte, 16> buffer{};
        auto got = dialled_.back()->read(buffer, soon());
        EXPECT_EQ(got.value_or(0), 5U);
        EXPECT_EQ(dialled_.back()->read(buffer, soon()).value_or(1), 0U);
        dialled_.clear();
      })
      .reply("226 done")
      .expect_end();
  log_in();
  auto upload = Upload::open(*session_, "f", false, soon());
  ASSERT_TRUE(upload) << upload.error().text;
  ASSERT_TRUE((*upload)->write(bytes("hello"), soon()));
  ASSERT_TRUE((*upload)->finish(soon()));
  finish();
}

TEST_F(ActiveMode, ARefusalComesInPlaceOfTheConnection) {
  const auto port = next_port();
  control_.expect_bytes("SIZE f\r\nMDTM f\r\n" + eprt(port) + "\r\n")
      .send("550 no\r\n550 no\r\n200 good\r\n")
      .expect("RETR f")
      .reply("550 no such file")
      .expect("NOOP")
      .reply("200 ok")
      .expect_end();
  log_in();
  auto download = Download::open(*session_, "f", 0, soon());
  ASSERT_FALSE(download);
  EXPECT_EQ(download.error().reply_code, 550);
  EXPECT_TRUE(session_->command("NOOP", {}, soon())) << "the dialogue is in step";
  finish();
}

TEST_F(ActiveMode, AServerThatTakesNoAddressSaysSo) {
  const auto port = next_port();
  control_.expect_bytes("SIZE f\r\nMDTM f\r\n" + eprt(port) + "\r\n")
      .send("213 5\r\n550 no\r\n500 no\r\n")
      .expect(port_command(port))
      .reply("500 Illegal PORT command.")
      .expect_end();
  log_in();
  auto download = Download::open(*session_, "f", 0, soon());
  ASSERT_FALSE(download);
  EXPECT_EQ(download.error().code, Errc::unsupported);
  EXPECT_THAT(download.error().text, HasSubstr("Illegal PORT"));
  finish();
}

/// A server that can do active mode alone may know no EPSV.
TEST_F(ActiveMode, ACutTransferIsSettledByPwd) {
  const auto port = next_port();
  control_.expect_bytes("SIZE f\r\nMDTM f\r\n" + eprt(port) + "\r\n")
      .send("213 500\r\n550 no\r\n200 good\r\n")
      .expect("RETR f")
      .run(sending(port, "hello", false))
      .reply("150 here")
      .expect("PWD")
      .send("426 cut\r\n257 \"/\"\r\n")
      .expect("NOOP")
      .reply("200 ok")
      .expect_end();
  log_in();
  {
    auto download = Download::open(*session_, "f", 0, soon());
    ASSERT_TRUE(download) << download.error().text;
  }
  EXPECT_TRUE(session_->command("NOOP", {}, soon()));
  finish();
}

TEST_F(ActiveMode, AServerThatNeverComesIsToldAsSuch) {
  const auto port = next_port();
  settings_.connect_timeout = std::chrono::milliseconds(50);
  control_.expect_bytes("SIZE f\r\nMDTM f\r\n" + eprt(port) + "\r\n")
      .send("213 5\r\n550 no\r\n200 good\r\n")
      .expect("RETR f")
      .expect_end();
  log_in();
  auto download = Download::open(*session_, "f", 0, soon());
  ASSERT_FALSE(download);
  EXPECT_EQ(download.error().code, Errc::timed_out);
  EXPECT_THAT(download.error().text, HasSubstr("did not connect to 127.0.0.1:"));
  finish();
}

TEST_F(ActiveMode, NoPortIsAskedForAheadOfNeed) {
  SessionSettings settings;
  EXPECT_TRUE(settings.may_warm_data());
  settings.route.active.emplace();
  EXPECT_FALSE(settings.may_warm_data());
  settings.route.active.reset();
  settings.route.proxy.emplace();
  EXPECT_FALSE(settings.may_warm_data());
}

}  // namespace
}  // namespace ftpsfs::session
