// SPDX-License-Identifier: MIT
#include "ftp_list_verdict.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "ftpsfs/ftp/ascii.hpp"
#include "ftpsfs/ftp/listing.hpp"
#include "ftpsfs/ftp/refusal.hpp"

namespace ftpsfs::remote {
namespace {

/// Some call an empty directory a failure: "450 No files found" (ProFTPD), "550 No members found".
/// @param known where CWD proves nothing, "550 No data sets found" may mean that there is no such
/// directory.
bool says_empty(const ftp::ServerProfile& known, const Error& error) {
  constexpr std::array<std::string_view, 5> kPhrases = {"no files found", "no members found",
                                                        "no data sets found", "no file found",
                                                        "directory is empty"};
  const std::string text = ftp::ascii::lower(error.text);
  if (!known.cwd_proves_directory) {
    return error.reply_code == 450 && text.find(kPhrases.front()) != std::string::npos;
  }
  return (error.reply_code == 450 || error.reply_code == 550) &&
         std::any_of(kPhrases.begin(), kPhrases.end(), [&text](std::string_view phrase) {
           return text.find(phrase) != std::string::npos;
         });
}

}  // namespace

Result<void> check_verdict(const ftp::Reply& verdict) {
  switch (ftp::judge_listing_reply(verdict)) {
    case ftp::ListingVerdict::denied:
      return make_error(Errc::access_denied, "the directory may not be read: " + verdict.text(),
                        verdict.code);
    case ftp::ListingVerdict::truncated:
      return make_error(Errc::io_error,
                        "the server does not list the whole directory: " + verdict.text(),
                        verdict.code);
    case ftp::ListingVerdict::whole:
      break;
  }
  return {};
}

Result<void> enter(session::Session& session, const RemotePath& directory, const Wait& wait) {
  FTPSFS_TRY_ASSIGN(const auto changed, session.command("CWD", directory.str(), wait));
  return changed.is_completion() ? Result<void>() : Result<void>(ftp::make_refusal("CWD", changed));
}

Result<ReadListing> settle_refused_list(session::Session& session, const RemotePath& directory,
                                        bool change, Error error, const Wait& wait) {
  if (!says_empty(session.profile(), error)) {
    return error;
  }
  // Was it the CWD that was refused in these words?
  if (change) {
    FTPSFS_TRY(enter(session, directory, wait));
  }
  return ReadListing();
}

}  // namespace ftpsfs::remote
