// SPDX-License-Identifier: MIT
//
// The frontend's callbacks for names and attributes.
#include <fcntl.h>
#include <sys/stat.h>

#include "ftpsfs/fuse/frontend.hpp"

namespace ftpsfs::fuse {
namespace {

fs::AttributeChange to_change(const struct stat& attributes, int to_set) {
  fs::AttributeChange change;
  if ((to_set & FUSE_SET_ATTR_MODE) != 0) {
    change.mode = attributes.st_mode;
  }
  if ((to_set & FUSE_SET_ATTR_UID) != 0) {
    change.uid = attributes.st_uid;
  }
  if ((to_set & FUSE_SET_ATTR_GID) != 0) {
    change.gid = attributes.st_gid;
  }
  if ((to_set & FUSE_SET_ATTR_SIZE) != 0) {
    change.size = static_cast<std::uint64_t>(attributes.st_size);
  }
  if ((to_set & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW)) != 0) {
    change.atime = {attributes.st_atim.tv_sec, (to_set & FUSE_SET_ATTR_ATIME_NOW) != 0};
  }
  if ((to_set & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW)) != 0) {
    change.mtime = {attributes.st_mtim.tv_sec, (to_set & FUSE_SET_ATTR_MTIME_NOW) != 0};
  }
  return change;
}

Result<fs::EntryReply> create_file(fs::Filesystem& filesystem, const Undo& undo, fs::Ino parent,
                                   const std::string& name, mode_t mode,
                                   const fs::Request& request) {
  auto created = filesystem.create(parent, name, mode, O_WRONLY | O_CREAT | O_EXCL, request);
  if (!created) {
    return std::move(created).error();
  }
  auto stored = filesystem.sync(created->open.handle, request);
  if (!stored) {
    undo(*created);
    return std::move(stored).error();
  }
  filesystem.release(created->open.handle, request);
  return created->entry;
}

}  // namespace

void Frontend::lookup(Ticket ticket, fuse_ino_t parent, const char* name) {
  if (const auto found = filesystem_.find_entry(parent, name)) {
    reply("lookup", std::move(ticket), *found);
    return;
  }
  dispatch("lookup", std::move(ticket), OnInterrupt::worker_answers, Lane::work,
           [this, parent, name = std::string(name)](const fs::Request& request) {
             return filesystem_.lookup(parent, name, request);
           });
}

void Frontend::getattr(Ticket ticket, fuse_ino_t ino, fuse_file_info* info) {
  // A handle goes with what the kernel asks for itself; with stat() and fstat() there is none.
  const fs::Asker asker = info != nullptr ? fs::Asker::kernel : fs::Asker::program;
  if (const auto found = filesystem_.find_attributes(ino, asker)) {
    reply("getattr", std::move(ticket), *found);
    return;
  }
  dispatch("getattr", std::move(ticket), OnInterrupt::worker_answers, Lane::work,
           [this, ino, asker](const fs::Request& request) {
             return filesystem_.get_attributes(ino, request, asker);
           });
}

void Frontend::setattr(Ticket ticket, fuse_ino_t ino, struct stat* attributes, int to_set,
                       fuse_file_info* info) {
  std::optional<fs::HandleId> handle;
  if (info != nullptr) {
    handle = info->fh;
  }
  dispatch(
      "setattr", std::move(ticket), OnInterrupt::answered_now, Lane::work,
      [this, ino, change = to_change(*attributes, to_set), handle](const fs::Request& request) {
        return filesystem_.set_attributes(ino, change, handle, request);
      });
}

void Frontend::readlink(Ticket ticket, fuse_ino_t ino) {
  dispatch("readlink", std::move(ticket), OnInterrupt::worker_answers, Lane::work,
           [this, ino](const fs::Request& request) -> Result<LinkTarget> {
             FTPSFS_TRY_ASSIGN(auto target, filesystem_.read_link(ino, request));
             return LinkTarget{std::move(target)};
           });
}

void Frontend::mknod(Ticket ticket, fuse_ino_t parent, const char* name, mode_t mode, dev_t) {
  if (!S_ISREG(mode)) {
    ticket.fail(EPERM);
    return;
  }
  dispatch("mknod", std::move(ticket), OnInterrupt::answered_now, Lane::work,
           [this, parent, name = std::string(name), mode](const fs::Request& request) {
             return create_file(filesystem_, undo_, parent, name, mode, request);
           });
}

void Frontend::mkdir(Ticket ticket, fuse_ino_t parent, const char* name, mode_t mode) {
  dispatch("mkdir", std::move(ticket), OnInterrupt::answered_now, Lane::work,
           [this, parent, name = std::string(name), mode](const fs::Request& request) {
             return filesystem_.make_directory(parent, name, mode, request);
           });
}

void Frontend::unlink(Ticket ticket, fuse_ino_t parent, const char* name) {
  dispatch("unlink", std::move(ticket), OnInterrupt::answered_now, Lane::work,
           [this, parent, name = std::string(name)](const fs::Request& request) {
             return filesystem_.remove_file(parent, name, request);
           });
}

void Frontend::rmdir(Ticket ticket, fuse_ino_t parent, const char* name) {
  dispatch("rmdir", std::move(ticket), OnInterrupt::answered_now, Lane::work,
           [this, parent, name = std::string(name)](const fs::Request& request) {
             return filesystem_.remove_directory(parent, name, request);
           });
}

void Frontend::symlink(Ticket ticket, const char* target, fuse_ino_t parent, const char* name) {
  dispatch("symlink", std::move(ticket), OnInterrupt::answered_now, Lane::work,
           [this, target = std::string(target), parent,
            name = std::string(name)](const fs::Request& request) {
             return filesystem_.make_symlink(target, parent, name, request);
           });
}

void Frontend::rename(Ticket ticket, fuse_ino_t parent, const char* name, fuse_ino_t new_parent,
                      const char* new_name, unsigned flags) {
  dispatch("rename", std::move(ticket), OnInterrupt::answered_now, Lane::work,
           [this, parent, name = std::string(name), new_parent, new_name = std::string(new_name),
            flags](const fs::Request& request) {
             return filesystem_.rename(parent, name, new_parent, new_name, flags, request);
           });
}

void Frontend::link(Ticket ticket, fuse_ino_t, fuse_ino_t, const char*) {
  ticket.fail(EPERM);  // FTP has no hard links
}

}  // namespace ftpsfs::fuse
