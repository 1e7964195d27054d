# SPDX-License-Identifier: MIT
"""Where rows are measured: a server, perhaps behind a link with delay, and a directory on it that
all programs work in. And what a link is."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "integration"))

from link import Link  # noqa: E402
from mount import write_credentials  # noqa: E402
from pki import Pki  # noqa: E402
from servers import SERVERS  # noqa: E402

MEBIBYTE = 1 << 20
LOOPBACK_NAME = "loopback"
LONG_AGO = 1_600_000_000  # listings tell the day of old files alone


@dataclass(frozen=True)
class Wan:
    """A link: its round trip, what passes in each direction, and how many packets are lost."""

    rtt_ms: float
    mbit: float = 1000  # 0: no limit
    loss_percent: float = 0

    @classmethod
    def parse(cls, text):
        """RTT_MS[:MBIT[:LOSS_PERCENT]].  @raises ValueError"""
        words = [float(word) for word in text.split(":")]
        if len(words) > 3 or not all(0 <= word < 1e6 for word in words) or words[0] == 0:
            raise ValueError(text)
        wan = cls(*words)
        if wan.loss_percent >= 100:
            raise ValueError(text)
        return wan

    @property
    def name(self):
        rate = f", {self.mbit:g} Mbit/s" if self.mbit else ""
        return f"{self.rtt_ms:g} ms{rate}" + (f", {self.loss_percent:g} % lost" if self.loss_percent else "")


def timed(action):
    started = time.monotonic()
    action()
    return time.monotonic() - started


def remove_tree(path):
    # Should a mount have survived in there, its files are not ours to remove.
    subprocess.run(["rm", "-rf", "--one-file-system", str(path)], check=False)


class Bench:
    """`with Bench(…) as bench`: leaves no server, mount, link or file behind.

    host, near, far: the server as programs reach it, and the network namespaces of the two sides
    (None: this machine's own). remote: the directory that all mount, as the server has it."""

    name = "bench"

    def __init__(self, server, wan=None, prot="private", tls="1.3"):
        self.server_name = server
        self.wan = wan
        self.prot = prot
        self.tls = tls
        self.link = None
        self.server = None
        self.shared = {}
        self.ends = contextlib.ExitStack()

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="ftpsfs-bench-"))
        self.folder.chmod(0o755)
        self.ends.callback(remove_tree, self.folder)
        try:
            self.start()
        except BaseException:
            self.ends.close()
            raise
        return self

    def start(self):
        self.host, where, self.near, self.far = "localhost", {}, None, None
        if self.wan:
            self.link = Link()
            self.ends.callback(self.link.close)
            (self.host, self.far), self.near = self.link.right, self.link.left[1]
            where = {"host": self.host, "address": self.host, "network": self.far}
        self.server = SERVERS[self.server_name](self.folder / "server", Pki(self.folder / "pki"), tls=self.tls,
                                                **where)
        self.ends.callback(self.server.kill)
        self.server.start()
        self.remote = self.server.mkdir(self.name)
        self.credentials = write_credentials(self.folder / "credentials")
        # What git would else ask about the owners of others' repositories, and who commits.
        self.home = self.folder / "home"
        self.home.mkdir()
        (self.home / ".gitconfig").write_text("[safe]\n\tdirectory = *\n[user]\n\tname = bench\n\temail = b@example.org\n")
        if self.link:
            self.link.set(delay_ms=self.wan.rtt_ms / 2, mbit=self.wan.mbit, loss=self.wan.loss_percent / 100)

    def __exit__(self, *_):
        self.ends.close()

    def once(self, make):
        """What several ways share, made when it is first asked for."""
        if make not in self.shared:
            self.shared[make] = make(self)
        return self.shared[make]

    @property
    def place(self):
        return self.wan.name if self.wan else LOOPBACK_NAME

    @property
    def rtt(self):
        """Seconds; 0 without a link."""
        return self.wan.rtt_ms / 1000 if self.wan else 0

    def enter_near(self):
        """The words before a program that is to run on the clients' side."""
        return ["nsenter", f"--net={self.near}"] if self.near else []

    def enter_far(self):
        return ["nsenter", f"--net={self.far}"] if self.far else []

    # Files on the server, made behind the back of all mounts.

    def make_directory(self, path):
        for each in reversed([path, *path.parents]):
            if self.remote in each.parents and not each.is_dir():
                each.mkdir()
                self.server.own(each)
        return path

    def put(self, path, data):
        self.make_directory(path.parent)
        path.write_bytes(data)
        os.utime(path, (LONG_AGO, LONG_AGO))
        self.server.own(path)
        return path

    def put_random(self, path, mebibytes):
        self.make_directory(path.parent)
        subprocess.run(["dd", "if=/dev/urandom", f"of={path}", "bs=1M", f"count={mebibytes}", "status=none"], check=True)
        self.server.own(path)
        return path

    def put_files(self, folder, count, size=None):
        """`count` files of `size` bytes each (default: some dozens, each another number)."""
        self.make_directory(folder)
        for number in range(count):
            file = folder / f"file-{number:06}.txt"
            file.write_bytes(os.urandom(number % 100 if size is None else size))
            os.utime(file, (LONG_AGO + number, LONG_AGO + number))
            self.server.own(file)
        return folder
