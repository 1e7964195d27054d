// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/merge.hpp"

namespace ftpsfs::writeback {
namespace {

/// An upload makes a new file, whatever was under the name.
std::optional<Merged> merge_upload(const Intention& upload, const Intention& later) {
  const bool is_new = upload.base.kind == Base::Kind::absent;
  Intention left = upload;
  switch (later.action) {
    case Action::upload:
      left = later;
      left.base = upload.base;
      return Merged{std::move(left)};
    case Action::set_attributes:
      left.tail = combined(upload.tail, later.tail);
      return Merged{std::move(left)};
    case Action::remove_file:
      left = later;
      left.base = upload.base;
      return is_new ? Merged{} : Merged{std::move(left)};
    case Action::rename:
      if (!is_new) {
        return std::nullopt;  // the name's old file has to go as well
      }
      left.path = later.target;
      left.base = later.base;
      return Merged{std::move(left)};
    default:
      return std::nullopt;
  }
}

std::optional<Merged> merge_attributes(const Intention& attributes, const Intention& later) {
  Intention left = later;
  switch (later.action) {
    case Action::set_attributes:
      left.tail = combined(attributes.tail, later.tail);
      left.base = attributes.base;
      return Merged{std::move(left)};
    case Action::remove_file:
      if (later.base.kind == Base::Kind::ours) {
        left.base = attributes.base;
      }
      return Merged{std::move(left)};
    case Action::remove_directory:
      return Merged{std::move(left)};
    default:
      return std::nullopt;
  }
}

std::optional<Merged> merge_directory(const Intention& directory, const Intention& later) {
  if (later.action == Action::remove_directory) {
    return Merged{};
  }
  if (later.action == Action::set_attributes && !later.tail.mtime) {
    Intention left = directory;
    left.tail = combined(directory.tail, later.tail);
    return Merged{std::move(left)};
  }
  return std::nullopt;
}

}  // namespace

remote::UploadTail combined(const remote::UploadTail& earlier, const remote::UploadTail& later) {
  return {later.mtime ? later.mtime : earlier.mtime, later.mode ? later.mode : earlier.mode};
}

const remote::RemotePath& result_path(const Intention& intention) noexcept {
  return intention.action == Action::rename ? intention.target : intention.path;
}

std::optional<Merged> merge(const Intention& earlier, const Intention& later) {
  if (earlier.path != later.path) {
    return std::nullopt;
  }
  switch (earlier.action) {
    case Action::upload:
      return merge_upload(earlier, later);
    case Action::set_attributes:
      return merge_attributes(earlier, later);
    case Action::make_directory:
      return merge_directory(earlier, later);
    default:
      return std::nullopt;
  }
}

}  // namespace ftpsfs::writeback
