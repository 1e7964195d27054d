// SPDX-License-Identifier: MIT
//
// One control connection of FaultyFtpsServer, from banner to QUIT: one thread, one transfer at a
// time, in the thread itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "ftpsfs/base/digest.hpp"
#include "ftpsfs/base/wait.hpp"
#include "support/faulty_ftps_server_faults.hpp"
#include "support/faulty_ftps_server_manner.hpp"

namespace ftpsfs::test {

class FaultyDialogue {
 public:
  FaultyDialogue(FaultyFtpsServer::Shared& shared, ServerConnection& control);
  ~FaultyDialogue();
  FaultyDialogue(const FaultyDialogue&) = delete;
  FaultyDialogue& operator=(const FaultyDialogue&) = delete;

  void run();

 private:
  using Command = void (FaultyDialogue::*)(const std::string& argument);
  struct Row {
    Command command;
    bool needs_login;
  };
  static const Row* find_row(const std::string& verb);

  // The dialogue: faulty_ftps_server_dialogue.cpp
  bool greet();
  void obey(const std::string& line);
  bool meet_fault_before(const Fault& fault);
  /// A reply of one line or (with CRLFs inside) several. 1xx go out as they are; any other is the
  /// final one, and meets the fault of the command.
  void say(const std::string& text);
  /// The same as it is, not in the manner's words.
  void say_so(const std::string& text);
  void refuse(const std::string& argument, const std::string& why);
  void stall();

  // Faults of replies and of handshakes: faulty_ftps_server_faults.cpp
  bool meets(Fault::Kind kind) const { return fault_ && fault_->kind == kind; }
  bool say_by_fault(const std::string& text, bool is_final);
  bool start_tls(ServerConnection& connection);

  // Faults that come with time: faulty_ftps_server_time.cpp
  void begin_session();
  std::chrono::milliseconds patience() const;
  bool ends_by_time();
  void hold(std::chrono::milliseconds how_long) const;
  void hold_transfer() const;

  // Login and settings.
  void auth(const std::string& argument);
  void user(const std::string& argument);
  void pass(const std::string& argument);
  void pbsz(const std::string& argument);
  void prot(const std::string& argument);
  void type(const std::string& argument);
  void opts(const std::string& argument);
  void feat(const std::string& argument);
  void syst(const std::string& argument);
  void noop(const std::string& argument);
  void quit(const std::string& argument);
  void abor(const std::string& argument);

  // Files: faulty_ftps_server_files.cpp
  void pwd(const std::string& argument);
  void cwd(const std::string& argument);
  void cdup(const std::string& argument);
  void mlst(const std::string& argument);
  void stat(const std::string& argument);
  void size(const std::string& argument);
  void mdtm(const std::string& argument);
  void mfmt(const std::string& argument);
  void dele(const std::string& argument);
  void mkd(const std::string& argument);
  void rmd(const std::string& argument);
  void rnfr(const std::string& argument);
  void rnto(const std::string& argument);
  void site(const std::string& argument);
  ServerRequest asked(const std::string& argument) const;
  std::string path_of(const std::string& argument) const;
  /// The same, and through the link that lies there.
  std::string target_of(const std::string& argument) const;
  std::optional<std::string> machine_listing(const std::string& argument) const;
  void answer(const std::string& argument, const FaultyTree::Refusal& refusal,
              const std::string& success);

  // Digests: faulty_ftps_server_digest.cpp
  bool has_digest_command(const std::string& verb) const;
  std::optional<std::string> digest_of(const std::string& path, DigestAlgorithm algorithm);
  DigestAlgorithm selected_hash() const;
  void choose_hash(const std::string& name);
  void hash(const std::string& argument);
  void xdigest(const std::string& argument);

  // Data: faulty_ftps_server_data.cpp
  void epsv(const std::string& argument);
  void pasv(const std::string& argument);
  void rest(const std::string& argument);
  void retr(const std::string& argument);
  void stor(const std::string& argument);
  void appe(const std::string& argument);
  void list(const std::string& argument);
  void nlst(const std::string& argument);
  void mlsd(const std::string& argument);
  bool open_passive();
  std::uint16_t port_to_tell();
  void accept_data();
  bool secure_data();
  using Source = std::function<std::string(std::uint64_t offset, std::size_t limit)>;
  void send_transfer(const Source& source);
  void send_listing(const std::string& listing);
  void receive_transfer(const std::string& path, std::uint64_t keep);
  bool data_fault_reached(std::uint64_t moved);
  void end_by_fault();
  void close_data();

  FaultyFtpsServer::Shared& shared_;
  ServerConnection& control_;
  const std::uint64_t number_;
  bool over_ = false;
  bool counted_ = false;

  bool encrypted_ = false;
  bool data_encrypted_ = false;
  bool logged_in_ = false;
  std::string user_;
  std::string directory_;
  std::string rename_from_;
  std::uint64_t restart_ = 0;
  bool by_certificate_ = false;
  std::optional<DigestAlgorithm> hash_;
  std::map<std::string, std::string> remembered_digests_;
  const std::unique_ptr<ServerManner> manner_;

  std::string verb_;  // of the command that is being obeyed
  std::string argument_;
  std::optional<Fault> fault_;  // of the same
  UniqueFd passive_;
  UniqueFd unused_port_;             // where nobody listens, or nobody answers
  std::vector<UniqueFd> its_queue_;  // what fills the queue of one that does not answer
  std::unique_ptr<ServerConnection> data_;
  SteadyTime transfer_began_;

  const SteadyTime began_ = SteadyClock::now();
  std::optional<Fault> session_fault_;
  std::jthread timer_;  // last: its thread uses control_
};

}  // namespace ftpsfs::test
