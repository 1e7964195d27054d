// SPDX-License-Identifier: MIT
//
// Delivery: what of an upload an earlier try has brought, so that only the rest is sent. A name
// that is ours alone, or that this process has begun, holds a beginning of our content or nothing
// of it; its size says how much, once that stands still, and its last bytes are read and compared.
#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/base/pause.hpp"
#include "ftpsfs/writeback/delivery.hpp"

namespace ftpsfs::writeback {
namespace {

/// What is read back of what has arrived.
constexpr std::size_t kCompared = 256 * 1024;

/// May the next try find it otherwise?
bool may_pass(const Error& error) {
  return is_link_failure(error.code) || error.code == Errc::cancelled || error.code == Errc::busy ||
         error.reply_code / 100 == 4;
}

}  // namespace

/// What was begun under the final name goes on there; where that cannot be, it is replaced.
/// @return nullopt: what is there is not known to be of ours.
Result<std::optional<Delivered>> Delivery::go_on_in_place() {
  if (!again_ || !tries_.in_place) {
    return std::optional<Delivered>();
  }
  FTPSFS_TRY_ASSIGN(const auto arrived, arrived_at(intention_.path, *tries_.in_place));
  if (arrived.value_or(0) == 0) {
    return std::optional<Delivered>();
  }
  if (intention_.base.kind == Base::Kind::absent) {
    begun_ = Begun::anew;  // by an earlier try
  }
  if (tries_.appends) {
    auto left = send(intention_.path, intention_.tail, *arrived);
    if (left) {
      Delivered delivered;
      delivered.left = *std::move(left);
      return std::optional(std::move(delivered));
    }
    // What had arrived may not all have been ours, whatever its end was.
    if (tries_.appends && left.error().code != Errc::io_error) {
      return std::move(left).error();
    }
  }
  FTPSFS_TRY_ASSIGN(Delivered delivered, replace(intention_.path, intention_.tail));
  return std::optional(std::move(delivered));
}

/// @param most so many bytes of ours may be there. @return how many are; 0: what is there cannot be
/// gone on with; nullopt: nothing is there.
Result<std::optional<std::uint64_t>> Delivery::arrived_at(const remote::RemotePath& path,
                                                          std::uint64_t most) const {
  FTPSFS_TRY_ASSIGN(const auto size, settled_size(path));
  if (!size || *size == 0 || *size > most) {
    return size ? std::optional<std::uint64_t>(0) : std::nullopt;
  }
  FTPSFS_TRY_ASSIGN(const bool is_ours, ends_as_ours(path, *size));
  if (is_ours) {
    log::info("{}: {} bytes have arrived already, going on behind them", path.str(), *size);
  }
  return std::optional<std::uint64_t>(is_ours ? *size : 0);
}

/// A server's process that has lost its client may still write what it had received.
/// @return 0 where no size is told; nullopt: nothing is there.
Result<std::optional<std::uint64_t>> Delivery::settled_size(const remote::RemotePath& path) const {
  const Wait patience = wait();
  for (std::optional<std::uint64_t> before;;) {
    const auto now = remote_.version(path, wait());
    if (!now && may_pass(now.error())) {
      return now.error();
    }
    if (!now && now.error().code == Errc::not_found) {
      return std::optional<std::uint64_t>();
    }
    if (!now || !now->size || before == now->size) {
      return std::optional<std::uint64_t>(now ? now->size.value_or(0) : 0);
    }
    if (patience.expired()) {
      return make_error(Errc::timed_out, path.str() + " goes on changing on the server");
    }
    before = now->size;
    pause_for(Wait::for_at_most(limits_.settle_pause, stop_));
  }
}

/// A size alone may be that of others.
Result<bool> Delivery::ends_as_ours(const remote::RemotePath& path, std::uint64_t size) const {
  std::uint64_t offset = size - std::min<std::uint64_t>(size, kCompared);
  const auto unless_passing = [](const Error& error) {
    return may_pass(error) ? Result<bool>(error) : Result<bool>(false);
  };
  const auto reader = remote_.open_reader(
      path, offset, [] {}, wait());
  if (!reader) {
    return unless_passing(reader.error());
  }
  std::vector<std::byte> theirs(kCompared);
  std::vector<std::byte> mine(kCompared);
  for (;;) {
    const auto got = (*reader)->read(theirs, wait());
    if (!got) {
      return unless_passing(got.error());
    }
    if (*got == 0) {
      return offset == size;
    }
    FTPSFS_TRY_ASSIGN(const std::size_t have, content_->read(offset, std::span(mine).first(*got)));
    if (have < *got || std::memcmp(mine.data(), theirs.data(), *got) != 0) {
      return false;
    }
    offset += *got;
  }
}

/// @errors busy, where the server does not append: another try sends all in one piece.
Result<std::unique_ptr<remote::RemoteWriter>> Delivery::append(
    const remote::RemotePath& path, const remote::YieldRequest& on_yield) {
  auto writer = remote_.open_writer(path, remote::WriteMode::append, on_yield, wait());
  if (writer || is_link_failure(writer.error().code) || writer.error().code == Errc::cancelled ||
      writer.error().code == Errc::busy) {
    return writer;
  }
  tries_.appends = false;
  return make_error(Errc::busy, writer.error().text);
}

/// @param begin bytes that are there; 0 where the server does not append to them.
Result<std::unique_ptr<remote::RemoteWriter>> Delivery::open(const remote::RemotePath& path,
                                                             std::uint64_t& begin,
                                                             const remote::UploadTail& tail,
                                                             const remote::YieldRequest& on_yield) {
  if (begin > 0) {
    auto writer = append(path, on_yield);
    // Nor may a STOR over it be taken: under the final name that is not tried.
    if (writer || tries_.appends || path == intention_.path) {
      return writer;
    }
    log::info("{}: {}; it is sent anew", path.str(), writer.error().text);
    begin = 0;
  }
  // An older file must not get the time and mode of what may be refused.
  const bool is_ours = path != intention_.path || intention_.base.kind == Base::Kind::absent;
  return remote_.open_writer(path, remote::WriteMode::replace, on_yield, wait(),
                             is_ours ? tail : remote::UploadTail());
}

}  // namespace ftpsfs::writeback
