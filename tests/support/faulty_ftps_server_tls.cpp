// SPDX-License-Identifier: MIT
//
// See faulty_ftps_server_tls.hpp.
#include "support/faulty_ftps_server_tls.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <csignal>
#include <cstring>
#include <utility>

#include "support/require.hpp"

namespace ftpsfs::test {
namespace {

void set_linger_reset(int fd) {
  const linger at_once{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

/// Puts the connection's number into the ticket that it is about to get.
int seal_ticket(SSL* ssl, void* /*unused*/) {
  const auto number = reinterpret_cast<std::uintptr_t>(SSL_get_app_data(ssl));
  return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), &number, sizeof number);
}

/// Where an SSL keeps the number found in the ticket that it resumed.
int resumed_slot() {
  static const int slot = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return slot;
}

/// The number is taken out now: the session's next ticket overwrites it.
SSL_TICKET_RETURN open_ticket(SSL* ssl, SSL_SESSION* session, const unsigned char* /*name*/,
                              std::size_t /*size*/, SSL_TICKET_STATUS status, void* /*unused*/) {
  void* data = nullptr;
  std::size_t size = 0;
  std::uintptr_t number = 0;
  if (session != nullptr && SSL_SESSION_get0_ticket_appdata(session, &data, &size) == 1 &&
      size == sizeof number) {
    std::memcpy(&number, data, size);
    SSL_set_ex_data(ssl, resumed_slot(), reinterpret_cast<void*>(number));
  }
  switch (status) {
    case SSL_TICKET_SUCCESS:
      return SSL_TICKET_RETURN_USE;
    case SSL_TICKET_SUCCESS_RENEW:
      return SSL_TICKET_RETURN_USE_RENEW;
    default:
      return SSL_TICKET_RETURN_IGNORE_RENEW;
  }
}

/// The lowest and the highest version.
std::pair<int, int> range_of(ServerTls::Versions versions) {
  using Versions = ServerTls::Versions;
  switch (versions) {
    case Versions::only_1_0:
      return {TLS1_VERSION, TLS1_VERSION};
    case Versions::only_1_1:
      return {TLS1_1_VERSION, TLS1_1_VERSION};
    case Versions::only_1_2:
      return {TLS1_2_VERSION, TLS1_2_VERSION};
    case Versions::only_1_3:
      return {TLS1_3_VERSION, TLS1_3_VERSION};
    case Versions::both:
      break;
  }
  return {TLS1_2_VERSION, TLS1_3_VERSION};
}

ServerTlsFiles files_of(ServerCertificate certificate) {
  const TestCertificates& made = TestCertificates::instance();
  return {made.certificate_file(certificate), made.key_file(certificate), {}};
}

/// Clients without a certificate are welcome all the same.
void ask_for_certificates(SSL_CTX* context, const std::string& client_ca) {
  STACK_OF(X509_NAME)* const names = SSL_load_client_CA_file(client_ca.c_str());
  require(
      names != nullptr && SSL_CTX_load_verify_locations(context, client_ca.c_str(), nullptr) == 1,
      "the clients' CA");
  SSL_CTX_set_client_CA_list(context, names);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  constexpr unsigned char kContext[] = "doubles";  // without it nothing is resumed
  SSL_CTX_set_session_id_context(context, kContext, sizeof kContext);
}

int choose_alpn(SSL* /*ssl*/, const unsigned char** chosen, unsigned char* size,
                const unsigned char* offered, unsigned offered_size, void* /*unused*/) {
  // As FileZilla Server does: "ftp" alone, or the handshake fails.
  if (offered_size != 4 || std::memcmp(offered,
                                       "\x03"
                                       "ftp",
                                       4) != 0) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *chosen = offered + 1;
  *size = 3;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

// ------------------------------------------------------------------------------- ServerTls

ServerTls::ServerTls(ServerCertificate certificate, Versions versions)
    : ServerTls(files_of(certificate), versions) {}

ServerTls::ServerTls(const ServerTlsFiles& files, Versions versions)
    : context_(SSL_CTX_new(TLS_server_method())) {
  std::signal(SIGPIPE, SIG_IGN);
  require(SSL_CTX_use_certificate_chain_file(context_, files.certificate.c_str()) == 1 &&
              SSL_CTX_use_PrivateKey_file(context_, files.key.c_str(), SSL_FILETYPE_PEM) == 1,
          "certificate");
  if (!files.client_ca.empty()) {
    ask_for_certificates(context_, files.client_ca);
  }
  const auto [lowest, highest] = range_of(versions);
  if (highest < TLS1_2_VERSION) {
    SSL_CTX_set_security_level(context_, 0);
    SSL_CTX_set_cipher_list(context_, "ALL");
  }
  SSL_CTX_set_min_proto_version(context_, lowest);
  SSL_CTX_set_max_proto_version(context_, highest);
  SSL_CTX_set1_groups_list(context_, "P-256");  // as vsftpd
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_ticket_cb(context_, seal_ticket, open_ticket, nullptr);
  SSL_CTX_set_alpn_select_cb(context_, choose_alpn, nullptr);
}

ServerTls::~ServerTls() {
  SSL_CTX_free(context_);
}

// ------------------------------------------------------------------------ ServerConnection

ServerConnection::ServerConnection(UniqueFd fd) : fd_(std::move(fd)) {
  const int one = 1;
  ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

ServerConnection::~ServerConnection() {
  SSL_free(ssl_);
}

bool ServerConnection::start_tls(const ServerTls& tls, std::uint64_t number) {
  ssl_ = SSL_new(tls.native());
  SSL_set_app_data(ssl_, reinterpret_cast<char*>(number));
  SSL_set_fd(ssl_, fd_.get());
  ERR_clear_error();
  return SSL_accept(ssl_) == 1;
}

bool ServerConnection::resumed() const {
  return ssl_ != nullptr && SSL_session_reused(ssl_) == 1;
}

bool ServerConnection::has_client_certificate() const {
  return ssl_ != nullptr && SSL_get0_peer_certificate(ssl_) != nullptr &&
         SSL_get_verify_result(ssl_) == X509_V_OK;
}

std::uint64_t ServerConnection::resumed_number() const {
  return resumed() ? reinterpret_cast<std::uintptr_t>(SSL_get_ex_data(ssl_, resumed_slot())) : 0;
}

/// Waits for input, without OpenSSL: at an end that interrupt() made it would send an alert.
bool ServerConnection::await_input() {
  if (ssl_ != nullptr && SSL_has_pending(ssl_) == 1) {
    return true;
  }
  pollfd polled{fd_.get(), POLLIN | POLLRDHUP, 0};
  const int patience = limit_.count() > 0 ? static_cast<int>(limit_.count()) : -1;
  timed_out_ = ::poll(&polled, 1, patience) == 0;
  if (timed_out_) {
    return false;
  }
  const MutexLock lock(closing_);
  return !interrupted_;
}

long ServerConnection::read(char* into, std::size_t size) {
  clean_end_ = false;
  if (!await_input()) {
    return -1;
  }
  if (ssl_ == nullptr) {
    const ssize_t got = ::recv(fd_.get(), into, size, 0);
    clean_end_ = got == 0;
    return got;
  }
  ERR_clear_error();
  const int got = SSL_read(ssl_, into, static_cast<int>(size));
  if (got > 0) {
    return got;
  }
  const int error = SSL_get_error(ssl_, got);
  clean_end_ = error == SSL_ERROR_ZERO_RETURN;
  // A bare FIN is told from a reset, as vsftpd does with a 426 for either.
  return clean_end_ || ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING ? 0
                                                                                              : -1;
}

bool ServerConnection::write(std::string_view bytes) {
  while (!bytes.empty()) {
    long taken = 0;
    if (ssl_ == nullptr) {
      taken = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    } else {
      ERR_clear_error();
      taken = SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
    }
    if (taken <= 0) {
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(taken));
  }
  return true;
}

std::string ServerConnection::read_line(std::chrono::milliseconds limit) {
  limit_ = limit;
  while (true) {
    const auto end = buffered_.find('\n');
    if (end != std::string::npos) {
      std::string line = buffered_.substr(0, end + 1);
      buffered_.erase(0, end + 1);
      return line;
    }
    std::array<char, 8192> part{};
    const long got = read(part.data(), part.size());
    if (got <= 0) {
      return {};
    }
    buffered_.append(part.data(), static_cast<std::size_t>(got));
  }
}

void ServerConnection::finish() {
  if (ssl_ != nullptr) {
    ERR_clear_error();
    SSL_shutdown(ssl_);
  }
  ::shutdown(fd_.get(), SHUT_WR);
}

void ServerConnection::bare_fin() {
  ::shutdown(fd_.get(), SHUT_WR);
}

void ServerConnection::reset() {
  const MutexLock lock(closing_);
  set_linger_reset(fd_.get());
  fd_.reset();
}

void ServerConnection::await_end() {
  std::array<char, 8192> discarded{};
  while (::recv(fd_.get(), discarded.data(), discarded.size(), 0) > 0) {
  }
}

void ServerConnection::interrupt(bool by_reset) {
  const MutexLock lock(closing_);
  interrupted_ = true;
  if (companion_ != nullptr) {
    companion_->interrupt(by_reset);
  }
  if (!fd_) {
    return;
  }
  if (by_reset) {
    set_linger_reset(fd_.get());
  }
  // Not SHUT_WR for a reset: the FIN would come first.
  ::shutdown(fd_.get(), by_reset ? SHUT_RD : SHUT_RDWR);
}

void ServerConnection::attach(ServerConnection* companion) {
  const MutexLock lock(closing_);
  companion_ = companion;
  if (companion != nullptr && interrupted_) {
    companion->interrupt(false);
  }
}

// -------------------------------------------------------------------------- LoopbackServer

UniqueFd listen_on_loopback(std::uint16_t& port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int one = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const raw = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  constexpr int kBacklog = 64;
  require(::bind(fd.get(), raw, size) == 0 && ::listen(fd.get(), kBacklog) == 0 &&
              ::getsockname(fd.get(), raw, &size) == 0,
          "listen");
  port = ntohs(address.sin_port);
  return fd;
}

LoopbackServer::LoopbackServer(Handler handler) : handler_(std::move(handler)) {
  listen();
}

LoopbackServer::~LoopbackServer() {
  stop();
}

void LoopbackServer::listen() {
  listener_ = listen_on_loopback(port_);
  acceptor_ = std::thread([this] { accept_loop(); });
}

void LoopbackServer::set_listening(bool listening) {
  if (listening && !acceptor_.joinable()) {
    listen();
  } else if (!listening && acceptor_.joinable()) {
    ::shutdown(listener_.get(), SHUT_RDWR);
    acceptor_.join();
    listener_.reset();
  }
}

void LoopbackServer::accept_loop() {
  while (true) {
    UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd) {
      return;
    }
    const MutexLock lock(mutex_);
    if (stopping_) {
      return;
    }
    ++accepted_;
    Served& served = served_.emplace_back();
    served.connection = std::make_unique<ServerConnection>(std::move(fd));
    served.thread = std::thread([this, &served] { serve(served); });
  }
}

void LoopbackServer::serve(Served& served) {
  handler_(*served.connection);
  const MutexLock lock(mutex_);
  served.done = true;
  served.connection.reset();
}

void LoopbackServer::interrupt_all(bool by_reset) {
  const MutexLock lock(mutex_);
  for (Served& each : served_) {
    if (each.connection != nullptr) {
      each.connection->interrupt(by_reset);
    }
  }
}

int LoopbackServer::accepted() const {
  const MutexLock lock(mutex_);
  return accepted_;
}

int LoopbackServer::open() const {
  const MutexLock lock(mutex_);
  int count = 0;
  for (const Served& each : served_) {
    count += each.done ? 0 : 1;
  }
  return count;
}

void LoopbackServer::stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  set_listening(false);
  interrupt_all(false);
  // The list's nodes are referred to by their threads: joined in place, no longer changed by anyone
  // (the acceptor is gone).
  std::list<Served>* all = nullptr;
  {
    const MutexLock lock(mutex_);
    all = &served_;
  }
  for (Served& each : *all) {
    if (each.thread.joinable()) {
      each.thread.join();
    }
  }
}

}  // namespace ftpsfs::test
