// SPDX-License-Identifier: MIT
//
// See faulty_ftps_server_dialogue.hpp: replies and handshakes that go wrong.
#include "support/faulty_ftps_server_faults.hpp"

#include <string_view>

#include "support/faulty_ftps_server_dialogue.hpp"

namespace ftpsfs::test {

/// Says a reply in the manner of the command's fault.
/// @return false: the fault is of another kind, and nothing was said.
bool FaultyDialogue::say_by_fault(const std::string& text, bool is_final) {
  if (meets(Fault::Kind::dribble)) {
    for (const char& each : text) {
      over_ = over_ || !control_.write(std::string_view(&each, 1));
    }
    return true;
  }
  if (!is_final) {
    return false;
  }
  if (meets(Fault::Kind::stall_reply)) {
    stall();
    return true;
  }
  if (meets(Fault::Kind::endless)) {
    const std::string line = text.substr(0, 3) + "-" + std::string(60'000, 'x') + "\r\n";
    while (control_.write(line)) {
    }
    over_ = true;
    return true;
  }
  if (meets(Fault::Kind::late)) {
    hold(fault_->after);
  }
  if (!meets(Fault::Kind::trail)) {
    return false;
  }
  over_ = !control_.write(text + fault_->reply + "\r\n");
  if (fault_->reply.starts_with("421")) {
    control_.finish();
    over_ = true;
  }
  return true;
}

/// TLS on a control or data connection, as the command's fault has it.
bool FaultyDialogue::start_tls(ServerConnection& connection) {
  if (meets(Fault::Kind::stall_tls)) {
    connection.await_end();
    return false;
  }
  if (meets(Fault::Kind::certificate)) {
    return connection.start_tls(ServerTls(fault_->certificate), number_);
  }
  return connection.start_tls(shared_.tls, number_, meets(Fault::Kind::ask_certificate));
}

}  // namespace ftpsfs::test
