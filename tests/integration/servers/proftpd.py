# SPDX-License-Identifier: MIT
"""ProFTPD with mod_tls as it comes: a data connection must resume the TLS session of its own
control connection. Overwriting and restarted uploads, off by default, are switched on unless `extra` says
otherwise."""

import subprocess

from .base import PASSWORD, SERVER_GROUP, SERVER_UID, SERVER_USER, USER, Server, library_path, unpacked_root


class ProFtpd(Server):
    name = "proftpd"
    implicit_capable = True
    has_symlink_command = True

    def command(self):
        binary = self.unpacked("usr/sbin/proftpd")
        modules = unpacked_root() / "usr/lib/proftpd"
        users = self.config / "passwd"
        crypted = subprocess.run(["openssl", "passwd", "-6", PASSWORD], check=True, text=True, timeout=30,
                                 stdout=subprocess.PIPE).stdout.strip()
        users.write_text(f"{USER}:{crypted}:{SERVER_UID}:{SERVER_UID}::{self.root}:/bin/sh\n")
        users.chmod(0o600)
        options = "TLSOptions UseImplicitSSL\n" if self.implicit else ""
        extra = {"TLSVerifyClient": "off", **self.extra}
        overwrite = extra.pop("AllowOverwrite", "on")
        restart = extra.pop("AllowStoreRestart", "on")
        options += "".join(f"{directive} {value}\n" for directive, value in extra.items())
        config = self.config / "proftpd.conf"
        config.write_text(f"""\
ModulePath {modules}
LoadModule mod_tls.c
LoadModule mod_site_misc.c
ServerName "ftpsfs test"
ServerType standalone
DefaultAddress {self.address}
SocketBindTight on
Port {self.port}
UseIPv6 off
User {SERVER_USER}
Group {SERVER_GROUP}
Umask 022
MaxInstances 200
UseReverseDNS off
WtmpLog off
PidFile {self.config}/pid
ScoreboardFile {self.config}/scoreboard
SystemLog {self.folder}/proftpd-system.log
TransferLog none
DelayEngine off
ControlsEngine off
AuthOrder mod_auth_file.c
AuthUserFile {users}
RequireValidShell off
DefaultRoot {self.root}
AllowOverwrite {overwrite}
AllowStoreRestart {restart}
AllowRetrieveRestart on
TimesGMT on
UseSendfile off
<Directory />
  AllowOverwrite {overwrite}
</Directory>
TLSEngine on
TLSLog {self.folder}/proftpd-tls.log
TLSProtocol TLSv{self.tls}
TLSRequired ctrl
TLSECCertificateFile {self.certificate.cert}
TLSECCertificateKeyFile {self.certificate.key}
TLSRenegotiate none
{options}""")
        return [str(binary), "-n", "-c", str(config)]

    def environment(self):
        env = super().environment()
        env["LD_LIBRARY_PATH"] = library_path(unpacked_root())
        return env
