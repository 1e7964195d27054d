# SPDX-License-Identifier: MIT
"""pyftpdlib: one process for all clients, which breaks on bytes that come earlier than expected."""

import sys
from pathlib import Path

from .base import PASSWORD, USER, Server


class Pyftpdlib(Server):
    name = "pyftpdlib"
    implicit_capable = True
    chroots = False

    def command(self):
        return [sys.executable, str(Path(__file__).with_name("pyftpdlib_main.py")), "--address", self.address,
                "--port", str(self.port),
                "--root", str(self.root), "--cert", str(self.certificate.pem), "--user", USER, "--password", PASSWORD,
                "--tls", self.tls, *(["--implicit"] if self.implicit else [])]

    def drop_connections(self):
        raise NotImplementedError("one process serves all connections")
