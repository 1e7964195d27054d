// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/digest_reply.hpp"

#include <gtest/gtest.h>

#include <string>

#include "samples.hpp"

namespace ftpsfs::ftp {
namespace {

const std::string kSha256 = "a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a447";
const std::string kOther = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const std::string kSha1 = "22596363b3de40b06f981fb85d82312e8c0ed511";
const std::string kMd5 = "6f5902ac237024bdd0c176cb93063dc4";
const std::string kCrc = "af083b2d";

/// Digits stand for themselves in both cases.
std::string upper(std::string text) {
  for (char& c : text) {
    c = c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return text;
}

struct Row {
  std::string verb;
  DigestAlgorithm algorithm;
  std::string path;
  std::string reply;
  std::string digest;  ///< empty: not to be read
};

TEST(DigestReply, IsReadOrRefused) {
  using A = DigestAlgorithm;
  const Row rows[] = {
      // ProFTPD 1.3.8, mod_digest.
      {"HASH", A::sha256, "/f", "213-Computing SHA-256 digest\n213 SHA-256 0-12 " + kSha256 + " /f",
       kSha256},
      {"HASH", A::sha256, "/a 0 5", "213 SHA-256 0-12 " + kSha256 + " /a 0 5", kSha256},
      {"HASH", A::crc32, "/f", "213 CRC32 0-12 " + kCrc + " /f", kCrc},
      {"XSHA256", A::sha256, "/f", "250-Computing SHA256 digest\n250 " + upper(kSha256), kSha256},
      {"XMD5", A::md5, "/f", "250-Computing MD5 digest\n250 " + upper(kMd5), kMd5},
      {"XCRC", A::crc32, "/f", "250 " + upper(kCrc), kCrc},
      {"MD5", A::md5, "/f", "251-Computing MD5 digest\n251 /f " + upper(kMd5), kMd5},
      // Older drafts, and what others make of them.
      {"HASH", A::sha1, "/f", "213 SHA-1 " + kSha1, kSha1},
      {"HASH", A::sha1, "/f", "213 sha1 " + kSha1 + " f", kSha1},
      {"HASH", A::sha256, "/f", "213 SHA-256 0-12 " + upper(kSha256), kSha256},
      {"XSHA1", A::sha1, "/f", "213 " + kSha1, kSha1},
      {"XSHA1", A::sha1, "/f", "220 " + kSha1, kSha1},
      {"XCRC", A::crc32, "/f", "250 XCRC " + upper(kCrc), kCrc},
      {"XCRC", A::crc32, "/f", "250 3B2D", "00003b2d"},
      {"XCRC", A::crc32, "/f", "250 0", "00000000"},
      {"XMD5", A::md5, "/two words", "250 \"/two words\" " + kMd5, kMd5},
      {"MD5", A::md5, "/two words", "251 /two words " + kMd5, kMd5},
      {"XMD5", A::md5, "/f", "250 " + kMd5 + " /f is its digest.", kMd5},
      // Another algorithm, no digest, half a digest, or one of two.
      {"HASH", A::sha256, "/f", "213 SHA-1 0-12 " + kSha1 + " /f", ""},
      {"HASH", A::sha256, "/f", "213 SHA-1 0-12 " + kSha256 + " /f", ""},
      {"HASH", A::sha256, "/f", "213 SHA-256 0-49 169cd22282da7f147cb491e559e9dd filename.ext", ""},
      {"HASH", A::sha256, "/f", "213 SHA-256 0-12", ""},
      {"HASH", A::sha256, "/f", "213 SHA-256", ""},
      {"HASH", A::sha256, "/f", "213 ", ""},
      {"HASH", A::sha256, "/f", "213-SHA-256 0-12 " + kSha256 + " /f\n213 Done", ""},
      {"HASH", A::sha256, "/" + kSha256, "213 SHA-256 0-12 x /" + kSha256, ""},
      {"XSHA256", A::sha256, "/f", "250 " + kSha256 + "0", ""},
      {"XSHA256", A::sha256, "/f", "250 " + kSha1, ""},
      {"XSHA256", A::sha256, "/f", "250 OK", ""},
      {"XSHA256", A::sha256, "/f", "250 " + kSha256 + " " + kOther, ""},
      {"XCRC", A::crc32, "/f", "250 ADDED", ""},
      {"XCRC", A::crc32, "/f", "250 -3b2d", ""},
      {"XCRC", A::crc32, "/f", "250 0x3b2d", ""},
      {"XCRC", A::crc32, "/f", "250 0 done", ""},
      // Names that look like digests.
      {"XSHA256", A::sha256, "/" + kOther, "250 /" + kOther + " " + kSha256, kSha256},
      {"XSHA256", A::sha256, "/x " + kOther, "250 /x " + kOther + " " + kSha256, kSha256},
      {"XSHA256", A::sha256, "/" + kOther, "250 " + kOther + " " + kSha256, ""},
      {"XSHA256", A::sha256, "/x " + kOther, "250 /home/x " + kOther + " " + kSha256, ""},
      {"XSHA256", A::sha256, "/x " + kOther, "250 /x " + kOther, ""},
  };
  for (const Row& row : rows) {
    const auto digest = parse_digest(row.verb, row.algorithm, row.path, reply_of(row.reply));
    EXPECT_EQ(digest ? *digest : "", row.digest) << row.verb << ": " << row.reply;
    if (!digest) {
      EXPECT_EQ(digest.error().code, Errc::protocol_error);
    }
  }
}

TEST(DigestReply, ARefusalIsTold) {
  const auto read = [](const char* reply) {
    return parse_digest("HASH", DigestAlgorithm::sha256, "/f", reply_of(reply)).error();
  };
  EXPECT_EQ(read("500 ?").code, Errc::unsupported);
  EXPECT_EQ(read("550 /f: No such file or directory").code, Errc::not_found);
  EXPECT_EQ(read("421 bye").code, Errc::closed);
}

TEST(DigestReply, PathsThatWouldBeTakenForRangesAreQuoted) {
  EXPECT_EQ(digest_argument("XSHA256", "/f"), "/f");
  EXPECT_EQ(digest_argument("XSHA256", "/a 0 5"), "\"/a 0 5\"");
  EXPECT_EQ(digest_argument("XSHA256", "/\"f\""), "/\"f\"");
  EXPECT_EQ(digest_argument("XSHA256", "/a \"0 5"), "");
  EXPECT_EQ(digest_argument("HASH", "/a 0 5"), "/a 0 5");
  EXPECT_EQ(digest_argument("MD5", "/a \"0 5"), "/a \"0 5");
}

}  // namespace
}  // namespace ftpsfs::ftp
