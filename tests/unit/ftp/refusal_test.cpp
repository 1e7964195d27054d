// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/refusal.hpp"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "samples.hpp"

namespace ftpsfs::ftp {
namespace {

std::string classify(std::string_view verb, std::string_view reply) {
  return to_string(classify_refusal(verb, reply_of(reply)));
}

/// Every refusal that the four servers gave to known causes.
TEST(Refusal, OfTheServers) {
  std::istringstream rows(read_sample("refusals.tsv"));
  std::string row;
  int count = 0;
  while (std::getline(rows, row)) {
    if (row.starts_with("#")) {
      continue;
    }
    std::istringstream columns(row);
    std::string server;
    std::string verb;
    std::string reply;
    std::string meaning;
    std::getline(columns, server, '\t');
    std::getline(columns, verb, '\t');
    std::getline(columns, reply, '\t');
    std::getline(columns, meaning, '\t');
    EXPECT_EQ(classify(verb, reply), meaning) << row;
    ++count;
  }
  EXPECT_GT(count, 150);
}

TEST(Refusal, ByCodeAlone) {
  struct Case {
    std::string_view verb;
    std::string_view reply;
    std::string_view meaning;
  };
  const Case cases[] = {
      {"RETR", "421 Timeout: No such file or directory", "closed"},
      {"RETR", "425 Unable to build data connection: Operation not permitted", "unreachable"},
      {"STOR", "426 Failure reading network stream.", "truncated"},
      {"STOR", "426 No space left on device; transfer aborted.", "no_space"},
      {"STOR", "450 Try again", "busy"},
      {"STOR", "451 Local error", "io_error"},
      {"STOR", "451 Failure writing to local file.", "no_space"},
      {"STOR", "452 Insufficient", "no_space"},
      {"MLST", "500 Unknown command.", "unsupported"},
      {"MLST", "502 Not implemented: Permission denied", "unsupported"},
      {"TYPE", "504 no", "unsupported"},
      {"REST", "501 REST not compatible with server configuration", "unsupported"},
      {"MFMT", "501 what", "invalid_argument"},
      {"RNTO", "503 RNFR required first.", "refused"},
      {"AUTH", "534 Policy", "unsupported"},
      {"PROT", "536 no", "unsupported"},
      {"AUTH", "431 no certificate", "tls_failed"},
      {"EPSV", "522 Network protocol not supported, use (1)", "unsupported"},
      {"RETR", "522 SSL connection failed; session reuse required", "tls_failed"},
      {"LIST", "521 PROT P required", "tls_failed"},
      {"PASS", "530 Login incorrect.", "login_refused"},
      {"PASS", "430 no", "login_refused"},
      {"STOR", "532 Need account", "login_refused"},
      {"PASS", "332 Need account", "login_refused"},
      {"RETR", "550 Failed to open file.", "refused"},
      {"RETR", "550", "refused"},
      {"STOR", "552 Exceeded storage allocation", "no_space"},
      {"STOR", "552 Quota exceeded", "quota_exceeded"},
      {"STOR", "553 Could not create file.", "access_denied"},
      {"STOR", "553 File name not allowed: quota", "quota_exceeded"},
      {"RETR", "554 REST position (100) > file size (6)", "stale"},
      {"STOR", "554 invalid REST parameter", "invalid_argument"},
      {"RETR", "551 Error on input file", "io_error"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(classify(c.verb, c.reply), c.meaning) << c.verb << ": " << c.reply;
  }
}

TEST(Refusal, ByWords) {
  struct Case {
    std::string_view reply;
    std::string_view meaning;
  };
  const Case cases[] = {
      {"550 The system cannot find the file specified.", "not_found"},
      {"550 File not found", "not_found"},
      {"550 Access is denied.", "access_denied"},
      {"550 Not enough privileges.", "access_denied"},
      {"550 Cannot create a file when that file already exists.", "already_exists"},
      {"550 The directory is not empty.", "not_empty"},
      {"550 Read-only file system", "read_only"},
      {"550 x: File name too long", "name_too_long"},
      {"550 x: Device or resource busy", "busy"},
      {"550 x: Text file busy", "busy"},
      {"550 The process cannot access the file because it is being used by another process.",
       "busy"},
      {"550 NO SUCH FILE", "not_found"},
      {"450 No files found", "refused"},
      {"550 x: Too many levels of symbolic links", "refused"},
      {"550-First line: Permission denied\n550 Sorry", "access_denied"},
      {"550-x: No such file or directory\n550 y: Permission denied", "access_denied"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(classify("DELE", c.reply), c.meaning) << c.reply;
  }
}

TEST(Refusal, IsNotFooledByThePath) {
  EXPECT_EQ(classify("RETR", "550 /Permission denied: No such file or directory"), "not_found");
  EXPECT_EQ(classify("MKD", "550 /No such file: File exists"), "already_exists");
  EXPECT_EQ(classify("SIZE", "550 /No such file is not retrievable."), "refused");
  EXPECT_EQ(classify("MLST", "550 '/Permission denied' cannot be listed"), "refused");
}

TEST(Refusal, IsFoundBehindALongPath) {
  EXPECT_EQ(classify("RETR", "550 /" + std::string(1900, 'n') + ": No such file or directory"),
            "not_found");
}

TEST(Refusal, OfPureFtpdToDeleteADirectory) {
  EXPECT_EQ(classify("DELE", "550 Could not delete /dir: Invalid argument"), "is_directory");
  EXPECT_EQ(classify("RNTO", "451 Rename/move failure: Invalid argument"), "invalid_argument");
}

TEST(Refusal, ErrorSaysWhatAndWhy) {
  const Error error = make_refusal("RETR", reply_of("550 /x: No such file or directory"));
  EXPECT_EQ(error.code, Errc::not_found);
  EXPECT_EQ(error.text, "the server refused RETR: 550 /x: No such file or directory");
  EXPECT_EQ(error.reply_code, 550);
  EXPECT_EQ(error.fate, SessionFate::usable);
  EXPECT_EQ(make_refusal("NOOP", reply_of("421 Timeout")).fate, SessionFate::broken);
}

TEST(Refusal, APositiveReplyIsOutOfStep) {
  const Error error = make_refusal("SIZE", reply_of("226 Transfer complete"));
  EXPECT_EQ(error.code, Errc::protocol_error);
  EXPECT_EQ(error.fate, SessionFate::broken);
  EXPECT_EQ(error.text, "unexpected answer to SIZE: 226 Transfer complete");
}

}  // namespace
}  // namespace ftpsfs::ftp
