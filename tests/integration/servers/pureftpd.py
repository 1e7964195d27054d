# SPDX-License-Identifier: MIT
"""Pure-FTPd with a puredb of one virtual user. It sends no TLS 1.3 tickets, globs the arguments of
its listings, and cuts listings at a limit (10,000 by default)."""

import subprocess

from .base import PASSWORD, SERVER_UID, USER, Server, library_path, unpacked_root


class PureFtpd(Server):
    name = "pureftpd"
    stores_through_links = False  # 553: Too many levels of symbolic links

    def needs_openssl_conf(self):
        return True

    def command(self):
        binary = self.unpacked("usr/sbin/pure-ftpd")
        database = self._user_database()
        return [str(binary), "-l", f"puredb:{database}", "-4", "-S", f"{self.address},{self.port}", "-H", "-E", "-A",
                "-u", "1", "-U", "133:022", "-c", "200", "-C", "200", "-I", "15", "-z", "-D",
                "-L", f"{self.listing_limit}:50", "-Y", "1", "-2", str(self.certificate.pem),
                "-g", str(self.config / "pid"), "-f", "none"]

    def environment(self):
        env = super().environment()
        env["LD_LIBRARY_PATH"] = library_path(unpacked_root())
        return env

    def _user_database(self):
        passwd, database = self.config / "pureftpd.passwd", self.config / "pureftpd.pdb"
        crypted = subprocess.run(["openssl", "passwd", "-6", PASSWORD], check=True, text=True, timeout=30,
                                 stdout=subprocess.PIPE).stdout.strip()
        passwd.write_text(f"{USER}:{crypted}:{SERVER_UID}:{SERVER_UID}::{self.root}/./::::::::::::\n")
        passwd.chmod(0o600)
        subprocess.run([str(self.unpacked("usr/bin/pure-pw")), "mkdb", str(database), "-f", str(passwd)], check=True,
                       timeout=30, env=self.environment(), stdout=subprocess.DEVNULL)
        return database
