// SPDX-License-Identifier: MIT
//
// The server's side of connections, for doubles: blocking sockets, TLS by OpenSSL without any code
// of the product, and a loopback listener that runs one thread for each connection. Waits end when
// the other side hangs up or the listener is stopped. SIGPIPE is ignored in the process.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/base/unique_fd.hpp"
#include "support/faulty_ftps_server_tls_files.hpp"
#include "support/test_certificates.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace ftpsfs::test {

/// A server's TLS settings. Its tickets carry the number of the connection that they were given
/// to, so that a data connection can prove to belong to its control connection. Immutable.
class ServerTls {
 public:
  enum class Versions { both, only_1_0, only_1_1, only_1_2, only_1_3 };
  explicit ServerTls(ServerCertificate certificate, Versions versions = Versions::both);
  explicit ServerTls(const ServerTlsFiles& files, Versions versions = Versions::both);
  ~ServerTls();
  ServerTls(const ServerTls&) = delete;
  ServerTls& operator=(const ServerTls&) = delete;
  ssl_ctx_st* native() const { return context_; }

 private:
  ssl_ctx_st* context_;
};

/// One accepted connection. Used by one thread, but for interrupt().
class ServerConnection {
 public:
  explicit ServerConnection(UniqueFd fd);
  ~ServerConnection();
  ServerConnection(const ServerConnection&) = delete;
  ServerConnection& operator=(const ServerConnection&) = delete;

  /// @param number what its tickets carry: the control connection's number.
  bool start_tls(const ServerTls& tls, std::uint64_t number = 0);
  bool resumed() const;
  /// Has the client shown a certificate of the CA that it was asked for?
  bool has_client_certificate() const;
  /// The number in the ticket that was resumed; 0 when none was.
  std::uint64_t resumed_number() const;

  /// @return bytes; 0 = close_notify or FIN; -1 = reset or TLS error.
  long read(char* into, std::size_t size);
  /// Did the last read() end by close_notify (or, in clear, by FIN)?
  bool clean_end() const { return clean_end_; }
  bool write(std::string_view bytes);
  /// Reads up to and with LF. Empty at the end.
  /// @param limit how long to wait for more of it; zero: for ever. See timed_out().
  std::string read_line(std::chrono::milliseconds limit = {});
  /// Did the last read_line() end because nothing came?
  bool timed_out() const { return timed_out_; }
  /// Throws away what has been read beyond the last line.
  void discard_buffered() { buffered_.clear(); }

  void finish();     ///< close_notify and FIN; reading goes on
  void bare_fin();   ///< FIN without close_notify
  void reset();      ///< RST
  void await_end();  ///< reads and discards until the other side hangs up

  /// Wakes the thread that uses this connection, from another: its calls fail from now on.
  /// @param by_reset the connection ends with RST when its thread lets go of it.
  void interrupt(bool by_reset);

  /// interrupt() reaches that connection too (null: no longer): a control connection's data.
  void attach(ServerConnection* companion);

  int fd() const { return fd_.get(); }

 private:
  bool await_input();

  std::chrono::milliseconds limit_{0};  // of the read_line() under way
  bool timed_out_ = false;
  mutable Mutex closing_;  // between the owner's close and another thread's interrupt
  ServerConnection* companion_ FTPSFS_GUARDED_BY(closing_) = nullptr;
  bool interrupted_ FTPSFS_GUARDED_BY(closing_) = false;
  UniqueFd fd_;
  ssl_st* ssl_ = nullptr;
  bool clean_end_ = false;
  std::string buffered_;
};

/// Accepts on 127.0.0.1 at a free port, and runs the handler on a thread for each connection.
class LoopbackServer {
 public:
  using Handler = std::function<void(ServerConnection&)>;
  explicit LoopbackServer(Handler handler);
  ~LoopbackServer();
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  std::uint16_t port() const { return port_; }
  /// Interrupts every connection that is served now.
  void interrupt_all(bool by_reset);
  /// Closes or opens (at the same port) the listening socket.
  void set_listening(bool listening);
  int accepted() const;
  int open() const;
  /// Ends everything and joins; the destructor does the same. For owners whose handler needs
  /// members that go first.
  void stop();

 private:
  struct Served {
    std::unique_ptr<ServerConnection> connection;
    std::thread thread;
    bool done = false;
  };

  void listen();
  void accept_loop();
  void serve(Served& served);

  Handler handler_;
  std::uint16_t port_ = 0;
  UniqueFd listener_;
  std::thread acceptor_;
  mutable Mutex mutex_;
  std::list<Served> served_ FTPSFS_GUARDED_BY(mutex_);
  int accepted_ FTPSFS_GUARDED_BY(mutex_) = 0;
  bool stopping_ FTPSFS_GUARDED_BY(mutex_) = false;
};

/// A listening socket on 127.0.0.1. @param port 0 = any; the one taken is stored there.
UniqueFd listen_on_loopback(std::uint16_t& port);

}  // namespace ftpsfs::test
