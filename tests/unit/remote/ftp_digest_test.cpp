// SPDX-License-Identifier: MIT
//
// Uploads whose content is compared by the server's digest: which command is asked, in which
// flight, and what becomes of answers that are wrong, unreadable, out of a memory, or none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "ftpsfs/net/content_digest.hpp"
#include "remote_fixture.hpp"

namespace ftpsfs::remote {
namespace {

using test::Fault;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<std::string> kModDigest = {"HASH CRC32;MD5;SHA-1*;SHA-256;SHA-512", "XSHA256",
                                             "XMD5", "XCRC"};

class DigestedUpload : public RemoteFixture {
 protected:
  void begin_with(std::vector<std::string> digests, bool remembers = false) {
    start({.digests = std::move(digests), .remembers_digests = remembers});
    settings_.verify_content = true;
    connect();
  }

  /// As a stream does: the digest is of the writer's choice.
  Result<FinishedUpload> send(const std::string& path, const std::string& content,
                              UploadTail tail = {}) {
    FTPSFS_TRY_ASSIGN(const auto writer,
                      remote_->open_writer(at(path), WriteMode::replace, {}, soon()));
    FTPSFS_TRY(writer->write(std::as_bytes(std::span(content)), soon()));
    if (const auto algorithm = writer->digest()) {
      tail.digest = digest_of(*algorithm, content);
    }
    const std::uint64_t before = remote_->counters().flights;
    auto end = writer->finish(tail, soon());
    flights_ = remote_->counters().flights - before;
    return end;
  }

  static Digest digest_of(DigestAlgorithm algorithm, const std::string& content) {
    const auto digest = net::ContentDigest::create(algorithm);
    digest->add(std::as_bytes(std::span(content)));
    return digest->value().value_or(Digest{});
  }

  void expect_same(const Result<FinishedUpload>& end) {
    ASSERT_TRUE(end) << end.error().text;
    ASSERT_TRUE(end->content_checked);
    EXPECT_TRUE(*end->content_checked) << end->content_checked->error().text;
  }

  std::vector<std::string> commands_behind_stor() const {
    std::vector<std::string> commands = server_->commands();
    const auto is_stor = [](const std::string& line) { return line.starts_with("STOR"); };
    commands.erase(commands.begin(),
                   std::find_if(commands.rbegin(), commands.rend(), is_stor).base());
    std::erase(commands, "EPSV");
    return commands;
  }

  std::uint64_t flights_ = 0;  ///< of the last upload's end
};

/// In a flight of its own: it may take long, and can be stopped.
TEST_F(DigestedUpload, IsComparedBehindItsTail) {
  begin_with(kModDigest);
  expect_same(send("/two words", "content"));
  EXPECT_EQ(flights_, 1U);
  EXPECT_THAT(commands_behind_stor(), ElementsAre("SIZE /two words", "MDTM /two words",
                                                  "OPTS HASH SHA-256", "HASH /two words"));
  expect_same(send("/f", "content", {1'000'000'007, 0640}));
  EXPECT_EQ(flights_, 2U);
  EXPECT_THAT(commands_behind_stor(),
              ElementsAre("SIZE /f", "MDTM /f", "MFMT 20010909014647 /f", "SIZE /f", "MDTM /f",
                          "SITE CHMOD 640 /f", "OPTS HASH SHA-256", "HASH /f"));
}

TEST_F(DigestedUpload, NobodyComputesADigestThatIsNotWanted) {
  for (const bool wanted : {false, true}) {
    start({.digests = wanted ? std::vector<std::string>() : kModDigest});
    settings_.verify_content = wanted;
    connect();
    const auto end = send("/f", "content");
    ASSERT_TRUE(end);
    EXPECT_FALSE(end->content_checked);
    EXPECT_EQ(flights_, 0U);
    EXPECT_THAT(commands_behind_stor(), ElementsAre("SIZE /f", "MDTM /f"));
    remote_.reset();
  }
}

TEST_F(DigestedUpload, IsComparedByWhatTheServerHas) {
  struct Row {
    const char* feature;
    const char* command;
  };
  for (const Row& row :
       {Row{"HASH SHA-256*;MD5", "HASH /a 0 5"}, Row{"XSHA256", "XSHA256 \"/a 0 5\""},
        Row{"XSHA512", "XSHA512 \"/a 0 5\""}, Row{"XSHA1", "XSHA1 \"/a 0 5\""},
        Row{"XMD5", "XMD5 \"/a 0 5\""}, Row{"MD5", "MD5 /a 0 5"}, Row{"XCRC", "XCRC \"/a 0 5\""}}) {
    begin_with({row.feature});
    expect_same(send("/a 0 5", "content"));
    EXPECT_EQ(commands_behind_stor().back(), row.command);
    server_->add_fault({.verb = "STOR", .kind = Fault::Kind::corrupt, .bytes = 3});
    const auto end = send("/a 0 5", "content");
    ASSERT_TRUE(end);
    EXPECT_EQ(end->version.size, 7U);
    expect_error(*end->content_checked, Errc::io_error);
    remote_.reset();
  }
}

TEST_F(DigestedUpload, OtherContentIsToldWithBothDigests) {
  begin_with(kModDigest);
  server_->add_fault({.verb = "STOR", .kind = Fault::Kind::corrupt, .bytes = 0});
  const auto end = send("/f", "abc");
  ASSERT_TRUE(end);
  ASSERT_FALSE(*end->content_checked);
  EXPECT_EQ(tree().content("/f"), "`bc");
  const std::string text = end->content_checked->error().text;
  EXPECT_THAT(text, HasSubstr(digest_of(DigestAlgorithm::sha256, "abc").hex));
  EXPECT_THAT(text, HasSubstr(digest_of(DigestAlgorithm::sha256, "`bc").hex));
}

TEST_F(DigestedUpload, AnAnswerOutOfTheSessionsMemoryIsNoVerdict) {
  begin_with(kModDigest, true);
  for (const char* content : {"one", "two", "six"}) {
    expect_same(send("/f", content));
    EXPECT_EQ(tree().content("/f"), content);
  }
  const Digest right = digest_of(DigestAlgorithm::sha256, "six");
  EXPECT_TRUE(remote_->check_content(at("/f"), right, soon()));
  tree().add_file("/f", "ten");
  EXPECT_TRUE(remote_->check_content(at("/f"), right, soon())) << "remembered, and as it was sent";
  const Digest now = digest_of(DigestAlgorithm::sha256, "ten");
  EXPECT_TRUE(remote_->check_content(at("/f"), now, soon()));
}

TEST_F(DigestedUpload, WithOneConnectionTheMemoryIsLeftBehindAsWell) {
  start({.max_connections = 1, .digests = kModDigest, .remembers_digests = true});
  settings_.verify_content = true;
  settings_.max_conns = 1;
  connect();
  expect_same(send("/f", "one"));
  expect_same(send("/f", "two"));
  EXPECT_EQ(server_->count("USER"), 2);
}

TEST_F(DigestedUpload, ARefusedCommandIsGivenUpForTheNext) {
  begin_with(kModDigest);
  server_->add_fault({.verb = "HASH", .kind = Fault::Kind::refuse, .reply = "502 ?"});
  expect_same(send("/f", "content"));
  EXPECT_EQ(commands_behind_stor().back(), "XSHA256 /f");
  expect_same(send("/f", "content"));
  EXPECT_EQ(server_->count("HASH"), 1);
  // Ours is by SHA-256, which nothing tells any more; the next one is by another.
  server_->add_fault({.verb = "XSHA256", .kind = Fault::Kind::refuse, .reply = "500 ?"});
  expect_same(send("/f", "content"));
  expect_same(send("/f", "content"));
  EXPECT_EQ(commands_behind_stor().back(), "XMD5 /f");
  EXPECT_EQ(server_->count("XSHA256"), 3);
}

TEST_F(DigestedUpload, AnAnswerThatCannotBeReadIsNone) {
  begin_with({"HASH SHA-256*"});
  server_->add_fault(
      {.verb = "HASH", .kind = Fault::Kind::refuse, .times = -1, .reply = "213 SHA-1 0-7 abc /f"});
  expect_same(send("/f", "content"));
  EXPECT_FALSE(send("/f", "content")->content_checked) << "nobody asks again";
  EXPECT_EQ(server_->count("HASH"), 1);
}

TEST_F(DigestedUpload, ARefusalForTheFilesSakeIsOfThisFileAlone) {
  begin_with(kModDigest);
  for (const char* refusal : {"550 No.", "501 too short", "556 too large", "450 busy"}) {
    server_->add_fault({.verb = "HASH", .kind = Fault::Kind::refuse, .reply = refusal});
    expect_same(send("/f", "content"));
    EXPECT_EQ(commands_behind_stor().back(), "HASH /f") << refusal;
  }
}

TEST_F(DigestedUpload, IsComparedOnAnotherSessionWhenTheLinkDies) {
  begin_with(kModDigest);
  for (const auto kind : {Fault::Kind::reset, Fault::Kind::drop_reply}) {
    server_->add_fault({.verb = "HASH", .kind = kind});
    expect_same(send("/f", "content"));
  }
  server_->add_fault({.verb = "HASH", .kind = Fault::Kind::refuse, .reply = "421 bye"});
  expect_same(send("/f", "content"));
  EXPECT_EQ(server_->count("STOR"), 3);
}

TEST_F(DigestedUpload, ALinkThatDiesForGoodLeavesItUnknown) {
  begin_with(kModDigest);
  server_->add_fault({.verb = "HASH", .kind = Fault::Kind::reset, .times = -1});
  const auto end = send("/f", "content");
  ASSERT_TRUE(end) << end.error().text;
  ASSERT_FALSE(*end->content_checked);
  EXPECT_TRUE(is_link_failure(end->content_checked->error().code));
}

}  // namespace
}  // namespace ftpsfs::remote
