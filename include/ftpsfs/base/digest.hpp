// SPDX-License-Identifier: MIT
//
// The digest of a file's content, as a value: what is sent, and what a server says that it has, are
// compared by it. Whoever computes one: net/content_digest.hpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace ftpsfs {

/// In the order of preference: SHA-512 is no better than SHA-256, and slower.
enum class DigestAlgorithm : std::uint8_t { sha256, sha512, sha1, md5, crc32 };

inline constexpr std::array kDigestAlgorithms = {DigestAlgorithm::sha256, DigestAlgorithm::sha512,
                                                 DigestAlgorithm::sha1, DigestAlgorithm::md5,
                                                 DigestAlgorithm::crc32};

/// As the HASH command calls it: "SHA-256".
constexpr const char* to_string(DigestAlgorithm algorithm) noexcept {
  constexpr std::array kNames = {"SHA-256", "SHA-512", "SHA-1", "MD5", "CRC32"};
  return kNames[static_cast<std::size_t>(algorithm)];
}

constexpr std::size_t digest_bytes(DigestAlgorithm algorithm) noexcept {
  constexpr std::array<std::size_t, 5> kBytes = {32, 64, 20, 16, 4};
  return kBytes[static_cast<std::size_t>(algorithm)];
}

struct Digest {
  DigestAlgorithm algorithm = DigestAlgorithm::sha256;
  std::string hex;          ///< lower case
  std::uint64_t bytes = 0;  ///< of which it is the digest
};

}  // namespace ftpsfs
