// SPDX-License-Identifier: MIT
//
// Going into the background with a verdict: the parent stays until the child has told how the
// mount went, so that exit 0 means "usable". For a process with one thread.
#pragma once

#include <sys/types.h>

#include <string>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/unique_fd.hpp"
#include "ftpsfs/base/wait.hpp"

namespace ftpsfs::app {

struct Verdict {
  int exit_code = 0;
  std::string text;  ///< empty on success
};

/// One side of the pipe between parent and child.
class Background {
 public:
  /// Forks; returns in both. The child leads a session of its own (no terminal).
  /// @errors io_error.
  static Result<Background> fork();

  bool is_child() const noexcept { return child_ == 0; }

  /// Child: tells the verdict, once. @return false: nobody waits for it any more.
  bool tell(const Verdict& verdict);

  /// Parent: waits. A child that ends without a word, or is silent until the deadline (it is then
  /// told to stop), is a failure.
  Verdict await(const Wait& wait);

 private:
  Background(pid_t child, UniqueFd pipe) : child_(child), pipe_(std::move(pipe)) {}

  pid_t child_;
  UniqueFd pipe_;
};

/// stdin, stdout and stderr from and to /dev/null; the working directory becomes "/".
void leave_terminal();

}  // namespace ftpsfs::app
