// SPDX-License-Identifier: MIT
//
// A data connection of ours beside SSL_read alone: the same server on loopback sends to both as
// fast as it can.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <openssl/ssl.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "ftpsfs/net/tls_stream.hpp"
#include "support/faulty_ftps_server_tls.hpp"
#include "support/test_certificates.hpp"

namespace {

using namespace ftpsfs;

constexpr std::size_t kRound = 64ULL << 20;    // bytes for each round
constexpr std::size_t kBuffer = 256ULL << 10;  // what the window reads into
constexpr int kReadAhead = 128 << 10;          // as data connections have it

Wait patience() {
  return Wait::for_at_most(std::chrono::seconds(20));
}

/// The first connection is a control connection and says nothing; the others send without end.
class Sender {
 public:
  std::uint16_t port() const { return server_.port(); }

 private:
  void serve(test::ServerConnection& connection) {
    const int number = ++connections_;
    if (!connection.start_tls(tls_, 1)) {
      return;
    }
    if (number == 1) {
      connection.await_end();
      return;
    }
    while (connection.write(data_)) {
    }
  }

  test::ServerTls tls_{test::ServerCertificate::good, test::ServerTls::Versions::only_1_3};
  const std::string data_ = std::string(1U << 20U, 'x');
  std::atomic<int> connections_{0};
  test::LoopbackServer server_{[this](test::ServerConnection& connection) { serve(connection); }};
};

/// Rounds of so many bytes. @param read gives the number of bytes that it has read, 0: none.
template <typename Read>
void read_rounds(benchmark::State& state, Read read) {
  for (auto _ : state) {
    for (std::size_t sum = 0; sum < kRound;) {
      const std::size_t got = read();
      if (got == 0) {
        state.SkipWithError("a read failed");
        return;
      }
      sum += got;
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kRound));
}

Result<std::unique_ptr<net::TlsStream>> shaken(Result<std::unique_ptr<net::TlsStream>> opened) {
  FTPSFS_TRY_ASSIGN(auto stream, std::move(opened));
  FTPSFS_TRY(stream->handshake(patience()));
  return stream;
}

Result<std::unique_ptr<net::TlsStream>> open_control(std::uint16_t port) {
  net::TlsSettings settings;
  settings.ca_files = {test::TestCertificates::instance().ca_file()};
  FTPSFS_TRY_ASSIGN(const auto context, net::TlsContext::create(settings));
  FTPSFS_TRY_ASSIGN(auto socket, net::connect_tcp("127.0.0.1", port, patience()));
  return shaken(net::TlsStream::open_control(std::move(socket), context, "127.0.0.1"));
}

Result<std::unique_ptr<net::TlsStream>> open_data(std::uint16_t port,
                                                  const net::TlsStream& control) {
  FTPSFS_TRY_ASSIGN(auto socket, net::connect_tcp("127.0.0.1", port, patience()));
  return shaken(net::TlsStream::open_data(std::move(socket), control));
}

void TlsStreamRead(benchmark::State& state) {
  Sender sender;
  const auto control = open_control(sender.port());
  if (!control) {
    state.SkipWithError(control.error().text.c_str());
    return;
  }
  const auto data = open_data(sender.port(), **control);
  if (!data) {
    state.SkipWithError(data.error().text.c_str());
    return;
  }
  std::vector<std::byte> into(kBuffer);
  read_rounds(state, [&]() -> std::size_t {
    const auto got = (*data)->read(into, patience());
    return got ? *got : 0;
  });
  (*data)->reset();
}

using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
using Ssl = std::unique_ptr<SSL, decltype(&SSL_free)>;

void RawSslRead(benchmark::State& state) {
  Sender sender;
  const auto control = open_control(sender.port());  // the sender's first connection says nothing
  auto socket = net::connect_tcp("127.0.0.1", sender.port(), patience());
  if (!control || !socket) {
    state.SkipWithError("no connection");
    return;
  }
  const int flags = ::fcntl(socket->fd(), F_GETFL);
  ::fcntl(socket->fd(), F_SETFL, flags & ~O_NONBLOCK);
  const Context context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  SSL_CTX_set_read_ahead(context.get(), 1);
  SSL_CTX_set_default_read_buffer_len(context.get(), kReadAhead);
  const Ssl ssl(SSL_new(context.get()), SSL_free);
  if (SSL_set_fd(ssl.get(), socket->fd()) != 1 || SSL_connect(ssl.get()) != 1) {
    state.SkipWithError("no handshake");
    return;
  }
  std::vector<std::byte> into(kBuffer);
  read_rounds(state, [&]() -> std::size_t {
    const int got = SSL_read(ssl.get(), into.data(), static_cast<int>(into.size()));
    return got > 0 ? static_cast<std::size_t>(got) : 0;
  });
  socket->reset();
}

BENCHMARK(TlsStreamRead)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(RawSslRead)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
