# SPDX-License-Identifier: MIT
"""The partner of the documents, for town.py: explicit TLS on port 21, implicit TLS on 990 and 8990, and a
SOCKS5 proxy on 1080. One process, and no machine's own: it lives in a network namespace."""

import argparse
import os

from OpenSSL import SSL
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import TLS_FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer

# town.py puts them beside this file.
from pyftpdlib_main import SERVER_UID, ImplicitHandler
from wire import SocksProxy


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", required=True)
    parser.add_argument("--cert", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("users", nargs="+")
    args = parser.parse_args()

    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.use_certificate_chain_file(args.cert)
    context.use_privatekey_file(args.cert)
    authorizer = DummyAuthorizer()
    for user in args.users:
        authorizer.add_user(user, args.password, args.root, perm="elradfmwMT")
    authorizer.add_anonymous(args.root)

    loop = IOLoop()
    for port, base in ((21, TLS_FTPHandler), (990, ImplicitHandler), (8990, ImplicitHandler)):
        handler = type(f"Port{port}", (base,), {"ssl_context": context, "authorizer": authorizer,
                                                "tls_control_required": True, "banner": "The partner is ready."})
        server = FTPServer(("127.0.0.1", port), handler, ioloop=loop)
        server.max_cons_per_ip = 0
    SocksProxy(port=1080)
    os.setgroups([])
    os.setgid(SERVER_UID)
    os.setuid(SERVER_UID)
    os.umask(0o022)
    print("ready", flush=True)
    loop.loop()


if __name__ == "__main__":
    main()
