// SPDX-License-Identifier: MIT
//
// WritebackRemote: changes. Those that can be accepted are decided under the courier's mutex, from
// what is owed and what is known of the server; where nothing is known it is asked before.
#include <chrono>
#include <utility>

#include "ftpsfs/writeback/writeback_remote.hpp"

namespace ftpsfs::writeback {
namespace {

constexpr Base kOurs{Base::Kind::ours, {}};

/// A failure of the local disk is none of the link's.
Error local_failure(Error error) {
  if (is_link_failure(error.code)) {
    error.code = Errc::io_error;
  }
  return error;
}

}  // namespace

/// An upload on its way into the journal. Room is taken before the bytes are written, and given
/// back when they are the journal's, or nobody's.
class WritebackRemote::Upload final : public remote::RemoteWriter {
 public:
  Upload(WritebackRemote& remote, remote::RemotePath path)
      : remote_(remote), path_(std::move(path)), draft_(remote.courier_->draft()) {}
  ~Upload() override {
    draft_.reset();
    remote_.courier_->give_room_back(room_);
  }
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  bool arrives_whole() const override { return true; }

  Result<void> write(std::span<const std::byte> data, const Wait& wait) override {
    if (!draft_) {
      return make_error(Errc::io_error, "the upload has been accepted, or has failed");
    }
    if (auto room = remote_.courier_->take_room(data.size(), wait); !room) {
      return local_failure(std::move(room).error());
    }
    room_ += data.size();
    return draft_->write(data);
  }

  Result<remote::FinishedUpload> finish(const remote::UploadTail& tail, const Wait& wait) override {
    if (!draft_) {
      return make_error(Errc::io_error, "the upload has been accepted, or has failed");
    }
    const std::uint64_t size = draft_->size();
    FTPSFS_TRY(draft_->seal());
    FTPSFS_TRY_ASSIGN(const remote::UploadTail promised,
                      remote_.accept_upload(path_, std::move(draft_), tail, wait));
    remote::FinishedUpload end;
    end.version.size = size;
    if (promised.mtime) {
      end.version.mtime = remote::FileTime{*promised.mtime, remote::TimeGrain::second};
    }
    if (tail.mtime) {
      end.mtime_set.emplace();
    }
    if (tail.mode) {
      end.mode_set.emplace();
    }
    return end;
  }

 private:
  WritebackRemote& remote_;
  const remote::RemotePath path_;
  std::unique_ptr<ContentDraft> draft_;
  std::uint64_t room_ = 0;
};

/// One that goes to the server itself. What the file is then has to be asked.
class WritebackRemote::DirectWriter final : public remote::RemoteWriter {
 public:
  DirectWriter(WritebackRemote& remote, remote::RemotePath path,
               std::unique_ptr<remote::RemoteWriter> inner)
      : remote_(remote), path_(std::move(path)), inner_(std::move(inner)) {}
  ~DirectWriter() override {
    inner_.reset();
    remote_.forget(path_);
  }
  DirectWriter(const DirectWriter&) = delete;
  DirectWriter& operator=(const DirectWriter&) = delete;

  bool arrives_whole() const override { return inner_->arrives_whole(); }

  Result<void> write(std::span<const std::byte> data, const Wait& wait) override {
    return inner_->write(data, wait);
  }
  std::optional<DigestAlgorithm> digest() const override { return inner_->digest(); }
  Result<remote::FinishedUpload> finish(const remote::UploadTail& tail, const Wait& wait) override {
    auto finished = inner_->finish(tail, wait);
    remote_.forget(path_);
    return finished;
  }

 private:
  WritebackRemote& remote_;
  const remote::RemotePath path_;
  std::unique_ptr<remote::RemoteWriter> inner_;
};

/// @pre under the courier's mutex.
WritebackRemote::Footing WritebackRemote::footing(const Queue& queue,
                                                  const remote::RemotePath& path) const {
  const View view = Overlay(queue).at(path);
  if (view.kind == View::Kind::directory) {
    return {Footing::Kind::other, {}, std::nullopt};
  }
  if (queue.owes_at(path)) {
    return {Footing::Kind::name, kOurs, view.mode};
  }
  if (view.kind == View::Kind::absent) {
    return {Footing::Kind::name, {}, std::nullopt};  // in a new directory
  }
  const MutexLock lock(mutex_);
  const auto known = known_->find(path);
  if (!known) {
    return {};
  }
  switch (known->kind) {
    case KnownName::Kind::absent:
      return {Footing::Kind::name, {}, std::nullopt};
    case KnownName::Kind::file:
      return {Footing::Kind::name, {Base::Kind::version, known->version}, known->mode};
    case KnownName::Kind::other:
      break;
  }
  return {Footing::Kind::other, {}, std::nullopt};
}

/// From memory, or from the server.
Result<WritebackRemote::Footing> WritebackRemote::fetch_footing(const remote::RemotePath& path,
                                                                const Wait& wait) {
  Footing now = courier_->look([&](const Queue& queue) { return footing(queue, path); });
  if (now.kind != Footing::Kind::unknown) {
    return now;
  }
  const KnownNames::Moment asked = ask(path).asked;
  const auto answer = inner_.stat(path, wait);
  if (!answer && answer.error().code != Errc::not_found) {
    return answer.error();
  }
  const KnownName name = answer ? KnownName::of(*answer) : KnownName{};
  {
    const MutexLock lock(mutex_);
    known_->learn(path, name, asked);
  }
  now.kind = name.kind == KnownName::Kind::other ? Footing::Kind::other : Footing::Kind::name;
  now.mode = name.mode;
  if (name.kind == KnownName::Kind::file) {
    now.base = {Base::Kind::version, name.version};
  }
  return now;
}

Result<std::unique_ptr<remote::RemoteWriter>> WritebackRemote::open_writer(
    const remote::RemotePath& path, remote::WriteMode mode, remote::YieldRequest on_yield,
    const Wait& wait) {
  if (!courier_) {
    return inner_.open_writer(path, mode, std::move(on_yield), wait);
  }
  if (mode == remote::WriteMode::replace) {
    FTPSFS_TRY_ASSIGN(const Footing now, fetch_footing(path, wait));
    if (now.kind == Footing::Kind::name) {
      return std::unique_ptr<remote::RemoteWriter>(std::make_unique<Upload>(*this, path));
    }
  }
  FTPSFS_TRY(await(path, wait));
  FTPSFS_TRY_ASSIGN(auto writer, inner_.open_writer(path, mode, std::move(on_yield), wait));
  return std::unique_ptr<remote::RemoteWriter>(
      std::make_unique<DirectWriter>(*this, path, std::move(writer)));
}

/// @return what programs are told of the file.
Result<remote::UploadTail> WritebackRemote::accept_upload(const remote::RemotePath& path,
                                                          std::unique_ptr<ContentDraft> draft,
                                                          const remote::UploadTail& tail,
                                                          const Wait& wait) {
  FTPSFS_TRY_ASSIGN(const Footing before, fetch_footing(path, wait));
  const remote::RemoteTraits traits = inner_.traits();
  Intention intention;
  intention.action = Action::upload;
  intention.path = path;
  intention.content = draft->id();
  intention.size = draft->size();
  intention.tail = tail;
  if (!tail.mtime && traits.can_set_mtime) {
    intention.tail.mtime = std::chrono::system_clock::to_time_t(clock_.wall_now());
  }
  remote::UploadTail promised;
  const auto choose = [&](const Queue& queue) -> Result<Intention> {
    Footing now = footing(queue, path);
    now = now.kind == Footing::Kind::unknown ? before : now;
    if (now.kind == Footing::Kind::other) {
      return make_error(Errc::is_directory, path.str() + ": is no file any more");
    }
    intention.base = now.base;
    if (!tail.mode && traits.can_set_mode) {
      intention.tail.mode = now.mode;  // what replaces a file keeps its mode
    }
    promised = intention.tail;
    return intention;
  };
  if (auto accepted = courier_->accept(choose, std::move(draft), wait); !accepted) {
    return local_failure(std::move(accepted).error());
  }
  return promised;
}

Result<bool> WritebackRemote::accept_change(
    const std::function<std::optional<Intention>(const Queue&)>& choose, const Wait& wait) {
  bool is_ours = true;
  auto accepted = courier_->accept(
      [&](const Queue& queue) -> Result<Intention> {
        auto intention = choose(queue);
        is_ours = intention.has_value();
        if (!is_ours) {
          return make_error(Errc::unsupported, "not for the journal");
        }
        return *std::move(intention);
      },
      nullptr, wait);
  if (!accepted && is_ours) {
    return local_failure(std::move(accepted).error());
  }
  return is_ours;
}

Result<void> WritebackRemote::make_directory(const remote::RemotePath& path, const Wait& wait) {
  if (courier_) {
    const View view = ask(path).view;
    if (view.kind == View::Kind::file || view.kind == View::Kind::directory) {
      return make_error(Errc::already_exists, path.str() + ": file exists");
    }
    FTPSFS_TRY_ASSIGN(
        const bool is_accepted,
        accept_change(
            [&](const Queue& queue) -> std::optional<Intention> {
              const Footing now = footing(queue, path);
              const bool is_free =
                  Overlay(queue).at(path).kind == View::Kind::absent ||
                  (now.kind == Footing::Kind::name && now.base.kind == Base::Kind::absent);
              if (!is_free) {
                return std::nullopt;
              }
              Intention intention;
              intention.action = Action::make_directory;
              intention.path = path;
              return intention;
            },
            wait));
    if (is_accepted) {
      return {};
    }
    FTPSFS_TRY(await(path, wait));
  }
  auto made = inner_.make_directory(path, wait);
  forget_tree(path);
  return made;
}

Result<void> WritebackRemote::remove_directory(const remote::RemotePath& path, const Wait& wait) {
  FTPSFS_TRY(await(path, wait));
  auto removed = inner_.remove_directory(path, wait);
  forget_tree(path);
  return removed;
}

Result<void> WritebackRemote::remove_file(const remote::RemotePath& path, const Wait& wait) {
  if (courier_) {
    const View view = ask(path).view;
    if (view.kind == View::Kind::absent) {
      return make_error(Errc::not_found, path.str() + ": no such file");
    }
    if (view.kind == View::Kind::directory) {
      return make_error(Errc::is_directory, path.str() + ": is a directory");
    }
    FTPSFS_TRY_ASSIGN(const bool is_accepted,
                      accept_change(
                          [&](const Queue& queue) -> std::optional<Intention> {
                            const Footing now = footing(queue, path);
                            const bool is_there =
                                now.kind == Footing::Kind::name &&
                                now.base.kind != Base::Kind::absent &&
                                Overlay(queue).at(path).kind != View::Kind::absent;
                            if (!is_there) {
                              return std::nullopt;
                            }
                            Intention intention;
                            intention.action = Action::remove_file;
                            intention.path = path;
                            intention.base = now.base;
                            return intention;
                          },
                          wait));
    if (is_accepted) {
      return {};
    }
    FTPSFS_TRY(await(path, wait));
  }
  auto removed = inner_.remove_file(path, wait);
  forget(path);
  return removed;
}

Result<void> WritebackRemote::rename(const remote::RemotePath& from, const remote::RemotePath& to,
                                     const Wait& wait) {
  if (courier_) {
    const View view = ask(from).view;
    if (view.kind == View::Kind::absent) {
      return make_error(Errc::not_found, from.str() + ": no such file or directory");
    }
    if (view.kind == View::Kind::file) {
      FTPSFS_TRY_ASSIGN(const Footing before, fetch_footing(to, wait));
      FTPSFS_TRY_ASSIGN(
          const bool is_accepted,
          accept_change(
              [&](const Queue& queue) -> std::optional<Intention> {
                const View source = Overlay(queue).at(from);
                Footing target = footing(queue, to);
                target = target.kind == Footing::Kind::unknown ? before : target;
                if (source.kind != View::Kind::file || target.kind != Footing::Kind::name) {
                  return std::nullopt;
                }
                Intention intention;
                intention.action = Action::rename;
                intention.path = from;
                intention.target = to;
                intention.base = target.base;
                intention.source = kOurs;
                intention.size = source.size;
                intention.tail.mode = source.mode;
                if (source.mtime_is_promised) {
                  intention.tail.mtime = source.mtime;
                }
                return intention;
              },
              wait));
      if (is_accepted) {
        return {};
      }
    }
    FTPSFS_TRY(await(from, wait));
    FTPSFS_TRY(await(to, wait));
  }
  auto renamed = inner_.rename(from, to, wait);
  forget_tree(from);
  forget_tree(to);
  return renamed;
}

Result<void> WritebackRemote::make_symlink(const std::string& target,
                                           const remote::RemotePath& path, const Wait& wait) {
  FTPSFS_TRY(await(path, wait));
  auto made = inner_.make_symlink(target, path, wait);
  forget(path);
  return made;
}

/// @return false: nothing is owed for this very name.
Result<bool> WritebackRemote::accept_attributes(const remote::RemotePath& path,
                                                const remote::UploadTail& tail, const Wait& wait) {
  if (!courier_) {
    return false;
  }
  return accept_change(
      [&](const Queue& queue) -> std::optional<Intention> {
        const View view = Overlay(queue).at(path);
        const bool is_ours = queue.owes_at(path) && view.kind != View::Kind::absent &&
                             view.kind != View::Kind::untouched;
        if (!is_ours) {
          return std::nullopt;
        }
        Intention intention;
        intention.action = Action::set_attributes;
        intention.path = path;
        intention.base = kOurs;
        intention.tail = tail;
        return intention;
      },
      wait);
}

Result<void> WritebackRemote::set_mode(const remote::RemotePath& path, std::uint16_t mode,
                                       const Wait& wait) {
  if (inner_.traits().can_set_mode) {
    FTPSFS_TRY_ASSIGN(const bool is_accepted, accept_attributes(path, {std::nullopt, mode}, wait));
    if (is_accepted) {
      return {};
    }
  }
  FTPSFS_TRY(await(path, wait));
  auto set = inner_.set_mode(path, mode, wait);
  forget(path);
  return set;
}

Result<void> WritebackRemote::set_mtime(const remote::RemotePath& path, std::int64_t unix_seconds,
                                        const Wait& wait) {
  // What is still to come into a directory would change its time again.
  const bool is_of_directory = courier_ && courier_->look([&](const Queue& queue) {
    return Overlay(queue).at(path).kind == View::Kind::directory ||
           (queue.touches(path) && !queue.owes_at(path));
  });
  if (is_of_directory) {
    return make_error(Errc::unsupported,
                      path.str() + ": its time is not set while changes in it are owed");
  }
  if (inner_.traits().can_set_mtime) {
    FTPSFS_TRY_ASSIGN(const bool is_accepted,
                      accept_attributes(path, {unix_seconds, std::nullopt}, wait));
    if (is_accepted) {
      return {};
    }
  }
  FTPSFS_TRY(await(path, wait));
  auto set = inner_.set_mtime(path, unix_seconds, wait);
  forget(path);
  return set;
}

Result<void> WritebackRemote::settle(const remote::RemotePath& path, const Wait& wait) {
  return courier_ ? courier_->await_verdict(path, wait) : Result<void>();
}

Result<void> WritebackRemote::await(const remote::RemotePath& path, const Wait& wait) {
  return courier_ ? courier_->await(path, wait) : Result<void>();
}

void WritebackRemote::forget(const remote::RemotePath& path) {
  const MutexLock lock(mutex_);
  if (known_) {
    known_->forget(path);
  }
}

void WritebackRemote::forget_tree(const remote::RemotePath& path) {
  const MutexLock lock(mutex_);
  if (known_) {
    known_->forget_tree(path);
  }
}

/// Under the courier's mutex.
void WritebackRemote::note_end(const Intention& intention, const Result<Delivered>& outcome) {
  const MutexLock lock(mutex_);
  const bool is_done = outcome && !outcome->kept_theirs && !outcome->conflict;
  KnownName file;
  file.kind = KnownName::Kind::file;
  const bool is_known = is_done && outcome->left;
  if (is_known) {
    file.version = {outcome->left->size, outcome->left->mtime, {}};
    file.mode = intention.tail.mode;
  }
  const auto note_file = [&](const remote::RemotePath& path) FTPSFS_REQUIRES(mutex_) {
    is_known ? known_->note(path, file) : known_->forget(path);
  };
  switch (intention.action) {
    case Action::upload:
    case Action::set_attributes:
      note_file(intention.path);
      break;
    case Action::rename:
      if (is_done) {
        known_->note(intention.path, {});
      } else {
        known_->forget(intention.path);
      }
      note_file(intention.target);
      break;
    case Action::remove_file:
      if (is_done) {
        known_->note(intention.path, {});
      } else {
        known_->forget(intention.path);
      }
      break;
    case Action::make_directory:
      if (is_done && outcome->made_directory) {
        known_->note_new_directory(intention.path);
      } else {
        known_->forget_tree(intention.path);
      }
      break;
    case Action::remove_directory:
      known_->forget_tree(intention.path);
      break;
  }
  if (outcome && outcome->conflict) {
    known_->forget(*outcome->conflict);
  }
}

}  // namespace ftpsfs::writeback
