// SPDX-License-Identifier: MIT
//
// See faulty_ftps_server_dialogue.hpp: data connections and what travels over them.
#include <fmt/core.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "support/faulty_ftps_server_dialogue.hpp"

namespace ftpsfs::test {
namespace {

constexpr int kPatienceMs = 10'000;

bool is_data_fault(Fault::Kind kind) {
  return kind == Fault::Kind::truncate || kind == Fault::Kind::cut_data ||
         kind == Fault::Kind::stall_data;
}

/// Connections that nobody accepts, until the kernel answers no further SYN.
std::vector<UniqueFd> fill_queue(int listener, std::uint16_t port) {
  constexpr int kEnough = 4;
  ::listen(listener, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::vector<UniqueFd> fillers;
  for (int i = 0; i < kEnough; ++i) {
    fillers.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ::connect(fillers.back().get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  return fillers;
}

std::uint16_t port_of(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size);
  std::uint16_t port = 0;
  // Both families keep it behind the family's own two bytes.
  std::copy_n(reinterpret_cast<const char*>(&storage) + sizeof(sa_family_t), sizeof port,
              reinterpret_cast<char*>(&port));
  return ntohs(port);
}

}  // namespace

// --------------------------------------------------------------------------- the connection

bool FaultyDialogue::open_passive() {
  close_data();
  std::uint16_t any = 0;
  passive_ = listen_on_loopback(any);
  return static_cast<bool>(passive_);
}

/// Where the client shall come to.
std::uint16_t FaultyDialogue::port_to_tell() {
  const bool silent = meets(Fault::Kind::port_silent);
  if (!silent && !meets(Fault::Kind::port_refused)) {
    open_passive();
    return port_of(passive_.get());
  }
  close_data();
  its_queue_.clear();
  std::uint16_t port = 0;
  unused_port_ = listen_on_loopback(port);
  if (silent) {
    its_queue_ = fill_queue(unused_port_.get(), port);
  } else {
    unused_port_.reset();
  }
  return port;
}

void FaultyDialogue::epsv(const std::string& /*argument*/) {
  if (!shared_.options.epsv) {
    return say("500 EPSV not understood");
  }
  say(fmt::format("229 Entering Extended Passive Mode (|||{}|)", port_to_tell()));
}

void FaultyDialogue::pasv(const std::string& /*argument*/) {
  const unsigned port = port_to_tell();
  say(fmt::format("227 Entering Passive Mode ({},{},{}).",
                  shared_.options.pasv_lies ? "192,0,2,1" : "127,0,0,1", port >> 8U, port & 0xFFU));
}

void FaultyDialogue::accept_data() {
  std::array<pollfd, 2> waiting{pollfd{passive_.get(), POLLIN, 0},
                                pollfd{control_.fd(), POLLRDHUP, 0}};
  const bool come =
      ::poll(waiting.data(), waiting.size(), kPatienceMs) > 0 && (waiting[0].revents & POLLIN) != 0;
  UniqueFd fd(come ? ::accept4(passive_.get(), nullptr, nullptr, SOCK_CLOEXEC) : -1);
  passive_.reset();
  if (fd) {
    data_ = std::make_unique<ServerConnection>(std::move(fd));
    control_.attach(data_.get());
  }
}

/// The data connection of a transfer, encrypted where it should be. On failure the reply is said.
bool FaultyDialogue::secure_data() {
  if (!passive_) {
    say("425 Unable to build data connection: no EPSV or PASV before");
    return false;
  }
  say("150 Opening BINARY mode data connection");
  accept_data();
  if (data_ == nullptr) {
    say("425 Unable to build data connection: nobody came");
    return false;
  }
  if (data_encrypted_) {
    if (!start_tls(*data_)) {
      close_data();
      say("425 Unable to build data connection: TLS handshake failed");
      return false;
    }
    if (shared_.options.require_resumption && data_->resumed_number() != number_) {
      // As vsftpd: the control connection dies with it.
      say("522 SSL connection failed: session reuse required");
      control_.finish();
      over_ = true;
      return false;
    }
    shared_.data_connections_resumed += data_->resumed() ? 1 : 0;
  }
  ++shared_.data_connections;
  transfer_began_ = SteadyClock::now();
  return true;
}

void FaultyDialogue::close_data() {
  control_.attach(nullptr);
  data_.reset();
  passive_.reset();
}

// --------------------------------------------------------------------------------- faults

bool FaultyDialogue::data_fault_reached(std::uint64_t moved) {
  return fault_ && is_data_fault(fault_->kind) && moved >= fault_->bytes;
}

void FaultyDialogue::end_by_fault() {
  hold_transfer();
  const Fault fault = *std::exchange(fault_, {});
  if (fault.kind == Fault::Kind::truncate) {
    data_->bare_fin();
    close_data();
    if (!fault.reply.empty()) {
      say(fault.reply);
    }
    return;
  }
  if (fault.kind == Fault::Kind::stall_data) {
    ++shared_.stalled;
    // A client that has ended its own direction is still there.
    std::array<pollfd, 2> waiting{pollfd{data_->fd(), 0, 0}, pollfd{control_.fd(), POLLRDHUP, 0}};
    ::poll(waiting.data(), waiting.size(), -1);
  } else {
    data_->reset();
  }
  close_data();
  say(fault.reply.empty() ? "426 Transfer aborted. Data connection closed" : fault.reply);
}

// ------------------------------------------------------------------------------- transfers

namespace {

std::string with_line_ends(std::string_view text) {
  std::string made;
  for (const char each : text) {
    made += each == '\n' ? "\r\n" : std::string(1, each);
  }
  return made;
}

/// Pairs that two records divide stay as they are.
std::string without_returns(std::string_view text) {
  std::string made;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r' || i + 1 == text.size() || text[i + 1] != '\n') {
      made += text[i];
    }
  }
  return made;
}

}  // namespace

void FaultyDialogue::send_transfer(const Source& source) {
  constexpr std::size_t kChunk = std::size_t{64} * 1024;
  if (!secure_data()) {
    return close_data();
  }
  const bool ends_early = meets(Fault::Kind::early_end);
  if (ends_early) {
    say("226 Transfer complete");
  }
  std::uint64_t moved = 0;
  while (!data_fault_reached(moved)) {
    std::size_t limit = kChunk;
    if (fault_ && (is_data_fault(fault_->kind) || fault_->kind == Fault::Kind::swallow)) {
      limit = static_cast<std::size_t>(std::min<std::uint64_t>(limit, fault_->bytes - moved));
    } else if (meets(Fault::Kind::dribble)) {
      limit = static_cast<std::size_t>(std::min<std::uint64_t>(limit, fault_->bytes));
    }
    const std::string part = source(moved, limit);
    if (part.empty()) {
      break;
    }
    if (!data_->write(meets(Fault::Kind::as_text) ? with_line_ends(part) : part)) {
      close_data();
      return say("426 Transfer aborted. Data connection closed");
    }
    moved += part.size();
  }
  if (data_fault_reached(moved)) {
    return end_by_fault();
  }
  if (fault_ && fault_->kind == Fault::Kind::silent_end) {
    data_->bare_fin();
  } else {
    data_->finish();
  }
  data_->await_end();  // as vsftpd and ProFTPD: no 226 before the client closes
  close_data();
  if (!ends_early) {
    say("226 Transfer complete");
  }
}

void FaultyDialogue::send_listing(const std::string& listing) {
  if (meets(Fault::Kind::endless_listing)) {
    return send_transfer([](std::uint64_t offset, std::size_t limit) {
      std::string lines;
      do {
        lines += fmt::format("type=file;size=1; {:0>{}}\r\n", offset + lines.size(), 1000);
      } while (lines.size() < limit);
      return lines;
    });
  }
  const std::string& shown = meets(Fault::Kind::false_listing) ? fault_->reply : listing;
  send_transfer([&shown](std::uint64_t offset, std::size_t limit) {
    return shown.substr(std::min<std::size_t>(offset, shown.size()), limit);
  });
}

void FaultyDialogue::receive_transfer(const std::string& path, std::uint64_t keep) {
  if (const auto refusal = shared_.tree.create(path, keep)) {
    return refuse(path, *refusal);
  }
  if (!secure_data()) {
    return close_data();
  }
  if (meets(Fault::Kind::read_late)) {
    data_->await_fin();
  }
  std::array<char, 16384> part{};
  std::uint64_t moved = 0;
  while (!data_fault_reached(moved)) {
    std::size_t limit = part.size();
    if (fault_ && is_data_fault(fault_->kind)) {
      limit = static_cast<std::size_t>(std::min<std::uint64_t>(limit, fault_->bytes - moved));
    }
    const long got = data_->read(part.data(), limit);
    if (got <= 0) {
      break;
    }
    auto kept = static_cast<std::size_t>(got);
    if (meets(Fault::Kind::swallow)) {
      kept = static_cast<std::size_t>(
          std::min<std::uint64_t>(kept, fault_->bytes - std::min(fault_->bytes, moved)));
    }
    if (meets(Fault::Kind::corrupt) && fault_->bytes >= moved && fault_->bytes < moved + kept) {
      part[static_cast<std::size_t>(fault_->bytes - moved)] ^= 1;
    }
    const std::string_view arrived(part.data(), kept);
    shared_.tree.append(
        path, meets(Fault::Kind::as_text) ? without_returns(arrived) : std::string(arrived));
    moved += static_cast<std::uint64_t>(got);
  }
  if (data_fault_reached(moved)) {
    return end_by_fault();
  }
  const bool whole = data_->clean_end();
  data_->finish();
  close_data();
  say(whole ? "226 Transfer complete" : "426 Failure reading network stream.");
}

// ------------------------------------------------------------------------------- commands

void FaultyDialogue::rest(const std::string& argument) {
  restart_ = std::strtoull(argument.c_str(), nullptr, 10);
  say(fmt::format("350 Restarting at {}. Send STORE or RETRIEVE to initiate transfer", restart_));
}

void FaultyDialogue::retr(const std::string& argument) {
  const std::uint64_t start = std::exchange(restart_, 0);
  const std::string path = target_of(argument);
  const auto found = shared_.tree.find(path);
  if (!found || found->node.directory) {
    return refuse(argument, found ? "Not a regular file" : "No such file or directory");
  }
  send_transfer([&](std::uint64_t offset, std::size_t limit) {
    return shared_.tree.read_at(path, start + offset, limit);
  });
}

void FaultyDialogue::stor(const std::string& argument) {
  receive_transfer(path_of(argument), std::exchange(restart_, 0));
}

void FaultyDialogue::appe(const std::string& argument) {
  const auto found = shared_.tree.find(path_of(argument));
  restart_ = 0;
  receive_transfer(path_of(argument), found ? found->size : 0);
}

void FaultyDialogue::list(const std::string& argument) {
  const auto listing = manner_->listing(asked(argument));
  if (!listing && !shared_.options.missing_is_empty) {
    return say("450 " + argument + ": No such file or directory");
  }
  send_listing(listing.value_or(""));
}

void FaultyDialogue::nlst(const std::string& argument) {
  const bool shows_itself = argument.starts_with("-a");
  const std::string path = path_of(argument.starts_with("-") ? "" : argument);
  const auto entries = shared_.tree.list(path);
  if (!entries) {
    return say("450 " + argument + ": No such file or directory");
  }
  const std::string front = shared_.options.names_with_path ? path + "/" : "";
  std::string names = shows_itself ? front + ".\r\n" + front + "..\r\n" : "";
  for (const FaultyTree::Named& entry : *entries) {
    if (shows_itself || !entry.name.starts_with(".")) {
      names += front + entry.name + "\r\n";
    }
  }
  send_listing(names);
}

void FaultyDialogue::mlsd(const std::string& argument) {
  if (!shared_.options.mlst) {
    return say("500 MLSD not understood");
  }
  const auto listing = machine_listing(argument);
  if (!listing && !shared_.options.missing_is_empty) {
    const bool exists = shared_.tree.exists(path_of(argument));
    return refuse(argument, exists ? "Not a directory" : "No such file or directory");
  }
  send_listing(listing.value_or(""));
}

}  // namespace ftpsfs::test
