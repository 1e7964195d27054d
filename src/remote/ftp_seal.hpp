// SPDX-License-Identifier: MIT
//
// The end of a long flight. Private to FtpRemote.
#pragma once

#include <algorithm>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/ftp/command.hpp"
#include "ftpsfs/ftp/reply.hpp"

namespace ftpsfs::remote {

/// Replies that nobody can foresee, at the end of a flight: a name with line breaks in one
/// directory could else forge the listings of those behind it.
class Seal {
 public:
  static Result<Seal> make() {
    Seal seal;
    std::random_device random;
    for (unsigned bits = random(), i = 0; i < kCommands; ++i, bits >>= 1U) {
      const bool path = (bits & 1U) != 0;
      FTPSFS_TRY_ASSIGN(auto command, ftp::Command::make(path ? "PWD" : "NOOP"));
      seal.commands_.push_back(std::move(command));
      seal.codes_.push_back(path ? 257 : 200);
    }
    return seal;
  }

  const std::vector<ftp::Command>& commands() const { return commands_; }
  bool fits(std::span<const ftp::Reply> replies) const {
    return std::equal(replies.begin(), replies.end(), codes_.begin(), codes_.end(),
                      [](const ftp::Reply& reply, int code) { return reply.code == code; });
  }

 private:
  static constexpr unsigned kCommands = 12;
  std::vector<ftp::Command> commands_;
  std::vector<int> codes_;
};

}  // namespace ftpsfs::remote
