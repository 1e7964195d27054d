// SPDX-License-Identifier: MIT
#include "ftpsfs/ftp/reply_sense.hpp"

#include <algorithm>
#include <array>

namespace ftpsfs::ftp {
namespace {

/// Replies that only some commands give cause to. All others belong to none of these.
enum Kind : unsigned {
  none = 0,
  of_data = 1U << 0U,         ///< 1xx, 225, 226, 426: a data connection's
  of_questions = 1U << 1U,    ///< 211 to 215: answers to questions
  of_ports = 1U << 2U,        ///< 227 to 229
  of_directories = 1U << 3U,  ///< 257
  of_more = 1U << 4U,         ///< 350: go on
};

unsigned kind_of(int code) noexcept {
  if (code / 100 == 1 || code == 225 || code == 226 || code == 426) {
    return of_data;
  }
  if (code >= 211 && code <= 215) {
    return of_questions;
  }
  if (code >= 227 && code <= 229) {
    return of_ports;
  }
  return code == 257 ? of_directories : code == 350 ? of_more : none;
}

}  // namespace

struct AnswerRule {
  std::string_view verb;
  unsigned kinds;  ///< of those above, which may answer it
};

namespace {

constexpr std::array kRules{
    AnswerRule{"RETR", of_data},       AnswerRule{"STOR", of_data},
    AnswerRule{"APPE", of_data},       AnswerRule{"LIST", of_data},
    AnswerRule{"NLST", of_data},       AnswerRule{"MLSD", of_data},
    AnswerRule{"SIZE", of_questions},  AnswerRule{"MDTM", of_questions},
    AnswerRule{"MFMT", of_questions},  AnswerRule{"PASV", of_ports},
    AnswerRule{"EPSV", of_ports},      AnswerRule{"PWD", of_directories},
    AnswerRule{"MKD", of_directories}, AnswerRule{"RNFR", of_more},
    AnswerRule{"REST", of_more},       AnswerRule{"RANG", of_more},
    AnswerRule{"CWD", none},           AnswerRule{"DELE", none},
    AnswerRule{"RMD", none},           AnswerRule{"RNTO", none},
    AnswerRule{"TYPE", none},          AnswerRule{"NOOP", none},
    AnswerRule{"MLST", none},
};

}  // namespace

const AnswerRule* answer_rule(std::string_view verb) noexcept {
  const auto* const found = std::ranges::find(kRules, verb, &AnswerRule::verb);
  return found == kRules.end() ? nullptr : found;
}

std::string_view verb_of(const AnswerRule* rule) noexcept {
  return rule->verb;
}

bool may_answer(const AnswerRule* rule, int code) noexcept {
  const unsigned kind = kind_of(code);
  return rule == nullptr || kind == none || (rule->kinds & kind) != 0;
}

}  // namespace ftpsfs::ftp
