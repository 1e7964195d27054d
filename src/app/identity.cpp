// SPDX-License-Identifier: MIT
#include "ftpsfs/app/identity.hpp"

#include <fmt/format.h>

#include "ftpsfs/app/password_command.hpp"

namespace ftpsfs::app {
namespace {

Error unfit(std::string text) {
  return make_error(Errc::invalid_argument, std::move(text));
}

Result<Secret> ask_passphrase(const std::string& path, Asking asking) {
  if (asking == Asking::nobody || !can_prompt()) {
    return unfit(
        fmt::format("{} is encrypted, and there is no terminal to ask for its passphrase "
                    "on; give it as key_password=WORD in the credentials file, or by "
                    "key_password_command=CMD",
                    path));
  }
  return prompt_password(fmt::format("Passphrase of {}: ", path), Wait::for_at_most(kPromptLimit));
}

}  // namespace

Result<void> check_identity_options(const Options& options) {
  const net::IdentityFiles& files = options.identity;
  if (!files.pkcs12.empty() && !(files.certificate.empty() && files.key.empty())) {
    return unfit(
        "pkcs12= holds key and certificate: it excludes cert= and key=; give one or the others");
  }
  if (!files.key.empty() && files.certificate.empty()) {
    return unfit("key= without its certificate; give cert=FILE too");
  }
  return {};
}

Result<std::shared_ptr<const net::ClientIdentity>> load_identity(const Options& options,
                                                                 Credentials& credentials,
                                                                 Asking asking, const Wait& wait) {
  if (options.identity.empty()) {
    return std::shared_ptr<const net::ClientIdentity>();
  }
  return net::ClientIdentity::load(
      options.identity, [&](const std::string& path) -> Result<Secret> {
        if (!credentials.key_password && !options.key_password_command.empty()) {
          FTPSFS_TRY_ASSIGN(credentials.key_password,
                            run_password_command("key_password_command",
                                                 options.key_password_command, asking, wait));
        }
        if (!credentials.key_password) {
          FTPSFS_TRY_ASSIGN(credentials.key_password, ask_passphrase(path, asking));
        }
        return *credentials.key_password;
      });
}

}  // namespace ftpsfs::app
