// SPDX-License-Identifier: MIT
//
// Carries one intention out on the server. Knows nothing of queue and journal: whoever calls
// decides what a failure means for the rest. No state; any thread.
//
// An upload that was cut goes on where it ended: see delivery_resume.cpp.
//
// An intention may be carried out `again` after a failure whose outcome nobody knows, as long as
// nothing that depends on it has been begun: what is found done is success, and content on the
// server that is ours, or the beginning of ours, is told from that of others by reading it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "ftpsfs/base/clock.hpp"
#include "ftpsfs/remote/remote.hpp"
#include "ftpsfs/writeback/content.hpp"
#include "ftpsfs/writeback/intention.hpp"

namespace ftpsfs::writeback {

class SharedLooks;

/// Will another try help, without anybody's doing? A refused login is made good by a reload.
bool is_passing(const Error& error);

struct DeliveryLimits {
  /// For one question to the server, and for each piece of content.
  Duration timeout{30'000};
  /// Between two looks at the size of a file that may still be growing.
  Duration settle_pause{250};
  /// Called whenever something has moved on; bytes that were sent before are no progress.
  std::function<void()> on_progress = {};
};

/// Chooses the hidden names for content on its way, and for what it replaces: the intention's own.
/// What is found under them is left over from an earlier try.
struct DeliveryNumber {
  std::uint64_t mount = 0;
  std::uint64_t number = 0;  ///< with the highest bit: see HiddenNames
};

/// What earlier tries of an upload, by this process, have come to. Of one Delivery at a time.
struct UploadTries {
  bool has_begun = false;      ///< something was sent under some name
  std::uint64_t furthest = 0;  ///< so many bytes were sent, whether they have arrived or not
  /// The file that has the final name is of our making, and holds no more than these bytes of ours.
  std::optional<std::uint64_t> in_place = std::nullopt;
  /// Not refused yet (ProFTPD with AllowStoreRestart off): else all is sent in one piece.
  bool appends = true;
};

struct Delivered {
  /// The file that is there now; absent: nothing is known of it.
  std::optional<remote::FileVersion> left;
  /// What others had done meanwhile stays; ours has this name.
  std::optional<remote::RemotePath> conflict;
  /// What others had done meanwhile stays, and this was not carried out at all.
  bool kept_theirs = false;
  /// A hidden file may have stayed on the server.
  bool left_behind = false;
  /// A directory that nobody had made before: nothing is in it.
  bool made_directory = false;
};

class Delivery {
 public:
  /// @param content of an upload, else null. @param tries of the same upload; null: none are known.
  /// @param looks shared with others; null: with none.
  Delivery(remote::Remote& remote, const Clock& clock, DeliveryLimits limits,
           const Intention& intention, bool again, DeliveryNumber number,
           const ContentReader* content, UploadTries* tries = nullptr,
           SharedLooks* looks = nullptr);

  /// @errors link failures, cancelled, timed_out: to be tried again; all others: the server will
  /// not have it.
  Result<Delivered> run(const std::stop_token& stop);

  /// Of an upload that was refused: what of it is under its name, and could not be taken away.
  const std::optional<remote::FileVersion>& remains() const noexcept { return remains_; }

 private:
  Result<Delivered> carry_out();
  Result<Delivered> upload();
  Result<Delivered> rename();
  Result<Delivered> set_attributes();
  Result<Delivered> make_directory();
  Result<Delivered> remove_file();
  Result<Delivered> remove_directory();
  Result<void> remove_unfinished_uploads() const;

  enum class Likeness : std::uint8_t { same, beginning, other };
  Result<std::optional<remote::Entry>> look(const remote::RemotePath& path) const;
  Result<std::optional<remote::Entry>> look_at_own() const;
  static Result<std::optional<remote::Entry>> found(Result<remote::Entry> entry);
  Result<bool> is_others(const remote::RemotePath& path, const Base& base,
                         const remote::Entry& there) const;
  Result<void> rename_over(const remote::RemotePath& from, const remote::RemotePath& to);
  Result<void> put_back_aside(const remote::RemotePath& path) const;
  Result<Likeness> compare(const remote::Entry& there) const;
  Result<void> take_back_beginning();
  Result<remote::RemotePath> conflict_path(const remote::RemotePath& path) const;
  Result<std::optional<Delivered>> go_on_in_place();
  Result<Delivered> replace(const remote::RemotePath& path, const remote::UploadTail& tail);
  Result<std::optional<std::uint64_t>> arrived_at(const remote::RemotePath& path,
                                                  std::uint64_t most) const;
  Result<std::optional<std::uint64_t>> settled_size(const remote::RemotePath& path) const;
  Result<bool> ends_as_ours(const remote::RemotePath& path, std::uint64_t size) const;
  Result<remote::FileVersion> send(const remote::RemotePath& path, remote::UploadTail tail,
                                   std::uint64_t begin = 0);
  Result<remote::FinishedUpload> send_pieces(const remote::RemotePath& path,
                                             const remote::UploadTail& tail, std::uint64_t begin);
  Result<remote::FinishedUpload> set_parts(const remote::RemotePath& path,
                                           const remote::UploadTail& tail);
  Result<std::unique_ptr<remote::RemoteWriter>> append(const remote::RemotePath& path,
                                                       const remote::YieldRequest& on_yield);
  Result<std::unique_ptr<remote::RemoteWriter>> open(const remote::RemotePath& path,
                                                     std::uint64_t& begin,
                                                     const remote::UploadTail& tail,
                                                     const remote::YieldRequest& on_yield);
  Wait wait() const { return Wait::for_at_most(limits_.timeout, stop_); }
  /// For what must not be left half done.
  Wait own_wait() const { return Wait::for_at_most(limits_.timeout); }

  remote::Remote& remote_;
  const Clock& clock_;
  const DeliveryLimits limits_;
  const Intention& intention_;
  const bool again_;
  const DeliveryNumber number_;
  const ContentReader* const content_;
  UploadTries own_tries_;
  UploadTries& tries_;
  SharedLooks* const looks_;
  std::stop_token stop_;
  bool left_behind_ = false;
  bool was_there_ = false;  ///< something had the name of an upload before
  /// Is there, under that name, the beginning of our content: in a file that it has made, or in one
  /// that was there?
  enum class Begun : std::uint8_t { no, anew, in_place };
  Begun begun_ = Begun::no;
  std::optional<remote::FileVersion> remains_;
};

}  // namespace ftpsfs::writeback
