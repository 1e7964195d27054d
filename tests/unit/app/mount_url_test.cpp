// SPDX-License-Identifier: MIT
#include "ftpsfs/app/mount_url.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ftpsfs::app {
namespace {

using session::TlsMode;
using testing::HasSubstr;
using testing::Not;

struct GoodUrl {
  std::string text;
  TlsMode mode;
  std::string host;
  std::uint16_t port;
  std::string username;
  std::optional<std::string> password;
  std::string path;
  std::string fsname;
};

constexpr auto kExplicit = TlsMode::explicit_tls;
constexpr auto kImplicit = TlsMode::implicit_tls;
const std::nullopt_t kNone = std::nullopt;

const GoodUrl kGoodUrls[] = {
    {"ftpes://h/p", kExplicit, "h", 21, "", kNone, "/p", "ftpes://h/p"},
    {"ftpes://h", kExplicit, "h", 21, "", kNone, "", "ftpes://h"},
    {"ftpes://h/", kExplicit, "h", 21, "", kNone, "/", "ftpes://h/"},
    {"ftps://h/p", kImplicit, "h", 990, "", kNone, "/p", "ftps://h/p"},
    {"ftps://h:21/p", kImplicit, "h", 21, "", kNone, "/p", "ftps://h:21/p"},
    {"ftpes://u@h:2121/a/b", kExplicit, "h", 2121, "u", kNone, "/a/b", "ftpes://h:2121/a/b"},
    {"ftpes://u:w@h/", kExplicit, "h", 21, "u", "w", "/", "ftpes://h/"},
    {"ftpes://u:@h/", kExplicit, "h", 21, "u", "", "/", "ftpes://h/"},
    {"ftpes://u:a:b@c@h/", kExplicit, "h", 21, "u", "a:b@c", "/", "ftpes://h/"},
    {"ftpes://me%40corp:p%2Fw%25@h/x%20y", kExplicit, "h", 21, "me@corp", "p/w%", "/x y",
     "ftpes://h/x y"},
    {"ftpes://me@corp@h/", kExplicit, "h", 21, "me@corp", kNone, "/", "ftpes://h/"},
    {"ftpes://[2001:db8::1]:2121/p", kExplicit, "2001:db8::1", 2121, "", kNone, "/p",
     "ftpes://[2001:db8::1]:2121/p"},
    {"ftps://u@[::1]/", kImplicit, "::1", 990, "u", kNone, "/", "ftps://[::1]/"},
    {"ftpes://h/a@b:c", kExplicit, "h", 21, "", kNone, "/a@b:c", "ftpes://h/a@b:c"},
    {"ftpes://h/a?b#c", kExplicit, "h", 21, "", kNone, "/a?b#c", "ftpes://h/a?b#c"},
    {"h:/p", kExplicit, "h", 21, "", kNone, "/p", "ftpes://h/p"},
    {"u@h:/p", kExplicit, "h", 21, "u", kNone, "/p", "ftpes://h/p"},
    {"u@h:", kExplicit, "h", 21, "u", kNone, "", "ftpes://h"},
    {"u@h:dir", kExplicit, "h", 21, "u", kNone, "dir", "ftpes://h/~/dir"},
    {"u@h:dir/sub", kExplicit, "h", 21, "u", kNone, "dir/sub", "ftpes://h/~/dir/sub"},
    {"u@h:/a%20b", kExplicit, "h", 21, "u", kNone, "/a%20b", "ftpes://h/a%20b"},
    {"u:w@h:/p", kExplicit, "h", 21, "u", "w", "/p", "ftpes://h/p"},
    {"[::1]:/p", kExplicit, "::1", 21, "", kNone, "/p", "ftpes://[::1]/p"},
    {"u@[fe80::1%25]:/p", kExplicit, "fe80::1%25", 21, "u", kNone, "/p", "ftpes://[fe80::1%25]/p"},
};

class GoodUrls : public testing::TestWithParam<GoodUrl> {};
INSTANTIATE_TEST_SUITE_P(Table, GoodUrls, testing::ValuesIn(kGoodUrls));

TEST_P(GoodUrls, AreReadIntoTheirParts) {
  const GoodUrl& expected = GetParam();
  const auto url = parse_mount_url(expected.text);
  ASSERT_TRUE(url) << url.error().text;
  EXPECT_EQ(url->mode, expected.mode);
  EXPECT_EQ(url->host, expected.host);
  EXPECT_EQ(url->port, expected.port);
  EXPECT_EQ(url->username, expected.username);
  EXPECT_EQ(url->password.has_value(), expected.password.has_value());
  if (url->password && expected.password) {
    EXPECT_EQ(url->password->reveal(), *expected.password);
  }
  EXPECT_EQ(url->path, expected.path);
  EXPECT_EQ(url->fsname(), expected.fsname);
}

struct BadUrl {
  std::string text;
  std::string why;
};
const BadUrl kBadUrls[] = {
    {"ftp://h/", "ftpes://"},
    {"http://h/", "unknown kind of URL"},
    {"://h/", "neither"},
    {"ftpes:///p", "no host"},
    {"ftpes://u@/p", "no host"},
    {"ftpes://", "no host"},
    {"ftpes://@h/", "empty"},
    {"ftpes://h:0/", "not a port"},
    {"ftpes://h:65536/", "not a port"},
    {"ftpes://h:/", "not a port"},
    {"ftpes://h:12x/", "not a port"},
    {"ftpes://2001:db8::1/", "brackets"},
    {"ftpes://[::1/", "no host"},
    {"ftpes://[h]/", "no host"},
    {"ftpes://[::1]x/", "not a port"},
    {"ftpes://h/%0d%0aDELE%20x", "line ends"},
    {"ftpes://h/%00", "line ends"},
    {"ftpes://h/%zz", "hexadecimal"},
    {"ftpes://h/%4", "hexadecimal"},
    {"ftpes://u%0a@h/", "line ends"},
    {"ftpes://h h/", "no host"},
    {"ftpes://-h/", "no host"},
    {"h", "neither"},
    {"/local/path", "neither"},
    {"", "neither"},
    {"h:2121/p", "ftpes://HOST:PORT/PATH"},
    {"h:/a\nb", "line ends"},
};
class BadUrls : public testing::TestWithParam<BadUrl> {};
INSTANTIATE_TEST_SUITE_P(Table, BadUrls, testing::ValuesIn(kBadUrls));

TEST_P(BadUrls, AreRefusedWithACure) {
  const auto url = parse_mount_url(GetParam().text);
  ASSERT_FALSE(url);
  EXPECT_EQ(url.error().code, Errc::invalid_argument);
  EXPECT_THAT(url.error().text, HasSubstr(GetParam().why));
}

TEST(MountUrl, NoErrorHoldsThePassword) {
  for (const char* text :
       {"ftp://u:hunter2@h/", "ftpes://u:hunter2@h:x/", "ftpes://u:hunter2/x@h/",
        "ftpes://u:hunter2%@h/", "u:hunter2@h", "u:hunter2/x@h:/p", "nope://u:hunter2@h/"}) {
    const auto url = parse_mount_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_THAT(url.error().text, Not(HasSubstr("hunter2"))) << text;
  }
}

TEST(MountUrl, ThePlaceOfThePasswordIsFound) {
  std::string text = "ftpes://u:hunter2@h/";
  const auto range = find_password(text);
  ASSERT_TRUE(range);
  EXPECT_EQ(text.substr(range->begin, range->length), "hunter2");
  EXPECT_FALSE(find_password("ftpes://u@h:21/"));
  EXPECT_FALSE(find_password("--option"));
  EXPECT_FALSE(find_password("h:/p"));
}

TEST(MountUrl, AuthorityHasBracketsAroundIpv6) {
  EXPECT_EQ(parse_mount_url("ftps://[::1]/")->authority(), "[::1]:990");
  EXPECT_EQ(parse_mount_url("h:/")->authority(), "h:21");
}

TEST(Proxy, IsReadWithItsParts) {
  const auto proxy = parse_proxy("socks5h://me%40x:p%3a@[2001:db8::1]:1081");
  ASSERT_TRUE(proxy) << proxy.error().text;
  EXPECT_EQ(proxy->host, "2001:db8::1");
  EXPECT_EQ(proxy->port, 1081);
  EXPECT_TRUE(proxy->resolves_names);
  EXPECT_EQ(proxy->username, "me@x");
  EXPECT_EQ(proxy->password->reveal(), "p:");
  const auto plain = parse_proxy("socks5://gate");
  ASSERT_TRUE(plain) << plain.error().text;
  EXPECT_EQ(plain->port, 1080);
  EXPECT_FALSE(plain->resolves_names);
  EXPECT_FALSE(plain->password);
}

TEST(Proxy, MistakesAreToldWithoutThePassword) {
  for (const char* text : {"http://u:hunter2@h", "gate:1080", "socks5://", "socks5://u:hunter2@h:0",
                           "socks5h://u:hunter2@h/path", "socks5://u:hunter2@h:x"}) {
    const auto proxy = parse_proxy(text);
    ASSERT_FALSE(proxy) << text;
    EXPECT_THAT(proxy.error().text, Not(HasSubstr("hunter2"))) << text;
  }
}

TEST(Proxy, ItsPasswordIsFoundInAnArgument) {
  std::string text = "-oro,proxy=socks5h://u:hunter2@h:1080,rw";
  const auto range = find_password(text);
  ASSERT_TRUE(range);
  EXPECT_EQ(text.substr(range->begin, range->length), "hunter2");
}

}  // namespace
}  // namespace ftpsfs::app
