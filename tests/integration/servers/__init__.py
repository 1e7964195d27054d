# SPDX-License-Identifier: MIT
"""The real FTP servers that the tests mount: one file for each, one interface for all."""

from .base import PASSWORD, USER, Server
from .proftpd import ProFtpd
from .pureftpd import PureFtpd
from .pyftpdlib_server import Pyftpdlib
from .vsftpd import Vsftpd

SERVERS = {cls.name: cls for cls in (Vsftpd, ProFtpd, PureFtpd, Pyftpdlib)}

__all__ = ["PASSWORD", "SERVERS", "USER", "Server"]
