#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What walks through trees and large directories cost over a link with delay, beside curl.

    tests/bench/run.sh walk [--rtt MS] [--runs N] [--server NAME] [--large N] [--directories N] [--files N] [--alone]

Each row is a fresh mount ("cold") or the same call again ("warm"). curl lists the same directories
in one process over one connection, names and minutes alone. In seconds; the median of the runs
counts. The kernel's cache of names is this mount's own, so a fresh mount has none.
"""

import os
import statistics
import subprocess
import time

from bench import Bench, parser_of, timed

NAMES = 1000


class Walk(Bench):
    costs = {}

    def prepare(self):
        self.directories = [f"tree/d{directory:04}" for directory in range(self.arguments.directories)]
        for directory in self.directories:
            self.fill(directory, self.arguments.files)
        self.fill("thousand", NAMES)
        if self.arguments.large:
            self.fill("large", self.arguments.large)
        self.slow_down()

    def fill(self, name, count):
        """Files of some age: listings tell the day of old ones alone."""
        folder = self.box.remote / name
        folder.mkdir(parents=True)
        for number in range(count):
            file = folder / f"file-{number:05}.txt"
            file.write_bytes(b"x" * (number % 100))
            os.utime(file, (1_600_000_000 + number, 1_600_000_000 + number))
        self.server.own(folder)

    def list_by_curl(self, *directories):
        self.curl(*(self.url(f"{each}/") for each in directories))

    def mount(self, **options):
        """Mounted for a moment: the login of the second connection is not what is measured."""
        mount = self.box.mount(**options)
        time.sleep(0.5)
        return mount

    def note(self, row, who, action):
        self.costs.setdefault((row, who), []).append(timed(action))

    def find(self, mount):
        seen = subprocess.run(["find", str(mount / "tree"), "-type", "f", "-printf", "%s %T@\n"], check=True,
                              stdout=subprocess.PIPE).stdout.splitlines()
        if len(seen) != self.arguments.directories * self.arguments.files:
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
            if self.arguments.alone:
                continue
            self.note(f"find, cold, {option}", "curl", lambda: self.list_by_curl(*self.directories))
            self.note(f"ls -l of 1,000, cold, {option}", "curl", lambda: self.list_by_curl("thousand"))
            if self.arguments.large:
                self.note(f"first name of {self.arguments.large}, cold, {option}", "curl",
                          lambda: self.list_by_curl("large"))

    def run(self):
        self.prepare()
        for _ in self.runs():
            self.once()
        self.report()

    def report(self):
        print(f"{self.where()}; in seconds. find: {self.arguments.directories} directories of "
              f"{self.arguments.files} files\n")
        print("| | curl | ftpsfs | ratio |\n|---|---|---|---|")
        for row in dict.fromkeys(row for row, _ in self.costs):
            ours = statistics.median(self.costs[row, "ftpsfs"])
            if (row, "curl") in self.costs:
                curl = statistics.median(self.costs[row, "curl"])
                print(f"| {row} | {curl:.2f} | {ours:.3f} | {curl / ours:.1f} |")
            else:
                print(f"| {row} | | {ours:.3f} | |")


def main():
    parser = parser_of(__doc__, rtt=20)
    parser.add_argument("--large", type=int, default=20_000, metavar="N", help="names in the large directory; 0: none")
    parser.add_argument("--directories", type=int, default=100, metavar="N", help="of the tree that find walks through")
    parser.add_argument("--files", type=int, default=50, metavar="N", help="in each of them")
    parser.add_argument("--alone", action="store_true", help="without curl, which takes minutes for a large tree")
    with Walk(parser.parse_args()) as walk:
        walk.run()


if __name__ == "__main__":
    main()
