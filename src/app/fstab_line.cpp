// SPDX-License-Identifier: MIT
#include "ftpsfs/app/fstab_line.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "ftpsfs/app/mount_url.hpp"

namespace ftpsfs::app {
namespace {

std::string list_item_escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == ',' || c == '\\') {
      out += '\\';
    }
    out += c;
  }
  return out;
}

}  // namespace

std::string fstab_field(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\\' || c == '#') {
      out += fmt::format("\\{:03o}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out;
}

std::vector<std::string> fstab_options(const std::vector<GivenOption>& given) {
  std::vector<std::string> items;
  for (const GivenOption& option : given) {
    const OptionRow& row = *option.row;
    const bool is_of_one_run = row.group == OptionGroup::run || (row.scope & kMountScope) == 0 ||
                               row.name == "password_stdin";
    if (is_of_one_run || row.store == nullptr) {
      continue;
    }
    const std::string value = row.name == "proxy" ? password_removed(option.value) : option.value;
    items.push_back(value.empty() ? std::string(row.name)
                                  : fmt::format("{}={}", row.name, list_item_escaped(value)));
  }
  return items;
}

std::string fstab_line(std::string_view source, std::string_view mount_point,
                       const std::vector<std::string>& options) {
  std::string list;
  for (const std::string& item : options) {
    list += item + ",";
  }
  list += "_netdev,nofail";
  return fmt::format("{}  {}  ftpsfs  {}  0  0", fstab_field(source), fstab_field(mount_point),
                     fstab_field(list));
}

}  // namespace ftpsfs::app
