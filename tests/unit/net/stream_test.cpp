// SPDX-License-Identifier: MIT
//
// The clear stream, as control connections before AUTH TLS and PROT C data use it.
#include "ftpsfs/net/stream.hpp"

#include <gtest/gtest.h>

#include <array>
#include <latch>
#include <stop_token>
#include <string>
#include <vector>

#include "loopback_client.hpp"
#include "support/faulty_ftps_server_tls.hpp"
#include "support/scripted_peer.hpp"

namespace ftpsfs::net {
namespace {

using namespace std::chrono_literals;
using test::LoopbackServer;
using test::ScriptedPeer;
using test::ServerConnection;

std::string read_to_end(ByteStream& stream) {
  std::string all;
  std::array<std::byte, 7> part{};
  while (true) {
    auto got = stream.read(part, patient());
    if (!got) {
      return all + "[" + to_string(got.error().code) + "]";
    }
    if (*got == 0) {
      return all;
    }
    all.append(reinterpret_cast<const char*>(part.data()), *got);
  }
}

TEST(SocketStreamTest, OneByteAtATimeArrivesWhole) {
  ScriptedPeer peer;
  peer.chop(1).reply("220 ready").expect("USER joe").reply("331 password").close();
  SocketStream stream(peer.client());
  ASSERT_TRUE(stream.write_all(bytes_of("USER joe\r\n"), patient()));
  EXPECT_EQ(read_to_end(stream), "220 ready\r\n331 password\r\n");
  EXPECT_EQ(stream.end(), EndOfStream::plain);
  EXPECT_EQ(peer.finish(), "");
}

TEST(SocketStreamTest, ResetIsAnErrorNotAnEnd) {
  ScriptedPeer peer;
  peer.expect("x").reset();
  SocketStream stream(peer.client());
  ASSERT_TRUE(stream.write_all(bytes_of("x\r\n"), patient()));
  EXPECT_EQ(read_to_end(stream), "[closed]");
  EXPECT_EQ(stream.end(), EndOfStream::none);
}

TEST(SocketStreamTest, CancelledReadLosesNothing) {
  std::latch go(1);
  ScriptedPeer peer;
  peer.run([&] { go.wait(); }).send("abc").close();
  SocketStream stream(peer.client());
  std::array<std::byte, 8> buffer{};
  std::stop_source source;
  source.request_stop();
  auto got = stream.read(buffer, Wait::for_at_most(10s, source.get_token()));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::cancelled);
  got = stream.read(buffer, Wait::for_at_most(10ms));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::timed_out);
  go.count_down();
  EXPECT_EQ(read_to_end(stream), "abc");
}

TEST(SocketStreamTest, TryReadSaysThatNothingIsThere) {
  std::latch go(1);
  ScriptedPeer peer;
  peer.run([&] { go.wait(); }).send("abc").close();
  SocketStream stream(peer.client());
  std::array<std::byte, 8> buffer{};
  auto got = stream.try_read(buffer);
  ASSERT_TRUE(got);
  EXPECT_FALSE(got->has_value());
  EXPECT_FALSE(stream.has_pending_input());
  go.count_down();
  ASSERT_TRUE(stream.wait_for_progress(false, patient()));
  EXPECT_TRUE(stream.has_pending_input());
  got = stream.try_read(buffer);
  ASSERT_TRUE(got);
  EXPECT_EQ(*got, std::size_t{3});
}

TEST(SocketStreamTest, PeerThatDoesNotReadEndsAWriteAtTheDeadline) {
  std::latch go(1);
  ScriptedPeer peer;
  peer.run([&] { go.wait(); });
  SocketStream stream(peer.client());
  const std::string much(std::size_t{64} << 20U, 'x');
  auto written = stream.write_all(bytes_of(much), Wait::for_at_most(50ms));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::timed_out);
  go.count_down();
}

TEST(SocketStreamTest, CloseWriteThenDrain) {
  ScriptedPeer peer;
  peer.expect("data").expect_end().send(std::string(100'000, 'z')).close();
  SocketStream stream(peer.client());
  ASSERT_TRUE(stream.write_all(bytes_of("data\r\n"), patient()));
  ASSERT_TRUE(stream.close_write(patient()));
  ASSERT_TRUE(stream.drain_to_end(patient()));
  EXPECT_EQ(stream.end(), EndOfStream::plain);
  EXPECT_EQ(peer.finish(), "");
}

TEST(SocketStreamTest, DrainTakesAResetForAnEnd) {
  ScriptedPeer peer;
  peer.send("tail").expect_end().reset();
  SocketStream stream(peer.client());
  ASSERT_TRUE(stream.close_write(patient()));
  EXPECT_TRUE(stream.drain_to_end(patient()));
}

TEST(SocketStreamTest, DrainHasADeadline) {
  ScriptedPeer peer;
  peer.stall();
  SocketStream stream(peer.client());
  auto drained = stream.drain_to_end(Wait::for_at_most(20ms));
  ASSERT_FALSE(drained);
  EXPECT_EQ(drained.error().code, Errc::timed_out);
}

/// What a server's read() sees when the client lets go of its stream after `what`.
long seen_after(const std::function<void(SocketStream&)>& what) {
  long seen = 7;
  LoopbackServer server([&](ServerConnection& connection) {
    connection.write("hello");
    std::array<char, 64> buffer{};
    do {
      seen = connection.read(buffer.data(), buffer.size());
    } while (seen > 0);
    connection.finish();
  });
  {
    auto socket = connect_tcp("127.0.0.1", server.port(), patient());
    SocketStream stream(*std::move(socket));
    std::array<std::byte, 5> greeting{};
    static_cast<void>(stream.read(greeting, patient()));
    what(stream);
  }
  while (server.open() != 0) {
    std::this_thread::yield();
  }
  server.stop();
  return seen;
}

TEST(SocketStreamTest, UnfinishedUploadIsResetNotEnded) {
  EXPECT_EQ(seen_after([](SocketStream& stream) {
              static_cast<void>(stream.write_all(bytes_of("half a f"), patient()));
            }),
            -1);
}

TEST(SocketStreamTest, FinishedUploadIsEnded) {
  EXPECT_EQ(seen_after([](SocketStream& stream) {
              static_cast<void>(stream.write_all(bytes_of("a file"), patient()));
              static_cast<void>(stream.close_write(patient()));
              static_cast<void>(stream.drain_to_end(patient()));
            }),
            0);
}

TEST(SocketStreamTest, ReleasedSocketLivesOn) {
  ScriptedPeer peer;
  peer.expect("still here").close();
  Socket socket;
  {
    SocketStream stream(peer.client());
    socket = std::move(stream).release();
  }
  ASSERT_TRUE(socket.try_write(bytes_of("still here\r\n")));
  EXPECT_EQ(peer.finish(), "");
}

}  // namespace
}  // namespace ftpsfs::net
