// SPDX-License-Identifier: MIT
//
// WritebackRemote: questions. What is owed is laid over the server's answers; every answer teaches
// what the server has.
#include "ftpsfs/writeback/writeback_remote.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "ftpsfs/writeback/wait_anew.hpp"
#include "journal_reader.hpp"

namespace ftpsfs::writeback {
namespace {

/// What a new directory is shown with while nobody has given it a mode. No program wants it, so
/// whoever made the directory sets the mode that he wants, and that travels with it.
constexpr std::uint16_t kUnsettledMode = 0001;

Error no_such_name(const remote::RemotePath& path) {
  return make_error(Errc::not_found, path.str() + ": no such file or directory");
}

}  // namespace

Result<void> WritebackRemote::begin(WritebackSettings settings) {
  FTPSFS_TRY_ASSIGN(auto journal, Journal::open(std::move(settings.journal)));
  {
    const MutexLock lock(mutex_);
    name_case_ = inner_.traits().case_sensitive ? NameCase::sensitive : NameCase::folded;
    known_.emplace(name_case_);
  }
  settings.courier.on_end = [this](const Intention& intention, const Result<Delivered>& outcome) {
    note_end(intention, outcome);
  };
  settings.courier.on_surprise = [tell =
                                      std::move(settings.on_surprise)](const Intention& intention) {
    if (!tell) {
      return;
    }
    tell(intention.path.parent());
    if (intention.action == Action::rename &&
        intention.target.parent() != intention.path.parent()) {
      tell(intention.target.parent());
    }
  };
  courier_ =
      std::make_unique<Courier>(std::move(journal), inner_, clock_, std::move(settings.courier));
  return {};
}

remote::RemoteTraits WritebackRemote::traits() const {
  remote::RemoteTraits traits = inner_.traits();
  traits.writes_back = courier_ != nullptr;
  return traits;
}

void WritebackRemote::forget_refusals() {
  inner_.forget_refusals();
  if (courier_) {
    courier_->hurry();
  }
}

WritebackRemote::Question WritebackRemote::ask(const remote::RemotePath& path) const {
  Question question;
  if (courier_) {
    question.view = courier_->look([&path](const Queue& queue) { return Overlay(queue).at(path); });
    const MutexLock lock(mutex_);
    question.asked = known_->moment();
  }
  return question;
}

std::optional<remote::Entry> WritebackRemote::shown(const std::string& name, const View& view,
                                                    std::optional<remote::Entry> answer) const {
  auto entry = Overlay::lay_over(name, view, std::move(answer));
  if (view.kind == View::Kind::directory && entry && !entry->mode && inner_.traits().can_set_mode) {
    entry->mode = kUnsettledMode;
  }
  return entry;
}

/// Only what the server will show, too: handles that are open hold on to it.
remote::FileVersion WritebackRemote::version_of(const View& view) const {
  remote::FileVersion version;
  if (view.kind == View::Kind::file) {
    version.size = view.size;
  }
  if (view.mtime && view.mtime_is_promised) {
    version.mtime = remote::FileTime{*view.mtime, remote::TimeGrain::second};
  }
  return version;
}

Result<remote::Entry> WritebackRemote::stat(const remote::RemotePath& path, const Wait& wait) {
  return stat_by(&remote::Remote::stat, path, wait);
}

Result<remote::Entry> WritebackRemote::stat_unlisted(const remote::RemotePath& path,
                                                     const Wait& wait) {
  return stat_by(&remote::Remote::stat_unlisted, path, wait);
}

Result<remote::Entry> WritebackRemote::stat_by(Look look, const remote::RemotePath& path,
                                               const Wait& wait) {
  const Question question = ask(path);
  const std::string name(path.name());
  if (question.view.kind == View::Kind::untouched || question.view.kind == View::Kind::patched) {
    auto answer = (inner_.*look)(path, wait);
    if (courier_ && (answer || answer.error().code == Errc::not_found)) {
      const MutexLock lock(mutex_);
      known_->learn(path, answer ? KnownName::of(*answer) : KnownName{}, question.asked);
    }
    FTPSFS_TRY_ASSIGN(remote::Entry entry, std::move(answer));
    return *shown(name, question.view, std::move(entry));
  }
  const auto entry = shown(name, question.view, std::nullopt);
  return entry ? Result<remote::Entry>(*entry) : no_such_name(path);
}

Result<remote::Entry> WritebackRemote::stat_settled(const remote::RemotePath& path,
                                                    const Wait& wait) {
  FTPSFS_TRY_ASSIGN(const Wait rest, await(path, wait));
  return inner_.stat(path, rest);
}

Result<std::optional<remote::Entry>> WritebackRemote::glance(const remote::RemotePath& path,
                                                             const Wait& wait) {
  const Question question = ask(path);
  if (question.view.kind != View::Kind::untouched) {
    FTPSFS_TRY_ASSIGN(remote::Entry entry, stat(path, wait));
    return std::optional(std::move(entry));
  }
  auto answer = inner_.glance(path, wait);
  const bool is_absent = !answer && answer.error().code == Errc::not_found;
  if (courier_ && (is_absent || (answer && *answer))) {
    const MutexLock lock(mutex_);
    known_->learn(path, is_absent ? KnownName{} : KnownName::of(**answer), question.asked);
  }
  return answer;
}

Result<remote::FileVersion> WritebackRemote::version(const remote::RemotePath& path,
                                                     const Wait& wait) {
  const Question question = ask(path);
  switch (question.view.kind) {
    case View::Kind::file:
    case View::Kind::directory:
      return version_of(question.view);
    case View::Kind::absent:
      return no_such_name(path);
    case View::Kind::untouched:
    case View::Kind::patched:
      break;
  }
  FTPSFS_TRY_ASSIGN(remote::FileVersion version, inner_.version(path, wait));
  if (courier_) {
    const MutexLock lock(mutex_);
    known_->learn_version(path, version, question.asked);
  }
  if (question.view.mtime) {
    version.mtime = remote::FileTime{*question.view.mtime, remote::TimeGrain::second};
  }
  return version;
}

std::string WritebackRemote::key_in(const remote::RemotePath& directory,
                                    const std::string& name) const {
  const auto path = directory.child(name);
  return path ? name_key(name_case_, *path) : std::string();
}

/// @param is_whole false: of a listing that goes on, whose end brings what the server lacks.
void WritebackRemote::lay_over(const remote::RemotePath& directory, const OwedNames& owed,
                               bool is_whole, std::vector<remote::Entry>& entries) const {
  if (owed.empty()) {
    return;
  }
  std::unordered_map<std::string, const std::pair<std::string, View>*> left;
  for (const auto& one : owed) {
    left.emplace(key_in(directory, one.first), &one);
  }
  std::vector<remote::Entry> seen;
  seen.reserve(entries.size() + left.size());
  for (remote::Entry& entry : entries) {
    const auto found = left.find(key_in(directory, entry.name));
    if (found == left.end()) {
      seen.push_back(std::move(entry));
      continue;
    }
    const auto& [name, view] = *found->second;
    left.erase(found);
    const std::string spelled = view.kind == View::Kind::patched ? entry.name : name;
    if (auto laid = shown(spelled, view, std::move(entry))) {
      seen.push_back(*std::move(laid));
    }
  }
  for (const auto& [key, one] : left) {
    if (auto laid = shown(one->first, one->second, std::nullopt); laid && is_whole) {
      seen.push_back(*std::move(laid));
    }
  }
  entries = std::move(seen);
}

Result<remote::FileVersion> WritebackRemote::stamp(const remote::RemotePath& path,
                                                   const Wait& wait) {
  FTPSFS_TRY_ASSIGN(const Wait rest, await(path, wait));
  return inner_.stamp(path, rest);
}

Result<remote::Entry> WritebackRemote::follow(const remote::RemotePath& path,
                                              const remote::Entry& link, const Wait& wait) {
  FTPSFS_TRY_ASSIGN(const Wait rest, await(path, wait));
  return inner_.follow(path, link, rest);
}

bool WritebackRemote::takes_any_name_beside(const remote::RemotePath& path) const {
  return inner_.takes_any_name_beside(path);
}

Result<remote::Listing> WritebackRemote::list(const remote::RemotePath& path, const Wait& wait,
                                              const remote::ListingHints& hints) {
  if (!courier_) {
    return inner_.list(path, wait, hints);
  }
  const Question question = ask(path);
  const OwedNames owed =
      courier_->look([&path](const Queue& queue) { return Overlay(queue).names_in(path); });
  remote::Listing listing;
  switch (question.view.kind) {
    case View::Kind::absent:
      return no_such_name(path);
    case View::Kind::file:
      return make_error(Errc::not_directory, path.str() + ": not a directory");
    case View::Kind::directory:
      lay_over(path, owed, true, listing.entries);
      return listing;
    case View::Kind::untouched:
    case View::Kind::patched:
      break;
  }
  remote::ListingHints own_hints = hints;
  if (hints.arriving) {
    own_hints.arriving = [&](std::vector<remote::Entry> arrived) {
      lay_over(path, owed, false, arrived);
      return hints.arriving(std::move(arrived));
    };
  }
  FTPSFS_TRY_ASSIGN(listing, inner_.list(path, wait, own_hints));
  {
    const MutexLock lock(mutex_);
    known_->learn_listing(path, listing, question.asked);
  }
  lay_over(path, owed, true, listing.entries);
  return listing;
}

/// Directories that are new, or hidden by what is owed, are left out: the server knows nothing of
/// them that programs may see.
void WritebackRemote::list_ahead(const remote::ChooseDirectories& choose, bool times,
                                 const remote::ListingSink& sink, const Wait& wait) {
  if (!courier_) {
    inner_.list_ahead(choose, times, sink, wait);
    return;
  }
  struct Job {
    std::size_t index;
    remote::RemotePath path;
    Question question;
    OwedNames owed;
  };
  std::vector<Job> jobs;
  const auto choose_own = [&] {
    std::vector<remote::RemotePath> wanted;
    const std::vector<remote::RemotePath> chosen = choose();
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      Job job{i, chosen[i], ask(chosen[i]), {}};
      if (job.question.view.kind == View::Kind::untouched) {
        job.owed = courier_->look(
            [&job](const Queue& queue) { return Overlay(queue).names_in(job.path); });
        jobs.push_back(std::move(job));
        wanted.push_back(chosen[i]);
      }
    }
    return wanted;
  };
  const auto take = [&](std::size_t index, Result<remote::Listing> listing) {
    const Job& job = jobs[index];
    if (listing) {
      {
        const MutexLock lock(mutex_);
        known_->learn_listing(job.path, *listing, job.question.asked);
      }
      lay_over(job.path, job.owed, true, listing->entries);
    }
    sink(job.index, std::move(listing));
  };
  inner_.list_ahead(choose_own, times, take, wait);
}

Result<std::vector<std::optional<remote::FileTime>>> WritebackRemote::exact_times(
    const remote::RemotePath& directory, std::span<const std::string> names, const Wait& wait) {
  if (!courier_) {
    return inner_.exact_times(directory, names, wait);
  }
  std::vector<std::optional<remote::FileTime>> times(names.size());
  std::vector<std::string> asked_names;
  std::vector<std::size_t> places;
  KnownNames::Moment asked = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    FTPSFS_TRY_ASSIGN(const remote::RemotePath path, directory.child(names[i]));
    const Question question = ask(path);
    asked = i == 0 ? question.asked : asked;
    if (question.view.mtime) {
      times[i] = remote::FileTime{*question.view.mtime, remote::TimeGrain::second};
    } else if (question.view.kind == View::Kind::untouched ||
               question.view.kind == View::Kind::patched) {
      asked_names.push_back(names[i]);
      places.push_back(i);
    }
  }
  if (asked_names.empty()) {
    return times;
  }
  FTPSFS_TRY_ASSIGN(const auto answers, inner_.exact_times(directory, asked_names, wait));
  const MutexLock lock(mutex_);
  for (std::size_t i = 0; i < answers.size() && i < places.size(); ++i) {
    times[places[i]] = answers[i];
    if (const auto path = directory.child(asked_names[i]); path && answers[i]) {
      known_->learn_time(*path, *answers[i], asked);
    }
  }
  return times;
}

Result<std::unique_ptr<remote::RemoteReader>> WritebackRemote::open_reader(
    const remote::RemotePath& path, const remote::ByteRange& range, remote::YieldRequest on_yield,
    const Wait& wait) {
  std::optional<Wait> rest;
  for (;;) {
    const Question question = ask(path);
    const View& view = question.view;
    if (view.kind == View::Kind::absent) {
      return no_such_name(path);
    }
    if (view.kind == View::Kind::directory) {
      return make_error(Errc::is_directory, path.str() + ": is a directory");
    }
    if (view.content != 0) {
      auto content = courier_->journal().open_content(view.content);
      if (content) {
        return std::unique_ptr<remote::RemoteReader>(
            std::make_unique<JournalReader>(*std::move(content), range, version_of(view)));
      }
      if (content.error().code != Errc::not_found) {
        return make_error(Errc::io_error, content.error().text);
      }
    }
    if (view.kind != View::Kind::untouched && !rest) {
      // What the server has is not yet what programs were told: its time or its name are owed.
      FTPSFS_TRY_ASSIGN(rest, await(path, wait));
      continue;
    }
    FTPSFS_TRY_ASSIGN(auto reader,
                      inner_.open_reader(path, range, std::move(on_yield), rest.value_or(wait)));
    if (courier_) {
      const MutexLock lock(mutex_);
      known_->learn_version(path, reader->version(), question.asked);
    }
    return reader;
  }
}

Result<std::optional<remote::WholeFile>> WritebackRemote::read_ahead(
    const remote::FileAheadOfNeed& file, const Wait& wait) {
  remote::FileAheadOfNeed inner = file;
  inner.choose = [&]() -> std::optional<remote::RemotePath> {
    auto path = file.choose();
    return path && ask(*path).view.kind == View::Kind::untouched ? path : std::nullopt;
  };
  return inner_.read_ahead(inner, wait);
}

Result<Wait> WritebackRemote::await(const remote::RemotePath& path, const Wait& wait) const {
  if (!courier_) {
    return wait;
  }
  const WaitAnew anew(wait);
  FTPSFS_TRY(courier_->await(path, wait));
  return anew.begin();
}

Result<remote::Space> WritebackRemote::space(const remote::RemotePath& path, const Wait& wait) {
  return inner_.space(path, wait);
}

}  // namespace ftpsfs::writeback
