// SPDX-License-Identifier: MIT
#include "ftpsfs/app/status_socket.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <utility>
#include <vector>

#include "support/temp_directory.hpp"

namespace ftpsfs::app {
namespace {

using testing::HasSubstr;

constexpr auto kAnswerLimit = std::chrono::seconds(10);

class RecordingHandler final : public ControlHandler {
 public:
  StatusReport status() override {
    StatusReport report;
    report.pid = ::getpid();
    report.mount_point = "/mnt";
    return report;
  }
  void refresh(const std::string& path) override {
    ++refreshes;
    const std::lock_guard lock(mutex);
    refreshed = path;
  }
  Result<void> reload() override {
    return reload_works ? Result<void>() : make_error(Errc::invalid_argument, "no such key");
  }
  void set_log_level(log::Level asked) override { level = asked; }
  Result<UploadsReport> uploads(ControlVerb verb, const std::string& path) override {
    if (verb == ControlVerb::export_uploads && path != "/shelf") {
      return make_error(Errc::not_found, "no such directory");
    }
    UploadsReport report;
    report.refused = 1;
    report.done = verb == ControlVerb::uploads ? 0 : 1;
    return report;
  }

  std::atomic<int> refreshes = 0;
  std::mutex mutex;
  std::string refreshed;
  std::atomic<bool> reload_works = true;
  std::atomic<log::Level> level = log::Level::off;
};

class Control : public testing::Test {
 protected:
  void SetUp() override {
    auto socket = StatusSocket::listen(directory_, mount_.mount_point, handler_);
    ASSERT_TRUE(socket) << socket.error().text;
    socket_ = std::move(socket).value();
  }

  std::string path() const { return directory_ + "/" + control_socket_name(mount_.mount_point); }

  Result<ControlReply> ask(const ControlRequest& request) {
    FTPSFS_TRY_ASSIGN(auto connection, ControlConnection::open(mount_, {directory_}));
    return connection.ask(request, Wait::for_at_most(kAnswerLimit));
  }

  Result<ControlConnection> open_awaiting() {
    FTPSFS_TRY_ASSIGN(auto connection, ControlConnection::open(mount_, {directory_}));
    FTPSFS_TRY(connection.ask({ControlVerb::await_end, {}}, Wait::for_at_most(kAnswerLimit)));
    return connection;
  }

  /// Sends raw bytes and returns what comes back until the end.
  std::string raw(const std::string& text) {
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path().c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
    std::string reply;
    std::array<char, 4096> buffer{};
    for (ssize_t got = 1; got > 0;) {
      got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
      reply.append(buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    }
    return reply;
  }

  const MountEntry mount_{"/some/mount", "ftpes://h/", ::geteuid()};
  RecordingHandler handler_;
  const test::TempDirectory place_;
  const std::string directory_ = place_.path();
  std::unique_ptr<StatusSocket> socket_;
};

TEST_F(Control, AnswersRequests) {
  const auto reply = ask({ControlVerb::status, {}});
  ASSERT_TRUE(reply) << reply.error().text;
  ASSERT_TRUE(reply->status);
  EXPECT_EQ(reply->status->mount_point, "/mnt");
  EXPECT_TRUE(ask({ControlVerb::refresh, {}}));
  EXPECT_EQ(handler_.refreshes, 1);
  EXPECT_TRUE(ask({ControlVerb::reload, {}}));
  handler_.reload_works = false;
  EXPECT_EQ(ask({ControlVerb::reload, {}}).error().text, "no such key");
  EXPECT_TRUE(ask({ControlVerb::log_level, log::Level::trace}));
  EXPECT_EQ(handler_.level, log::Level::trace);
}

TEST_F(Control, AnswersWhoAsksForUploads) {
  const auto owed = ask({ControlVerb::uploads, {}});
  ASSERT_TRUE(owed) << owed.error().text;
  ASSERT_TRUE(owed->uploads);
  EXPECT_EQ(owed->uploads->refused, 1U);
  EXPECT_EQ(ask({ControlVerb::retry_uploads, {}})->uploads->done, 1U);
  EXPECT_TRUE(ask({ControlVerb::export_uploads, {}, "/shelf"}));
  EXPECT_EQ(ask({ControlVerb::export_uploads, {}, "/x"}).error().text, "no such directory");
}

TEST_F(Control, WhoAwaitsTheEndIsToldAndKeepsNobodyWaiting) {
  auto first = open_awaiting();
  auto second = open_awaiting();
  ASSERT_TRUE(first && second);
  EXPECT_TRUE(ask({ControlVerb::status, {}})) << "served meanwhile";
  EXPECT_EQ(first->await_end(Wait::for_at_most(Duration(0))).error().code, Errc::timed_out);
  socket_->tell_end({2});
  for (auto* waiting : {&*first, &*second}) {
    const auto end = waiting->await_end(Wait::for_at_most(kAnswerLimit));
    ASSERT_TRUE(end) << end.error().text;
    EXPECT_EQ(end->lost_files, 2U);
  }
}

TEST_F(Control, TheEndIsToldToThoseWhoAskAfterIt) {
  socket_->tell_end({1});
  auto late = open_awaiting();
  ASSERT_TRUE(late);
  const auto end = late->await_end(Wait::for_at_most(kAnswerLimit));
  ASSERT_TRUE(end) << end.error().text;
  EXPECT_EQ(end->lost_files, 1U);
}

TEST_F(Control, TheEndIsHeardThoughTheGrantWasNotAwaited) {
  auto connection = ControlConnection::open(mount_, {directory_});
  ASSERT_TRUE(connection);
  static_cast<void>(connection->ask({ControlVerb::await_end, {}}, Wait::for_at_most(Duration(0))));
  socket_->tell_end({1});
  const auto end = connection->await_end(Wait::for_at_most(kAnswerLimit));
  ASSERT_TRUE(end) << end.error().text;
  EXPECT_EQ(end->lost_files, 1U);
}

TEST_F(Control, AnEndThatNobodyTellsIsNoGoodEnd) {
  auto waiting = open_awaiting();
  ASSERT_TRUE(waiting);
  socket_.reset();
  EXPECT_EQ(waiting->await_end(Wait::for_at_most(kAnswerLimit)).error().code, Errc::closed);
}

TEST_F(Control, OnlySoManyAwaitTheEndAndWhoGoesMakesRoom) {
  std::vector<ControlConnection> waiting;
  for (std::size_t i = 0; i < StatusSocket::kMostAwaiting; ++i) {
    auto one = open_awaiting();
    ASSERT_TRUE(one) << one.error().text;
    waiting.push_back(*std::move(one));
  }
  const auto refused = open_awaiting();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::refused);
  waiting.pop_back();
  EXPECT_TRUE(open_awaiting());
}

TEST_F(Control, TellsTheProcessThatServes) {
  const auto connection = ControlConnection::open(mount_, {directory_});
  ASSERT_TRUE(connection);
  EXPECT_EQ(connection->server_process(), ::getpid());
}

TEST_F(Control, TheSocketIsForItsOwnerOnly) {
  struct stat status {};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(Control, BadRequestsGetAnErrorAndNothingElseHappens) {
  EXPECT_THAT(raw("nonsense\n"), HasSubstr("\"ok\":false"));
  EXPECT_THAT(raw("{\"v\":9,\"request\":\"status\"}\n"), HasSubstr("another version"));
  EXPECT_THAT(raw(std::string(kLongestRequest + 5000, 'x') + "\n"), HasSubstr("too long"));
  EXPECT_TRUE(ask({ControlVerb::status, {}})) << "and the next one is served";
}

TEST_F(Control, OnlyOneRequestIsReadFromAConversation) {
  raw("{\"v\":1,\"request\":\"refresh\"}\n{\"v\":1,\"request\":\"refresh\"}\n");
  EXPECT_EQ(handler_.refreshes, 1);
}

TEST_F(Control, AnEarlierSocketUnderTheNameIsReplaced) {
  RecordingHandler second_handler;
  auto second = StatusSocket::listen(directory_, mount_.mount_point, second_handler);
  ASSERT_TRUE(second);
  EXPECT_TRUE(ask({ControlVerb::refresh, {}}));
  EXPECT_EQ(second_handler.refreshes, 1);
  socket_.reset();
  EXPECT_TRUE(std::filesystem::exists(path())) << "the older one must not remove the newer one's";
  second = StatusSocket::listen(directory_, mount_.mount_point, second_handler);
  std::move(second).value().reset();
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(Control, NobodyListensIsToldApart) {
  socket_.reset();
  const auto reply = ask({ControlVerb::status, {}});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Errc::not_found);
}

TEST_F(Control, DirectoriesOpenToOthersAreNotTrusted) {
  ASSERT_EQ(::chmod(directory_.c_str(), 0755), 0);
  EXPECT_EQ(ask({ControlVerb::status, {}}).error().code, Errc::not_found);
  ASSERT_EQ(::chmod(directory_.c_str(), 0700), 0);
}

TEST_F(Control, NamesFollowFromTheMountPoint) {
  EXPECT_EQ(control_socket_name("/a"), control_socket_name("/a"));
  EXPECT_NE(control_socket_name("/a"), control_socket_name("/b"));
  EXPECT_EQ(control_socket_name("/some/long/path").size(), 21U);
}

TEST_F(Control, TooLongADirectoryIsAnError) {
  RecordingHandler handler;
  const auto socket = StatusSocket::listen("/" + std::string(120, 'x'), "/m", handler);
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().code, Errc::name_too_long);
}

}  // namespace
}  // namespace ftpsfs::app
