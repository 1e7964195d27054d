// SPDX-License-Identifier: MIT
//
// Computes the digest of content while it passes. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "ftpsfs/base/digest.hpp"

namespace ftpsfs::net {

class ContentDigest {
 public:
  /// @return null where the machine's OpenSSL has not got the algorithm (FIPS: no MD5).
  static std::unique_ptr<ContentDigest> create(DigestAlgorithm algorithm);
  ~ContentDigest();
  ContentDigest(const ContentDigest&) = delete;
  ContentDigest& operator=(const ContentDigest&) = delete;

  void add(std::span<const std::byte> bytes);
  std::uint64_t bytes() const noexcept { return bytes_; }

  /// Of all that has been added so far; more may follow. @return nullopt: OpenSSL has failed.
  std::optional<Digest> value() const;

 private:
  class Engine;
  class Evp;
  class Crc;
  ContentDigest(DigestAlgorithm algorithm, std::unique_ptr<Engine> engine);

  const DigestAlgorithm algorithm_;
  const std::unique_ptr<Engine> engine_;
  std::uint64_t bytes_ = 0;
};

}  // namespace ftpsfs::net
