// SPDX-License-Identifier: MIT
//
// FakeRemote: readers and writers.
#include <fmt/core.h>

#include <algorithm>
#include <iterator>

#include "ftpsfs/net/content_digest.hpp"
#include "support/fake_remote.hpp"

namespace ftpsfs::test {

using remote::FileType;
using remote::FileVersion;
using remote::RemotePath;

/// What reader and writer have in common: a connection, a node, and an error that stays.
class FakeRemote::Stream {
 public:
  Stream(FakeRemote& remote, std::string path, FakeNodePtr node, FakePlaces::Place place,
         std::optional<FakePlan::ByteLimit> limit)
      : remote_(remote),
        path_(std::move(path)),
        node_(std::move(node)),
        place_(std::move(place)),
        limit_(std::move(limit)) {}

  void offer(remote::YieldRequest on_yield) {
    if (on_yield) {
      place_.offer(std::move(on_yield));
    }
  }

 protected:
  /// How many of `wanted` bytes may still move.
  std::size_t allowed(std::size_t wanted) const {
    return limit_ && limit_->bytes < wanted ? static_cast<std::size_t>(limit_->bytes) : wanted;
  }
  void moved(std::size_t bytes) {
    if (limit_) {
      limit_->bytes -= bytes;
    }
  }
  /// An interrupted call may be made again; after any other error the stream is dead.
  template <typename T>
  Result<T> remember(Result<T> result, bool fatal_when_stopped) {
    if (!result && (fatal_when_stopped || result.error().code != Errc::cancelled)) {
      failed_ = result.error();
      place_.give_back();
    }
    return result;
  }

  FakeRemote& remote_;
  const std::string path_;
  const FakeNodePtr node_;
  FakePlaces::Place place_;
  std::optional<FakePlan::ByteLimit> limit_;
  std::optional<Error> failed_;
};

class FakeRemote::Reader final : public Stream, public remote::RemoteReader {
 public:
  using Stream::Stream;
  void begin(const remote::ByteRange& range, FileVersion version) {
    position_ = range.begin;
    end_ = remote_.options_.ends_early ? range.end : std::nullopt;
    version_ = std::move(version);
  }

  const FileVersion& version() const override { return version_; }

  Result<std::size_t> read(std::span<std::byte> buffer, const Wait& wait) override {
    if (failed_) {
      return *failed_;
    }
    if (ended_) {
      return std::size_t{0};
    }
    auto result = remember(
        remote_.call_on_stream(Op::read, path_, wait, [&] { return copy(buffer); }), false);
    if (result && *result == 0) {
      ended_ = true;
      place_.give_back();
    }
    return result;
  }

 private:
  Result<std::size_t> copy(std::span<std::byte> buffer) {
    const std::string& content = node_->content;
    const std::uint64_t end =
        std::min<std::uint64_t>(end_.value_or(content.size()), content.size());
    const std::size_t left = position_ < end ? static_cast<std::size_t>(end - position_) : 0;
    const std::size_t size = allowed(std::min({left, buffer.size(), remote_.options_.read_chunk}));
    if (size == 0 && limit_ && limit_->bytes == 0) {
      return limit_->error;
    }
    const auto bytes =
        std::as_bytes(std::span(content))
            .subspan(std::min<std::size_t>(static_cast<std::size_t>(position_), content.size()),
                     size);
    std::copy(bytes.begin(), bytes.end(), buffer.begin());
    position_ += size;
    moved(size);
    remote_.bytes_read_ += size;
    return size;
  }

  FileVersion version_;
  std::uint64_t position_ = 0;
  std::optional<std::uint64_t> end_;
  bool ended_ = false;
};

class FakeRemote::Writer final : public Stream, public remote::RemoteWriter {
 public:
  Writer(FakeRemote& remote, std::string path, FakeNodePtr node, FakePlaces::Place place,
         std::optional<FakePlan::ByteLimit> limit, bool arrives_whole)
      : Stream(remote, std::move(path), std::move(node), std::move(place), std::move(limit)),
        arrives_whole_(arrives_whole) {}
  ~Writer() override {
    if (!finished_) {
      const MutexLock lock(remote_.mutex_);
      const std::uint64_t lost = std::min(remote_.options_.lost_on_abort, written_);
      node_->content.resize(
          node_->content.size() -
          std::min<std::size_t>(static_cast<std::size_t>(lost), node_->content.size()));
    }
  }

  bool arrives_whole() const override { return arrives_whole_; }

  Result<void> write(std::span<const std::byte> data, const Wait& wait) override {
    if (failed_) {
      return *failed_;
    }
    return remember(remote_.call_on_stream(Op::write, path_, wait, [&] { return take(data); }),
                    true);
  }

  std::optional<DigestAlgorithm> digest() const override { return remote_.options_.digest; }

  Result<remote::FinishedUpload> finish(const remote::UploadTail& tail, const Wait& wait) override {
    if (failed_) {
      return *failed_;
    }
    auto done = remember(remote_.call_on_stream(
                             Op::finish, path_, wait,
                             [&]() -> Result<void> {
                               finished_ = true;
                               node_->mtime = remote_.now();
                               return {};
                             },
                             words_of(tail)),
                         true);
    if (!done) {
      return std::move(done).error();
    }
    remote::FinishedUpload end;
    if (tail.mtime) {
      end.mtime_set = set_part(Op::set_mtime, remote_.options_.can_set_mtime, wait,
                               [&] { node_->mtime = *tail.mtime; });
    }
    if (tail.mode) {
      end.mode_set = set_part(Op::set_mode, remote_.options_.can_set_mode, wait,
                              [&] { node_->mode = *tail.mode; });
    }
    if (tail.digest) {
      end.content_checked =
          remote_.plan_.meet(Op::check_content, path_, Moment::before, wait.uncancellable());
    }
    {
      const MutexLock lock(remote_.mutex_);
      end.version = remote_.version_of(*node_);
      if (tail.digest && *end.content_checked) {
        end.content_checked = FakeRemote::compare(*node_, *tail.digest);
      }
    }
    place_.give_back();
    return end;
  }

  static std::string words_of(const remote::UploadTail& tail) {
    std::string words = tail.mtime ? fmt::format("mtime={}", *tail.mtime) : "";
    if (tail.mode) {
      words += fmt::format("{}mode={:04o}", words.empty() ? "" : " ", *tail.mode);
    }
    if (tail.digest) {
      words += fmt::format("{}digest of {}", words.empty() ? "" : " ", tail.digest->bytes);
    }
    return words;
  }

 private:
  template <typename Change>
  Result<void> set_part(Op op, bool known, const Wait& wait, Change change) {
    FTPSFS_TRY(remote_.plan_.meet(op, path_, Moment::before, wait.uncancellable()));
    if (!known) {
      return make_error(Errc::unsupported, to_string(op), 500);
    }
    const MutexLock lock(remote_.mutex_);
    change();
    return {};
  }

  Result<void> take(std::span<const std::byte> data) {
    const std::size_t size = allowed(data.size());
    std::transform(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(size),
                   std::back_inserter(node_->content),
                   [](std::byte byte) { return static_cast<char>(byte); });
    const std::uint64_t corrupted = remote_.corrupted_byte_;
    if (corrupted < size) {
      char& byte =
          node_->content[node_->content.size() - size + static_cast<std::size_t>(corrupted)];
      byte = static_cast<char>(byte ^ 1);
    }
    remote_.corrupted_byte_ = corrupted == kNone || corrupted < size ? kNone : corrupted - size;
    node_->mtime = remote_.now();
    written_ += size;
    moved(size);
    remote_.bytes_written_ += size;
    if (size < data.size()) {
      return limit_->error;
    }
    return {};
  }

  const bool arrives_whole_;
  std::uint64_t written_ = 0;
  bool finished_ = false;
};

Result<void> FakeRemote::compare(const FakeNode& node, const Digest& digest) {
  const auto own = net::ContentDigest::create(digest.algorithm);
  own->add(std::as_bytes(std::span(node.content)));
  const std::string hex = own->value().value_or(Digest{}).hex;
  return hex == digest.hex ? Result<void>()
                           : make_error(Errc::io_error, hex + " is not " + digest.hex);
}

Result<void> FakeRemote::check_content(const RemotePath& path, const Digest& digest,
                                       const Wait& wait) {
  return call(Op::check_content, path.str(), wait, "", [&]() FTPSFS_NO_ANALYSIS -> Result<void> {
    FTPSFS_TRY_ASSIGN(const FakeNodePtr node, tree_.resolve(path, true));
    return compare(*node, digest);
  });
}

Result<std::unique_ptr<remote::RemoteReader>> FakeRemote::open_reader(
    const RemotePath& path, const remote::ByteRange& range, remote::YieldRequest on_yield,
    const Wait& wait) {
  using Opened = Result<std::unique_ptr<Reader>>;
  FTPSFS_TRY_ASSIGN(FakePlaces::Place place, places_.acquire(wait));
  FTPSFS_TRY_ASSIGN(
      auto reader,
      call_on_stream(Op::open_reader, path.str(), wait, [&]() FTPSFS_NO_ANALYSIS -> Opened {
        FTPSFS_TRY_ASSIGN(const FakeNodePtr node, tree_.resolve(path, true));
        if (node->type == FileType::directory) {
          return make_error(Errc::is_directory, path.str(), 550);
        }
        auto opened = std::make_unique<Reader>(*this, path.str(), node, std::move(place),
                                               plan_.take_byte_limit(Op::read));
        opened->begin(range, version_of(*node));
        return opened;
      }));
  reader->offer(std::move(on_yield));
  return Result<std::unique_ptr<remote::RemoteReader>>(std::move(reader));
}

Result<void> FakeRemote::check_upload(const RemotePath& path, remote::WriteMode mode) {
  if (!tree_.resolve(path, true)) {
    return {};
  }
  if (mode == remote::WriteMode::append && options_.refuses_append) {
    append_refused_ = true;
    return make_error(Errc::access_denied, "451 Append/Restart not permitted", 451);
  }
  return mode == remote::WriteMode::append || options_.overwrites
             ? Result<void>()
             : make_error(Errc::access_denied, "550 Overwrite permission denied", 550);
}

Result<std::unique_ptr<remote::RemoteWriter>> FakeRemote::open_writer(
    const RemotePath& path, remote::WriteMode mode, remote::YieldRequest on_yield, const Wait& wait,
    const remote::UploadTail& likely) {
  using Opened = Result<std::unique_ptr<Writer>>;
  FTPSFS_TRY_ASSIGN(FakePlaces::Place place, places_.acquire(wait));
  FTPSFS_TRY_ASSIGN(
      auto writer,
      call_on_stream(
          Op::open_writer, path.str(), wait,
          [&]() FTPSFS_NO_ANALYSIS -> Opened {
            FTPSFS_TRY(check_new_name(path));
            FTPSFS_TRY(check_upload(path, mode));
            FTPSFS_TRY_ASSIGN(const FakeNodePtr node, tree_.obtain_file(path, now()));
            if (mode == remote::WriteMode::replace) {
              node->content.clear();
              node->mtime = now();
            }
            const bool arrives_whole = options_.writes_back && mode == remote::WriteMode::replace &&
                                       takes_any_name_beside(path);
            return std::make_unique<Writer>(*this, path.str(), node, std::move(place),
                                            plan_.take_byte_limit(Op::write), arrives_whole);
          },
          Writer::words_of(likely)));
  writer->offer(std::move(on_yield));
  return Result<std::unique_ptr<remote::RemoteWriter>>(std::move(writer));
}

}  // namespace ftpsfs::test
