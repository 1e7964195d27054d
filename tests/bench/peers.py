# SPDX-License-Identifier: MIT
"""Other programs that mount the same server, for comparison in the same run. Those that are not
installed are left out."""

import shutil
import subprocess

from box import wait_for
from mount import die_with_parent
from servers import PASSWORD, USER


class RcloneMount:
    """`with RcloneMount(bench) as mnt`: the bench's box on the server, by rclone mount."""

    name = "rclone"

    def __init__(self, bench):
        self.bench = bench
        self.mnt = bench.folder / "by-rclone"

    @staticmethod
    def available():
        return shutil.which("rclone") is not None

    def __enter__(self):
        self.mnt.mkdir(exist_ok=True)
        obscured = subprocess.run(["rclone", "obscure", "-"], input=PASSWORD.encode(), check=True, capture_output=True)
        there = ["nsenter", f"--net={self.bench.near}"] if self.bench.near else []
        self.process = subprocess.Popen(
            [*there, "rclone", "mount", "--config", "/dev/null", "--read-only", "--ftp-host", self.bench.host,
             "--ftp-port", str(self.bench.server.port), "--ftp-user", USER, "--ftp-pass", obscured.stdout.decode().strip(),
             "--ftp-explicit-tls", "--ftp-no-check-certificate", f":ftp:/{self.bench.box.name}", str(self.mnt)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
        if not wait_for(self.mnt.is_mount, 30):
            self.__exit__()
            raise SystemExit("rclone does not mount: this run says nothing")
        return self.mnt

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", str(self.mnt)], check=False, stderr=subprocess.DEVNULL)
        self.process.terminate()
        self.process.wait(30)


PEERS = [peer for peer in (RcloneMount,) if peer.available()]
