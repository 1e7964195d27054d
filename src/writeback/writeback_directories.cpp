// SPDX-License-Identifier: MIT
//
// WritebackRemote: directories. One is removed early when what is owed in it and what is known of
// it come to nothing together.
#include <unordered_set>

#include "ftpsfs/remote/hidden_names.hpp"
#include "ftpsfs/writeback/writeback_remote.hpp"

namespace ftpsfs::writeback {

/// @return false also when nobody knows. @pre under the courier's mutex.
bool WritebackRemote::is_directory(const Queue& queue, const remote::RemotePath& path) const {
  const View view = Overlay(queue).at(path);
  if (view.kind == View::Kind::directory) {
    return true;
  }
  const bool is_the_servers =
      view.kind == View::Kind::untouched || view.kind == View::Kind::patched;
  if (!is_the_servers || !inner_.takes_any_name_beside(path)) {
    return false;
  }
  if (path.is_root()) {
    return true;
  }
  const MutexLock lock(mutex_);
  const auto known = known_->find(path);
  return known ? known->kind == KnownName::Kind::directory : known_->is_whole(path);
}

/// @pre under the courier's mutex.
WritebackRemote::Filling WritebackRemote::filling(const Queue& queue,
                                                  const remote::RemotePath& path) const {
  if (!is_directory(queue, path)) {
    return Filling::unknown;
  }
  bool holds_names = false;
  bool is_unclear = false;
  const auto count = [&](std::string_view name) {
    // Nobody sees our own hidden files: they have to go before, which others see to.
    (remote::HiddenNames::is_hidden(name) ? is_unclear : holds_names) = true;
  };
  const Overlay overlay(queue);
  std::unordered_set<std::string> gone;
  for (const auto& [name, view] : overlay.names_in(path)) {
    if (view.kind == View::Kind::absent) {
      gone.insert(key_in(path, name));
    } else if (view.kind == View::Kind::file || view.kind == View::Kind::directory) {
      count(name);
    }
  }
  if (overlay.at(path).kind != View::Kind::directory) {
    const MutexLock lock(mutex_);
    known_->for_each_in(path, [&](const std::string& key, const std::optional<KnownName>& name) {
      if (gone.contains(key)) {
        return;
      }
      if (!name) {
        is_unclear = true;
      } else if (name->kind != KnownName::Kind::absent) {
        count(std::string_view(key).substr(key.rfind('/') + 1));
      }
    });
    is_unclear = is_unclear || !known_->is_whole(path);
  }
  if (holds_names) {
    return Filling::names;
  }
  return is_unclear ? Filling::unknown : Filling::nothing;
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
              const bool is_free = now.kind == Footing::Kind::name &&
                                   (now.base.kind == Base::Kind::absent ||
                                    Overlay(queue).at(path).kind == View::Kind::absent);
              return is_free ? std::optional(intention_of(Action::make_directory, path))
                             : std::nullopt;
            },
            wait));
    if (is_accepted) {
      return {};
    }
  }
  return ask_server(path, wait, [&](const Wait& rest) {
    auto made = inner_.make_directory(path, rest);
    forget_tree(path);
    return made;
  });
}

Result<void> WritebackRemote::remove_directory(const remote::RemotePath& path, const Wait& wait) {
  if (courier_) {
    const View view = ask(path).view;
    if (view.kind == View::Kind::absent) {
      return make_error(Errc::not_found, path.str() + ": no such directory");
    }
    if (view.kind == View::Kind::file) {
      return make_error(Errc::not_directory, path.str() + ": not a directory");
    }
    Filling holds = Filling::unknown;
    FTPSFS_TRY_ASSIGN(const bool is_accepted,
                      accept_change(
                          [&](const Queue& queue) -> std::optional<Intention> {
                            holds = filling(queue, path);
                            return holds == Filling::nothing
                                       ? std::optional(intention_of(Action::remove_directory, path))
                                       : std::nullopt;
                          },
                          wait));
    if (is_accepted) {
      return {};
    }
    if (holds == Filling::names) {
      return make_error(Errc::not_empty, path.str() + ": directory not empty");
    }
  }
  return ask_server(path, wait, [&](const Wait& rest) {
    auto removed = inner_.remove_directory(path, rest);
    note_asked(intention_of(Action::remove_directory, path), removed);
    return removed;
  });
}

}  // namespace ftpsfs::writeback
