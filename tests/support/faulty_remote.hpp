// SPDX-License-Identifier: MIT
//
// A decorator that lets exactly one call fail: the n-th of all calls to the remote and its streams.
// A test runs its scenario for n = 1, 2, 3, … until a run in which nothing struck, so that every
// point of failure is visited once:
//
//   for_each_fault(seed, [&](FaultPoint point) {
//     FakeRemote inner(clock);
//     FaultyRemote remote(inner, point);
//     scenario(remote);              // must keep its promises whether or not a call fails
//     return remote.has_struck();
//   });
//
// Thread-safe; readers and writers belong to one thread at a time and must go before it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "ftpsfs/remote/remote.hpp"
#include "support/fake_remote_plan.hpp"

namespace ftpsfs::test {

struct FaultPoint {
  std::uint64_t call = 0;  ///< counted from 1; 0: never
  Error error;
  /// `after`: the call has done its work, and its reply is lost.
  Moment moment = Moment::before;

  /// The n-th call fails in a way that the seed chooses: one of the failures of a link, before or
  /// after the work.
  static FaultPoint from_seed(std::uint64_t seed, std::uint64_t call);
};

/// "call 7: closed (after)", for SCOPED_TRACE.
std::string to_string(const FaultPoint& point);

/// Runs the scenario with the 1st, 2nd, … call failing.
/// @param scenario returns whether its fault has struck; a run without one is the last.
/// @return the number of points of failure. More than `limit` of them is a scenario without end.
std::uint64_t for_each_fault(std::uint64_t seed, const std::function<bool(FaultPoint)>& scenario,
                             std::uint64_t limit = 10'000);

class FaultyRemote final : public remote::Remote {
 public:
  FaultyRemote(remote::Remote& inner, FaultPoint point);
  ~FaultyRemote() override;

  bool has_struck() const { return struck_; }
  /// What was hit: "rename", "finish", …; empty when nothing was.
  std::string struck_op() const;
  std::uint64_t calls() const { return calls_; }

  remote::RemoteTraits traits() const override { return inner_.traits(); }
  void forget_refusals() override { inner_.forget_refusals(); }
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
  bool takes_any_name_beside(const remote::RemotePath& path) const override {
    return inner_.takes_any_name_beside(path);
  }
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
                             const Wait& wait) override {
    return inner_.check_content(path, digest, wait);
  }
  Result<void> make_directory(const remote::RemotePath& path, const Wait& wait) override;
  Result<void> remove_directory(const remote::RemotePath& path, const Wait& wait) override;
  Result<void> remove_file(const remote::RemotePath& path, const Wait& wait) override;
  Result<std::vector<bool>> remove_files(std::span<const remote::RemotePath> paths,
                                         const Wait& wait) override;
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
  class Reader;
  class Writer;

  /// Counts a call. @return whether the fault is its.
  bool strikes(Op op);
  template <typename Work>
  auto call(Op op, Work work) -> decltype(work());

  static constexpr int kNothing = -1;
  remote::Remote& inner_;
  const FaultPoint point_;
  std::atomic<std::uint64_t> calls_{0};
  std::atomic<bool> struck_{false};
  std::atomic<int> struck_op_{kNothing};
};

}  // namespace ftpsfs::test
