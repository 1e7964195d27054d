# SPDX-License-Identifier: MIT
"""What the benchmarks beside curl have in common: a server, perhaps behind a link with delay, a
mount of it, curl on the same server, and the end of all of them."""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "integration"))

from box import Box  # noqa: E402
from link import Link  # noqa: E402
from pki import Pki  # noqa: E402
from servers import PASSWORD, SERVERS, USER  # noqa: E402


def timed(action):
    started = time.monotonic()
    action()
    return time.monotonic() - started


def parser_of(description, rtt=0):
    """With the options that all benchmarks have.
    @param rtt: milliseconds by default; 0: this benchmark has no link
    """
    parser = argparse.ArgumentParser(description=description.split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--server", choices=sorted(SERVERS), default="vsftpd")
    if rtt:
        parser.add_argument("--rtt", type=float, default=rtt, metavar="MS")
    return parser


class Bench:
    """`with Bench(…) as bench`: leaves no server, mount, link or file behind."""

    def __init__(self, arguments, **box_options):
        self.arguments = arguments
        self.box_options = box_options
        self.rtt_ms = getattr(arguments, "rtt", 0)
        self.link = Link() if self.rtt_ms else None  # else all is on this machine

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="ftpsfs-bench-"))
        self.folder.chmod(0o755)
        self.host, where, self.near, self.far = "localhost", {}, None, None
        if self.link:
            (self.host, self.far), self.near = self.link.right, self.link.left[1]
            where = {"host": self.host, "address": self.host, "network": self.far}
        self.box = None
        self.server = SERVERS[self.arguments.server](self.folder / "server", Pki(self.folder / "pki"), **where)
        try:
            self.server.start()
            (self.folder / "box").mkdir()
            self.box = Box(self.server, self.folder / "box", "bench", network=self.near, **self.box_options)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.box:
            self.box.close(failed=True)
        self.server.kill()
        if self.link:
            self.link.close()
        # Should the mount have survived, its files are not ours to remove.
        subprocess.run(["rm", "-rf", "--one-file-system", str(self.folder)], check=False)

    def slow_down(self):
        """From now on the link has its delay."""
        self.link.set(delay_ms=self.rtt_ms / 2)

    def runs(self):
        for number in range(1, self.arguments.runs + 1):
            yield number
            print(f"run {number} of {self.arguments.runs}", file=sys.stderr)

    def where(self):
        """For the heading of a report."""
        link = f"a link of {self.rtt_ms:g} ms round trip, " if self.link else ""
        return f"{self.server.name}, TLS {self.server.tls}, {link}median of {self.arguments.runs}"

    def curl(self, *more):
        there = ["nsenter", f"--net={self.near}"] if self.near else []
        subprocess.run([*there, "curl", "-s", "--ssl-reqd", "--cacert", str(self.server.pki.ca),
                        "--user", f"{USER}:{PASSWORD}", *more], check=True, stdout=subprocess.DEVNULL)

    def url(self, name):
        return f"ftp://{self.host}:{self.server.port}/{self.box.name}/{name}"
