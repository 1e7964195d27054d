// SPDX-License-Identifier: MIT
//
// What programs have been given of a file that the server has, or may have out of the kernel's
// pages: whether a transfer that begins now is of the same file, and may follow.
//
// Not thread-safe; its owner's mutex guards it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "ftpsfs/base/slice.hpp"
#include "ftpsfs/remote/entry.hpp"
#include "ftpsfs/transfer/read_stream.hpp"

namespace ftpsfs::fs {

/// A piece of the content, by which that is to be known again.
struct ContentTrace {
  std::uint64_t offset = 0;
  std::size_t length = 0;  ///< 0: some of it was given out, and nothing is known of that
  std::uint64_t digest = 0;
};

std::uint64_t digest_of(std::span<const std::byte> bytes) noexcept;

class GivenContent {
 public:
  /// Bytes of a trace: enough to know a file again, and little to read once more.
  static constexpr std::size_t kMostTraced = 4096;

  GivenContent() = default;
  /// @param is_given whether anybody has seen some of it.
  GivenContent(const remote::FileVersion& version, bool is_given)
      : version_(version), is_given_(is_given) {}

  enum class Judgement : std::uint8_t {
    same,
    grown,
    in_doubt,  ///< perhaps grown: what was given must be seen to be there still
    other,
  };
  /// @param offset where the transfer goes on.
  Judgement judge(const remote::FileVersion& observed, std::uint64_t offset,
                  transfer::Overlap overlap) const;
  /// What comes from now on is of this version.
  void follow(const remote::FileVersion& observed);
  /// Its mtime was set from here.
  void retime(remote::FileTime mtime) { version_.mtime = mtime; }

  void note_given(std::uint64_t offset, const Slices& bytes);
  /// The kernel has pages of it from an earlier opening, which has left this.
  void note_pages(const ContentTrace& trace);
  bool is_given() const { return is_given_; }
  /// Of what was given out last, if anything was.
  std::optional<ContentTrace> trace() const;

 private:
  bool has_trace() const { return !last_.empty() || earlier_.length > 0; }

  remote::FileVersion version_;
  bool is_given_ = false;
  std::uint64_t last_offset_ = 0;
  std::vector<std::byte> last_;  ///< a copy: it is to hold no chunk of a window
  ContentTrace earlier_;
};

}  // namespace ftpsfs::fs
