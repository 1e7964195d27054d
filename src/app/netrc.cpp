// SPDX-License-Identifier: MIT
#include "ftpsfs/app/netrc.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ftpsfs/app/private_file.hpp"
#include "ftpsfs/app/user_places.hpp"
#include "ftpsfs/ftp/ascii.hpp"

namespace ftpsfs::app {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/// One word after the other.
class Words {
 public:
  explicit Words(std::string_view text) : text_(text) {}

  /// @return nullopt at the end. @errors a quote without its end.
  Result<std::optional<std::string>> next();
  /// Behind a macro: it ends at an empty line.
  void skip_macro();
  std::size_t line() const { return line_; }

 private:
  void step() {
    line_ += text_[at_] == '\n' ? 1 : 0;
    at_line_start_ = text_[at_] == '\n' || (at_line_start_ && is_blank(text_[at_]));
    ++at_;
  }
  void skip_blanks();
  Result<std::optional<std::string>> quoted();

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  bool at_line_start_ = true;
};

void Words::skip_blanks() {
  while (at_ < text_.size()) {
    if (at_line_start_ && text_[at_] == '#') {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (is_blank(text_[at_])) {
      step();
    } else {
      return;
    }
  }
}

Result<std::optional<std::string>> Words::next() {
  skip_blanks();
  if (at_ == text_.size()) {
    return std::optional<std::string>();
  }
  if (text_[at_] == '"') {
    return quoted();
  }
  const std::size_t begin = at_;
  while (at_ < text_.size() && !is_blank(text_[at_])) {
    step();
  }
  return std::optional<std::string>(text_.substr(begin, at_ - begin));
}

Result<std::optional<std::string>> Words::quoted() {
  constexpr std::string_view kEscaped = "nrt";
  constexpr std::string_view kMeant = "\n\r\t";
  std::string word;
  word.reserve(text_.size() - at_);  // never grows: no copy is left behind
  for (step(); at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\n'; step()) {
    if (text_[at_] != '\\' || at_ + 1 == text_.size()) {
      word += text_[at_];
      continue;
    }
    step();
    const std::size_t known = kEscaped.find(text_[at_]);
    word += known == std::string_view::npos ? text_[at_] : kMeant[known];
  }
  if (at_ == text_.size() || text_[at_] != '"') {
    Secret::wipe(word);
    return make_error(Errc::invalid_argument, "a quote without its end");
  }
  step();
  return std::optional<std::string>(std::move(word));
}

void Words::skip_macro() {
  while (at_ < text_.size()) {
    const std::size_t end = std::min(text_.find('\n', at_), text_.size());
    const std::string_view rest = text_.substr(at_, end - at_);
    const bool is_empty = at_line_start_ && std::all_of(rest.begin(), rest.end(), is_blank);
    at_ = end;
    if (at_ < text_.size()) {
      step();
    }
    if (is_empty) {
      return;
    }
  }
}

/// Collects one entry after the other, and keeps the first that fits.
class Search {
 public:
  Search(std::string_view host, std::string_view user) : host_(host), user_(user) {}

  void begin(bool fits) {
    end();
    entry_ = Credentials();
    fits_ = fits;
  }
  void end() {
    if (fits_ && !answer_.entry && (user_.empty() || entry_.username == user_)) {
      answer_.entry = std::move(entry_);
    }
    fits_ = false;
  }
  bool is_host(std::string_view name) const { return ftp::ascii::equal_ignoring_case(name, host_); }
  void take(std::string_view key, std::string value) {
    if (key == "login") {
      entry_.username = std::move(value);
    } else if (key == "password") {
      answer_.holds_password = true;
      entry_.password = Secret(std::move(value));
    } else {
      entry_.account = Secret(std::move(value));
    }
  }
  NetrcAnswer finish() {
    end();
    return std::move(answer_);
  }

 private:
  std::string_view host_;
  std::string_view user_;
  Credentials entry_;
  bool fits_ = false;
  NetrcAnswer answer_;
};

Result<void> read_words(Words& words, Search& search) {
  constexpr std::string_view kUnsendable("\r\n\0", 3);
  for (;;) {
    FTPSFS_TRY_ASSIGN(const auto key, words.next());
    if (!key) {
      return {};
    }
    if (*key == "default") {
      search.begin(true);
      continue;
    }
    if (*key == "macdef") {
      words.skip_macro();
      continue;
    }
    if (*key != "machine" && *key != "login" && *key != "password" && *key != "account") {
      continue;  // curl passes over what it does not know, too
    }
    FTPSFS_TRY_ASSIGN(auto value, words.next());
    if (!value) {
      return make_error(Errc::invalid_argument, fmt::format("nothing behind \"{}\"", *key));
    }
    if (value->find_first_of(kUnsendable) != std::string::npos) {
      Secret::wipe(*value);
      return make_error(Errc::invalid_argument, "a line end or NUL in a word");
    }
    if (*key == "machine") {
      search.begin(search.is_host(*value));
    } else {
      search.take(*key, *std::move(value));
    }
  }
}

}  // namespace

Result<NetrcAnswer> find_in_netrc(std::string_view text, std::string_view origin,
                                  std::string_view host, std::string_view user) {
  Words words(text);
  Search search(host, user);
  const auto read = read_words(words, search);
  if (!read) {
    return make_error(read.error().code, fmt::format("netrc file {}, line {}: {}", origin,
                                                     words.line(), read.error().text));
  }
  return search.finish();
}

Result<std::optional<Credentials>> read_netrc(const std::string& path, std::string_view host,
                                              std::string_view user) {
  const std::string place = path.empty() ? home_directory() + "/.netrc" : path;
  auto file = read_small_file(place, kLargestPrivateFile);
  if (!file) {
    return make_error(file.error().code,
                      fmt::format("netrc file {}: {}", place, file.error().text));
  }
  auto found = find_in_netrc(file->bytes, place, host, user);
  Secret::wipe(file->bytes);
  if (!found) {
    return std::move(found).error();
  }
  if (found->holds_password) {
    FTPSFS_TRY(check_private(*file, "netrc file", place));
  }
  return std::move(found->entry);
}

}  // namespace ftpsfs::app
