# SPDX-License-Identifier: MIT
"""Other programs that mount the same files, for comparison in the same run. Those that are not
installed, or cannot mount this server, are left out."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from box import wait_for
from mount import die_with_parent
from servers import PASSWORD, USER
from servers.base import free_port, library_path, unpacked_root


class CannotMount(Exception):
    pass


class Peer:
    """`with Peer(bench) as mnt`: the bench's box on its server."""

    def __init__(self, bench):
        self.bench = bench
        self.mnt = Path(tempfile.mkdtemp(prefix=f"by-{self.name}-", dir=bench.folder))
        self.processes = []

    def start(self, network, *command, **options):
        there = ["nsenter", f"--net={network}"] if network else []
        self.processes.append(subprocess.Popen([*there, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                               preexec_fn=die_with_parent, **options))

    def await_mount(self):
        if not wait_for(self.mnt.is_mount, 30):
            self.__exit__()
            raise CannotMount(f"{self.name} cannot mount {self.bench.server.name}, TLS {self.bench.server.tls}: left out")
        return self.mnt

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", str(self.mnt)], check=False, stderr=subprocess.DEVNULL)
        for process in reversed(self.processes):
            process.terminate()
            process.wait(30)


class RcloneMount(Peer):
    name = "rclone"

    @staticmethod
    def available():
        return shutil.which("rclone") is not None

    def __enter__(self):
        obscured = subprocess.run(["rclone", "obscure", "-"], input=PASSWORD.encode(), check=True, capture_output=True)
        self.start(self.bench.near, "rclone", "mount", "--config", "/dev/null",
                   *(["--read-only"] if self.bench.read_only else ["--vfs-cache-mode", "writes"]), "--ftp-host", self.bench.host,
                   "--ftp-port", str(self.bench.server.port), "--ftp-user", USER, "--ftp-pass", obscured.stdout.decode().strip(),
                   "--ftp-explicit-tls", "--ftp-no-check-certificate", f":ftp:/{self.bench.box.name}", str(self.mnt))
        return self.await_mount()


class SshfsMount(Peer):
    """The same folder, by an sshd of its own beside the FTP server: another protocol."""

    name = "sshfs"

    @staticmethod
    def sshd():
        return unpacked_root() / "usr/sbin/sshd"

    @classmethod
    def available(cls):
        return shutil.which("sshfs") is not None and shutil.which("ssh-keygen") is not None and cls.sshd().exists()

    def __enter__(self):
        folder = self.bench.folder / "sshd"
        if not folder.exists():
            folder.mkdir(mode=0o700)
            for key in ("host", "user"):
                subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True)
            (folder / "passwd").write_text(
                open("/etc/passwd", encoding="utf-8").read() + "sshd:x:65533:65533::/run/sshd:/usr/sbin/nologin\n")
        port = free_port()
        words = {"Port": port, "ListenAddress": "0.0.0.0", "HostKey": folder / "host", "PidFile": "none", "UsePAM": "no",
                 "AuthorizedKeysFile": folder / "user.pub", "StrictModes": "no", "PermitRootLogin": "prohibit-password",
                 "PasswordAuthentication": "no", "Subsystem": "sftp internal-sftp"}
        (folder / "config").write_text("".join(f"{word} {value}\n" for word, value in words.items()))
        # It insists on a user and on a folder of its own: in a mount namespace, not on this machine.
        self.start(self.bench.far, "unshare", "-m", "sh", "-c",
                   f"mount --bind {folder}/passwd /etc/passwd && mount -t tmpfs none /run && mkdir -m 755 /run/sshd &&"
                   f" exec {self.sshd()} -D -e -f {folder}/config", env={"LD_LIBRARY_PATH": library_path(unpacked_root())})
        self.start(self.bench.near, "bash", "-c", f"until : >/dev/tcp/{self.bench.host}/{port}; do sleep 0.1; done; exec sshfs \"$@\"",
                   "sshfs", "-f",
                   "-p", str(port), "-o", ("ro," if self.bench.read_only else "") + "StrictHostKeyChecking=no,UserKnownHostsFile=/dev/null",
                   "-o", f"IdentityFile={folder}/user", f"root@{self.bench.host}:{self.bench.box.remote}", str(self.mnt))
        return self.await_mount()


PEERS = [peer for peer in (RcloneMount, SshfsMount) if peer.available()]
