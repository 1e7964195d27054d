// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/features.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "ftpsfs/ftp/ascii.hpp"
#include "ftpsfs/ftp/civil_time.hpp"
#include "ftpsfs/ftp/refusal.hpp"

namespace ftpsfs::ftp {
namespace {

bool contains(const std::vector<std::string>& list, std::string_view item, bool upper) {
  return std::find(list.begin(), list.end(), upper ? ascii::upper(item) : ascii::lower(item)) !=
         list.end();
}

/// Features that are a word alone.
struct Word {
  std::string_view name;
  bool Features::*flag;
};
constexpr std::array kWords = {
    Word{"MLST", &Features::mlst},       Word{"MLSD", &Features::mlsd},
    Word{"UTF8", &Features::utf8},       Word{"SIZE", &Features::size},
    Word{"MDTM", &Features::mdtm},       Word{"MFMT", &Features::mfmt},
    Word{"MFF", &Features::mff},         Word{"TVFS", &Features::tvfs},
    Word{"EPSV", &Features::epsv},       Word{"EPRT", &Features::eprt},
    Word{"PASV", &Features::pasv},       Word{"AVBL", &Features::avbl},
    Word{"PBSZ", &Features::pbsz},       Word{"PROT", &Features::prot},
    Word{"CCC", &Features::ccc},         Word{"HOST", &Features::host},
    Word{"CLNT", &Features::clnt},       Word{"HASH", &Features::hash},
    Word{"PRET", &Features::pret},       Word{"XSHA256", &Features::xsha256},
    Word{"XSHA512", &Features::xsha512}, Word{"XSHA1", &Features::xsha1},
    Word{"XMD5", &Features::xmd5},       Word{"MD5", &Features::md5},
    Word{"XCRC", &Features::xcrc},
};

void read_mlst_facts(Features& features, std::string_view list) {
  for (std::string_view fact : ascii::split(list, "; \t")) {
    const bool active = fact.back() == '*';
    fact = fact.substr(0, fact.size() - (active ? 1 : 0));
    features.mlst_facts.push_back(ascii::lower(fact));
    if (active) {
      features.mlst_active_facts.push_back(ascii::lower(fact));
    }
  }
}

/// @source draft-bryan-ftpext-hash-02 §4
void read_hash_algorithms(Features& features, std::string_view list) {
  for (std::string_view name : ascii::split(list, "; ,\t")) {
    const bool is_selected = name.back() == '*';
    name = name.substr(0, name.size() - (is_selected ? 1 : 0));
    features.hash_algorithms.push_back(ascii::upper(name));
    if (is_selected) {
      features.hash_selected = features.hash_algorithms.back();
    }
  }
}

void read_feature(Features& features, std::string_view line) {
  const std::size_t word_end = std::min(line.find_first_of(" \t"), line.size());
  const std::string word = ascii::upper(line.substr(0, word_end));
  const std::string_view rest = ascii::trim(line.substr(word_end));
  for (const Word& known : kWords) {
    if (word == known.name) {
      features.*known.flag = true;
    }
  }
  if (word == "MLST") {
    read_mlst_facts(features, rest);
  } else if (word == "HASH") {
    read_hash_algorithms(features, rest);
  } else if (word == "MFF") {
    for (const std::string_view fact : ascii::split(rest, "; \t")) {
      features.mff_facts.push_back(ascii::lower(fact));
    }
  } else if (word == "REST") {
    features.rest_stream = features.rest_stream || ascii::starts_with_ignoring_case(rest, "STREAM");
  } else if (word == "RANG") {
    features.rang_stream = features.rang_stream || ascii::starts_with_ignoring_case(rest, "STREAM");
  } else if (word == "AUTH") {
    for (const std::string_view way : ascii::split(rest, "; ,\t")) {
      features.auth_tls = features.auth_tls || ascii::starts_with_ignoring_case(way, "TLS");
      features.auth_ssl = features.auth_ssl || ascii::starts_with_ignoring_case(way, "SSL");
    }
  } else if (word == "SITE") {
    for (const std::string_view verb : ascii::split(rest, "; ,\t")) {
      features.site_verbs.push_back(ascii::upper(verb));
    }
  }
}

/// The first line that `read` makes something of; the last line first, as what comes before it is
/// mostly chatter.
template <typename T, typename Read>
std::optional<T> find_in_lines(const Reply& reply, Read read) {
  for (auto line = reply.lines.rbegin(); line != reply.lines.rend(); ++line) {
    if (std::optional<T> found = read(std::string_view(*line))) {
      return found;
    }
  }
  return std::nullopt;
}

Error unreadable(std::string_view verb, const Reply& reply) {
  return make_error(Errc::protocol_error,
                    fmt::format("cannot read the server's answer to {}: {}", verb, reply.text()),
                    reply.code);
}

/// What stands behind "(" must be <d><net-prt><d><net-addr><d><tcp-port><d>.
std::optional<std::uint16_t> port_behind(std::string_view text) {
  if (text.empty() || text.front() <= ' ' || text.front() > '~' || ascii::is_digit(text.front())) {
    return std::nullopt;
  }
  const char delimiter = text.front();
  std::size_t begin = 1;
  for (int field = 0; field < 2; ++field) {
    const std::size_t end = text.find(delimiter, begin);
    if (end == std::string_view::npos) {
      return std::nullopt;
    }
    begin = end + 1;
  }
  const std::size_t end = text.find(delimiter, begin);
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  const auto port = ascii::parse_number<std::uint16_t>(text.substr(begin, end - begin));
  return port == 0 ? std::nullopt : port;
}

std::optional<std::uint16_t> find_epsv_port(std::string_view line) {
  for (std::size_t at = line.find('('); at != std::string_view::npos; at = line.find('(', at + 1)) {
    if (const auto port = port_behind(line.substr(at + 1))) {
      return port;
    }
  }
  return std::nullopt;
}

/// h1,h2,h3,h4,p1,p2 at the start of `text`, whatever follows.
std::optional<std::uint16_t> six_numbers(std::string_view text) {
  std::array<unsigned, 6> numbers{};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    std::size_t digits = 0;
    while (digits < text.size() && ascii::is_digit(text[digits])) {
      ++digits;
    }
    const auto number = ascii::parse_number<std::uint8_t>(text.substr(0, digits));
    if (!number) {
      return std::nullopt;
    }
    numbers[i] = *number;
    text.remove_prefix(digits);
    if (i + 1 < numbers.size()) {
      if (text.empty() || text.front() != ',') {
        return std::nullopt;
      }
      text.remove_prefix(1);
    }
  }
  const unsigned port = numbers[4] * 256 + numbers[5];
  return port == 0 ? std::nullopt : std::optional(static_cast<std::uint16_t>(port));
}

std::optional<std::uint16_t> find_pasv_port(std::string_view line) {
  for (std::size_t at = 0; at < line.size(); ++at) {
    const bool starts_number =
        ascii::is_digit(line[at]) && (at == 0 || !ascii::is_digit(line[at - 1]));
    if (starts_number) {
      if (const auto port = six_numbers(line.substr(at))) {
        return port;
      }
    }
  }
  return std::nullopt;
}

std::optional<std::string> find_quoted(std::string_view line) {
  const std::size_t open = line.find('"');
  if (open == std::string_view::npos) {
    return std::nullopt;
  }
  std::string path;
  std::optional<std::string> longest;  // up to the last quote that could close
  for (std::size_t at = open + 1; at < line.size(); ++at) {
    if (line[at] != '"') {
      path += line[at];
    } else if (at + 1 < line.size() && line[at + 1] == '"') {
      path += '"';
      ++at;
    } else if (at + 1 == line.size() || line[at + 1] == ' ') {
      return path;
    } else {
      longest = path;
      path += '"';
    }
  }
  return longest;
}

}  // namespace

bool Features::has_mlst_fact(std::string_view fact) const {
  return contains(mlst_facts, fact, false);
}

bool Features::has_mff_fact(std::string_view fact) const {
  return contains(mff_facts, fact, false);
}

bool Features::has_site(std::string_view verb) const {
  return contains(site_verbs, verb, true);
}

Features parse_features(const Reply& reply) {
  Features features;
  features.answered = reply.is_completion();
  if (!features.answered) {
    return features;
  }
  const std::string body = reply.body();
  for (const std::string_view raw : ascii::split(body, "\n")) {
    const std::string_view line = ascii::trim(raw);
    if (!line.empty()) {
      features.lines.emplace_back(line);
      read_feature(features, line);
    }
  }
  features.mlsd = features.mlsd || features.mlst;
  return features;
}

Result<std::uint16_t> parse_epsv_port(const Reply& reply) {
  if (reply.code != 229) {
    return make_refusal("EPSV", reply);
  }
  if (const auto port = find_in_lines<std::uint16_t>(reply, find_epsv_port)) {
    return *port;
  }
  return unreadable("EPSV", reply);
}

Result<std::uint16_t> parse_pasv(const Reply& reply) {
  if (reply.code != 227) {
    return make_refusal("PASV", reply);
  }
  if (const auto port = find_in_lines<std::uint16_t>(reply, find_pasv_port)) {
    return *port;
  }
  return unreadable("PASV", reply);
}

Result<std::string> parse_pwd(const Reply& reply) {
  if (reply.code != 257) {
    return make_refusal("PWD", reply);
  }
  auto path = find_in_lines<std::string>(reply, find_quoted);
  if (!path || path->empty()) {
    return unreadable("PWD", reply);
  }
  return *std::move(path);
}

Result<std::uint64_t> parse_size(const Reply& reply) {
  if (reply.code != 213) {
    return make_refusal("SIZE", reply);
  }
  const std::string_view text = reply.lines.empty() ? std::string_view() : reply.lines.back();
  if (const auto size = ascii::parse_number(ascii::trim(text))) {
    return *size;
  }
  return unreadable("SIZE", reply);
}

Result<std::int64_t> parse_mdtm(const Reply& reply) {
  if (reply.code != 213) {
    return make_refusal("MDTM", reply);
  }
  const std::string_view text = reply.lines.empty() ? std::string_view() : reply.lines.back();
  const auto time = parse_time_val(ascii::trim(text));
  return time ? time : unreadable("MDTM", reply);
}

Result<std::int64_t> parse_time_val(std::string_view text) {
  const Error malformed = make_error(Errc::protocol_error, "not a time: YYYYMMDDHHMMSS expected");
  const std::size_t point = std::min(text.find('.'), text.size());
  std::string_view digits = text.substr(0, point);
  const std::string_view fraction = text.substr(std::min(point + 1, text.size()));
  const bool all_digits = std::all_of(digits.begin(), digits.end(), ascii::is_digit) &&
                          std::all_of(fraction.begin(), fraction.end(), ascii::is_digit);
  if (!all_digits || (digits.size() != 14 && digits.size() != 15)) {
    return malformed;
  }
  CivilTime time;
  const auto take = [&digits](std::size_t count) {
    const auto number = ascii::parse_number<unsigned>(digits.substr(0, count));
    digits.remove_prefix(count);
    return number.value_or(0);
  };
  if (digits.size() == 15) {
    // "19100" for 2000: a program that printed "19" and the years since 1900.
    if (take(2) != 19) {
      return malformed;
    }
    time.year = static_cast<int>(1900 + take(3));
  } else {
    time.year = static_cast<int>(take(4));
  }
  time.month = take(2);
  time.day = take(2);
  time.hour = take(2);
  time.minute = take(2);
  time.second = take(2);
  const auto seconds = to_unix_seconds(time);
  return seconds ? Result<std::int64_t>(*seconds) : malformed;
}

std::string format_mdtm_time(std::int64_t unix_seconds) {
  static const std::int64_t earliest = to_unix_seconds({1, 1, 1, 0, 0, 0}).value_or(0);
  static const std::int64_t latest = to_unix_seconds({9999, 12, 31, 23, 59, 59}).value_or(0);
  const CivilTime time = from_unix_seconds(std::clamp(unix_seconds, earliest, latest));
  return fmt::format("{:04}{:02}{:02}{:02}{:02}{:02}", time.year, time.month, time.day, time.hour,
                     time.minute, time.second);
}

}  // namespace ftpsfs::ftp
