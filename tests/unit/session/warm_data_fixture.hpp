// SPDX-License-Identifier: MIT
//
// A session whose data connection was made ahead of need.
#pragma once

#include <string>

#include "session_fixture.hpp"

namespace ftpsfs::session {

inline constexpr const char* kVsftpd = "220 (vsFTPd 3.0.3)";
inline constexpr const char* kStamp = "213 5\r\n213 20200913122640\r\n";
inline constexpr const char* kRecord = "SIZE /f\r\nMDTM /f\r\nRETR /f\r\nEPSV\r\n";

/// The port of the login, 1001, leads to data_.
class WarmData : public SessionFixture {
 protected:
  WarmData() {
    settings_.password = Secret(std::string_view("s3cret"));
    transport_.add_data(&data_);
  }

  void begin(const std::string& greeting) { script_login(greeting, "229 (|||1001|)"); }

  /// Nothing may come before the transfer begins: that would be the end of the connection.
  void serve(test::ScriptedPeer& data, Gate& begun, const std::string& content) {
    data.run(begun.waiter()).send(content).close();
  }

  Gate begun_;
};

}  // namespace ftpsfs::session
