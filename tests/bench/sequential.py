#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Sequential reading and writing through a mount, beside curl on the same server in the same run.

    tests/bench/run.sh [--size MIB] [--runs N] [--server vsftpd|proftpd] [--prot private|clear]

Each run of each way is taken in turn, so that a noisy machine disturbs all alike; what counts is the
ratio of the medians. A read ends in /dev/null; a write is done when the bytes are on the server,
whose copy is compared by sha256. The page cache knows nothing of a file read for the first time
after a fresh mount, which each run makes.
"""

import os
import statistics
import subprocess
import sys
from pathlib import Path

from bench import Bench, parser_of, timed
from box import sha256

MEBIBYTE = 1 << 20


class Sequential(Bench):
    memory = 0
    cpu = {}

    def curl(self, *more):
        protection = [] if self.arguments.prot == "private" else ["--ftp-ssl-control"]
        super().curl(*protection, *more)

    def with_mount(self, way, action):
        """Times `action` on a fresh mount; keeps the process's memory and CPU time."""
        mount = self.box.mount()
        seconds = timed(lambda: action(mount))
        pid = self.box.last.process.pid
        self.memory = max(self.memory, self.box.last.peak_memory())
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks = int(fields[11]) + int(fields[12])
        self.cpu.setdefault(way, []).append(ticks / os.sysconf("SC_CLK_TCK"))
        self.box.unmount()
        return seconds

    def check(self, name):
        if sha256(self.box.remote / name) != self.digest:
            raise SystemExit(f"{name}: the bytes on the server are wrong: this run says nothing")

    def run(self):
        size = self.arguments.size
        source = self.folder / "source"
        subprocess.run(["dd", "if=/dev/urandom", f"of={source}", "bs=1M", f"count={size}", "status=none"], check=True)
        self.digest = sha256(source)
        subprocess.run(["cp", str(source), str(self.box.remote / "big")], check=True)
        self.server.own(self.box.remote / "big")
        times = {}

        def copy(what, to):
            subprocess.run(["dd", f"if={what}", f"of={to}", "bs=1M", "status=none"], check=True)

        for number in self.runs():
            ways = {
                ("read", "curl"): lambda: timed(lambda: self.curl("-o", "/dev/null", self.url("big"))),
                ("read", "ftpsfs"): lambda: self.with_mount("read", lambda mnt: copy(mnt / "big", "/dev/null")),
                ("write", "curl"): lambda: timed(lambda: self.curl("-T", str(source), self.url("by-curl"))),
                ("write", "ftpsfs"): lambda: self.with_mount("write", lambda mnt: copy(source, mnt / "by-ftpsfs")),
            }
            for way, measure in ways.items():
                times.setdefault(way, []).append(measure())
                print(f"run {number}: {way[0]:5} {way[1]:6} {size / times[way][-1]:7.0f} MiB/s", file=sys.stderr)
            for name in ("by-curl", "by-ftpsfs"):
                self.check(name)
                (self.box.remote / name).unlink()
        self.report(times)

    def report(self, times):
        size = self.arguments.size
        print(f"{self.where()}; PROT {self.arguments.prot}, {size} MiB\n")
        print("| | curl MiB/s | ftpsfs MiB/s | ratio | ftpsfs CPU s/GiB |\n|---|---|---|---|---|")
        for what in ("read", "write"):
            curl, ours = (statistics.median(times[what, way]) for way in ("curl", "ftpsfs"))
            cpu = statistics.median(self.cpu[what]) * 1024 / size
            print(f"| {what} | {size / curl:.0f} | {size / ours:.0f} | {curl / ours:.2f} | {cpu:.2f} |")
        print(f"\npeak memory of ftpsfs: {self.memory / MEBIBYTE:.0f} MiB")


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--size", type=int, default=1024, metavar="MIB")
    parser.add_argument("--prot", choices=("private", "clear"), default="private")
    arguments = parser.parse_args()
    with Sequential(arguments, prot=arguments.prot) as sequential:
        sequential.run()


if __name__ == "__main__":
    main()
