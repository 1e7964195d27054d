// SPDX-License-Identifier: MIT
#include "ftpsfs/app/mount_profile.hpp"

#include <fmt/format.h>
#include <ini.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <utility>

#include "ftpsfs/app/private_file.hpp"
#include "ftpsfs/app/user_places.hpp"

namespace ftpsfs::app {
namespace {

constexpr const char* kSystemFile = "/etc/ftpsfs/ftpsfs.conf";
constexpr const char* kKind = "profiles in";

Error bad(std::string text) {
  return make_error(Errc::invalid_argument, std::move(text));
}

/// Lends a text to inih line by line, and collects what inih makes of it.
class Reading {
 public:
  Reading(std::string_view text, const std::string& file, const std::string& name)
      : text_(text), file_(file), name_(name) {}

  Result<ProfileFile> run() {
    const int bad_line = ::ini_parse_stream(next_line, this, take_value, this);
    if (!refusal_.empty()) {
      return bad(fmt::format("{} {}, {}", kKind, file_, refusal_));
    }
    if (bad_line != 0) {
      return bad(fmt::format("{} {}, line {}: neither [NAME] nor OPTION = VALUE (a flag: ro = yes)",
                             kKind, file_, bad_line));
    }
    return std::move(found_);
  }

 private:
  /// As fgets(3). Without blanks in front: inih takes an indented line for more of the one above.
  static char* next_line(char* into, int size, void* self) noexcept {
    return static_cast<Reading*>(self)->hand_out(into, static_cast<std::size_t>(size));
  }
  static int take_value(void* self, const char* section, const char* name,
                        const char* value) noexcept {
    static_cast<Reading*>(self)->take(section, name, value);
    return 1;
  }

  char* hand_out(char* into, std::size_t size) {
    if (text_.empty()) {
      return nullptr;
    }
    ++line_;
    const std::size_t end = std::min(text_.find('\n'), text_.size());
    std::string_view line = text_.substr(0, end);
    text_.remove_prefix(std::min(end + 1, text_.size()));
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.size() + 2 > size) {
      refuse(fmt::format("longer than {} bytes", size - 2));
      line = "";
    } else if (line.find('\0') != std::string_view::npos) {
      refuse("a NUL byte in it");
      line = "";
    }
    std::memcpy(into, line.data(), line.size());
    std::memcpy(into + line.size(), "\n", 2);
    return into;
  }

  void refuse(const std::string& why) {
    if (refusal_.empty()) {
      refusal_ = fmt::format("line {}: {}", line_, why);
    }
  }

  void take(std::string_view section, std::string_view name, std::string_view value) {
    const bool is_password = name == "password" || name == "key_password" ||
                             name == "proxy_password" || (name == "proxy" && find_password(value));
    found_.holds_password = found_.holds_password || is_password;
    if (section.empty()) {
      refuse("stands before the first [NAME]");
    }
    if (section != name_) {
      return;
    }
    if (!found_.profile) {
      found_.profile.emplace();
      found_.profile->name = name_;
      found_.profile->file = file_;
    }
    Profile& profile = *found_.profile;
    if (name == "url") {
      profile.url = std::string(value);
    } else if (name == "password") {
      profile.password = Secret(value);
    } else if (name == "key_password") {
      profile.key_password = Secret(value);
    } else if (name == "proxy_password") {
      profile.proxy_password = Secret(value);
    } else {
      profile.options.push_back({std::string(name), std::string(value), line_});
    }
  }

  std::string_view text_;
  const std::string& file_;
  const std::string& name_;
  unsigned line_ = 0;
  std::string refusal_;
  ProfileFile found_;
};

/// "partner" of "partner:", "user@partner:/sub"; nothing when a URL or something else stands there.
std::optional<MountUrl> bare_source(const std::string& source) {
  if (source.find("://") != std::string::npos) {
    return std::nullopt;
  }
  auto parsed = parse_mount_url(source);
  return parsed ? std::optional<MountUrl>(*std::move(parsed)) : std::nullopt;
}

/// What a flag's value says; nullopt when it is neither.
std::optional<bool> yes_or_no(std::string_view value) {
  for (const std::string_view word : {"yes", "on", "true", "1"}) {
    if (value == word) {
      return true;
    }
  }
  for (const std::string_view word : {"no", "off", "false", "0"}) {
    if (value == word) {
      return false;
    }
  }
  return std::nullopt;
}

Result<void> set_option(const ProfileOption& each, const std::string& folder, Options& options) {
  const OptionRow* const row = find_option(each.name, kMountScope);
  // Options of every command are questions (help); a profile names no other.
  if (row == nullptr || row->scope == kEveryScope || row->name == "profile") {
    const std::string_view near = nearest_option(each.name, kMountScope);
    return bad(fmt::format("unknown option {}{}", each.name,
                           near.empty() || row != nullptr
                               ? std::string("; see ftpsfs --help")
                               : fmt::format("; did you mean {}? See ftpsfs --help", near)));
  }
  if (row->kind == OptionKind::flag || row->value_optional) {
    const auto wanted = yes_or_no(each.value);
    if (!wanted && row->kind == OptionKind::flag) {
      return bad(fmt::format("option {} is yes or no", each.name));
    }
    if (wanted) {
      if (*wanted && row->store != nullptr) {
        row->store(options, OptionValue(true));
      }
      return {};
    }
  }
  FTPSFS_TRY_ASSIGN(const OptionValue value, parse_option_value(*row, each.value, folder));
  if (row->store != nullptr) {
    row->store(options, value);
  }
  return {};
}

std::string folder_of(const std::string& file) {
  return std::filesystem::path(file).parent_path().string();
}

/// What the command line gives itself takes the place of what the profile gives, and is not its
/// own.
void give_way(const Options& line, Options& profile) {
  profile.profile_credentials = profile.profile_credentials && line.credentials_file.empty();
  profile.profile_password_command =
      profile.profile_password_command && line.password_command.empty();
  profile.profile_account = profile.profile_account && line.account.empty();
  for (const auto list :
       {&Options::ca_files, &Options::ca_directories, &Options::pins, &Options::crl_files}) {
    if (!(line.*list).empty()) {
      (profile.*list).clear();
    }
  }
}

}  // namespace

std::string Profile::username() const {
  std::string named;
  for (const ProfileOption& each : options) {
    if (each.name == "username") {
      named = each.value;
    }
  }
  if (named.empty()) {
    if (const auto parsed = parse_mount_url(url)) {
      named = parsed->username;
    }
  }
  return named;
}

Result<ProfileFile> parse_profiles(std::string_view text, const std::string& file,
                                   const std::string& name) {
  return Reading(text, file, name).run();
}

std::vector<std::string> profile_files() {
  std::vector<std::string> files;
  std::string folder = own_directory("XDG_CONFIG_HOME");
  if (folder.empty() && !home_directory().empty()) {
    folder = home_directory() + "/.config";
  }
  if (!folder.empty()) {
    files.push_back(folder + "/ftpsfs.conf");
  }
  files.emplace_back(kSystemFile);
  return files;
}

Result<std::optional<Profile>> find_profile(const std::string& name,
                                            const std::vector<std::string>& files,
                                            std::string& why) {
  for (const std::string& path : files) {
    // A link may be another's than the file that it leads to.
    auto file = read_small_file(path, kLargestPrivateFile, Links::refuse);
    if (!file && file.error().code != Errc::not_found) {
      return make_error(file.error().code,
                        fmt::format("{} {}: {}", kKind, path, file.error().text));
    }
    if (!file) {
      why += fmt::format("{}{}: {}", why.empty() ? "" : ", ", path, file.error().text);
      continue;
    }
    FTPSFS_TRY(check_trusted(*file, kKind, path));
    auto parsed = parse_profiles(file->bytes, path, name);
    Secret::wipe(file->bytes);
    if (!parsed) {
      return std::move(parsed).error();
    }
    if (parsed->holds_password) {
      FTPSFS_TRY(check_private(*file, kKind, path));
    }
    if (parsed->profile) {
      return std::move(parsed->profile);
    }
    why += fmt::format("{}{}: no section [{}]", why.empty() ? "" : ", ", path, name);
  }
  return std::optional<Profile>();
}

Result<void> apply_profile(const Profile& profile, Options& options) {
  const std::string where = fmt::format("{} {}", kKind, profile.file);
  if (!profile.url.empty()) {
    const auto url = parse_mount_url(profile.url);
    if (!url) {
      return bad(fmt::format("{}, [{}]: url = {}", where, profile.name, url.error().text));
    }
    if (url->password) {
      return bad(fmt::format("{}, [{}]: a password in url=; give it as password = WORD", where,
                             profile.name));
    }
  }
  for (const ProfileOption& each : profile.options) {
    const auto set = set_option(each, folder_of(profile.file), options);
    if (!set) {
      return bad(
          fmt::format("{}, line {}, [{}]: {}", where, each.line, profile.name, set.error().text));
    }
  }
  options.profile_username = profile.username();
  options.username.clear();  // that of the command line alone
  options.profile_credentials = !options.credentials_file.empty();
  options.profile_password_command = !options.password_command.empty();
  options.profile_account = !options.account.empty();
  options.profile = profile.name;
  options.profile_file = profile.file;
  options.profile_url = profile.url;
  return {};
}

Result<Options> profile_options(const CommandLine& line, const std::vector<std::string>& files) {
  Options options;
  std::string name = line.options.profile;
  const bool is_named = !name.empty();
  const bool has_source =
      line.command == Command::check ? !line.positionals.empty() : line.positionals.size() == 2;
  if (!is_named && has_source) {
    const auto bare = bare_source(line.positionals[0]);
    name = bare ? bare->host : "";
  }
  if (name.empty()) {
    return options;
  }
  std::string why;
  const auto profile = find_profile(name, files, why);
  if (!profile) {
    Error error = profile.error();
    if (!is_named) {
      error.text += fmt::format("; for a server, not a profile, of that name: ftpes://{}/", name);
    }
    return error;
  }
  if (*profile) {
    FTPSFS_TRY(apply_profile(**profile, options));
    give_way(line.options, options);
  } else if (is_named) {
    return make_error(Errc::not_found, fmt::format("no profile \"{}\": {}", name, why));
  }
  return options;
}

Result<MountUrl> resolve_source(const Options& options, const std::string& source) {
  const auto bare = options.profile_file.empty() ? std::nullopt : bare_source(source);
  if (!bare || bare->host != options.profile) {
    return parse_mount_url(source);
  }
  if (options.profile_url.empty()) {
    return bad(fmt::format("{} {}: [{}] has no url = ftpes://HOST/PATH, which \"{}:\" needs", kKind,
                           options.profile_file, options.profile, options.profile));
  }
  FTPSFS_TRY_ASSIGN(MountUrl url, parse_mount_url(options.profile_url));
  url.username = options.username.empty() ? options.profile_username : "";
  if (!bare->username.empty()) {
    url.username = bare->username;
    url.password = bare->password;
  }
  // Without a path the login's own directory is meant; what is added to it stays relative.
  const std::size_t begin = std::min(bare->path.find_first_not_of('/'), bare->path.size());
  if (const std::string more = bare->path.substr(begin); !more.empty()) {
    const bool needs_slash = !url.path.empty() && !url.path.ends_with('/');
    url.path += (needs_slash ? "/" : "") + more;
  }
  return url;
}

}  // namespace ftpsfs::app
