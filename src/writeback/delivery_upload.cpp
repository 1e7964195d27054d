// SPDX-License-Identifier: MIT
//
// Delivery: uploads. What is new is written straight to its name; what replaces something goes to a
// hidden name and is renamed over it, so that others see the old or the new content, whole. Where
// no hidden name can be, it is written straight to the name as well.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <vector>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/net/content_digest.hpp"
#include "ftpsfs/remote/hidden_names.hpp"
#include "ftpsfs/writeback/delivery.hpp"

namespace ftpsfs::writeback {
namespace {

constexpr std::size_t kPiece = 256 * 1024;
/// A transfer that is asked to give way may bring so much first: else it might never come to an
/// end.
constexpr std::uint64_t kLeastTurn = 4ULL << 20;

/// The content is there: of what belongs to it, only a link that fails counts.
Result<void> accept_unset(const remote::RemotePath& path, const remote::FinishedUpload& end) {
  for (const auto& set : {end.mode_set, end.mtime_set}) {
    if (set && !*set && is_link_failure(set->error().code)) {
      return set->error();
    }
    if (set && !*set) {
      log::warning("{}: mode or time could not be set: {}", path.str(), set->error().text);
    }
  }
  return {};
}

}  // namespace

Result<Delivered> Delivery::upload() {
  if (content_ == nullptr) {
    return make_error(Errc::io_error, "its content is not in the journal");
  }
  if (again_) {
    FTPSFS_TRY(put_back_aside(intention_.path));
  }
  FTPSFS_TRY_ASSIGN(const auto there, look_at_own());
  was_there_ = there.has_value();
  if (!there) {
    Delivered delivered;
    FTPSFS_TRY_ASSIGN(delivered.left, send(intention_.path, intention_.tail));
    return delivered;
  }
  if (there->type == remote::FileType::directory) {
    return make_error(Errc::is_directory,
                      fmt::format("{} is a directory on the server", intention_.path.str()));
  }
  FTPSFS_TRY_ASSIGN(auto gone_on, go_on_in_place());
  if (gone_on) {
    return *std::move(gone_on);
  }
  remote::UploadTail tail = intention_.tail;
  if (!tail.mode && remote_.traits().can_set_mode) {
    tail.mode = there->mode;  // what replaces it keeps it
  }
  FTPSFS_TRY_ASSIGN(const bool others, is_others(intention_.path, intention_.base, *there));
  if (!others) {
    return replace(intention_.path, tail);
  }
  if (again_) {
    FTPSFS_TRY_ASSIGN(const Likeness likeness, compare(*there));
    if (likeness == Likeness::same) {
      FTPSFS_TRY_ASSIGN(const auto end, set_parts(intention_.path, intention_.tail));
      FTPSFS_TRY(accept_unset(intention_.path, end));
      return Delivered{end.version, std::nullopt};
    }
    if (likeness == Likeness::beginning) {
      // Whoever wrote it: nothing of it gets lost. It may be somebody else's, who still writes
      // there: it is not gone on with, and never taken away.
      begun_ = intention_.base.kind == Base::Kind::absent ? Begun::in_place : Begun::no;
      return replace(intention_.path, tail);
    }
  }
  FTPSFS_TRY_ASSIGN(const remote::RemotePath beside, conflict_path(intention_.path));
  FTPSFS_TRY_ASSIGN(Delivered delivered, replace(beside, intention_.tail));
  delivered.conflict = beside;
  return delivered;
}

/// What was refused in its middle is not to stay as if it were a file, and what comes behind it for
/// the name is not to take it for somebody else's.
/// @errors those that pass: all of it is to be tried again.
Result<void> Delivery::take_back_beginning() {
  const auto unless_refused = [](const Error& error) {
    return is_passing(error) ? Result<void>(error) : Result<void>();
  };
  const auto there = look(intention_.path);
  if (!there) {
    return unless_refused(there.error());
  }
  if (!*there || (*there)->type != remote::FileType::regular) {
    return {};
  }
  const auto likeness = compare(**there);
  if (!likeness) {
    FTPSFS_TRY(unless_refused(likeness.error()));
  } else if (*likeness == Likeness::other) {
    return {};
  }
  // What is whole may be another's copy of the same.
  const std::uint64_t most_of_ours = tries_.in_place.value_or(0);
  const bool is_beginning = likeness && *likeness == Likeness::beginning && (*there)->size &&
                            *(*there)->size <= most_of_ours;
  if (begun_ == Begun::anew && is_beginning) {
    const auto gone = remote_.remove_file(intention_.path, own_wait());
    if (gone || gone.error().code == Errc::not_found) {
      return {};
    }
    FTPSFS_TRY(unless_refused(gone.error()));
  }
  auto now = remote_.version(intention_.path, own_wait());
  if (!now) {
    return unless_refused(now.error());
  }
  remains_ = *std::move(now);
  return {};
}

/// Reads what is there and compares it with our content.
Result<Delivery::Likeness> Delivery::compare(const remote::Entry& there) const {
  if (there.size && *there.size > content_->size()) {
    return Likeness::other;
  }
  FTPSFS_TRY_ASSIGN(const auto reader, remote_.open_reader(
                                           intention_.path, remote::ByteRange(0), [] {}, wait()));
  std::vector<std::byte> theirs(kPiece);
  std::vector<std::byte> mine(kPiece);
  for (std::uint64_t offset = 0;;) {
    FTPSFS_TRY_ASSIGN(const std::size_t got, reader->read(theirs, wait()));
    if (got == 0) {
      return offset == content_->size() ? Likeness::same : Likeness::beginning;
    }
    FTPSFS_TRY_ASSIGN(const std::size_t have, content_->read(offset, std::span(mine).first(got)));
    if (have < got || std::memcmp(mine.data(), theirs.data(), got) != 0) {
      return Likeness::other;
    }
    offset += got;
  }
}

Result<Delivered> Delivery::replace(const remote::RemotePath& path,
                                    const remote::UploadTail& tail) {
  if (!remote_.takes_any_name_beside(path)) {
    FTPSFS_TRY_ASSIGN(const remote::FileVersion left, send(path, tail));
    return Delivered{left, std::nullopt};
  }
  FTPSFS_TRY_ASSIGN(
      const remote::RemotePath part,
      path.parent().child(remote::HiddenNames::upload_name(number_.mount, number_.number)));
  std::uint64_t begin = 0;
  if (tries_.has_begun) {
    FTPSFS_TRY_ASSIGN(const auto arrived, arrived_at(part, content_->size()));
    begin = arrived.value_or(0);
    if (arrived && begin == 0) {
      // What may still be written there by an earlier try goes with the file.
      static_cast<void>(remote_.remove_file(part, own_wait()));
    }
  }
  auto sent = send(part, tail, begin);
  if (!sent && begin > 0 && sent.error().code == Errc::io_error) {
    // What had arrived was not all ours, whatever its end was.
    static_cast<void>(remote_.remove_file(part, own_wait()));
    sent = send(part, tail);
  }
  Result<void> moved = sent ? rename_over(part, path) : Result<void>(sent.error());
  if (!moved) {
    const Errc code = moved.error().code;
    if (!is_link_failure(code) && code != Errc::cancelled) {
      if (const auto gone = remote_.remove_file(part, own_wait());
          !gone && gone.error().code != Errc::not_found) {
        log::info("{}: left behind: {}", part.str(), gone.error().text);
      }
    }
    return std::move(moved).error();
  }
  Delivered delivered;
  delivered.left = *std::move(sent);
  return delivered;
}

Result<remote::FileVersion> Delivery::send(const remote::RemotePath& path, remote::UploadTail tail,
                                           std::uint64_t begin) {
  const std::optional<std::uint16_t> mode = tail.mode;
  const bool mode_comes_last = tail.mode && (*tail.mode & S_IWUSR) == 0;
  if (mode_comes_last) {
    tail.mode.reset();  // an upload that has to be sent again must be able to write
  }
  FTPSFS_TRY_ASSIGN(remote::FinishedUpload end, send_pieces(path, tail, begin));
  if (end.version.size && *end.version.size != content_->size()) {
    return make_error(Errc::truncated, fmt::format("{}: the server has {} bytes of {}", path.str(),
                                                   *end.version.size, content_->size()));
  }
  if (end.content_checked && !*end.content_checked) {
    return end.content_checked->error();
  }
  if (mode_comes_last) {
    end.mode_set = remote_.set_mode(path, *mode, own_wait());
  }
  FTPSFS_TRY(accept_unset(path, end));
  return end.version;
}

Result<remote::FinishedUpload> Delivery::send_pieces(const remote::RemotePath& path,
                                                     const remote::UploadTail& tail,
                                                     std::uint64_t begin) {
  const auto yield = std::make_shared<std::atomic<bool>>(false);
  const remote::YieldRequest on_yield = [yield] { yield->store(true); };
  std::uint64_t offset = begin;
  FTPSFS_TRY_ASSIGN(auto writer, open(path, offset, tail, on_yield));
  tries_.has_begun = true;
  if (path == intention_.path && begun_ == Begun::no) {
    begun_ = was_there_ ? Begun::in_place : Begun::anew;
  }
  const auto algorithm = content_->size() > 0 ? writer->digest() : std::nullopt;
  const auto digest = algorithm ? net::ContentDigest::create(*algorithm) : nullptr;
  const bool is_in_place = path == intention_.path;
  std::vector<std::byte> piece(kPiece);
  for (std::uint64_t known = 0; digest && known < offset;) {
    const auto room = std::span(piece).first(std::min<std::uint64_t>(kPiece, offset - known));
    FTPSFS_TRY_ASSIGN(const std::size_t got, content_->read(known, room));
    digest->add(room.first(got));
    known += got;
  }
  for (std::uint64_t turn_began = offset; offset < content_->size();) {
    if (yield->load() && tries_.appends && offset - turn_began >= kLeastTurn) {
      FTPSFS_TRY(writer->finish({}, wait()));
      writer.reset();
      yield->store(false);
      turn_began = offset;
      FTPSFS_TRY_ASSIGN(writer, append(path, on_yield));
    }
    FTPSFS_TRY_ASSIGN(const std::size_t got, content_->read(offset, piece));
    if (digest) {
      digest->add(std::span(piece).first(got));
    }
    if (is_in_place) {
      tries_.in_place = offset + got;
    }
    FTPSFS_TRY(writer->write(std::span(piece).first(got), wait()));
    offset += got;
    if (offset > tries_.furthest) {
      tries_.furthest = offset;
      if (limits_.on_progress) {
        limits_.on_progress();
      }
    }
  }
  remote::UploadTail last = tail;
  last.digest = digest ? digest->value() : std::nullopt;
  return writer->finish(last, wait());
}

/// Of content that is there already.
Result<remote::FinishedUpload> Delivery::set_parts(const remote::RemotePath& path,
                                                   const remote::UploadTail& tail) {
  remote::FinishedUpload end;
  if (tail.mode) {
    end.mode_set = remote_.set_mode(path, *tail.mode, wait());
  }
  if (tail.mtime) {
    end.mtime_set = remote_.set_mtime(path, *tail.mtime, wait());
  }
  FTPSFS_TRY_ASSIGN(end.version, remote_.version(path, wait()));
  return end;
}

}  // namespace ftpsfs::writeback
