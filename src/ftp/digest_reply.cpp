// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/digest_reply.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "ftpsfs/ftp/ascii.hpp"
#include "ftpsfs/ftp/refusal.hpp"

namespace ftpsfs::ftp {
namespace {

bool is_hex(std::string_view word) {
  return std::all_of(word.begin(), word.end(), [](char c) {
    return ascii::is_digit(c) || (ascii::to_lower(c) >= 'a' && ascii::to_lower(c) <= 'f');
  });
}

bool is_digest(std::string_view word, DigestAlgorithm algorithm) {
  return word.size() == 2 * digest_bytes(algorithm) && is_hex(word);
}

/// A CRC without its zeros in front. "ADDED" is none.
bool is_short_number(std::string_view word) {
  return word.size() < 2 * digest_bytes(DigestAlgorithm::crc32) && is_hex(word) &&
         std::any_of(word.begin(), word.end(), ascii::is_digit);
}

/// "0-49"
bool is_range(std::string_view word) {
  const std::size_t dash = word.find('-');
  return dash != std::string_view::npos && ascii::parse_number(word.substr(0, dash)) &&
         ascii::parse_number(word.substr(dash + 1));
}

/// "SHA-256" and "SHA256" are the same.
std::string plain_name(std::string_view algorithm) {
  std::string name = ascii::upper(algorithm);
  std::erase(name, '-');
  return name;
}

/// Algorithm, range, digest, path: what stands where is said.
std::optional<std::string> read_hash(DigestAlgorithm algorithm, std::string_view line) {
  const auto words = ascii::split(line, " \t");
  if (words.size() < 2 || plain_name(words.front()) != plain_name(to_string(algorithm))) {
    return std::nullopt;
  }
  const std::size_t at = is_range(words[1]) ? 2 : 1;
  if (at >= words.size() || !is_digest(words[at], algorithm)) {
    return std::nullopt;
  }
  return ascii::lower(words[at]);
}

/// Without the path, where the line begins with it, as it is or quoted.
std::string_view behind_path(std::string_view line, std::string_view path) {
  const std::string quoted = fmt::format("\"{}\"", path);
  for (const std::string_view start : {path, std::string_view(quoted)}) {
    if (line.starts_with(start) && (line.size() == start.size() || line[start.size()] == ' ')) {
      return ascii::trim(line.substr(start.size()));
    }
  }
  return line;
}

/// The words around the digest are anything.
std::optional<std::string> read_word(std::string_view verb, DigestAlgorithm algorithm,
                                     std::string_view path, std::string_view line) {
  line = ascii::trim(line);
  if (ascii::starts_with_ignoring_case(line, std::string(verb) + " ")) {
    line = ascii::trim(line.substr(verb.size()));
  }
  line = behind_path(line, path);
  const auto words = ascii::split(line, " \t");
  if (algorithm == DigestAlgorithm::crc32 && words.size() == 1 && is_short_number(words.front())) {
    return fmt::format("{:0>8}", ascii::lower(words.front()));
  }
  std::optional<std::string> found;
  for (const std::string_view word : words) {
    if (is_digest(word, algorithm)) {
      const std::string digest = ascii::lower(word);
      if (found && *found != digest) {
        return std::nullopt;
      }
      found = digest;
    }
  }
  return found;
}

}  // namespace

std::string digest_argument(std::string_view verb, std::string_view path) {
  if (!verb.starts_with('X') || path.find(' ') == std::string_view::npos) {
    return std::string(path);
  }
  return path.find('"') == std::string_view::npos ? fmt::format("\"{}\"", path) : std::string();
}

Result<std::string> parse_digest(std::string_view verb, DigestAlgorithm algorithm,
                                 std::string_view path, const Reply& reply) {
  if (!reply.is_completion()) {
    return make_refusal(verb, reply);
  }
  const std::string_view line = reply.lines.empty() ? std::string_view() : reply.lines.back();
  auto digest = verb == "HASH" ? read_hash(algorithm, ascii::trim(line))
                               : read_word(verb, algorithm, path, line);
  if (!digest) {
    return make_error(Errc::protocol_error,
                      fmt::format("cannot read the server's answer to {}: {}", verb, reply.text()),
                      reply.code);
  }
  return *std::move(digest);
}

}  // namespace ftpsfs::ftp
