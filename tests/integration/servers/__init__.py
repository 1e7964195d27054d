# SPDX-License-Identifier: MIT
"""The FTP servers that the tests mount: one file for each, one interface for all. SERVERS are real ones."""

from .base import PASSWORD, USER, Server
from .double_server import ServerDouble
from .proftpd import ProFtpd
from .pureftpd import PureFtpd
from .pyftpdlib_server import Pyftpdlib
from .vsftpd import Vsftpd

SERVERS = {cls.name: cls for cls in (Vsftpd, ProFtpd, PureFtpd, Pyftpdlib)}
ALL_SERVERS = {**SERVERS, ServerDouble.name: ServerDouble}

__all__ = ["ALL_SERVERS", "PASSWORD", "SERVERS", "USER", "Server"]
