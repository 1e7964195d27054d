// SPDX-License-Identifier: MIT
//
// What FaultyFtpsServer shares between its connections: options, the tree, the plan of faults and
// the counts. Thread-safe.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "ftpsfs/base/mutex.hpp"
#include "support/faulty_ftps_server.hpp"
#include "support/faulty_ftps_server_tls.hpp"

namespace ftpsfs::test {

/// Which command meets which fault.
class FaultPlan {
 public:
  void add(Fault fault);
  void clear();
  /// Counts one command of `verb` and says what is to happen to it.
  std::optional<Fault> next(const std::string& verb);
  int met() const;

 private:
  struct Armed {
    Fault fault;
    int seen = 0;
  };
  mutable Mutex mutex_;
  std::vector<Armed> armed_ FTPSFS_GUARDED_BY(mutex_);
  int met_ FTPSFS_GUARDED_BY(mutex_) = 0;
};

/// The command lines of all connections.
class CommandLog {
 public:
  void add(std::string line);
  std::vector<std::string> lines() const;
  int count(const std::string& verb) const;

 private:
  mutable Mutex mutex_;
  std::vector<std::string> lines_ FTPSFS_GUARDED_BY(mutex_);
};

struct FaultyFtpsServer::Shared {
  explicit Shared(FaultyServerOptions wanted);

  const FaultyServerOptions options;
  const ServerTls tls;
  FaultyTree tree;
  FaultPlan faults;
  CommandLog log;
  std::atomic<std::uint64_t> next_number{1};
  std::atomic<int> stalled{0};
  std::atomic<int> control_connections{0};
  std::atomic<int> data_connections{0};
  std::atomic<int> data_connections_resumed{0};
  LoopbackServer listener;  // last: its threads use all of the above
};

}  // namespace ftpsfs::test
