// SPDX-License-Identifier: MIT
#include "ftpsfs/remote/hidden_names.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "ftpsfs/base/hex_id.hpp"

namespace ftpsfs::remote {
namespace {

constexpr std::string_view kPrefix = ".ftpsfs-";
constexpr std::string_view kPart = ".part";
constexpr std::string_view kRemoved = ".removed";
/// What follows it is the name that the file had.
constexpr std::string_view kAside = ".kept";
constexpr std::size_t kLongestHiddenName = 255;

std::string make_name(std::uint64_t mount, std::uint64_t number, std::string_view kind) {
  return fmt::format("{}{:016x}-{:x}{}", kPrefix, mount, number, kind);
}

}  // namespace

std::string HiddenNames::removed() {
  return make_name(mount_, ++count_, kRemoved);
}

std::string HiddenNames::upload_name(std::uint64_t mount, std::uint64_t number) {
  return make_name(mount, number, kPart);
}

std::string HiddenNames::aside_name(std::uint64_t mount, std::uint64_t number,
                                    std::string_view original) {
  std::string name = make_name(mount, number, kAside);
  if (name.size() + 1 + original.size() <= kLongestHiddenName) {
    name.append("-").append(original);
  }
  return name;
}

std::optional<HiddenName> HiddenNames::parse(std::string_view name) {
  if (!name.starts_with(kPrefix)) {
    return std::nullopt;
  }
  const std::string_view rest = name.substr(kPrefix.size());
  const std::size_t dot = rest.find('.');
  if (dot == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view whose = rest.substr(0, dot);
  const std::string_view kind = rest.substr(dot);
  HiddenName parsed;
  if (const std::size_t dash = whose.find('-'); dash != std::string_view::npos) {
    parsed.mount = parse_hex_id(whose.substr(0, dash));
  }
  if (kind == kPart) {
    return parsed;
  }
  if (kind == kRemoved) {
    parsed.kind = HiddenName::Kind::removed;
    return parsed;
  }
  if (kind == kAside || (kind.starts_with(kAside) && kind[kAside.size()] == '-')) {
    parsed.kind = HiddenName::Kind::aside;
    parsed.original = kind.substr(std::min(kind.size(), kAside.size() + 1));
    return parsed;
  }
  return std::nullopt;
}

}  // namespace ftpsfs::remote
