#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What walks through trees and large directories cost over a link with delay, beside curl.

    tests/bench/run.sh walk [--rtt MS] [--runs N] [--server NAME] [--large N]

Each row is a fresh mount ("cold") or the same call again ("warm"). curl lists the same directories
in one process over one connection, names and minutes alone. In seconds; the median of the runs
counts. The kernel's cache of names is this mount's own, so a fresh mount has none.
"""

import argparse
import os
import shutil
import statistics
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

DIRECTORIES, FILES = 100, 50
NAMES = 1000


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.folder = Path(tempfile.mkdtemp(prefix="ftpsfs-bench-"))
        self.folder.chmod(0o755)
        self.link = Link()
        (address, network), self.near = self.link.right, self.link.left[1]
        self.server = SERVERS[arguments.server](self.folder / "server", Pki(self.folder / "pki"), host=address,
                                                address=address, network=network)
        self.costs = {}

    def prepare(self):
        self.server.start()
        (self.folder / "box").mkdir()
        self.box = Box(self.server, self.folder / "box", "bench", network=self.near)
        for directory in range(DIRECTORIES):
            self.fill(f"tree/d{directory:03}", FILES)
        self.fill("thousand", NAMES)
        if self.arguments.large:
            self.fill("large", self.arguments.large)
        self.link.set(delay_ms=self.arguments.rtt / 2)

    def fill(self, name, count):
        """Files of some age: listings tell the day of old ones alone."""
        folder = self.box.remote / name
        folder.mkdir(parents=True)
        for number in range(count):
            file = folder / f"file-{number:05}.txt"
            file.write_bytes(b"x" * (number % 100))
            os.utime(file, (1_600_000_000 + number, 1_600_000_000 + number))
        self.server.own(folder)

    def curl(self, *directories):
        subprocess.run(["nsenter", f"--net={self.near}", "curl", "-s", "--ssl-reqd", "--cacert",
                        str(self.server.pki.ca), "--user", f"{USER}:{PASSWORD}",
                        *(f"ftp://{self.link.right[0]}:{self.server.port}/{self.box.name}/{each}/"
                          for each in directories)], check=True, stdout=subprocess.DEVNULL)

    def mount(self, **options):
        """Mounted for a moment: the login of the second connection is not what is measured."""
        mount = self.box.mount(**options)
        time.sleep(0.5)
        return mount

    def note(self, row, who, action):
        started = time.monotonic()
        action()
        self.costs.setdefault((row, who), []).append(time.monotonic() - started)

    def find(self, mount):
        seen = subprocess.run(["find", str(mount / "tree"), "-type", "f", "-printf", "%s %T@\n"], check=True,
                              stdout=subprocess.PIPE).stdout.splitlines()
        if len(seen) != DIRECTORIES * FILES:
            raise SystemExit(f"find saw {len(seen)} files: this run says nothing")

    @staticmethod
    def long_list(folder):
        subprocess.run(["ls", "-l", str(folder)], check=True, stdout=subprocess.DEVNULL)

    @staticmethod
    def first_name(folder):
        with os.scandir(folder) as names:
            next(names)

    def once(self):
        for times in ("exact", "listing"):
            option = f"times={times}"
            mount = self.mount(times=times)
            self.note(f"find, cold, {option}", "ftpsfs", lambda: self.find(mount))  # noqa: B023
            self.note(f"find, warm, {option}", "ftpsfs", lambda: self.find(mount))  # noqa: B023
            self.box.unmount()
            mount = self.mount(times=times)
            self.note(f"ls -l of 1,000, cold, {option}", "ftpsfs",
                      lambda: self.long_list(mount / "thousand"))  # noqa: B023
            if self.arguments.large:
                self.note(f"first name of {self.arguments.large}, cold, {option}", "ftpsfs",
                          lambda: self.first_name(mount / "large"))  # noqa: B023
                self.note(f"ls -l of {self.arguments.large}, then, {option}", "ftpsfs",
                          lambda: self.long_list(mount / "large"))  # noqa: B023
            self.box.unmount()
            self.note(f"find, cold, {option}", "curl",
                      lambda: self.curl(*(f"tree/d{each:03}" for each in range(DIRECTORIES))))
            self.note(f"ls -l of 1,000, cold, {option}", "curl", lambda: self.curl("thousand"))
            if self.arguments.large:
                self.note(f"first name of {self.arguments.large}, cold, {option}", "curl",
                          lambda: self.curl("large"))

    def run(self):
        self.prepare()
        for number in range(self.arguments.runs):
            self.once()
            print(f"run {number + 1} of {self.arguments.runs}", file=sys.stderr)
        self.report()

    def report(self):
        print(f"{self.server.name}, TLS {self.server.tls}, a link of {self.arguments.rtt} ms round trip, "
              f"median of {self.arguments.runs}; in seconds. find: {DIRECTORIES} directories of {FILES} files\n")
        print("| | curl | ftpsfs | ratio |\n|---|---|---|---|")
        for row in dict.fromkeys(row for row, _ in self.costs):
            ours = statistics.median(self.costs[row, "ftpsfs"])
            if (row, "curl") in self.costs:
                curl = statistics.median(self.costs[row, "curl"])
                print(f"| {row} | {curl:.2f} | {ours:.3f} | {curl / ours:.1f} |")
            else:
                print(f"| {row} | | {ours:.3f} | |")

    def end(self):
        if hasattr(self, "box"):
            self.box.close(failed=True)
        self.server.kill()
        self.link.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rtt", type=float, default=20, metavar="MS")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--server", choices=sorted(SERVERS), default="vsftpd")
    parser.add_argument("--large", type=int, default=20_000, metavar="N", help="names in the large directory; 0: none")
    bench = Bench(parser.parse_args())
    try:
        bench.run()
    finally:
        bench.end()


if __name__ == "__main__":
    main()
