// SPDX-License-Identifier: MIT
#include "ftpsfs/app/identity_reload.hpp"

#include <system_error>

#include "ftpsfs/app/identity.hpp"
#include "ftpsfs/app/password_command.hpp"
#include "ftpsfs/base/log.hpp"

namespace ftpsfs::app {

namespace {

/// Lowers a flag at the end of a scope, also when something throws.
struct Lowered {
  std::atomic<bool>& flag;
  explicit Lowered(std::atomic<bool>& raised) : flag(raised) {}
  ~Lowered() { flag = false; }
  Lowered(const Lowered&) = delete;
  Lowered& operator=(const Lowered&) = delete;
};

Error busy() {
  log::error("reload: another one is under way already; try again");
  return make_error(Errc::busy, "a reload is under way already; try again");
}

}  // namespace

Result<void> IdentityReload::run() {
  return running_.exchange(true) ? Result<void>(busy()) : run_alone();
}

void IdentityReload::start() {
  if (running_.exchange(true)) {
    static_cast<void>(busy());
    return;
  }
  try {
    aside_ = std::jthread([this] { static_cast<void>(run_alone()); });
  } catch (const std::system_error& failure) {
    running_ = false;
    log::error("reload: cannot start a thread: {}", failure.what());
  }
}

/// @pre `running_` is ours. Logs the outcome.
Result<void> IdentityReload::run_alone() {
  const Lowered at_the_end(running_);
  Result<void> renewed = renew(Wait::for_at_most(kPasswordCommandLimit, stop_.get_token()));
  if (renewed) {
    log::info("certificates and credentials are read anew; new connections use {}",
              plan_.identity ? plan_.identity->subject() : plan_.credentials.username);
  } else {
    renewed.error().text += "; the mount goes on as before";
    log::error("reload: {}", renewed.error().text);
  }
  return renewed;
}

Result<void> IdentityReload::renew(const Wait& wait) {
  MountPlan next = plan_;
  FTPSFS_TRY_ASSIGN(next.credentials,
                    gather_credentials_again(plan_.options, plan_.url, plan_.credentials, wait));
  FTPSFS_TRY_ASSIGN(next.identity,
                    load_identity(plan_.options, next.credentials, Asking::nobody, wait));
  FTPSFS_TRY(remote_.renew(remote_settings(next).session));
  plan_ = std::move(next);
  return {};
}

}  // namespace ftpsfs::app
