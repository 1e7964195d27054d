// SPDX-License-Identifier: MIT
//
// See tls_stream.hpp; what stands behind it is in tls_state.hpp.
#include "ftpsfs/net/tls_stream.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include "tls_explain.hpp"
#include "tls_state.hpp"

namespace ftpsfs::net {
namespace {

constexpr std::size_t kRecordBytes = SSL3_RT_MAX_PLAIN_LENGTH;  // 16 KiB

/// A copy of the connection's newest session, or null when it cannot be resumed. TLS 1.3 replaces
/// the SSL's own session at each ticket, so that this is always the latest. A copy, because the end
/// of another SSL without a shutdown (a reset) marks the session object itself as spoilt.
std::shared_ptr<SSL_SESSION> copy_session(const SSL* ssl) {
  const SSL_SESSION* const own = SSL_get_session(ssl);
  if (own == nullptr || SSL_SESSION_is_resumable(own) != 1) {
    return nullptr;
  }
  return {SSL_SESSION_dup(own), SSL_SESSION_free};
}

}  // namespace

TlsStream::TlsStream(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<TlsStream>> TlsStream::open_control(
    Socket socket, std::shared_ptr<const TlsContext> context, const std::string& host,
    const TlsResumption& earlier) {
  FTPSFS_TRY_ASSIGN(std::unique_ptr<State> state,
                    State::create(std::move(socket), std::move(context), host));
  if (state->reuses_sessions() && earlier && earlier.context_ == state->context &&
      earlier.server_ == state->server) {
    // A copy: two control connections may hold the same slot's session.
    const std::shared_ptr<SSL_SESSION> copy(SSL_SESSION_dup(earlier.session_.get()),
                                            SSL_SESSION_free);
    SSL_set_session(state->ssl.get(), copy.get());
  }
  return std::unique_ptr<TlsStream>(new TlsStream(std::move(state)));
}

Result<std::unique_ptr<TlsStream>> TlsStream::open_data(Socket socket, const TlsStream& control) {
  const State& owner = *control.state_;
  FTPSFS_TRY_ASSIGN(std::unique_ptr<State> state,
                    State::create(std::move(socket), owner.context, owner.host));
  state->is_data = true;
  state->required.reset(SSL_get1_peer_certificate(owner.ssl.get()));
  if (const auto session = state->reuses_sessions() ? copy_session(owner.ssl.get()) : nullptr) {
    SSL_set_session(state->ssl.get(), session.get());
  }
  // Measured: 1 GiB by 128 KiB per recv(2) costs a third less CPU than by one record each.
  constexpr std::size_t kReadBuffer = std::size_t{128} * 1024;
  SSL_set_read_ahead(state->ssl.get(), 1);
  SSL_set_default_read_buffer_len(state->ssl.get(), kReadBuffer);
  return std::unique_ptr<TlsStream>(new TlsStream(std::move(state)));
}

TlsStream::~TlsStream() {
  State& state = *state_;
  if (!state.wire.socket || state.write_closed) {
    return;
  }
  if (state.is_data && state.end == EndOfStream::none) {
    state.wire.socket.reset();  // see ByteStream::reset()
  } else if (state.handshake_done && !state.failed) {
    ERR_clear_error();
    SSL_shutdown(state.ssl.get());  // a courtesy: not waited for
    ERR_clear_error();
  }
}

Result<TlsStream::Handshake> TlsStream::handshake(const Wait& wait, ByteStream* watch) {
  State& state = *state_;
  while (!state.handshake_done) {
    bool done = false;
    if (state.failed || state.advance_handshake(done) == State::Outcome::failed) {
      return *state.failed;
    }
    if (done) {
      break;
    }
    if (watch != nullptr && watch->has_pending_input()) {
      return Handshake::interrupted;
    }
    std::array<WakeFd::Item, 2> items{WakeFd::Item{state.wire.socket.fd(), state.wanted, 0},
                                      WakeFd::Item{}};
    if (watch != nullptr) {
      items[1] = WakeFd::Item{watch->native_handle(), POLLIN, 0};
    }
    const bool connecting = state.wire.socket.connecting();
    auto waited = state.wire.socket.wait_any(items, wait, "the TLS handshake");
    if (connecting && (items[0].revents != 0 || (!waited && wait.expired()))) {
      waited = state.wire.socket.finish_connect(wait);  // has the better words for a deadline too
    }
    FTPSFS_TRY(std::move(waited));
  }
  return Handshake::done;
}

Result<std::optional<std::size_t>> TlsStream::try_read(std::span<std::byte> into) {
  State& state = *state_;
  std::size_t total = 0;
  // SSL_read gives one record, 16 KiB at most: gather what has arrived, so that a chunk is filled
  // by one call and the end is not announced before the bytes in front of it are out.
  while (total < into.size() && state.end == EndOfStream::none && !state.failed) {
    ERR_clear_error();
    std::size_t got = 0;
    const auto rest = into.subspan(total);
    const int returned = SSL_read_ex(state.ssl.get(), rest.data(), rest.size(), &got);
    if (returned == 1) {
      total += got;
    } else if (state.classify(returned) == State::Outcome::wait) {
      return total == 0 ? std::optional<std::size_t>() : std::optional<std::size_t>(total);
    }
  }
  if (total == 0 && state.failed) {
    return *state.failed;
  }
  return std::optional<std::size_t>(total);
}

Result<std::size_t> TlsStream::read(std::span<std::byte> into, const Wait& wait) {
  while (true) {
    FTPSFS_TRY_ASSIGN(const std::optional<std::size_t> got, try_read(into));
    if (got) {
      return *got;
    }
    FTPSFS_TRY(state_->wait_wanted(wait, "the server"));
  }
}

Result<std::size_t> TlsStream::try_write(std::span<const std::byte> bytes) {
  State& state = *state_;
  if (bytes.empty()) {
    return std::size_t{0};
  }
  if (state.failed) {
    return *state.failed;
  }
  ERR_clear_error();
  std::size_t taken = 0;
  const int returned =
      SSL_write_ex(state.ssl.get(), bytes.data(), std::min(bytes.size(), kRecordBytes), &taken);
  if (returned == 1) {
    return taken;
  }
  if (state.wire.error) {
    state.hear_last_words();
    state.failed = state.explain();
    return *state.failed;
  }
  if (state.classify(returned) == State::Outcome::wait) {
    return std::size_t{0};
  }
  return state.failed ? *state.failed
                      : make_error(Errc::closed, "the server has closed the connection");
}

Result<void> TlsStream::write_all(std::span<const std::byte> bytes, const Wait& wait) {
  while (!bytes.empty()) {
    FTPSFS_TRY_ASSIGN(const std::size_t taken, try_write(bytes));
    bytes = bytes.subspan(taken);
    if (taken == 0) {
      FTPSFS_TRY(state_->wait_wanted(wait, "the server to take data"));
    }
  }
  return {};
}

Result<void> TlsStream::wait_for_progress(bool want_write, const Wait& wait) {
  State& state = *state_;
  WakeFd::Item item{state.wire.socket.fd(),
                    static_cast<short>(want_write ? POLLIN | POLLOUT : POLLIN), 0};
  return state.wire.socket.wait_any({&item, 1}, wait, "the server");
}

Result<void> TlsStream::close_write(const Wait& wait) {
  State& state = *state_;
  while (state.handshake_done && !state.write_closed) {
    if (state.failed) {
      return *state.failed;
    }
    ERR_clear_error();
    const int returned = SSL_shutdown(state.ssl.get());
    if (returned >= 0) {
      break;
    }
    if (state.classify(returned) != State::Outcome::wait) {
      return *state.failed;
    }
    FTPSFS_TRY(state.wait_wanted(wait, "the server to take data"));
  }
  state.write_closed = true;
  state.wire.socket.shutdown_write();
  return {};
}

bool TlsStream::announce_end(HalfClose how) noexcept {
  State& state = *state_;
  SSL* const ssl = state.ssl.get();
  if (!state.handshake_done || state.failed) {
    return false;
  }
  if (how == HalfClose::fin) {
    state.wire.socket.shutdown_write();
    return true;
  }
  // Called twice, SSL_shutdown() would read.
  const bool is_said = (SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN) != 0;
  if (!is_said && SSL_version(ssl) >= TLS1_3_VERSION) {
    ERR_clear_error();
    SSL_shutdown(ssl);  // what it could not send, close_write() or the end will
    ERR_clear_error();
  }
  return SSL_version(ssl) >= TLS1_3_VERSION;
}

Result<void> TlsStream::drain_to_end(const Wait& wait) {
  std::array<std::byte, kRecordBytes> discarded;  // NOLINT: never read
  while (true) {
    auto got = read(discarded, wait);
    if (!got) {
      const Errc code = got.error().code;
      if (code == Errc::timed_out || code == Errc::cancelled) {
        return std::move(got).error();
      }
      return {};  // cut, reset or garbled: nothing more will come
    }
    if (*got == 0) {
      return {};
    }
    // A peer that never stops talking would keep read() from ever looking at the limit.
    if (wait.expired() || wait.stop.stop_requested()) {
      return wait.give_up("the end of the data connection");
    }
  }
}

void TlsStream::reset() noexcept {
  state_->wire.socket.reset();
}

bool TlsStream::has_pending_input() {
  State& state = *state_;
  if (!state.handshake_done) {
    return state.failed || state.wire.socket.readable_now();
  }
  if (state.failed || state.end != EndOfStream::none) {
    return true;
  }
  ERR_clear_error();
  char next = 0;
  std::size_t got = 0;
  const int returned = SSL_peek_ex(state.ssl.get(), &next, 1, &got);
  return returned == 1 || state.classify(returned) != State::Outcome::wait;
}

EndOfStream TlsStream::end() const noexcept {
  return state_->end;
}

SocketAddress TlsStream::peer_address() const {
  return state_->wire.socket.peer_address();
}

int TlsStream::native_handle() const noexcept {
  return state_->wire.socket.fd();
}

bool TlsStream::session_resumed() const noexcept {
  return SSL_session_reused(state_->ssl.get()) == 1;
}

std::string TlsStream::describe() const {
  const SSL* const ssl = state_->ssl.get();
  return std::string(SSL_get_version(ssl)) + " " + SSL_get_cipher_name(ssl);
}

TlsPeerInfo TlsStream::peer_info() const {
  const SSL* const ssl = state_->ssl.get();
  TlsPeerInfo info;
  info.version = SSL_get_version(ssl);
  info.cipher = SSL_get_cipher_name(ssl);
  info.resumed = session_resumed();
  if (const X509* const certificate = SSL_get0_peer_certificate(ssl)) {
    info.subject = one_line(X509_get_subject_name(certificate));
    info.issuer = one_line(X509_get_issuer_name(certificate));
    info.not_after = to_text(X509_get0_notAfter(certificate));
    info.ends = to_time(X509_get0_notAfter(certificate));
    info.fingerprint = fingerprint(certificate);
    info.public_key = public_key_pin(certificate);
  }
  if (SSL_get_verify_result(ssl) == X509_V_OK) {
    const STACK_OF(X509)* const chain = SSL_get0_verified_chain(ssl);
    for (int i = 0; i < (chain == nullptr ? 0 : sk_X509_num(chain)); ++i) {
      info.chain.push_back(one_line(X509_get_subject_name(sk_X509_value(chain, i))));
    }
  }
  const unsigned char* protocol = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(ssl, &protocol, &length);
  info.alpn.assign(protocol, protocol + length);
  return info;
}

TlsResumption TlsStream::resumption() const {
  TlsResumption result;
  if (state_->handshake_done) {
    result.session_ = copy_session(state_->ssl.get());
    result.context_ = state_->context;
    result.server_ = state_->server;
  }
  return result;
}

std::optional<SteadyTime> TlsStream::session_expiry() const {
  const SSL_SESSION* const session = SSL_get_session(state_->ssl.get());
  const unsigned long lifetime =
      session == nullptr ? 0 : SSL_SESSION_get_ticket_lifetime_hint(session);
  if (lifetime == 0) {
    return std::nullopt;
  }
  const auto age = std::chrono::seconds(std::time(nullptr) - SSL_SESSION_get_time(session));
  return SteadyClock::now() + std::chrono::seconds(lifetime) - age;
}

}  // namespace ftpsfs::net
