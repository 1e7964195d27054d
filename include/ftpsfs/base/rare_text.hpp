// SPDX-License-Identifier: MIT
//
// A string that most objects do not have: a pointer's worth of memory where it is absent, not the
// forty bytes of std::optional<std::string>. For values of which there are a million. A value.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace ftpsfs {

class RareText {
 public:
  RareText() = default;
  RareText(std::string text) : text_(std::make_unique<const std::string>(std::move(text))) {}
  RareText(const std::optional<std::string>& text) {
    if (text) {
      *this = RareText(*text);
    }
  }
  RareText(const RareText& other)
      : text_(other.text_ ? std::make_unique<const std::string>(*other.text_) : nullptr) {}
  RareText(RareText&&) noexcept = default;
  RareText& operator=(RareText other) noexcept {
    text_ = std::move(other.text_);
    return *this;
  }
  ~RareText() = default;

  explicit operator bool() const noexcept { return text_ != nullptr; }
  /// @pre there is one.
  const std::string& operator*() const noexcept { return *text_; }
  const std::string* operator->() const noexcept { return text_.get(); }

 private:
  std::unique_ptr<const std::string> text_;
};

}  // namespace ftpsfs
