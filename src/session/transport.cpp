// SPDX-License-Identifier: MIT
#include "ftpsfs/session/transport.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/net/round_trip.hpp"
#include "ftpsfs/net/socks.hpp"

namespace ftpsfs::session {
namespace {

/// How long a new connection may say nothing before a packet of it counts as lost: the way may have
/// become slower since it was measured, as transfers fill it.
Duration patience_with(const net::ByteStream& control) {
  constexpr Duration kLeast{200};
  constexpr int kRoundTrips = 3;
  const auto there_and_back = net::round_trip(control.native_handle());
  return there_and_back
             ? std::max(kLeast, std::chrono::ceil<Duration>(kRoundTrips * *there_and_back))
             : Duration(0);
}

}  // namespace

NetTransport::NetTransport(std::string host, std::uint16_t port,
                           std::shared_ptr<const net::TlsContext> context, CertificateWatch* watch,
                           net::Route route)
    : host_(std::move(host)),
      port_(port),
      context_(std::move(context)),
      watch_(watch),
      route_(std::move(route)) {}

Result<net::Socket> NetTransport::dial_control(const Wait& wait) {
  return dial(wait);
}

Result<net::Socket> NetTransport::dial(const Wait& wait) const {
  return route_.proxy ? dial_by_proxy(wait) : net::connect_tcp(host_, port_, wait, route_.family);
}

/// Where names are looked up here, the first address that the proxy reaches is the server's: data
/// connections go there, too.
Result<net::Socket> NetTransport::dial_by_proxy(const Wait& wait) const {
  const net::SocksProxy& proxy = *route_.proxy;
  if (proxy.resolves_names) {
    return net::connect_by_proxy(proxy, {host_, {}, port_}, route_.family, wait);
  }
  FTPSFS_TRY_ASSIGN(const auto addresses, net::resolve(host_, wait, route_.family));
  Error last = make_error(Errc::unreachable, "no address of " + host_);
  for (const net::SocketAddress& address : addresses) {
    auto socket =
        net::connect_by_proxy(proxy, {host_, address, port_}, net::AddressFamily::any, wait);
    if (socket) {
      socket->stand_for(address.with_port(port_));
      return socket;
    }
    last = std::move(socket).error();
    if (last.code != Errc::unreachable || wait.expired()) {
      break;
    }
  }
  return last;
}

Result<std::unique_ptr<net::ByteStream>> NetTransport::secure_control(net::Socket socket,
                                                                      const Wait& wait) {
  net::TlsResumption earlier;
  {
    const MutexLock lock(mutex_);
    earlier = latest_;
  }
  FTPSFS_TRY_ASSIGN(auto stream,
                    net::TlsStream::open_control(std::move(socket), context_, host_, earlier));
  FTPSFS_TRY(stream->handshake(wait));
  return std::unique_ptr<net::ByteStream>(std::move(stream));
}

void NetTransport::remember(const net::ByteStream& control) {
  if (const auto* stream = dynamic_cast<const net::TlsStream*>(&control)) {
    if (watch_ != nullptr) {
      watch_certificates(*stream);
    }
    net::TlsResumption latest = stream->resumption();
    const MutexLock lock(mutex_);
    latest_ = std::move(latest);
  }
}

void NetTransport::watch_certificates(const net::TlsStream& control) {
  using Whose = CertificateWatch::Whose;
  const auto tell = [this](Whose whose, const CertificateEnd& seen) {
    if (const auto line = watch_->note(whose, seen, std::chrono::system_clock::now())) {
      log::warning("{}", *line);
    }
  };
  const net::TlsPeerInfo peer = control.peer_info();
  tell(Whose::server, {peer.subject, peer.ends});
  if (const auto& identity = context_->settings().identity) {
    tell(Whose::client, {identity->subject(), identity->ends()});
  }
}

Result<net::Socket> NetTransport::begin_data(const net::ByteStream& control, std::uint16_t port) {
  if (route_.proxy) {
    return make_error(Errc::unreachable, "a proxy is not dialled without waiting");
  }
  FTPSFS_TRY_ASSIGN(auto socket, net::begin_connect(control.peer_address().with_port(port)));
  socket.dial_again_after(patience_with(control));
  return socket;
}

Result<net::Socket> NetTransport::dial_data(const net::ByteStream& control, std::uint16_t port,
                                            const Wait& wait) {
  if (!route_.proxy) {
    FTPSFS_TRY_ASSIGN(auto socket, begin_data(control, port));
    FTPSFS_TRY(socket.finish_connect(wait));
    return socket;
  }
  // What the proxy has looked up, only it knows.
  const bool by_name = route_.proxy->resolves_names;
  return net::connect_by_proxy(
      *route_.proxy, {host_, by_name ? net::SocketAddress() : control.peer_address(), port},
      by_name ? route_.family : net::AddressFamily::any, wait);
}

Result<net::Listener> NetTransport::listen(const net::ByteStream& control) {
  return net::Listener::open(route_.active.value_or(net::ListenPlace()), control.native_handle());
}

Result<std::unique_ptr<net::ByteStream>> NetTransport::prepare_data(net::Socket socket,
                                                                    net::ByteStream& control) {
  auto* tls_control = dynamic_cast<net::TlsStream*>(&control);
  if (tls_control == nullptr) {
    return make_broken(Errc::tls_failed, "no TLS on the control connection");
  }
  FTPSFS_TRY_ASSIGN(auto stream, net::TlsStream::open_data(std::move(socket), *tls_control));
  return std::unique_ptr<net::ByteStream>(std::move(stream));
}

Result<bool> NetTransport::handshake_data(net::ByteStream& data, net::ByteStream& control,
                                          const Wait& wait) {
  auto* stream = dynamic_cast<net::TlsStream*>(&data);
  if (stream == nullptr) {
    return make_broken(Errc::tls_failed, "no TLS on the data connection");
  }
  FTPSFS_TRY_ASSIGN(const auto outcome, stream->handshake(wait, &control));
  return outcome == net::TlsStream::Handshake::done;
}

bool NetTransport::is_resumed(const net::ByteStream& data) {
  const auto* stream = dynamic_cast<const net::TlsStream*>(&data);
  return stream != nullptr && stream->session_resumed();
}

bool NetTransport::answers_with_tls(const Wait& wait) {
  auto socket = dial(wait);
  if (!socket) {
    return false;
  }
  auto stream = net::TlsStream::open_control(*std::move(socket), context_, host_);
  if (!stream) {
    return false;
  }
  auto outcome = (*stream)->handshake(wait);
  // A certificate that is not trusted is TLS nevertheless.
  return outcome.has_value() || outcome.error().code == Errc::untrusted;
}

std::optional<SteadyTime> NetTransport::session_expiry(const net::ByteStream& control) {
  const auto* stream = dynamic_cast<const net::TlsStream*>(&control);
  return stream != nullptr ? stream->session_expiry() : std::nullopt;
}

std::string NetTransport::describe_tls(const net::ByteStream& control) {
  const auto* stream = dynamic_cast<const net::TlsStream*>(&control);
  return stream == nullptr ? std::string() : stream->describe();
}

}  // namespace ftpsfs::session
