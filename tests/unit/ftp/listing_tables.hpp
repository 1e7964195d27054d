// SPDX-License-Identifier: MIT
//
// The tables of recorded lines in tests/data/ftp/listings; SOURCES.md there explains their form.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ftpsfs/ftp/ascii.hpp"
#include "ftpsfs/ftp/civil_time.hpp"
#include "ftpsfs/ftp/list_dialect.hpp"
#include "samples.hpp"

namespace ftpsfs::ftp {

/// One listing of a table, and what must be read in it.
struct TabledListing {
  std::string where;  ///< file and line, for messages
  Dialect dialect = Dialect::unix_ls;
  ListContext context;
  std::string body;
  std::size_t lines = 0;
  std::vector<std::string> files;   ///< "KIND SIZE TIME NAME", in any order
  std::vector<std::string> unread;  ///< lines
};

inline std::string unescape(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      result += text[i];
    } else if (text[++i] == 't') {
      result += '\t';
    } else if (text[i] == 'x') {
      const std::string digits(text.substr(i + 1, 2));
      result += static_cast<char>(std::stoi(digits, nullptr, 16));
      i += 2;
    } else {
      result += text[i];
    }
  }
  return result;
}

inline Dialect dialect_called(std::string_view name) {
  constexpr std::array<std::string_view, 9> kNames = {"unix",    "dos", "os400", "mvs",    "vms",
                                                      "nonstop", "vm",  "eplf",  "numeric"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) {
      return static_cast<Dialect>(i);
    }
  }
  ADD_FAILURE() << "no such dialect: " << name;
  return Dialect::unix_ls;
}

inline std::string show(const FileFacts& facts) {
  constexpr std::array<std::string_view, 6> kKinds = {"file", "dir",  "cdir",
                                                      "pdir", "link", "other"};
  std::string text(kKinds[static_cast<std::size_t>(facts.kind)]);
  text += ' ' + (facts.size ? std::to_string(*facts.size) : "-") + ' ';
  if (!facts.modify) {
    return text + "- " + facts.name;
  }
  const CivilTime time = from_unix_seconds(facts.modify->unix_seconds);
  const auto two = [](unsigned value) { return (value < 10 ? "0" : "") + std::to_string(value); };
  text += std::to_string(time.year) + '-' + two(time.month) + '-' + two(time.day);
  if (facts.modify->grain != FactGrain::day) {
    text += 'T' + two(time.hour) + ':' + two(time.minute);
  }
  if (facts.modify->grain == FactGrain::second) {
    text += ':' + two(time.second);
  }
  return text + ' ' + facts.name + (facts.symlink_target ? " -> " + *facts.symlink_target : "");
}

inline TabledListing begin_listing(std::string_view heading, const std::string& where) {
  TabledListing listing;
  listing.where = where;
  const auto words = ascii::split(heading, " ");
  listing.dialect = dialect_called(words.at(0));
  CivilTime now;
  const std::string time(words.at(1));
  now.year = std::stoi(time.substr(0, 4));
  now.month = static_cast<unsigned>(std::stoi(time.substr(5, 2)));
  now.day = static_cast<unsigned>(std::stoi(time.substr(8, 2)));
  now.hour = static_cast<unsigned>(std::stoi(time.substr(11, 2)));
  listing.context.now = WallTime(std::chrono::seconds(to_unix_seconds(now).value_or(0)));
  for (std::size_t i = 2; i < words.size(); ++i) {
    const std::string_view value = words[i].substr(words[i].find('=') + 1);
    if (words[i].starts_with("expected=")) {
      listing.context.expected = dialect_called(value);
    } else if (words[i].starts_with("order=")) {
      listing.context.date_order = value == "ymd"   ? DateOrder::ymd
                                   : value == "mdy" ? DateOrder::mdy
                                                    : DateOrder::dmy;
    }
  }
  return listing;
}

inline std::vector<TabledListing> read_listing_table(const std::string& name) {
  std::vector<TabledListing> listings;
  const std::string text = read_sample("listings/" + name + ".txt");
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    ++number;
    if (line.starts_with("@ ")) {
      listings.push_back(
          begin_listing(std::string_view(line).substr(2), name + ".txt:" + std::to_string(number)));
    } else if (line.starts_with("> ")) {
      listings.back().body += unescape(std::string_view(line).substr(2)) + "\r\n";
      ++listings.back().lines;
    } else if (line.starts_with("= ")) {
      listings.back().files.push_back(unescape(std::string_view(line).substr(2)));
    } else if (line.starts_with("? ")) {
      listings.back().unread.push_back(unescape(std::string_view(line).substr(2)));
    }
  }
  EXPECT_FALSE(listings.empty()) << name;
  return listings;
}

}  // namespace ftpsfs::ftp
