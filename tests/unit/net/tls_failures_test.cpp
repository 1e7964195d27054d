// SPDX-License-Identifier: MIT
//
// TLS that must not work, and the words in which it says so: certificates wrong in one way each,
// peers that speak something else, stalls and stops.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <latch>
#include <memory>
#include <string>

#include "ftpsfs/net/tls_stream.hpp"
#include "loopback_client.hpp"
#include "support/faulty_ftps_server_tls.hpp"
#include "support/scripted_peer.hpp"
#include "support/test_certificates.hpp"

namespace ftpsfs::net {
namespace {

using namespace std::chrono_literals;
using test::LoopbackServer;
using test::ScriptedPeer;
using test::ServerCertificate;
using test::ServerConnection;
using test::ServerTls;
using test::TestCertificates;
using ::testing::HasSubstr;
using Versions = test::ServerTls::Versions;

TlsSettings trusting() {
  TlsSettings settings;
  settings.ca_files = {TestCertificates::instance().ca_file()};
  return settings;
}

TlsSettings with_verify(TlsVerify verify) {
  TlsSettings settings = trusting();
  settings.verify = verify;
  return settings;
}

/// One handshake of a control connection over `socket`.
Result<std::unique_ptr<TlsStream>> shake(Socket socket, const TlsSettings& settings,
                                         const std::string& host = "localhost",
                                         const Wait& wait = patient()) {
  FTPSFS_TRY_ASSIGN(auto context, TlsContext::create(settings));
  FTPSFS_TRY_ASSIGN(auto stream, TlsStream::open_control(std::move(socket), context, host));
  FTPSFS_TRY(stream->handshake(wait));
  return stream;
}

/// A TLS server with one certificate; its connections say one byte and wait.
class CertificateServer {
 public:
  explicit CertificateServer(ServerCertificate certificate, Versions versions = Versions::both)
      : tls_(certificate, versions), server_([this](ServerConnection& connection) {
          if (connection.start_tls(tls_, 1)) {
            connection.write("x");
            connection.await_end();
          }
        }) {}
  std::uint16_t port() const { return server_.port(); }

  Result<std::unique_ptr<TlsStream>> shake(const TlsSettings& settings,
                                           const std::string& host = "localhost") const {
    return net::shake(dial(port()), settings, host);
  }

 private:
  ServerTls tls_;
  LoopbackServer server_;
};

/// The text of the refusal; the code must be `untrusted`.
std::string refusal(ServerCertificate certificate, const TlsSettings& settings = trusting(),
                    const std::string& host = "localhost") {
  const CertificateServer server(certificate);
  auto stream = server.shake(settings, host);
  if (stream) {
    return "(accepted)";
  }
  EXPECT_EQ(stream.error().code, Errc::untrusted) << stream.error().text;
  return stream.error().text;
}

TEST(TlsVerifyTest, ExpiredCertificateNamesItsDate) {
  EXPECT_THAT(refusal(ServerCertificate::expired),
              AllOf(HasSubstr("expired on 2020-01-02 03:04:05 UTC"), HasSubstr("clock")));
}

TEST(TlsVerifyTest, CertificateOfTheFutureHintsAtTheClock) {
  EXPECT_THAT(refusal(ServerCertificate::not_yet),
              AllOf(HasSubstr("valid only from 2090-01-01"), HasSubstr("clock")));
}

TEST(TlsVerifyTest, SelfSignedCertificateNamesTheCure) {
  EXPECT_THAT(refusal(ServerCertificate::self_signed),
              AllOf(HasSubstr("self-signed"), HasSubstr("test server, self-signed"),
                    HasSubstr("cacert=FILE")));
}

/// The pin of a certificate, as the refusal of another pin tells it.
std::string pin_of(ServerCertificate certificate) {
  TlsSettings settings = with_verify(TlsVerify::none);
  settings.pins = {"sha256:none"};
  const std::string text = refusal(certificate, settings);
  const std::size_t begin = text.find("sha256:");
  return text.substr(begin, text.find(',', begin) - begin);
}

TEST(TlsPinTest, TellsTheKeyThatIsNotPinned) {
  EXPECT_EQ(pin_of(ServerCertificate::good).size(), 51U);
  TlsSettings settings = trusting();
  settings.pins = {pin_of(ServerCertificate::other_good)};
  EXPECT_THAT(refusal(ServerCertificate::good, settings),
              AllOf(HasSubstr(pin_of(ServerCertificate::good)), HasSubstr("pin=")));
}

TEST(TlsPinTest, OneOfSeveralIsEnough) {
  TlsSettings settings = trusting();
  settings.pins = {pin_of(ServerCertificate::other_good), pin_of(ServerCertificate::good)};
  EXPECT_EQ(refusal(ServerCertificate::good, settings), "(accepted)");
  EXPECT_EQ(refusal(ServerCertificate::other_good, settings), "(accepted)");
}

TEST(TlsPinTest, DecidesAloneWhereNothingElseIsChecked) {
  TlsSettings settings = with_verify(TlsVerify::none);
  settings.pins = {pin_of(ServerCertificate::self_signed)};
  EXPECT_EQ(refusal(ServerCertificate::self_signed, settings), "(accepted)");
  EXPECT_THAT(refusal(ServerCertificate::good, settings), HasSubstr("pin="));
}

TEST(TlsPinTest, IsNoReplacementForTheChain) {
  TlsSettings settings = trusting();
  settings.pins = {pin_of(ServerCertificate::unknown_ca)};
  EXPECT_THAT(refusal(ServerCertificate::unknown_ca, settings), HasSubstr("unknown authority"));
}

TEST(TlsVerifyTest, UnknownAuthorityIsNamed) {
  EXPECT_THAT(
      refusal(ServerCertificate::unknown_ca),
      AllOf(HasSubstr("unknown authority, CN = Unknown Test CA"), HasSubstr("cacert=FILE")));
}

TEST(TlsVerifyTest, SystemAuthoritiesDoNotKnowTheTestOne) {
  EXPECT_THAT(refusal(ServerCertificate::good, TlsSettings{}),
              HasSubstr("unknown authority, CN = ftpsfs Test CA"));
}

TEST(TlsVerifyTest, WrongNameListsTheNamesThereAre) {
  EXPECT_THAT(refusal(ServerCertificate::wrong_name),
              AllOf(HasSubstr("is for elsewhere.example, *.example.org, 192.0.2.7, not for "
                              "localhost"),
                    HasSubstr("verify=ca")));
}

TEST(TlsVerifyTest, WrongAddressIsAWrongName) {
  EXPECT_THAT(refusal(ServerCertificate::wrong_name, trusting(), "127.0.0.1"),
              HasSubstr("not for 127.0.0.1"));
}

TEST(TlsVerifyTest, VerifyCaAcceptsAnyNameButNoOtherFault) {
  const TlsSettings settings = with_verify(TlsVerify::ca);
  EXPECT_EQ(refusal(ServerCertificate::wrong_name, settings), "(accepted)");
  EXPECT_THAT(refusal(ServerCertificate::expired, settings), HasSubstr("expired"));
  EXPECT_THAT(refusal(ServerCertificate::self_signed, settings), HasSubstr("self-signed"));
}

TEST(TlsVerifyTest, VerifyNoneAcceptsEverything) {
  for (const ServerCertificate which :
       {ServerCertificate::wrong_name, ServerCertificate::expired, ServerCertificate::self_signed,
        ServerCertificate::unknown_ca}) {
    EXPECT_EQ(refusal(which, with_verify(TlsVerify::none)), "(accepted)");
  }
}

TEST(TlsVerifyTest, ServersOwnCertificateAsCacertIsTrusted) {
  for (const ServerCertificate which :
       {ServerCertificate::self_signed, ServerCertificate::unknown_ca}) {
    TlsSettings settings;
    settings.ca_files = {TestCertificates::instance().certificate_file(which)};
    EXPECT_EQ(refusal(which, settings), "(accepted)");
  }
}

TEST(TlsVerifyTest, AuthorityFromDerAndFromADirectory) {
  TlsSettings der;
  der.ca_files = {TestCertificates::instance().ca_der_file()};
  EXPECT_EQ(refusal(ServerCertificate::good, der), "(accepted)");
  TlsSettings directory;
  directory.ca_directories = {TestCertificates::instance().ca_directory()};
  EXPECT_EQ(refusal(ServerCertificate::good, directory), "(accepted)");
}

TEST(TlsVerifyTest, ServerNameOptionIsCheckedInPlaceOfTheHost) {
  TlsSettings settings = trusting();
  settings.server_name = "elsewhere.example";
  EXPECT_EQ(refusal(ServerCertificate::wrong_name, settings), "(accepted)");
  settings.server_name = "sub.example.org";
  EXPECT_EQ(refusal(ServerCertificate::wrong_name, settings), "(accepted)");
}

TEST(TlsVerifyTest, DataConnectionMustShowTheControlCertificate) {
  const CertificateServer real(ServerCertificate::good);
  const CertificateServer other(ServerCertificate::other_good);
  for (const TlsVerify verify : {TlsVerify::full, TlsVerify::none}) {
    auto control = real.shake(with_verify(verify));
    ASSERT_TRUE(control) << control.error().text;
    auto data = TlsStream::open_data(dial(other.port()), **control);
    ASSERT_TRUE(data);
    auto done = (*data)->handshake(patient());
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Errc::untrusted);
    EXPECT_THAT(done.error().text, HasSubstr("another certificate than the control connection"));
  }
}

// --------------------------------------------------------------------------- other speakers

TEST(TlsPeerTest, ExplicitServerOnAnImplicitUrl) {
  for (const char* greeting : {"220 ready", "220-Welcome", "220---------- Welcome to Pure-FTPd"}) {
    ScriptedPeer peer;
    peer.reply(greeting).stall();
    auto stream = shake(peer.client(), trusting());
    ASSERT_FALSE(stream);
    EXPECT_EQ(stream.error().code, Errc::tls_failed);
    EXPECT_EQ(stream.error().text, "this port speaks explicit TLS: use ftpes://");
  }
}

TEST(TlsPeerTest, SomethingElseEntirely) {
  ScriptedPeer peer;
  peer.send("SSH-2.0-OpenSSH_9.2\r\n").stall();
  auto stream = shake(peer.client(), trusting());
  ASSERT_FALSE(stream);
  EXPECT_EQ(stream.error().code, Errc::tls_failed);
  EXPECT_EQ(stream.error().text, "the server does not speak TLS on this port");
}

TEST(TlsPeerTest, EndInTheHandshake) {
  ScriptedPeer peer;
  peer.shutdown_write().stall();
  auto stream = shake(peer.client(), trusting());
  ASSERT_FALSE(stream);
  EXPECT_EQ(stream.error().code, Errc::closed);
  EXPECT_THAT(stream.error().text, HasSubstr("during the TLS handshake"));
}

TEST(TlsPeerTest, ResetInTheHandshake) {
  ScriptedPeer peer;
  peer.reset();
  auto stream = shake(peer.client(), trusting());
  ASSERT_FALSE(stream);
  EXPECT_EQ(stream.error().code, Errc::closed);
  EXPECT_THAT(stream.error().text, HasSubstr("during the TLS handshake"));
}

TEST(TlsPeerTest, NoVersionInCommon) {
  const CertificateServer old(ServerCertificate::good, Versions::only_1_2);
  TlsSettings settings = trusting();
  settings.min_version = TlsVersion::tls1_3;
  auto stream = old.shake(settings);
  ASSERT_FALSE(stream);
  EXPECT_EQ(stream.error().code, Errc::tls_failed);
  EXPECT_THAT(stream.error().text, HasSubstr("no TLS version in common"));

  const CertificateServer modern(ServerCertificate::good, Versions::only_1_3);
  settings = trusting();
  settings.max_version = TlsVersion::tls1_2;
  stream = modern.shake(settings);
  ASSERT_FALSE(stream);
  EXPECT_THAT(stream.error().text, HasSubstr("no TLS version in common"));
}

TEST(TlsLegacyTest, OldVersionsAreSpokenOnlyWhenBothAreSaid) {
  TlsSettings settings = trusting();
  settings.min_version = TlsVersion::tls1_0;
  const auto refused = TlsContext::create(settings);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::invalid_argument);
  EXPECT_THAT(refused.error().text, HasSubstr("tls_legacy"));
  settings.legacy = true;
  for (const auto& [version, name] :
       {std::pair(Versions::only_1_0, "TLSv1"), std::pair(Versions::only_1_1, "TLSv1.1"),
        std::pair(Versions::only_1_2, "TLSv1.2"), std::pair(Versions::both, "TLSv1.3")}) {
    const CertificateServer server(ServerCertificate::good, version);
    auto stream = server.shake(settings);
    ASSERT_TRUE(stream) << name << ": " << stream.error().text;
    EXPECT_EQ((*stream)->peer_info().version, name) << "the best that both can";
  }
}

TEST(TlsLegacyTest, AnOldServerIsRefusedWithTheCure) {
  for (const bool legacy : {false, true}) {
    TlsSettings settings = trusting();
    settings.legacy = legacy;  // alone, it does not lower the version
    const CertificateServer old(ServerCertificate::good, Versions::only_1_0);
    auto stream = old.shake(settings);
    ASSERT_FALSE(stream);
    EXPECT_THAT(stream.error().text, AllOf(HasSubstr("no TLS version in common"),
                                           HasSubstr("tls_min="), HasSubstr("tls_legacy")));
  }
}

TEST(TlsPeerTest, GarbageInTheMiddleIsTlsFailed) {
  // A record header of the right kind with nonsense behind it.
  ScriptedPeer peer;
  peer.send(std::string("\x16\x03\x03\x00\x04\xff\xff\xff\xff", 9)).stall();
  auto stream = shake(peer.client(), trusting());
  ASSERT_FALSE(stream);
  EXPECT_EQ(stream.error().code, Errc::tls_failed);
  EXPECT_THAT(stream.error().text, HasSubstr("TLS handshake failed: "));
}

// ------------------------------------------------------------------------ our certificate

/// In TLS 1.3 the handshake has looked well. Who goes on to write finds a connection that has been
/// reset; why, the server has said before.
TEST(TlsPeerTest, ADemandedCertificateIsNamedToWhoOnlyWrites) {
  const test::ServerTls tls(ServerCertificate::good, Versions::only_1_3);
  test::LoopbackServer server([&tls](test::ServerConnection& connection) {
    EXPECT_FALSE(connection.start_tls(tls, 0, true));
  });
  auto stream = shake(dial(server.port()), trusting());
  ASSERT_TRUE(stream) << stream.error().text;
  const std::array<std::byte, 100> bytes{};
  Result<void> written;
  while (written) {
    written = (*stream)->write_all(bytes, patient());
  }
  EXPECT_EQ(written.error().code, Errc::login_refused);
  EXPECT_THAT(written.error().text, HasSubstr("none without a client certificate"));
}

TEST(TlsPeerTest, ADemandedCertificateIsNamed) {
  for (const Versions versions : {Versions::only_1_2, Versions::only_1_3}) {
    const test::ServerTls tls(ServerCertificate::good, versions);
    test::LoopbackServer server([&tls](test::ServerConnection& connection) {
      EXPECT_FALSE(connection.start_tls(tls, 0, true));
    });
    auto stream = shake(dial(server.port()), trusting());
    EXPECT_EQ(stream.has_value(), versions == Versions::only_1_3);
    std::array<std::byte, 100> into{};
    const Error told = stream ? (*stream)->read(into, patient()).error() : stream.error();
    EXPECT_EQ(told.code, Errc::login_refused);
    EXPECT_THAT(told.text, HasSubstr("none without a client certificate"));
  }
}

// ------------------------------------------------------------------------- stalls and stops

TEST(TlsHandshakeTest, DeadlineEndsAStall) {
  ScriptedPeer peer;
  peer.stall();
  auto stream = shake(peer.client(), trusting(), "localhost", Wait::for_at_most(30ms));
  ASSERT_FALSE(stream);
  EXPECT_EQ(stream.error().code, Errc::timed_out);
  EXPECT_EQ(stream.error().text, "timed out waiting for the TLS handshake");
}

TEST(TlsHandshakeTest, StopEndsAStall) {
  std::stop_source source;
  ScriptedPeer peer;
  // The ClientHello has come: the client waits, or is about to.
  peer.expect_bytes("\x16").run([&] { source.request_stop(); }).stall();
  auto stream =
      shake(peer.client(), trusting(), "localhost", Wait::for_at_most(10s, source.get_token()));
  ASSERT_FALSE(stream);
  EXPECT_EQ(stream.error().code, Errc::cancelled);
}

TEST(TlsHandshakeTest, WatchedStreamInterruptsAndTheHandshakeGoesOn) {
  // The data connection's server waits for `go` before its handshake; meanwhile the control
  // connection says 150, as vsftpd does.
  std::latch go(1);
  const ServerTls tls(ServerCertificate::good);
  LoopbackServer server([&](ServerConnection& connection) {
    go.wait();
    if (connection.start_tls(tls)) {
      connection.write("y");
      connection.await_end();
    }
  });
  const CertificateServer control_server(ServerCertificate::good);
  auto control = control_server.shake(trusting());
  ASSERT_TRUE(control);
  auto data = TlsStream::open_data(dial(server.port()), **control);
  ASSERT_TRUE(data);
  auto state = (*data)->handshake(patient(), control->get());
  ASSERT_TRUE(state) << state.error().text;
  ASSERT_EQ(*state, TlsStream::Handshake::interrupted);  // the control server's "x"
  std::array<std::byte, 8> buffer{};
  ASSERT_TRUE((*control)->read(buffer, patient()));
  go.count_down();
  state = (*data)->handshake(patient(), control->get());
  ASSERT_TRUE(state) << state.error().text;
  EXPECT_EQ(*state, TlsStream::Handshake::done);
}

TEST(TlsHandshakeTest, WatchedStreamThatEndsInterruptsToo) {
  ScriptedPeer silent;
  silent.stall();
  ScriptedPeer dying;
  dying.close();
  SocketStream watched(dying.client());
  auto context = TlsContext::create(trusting());
  ASSERT_TRUE(context);
  auto stream = TlsStream::open_control(silent.client(), *context, "localhost");
  ASSERT_TRUE(stream);
  auto state = (*stream)->handshake(patient(), &watched);
  ASSERT_TRUE(state);
  EXPECT_EQ(*state, TlsStream::Handshake::interrupted);
}

TEST(TlsHandshakeTest, ConnectStillUnderWayIsFinishedFirst) {
  const CertificateServer server(ServerCertificate::good);
  auto control = server.shake(trusting());
  ASSERT_TRUE(control);
  auto socket = begin_connect((*control)->peer_address());
  ASSERT_TRUE(socket);
  auto data = TlsStream::open_data(*std::move(socket), **control);
  ASSERT_TRUE(data);
  auto state = (*data)->handshake(patient());
  EXPECT_TRUE(state) << state.error().text;
}

TEST(TlsHandshakeTest, ConnectThatNobodyAnswersEndsAtTheDeadline) {
  // A full accept queue: the kernel answers no SYN.
  std::uint16_t port = 0;
  const UniqueFd listener = test::listen_on_loopback(port);
  ::listen(listener.get(), 0);
  const CertificateServer server(ServerCertificate::good);
  auto control = server.shake(trusting());
  ASSERT_TRUE(control);
  const SocketAddress deaf = (*control)->peer_address().with_port(port);
  std::array<Result<Socket>, 4> fillers{begin_connect(deaf), begin_connect(deaf),
                                        begin_connect(deaf), begin_connect(deaf)};
  auto socket = begin_connect(deaf);
  ASSERT_TRUE(socket);
  auto data = TlsStream::open_data(*std::move(socket), **control);
  ASSERT_TRUE(data);
  auto state = (*data)->handshake(Wait::for_at_most(30ms));
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, Errc::timed_out);
  EXPECT_EQ(state.error().text, "timed out connecting to 127.0.0.1:" + std::to_string(port));
}

TEST(TlsHandshakeTest, RefusedConnectIsToldAsSuch) {
  std::uint16_t port = 0;
  static_cast<void>(test::listen_on_loopback(port));
  const CertificateServer server(ServerCertificate::good);
  auto control = server.shake(trusting());
  ASSERT_TRUE(control);
  auto socket = begin_connect((*control)->peer_address().with_port(port));
  ASSERT_TRUE(socket);
  auto data = TlsStream::open_data(*std::move(socket), **control);
  ASSERT_TRUE(data);
  auto state = (*data)->handshake(patient());
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().text, "connection refused by 127.0.0.1:" + std::to_string(port));
}

TEST(TlsHandshakeTest, SpareDataConnectionHasNoInputBeforeItsHandshake) {
  const CertificateServer server(ServerCertificate::good);
  auto control = server.shake(trusting());
  ASSERT_TRUE(control);
  ScriptedPeer peer;
  peer.expect_end();
  auto spare = TlsStream::open_data(peer.client(), **control);
  ASSERT_TRUE(spare);
  EXPECT_FALSE((*spare)->has_pending_input());
}

}  // namespace
}  // namespace ftpsfs::net
