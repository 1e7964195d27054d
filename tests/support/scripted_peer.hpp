// SPDX-License-Identifier: MIT
//
// The other end of a clear connection, playing a script: expect this line, answer that. The script
// runs on a thread of its own; its waits end after ten seconds, so that a broken test fails and
// does not hang. The pair is two TCP sockets on loopback rather than a socketpair, because a reset
// and getpeername() then behave as on the wire. No sleeps.
//
//   ScriptedPeer peer;
//   peer.reply("220 ready").expect("USER joe").reply("331 password?").close();
//   SocketStream stream(peer.client());       // starts the script
//   ...
//   EXPECT_EQ(peer.finish(), "");
#pragma once

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "ftpsfs/base/unique_fd.hpp"
#include "ftpsfs/net/socket.hpp"

namespace ftpsfs::test {

class ScriptedPeer {
 public:
  ScriptedPeer();
  ~ScriptedPeer();
  ScriptedPeer(const ScriptedPeer&) = delete;
  ScriptedPeer& operator=(const ScriptedPeer&) = delete;

  // The script. Each adds one step; all before client().
  ScriptedPeer& expect(std::string line);         ///< exactly this line, CRLF behind it
  ScriptedPeer& expect_bytes(std::string bytes);  ///< exactly these bytes
  ScriptedPeer& expect_end();                     ///< the client's FIN (or RST)
  ScriptedPeer& reply(const std::string& line);   ///< the line and CRLF
  ScriptedPeer& send(std::string bytes);          ///< as they are
  ScriptedPeer& chop(std::size_t size);           ///< from here on, send in pieces of this size
  ScriptedPeer& run(std::function<void()> what);  ///< a gate, a count: whatever the test wants
  ScriptedPeer& stall();                          ///< says nothing until the client hangs up
  ScriptedPeer& reset();                          ///< RST
  ScriptedPeer& shutdown_write();                 ///< FIN, and reading goes on
  ScriptedPeer& close();                          ///< closes (FIN, when all was read)

  /// The client's end, once; starts the script.
  net::Socket client();

  /// Awaits the end of the script. @return empty, or the first thing that went wrong.
  std::string finish();

 private:
  using Step = std::function<std::string(ScriptedPeer&)>;

  ScriptedPeer& add(Step step);
  void play();
  std::string receive(std::size_t size, std::string& into);
  std::string transmit(const std::string& bytes);

  UniqueFd client_end_;
  UniqueFd own_end_;
  std::vector<Step> steps_;
  std::size_t chop_ = 0;
  std::string failure_;
  std::thread thread_;
};

}  // namespace ftpsfs::test
