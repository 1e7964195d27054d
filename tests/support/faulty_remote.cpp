// SPDX-License-Identifier: MIT
#include "support/faulty_remote.hpp"

#include <array>
#include <random>
#include <stdexcept>
#include <utility>

namespace ftpsfs::test {

using remote::FileVersion;
using remote::RemotePath;

FaultPoint FaultPoint::from_seed(std::uint64_t seed, std::uint64_t call) {
  constexpr std::array kErrors = {Errc::closed, Errc::timed_out, Errc::unreachable,
                                  Errc::truncated};
  // Mixed with the call's number, so that one seed visits all kinds.
  std::mt19937_64 random(seed * 1'000'003U + call);
  FaultPoint point;
  point.call = call;
  const Errc code = kErrors[random() % kErrors.size()];
  point.error = make_error(code, std::string("injected: ") + ftpsfs::to_string(code));
  point.moment = random() % 2 == 0 ? Moment::before : Moment::after;
  return point;
}

std::string to_string(const FaultPoint& point) {
  return "call " + std::to_string(point.call) + ": " + ftpsfs::to_string(point.error.code) +
         (point.moment == Moment::before ? " (before)" : " (after)");
}

std::uint64_t for_each_fault(std::uint64_t seed, const std::function<bool(FaultPoint)>& scenario,
                             std::uint64_t limit) {
  for (std::uint64_t call = 1; call <= limit; ++call) {
    if (!scenario(FaultPoint::from_seed(seed, call))) {
      return call - 1;
    }
  }
  throw std::runtime_error("the scenario makes ever more calls");
}

FaultyRemote::FaultyRemote(remote::Remote& inner, FaultPoint point)
    : inner_(inner), point_(std::move(point)) {}

FaultyRemote::~FaultyRemote() = default;

std::string FaultyRemote::struck_op() const {
  const int op = struck_op_;
  return op == kNothing ? "" : test::to_string(static_cast<Op>(op));
}

bool FaultyRemote::strikes(Op op) {
  if (++calls_ != point_.call) {
    return false;
  }
  struck_op_ = static_cast<int>(op);
  struck_ = true;
  return true;
}

template <typename Work>
auto FaultyRemote::call(Op op, Work work) -> decltype(work()) {
  const bool strike = strikes(op);
  if (strike && point_.moment == Moment::before) {
    return point_.error;
  }
  auto result = work();
  if (strike) {
    return point_.error;
  }
  return result;
}

Result<remote::Entry> FaultyRemote::stat(const RemotePath& path, const Wait& wait) {
  return call(Op::stat, [&] { return inner_.stat(path, wait); });
}

Result<remote::Entry> FaultyRemote::stat_unlisted(const RemotePath& path, const Wait& wait) {
  return call(Op::stat, [&] { return inner_.stat_unlisted(path, wait); });
}

Result<std::optional<remote::Entry>> FaultyRemote::glance(const RemotePath& path,
                                                          const Wait& wait) {
  return call(Op::stat, [&] { return inner_.glance(path, wait); });
}

Result<remote::Entry> FaultyRemote::follow(const RemotePath& path, const remote::Entry& link,
                                           const Wait& wait) {
  return call(Op::follow, [&] { return inner_.follow(path, link, wait); });
}

Result<FileVersion> FaultyRemote::version(const RemotePath& path, const Wait& wait) {
  return call(Op::version, [&] { return inner_.version(path, wait); });
}

Result<FileVersion> FaultyRemote::stamp(const RemotePath& path, const Wait& wait) {
  return call(Op::stamp, [&] { return inner_.stamp(path, wait); });
}

Result<void> FaultyRemote::settle(const RemotePath& path, const Wait& wait) {
  return call(Op::settle, [&] { return inner_.settle(path, wait); });
}

Result<remote::Listing> FaultyRemote::list(const RemotePath& path, const Wait& wait,
                                           const remote::ListingHints& hints) {
  return call(Op::list, [&] { return inner_.list(path, wait, hints); });
}

void FaultyRemote::list_ahead(const remote::ChooseDirectories& choose, bool times,
                              const remote::ListingSink& sink, const Wait& wait) {
  static_cast<void>(call(Op::list_ahead, [&]() -> Result<void> {
    inner_.list_ahead(choose, times, sink, wait);
    return {};
  }));
}

Result<std::optional<remote::WholeFile>> FaultyRemote::read_ahead(
    const remote::FileAheadOfNeed& file, const Wait& wait) {
  return call(Op::read_ahead, [&] { return inner_.read_ahead(file, wait); });
}

Result<std::vector<std::optional<remote::FileTime>>> FaultyRemote::exact_times(
    const RemotePath& directory, std::span<const std::string> names, const Wait& wait) {
  return call(Op::exact_times, [&] { return inner_.exact_times(directory, names, wait); });
}

Result<void> FaultyRemote::make_directory(const RemotePath& path, const Wait& wait) {
  return call(Op::make_directory, [&] { return inner_.make_directory(path, wait); });
}

Result<void> FaultyRemote::remove_directory(const RemotePath& path, const Wait& wait) {
  return call(Op::remove_directory, [&] { return inner_.remove_directory(path, wait); });
}

Result<std::vector<bool>> FaultyRemote::remove_files(std::span<const RemotePath> paths,
                                                     const Wait& wait) {
  return call(Op::remove_file, [&] { return inner_.remove_files(paths, wait); });
}

Result<void> FaultyRemote::remove_file(const RemotePath& path, const Wait& wait) {
  return call(Op::remove_file, [&] { return inner_.remove_file(path, wait); });
}

Result<void> FaultyRemote::rename(const RemotePath& from, const RemotePath& to, const Wait& wait) {
  return call(Op::rename, [&] { return inner_.rename(from, to, wait); });
}

Result<void> FaultyRemote::make_symlink(const std::string& target, const RemotePath& path,
                                        const Wait& wait) {
  return call(Op::make_symlink, [&] { return inner_.make_symlink(target, path, wait); });
}

Result<void> FaultyRemote::set_mode(const RemotePath& path, std::uint16_t mode, const Wait& wait) {
  return call(Op::set_mode, [&] { return inner_.set_mode(path, mode, wait); });
}

Result<void> FaultyRemote::set_mtime(const RemotePath& path, std::int64_t unix_seconds,
                                     const Wait& wait) {
  return call(Op::set_mtime, [&] { return inner_.set_mtime(path, unix_seconds, wait); });
}

Result<remote::Space> FaultyRemote::space(const RemotePath& path, const Wait& wait) {
  return call(Op::space, [&] { return inner_.space(path, wait); });
}

/// After the fault the inner stream is gone, as a dead connection is, and its error stays.
class FaultyRemote::Reader final : public remote::RemoteReader {
 public:
  Reader(FaultyRemote& remote, std::unique_ptr<RemoteReader> inner)
      : remote_(remote), inner_(std::move(inner)), version_(inner_->version()) {}

  const FileVersion& version() const override { return version_; }

  Result<std::size_t> read(std::span<std::byte> buffer, const Wait& wait) override {
    if (!inner_) {
      return remote_.point_.error;
    }
    if (remote_.strikes(Op::read)) {
      // Bytes that came before or not: who reads cannot tell.
      inner_.reset();
      return remote_.point_.error;
    }
    return inner_->read(buffer, wait);
  }

 private:
  FaultyRemote& remote_;
  std::unique_ptr<RemoteReader> inner_;
  const FileVersion version_;
};

class FaultyRemote::Writer final : public remote::RemoteWriter {
 public:
  Writer(FaultyRemote& remote, std::unique_ptr<RemoteWriter> inner)
      : remote_(remote), inner_(std::move(inner)), arrives_whole_(inner_->arrives_whole()) {}

  bool arrives_whole() const override { return arrives_whole_; }
  Result<void> write(std::span<const std::byte> data, const Wait& wait) override {
    return step(Op::write, [&] { return inner_->write(data, wait); });
  }
  std::optional<DigestAlgorithm> digest() const override {
    return inner_ ? inner_->digest() : std::nullopt;
  }
  Result<remote::FinishedUpload> finish(const remote::UploadTail& tail, const Wait& wait) override {
    return step(Op::finish, [&] { return inner_->finish(tail, wait); });
  }

 private:
  template <typename Work>
  auto step(Op op, Work work) -> decltype(work()) {
    if (!inner_) {
      return remote_.point_.error;
    }
    const bool strike = remote_.strikes(op);
    if (strike && remote_.point_.moment == Moment::before) {
      inner_.reset();
      return remote_.point_.error;
    }
    auto result = work();
    if (strike) {
      inner_.reset();
      return remote_.point_.error;
    }
    return result;
  }

  FaultyRemote& remote_;
  std::unique_ptr<RemoteWriter> inner_;
  const bool arrives_whole_;
};

Result<std::unique_ptr<remote::RemoteReader>> FaultyRemote::open_reader(
    const RemotePath& path, const remote::ByteRange& range, remote::YieldRequest on_yield,
    const Wait& wait) {
  FTPSFS_TRY_ASSIGN(auto inner, call(Op::open_reader, [&] {
                      return inner_.open_reader(path, range, std::move(on_yield), wait);
                    }));
  return Result<std::unique_ptr<remote::RemoteReader>>(
      std::make_unique<Reader>(*this, std::move(inner)));
}

Result<std::unique_ptr<remote::RemoteWriter>> FaultyRemote::open_writer(
    const RemotePath& path, remote::WriteMode mode, remote::YieldRequest on_yield, const Wait& wait,
    const remote::UploadTail& likely) {
  FTPSFS_TRY_ASSIGN(auto inner, call(Op::open_writer, [&] {
                      return inner_.open_writer(path, mode, std::move(on_yield), wait, likely);
                    }));
  return Result<std::unique_ptr<remote::RemoteWriter>>(
      std::make_unique<Writer>(*this, std::move(inner)));
}

}  // namespace ftpsfs::test
