// SPDX-License-Identifier: MIT
//
// See tls_wire.hpp.
#include "tls_wire.hpp"

#include <algorithm>
#include <new>
#include <span>

namespace ftpsfs::net {
namespace {

TlsWire& wire_of(BIO* bio) {
  return *static_cast<TlsWire*>(BIO_get_data(bio));
}

int read_wire(BIO* bio, char* into, std::size_t size, std::size_t* got) {
  TlsWire& wire = wire_of(bio);
  BIO_clear_retry_flags(bio);
  *got = 0;
  auto read = wire.socket.try_read({reinterpret_cast<std::byte*>(into), size});
  if (!read) {
    wire.error = std::move(read).error();
    return 0;
  }
  if (!*read) {
    BIO_set_retry_read(bio);
    return 0;
  }
  *got = **read;
  if (*got == 0) {
    wire.saw_fin = true;
    return 0;
  }
  if (wire.first_bytes.size() < TlsWire::kFirstBytes) {
    wire.first_bytes.append(into, std::min(*got, TlsWire::kFirstBytes - wire.first_bytes.size()));
  }
  return 1;
}

int write_wire(BIO* bio, const char* from, std::size_t size, std::size_t* taken) {
  TlsWire& wire = wire_of(bio);
  BIO_clear_retry_flags(bio);
  *taken = 0;
  auto written = wire.socket.try_write({reinterpret_cast<const std::byte*>(from), size});
  if (!written) {
    // OpenSSL answers a bare FIN with an alert: that nobody takes it is not what went wrong.
    if (!wire.saw_fin) {
      wire.error = std::move(written).error();
    }
    return 0;
  }
  if (*written == 0) {
    BIO_set_retry_write(bio);
    return 0;
  }
  *taken = *written;
  return 1;
}

long control_wire(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_EOF:
      return wire_of(bio).saw_fin ? 1 : 0;
    default:
      return 0;
  }
}

BIO_METHOD* make_method() {
  BIO_METHOD* const method =
      BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "ftpsfs socket");
  if (method == nullptr) {
    throw std::bad_alloc();
  }
  BIO_meth_set_read_ex(method, read_wire);
  BIO_meth_set_write_ex(method, write_wire);
  BIO_meth_set_ctrl(method, control_wire);
  return method;
}

}  // namespace

BIO* new_wire_bio(TlsWire& wire) {
  static BIO_METHOD* const method = make_method();  // one for the life of the process
  BIO* const bio = BIO_new(method);
  if (bio == nullptr) {
    throw std::bad_alloc();
  }
  BIO_set_data(bio, &wire);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace ftpsfs::net
