// SPDX-License-Identifier: MIT
//
// setuid=USER: root mounts, and another user serves.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "ftpsfs/base/result.hpp"

namespace ftpsfs::app {

class RunAs {
 public:
  /// @errors access_denied: we are not root; not_found: the number has no entry in the table of
  /// users, so that its groups are not known.
  static Result<RunAs> find(uid_t user);

  /// The user becomes the owner in the kernel's eyes of what is mounted from now on, while the
  /// right to mount stays.
  Result<void> mount_for_user() const;
  /// Gives up root's rights for good. @pre nothing of root's is needed any more.
  Result<void> become_user() const;

  /// While alive, what is made on this machine is the user's, and what may be done there is what he
  /// may, by his groups too. @pre root's rights are not given up.
  class Lending {
   public:
    explicit Lending(const RunAs& user);
    ~Lending();
    Lending(const Lending&) = delete;
    Lending& operator=(const Lending&) = delete;

   private:
    std::vector<gid_t> groups_;  ///< root's
  };

  uid_t user() const { return user_; }
  gid_t group() const { return group_; }

 private:
  RunAs(uid_t user, gid_t group, std::string name)
      : user_(user), group_(group), name_(std::move(name)) {}

  uid_t user_;
  gid_t group_;
  std::string name_;
};

}  // namespace ftpsfs::app
