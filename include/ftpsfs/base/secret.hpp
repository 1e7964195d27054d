// SPDX-License-Identifier: MIT
//
// A password in memory: overwritten before its memory is given back, never printed (there is no
// way to format one), copied only on purpose. Not thread-safe; const members are.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace ftpsfs {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view text) : text_(text) {}
  /// Takes the characters over and wipes the string that held them (a short string is copied by
  /// its move).
  explicit Secret(std::string&& text) : text_(text) { wipe(text); }
  ~Secret() { wipe(text_); }

  Secret(const Secret&) = default;
  Secret& operator=(const Secret& other) {
    if (this != &other) {
      wipe(text_);
      text_ = other.text_;
    }
    return *this;
  }
  Secret(Secret&& other) noexcept : text_(std::move(other.text_)) { wipe(other.text_); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      wipe(text_);
      text_ = std::move(other.text_);
      wipe(other.text_);
    }
    return *this;
  }

  bool empty() const noexcept { return text_.empty(); }
  /// For the one place that sends it.
  std::string_view reveal() const noexcept { return text_; }

  /// Overwrites every byte in a way that the compiler keeps, and empties the string.
  static void wipe(std::string& text) noexcept {
    volatile char* bytes = text.data();
    for (std::size_t i = 0; i < text.capacity(); ++i) {
      bytes[i] = 0;
    }
    text.clear();
  }

 private:
  std::string text_;
};

}  // namespace ftpsfs
