// SPDX-License-Identifier: MIT
//
// Transfers that end too early, too late, or not at all, and changes of which nobody hears.
#include "faulty_mount.hpp"

namespace ftpsfs::faults {
namespace {

constexpr const char* kWhole = "226 Transfer complete";

Fault as_text(const std::string& verb) {
  return {.verb = verb, .kind = Fault::Kind::as_text, .times = kAlways};
}

class Downloads : public FaultTable {};

TEST_P(Downloads, GiveTheRightBytesOrAnError) {
  run(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Faults, Downloads,
    ::testing::Values(
        Row{"verdict_before_the_data",
            {{.verb = "RETR", .kind = Fault::Kind::early_end, .times = kAlways}},
            &FaultyMount::reads},
        Row{"verdict_before_the_data_in_clear",
            {{.verb = "RETR", .kind = Fault::Kind::early_end, .times = kAlways}},
            &FaultyMount::reads,
            0,
            {.remote =
                 [](remote::FtpRemoteSettings& made) {
                   made.session.protection = session::Protection::clear_data;
                 }}},
        Row{"verdict_before_the_listing",
            {{.verb = "MLSD", .kind = Fault::Kind::early_end, .times = kAlways}},
            &FaultyMount::lists},
        Row{"verdict_never_comes",
            {{.verb = "RETR", .kind = Fault::Kind::stall_reply}},
            &FaultyMount::reads,
            0,
            {.timeout = 500ms}},
        Row{"verdict_never_comes_to_anybody",
            {{.verb = "RETR", .kind = Fault::Kind::stall_reply, .times = kAlways}},
            &FaultyMount::reads,
            ETIMEDOUT,
            {.timeout = 150ms}},
        Row{"verdict_of_a_listing_never_comes",
            {{.verb = "MLSD", .kind = Fault::Kind::stall_reply, .times = kAlways}},
            &FaultyMount::lists,
            ETIMEDOUT,
            {.timeout = 150ms}},
        Row{"whole_by_its_words_with_bytes_missing_once",
            {{.verb = "RETR", .kind = Fault::Kind::swallow, .bytes = 1000}},
            &FaultyMount::reads},
        Row{"whole_by_its_words_with_bytes_missing",
            {{.verb = "RETR", .kind = Fault::Kind::swallow, .times = kAlways}},
            &FaultyMount::reads,
            EIO},
        Row{"as_text_in_spite_of_type_i", {as_text("RETR")}, &FaultyMount::reads, EIO},
        Row{"as_text_over_the_only_connection",
            {as_text("RETR")},
            &FaultyMount::reads,
            EIO,
            {.remote = [](remote::FtpRemoteSettings& made) { made.max_conns = 1; }}},
        Row{"as_text_of_a_long_file", {as_text("RETR")}, &FaultyMount::reads_a_long_file, EIO},
        Row{"as_text_that_is_much_longer", {as_text("RETR")}, &FaultyMount::reads_empty_lines, EIO},
        Row{"as_text_without_a_line_in_it",
            {as_text("RETR")},
            &FaultyMount::reads_what_text_mode_leaves_alone},
        Row{"cut_short_without_close_notify_once",
            {{.verb = "RETR", .kind = Fault::Kind::truncate, .reply = kWhole, .bytes = 1000}},
            &FaultyMount::reads},
        Row{"cut_short_without_close_notify",
            {{.verb = "RETR", .kind = Fault::Kind::truncate, .times = kAlways, .reply = kWhole}},
            &FaultyMount::reads,
            EIO},
        Row{"whole_without_close_notify",
            {{.verb = "RETR", .kind = Fault::Kind::silent_end, .times = kAlways}},
            &FaultyMount::reads},
        Row{"whole_without_close_notify_where_that_is_wanted",
            {{.verb = "RETR", .kind = Fault::Kind::silent_end, .times = kAlways}},
            &FaultyMount::reads,
            EIO,
            {.remote = [](remote::FtpRemoteSettings& made) { made.session.strict_end = true; }}},
        Row{"reset_in_the_middle_once",
            {{.verb = "RETR", .kind = Fault::Kind::cut_data, .bytes = 70'000}},
            &FaultyMount::reads},
        Row{"reset_at_once_and_always",
            {{.verb = "RETR", .kind = Fault::Kind::cut_data, .times = kAlways}},
            &FaultyMount::reads,
            EIO},
        Row{"both_connections_reset_in_the_middle",
            {{.verb = "RETR", .kind = Fault::Kind::reset, .times = 2}},
            &FaultyMount::reads},
        Row{"stalled_in_the_middle",
            {{.verb = "RETR", .kind = Fault::Kind::stall_data, .bytes = 70'000}},
            &FaultyMount::reads,
            0,
            {.timeout = 600ms}},
        Row{"cut_by_the_reader_426_and_226",
            {{.verb = "RETR",
              .kind = Fault::Kind::trail,
              .times = kAlways,
              .reply = "226 Abort successful"}},
            &FaultyMount::reads_clear_of_the_end},
        Row{"cut_by_the_reader_and_unanswered",
            {{.verb = "RETR", .kind = Fault::Kind::stall_reply, .times = kAlways}},
            &FaultyMount::reads_clear_of_the_end},
        Row{"rate_limited",
            {{.verb = "RETR", .kind = Fault::Kind::dribble, .times = kAlways, .bytes = 100}},
            &FaultyMount::reads}),
    name_of);

class Uploads : public FaultTable {};

TEST_P(Uploads, AreWholeOrTheErrorIsTold) {
  run(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Faults, Uploads,
    ::testing::Values(Row{"as_text_in_spite_of_type_i",
                          {as_text("STOR")},
                          &FaultyMount::writes_what_text_mode_changes,
                          EIO},
                      Row{"verdict_never_comes",
                          {{.verb = "STOR", .kind = Fault::Kind::stall_reply}},
                          &FaultyMount::writes_a_new_file,
                          0,
                          {.timeout = 800ms}},
                      Row{"verdict_is_lost",
                          {{.verb = "STOR", .kind = Fault::Kind::drop_reply}},
                          &FaultyMount::replaces},
                      Row{"whole_by_its_words_with_bytes_missing_once",
                          {{.verb = "STOR", .kind = Fault::Kind::swallow, .bytes = 1000}},
                          &FaultyMount::writes_a_new_file},
                      Row{"whole_by_its_words_with_bytes_missing",
                          {{.verb = "STOR", .kind = Fault::Kind::swallow, .times = kAlways},
                           {.verb = "APPE", .kind = Fault::Kind::swallow, .times = kAlways}},
                          &FaultyMount::replaces,
                          EIO},
                      Row{"reset_in_the_middle_once",
                          {{.verb = "STOR", .kind = Fault::Kind::cut_data, .bytes = 70'000}},
                          &FaultyMount::writes_a_new_file},
                      Row{"reset_in_the_middle_of_a_replacement_always",
                          {{.verb = "STOR", .kind = Fault::Kind::cut_data, .times = kAlways},
                           {.verb = "APPE", .kind = Fault::Kind::cut_data, .times = kAlways}},
                          &FaultyMount::replaces,
                          EIO},
                      Row{"reset_in_the_middle_of_appending",
                          {{.verb = "APPE", .kind = Fault::Kind::cut_data, .bytes = 2}},
                          &FaultyMount::appends},
                      Row{"both_connections_reset",
                          {{.verb = "STOR", .kind = Fault::Kind::reset, .times = 2}},
                          &FaultyMount::writes_a_new_file},
                      Row{"the_server_reads_after_our_end",
                          {{.verb = "STOR", .kind = Fault::Kind::read_late, .times = kAlways}},
                          &FaultyMount::writes_a_small_file,
                          0,
                          {.server = {.tickets = {.count = 8}}}},
                      Row{"quota_in_the_middle",
                          {{.verb = "STOR",
                            .kind = Fault::Kind::cut_data,
                            .times = kAlways,
                            .reply = "552 Quota exceeded.",
                            .bytes = 70'000}},
                          &FaultyMount::writes_a_new_file,
                          EDQUOT},
                      Row{"no_space_in_the_middle",
                          {{.verb = "STOR",
                            .kind = Fault::Kind::cut_data,
                            .times = kAlways,
                            .reply = "452 No space left on device.",
                            .bytes = 70'000}},
                          &FaultyMount::writes_a_new_file,
                          ENOSPC},
                      Row{"truncated_and_then_failed",
                          {{.verb = "STOR",
                            .kind = Fault::Kind::cut_data,
                            .times = kAlways,
                            .reply = "451 Local error."}},
                          &FaultyMount::replaces,
                          EIO},
                      Row{"refused",
                          {{.verb = "STOR", .times = kAlways, .reply = "553 Not here."}},
                          &FaultyMount::replaces,
                          EACCES}),
    name_of);

/// ProFTPD with AllowStoreRestart off.
const Fault kNeverAppends{
    .verb = "APPE", .times = kAlways, .reply = "451 Append/Restart not permitted, try again"};

INSTANTIATE_TEST_SUITE_P(
    WithoutAppending, Uploads,
    ::testing::Values(
        Row{"nothing_else_is_wrong", {kNeverAppends}, &FaultyMount::appends},
        Row{"the_command_is_not_known",
            {{.verb = "APPE", .times = kAlways, .reply = "502 ?"}},
            &FaultyMount::appends},
        Row{"reset_in_the_middle",
            {{.verb = "STOR", .kind = Fault::Kind::cut_data, .bytes = 70'000}, kNeverAppends},
            &FaultyMount::writes_a_new_file},
        Row{"reset_in_the_middle_of_a_replacement",
            {{.verb = "STOR", .kind = Fault::Kind::cut_data, .bytes = 2}, kNeverAppends},
            &FaultyMount::replaces}),
    name_of);

/// Sizes are right, and the server can tell the digest of what it has.
class DigestedUploads : public FaultTable {
 public:
  static Day day(std::vector<std::string> digests = {"HASH SHA-1*;SHA-256", "XCRC"},
                 bool remembers = false) {
    return {.server = {.digests = std::move(digests), .remembers_digests = remembers},
            .remote = [](remote::FtpRemoteSettings& made) { made.verify_content = true; }};
  }
};

TEST_P(DigestedUploads, AreWhatWasSentOrTheErrorIsTold) {
  run(GetParam());
  EXPECT_EQ(hidden(), std::vector<std::string>());
}

const std::vector<Fault> kCorruptedOnce{{.verb = "STOR", .kind = Fault::Kind::corrupt, .bytes = 5}};

INSTANTIATE_TEST_SUITE_P(
    Faults, DigestedUploads,
    ::testing::Values(
        Row{"nothing_is_wrong", {}, &FaultyMount::replaces, 0, DigestedUploads::day()},
        Row{"a_replacement_arrives_as_other_content", kCorruptedOnce, &FaultyMount::replaces, EIO,
            DigestedUploads::day()},
        Row{"a_new_file_arrives_as_other_content",
            {{.verb = "STOR", .kind = Fault::Kind::corrupt, .bytes = 150'000}},
            &FaultyMount::writes_a_new_file,
            EIO,
            DigestedUploads::day()},
        Row{"what_follows_a_cut_arrives_as_other_content",
            {{.verb = "STOR", .kind = Fault::Kind::cut_data, .bytes = 70'000},
             {.verb = "APPE", .kind = Fault::Kind::corrupt, .bytes = 5}},
            &FaultyMount::writes_a_new_file,
            EIO,
            DigestedUploads::day()},
        Row{"reset_in_the_middle_once",
            {{.verb = "STOR", .kind = Fault::Kind::cut_data, .bytes = 70'000}},
            &FaultyMount::writes_a_new_file,
            0,
            DigestedUploads::day()},
        Row{"appending_is_compared_by_size", {}, &FaultyMount::appends, 0, DigestedUploads::day()},
        Row{"the_command_is_not_known",
            {{.verb = "HASH", .times = kAlways, .reply = "502 ?"},
             {.verb = "XCRC", .times = kAlways, .reply = "500 ?"}},
            &FaultyMount::replaces,
            0,
            DigestedUploads::day()},
        Row{"the_answer_never_comes",
            {{.verb = "HASH", .kind = Fault::Kind::stall}},
            &FaultyMount::writes_a_new_file,
            0,
            {.server = DigestedUploads::day().server,
             .timeout = 500ms,
             .remote = DigestedUploads::day().remote}},
        Row{"the_answer_never_comes_to_anybody",
            {{.verb = "HASH", .kind = Fault::Kind::stall, .times = kAlways}},
            &FaultyMount::replaces,
            ETIMEDOUT,
            {.server = DigestedUploads::day().server,
             .timeout = 150ms,
             .remote = DigestedUploads::day().remote}},
        Row{"sessions_remember_what_was_there_before",
            {},
            &FaultyMount::writes_twice_straight_to_the_name,
            0,
            {.server = DigestedUploads::day({"XSHA256"}, true).server,
             .remote = DigestedUploads::day().remote,
             .mount = [](fs::Settings& made) { made.upload_mode = fs::UploadMode::direct; }}}),
    name_of);

class Changes : public FaultTable {};

TEST_P(Changes, AreMadeOnceOrTheErrorIsTold) {
  run(GetParam());
}

const Day kNeverReplaces{.server = {.rename_overwrites = false}};

INSTANTIATE_TEST_SUITE_P(
    Faults, Changes,
    ::testing::Values(
        Row{"reply_to_rnto_is_lost",
            {{.verb = "RNTO", .kind = Fault::Kind::drop_reply}},
            &FaultyMount::renames},
        Row{"reply_to_rnto_of_a_replacement_is_lost",
            {{.verb = "RNTO", .kind = Fault::Kind::drop_reply}},
            &FaultyMount::replaces},
        Row{"reply_to_dele_is_lost",
            {{.verb = "DELE", .kind = Fault::Kind::drop_reply}},
            &FaultyMount::removes},
        Row{"reply_to_mkd_is_lost",
            {{.verb = "MKD", .kind = Fault::Kind::drop_reply}},
            &FaultyMount::makes_a_directory},
        Row{"rnto_never_replaces_for_a_program",
            {},
            &FaultyMount::renames_over_a_file,
            0,
            kNeverReplaces},
        Row{"rnto_never_replaces_for_an_upload", {}, &FaultyMount::replaces, 0, kNeverReplaces},
        Row{"rate_limited",
            {{.verb = "MKD", .times = kAlways, .reply = "450 Slow down."}},
            &FaultyMount::makes_a_directory,
            EBUSY}),
    name_of);

/// With upload=direct the name itself is cut at once: nothing can be done about that, but to tell.
TEST_F(FaultyMount, AFailedDirectUploadIsToldAndCanBeRepeated) {
  mount({.mount = [](fs::Settings& settings) { settings.upload_mode = fs::UploadMode::direct; }});
  server_->add_fault({.verb = "STOR",
                      .kind = Fault::Kind::cut_data,
                      .times = kAlways,
                      .reply = "451 Local error."});
  EXPECT_EQ(overwrites("f", "replaced"), EIO) << why_;
  EXPECT_EQ(tree().content("/f"), "");
  server_->clear_faults();
  EXPECT_EQ(replaces(), 0) << why_;
  expect_healthy();
}

}  // namespace
}  // namespace ftpsfs::faults
