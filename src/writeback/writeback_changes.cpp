// SPDX-License-Identifier: MIT
//
// WritebackRemote: changes. Those that can be accepted are decided under the courier's mutex, from
// what is owed and what is known of the server; where nothing is known it is asked before.
#include <utility>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/writeback/wait_anew.hpp"
#include "ftpsfs/writeback/writeback_remote.hpp"

namespace ftpsfs::writeback {
namespace {

constexpr Base kOurs{Base::Kind::ours, {}};

}  // namespace

/// @pre under the courier's mutex.
WritebackRemote::Footing WritebackRemote::footing(const Queue& queue,
                                                  const remote::RemotePath& path) const {
  const Overlay overlay(queue);
  const View view = overlay.at(path);
  const View::Kind around = overlay.at(path.parent()).kind;
  const bool has_no_directory = around == View::Kind::absent || around == View::Kind::file;
  if (has_no_directory) {
    return {Footing::Kind::nowhere, {}, std::nullopt};
  }
  if (view.kind == View::Kind::directory || !inner_.takes_any_name_beside(path)) {
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
    case KnownName::Kind::directory:
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
    now.is_answer_alone = !known_->find(path);
  }
  const bool is_name = name.kind == KnownName::Kind::absent || name.kind == KnownName::Kind::file;
  now.kind = is_name ? Footing::Kind::name : Footing::Kind::other;
  now.mode = name.mode;
  if (name.kind == KnownName::Kind::file) {
    now.base = {Base::Kind::version, name.version};
  }
  return now;
}

Result<WritebackRemote::Footing> WritebackRemote::fetch_footing_of_upload(
    const remote::RemotePath& path, bool is_new, const Wait& wait) {
  auto fetched = fetch_footing(path, wait);
  if (fetched || !is_new || !is_link_failure(fetched.error().code)) {
    return fetched;
  }
  log::info("{}: taken for new, as the server does not answer ({})", path.str(),
            fetched.error().text);
  Footing assumed;
  assumed.kind = Footing::Kind::name;
  assumed.is_answer_alone = true;
  assumed.is_assumed = true;
  return assumed;
}

/// From memory, or what was fetched for this moment. What memory had then, and has no more, says
/// nothing now; nor does anything behind a wait.
WritebackRemote::Footing WritebackRemote::footing_or(const Queue& queue,
                                                     const remote::RemotePath& path,
                                                     std::optional<Footing>& fetched) const {
  const Footing now = footing(queue, path);
  const auto answer = std::exchange(fetched, std::nullopt);
  return now.kind == Footing::Kind::unknown && answer && answer->is_answer_alone ? *answer : now;
}

/// A failure of the local disk is none of the link's.
Error WritebackRemote::local_failure(Error error) {
  if (is_link_failure(error.code)) {
    error.code = Errc::io_error;
  }
  return error;
}

Result<bool> WritebackRemote::accept_change(
    const std::function<std::optional<Intention>(const Queue&)>& choose, const Wait& wait,
    const std::function<void()>& on_noted) {
  bool is_ours = true;
  std::unique_ptr<ContentDraft> none;
  auto accepted = courier_->accept(
      [&](const Queue& queue) -> Result<Intention> {
        auto intention = choose(queue);
        is_ours = intention.has_value();
        if (!is_ours) {
          return make_error(Errc::unsupported, "not for the journal");
        }
        return *std::move(intention);
      },
      none, wait, on_noted);
  if (!accepted && is_ours) {
    return local_failure(std::move(accepted).error());
  }
  return is_ours;
}

/// Behind all that is owed for the names, and before what may come to be.
Result<void> WritebackRemote::ask_server(const remote::RemotePath& path,
                                         const remote::RemotePath& other, const Wait& wait,
                                         const std::function<Result<void>(const Wait&)>& change) {
  if (!courier_) {
    return change(wait);
  }
  FTPSFS_TRY_ASSIGN(const Courier::Passage passage, courier_->pass(path, other, wait));
  auto changed = change(passage.wait());
  courier_->forget_looks();
  return changed;
}

Result<void> WritebackRemote::ask_server(const remote::RemotePath& path, const Wait& wait,
                                         const std::function<Result<void>(const Wait&)>& change) {
  return ask_server(path, path, wait, change);
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
    FTPSFS_TRY_ASSIGN(
        const bool is_accepted,
        accept_change(
            [&](const Queue& queue) -> std::optional<Intention> {
              const Footing now = footing(queue, path);
              const bool is_there = now.kind == Footing::Kind::name &&
                                    now.base.kind != Base::Kind::absent &&
                                    Overlay(queue).at(path).kind != View::Kind::absent;
              return is_there ? std::optional(intention_of(Action::remove_file, path, now.base))
                              : std::nullopt;
            },
            wait));
    if (is_accepted) {
      return {};
    }
  }
  return ask_server(path, wait, [&](const Wait& rest) {
    auto removed = inner_.remove_file(path, rest);
    note_asked(intention_of(Action::remove_file, path), removed);
    if (removed && courier_) {
      courier_->forget_verdict(path);
    }
    return removed;
  });
}

/// @return false: this is not for the journal.
Result<bool> WritebackRemote::accept_rename(const remote::RemotePath& from,
                                            const remote::RemotePath& to, const Wait& wait) {
  for (const WaitAnew anew(wait);;) {
    FTPSFS_TRY_ASSIGN(std::optional<Footing> fetched, fetch_footing(to, anew.begin()));
    bool is_unknown = false;
    MovedNames moved;
    auto is_accepted = accept_change(
        [&](const Queue& queue) -> std::optional<Intention> {
          const View source = Overlay(queue).at(from);
          const Footing target = footing_or(queue, to, fetched);
          is_unknown = target.kind == Footing::Kind::unknown;
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
        anew.begin(), [&] { moved = move_open_names(from, to); });
    if (!is_accepted) {
      move_back(moved);
    }
    if (!is_accepted || *is_accepted || !is_unknown) {
      return is_accepted;
    }
  }
}

Result<void> WritebackRemote::rename(const remote::RemotePath& from, const remote::RemotePath& to,
                                     const Wait& wait) {
  if (courier_) {
    const View view = ask(from).view;
    if (view.kind == View::Kind::absent) {
      return make_error(Errc::not_found, from.str() + ": no such file or directory");
    }
    if (view.kind == View::Kind::file) {
      FTPSFS_TRY_ASSIGN(const bool is_accepted, accept_rename(from, to, wait));
      if (is_accepted) {
        return {};
      }
    }
  }
  return ask_server(from, to, wait, [&](const Wait& rest) {
    auto renamed = inner_.rename(from, to, rest);
    forget_tree(from);
    forget_tree(to);
    if (renamed) {
      move_open_names(from, to);
    }
    if (renamed && courier_) {
      courier_->forget_verdict(from);
      courier_->forget_verdict(to);
    }
    return renamed;
  });
}

Result<void> WritebackRemote::make_symlink(const std::string& target,
                                           const remote::RemotePath& path, const Wait& wait) {
  return ask_server(path, wait, [&](const Wait& rest) {
    auto made = inner_.make_symlink(target, path, rest);
    forget(path);
    return made;
  });
}

/// @return false: nothing is owed for this very name, nor, if it is a directory, for one above or
/// below it.
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
        const bool would_wait = queue.touches(path) && is_directory(queue, path);
        if (!is_ours && (!would_wait || tail.mtime)) {
          return std::nullopt;
        }
        Intention intention = intention_of(Action::set_attributes, path, kOurs);
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
  return ask_server(path, wait, [&](const Wait& rest) {
    auto set = inner_.set_mode(path, mode, rest);
    forget(path);
    return set;
  });
}

Result<void> WritebackRemote::set_mtime(const remote::RemotePath& path, std::int64_t unix_seconds,
                                        const Wait& wait) {
  // What is still to come into a directory would change its time again.
  const bool is_of_directory = courier_ && courier_->look([&](const Queue& queue) {
    return queue.owes_below(path) || (queue.touches(path) && is_directory(queue, path));
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
  return ask_server(path, wait, [&](const Wait& rest) {
    auto set = inner_.set_mtime(path, unix_seconds, rest);
    forget(path);
    return set;
  });
}

Result<void> WritebackRemote::settle(const remote::RemotePath& path, const Wait& wait) {
  return courier_ ? courier_->await_verdict(path, wait) : Result<void>();
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

/// What the server was asked for itself leaves what it would have left behind an acceptance.
void WritebackRemote::note_asked(const Intention& change, const Result<void>& outcome) {
  if (courier_) {
    note_end(change, outcome ? Result<Delivered>(Delivered{}) : outcome.error());
  }
}

/// From memory: the courier may have its mutex.
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
      note_file(intention.path);
      break;
    case Action::set_attributes: {
      const auto known = known_->find(intention.path);
      const bool is_directory = known && known->kind == KnownName::Kind::directory;
      if (!is_done || !is_directory) {  // of a directory nothing is known that they would change
        note_file(intention.path);
      }
      break;
    }
    case Action::rename:
      is_done ? known_->note(intention.path, {}) : known_->forget(intention.path);
      note_file(intention.target);
      break;
    case Action::remove_file:
      is_done ? known_->note(intention.path, {}) : known_->forget(intention.path);
      break;
    case Action::make_directory:
      if (is_done && outcome->made_directory) {
        known_->note_new_directory(intention.path);
      } else {
        known_->forget_tree(intention.path);
      }
      break;
    case Action::remove_directory:
      is_done ? known_->note_removed_directory(intention.path)
              : known_->forget_tree(intention.path);
      break;
  }
  if (outcome && outcome->conflict) {
    known_->forget(*outcome->conflict);
  }
  if (outcome && outcome->left_behind) {
    known_->note_others_in(result_path(intention).parent());
  }
}

}  // namespace ftpsfs::writeback
