// SPDX-License-Identifier: MIT
//
// The reader of journals on any bytes: what it takes is a prefix, and is written again as the same
// bytes. The input is a journal, and the payload of a frame whose checksum is sound.
#include <boost/crc.hpp>
#include <cstddef>
#include <cstdint>
#include <string>

#include "ftpsfs/writeback/ledger.hpp"
#include "ftpsfs/writeback/record.hpp"
#include "invariant.hpp"

namespace {

using ftpsfs::fuzz::demand;
namespace writeback = ftpsfs::writeback;

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

void read(const std::string& text) {
  writeback::Ledger ledger;
  std::string again;
  const auto end = writeback::read_journal(
      bytes_of(text), [&](std::size_t offset, const writeback::Frame& frame) {
        demand(offset == again.size());
        writeback::append_frame(again, frame.number, frame.durable, frame.record);
        if (const auto* edit = std::get_if<writeback::Edit>(&frame.record)) {
          ledger.apply(*edit);
        }
      });
  demand(end.bytes == again.size() && text.starts_with(again));
}

void put(std::string& to, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) {
    to += static_cast<char>(static_cast<unsigned char>(value >> (8 * i)));
  }
}

/// The payload as a frame of its own, behind a sound header.
std::string framed(const std::string& payload) {
  std::string text;
  writeback::append_frame(text, 0, 0, writeback::HeaderRecord{"fuzz"});
  std::string guarded;
  put(guarded, 1, 8);
  put(guarded, 1, 8);
  guarded += payload;
  boost::crc_32_type crc;
  crc.process_bytes(guarded.data(), guarded.size());
  put(text, payload.size(), 4);
  put(text, crc.checksum(), 4);
  return text + guarded;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  read(input);
  read(framed(input));
  return 0;
}
