// SPDX-License-Identifier: MIT
//
// A true FTPS server inside the test process: real TLS on a loopback port, a tree in memory, one
// thread for each connection, and a plan of faults. It answers in the manner of ProFTPD (texts,
// MLST facts, "Opening BINARY mode data connection"), or in that of another kind of server (see
// Manner). The destructor ends every connection and joins every thread. Thread-safe: tests may add
// faults and read counts while it serves.
//
//   FaultyFtpsServer server;
//   server.tree().add_file("/hello.txt", "hello\n");
//   server.add_fault({.verb = "RETR", .kind = Fault::Kind::truncate, .bytes = 3});
//   ... connect to 127.0.0.1:server.port() as "user" / "secret" with
//       TestCertificates::instance().ca_file() ...
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "support/faulty_ftps_server_tls.hpp"
#include "support/faulty_ftps_server_tls_files.hpp"
#include "support/faulty_ftps_server_tree.hpp"
#include "support/test_certificates.hpp"

namespace ftpsfs::test {

/// One thing that goes wrong, once (or `times` times), at the nth command of a verb counted over
/// all connections from the moment it was added.
struct Fault {
  enum class Kind {
    refuse,         ///< answers `reply` ("550 No.") and does nothing
    stall,          ///< answers nothing at all until the client hangs up
    reset,          ///< RST on the control connection (and on a data connection under way)
    close,          ///< FIN on the control connection, no reply
    truncate,       ///< transfer: after `bytes` the data connection gets a bare FIN (no
                    ///< close_notify) and the reply is `reply`, or none when it is empty
    cut_data,       ///< transfer: after `bytes` the data connection gets RST; the reply is `reply`,
                    ///< or "426 Transfer aborted." when it is empty
    stall_data,     ///< transfer: after `bytes` nothing moves until the client hangs up
    silent_end,     ///< download: all bytes, but a bare FIN in place of close_notify; then 226
    drop_reply,     ///< does the command, then RST in place of its final reply
    replace_reply,  ///< does the command, then says `reply` in place of its final reply
    inject,         ///< does the command; its final reply has `reply` in front (raw bytes)

    // Replies: faulty_ftps_server_faults.cpp
    trail,        ///< does the command; its final reply has `reply` behind it, in the same record,
                  ///< and a `reply` of 421 ends the connection
    dribble,      ///< does the command; replies come byte by byte, and data in pieces of `bytes`
    endless,      ///< does the command; its final reply has lines without end
    stall_reply,  ///< does the command, and says nothing any more
    late,         ///< does the command, and says so by `after` later

    // TLS, of the control connection (AUTH) or of a transfer's data connection
    stall_tls,        ///< the ClientHello is never answered
    certificate,      ///< another certificate is shown: `certificate`
    ask_certificate,  ///< whoever shows no certificate of the test CA is refused
    clear_data,       ///< PROT: 200, and data connections are clear all the same

    // Data connections: faulty_ftps_server_data.cpp
    port_refused,   ///< EPSV, PASV: at the port that is told nobody listens
    port_silent,    ///< EPSV, PASV: at the port that is told nobody answers
    early_end,      ///< download: 226 before the data
    swallow,        ///< transfer: bytes behind the first `bytes` vanish; nothing else is wrong
    as_text,        ///< transfer: as TYPE A has it, whatever was agreed: LF goes out as CR LF, and
                    ///< CR LF comes in as LF
    corrupt,        ///< upload: the byte behind the first `bytes` arrives as another
    read_late,      ///< upload: nothing is read before the client has said that it was all
    false_listing,  ///< a listing over a data connection: `reply` in place of it
    endless_listing,  ///< a listing over a data connection: names without end
  };
  std::string verb{};  ///< "RETR"; "*" = any; "WORK" = any that is no part of a login, nor NOOP or
                       ///< QUIT; "CONNECT" = a new control connection, before the banner;
                       ///< "SESSION" = a new control connection, `after` its beginning, whatever
                       ///< happens on it then: refuse (says `reply` and ends), stall, reset, close
  Kind kind = Kind::refuse;
  int nth = 1;            ///< the first command of the verb is 1
  int times = 1;          ///< how many in a row from the nth; -1 = always
  std::string reply{};    ///< without CRLF; "421 Too many connections." and so on
  std::uint64_t bytes{};  ///< of a transfer
  ServerCertificate certificate = ServerCertificate::other_good;
  /// By time, too: a fault of a transfer does not come before the transfer has lasted so long, and
  /// what it has moved by then stands still until then. See also `late` and "SESSION".
  std::chrono::milliseconds after{};
};

/// Which kind of server it answers like, after public documents and transcripts of the real ones.
enum class Manner : std::uint8_t {
  proftpd,
  /// IBM i's QTCP: SITE NAMEFMT for each connection, paths only in format 1, lists in format 0 or
  /// 1, 125/150 and 250 around transfers, names in any case, no SIZE, MDTM, REST, MLST and STAT,
  /// and no rename onto a name that exists.
  ibm_i,
  /// Microsoft IIS: DOS listings, which ignore options; SIZE, MDTM and REST, no MLSD, MLST and
  /// STAT; names in any case, kept as they were made; no rename onto a name that exists.
  iis,
  /// IBM's server on z/OS: FEAT of AUTH, PBSZ and PROT only; no SIZE, MDTM, REST, MLST and STAT;
  /// paths with '/' are files of HFS, listed by `ls -l`; all other names are data sets (see
  /// data_set()); 125 and 250 around transfers.
  zos,
};

struct FaultyServerOptions {
  bool implicit_tls = false;
  bool tls1_2_only = false;
  bool tls_required = true;         ///< USER before AUTH is 530
  bool clear_data_allowed = true;   ///< PROT C
  bool require_resumption = false;  ///< 522 and the control connection ends, as vsftpd does
  bool mlst = true;                 ///< MLST and MLSD, in FEAT too
  bool mlst_follows = false;        ///< MLST tells what a link leads to, as pyftpdlib does
  bool epsv = true;                 ///< else 500
  bool pasv_lies = false;           ///< 227 names 192.0.2.1 with the right port
  bool mfmt = true;
  bool rename_overwrites = true;      ///< else 550 File exists
  bool one_command_dialogue = false;  ///< a second command in one TLS record is dropped
  int max_connections = 0;            ///< more control connections get 421; 0 = no limit
  std::string banner = "220 ProFTPD Server (Faulty) [127.0.0.1]";
  std::string system = "215 UNIX Type: L8";
  std::string user = "user";
  std::string password = "secret";
  std::string user_enough = {};  ///< "232 …" in place of 331: the certificate was enough
  std::string home = "/";
  /// Listings (not those of IBM i and z/OS) show times of a clock so many seconds east of UTC.
  int list_east = 0;
  bool names_with_path = false;  ///< NLST puts the directory's path in front of each name
  std::string unlistable = {};  ///< LIST shows this name in a line that nobody can read, as ls does
  ServerCertificate certificate = ServerCertificate::good;
  /// PEM files in place of `certificate`, where `own_files.certificate` is not empty; the clients'
  /// CA is taken in any case.
  ServerTlsFiles own_files{};
  /// Who shows a certificate of the clients' CA is logged in by USER alone (232).
  bool certificate_login = false;
  /// After so long without a command: 421, and the end of the connection. Zero: never.
  std::chrono::milliseconds idle_limit{0};
  TicketHabit tickets{};
  bool lists_itself = false;      ///< "LIST -a" shows ".", as that of most servers does
  bool missing_is_empty = false;  ///< LIST and MLSD of what is not there: an empty success
  Manner manner = Manner::proftpd;
  /// What FEAT says of commands that tell digests: {"HASH SHA-1*;SHA-256", "XCRC"}.
  std::vector<std::string> digests{};
  /// A session that has told the digest of a file tells it again while the file's length is the
  /// same, whatever its content (ProFTPD: within the second of its last change).
  bool remembers_digests = false;
  bool list_format_1 = true;  ///< IBM i: SITE LISTFMT 1; else only format 0 is known

  /// With the greeting, SYST and all else that goes with the manner.
  static FaultyServerOptions of(Manner manner);
};

/// Where the tree of a server in z/OS's manner has the data set, or the member, of this name:
/// data_set("TESTER.LOG"), data_set("TESTER.CNTL(JOB)"). A partitioned one is a directory.
std::string data_set(const std::string& name);

class FaultyFtpsServer {
 public:
  struct Shared;  // between the connections: faulty_ftps_server_faults.hpp

  explicit FaultyFtpsServer(FaultyServerOptions options = {});
  ~FaultyFtpsServer();
  FaultyFtpsServer(const FaultyFtpsServer&) = delete;
  FaultyFtpsServer& operator=(const FaultyFtpsServer&) = delete;

  std::uint16_t port() const;
  FaultyTree& tree();

  void add_fault(Fault fault);
  void clear_faults();

  /// Every command line received, in order, of all connections; a password is "PASS ***".
  std::vector<std::string> commands() const;
  int count(const std::string& verb) const;
  /// How often a fault has brought a dialogue to a halt (stall, stall_reply, stall_data).
  int stalled() const;
  /// How many commands and connections a fault has been chosen for.
  int faults_met() const;
  int connections_accepted() const;
  int connections_open() const;
  int data_connections() const;          ///< with a finished handshake (or PROT C)
  int data_connections_resumed() const;  ///< those that resumed a TLS session

  /// RST on every control connection: the server "restarts", and serves new ones.
  void reset_all_connections();
  /// Refuses new TCP connections until called with true.
  void set_listening(bool listening);

 private:
  std::unique_ptr<Shared> shared_;
};

}  // namespace ftpsfs::test
