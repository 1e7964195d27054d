// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/record.hpp"

#include <boost/crc.hpp>

#include "bytes.hpp"

namespace ftpsfs::writeback {
namespace {

enum class RecordKind : std::uint8_t { header = 1, content = 2, edit = 3 };

/// Of the format. A journal of another one is left alone.
constexpr std::uint32_t kFormat = 1;

std::uint32_t crc_of(std::string_view bytes) {
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

template <typename Integer>
void put_optional(std::string& to, const std::optional<Integer>& value) {
  put_integer(to, static_cast<std::uint8_t>(value ? 1 : 0));
  if (value) {
    put_integer(to, *value);
  }
}

template <typename Integer>
std::optional<Integer> take_optional(ByteReader& from) {
  const auto is_there = from.integer<std::uint8_t>();
  if (is_there > 1) {
    from.fail();
  }
  return is_there == 1 ? std::optional(from.integer<Integer>()) : std::nullopt;
}

template <typename Enumeration>
Enumeration take_enumeration(ByteReader& from, Enumeration first, Enumeration last) {
  const auto number = from.integer<std::uint8_t>();
  if (number < static_cast<std::uint8_t>(first) || number > static_cast<std::uint8_t>(last)) {
    from.fail();
    return first;
  }
  return static_cast<Enumeration>(number);
}

remote::RemotePath take_path(ByteReader& from) {
  const std::string_view text = from.text();
  auto path = remote::RemotePath::parse(text);
  if (!path || path->str() != text) {
    from.fail();
    return {};
  }
  return *std::move(path);
}

void put_base(std::string& to, const Base& base) {
  put_integer(to, static_cast<std::uint8_t>(base.kind));
  put_optional(to, base.version.size);
  put_integer(to, static_cast<std::uint8_t>(base.version.mtime ? 1 : 0));
  if (base.version.mtime) {
    put_integer(to, base.version.mtime->unix_seconds);
    put_integer(to, static_cast<std::uint8_t>(base.version.mtime->grain));
  }
}

Base take_base(ByteReader& from) {
  Base base;
  base.kind = take_enumeration(from, Base::Kind::absent, Base::Kind::ours);
  base.version.size = take_optional<std::uint64_t>(from);
  const auto seconds = take_optional<std::int64_t>(from);
  if (seconds) {
    const auto grain = take_enumeration(from, remote::TimeGrain::second, remote::TimeGrain::day);
    base.version.mtime = remote::FileTime{*seconds, grain};
  }
  return base;
}

void put_intention(std::string& to, const Intention& intention) {
  put_integer(to, static_cast<std::uint8_t>(intention.action));
  put_text(to, intention.path.str());
  put_text(to, intention.target.str());
  put_base(to, intention.base);
  put_base(to, intention.source);
  put_integer(to, intention.content);
  put_integer(to, intention.size);
  put_optional(to, intention.tail.mtime);
  put_optional(to, intention.tail.mode);
  put_integer(to, intention.accepted);
  put_text(to, intention.refusal);
}

Intention take_intention(ByteReader& from) {
  Intention intention;
  intention.action = take_enumeration(from, Action::upload, Action::set_attributes);
  intention.path = take_path(from);
  intention.target = take_path(from);
  intention.base = take_base(from);
  intention.source = take_base(from);
  intention.content = from.integer<ContentId>();
  intention.size = from.integer<std::uint64_t>();
  intention.tail.mtime = take_optional<std::int64_t>(from);
  intention.tail.mode = take_optional<std::uint16_t>(from);
  intention.accepted = from.integer<std::int64_t>();
  intention.refusal = from.text();
  return intention;
}

void put_payload(std::string& to, const Record& record) {
  if (const auto* header = std::get_if<HeaderRecord>(&record)) {
    put_integer(to, static_cast<std::uint8_t>(RecordKind::header));
    put_integer(to, kFormat);
    put_text(to, header->identity);
  } else if (const auto* content = std::get_if<ContentRecord>(&record)) {
    put_integer(to, static_cast<std::uint8_t>(RecordKind::content));
    put_integer(to, content->id);
    to.append(reinterpret_cast<const char*>(content->bytes.data()), content->bytes.size());
  } else {
    const Edit& edit = std::get<Edit>(record);
    put_integer(to, static_cast<std::uint8_t>(RecordKind::edit));
    put_integer(to, static_cast<std::uint32_t>(edit.puts.size()));
    for (const auto& [id, intention] : edit.puts) {
      put_integer(to, id);
      put_intention(to, intention);
    }
    put_integer(to, static_cast<std::uint32_t>(edit.drops.size()));
    for (const IntentionId id : edit.drops) {
      put_integer(to, id);
    }
  }
}

Record take_edit(ByteReader& from) {
  Edit edit;
  const auto puts = from.integer<std::uint32_t>();
  for (std::uint32_t i = 0; i < puts && !from.failed(); ++i) {
    const auto id = from.integer<IntentionId>();
    edit.puts.emplace_back(id, take_intention(from));
  }
  const auto drops = from.integer<std::uint32_t>();
  for (std::uint32_t i = 0; i < drops && !from.failed(); ++i) {
    edit.drops.push_back(from.integer<IntentionId>());
  }
  return edit;
}

std::optional<Record> take_payload(ByteReader from) {
  Record record;
  switch (take_enumeration(from, RecordKind::header, RecordKind::edit)) {
    case RecordKind::header:
      if (from.integer<std::uint32_t>() != kFormat) {
        from.fail();
      }
      record = HeaderRecord{std::string(from.text())};
      break;
    case RecordKind::content: {
      const auto id = from.integer<ContentId>();
      record = ContentRecord{id, from.rest()};
      break;
    }
    case RecordKind::edit:
      record = take_edit(from);
      break;
  }
  return from.at_end() ? std::optional(std::move(record)) : std::nullopt;
}

/// Is there, behind what is broken, a frame that was written when the frame `broken` was on the
/// disk already?
bool was_promised(std::span<const std::byte> text, std::uint64_t broken) {
  for (std::size_t at = 0; at + kFrameHead <= text.size(); ++at) {
    ByteReader head(text.subspan(at + 8, 16));
    const auto number = head.integer<std::uint64_t>();
    const auto durable = head.integer<std::uint64_t>();
    // The cheap questions first: a checksum at each byte would take for ever.
    const bool may_be_later = number > broken && number - broken <= text.size();
    if (may_be_later && durable > broken && durable <= number && read_frame(text.subspan(at))) {
      return true;
    }
  }
  return false;
}

}  // namespace

void append_frame(std::string& to, std::uint64_t number, std::uint64_t durable,
                  const Record& record) {
  std::string guarded;
  put_integer(guarded, number);
  put_integer(guarded, durable);
  put_payload(guarded, record);
  put_integer(to, static_cast<std::uint32_t>(guarded.size() - 16));
  put_integer(to, crc_of(guarded));
  to += guarded;
}

std::optional<Frame> read_frame(std::span<const std::byte> text) {
  ByteReader head(text);
  const auto payload_bytes = head.integer<std::uint32_t>();
  const auto crc = head.integer<std::uint32_t>();
  Frame frame;
  frame.number = head.integer<std::uint64_t>();
  frame.durable = head.integer<std::uint64_t>();
  if (head.failed() || payload_bytes > kLargestPayload ||
      payload_bytes > text.size() - kFrameHead) {
    return std::nullopt;
  }
  frame.bytes = kFrameHead + payload_bytes;
  const auto guarded = text.subspan(8, frame.bytes - 8);
  if (crc_of({reinterpret_cast<const char*>(guarded.data()), guarded.size()}) != crc) {
    return std::nullopt;
  }
  auto record = take_payload(ByteReader(text.subspan(kFrameHead, payload_bytes)));
  if (!record) {
    return std::nullopt;
  }
  frame.record = *std::move(record);
  return frame;
}

JournalEnd read_journal(std::span<const std::byte> text,
                        const std::function<void(std::size_t offset, const Frame&)>& take) {
  JournalEnd end;
  for (;;) {
    const auto frame = read_frame(text.subspan(end.bytes));
    const bool is_header = frame && std::holds_alternative<HeaderRecord>(frame->record);
    if (!frame || frame->number != end.frames || is_header != (end.frames == 0)) {
      break;
    }
    take(end.bytes, *frame);
    end.bytes += frame->bytes;
    ++end.frames;
  }
  end.damaged = was_promised(text.subspan(end.bytes), end.frames);
  return end;
}

}  // namespace ftpsfs::writeback
