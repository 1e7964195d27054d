// SPDX-License-Identifier: MIT
//
// The inside of Filesystem. Its members are implemented by subject: filesystem.cpp (names,
// attributes), files.cpp, directories.cpp, mutations.cpp.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "directory_prefetch.hpp"
#include "file_prefetch.hpp"
#include "ftpsfs/fs/filesystem.hpp"
#include "leftovers.hpp"
#include "open_file.hpp"
#include "services.hpp"
#include "size_meter.hpp"
#include "tree.hpp"

namespace ftpsfs::fs {

struct DirectoryHandle {
  DirectoryHandle(Ino directory, std::shared_ptr<OpenListing> shown)
      : ino(directory), listing(std::move(shown)) {
    listing->join();
  }
  ~DirectoryHandle() { listing->leave(); }
  DirectoryHandle(const DirectoryHandle&) = delete;
  DirectoryHandle& operator=(const DirectoryHandle&) = delete;

  const Ino ino;
  const std::shared_ptr<OpenListing> listing;
  bool names_alone = false;  ///< readdirplus tells no attributes: see TimesDemand::hides_times
  /// New files that the server did not have yet, behind the listing's names.
  std::vector<std::string> pending;
};

class Filesystem::Impl {
 public:
  Impl(remote::Remote& remote, Settings settings, KernelCache& kernel, const Clock& clock);

  // filesystem.cpp
  std::optional<Result<EntryReply>> find_entry(Ino parent, std::string_view name);
  Result<EntryReply> lookup(Ino parent, const std::string& name, const Request& request);
  std::optional<Result<Attributes>> find_attributes(Ino ino, Asker asker);
  Result<Attributes> get_attributes(Ino ino, const Request& request, Asker asker);
  Result<std::string> read_link(Ino ino, const Request& request);
  Result<FilesystemSpace> space(const Request& request);
  void refresh(std::string_view path);
  void forget_directory(const remote::RemotePath& directory);
  Ino nearest_known(std::string_view path) const;
  Counters counters() const;

  // attributes.cpp
  Result<Attributes> set_attributes(Ino ino, const AttributeChange& change,
                                    std::optional<HandleId> handle, const Request& request);

  // files.cpp
  Result<OpenReply> open(Ino ino, int flags, const Request& request);
  Result<CreateReply> create(Ino parent, const std::string& name, std::uint32_t mode, int flags,
                             const Request& request);
  std::optional<Result<Slices>> find_content(HandleId handle, std::uint64_t offset,
                                             std::size_t size);
  Result<Slices> read(HandleId handle, std::uint64_t offset, std::size_t size,
                      const Request& request);
  std::optional<Result<void>> try_write(HandleId handle, WritePlace place, const Slice& data);
  Result<void> write(HandleId handle, WritePlace place, const Slice& data, const Request& request);
  Result<void> allocate(HandleId handle, int mode, std::uint64_t offset, std::uint64_t length,
                        const Request& request);
  Result<void> flush(HandleId handle, const Request& request);
  Result<void> sync(HandleId handle, const Request& request);
  std::optional<std::shared_ptr<void>> try_release(HandleId handle);
  void release(HandleId handle, const Request& request);
  std::size_t finish_uploads(const Wait& wait);

  // directories.cpp
  Result<HandleId> open_directory(Ino ino, const EarlyHandle& early, const Request& request);
  Result<void> read_directory(HandleId handle, std::uint64_t offset, bool plus,
                              const DirectoryVisitor& visit, const Request& request);
  void release_directory(HandleId handle);

  // mutations.cpp
  Result<EntryReply> make_directory(Ino parent, const std::string& name, std::uint32_t mode,
                                    const Request& request);
  Result<EntryReply> make_symlink(const std::string& target, Ino parent, const std::string& name,
                                  const Request& request);
  Result<void> remove_file(Ino parent, const std::string& name, const Request& request);
  Result<void> remove_directory(Ino parent, const std::string& name, const Request& request);
  Result<void> rename(Ino parent, const std::string& name, Ino new_parent,
                      const std::string& new_name, unsigned flags, const Request& request);

  InodeTable& inodes() { return inodes_; }

 private:
  // Attributes from what is known; `known.entry` must be there.
  Attributes attributes(Ino ino, const remote::Entry& entry, std::chrono::milliseconds valid_for,
                        Asker asker);
  Attributes attributes(Ino ino, const remote::Entry& entry, std::chrono::milliseconds valid_for,
                        const std::optional<OpenFile::LocalView>& local) const;
  /// The listed one, where another case of the name was asked for.
  const std::string& spelling(const std::string& name, const Tree::Known& known) const;
  /// Does the directory's listing, where it is known, show no such name? A name that the server has
  /// all the same is another one in a case that is not ASCII.
  bool is_other_spelling(Ino parent, const std::string& name) const;
  /// In the spelling that is used of it here.
  Result<remote::RemotePath> path_of(Ino parent, const std::string& name) const;
  EntryReply reply_for(Ino parent, const std::string& name, const Tree::Known& known,
                       std::uint64_t lookups);
  static EntryReply negative();
  /// What a link is said to lead to.
  std::string shown_target(Ino link, const std::string& target) const;
  std::uint32_t shown_mode(remote::FileType type, std::optional<std::uint16_t> mode) const;
  /// A file of this name that is open here and not on the server yet.
  std::optional<OpenFile::LocalView> find_pending(Ino parent, std::string_view name) const;
  Tree::Known local_entry(const OpenFile::LocalView& local, std::string_view name) const;
  /// As get_attributes(), but a size that nobody tells may stay unknown.
  Result<Attributes> known_attributes(Ino ino, const Request& request,
                                      Asker asker = Asker::program);
  std::optional<Result<Attributes>> find_known_attributes(Ino ino, Asker asker);
  /// Must the file be read for its size?
  bool lacks_size(Ino parent, std::string_view name, const remote::Entry& entry) const;
  Result<SizeMeter::Measured> measure(Ino ino, const Request& request);
  Result<Tree::Known> known(Ino parent, const std::string& name, const Request& request);
  Result<Tree::Known> existing(Ino parent, const std::string& name, const Request& request);
  Result<void> writable() const;

  Result<void> set_size(Ino ino, std::uint64_t size, const Request& request, bool has_handle);
  Result<void> set_mode(Ino ino, std::uint32_t mode, const Request& request);
  Result<void> set_mtime(Ino ino, const AttributeChange::Time& time, const Request& request);
  Result<void> check_owner(const AttributeChange& change) const;
  template <typename Change>
  void update_cached(Ino ino, Change change);

  HandleId add_directory(Ino ino, std::shared_ptr<OpenListing> listing);
  bool show(const DirectoryHandle& handle, std::size_t position, const std::string& name,
            const remote::Entry* listed, bool plus, const DirectoryVisitor& visit);

  std::shared_ptr<OpenFile> find_open(Ino ino) const;
  std::shared_ptr<FileHandle> find_handle(HandleId id) const;
  /// Registers a handle; the file is shared with the handles that are open already.
  std::shared_ptr<FileHandle> add_handle(Ino ino, std::shared_ptr<OpenFile> file, int flags,
                                         const Request& request, HandleId id);
  Result<OpenReply> open_known(Ino ino, const remote::Entry& entry, int flags,
                               const Request& request);
  Result<Tree::Known> revalidated(Ino ino, const Location& location, bool writes,
                                  const Request& request);
  /// What the kernel may hold pages of.
  struct Paged {
    remote::FileVersion version;
    std::optional<ContentTrace> trace;  ///< given out before the last close; none: nothing was
  };
  std::optional<Paged> note_paged(Ino ino, const remote::FileVersion& version);
  void note_trace(Ino ino, const std::optional<ContentTrace>& trace) FTPSFS_REQUIRES(mutex_);
  /// Has the kernel been given pages of this file, when it had this size?
  bool has_pages(Ino ino, std::uint64_t size) const;
  bool must_publish(const FileHandle& handle) const;
  Result<void> flush_handle(FileHandle& handle, const Request& request);
  Result<void> publish_handle(FileHandle& handle, const Request& request);
  /// An interrupted program has its EINTR already.
  static bool is_heard(const Request& request) { return !request.wait.stop.stop_requested(); }
  /// @param is_heard by a program; else nobody knows of the failed upload.
  void note_failure(OpenFile& file, const Error& error, bool is_heard);
  void note_told(OpenFile& file);
  void note_lost(OpenFile& file);
  void close_file(const std::shared_ptr<OpenFile>& file);
  void remove_hidden(const std::shared_ptr<OpenFile>& file);

  Result<void> remove_open_file(const std::shared_ptr<OpenFile>& file, Ino parent,
                                const std::string& name, const Request& request);
  void note_directory_removed(Ino parent, const std::string& name);
  Result<void> remove_directory_there(const Tree::Known& found, Ino parent, const std::string& name,
                                      const Request& request);
  Result<void> remove_followed_directory(const remote::RemotePath& path, const Request& request);
  Result<void> remove_leftovers(Ino directory, const Request& request);
  std::vector<std::shared_ptr<OpenFile>> files_below(Ino ino) const;
  Result<void> settle_below(Ino ino, const Request& request);
  /// What a rename is about to replace: an open file, kept from publishing until it has happened;
  /// or an empty directory, which has gone from the server by then.
  struct Displaced {
    std::shared_ptr<OpenFile> file;
    Gate::Pass pass{nullptr};
    bool is_directory = false;
    bool can_be_made_again = false;  ///< a directory alone
    std::optional<std::uint16_t> mode;
  };
  void put_back(const Displaced& displaced, const remote::RemotePath& path);
  Result<Displaced> clear_target(const Tree::Known& source, const Tree::Known& target,
                                 Ino new_parent, const std::string& new_name,
                                 const Request& request);

  const Settings settings_;
  cache::NamespaceCache cache_;
  InodeTable inodes_;
  HiddenNames hidden_names_;
  transfer::MemoryBudget budget_;
  transfer::Pace pace_;
  FilesAhead files_ahead_;
  Services services_;
  Tree tree_;
  Leftovers leftovers_;  // before what lists: it is told of hidden names
  DirectoryPrefetch prefetch_;
  FilePrefetch file_prefetch_;
  SizeMeter size_meter_;

  mutable Mutex mutex_;
  struct OpenEntry {
    std::shared_ptr<OpenFile> file;
    std::size_t handles = 0;
  };
  std::unordered_map<Ino, OpenEntry> open_files_ FTPSFS_GUARDED_BY(mutex_);
  std::unordered_map<HandleId, std::shared_ptr<FileHandle>> handles_ FTPSFS_GUARDED_BY(mutex_);
  std::unordered_map<HandleId, std::shared_ptr<DirectoryHandle>> directories_
      FTPSFS_GUARDED_BY(mutex_);
  /// The version whose pages the kernel may hold, for keep_cache.
  std::unordered_map<Ino, Paged> paged_versions_ FTPSFS_GUARDED_BY(mutex_);
  std::optional<FilesystemSpace> space_ FTPSFS_GUARDED_BY(mutex_);
  SteadyTime space_until_ FTPSFS_GUARDED_BY(mutex_);
  std::atomic<HandleId> next_handle_{1};
};

}  // namespace ftpsfs::fs
