// SPDX-License-Identifier: MIT
//
// An FtpRemote that is connected to a FaultyFtpsServer: real sockets, real TLS, on loopback.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ftpsfs/remote/ftp_remote.hpp"
#include "support/faulty_ftps_server.hpp"
#include "support/test_certificates.hpp"

namespace ftpsfs::remote {

inline Wait soon() {
  return Wait::for_at_most(std::chrono::seconds(20));
}
inline RemotePath at(const std::string& path) {
  return *RemotePath::parse(path);
}

inline FtpRemoteSettings settings_for(const test::FaultyFtpsServer& server) {
  FtpRemoteSettings made;
  made.session.host = "localhost";
  made.session.port = server.port();
  made.session.username = "user";
  made.session.password = Secret(std::string_view("secret"));
  made.session.tls.ca_files = {test::TestCertificates::instance().ca_file()};
  return made;
}

class RemoteFixture : public ::testing::Test {
 protected:
  void start(test::FaultyServerOptions options = {}) {
    server_ = std::make_unique<test::FaultyFtpsServer>(options);
    settings_ = settings_for(*server_);
  }

  void connect() {
    auto connected = FtpRemote::connect(settings_, soon());
    ASSERT_TRUE(connected) << connected.error().text;
    remote_ = *std::move(connected);
  }

  void begin(test::FaultyServerOptions options = {}) {
    start(options);
    connect();
  }

  test::FaultyTree& tree() { return server_->tree(); }

  static Result<std::string> read_on(RemoteReader& reader) {
    std::string all;
    std::vector<std::byte> buffer(50'000);
    for (;;) {
      FTPSFS_TRY_ASSIGN(const std::size_t got, reader.read(buffer, soon()));
      if (got == 0) {
        return all;
      }
      all.append(reinterpret_cast<const char*>(buffer.data()), got);
    }
  }

  Result<std::string> read(const std::string& path, std::uint64_t offset = 0) {
    FTPSFS_TRY_ASSIGN(const auto reader, remote_->open_reader(at(path), offset, {}, soon()));
    return read_on(*reader);
  }

  Result<FileVersion> write(const std::string& path, const std::string& content,
                            WriteMode mode = WriteMode::replace) {
    FTPSFS_TRY_ASSIGN(const auto end, upload(path, content, {}, mode));
    return end.version;
  }

  Result<FinishedUpload> upload(const std::string& path, const std::string& content,
                                const UploadTail& tail, WriteMode mode = WriteMode::replace) {
    FTPSFS_TRY_ASSIGN(const auto writer, remote_->open_writer(at(path), mode, {}, soon()));
    FTPSFS_TRY(writer->write(std::as_bytes(std::span(content)), soon()));
    return writer->finish(tail, soon());
  }

  /// What a listing shows: "d NAME" is a directory, "f NAME" all else.
  std::vector<std::string> names_in(const std::string& directory) {
    const auto listing = remote_->list(at(directory), soon());
    EXPECT_TRUE(listing) << listing.error().text;
    std::vector<std::string> names;
    for (const Entry& entry : listing ? listing->entries : std::vector<Entry>()) {
      names.push_back((entry.type == FileType::directory ? "d " : "f ") + entry.name);
    }
    return names;
  }

  std::unique_ptr<test::FaultyFtpsServer> server_;
  FtpRemoteSettings settings_;
  std::unique_ptr<FtpRemote> remote_;
};

template <typename T>
void expect_error(const Result<T>& result, Errc code) {
  ASSERT_FALSE(result.has_value()) << "a success, not " << to_string(code);
  EXPECT_EQ(result.error().code, code)
      << to_string(result.error().code) << ": " << result.error().text;
}

}  // namespace ftpsfs::remote
