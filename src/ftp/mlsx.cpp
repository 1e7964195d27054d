// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/mlsx.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "ftpsfs/ftp/ascii.hpp"
#include "ftpsfs/ftp/features.hpp"
#include "ftpsfs/ftp/refusal.hpp"

namespace ftpsfs::ftp {
namespace {

constexpr std::string_view kLinkType = "os.unix=slink";

/// Facts as they stand on the line, before they are weighed against each other.
struct RawFacts {
  FileFacts facts;
  bool has_type = false;
  unsigned owner_rank = 0;
  unsigned group_rank = 0;
};

bool is_fact_name(std::string_view name) noexcept {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return ascii::is_letter(c) || ascii::is_digit(c) || c == '.' || c == '-' || c == '_' ||
           c == '/';
  });
}

void read_type(RawFacts& raw, std::string_view value) {
  const std::string type = ascii::lower(value);
  raw.has_type = true;
  FileFacts& facts = raw.facts;
  if (type == "file") {
    facts.kind = FactKind::file;
  } else if (type == "dir") {
    facts.kind = FactKind::dir;
  } else if (type == "cdir") {
    facts.kind = FactKind::cdir;
  } else if (type == "pdir") {
    facts.kind = FactKind::pdir;
  } else if (type == "os.unix=symlink" || type == kLinkType || type.starts_with("os.unix=slink:")) {
    facts.kind = FactKind::symlink;
    // Pure-FTPd leaves the target empty.
    if (type.size() > kLinkType.size() + 1 && type.starts_with(kLinkType)) {
      facts.symlink_target = std::string(value.substr(kLinkType.size() + 1));
    }
  } else {
    facts.kind = FactKind::other;
  }
}

void read_mode(FileFacts& facts, std::string_view value) {
  // pyftpdlib writes "0o644".
  if (ascii::starts_with_ignoring_case(value, "0o")) {
    value.remove_prefix(2);
  }
  constexpr unsigned kLargest = 0177777;  // with the file type's bits, as in st_mode
  const auto mode = ascii::parse_number<unsigned>(value, 8);
  if (mode && *mode <= kLargest) {
    facts.unix_mode = static_cast<std::uint16_t>(*mode & 07777);
  }
}

std::string read_perm(std::string_view value) {
  // Case does not count in the RFC, but pyftpdlib has letters of its own in capitals ("MT" behind
  // "m"): only where all are capitals they mean the RFC's.
  const bool has_lower =
      std::any_of(value.begin(), value.end(), [](char c) { return c != ascii::to_upper(c); });
  return has_lower ? std::string(value) : ascii::lower(value);
}

/// A name tells more than a number, whichever comes first.
void read_name(std::string& target, unsigned& rank, unsigned new_rank, std::string_view value) {
  if (new_rank > rank && !value.empty()) {
    target = value;
    rank = new_rank;
  }
}

void read_fact(RawFacts& raw, std::string_view name, std::string_view value) {
  FileFacts& facts = raw.facts;
  const std::string fact = ascii::lower(name);
  if (fact == "type") {
    read_type(raw, value);
  } else if (fact == "size" || fact == "sizd") {
    if (const auto size = ascii::parse_number(value)) {
      facts.size = *size;
    }
  } else if (fact == "modify") {
    if (const auto time = parse_time_val(value)) {
      facts.modify = FactTime{*time, FactGrain::second};
    }
  } else if (fact == "perm") {
    facts.perm = read_perm(value);
  } else if (fact == "unique") {
    facts.unique = value;
  } else if (fact == "unix.mode") {
    read_mode(facts, value);
  } else if (fact == "unix.ownername") {
    read_name(facts.owner, raw.owner_rank, 3, value);
  } else if (fact == "unix.owner") {
    read_name(facts.owner, raw.owner_rank, 2, value);
  } else if (fact == "unix.uid") {
    read_name(facts.owner, raw.owner_rank, 1, value);
  } else if (fact == "unix.groupname") {
    read_name(facts.group, raw.group_rank, 3, value);
  } else if (fact == "unix.group") {
    read_name(facts.group, raw.group_rank, 2, value);
  } else if (fact == "unix.gid") {
    read_name(facts.group, raw.group_rank, 1, value);
  }
}

/// Where the blank between facts and name stands.
std::size_t find_end_of_facts(std::string_view line) noexcept {
  const std::size_t blank = line.find(' ');
  if (blank == std::string_view::npos || blank == 0 || line[blank - 1] == ';') {
    return blank;
  }
  // A blank inside a value: only a link's target has any. Everywhere else the last ';' is missing.
  const std::size_t fact = line.rfind(';', blank) + 1;  // npos + 1 is 0: the line's first fact
  const std::string_view tail = line.substr(fact);
  if (ascii::starts_with_ignoring_case(tail, "type=") &&
      ascii::starts_with_ignoring_case(tail.substr(5), kLinkType)) {
    const std::size_t end = line.find("; ", blank);
    if (end != std::string_view::npos) {
      return end + 1;
    }
  }
  return blank;
}

}  // namespace

std::optional<FileFacts> parse_mlsx_line(std::string_view line) {
  const std::size_t end_of_facts = find_end_of_facts(line);
  if (end_of_facts == std::string_view::npos) {
    return std::nullopt;
  }
  RawFacts raw;
  for (const std::string_view fact : ascii::split(line.substr(0, end_of_facts), ";")) {
    const std::size_t equals = fact.find('=');
    if (equals == std::string_view::npos && raw.facts.symlink_target) {
      raw.facts.symlink_target->append(";").append(fact);  // a ';' inside the target
      continue;
    }
    if (equals == std::string_view::npos || !is_fact_name(fact.substr(0, equals))) {
      return std::nullopt;
    }
    read_fact(raw, fact.substr(0, equals), fact.substr(equals + 1));
  }
  if (!raw.has_type) {
    return std::nullopt;
  }
  raw.facts.name = line.substr(end_of_facts + 1);
  return std::move(raw.facts);
}

Result<FileFacts> parse_mlst(const Reply& reply) {
  if (!reply.is_completion()) {
    return make_refusal("MLST", reply);
  }
  const std::string body = reply.body();
  for (const std::string_view line : ascii::split(body, "\n")) {
    if (auto facts = parse_mlsx_line(line)) {
      if (facts->kind == FactKind::cdir || facts->kind == FactKind::pdir) {
        facts->kind = FactKind::dir;
      }
      return *std::move(facts);
    }
  }
  return make_error(Errc::protocol_error,
                    fmt::format("cannot read the server's answer to MLST: {}", reply.text()),
                    reply.code);
}

}  // namespace ftpsfs::ftp
