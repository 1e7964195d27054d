// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/idle_journals.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <system_error>
#include <vector>

#include "ftpsfs/base/fnv1a.hpp"
#include "ftpsfs/writeback/ledger.hpp"
#include "journal_parts.hpp"

namespace ftpsfs::writeback {
namespace {

namespace files = std::filesystem;

/// The name of a link to a place.
constexpr std::string_view kPlacePrefix = "elsewhere-";
/// A longer file of records holds something that is needed: see JournalSettings::most_idle_bytes.
constexpr std::size_t kMostRead = 64ULL << 20;

/// What a directory holds; nothing where it cannot be read.
std::vector<files::path> entries_of(const std::string& directory) {
  std::vector<files::path> entries;
  std::error_code error;
  for (files::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    entries.push_back(it->path());
  }
  return entries;
}

/// A directory that is noted in this place.
struct NotedPlace {
  files::path link;
  std::string directory;
};

std::vector<NotedPlace> noted_places(const std::string& place) {
  std::vector<NotedPlace> noted;
  for (const files::path& entry : entries_of(place)) {
    std::error_code error;
    const files::path target = files::read_symlink(entry, error);
    if (!error && target.is_absolute() && entry.filename().string().starts_with(kPlacePrefix)) {
      noted.push_back({entry, target.string()});
    }
  }
  return noted;
}

/// By proc_locks(5): a look that takes no lock itself. Of the file the number alone, since not all
/// file systems tell the same device in both places.
bool is_locked(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    return false;
  }
  const std::string number = fmt::format(":{} ", status.st_ino);
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    if (line.find(number) != std::string::npos) {
      return true;
    }
  }
  return false;
}

/// The beginning of a file that its owner may cut just now: so it is read, and not mapped.
std::optional<std::vector<std::byte>> read_beginning(int fd, std::size_t most) {
  std::vector<std::byte> bytes(most);
  std::size_t length = 0;
  while (length < most) {
    const ssize_t count =
        ::pread(fd, bytes.data() + length, most - length, static_cast<off_t>(length));
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return std::nullopt;
    }
    if (count == 0) {
      break;
    }
    length += static_cast<std::size_t>(count);
  }
  bytes.resize(length);
  return bytes;
}

/// Whose changes its newest file of records holds; nullopt: it holds none, or cannot be read.
std::optional<std::string> identity_if_owing(const std::string& directory) {
  std::uint64_t newest = 0;
  for (const files::path& entry : entries_of(directory)) {
    newest = std::max(newest, number_in(entry.filename().string(), kGenerationPrefix).value_or(0));
  }
  const std::string name = directory + "/" + generation_name(newest);
  // Whoever may write there may have put a pipe in its place: that must not be waited for.
  const UniqueFd file(
      newest == 0 ? -1 : ::open(name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || status.st_uid != ::geteuid() ||
      !S_ISREG(status.st_mode)) {
    return std::nullopt;
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  const bool is_large = size > kMostRead;
  const auto text = read_beginning(file.get(), is_large ? kLargestPayload : size);
  if (!text) {
    return std::nullopt;
  }
  std::string identity;
  Ledger ledger;
  read_journal(*text, [&](std::size_t /*offset*/, const Frame& frame) {
    if (const auto* header = std::get_if<HeaderRecord>(&frame.record)) {
      identity = header->identity;
    } else if (const auto* edit = std::get_if<Edit>(&frame.record)) {
      ledger.apply(*edit);
    }
  });
  return is_large || !ledger.intentions().empty() ? std::optional(identity) : std::nullopt;
}

}  // namespace

std::vector<IdleJournal> find_idle_journals(const std::vector<std::string>& places,
                                            std::string_view login) {
  std::set<std::string> all(places.begin(), places.end());
  for (const std::string& place : places) {
    for (const NotedPlace& noted : noted_places(place)) {
      all.insert(noted.directory);
    }
  }
  std::vector<IdleJournal> idle;
  for (const std::string& place : all) {
    for (const files::path& entry : entries_of(place)) {
      std::error_code error;
      const std::string path = entry.string();
      const bool is_directory =
          files::symlink_status(entry, error).type() == files::file_type::directory;
      if (!is_directory || is_locked(path + "/" + kJournalLockName)) {
        continue;
      }
      if (auto identity = identity_if_owing(path); identity && identity->starts_with(login)) {
        idle.push_back({place, path, *std::move(identity)});
      }
    }
  }
  return idle;
}

Result<void> note_journal_place(const std::string& known, const std::string& place) {
  if (known == place) {
    return {};
  }
  for (const NotedPlace& noted : noted_places(known)) {
    std::error_code error;
    if (!files::exists(noted.directory, error) && !error) {
      files::remove(noted.link, error);
    }
  }
  Fnv1a digest;
  for (const char c : place) {
    digest.add(c);
  }
  const std::string link = fmt::format("{}/{}{:016x}", known, kPlacePrefix, digest.value());
  if (::symlink(place.c_str(), link.c_str()) != 0 && errno != EEXIST) {
    return local_error("cannot make", link);
  }
  return {};
}

}  // namespace ftpsfs::writeback
