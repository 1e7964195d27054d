// SPDX-License-Identifier: MIT
//
// The frontend's callbacks for directories.
#include "ftpsfs/fuse/frontend.hpp"

namespace ftpsfs::fuse {
namespace {

/// Once one name is stored, there is no error any more: the lookups of a page that is thrown away
/// would be lost, and the error comes again with the next page.
Result<DirectoryPage> fill_page(fs::Filesystem& filesystem, const Undo& undo, DirectoryPage page,
                                fs::Ino directory, fs::HandleId handle, std::uint64_t offset,
                                const fs::Request& request) {
  if (!page.add_dots(directory, offset)) {
    return page;
  }
  bool no_room = false;
  const auto visit = [&page, &no_room](const fs::DirectoryItem& item) {
    no_room = !page.add(item);
    return !no_room;
  };
  try {
    auto visited = filesystem.read_directory(handle, DirectoryPage::filesystem_offset(offset),
                                             page.plus(), visit, request);
    if (!visited && page.empty()) {
      return std::move(visited).error();
    }
  } catch (...) {
    undo(page);
    throw;
  }
  if (no_room && page.empty()) {
    // An empty page would mean the end of the directory.
    return make_error(Errc::invalid_argument, "the buffer has no room for a single name");
  }
  return page;
}

}  // namespace

void Frontend::opendir(Ticket ticket, fuse_ino_t ino, fuse_file_info*) {
  submit(std::move(ticket), OnInterrupt::worker_answers, Lane::work,
         [this, ino](PendingRequest& pending) {
           bool is_answered = false;
           const auto answer_early = [&](fs::HandleId handle) {
             is_answered = true;
             finish("opendir", pending, Result<DirectoryHandle>(DirectoryHandle{handle}));
           };
           const auto handle = filesystem_.open_directory(ino, answer_early, pending.request());
           if (!is_answered) {
             finish("opendir", pending,
                    handle ? Result<DirectoryHandle>(DirectoryHandle{*handle}) : handle.error());
           }
         });
}

void Frontend::readdir(Ticket ticket, fuse_ino_t ino, std::size_t size, off_t offset,
                       fuse_file_info* info) {
  read_directory(std::move(ticket), ino, size, offset, info->fh, false);
}

void Frontend::readdirplus(Ticket ticket, fuse_ino_t ino, std::size_t size, off_t offset,
                           fuse_file_info* info) {
  read_directory(std::move(ticket), ino, size, offset, info->fh, true);
}

void Frontend::read_directory(Ticket ticket, fuse_ino_t ino, std::size_t size, off_t offset,
                              fs::HandleId handle, bool plus) {
  dispatch(
      plus ? "readdirplus" : "readdir", std::move(ticket), OnInterrupt::worker_answers, Lane::work,
      [this, ino, size, from = static_cast<std::uint64_t>(offset), handle,
       plus](const fs::Request& request) {
        return fill_page(filesystem_, undo_, DirectoryPage(size, plus), ino, handle, from, request);
      });
}

void Frontend::releasedir(Ticket ticket, fuse_ino_t, fuse_file_info* info) {
  filesystem_.release_directory(info->fh);
  ticket.fail(0);
}

void Frontend::fsyncdir(Ticket ticket, fuse_ino_t, int, fuse_file_info*) {
  ticket.fail(0);  // names are on the server before the call that made them returns
}

}  // namespace ftpsfs::fuse
