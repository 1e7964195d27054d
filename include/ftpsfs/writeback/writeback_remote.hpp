// SPDX-License-Identifier: MIT
//
// `Remote` whose changes are accepted before the server has them: a decorator over the one that
// speaks to the server. What is accepted lies in a journal on this machine, shows at once, and is
// brought to the server by a courier.
//
// Accepted early: uploads, removals of files, new directories, removals of directories that are
// known to be empty by then, renames of files whose upload is still owed, modes and times of names
// that are owed, and modes of directories in which anything is owed. All else, and all that
// concerns names beside which no other may stand, waits until nothing is owed for its names, and
// asks the server itself; what is to be accepted for them waits for that.
//
// Thread-safe. Readers and writers must go before it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ftpsfs/base/clock.hpp"
#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/remote/remote.hpp"
#include "ftpsfs/writeback/courier.hpp"
#include "ftpsfs/writeback/known_names.hpp"
#include "ftpsfs/writeback/overlay.hpp"

namespace ftpsfs::writeback {

struct WritebackSettings {
  JournalSettings journal;
  CourierSettings courier;  ///< its callbacks are not looked at
  /// Called by the courier's threads when a directory on the server turned out to be other than
  /// programs were told.
  std::function<void(const remote::RemotePath& directory)> on_surprise = {};
};

class WritebackRemote final : public remote::Remote {
 public:
  /// Hands all through until begin(). `inner` and `clock` must outlive it.
  WritebackRemote(remote::Remote& inner, const Clock& clock) : inner_(inner), clock_(clock) {}
  ~WritebackRemote() override = default;

  /// From now on changes are accepted, and what the journal holds is carried out. To be called by
  /// the process, and the user, that serves, before anybody else calls anything.
  /// @errors those of Journal::open().
  Result<void> begin(WritebackSettings settings);
  /// Null before begin().
  Courier* courier() noexcept { return courier_.get(); }

  remote::RemoteTraits traits() const override;
  void forget_refusals() override;
  Result<remote::Entry> stat(const remote::RemotePath& path, const Wait& wait) override;
  Result<remote::Entry> stat_settled(const remote::RemotePath& path, const Wait& wait) override;
  Result<remote::Entry> stat_unlisted(const remote::RemotePath& path, const Wait& wait) override;
  Result<std::optional<remote::Entry>> glance(const remote::RemotePath& path,
                                              const Wait& wait) override;
  Result<remote::FileVersion> version(const remote::RemotePath& path, const Wait& wait) override;
  Result<remote::FileVersion> stamp(const remote::RemotePath& path, const Wait& wait) override;
  Result<remote::Entry> follow(const remote::RemotePath& path, const remote::Entry& link,
                               const Wait& wait) override;
  bool takes_any_name_beside(const remote::RemotePath& path) const override;
  Result<remote::Listing> list(const remote::RemotePath& path, const Wait& wait,
                               const remote::ListingHints& hints = {}) override;
  void list_ahead(const remote::ChooseDirectories& choose, bool times,
                  const remote::ListingSink& sink, const Wait& wait) override;
  Result<std::vector<std::optional<remote::FileTime>>> exact_times(
      const remote::RemotePath& directory, std::span<const std::string> names,
      const Wait& wait) override;
  Result<std::unique_ptr<remote::RemoteReader>> open_reader(const remote::RemotePath& path,
                                                            const remote::ByteRange& range,
                                                            remote::YieldRequest on_yield,
                                                            const Wait& wait) override;
  Result<std::optional<remote::WholeFile>> read_ahead(const remote::FileAheadOfNeed& file,
                                                      const Wait& wait) override;
  Result<std::unique_ptr<remote::RemoteWriter>> open_writer(
      const remote::RemotePath& path, remote::WriteMode mode, remote::YieldRequest on_yield,
      const Wait& wait, const remote::UploadTail& likely = {}) override;
  Result<void> make_directory(const remote::RemotePath& path, const Wait& wait) override;
  Result<void> remove_directory(const remote::RemotePath& path, const Wait& wait) override;
  Result<void> remove_file(const remote::RemotePath& path, const Wait& wait) override;
  Result<void> rename(const remote::RemotePath& from, const remote::RemotePath& to,
                      const Wait& wait) override;
  Result<void> make_symlink(const std::string& target, const remote::RemotePath& path,
                            const Wait& wait) override;
  Result<void> set_mode(const remote::RemotePath& path, std::uint16_t mode,
                        const Wait& wait) override;
  Result<void> set_mtime(const remote::RemotePath& path, std::int64_t unix_seconds,
                         const Wait& wait) override;
  Result<void> check_content(const remote::RemotePath& path, const Digest& digest,
                             const Wait& wait) override {
    return inner_.check_content(path, digest, wait);  // of what did not go through the journal
  }
  Result<void> settle(const remote::RemotePath& path, const Wait& wait) override;
  Result<remote::Space> space(const remote::RemotePath& path, const Wait& wait) override;

 private:
  class OpenName;
  class Upload;
  class DirectWriter;

  /// What is known when a question goes out.
  struct Question {
    View view;
    KnownNames::Moment asked = 0;
  };
  using OwedNames = std::vector<std::pair<std::string, View>>;
  /// What a change of a name starts from.
  struct Footing {
    enum class Kind : std::uint8_t {
      unknown,
      name,     ///< no such name, or a file: `base` says which
      nowhere,  ///< in no directory
      other,    ///< not a file, or nothing for the journal
    };
    Kind kind = Kind::unknown;
    Base base;
    std::optional<std::uint16_t> mode;  ///< of a file that is there
    /// Only the server's answer tells it: it was overtaken by some change in the directory.
    bool is_answer_alone = false;
    bool is_assumed = false;  ///< the server did not answer
  };

  /// What a directory that is to be removed would still hold then.
  enum class Filling : std::uint8_t { unknown, nothing, names };

  /// Open names by their numbers, with what they were before.
  using MovedNames = std::vector<std::pair<std::uint64_t, remote::RemotePath>>;

  Question ask(const remote::RemotePath& path) const;
  using Look = Result<remote::Entry> (remote::Remote::*)(const remote::RemotePath&, const Wait&);
  Result<remote::Entry> stat_by(Look look, const remote::RemotePath& path, const Wait& wait);
  std::optional<remote::Entry> shown(const std::string& name, const View& view,
                                     std::optional<remote::Entry> answer) const;
  remote::FileVersion version_of(const View& view) const;
  std::string key_in(const remote::RemotePath& directory, const std::string& name) const;
  void lay_over(const remote::RemotePath& directory, const OwedNames& owed, bool is_whole,
                std::vector<remote::Entry>& entries) const;

  Footing footing(const Queue& queue, const remote::RemotePath& path) const;
  bool is_directory(const Queue& queue, const remote::RemotePath& path) const;
  Filling filling(const Queue& queue, const remote::RemotePath& path) const;
  Result<Footing> fetch_footing(const remote::RemotePath& path, const Wait& wait);
  /// @param is_new the program was told that there is no such name: that holds where the server
  /// does not answer. Should it prove wrong, the delivery keeps both.
  Result<Footing> fetch_footing_of_upload(const remote::RemotePath& path, bool is_new,
                                          const Wait& wait);
  Footing footing_or(const Queue& queue, const remote::RemotePath& path,
                     std::optional<Footing>& fetched) const;
  /// @param assumed what the name is, where the server did not answer a moment ago.
  Result<remote::UploadTail> accept_upload(const OpenName& name,
                                           std::unique_ptr<ContentDraft>& draft,
                                           const remote::UploadTail& tail,
                                           std::optional<Footing> assumed, const Wait& wait);
  Result<bool> accept_rename(const remote::RemotePath& from, const remote::RemotePath& to,
                             const Wait& wait);
  MovedNames move_open_names(const remote::RemotePath& from, const remote::RemotePath& to);
  void move_back(const MovedNames& moved);
  /// Accepts what `choose` makes of the queue, if it makes anything.
  /// @return false: this is not for the journal.
  Result<bool> accept_change(const std::function<std::optional<Intention>(const Queue&)>& choose,
                             const Wait& wait, const std::function<void()>& on_noted = {});
  Result<bool> accept_attributes(const remote::RemotePath& path, const remote::UploadTail& tail,
                                 const Wait& wait);
  Result<void> ask_server(const remote::RemotePath& path, const Wait& wait,
                          const std::function<Result<void>(const Wait&)>& change);
  Result<void> ask_server(const remote::RemotePath& path, const remote::RemotePath& other,
                          const Wait& wait, const std::function<Result<void>(const Wait&)>& change);
  /// @return the wait, begun anew.
  Result<Wait> await(const remote::RemotePath& path, const Wait& wait) const;
  static Error local_failure(Error error);
  void note_end(const Intention& intention, const Result<Delivered>& outcome);
  void note_asked(const Intention& change, const Result<void>& outcome);
  void forget_tree(const remote::RemotePath& path);
  void forget(const remote::RemotePath& path);

  remote::Remote& inner_;
  const Clock& clock_;
  NameCase name_case_ = NameCase::sensitive;  ///< set by begin()

  mutable Mutex mutex_;  ///< taken under the courier's
  mutable std::optional<KnownNames> known_ FTPSFS_GUARDED_BY(mutex_);
  std::map<std::uint64_t, remote::RemotePath> open_names_ FTPSFS_GUARDED_BY(mutex_);
  std::uint64_t last_open_ FTPSFS_GUARDED_BY(mutex_) = 0;

  std::unique_ptr<Courier> courier_;  // last: its threads call back
};

}  // namespace ftpsfs::writeback
