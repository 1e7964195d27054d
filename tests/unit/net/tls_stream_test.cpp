// SPDX-License-Identifier: MIT
//
// TLS that works: handshakes in both versions, reading and writing, ends and resets, sessions that
// data connections resume. What fails is in tls_failures_test.cpp.
#include "ftpsfs/net/tls_stream.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <functional>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "loopback_client.hpp"
#include "support/faulty_ftps_server_chopper.hpp"
#include "support/faulty_ftps_server_tls.hpp"
#include "support/scripted_peer.hpp"
#include "support/test_certificates.hpp"

namespace ftpsfs::net {
namespace {

using namespace std::chrono_literals;
using test::LoopbackServer;
using test::ServerCertificate;
using test::ServerConnection;
using test::ServerTls;
using test::TestCertificates;
using Versions = test::ServerTls::Versions;
using Context = std::shared_ptr<const TlsContext>;
using Stream = std::unique_ptr<TlsStream>;

Context trusting_context() {
  TlsSettings settings;
  settings.ca_files = {TestCertificates::instance().ca_file()};
  auto context = TlsContext::create(settings);
  EXPECT_TRUE(context);
  return *context;
}

Stream shaken(Result<Stream> stream) {
  EXPECT_TRUE(stream);
  auto done = (*stream)->handshake(patient());
  EXPECT_TRUE(done) << done.error().text;
  return *std::move(stream);
}

Stream control_to(std::uint16_t port, const Context& context = trusting_context()) {
  return shaken(TlsStream::open_control(dial(port), context, "127.0.0.1"));
}

std::string read_some(ByteStream& stream, std::size_t size) {
  std::string all;
  while (all.size() < size) {
    std::vector<std::byte> part(size - all.size());
    auto got = stream.read(part, patient());
    if (!got) {
      return all + "[" + to_string(got.error().code) + "]";
    }
    if (*got == 0) {
      return all + "[end]";
    }
    all.append(reinterpret_cast<const char*>(part.data()), *got);
  }
  return all;
}

void echo(ServerConnection& connection) {
  std::array<char, 20'000> part{};
  long got = 0;
  while ((got = connection.read(part.data(), part.size())) > 0) {
    connection.write({part.data(), static_cast<std::size_t>(got)});
  }
  connection.finish();
}

/// Content whose every place is its own.
std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    text[i] = static_cast<char>(i * 7 + i / 251);
  }
  return text;
}

class TlsStreamTest : public ::testing::TestWithParam<Versions> {
 protected:
  /// A server that runs `then` on each connection after its handshake.
  std::unique_ptr<LoopbackServer> serve(std::function<void(ServerConnection&)> then) {
    return std::make_unique<LoopbackServer>([this, then](ServerConnection& connection) {
      if (connection.start_tls(tls_, 1)) {
        then(connection);
      }
    });
  }
  bool is_1_3() const { return GetParam() == Versions::only_1_3; }

  ServerTls tls_{ServerCertificate::good, GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Versions, TlsStreamTest,
                         ::testing::Values(Versions::only_1_2, Versions::only_1_3),
                         [](const auto& each) {
                           return each.param == Versions::only_1_2 ? "Tls12" : "Tls13";
                         });

TEST_P(TlsStreamTest, ShakesHandsAndTellsWhoIsThere) {
  const auto server = serve(echo);
  const Stream stream = control_to(server->port());
  const TlsPeerInfo info = stream->peer_info();
  EXPECT_EQ(info.version, is_1_3() ? "TLSv1.3" : "TLSv1.2");
  EXPECT_NE(info.cipher, "");
  EXPECT_EQ(info.subject, "CN = \"test server, good\"");
  EXPECT_EQ(info.issuer, "CN = ftpsfs Test CA");
  EXPECT_EQ(info.not_after, "2099-12-31 23:59:59 UTC");
  EXPECT_EQ(info.fingerprint.size(), 95U);
  EXPECT_FALSE(info.resumed);
  ASSERT_TRUE(stream->write_all(bytes_of("NOOP\r\n"), patient()));
  EXPECT_EQ(read_some(*stream, 6), "NOOP\r\n");
}

TEST_P(TlsStreamTest, ChecksANameAsWellAsAnAddress) {
  const auto server = serve(echo);
  for (const char* host : {"localhost", "localhost.", "LOCALHOST", "127.0.0.1", "[::1]"}) {
    auto stream = TlsStream::open_control(dial(server->port()), trusting_context(), host);
    ASSERT_TRUE(stream);
    auto done = (*stream)->handshake(patient());
    EXPECT_TRUE(done) << host << ": " << done.error().text;
  }
}

TEST_P(TlsStreamTest, ManyBytesGoBothWays) {
  const auto server = serve(echo);
  const Stream stream = control_to(server->port());
  const std::string sent = pattern(3'000'001);
  std::string got;
  std::size_t written = 0;
  while (got.size() < sent.size()) {
    // Reading while writing, by the try_ calls: the echo would block on a peer that only writes.
    auto taken = stream->try_write(bytes_of(sent).subspan(written));
    ASSERT_TRUE(taken) << taken.error().text;
    written += *taken;
    std::array<std::byte, 50'000> part{};
    auto read = stream->try_read(part);
    ASSERT_TRUE(read) << read.error().text;
    got.append(reinterpret_cast<const char*>(part.data()), read->value_or(0));
    if (*taken == 0 && !*read) {
      ASSERT_TRUE(stream->wait_for_progress(written < sent.size(), patient()));
    }
  }
  EXPECT_EQ(got, sent);
  ASSERT_TRUE(stream->close_write(patient()));
  EXPECT_EQ(read_some(*stream, 1), "[end]");
  EXPECT_EQ(stream->end(), EndOfStream::authenticated);
}

TEST_P(TlsStreamTest, OneByteAtATimeOnTheWire) {
  const auto server = serve(echo);
  test::ChoppingForwarder chopper(server->port());
  const Stream stream = control_to(chopper.port());
  const std::string sent = pattern(5000);
  ASSERT_TRUE(stream->write_all(bytes_of(sent), patient()));
  EXPECT_EQ(read_some(*stream, sent.size()), sent);
}

TEST_P(TlsStreamTest, DataConnectionGivesLargeReads) {
  const std::string sent = pattern(300'000);
  std::latch all_sent(1);
  std::atomic<int> connections{0};
  const auto server = serve([&](ServerConnection& connection) {
    if (++connections == 1) {
      connection.write("x");
      connection.await_end();
      return;
    }
    connection.write(sent);
    connection.finish();
    all_sent.count_down();
    connection.await_end();
  });
  const Stream control = control_to(server->port());
  EXPECT_EQ(read_some(*control, 1), "x");
  const Stream data = shaken(TlsStream::open_data(dial(server->port()), *control));
  EXPECT_EQ(read_some(*data, sent.size()), sent);
  EXPECT_EQ(read_some(*data, 1), "[end]");
  EXPECT_EQ(data->end(), EndOfStream::authenticated);
  all_sent.wait();
}

TEST_P(TlsStreamTest, LastBytesComeBeforeTheEnd) {
  const auto server = serve([](ServerConnection& connection) {
    connection.write("tail");
    connection.finish();
    connection.await_end();
  });
  const Stream stream = control_to(server->port());
  std::array<std::byte, 64> buffer{};
  auto got = stream->read(buffer, patient());
  ASSERT_TRUE(got);
  EXPECT_EQ(*got, 4U);
  for (int i = 0; i < 2; ++i) {  // and the end stays the end
    got = stream->read(buffer, patient());
    ASSERT_TRUE(got);
    EXPECT_EQ(*got, 0U);
  }
}

TEST_P(TlsStreamTest, FinWithoutCloseNotifyIsTruncated) {
  const auto server = serve([](ServerConnection& connection) {
    connection.write("half");
    connection.bare_fin();
    connection.await_end();
  });
  const Stream stream = control_to(server->port());
  EXPECT_EQ(read_some(*stream, 100), "half[truncated]");
  EXPECT_EQ(stream->end(), EndOfStream::plain);
  EXPECT_EQ(read_some(*stream, 1), "[truncated]");
}

TEST_P(TlsStreamTest, ResetIsClosed) {
  const auto server = serve([](ServerConnection& connection) {
    connection.write("half");
    std::array<char, 1> go{};
    connection.read(go.data(), 1);
    connection.reset();
  });
  const Stream stream = control_to(server->port());
  EXPECT_EQ(read_some(*stream, 4), "half");
  ASSERT_TRUE(stream->write_all(bytes_of("g"), patient()));
  EXPECT_EQ(read_some(*stream, 1), "[closed]");
  EXPECT_EQ(stream->end(), EndOfStream::none);
  EXPECT_FALSE(stream->write_all(bytes_of("more"), patient()));
}

TEST_P(TlsStreamTest, UploadEndsWithCloseNotifyAndDrains) {
  std::atomic<bool> clean{false};
  std::atomic<long> received{0};
  std::atomic<int> connections{0};
  const auto server = serve([&](ServerConnection& connection) {
    if (++connections == 1) {
      connection.write("x");
      return connection.await_end();
    }
    std::array<char, 20'000> part{};
    long got = 0;
    while ((got = connection.read(part.data(), part.size())) > 0) {
      received += got;
    }
    clean = got == 0 && connection.clean_end();
    connection.finish();
  });
  const Stream control = control_to(server->port());
  EXPECT_EQ(read_some(*control, 1), "x");
  Stream data = shaken(TlsStream::open_data(dial(server->port()), *control));
  ASSERT_TRUE(data->write_all(bytes_of(pattern(1'000'000)), patient()));
  ASSERT_TRUE(data->close_write(patient()));
  ASSERT_TRUE(data->drain_to_end(patient()));
  EXPECT_EQ(data->end(), EndOfStream::authenticated);
  data.reset();
  EXPECT_TRUE(clean);
  EXPECT_EQ(received, 1'000'000);
}

/// Half of a TLS 1.3 connection goes on without the other; before that there is no such thing.
TEST_P(TlsStreamTest, AnAnnouncedEndLeavesReadingAlone) {
  const auto server = serve([this](ServerConnection& connection) {
    if (is_1_3()) {
      std::array<char, 1> none{};
      EXPECT_EQ(connection.read(none.data(), 1), 0);
      EXPECT_TRUE(connection.clean_end());
    }
    connection.write(pattern(1'000'000));
    connection.finish();
    connection.await_end();
  });
  const Stream stream = control_to(server->port());
  EXPECT_EQ(stream->announce_end(HalfClose::close_notify), is_1_3());
  EXPECT_EQ(stream->announce_end(HalfClose::close_notify), is_1_3());
  EXPECT_EQ(read_some(*stream, 1'000'001), pattern(1'000'000) + "[end]");
  EXPECT_EQ(stream->end(), EndOfStream::authenticated);
}

TEST_P(TlsStreamTest, AFinAheadOfTheDataLeavesTheOtherDirectionOpen) {
  const auto server = serve([](ServerConnection& connection) {
    connection.await_fin();
    connection.write(pattern(1'000'000));
    connection.finish();
  });
  const Stream stream = control_to(server->port());
  EXPECT_TRUE(stream->announce_end(HalfClose::fin));
  EXPECT_TRUE(stream->announce_end(HalfClose::fin));
  EXPECT_TRUE(read_some(*stream, 1'000'001) == pattern(1'000'000) + "[end]");
  EXPECT_EQ(stream->end(), EndOfStream::authenticated);
}

TEST_P(TlsStreamTest, UnfinishedUploadIsNeverEndedCleanly) {
  std::atomic<bool> clean{true};
  std::atomic<int> connections{0};
  std::latch seen(1);
  const auto server = serve([&](ServerConnection& connection) {
    if (++connections == 1) {
      connection.write("x");
      return connection.await_end();
    }
    std::array<char, 20'000> part{};
    while (connection.read(part.data(), part.size()) > 0) {
    }
    clean = connection.clean_end();
    seen.count_down();
  });
  const Stream control = control_to(server->port());
  EXPECT_EQ(read_some(*control, 1), "x");
  {
    const Stream data = shaken(TlsStream::open_data(dial(server->port()), *control));
    ASSERT_TRUE(data->write_all(bytes_of("half a file"), patient()));
  }
  seen.wait();
  EXPECT_FALSE(clean);
}

TEST_P(TlsStreamTest, ControlConnectionSaysGoodbye) {
  std::atomic<bool> clean{false};
  std::latch seen(1);
  const auto server = serve([&](ServerConnection& connection) {
    std::array<char, 8> part{};
    connection.read(part.data(), part.size());
    clean = connection.clean_end();
    seen.count_down();
  });
  control_to(server->port()).reset();
  seen.wait();
  EXPECT_TRUE(clean);
}

TEST_P(TlsStreamTest, TicketsAreNotInputButBytesAndEndsAre) {
  std::latch go(1);
  const auto server = serve([&](ServerConnection& connection) {
    std::array<char, 1> part{};
    connection.read(part.data(), 1);
    connection.write("421 idle");
    go.wait();
    connection.finish();
    connection.await_end();
  });
  const Stream stream = control_to(server->port());
  if (is_1_3()) {
    ASSERT_TRUE(stream->wait_for_progress(false, patient()));  // the tickets are here
  }
  EXPECT_FALSE(stream->has_pending_input());
  ASSERT_TRUE(stream->write_all(bytes_of("x"), patient()));
  while (!stream->has_pending_input()) {
    ASSERT_TRUE(stream->wait_for_progress(false, patient()));
  }
  EXPECT_EQ(read_some(*stream, 8), "421 idle");
  EXPECT_FALSE(stream->has_pending_input());
  go.count_down();
  ASSERT_TRUE(stream->wait_for_progress(false, patient()));
  EXPECT_TRUE(stream->has_pending_input());
}

TEST_P(TlsStreamTest, StopWakesABlockedReadAtOnceAndLosesNothing) {
  std::stop_source source;
  std::latch go(1);
  const auto server = serve([&](ServerConnection& connection) {
    std::array<char, 1> part{};
    connection.read(part.data(), 1);
    source.request_stop();
    go.wait();
    connection.write("late");
    connection.await_end();
  });
  const Stream stream = control_to(server->port());
  ASSERT_TRUE(stream->write_all(bytes_of("x"), patient()));
  std::array<std::byte, 8> buffer{};
  auto got = stream->read(buffer, Wait::for_at_most(10s, source.get_token()));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::cancelled);
  go.count_down();
  EXPECT_EQ(read_some(*stream, 4), "late");
}

TEST_P(TlsStreamTest, PeerThatDoesNotReadEndsAWriteAtTheDeadline) {
  std::latch go(1);
  const auto server = serve([&](ServerConnection&) { go.wait(); });
  const Stream stream = control_to(server->port());
  auto written = stream->write_all(bytes_of(std::string(std::size_t{64} << 20U, 'x')),
                                   Wait::for_at_most(100ms));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::timed_out);
  stream->reset();
  go.count_down();
}

// ------------------------------------------------------------------------------- sessions

/// The first connection is a control connection that says one byte; the others tell whether they
/// resumed it, and wait.
class Resumptions {
 public:
  void operator()(ServerConnection& connection) {
    const std::string told = connection.resumed_number() == 1 ? "R" : "F";
    connection.write(told);
    connection.await_end();
  }
};

TEST_P(TlsStreamTest, DataConnectionsResumeTheControlSession) {
  const auto server = serve(Resumptions());
  const Stream control = control_to(server->port());
  EXPECT_EQ(read_some(*control, 1), "F");
  for (int i = 0; i < 3; ++i) {
    const Stream data = shaken(TlsStream::open_data(dial(server->port()), *control));
    EXPECT_TRUE(data->session_resumed());
    EXPECT_EQ(read_some(*data, 1), "R");
    EXPECT_EQ(data->peer_info().fingerprint, control->peer_info().fingerprint);
  }
}

TEST_P(TlsStreamTest, ResetDataConnectionSpoilsNoSession) {
  const auto server = serve(Resumptions());
  const Stream control = control_to(server->port());
  EXPECT_EQ(read_some(*control, 1), "F");
  for (int i = 0; i < 3; ++i) {
    const Stream data = shaken(TlsStream::open_data(dial(server->port()), *control));
    EXPECT_EQ(read_some(*data, 1), "R");
    data->reset();
  }
  const Stream data = shaken(TlsStream::open_data(dial(server->port()), *control));
  EXPECT_TRUE(data->session_resumed());
}

TEST_P(TlsStreamTest, DataConnectionAbandonedInItsHandshakeSpoilsNoSession) {
  const auto server = serve(Resumptions());
  const Stream control = control_to(server->port());
  EXPECT_EQ(read_some(*control, 1), "F");
  {
    test::LoopbackServer deaf([](ServerConnection& connection) { connection.await_end(); });
    auto stalled = TlsStream::open_data(dial(deaf.port()), *control);
    ASSERT_TRUE(stalled);
    EXPECT_FALSE((*stalled)->handshake(Wait::for_at_most(20ms)));
  }
  const Stream data = shaken(TlsStream::open_data(dial(server->port()), *control));
  EXPECT_TRUE(data->session_resumed());
}

TEST_P(TlsStreamTest, LaterControlConnectionMayResumeAnEarlierOne) {
  const auto server = serve(Resumptions());
  const Context context = trusting_context();
  TlsResumption slot;
  EXPECT_FALSE(slot);
  {
    const Stream first = control_to(server->port(), context);
    EXPECT_EQ(read_some(*first, 1), "F");
    slot = first->resumption();
    EXPECT_TRUE(slot);
    EXPECT_TRUE(first->session_expiry().has_value());
    first->reset();
  }
  for (int i = 0; i < 2; ++i) {
    const Stream later =
        shaken(TlsStream::open_control(dial(server->port()), context, "127.0.0.1", slot));
    EXPECT_TRUE(later->session_resumed());
    later->reset();
  }
}

TEST_P(TlsStreamTest, SessionIsNotOfferedUnderOtherSettingsOrToOthers) {
  const auto server = serve(Resumptions());
  const Context context = trusting_context();
  const Stream first = control_to(server->port(), context);
  EXPECT_EQ(read_some(*first, 1), "F");
  const TlsResumption slot = first->resumption();
  const Stream reloaded =
      shaken(TlsStream::open_control(dial(server->port()), trusting_context(), "127.0.0.1", slot));
  EXPECT_FALSE(reloaded->session_resumed());
  const Stream other_name =
      shaken(TlsStream::open_control(dial(server->port()), context, "localhost", slot));
  EXPECT_FALSE(other_name->session_resumed());
}

}  // namespace
}  // namespace ftpsfs::net
