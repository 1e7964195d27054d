// SPDX-License-Identifier: MIT
#include "ftpsfs/fuse/directory_page.hpp"

#include <sys/stat.h>

#include "ftpsfs/fuse/answers.hpp"
#include "ftpsfs/fuse/libfuse.hpp"

namespace ftpsfs::fuse {
namespace {

/// Programs skip names whose d_ino is 0. This is what libfuse's own high-level API shows.
constexpr fs::Ino kUnknownIno = 0xffffffff;

}  // namespace

bool DirectoryPage::add_dots(fs::Ino directory, std::uint64_t offset) {
  fs::Attributes shown;
  shown.mode = S_IFDIR;
  shown.ino = directory;
  if (offset < 1 && !store(".", shown, nullptr, 1)) {
    return false;
  }
  // Only the filesystem knows the parent, and nobody has needed the number yet.
  shown.ino = directory == fs::kRootIno ? directory : kUnknownIno;
  return offset >= kDots || store("..", shown, nullptr, kDots);
}

bool DirectoryPage::add(const fs::DirectoryItem& item) {
  fs::Attributes shown;
  shown.ino = item.ino == fs::kNoIno ? kUnknownIno : item.ino;
  shown.mode = item.mode;
  if (!store(item.name, shown, item.entry, item.next_offset + kDots)) {
    return false;
  }
  if (plus_ && item.entry != nullptr && item.entry->attributes.ino != fs::kNoIno) {
    counted_.push_back(item.entry->attributes.ino);
  }
  return true;
}

bool DirectoryPage::store(const std::string& name, const fs::Attributes& shown,
                          const fs::EntryReply* entry, std::uint64_t next_offset) {
  if (entry != nullptr) {
    counted_.reserve(counted_.size() + 1);  // must not fail once the name is stored
  }
  char* const place = bytes_.data() + used_;
  const std::size_t room = bytes_.size() - used_;
  std::size_t needed = 0;
  if (plus_) {
    // With ino 0 the kernel takes the name and the type, and asks by lookup if anybody cares.
    fuse_entry_param param{};
    if (entry != nullptr) {
      param = to_entry_param(*entry);
    } else {
      param.attr = to_stat(shown);
    }
    needed = fuse_add_direntry_plus(nullptr, place, room, name.c_str(), &param,
                                    static_cast<off_t>(next_offset));
  } else {
    const struct stat attributes = to_stat(shown);
    needed = fuse_add_direntry(nullptr, place, room, name.c_str(), &attributes,
                               static_cast<off_t>(next_offset));
  }
  if (needed > room) {
    return false;
  }
  used_ += needed;
  return true;
}

}  // namespace ftpsfs::fuse
