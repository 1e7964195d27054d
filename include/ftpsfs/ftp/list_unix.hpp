// SPDX-License-Identifier: MIT
//
// The LIST dialect of `ls -l`, which most servers speak. Months may have their names in
// many languages. Pure; the time is an argument because a recent file's line has no year.
#pragma once

#include <optional>
#include <string_view>

#include "ftpsfs/ftp/file_facts.hpp"
#include "ftpsfs/ftp/list_dialect.hpp"

namespace ftpsfs::ftp {

/// One line without its line end.
/// @return absent when the line is not of this dialect ("total 12", an error message, …).
std::optional<FileFacts> parse_unix_line(std::string_view line, const ListContext& context);

/// "total 12", "insgesamt 12": the heading, which is no file.
bool is_unix_heading(std::string_view line) noexcept;

}  // namespace ftpsfs::ftp
