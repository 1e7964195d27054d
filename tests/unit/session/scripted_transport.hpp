// SPDX-License-Identifier: MIT
//
// A Transport without TLS and without dialling: control and data connections are scripted peers, in
// the order in which they were given. "Securing" a connection does nothing but count, and note what
// each write on a control connection holds from then on.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ftpsfs/session/transport.hpp"
#include "recording_stream.hpp"
#include "support/scripted_peer.hpp"

namespace ftpsfs::session {

class ScriptedTransport final : public Transport {
 public:
  explicit ScriptedTransport(test::ScriptedPeer& control) { add_control(control); }

  /// The next control connection.
  void add_control(test::ScriptedPeer& peer) { control_.push_back(&peer); }
  /// The next data connection. Absent peers refuse.
  void add_data(test::ScriptedPeer* peer) { data_.push_back(peer); }

  bool speaks_tls = false;  ///< for answers_with_tls()
  std::function<void()> on_look;
  int secured = 0;                   ///< control connections
  std::vector<std::string> records;  ///< written to them since
  std::vector<int> dialled;          ///< data ports
  std::deque<Error> handshake_errors;
  std::optional<SteadyTime> expiry;     ///< of the TLS session
  std::function<void()> on_handshake;   ///< of a data connection
  std::deque<net::Listener> listeners;  ///< for active mode, in their order

  Result<net::Socket> dial_control(const Wait& /*wait*/) override {
    if (control_.empty()) {
      return make_error(Errc::unreachable, "no more control connections are scripted");
    }
    test::ScriptedPeer* const peer = control_.front();
    control_.pop_front();
    return peer->client();
  }

  Result<std::unique_ptr<net::ByteStream>> secure_control(net::Socket socket,
                                                          const Wait& /*wait*/) override {
    ++secured;
    return std::unique_ptr<net::ByteStream>(
        std::make_unique<RecordingStream>(std::move(socket), records));
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

  Result<net::Socket> begin_data(const net::ByteStream& control, std::uint16_t port) override {
    return dial_data(control, port, Wait::for_at_most(std::chrono::seconds(1)));
  }

  Result<net::Listener> listen(const net::ByteStream& /*control*/) override {
    if (listeners.empty()) {
      return make_error(Errc::io_error, "no more listeners are scripted");
    }
    net::Listener next = std::move(listeners.front());
    listeners.pop_front();
    return next;
  }

  bool is_resumed(const net::ByteStream& /*data*/) override { return true; }

  void remember(const net::ByteStream& /*control*/) override {}

  Result<std::unique_ptr<net::ByteStream>> prepare_data(net::Socket socket,
                                                        net::ByteStream& /*control*/) override {
    return std::unique_ptr<net::ByteStream>(std::make_unique<net::SocketStream>(std::move(socket)));
  }

  Result<bool> handshake_data(net::ByteStream& /*data*/, net::ByteStream& /*control*/,
                              const Wait& /*wait*/) override {
    if (on_handshake) {
      on_handshake();
    }
    if (!handshake_errors.empty()) {
      Error error = handshake_errors.front();
      handshake_errors.pop_front();
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
  std::optional<SteadyTime> session_expiry(const net::ByteStream& /*control*/) override {
    return expiry;
  }
  std::string describe_tls(const net::ByteStream& /*control*/) override { return "no TLS"; }

 private:
  std::deque<test::ScriptedPeer*> control_;
  std::deque<test::ScriptedPeer*> data_;
};

}  // namespace ftpsfs::session
