// SPDX-License-Identifier: MIT
//
// A network namespace with one TUN device in it, whose other end we hold. Both vanish with this
// object. Needs root.
#pragma once

#include <string>

namespace ftpsfs::test {

class NetworkNamespace {
 public:
  /// @param address of the device, e.g. "10.77.0.1", in a network of 256.
  /// @throws std::system_error
  explicit NetworkNamespace(const std::string& address);
  ~NetworkNamespace();
  NetworkNamespace(const NetworkNamespace&) = delete;
  NetworkNamespace& operator=(const NetworkNamespace&) = delete;

  /// Reads and writes one IP packet at a time; non-blocking.
  int device() const { return device_; }
  /// For nsenter --net=…, while this process lives.
  std::string path() const;

 private:
  int namespace_ = -1;
  int device_ = -1;
};

}  // namespace ftpsfs::test
