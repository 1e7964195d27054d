// SPDX-License-Identifier: MIT
//
// A Transport without TLS and without dialling: control and data connections are scripted peers, in
// the order in which they were given. "Securing" a connection does nothing but count.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ftpsfs/session/transport.hpp"
#include "support/scripted_peer.hpp"

namespace ftpsfs::session {

class ScriptedTransport final : public Transport {
 public:
  explicit ScriptedTransport(test::ScriptedPeer& control) : control_(control) {}

  /// The next data connection. Absent peers refuse.
  void add_data(test::ScriptedPeer* peer) { data_.push_back(peer); }

  bool speaks_tls = false;  ///< for answers_with_tls()
  std::function<void()> on_look;
  int secured = 0;           ///< control connections
  std::vector<int> dialled;  ///< data ports
  std::vector<Error> handshake_errors;

  Result<net::Socket> dial_control(const Wait& /*wait*/) override { return control_.client(); }

  Result<std::unique_ptr<net::ByteStream>> secure_control(net::Socket socket,
                                                          const Wait& /*wait*/) override {
    ++secured;
    return std::unique_ptr<net::ByteStream>(std::make_unique<net::SocketStream>(std::move(socket)));
  }

  Result<net::Socket> dial_data(const net::ByteStream& /*control*/, std::uint16_t port,
                                const Wait& /*wait*/) override {
    dialled.push_back(port);
    if (data_.empty() || data_.front() == nullptr) {
      if (!data_.empty()) {
        data_.pop_front();
      }
      return make_error(Errc::unreachable, "connection refused");
    }
    test::ScriptedPeer* const peer = data_.front();
    data_.pop_front();
    return peer->client();
  }

  Result<std::unique_ptr<net::ByteStream>> prepare_data(net::Socket socket,
                                                        net::ByteStream& /*control*/) override {
    return std::unique_ptr<net::ByteStream>(std::make_unique<net::SocketStream>(std::move(socket)));
  }

  Result<bool> handshake_data(net::ByteStream& /*data*/, net::ByteStream& /*control*/,
                              const Wait& /*wait*/) override {
    if (!handshake_errors.empty()) {
      Error error = handshake_errors.back();
      handshake_errors.pop_back();
      return error;
    }
    return true;
  }

  bool answers_with_tls(const Wait& /*wait*/) override {
    if (on_look) {
      on_look();
    }
    return speaks_tls;
  }
  std::string describe_tls(const net::ByteStream& /*control*/) override { return "no TLS"; }

 private:
  test::ScriptedPeer& control_;
  std::deque<test::ScriptedPeer*> data_;
};

}  // namespace ftpsfs::session
