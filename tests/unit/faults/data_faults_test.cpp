// SPDX-License-Identifier: MIT
//
// Data connections that lead nowhere, or to somebody else, and TLS sessions that cannot be resumed.
#include <gmock/gmock.h>

#include <future>
#include <vector>

#include "faulty_mount.hpp"

namespace ftpsfs::faults {
namespace {

Fault of_port(const char* verb, Fault::Kind kind, const std::string& reply = {},
              int times = kAlways) {
  return {.verb = verb, .kind = kind, .times = times, .reply = reply};
}

const FaultyServerOptions kNoEpsv{.epsv = false};

/// With little time for what does not answer.
Day impatient() {
  return {.timeout = 900ms, .logs_in_anew = true, .remote = [](remote::FtpRemoteSettings& made) {
            made.session.connect_timeout = 200ms;
          }};
}

class Ports : public FaultTable {};

TEST_P(Ports, AreReachedAnotherWayOrTheErrorIsTold) {
  run(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Faults, Ports,
    ::testing::Values(
        Row{"pasv_names_another_address",
            {},
            &FaultyMount::reads,
            0,
            anew({.epsv = false, .pasv_lies = true})},
        Row{"malformed_229_once",
            {of_port("EPSV", Fault::Kind::replace_reply, "229 Entering (|||x|)", 1)},
            &FaultyMount::reads,
            0,
            anew()},
        Row{"malformed_229",
            {of_port("EPSV", Fault::Kind::replace_reply, "229 Entering (|||70000|)")},
            &FaultyMount::reads,
            EIO,
            anew()},
        Row{"malformed_227_once",
            {of_port("PASV", Fault::Kind::replace_reply, "227 Entering (127,0,0,1,300)", 1)},
            &FaultyMount::lists,
            0,
            anew(kNoEpsv)},
        Row{"malformed_227",
            {of_port("PASV", Fault::Kind::replace_reply, "227 Entering Passive Mode.")},
            &FaultyMount::replaces,
            EIO,
            anew(kNoEpsv)},
        Row{"epsv_leads_to_a_black_hole",
            {of_port("EPSV", Fault::Kind::port_silent)},
            &FaultyMount::reads,
            0,
            impatient()},
        Row{"epsv_leads_to_a_black_hole_for_clear_data",
            {of_port("EPSV", Fault::Kind::port_silent)},
            &FaultyMount::reads,
            0,
            {.timeout = 900ms,
             .logs_in_anew = true,
             .remote =
                 [](remote::FtpRemoteSettings& made) {
                   made.session.protection = session::Protection::clear_data;
                   made.session.connect_timeout = 200ms;
                 }}},
        Row{"every_port_is_a_black_hole",
            {of_port("EPSV", Fault::Kind::port_silent), of_port("PASV", Fault::Kind::port_silent)},
            &FaultyMount::reads,
            ETIMEDOUT,
            {.timeout = 300ms, .logs_in_anew = true}},
        Row{"epsv_leads_to_a_closed_port",
            {of_port("EPSV", Fault::Kind::port_refused)},
            &FaultyMount::replaces,
            0,
            anew()},
        Row{"every_port_is_closed",
            {of_port("EPSV", Fault::Kind::port_refused),
             of_port("PASV", Fault::Kind::port_refused)},
            &FaultyMount::reads,
            EIO,
            anew()},
        Row{"every_port_is_closed_to_a_writer",
            {of_port("EPSV", Fault::Kind::port_refused),
             of_port("PASV", Fault::Kind::port_refused)},
            &FaultyMount::replaces,
            EIO,
            anew()},
        Row{"425_once", {{.verb = "RETR", .reply = "425 Cannot open."}}, &FaultyMount::reads}),
    name_of);

class DataTls : public FaultTable {};

TEST_P(DataTls, IsWithTheSameServerOrTheErrorIsTold) {
  run(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Faults, DataTls,
    ::testing::Values(
        Row{"another_certificate_once",
            {{.verb = "RETR", .kind = Fault::Kind::certificate}},
            &FaultyMount::reads},
        Row{"another_certificate",
            {{.verb = "RETR", .kind = Fault::Kind::certificate, .times = kAlways}},
            &FaultyMount::reads,
            EACCES,
            {.timeout = 500ms}},
        Row{"another_certificate_for_a_listing",
            {{.verb = "MLSD", .kind = Fault::Kind::certificate, .times = kAlways}},
            &FaultyMount::lists,
            EACCES,
            {.timeout = 500ms}},
        Row{"another_certificate_for_an_upload",
            {{.verb = "STOR", .kind = Fault::Kind::certificate, .times = kAlways}},
            &FaultyMount::replaces,
            EACCES,
            {.timeout = 500ms}},
        Row{"handshake_stalls",
            {{.verb = "RETR", .kind = Fault::Kind::stall_tls, .times = kAlways}},
            &FaultyMount::reads,
            ETIMEDOUT,
            {.timeout = 150ms}},
        Row{"handshake_of_an_upload_stalls",
            {{.verb = "STOR", .kind = Fault::Kind::stall_tls, .times = kAlways}},
            &FaultyMount::replaces,
            ETIMEDOUT,
            {.timeout = 150ms}},
        Row{"no_tickets", {}, &FaultyMount::reads, 0, {.server = {.tickets = {.count = 0}}}},
        Row{"no_tickets_in_tls_1_2",
            {},
            &FaultyMount::replaces,
            0,
            {.server = {.tls1_2_only = true, .tickets = {.count = 0}}}},
        Row{"one_ticket_for_many_connections",
            {},
            &FaultyMount::reads,
            0,
            {.server = {.require_resumption = true, .tickets = {.count = 1}}}},
        Row{"tickets_have_expired",
            {},
            &FaultyMount::reads,
            0,
            {.server = {.tickets = {.forgotten = true}}}}),
    name_of);

/// vsftpd and others answer a data connection without resumption by 522, and end the session.
class NoResumption : public FaultyMount, public ::testing::WithParamInterface<test::TicketHabit> {};

TEST_P(NoResumption, WhereItIsRequiredIsAnErrorAndTheDialogueGoesOn) {
  mount({.server = {.require_resumption = true, .tickets = GetParam()}});
  EXPECT_EQ(reads(), EIO) << why_;
  EXPECT_EQ(replaces(), EIO) << why_;
  EXPECT_EQ(lists(), EIO) << why_;
  EXPECT_EQ(looks_up(), 0) << why_;
}

INSTANTIATE_TEST_SUITE_P(Tickets, NoResumption,
                         ::testing::Values(test::TicketHabit{.count = 0},
                                           test::TicketHabit{.forgotten = true}),
                         [](const auto& tested) {
                           return tested.param.forgotten ? "expired" : "none";
                         });

TEST_F(FaultyMount, EachDataConnectionResumesItsOwnControlConnection) {
  mount({.server = {.require_resumption = true}});
  std::vector<std::future<bool>> readers;
  for (int i = 0; i < 6; ++i) {
    readers.push_back(std::async(std::launch::async, [this] {
      const auto content = read_all("f");
      return content && *content == big();
    }));
  }
  for (auto& reader : readers) {
    EXPECT_TRUE(reader.get());
  }
  EXPECT_GT(server_->connections_accepted(), 1);
  EXPECT_EQ(server_->data_connections(), server_->data_connections_resumed());
  expect_healthy();
}

}  // namespace
}  // namespace ftpsfs::faults
