// SPDX-License-Identifier: MIT
#include "ftpsfs/session/upload.hpp"

#include <utility>

#include "ftpsfs/ftp/refusal.hpp"

namespace ftpsfs::session {

Result<std::unique_ptr<Upload>> Upload::open(Session& session, const std::string& path, bool append,
                                             const Wait& wait, std::vector<ftp::Command> behind) {
  std::unique_ptr<Upload> upload(new Upload(session, append));
  FTPSFS_TRY_ASSIGN(auto command, ftp::Command::make(upload->verb(), path));
  const std::size_t count = behind.size();
  const TransferOrder order{{}, false, std::nullopt, std::move(command), false, std::move(behind)};
  FTPSFS_TRY_ASSIGN(auto started, session.start_transfer(order, wait));
  if (started.over) {
    return make_broken(Errc::protocol_error, "the server ended an upload before it began");
  }
  upload->data_ = std::move(started.data);
  if (started.asked_behind) {
    upload->owed_ = count;
  }
  upload->shown_ = session.counters().transfers.add(TransferBoard::Direction::upload, path, 0, {});
  return upload;
}

Upload::~Upload() {
  if (data_ != nullptr) {
    data_->reset();
  }
}

Error Upload::fail(Error error) {
  // What was under way is no answer about the name.
  if (error.code == Errc::refused) {
    error.code = Errc::io_error;
  }
  failure_ = error;
  return error;
}

Result<void> Upload::write(std::span<const std::byte> data, const Wait& wait) {
  if (failure_) {
    return *failure_;
  }
  auto written = data_->write_all(data, wait);
  if (!written) {
    // A full disk shows as a reset here and as a 452 there.
    return fail(session_.explain_broken_data(verb(), std::move(written).error()));
  }
  session_.counters().bytes_written += data.size();
  shown_.add(data.size());
  return {};
}

Result<void> Upload::finish(const Wait& wait) {
  if (failure_) {
    return *failure_;
  }
  auto ended = data_->close_write(wait);
  if (ended) {
    ended = data_->drain_to_end(wait);
  }
  if (!ended) {
    return fail(session_.explain_broken_data(verb(), std::move(ended).error()));
  }
  // Closed behind the verdict: what ends its side right behind its close_notify (vsftpd) may send
  // its FIN just when our socket goes, which then nobody acknowledges. It waits 200 ms to send it
  // again, and with its 226 for that.
  const std::unique_ptr<net::ByteStream> ended_data = std::move(data_);
  auto verdict = session_.await_verdict(wait);
  if (!verdict) {
    return fail(std::move(verdict).error());
  }
  if (!verdict->is_completion()) {
    return fail(ftp::make_refusal(verb(), *verdict));
  }
  // A failure here says nothing of the upload: whoever asks again learns of it.
  if (owed_ > 0) {
    if (auto answers = session_.take_answers(owed_, wait)) {
      answers_ = *std::move(answers);
    }
  }
  return {};
}

}  // namespace ftpsfs::session
