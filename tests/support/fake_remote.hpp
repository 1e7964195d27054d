// SPDX-License-Identifier: MIT
//
// A server in memory for tests of everything above `remote`: a tree with the semantics and errors
// that remote.hpp promises, a limited number of connections whose streams are asked to give way,
// and a plan of faults and gates. Its only clock is the one given (mtimes); it never sleeps.
//
//   ManualClock clock;
//   FakeRemote remote(clock);
//   remote.put("/a/b.txt", "hello");
//   Gate gate = remote.hold(Op::list);           // calls of list stand still …
//   remote.fail_next(Op::stat, "/a", make_error(Errc::timed_out, "stall"));
//   gate.await_blocked();  gate.open();          // … until here
//   EXPECT_THAT(remote.log(), ElementsAre("list /a", "stat /a"));
//
// A writer's finish() is one call, whatever its tail: "finish /f mtime=5 mode=0600". Faults of
// Op::set_mtime and Op::set_mode strike the parts of the tail.
//
// Thread-safe; readers and writers belong to one thread at a time and must go before it.
#pragma once

#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ftpsfs/base/clock.hpp"
#include "ftpsfs/base/mutex.hpp"
#include "ftpsfs/remote/remote.hpp"
#include "support/fake_remote_places.hpp"
#include "support/fake_remote_plan.hpp"
#include "support/fake_remote_tree.hpp"

namespace ftpsfs::test {

struct FakeRemoteOptions {
  // Traits.
  bool stat_is_cheap = true;
  /// Off: list() shows minutes and says exact_times=false (and so does stat(), unless it is cheap);
  /// exact_times() and version() know the seconds.
  bool exact_listing = true;
  bool case_sensitive = true;
  /// list() leaves this name out, and says so; and so does stat(), unless it is cheap.
  std::string unlisted = {};
  /// list() tells so many entries at a time before its end, and only then counts as called: what
  /// holds it back or fails it comes behind them. 0: all at the end.
  std::size_t arrives_in = 0;
  bool absence_needs_listing = false;  ///< glance() cannot tell that a name is not there
  bool can_set_mtime = true;
  bool can_set_mode = true;
  bool can_symlink = true;
  bool appends = true;
  bool appends_surely = true;
  /// To a file that exists it does not, which shows at the first try (ProFTPD's 451).
  bool refuses_append = false;
  bool overwrites = true;    ///< off: an upload onto a name that exists is refused
  bool writes_back = false;  ///< uploads arrive whole, but for those below `plain_names_below`

  // Manners.
  bool tells_size = true;  ///< off: sizes of files are unknown everywhere (old IBM i)
  /// With tells_size off: listings tell none, but questions for one file do (SIZE).
  bool tells_size_when_asked = false;
  /// Below this directory no name may begin with a dot (IBM i's libraries). Empty: they may.
  std::string plain_names_below = {};
  /// What a name takes in its directory, whose size is told then.
  std::uint64_t bytes_of_name = 0;
  /// Files have a digest by which their content can be compared.
  std::optional<DigestAlgorithm> digest = {};
  bool tells_unique = false;           ///< entries bear the node's number
  bool rename_replaces = true;         ///< off: rename over an existing name is already_exists
  bool ends_early = false;             ///< a download of a range ends with it (RANG)
  std::size_t read_chunk = 64 * 1024;  ///< a reader gives no more than this at a time
  /// How many of the last bytes are lost when a writer is destroyed before finish().
  std::uint64_t lost_on_abort = 0;
  /// Connections; 0: no limit. Each call and each stream needs one.
  unsigned max_conns = 0;
  remote::Space space;
};

class FakeRemote final : public remote::Remote {
 public:
  explicit FakeRemote(const Clock& clock, FakeRemoteOptions options = {});
  ~FakeRemote() override;

  // The tree from outside, as another client of the server would change it: neither counted nor
  // logged, no fault strikes here. Parents are made as needed.
  /// A new file takes the name's place (another node). @param mtime default: now.
  void put(const std::string& path, std::string content,
           std::optional<std::int64_t> mtime = std::nullopt);
  /// More bytes at the end of the same file.
  void grow(const std::string& path, const std::string& bytes);
  void put_directory(const std::string& path);
  void put_symlink(const std::string& path, const std::string& target);
  void erase(const std::string& path);
  std::optional<std::string> content(const std::string& path) const;
  bool exists(const std::string& path) const;
  std::vector<std::string> names(const std::string& directory) const;
  std::optional<std::uint16_t> mode(const std::string& path) const;
  std::optional<std::int64_t> mtime(const std::string& path) const;
  /// Everything: files with their content, directories as "/a/" and symlinks as "-> target".
  std::map<std::string, std::string> snapshot() const;

  // The plan: see FakePlan.
  void fail_next(Op op, std::string path, Error error, Moment moment = Moment::before) {
    plan_.fail_next(op, std::move(path), std::move(error), moment);
  }
  void fail_after_bytes(Op op, std::uint64_t bytes, Error error) {
    plan_.fail_after_bytes(op, bytes, std::move(error));
  }
  /// Of the bytes that are written next, this one arrives as another.
  void corrupt_byte(std::uint64_t at) { corrupted_byte_ = at; }
  void fail_all(std::optional<Error> error) { plan_.fail_all(std::move(error)); }
  /// Calls of `op` (on `path`, when not empty) stand still until the gate opens, holding their
  /// connection.
  [[nodiscard]] Gate hold(Op op, std::string path = {}, Moment moment = Moment::before) {
    return plan_.hold(op, std::move(path), moment);
  }
  /// Called at each call's beginning, on its thread, without a lock: for changes made meanwhile.
  void on_call(std::function<void(Op, const std::string& path)> hook) {
    plan_.on_call(std::move(hook));
  }

  // What was asked.
  std::size_t calls(Op op) const { return plan_.calls(op); }
  std::size_t calls() const { return plan_.calls(); }  ///< all, without read and write
  /// "list /a", "rename /a /b", …, in the order of their beginning; without read and write.
  std::vector<std::string> log() const { return plan_.log(); }
  /// Reads ahead of which it was said that a program waits for one.
  unsigned awaited_reads_ahead() const { return awaited_reads_ahead_; }
  void forget_calls() { plan_.forget_calls(); }
  /// Of all calls so far: none of them waits longer.
  SteadyTime last_deadline() const { return plan_.last_deadline(); }
  std::uint64_t bytes_read() const { return bytes_read_; }
  std::uint64_t bytes_written() const { return bytes_written_; }
  std::size_t connections() const { return places_.taken(); }
  std::size_t most_connections() const { return places_.most_taken(); }
  std::size_t yield_requests() const { return places_.requests(); }

  remote::RemoteTraits traits() const override;
  void forget_refusals() override {}
  Result<remote::Entry> stat(const remote::RemotePath& path, const Wait& wait) override;
  Result<remote::Entry> stat_settled(const remote::RemotePath& path, const Wait& wait) override {
    return stat(path, wait);
  }
  Result<remote::Entry> stat_unlisted(const remote::RemotePath& path, const Wait& wait) override;
  Result<std::optional<remote::Entry>> glance(const remote::RemotePath& path,
                                              const Wait& wait) override;
  Result<remote::Entry> follow(const remote::RemotePath& path, const remote::Entry& link,
                               const Wait& wait) override;
  Result<remote::FileVersion> version(const remote::RemotePath& path, const Wait& wait) override;
  Result<remote::FileVersion> stamp(const remote::RemotePath& path, const Wait& wait) override;
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
  Result<void> check_content(const remote::RemotePath& path, const Digest& digest,
                             const Wait& wait) override;
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
  Result<void> settle(const remote::RemotePath& path, const Wait& wait) override;
  Result<remote::Space> space(const remote::RemotePath& path, const Wait& wait) override;

 private:
  class Stream;
  class Reader;
  class Writer;

  /// One call: a connection, the plan, then `work` under the tree's mutex, the plan again.
  template <typename Work>
  auto call(Op op, const std::string& path, const Wait& wait, const std::string& second, Work work)
      -> decltype(work());
  template <typename Work>
  auto call_on_stream(Op op, const std::string& path, const Wait& wait, Work work,
                      const std::string& second = {}) -> decltype(work());
  std::int64_t now() const;
  remote::Entry entry_of(const std::string& name, const FakeNode& node, bool exact) const;
  Result<remote::Listing> listing_of(const remote::RemotePath& path, std::string_view timed,
                                     bool all_timed) const FTPSFS_REQUIRES(mutex_);
  remote::FileVersion version_of(const FakeNode& node) const;
  static Result<void> compare(const FakeNode& node, const Digest& digest);
  Result<void> check_new_name(const remote::RemotePath& path) const;
  Result<void> check_upload(const remote::RemotePath& path, remote::WriteMode mode)
      FTPSFS_REQUIRES(mutex_);
  void tell_arrivals(const remote::RemotePath& path, const remote::ArrivalSink& sink);
  FakeNodePtr look(const std::string& path, bool follow) const FTPSFS_REQUIRES(mutex_);

  const Clock& clock_;
  const FakeRemoteOptions options_;
  FakePlan plan_;
  FakePlaces places_;
  mutable Mutex mutex_;
  FakeTree tree_ FTPSFS_GUARDED_BY(mutex_);
  std::atomic<std::uint64_t> bytes_read_{0};
  std::atomic<unsigned> awaited_reads_ahead_{0};
  std::atomic<std::uint64_t> bytes_written_{0};
  std::atomic<bool> append_refused_{false};
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};
  std::atomic<std::uint64_t> corrupted_byte_{kNone};  ///< counted down as bytes are written
};

template <typename Work>
auto FakeRemote::call(Op op, const std::string& path, const Wait& wait, const std::string& second,
                      Work work) -> decltype(work()) {
  FTPSFS_TRY_ASSIGN(const FakePlaces::Place place, places_.acquire(wait));
  FTPSFS_TRY(plan_.before(op, path, wait, second));
  auto result = [&] {
    const MutexLock lock(mutex_);
    return work();
  }();
  FTPSFS_TRY(plan_.after(op, path, wait));
  return result;
}

template <typename Work>
auto FakeRemote::call_on_stream(Op op, const std::string& path, const Wait& wait, Work work,
                                const std::string& second) -> decltype(work()) {
  FTPSFS_TRY(plan_.before(op, path, wait, second));
  auto result = [&] {
    const MutexLock lock(mutex_);
    return work();
  }();
  FTPSFS_TRY(plan_.after(op, path, wait));
  return result;
}

}  // namespace ftpsfs::test
