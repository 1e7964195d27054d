// SPDX-License-Identifier: MIT
//
// A certificate authority for tests, made once in each process: server certificates that are good,
// and ones that are wrong in exactly one way. Files lie in a temporary directory that goes with the
// process. Thread-safe after the first call of instance().
#pragma once

#include <string>

namespace ftpsfs::test {

enum class ServerCertificate {
  good,         ///< localhost, 127.0.0.1, ::1; signed by the test CA
  other_good,   ///< the same names, another key and certificate
  wrong_name,   ///< elsewhere.example and *.example.org; signed by the test CA
  expired,      ///< good names; ended 2020-01-02 03:04:05
  not_yet,      ///< good names; begins 2090-01-01
  self_signed,  ///< good names; signed by itself
  unknown_ca,   ///< good names; signed by a CA named "Unknown Test CA"
};

class TestCertificates {
 public:
  static const TestCertificates& instance();
  ~TestCertificates();
  TestCertificates(const TestCertificates&) = delete;
  TestCertificates& operator=(const TestCertificates&) = delete;

  /// PEM of the CA ("ftpsfs Test CA") that signed the good ones: give it as cacert.
  const std::string& ca_file() const { return ca_file_; }
  /// PEM of its key.
  std::string ca_key_file() const { return directory_ + "/ca.key"; }
  /// The same certificate in DER.
  const std::string& ca_der_file() const { return ca_der_file_; }
  /// A directory that holds only the CA, under its hashed name.
  const std::string& ca_directory() const { return ca_directory_; }
  /// A place for a test's own files.
  const std::string& scratch_directory() const { return directory_; }
  /// PEM files of a server's certificate and key.
  std::string certificate_file(ServerCertificate which) const;
  std::string key_file(ServerCertificate which) const;

 private:
  TestCertificates();

  std::string directory_;
  std::string ca_file_;
  std::string ca_der_file_;
  std::string ca_directory_;
};

}  // namespace ftpsfs::test
