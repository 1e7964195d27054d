// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/server_profile.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "samples.hpp"

namespace ftpsfs::ftp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

ServerProfile profile_of(const std::string& dialogue) {
  return recognise_server(answer_to(dialogue, "(connect)"), answer_to(dialogue, "SYST"),
                          parse_features(answer_to(dialogue, "FEAT")));
}

TEST(ServerProfile, OfVsftpd) {
  const ServerProfile profile = profile_of("vsftpd.dialogue");
  EXPECT_EQ(profile.kind, ServerKind::vsftpd);
  EXPECT_EQ(profile.version, "3.0.3");
  EXPECT_EQ(profile.system, "UNIX Type: L8");
  EXPECT_FALSE(profile.has_mlsd || profile.has_mlst || profile.mfmt || profile.site_symlink);
  EXPECT_TRUE(profile.mdtm_set && profile.site_chmod && profile.size && profile.rest);
  EXPECT_TRUE(profile.stat_lists && profile.pipelines && profile.empty_listing_may_be_denial);
  EXPECT_FALSE(profile.sets_directory_times);
  EXPECT_EQ(profile.list_command, "LIST -a");
  EXPECT_EQ(profile.stat_command, "STAT -a .");
}

TEST(ServerProfile, OfProftpd) {
  const ServerProfile profile = profile_of("proftpd.dialogue");
  EXPECT_EQ(profile.kind, ServerKind::proftpd);
  EXPECT_EQ(profile.version, "") << "the greeting tells none";
  EXPECT_TRUE(profile.has_mlsd && profile.has_mlst && profile.mfmt && profile.mff_modify);
  EXPECT_TRUE(profile.mff_unix_mode && profile.site_symlink && profile.site_utime);
  EXPECT_TRUE(profile.opts_utf8 && profile.utf8 && profile.site_symlink_resolves);
  EXPECT_FALSE(profile.mdtm_set);
  EXPECT_EQ(profile.mlst_links, LinkView::mixed);
  EXPECT_EQ(profile.mlsd_links, LinkView::shown);
  EXPECT_TRUE(profile.mlsd_hides_dangling_links);
  EXPECT_EQ(profile.list_command, "LIST -a .");
}

TEST(ServerProfile, OfPureFtpd) {
  const ServerProfile profile = profile_of("pureftpd.dialogue");
  EXPECT_EQ(profile.kind, ServerKind::pureftpd);
  EXPECT_TRUE(profile.has_mlsd && profile.has_mlst && profile.mfmt && profile.site_utime);
  EXPECT_FALSE(profile.opts_utf8 || profile.site_symlink || profile.rest_stor_keeps_tail);
  EXPECT_TRUE(profile.utf8);
  EXPECT_EQ(profile.listing_limit, 10'000U);
  EXPECT_TRUE(profile.commands_behind_transfer && profile.early_data_handshake);
}

TEST(ServerProfile, OfPyftpdlib) {
  const ServerProfile profile = profile_of("pyftpdlib.dialogue");
  EXPECT_EQ(profile.kind, ServerKind::pyftpdlib);
  EXPECT_EQ(profile.list_command, "LIST");
  EXPECT_EQ(profile.stat_command, "STAT .");
  EXPECT_EQ(profile.mlst_links, LinkView::followed);
  EXPECT_FALSE(profile.early_data_handshake || profile.commands_behind_transfer);
  EXPECT_FALSE(profile.sets_directory_times || profile.opts_utf8);
  EXPECT_TRUE(profile.pipelines && profile.mlsd_hides_dangling_links);
}

/// "HASH SHA-256", the strongest first.
std::vector<std::string> digests_of(std::string_view features) {
  const ServerProfile profile =
      recognise_server(Reply{}, Reply{}, parse_features(reply_of(features)));
  std::vector<std::string> names;
  for (const DigestCommand& command : profile.digest_commands()) {
    EXPECT_TRUE(profile.*command.capability);
    names.push_back(std::string(command.verb) + " " + to_string(command.algorithm));
  }
  return names;
}

TEST(ServerProfile, CommandsThatTellDigestsTheStrongestFirst) {
  EXPECT_THAT(digests_of("211-F\n HASH CRC32;MD5;SHA-1*;SHA-256;SHA-512;\n MD5\n XCRC\n XMD5\n"
                         " XSHA\n XSHA1\n XSHA256\n XSHA512\n211 End"),
              ElementsAre("HASH SHA-256", "XSHA256 SHA-256", "XSHA512 SHA-512", "XSHA1 SHA-1",
                          "XMD5 MD5", "MD5 MD5", "XCRC CRC32"));
  EXPECT_THAT(digests_of("211-F\n HASH MD5*;SHA-1\n XSHA1 filename;start;end\n"
                         " xsha256 filename;start;end\n211 End"),
              ElementsAre("XSHA256 SHA-256", "HASH SHA-1", "XSHA1 SHA-1"));
  EXPECT_THAT(digests_of("211-F\n HASH\n XCRC\n211 End"), ElementsAre("XCRC CRC32"));
  EXPECT_THAT(digests_of("211-F\n HASH WHIRLPOOL*\n SIZE\n211 End"), IsEmpty());
  const auto selected = [](std::string_view features) {
    return recognise_server(Reply{}, Reply{}, parse_features(reply_of(features))).hash_selected;
  };
  EXPECT_TRUE(selected("211-F\n HASH SHA-1;SHA-256*\n211 End"));
  EXPECT_FALSE(selected("211-F\n HASH SHA-1*;SHA-256\n211 End"));
}

TEST(ServerProfile, VersionsFromTheGreeting) {
  const auto version = [](std::string_view greeting) {
    return recognise_server(reply_of(greeting), Reply{}, Features{}).version;
  };
  EXPECT_EQ(version("220 ProFTPD 1.3.5e Server (Debian) [::1]"), "1.3.5e");
  EXPECT_EQ(version("220 pyftpdlib 1.5.7 ready."), "1.5.7");
  EXPECT_EQ(version("220 (vsFTPd 2.0.8+ (ext.1) ready...)"), "2.0.8");
  EXPECT_EQ(version("220 ProFTPD"), "");
}

TEST(ServerProfile, RecognisedByFeaturesBehindAnotherGreeting) {
  for (const auto& [dialogue, kind] : {std::pair{"vsftpd.dialogue", ServerKind::vsftpd},
                                       std::pair{"proftpd.dialogue", ServerKind::proftpd},
                                       std::pair{"pureftpd.dialogue", ServerKind::pureftpd},
                                       std::pair{"pyftpdlib.dialogue", ServerKind::unknown}}) {
    const ServerProfile profile = recognise_server(reply_of("220 Welcome to ACME"), Reply{},
                                                   parse_features(answer_to(dialogue, "FEAT")));
    EXPECT_EQ(profile.kind, kind) << dialogue;
    EXPECT_EQ(profile.version, "");
  }
}

TEST(ServerProfile, OfAnUnknownServerIsCautious) {
  const ServerProfile profile = recognise_server(
      reply_of("220 Hello"), reply_of("502 no"),
      parse_features(reply_of("211-F\n SIZE\n AVBL\n SITE SYMLINK\n MFMT\n211 End")));
  EXPECT_EQ(profile.kind, ServerKind::unknown);
  EXPECT_EQ(profile.system, "");
  EXPECT_TRUE(profile.size && profile.mdtm && profile.rest && profile.epsv && profile.pasv);
  EXPECT_TRUE(profile.avbl && profile.site_symlink && profile.mfmt);
  EXPECT_FALSE(profile.has_mlst || profile.mdtm_set || profile.pipelines || profile.stat_lists);
  EXPECT_FALSE(profile.early_data_handshake || profile.rename_replaces);
  EXPECT_EQ(profile.list_command, "LIST");
}

TEST(ServerProfile, KnowsNothingOfAServerThatTellsNothing) {
  const ServerProfile profile = recognise_server(Reply{}, Reply{}, Features{});
  EXPECT_EQ(profile.kind, ServerKind::unknown);
  EXPECT_TRUE(profile.epsv);
}

TEST(ServerProfile, OfIbmI) {
  const Reply greeting =
      reply_of("220-QTCP at HOST.EXAMPLE.\n220 Connection will close if idle more than 5 minutes.");
  const Reply syst =
      reply_of("215  OS/400 is the remote operating system. The TCP/IP version is \"V6R1M0\".");
  for (const ServerProfile& profile : {recognise_server(greeting, Reply{}, Features{}),
                                       recognise_server(reply_of("220 x"), syst, Features{})}) {
    EXPECT_EQ(profile.kind, ServerKind::ibmi);
    EXPECT_THAT(profile.login_sites, testing::ElementsAre("NAMEFMT 1", "LISTFMT 1"));
    EXPECT_TRUE(profile.folds_case && profile.epsv && profile.rest);
    EXPECT_FALSE(profile.rename_replaces || profile.pipelines || profile.stat_lists);
    EXPECT_TRUE(profile.tells_length_of("/home/x") && profile.takes_any_name_beside("/home/x"));
    for (const char* path :
         {"/QSYS.LIB/L.LIB/F.FILE/M.MBR", "/qsys.lib/x.lib", "/IASP1/QSYS.LIB/L.LIB/S.FILE"}) {
      EXPECT_FALSE(profile.tells_length_of(path)) << path;
      EXPECT_FALSE(profile.takes_any_name_beside(path)) << path;
    }
    EXPECT_TRUE(profile.tells_length_of("/QSYS.LIB"));
  }
  EXPECT_EQ(recognise_server(greeting, syst, Features{}).dialect, Dialect::os400);
}

TEST(ServerProfile, OfOtherSystemsBySyst) {
  const auto of = [](const char* syst) {
    return recognise_server(reply_of("220 ready"), reply_of(syst), Features{});
  };
  EXPECT_EQ(of("215 Windows_NT").kind, ServerKind::windows);
  EXPECT_EQ(of("215 Windows_NT").dialect, Dialect::dos);
  EXPECT_EQ(of("215 MVS is the operating system of this server. FTP Server is running.").kind,
            ServerKind::zos);
  EXPECT_EQ(of("215 VMS OpenVMS V8.4 on node X").kind, ServerKind::openvms);
  EXPECT_EQ(of("215 Nonstop J-series Server J06.18").kind, ServerKind::nonstop);
  EXPECT_EQ(of("215-z/VM Version 5\n215 VM is the operating system of this server.").kind,
            ServerKind::zvm);
  EXPECT_EQ(of("215 UNIX Type: L8").kind, ServerKind::unknown);
  EXPECT_EQ(of("215 UNIX Type: L8").dialect, Dialect::unix_ls);
  EXPECT_EQ(of("215 Oddity").dialect, std::nullopt);
}

TEST(ServerProfile, IsWhatTheUserSays) {
  ProfileOverrides says;
  EXPECT_FALSE(apply_server_word(says, "minix"));
  ASSERT_TRUE(apply_server_word(says, "ibmi"));
  says.disable_epsv = true;
  ServerProfile profile =
      recognise_server(reply_of("220 ProFTPD"), reply_of("215 UNIX"),
                       parse_features(answer_to("proftpd.dialogue", "FEAT")), says);
  EXPECT_EQ(profile.kind, ServerKind::ibmi);
  EXPECT_EQ(profile.dialect, Dialect::os400);
  EXPECT_TRUE(profile.has_mlsd);
  EXPECT_FALSE(profile.epsv);
  ASSERT_TRUE(apply_server_word(says, "auto"));
  says.list_command = "LIST -al";
  profile = recognise_server(reply_of("220 ProFTPD"), reply_of("215 UNIX"),
                             parse_features(answer_to("proftpd.dialogue", "FEAT")), says);
  EXPECT_EQ(profile.kind, ServerKind::proftpd);
  EXPECT_EQ(profile.list_command, "LIST -al");
  EXPECT_EQ(profile.whole_list_command, "");
  EXPECT_FALSE(profile.has_mlsd || profile.has_mlst || profile.stat_lists);
}

TEST(ServerProfile, ListsByNamesAloneWhereTheUserSaysSo) {
  ProfileOverrides says;
  says.list_command = "NLST -a";
  const ServerProfile profile =
      recognise_server(reply_of("220 ProFTPD"), reply_of("215 UNIX"),
                       parse_features(answer_to("proftpd.dialogue", "FEAT")), says);
  EXPECT_FALSE(profile.lists || profile.has_mlsd || profile.has_mlst || profile.stat_lists);
  EXPECT_EQ(profile.names_command, "NLST -a");
  EXPECT_EQ(profile.list_command, "LIST -a .");
  EXPECT_NE(profile.describe().find("NLST -a"), std::string::npos) << profile.describe();
  EXPECT_EQ(profile.describe().find(" LIST"), std::string::npos) << profile.describe();
  EXPECT_TRUE(lists_names_alone("NLST"));
  EXPECT_FALSE(lists_names_alone("NLSTX") || lists_names_alone("LIST") || lists_names_alone(""));
}

TEST(ServerProfile, KnowsWhenTheUsersListLeavesNamesOut) {
  for (const char* command : {"LIST", "LIST -l", "LIST a", "LIST -R a"}) {
    ProfileOverrides says;
    says.list_command = command;
    EXPECT_EQ(profile_of("vsftpd.dialogue").whole_list_command, "");
    const Reply syst = reply_of("215 UNIX");
    EXPECT_EQ(recognise_server(reply_of("220 vsFTPd"), syst, {}, says).whole_list_command,
              "LIST -a")
        << command;
    EXPECT_EQ(recognise_server(reply_of("220 ready"), syst, {}, says).whole_list_command, "");
  }
  EXPECT_TRUE(shows_dot_names("LIST -la"));
  EXPECT_TRUE(shows_dot_names("LIST -l -a"));
}

TEST(ServerProfile, DescribesItself) {
  const std::string vsftpd = profile_of("vsftpd.dialogue").describe();
  EXPECT_THAT(vsftpd, HasSubstr("vsftpd 3.0.3: LIST -a, STAT -a ., REST, SIZE, MDTM, MDTM (set)"));
  EXPECT_THAT(vsftpd, Not(HasSubstr("MLSD")));
  EXPECT_THAT(profile_of("proftpd.dialogue").describe(), HasSubstr("ProFTPD: MLSD, MLST, "));
  EXPECT_THAT(profile_of("pureftpd.dialogue").describe(), HasSubstr("Pure-FTPd: MLSD"));
  EXPECT_THAT(profile_of("pyftpdlib.dialogue").describe(), HasSubstr("pyftpdlib: MLSD"));
  EXPECT_EQ(recognise_server(Reply{}, Reply{}, Features{}).describe().substr(0, 8), "unknown:");
}

}  // namespace
}  // namespace ftpsfs::ftp
