// SPDX-License-Identifier: MIT
//
// The fields of what a mount tells, by name: once for writing, reading and showing them.
#pragma once

#include "ftpsfs/app/status_protocol.hpp"

namespace ftpsfs::app {

/// Each calls visit(name, field) for all fields that are no lists.
template <typename Report, typename Visitor>
void for_each_field(Report& report, Visitor visit) {
  visit("pid", report.pid);
  visit("mount_point", report.mount_point);
  visit("source", report.source);
  visit("username", report.username);
  visit("server", report.server);
  visit("client_certificate", report.client_certificate);
  visit("client_certificate_ends", report.client_certificate_ends);
  visit("server_certificate_ends", report.server_certificate_ends);
  visit("certificate_warning", report.certificate_warning);
  visit("log_level", report.log_level);
  visit("read_only", report.read_only);
  visit("uptime_seconds", report.uptime_seconds);
  visit("connections_limit", report.connections_limit);
  visit("connections_open", report.connections_open);
  visit("connections_idle", report.connections_idle);
  visit("requests_waiting", report.requests_waiting);
  visit("logins", report.logins);
  visit("failed_logins", report.failed_logins);
  visit("replaced_connections", report.replaced_connections);
  visit("streams_moved", report.streams_moved);
  visit("data_connections", report.data_connections);
  visit("warm_starts", report.warm_starts);
  visit("full_handshakes", report.full_handshakes);
  visit("fallbacks", report.fallbacks);
  visit("link_failures", report.link_failures);
  visit("sent_again", report.sent_again);
  visit("taken_up", report.taken_up);
  visit("commands", report.commands);
  visit("flights", report.flights);
  visit("bytes_read", report.bytes_read);
  visit("bytes_written", report.bytes_written);
  visit("inodes", report.inodes);
  visit("open_files", report.open_files);
  visit("unfinished_uploads", report.unfinished_uploads);
  visit("failed_uploads", report.failed_uploads);
  visit("lost_files", report.lost_files);
  visit("rescued_files", report.rescued_files);
  visit("writeback", report.writeback);
  visit("waiting_changes", report.waiting_changes);
  visit("refused_changes", report.refused_changes);
  visit("given_up_changes", report.given_up_changes);
  visit("conflicts", report.conflicts);
  visit("journal_bytes", report.journal_bytes);
  visit("journal_trouble", report.journal_trouble);
  visit("idle_journals", report.idle_journals);
  visit("cache_bytes", report.cache_bytes);
  visit("cache_hits", report.cache_hits);
  visit("listed_ahead", report.listed_ahead);
  visit("listed_ahead_used", report.listed_ahead_used);
  visit("read_ahead", report.read_ahead);
  visit("read_ahead_used", report.read_ahead_used);
  visit("cache_misses", report.cache_misses);
  visit("kernel_requests", report.kernel_requests);
  visit("worker_threads", report.worker_threads);
  visit("trouble", report.trouble);
}

template <typename Report, typename Visitor>
void for_each_transfer_field(Report& report, Visitor visit) {
  visit("path", report.path);
  visit("upload", report.upload);
  visit("begun_at", report.begun_at);
  visit("bytes", report.bytes);
  visit("size", report.size);
  visit("milliseconds", report.milliseconds);
}

template <typename Report, typename Visitor>
void for_each_failure_field(Report& report, Visitor visit) {
  visit("path", report.path);
  visit("reason", report.reason);
  visit("seconds_ago", report.seconds_ago);
}

template <typename Report, typename Visitor>
void for_each_owed_field(Report& report, Visitor visit) {
  visit("what", report.what);
  visit("path", report.path);
  visit("bytes", report.bytes);
  visit("accepted", report.accepted);
  visit("refusal", report.refusal);
}

template <typename Report, typename Visitor>
void for_each_uploads_field(Report& report, Visitor visit) {
  visit("waiting", report.waiting);
  visit("refused", report.refused);
  visit("done", report.done);
}

template <typename Report, typename Visitor>
void for_each_verb_field(Report& report, Visitor visit) {
  visit("verb", report.verb);
  visit("count", report.count);
  visit("mean_us", report.mean_us);
  visit("p50_us", report.p50_us);
  visit("p99_us", report.p99_us);
  visit("max_us", report.max_us);
}

}  // namespace ftpsfs::app
