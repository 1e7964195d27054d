// SPDX-License-Identifier: MIT
#include "ftpsfs/transfer/staging.hpp"

#include <string_view>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/base/log_context.hpp"

namespace ftpsfs::transfer {
namespace {

constexpr std::size_t kPiece = 1ULL << 20;

Result<remote::FinishedUpload> send_by(WriteStream& stream, StagedFile& file,
                                       const remote::UploadTail& tail, const Limits& limits,
                                       const std::stop_token& stop) {
  const std::uint64_t size = file.size();
  for (std::uint64_t offset = 0; offset < size;) {
    FTPSFS_TRY_ASSIGN(const Slices slices, file.read(offset, kPiece, stop));
    if (slices.empty()) {
      return make_error(Errc::io_error, "the local copy ended early");
    }
    for (const Slice& slice : slices) {
      // Twice the stall time: the stream reports its own failure first.
      FTPSFS_TRY(stream.write(slice, Wait::for_at_most(2 * limits.stall_timeout, stop)));
      offset += slice.bytes.size();
    }
  }
  return stream.finish(stop, tail);
}

}  // namespace

Result<void> fetch_into(StagedFile& file, remote::Remote& remote, const PathProvider& path,
                        const VersionCheck& check, MemoryBudget& budget, Pace& pace,
                        const Limits& limits, const std::stop_token& stop) {
  ReadStream stream(remote, origin_of(path, check), budget, pace, limits);
  std::uint64_t offset = 0;
  for (;;) {
    FTPSFS_TRY_ASSIGN(const Slices slices,
                      stream.read(offset, kPiece, std::nullopt,
                                  Wait::for_at_most(2 * limits.stall_timeout, stop)));
    for (const Slice& slice : slices) {
      FTPSFS_TRY(file.write(offset, slice.bytes));
      offset += slice.bytes.size();
    }
    if (total_bytes(slices) < kPiece) {
      return {};
    }
  }
}

Result<remote::FinishedUpload> send_from(StagedFile& file, remote::Remote& remote,
                                         const PathProvider& path, const remote::UploadTail& tail,
                                         MemoryBudget& budget, const Limits& limits,
                                         const std::stop_token& stop) {
  // Each of them goes on behind what has arrived as often as it may: only what is lost for good
  // asks for another beginning.
  for (int retries = 1;; --retries) {
    WriteStream stream(remote, path, remote::WriteMode::replace, 0, budget, limits);
    auto sent = send_by(stream, file, tail, limits, stop);
    const bool may_help = !sent && (is_link_failure(sent.error().code) || stream.is_stuck());
    if (!may_help || stream.ran_out() || retries == 0 || stop.stop_requested()) {
      return sent;
    }
    const auto name = path();
    const log::PathScope about(name ? std::string_view(name->str()) : std::string_view());
    log::info("upload interrupted ({}); beginning again", sent.error().text);
    limits.note_taken_up();
  }
}

}  // namespace ftpsfs::transfer
