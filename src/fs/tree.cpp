// SPDX-License-Identifier: MIT
#include "tree.hpp"

#include <algorithm>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/remote/folded_name.hpp"

namespace ftpsfs::fs {
namespace {

/// MDTMs asked in one call: bounds what a program waits for at once.
constexpr std::size_t kTimesAtOnce = 2000;

/// @return the names of those that were taken out.
std::vector<std::string> hide_hidden(std::vector<remote::Entry>& entries) {
  std::vector<std::string> hidden;
  std::erase_if(entries, [&hidden](const remote::Entry& entry) {
    if (!HiddenNames::is_hidden(entry.name)) {
      return false;
    }
    hidden.push_back(entry.name);
    return true;
  });
  return hidden;
}

}  // namespace

Tree::Tree(Services& services)
    : services_(services), mounted_at_(services.wall_seconds()), times_demand_(services.clock) {}

bool Tree::needs_exact_time(const remote::Entry& entry) const {
  return services_.settings.exact_times && remote::has_coarse_time(entry);
}

bool Tree::needs_following(const remote::Entry& entry) const {
  return services_.settings.symlinks == SymlinkView::follow &&
         entry.type == remote::FileType::symlink && !entry.followed;
}

remote::Entry Tree::root_entry() const {
  remote::Entry entry;
  entry.type = remote::FileType::directory;
  entry.mtime = remote::FileTime{mounted_at_, remote::TimeGrain::second};
  return entry;
}

std::optional<Tree::Known> Tree::find(Ino parent, std::string_view name) {
  auto found = services_.cache.find(parent, name);
  if (!found || (found->entry && needs_following(*found->entry))) {
    return std::nullopt;
  }
  if (found->entry && needs_exact_time(*found->entry) && !services_.remote.traits().exact_listing) {
    return std::nullopt;
  }
  return Known{std::move(found->entry), found->valid_for, found->fetched_at};
}

Result<Tree::Known> Tree::fetch(Ino parent, const std::string& name, const Wait& wait) {
  if (auto known = find(parent, name)) {
    return *std::move(known);
  }
  const auto known_in_part = services_.cache.find(parent, name);
  if (known_in_part && known_in_part->entry && needs_following(*known_in_part->entry)) {
    return follow(parent, *known_in_part->entry, wait);
  }
  if (known_in_part && known_in_part->entry) {
    FTPSFS_TRY(refine(parent, name, wait));
    if (auto known = find(parent, name)) {
      return *std::move(known);
    }
    return Known{known_in_part->entry, known_in_part->valid_for, known_in_part->fetched_at};
  }
  // Where names are folded, no listing proves one absent; nor need it be fetched again.
  if (!services_.case_sensitive && !services_.remote.traits().stat_is_cheap) {
    const Snapshot listing = services_.cache.peek_listing(parent);
    if (listing && services_.cache.find_in(*listing, name) == nullptr) {
      return stat_unlisted(parent, name, wait);
    }
  }
  return fetch_anew(parent, name, wait);
}

Result<Tree::Known> Tree::fetch_anew(Ino parent, const std::string& name, const Wait& wait) {
  FTPSFS_TRY_ASSIGN(Known known, services_.remote.traits().stat_is_cheap
                                     ? stat_one(parent, name, wait)
                                     : find_in_listing(parent, name, wait));
  if (known.entry && needs_following(*known.entry)) {
    return follow(parent, *known.entry, wait);
  }
  return known;
}

Result<Tree::Known> Tree::follow(Ino parent, const remote::Entry& link, const Wait& wait) {
  FTPSFS_TRY_ASSIGN(const remote::RemotePath directory, path(parent));
  FTPSFS_TRY_ASSIGN(const remote::RemotePath path, directory.child(link.name));
  const auto ticket = services_.cache.begin_fetch(parent);
  remote::Entry entry = link;
  if (auto target = services_.remote.follow(path, link, wait)) {
    entry = *std::move(target);
    entry.name = link.name;
  } else if (target.error().code != Errc::not_found) {
    return std::move(target).error();
  }
  entry.followed = true;
  return keep_answer(ticket, link.name, std::move(entry));
}

Result<Tree::Known> Tree::stat_one(Ino parent, const std::string& name, const Wait& wait) {
  FTPSFS_TRY_ASSIGN(const remote::RemotePath directory, path(parent));
  FTPSFS_TRY_ASSIGN(const remote::RemotePath path, directory.child(name));
  if (on_question_) {
    on_question_(parent, name);
  }
  const auto ticket = services_.cache.begin_fetch(parent);
  auto glanced = services_.remote.glance(path, wait);
  if (!glanced) {
    return keep_answer(ticket, name, std::move(glanced).error());
  }
  return *glanced ? keep_answer(ticket, name, **std::move(glanced))
                  : find_in_listing(parent, name, wait);
}

/// A name that the listing does not show, though it may be there.
Result<Tree::Known> Tree::stat_unlisted(Ino parent, const std::string& name, const Wait& wait) {
  FTPSFS_TRY_ASSIGN(const remote::RemotePath directory, path(parent));
  FTPSFS_TRY_ASSIGN(const remote::RemotePath path, directory.child(name));
  const auto ticket = services_.cache.begin_fetch(parent);
  return keep_answer(ticket, name, services_.remote.stat_unlisted(path, wait));
}

Result<Tree::Known> Tree::keep_answer(const cache::NamespaceCache::Ticket& ticket,
                                      const std::string& name, Result<remote::Entry> entry) {
  const SteadyTime now = services_.clock.now();
  if (!entry) {
    if (entry.error().code != Errc::not_found) {
      return std::move(entry).error();
    }
    services_.cache.store_absent(ticket, name);
    return Known{std::nullopt, services_.settings.negative_timeout, now};
  }
  if (services_.case_sensitive || !remote::SameFoldedName()(entry->name, name)) {
    entry->name = name;
  }
  services_.cache.store_entry(ticket, *entry);
  // The cache may know a finer time, or a local change may have overtaken the answer.
  if (auto known = find(ticket.version.directory, name)) {
    return *std::move(known);
  }
  return Known{*std::move(entry), std::chrono::milliseconds(0), now};
}

Result<Tree::Known> Tree::find_in_listing(Ino parent, const std::string& name, const Wait& wait) {
  services_.cache.expire_entry(parent, name);
  FTPSFS_TRY_ASSIGN(
      const Snapshot listing,
      fetch_listing(parent, wait,
                    services_.settings.exact_times ? std::string_view(name) : std::string_view()));
  const cache::CachedEntry* found = services_.cache.find_in(*listing, name);
  if (found == nullptr) {
    if (!listing->shows_all() || !services_.case_sensitive) {
      return stat_unlisted(parent, name, wait);
    }
    return Known{std::nullopt, services_.settings.negative_timeout, services_.clock.now()};
  }
  remote::Entry entry = found->entry;
  if (needs_exact_time(entry)) {
    FTPSFS_TRY(refine(parent, name, wait));
  }
  if (auto known = find(parent, name)) {
    return *std::move(known);
  }
  return Known{std::move(entry), std::chrono::milliseconds(0), services_.clock.now()};
}

Result<Tree::Snapshot> Tree::fetch_listing(Ino directory, const Wait& wait,
                                           std::string_view timed) {
  return fetch_listing(directory, wait, timed, {});
}

Result<Tree::Snapshot> Tree::fetch_listing(Ino directory, const Wait& wait, std::string_view timed,
                                           const Arrivals& arrivals) {
  // Shared only with those who ask since the same local change: an older listing lacks it.
  const auto version = services_.cache.begin_fetch(directory).version;
  return listings_.run(version, wait, [&](const Wait& own_wait) -> Result<Snapshot> {
    if (Snapshot listing = services_.cache.find_listing(directory)) {
      return listing;
    }
    FTPSFS_TRY_ASSIGN(const remote::RemotePath where, path(directory));
    const auto ticket = services_.cache.begin_fetch(directory);
    remote::ListingHints hints = this->hints(directory);
    hints.timed = timed;
    // A directory that is renamed meanwhile: who knows which one was listed?
    const auto check_place = [this, directory, &where] {
      const auto now = path(directory);
      if (!now || *now != where) {
        services_.cache.invalidate_directory(directory);  // nothing of it is kept
      }
    };
    if (arrivals) {
      hints.arriving = [&](std::vector<remote::Entry> arrived) {
        check_place();
        return arrivals(ticket, std::move(arrived));
      };
    }
    FTPSFS_TRY_ASSIGN(remote::Listing listing, services_.remote.list(where, own_wait, hints));
    check_place();
    return keep_listing(ticket, std::move(listing));
  });
}

/// The one who asks for a listing, while others may read what has come of it.
class Tree::Arriving {
 public:
  Arriving(Tree& tree, const cache::DirectoryVersion& version, std::shared_ptr<OpenListing> listing,
           const EarlyListing& early)
      : tree_(tree), version_(version), listing_(std::move(listing)), early_(early) {}
  ~Arriving() {
    if (!is_over_) {
      finish(make_error(Errc::io_error, "the listing was not finished"));
    }
  }
  Arriving(const Arriving&) = delete;
  Arriving& operator=(const Arriving&) = delete;

  Result<std::shared_ptr<OpenListing>> run(const Wait& wait) {
    auto whole = tree_.fetch_listing(version_.directory, wait, {},
                                     [this, &wait](const cache::NamespaceCache::Ticket& ticket,
                                                   std::vector<remote::Entry> arrived) {
                                       return take(ticket, std::move(arrived), wait.stop);
                                     });
    finish(whole);
    if (!whole && !is_shown_) {
      return std::move(whole).error();
    }
    return listing_;
  }

 private:
  /// @return the limit of what is still to come: nobody waits for the whole any more, so each part
  /// may take as long as a stall, and all of them together as long as patience lasts; less when
  /// nobody reads on.
  std::optional<Wait> take(const cache::NamespaceCache::Ticket& ticket,
                           std::vector<remote::Entry> arrived, const std::stop_token& stop) {
    constexpr std::chrono::minutes kPatience(10);
    constexpr std::chrono::seconds kGrace(5);
    hide_hidden(arrived);
    listing_->add(arrived);
    for (remote::Entry& entry : arrived) {
      if (entry.type != remote::FileType::symlink) {  // its target is not known yet
        tree_.services_.cache.store_entry(ticket, std::move(entry));
      }
    }
    if (!std::exchange(is_shown_, true)) {
      early_(listing_);
    }
    SteadyTime last = began_ + kPatience;
    if (const auto since = listing_->unread_since()) {
      last = std::min(last, *since + kGrace);
    }
    return Wait{last, stop}.no_longer_than(tree_.services_.limits.stall_timeout);
  }

  void finish(Result<Snapshot> whole) {
    {
      const MutexLock lock(tree_.mutex_);
      tree_.arriving_.erase(version_);  // first: who hears of a failure may be the next to try
    }
    is_over_ = true;
    listing_->finish(std::move(whole));
  }

  Tree& tree_;
  const cache::DirectoryVersion version_;
  const std::shared_ptr<OpenListing> listing_;
  const EarlyListing& early_;
  const SteadyTime began_ = SteadyClock::now();
  bool is_shown_ = false;
  bool is_over_ = false;
};

Result<std::shared_ptr<OpenListing>> Tree::open_listing(Ino directory, const Wait& wait,
                                                        const EarlyListing& early) {
  for (;;) {
    const auto version = services_.cache.begin_fetch(directory).version;
    std::shared_ptr<OpenListing> listing;
    bool is_mine = false;
    {
      const MutexLock lock(mutex_);
      auto [place, is_first] = arriving_.try_emplace(version);
      if (is_first) {
        place->second = std::make_shared<OpenListing>(services_.case_sensitive);
      }
      listing = place->second;
      is_mine = is_first;
    }
    if (is_mine) {
      return Arriving(*this, version, std::move(listing), early).run(wait);
    }
    const auto begun = listing->await(0, wait);
    if (begun) {
      return listing;
    }
    // Whoever asked may have had less patience.
    const Errc code = begun.error().code;
    const bool gave_up = code == Errc::cancelled || code == Errc::timed_out;
    if (!gave_up || wait.expired() || wait.stop.stop_requested()) {
      return begun.error();
    }
  }
}

remote::ListingHints Tree::hints(Ino directory) const {
  remote::ListingHints hints;
  const auto location = services_.inodes.locate(directory);
  if (!location || directory == kRootIno) {
    return hints;
  }
  const Snapshot above = services_.cache.recall_listing(location->parent);
  const cache::CachedEntry* own = above ? services_.cache.find_in(*above, location->name) : nullptr;
  hints.directory_bytes = own != nullptr ? own->entry.size : std::nullopt;
  return hints;
}

Tree::Snapshot Tree::keep_listing(const cache::NamespaceCache::Ticket& ticket,
                                  remote::Listing listing) {
  const std::vector<std::string> hidden = hide_hidden(listing.entries);
  if (!hidden.empty() && on_hidden_) {
    on_hidden_(ticket.version.directory, hidden);
  }
  return services_.cache.store_listing(ticket, std::move(listing));
}

void Tree::list_ahead(std::span<const Ino> directories, AheadOf ahead_of, const Wait& wait,
                      const std::function<void(Ino, bool)>& note) {
  struct Job {
    Ino directory;
    cache::NamespaceCache::Ticket ticket;
    std::optional<decltype(listings_)::Lead> lead;
    remote::RemotePath path;
    bool came = false;
  };
  std::vector<Job> jobs;
  std::uint64_t renames = 0;
  // Only now that a connection is there: whoever comes to one of them waits for this answer.
  const auto choose = [&] {
    std::vector<remote::RemotePath> paths;
    renames = services_.renames;
    const bool only_small =
        ahead_of == AheadOf::walk && services_.remote.traits().listing_slow_when_large;
    for (const Ino directory : directories) {
      const auto ticket = services_.cache.begin_fetch(directory);
      auto where = path(directory);
      const remote::ListingHints known = hints(directory);
      if (only_small ? !known.is_small() : known.is_large()) {
        note(directory, false);
        continue;
      }
      if (!where || services_.cache.peek_listing(directory)) {
        continue;
      }
      if (auto lead = listings_.try_lead(ticket.version)) {
        paths.push_back(*where);
        jobs.push_back({directory, ticket, std::move(lead), *std::move(where), false});
      }
    }
    return paths;
  };
  const bool times = services_.settings.exact_times && times_demand_.is_high();
  const auto take = [&](std::size_t index, Result<remote::Listing> listing) {
    Job& job = jobs[index];
    // What was refused, the program asks for itself: it gets what the refusal means, or a new
    // login. So it does where a directory has been renamed: who knows which one was listed.
    const auto where = path(job.directory);
    if (!listing || renames != services_.renames || !where || *where != job.path) {
      job.lead.reset();
      return;
    }
    job.lead->land(keep_listing(job.ticket, *std::move(listing)));
    note(job.directory, true);
    job.came = true;
  };
  services_.remote.list_ahead(choose, times, take, wait);
  for (const Job& job : jobs) {
    if (!job.came) {
      note(job.directory, false);
    }
  }
}

Result<void> Tree::refine(Ino directory, const std::string& name, const Wait& wait) {
  std::optional<std::size_t> coarse;
  if (const Snapshot listing = services_.cache.peek_listing(directory)) {
    coarse = listing->coarse_times();
  }
  if (coarse && times_demand_.wants_all(directory, *coarse)) {
    return refine_all(directory, wait);
  }
  FTPSFS_TRY_ASSIGN(const remote::RemotePath where, path(directory));
  const std::string names[] = {name};
  FTPSFS_TRY_ASSIGN(const auto times, services_.remote.exact_times(where, names, wait));
  if (times.size() == 1 && times[0]) {
    services_.cache.refine_times(directory, name, *times[0]);
  } else if (const auto found = services_.cache.find(directory, name); found && found->entry) {
    // The server does not tell: the coarse time is the exact one from now on.
    services_.cache.refine_times(directory, name,
                                 {found->entry->mtime->unix_seconds, remote::TimeGrain::second});
  }
  return {};
}

Result<void> Tree::refine_all(Ino directory, const Wait& wait) {
  auto done = refinements_.run(directory, wait, [&](const Wait& own_wait) -> Result<bool> {
    const Snapshot listing = services_.cache.find_listing(directory);
    if (!listing) {
      return true;
    }
    std::vector<std::string> names;
    std::vector<std::int64_t> coarse;
    for (std::size_t i = 0; i < listing->size(); ++i) {
      const remote::Entry& entry = listing->at(i).entry;
      if (needs_exact_time(entry)) {
        names.push_back(entry.name);
        coarse.push_back(entry.mtime->unix_seconds);
      }
    }
    FTPSFS_TRY_ASSIGN(const remote::RemotePath where, path(directory));
    for (std::size_t first = 0; first < names.size(); first += kTimesAtOnce) {
      const std::size_t count = std::min(kTimesAtOnce, names.size() - first);
      const std::span<const std::string> part(names.data() + first, count);
      FTPSFS_TRY_ASSIGN(const auto times,
                        services_.remote.exact_times(
                            where, part, own_wait.no_longer_than(services_.limits.stall_timeout)));
      for (std::size_t i = 0; i < times.size() && i < count; ++i) {
        services_.cache.refine_times(
            directory, part[i],
            times[i].value_or(remote::FileTime{coarse[first + i], remote::TimeGrain::second}));
      }
    }
    return true;
  });
  if (!done) {
    return std::move(done).error();
  }
  return {};
}

}  // namespace ftpsfs::fs
