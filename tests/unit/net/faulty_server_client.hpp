// SPDX-License-Identifier: MIT
//
// A hand-written client of FaultyFtpsServer, and the two of them together.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "ftpsfs/net/tls_stream.hpp"
#include "loopback_client.hpp"
#include "support/faulty_ftps_server.hpp"
#include "support/test_certificates.hpp"

namespace ftpsfs::test {

/// Reads lines, and "[code]" for an error, "[end]" for the end.
class FaultyServerClient {
 public:
  explicit FaultyServerClient(const FaultyFtpsServer& server, bool implicit = false) {
    net::TlsSettings settings;
    settings.ca_files = {TestCertificates::instance().ca_file()};
    context_ = *net::TlsContext::create(settings);
    auto socket = net::connect_tcp("127.0.0.1", server.port(), net::patient());
    if (!socket) {
      banner = "[" + std::string(to_string(socket.error().code)) + "]";
      return;
    }
    if (implicit) {
      start_tls(*std::move(socket));
      banner = reply();
      return;
    }
    stream_ = std::make_unique<net::SocketStream>(*std::move(socket));
    banner = reply();
  }

  bool auth_tls() {
    if (!command("AUTH TLS").starts_with("234")) {
      return false;
    }
    start_tls(std::move(static_cast<net::SocketStream&>(*stream_)).release());
    return control() != nullptr;
  }

  bool login(const std::string& protection = "P") {
    return (control() != nullptr || auth_tls()) && command("USER user").starts_with("331") &&
           command("PASS secret").starts_with("230") && command("PBSZ 0").starts_with("200") &&
           command("PROT " + protection).starts_with("200");
  }

  void send(const std::string& line) {
    const std::string out = line + "\r\n";
    static_cast<void>(stream_->write_all(std::as_bytes(std::span(out)), net::patient()));
  }

  /// A whole reply, its lines joined by LF.
  std::string reply() {
    std::string all;
    while (true) {
      const std::string line = read_line();
      all += all.empty() ? line : "\n" + line;
      if (line.starts_with("[") || (line.size() > 3 && line[3] == ' ' && line[0] != ' ')) {
        return all;
      }
    }
  }

  std::string command(const std::string& line) {
    send(line);
    return reply();
  }

  /// EPSV, and a data connection with TLS laid over (not begun) where `encrypted`.
  std::unique_ptr<net::ByteStream> open_data(bool encrypted = true) {
    const std::string answer = command("EPSV");
    const auto at = answer.find("|||");
    if (at == std::string::npos) {
      return nullptr;
    }
    const auto port = static_cast<std::uint16_t>(std::stoul(answer.substr(at + 3)));
    auto socket = net::connect_to(stream_->peer_address().with_port(port), net::patient());
    if (!socket) {
      return nullptr;
    }
    if (!encrypted) {
      return std::make_unique<net::SocketStream>(*std::move(socket));
    }
    return *net::TlsStream::open_data(*std::move(socket), *control());
  }

  static bool shake(net::ByteStream& data) {
    auto* const tls = dynamic_cast<net::TlsStream*>(&data);
    return tls == nullptr || static_cast<bool>(tls->handshake(net::patient()));
  }

  static std::string read_all(net::ByteStream& data) {
    std::string all;
    std::array<std::byte, 4096> part{};
    while (true) {
      auto got = data.read(part, net::patient());
      if (!got) {
        return all + "[" + to_string(got.error().code) + "]";
      }
      if (*got == 0) {
        return all;
      }
      all.append(reinterpret_cast<const char*>(part.data()), *got);
    }
  }

  /// The content, and behind it the final reply.
  std::string download(const std::string& line, bool encrypted = true) {
    auto data = open_data(encrypted);
    const std::string preliminary = command(line);
    if (!preliminary.starts_with("150")) {
      return preliminary;
    }
    std::string content = shake(*data) ? read_all(*data) : "[handshake]";
    data.reset();
    return content + "|" + reply();
  }

  std::string upload(const std::string& line, const std::string& content, bool encrypted = true) {
    auto data = open_data(encrypted);
    const std::string preliminary = command(line);
    if (!preliminary.starts_with("150") || !shake(*data)) {
      return preliminary;
    }
    static_cast<void>(data->write_all(std::as_bytes(std::span(content)), net::patient()));
    static_cast<void>(data->close_write(net::patient()));
    static_cast<void>(data->drain_to_end(net::patient()));
    data.reset();
    return reply();
  }

  net::TlsStream* control() { return dynamic_cast<net::TlsStream*>(stream_.get()); }
  std::string read_rest() { return read_all(*stream_); }

  std::string banner;

 private:
  void start_tls(net::Socket socket) {
    auto tls = net::TlsStream::open_control(std::move(socket), context_, "127.0.0.1");
    if (tls && (*tls)->handshake(net::patient())) {
      stream_ = *std::move(tls);
    }
  }

  std::string read_line() {
    while (true) {
      const auto end = buffered_.find("\r\n");
      if (end != std::string::npos) {
        std::string line = buffered_.substr(0, end);
        buffered_.erase(0, end + 2);
        return line;
      }
      std::array<std::byte, 512> part{};
      auto got = stream_->read(part, net::patient());
      if (!got || *got == 0) {
        return got ? "[end]" : "[" + std::string(to_string(got.error().code)) + "]";
      }
      buffered_.append(reinterpret_cast<const char*>(part.data()), *got);
    }
  }

  std::shared_ptr<const net::TlsContext> context_;
  std::unique_ptr<net::ByteStream> stream_;
  std::string buffered_;
};

/// A server with one file and one fault, and a client that has logged in.
struct FaultyServerScene {
  explicit FaultyServerScene(Fault fault) : server(), client(server) {
    server.tree().add_file("/f", "0123456789");
    ready = client.login();
    server.add_fault(std::move(fault));
  }
  FaultyFtpsServer server;
  FaultyServerClient client;
  bool ready = false;
};

}  // namespace ftpsfs::test
