// SPDX-License-Identifier: MIT
//
// See faulty_ftps_server_dialogue.hpp: the commands that tell digests, in the words of ProFTPD's
// mod_digest.
#include <fmt/core.h>

#include <algorithm>

#include "ftpsfs/net/content_digest.hpp"
#include "support/faulty_ftps_server_dialogue.hpp"

namespace ftpsfs::test {
namespace {

std::optional<DigestAlgorithm> algorithm_called(const std::string& name) {
  for (const DigestAlgorithm algorithm : kDigestAlgorithms) {
    if (name == to_string(algorithm)) {
      return algorithm;
    }
  }
  return std::nullopt;
}

DigestAlgorithm algorithm_of_verb(const std::string& verb) {
  return verb == "XSHA256"   ? DigestAlgorithm::sha256
         : verb == "XSHA512" ? DigestAlgorithm::sha512
         : verb == "XSHA1"   ? DigestAlgorithm::sha1
         : verb == "XCRC"    ? DigestAlgorithm::crc32
                             : DigestAlgorithm::md5;
}

}  // namespace

bool FaultyDialogue::has_digest_command(const std::string& verb) const {
  const auto& lines = shared_.options.digests;
  return std::any_of(lines.begin(), lines.end(), [&verb](const std::string& line) {
    return line.substr(0, line.find(' ')) == verb;
  });
}

/// The one marked '*', until OPTS chooses another.
DigestAlgorithm FaultyDialogue::selected_hash() const {
  for (const DigestAlgorithm algorithm : kDigestAlgorithms) {
    for (const std::string& line : shared_.options.digests) {
      if (line.find(std::string(to_string(algorithm)) + "*") != std::string::npos) {
        return hash_.value_or(algorithm);
      }
    }
  }
  return hash_.value_or(DigestAlgorithm::sha1);
}

std::optional<std::string> FaultyDialogue::digest_of(const std::string& path,
                                                     DigestAlgorithm algorithm) {
  const auto content = shared_.tree.content(path);
  if (!content) {
    return std::nullopt;
  }
  const auto digest = net::ContentDigest::create(algorithm);
  digest->add(std::as_bytes(std::span(*content)));
  const std::string hex = digest->value().value_or(Digest{}).hex;
  if (!shared_.options.remembers_digests) {
    return hex;
  }
  const std::string key = fmt::format("{} {} {}", to_string(algorithm), content->size(), path);
  return remembered_digests_.emplace(key, hex).first->second;
}

void FaultyDialogue::choose_hash(const std::string& name) {
  const auto algorithm = algorithm_called(name);
  if (!algorithm || !has_digest_command("HASH")) {
    return say("501 " + name + ": Unsupported algorithm");
  }
  hash_ = *algorithm;
  say("200 " + name);
}

void FaultyDialogue::hash(const std::string& argument) {
  const std::string path = target_of(argument);
  const auto hex = has_digest_command("HASH") ? digest_of(path, selected_hash()) : std::nullopt;
  if (!has_digest_command("HASH")) {
    return say("500 HASH not understood");
  }
  if (!hex) {
    return refuse(argument, "No such file or directory");
  }
  say(fmt::format("213-Computing {0} digest\r\n213 {0} 0-{1} {2} {3}", to_string(selected_hash()),
                  shared_.tree.content(path)->size(), *hex, argument));
}

void FaultyDialogue::xdigest(const std::string& argument) {
  if (!has_digest_command(verb_)) {
    return say("500 " + verb_ + " not understood");
  }
  const bool is_quoted = verb_ != "MD5" && argument.size() > 1 && argument.front() == '"';
  const std::string name = is_quoted ? argument.substr(1, argument.size() - 2) : argument;
  if (verb_ != "MD5" && !is_quoted && name.find(' ') != std::string::npos) {
    return say("501 Invalid number of parameters");
  }
  const auto hex = digest_of(target_of(name), algorithm_of_verb(verb_));
  if (!hex) {
    return refuse(name, "No such file or directory");
  }
  say(verb_ == "MD5" ? "251 " + name + " " + upper_case(*hex) : "250 " + upper_case(*hex));
}

}  // namespace ftpsfs::test
