// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/refusal.hpp"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "ftpsfs/ftp/ascii.hpp"

namespace ftpsfs::ftp {
namespace {

struct Phrase {
  std::string_view words;  ///< lower case
  Errc means;
};

/// What vsftpd, ProFTPD, Pure-FTPd, pyftpdlib and others write. Errc::refused marks words that
/// cover several causes, lest a part of them be taken for one.
constexpr std::array kPhrases = {
    Phrase{"no such file", Errc::not_found}, Phrase{"file not found", Errc::not_found},
    Phrase{"does not exist", Errc::not_found},
    Phrase{"doesn't exist", Errc::not_found},    // Pure-FTPd RNFR
    Phrase{"cannot find the", Errc::not_found},  // IIS
    Phrase{"permission denied", Errc::access_denied}, Phrase{"access denied", Errc::access_denied},
    Phrase{"access is denied", Errc::access_denied},         // IIS
    Phrase{"not enough privileges", Errc::access_denied},    // pyftpdlib
    Phrase{"outside the user's root", Errc::access_denied},  // pyftpdlib
    Phrase{"operation not permitted", Errc::not_permitted},
    Phrase{"file exists", Errc::already_exists}, Phrase{"already exists", Errc::already_exists},
    Phrase{"not empty", Errc::not_empty}, Phrase{"is a directory", Errc::is_directory},
    Phrase{"not a directory", Errc::not_directory},
    Phrase{"not a regular file", Errc::refused},  // ProFTPD: directory, or dangling link
    Phrase{"no space left", Errc::no_space}, Phrase{"disk full", Errc::no_space},
    Phrase{"insufficient storage", Errc::no_space},
    // vsftpd does not tell why; a full disk is the only cause seen in practice.
    Phrase{"failure writing to local file", Errc::no_space}, Phrase{"quota", Errc::quota_exceeded},
    Phrase{"file name too long", Errc::name_too_long},
    Phrase{"filename too long", Errc::name_too_long},
    Phrase{"file too large", Errc::file_too_large},
    Phrase{"read-only file system", Errc::read_only},
    Phrase{"invalid argument", Errc::invalid_argument},
    Phrase{"prohibited file name", Errc::invalid_argument},  // Pure-FTPd
    Phrase{"resource busy", Errc::busy}, Phrase{"text file busy", Errc::busy},
    Phrase{"used by another process", Errc::busy},  // IIS
    Phrase{"too many levels of symbolic links", Errc::refused},
    Phrase{"no files found", Errc::refused},                  // an empty directory, or none
    Phrase{"no such directory", Errc::refused},               // pyftpdlib: for a file too
    Phrase{"is not retrievable", Errc::refused},              // pyftpdlib: any cause
    Phrase{"cannot be listed", Errc::refused},                // ProFTPD MLST: any cause
    Phrase{"can't check for file existence", Errc::refused},  // Pure-FTPd: any cause
};

/// The words that end last on the line: replies begin with the path, which may be called anything.
std::optional<Errc> meaning_of(std::string_view text) {
  std::optional<Errc> means;
  std::size_t latest_end = 0;
  for (const Phrase& phrase : kPhrases) {
    const std::size_t at = text.rfind(phrase.words);
    if (at != std::string_view::npos && at + phrase.words.size() > latest_end) {
      latest_end = at + phrase.words.size();
      means = phrase.means;
    }
  }
  return means;
}

/// The last line that says something.
std::optional<Errc> meaning_of(const std::vector<std::string>& lines) {
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    if (const auto means = meaning_of(ascii::lower(*line))) {
      return means;
    }
  }
  return std::nullopt;
}

bool is_space(std::optional<Errc> means) noexcept {
  return means == Errc::no_space || means == Errc::quota_exceeded || means == Errc::file_too_large;
}

/// Codes that mean the same whatever the words.
std::optional<Errc> meaning_of(std::string_view verb, int code) {
  switch (code) {
    case 421:
      return Errc::closed;
    case 430:  // RFC draft; some servers: invalid user or password
    case 530:
    case 532:
    case 332:
      return Errc::login_refused;
    case 431:
    case 521:  // data connection cannot be opened with this PROT setting
      return Errc::tls_failed;
    case 522:
      // RFC 2428: address family not supported; vsftpd: the TLS session was not reused.
      return verb == "EPSV" || verb == "EPRT" ? Errc::unsupported : Errc::tls_failed;
    case 500:
    case 502:
    case 504:
    case 533:  // RFC 4217: the protection level asked for is refused
    case 534:
    case 535:
    case 536:
    case 537:
      return Errc::unsupported;
    default:
      return std::nullopt;
  }
}

/// What a code means when its words say nothing.
Errc fallback_for(std::string_view verb, int code) {
  switch (code) {
    case 425:
      return Errc::unreachable;
    case 426:
      return Errc::truncated;
    case 450:
      return Errc::busy;
    case 452:
      return Errc::no_space;
    case 501:
      return verb == "REST" || verb == "OPTS" ? Errc::unsupported : Errc::invalid_argument;
    case 503:
    case 550:
      return Errc::refused;
    case 552:
      return Errc::no_space;
    case 553:
      return Errc::access_denied;
    case 554:  // RFC 3659 §5.4: the restart point lies behind the end, so the file shrank
      return verb == "RETR" ? Errc::stale : Errc::invalid_argument;
    default:
      return Errc::io_error;
  }
}

}  // namespace

Errc classify_refusal(std::string_view verb, const Reply& reply) {
  if (reply.is_positive() && reply.code != 332) {
    return Errc::protocol_error;
  }
  if (const auto means = meaning_of(verb, reply.code)) {
    return *means;
  }
  const auto means = meaning_of(reply.lines);
  // The data connection failed, which says nothing of the file, but for a full disk.
  const bool is_about_data = reply.code == 425 || reply.code == 426;
  if (means && (!is_about_data || is_space(means))) {
    // Pure-FTPd deletes no directory, and says it so.
    const bool is_pure_dele = verb == "DELE" && *means == Errc::invalid_argument;
    return is_pure_dele ? Errc::is_directory : *means;
  }
  return fallback_for(verb, reply.code);
}

Error make_refusal(std::string_view verb, const Reply& reply) {
  const Errc code = classify_refusal(verb, reply);
  const bool is_broken = code == Errc::closed || code == Errc::protocol_error;
  std::string text = is_broken && reply.is_positive()
                         ? fmt::format("unexpected answer to {}: {}", verb, reply.text())
                         : fmt::format("the server refused {}: {}", verb, reply.text());
  return is_broken ? make_broken(code, std::move(text), reply.code)
                   : make_error(code, std::move(text), reply.code);
}

}  // namespace ftpsfs::ftp
