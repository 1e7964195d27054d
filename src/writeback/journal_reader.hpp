// SPDX-License-Identifier: MIT
//
// A download whose bytes are still in the journal. Belongs to one thread at a time.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>

#include "ftpsfs/remote/remote.hpp"
#include "ftpsfs/writeback/content.hpp"

namespace ftpsfs::writeback {

class JournalReader final : public remote::RemoteReader {
 public:
  JournalReader(std::unique_ptr<ContentReader> content, const remote::ByteRange& range,
                const remote::FileVersion& version)
      : content_(std::move(content)),
        offset_(range.begin),
        end_(std::min(range.end.value_or(content_->size()), content_->size())),
        version_(version) {}

  const remote::FileVersion& version() const override { return version_; }

  Result<std::size_t> read(std::span<std::byte> buffer, const Wait& /*wait*/) override {
    const std::uint64_t left = end_ > offset_ ? end_ - offset_ : 0;
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), left));
    const auto got = content_->read(offset_, buffer.first(wanted));
    if (!got) {
      return make_error(Errc::io_error, got.error().text);
    }
    offset_ += *got;
    return *got;
  }

 private:
  const std::unique_ptr<ContentReader> content_;
  std::uint64_t offset_;
  const std::uint64_t end_;
  const remote::FileVersion version_;
};

}  // namespace ftpsfs::writeback
