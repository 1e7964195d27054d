// SPDX-License-Identifier: MIT
//
// Replies whose text means something, read into values: FEAT, EPSV, PASV, PWD, SIZE, MDTM. Every
// parser is strict about what it takes and tolerant about the words around it. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ftpsfs/base/result.hpp"
#include "ftpsfs/ftp/reply.hpp"

namespace ftpsfs::ftp {

/// What a server announces. Names are upper case for features and SITE verbs, lower case for facts.
struct Features {
  bool answered = false;           ///< false: FEAT was refused, nothing is known
  std::vector<std::string> lines;  ///< as announced, trimmed

  bool mlst = false;  ///< MLST; by RFC 3659 §7.8 it means MLSD too
  bool mlsd = false;
  std::vector<std::string> mlst_facts;         ///< all that the server knows
  std::vector<std::string> mlst_active_facts;  ///< those marked '*': sent without OPTS MLST
  bool utf8 = false;
  bool rest_stream = false;
  bool rang_stream = false;
  bool size = false;
  bool mdtm = false;
  bool mfmt = false;
  bool mff = false;
  std::vector<std::string> mff_facts;
  bool tvfs = false;
  bool epsv = false;
  bool eprt = false;
  bool pasv = false;
  bool avbl = false;
  bool auth_tls = false;
  bool auth_ssl = false;
  bool pbsz = false;
  bool prot = false;
  bool ccc = false;
  bool host = false;
  bool clnt = false;
  bool hash = false;
  std::vector<std::string> hash_algorithms;  ///< of HASH, upper case
  std::string hash_selected;                 ///< the one marked '*': no OPTS is needed for it
  bool xsha256 = false;
  bool xsha512 = false;
  bool xsha1 = false;
  bool xmd5 = false;
  bool md5 = false;
  bool xcrc = false;
  bool pret = false;
  std::vector<std::string> site_verbs;  ///< "SYMLINK", "UTIME", …

  bool has_mlst_fact(std::string_view fact) const;
  bool has_mff_fact(std::string_view fact) const;
  bool has_site(std::string_view verb) const;
};

/// A negative or odd reply gives a value with nothing in it: FEAT is advice. Total.
/// @source RFC 2389 §3.2
Features parse_features(const Reply& reply);

/// @return TCP port, host order.  @errors as classify_refusal (not 229); protocol_error.
/// @source RFC 2428 §3. Any delimiter; an address inside is ignored: it may point elsewhere.
Result<std::uint16_t> parse_epsv_port(const Reply& reply);

/// @return TCP port, host order.  @errors as classify_refusal (not 227); protocol_error.
/// @source RFC 959 §4.1.2; RFC 1123 §4.1.2.6 (parentheses are optional). The address is ignored.
Result<std::uint16_t> parse_pasv(const Reply& reply);

/// @return the quoted path of a 257, doubled quotes undone.
/// @errors as classify_refusal (not 257); protocol_error: no quote, an unterminated one, or nothing
/// inside.
/// @source RFC 959 Appendix II. Pure-FTPd does not double quotes: the closing one is then the first
/// that a blank or the end of the line follows.
Result<std::string> parse_pwd(const Reply& reply);

/// @return bytes.  @errors as classify_refusal (not 213); protocol_error.
/// @source RFC 3659 §4
Result<std::uint64_t> parse_size(const Reply& reply);

/// Reads YYYYMMDDHHMMSS[.sss] and the year-2000 bug's 191YYMMDDHHMMSS. A fraction is cut off.
/// @return Unix seconds.  @errors as classify_refusal (not 213); protocol_error.  @source RFC 3659
/// §3
Result<std::int64_t> parse_mdtm(const Reply& reply);

/// The time-val of RFC 3659 §2.3 alone. @errors protocol_error.
Result<std::int64_t> parse_time_val(std::string_view text);

/// "20240229235959": the argument of MFMT, SITE UTIME and MDTM. Times outside the years 1 to 9999
/// are clamped to them.
std::string format_mdtm_time(std::int64_t unix_seconds);

}  // namespace ftpsfs::ftp
