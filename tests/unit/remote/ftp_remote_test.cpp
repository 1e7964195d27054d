// SPDX-License-Identifier: MIT
//
// File operations over real TLS connections to a server in this process, as they go when nothing
// fails, and on servers of several abilities.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "remote_fixture.hpp"

namespace ftpsfs::remote {
namespace {

using test::Fault;
using test::FaultyServerOptions;
using ::testing::HasSubstr;

class Operations : public RemoteFixture, public ::testing::WithParamInterface<const char*> {
 protected:
  static FaultyServerOptions options_for(const std::string& name) {
    FaultyServerOptions options;
    if (name == "vsftpd") {
      options.banner = "220 (vsFTPd 3.0.3)";
      options.mlst = false;
      options.mfmt = false;
      options.require_resumption = true;
    } else if (name == "unknown") {
      options.banner = "220 FTP server ready";
      options.mlst = false;
    } else if (name == "pasv") {
      options.epsv = false;
      options.pasv_lies = true;
    } else if (name == "implicit") {
      options.implicit_tls = true;
    } else if (name == "tls12") {
      options.tls1_2_only = true;
    }
    return options;
  }

  void SetUp() override {
    start(options_for(GetParam()));
    tree().add_file("/hello.txt", "hello\n");
    tree().add_directory("/dir");
    tree().add_file("/dir/two words [x].txt", "22");
    if (std::string(GetParam()) == "implicit") {
      settings_.session.mode = session::TlsMode::implicit_tls;
    }
    if (std::string(GetParam()) == "clear") {
      settings_.session.protection = session::Protection::clear_data;
    }
    connect();
  }
};

TEST_P(Operations, Stat) {
  auto entry = remote_->stat(at("/hello.txt"), soon());
  ASSERT_TRUE(entry) << entry.error().text;
  EXPECT_EQ(entry->name, "hello.txt");
  EXPECT_EQ(entry->type, FileType::regular);
  EXPECT_EQ(entry->size, 6U);
  ASSERT_TRUE(entry->mtime);
  EXPECT_EQ(*entry->mtime, (FileTime{test::FaultyTree::kEpoch, TimeGrain::second}));
  EXPECT_EQ(entry->mode, 0644);
  entry = remote_->stat(at("/dir"), soon());
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->type, FileType::directory);
  entry = remote_->stat(at("/"), soon());
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->type, FileType::directory);
  expect_error(remote_->stat(at("/missing"), soon()), Errc::not_found);
  expect_error(remote_->stat(at("/missing/x"), soon()), Errc::not_found);
}

TEST_P(Operations, List) {
  auto listing = remote_->list(at("/dir"), soon());
  ASSERT_TRUE(listing) << listing.error().text;
  ASSERT_EQ(listing->entries.size(), 1U);
  EXPECT_EQ(listing->entries[0].name, "two words [x].txt");
  EXPECT_EQ(listing->entries[0].size, 2U);
  listing = remote_->list(at("/"), soon());
  ASSERT_TRUE(listing);
  EXPECT_EQ(listing->entries.size(), 2U);
  expect_error(remote_->list(at("/missing"), soon()), Errc::not_found);
  expect_error(remote_->list(at("/hello.txt"), soon()), Errc::not_directory);
}

TEST_P(Operations, ExactTimes) {
  const std::vector<std::string> names{"hello.txt", "missing"};
  auto times = remote_->exact_times(at("/"), names, soon());
  ASSERT_TRUE(times);
  ASSERT_EQ(times->size(), 2U);
  EXPECT_EQ((*times)[0], (FileTime{test::FaultyTree::kEpoch, TimeGrain::second}));
  EXPECT_EQ((*times)[1], std::nullopt);
}

TEST_P(Operations, Read) {
  EXPECT_EQ(*read("/hello.txt"), "hello\n");
  EXPECT_EQ(*read("/hello.txt", 3), "lo\n");
  EXPECT_EQ(*read("/hello.txt", 6), "");
  EXPECT_EQ(*read("/hello.txt", 60), "");
  expect_error(read("/missing"), Errc::not_found);
  expect_error(read("/dir"), Errc::is_directory);
}

TEST_P(Operations, ReadALargeFileAndSeekAway) {
  std::string large(3'000'000, 'x');
  for (std::size_t i = 0; i < large.size(); ++i) {
    large[i] = static_cast<char>(i * 31 >> 4);
  }
  tree().add_file("/large", large);
  for (std::size_t offset = 0; offset < large.size(); offset += 700'001) {
    auto reader = remote_->open_reader(at("/large"), offset, {}, soon());
    ASSERT_TRUE(reader) << reader.error().text;
    std::vector<std::byte> buffer(1000);
    auto got = (*reader)->read(buffer, soon());
    ASSERT_TRUE(got);
    EXPECT_EQ(large.compare(offset, *got, reinterpret_cast<const char*>(buffer.data()), *got), 0);
  }
  EXPECT_TRUE(*read("/large") == large);
  // One session did it all, cut after cut.
  EXPECT_EQ(remote_->counters().pool.logins, 1U);
}

TEST_P(Operations, Write) {
  auto version = write("/new", "content");
  ASSERT_TRUE(version) << version.error().text;
  EXPECT_EQ(version->size, 7U);
  EXPECT_TRUE(version->mtime);
  EXPECT_EQ(tree().content("/new"), "content");
  ASSERT_TRUE(write("/new", " and more", WriteMode::append));
  EXPECT_EQ(tree().content("/new"), "content and more");
  ASSERT_TRUE(write("/new", ""));
  EXPECT_EQ(tree().content("/new"), "");
  const std::string large(2'000'000, 'y');
  ASSERT_TRUE(write("/large", large));
  EXPECT_TRUE(tree().content("/large") == large);
  expect_error(write("/missing/x", "1"), Errc::not_found);
  expect_error(write("/dir", "1"), Errc::is_directory);
}

TEST_P(Operations, MutationsAndTheirErrors) {
  EXPECT_TRUE(remote_->make_directory(at("/new"), soon()));
  EXPECT_TRUE(tree().exists("/new"));
  expect_error(remote_->make_directory(at("/new"), soon()), Errc::already_exists);
  expect_error(remote_->make_directory(at("/hello.txt"), soon()), Errc::already_exists);
  expect_error(remote_->make_directory(at("/missing/x"), soon()), Errc::not_found);
  EXPECT_TRUE(remote_->remove_directory(at("/new"), soon()));
  expect_error(remote_->remove_directory(at("/new"), soon()), Errc::not_found);
  expect_error(remote_->remove_directory(at("/dir"), soon()), Errc::not_empty);
  expect_error(remote_->remove_directory(at("/hello.txt"), soon()), Errc::not_directory);
  expect_error(remote_->remove_file(at("/dir"), soon()), Errc::is_directory);
  expect_error(remote_->remove_file(at("/missing"), soon()), Errc::not_found);
  EXPECT_TRUE(remote_->rename(at("/hello.txt"), at("/dir/h"), soon()));
  EXPECT_EQ(tree().content("/dir/h"), "hello\n");
  EXPECT_TRUE(remote_->rename(at("/dir/h"), at("/dir/two words [x].txt"), soon()));
  EXPECT_EQ(tree().content("/dir/two words [x].txt"), "hello\n");
  expect_error(remote_->rename(at("/missing"), at("/x"), soon()), Errc::not_found);
  expect_error(remote_->rename(at("/dir"), at("/dir/x"), soon()), Errc::invalid_argument);
  EXPECT_TRUE(remote_->remove_file(at("/dir/two words [x].txt"), soon()));
  EXPECT_FALSE(tree().exists("/dir/two words [x].txt"));
}

TEST_P(Operations, SetModeReadsBack) {
  ASSERT_TRUE(remote_->set_mode(at("/hello.txt"), 0400, soon()));
  auto entry = remote_->stat(at("/hello.txt"), soon());
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->mode, 0400);
  expect_error(remote_->set_mode(at("/missing"), 0644, soon()), Errc::not_found);
}

TEST_P(Operations, ConcurrentCallersShareFewSessions) {
  settings_.max_conns = 3;
  connect();
  std::vector<std::jthread> crowd;
  std::atomic<int> wrong{0};
  for (int i = 0; i < 12; ++i) {
    crowd.emplace_back([this, i, &wrong] {
      for (int round = 0; round < 4; ++round) {
        const bool fine = i % 3 == 0   ? read("/hello.txt").has_value()
                          : i % 3 == 1 ? remote_->stat(at("/hello.txt"), soon()).has_value()
                                       : remote_->list(at("/dir"), soon()).has_value();
        wrong += fine ? 0 : 1;
      }
    });
  }
  crowd.clear();
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(remote_->counters().pool.logins, 3U);
}

INSTANTIATE_TEST_SUITE_P(Servers, Operations,
                         ::testing::Values("proftpd", "vsftpd", "unknown", "pasv", "implicit",
                                           "tls12", "clear"),
                         [](const auto& tested) { return std::string(tested.param); });

// ---- Abilities ----

class Abilities : public RemoteFixture {};

TEST_F(Abilities, MtimeBySetting) {
  start();
  tree().add_file("/f", "x");
  connect();
  ASSERT_TRUE(remote_->set_mtime(at("/f"), 1'000'000'007, soon()));
  auto entry = remote_->stat(at("/f"), soon());
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->mtime->unix_seconds, 1'000'000'007);
}

TEST_F(Abilities, SizeAndTimeOfOneFileAreOneQuestion) {
  start({.mlst = false});
  tree().add_file("/f", "12345");
  connect();
  const auto stamp = remote_->stamp(at("/f"), soon());
  ASSERT_TRUE(stamp) << stamp.error().text;
  EXPECT_EQ(stamp->size, 5U);
  EXPECT_TRUE(stamp->mtime);
  const auto missing = remote_->stamp(at("/missing"), soon());
  ASSERT_TRUE(missing) << missing.error().text;
  EXPECT_FALSE(missing->size);
  EXPECT_EQ(server_->count("LIST"), 0);
}

TEST_F(Abilities, ACommandThatIsGoneIsNotTriedAgain) {
  begin();
  tree().add_file("/f", "x");
  server_->add_fault(
      {.verb = "MFMT", .kind = Fault::Kind::refuse, .times = -1, .reply = "500 Unknown command."});
  server_->add_fault(
      {.verb = "MFF", .kind = Fault::Kind::refuse, .times = -1, .reply = "500 Unknown command."});
  expect_error(remote_->set_mtime(at("/f"), 1, soon()), Errc::unsupported);
  expect_error(remote_->set_mtime(at("/f"), 1, soon()), Errc::unsupported);
  EXPECT_EQ(server_->count("MFMT"), 1);
  EXPECT_FALSE(remote_->traits().can_set_mtime);
}

TEST_F(Abilities, MlstThatIsGoneIsReplacedByTheParentsListing) {
  begin();
  tree().add_file("/f", "12345");
  server_->add_fault(
      {.verb = "MLST", .kind = Fault::Kind::refuse, .times = -1, .reply = "502 No."});
  auto entry = remote_->stat(at("/f"), soon());
  ASSERT_TRUE(entry) << entry.error().text;
  EXPECT_EQ(entry->size, 5U);
}

TEST_F(Abilities, ARenameThatTheServerWillNotReplaceWithIsAlreadyExists) {
  begin({.rename_overwrites = false});
  tree().add_file("/a", "a");
  tree().add_file("/b", "b");
  expect_error(remote_->rename(at("/a"), at("/b"), soon()), Errc::already_exists);
  EXPECT_EQ(tree().content("/b"), "b");
}

TEST_F(Abilities, VsftpdsUnreadableDirectoryIsNotAnEmptyOne) {
  begin({.mlst = false, .banner = "220 (vsFTPd 3.0.3)"});
  tree().add_directory("/d");
  server_->add_fault({.verb = "LIST",
                      .kind = Fault::Kind::replace_reply,
                      .reply = "226 Transfer done (but failed to open directory)."});
  expect_error(remote_->list(at("/d"), soon()), Errc::access_denied);
}

TEST_F(Abilities, ATruncatedOutputIsAnError) {
  begin();
  tree().add_file("/f", "x");
  server_->add_fault({.verb = "MLSD",
                      .kind = Fault::Kind::replace_reply,
                      .reply = "226 Output truncated to 10000 matches"});
  expect_error(remote_->list(at("/"), soon()), Errc::io_error);
}

TEST_F(Abilities, AnAmbiguousRefusalIsSettledByLooking) {
  begin();
  tree().add_file("/f", "x");
  tree().add_directory("/d");
  for (const char* verb : {"RETR", "DELE", "RMD", "STOR", "MKD"}) {
    server_->add_fault(
        {.verb = verb, .kind = Fault::Kind::refuse, .times = -1, .reply = "550 No."});
  }
  expect_error(read("/f"), Errc::access_denied);
  expect_error(read("/d"), Errc::is_directory);
  expect_error(read("/none"), Errc::not_found);
  expect_error(write("/none/f", "x"), Errc::not_found);
  expect_error(write("/f", "x"), Errc::access_denied);
  expect_error(remote_->remove_file(at("/f"), soon()), Errc::access_denied);
  expect_error(remote_->remove_file(at("/d"), soon()), Errc::is_directory);
  expect_error(remote_->remove_directory(at("/d"), soon()), Errc::access_denied);
  expect_error(remote_->remove_directory(at("/f"), soon()), Errc::not_directory);
  expect_error(remote_->make_directory(at("/d"), soon()), Errc::already_exists);
  expect_error(remote_->make_directory(at("/e"), soon()), Errc::access_denied);
  expect_error(remote_->make_directory(at("/f/e"), soon()), Errc::not_directory);
}

/// Small files ahead of need.
class ReadAhead : public RemoteFixture {
 protected:
  Result<std::optional<WholeFile>> ahead(const std::string& path, std::uint64_t most = 1000) {
    return remote_->read_ahead({[&] { return std::optional(at(path)); }, most}, soon());
  }
};

TEST_F(ReadAhead, AFileComesWholeWithItsVersion) {
  start();
  tree().add_file("/f", "content", 1'600'000'001);
  tree().add_file("/empty", "");
  connect();
  const auto file = ahead("/f");
  ASSERT_TRUE(file && *file);
  const WholeFile& whole = **file;
  EXPECT_EQ(whole.version.size, 7U);
  ASSERT_TRUE(whole.version.mtime);
  EXPECT_EQ(whole.version.mtime->unix_seconds, 1'600'000'001);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(whole.bytes.get()), 7), "content");
  const auto empty = ahead("/empty");
  ASSERT_TRUE(empty && *empty);
  EXPECT_EQ((*empty)->version.size, 0U);
}

TEST_F(ReadAhead, WhatIsLargerThanWantedIsLeftAlone) {
  start();
  tree().add_file("/f", std::string(5000, 'x'));
  connect();
  const auto file = ahead("/f");
  ASSERT_TRUE(file) << file.error().text;
  EXPECT_FALSE(*file);
  EXPECT_EQ(*read("/f"), std::string(5000, 'x')) << "the connection is fit for use";
}

TEST_F(ReadAhead, AFileOfAnotherSizeThanWasToldIsLeftAlone) {
  for (const char* told : {"213 3", "213 9"}) {
    start();
    tree().add_file("/f", "content");
    connect();
    server_->add_fault({.verb = "SIZE", .kind = test::Fault::Kind::replace_reply, .reply = told});
    const auto file = ahead("/f");
    EXPECT_FALSE(file && *file) << told;
    EXPECT_EQ(*read("/f"), "content");
  }
}

TEST_F(ReadAhead, TheBytesAreToldOfBeforeTheirEndIsConfirmed) {
  start();
  tree().add_file("/f", "content");
  connect();
  server_->add_fault({.verb = "RETR", .kind = test::Fault::Kind::replace_reply, .reply = "426 No"});
  std::string told;
  const auto file = remote_->read_ahead(
      {[&] { return std::optional(at("/f")); }, 1000, true,
       [&told](const WholeFile& whole) {
         told.assign(reinterpret_cast<const char*>(whole.bytes.get()), *whole.version.size);
       }},
      soon());
  EXPECT_EQ(told, "content");
  EXPECT_FALSE(file) << "they are not confirmed";
}

TEST_F(ReadAhead, NothingIsChosenWithoutAConnection) {
  start();
  settings_.max_conns = 1;
  tree().add_file("/f", "content");
  connect();
  const auto reader = remote_->open_reader(at("/f"), 0, {}, soon());
  ASSERT_TRUE(reader);
  bool chosen = false;
  const auto none = remote_->read_ahead({[&] {
                                           chosen = true;
                                           return std::optional(at("/f"));
                                         },
                                         1000},
                                        soon());
  EXPECT_TRUE(none && !*none);
  EXPECT_FALSE(chosen);
}

TEST_F(ReadAhead, ALinkThatDiesIsAnError) {
  start();
  tree().add_file("/f", "content");
  connect();
  server_->add_fault({.verb = "RETR", .kind = test::Fault::Kind::close});
  EXPECT_FALSE(ahead("/f"));
  EXPECT_EQ(*read("/f"), "content");
}

TEST_F(Abilities, TheStartDirectoryIsTheLoginsHome) {
  begin({.home = "/home/user"});
  EXPECT_EQ(remote_->start_directory().str(), "/home/user");
}

TEST_F(Abilities, ANameWithALineEndIsRefusedBeforeAnythingIsSent) {
  EXPECT_FALSE(RemotePath::parse("/a\r\nDELE /b"));
}

// ---- Connecting ----

class Connecting : public RemoteFixture {
 protected:
  void expect_refusal(Errc code, const std::string& words) {
    auto connected = FtpRemote::connect(settings_, soon());
    ASSERT_FALSE(connected.has_value());
    EXPECT_EQ(connected.error().code, code) << connected.error().text;
    EXPECT_THAT(connected.error().text, HasSubstr(words));
  }
};

TEST_F(Connecting, AWrongPasswordIsToldInTheServersWords) {
  start();
  settings_.session.password = Secret(std::string_view("wrong"));
  expect_refusal(Errc::login_refused, "530");
  EXPECT_EQ(server_->count("PASS"), 1);
}

TEST_F(Connecting, AWrongNameInTheCertificateIsNamed) {
  start({.certificate = test::ServerCertificate::wrong_name});
  expect_refusal(Errc::untrusted, "elsewhere.example");
}

TEST_F(Connecting, NobodyListens) {
  start();
  server_->set_listening(false);
  expect_refusal(Errc::unreachable, "localhost");
}

TEST_F(Connecting, AnExplicitServerOnAnImplicitUrl) {
  start();
  settings_.session.mode = session::TlsMode::implicit_tls;
  expect_refusal(Errc::tls_failed, "ftpes://");
}

TEST_F(Connecting, AnImplicitServerOnAnExplicitUrl) {
  start({.implicit_tls = true});
  settings_.session.greeting_patience = std::chrono::milliseconds(1);
  expect_refusal(Errc::tls_failed, "ftps://");
}

TEST_F(Connecting, ARefusedProtection) {
  start({.clear_data_allowed = false});
  settings_.session.protection = session::Protection::clear_data;
  expect_refusal(Errc::unsupported, "prot=private");
}

TEST_F(Connecting, AMissingCaFile) {
  start();
  settings_.session.tls.ca_files = {"/nonexistent/ca.pem"};
  expect_refusal(Errc::invalid_argument, "/nonexistent/ca.pem");
}

TEST_F(Connecting, AServerThatSaysNothingHasADeadline) {
  start();
  server_->add_fault({.verb = "USER", .kind = Fault::Kind::stall});
  auto connected = FtpRemote::connect(settings_, Wait::for_at_most(std::chrono::milliseconds(300)));
  ASSERT_FALSE(connected.has_value());
  EXPECT_EQ(connected.error().code, Errc::timed_out);
}

}  // namespace
}  // namespace ftpsfs::remote
