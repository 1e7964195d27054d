// SPDX-License-Identifier: MIT
#include "ftpsfs/app/mount_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "support/temp_directory.hpp"

namespace ftpsfs::app {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class Plan : public testing::Test {
 protected:
  void SetUp() override {
    if (::access("/dev/fuse", F_OK) != 0) {
      GTEST_SKIP() << "no /dev/fuse";
    }
    std::filesystem::create_directory(directory_ + "/mnt");
    options_.staging_directory = directory_;
  }

  Result<MountPlan> make(const std::string& url = "ftpes://me@host/dir") {
    return make_mount_plan(options_, url, "mnt", directory_);
  }
  std::string failure() {
    const auto plan = make();
    return plan ? "no failure" : plan.error().text;
  }

  const test::TempDirectory place_;
  const std::string directory_ = place_.path();
  Options options_;
};

TEST_F(Plan, WritebackHasAJournalOfServerUserAndDirectory) {
  EXPECT_EQ(make()->journal_directory, "") << "off by default";
  options_.writeback = true;
  options_.journal_directory = directory_;
  options_.journal_size = 1ULL << 30U;
  options_.max_conns = 4;
  auto plan = make();
  ASSERT_TRUE(plan) << plan.error().text;
  EXPECT_EQ(plan->journal_directory, directory_);
  plan->credentials.username = "me";
  const auto settings = writeback_settings(*plan, *remote::RemotePath::parse("/dir"), 77);
  EXPECT_EQ(settings.journal.directory, directory_);
  EXPECT_THAT(settings.journal.identity, testing::StartsWith("me@host"));
  EXPECT_THAT(settings.journal.identity, testing::EndsWith("/dir"));
  EXPECT_EQ(settings.courier.mount, 77U);
  EXPECT_EQ(settings.courier.most_content_bytes, 1ULL << 30U);
  EXPECT_EQ(settings.courier.threads, 3U) << "programs come first";
  options_.upload_mode = fs::UploadMode::direct;
  EXPECT_THAT(failure(), testing::HasSubstr("upload="));
  options_.read_only = true;
  EXPECT_EQ(make()->journal_directory, "");
}

TEST_F(Plan, HasAnAbsoluteMountPoint) {
  const auto plan = make();
  ASSERT_TRUE(plan) << plan.error().text;
  EXPECT_EQ(plan->mount_point, directory_ + "/mnt");
  EXPECT_EQ(plan->staging_directory, directory_);
  EXPECT_TRUE(plan->warnings.empty());
}

TEST_F(Plan, RefusesAMountPointThatIsNoDirectory) {
  std::filesystem::remove(directory_ + "/mnt");
  EXPECT_THAT(failure(), HasSubstr("mkdir"));
  std::ofstream(directory_ + "/mnt") << "x";
  EXPECT_THAT(failure(), HasSubstr("not a directory"));
}

TEST_F(Plan, KnowsTheServersZone) {
  options_.timezone = "+02:00";
  const auto plan = make();
  ASSERT_TRUE(plan) << plan.error().text;
  EXPECT_EQ(remote_settings(*plan).session.server.zone.value().to_utc(7'200), 0);
  for (const char* zone : {"Atlantis/Poseidonis", "../../etc/passwd", "/etc/passwd", "+99"}) {
    options_.timezone = zone;
    EXPECT_THAT(failure(), HasSubstr(std::string("timezone=") + zone));
    EXPECT_THAT(failure(), HasSubstr("Europe/Berlin"));
  }
}

TEST_F(Plan, RefusesWhatNoServerCouldBeTold) {
  options_.sites = {"UMASK 022", "SITE UMASK 022"};
  EXPECT_THAT(failure(), HasSubstr("leave the word out"));
  options_.sites = {"UMASK 022\r\nDELE x"};
  EXPECT_THAT(failure(), HasSubstr("control characters"));
  options_.sites = {"UMASK 022"};
  EXPECT_TRUE(make());
  for (const char* list : {"NLSTING", "LISTING", "DELE x"}) {
    options_.server.list_command = list;
    EXPECT_THAT(failure(), HasSubstr(std::string("list_command=") + list));
  }
  for (const char* list : {"LIST -al", "NLST", "NLST -a"}) {
    options_.server.list_command = list;
    EXPECT_TRUE(make()) << list;
  }
  options_.charset = "UTF-16";
  EXPECT_THAT(failure(), HasSubstr("charset=UTF-16"));
  options_.charset = "utf-8";
  const auto plan = make();
  ASSERT_TRUE(plan) << plan.error().text;
  EXPECT_EQ(remote_settings(*plan).session.server.charset, "");
}

TEST_F(Plan, TakesADirectoryThatIsNotEmpty) {
  std::ofstream(directory_ + "/mnt/file") << "x";
  EXPECT_TRUE(make());
}

TEST_F(Plan, NamesCaFilesThatAreMissing) {
  options_.ca_files = {directory_ + "/ca.pem"};
  EXPECT_THAT(failure(), HasSubstr("cacert=" + directory_ + "/ca.pem"));
  options_.ca_files = {directory_};
  EXPECT_THAT(failure(), HasSubstr("capath"));
  options_.ca_files = {};
  options_.ca_directories = {"/dev/null"};
  EXPECT_THAT(failure(), HasSubstr("not a directory"));
}

TEST_F(Plan, RefusesWhatExcludesItself) {
  options_.tls_min = net::TlsVersion::tls1_3;
  options_.tls_max = net::TlsVersion::tls1_2;
  EXPECT_THAT(failure(), HasSubstr("tls_min"));
  options_.tls_min = net::TlsVersion::tls1_2;
  options_.allow_other = options_.allow_root = true;
  EXPECT_THAT(failure(), HasSubstr("exclude"));
}

TEST_F(Plan, OldTlsMustBeAskedForTwiceAndWarns) {
  options_.tls_min = net::TlsVersion::tls1_0;
  EXPECT_THAT(failure(), HasSubstr("tls_legacy"));
  options_.tls_legacy = true;
  const auto plan = make();
  ASSERT_TRUE(plan) << plan.error().text;
  EXPECT_THAT(plan->warnings, Contains(HasSubstr("tls_legacy")));
  EXPECT_TRUE(remote_settings(*plan).session.tls.legacy);
  EXPECT_EQ(remote_settings(*plan).session.tls.min_version, net::TlsVersion::tls1_0);
}

TEST_F(Plan, RefusesDemandsThatCannotBeMet) {
  options_.ocsp = net::StapledStatus::require;
  options_.verify = net::TlsVerify::none;
  EXPECT_THAT(failure(), HasSubstr("ocsp=require"));
  options_.verify = net::TlsVerify::full;
  options_.strict_end = true;
  EXPECT_TRUE(remote_settings(*make()).session.strict_end);
  options_.protection = session::Protection::clear_data;
  EXPECT_THAT(failure(), HasSubstr("eof=strict"));
}

TEST_F(Plan, RefusesPinsThatAreNone) {
  for (const char* pin : {"sha256:", "sha1:AAAA",
                          "sha256:AAAA=", "sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
                          "sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuF==",
                          "sha256:47DEQpj8HBSa+/TImW-5JCeuQeRkm5NMpJWZG3hSuFU="}) {
    options_.pins = {pin};
    EXPECT_THAT(failure(), HasSubstr("44 characters")) << pin;
  }
  options_.pins = {"sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="};
  options_.verify = net::TlsVerify::none;
  const auto plan = make();
  ASSERT_TRUE(plan) << plan.error().text;
  EXPECT_TRUE(plan->warnings.empty()) << "the pin tells who answers";
  options_.crl_files = {directory_ + "/none.crl"};
  EXPECT_THAT(failure(), HasSubstr("crlfile="));
  options_.crl_files = {"/etc/hostname"};
  options_.verify = net::TlsVerify::none;
  EXPECT_THAT(failure(), AllOf(HasSubstr("crlfile="), HasSubstr("verify=none")));
}

TEST_F(Plan, KnowsTheWayToTheServer) {
  options_.ipv6 = true;
  options_.active = true;
  options_.interface = "lo";
  options_.port_range = "6000-6010";
  auto route = remote_settings(*make()).session.route;
  EXPECT_EQ(route.family, net::AddressFamily::ipv6);
  EXPECT_EQ(route.active->interface, "lo");
  EXPECT_EQ(route.active->lowest_port, 6000);
  EXPECT_EQ(route.active->highest_port, 6010);
  options_ = Options();
  options_.staging_directory = directory_;
  options_.proxy = "socks5h://me@gate";
  auto plan = make();
  ASSERT_TRUE(plan) << plan.error().text;
  plan->credentials.proxy_password = Secret(std::string_view("word"));
  route = remote_settings(*plan).session.route;
  EXPECT_EQ(route.proxy->host, "gate");
  EXPECT_EQ(route.proxy->password->reveal(), "word");
  EXPECT_TRUE(plan->warnings.empty());
  options_.proxy = "socks5h://me:hunter2@gate";
  plan = make();
  EXPECT_THAT(plan->warnings, Contains(HasSubstr("proxy_password=")));
  EXPECT_THAT(plan->warnings, Not(Contains(HasSubstr("hunter2"))));
  EXPECT_EQ(plan->options.proxy, "") << "it is kept as a secret alone";
}

TEST_F(Plan, RefusesWaysThatExcludeEachOther) {
  options_.ipv4 = options_.ipv6 = true;
  EXPECT_THAT(failure(), HasSubstr("ipv4 and ipv6"));
  options_.ipv4 = false;
  options_.interface = "nosuch0";
  EXPECT_THAT(failure(), HasSubstr("give active"));
  options_.active = true;
  EXPECT_THAT(failure(), HasSubstr("interface=nosuch0"));
  options_.interface = "192.0.2.1";
  for (const char* range : {"x", "0-5", "7-6", "1-70000", "5-", "-5", "1-2-3"}) {
    options_.port_range = range;
    EXPECT_THAT(failure(), HasSubstr("port_range=")) << range;
  }
  options_.port_range = "5000";
  EXPECT_EQ(make()->route.active->highest_port, 5000);
  options_.proxy = "socks5://gate";
  EXPECT_THAT(failure(), HasSubstr("exclude"));
  options_.active = false;
  options_.interface = options_.port_range = "";
  options_.proxy = "http://gate";
  EXPECT_THAT(failure(), HasSubstr("socks5h://"));
}

TEST_F(Plan, RefusesHalfAnIdentity) {
  options_.identity.key = "/k";
  EXPECT_THAT(failure(), HasSubstr("cert=FILE"));
  options_.identity.certificate = "/c";
  options_.identity.pkcs12 = "/p";
  EXPECT_THAT(failure(), HasSubstr("excludes"));
}

TEST_F(Plan, WarnsOfWhatIsNotSafe) {
  options_.verify = net::TlsVerify::none;
  options_.protection = session::Protection::clear_data;
  const auto plan = make("ftpes://me:hunter2@host/");
  ASSERT_TRUE(plan);
  EXPECT_THAT(plan->warnings, Contains(HasSubstr("verify=none")));
  EXPECT_THAT(plan->warnings, Contains(HasSubstr("prot=clear")));
  EXPECT_THAT(plan->warnings, Contains(HasSubstr("credentials=FILE")));
  EXPECT_THAT(plan->warnings, Not(Contains(HasSubstr("hunter2"))));
}

TEST_F(Plan, ShowsNoUserAndNoPasswordAsSource) {
  EXPECT_EQ(mount_options(*make("ftpes://me:hunter2@host:2121/dir")).fsname,
            "ftpes://host:2121/dir");
  options_.fsname = "mine";
  EXPECT_EQ(mount_options(*make()).fsname, "mine");
}

TEST_F(Plan, KnowsTheDirectoryOnTheServer) {
  const auto start = remote::RemotePath::parse("/home/me").value();
  EXPECT_EQ(remote_root(*make("ftpes://host/a/b"), start)->str(), "/a/b");
  EXPECT_EQ(remote_root(*make("ftpes://host/"), start)->str(), "/");
  EXPECT_EQ(remote_root(*make("ftpes://host"), start)->str(), "/home/me");
  EXPECT_EQ(remote_root(*make("host:"), start)->str(), "/home/me");
  EXPECT_EQ(remote_root(*make("host:sub/dir"), start)->str(), "/home/me/sub/dir");
  EXPECT_FALSE(remote_root(*make("host:/../x"), start));
}

TEST_F(Plan, CarriesTheOptionsToTheFloorsBelow) {
  options_.max_conns = 3;
  options_.timeout = std::chrono::seconds(7);
  options_.umask = 022;
  options_.file_mask = 0177;
  options_.uid = 12;
  options_.read_only = true;
  options_.allow_root = true;
  options_.auto_unmount = true;
  options_.kernel_flags = {"noexec"};
  options_.dir_cache_timeout = std::chrono::seconds(9);
  auto plan = make("ftps://host/");
  ASSERT_TRUE(plan) << plan.error().text;
  plan->credentials.username = "me";
  plan->credentials.password = Secret(std::string_view("word"));

  const auto remote = remote_settings(*plan);
  EXPECT_EQ(remote.max_conns, 3U);
  EXPECT_EQ(remote.session.port, 990);
  EXPECT_EQ(remote.session.mode, session::TlsMode::implicit_tls);
  EXPECT_EQ(remote.session.username, "me");
  EXPECT_EQ(remote.session.password->reveal(), "word");
  EXPECT_EQ(remote.session.timeout, std::chrono::seconds(7));

  const auto files = filesystem_settings(*plan, remote::RemotePath());
  EXPECT_EQ(files.uid, 12U);
  EXPECT_EQ(files.gid, ::getgid());
  EXPECT_EQ(files.file_mask, 0177);
  EXPECT_EQ(files.directory_mask, 022);
  EXPECT_TRUE(files.read_only);
  EXPECT_EQ(files.dir_cache_timeout, std::chrono::seconds(9));
  EXPECT_EQ(files.staging_directory, directory_);

  const auto mount = mount_options(*plan);
  EXPECT_TRUE(mount.read_only);
  EXPECT_TRUE(mount.default_permissions);
  EXPECT_EQ(mount.mount_point, directory_ + "/mnt");
  EXPECT_THAT(mount.others, testing::UnorderedElementsAre("noexec", "allow_root", "auto_unmount"));

  EXPECT_GE(serve_settings(*plan).operation_timeout,
            plan->options.connect_timeout + plan->options.timeout);
}

TEST_F(Plan, HardWaitsHaveNoEnd) {
  auto soft = make("ftps://host/");
  ASSERT_TRUE(soft) << soft.error().text;
  EXPECT_FALSE(Wait::for_at_most(serve_settings(*soft).operation_timeout).is_endless());
  EXPECT_FALSE(filesystem_settings(*soft, remote::RemotePath()).waits_for_link);
  options_.hard = true;
  options_.retries = 5;
  options_.timeout = std::chrono::seconds(7);
  auto hard = make("ftps://host/");
  ASSERT_TRUE(hard) << hard.error().text;
  EXPECT_TRUE(Wait::for_at_most(serve_settings(*hard).operation_timeout).is_endless());
  EXPECT_TRUE(Wait::for_at_most(serve_settings(*hard).settle_timeout).is_endless());
  EXPECT_TRUE(filesystem_settings(*hard, remote::RemotePath()).waits_for_link);
  EXPECT_EQ(filesystem_settings(*hard, remote::RemotePath()).retries, 5);
  EXPECT_EQ(remote_settings(*hard).retries, 5);
  EXPECT_EQ(remote_settings(*hard).session.timeout, std::chrono::seconds(7)) << "of each step";
}

}  // namespace
}  // namespace ftpsfs::app
