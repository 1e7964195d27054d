# SPDX-License-Identifier: MIT
"""Other programs that mount the same files. Those that are not installed, or cannot mount this
server, are left out. Each with its own defaults, as whoever changes nothing has it."""

import shutil
import socket
import subprocess
import tempfile

from box import wait_for
from mount import die_with_parent
from network import in_network
from servers import PASSWORD, USER
from servers.base import free_port, library_path, unpacked_root
from ways import OtherMount, version_told_by


class Rclone(OtherMount):
    mode = ""

    @classmethod
    def available(cls):
        return shutil.which("rclone") is not None

    def command(self):
        bench = self.bench
        obscured = subprocess.run(["rclone", "obscure", "-"], input=PASSWORD.encode(), check=True, capture_output=True)
        cache = tempfile.mkdtemp(prefix="rclone-cache-", dir=bench.folder)
        return ["rclone", "mount", "--config", "/dev/null", "--cache-dir", cache, "--vfs-cache-mode", self.mode,
                "--ftp-host", bench.host, "--ftp-port", bench.server.port, "--ftp-user", USER,
                "--ftp-pass", obscured.stdout.decode().strip(), "--ftp-explicit-tls", "--ftp-no-check-certificate",
                f":ftp:/{bench.name}", self.mnt]

    def version(self):
        return version_told_by("rclone", "version")


class RcloneOff(Rclone):
    name = "rclone off"
    mode = "off"


class RcloneWrites(Rclone):
    name = "rclone writes"
    mode = "writes"


class RcloneFull(Rclone):
    name = "rclone full"
    mode = "full"


class Sshd:
    """One for all mounts of a bench, beside the FTP server: the same folder by another protocol."""

    def __init__(self, bench):
        self.folder = folder = bench.folder / "sshd"
        folder.mkdir(mode=0o700)
        for key in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True)
        (folder / "passwd").write_text(
            open("/etc/passwd", encoding="utf-8").read() + "sshd:x:65533:65533::/run/sshd:/usr/sbin/nologin\n")
        self.port = free_port()
        words = {"Port": self.port, "ListenAddress": "0.0.0.0", "HostKey": folder / "host", "PidFile": "none",
                 "UsePAM": "no", "AuthorizedKeysFile": folder / "user.pub", "StrictModes": "no",
                 "PermitRootLogin": "prohibit-password", "PasswordAuthentication": "no",
                 "Subsystem": "sftp internal-sftp"}
        (folder / "config").write_text("".join(f"{word} {value}\n" for word, value in words.items()))
        # It insists on a user and on a folder of its own: in a mount namespace, not on this machine.
        self.process = subprocess.Popen(
            [*bench.enter_far(), "unshare", "-m", "sh", "-c",
             f"mount --bind {folder}/passwd /etc/passwd && mount -t tmpfs none /run && mkdir -m 755 /run/sshd &&"
             f" exec {self.binary()} -D -e -f {folder}/config"], env={"LD_LIBRARY_PATH": library_path(unpacked_root())},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
        bench.ends.callback(self.stop)
        host = bench.host if bench.wan else "127.0.0.1"

        def answers():
            try:
                socket.create_connection((host, self.port), timeout=2).close()
                return True
            except OSError:
                return False

        wait_for(lambda: in_network(bench.near, answers), 30)

    @staticmethod
    def binary():
        return unpacked_root() / "usr/sbin/sshd"

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


class Sshfs(OtherMount):
    name = "sshfs"

    @classmethod
    def available(cls):
        return shutil.which("sshfs") is not None and shutil.which("ssh-keygen") is not None and Sshd.binary().exists()

    def command(self):
        bench = self.bench
        sshd = bench.once(Sshd)
        return ["sshfs", "-f", "-p", sshd.port, "-o", "StrictHostKeyChecking=no,UserKnownHostsFile=/dev/null",
                "-o", f"IdentityFile={sshd.folder}/user", f"root@{bench.host}:{bench.remote}", self.mnt]

    def version(self):
        return version_told_by("sshfs", "--version")


class CurlFtpFs(OtherMount):
    name = "curlftpfs"

    @classmethod
    def available(cls):
        return shutil.which("curlftpfs") is not None

    def command(self):
        bench = self.bench
        return ["curlftpfs", "-f", "-o", f"ssl,cacert={bench.server.pki.ca},no_verify_hostname,user={USER}:{PASSWORD}",
                f"ftp://{bench.host}:{bench.server.port}/{bench.name}/", self.mnt]

    def version(self):
        return version_told_by("curlftpfs", "--version")


class PassThrough(OtherMount):
    """The server's own directory, mounted on this machine through FUSE: no network, no protocol."""

    name = "bindfs"
    is_limit = True
    over_links = False

    @classmethod
    def available(cls):
        return shutil.which("bindfs") is not None

    def command(self):
        return ["bindfs", "-f", "--multithreaded", self.bench.remote, self.mnt]

    def version(self):
        return version_told_by("bindfs", "--version")


PEERS = [RcloneOff, RcloneWrites, RcloneFull, Sshfs, CurlFtpFs, PassThrough]
