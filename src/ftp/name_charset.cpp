// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/name_charset.hpp"

#include <iconv.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace ftpsfs::ftp {

/// One direction of iconv(3).
class CharacterConverter {
 public:
  CharacterConverter(const char* to, const char* from) : handle_(::iconv_open(to, from)) {}
  ~CharacterConverter() {
    if (is_open()) {
      ::iconv_close(handle_);
    }
  }
  CharacterConverter(const CharacterConverter&) = delete;
  CharacterConverter& operator=(const CharacterConverter&) = delete;

  bool is_open() const noexcept { return reinterpret_cast<std::intptr_t>(handle_) != -1; }

  /// All of `input`, as one character or a few that belong together.
  /// @return absent when it is none.
  std::optional<std::string> convert(std::string_view input) {
    std::array<char, 32> output{};
    std::string copy(input);
    char* in = copy.data();
    std::size_t in_left = copy.size();
    char* out = output.data();
    std::size_t out_left = output.size();
    ::iconv(handle_, nullptr, nullptr, nullptr, nullptr);
    const std::size_t replaced = ::iconv(handle_, &in, &in_left, &out, &out_left);
    // What came out may still wait for a following character (TCVN, BIG5-HKSCS).
    if (replaced != 0 || in_left != 0 ||
        ::iconv(handle_, nullptr, nullptr, &out, &out_left) == static_cast<std::size_t>(-1)) {
      return std::nullopt;
    }
    return std::string(output.data(), output.size() - out_left);
  }

 private:
  iconv_t handle_;
};

namespace {

constexpr std::size_t kLongestCharacter = 4;
constexpr unsigned char kFirstBeyondAscii = 0x80;

bool is_beyond_ascii(char c) noexcept {
  return static_cast<unsigned char>(c) >= kFirstBeyondAscii;
}

/// May `c` stand behind the first byte of a UTF-8 character?
bool is_continuation(char c) noexcept {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

/// U+EF80 to U+EFFF in UTF-8: EE BE 80 to EE BF BF.
std::string escape_of(char byte) {
  const auto low = static_cast<unsigned char>(static_cast<unsigned char>(byte) - kFirstBeyondAscii);
  return {'\xEE', static_cast<char>(0xBE + (low >> 6)), static_cast<char>(0x80 | (low & 0x3F))};
}
std::optional<char> byte_of_escape(std::string_view character) {
  if (character.size() != 3 || character[0] != '\xEE' ||
      (character[1] != '\xBE' && character[1] != '\xBF') || !is_continuation(character[2])) {
    return std::nullopt;
  }
  const unsigned high = character[1] == '\xBF' ? 0x40 : 0;
  return static_cast<char>(kFirstBeyondAscii + high +
                           (static_cast<unsigned char>(character[2]) & 0x3FU));
}

/// Bytes of the UTF-8 character that begins `text`, as many of them as are there.
std::size_t utf8_length(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t length = first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  std::size_t there = 1;
  while (there < std::min(length, text.size()) && is_continuation(text[there])) {
    ++there;
  }
  return there;
}

}  // namespace

struct NameCharset::Converters {
  explicit Converters(const std::string& charset)
      : name(charset), in("UTF-8", charset.c_str()), out(charset.c_str(), "UTF-8") {}
  std::string name;
  CharacterConverter in;
  CharacterConverter out;
};

NameCharset::NameCharset(std::unique_ptr<Converters> converters)
    : converters_(std::move(converters)) {}
NameCharset::NameCharset(NameCharset&& other) noexcept = default;
NameCharset& NameCharset::operator=(NameCharset&& other) noexcept = default;
NameCharset::~NameCharset() = default;

Result<NameCharset> NameCharset::open(const std::string& name) {
  auto converters = std::make_unique<Converters>(name);
  if (!converters->in.is_open() || !converters->out.is_open()) {
    return make_error(Errc::invalid_argument,
                      "charset=" + name + ": not known here; iconv -l lists the names");
  }
  for (unsigned char c = 1; c < kFirstBeyondAscii; ++c) {
    const std::string ascii(1, static_cast<char>(c));
    if (converters->in.convert(ascii) != ascii || converters->out.convert(ascii) != ascii) {
      return make_error(Errc::invalid_argument,
                        "charset=" + name +
                            ": cannot be used for names: ASCII is not ASCII in it (for Shift-JIS "
                            "give CP932)");
    }
  }
  return NameCharset(std::move(converters));
}

std::string NameCharset::to_utf8(std::string_view bytes) const {
  std::string text;
  text.reserve(bytes.size());
  for (std::size_t at = 0; at < bytes.size();) {
    std::size_t length = 1;
    if (!is_beyond_ascii(bytes[at])) {
      text += bytes[at];
    } else {
      std::optional<std::string> character;
      for (; length <= kLongestCharacter && at + length <= bytes.size() && !character; ++length) {
        const std::string_view part = bytes.substr(at, length);
        character = converters_->in.convert(part);
        // CP932 and Big5 have some characters twice: the way back must lead here. It goes by single
        // characters; BIG5-HKSCS has two in one.
        if (character &&
            (byte_of_escape(*character) || utf8_length(*character) != character->size() ||
             converters_->out.convert(*character) != part)) {
          character.reset();
        }
      }
      length = character ? length - 1 : 1;
      text += character ? *character : escape_of(bytes[at]);
    }
    at += length;
  }
  return text;
}

Result<std::string> NameCharset::from_utf8(std::string_view text) const {
  std::string bytes;
  bytes.reserve(text.size());
  const auto lacks = [this] {
    return make_error(Errc::invalid_argument, "the name has a character that charset=" +
                                                  converters_->name + " does not have");
  };
  for (std::string_view left = text; !left.empty();) {
    const std::string_view character = left.substr(0, utf8_length(left));
    left.remove_prefix(character.size());
    if (!is_beyond_ascii(character.front())) {
      bytes += character;
    } else if (const auto byte = byte_of_escape(character)) {
      bytes += *byte;
    } else if (const auto converted = converters_->out.convert(character)) {
      bytes += *converted;
    } else {
      return lacks();
    }
  }
  // Some sets take a character for a like one (CP932 the yen sign for the backslash), and escapes
  // that were typed may be bytes of a character: the file would have another name than was said.
  return to_utf8(bytes) == text ? Result<std::string>(std::move(bytes)) : lacks();
}

}  // namespace ftpsfs::ftp
