// SPDX-License-Identifier: MIT
//
// Which replies make sense for which command: what tells a reply that came one too many before, or
// one too few. Knows codes and verbs alone.
#pragma once

#include <string_view>

namespace ftpsfs::ftp {

struct AnswerRule;

/// What may answer commands of this verb. Null where servers may say anything: for verbs that no
/// standard defines, and for those of the login, which are spoken one at a time.
const AnswerRule* answer_rule(std::string_view verb) noexcept;

/// The rule's verb, for messages. @pre rule
std::string_view verb_of(const AnswerRule* rule) noexcept;

/// False when a reply with this code was meant for a command of another kind: 226 for DELE, 213 for
/// RETR, a preliminary one where no transfer begins. Refusals are nobody's own, and servers choose
/// freely among 200, 250 and 253: they may answer anything.
/// @param rule null: any
/// @source RFC 959 §5.4, RFC 3659 §3 to §7, RFC 2428
bool may_answer(const AnswerRule* rule, int code) noexcept;

}  // namespace ftpsfs::ftp
