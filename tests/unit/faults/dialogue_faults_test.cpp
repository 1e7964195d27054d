// SPDX-License-Identifier: MIT
//
// Replies that do not come, do not end, are too many, or lie.
#include "faulty_mount.hpp"

namespace ftpsfs::faults {
namespace {

Fault of_mlst(Fault::Kind kind, const std::string& reply = {}, int times = 1) {
  return {.verb = "MLST", .kind = kind, .times = times, .reply = reply};
}

Day on(const FaultyServerOptions& server, std::vector<Fault> from_the_start = {}) {
  return {.server = server, .from_the_start = std::move(from_the_start)};
}

std::string long_line() {
  return "250-" + std::string(std::size_t{1} << 20U, 'x');
}

/// What FEAT says of a server that has neither MLST nor MLSD nor MFMT.
Fault lying_feat() {
  return {.verb = "FEAT",
          .kind = Fault::Kind::replace_reply,
          .times = kAlways,
          .reply =
              "211-Features:\r\n AUTH TLS\r\n EPSV\r\n MDTM\r\n MFMT\r\n"
              " MLST modify*;perm*;size*;type*;\r\n RANG STREAM\r\n REST STREAM\r\n SIZE\r\n"
              " AVBL\r\n211 End"};
}

class Replies : public FaultTable {};

TEST_P(Replies, AreSurvivedOrTold) {
  run(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Faults, Replies,
    ::testing::Values(
        Row{"in_single_bytes",
            {{.verb = "*", .kind = Fault::Kind::dribble, .times = kAlways, .bytes = 997}},
            &FaultyMount::reads},
        Row{"in_single_bytes_to_a_writer",
            {{.verb = "*", .kind = Fault::Kind::dribble, .times = kAlways, .bytes = 997}},
            &FaultyMount::replaces},
        Row{"without_end_once", {of_mlst(Fault::Kind::endless)}, &FaultyMount::looks_up},
        Row{"without_end",
            {of_mlst(Fault::Kind::endless, {}, kAlways)},
            &FaultyMount::looks_up,
            EIO},
        Row{"a_line_of_a_megabyte_once",
            {of_mlst(Fault::Kind::replace_reply, long_line())},
            &FaultyMount::looks_up},
        Row{"a_line_of_a_megabyte",
            {of_mlst(Fault::Kind::replace_reply, long_line(), kAlways)},
            &FaultyMount::looks_up,
            EIO},
        Row{"no_reply_but_noise",
            {of_mlst(Fault::Kind::replace_reply, "\x01\x02 HTTP/1.1 400 Bad Request", kAlways)},
            &FaultyMount::looks_up,
            EIO},
        Row{"one_too_many_behind",
            {of_mlst(Fault::Kind::trail, "200 Nobody asked.", kAlways)},
            &FaultyMount::looks_up},
        Row{"one_too_many_behind_a_change",
            {{.verb = "MKD",
              .kind = Fault::Kind::trail,
              .times = kAlways,
              .reply = "550 Nobody asked."}},
            &FaultyMount::makes_a_directory},
        Row{"one_too_many_in_front",
            {of_mlst(Fault::Kind::inject, "550 Nobody asked.\r\n")},
            &FaultyMount::looks_up},
        Row{"one_verdict_too_many_in_front_of_a_transfer",
            {{.verb = "SIZE", .kind = Fault::Kind::inject, .reply = "226 Nobody asked.\r\n"}},
            &FaultyMount::reads},
        Row{"one_verdict_too_many_in_the_middle_of_a_flight",
            {{.verb = "MDTM", .kind = Fault::Kind::inject, .reply = "226 Nobody asked.\r\n"}},
            &FaultyMount::reads},
        Row{"421_while_idle",
            {of_mlst(Fault::Kind::trail, "421 Idle for too long.", kAlways)},
            &FaultyMount::looks_up},
        Row{"421_in_place_of_an_answer",
            {{.verb = "*", .reply = "421 Going down."}},
            &FaultyMount::reads},
        Row{"421_in_place_of_an_answer_to_a_change",
            {{.verb = "MKD", .reply = "421 Going down."}},
            &FaultyMount::makes_a_directory}),
    name_of);

/// The other side has gone without a word, or hangs: neither FIN nor RST tells.
class HalfOpen : public FaultTable {};

TEST_P(HalfOpen, IsToldInTime) {
  run(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Faults, HalfOpen,
    ::testing::Values(Row{"at_a_listing",
                          {{.verb = "MLSD", .kind = Fault::Kind::stall, .times = kAlways}},
                          &FaultyMount::lists,
                          ETIMEDOUT,
                          {.timeout = 150ms}},
                      Row{"at_a_change",
                          {{.verb = "MKD", .kind = Fault::Kind::stall}},
                          &FaultyMount::makes_a_directory,
                          ETIMEDOUT,
                          {.timeout = 150ms}},
                      Row{"at_a_download",
                          {{.verb = "RETR", .kind = Fault::Kind::stall, .times = kAlways}},
                          &FaultyMount::reads,
                          ETIMEDOUT,
                          {.timeout = 150ms}}),
    name_of);

class Claims : public FaultTable {};

TEST_P(Claims, AreNotBelievedForLong) {
  run(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Faults, Claims,
    ::testing::Values(Row{"feat_lies_to_who_looks",
                          {},
                          &FaultyMount::looks_up,
                          0,
                          on({.mlst = false, .mfmt = false}, {lying_feat()})},
                      Row{"feat_lies_to_who_lists",
                          {},
                          &FaultyMount::lists,
                          0,
                          on({.mlst = false, .mfmt = false}, {lying_feat()})},
                      Row{"feat_lies_to_who_reads_at_random",
                          {},
                          &FaultyMount::reads_clear_of_the_end,
                          0,
                          on({.mlst = false, .mfmt = false}, {lying_feat()})},
                      Row{"feat_is_unknown",
                          {},
                          &FaultyMount::reads,
                          0,
                          on({}, {{.verb = "FEAT", .times = kAlways, .reply = "502 No FEAT."}})},
                      Row{"mlst_hangs",
                          {of_mlst(Fault::Kind::stall, {}, kAlways)},
                          &FaultyMount::looks_up,
                          ETIMEDOUT,
                          {.timeout = 150ms}},
                      Row{"mlst_hangs_and_is_switched_off",
                          {of_mlst(Fault::Kind::stall, {}, kAlways)},
                          &FaultyMount::looks_up,
                          0,
                          {.remote =
                               [](remote::FtpRemoteSettings& made) {
                                 made.session.server.profile.disable_mlsd = true;
                               }}},
                      Row{"rest_is_gone",
                          {{.verb = "REST", .times = kAlways, .reply = "502 No REST."}},
                          &FaultyMount::reads_clear_of_the_end},
                      Row{"size_is_gone",
                          {{.verb = "SIZE", .times = kAlways, .reply = "502 No SIZE."}},
                          &FaultyMount::replaces}),
    name_of);

}  // namespace
}  // namespace ftpsfs::faults
