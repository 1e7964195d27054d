// SPDX-License-Identifier: MIT
//
// A transport that notes how long dialling and TLS took, and what came of them. Of several tries
// (a login that is made again step by step) the last one counts. For one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "ftpsfs/session/transport.hpp"

namespace ftpsfs::app {

class TimedTransport final : public session::Transport {
 public:
  explicit TimedTransport(session::Transport& below) : below_(below) {}

  struct Part {
    SteadyClock::duration took{};
    std::optional<Error> failure;
  };
  const std::optional<Part>& dialling() const { return dialling_; }
  const std::optional<Part>& securing() const { return securing_; }
  const std::string& peer() const { return peer_; }
  const net::TlsPeerInfo& tls() const { return tls_; }

  Result<net::Socket> dial_control(const Wait& wait) override {
    securing_.reset();
    auto socket = timed(dialling_, [&] { return below_.dial_control(wait); });
    if (socket) {
      peer_ = socket->peer_address().to_string();
    }
    return socket;
  }
  Result<std::unique_ptr<net::ByteStream>> secure_control(net::Socket socket,
                                                          const Wait& wait) override {
    auto stream = timed(securing_, [&] { return below_.secure_control(std::move(socket), wait); });
    if (stream) {
      if (const auto* tls = dynamic_cast<const net::TlsStream*>(stream->get())) {
        tls_ = tls->peer_info();
      }
    }
    return stream;
  }
  void remember(const net::ByteStream& control) override { below_.remember(control); }
  Result<net::Socket> dial_data(const net::ByteStream& control, std::uint16_t port,
                                const Wait& wait) override {
    return below_.dial_data(control, port, wait);
  }
  Result<net::Socket> begin_data(const net::ByteStream& control, std::uint16_t port) override {
    return below_.begin_data(control, port);
  }
  Result<net::Listener> listen(const net::ByteStream& control) override {
    return below_.listen(control);
  }
  Result<std::unique_ptr<net::ByteStream>> prepare_data(net::Socket socket,
                                                        net::ByteStream& control) override {
    return below_.prepare_data(std::move(socket), control);
  }
  Result<bool> handshake_data(net::ByteStream& data, net::ByteStream& control,
                              const Wait& wait) override {
    return below_.handshake_data(data, control, wait);
  }
  bool is_resumed(const net::ByteStream& data) override { return below_.is_resumed(data); }
  bool answers_with_tls(const Wait& wait) override { return below_.answers_with_tls(wait); }
  std::optional<SteadyTime> session_expiry(const net::ByteStream& control) override {
    return below_.session_expiry(control);
  }
  std::string describe_tls(const net::ByteStream& control) override {
    return below_.describe_tls(control);
  }

 private:
  template <typename Work>
  static std::invoke_result_t<Work> timed(std::optional<Part>& part, Work work) {
    const SteadyTime begun = SteadyClock::now();
    auto result = work();
    part = Part{SteadyClock::now() - begun, {}};
    if (!result) {
      part->failure = result.error();
    }
    return result;
  }

  session::Transport& below_;
  std::optional<Part> dialling_;
  std::optional<Part> securing_;
  std::string peer_;
  net::TlsPeerInfo tls_;
};

}  // namespace ftpsfs::app
