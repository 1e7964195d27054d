// SPDX-License-Identifier: MIT
//
// The digest of what an upload sends, each byte counted when it is sent for the first time: what
// the link's death makes it send again is not. Costs nothing while nobody wants one.
// Private to src/transfer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/net/content_digest.hpp"

namespace ftpsfs::transfer {

class SentDigest {
 public:
  /// From the first byte on; what has no algorithm then has none later.
  void choose(std::optional<DigestAlgorithm> algorithm) {
    if (chosen_) {
      return;
    }
    chosen_ = true;
    digest_ = algorithm ? net::ContentDigest::create(*algorithm) : nullptr;
    if (algorithm && !digest_) {
      log::warning("OpenSSL has no {} here: the upload's size alone is compared",
                   to_string(*algorithm));
    }
  }

  /// @param begin where the bytes are in what is sent. @pre no byte before them is left out.
  void add(std::uint64_t begin, std::span<const std::byte> bytes) {
    if (digest_) {
      const std::uint64_t known = std::max(digest_->bytes(), begin) - begin;
      digest_->add(bytes.subspan(std::min<std::uint64_t>(known, bytes.size())));
    }
  }

  /// Is there one, of so many bytes? Of none it proves no more than the size.
  bool covers(std::uint64_t bytes) const {
    return digest_ && bytes > 0 && digest_->bytes() == bytes;
  }
  std::optional<Digest> of(std::uint64_t bytes) const {
    return covers(bytes) ? digest_->value() : std::nullopt;
  }

 private:
  bool chosen_ = false;
  std::unique_ptr<net::ContentDigest> digest_;
};

}  // namespace ftpsfs::transfer
