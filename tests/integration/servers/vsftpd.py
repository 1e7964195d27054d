# SPDX-License-Identifier: MIT
"""vsftpd, with require_ssl_reuse: no MLSD, dot files by `-a` only, and a data connection that does
not resume its control connection's TLS session ends everything.

It knows users only through PAM and /etc/passwd. So the server gets a mount namespace of its own in
which throw-away files stand over /etc/pam.d, /etc/passwd and /etc/shadow; the machine's own stay as
they are. (Checking the password by pam_exec would not do: vsftpd takes the end of that child for the
end of its own TLS process, and waits for ever.)
"""

import shlex
import subprocess

from .base import PASSWORD, SERVER_UID, SERVER_USER, USER, Server, library_path, unpacked_root


class Vsftpd(Server):
    name = "vsftpd"
    implicit_capable = True
    hides_dot_files_from_plain_list = True

    def needs_openssl_conf(self):
        return True  # Debian's vsftpd has options up to TLS 1.0 only, and takes what OpenSSL allows

    def command(self):
        binary = self.unpacked("usr/sbin/vsftpd")
        empty = self.config / "empty"
        empty.mkdir(exist_ok=True)
        settings = {
            "listen": "YES", "listen_ipv6": "NO", "listen_address": self.address, "listen_port": self.port,
            "background": "NO", "anonymous_enable": "NO", "local_enable": "YES", "write_enable": "YES",
            "nopriv_user": SERVER_USER,
            "chroot_local_user": "YES", "allow_writeable_chroot": "YES", "local_root": self.root,
            "local_umask": "022", "secure_chroot_dir": empty, "pam_service_name": "vsftpd",
            "session_support": "NO", "seccomp_sandbox": "NO", "isolate": "NO", "isolate_network": "NO",
            "use_localtime": "NO", "mdtm_write": "YES", "ls_recurse_enable": "NO", "pasv_addr_resolve": "NO",
            "max_per_ip": "0", "max_clients": "0",
            "ssl_enable": "YES", "implicit_ssl": "YES" if self.implicit else "NO", "require_ssl_reuse": "YES",
            "force_local_logins_ssl": "YES", "force_local_data_ssl": "NO", "ssl_ciphers": "HIGH",
            "rsa_cert_file": self.certificate.cert, "rsa_private_key_file": self.certificate.key,
            "xferlog_enable": "YES", "log_ftp_protocol": "YES", "xferlog_std_format": "NO", "dual_log_enable": "NO",
            "vsftpd_log_file": self.folder / "vsftpd-protocol.log", "debug_ssl": "YES",
            **self.extra,
        }
        config = self.config / "vsftpd.conf"
        config.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        # The namespace begins with a copy of every mount. A copy of a FUSE mount would keep that
        # filesystem alive after it was unmounted outside.
        script = "set -e\numount --all --lazy --types fuse.ftpsfs || true\n"
        for stand_in, real in self._user_database():
            script += f"mount --bind {shlex.quote(str(stand_in))} {real}\n"
        script += f"exec {shlex.quote(str(binary))} {shlex.quote(str(config))}\n"
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script]

    def environment(self):
        env = super().environment()
        env["LD_LIBRARY_PATH"] = library_path(unpacked_root())
        return env

    def _user_database(self):
        """Files with one valid login, and where they are to be seen."""
        pam = self.config / "pam.d"
        pam.mkdir(exist_ok=True)
        (pam / "vsftpd").write_text("auth required pam_unix.so nodelay\n"
                                    "account required pam_permit.so\nsession required pam_permit.so\n")
        crypted = subprocess.run(["openssl", "passwd", "-6", PASSWORD], check=True, text=True, timeout=30,
                                 stdout=subprocess.PIPE).stdout.strip()
        passwd, shadow = self.config / "passwd", self.config / "shadow"
        passwd.write_text("root:x:0:0::/:/bin/sh\n"
                          f"{USER}:x:{SERVER_UID}:{SERVER_UID}::{self.root}:/bin/sh\n"
                          f"{SERVER_USER}:x:{SERVER_UID}:{SERVER_UID}::/:/bin/sh\n")
        shadow.write_text(f"root:*:19000:0:99999:7:::\n{USER}:{crypted}:19000:0:99999:7:::\n")
        shadow.chmod(0o600)
        return (pam, "/etc/pam.d"), (passwd, "/etc/passwd"), (shadow, "/etc/shadow")
