// SPDX-License-Identifier: MIT
#include "ftpsfs/fuse/frontend.hpp"

#include <algorithm>
#include <exception>

#include "ftpsfs/fuse/caller.hpp"

namespace ftpsfs::fuse {

/// From a function pointer's world to a member: opens the ticket and the log scope, and lets no
/// exception into libfuse (the dropped ticket then replies EIO).
template <auto Method, Admission admission>
struct Callback;
template <typename... Args, void (Frontend::*Method)(Ticket, Args...), Admission admission>
struct Callback<Method, admission> {
  static void call(fuse_req_t request, Args... args) noexcept {
    Ticket ticket(request);
    auto& frontend = *static_cast<Frontend*>(fuse_req_userdata(request));
    const log::LogScope scope(++frontend.current_id_);
    if (admission == Admission::new_work && frontend.refusing_) {
      ticket.fail(ENOTCONN);
      return;
    }
    try {
      (frontend.*Method)(std::move(ticket), args...);
    } catch (const std::exception& e) {
      log::error("a request failed: {}", e.what());
    } catch (...) {
      log::error("a request failed with an unknown exception");
    }
  }
};

Frontend::Frontend(fs::Filesystem& filesystem, RequestBuffers& buffers,
                   const ServeSettings& settings, std::uint32_t max_read)
    : filesystem_(filesystem),
      buffers_(buffers),
      settings_(settings),
      max_read_(max_read),
      undo_(filesystem, std::min(settings.settle_timeout, ServeSettings{}.settle_timeout)),
      work_({"ftpsfs-work", std::max<std::size_t>(settings.max_threads, 1), Duration(30'000)}),
      settle_({"ftpsfs-settle", std::max<std::size_t>(settings.max_threads / 2, 1),
               Duration(30'000)}) {}

Frontend::~Frontend() {
  stop_workers(Duration(0));
}

const fuse_lowlevel_ops& Frontend::callbacks() {
  // Left null on purpose: access (default_permissions), xattrs (else the kernel asks for
  // security.capability before each write), locks (the kernel keeps local ones), and what FTP
  // cannot do (the kernel then falls back: copy_file_range, lseek).
  static const fuse_lowlevel_ops callbacks = [] {
    constexpr auto kNewWork = Admission::new_work;
    constexpr auto kAlways = Admission::always;
    fuse_lowlevel_ops ops{};
    ops.init = &Frontend::on_init;
    ops.lookup = &Callback<&Frontend::lookup, kNewWork>::call;
    ops.forget = &Frontend::on_forget;
    ops.forget_multi = &Frontend::on_forget_multi;
    ops.getattr = &Callback<&Frontend::getattr, kNewWork>::call;
    ops.setattr = &Callback<&Frontend::setattr, kNewWork>::call;
    ops.readlink = &Callback<&Frontend::readlink, kNewWork>::call;
    ops.mknod = &Callback<&Frontend::mknod, kNewWork>::call;
    ops.mkdir = &Callback<&Frontend::mkdir, kNewWork>::call;
    ops.unlink = &Callback<&Frontend::unlink, kNewWork>::call;
    ops.rmdir = &Callback<&Frontend::rmdir, kNewWork>::call;
    ops.symlink = &Callback<&Frontend::symlink, kNewWork>::call;
    ops.rename = &Callback<&Frontend::rename, kNewWork>::call;
    ops.link = &Callback<&Frontend::link, kNewWork>::call;
    ops.open = &Callback<&Frontend::open, kNewWork>::call;
    ops.create = &Callback<&Frontend::create, kNewWork>::call;
    ops.read = &Callback<&Frontend::read, kNewWork>::call;
    ops.write_buf = &Callback<&Frontend::write, kNewWork>::call;
    ops.flush = &Callback<&Frontend::flush, kAlways>::call;
    ops.fsync = &Callback<&Frontend::fsync, kAlways>::call;
    ops.fallocate = &Callback<&Frontend::fallocate, kNewWork>::call;
    ops.release = &Callback<&Frontend::release, kAlways>::call;
    ops.opendir = &Callback<&Frontend::opendir, kNewWork>::call;
    ops.readdir = &Callback<&Frontend::readdir, kNewWork>::call;
    ops.readdirplus = &Callback<&Frontend::readdirplus, kNewWork>::call;
    ops.releasedir = &Callback<&Frontend::releasedir, kAlways>::call;
    ops.fsyncdir = &Callback<&Frontend::fsyncdir, kAlways>::call;
    ops.statfs = &Callback<&Frontend::statfs, kNewWork>::call;
    return ops;
  }();
  return callbacks;
}

void Frontend::on_init(void* userdata, fuse_conn_info* connection) noexcept {
  static_cast<Frontend*>(userdata)->negotiate(*connection);
}

void Frontend::negotiate(fuse_conn_info& connection) {
  constexpr unsigned kWanted = FUSE_CAP_ASYNC_READ | FUSE_CAP_ATOMIC_O_TRUNC |
                               FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO |
                               FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_AUTO_INVAL_DATA |
                               FUSE_CAP_ASYNC_DIO;
  // Write-back caching would let close() succeed before we have seen the bytes. Splicing would
  // put a pipe between the kernel and our buffers.
  constexpr unsigned kUnwanted = FUSE_CAP_WRITEBACK_CACHE | FUSE_CAP_SPLICE_READ |
                                 FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE |
                                 FUSE_CAP_EXPORT_SUPPORT | FUSE_CAP_POSIX_ACL |
                                 FUSE_CAP_POSIX_LOCKS | FUSE_CAP_FLOCK_LOCKS;
  constexpr unsigned kMaxWrite = 1U << 20;
  constexpr unsigned kMaxBackground = 64;  // read-ahead requests under way
  constexpr unsigned kWholeSeconds = 1'000'000'000;
  connection.want = (connection.want | (connection.capable & kWanted)) & ~kUnwanted;
  connection.max_write = std::min(connection.max_write, kMaxWrite);
  connection.max_read = max_read_;  // libfuse insists on the value of the mount option
  connection.max_background = kMaxBackground;
  connection.congestion_threshold = kMaxBackground * 3 / 4;
  connection.time_gran = kWholeSeconds;  // what FTP can store
  wire_.expect_init_reply((connection.want & FUSE_CAP_PARALLEL_DIROPS) != 0);
}

void Frontend::on_interrupt(fuse_req_t request, void* data) noexcept {
  auto& frontend = *static_cast<Frontend*>(fuse_req_userdata(request));
  try {
    const auto pending = frontend.pending_.find(reinterpret_cast<PendingRequest::Id>(data));
    // A caller that stays is left to CallerWatch: the kernel interrupts a request once only.
    if (pending && find_caller_intent(pending->pid()) != CallerIntent::staying) {
      log::debug("request #{} is interrupted", pending->id());
      pending->interrupt();
    }
  } catch (const std::exception& e) {
    log::error("an interrupt failed: {}", e.what());
  }
}

void Frontend::on_forget(fuse_req_t request, fuse_ino_t ino, std::uint64_t lookups) noexcept {
  fuse_forget_data one{ino, lookups};
  on_forget_multi(request, 1, &one);
}

void Frontend::on_forget_multi(fuse_req_t request, std::size_t count,
                               fuse_forget_data* forgets) noexcept {
  auto& frontend = *static_cast<Frontend*>(fuse_req_userdata(request));
  try {
    for (std::size_t i = 0; i < count; ++i) {
      frontend.filesystem_.forget(forgets[i].ino, forgets[i].nlookup);
    }
  } catch (const std::exception& e) {
    log::error("forgetting inodes failed: {}", e.what());
  }
  fuse_reply_none(request);
}

void Frontend::statfs(Ticket ticket, fuse_ino_t) {
  dispatch("statfs", std::move(ticket), OnInterrupt::worker_answers, Lane::work,
           [this](const fs::Request& request) { return filesystem_.space(request); });
}

void Frontend::submit(Ticket ticket, OnInterrupt on_interrupt, Lane lane, PendingRequest::Job job) {
  const fuse_req_t request = ticket.get();
  // Registering for an interrupt that has come already would call back from inside, where a reply
  // frees what libfuse still uses. Interrupts come through this thread: none can come in between.
  if (fuse_req_interrupted(request) != 0) {
    ticket.fail(EINTR);
    return;
  }
  // First, because from add() on others may answer, and thereby free, the request.
  const PendingRequest::Id id = current_id_;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): libfuse's cookie is a pointer; ours is a number.
  fuse_req_interrupt_func(request, &Frontend::on_interrupt, reinterpret_cast<void*>(id));
  const Duration limit =
      lane == Lane::settle ? settings_.settle_timeout : settings_.operation_timeout;
  const auto pending =
      pending_.add(id, std::move(ticket), on_interrupt, SteadyClock::now() + limit, std::move(job));
  bool taken = false;
  try {
    Executor& executor = lane == Lane::settle ? settle_ : work_;
    taken = executor.submit([this, pending] { run(*pending); });
  } catch (const std::exception& e) {
    log::error("a request could not be queued: {}", e.what());
  }
  if (!taken) {
    pending->abandon(EIO);
    pending_.remove(id);
  }
}

void Frontend::run(PendingRequest& pending) noexcept {
  const log::LogScope scope(pending.id());
  try {
    pending.run();
  } catch (const std::exception& e) {
    log::error("a request failed: {}", e.what());
    pending.abandon(EIO);
  } catch (...) {
    log::error("a request failed with an unknown exception");
    pending.abandon(EIO);
  }
  pending_.remove(pending.id());
}

void Frontend::stop_workers(Duration grace) {
  pending_.close();
  if (!pending_.wait_for_none(Wait::for_at_most(grace))) {
    for (const auto& request : pending_.all()) {
      request->abandon(EIO);
    }
  }
  work_.stop();
  settle_.stop();
}

std::size_t Frontend::worker_threads() const {
  return work_.counters().threads + settle_.counters().threads;
}

}  // namespace ftpsfs::fuse
