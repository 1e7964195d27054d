// SPDX-License-Identifier: MIT
//
// A stream that notes what each write held: over TLS, each would be one record.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ftpsfs/net/stream.hpp"

namespace ftpsfs::session {

class RecordingStream final : public net::ByteStream {
 public:
  /// @param records outlives the stream. @param was_reset likewise; becomes true by reset().
  RecordingStream(net::Socket socket, std::vector<std::string>& records, bool* was_reset = nullptr)
      : inner_(std::move(socket)), records_(records), was_reset_(was_reset) {}

  Result<std::size_t> read(std::span<std::byte> into, const Wait& wait) override {
    return inner_.read(into, wait);
  }
  Result<std::optional<std::size_t>> try_read(std::span<std::byte> into) override {
    return inner_.try_read(into);
  }
  Result<void> write_all(std::span<const std::byte> bytes, const Wait& wait) override {
    return inner_.write_all(bytes, wait);
  }
  Result<std::size_t> try_write(std::span<const std::byte> bytes) override {
    auto taken = inner_.try_write(bytes);
    if (taken && *taken > 0) {
      records_.emplace_back(reinterpret_cast<const char*>(bytes.data()), *taken);
    }
    return taken;
  }
  Result<void> wait_for_progress(bool want_write, const Wait& wait) override {
    return inner_.wait_for_progress(want_write, wait);
  }
  Result<void> close_write(const Wait& wait) override { return inner_.close_write(wait); }
  bool announce_end(net::HalfClose how) noexcept override { return inner_.announce_end(how); }
  Result<void> drain_to_end(const Wait& wait) override { return inner_.drain_to_end(wait); }
  void reset() noexcept override {
    if (was_reset_ != nullptr) {
      *was_reset_ = true;
    }
    inner_.reset();
  }
  bool has_pending_input() override { return inner_.has_pending_input(); }
  net::EndOfStream end() const noexcept override { return inner_.end(); }
  net::SocketAddress peer_address() const override { return inner_.peer_address(); }
  int native_handle() const noexcept override { return inner_.native_handle(); }

 private:
  net::SocketStream inner_;
  std::vector<std::string>& records_;
  bool* const was_reset_;
};

}  // namespace ftpsfs::session
