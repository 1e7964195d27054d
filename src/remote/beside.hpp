// SPDX-License-Identifier: MIT
//
// Work over a second session at the same time as over the first. It ends before its owner does, and
// hears of the stop of whoever waits for both. Private to FtpRemote; for one thread.
#pragma once

#include <functional>
#include <future>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>

#include "ftpsfs/base/log.hpp"
#include "ftpsfs/base/result.hpp"
#include "ftpsfs/base/wait.hpp"

namespace ftpsfs::remote {

template <typename T>
class Beside {
 public:
  /// @param work on a thread of its own; is_running() is false where there is none to be had.
  Beside(const Wait& wait, std::function<Result<T>(const Wait&)> work)
      : caller_(wait.stop, [this] { stop_.request_stop(); }) {
    try {
      result_ = std::async(std::launch::async, [own = Wait{wait.deadline, stop_.get_token()},
                                                work = std::move(work)] { return work(own); });
    } catch (const std::system_error& e) {
      log::debug("no thread for a second connection: {}", e.what());
    }
  }
  ~Beside() {
    if (result_.valid()) {
      stop_.request_stop();
      result_.wait();
    }
  }
  Beside(const Beside&) = delete;
  Beside& operator=(const Beside&) = delete;

  bool is_running() const { return result_.valid(); }

  /// @return nullopt: it took longer, and was stopped. @pre is_running()
  std::optional<Result<T>> take(SteadyClock::duration patience) {
    const bool came = result_.wait_for(patience) == std::future_status::ready;
    if (!came) {
      stop_.request_stop();
    }
    Result<T> result = result_.get();
    return came ? std::optional(std::move(result)) : std::nullopt;
  }

 private:
  std::stop_source stop_;
  std::stop_callback<std::function<void()>> caller_;
  std::future<Result<T>> result_;
};

}  // namespace ftpsfs::remote
