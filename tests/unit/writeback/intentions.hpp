// SPDX-License-Identifier: MIT
//
// Short ways to make intentions.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "ftpsfs/writeback/intention.hpp"

namespace ftpsfs::writeback {

inline remote::RemotePath path_of(const std::string& text) {
  auto path = remote::RemotePath::parse(text);
  EXPECT_TRUE(path) << text;
  return path ? *path : remote::RemotePath();
}

inline Base absent() {
  return {};
}
inline Base ours() {
  return {Base::Kind::ours, {}};
}
inline Base version(std::uint64_t size, std::int64_t seconds) {
  return {Base::Kind::version, {size, remote::FileTime{seconds, remote::TimeGrain::second}, {}}};
}

inline Intention upload(const std::string& path, ContentId content, Base base = {}) {
  Intention intention;
  intention.action = Action::upload;
  intention.path = path_of(path);
  intention.base = base;
  intention.content = content;
  return intention;
}
inline Intention rename(const std::string& path, const std::string& target, Base base = {}) {
  Intention intention;
  intention.action = Action::rename;
  intention.path = path_of(path);
  intention.target = path_of(target);
  intention.base = base;
  intention.source = ours();
  return intention;
}
/// A file that is removed is one of ours.
inline Intention simple(Action action, const std::string& path) {
  Intention intention;
  intention.action = action;
  intention.base = action == Action::remove_file ? ours() : absent();
  intention.path = path_of(path);
  return intention;
}
inline Intention attributes(const std::string& path, std::optional<std::int64_t> mtime,
                            std::optional<std::uint16_t> mode = std::nullopt) {
  Intention intention = simple(Action::set_attributes, path);
  intention.tail = {mtime, mode};
  return intention;
}

/// "upload /a", "rename /a /b", …
inline std::string words(const Intention& intention) {
  static const char* const kNames[] = {"?",     "upload", "mkdir",         "remove",
                                       "rmdir", "rename", "set attributes"};
  std::string text = kNames[static_cast<std::size_t>(intention.action)];
  text += " " + intention.path.str();
  if (intention.action == Action::rename) {
    text += " " + intention.target.str();
  }
  return text;
}

}  // namespace ftpsfs::writeback
