// SPDX-License-Identifier: MIT
//
// Session: active mode, where the server dials the data connections.
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <utility>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/ftp/refusal.hpp"
#include "session_start.hpp"

namespace ftpsfs::session {
namespace {

/// h1,h2,h3,h4,p1,p2. @source RFC 959 §4.1.2
std::string port_argument(const net::SocketAddress& address) {
  std::string text = address.host();
  std::replace(text.begin(), text.end(), '.', ',');
  return fmt::format("{},{},{}", text, address.port() >> 8U, address.port() & 0xffU);
}

/// @source RFC 2428 §2
std::string eprt_argument(const net::SocketAddress& address) {
  return fmt::format("|{}|{}|{}|", address.family() == AF_INET6 ? 2 : 1, address.host(),
                     address.port());
}

}  // namespace

/// Tells the server where to dial, and asks the questions along. @return their answers.
Result<std::vector<ftp::Reply>> Session::tell_port(const TransferOrder& order,
                                                   const net::SocketAddress& address,
                                                   const Wait& wait) {
  const bool is_ipv4 = address.family() == AF_INET;
  const bool extended = profile().eprt || !is_ipv4;
  std::vector<ftp::Command> commands = order.questions;
  FTPSFS_TRY_ASSIGN(auto tell, extended ? ftp::Command::make("EPRT", eprt_argument(address))
                                        : ftp::Command::make("PORT", port_argument(address)));
  commands.push_back(std::move(tell));
  FTPSFS_TRY_ASSIGN(auto replies, exchange(commands, wait));
  ftp::Reply answer = std::move(replies.back());
  replies.pop_back();
  if (extended && is_ipv4 && answer.is_permanent_negative()) {
    FTPSFS_TRY_ASSIGN(answer, command("PORT", port_argument(address), wait));
    if (answer.is_completion()) {
      log::debug("EPRT is refused; PORT from now on");
      knowledge_.forget(&ftp::ServerProfile::eprt);
    }
  }
  if (!answer.is_completion()) {
    return make_error(Errc::unsupported,
                      fmt::format("the server does not take the address {} for its data "
                                  "connection (active mode): {}",
                                  address.to_string(), answer.text()),
                      ftp::is_unknown_command(answer.code) ? 0 : answer.code);
  }
  return replies;
}

/// Waits for the server's connection, and reads the replies that come before it. None comes when
/// the transfer is over at once.
Result<void> Session::accept_data(net::Listener& listener, const TransferOrder& order, Start& start,
                                  const Wait& wait) {
  const net::SocketAddress peer = control_->stream().peer_address();
  net::WakeFd waiting;
  while (!start.result.over) {
    FTPSFS_TRY_ASSIGN(auto socket, listener.try_accept(peer));
    if (socket) {
      return take_data(*std::move(socket), start);
    }
    FTPSFS_TRY_ASSIGN(auto reply, control_->try_receive());
    if (reply) {
      FTPSFS_TRY(take_reply(order, start, *std::move(reply)));
      continue;
    }
    std::array<net::WakeFd::Item, 2> items{
        net::WakeFd::Item{listener.fd(), POLLIN, 0},
        net::WakeFd::Item{control_->stream().native_handle(), POLLIN, 0}};
    constexpr const char* kWhat = "the server's data connection";
    // Asked for itself: while strangers keep coming, poll(2) never tells of the time.
    auto waited =
        wait.expired() ? Result<void>(wait.give_up(kWhat)) : waiting.wait_any(items, wait, kWhat);
    if (!waited && waited.error().code == Errc::timed_out) {
      return make_error(Errc::timed_out,
                        fmt::format("the server did not connect to {} (active mode): a firewall "
                                    "between? interface= and port_range= choose the place",
                                    listener.address().to_string()));
    }
    FTPSFS_TRY(std::move(waited));
  }
  return {};
}

/// The server dials; in TLS we are the client nevertheless. @source RFC 4217 §7
Result<StartedTransfer> Session::start_active(const TransferOrder& order, const Wait& wait) {
  if (cut_ || control_->owed() > 0) {
    FTPSFS_TRY(settle(wait));
  }
  FTPSFS_TRY_ASSIGN(net::Listener listener, transport_.listen(control_->stream()));
  FTPSFS_TRY_ASSIGN(auto answers, tell_port(order, listener.address(), wait));
  FTPSFS_TRY(judge_answers(order, answers));
  const TransferOrder bare = order.without_questions();
  Start start;
  FTPSFS_TRY(send_start(bare, start, wait));
  auto done = accept_data(listener, bare, start, wait.no_longer_than(settings_.connect_timeout));
  if (done && start.result.data != nullptr) {
    done = run_start(bare, hello_time(), start, wait);
    if (!done) {
      start.result.data->reset();
    }
  }
  if (!done) {
    return judge_failed_start(bare, start, std::move(done).error());
  }
  start.result.answers = std::move(answers);
  return std::move(start.result);
}

}  // namespace ftpsfs::session
