// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/overlay.hpp"

#include <limits>

namespace ftpsfs::writeback {
namespace {

View file_view(const Intention& intention, ContentId content) {
  View view;
  view.kind = View::Kind::file;
  view.size = intention.size;
  view.mtime = intention.tail.mtime.value_or(intention.accepted);
  view.mtime_is_promised = intention.tail.mtime.has_value();
  view.mode = intention.tail.mode;
  view.content = content;
  return view;
}

View simple_view(View::Kind kind, std::optional<std::uint16_t> mode = std::nullopt) {
  View view;
  view.kind = kind;
  view.mode = mode;
  return view;
}

}  // namespace

View Overlay::at(const remote::RemotePath& path) const {
  View view = own_view(path, std::numeric_limits<IntentionId>::max());
  for (remote::RemotePath above = path; view.kind == View::Kind::untouched && !above.is_root();) {
    above = above.parent();
    const View around = own_view(above, std::numeric_limits<IntentionId>::max());
    if (around.kind == View::Kind::directory || around.kind == View::Kind::absent ||
        around.kind == View::Kind::file) {
      return simple_view(View::Kind::absent);
    }
  }
  return view;
}

View Overlay::own_view(const remote::RemotePath& path, IntentionId before) const {
  View view;
  queue_.for_each_at(path, [&](IntentionId id, const Intention& intention) {
    if (id >= before) {
      return;
    }
    switch (intention.action) {
      case Action::upload:
        view = file_view(intention, intention.content);
        break;
      case Action::make_directory:
        view = simple_view(View::Kind::directory, intention.tail.mode);
        break;
      case Action::remove_file:
      case Action::remove_directory:
        view = simple_view(View::Kind::absent);
        break;
      case Action::rename:
        view = queue_.same(intention.target, path)
                   ? file_view(intention, own_view(intention.path, id).content)
                   : simple_view(View::Kind::absent);
        break;
      case Action::set_attributes:
        if (view.kind == View::Kind::untouched) {
          view.kind = View::Kind::patched;
        }
        if (intention.tail.mtime) {
          view.mtime = intention.tail.mtime;
          view.mtime_is_promised = true;
        }
        if (intention.tail.mode) {
          view.mode = intention.tail.mode;
        }
        break;
    }
  });
  return view;
}

std::vector<std::pair<std::string, View>> Overlay::names_in(
    const remote::RemotePath& directory) const {
  std::vector<std::pair<std::string, View>> names;
  for (const remote::RemotePath& path : queue_.names_in(directory)) {
    names.emplace_back(path.name(), own_view(path, std::numeric_limits<IntentionId>::max()));
  }
  return names;
}

remote::Entry Overlay::entry_of(const std::string& name, const View& view) {
  remote::Entry entry;
  entry.name = name;
  entry.type =
      view.kind == View::Kind::directory ? remote::FileType::directory : remote::FileType::regular;
  if (view.kind == View::Kind::file) {
    entry.size = view.size;
  }
  if (view.mtime) {
    entry.mtime = remote::FileTime{*view.mtime, remote::TimeGrain::second};
  }
  entry.mode = view.mode;
  return entry;
}

std::optional<remote::Entry> Overlay::lay_over(const std::string& name, const View& view,
                                               std::optional<remote::Entry> answer) {
  switch (view.kind) {
    case View::Kind::absent:
      return std::nullopt;
    case View::Kind::file:
    case View::Kind::directory:
      return entry_of(name, view);
    case View::Kind::patched:
      if (answer && view.mtime) {
        answer->mtime = remote::FileTime{*view.mtime, remote::TimeGrain::second};
      }
      if (answer && view.mode) {
        answer->mode = view.mode;
      }
      return answer;
    case View::Kind::untouched:
      break;
  }
  return answer;
}

}  // namespace ftpsfs::writeback
