// SPDX-License-Identifier: MIT
#include "ftpsfs/net/content_digest.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace ftpsfs::net {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

/// RFC 1321, FIPS 180-4, and the check value of CRC-32.
TEST(ContentDigest, OfTheKnownTexts) {
  const auto of = [](DigestAlgorithm algorithm, std::string_view text) {
    const auto digest = ContentDigest::create(algorithm);
    digest->add(bytes_of(text));
    return digest->value().value_or(Digest{}).hex;
  };
  EXPECT_EQ(of(DigestAlgorithm::sha256, "abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(of(DigestAlgorithm::sha512, "abc"),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
  EXPECT_EQ(of(DigestAlgorithm::sha1, "abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(of(DigestAlgorithm::md5, "abc"), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(of(DigestAlgorithm::crc32, "123456789"), "cbf43926");
}

TEST(ContentDigest, GoesOnBehindAValue) {
  for (const DigestAlgorithm algorithm : kDigestAlgorithms) {
    const auto parts = ContentDigest::create(algorithm);
    parts->add(bytes_of("one "));
    const Digest early = parts->value().value_or(Digest{});
    EXPECT_EQ(early.hex.size(), 2 * digest_bytes(algorithm));
    EXPECT_EQ(early.bytes, 4U);
    parts->add(bytes_of("and two"));
    const auto whole = ContentDigest::create(algorithm);
    whole->add(bytes_of("one and two"));
    EXPECT_EQ(parts->value()->hex, whole->value()->hex);
    EXPECT_EQ(parts->bytes(), 11U);
    EXPECT_NE(parts->value()->hex, early.hex);
  }
}

}  // namespace
}  // namespace ftpsfs::net
