// SPDX-License-Identifier: MIT
//
// The test certificates' keys in all the forms in which people keep them, as files of mode 0600 in
// the scratch directory of TestCertificates.
#pragma once

#include <string>

#include "support/test_certificates.hpp"

namespace ftpsfs::test {

enum class KeyForm {
  pem,                ///< PKCS#8
  encrypted_pem,      ///< PKCS#8, PBES2
  old_pem,            ///< "EC PRIVATE KEY", with its parameters in front
  old_encrypted_pem,  ///< "EC PRIVATE KEY" with DEK-Info, 3DES
  der,
  encrypted_der,
};

enum class Pkcs12Form {
  modern,  ///< PBES2, AES-256
  old,     ///< RC2-40 and 3DES, as Windows and IBM i exported for decades
};

inline constexpr const char* kTestPassphrase = "open sesame";

/// @return the file's path. Encrypted forms open with kTestPassphrase.
std::string write_key(ServerCertificate which, KeyForm form);

/// Key, certificate and CA. @param passphrase may be empty.
std::string write_pkcs12(ServerCertificate which, Pkcs12Form form,
                         const std::string& passphrase = kTestPassphrase);

/// The certificate alone, in DER.
std::string write_der_certificate(ServerCertificate which);

}  // namespace ftpsfs::test
