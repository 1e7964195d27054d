// SPDX-License-Identifier: MIT
#include "ftpsfs/base/result.hpp"

#include <cerrno>

namespace ftpsfs {

int to_errno(Errc code) noexcept {
  switch (code) {
    case Errc::not_found:
      return ENOENT;
    case Errc::already_exists:
      return EEXIST;
    case Errc::not_empty:
      return ENOTEMPTY;
    case Errc::is_directory:
      return EISDIR;
    case Errc::not_directory:
      return ENOTDIR;
    case Errc::access_denied:
      return EACCES;
    case Errc::not_permitted:
      return EPERM;
    case Errc::no_space:
      return ENOSPC;
    case Errc::quota_exceeded:
      return EDQUOT;
    case Errc::invalid_argument:
      return EINVAL;
    case Errc::name_too_long:
      return ENAMETOOLONG;
    case Errc::file_too_large:
      return EFBIG;
    case Errc::read_only:
      return EROFS;
    case Errc::unsupported:
      return EOPNOTSUPP;
    case Errc::stale:
      return ESTALE;
    case Errc::busy:
      return EBUSY;
    case Errc::timed_out:
      return ETIMEDOUT;
    case Errc::cancelled:
      return EINTR;
    // A server that stopped accepting the login or the certificate denies access to its files; to
    // one that cannot be trusted, or no longer speaks TLS, it is ftpsfs that denies it.
    case Errc::login_refused:
      return EACCES;
    case Errc::untrusted:
      return EACCES;
    case Errc::io_error:
    case Errc::closed:
    case Errc::unreachable:
    case Errc::refused:
    case Errc::protocol_error:
    case Errc::tls_failed:
    case Errc::truncated:
      return EIO;
  }
  return EIO;
}

const char* to_string(Errc code) noexcept {
  switch (code) {
    case Errc::not_found:
      return "not_found";
    case Errc::already_exists:
      return "already_exists";
    case Errc::not_empty:
      return "not_empty";
    case Errc::is_directory:
      return "is_directory";
    case Errc::not_directory:
      return "not_directory";
    case Errc::access_denied:
      return "access_denied";
    case Errc::not_permitted:
      return "not_permitted";
    case Errc::no_space:
      return "no_space";
    case Errc::quota_exceeded:
      return "quota_exceeded";
    case Errc::invalid_argument:
      return "invalid_argument";
    case Errc::name_too_long:
      return "name_too_long";
    case Errc::file_too_large:
      return "file_too_large";
    case Errc::read_only:
      return "read_only";
    case Errc::unsupported:
      return "unsupported";
    case Errc::stale:
      return "stale";
    case Errc::busy:
      return "busy";
    case Errc::io_error:
      return "io_error";
    case Errc::timed_out:
      return "timed_out";
    case Errc::cancelled:
      return "cancelled";
    case Errc::closed:
      return "closed";
    case Errc::unreachable:
      return "unreachable";
    case Errc::refused:
      return "refused";
    case Errc::protocol_error:
      return "protocol_error";
    case Errc::tls_failed:
      return "tls_failed";
    case Errc::untrusted:
      return "untrusted";
    case Errc::login_refused:
      return "login_refused";
    case Errc::truncated:
      return "truncated";
  }
  return "unknown";
}

bool is_link_failure(Errc code) noexcept {
  switch (code) {
    case Errc::timed_out:
    case Errc::closed:
    case Errc::unreachable:
    case Errc::protocol_error:
    case Errc::tls_failed:
    case Errc::truncated:
      return true;
    default:
      return false;
  }
}

bool is_link_away(Errc code) noexcept {
  return code == Errc::timed_out || code == Errc::closed || code == Errc::unreachable;
}

}  // namespace ftpsfs
