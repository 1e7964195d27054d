// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/name_charset.hpp"

#include <gmock/gmock.h>

#include <string>

namespace ftpsfs::ftp {
namespace {

using testing::HasSubstr;

NameCharset charset(const std::string& name) {
  auto opened = NameCharset::open(name);
  EXPECT_TRUE(opened) << opened.error().text;
  return *std::move(opened);
}

TEST(NameCharset, ConvertsBothWays) {
  const struct {
    const char* set;
    std::string bytes;
    std::string text;
  } cases[] = {
      {"ISO-8859-1", "sch\xF6n.txt", "schön.txt"},
      {"CP1252", "\x80uro", "€uro"},
      {"CP850", "\x81", "ü"},
      {"KOI8-R", "\xC6\xC1\xCA\xCC", "файл"},
      {"CP932", "\x95\x5C.txt", "表.txt"},  // its second byte is a backslash
      {"GB18030", "\x81\x30\x84\x36", "\u00A5"},
      {"EUC-JP", "\xC6\xFC\xCB\xDC", "日本"},
      {"UTF-8", "schön", "schön"},
  };
  for (const auto& each : cases) {
    const NameCharset set = charset(each.set);
    EXPECT_EQ(set.to_utf8(each.bytes), each.text) << each.set;
    const auto back = set.from_utf8(each.text);
    ASSERT_TRUE(back) << each.set;
    EXPECT_EQ(*back, each.bytes) << each.set;
  }
}

TEST(NameCharset, LosesNoByte) {
  std::string all;
  for (int c = 1; c < 256; ++c) {
    all += static_cast<char>(c);
  }
  for (const char* name : {"ISO-8859-1", "CP1252", "CP1253", "CP932", "GB18030", "BIG5", "EUC-KR",
                           "EUC-JP", "UTF-8", "US-ASCII", "CP437"}) {
    const NameCharset set = charset(name);
    const auto back = set.from_utf8(set.to_utf8(all));
    ASSERT_TRUE(back) << name << ": " << back.error().text;
    EXPECT_EQ(*back, all) << name;
  }
  EXPECT_EQ(charset("US-ASCII").to_utf8("a\x80\xFF"), "a\uEF80\uEFFF");
}

TEST(NameCharset, ThatHasNotTheCharacterSaysSo) {
  const auto bytes = charset("ISO-8859-1").from_utf8("RETR €");
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().code, Errc::invalid_argument);
  EXPECT_THAT(bytes.error().text, HasSubstr("charset=ISO-8859-1"));
}

/// Else the file would get another name than was said, or the command another end.
TEST(NameCharset, RefusesWhatDoesNotComeBack) {
  const struct {
    const char* set;
    std::string text;
  } cases[] = {
      {"CP932", "a\u00A5b"},     // the yen sign would become a backslash
      {"CP932", "\uEF95\\"},     // the two bytes of a character
      {"ISO-8859-1", "\uEFF6"},  // has a character of its own
      {"ISO-8859-1", "a\xEE\xBE/b"}, {"ISO-8859-1", "a\xEE\xBE"}, {"ISO-8859-1", "a\xEE\xBE\r\n"},
      {"ISO-8859-1", "a\xC3"},       {"ISO-8859-1", "a\xFF"},
  };
  for (const auto& each : cases) {
    const auto bytes = charset(each.set).from_utf8(each.text);
    EXPECT_FALSE(bytes) << each.set << ' ' << each.text;
  }
}

/// The way back goes by single characters.
TEST(NameCharset, TwoCharactersInOneAreEscaped) {
  const NameCharset set = charset("BIG5-HKSCS");
  const auto back = set.from_utf8(set.to_utf8("\x88\x62"));
  ASSERT_TRUE(back) << back.error().text;
  EXPECT_EQ(*back, "\x88\x62");
}

TEST(NameCharset, MustContainAscii) {
  for (const char* name : {"UTF-16", "UTF-32", "IBM037", "IBM273", "UTF-7", "ISO-2022-JP"}) {
    const auto opened = NameCharset::open(name);
    ASSERT_FALSE(opened) << name;
    EXPECT_EQ(opened.error().code, Errc::invalid_argument);
  }
  EXPECT_THAT(NameCharset::open("KLINGON-1").error().text, HasSubstr("iconv -l"));
}

}  // namespace
}  // namespace ftpsfs::ftp
