// SPDX-License-Identifier: MIT
//
// Plays the kernel's side of /dev/fuse over a SOCK_SEQPACKET socketpair (one message for each
// read), without a mount and without root. It keeps the books of what must hold for every request:
// one reply each, and none that nobody asked for. For one thread.
#pragma once

#include <linux/fuse.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ftpsfs/base/unique_fd.hpp"

struct fuse_custom_io;

namespace ftpsfs::test {

class FakeKernel {
 public:
  using Unique = std::uint64_t;

  struct Reply {
    int error = 0;  ///< positive errno, 0 on success
    std::string body;

    template <typename T>
    T as(std::size_t offset = 0) const {
      T value{};
      if (offset + sizeof value <= body.size()) {
        body.copy(reinterpret_cast<char*>(&value), sizeof value, offset);
      }
      return value;
    }
  };
  struct Notification {
    int code = 0;  ///< FUSE_NOTIFY_…
    std::string body;
  };
  struct Name {
    std::string name;
    std::uint64_t ino = 0;   ///< d_ino
    std::uint64_t next = 0;  ///< d_off
    std::uint32_t type = 0;  ///< d_type
    fuse_entry_out entry{};  ///< readdirplus only
  };

  static constexpr std::chrono::milliseconds kPatience{10'000};

  FakeKernel();

  /// The end for the filesystem's side, which closes it; once.
  int take_channel() { return channel_.release(); }
  /// How libfuse reads and writes it.
  static const fuse_custom_io& io();
  /// As an unmount does: the other side reads ENODEV.
  void disconnect() { fd_.reset(); }

  /// The process that the following requests come from; 0: none that /proc knows.
  void act_as(pid_t pid) { pid_ = pid; }

  /// Sends a request. @return its number.
  Unique send(fuse_opcode opcode, std::uint64_t node, std::string_view body);
  /// The same with a struct of <linux/fuse.h> in front.
  template <typename Head>
  Unique send_with(fuse_opcode opcode, std::uint64_t node, const Head& head,
                   std::string_view rest = {}) {
    const std::string body = std::string(as_bytes(head)).append(rest);
    return send(opcode, node, std::string_view(body));
  }

  /// The reply, waited for. Absent: none came in time.
  std::optional<Reply> wait(Unique unique, std::chrono::milliseconds patience = kPatience);
  /// Has the reply come yet? Does not wait.
  bool answered(Unique unique);
  /// The next notification, waited for.
  std::optional<Notification> wait_for_notification(std::chrono::milliseconds patience = kPatience);
  /// Waits for replies until all requests have theirs. @return the number that have none.
  std::size_t wait_for_all(std::chrono::milliseconds patience = kPatience);
  /// Replies that no request, or a request that had one already, asked for.
  std::size_t surplus_replies() const { return surplus_; }

  // Requests. Each returns the number for wait().
  fuse_init_out init();
  Unique lookup(std::uint64_t parent, std::string_view name);
  void forget(std::uint64_t node, std::uint64_t lookups);
  void batch_forget(const std::vector<fuse_forget_one>& forgets);
  Unique getattr(std::uint64_t node);
  Unique setattr(std::uint64_t node, const fuse_setattr_in& change);
  Unique readlink(std::uint64_t node) { return send(FUSE_READLINK, node, {}); }
  Unique mkdir(std::uint64_t parent, std::string_view name);
  Unique mknod(std::uint64_t parent, std::string_view name, std::uint32_t mode);
  Unique unlink(std::uint64_t parent, std::string_view name);
  Unique rmdir(std::uint64_t parent, std::string_view name);
  Unique symlink(std::uint64_t parent, std::string_view name, std::string_view target);
  Unique rename(std::uint64_t parent, std::string_view name, std::uint64_t new_parent,
                std::string_view new_name, std::uint32_t flags = 0);
  Unique link(std::uint64_t node, std::uint64_t new_parent, std::string_view new_name);
  Unique open(std::uint64_t node, std::uint32_t flags);
  Unique create(std::uint64_t parent, std::string_view name, std::uint32_t flags);
  Unique read(std::uint64_t node, std::uint64_t handle, std::uint64_t offset, std::uint32_t size);
  Unique write(std::uint64_t node, std::uint64_t handle, std::uint64_t offset,
               std::string_view data);
  Unique flush(std::uint64_t node, std::uint64_t handle);
  Unique fsync(std::uint64_t node, std::uint64_t handle);
  Unique release(std::uint64_t node, std::uint64_t handle);
  Unique opendir(std::uint64_t node);
  Unique readdir(std::uint64_t node, std::uint64_t handle, std::uint64_t offset,
                 std::uint32_t size = 4096);
  Unique readdirplus(std::uint64_t node, std::uint64_t handle, std::uint64_t offset,
                     std::uint32_t size = 4096);
  Unique releasedir(std::uint64_t node, std::uint64_t handle);
  Unique statfs() { return send(FUSE_STATFS, FUSE_ROOT_ID, {}); }
  void interrupt(Unique of);

  static std::vector<Name> parse_names(const std::string& body);
  static std::vector<Name> parse_names_plus(const std::string& body);

 private:
  template <typename T>
  static std::string_view as_bytes(const T& value) {
    return {reinterpret_cast<const char*>(&value), sizeof value};
  }
  void send_message(fuse_opcode opcode, Unique unique, std::uint64_t node, std::string_view body);
  bool receive_one(std::chrono::steady_clock::time_point deadline);
  void take(const std::string& message);

  UniqueFd fd_;
  UniqueFd channel_;
  Unique last_ = 0;
  pid_t pid_ = 0;
  std::set<Unique> unanswered_;
  std::map<Unique, Reply> replies_;
  std::vector<Notification> notifications_;
  std::size_t surplus_ = 0;
};

}  // namespace ftpsfs::test
