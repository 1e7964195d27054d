// SPDX-License-Identifier: MIT
//
// What a test wants to happen to the calls of FakeRemote, and what it later asks of them: faults,
// gates, counts and the log. Knows nothing of files. Thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/wait.hpp"

namespace ftpsfs::test {

/// The calls of Remote and of its streams.
enum class Op : std::uint8_t {
  stat,
  version,
  list,
  exact_times,
  open_reader,
  read,
  open_writer,
  write,
  finish,
  make_directory,
  remove_directory,
  remove_file,
  rename,
  make_symlink,
  set_mode,
  set_mtime,
  space,
  list_ahead,  ///< a call for each directory
  read_ahead,
  stamp,
  follow,
  settle,  ///< only where it writes back
  check_content,
  verdict,  ///< of a read ahead, behind its bytes
};
constexpr std::size_t kOps = 24;
const char* to_string(Op op);

/// Before the call has done anything; or when it has done all, but its reply is late or lost.
enum class Moment : std::uint8_t { before, after };

/// Holds calls back until it is opened; its end opens it. Calls held back heed their Wait: a
/// deadline or a stop ends them with an error and without effect (with Moment::after, a stop is
/// ignored: the call has been sent).
class Gate {
 public:
  struct State;
  explicit Gate(std::shared_ptr<State> state) : state_(std::move(state)) {}
  ~Gate() { open(); }
  Gate(Gate&&) noexcept = default;
  Gate& operator=(Gate&& other) noexcept;

  /// Waits (ten seconds at most) until so many calls stand here. @return false: they never came.
  bool await_blocked(std::size_t calls = 1) const;
  std::size_t blocked() const;
  /// Lets one call through, one that stands here or the next to come.
  void let_one_pass();
  /// Lets all through, from now on.
  void open();

 private:
  std::shared_ptr<State> state_;
};

class FakePlan {
 public:
  /// The next call of `op` on `path` (empty: on any) fails. Faults for the same call queue up.
  void fail_next(Op op, std::string path, Error error, Moment moment = Moment::before);
  /// The next stream opened (`op` is read or write) fails once so many bytes have moved.
  void fail_after_bytes(Op op, std::uint64_t bytes, Error error);
  /// Every call from now on fails, as with a dead link; nullopt ends that.
  void fail_all(std::optional<Error> error);
  Gate hold(Op op, std::string path, Moment moment);
  void on_call(std::function<void(Op, const std::string&)> hook);

  std::size_t calls(Op op) const;
  std::size_t calls() const;
  std::vector<std::string> log() const;
  void forget_calls();
  /// Of all calls so far: none of them waits longer.
  SteadyTime last_deadline() const;

  // For FakeRemote.
  /// @param second the other path of a rename.
  Result<void> before(Op op, const std::string& path, const Wait& wait,
                      const std::string& second = {});
  Result<void> after(Op op, const std::string& path, const Wait& wait);
  /// Gates and faults alone: for parts of another call, which is the one that counts.
  Result<void> meet(Op op, const std::string& path, Moment moment, const Wait& wait);
  struct ByteLimit {
    std::uint64_t bytes;
    Error error;
  };
  std::optional<ByteLimit> take_byte_limit(Op op);

 private:
  struct Fault {
    Op op;
    std::string path;
    Moment moment;
    Error error;
  };
  struct StreamFault {
    Op op;
    ByteLimit limit;
  };

  void record(Op op, const std::string& path, const std::string& second);

  mutable Mutex mutex_;
  std::list<Fault> faults_ FTPSFS_GUARDED_BY(mutex_);
  std::list<StreamFault> stream_faults_ FTPSFS_GUARDED_BY(mutex_);
  std::optional<Error> all_fail_ FTPSFS_GUARDED_BY(mutex_);
  std::list<std::shared_ptr<Gate::State>> gates_ FTPSFS_GUARDED_BY(mutex_);
  std::function<void(Op, const std::string&)> hook_ FTPSFS_GUARDED_BY(mutex_);
  std::array<std::size_t, kOps> counts_ FTPSFS_GUARDED_BY(mutex_){};
  std::vector<std::string> log_ FTPSFS_GUARDED_BY(mutex_);
  SteadyTime last_deadline_ FTPSFS_GUARDED_BY(mutex_);
};

}  // namespace ftpsfs::test
