// SPDX-License-Identifier: MIT
//
// A libfuse session over a FakeKernel whose requests are only collected, for tests of what lies
// below the Frontend. For one thread.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "ftpsfs/fuse/libfuse_session.hpp"
#include "ftpsfs/fuse/request_buffers.hpp"
#include "ftpsfs/fuse/ticket.hpp"
#include "support/fake_kernel.hpp"

namespace ftpsfs::fuse {

class BareSession {
 public:
  BareSession() {
    MountOptions options;
    options.max_read = 0;
    auto created = LibfuseSession::create(options, callbacks(), this);
    EXPECT_TRUE(created);
    session_ = *std::move(created);
    EXPECT_TRUE(session_->use_channel(test::FakeKernel::io(), kernel.take_channel()));
  }

  fuse_session* get() const { return session_->get(); }

  /// Processes one message, in this thread.
  void step() {
    ASSERT_GT(fuse_session_receive_buf(get(), &buffers.current()), 0);
    fuse_session_process_buf(get(), &buffers.current());
    buffers.next();
  }
  /// Sends INIT and lets it be answered.
  void init() {
    fuse_init_in in{};
    in.major = FUSE_KERNEL_VERSION;
    in.minor = FUSE_KERNEL_MINOR_VERSION;
    const auto unique = kernel.send_with(FUSE_INIT, 0, in);
    step();
    ASSERT_TRUE(kernel.wait(unique));
  }
  /// The LOOKUP that was collected last.
  Ticket take_ticket() {
    Ticket ticket = std::move(tickets_.back());
    tickets_.pop_back();
    return ticket;
  }

  test::FakeKernel kernel;
  RequestBuffers buffers;
  unsigned init_max_read = 0;        ///< libfuse refuses any other than the mount option's
  std::shared_ptr<const void> kept;  ///< of the last WRITE
  const char* kept_bytes = nullptr;

 private:
  static const fuse_lowlevel_ops& callbacks() {
    static const fuse_lowlevel_ops callbacks = [] {
      fuse_lowlevel_ops ops{};
      ops.init = [](void* userdata, fuse_conn_info* connection) {
        connection->want = 0;
        connection->max_read = static_cast<BareSession*>(userdata)->init_max_read;
      };
      ops.lookup = [](fuse_req_t request, fuse_ino_t, const char*) {
        self(request).tickets_.emplace_back(request);
      };
      ops.getattr = [](fuse_req_t request, fuse_ino_t, fuse_file_info*) {
        fuse_reply_err(request, ENOENT);
      };
      ops.write_buf = [](fuse_req_t request, fuse_ino_t, fuse_bufvec* data, off_t,
                         fuse_file_info*) {
        self(request).kept = self(request).buffers.keep_current();
        self(request).kept_bytes = static_cast<const char*>(data->buf[0].mem);
        fuse_reply_write(request, data->buf[0].size);
      };
      return ops;
    }();
    return callbacks;
  }
  static BareSession& self(fuse_req_t request) {
    return *static_cast<BareSession*>(fuse_req_userdata(request));
  }

  std::unique_ptr<LibfuseSession> session_;
  std::vector<Ticket> tickets_;
};

}  // namespace ftpsfs::fuse
