// SPDX-License-Identifier: MIT
#include "ftpsfs/net/content_digest.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/crc.hpp>
#include <string>
#include <utility>

#include "openssl_ptr.hpp"

namespace ftpsfs::net {

class ContentDigest::Engine {
 public:
  virtual ~Engine() = default;
  virtual void add(std::span<const std::byte> bytes) = 0;
  virtual std::string hex() const = 0;  ///< empty: it has failed
};

class ContentDigest::Evp final : public Engine {
 public:
  explicit Evp(DigestContextPtr context) : context_(std::move(context)) {}

  void add(std::span<const std::byte> bytes) override {
    good_ = EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1 && good_;
  }

  std::string hex() const override {
    const DigestContextPtr copy(EVP_MD_CTX_new());
    std::array<unsigned char, EVP_MAX_MD_SIZE> value{};
    unsigned size = 0;
    const bool done = copy && EVP_MD_CTX_copy_ex(copy.get(), context_.get()) == 1 &&
                      EVP_DigestFinal_ex(copy.get(), value.data(), &size) == 1;
    std::string text;
    for (unsigned i = 0; good_ && done && i < size; ++i) {
      text += fmt::format("{:02x}", value[i]);
    }
    return text;
  }

 private:
  const DigestContextPtr context_;
  bool good_ = true;
};

class ContentDigest::Crc final : public Engine {
 public:
  void add(std::span<const std::byte> bytes) override {
    crc_.process_bytes(bytes.data(), bytes.size());
  }
  std::string hex() const override { return fmt::format("{:08x}", crc_.checksum()); }

 private:
  boost::crc_32_type crc_;
};

std::unique_ptr<ContentDigest> ContentDigest::create(DigestAlgorithm algorithm) {
  std::unique_ptr<Engine> engine;
  if (algorithm == DigestAlgorithm::crc32) {
    engine = std::make_unique<Crc>();
  } else {
    // OpenSSL knows them under the names that HASH has for them.
    const DigestMethodPtr method(EVP_MD_fetch(nullptr, to_string(algorithm), nullptr));
    DigestContextPtr context(EVP_MD_CTX_new());
    if (!method || !context || EVP_DigestInit_ex2(context.get(), method.get(), nullptr) != 1) {
      return nullptr;
    }
    engine = std::make_unique<Evp>(std::move(context));
  }
  return std::unique_ptr<ContentDigest>(new ContentDigest(algorithm, std::move(engine)));
}

ContentDigest::ContentDigest(DigestAlgorithm algorithm, std::unique_ptr<Engine> engine)
    : algorithm_(algorithm), engine_(std::move(engine)) {}

ContentDigest::~ContentDigest() = default;

void ContentDigest::add(std::span<const std::byte> bytes) {
  engine_->add(bytes);
  bytes_ += bytes.size();
}

std::optional<Digest> ContentDigest::value() const {
  std::string hex = engine_->hex();
  return hex.empty() ? std::nullopt : std::optional(Digest{algorithm_, std::move(hex), bytes_});
}

}  // namespace ftpsfs::net
