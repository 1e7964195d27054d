// SPDX-License-Identifier: MIT
#include "ftpsfs/remote/remote_path.hpp"

namespace ftpsfs::remote {
namespace {

constexpr std::size_t kLongestName = 255;
constexpr std::string_view kForbidden{"\r\n\0", 3};

}  // namespace

Result<void> check_name(std::string_view name) {
  if (name.empty() || name == "." || name == "..") {
    return make_error(Errc::invalid_argument, "not a file name");
  }
  if (name.find('/') != std::string_view::npos ||
      name.find_first_of(kForbidden) != std::string_view::npos) {
    return make_error(Errc::invalid_argument,
                      "a file name with '/', CR, LF or NUL cannot travel over FTP");
  }
  if (name.size() > kLongestName) {
    return make_error(Errc::name_too_long, "file name longer than 255 bytes");
  }
  return {};
}

Result<RemotePath> RemotePath::parse(std::string_view text) {
  if (text.empty() || text.front() != '/') {
    return make_error(Errc::invalid_argument, "a path on the server must begin with '/'");
  }
  RemotePath path;
  while (!text.empty()) {
    const std::size_t slash = text.find('/');
    const std::string_view name = text.substr(0, slash);
    text.remove_prefix(slash == std::string_view::npos ? text.size() : slash + 1);
    if (name.empty() || name == ".") {
      continue;
    }
    if (name == "..") {
      if (path.is_root()) {
        return make_error(Errc::invalid_argument, "'..' leads above the root of the server");
      }
      path = path.parent();
      continue;
    }
    FTPSFS_TRY_ASSIGN(path, path.child(name));
  }
  return path;
}

Result<RemotePath> RemotePath::child(std::string_view name) const {
  FTPSFS_TRY(check_name(name));
  std::string text = text_;
  if (!is_root()) {
    text += '/';
  }
  text += name;
  return RemotePath(std::move(text));
}

RemotePath RemotePath::parent() const {
  const std::size_t slash = text_.rfind('/');
  return slash == 0 ? RemotePath() : RemotePath(text_.substr(0, slash));
}

std::string_view RemotePath::name() const noexcept {
  return std::string_view(text_).substr(text_.rfind('/') + 1);
}

}  // namespace ftpsfs::remote
