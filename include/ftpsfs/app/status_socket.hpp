// SPDX-License-Identifier: MIT
//
// The control socket of a mount: a unix socket (0600, in a directory of ours alone) whose name
// follows from the mount point. Both ends stand here. Requests come from the user who mounted or
// from root; each conversation is one line each way, within a few seconds. Those that await the
// mount's end are kept beside, and keep nobody else from being served.
//
// Thread-safety: StatusSocket belongs to one thread; its handler is called from the socket's own.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "ftpsfs/app/mount_table.hpp"
#include "ftpsfs/app/status_protocol.hpp"
#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/unique_fd.hpp"
#include "ftpsfs/base/wait.hpp"

namespace ftpsfs::app {

/// What a mount can be asked. Called from the socket's thread; must not wait for the network.
class ControlHandler {
 public:
  virtual ~ControlHandler() = default;
  virtual StatusReport status() = 0;
  /// @param path below the mount point; empty: everything.
  virtual void refresh(const std::string& path) = 0;
  /// @errors: the words for who asked.
  virtual Result<void> reload() = 0;
  virtual void set_log_level(log::Level level) = 0;
  /// What writeback owes; before that, what the verb does to what was refused. May wait for the
  /// local disk. @errors: the words for who asked.
  virtual Result<UploadsReport> uploads(ControlVerb verb, const std::string& path) = 0;
};

/// The socket's file name (no directory) for a mount point.
std::string control_socket_name(const std::string& mount_point);

class StatusSocket {
 public:
  /// Listens in `directory`; what an earlier mount left under the name is replaced. Starts a
  /// thread. `handler` must outlive the socket.
  /// @errors io_error, name_too_long.
  static Result<std::unique_ptr<StatusSocket>> listen(const std::string& directory,
                                                      const std::string& mount_point,
                                                      ControlHandler& handler);
  /// Ends the thread and removes the socket, if it is still ours. Who awaits an end that was not
  /// told sees the connection close.
  ~StatusSocket();
  StatusSocket(const StatusSocket&) = delete;
  StatusSocket& operator=(const StatusSocket&) = delete;

  /// At most so many conversations may await the end; others are refused.
  static constexpr std::size_t kMostAwaiting = 16;

  /// The mount has ended: answers all who await that, also those who ask from now on. From any
  /// thread.
  void tell_end(const EndReport& report);

 private:
  class Server;
  explicit StatusSocket(std::unique_ptr<Server> server);
  std::unique_ptr<Server> server_;
};

/// A conversation with a mount, from the commands' side.
class ControlConnection {
 public:
  /// Looks for the socket of `mount` in the directories of its owner; `directories` replaces them
  /// in tests.
  /// @errors not_found: nobody listens; access_denied: another user's mount.
  static Result<ControlConnection> open(const MountEntry& mount);
  static Result<ControlConnection> open(const MountEntry& mount,
                                        const std::vector<std::string>& directories);

  /// Sends the one request and reads the reply.
  /// @errors timed_out, closed, invalid_argument; refused: with the mount's own words.
  Result<ControlReply> ask(const ControlRequest& request, const Wait& wait);

  /// What the mount says at its end. @pre the one request was await_end, and was not refused; that
  /// it was granted may still be unread.
  /// @errors as ask; closed: the process has ended without a word.
  Result<EndReport> await_end(const Wait& wait);

  /// The process that listens, as the kernel says; 0 when it is outside of our view.
  pid_t server_process() const noexcept { return process_; }

 private:
  ControlConnection(UniqueFd fd, pid_t process) : fd_(std::move(fd)), process_(process) {}
  Result<ControlReply> read_reply(const Wait& wait);

  UniqueFd fd_;
  std::string unread_;
  pid_t process_ = 0;
};

}  // namespace ftpsfs::app
