// SPDX-License-Identifier: MIT
#include "recovery.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "ftpsfs/base/local_file.hpp"
#include "ftpsfs/base/unique_fd.hpp"

namespace ftpsfs::fs {
namespace {

Result<std::string> make_place(const Settings& settings) {
  std::string directory = recovery_directory(settings.staging_directory);
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return local_error(directory);
  }
  if (!is_private_directory(directory, ::geteuid())) {
    return make_error(Errc::access_denied,
                      fmt::format("{} is not a directory of ours alone (mode 0700)", directory));
  }
  return directory;
}

Result<void> write_whole(const std::string& path, const std::string& text) {
  const std::string early = path + ".new";
  const UniqueFd fd(::open(early.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  const bool written =
      fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (!written || ::rename(early.c_str(), path.c_str()) != 0) {
    Error error = local_error(path);
    ::unlink(early.c_str());
    return error;
  }
  return {};
}

}  // namespace

std::string recovery_directory(const std::string& staging_directory) {
  return fmt::format("{}/recovery-{}", staging_directory, ::geteuid());
}

Result<std::string> keep_for_recovery(const Settings& settings, transfer::StagedFile& content,
                                      const Rescue& rescue) {
  static std::atomic<unsigned> count{0};
  FTPSFS_TRY_ASSIGN(const std::string place, make_place(settings));
  const std::string stem =
      fmt::format("{}/{}-{}-{}", place, rescue.unix_seconds, ::getpid(), ++count);
  const nlohmann::json sidecar{
      {"v", 1},
      {"source", settings.source},
      {"path", rescue.path},
      {"size", content.size()},
      {"time", rescue.unix_seconds},
      {"reason", rescue.reason},
      {"complete", content.is_complete()},
  };
  std::string data = stem + ".data";
  FTPSFS_TRY(content.save_as(data));
  FTPSFS_TRY(
      write_whole(stem + ".json",
                  sidecar.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"));
  return data;
}

}  // namespace ftpsfs::fs
