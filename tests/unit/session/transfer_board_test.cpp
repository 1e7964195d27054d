// SPDX-License-Identifier: MIT
#include "ftpsfs/session/transfer_board.hpp"

#include <gtest/gtest.h>

namespace ftpsfs::session {
namespace {

using Direction = TransferBoard::Direction;

TEST(TransferBoard, ShowsWhatIsUnderWayInItsOrder) {
  TransferBoard board;
  auto first = board.add(Direction::download, "/a", 100, 1000);
  auto second = board.add(Direction::upload, "/b", 0, {});
  first.add(50);
  first.add(7);
  const auto running = board.running();
  ASSERT_EQ(running.size(), 2U);
  EXPECT_EQ(running[0].path, "/a");
  EXPECT_EQ(running[0].begun_at, 100U);
  EXPECT_EQ(running[0].bytes, 57U);
  EXPECT_EQ(running[0].size, 1000U);
  EXPECT_EQ(running[1].direction, Direction::upload);
  EXPECT_FALSE(running[1].size);
}

TEST(TransferBoard, AnEntryLeavesOnceWhereverItWasMoved) {
  TransferBoard board;
  {
    auto entry = board.add(Direction::download, "/a", 0, {});
    TransferBoard::Entry moved = std::move(entry);
    TransferBoard::Entry other = board.add(Direction::download, "/b", 0, {});
    other = std::move(moved);  // what was there leaves
    ASSERT_EQ(board.running().size(), 1U);
    EXPECT_EQ(board.running()[0].path, "/a");
    other.leave();
    other.leave();
    other.add(1);
    EXPECT_TRUE(board.running().empty());
  }
  EXPECT_TRUE(board.running().empty());
}

}  // namespace
}  // namespace ftpsfs::session
