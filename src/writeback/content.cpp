// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/content.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/writeback/record.hpp"

namespace ftpsfs::writeback {

std::string content_file_name(ContentId id) {
  return fmt::format("content-{:016x}", id);
}

Result<void> write_at(int fd, std::uint64_t offset, std::span<const std::byte> data,
                      const std::string& name) {
  while (!data.empty()) {
    const ssize_t put = ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) {
      continue;
    }
    if (put <= 0) {
      return local_error("cannot write", name);
    }
    data = data.subspan(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
  return {};
}

Result<std::size_t> read_at(int fd, std::uint64_t offset, std::span<std::byte> to,
                            const std::string& name) {
  std::size_t filled = 0;
  while (filled < to.size()) {
    const ssize_t got =
        ::pread(fd, to.data() + filled, to.size() - filled, static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return local_error("cannot read", name);
    }
    if (got == 0) {
      break;
    }
    filled += static_cast<std::size_t>(got);
  }
  return filled;
}

Error not_readable_now(Error error) {
  if (error.code != Errc::not_found) {
    error.code = Errc::busy;
  }
  return error;
}

ContentDraft::ContentDraft(const JournalDirectory& directory, ContentId id, CheckRoom check_room)
    : directory_(directory),
      id_(id),
      check_room_(std::move(check_room)),
      small_(std::make_shared<std::string>()) {}

ContentDraft::~ContentDraft() {
  if (file_ && !kept_) {
    if (const auto gone = directory_.remove(content_file_name(id_)); !gone) {
      log::warning("journal: {}", gone.error().text);
    }
  }
}

Result<void> ContentDraft::write(std::span<const std::byte> data) {
  if (!file_ && size_ + data.size() <= kLargestContentRecord) {
    small_->append(reinterpret_cast<const char*>(data.data()), data.size());
    size_ += data.size();
    return {};
  }
  if (!file_) {
    FTPSFS_TRY_ASSIGN(file_, directory_.create(content_file_name(id_)));
    const std::string held = std::move(*small_);
    size_ = 0;
    FTPSFS_TRY(write_out(std::as_bytes(std::span(held))));
  }
  return write_out(data);
}

Result<void> ContentDraft::write_out(std::span<const std::byte> data) {
  FTPSFS_TRY(check_room_(data.size()));
  FTPSFS_TRY(write_at(file_.get(), size_, data, content_file_name(id_)));
  size_ += data.size();
  return {};
}

Result<void> ContentDraft::seal() {
  if (!file_) {
    return check_room_(2 * size_);  // it is to be in a record, and in the next generation's
  }
  if (::fsync(file_.get()) != 0) {
    return local_error("cannot write out", content_file_name(id_));
  }
  return directory_.sync();
}

std::shared_ptr<const std::string> ContentDraft::bytes() const {
  return file_ ? nullptr : small_;
}

ContentReader::ContentReader(std::shared_ptr<const std::string> bytes)
    : bytes_(std::move(bytes)), size_(bytes_->size()) {}

ContentReader::ContentReader(UniqueFd file, std::uint64_t size)
    : file_(std::move(file)), size_(size) {}

Result<std::size_t> ContentReader::read(std::uint64_t offset, std::span<std::byte> to) const {
  if (offset >= size_) {
    return std::size_t{0};
  }
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), size_ - offset));
  if (bytes_) {
    std::memcpy(to.data(), bytes_->data() + offset, wanted);
    return wanted;
  }
  const auto got = read_at(file_.get(), offset, to.first(wanted), "a file of the journal");
  if (!got) {
    return not_readable_now(got.error());
  }
  if (*got < wanted) {
    return make_error(Errc::io_error, "a file of the journal is shorter than it was");
  }
  return *got;
}

}  // namespace ftpsfs::writeback
