// SPDX-License-Identifier: MIT
//
// Any argv: a result or an error, and never a password in the error.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "ftpsfs/app/option_parser.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Words are separated by line ends; the first byte chooses the interface.
  std::vector<std::string> words(1);
  for (std::size_t i = 1; i < size; ++i) {
    if (data[i] == '\n') {
      words.emplace_back();
    } else {
      words.back() += static_cast<char>(data[i]);
    }
  }
  const bool helper = size > 0 && data[0] == 'h';
  const auto line = helper ? ftpsfs::app::parse_mount_helper_line(words, "/start")
                           : ftpsfs::app::parse_command_line(words, "/start");
  if (!line && line.error().text.empty()) {
    std::abort();
  }
  for (const std::string& word : words) {
    std::size_t letters = 0;
    for (const std::string& item : ftpsfs::app::split_option_list(word)) {
      letters += item.size();
    }
    if (letters > word.size()) {
      std::abort();
    }
  }
  return 0;
}
