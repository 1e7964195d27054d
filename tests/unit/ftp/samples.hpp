// SPDX-License-Identifier: MIT
//
// Replies and recorded files for the tests of this floor.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "ftpsfs/ftp/reply.hpp"

namespace ftpsfs::ftp {

/// The one reply that `wire` holds; LF alone ends its lines.
inline Reply reply_of(std::string_view wire) {
  ReplyParser parser;
  EXPECT_TRUE(parser.feed(wire)) << wire;
  EXPECT_TRUE(parser.feed("\n"));
  const auto reply = parser.next();
  EXPECT_TRUE(reply) << wire;
  EXPECT_TRUE(parser.empty()) << wire;
  return reply.value_or(Reply{});
}

/// A file of tests/data/ftp.
inline std::string read_sample(const std::string& name) {
  std::ifstream file(std::string(FTPSFS_TEST_DATA) + "/ftp/" + name, std::ios::binary);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// One command of a recorded dialogue and what the server answered, with CRLF.
struct Exchange {
  std::string command;
  std::string answer;
};

inline std::vector<Exchange> read_dialogue(const std::string& name) {
  std::vector<Exchange> exchanges;
  const std::string text = read_sample(name);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    if (line.starts_with("C: ")) {
      exchanges.push_back({line.substr(3), {}});
    } else if (line.starts_with("S: ") && !exchanges.empty()) {
      exchanges.back().answer += line.substr(3) + "\r\n";
    }
  }
  EXPECT_FALSE(exchanges.empty()) << name;
  return exchanges;
}

/// The first answer to `command`, as one reply.
inline Reply answer_to(const std::string& dialogue, std::string_view command) {
  for (const Exchange& exchange : read_dialogue(dialogue)) {
    if (exchange.command == command) {
      ReplyParser parser;
      EXPECT_TRUE(parser.feed(exchange.answer));
      return parser.next().value_or(Reply{});
    }
  }
  ADD_FAILURE() << dialogue << " has no " << command;
  return {};
}

}  // namespace ftpsfs::ftp
