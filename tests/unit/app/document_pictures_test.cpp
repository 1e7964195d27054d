// SPDX-License-Identifier: MIT
//
// The pictures of terminals in README.md are what the program draws.
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <string>

#include "ftpsfs/app/check_report.hpp"
#include "ftpsfs/app/status_protocol.hpp"

namespace ftpsfs::app {
namespace {

/// What stands below the command in its block of code.
std::string picture_of(const std::string& command) {
  std::ifstream file(std::string(FTPSFS_TEST_DATA) + "/../../README.md");
  std::ostringstream read;
  read << file.rdbuf();
  const std::string text = read.str();
  const std::string line = "\n$ " + command + "\n";
  const std::size_t at = text.find(line);
  if (at == std::string::npos) {
    return "README.md does not have the command " + command;
  }
  const std::size_t begin = at + line.size();
  return text.substr(begin, text.find("```", begin) - begin);
}

TEST(DocumentPictures, StatusIsDrawnAsReadmeShowsIt) {
  StatusReport report;
  report.pid = 4711;
  report.mount_point = "/mnt/partner";
  report.source = "ftpes://ftp.partner.example/orders";
  report.username = "alice";
  report.server =
      "vsftpd 3.0.3: LIST -a, STAT -a ., UTF-8, REST, SIZE, MDTM, SITE CHMOD, EPSV, pipelining; "
      "TLSv1.3, TLS_AES_256_GCM_SHA384, data encrypted";
  report.server_certificate_ends = "2027-01-31 12:00 UTC";
  report.log_level = "warning";
  report.uptime_seconds = 7530;
  report.connections_limit = 10;
  report.connections_open = 3;
  report.connections_idle = 1;
  report.logins = 4;
  report.data_connections = 412;
  report.warm_starts = 398;
  report.fallbacks = 2;
  report.link_failures = 2;
  report.sent_again = 1;
  report.taken_up = 1;
  report.commands = 3712;
  report.flights = 1688;
  report.bytes_read = 1'288'490'188;
  report.bytes_written = 325'477'990;
  report.inodes = 4120;
  report.open_files = 2;
  report.unfinished_uploads = 1;
  report.failed_uploads = 1;
  report.failures = {{"/orders/out/big.iso", "the server has no room for it: 552 Disk full", 3720}};
  report.cache_bytes = 1'468'006;
  report.cache_hits = 18'977;
  report.cache_misses = 1'211;
  report.listed_ahead = 120;
  report.listed_ahead_used = 118;
  report.read_ahead = 64;
  report.read_ahead_used = 61;
  report.kernel_requests = 1;
  report.verbs = {{"RETR", 398, 61'200, 65'536, 131'072, 902'400},
                  {"STOR", 14, 402'000, 524'288, 1'048'576, 2'100'000}};
  report.transfers = {
      {"/orders/2024/archive.tar", false, 0, 612'000'000, 1'073'741'824, 12'134},
      {"/orders/out/.4711.csv.part", true, 0, 24'700'000, 0, 1'996},
  };
  StatusReport earlier = report;
  earlier.bytes_read -= 50'646'220;
  earlier.bytes_written -= 12'373'197;
  earlier.commands -= 31;
  EXPECT_EQ(as_live_text(report, &earlier, std::chrono::seconds(1)),
            picture_of("ftpsfs status --watch /mnt/partner"));
}

TEST(DocumentPictures, CheckIsToldAsReadmeShowsIt) {
  const auto ms = [](double milliseconds) {
    return std::chrono::microseconds(static_cast<long>(milliseconds * 1000));
  };
  CheckReport report;
  report.steps = {
      {"name", CheckOutcome::good, "ftp.partner.example is 192.0.2.7", ms(1.2)},
      {"TCP", CheckOutcome::good, "192.0.2.7:21", ms(20.4)},
      {"TLS", CheckOutcome::good, "TLSv1.3, TLS_AES_256_GCM_SHA384", ms(42.8)},
      {"certificate", CheckOutcome::good,
       "CN = ftp.partner.example, until 2027-01-31 12:00:00 UTC; the name is right"},
      {"chain", CheckOutcome::good, "CN = ftp.partner.example < CN = Partner CA"},
      {"public key", CheckOutcome::good, "pin=sha256:C5+lpZ7tcVwmwQIMcRtPbsQtWLABXhQzejna0wHFr8M="},
      {"ALPN", CheckOutcome::skipped, "the server does not use it, and need not"},
      {"login", CheckOutcome::good, "alice; it starts in /", ms(63.0)},
      {"FEAT", CheckOutcome::good,
       "11 features: AUTH TLS, EPRT, EPSV, MDTM, PASV, PBSZ, PROT, REST STREAM, SIZE, TVFS, UTF8",
       ms(20.6)},
      {"profile", CheckOutcome::good,
       "vsftpd 3.0.3: LIST -a, STAT -a ., UTF-8, REST, SIZE, MDTM, SITE CHMOD, EPSV, pipelining"},
      {"PROT", CheckOutcome::good, "P: files and listings are encrypted"},
      {"data connection", CheckOutcome::good, "passive: the server is dialled", ms(64.9)},
      {"session reuse", CheckOutcome::good,
       "the data connection resumed the TLS session of its login"},
      {"2 connections", CheckOutcome::good, "a second login at the same time is let in", ms(85.1)},
      {"listing", CheckOutcome::good, "17 entries in /orders, 2 of them directories", ms(22.3)},
      {"read", CheckOutcome::good, "/orders/4711.csv: 1284 bytes", ms(41.7)},
  };
  report.fstab_line =
      "ftpes://ftp.partner.example/orders  /mnt/ftp.partner.example  ftpsfs  "
      "credentials=/etc/ftpsfs/partner.cred,username=alice,_netdev,nofail  0  0";
  std::string drawn;
  for (const CheckStep& step : report.steps) {
    drawn += as_line(step);
  }
  EXPECT_EQ(drawn + check_end(report),
            picture_of("ftpsfs check -o credentials=/etc/ftpsfs/partner.cred "
                       "ftpes://alice@ftp.partner.example/orders"));
}

}  // namespace
}  // namespace ftpsfs::app
