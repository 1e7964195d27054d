// SPDX-License-Identifier: MIT
//
// The frontend's callbacks for files.
#include <fcntl.h>

#include <cstring>
#include <memory>

#include "ftpsfs/fuse/caller.hpp"
#include "ftpsfs/fuse/frontend.hpp"

namespace ftpsfs::fuse {
namespace {

Result<Written> to_written(Result<void> result, std::size_t bytes) {
  if (!result) {
    return std::move(result).error();
  }
  return Written{bytes};
}

}  // namespace

void Frontend::open(Ticket ticket, fuse_ino_t ino, fuse_file_info* info) {
  dispatch("open", std::move(ticket), OnInterrupt::worker_answers, Lane::work,
           [this, ino, flags = info->flags](const fs::Request& request) -> Result<Opened> {
             const bool reads_only = (flags & (O_ACCMODE | O_TRUNC)) == O_RDONLY;
             FTPSFS_TRY_ASSIGN(const auto open, filesystem_.open(ino, flags, request));
             return Opened{open, !reads_only};
           });
}

void Frontend::create(Ticket ticket, fuse_ino_t parent, const char* name, mode_t mode,
                      fuse_file_info* info) {
  dispatch("create", std::move(ticket), OnInterrupt::answered_now, Lane::work,
           [this, parent, name = std::string(name), mode,
            flags = info->flags](const fs::Request& request) {
             return filesystem_.create(parent, name, mode, flags, request);
           });
}

void Frontend::read(Ticket ticket, fuse_ino_t, std::size_t size, off_t offset,
                    fuse_file_info* info) {
  const auto from = static_cast<std::uint64_t>(offset);
  if (const auto found = filesystem_.find_content(info->fh, from, size)) {
    reply("read", std::move(ticket), *found);
    return;
  }
  dispatch("read", std::move(ticket), OnInterrupt::worker_answers, Lane::work,
           [this, handle = info->fh, from, size](const fs::Request& request) {
             return filesystem_.read(handle, from, size, request);
           });
}

void Frontend::write(Ticket ticket, fuse_ino_t, fuse_bufvec* data, off_t offset,
                     fuse_file_info* info) {
  const fuse_buf& buffer = data->buf[0];
  if (data->count != 1 || (buffer.flags & FUSE_BUF_IS_FD) != 0) {
    ticket.fail(EIO);  // splicing is never asked for
    return;
  }
  const fs::Slice slice = own(buffer);
  // Pages of a shared mapping have their place even when the descriptor appends.
  const bool append = (info->flags & O_APPEND) != 0 && info->writepage == 0;
  const fs::WritePlace to{static_cast<std::uint64_t>(offset), append};
  if (const auto taken = filesystem_.try_write(info->fh, to, slice)) {
    reply("write", std::move(ticket), to_written(*taken, slice.bytes.size()));
    return;
  }
  // Only the worker knows whether the bytes were taken: an early EINTR could be a lie.
  dispatch("write", std::move(ticket), OnInterrupt::worker_answers, Lane::work,
           [this, handle = info->fh, to, slice](const fs::Request& request) {
             return to_written(filesystem_.write(handle, to, slice, request), slice.bytes.size());
           });
}

fs::Slice Frontend::own(const fuse_buf& data) {
  const auto* const bytes = static_cast<const std::byte*>(data.mem);
  if (data.size >= kSmallestKeptWrite) {
    if (auto keeper = buffers_.keep_current()) {
      return {std::move(keeper), {bytes, data.size}};
    }
  }
  auto copy = std::make_shared_for_overwrite<std::byte[]>(data.size);
  std::memcpy(copy.get(), bytes, data.size);
  const std::span<const std::byte> copied(copy.get(), data.size);
  return {std::move(copy), copied};
}

void Frontend::flush(Ticket ticket, fuse_ino_t, fuse_file_info* info) {
  // A killed program sends FLUSH on its way out and cannot be killed a second time, so it must not
  // wait for the server. Nobody reads the verdict; RELEASE uploads what is left.
  if (find_killed(fuse_req_ctx(ticket.get())->pid)) {
    ticket.fail(EINTR);
    return;
  }
  dispatch("flush", std::move(ticket), OnInterrupt::answered_now, Lane::settle,
           [this, handle = info->fh](const fs::Request& request) {
             return filesystem_.flush(handle, request);
           });
}

void Frontend::fsync(Ticket ticket, fuse_ino_t, int, fuse_file_info* info) {
  dispatch("fsync", std::move(ticket), OnInterrupt::answered_now, Lane::settle,
           [this, handle = info->fh](const fs::Request& request) {
             return filesystem_.sync(handle, request);
           });
}

void Frontend::fallocate(Ticket ticket, fuse_ino_t, int mode, off_t offset, off_t length,
                         fuse_file_info* info) {
  const auto from = static_cast<std::uint64_t>(offset);
  const auto bytes = static_cast<std::uint64_t>(length);
  dispatch("fallocate", std::move(ticket), OnInterrupt::worker_answers, Lane::work,
           [this, handle = info->fh, mode, from, bytes](const fs::Request& request) {
             return filesystem_.allocate(handle, mode, from, bytes, request);
           });
}

void Frontend::release(Ticket ticket, fuse_ino_t, fuse_file_info* info) {
  if (auto remains = filesystem_.try_release(info->fh)) {
    reply("release", std::move(ticket), Result<void>());
    // Cutting a transfer takes a moment: not here.
    if (*remains &&
        !settle_.submit([remains = *std::move(remains)]() mutable { remains.reset(); })) {
      log::debug("a handle ends with the executor");
    }
    return;
  }
  dispatch("release", std::move(ticket), OnInterrupt::worker_answers, Lane::settle,
           [this, handle = info->fh](const fs::Request& request) -> Result<void> {
             filesystem_.release(handle, request);
             return {};
           });
}

}  // namespace ftpsfs::fuse
