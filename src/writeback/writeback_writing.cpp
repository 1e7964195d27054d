// SPDX-License-Identifier: MIT
//
// WritebackRemote: uploads, into the journal and past it. What is being written follows its name,
// and its directory, through renames.
#include <chrono>
#include <utility>

#include "ftpsfs/writeback/wait_anew.hpp"
#include "ftpsfs/writeback/writeback_remote.hpp"

namespace ftpsfs::writeback {

/// The name of what is being written, wherever it is now.
class WritebackRemote::OpenName {
 public:
  OpenName(WritebackRemote& remote, const remote::RemotePath& path) : remote_(remote) {
    const MutexLock lock(remote_.mutex_);
    number_ = ++remote_.last_open_;
    remote_.open_names_.emplace(number_, path);
  }
  ~OpenName() {
    const MutexLock lock(remote_.mutex_);
    remote_.open_names_.erase(number_);
  }
  OpenName(const OpenName&) = delete;
  OpenName& operator=(const OpenName&) = delete;

  remote::RemotePath path() const {
    const MutexLock lock(remote_.mutex_);
    return remote_.open_names_.at(number_);
  }

 private:
  WritebackRemote& remote_;
  std::uint64_t number_ = 0;
};

/// @return those that have moved. What others have put in the place of a name that is gone is not
/// theirs: what is open there already stays.
WritebackRemote::MovedNames WritebackRemote::move_open_names(const remote::RemotePath& from,
                                                             const remote::RemotePath& to) {
  MovedNames moved;
  const std::string key = name_key(name_case_, from);
  const MutexLock lock(mutex_);
  for (auto& [number, path] : open_names_) {
    const std::string open_key = name_key(name_case_, path);
    if (open_key != key && !open_key.starts_with(key + '/')) {
      continue;
    }
    if (auto now = remote::RemotePath::parse(to.str() + path.str().substr(from.str().size()))) {
      moved.emplace_back(number, std::exchange(path, *std::move(now)));
    }
  }
  return moved;
}

void WritebackRemote::move_back(const MovedNames& moved) {
  const MutexLock lock(mutex_);
  for (const auto& [number, path] : moved) {
    if (const auto found = open_names_.find(number); found != open_names_.end()) {
      found->second = path;
    }
  }
}

/// An upload on its way into the journal. Room is taken before the bytes are written, and given
/// back when they are the journal's, or nobody's.
class WritebackRemote::Upload final : public remote::RemoteWriter {
 public:
  Upload(WritebackRemote& remote, std::unique_ptr<OpenName> name, std::optional<Footing> assumed)
      : remote_(remote),
        name_(std::move(name)),
        assumed_(assumed),
        draft_(remote.courier_->draft()) {}
  ~Upload() override {
    draft_.reset();
    remote_.courier_->give_room_back(room_);
  }
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  bool arrives_whole() const override { return true; }
  /// The delivery compares.
  std::optional<DigestAlgorithm> digest() const override { return std::nullopt; }

  Result<void> write(std::span<const std::byte> data, const Wait& wait) override {
    if (!draft_) {
      return make_error(Errc::io_error, "the upload has been accepted, or has failed");
    }
    if (auto room = remote_.courier_->take_room(data.size(), wait); !room) {
      return local_failure(std::move(room).error());
    }
    room_ += data.size();
    return draft_->write(data);
  }

  Result<remote::FinishedUpload> finish(const remote::UploadTail& tail, const Wait& wait) override {
    if (!draft_) {
      return make_error(Errc::io_error, "the upload has been accepted, or has failed");
    }
    const std::uint64_t size = draft_->size();
    FTPSFS_TRY(draft_->seal());
    auto draft = std::move(draft_);
    FTPSFS_TRY_ASSIGN(const remote::UploadTail promised,
                      remote_.accept_upload(*name_, draft, tail, assumed_, wait));
    remote::FinishedUpload end;
    end.version.size = size;
    if (promised.mtime) {
      end.version.mtime = remote::FileTime{*promised.mtime, remote::TimeGrain::second};
    }
    if (tail.mtime) {
      end.mtime_set.emplace();
    }
    if (tail.mode) {
      end.mode_set.emplace();
    }
    return end;
  }

 private:
  WritebackRemote& remote_;
  const std::unique_ptr<OpenName> name_;
  const std::optional<Footing> assumed_;
  std::unique_ptr<ContentDraft> draft_;
  std::uint64_t room_ = 0;
};

/// One that goes to the server itself. What the file is then has to be asked.
class WritebackRemote::DirectWriter final : public remote::RemoteWriter {
 public:
  DirectWriter(WritebackRemote& remote, std::unique_ptr<OpenName> name,
               std::unique_ptr<remote::RemoteWriter> inner)
      : remote_(remote), name_(std::move(name)), inner_(std::move(inner)) {
    remote_.forget(name_->path());
  }
  ~DirectWriter() override {
    inner_.reset();
    remote_.forget(name_->path());
  }
  DirectWriter(const DirectWriter&) = delete;
  DirectWriter& operator=(const DirectWriter&) = delete;

  bool arrives_whole() const override { return inner_->arrives_whole(); }
  std::optional<DigestAlgorithm> digest() const override { return inner_->digest(); }

  Result<void> write(std::span<const std::byte> data, const Wait& wait) override {
    return inner_->write(data, wait);
  }
  Result<remote::FinishedUpload> finish(const remote::UploadTail& tail, const Wait& wait) override {
    auto finished = inner_->finish(tail, wait);
    remote_.forget(name_->path());
    if (finished) {
      remote_.courier_->forget_verdict(name_->path());
    }
    return finished;
  }

 private:
  WritebackRemote& remote_;
  const std::unique_ptr<OpenName> name_;
  std::unique_ptr<remote::RemoteWriter> inner_;
};

Result<std::unique_ptr<remote::RemoteWriter>> WritebackRemote::open_writer(
    const remote::RemotePath& path, remote::WriteMode mode, remote::YieldRequest on_yield,
    const Wait& wait, const remote::UploadTail& likely) {
  if (!courier_) {
    return inner_.open_writer(path, mode, std::move(on_yield), wait, likely);
  }
  auto name = std::make_unique<OpenName>(*this, path);  // what moves it from now on is noticed
  if (mode == remote::WriteMode::replace) {
    FTPSFS_TRY_ASSIGN(const Footing now, fetch_footing_of_upload(path, likely.may_lead, wait));
    if (now.kind == Footing::Kind::name) {
      const auto assumed = now.is_assumed ? std::optional(now) : std::nullopt;
      return std::unique_ptr<remote::RemoteWriter>(
          std::make_unique<Upload>(*this, std::move(name), assumed));
    }
  }
  FTPSFS_TRY_ASSIGN(const Courier::Passage passage, courier_->pass(path, path, wait));
  FTPSFS_TRY_ASSIGN(auto writer,
                    inner_.open_writer(path, mode, std::move(on_yield), passage.wait(), likely));
  return std::unique_ptr<remote::RemoteWriter>(
      std::make_unique<DirectWriter>(*this, std::move(name), std::move(writer)));
}

/// @return what programs are told of the file.
Result<remote::UploadTail> WritebackRemote::accept_upload(const OpenName& name,
                                                          std::unique_ptr<ContentDraft>& draft,
                                                          const remote::UploadTail& tail,
                                                          std::optional<Footing> assumed,
                                                          const Wait& wait) {
  const remote::RemoteTraits traits = inner_.traits();
  Intention intention;
  intention.action = Action::upload;
  intention.content = draft->id();
  intention.size = draft->size();
  intention.tail = tail;
  if (!tail.mtime && traits.can_set_mtime) {
    intention.tail.mtime = std::chrono::system_clock::to_time_t(clock_.wall_now());
  }
  for (const WaitAnew anew(wait);;) {
    intention.path = name.path();
    std::optional<Footing> fetched = std::exchange(assumed, std::nullopt);
    if (!fetched) {
      FTPSFS_TRY_ASSIGN(fetched,
                        fetch_footing_of_upload(intention.path, tail.may_lead, anew.begin()));
    }
    bool is_other_now = false;
    const auto choose = [&](const Queue& queue) -> Result<Intention> {
      const Footing now = footing_or(queue, intention.path, fetched);
      is_other_now = name.path() != intention.path || now.kind == Footing::Kind::unknown;
      if (is_other_now) {
        return make_error(Errc::busy, intention.path.str() + ": has been changed meanwhile");
      }
      if (now.kind == Footing::Kind::nowhere) {
        return make_error(Errc::not_found, intention.path.str() + ": its directory has gone");
      }
      if (now.kind == Footing::Kind::other) {
        return make_error(Errc::is_directory, intention.path.str() + ": is no file any more");
      }
      intention.base = now.base;
      if (!tail.mode && traits.can_set_mode) {
        intention.tail.mode = now.mode;  // what replaces a file keeps its mode
      }
      return intention;
    };
    auto accepted = courier_->accept(choose, draft, anew.begin());
    if (accepted) {
      return intention.tail;
    }
    if (!is_other_now) {
      return local_failure(std::move(accepted).error());
    }
  }
}

}  // namespace ftpsfs::writeback
