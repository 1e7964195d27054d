// SPDX-License-Identifier: MIT
//
// See certificate_parse.hpp.
#include "certificate_parse.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

namespace ftpsfs::net {
namespace {

std::vector<CertificatePtr> parse_pem(const std::string& bytes) {
  std::vector<CertificatePtr> found;
  const BioPtr source = bio_over(bytes);
  while (X509* const next = PEM_read_bio_X509_AUX(source.get(), nullptr, nullptr, nullptr)) {
    found.emplace_back(next);
  }
  return found;
}

CertificatePtr parse_der(const std::string& bytes) {
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  return CertificatePtr(d2i_X509(nullptr, &at, static_cast<long>(bytes.size())));
}

}  // namespace

bool looks_like_pem(const std::string& bytes) {
  return bytes.find("-----BEGIN ") != std::string::npos;
}

std::vector<CertificatePtr> parse_certificates(const std::string& bytes) {
  std::vector<CertificatePtr> found = parse_pem(bytes);
  if (found.empty()) {
    if (CertificatePtr der = parse_der(bytes)) {
      found.push_back(std::move(der));
    }
  }
  ERR_clear_error();  // the end of a bundle leaves traces
  return found;
}

std::vector<RevocationsPtr> parse_revocations(const std::string& bytes) {
  std::vector<RevocationsPtr> found;
  const BioPtr source = bio_over(bytes);
  while (X509_CRL* const next = PEM_read_bio_X509_CRL(source.get(), nullptr, nullptr, nullptr)) {
    found.emplace_back(next);
  }
  if (found.empty()) {
    const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
    if (X509_CRL* const der = d2i_X509_CRL(nullptr, &at, static_cast<long>(bytes.size()))) {
      found.emplace_back(der);
    }
  }
  ERR_clear_error();
  return found;
}

}  // namespace ftpsfs::net
