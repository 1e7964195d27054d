// SPDX-License-Identifier: MIT
#include "ftpsfs/transfer/staged_file.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <vector>

#include "ftpsfs/base/local_file.hpp"

namespace ftpsfs::transfer {
namespace {

/// Asked for at a time.
constexpr std::size_t kFetched = 1ULL << 20;

Error local_error(const char* what, const std::string& where = {}) {
  const int number = errno;
  Errc code = Errc::io_error;
  if (number == ENOSPC || number == EDQUOT) {
    code = Errc::no_space;
  } else if (number == EACCES || number == EPERM || number == EROFS) {
    code = Errc::access_denied;
  } else if (number == EFBIG) {
    code = Errc::file_too_large;
  } else if (number == EINVAL) {
    code = Errc::invalid_argument;
  }
  return make_error(code, fmt::format("{} the local copy{}{}: {}", what,
                                      where.empty() ? "" : " in ", where, std::strerror(number)));
}

Error no_room() {
  return make_error(Errc::no_space, "the local copies have reached staging_size");
}

}  // namespace

bool StagingBudget::take(std::uint64_t bytes) {
  std::uint64_t used = used_;
  do {
    if (bytes > limit_ || used > limit_ - bytes) {
      return false;
    }
  } while (!used_.compare_exchange_weak(used, used + bytes));
  return true;
}

StagedFile::~StagedFile() {
  const MutexLock lock(mutex_);
  give_back(present_.remove({0, std::numeric_limits<std::uint64_t>::max()}));
}

Result<std::shared_ptr<StagedFile>> StagedFile::create(const std::string& directory,
                                                       StagingBudget* budget) {
  UniqueFd fd(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!fd && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
    // Not every filesystem knows O_TMPFILE: make a name and remove it at once.
    std::string name = directory + "/ftpsfs-XXXXXX";
    fd.reset(::mkostemp(name.data(), O_CLOEXEC));
    if (fd) {
      ::unlink(name.c_str());
    }
  }
  if (!fd) {
    return local_error("cannot create", directory);
  }
  return std::shared_ptr<StagedFile>(new StagedFile(std::move(fd), budget));
}

Result<void> StagedFile::copy_from(std::uint64_t size, Fetch fetch) {
  FTPSFS_TRY(truncate(size));
  const MutexLock lock(mutex_);
  remote_end_ = size;
  fetch_ = std::make_shared<const Fetch>(std::move(fetch));
  return {};
}

bool StagedFile::is_complete() const {
  const MutexLock lock(mutex_);
  return !present_.first_gap({0, remote_end_});
}

Result<void> StagedFile::complete(const std::stop_token& stop) {
  FTPSFS_TRY(bring({0, std::numeric_limits<std::uint64_t>::max()}, stop));
  std::shared_ptr<const Fetch> over;  // its end may wait for a transfer: without the mutex
  const MutexLock lock(mutex_);
  over = std::move(fetch_);
  remote_end_ = 0;
  return {};
}

Result<void> StagedFile::bring(Range range, const std::stop_token& stop) {
  for (;;) {
    std::optional<Range> gap;
    std::shared_ptr<const Fetch> fetch;
    {
      const MutexLock lock(mutex_);
      gap = present_.first_gap({range.begin, std::min(range.end, remote_end_)});
      fetch = fetch_;
    }
    if (!gap) {
      return {};
    }
    const auto size =
        static_cast<std::size_t>(std::min<std::uint64_t>(gap->end - gap->begin, kFetched));
    FTPSFS_TRY_ASSIGN(const Slices slices, (*fetch)(gap->begin, size, stop));
    if (total_bytes(slices) != size) {
      return make_error(Errc::truncated, "the server has less of the file than it said");
    }
    std::uint64_t offset = gap->begin;
    for (const Slice& slice : slices) {
      FTPSFS_TRY(fill(offset, slice.bytes));
      offset += slice.bytes.size();
    }
  }
}

/// What was written or cut off meanwhile is newer.
Result<void> StagedFile::fill(std::uint64_t offset, std::span<const std::byte> data) {
  const MutexLock lock(mutex_);
  Range rest{offset, std::min(offset + data.size(), remote_end_)};
  while (const auto gap = present_.first_gap(rest)) {
    FTPSFS_TRY(put(gap->begin, data.subspan(static_cast<std::size_t>(gap->begin - offset),
                                            static_cast<std::size_t>(gap->end - gap->begin))));
    rest.begin = gap->end;
  }
  return {};
}

Result<Slices> StagedFile::read(std::uint64_t offset, std::size_t size,
                                const std::stop_token& stop) {
  FTPSFS_TRY(bring({offset, offset + size}, stop));
  auto buffer = std::make_shared<std::vector<std::byte>>(size);
  std::size_t filled = 0;
  while (filled < size) {
    const ssize_t got = ::pread(fd_.get(), buffer->data() + filled, size - filled,
                                static_cast<off_t>(offset + filled));
    if (got < 0) {
      if (errno == EINTR) {
        continue;
      }
      return local_error("cannot read");
    }
    if (got == 0) {
      break;
    }
    filled += static_cast<std::size_t>(got);
  }
  if (filled == 0) {
    return Slices{};
  }
  const std::span<const std::byte> bytes(buffer->data(), filled);
  return Slices{Slice{std::move(buffer), bytes}};
}

Result<void> StagedFile::write(std::uint64_t offset, std::span<const std::byte> data) {
  const MutexLock lock(mutex_);
  return put(offset, data);
}

Result<void> StagedFile::put(std::uint64_t offset, std::span<const std::byte> data) {
  const std::uint64_t more = present_.missing({offset, offset + data.size()});
  if (budget_ != nullptr && !budget_->take(more)) {
    return no_room();
  }
  std::size_t done = 0;
  Result<void> written;
  while (written && done < data.size()) {
    const ssize_t got = ::pwrite(fd_.get(), data.data() + done, data.size() - done,
                                 static_cast<off_t>(offset + done));
    if (got >= 0) {
      done += static_cast<std::size_t>(got);
    } else if (errno != EINTR) {
      written = local_error("cannot write");
    }
  }
  const std::uint64_t taken = present_.add({offset, offset + done});
  give_back(more - taken);
  if (done > 0) {
    size_ = std::max(size_.load(), offset + done);
  }
  return written;
}

Result<void> StagedFile::truncate(std::uint64_t size) {
  const MutexLock lock(mutex_);
  if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) {
    return local_error("cannot resize");
  }
  give_back(present_.remove({size, std::numeric_limits<std::uint64_t>::max()}));
  remote_end_ = std::min(remote_end_, size);
  size_ = size;
  return {};
}

Result<void> StagedFile::punch(Range range) {
  static constexpr std::array<std::byte, 64 * 1024> kZeros{};
  range.end = std::min(range.end, size_.load());
  if (range.begin >= range.end) {
    return {};
  }
  {
    const MutexLock lock(mutex_);
    const auto length = static_cast<off_t>(range.end - range.begin);
    const Range fetchable{range.begin, std::min(range.end, remote_end_)};
    if (fetchable.begin >= fetchable.end &&
        ::fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                    static_cast<off_t>(range.begin), length) == 0) {
      give_back(present_.remove(range));
      return {};
    }
  }
  // Zeros that take the place of what the server has must be here; so must all, where the local
  // filesystem knows no holes.
  for (std::uint64_t at = range.begin; at < range.end;) {
    const auto step =
        static_cast<std::size_t>(std::min<std::uint64_t>(kZeros.size(), range.end - at));
    FTPSFS_TRY(write(at, std::span(kZeros).first(step)));
    at += step;
  }
  return {};
}

Result<void> StagedFile::save_as(const std::string& path) {
  const std::string own = fmt::format("/proc/self/fd/{}", fd_.get());
  if (::linkat(AT_FDCWD, own.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0) {
    return {};
  }
  // It had a name once, or the place is on another disk.
  const UniqueFd target(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!target) {
    return local_error("cannot keep", path);
  }
  if (!copy_bytes(fd_.get(), target.get(), size())) {
    Error error = local_error("cannot keep", path);
    ::unlink(path.c_str());
    return error;
  }
  return {};
}

}  // namespace ftpsfs::transfer
