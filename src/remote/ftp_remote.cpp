// SPDX-License-Identifier: MIT
#include "ftpsfs/remote/ftp_remote.hpp"

#include <algorithm>
#include <utility>

#include "ftp_core.hpp"
#include "ftp_digest.hpp"
#include "ftp_list_ahead.hpp"
#include "ftp_list_asking.hpp"
#include "ftp_operations.hpp"
#include "ftpsfs/base/log_context.hpp"
#include "ftpsfs/ftp/refusal.hpp"
#include "ftpsfs/session/download.hpp"

namespace ftpsfs::remote {
namespace {

using session::Purpose;
using session::Session;

session::PoolSettings pool_settings(const FtpRemoteSettings& settings,
                                    const session::ServerKnowledge& knowledge) {
  session::PoolSettings pool;
  pool.max_sessions = settings.max_conns;
  pool.connect_timeout = settings.session.connect_timeout;
  pool.outage_grace = settings.session.timeout;
  // A round trip for the connection, and what is left of the one that brought the port.
  pool.turnaround = [&knowledge]() -> SteadyClock::duration {
    return knowledge.round_trip() * 3 / 2;
  };
  return pool;
}

/// Two, so that who comes while a flight is out need not wait for its end.
constexpr unsigned kFlights = 2;

/// Is the name there? For changes whose reply was lost.
Result<bool> exists(Session& session, const RemotePath& path, const Wait& wait) {
  const auto entry = fetch_entry(session, path, wait);
  if (entry) {
    return true;
  }
  if (entry.error().code == Errc::not_found || entry.error().code == Errc::not_directory) {
    return false;
  }
  return entry.error();
}

Result<bool> is_gone(Session& session, const RemotePath& path, const Wait& wait) {
  FTPSFS_TRY_ASSIGN(const bool there, exists(session, path, wait));
  return !there;
}

Result<bool> is_renamed(Session& session, const RemotePath& from, const RemotePath& to,
                        const Wait& wait) {
  if (from.parent() == to.parent() && is_name(session.profile(), from.name(), to.name())) {
    FTPSFS_TRY_ASSIGN(const Entry entry, fetch_entry(session, to, wait));  // one file: its spelling
    return entry.name == to.name();
  }
  FTPSFS_TRY_ASSIGN(const bool source_gone, is_gone(session, from, wait));
  FTPSFS_TRY_ASSIGN(const bool target, exists(session, to, wait));
  return source_gone && target;
}

Result<std::vector<ftp::Reply>> demand_login(Result<std::vector<ftp::Reply>> replies) {
  if (replies && FtpRemote::Core::is_logged_out(*replies)) {
    return make_error(Errc::access_denied, replies->front().text(), FtpRemote::Core::kLoggedOut);
  }
  return replies;
}

FtpRemoteSettings without_secrets(FtpRemoteSettings settings) {
  settings.session.password.reset();
  settings.session.account.reset();
  settings.session.tls.identity.reset();
  return settings;
}

}  // namespace

FtpRemote::Core::Core(FtpRemoteSettings settings, std::shared_ptr<const net::TlsContext> tls)
    : settings_(without_secrets(settings)),
      knowledge_(settings_.warm_conns),
      pool_(pool_settings(settings_, knowledge_),
            log_in_as(std::move(settings.session), std::move(tls)), clock_),
      questions_(
          [this](const session::MetadataQueue::Load& load, const Wait& wait) {
            return repeat(Purpose::metadata, wait, [&load](Session& session, const Wait& limit) {
              return demand_login(session.exchange(load(), limit));
            });
          },
          kFlights, settings_.session.connect_timeout + 2 * settings_.session.timeout) {}

session::SessionFactory FtpRemote::Core::log_in_as(session::SessionSettings settings,
                                                   std::shared_ptr<const net::TlsContext> tls) {
  auto identity = std::make_shared<Identity>(std::move(settings), std::move(tls), certificates_);
  return [this, identity = std::move(identity)](
             const Wait& wait) -> Result<std::unique_ptr<session::PooledSession>> {
    FTPSFS_TRY_ASSIGN(auto opened, Session::open(identity->settings, identity->transport,
                                                 knowledge_, traffic_, wait, identity));
    return std::unique_ptr<session::PooledSession>(std::move(opened));
  };
}

void FtpRemote::Core::renew(session::SessionSettings settings,
                            std::shared_ptr<const net::TlsContext> tls) {
  const auto identity = settings.tls.identity;
  pool_.renew(log_in_as(std::move(settings), std::move(tls)));
  if (identity) {  // what status tells, before anybody logs in
    const session::CertificateEnd ours{identity->subject(), identity->ends()};
    if (const auto line = certificates_.note(session::CertificateWatch::Whose::client, ours,
                                             std::chrono::system_clock::now())) {
      log::warning("{}", *line);
    }
  }
}

FtpRemote::FtpRemote(std::unique_ptr<Core> core) : core_(std::move(core)) {}
FtpRemote::~FtpRemote() = default;

Result<std::unique_ptr<FtpRemote>> FtpRemote::connect(FtpRemoteSettings settings,
                                                      const Wait& wait) {
  FTPSFS_TRY_ASSIGN(auto tls, net::TlsContext::create(settings.session.tls));
  auto core = std::make_unique<Core>(std::move(settings), std::move(tls));
  std::string start;
  std::string description;
  {
    FTPSFS_TRY_ASSIGN(const auto lease, core->pool().acquire(Purpose::metadata, wait));
    const Session& session = session_of(lease);
    start = session.start_directory();
    description = session.tls();
  }
  if (core->settings().verify_content && core->knowledge().profile().digest_commands().empty()) {
    log::warning(
        "{} has no command that tells a file's digest (HASH, XSHA256, XSHA512, XSHA1, XMD5, MD5, "
        "XCRC): uploads are verified by their sizes alone",
        core->settings().session.host);
  }
  std::unique_ptr<FtpRemote> remote(new FtpRemote(std::move(core)));
  if (auto path = RemotePath::parse(start)) {
    remote->start_directory_ = *std::move(path);
  }
  remote->tls_ = std::move(description);
  return remote;
}

RemotePath FtpRemote::start_directory() const {
  return start_directory_;
}

FtpRemoteCounters FtpRemote::counters() const {
  FtpRemoteCounters now;
  now.pool = core_->pool().counters();
  now.bytes_read = core_->traffic().bytes_read;
  now.bytes_written = core_->traffic().bytes_written;
  now.data_connections = core_->traffic().data_connections;
  now.warm_starts = core_->traffic().warm_starts;
  now.full_handshakes = core_->traffic().full_handshakes;
  now.fallbacks = core_->traffic().fallbacks;
  now.link_failures = core_->traffic().link_failures;
  now.sent_again = core_->traffic().sent_again;
  now.commands = core_->traffic().commands;
  now.flights = core_->traffic().flights;
  now.verbs = core_->traffic().verb_times.summary();
  now.transfers = core_->traffic().transfers.running();
  return now;
}

void FtpRemote::forget_refusals() {
  core_->target_listings().note_change();
  core_->pool().forget_refusals();
}

const session::CertificateWatch& FtpRemote::certificates() const {
  return core_->certificates();
}

Result<void> FtpRemote::renew(session::SessionSettings settings) {
  FTPSFS_TRY_ASSIGN(auto tls, net::TlsContext::create(settings.tls));
  core_->renew(std::move(settings), std::move(tls));
  return {};
}

void FtpRemote::prepare() {
  core_->pool().grow(2);
}

void FtpRemote::end_endless_waits() {
  core_->pool().end_endless_waits();
}

void FtpRemote::close(const Wait& wait) {
  core_->pool().close(wait);
}

RemoteTraits FtpRemote::traits() const {
  const ftp::ServerProfile known = core_->knowledge().profile();
  RemoteTraits traits;
  traits.stat_is_cheap = known.has_mlst && known.mlst_links != ftp::LinkView::followed;
  traits.exact_listing = known.has_mlsd;
  traits.case_sensitive = !known.folds_case;
  traits.can_set_mtime = known.mfmt || known.mff_modify || known.mdtm_set || known.site_utime;
  traits.can_set_mode = known.site_chmod || known.mff_unix_mode;
  traits.can_symlink = known.site_symlink;
  traits.tells_space = known.avbl;
  traits.appends = known.appends;
  traits.appends_surely = known.appends && !known.append_is_doubtful;
  // Those by STAT share a flight; of the others each takes a transfer of its own.
  constexpr std::size_t kInOneFlight = 16;
  constexpr std::size_t kInTurn = 4;
  traits.listings_share_flight = known.stat_lists && core_->settings().session.stat_listing &&
                                 (!known.has_mlsd || asks_for_names(core_->knowledge()));
  traits.listings_at_once = traits.listings_share_flight ? kInOneFlight : kInTurn;
  traits.listing_slow_when_large = known.stat_slow_when_large;
  return traits;
}

std::string FtpRemote::description() const {
  const bool is_private = core_->settings().session.protection == session::Protection::private_data;
  const std::string& charset = core_->settings().session.server.charset;
  const std::string zone = core_->knowledge().describe_zone();
  return core_->knowledge().profile().describe() + "; " + tls_ +
         (charset.empty() ? "" : ", names in " + charset) + (zone.empty() ? "" : ", " + zone) +
         (is_private ? ", data encrypted" : ", data NOT encrypted (prot=clear)");
}

// ---- What may be repeated ----

Result<std::optional<Entry>> FtpRemote::glance(const RemotePath& path, const Wait& wait) {
  const log::PathScope about(path.str());
  const ftp::ServerProfile known = core_->knowledge().profile();
  if (answers_mlst(known, path)) {
    FTPSFS_TRY_ASSIGN(auto mlst, ftp::Command::make("MLST", path.str()));
    std::vector<ftp::Command> questions{std::move(mlst)};
    if (!known.mlst_says_why && known.mlst_links == ftp::LinkView::shown && !path.is_root()) {
      FTPSFS_TRY_ASSIGN(auto enter, ftp::Command::make("CWD", path.parent().str()));
      questions.push_back(std::move(enter));
    }
    FTPSFS_TRY_ASSIGN(const auto replies, core_->questions().ask(std::move(questions), wait));
    if (replies.size() > 1 && proves_absence(replies[0], replies[1])) {
      return make_error(Errc::not_found, replies[0].text(), replies[0].code);
    }
    if (auto verdict = read_mlst(known, path, replies.front())) {
      FTPSFS_TRY_ASSIGN(Entry entry, *std::move(verdict));
      return std::optional<Entry>(std::move(entry));
    }
    // Where MLST follows links, what it refuses may be a dangling one.
    if (known.mlst_links != ftp::LinkView::shown && !path.is_root() &&
        !ftp::is_unknown_command(replies.front().code)) {
      return std::optional<Entry>();
    }
  }
  FTPSFS_TRY_ASSIGN(Entry entry, look_up(path, wait));
  return std::optional<Entry>(std::move(entry));
}

Result<Entry> FtpRemote::stat(const RemotePath& path, const Wait& wait) {
  FTPSFS_TRY_ASSIGN(auto seen, glance(path, wait));
  return seen ? Result<Entry>(*std::move(seen)) : look_up(path, wait);
}

Result<Entry> FtpRemote::stat_unlisted(const RemotePath& path, const Wait& wait) {
  if (answers_mlst(core_->knowledge().profile(), path)) {
    return stat(path, wait);
  }
  return core_->repeat(Purpose::metadata, wait, [&path](Session& session, const Wait& limit) {
    return feel_for(session, path, not_listed(path), limit);
  });
}

/// By whatever it takes.
Result<Entry> FtpRemote::look_up(const RemotePath& path, const Wait& wait) {
  const log::PathScope about(path.str());
  return core_->repeat(Purpose::metadata, wait, [&path](Session& session, const Wait& limit) {
    return fetch_entry(session, path, limit);
  });
}

Result<Entry> FtpRemote::follow(const RemotePath& path, const Entry& link, const Wait& wait) {
  return core_->repeat(Purpose::metadata, wait,
                       [this, &path, &link](Session& session, const Wait& limit) {
                         return fetch_target(session, path, link, core_->target_listings(), limit);
                       });
}

Result<FileVersion> FtpRemote::version(const RemotePath& path, const Wait& wait) {
  const log::PathScope about(path.str());
  if (answers_mlst(core_->knowledge().profile(), path)) {
    FTPSFS_TRY_ASSIGN(const Entry entry, stat(path, wait));
    if (entry.type != FileType::symlink) {
      return version_of(entry);
    }
  }
  return core_->repeat(Purpose::metadata, wait, [&path](Session& session, const Wait& limit) {
    return fetch_version(session, path, limit);
  });
}

Result<FileVersion> FtpRemote::stamp(const RemotePath& path, const Wait& wait) {
  const ftp::ServerProfile known = core_->knowledge().profile();
  if (!known.size || !known.tells_length_of(path.str())) {
    return FileVersion{};
  }
  return core_->repeat(
      Purpose::metadata, wait, [&path](Session& session, const Wait& limit) -> Result<FileVersion> {
        FTPSFS_TRY_ASSIGN(const auto stamp, session::fetch_stamp(session, path.str(), limit));
        return to_version(stamp);
      });
}

bool FtpRemote::takes_any_name_beside(const RemotePath& path) const {
  return core_->knowledge().profile().takes_any_name_beside(path.str());
}

Result<Listing> FtpRemote::list(const RemotePath& path, const Wait& wait,
                                const ListingHints& given) {
  const log::PathScope about(path.str());
  ListingHints hints = given;
  if (wait.is_endless()) {
    // Who was shown a part waits no longer, and could not be told of the end for as long as the
    // link is away. But as long as parts come they have the time of a step each.
    hints.arriving = [this, &wait](const std::vector<Entry>&) {
      return std::optional(core_->step_of(wait));
    };
  }
  return core_->repeat(
      Purpose::listing, wait,
      [this, &path, &hints](Session& session, const Wait& limit) -> Result<Listing> {
        std::optional<ReadListing> listed;
        if (hints.is_tiny() && is_sooner_asked(session)) {
          FTPSFS_TRY_ASSIGN(auto asked, list_by_asking(session, path, listed, limit));
          if (asked) {
            return *std::move(asked);
          }
        }
        const ListingAids alone{hints, nullptr, listed ? &*listed : nullptr};
        if (listed || !lists_twice(session.profile()) || !session.settings().warm_data) {
          return fetch_children(session, path, limit, alone);
        }
        // Two connections list in half the time. The second is worth having for the next directory.
        if (!core_->knowledge().allows(session::ServerKnowledge::Way::list_beside)) {
          return fetch_children(session, path, limit, alone);
        }
        const auto second = core_->pool().try_acquire(Purpose::listing);
        if (!second) {
          core_->pool().grow(2);
        }
        return fetch_children(session, path, limit,
                              {hints, second ? &session_of(*second) : nullptr, nullptr});
      });
}

void FtpRemote::list_ahead(const ChooseDirectories& choose, bool times, const ListingSink& sink,
                           const Wait& wait) {
  auto lease = core_->pool().acquire_spare(wait);
  if (!lease) {
    return;
  }
  const std::vector<RemotePath> directories = choose();
  if (auto done = fetch_ahead(session_of(*lease), directories, times, sink, wait); !done) {
    log::debug("listing ahead: {}", done.error().text);
    lease->note(done.error());
    if (Core::wants_new_login(done.error())) {
      lease->discard();
    }
  }
}

Result<std::optional<WholeFile>> FtpRemote::read_ahead(const FileAheadOfNeed& file,
                                                       const Wait& wait) {
  auto lease = core_->pool().acquire_spare(wait, file.is_awaited ? 0 : 1);
  const std::optional<RemotePath> chosen = lease ? file.choose() : std::nullopt;
  if (!chosen) {
    return std::optional<WholeFile>();
  }
  const log::PathScope about(chosen->str());
  auto read = fetch_whole(session_of(*lease), *chosen, file.most_bytes, file.on_bytes, wait);
  if (!read) {
    log::debug("reading ahead: {}", read.error().text);
    lease->note(read.error());
    if (Core::wants_new_login(read.error())) {
      lease->discard();
    }
  }
  return read;
}

Result<std::vector<std::optional<FileTime>>> FtpRemote::exact_times(
    const RemotePath& directory, std::span<const std::string> names, const Wait& wait) {
  const log::PathScope about(directory.str());
  std::vector<std::optional<RemotePath>> paths;
  paths.reserve(names.size());
  for (const std::string& name : names) {
    paths.push_back(child_of(directory, name));
  }
  return core_->repeat(Purpose::metadata, wait,
                       [this, &paths](Session& session, const Wait& limit) {
                         return fetch_times_by_two(*core_, session, paths, limit);
                       });
}

Result<Space> FtpRemote::space(const RemotePath& path, const Wait& wait) {
  const log::PathScope about(path.str());
  return core_->repeat(Purpose::metadata, wait, [&path](Session& session, const Wait& limit) {
    return fetch_space(session, path, limit);
  });
}

Result<std::unique_ptr<RemoteReader>> FtpRemote::open_reader(const RemotePath& path,
                                                             const ByteRange& range,
                                                             YieldRequest on_yield,
                                                             const Wait& wait) {
  const log::PathScope about(path.str());
  return open_ftp_reader(*core_, path, range, std::move(on_yield), wait);
}

Result<std::unique_ptr<RemoteWriter>> FtpRemote::open_writer(const RemotePath& path, WriteMode mode,
                                                             YieldRequest on_yield,
                                                             const Wait& wait,
                                                             const UploadTail& likely) {
  const log::PathScope about(path.str());
  return open_ftp_writer(*core_, path, mode, std::move(on_yield), wait, likely);
}

// ---- What is sent once ----

Result<void> FtpRemote::make_directory(const RemotePath& path, const Wait& wait) {
  const log::PathScope about(path.str());
  return core_->mutate(wait,
                       Change{[&path](Session& session, const Wait& limit) {
                                return send_make_directory(session, path, limit);
                              },
                              [&path](Session& session, const Error& refusal, const Wait& limit) {
                                return settle_make_directory(session, path, refusal, limit);
                              },
                              [&path](Session& session, const Wait& limit) {
                                return exists(session, path, limit);
                              }});
}

Result<void> FtpRemote::remove_directory(const RemotePath& path, const Wait& wait) {
  const log::PathScope about(path.str());
  FTPSFS_TRY(check_type(path, true, wait));
  return core_->mutate(wait,
                       Change{[&path](Session& session, const Wait& limit) {
                                return send_remove_directory(session, path, limit);
                              },
                              [&path](Session& session, const Error& refusal, const Wait& limit) {
                                return settle_remove_directory(session, path, refusal, limit);
                              },
                              [&path](Session& session, const Wait& limit) {
                                return is_gone(session, path, limit);
                              }});
}

Result<void> FtpRemote::remove_file(const RemotePath& path, const Wait& wait) {
  const log::PathScope about(path.str());
  FTPSFS_TRY(check_type(path, false, wait));
  return core_->mutate(wait,
                       Change{[&path](Session& session, const Wait& limit) {
                                return send_remove_file(session, path, limit);
                              },
                              [&path](Session& session, const Error& refusal, const Wait& limit) {
                                return settle_remove_file(session, path, refusal, limit);
                              },
                              [&path](Session& session, const Wait& limit) {
                                return is_gone(session, path, limit);
                              }});
}

Result<std::vector<bool>> FtpRemote::remove_files(std::span<const RemotePath> paths,
                                                  const Wait& wait) {
  return core_->mutate_many(wait, [&paths](Session& session, const Wait& limit) {
    return send_remove_files(session, paths, limit);
  });
}

Result<void> FtpRemote::rename(const RemotePath& from, const RemotePath& to, const Wait& wait) {
  const log::PathScope about(from.str());
  if (to.str().starts_with(from.str() + "/")) {
    return make_error(Errc::invalid_argument, "a directory cannot be moved into itself");
  }
  bool begun = false;
  FTPSFS_TRY(core_->mutate(
      wait, Change{[&from, &to, &begun](Session& session, const Wait& limit) {
                     return send_rename(session, from, to, begun, limit);
                   },
                   [&from, &to, &begun](Session& session, const Error& refusal, const Wait& limit) {
                     return settle_rename(session, from, to, begun, refusal, limit);
                   },
                   [&from, &to](Session& session, const Wait& limit) {
                     return is_renamed(session, from, to, limit);
                   }}));
  core_->knowledge().note_upload_renamed(from.str(), to.str());
  return {};
}

Result<void> FtpRemote::make_symlink(const std::string& target, const RemotePath& path,
                                     const Wait& wait) {
  const log::PathScope about(path.str());
  return core_->mutate(
      wait, Change{[&target, &path](Session& session, const Wait& limit) {
                     return send_make_symlink(session, target, path, limit);
                   },
                   [&target, &path](Session& session, const Error& refusal, const Wait& limit) {
                     return settle_make_symlink(session, target, path, refusal, limit);
                   },
                   [&path](Session& session, const Wait& limit) {
                     return exists(session, path, limit);
                   }});
}

Result<void> FtpRemote::check_type(const RemotePath& path, bool directory, const Wait& wait) {
  if (core_->knowledge().profile().habits_tried) {
    return {};
  }
  FTPSFS_TRY_ASSIGN(const Entry entry, stat(path, wait));
  if ((entry.type == FileType::directory) == directory) {
    return {};
  }
  return make_error(directory ? Errc::not_directory : Errc::is_directory, path.str());
}

// Setting an attribute twice is setting it once.

Result<void> FtpRemote::check_content(const RemotePath& path, const Digest& digest,
                                      const Wait& wait) {
  const log::PathScope about(path.str());
  return check_ftp_content(*core_, path, digest, wait);
}

Result<void> FtpRemote::set_mode(const RemotePath& path, std::uint16_t mode, const Wait& wait) {
  const log::PathScope about(path.str());
  const ChangeNote note(core_->target_listings());
  return core_->repeat(Purpose::metadata, wait, [&path, mode](Session& session, const Wait& limit) {
    return send_set_mode(session, path, mode, limit.uncancellable());
  });
}

Result<void> FtpRemote::set_mtime(const RemotePath& path, std::int64_t unix_seconds,
                                  const Wait& wait) {
  const log::PathScope about(path.str());
  const ChangeNote note(core_->target_listings());
  core_->knowledge().forget_upload(path.str());
  return core_->repeat(Purpose::metadata, wait,
                       [&path, unix_seconds](Session& session, const Wait& limit) {
                         return send_set_mtime(session, path, unix_seconds, limit.uncancellable());
                       });
}

}  // namespace ftpsfs::remote
