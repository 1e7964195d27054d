// SPDX-License-Identifier: MIT
#include "ftpsfs/writeback/delivery.hpp"

#include <gmock/gmock.h>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/remote/hidden_names.hpp"
#include "intentions.hpp"
#include "support/fake_remote.hpp"
#include "support/faulty_remote.hpp"

namespace ftpsfs::writeback {
namespace {

using test::FakeRemote;
using test::Op;
using testing::ElementsAre;
using testing::HasSubstr;

const Error kCut = make_error(Errc::closed, "cut");
const DeliveryLimits kLimits{.settle_pause = Duration(0)};
constexpr DeliveryNumber kNumber{0x0123456789abcdef, (1ULL << 63U) | 7U};

class DeliveryTest : public ::testing::Test {
 protected:
  DeliveryTest() : remote_(clock_) { log::set_level(log::Level::off); }
  ~DeliveryTest() override { log::set_level(log::Level::warning); }

  Result<Delivered> run(const Intention& intention, bool again = false,
                        const std::string& content = {}) {
    const ContentReader reader(std::make_shared<const std::string>(content));
    const bool is_upload = intention.action == Action::upload;
    return Delivery(remote_, clock_, limits_, intention, again, kNumber,
                    is_upload ? &reader : nullptr, &tries_)
        .run({});
  }
  /// Each transfer is cut behind so many bytes, until the last one ends.
  void cut_after(std::uint64_t bytes, int times) {
    for (int i = 0; i < times; ++i) {
      remote_.fail_after_bytes(Op::write, bytes, kCut);
    }
  }
  Result<Delivered> run_until_done(const Intention& intention, const std::string& content) {
    for (bool again = false;; again = true) {
      auto delivered = run(intention, again, content);
      if (delivered || delivered.error().code != kCut.code) {
        return delivered;
      }
    }
  }
  Base version_now(const std::string& path) {
    const auto entry = remote_.stat(path_of(path), Wait::for_at_most(std::chrono::seconds(5)));
    EXPECT_TRUE(entry);
    return {Base::Kind::version, remote::version_of(*entry)};
  }

  ManualClock clock_;
  FakeRemote remote_;
  DeliveryLimits limits_ = kLimits;
  UploadTries tries_;
};

/// No two pieces of it are the same.
std::string long_content(std::size_t size) {
  std::string content(size, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) {
    content[i] = static_cast<char>(i * 2654435761U >> 13U);
  }
  return content;
}

TEST_F(DeliveryTest, ANewFileIsWrittenStraightToItsName) {
  Intention intention = upload("/f", 1);
  intention.tail = {12345, std::uint16_t{0640}};
  const auto delivered = run(intention, false, "content");
  ASSERT_TRUE(delivered) << delivered.error().text;
  EXPECT_EQ(remote_.content("/f"), "content");
  EXPECT_EQ(remote_.mtime("/f"), 12345);
  EXPECT_EQ(remote_.mode("/f"), 0640);
  EXPECT_EQ(delivered->left->size, 7U);
  EXPECT_FALSE(delivered->conflict);
  EXPECT_EQ(remote_.calls(Op::rename), 0U);
}

TEST_F(DeliveryTest, WhatIsReplacedStaysWholeUntilTheEnd) {
  remote_.put("/f", "old");
  const Base base = version_now("/f");
  remote_.on_call([&](Op op, const std::string&) {
    if (op == Op::finish || op == Op::rename) {
      EXPECT_EQ(remote_.content("/f"), "old");
    }
  });
  Intention intention = upload("/f", 1, base);
  intention.tail.mode = std::uint16_t{0444};
  ASSERT_TRUE(run(intention, false, "new content"));
  remote_.on_call({});
  EXPECT_EQ(remote_.content("/f"), "new content");
  EXPECT_EQ(remote_.mode("/f"), 0444);
  EXPECT_THAT(remote_.names("/"), ElementsAre("f"));
}

TEST_F(DeliveryTest, WhatOthersDidMeanwhileStaysBesideOurs) {
  for (const bool was_there : {false, true}) {
    FakeRemote remote(clock_);
    Base base;
    if (was_there) {
      base = version(3, 1);
    }
    remote.put("/d/f", "theirs");
    const ContentReader reader(std::make_shared<const std::string>("ours"));
    const Intention intention = upload("/d/f", 1, base);
    for (int copies = 1; copies <= 2; ++copies) {
      const auto delivered =
          Delivery(remote, clock_, kLimits, intention, false, kNumber, &reader).run({});
      ASSERT_TRUE(delivered) << delivered.error().text;
      ASSERT_TRUE(delivered->conflict);
      EXPECT_THAT(delivered->conflict->str(), HasSubstr("/d/f.conflict-20231114-"));
      EXPECT_EQ(remote.content(delivered->conflict->str()), "ours");
      EXPECT_EQ(remote.content("/d/f"), "theirs");
      EXPECT_EQ(remote.names("/d").size(), 1U + static_cast<std::size_t>(copies));
    }
  }
}

TEST_F(DeliveryTest, AFileThatOthersRemovedMeanwhileIsMadeAnew) {
  ASSERT_TRUE(run(upload("/f", 1, version(3, 1)), false, "ours"));
  EXPECT_EQ(remote_.content("/f"), "ours");
}

TEST_F(DeliveryTest, ContentThatHasArrivedAlreadyIsNoConflict) {
  remote_.put("/f", "content");
  Intention intention = upload("/f", 1);
  intention.tail.mtime = 777;
  const auto delivered = run(intention, true, "content");
  ASSERT_TRUE(delivered);
  EXPECT_FALSE(delivered->conflict);
  EXPECT_EQ(remote_.mtime("/f"), 777);
  EXPECT_EQ(remote_.calls(Op::open_writer), 0U);
}

TEST_F(DeliveryTest, ThePartThatAnEarlierTryLeftIsReplaced) {
  for (const char* part : {"", "con"}) {
    remote_.put("/f", part);
    const auto delivered = run(upload("/f", 1), true, "content");
    ASSERT_TRUE(delivered);
    EXPECT_FALSE(delivered->conflict);
    EXPECT_EQ(remote_.content("/f"), "content");
    EXPECT_THAT(remote_.names("/"), ElementsAre("f"));
  }
}

TEST_F(DeliveryTest, OnASecondTryTooTheContentOfOthersStays) {
  for (const char* theirs : {"cOn", "content and more", "CONTENT"}) {
    remote_.put("/f", theirs);
    const auto delivered = run(upload("/f", 1), true, "content");
    ASSERT_TRUE(delivered);
    ASSERT_TRUE(delivered->conflict);
    EXPECT_EQ(remote_.content("/f"), theirs);
    EXPECT_EQ(remote_.content(delivered->conflict->str()), "content");
  }
}

TEST_F(DeliveryTest, ContentThatArrivesAsOtherContentReplacesNothing) {
  test::FakeRemoteOptions options;
  options.digest = DigestAlgorithm::sha256;
  FakeRemote remote(clock_, options);
  remote.put("/f", "old");
  const ContentReader reader(std::make_shared<const std::string>("content"));
  const Intention intention = upload("/f", 1, ours());
  const auto deliver = [&] {
    return Delivery(remote, clock_, {}, intention, false, kNumber, &reader).run({});
  };
  remote.corrupt_byte(3);
  const auto delivered = deliver();
  ASSERT_FALSE(delivered);
  EXPECT_EQ(delivered.error().code, Errc::io_error);
  EXPECT_EQ(remote.content("/f"), "old");
  EXPECT_THAT(remote.names("/"), ElementsAre("f"));
  remote.fail_next(Op::check_content, {}, make_error(Errc::closed, "reset"));
  EXPECT_EQ(deliver().error().code, Errc::closed) << "for another try";
  EXPECT_EQ(remote.content("/f"), "old");
  ASSERT_TRUE(deliver());
  EXPECT_EQ(remote.content("/f"), "content");
}

TEST_F(DeliveryTest, ARefusedReplacementLeavesNothingBehind) {
  remote_.put("/f", "old");
  remote_.fail_next(Op::rename, {}, make_error(Errc::access_denied, "550"));
  const auto delivered = run(upload("/f", 1, ours()), false, "new");
  ASSERT_FALSE(delivered);
  EXPECT_EQ(delivered.error().code, Errc::access_denied);
  EXPECT_THAT(remote_.names("/"), ElementsAre("f"));
  EXPECT_EQ(remote_.content("/f"), "old");
}

TEST_F(DeliveryTest, ANewFileThatIsRefusedInItsMiddleDoesNotStay) {
  const Error quota = make_error(Errc::quota_exceeded, "552 quota", 552);
  remote_.fail_after_bytes(Op::write, 3, quota);
  const auto first = run(upload("/f", 1), false, "content");
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code, Errc::quota_exceeded);
  EXPECT_THAT(remote_.names("/"), ElementsAre());

  remote_.put("/f", "con");  // as a try whose link was cut has left it
  remote_.fail_after_bytes(Op::write, 3, quota);
  EXPECT_FALSE(run(upload("/f", 1), true, "content"));
  EXPECT_THAT(remote_.names("/"), ElementsAre());
}

TEST_F(DeliveryTest, WhatARefusalLeavesAllTheSameIsTold) {
  remote_.fail_after_bytes(Op::write, 3, make_error(Errc::quota_exceeded, "552 quota", 552));
  remote_.fail_next(Op::remove_file, "/f", make_error(Errc::access_denied, "550", 550));
  const ContentReader content(std::make_shared<const std::string>("content"));
  const Intention intention = upload("/f", 1);
  Delivery delivery(remote_, clock_, {}, intention, false, kNumber, &content);
  EXPECT_FALSE(delivery.run({}));
  ASSERT_TRUE(delivery.remains());
  EXPECT_EQ(delivery.remains()->size, 3U);
}

TEST_F(DeliveryTest, WhatOthersHavePutInTheRefusedFilesPlaceStays) {
  remote_.on_call([&](Op op, const std::string&) {
    if (op == Op::finish) {
      remote_.put("/f", "theirs");
    }
  });
  remote_.fail_next(Op::finish, "/f", make_error(Errc::quota_exceeded, "552 quota", 552));
  EXPECT_FALSE(run(upload("/f", 1), false, "content"));
  EXPECT_EQ(remote_.content("/f"), "theirs");
}

TEST_F(DeliveryTest, WhatALinkFailureLeavesIsForTheNextTry) {
  remote_.fail_after_bytes(Op::write, 3, make_error(Errc::closed, "reset"));
  EXPECT_FALSE(run(upload("/f", 1), false, "content"));
  EXPECT_EQ(remote_.content("/f"), "con");
}

TEST_F(DeliveryTest, WhereNoNameCanBeBesideItAFileIsReplacedInPlace) {
  test::FakeRemoteOptions options;
  options.plain_names_below = "/QSYS.LIB";
  FakeRemote remote(clock_, options);
  remote.put("/QSYS.LIB/M.MBR", "old");
  const ContentReader reader(std::make_shared<const std::string>("new"));
  const auto send = [&](const Base& base) {
    const Intention intention = upload("/QSYS.LIB/M.MBR", 1, base);
    return Delivery(remote, clock_, {}, intention, false, kNumber, &reader).run({});
  };
  const auto refused = send(version(4, 1));
  ASSERT_FALSE(refused) << "others changed it, and a copy cannot be beside it";
  EXPECT_EQ(refused.error().code, Errc::already_exists);
  EXPECT_EQ(remote.content("/QSYS.LIB/M.MBR"), "old");
  const auto delivered = send(ours());
  ASSERT_TRUE(delivered) << delivered.error().text;
  EXPECT_EQ(remote.content("/QSYS.LIB/M.MBR"), "new");
  EXPECT_EQ(remote.calls(Op::rename), 0U);
}

TEST_F(DeliveryTest, ADirectoryIsNotReplaced) {
  remote_.put_directory("/f");
  const auto delivered = run(upload("/f", 1), false, "x");
  ASSERT_FALSE(delivered);
  EXPECT_EQ(delivered.error().code, Errc::is_directory);
}

TEST_F(DeliveryTest, UploadsThatNeverGotTheirNamesHoldNoDirectory) {
  using remote::HiddenNames;
  remote_.put("/d/" + HiddenNames::upload_name(1, 2), "of a process that was killed");
  EXPECT_TRUE(run(simple(Action::remove_directory, "/d")));
  EXPECT_FALSE(remote_.exists("/d"));

  remote_.put("/e/" + HiddenNames::upload_name(1, 2), "of a process that was killed");
  remote_.put("/e/" + HiddenNames::aside_name(1, 3, "f"), "the only copy of it");
  const auto kept = run(simple(Action::remove_directory, "/e"));
  ASSERT_FALSE(kept);
  EXPECT_EQ(kept.error().code, Errc::not_empty);
  EXPECT_EQ(remote_.names("/e").size(), 2U);
}

TEST_F(DeliveryTest, WhatIsFoundDoneIsSuccess) {
  remote_.put_directory("/d");
  EXPECT_TRUE(run(simple(Action::make_directory, "/d")));
  EXPECT_TRUE(run(simple(Action::remove_file, "/gone")));
  EXPECT_TRUE(run(simple(Action::remove_directory, "/gone")));
  remote_.put("/new", "moved");
  Intention moved = rename("/old", "/new", ours());
  moved.source = version_now("/new");
  EXPECT_TRUE(run(moved, true));
  EXPECT_FALSE(run(rename("/old", "/new", ours()), false)) << "there never was such a file";
  remote_.put("/f", "a file");
  EXPECT_FALSE(run(simple(Action::make_directory, "/f")));
}

TEST_F(DeliveryTest, ARenameDoesNotReplaceWhatOthersMadeMeanwhile) {
  remote_.put("/a", "ours");
  remote_.put("/b", "theirs");
  const auto delivered = run(rename("/a", "/b"));
  ASSERT_TRUE(delivered);
  ASSERT_TRUE(delivered->conflict);
  EXPECT_EQ(remote_.content("/b"), "theirs");
  EXPECT_EQ(remote_.content(delivered->conflict->str()), "ours");

  remote_.put("/a", "ours again");
  const auto replaced = run(rename("/a", "/b", version_now("/b")));
  ASSERT_TRUE(replaced);
  EXPECT_EQ(remote_.content("/b"), "ours again");
}

TEST_F(DeliveryTest, ARenameWithoutASourceIsDoneOnlyIfTheTargetIsWhatTheSourceWas) {
  remote_.put("/new", "somebody else's");
  Intention intention = rename("/old", "/new", ours());
  for (const Base& source : {ours(), version(3, 1)}) {
    intention.source = source;
    const auto refused = run(intention, true);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::not_found);
  }
  intention.source = version_now("/new");
  EXPECT_TRUE(run(intention, true));
  EXPECT_FALSE(run(intention, false)) << "not of ours: it was never tried";
}

TEST_F(DeliveryTest, WhatOthersHavePutInTheSourcesPlaceIsNotRenamed) {
  remote_.put("/a", "theirs");
  Intention intention = rename("/a", "/b");
  intention.source = version(3, 1);
  const auto delivered = run(intention);
  ASSERT_TRUE(delivered);
  EXPECT_TRUE(delivered->kept_theirs);
  EXPECT_THAT(remote_.names("/"), ElementsAre("a"));
}

TEST_F(DeliveryTest, WhatOthersHavePutInAFilesPlaceIsNotRemoved) {
  remote_.put("/f", "theirs");
  for (const Base& base : {version(3, 1), absent()}) {
    Intention intention = simple(Action::remove_file, "/f");
    intention.base = base;
    for (const bool again : {false, true}) {
      const auto delivered = run(intention, again);
      ASSERT_TRUE(delivered);
      EXPECT_TRUE(delivered->kept_theirs);
      EXPECT_EQ(remote_.content("/f"), "theirs");
    }
  }
  Intention intention = simple(Action::remove_file, "/f");
  intention.base = version_now("/f");
  const auto delivered = run(intention);
  ASSERT_TRUE(delivered);
  EXPECT_FALSE(delivered->kept_theirs);
  EXPECT_FALSE(remote_.exists("/f"));
}

TEST_F(DeliveryTest, WhatReplacesAFileKeepsItsMode) {
  remote_.put("/f", "old");
  ASSERT_TRUE(remote_.set_mode(path_of("/f"), 0604, Wait::for_at_most(std::chrono::seconds(5))));
  ASSERT_TRUE(run(upload("/f", 1, ours()), false, "new"));
  EXPECT_EQ(remote_.content("/f"), "new");
  EXPECT_EQ(remote_.mode("/f"), 0604);
}

TEST_F(DeliveryTest, ANewDirectoryGetsItsMode) {
  Intention intention = simple(Action::make_directory, "/d");
  intention.tail.mode = std::uint16_t{0710};
  const auto made = run(intention);
  ASSERT_TRUE(made);
  EXPECT_TRUE(made->made_directory);
  EXPECT_EQ(remote_.mode("/d"), 0710);
  intention.tail.mode = std::uint16_t{0700};
  const auto found = run(intention);
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->made_directory);
  EXPECT_EQ(remote_.mode("/d"), 0710) << "others have made it, and chosen its mode";
}

/// A server that renames over nothing: each call of the dance fails once, before and after its
/// work; a second try finds the old content or the new, and leaves nothing behind.
TEST_F(DeliveryTest, WhereNothingIsRenamedOverTheOldFileIsMovedAside) {
  test::FakeRemoteOptions options;
  options.rename_replaces = false;
  const std::uint64_t points = test::for_each_fault(5, [&](test::FaultPoint point) {
    SCOPED_TRACE(test::to_string(point));
    FakeRemote inner(clock_, options);
    inner.put("/f", "old");
    inner.put("/from", "moved");
    inner.put("/to", "old target");
    test::FaultyRemote remote(inner, point);
    const ContentReader reader(std::make_shared<const std::string>("new"));
    const Wait wait = Wait::for_at_most(std::chrono::seconds(5));
    Intention replacing =
        upload("/f", 1, {Base::Kind::version, *inner.version(path_of("/f"), wait)});
    Intention moving =
        rename("/from", "/to", {Base::Kind::version, *inner.version(path_of("/to"), wait)});
    moving.source = {Base::Kind::version, *inner.version(path_of("/from"), wait)};
    for (const Intention* intention : {&replacing, &moving}) {
      bool done = false;
      for (int tries = 0; tries < 3 && !done; ++tries) {
        const auto delivered = Delivery(remote, clock_, kLimits, *intention, tries > 0, kNumber,
                                        intention == &replacing ? &reader : nullptr)
                                   .run({});
        done = delivered.has_value();
        EXPECT_TRUE(done || is_link_failure(delivered.error().code)) << delivered.error().text;
        EXPECT_FALSE(done && (delivered->conflict || delivered->kept_theirs));
      }
      EXPECT_TRUE(done);
    }
    EXPECT_EQ(inner.content("/f"), "new");
    EXPECT_EQ(inner.content("/to"), "moved");
    EXPECT_FALSE(inner.exists("/from"));
    return remote.has_struck() && !HasFailure();
  });
  EXPECT_GT(points, 10U);
}

TEST_F(DeliveryTest, AnUploadThatIsCutGoesOnWhereItEnded) {
  const std::string content = long_content(3'000'000);
  for (const bool replaces : {false, true}) {
    const std::string name = replaces ? "/old" : "/new";
    Intention intention = upload(name, 1);
    if (replaces) {
      remote_.put(name, "old");
      intention.base = version_now(name);
    }
    intention.tail = {12345, std::uint16_t{0440}};
    tries_ = {};
    const std::uint64_t before = remote_.bytes_written();
    cut_after(700'000, 4);
    const auto delivered = run_until_done(intention, content);
    ASSERT_TRUE(delivered) << delivered.error().text;
    EXPECT_FALSE(delivered->conflict);
    EXPECT_EQ(delivered->left->size, content.size());
    EXPECT_EQ(remote_.bytes_written() - before, content.size()) << "nothing is sent twice";
    EXPECT_EQ(remote_.content(name), content);
    EXPECT_EQ(remote_.mtime(name), 12345);
    EXPECT_EQ(remote_.mode(name), 0440);
  }
  EXPECT_THAT(remote_.names("/"), ElementsAre("new", "old"));
}

TEST_F(DeliveryTest, WhatHasArrivedWholeIsNotSentAgain) {
  const std::string content = long_content(300'000);
  remote_.put("/f", "old");
  Intention intention = upload("/f", 1, version_now("/f"));
  intention.tail.mtime = 777;
  remote_.fail_next(Op::finish, {}, kCut);
  const auto delivered = run_until_done(intention, content);
  ASSERT_TRUE(delivered) << delivered.error().text;
  EXPECT_EQ(remote_.content("/f"), content);
  EXPECT_EQ(remote_.mtime("/f"), 777);
  EXPECT_EQ(remote_.bytes_written(), content.size());
}

/// It may be another's, who still writes there: not one byte is added to it.
TEST_F(DeliveryTest, ABeginningThatIsNotKnownToBeOursIsReplaced) {
  const std::string content = long_content(2'000'000);
  remote_.put("/f", content.substr(0, 1'500'000));
  remote_.forget_calls();
  ASSERT_TRUE(run(upload("/f", 1), true, content));
  EXPECT_EQ(remote_.content("/f"), content);
  EXPECT_EQ(remote_.bytes_written(), content.size());
  EXPECT_EQ(remote_.calls(Op::rename), 1U);
}

/// ProFTPD with AllowStoreRestart off says 451 to APPE behind something.
TEST_F(DeliveryTest, WhereNothingCanBeAppendedAllIsSentAnew) {
  const std::string content = long_content(1'000'000);
  for (const bool replaces : {false, true}) {
    const std::string name = replaces ? "/old" : "/new";
    Intention intention = upload(name, 1);
    if (replaces) {
      remote_.put(name, "old");
      intention.base = version_now(name);
    }
    tries_ = {};
    cut_after(700'000, 1);
    ASSERT_FALSE(run(intention, false, content));
    remote_.fail_next(Op::open_writer, {}, make_error(Errc::access_denied, "451 Append", 451));
    const auto delivered = run(intention, true, content);
    ASSERT_TRUE(delivered) << delivered.error().text;
    EXPECT_FALSE(delivered->conflict);
    EXPECT_EQ(remote_.content(name), content);
    EXPECT_FALSE(tries_.appends);
  }
  EXPECT_THAT(remote_.names("/"), ElementsAre("new", "old"));
}

TEST_F(DeliveryTest, ARefusedUploadTakesNothingAwayThatMayBeOfOthers) {
  const Error quota = make_error(Errc::quota_exceeded, "552 quota", 552);
  for (const std::string theirs : {"", "con", "content"}) {
    tries_ = {};
    remote_.put("/f", theirs);
    remote_.fail_after_bytes(Op::write, 3, quota);
    EXPECT_EQ(run(upload("/f", 1), true, "content").has_value(), theirs == "content");
    EXPECT_EQ(remote_.content("/f"), theirs);
  }
}

TEST_F(DeliveryTest, WhatOthersHavePutInPlaceOfABeginningStays) {
  const std::string content = long_content(1'000'000);
  cut_after(600'000, 1);
  ASSERT_FALSE(run(upload("/f", 1), false, content));
  for (const std::string& theirs :
       {std::string(500'000, 't'), content.substr(0, 500'000) + "?", content.substr(1, 600'000)}) {
    remote_.put("/f", theirs);
    const auto delivered = run(upload("/f", 1), true, content);
    ASSERT_TRUE(delivered) << delivered.error().text;
    ASSERT_TRUE(delivered->conflict);
    EXPECT_EQ(remote_.content("/f"), theirs);
    EXPECT_EQ(remote_.content(delivered->conflict->str()), content);
  }
}

TEST_F(DeliveryTest, AHiddenFileOfOtherContentIsMadeAnew) {
  const std::string content = long_content(1'000'000);
  const std::string part = "/" + remote::HiddenNames::upload_name(kNumber.mount, kNumber.number);
  for (const std::string& left : {std::string(), std::string(10, '\0'), content.substr(1, 900'000),
                                  content + "more", content.substr(0, 999'999) + "?"}) {
    remote_.put("/f", "old");
    remote_.put(part, left);
    tries_.has_begun = true;
    ASSERT_TRUE(run(upload("/f", 1, version_now("/f")), true, content));
    EXPECT_EQ(remote_.content("/f"), content);
    EXPECT_THAT(remote_.names("/"), ElementsAre("f"));
  }
}

TEST_F(DeliveryTest, WhatWasGoneOnWithAndHasAnotherDigestIsSentAnew) {
  test::FakeRemoteOptions options;
  options.digest = DigestAlgorithm::sha256;
  const std::string content = long_content(1'000'000);
  const ContentReader reader(std::make_shared<const std::string>(content));
  for (const std::string& left :
       {content.substr(0, 900'000), "?" + content.substr(1, 899'999), content}) {
    FakeRemote remote(clock_, options);
    remote.put("/f", "old");
    remote.put("/" + remote::HiddenNames::upload_name(kNumber.mount, kNumber.number), left);
    tries_.has_begun = true;
    const auto delivered =
        Delivery(remote, clock_, kLimits, upload("/f", 1, ours()), true, kNumber, &reader, &tries_)
            .run({});
    ASSERT_TRUE(delivered) << delivered.error().text;
    EXPECT_EQ(remote.content("/f"), content);
    EXPECT_THAT(remote.names("/"), ElementsAre("f"));
    EXPECT_EQ(remote.bytes_written(),
              left.front() == '?' ? 1'100'000U : content.size() - left.size());
  }
}

TEST_F(DeliveryTest, WhereNothingIsAppendedItIsSentAnew) {
  const std::string content = long_content(1'000'000);
  remote_.put("/f", "old");
  const Intention intention = upload("/f", 1, version_now("/f"));
  cut_after(600'000, 1);
  ASSERT_FALSE(run(intention, false, content));
  remote_.fail_next(Op::open_writer, {}, make_error(Errc::unsupported, "502 no APPE", 502));
  const auto delivered = run(intention, true, content);
  ASSERT_TRUE(delivered) << delivered.error().text;
  EXPECT_EQ(remote_.content("/f"), content);
}

TEST_F(DeliveryTest, OnlyWhatIsSentForTheFirstTimeIsProgress) {
  test::FakeRemoteOptions options;
  options.lost_on_abort = 10'000'000;  // nothing of it ever arrives
  FakeRemote remote(clock_, options);
  const std::string content = long_content(2'000'000);
  const ContentReader reader(std::make_shared<const std::string>(content));
  int progress = 0;
  limits_.on_progress = [&progress] { ++progress; };
  const auto send = [&](bool again) {
    return Delivery(remote, clock_, limits_, upload("/f", 1), again, kNumber, &reader, &tries_)
        .run({});
  };
  remote.fail_after_bytes(Op::write, 1'100'000, kCut);
  ASSERT_FALSE(send(false));
  const int first = progress;
  EXPECT_GT(first, 0);
  for (int i = 0; i < 3; ++i) {
    remote.fail_after_bytes(Op::write, 1'100'000, kCut);
    ASSERT_FALSE(send(true));
    EXPECT_EQ(progress, first);
  }
  ASSERT_TRUE(send(true));
  EXPECT_GT(progress, first);
  EXPECT_EQ(remote.content("/f"), content);
}

TEST_F(DeliveryTest, ALargeUploadGivesWayAndGoesOn) {
  test::FakeRemoteOptions options;
  options.max_conns = 1;
  FakeRemote remote(clock_, options);
  const std::string content = long_content(12ULL << 20);
  const ContentReader reader(std::make_shared<const std::string>(content));
  const Intention intention = upload("/f", 1);
  auto held = remote.hold(Op::write);
  std::jthread other([&] {
    ASSERT_TRUE(held.await_blocked());
    std::jthread asking([&] {
      EXPECT_TRUE(remote.stat(path_of("/"), Wait::for_at_most(std::chrono::seconds(20))));
    });
    while (remote.yield_requests() == 0) {
      std::this_thread::yield();
    }
    held.open();
  });
  ASSERT_TRUE(Delivery(remote, clock_, {}, intention, false, kNumber, &reader).run({}));
  other.join();
  EXPECT_EQ(remote.content("/f"), content);
  EXPECT_GE(remote.calls(Op::open_writer), 2U);
}

}  // namespace
}  // namespace ftpsfs::writeback
