# SPDX-License-Identifier: MIT
"""Runs pyftpdlib's TLS server for the tests. A program of its own, so that it can be frozen and killed."""

import argparse
import logging
import os

from OpenSSL import SSL
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import TLS_FTPHandler
from pyftpdlib.servers import FTPServer

SERVER_UID = 65534


class ImplicitHandler(TLS_FTPHandler):
    """TLS before the greeting. The library has no switch for it, but this is all it takes."""

    def handle(self):
        self.secure_connection(self.ssl_context)
        super().handle()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--root", required=True)
    parser.add_argument("--cert", required=True)
    parser.add_argument("--user", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--tls", choices=["1.2", "1.3"], required=True)
    parser.add_argument("--implicit", action="store_true")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")

    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    version = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}[args.tls]
    context.set_min_proto_version(version)
    context.set_max_proto_version(version)
    context.use_certificate_chain_file(args.cert)
    context.use_privatekey_file(args.cert)

    authorizer = DummyAuthorizer()
    authorizer.add_user(args.user, args.password, args.root, perm="elradfmwMT")
    handler = ImplicitHandler if args.implicit else TLS_FTPHandler
    handler.ssl_context = context
    handler.authorizer = authorizer
    handler.tls_control_required = True
    handler.banner = "pyftpdlib ready."

    server = FTPServer((args.address, args.port), handler)
    server.max_cons = 512
    server.max_cons_per_ip = 0
    # The port is bound and the certificate read: no more need for rights.
    os.setgroups([])
    os.setgid(SERVER_UID)
    os.setuid(SERVER_UID)
    os.umask(0o022)
    server.serve_forever(handle_exit=False)


if __name__ == "__main__":
    main()
