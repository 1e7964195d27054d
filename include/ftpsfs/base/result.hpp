// SPDX-License-Identifier: MIT
//
// How expected failures travel: `Result<T>` holds a T or an `Error`. It is a strict subset of
// std::expected, so that it can become one. Exceptions are left for bugs and bad_alloc.
// Thread-safety: values; nothing is shared.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace ftpsfs {

/// What can go wrong, in two families: how a file operation ends (each has an errno of its own) and
/// how a dialogue with the server ends.
enum class Errc : std::uint8_t {
  // File operations.
  not_found,
  already_exists,
  not_empty,
  is_directory,
  not_directory,
  access_denied,
  not_permitted,
  no_space,
  quota_exceeded,
  invalid_argument,
  name_too_long,
  file_too_large,
  read_only,
  unsupported,
  stale,
  busy,
  io_error,
  // Dialogues.
  timed_out,       ///< a deadline passed
  cancelled,       ///< the caller's stop token was triggered
  closed,          ///< the peer ended or reset the connection
  unreachable,     ///< name not found, refused, no route
  refused,         ///< a negative reply whose meaning for a file is not settled yet
  protocol_error,  ///< the peer said something that the protocol does not allow
  tls_failed,      ///< handshake or record layer
  untrusted,       ///< the peer's certificate was not accepted, or it does not protect what we say
  login_refused,   ///< user, password, account or client certificate were not accepted
  truncated,       ///< data ended before its authenticated end
};

/// May the session that produced the error serve another request?
enum class SessionFate : std::uint8_t { usable, broken };

/// One failure. `text` is a line for people: cause first, then cure; it never holds a secret.
struct Error {
  Errc code = Errc::io_error;
  std::string text;
  int reply_code = 0;  ///< the FTP reply code that caused it, 0 when none did
  SessionFate fate = SessionFate::usable;
};

/// The errno that a program on the mount sees. Pure; total.
int to_errno(Errc code) noexcept;

/// A short name for logs, e.g. "timed_out".
const char* to_string(Errc code) noexcept;

/// Is it a matter of the link (worth another session) rather than the server's answer?
bool is_link_failure(Errc code) noexcept;

/// Those among them that say nothing but that the server is not reached now: waiting may help.
bool is_link_away(Errc code) noexcept;

/// Builds an Error whose session stays usable.
inline Error make_error(Errc code, std::string text, int reply_code = 0) {
  return Error{code, std::move(text), reply_code, SessionFate::usable};
}

/// Builds an Error after which the session must be thrown away.
inline Error make_broken(Errc code, std::string text, int reply_code = 0) {
  return Error{code, std::move(text), reply_code, SessionFate::broken};
}

template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  Error& error() & { return std::get<1>(state_); }
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

  template <typename U>
  T value_or(U&& fallback) const& {
    return has_value() ? value() : static_cast<T>(std::forward<U>(fallback));
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool has_value() const noexcept { return !error_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }

  Error& error() & { return *error_; }
  const Error& error() const& { return *error_; }
  Error&& error() && { return *std::move(error_); }

 private:
  std::optional<Error> error_;
};

}  // namespace ftpsfs

#define FTPSFS_CONCAT_INNER(a, b) a##b
#define FTPSFS_CONCAT(a, b) FTPSFS_CONCAT_INNER(a, b)

/// Evaluates a Result; on failure returns its Error from the enclosing function.
#define FTPSFS_TRY(expression)                     \
  do {                                             \
    auto ftpsfs_try_result = (expression);         \
    if (!ftpsfs_try_result) {                      \
      return std::move(ftpsfs_try_result).error(); \
    }                                              \
  } while (false)

/// FTPSFS_TRY_ASSIGN(auto x, f()): x gets the value, or the Error is returned.
#define FTPSFS_TRY_ASSIGN(target, expression) \
  FTPSFS_TRY_ASSIGN_INNER(target, expression, FTPSFS_CONCAT(ftpsfs_result_, __LINE__))
#define FTPSFS_TRY_ASSIGN_INNER(target, expression, holder) \
  auto holder = (expression);                               \
  if (!holder) {                                            \
    return std::move(holder).error();                       \
  }                                                         \
  target = *std::move(holder)
