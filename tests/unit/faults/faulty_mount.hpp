// SPDX-License-Identifier: MIT
//
// A mount without its kernel: the filesystem over FtpRemote over FaultyFtpsServer, with real
// sockets and real TLS on loopback. What a program does on it gives the errno that the program
// would see, and checks what it reads or has written. A row of a table is one bad day: a fault,
// what is done meanwhile, and what is seen; afterwards the fault is over, and the same mount must
// be as good as before.
//
// Nothing is remembered from one deed to the next (the clock jumps), so that each asks the server.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "ftpsfs/fs/filesystem.hpp"
#include "ftpsfs/remote/ftp_remote.hpp"
#include "support/faulty_ftps_server.hpp"
#include "support/noise.hpp"
#include "support/temp_directory.hpp"
#include "support/test_certificates.hpp"
#include "unit/fs/filesystem_fixture.hpp"

namespace ftpsfs::faults {

using namespace std::chrono_literals;
using test::Fault;
using test::FaultyServerOptions;
using test::ServerCertificate;

/// What is unlike a plain mount on a plain server.
struct Day {
  FaultyServerOptions server{};
  /// No operation waits longer. Short where waiting to the end is what is tested: then the time of
  /// the row follows from it.
  std::chrono::milliseconds timeout = 20s;
  /// All connections are cut before the deed: whoever goes on logs in again, and meets the fault.
  bool logs_in_anew = false;
  /// What the server does from before the mount.
  std::vector<Fault> from_the_start{};
  std::function<void(remote::FtpRemoteSettings&)> remote{};
  std::function<void(fs::Settings&)> mount{};
};

inline constexpr int kAlways = -1;  ///< Fault::times

/// A login comes first. Deadlines play no part.
inline Day anew(const FaultyServerOptions& server = {}) {
  return {.server = server, .logs_in_anew = true};
}

class FaultyMount;

struct Row {
  const char* name;
  std::vector<Fault> faults;
  int (FaultyMount::*deed)();  ///< what a program does; @return the errno that it sees
  int error = 0;               ///< that it should see
  Day day{};

  friend void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }
};

inline std::string name_of(const ::testing::TestParamInfo<Row>& tested) {
  return tested.param.name;
}

class FaultyMount : public ::testing::Test {
 public:
  // ---- What programs do. Each returns the errno, and checks the data of a success. ----

  int reads() { return reads_content_of("f", big()); }
  /// Of a file that is too long to be read from its beginning whatever is wanted.
  int reads_clear_of_the_end() {
    const int error = reads_part("long", 2'100'000, 5'000);
    EXPECT_GT(server_->count("REST"), 0) << "in the middle";
    return error;
  }
  int reads_a_long_file() { return reads_content_of("long", repeated(big(), kLong)); }
  int reads_empty_lines() {
    const std::string content(300'000, '\n');
    tree().add_file("/lines", content);
    return reads_content_of("lines", content);
  }
  int reads_what_text_mode_leaves_alone() {
    const std::string content(300'000, 'x');
    tree().add_file("/plain", content);
    return reads_content_of("plain", content);
  }
  int reads_the_last_bytes() { return reads_part("f", big().size() - 7, 7); }

  int lists() {
    std::vector<std::string> names;
    const int error = list_into("d", names);
    if (error == 0) {
      EXPECT_EQ(names, (std::vector<std::string>{"x", "y"}));
    }
    return error;
  }

  int lists_the_empty_directory() {
    std::vector<std::string> names;
    const int error = list_into("empty", names);
    EXPECT_TRUE(names.empty());
    return error;
  }

  /// Somebody else has removed it behind the mount's back.
  int lists_a_directory_that_has_gone() {
    const auto ino = ino_of("empty");
    EXPECT_TRUE(ino);
    EXPECT_FALSE(tree().remove_directory("/empty"));
    forget_all();
    std::vector<std::string> names;
    const int error = ino ? list_into(*ino, names) : EIO;
    tree().add_directory("/empty");
    return error;
  }

  int looks_up() {
    const auto found = stat("f");
    if (found) {
      EXPECT_EQ(found->size, big().size());
      EXPECT_EQ(found->mtime_seconds, test::FaultyTree::kEpoch);
    }
    return error_of(found);
  }

  int writes_a_new_file() {
    const int error = writes("new", big(), O_WRONLY);
    const auto there = tree().content("/new");
    if (error == 0) {
      EXPECT_TRUE(there == big()) << "of " << there.value_or("").size() << " bytes";
    }
    return error;
  }

  int writes_a_small_file() {
    const int error = writes("new", "a line\n", O_WRONLY);
    if (error == 0) {
      EXPECT_EQ(tree().content("/new"), "a line\n");
    }
    return error;
  }

  int writes_what_text_mode_changes() { return writes("new", "a line\r\n", O_WRONLY); }

  int writes_twice_straight_to_the_name() {
    const int first = writes("new", "one", O_WRONLY);
    return first != 0 ? first : overwrites("new", "two");
  }

  /// The old content stays until the new one is whole.
  int replaces() {
    const int error = overwrites("f", "replaced");
    EXPECT_TRUE(tree().content("/f") == (error == 0 ? "replaced" : big()));
    replaced_ = error == 0;
    return error;
  }

  int appends() {
    const int error = writes("d/x", "more", O_WRONLY | O_APPEND);
    if (error == 0) {
      EXPECT_EQ(tree().content("/d/x"), "xmore");
    }
    return error;
  }

  int renames() {
    const int error = error_of(fs_->rename(fs::kRootIno, "g", fs::kRootIno, "h", 0, request()));
    EXPECT_EQ(tree().exists("/h"), error == 0);
    EXPECT_EQ(tree().exists("/g"), error != 0);
    return error;
  }

  int renames_over_a_file() {
    const int error = error_of(fs_->rename(fs::kRootIno, "g", fs::kRootIno, "old", 0, request()));
    EXPECT_EQ(tree().content("/old"), error == 0 ? "g" : "old");
    EXPECT_EQ(tree().exists("/g"), error != 0);
    return error;
  }

  int makes_a_directory() {
    const int error = error_of(fs_->make_directory(fs::kRootIno, "made", 0755, request()));
    EXPECT_EQ(tree().exists("/made"), error == 0);
    return error;
  }

  int removes() {
    const int error = error_of(fs_->remove_file(fs::kRootIno, "g", request()));
    EXPECT_EQ(tree().exists("/g"), error != 0);
    return error;
  }

  // ---- The parts of deeds, for tests that are alone of their kind. ----

  void begin(const Day& day = {}) {
    day_ = day;
    FaultyServerOptions options = day.server;
    options.lists_itself = true;
    server_ = std::make_unique<test::FaultyFtpsServer>(options);
    tree().add_file("/f", big());
    tree().add_file("/long", repeated(big(), kLong));
    tree().add_file("/g", "g");
    tree().add_file("/old", "old");
    tree().add_directory("/d");
    tree().add_file("/d/x", "x");
    tree().add_file("/d/y", "y");
    tree().add_directory("/empty");
    for (const Fault& fault : day.from_the_start) {
      server_->add_fault(fault);
    }
    settings_.session.host = "localhost";
    settings_.session.port = server_->port();
    settings_.session.username = "user";
    settings_.session.password = Secret(std::string_view("secret"));
    settings_.session.tls.ca_files = {test::TestCertificates::instance().ca_file()};
    settings_.session.timeout = day.timeout;
    settings_.session.connect_timeout = std::max<Duration>(day.timeout / 2, 150ms);
    settings_.session.greeting_patience = day.timeout / 4;
    if (day.remote) {
      day.remote(settings_);
    }
    limit_ = settings_.session.connect_timeout + 2 * day.timeout;  // as a mount has it
  }

  Result<void> connect() {
    FTPSFS_TRY_ASSIGN(remote_, remote::FtpRemote::connect(settings_, soon()));
    fs::Settings settings;
    settings.timeout = day_.timeout;
    settings.staging_directory = staging_.path();
    if (day_.mount) {
      day_.mount(settings);
    }
    fs_ = std::make_unique<fs::Filesystem>(*remote_, std::move(settings), kernel_, clock_);
    return {};
  }

  void mount(const Day& day = {}) {
    begin(day);
    const auto connected = connect();
    ASSERT_TRUE(connected) << connected.error().text;
  }

  void run(const Row& row) {
    ASSERT_NO_FATAL_FAILURE(mount(row.day));
    for (const Fault& fault : row.faults) {
      server_->add_fault(fault);
    }
    if (row.day.logs_in_anew) {
      server_->reset_all_connections();
    }
    const SteadyTime began = SteadyClock::now();
    const int error = (this->*row.deed)();
    const auto took = std::chrono::duration_cast<Duration>(SteadyClock::now() - began);
    EXPECT_EQ(error, row.error) << (error == 0 ? "success" : std::strerror(error)) << ": " << why_;
    // The end of an upload has four times the timeout.
    EXPECT_LT(took, std::max<Duration>(limit_, 4 * row.day.timeout) + kSlack);
    server_->clear_faults();
    expect_healthy();
    if (row.error == 0) {
      EXPECT_EQ(hidden(), std::vector<std::string>());
    }
  }

  /// The same mount, with the server as it should be: everything works, and nothing is left over.
  void expect_healthy() {
    limit_ = 20s;
    // Behind an outage the next login may be some moments off: longer than a short timeout.
    for (const Wait patience = soon(); !stat("f") && !patience.expired();) {
    }
    EXPECT_EQ(reads_content_of("f", replaced_ ? "replaced" : big()), 0) << why_;
    std::vector<std::string> names;
    EXPECT_EQ(list_into("empty", names), 0) << why_;
    EXPECT_TRUE(names.empty());
    EXPECT_EQ(writes("health", "as ever", O_WRONLY), 0) << why_;
    EXPECT_EQ(tree().content("/health"), "as ever");
    EXPECT_EQ(overwrites("health", "and again"), 0) << why_;
    EXPECT_EQ(tree().content("/health"), "and again");
    EXPECT_EQ(error_of(fs_->rename(fs::kRootIno, "health", fs::kRootIno, "good", 0, request())), 0)
        << why_;
    EXPECT_EQ(error_of(fs_->remove_file(fs::kRootIno, "good", request())), 0) << why_;
    EXPECT_EQ(fs_->finish_uploads(soon()), 0U);
    EXPECT_EQ(fs_->counters().open_files, 0U);
    EXPECT_EQ(fs_->counters().lost_files, 0U) << "of all failures somebody was told";
    EXPECT_EQ(remote_->counters().pool.trouble, "");
  }

  test::FaultyFtpsServer& server() { return *server_; }
  test::FaultyTree& tree() { return server_->tree(); }
  fs::Filesystem& filesystem() { return *fs_; }

  static std::string repeated(const std::string& text, int times) {
    std::string made;
    made.reserve(text.size() * static_cast<std::size_t>(times));
    for (int i = 0; i < times; ++i) {
      made += text;
    }
    return made;
  }
  static constexpr int kLong = 40;  ///< 8 MB

  /// 200,000 bytes that differ from place to place.
  static const std::string& big() {
    static const std::string content = test::noise(200'000);
    return content;
  }

  /// Time passes: what the caches have is old.
  void forget_all() { clock_.advance(10min); }

  fs::Request request() const { return {::getpid(), Wait::for_at_most(limit_)}; }
  static Wait soon() { return Wait::for_at_most(20s); }

  template <typename T>
  int error_of(const Result<T>& result) {
    if (result) {
      return 0;
    }
    why_ = result.error().text;
    return to_errno(result.error().code);
  }

  Result<fs::Attributes> stat(const std::string& path) {
    forget_all();
    fs::Attributes found;
    fs::Ino at = fs::kRootIno;
    for (std::size_t begin = 0; begin < path.size();) {
      const std::size_t end = std::min(path.find('/', begin), path.size());
      FTPSFS_TRY_ASSIGN(const auto reply,
                        fs_->lookup(at, path.substr(begin, end - begin), request()));
      found = reply.attributes;
      at = found.ino;
      if (at == fs::kNoIno) {
        return make_error(Errc::not_found, path);
      }
      begin = end + 1;
    }
    return found;
  }

  Result<fs::Ino> ino_of(const std::string& path) {
    FTPSFS_TRY_ASSIGN(const auto found, stat(path));
    return found.ino;
  }

  Result<fs::Ino> parent_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? Result<fs::Ino>(fs::kRootIno)
                                      : ino_of(path.substr(0, slash));
  }
  static std::string last_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

  int reads_content_of(const std::string& path, const std::string& expected) {
    const auto content = read_all(path);
    if (content) {
      EXPECT_TRUE(*content == expected) << path << " has " << content->size() << " bytes";
    }
    return error_of(content);
  }

  /// @pre within one of those that "/long" repeats
  int reads_part(const std::string& name, std::uint64_t offset, std::size_t size) {
    const auto ino = ino_of(name);
    if (!ino) {
      return error_of(ino);
    }
    const auto opened = fs_->open(*ino, O_RDONLY, request());
    if (!opened) {
      return error_of(opened);
    }
    const auto part = read_at(opened->handle, offset, size);
    if (part) {
      EXPECT_EQ(*part, big().substr(offset % big().size(), size));
    }
    fs_->release(opened->handle, request());
    return error_of(part);
  }

  Result<std::string> read_all(const std::string& path) {
    FTPSFS_TRY_ASSIGN(const fs::Ino ino, ino_of(path));
    FTPSFS_TRY_ASSIGN(const auto opened, fs_->open(ino, O_RDONLY, request()));
    Result<std::string> all(std::string{});
    for (;;) {
      constexpr std::size_t kStep = std::size_t{128} * 1024;  // as the kernel reads
      auto part = read_at(opened.handle, all->size(), kStep);
      if (!part || part->empty()) {
        if (!part) {
          all = std::move(part);
        }
        break;
      }
      *all += *part;
    }
    const auto flushed = fs_->flush(opened.handle, request());
    EXPECT_TRUE(flushed) << "nothing was written";
    fs_->release(opened.handle, request());
    return all;
  }

  Result<std::string> read_at(fs::HandleId handle, std::uint64_t offset, std::size_t size) {
    FTPSFS_TRY_ASSIGN(const auto slices, fs_->read(handle, offset, size, request()));
    std::string text;
    for (const fs::Slice& slice : slices) {
      text.append(reinterpret_cast<const char*>(slice.bytes.data()), slice.bytes.size());
    }
    return text;
  }

  Result<void> write_at(fs::HandleId handle, fs::WritePlace place, const std::string& text) {
    return fs_->write(handle, place, copy_of(std::as_bytes(std::span(text))), request());
  }

  int overwrites(const std::string& name, const std::string& content) {
    return writes(name, content, O_WRONLY | O_TRUNC);
  }

  /// In pieces, as cp does; the file is made when there is none.
  int writes(const std::string& path, const std::string& content, int flags) {
    const auto ino = ino_of(path);
    fs::HandleId handle = 0;
    if (ino) {
      const auto opened = fs_->open(*ino, flags, request());
      if (!opened) {
        return error_of(opened);
      }
      handle = opened->handle;
    } else if (ino.error().code == Errc::not_found) {
      const auto parent = parent_of(path);
      const auto made = parent ? fs_->create(*parent, last_name(path), 0644, flags, request())
                               : Result<fs::CreateReply>(parent.error());
      if (!made) {
        return error_of(made);
      }
      handle = made->open.handle;
    } else {
      return error_of(ino);
    }
    int error = 0;
    constexpr std::size_t kStep = 64'000;
    for (std::size_t at = 0; at < content.size() && error == 0; at += kStep) {
      const std::string part = content.substr(at, kStep);
      error = error_of(write_at(handle, {at, (flags & O_APPEND) != 0}, part));
    }
    const int closed = error_of(fs_->flush(handle, request()));
    fs_->release(handle, request());
    return error != 0 ? error : closed;
  }

  int list_into(const std::string& path, std::vector<std::string>& names) {
    const auto ino = ino_of(path);
    return ino ? list_into(*ino, names) : error_of(ino);
  }

  int list_into(fs::Ino directory, std::vector<std::string>& names) {
    const auto handle = fs_->open_directory(directory, {}, request());
    if (!handle) {
      return error_of(handle);
    }
    int error = 0;
    std::uint64_t offset = 0;
    for (bool more = true; more && error == 0;) {
      more = false;
      error = error_of(fs_->read_directory(
          *handle, offset, false,
          [&](const fs::DirectoryItem& item) {
            names.push_back(item.name);
            offset = item.next_offset;
            more = true;
            return true;
          },
          request()));
    }
    fs_->release_directory(*handle);
    std::sort(names.begin(), names.end());
    return error;
  }

  /// Names on the server that no program made.
  std::vector<std::string> hidden() {
    std::vector<std::string> names;
    const auto entries = tree().list("/");
    for (const auto& entry : *entries) {
      if (entry.name.starts_with(".ftpsfs-")) {
        names.push_back(entry.name);
      }
    }
    return names;
  }

 protected:
  /// What the machine may take beside, under a sanitizer and with others at work.
  static constexpr auto kSlack = 3s;

  const test::TempDirectory staging_;
  Day day_;
  Duration limit_{};  ///< of an operation
  ManualClock clock_;
  fs::SilentKernel kernel_;
  std::unique_ptr<test::FaultyFtpsServer> server_;
  remote::FtpRemoteSettings settings_;
  std::unique_ptr<remote::FtpRemote> remote_;
  std::unique_ptr<fs::Filesystem> fs_;
  std::string why_;  ///< the error's words, of the last call that failed
  bool replaced_ = false;
};

/// One suite for each family of faults, so that a row has a name of its own in ctest's output.
class FaultTable : public FaultyMount, public ::testing::WithParamInterface<Row> {};

}  // namespace ftpsfs::faults
