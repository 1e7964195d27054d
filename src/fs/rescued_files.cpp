// SPDX-License-Identifier: MIT
#include "ftpsfs/fs/rescued_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include "ftpsfs/base/local_file.hpp"
#include "ftpsfs/base/unique_fd.hpp"
#include "recovery.hpp"

namespace ftpsfs::fs {
namespace {

using nlohmann::json;

/// Longer ones are not ours: a path and a reason.
constexpr std::size_t kLongestSidecar = std::size_t{256} * 1024;

std::optional<std::string> read_sidecar(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  std::string text(kLongestSidecar, '\0');
  const ssize_t got = file ? ::read(file.get(), text.data(), text.size()) : -1;
  if (got < 0 || static_cast<std::size_t>(got) == text.size()) {
    return std::nullopt;
  }
  text.resize(static_cast<std::size_t>(got));
  return text;
}

template <typename T>
T member(const json& object, const char* name, T otherwise) {
  const auto found = object.find(name);
  if (found == object.end()) {
    return otherwise;
  }
  const bool fits = std::is_same_v<T, std::string> ? found->is_string()
                    : std::is_same_v<T, bool>      ? found->is_boolean()
                                                   : found->is_number_integer();
  return fits ? found->get<T>() : otherwise;
}

std::optional<RescuedFile> read_rescued(const std::filesystem::path& sidecar,
                                        const std::string& source) {
  const auto text = read_sidecar(sidecar.string());
  const json told = text ? json::parse(*text, nullptr, false) : json();
  if (!told.is_object() || member(told, "source", std::string()) != source) {
    return std::nullopt;
  }
  RescuedFile file;
  file.stem = (sidecar.parent_path() / sidecar.stem()).string();
  file.path = member(told, "path", std::string());
  file.reason = member(told, "reason", std::string());
  file.size = member(told, "size", std::uint64_t{0});
  file.unix_seconds = member(told, "time", std::int64_t{0});
  file.is_complete = member(told, "complete", false);
  return file;
}

Result<void> copy(int from, int to, const std::string& name) {
  struct stat status {};
  const bool is_copied = ::fstat(from, &status) == 0 &&
                         copy_bytes(from, to, static_cast<std::uint64_t>(status.st_size)) &&
                         ::fsync(to) == 0;
  return is_copied ? Result<void>() : Result<void>(local_error(name));
}

}  // namespace

std::vector<RescuedFile> find_rescued(const std::string& staging_directory,
                                      const std::string& source) {
  std::vector<RescuedFile> found;
  const std::string place = recovery_directory(staging_directory);
  if (!is_private_directory(place, ::geteuid())) {
    return found;
  }
  std::error_code ignored;
  for (std::filesystem::directory_iterator at(place, ignored), end; at != end;
       at.increment(ignored)) {
    if (at->path().extension() != ".json") {
      continue;
    }
    if (auto file = read_rescued(at->path(), source)) {
      found.push_back(*std::move(file));
    }
  }
  std::sort(found.begin(), found.end(), [](const RescuedFile& a, const RescuedFile& b) {
    return std::pair(a.unix_seconds, a.stem) < std::pair(b.unix_seconds, b.stem);
  });
  return found;
}

Result<std::size_t> export_rescued(const std::vector<RescuedFile>& files,
                                   const std::string& directory) {
  for (const RescuedFile& file : files) {
    const UniqueFd from(::open(file.data_file().c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!from) {
      return local_error(file.data_file());
    }
    const std::string_view path = file.path;
    const std::string_view name = path.substr(path.rfind('/') + 1);
    FTPSFS_TRY_ASSIGN(const UniqueFd to, create_new_file(directory, name.empty() ? "file" : name));
    FTPSFS_TRY(copy(from.get(), to.get(), std::string(name)));
  }
  return files.size();
}

std::size_t remove_rescued(const std::vector<RescuedFile>& files) {
  return static_cast<std::size_t>(
      std::count_if(files.begin(), files.end(), [](const RescuedFile& file) {
        // The description last: without it nobody knows what the content is.
        return ::unlink(file.data_file().c_str()) == 0 &&
               ::unlink((file.stem + ".json").c_str()) == 0;
      }));
}

}  // namespace ftpsfs::fs
