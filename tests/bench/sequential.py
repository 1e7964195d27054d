#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Sequential reading and writing through a mount, beside curl on the same server in the same run.

    tests/bench/run.sh [--size MIB] [--runs N] [--server vsftpd|proftpd] [--prot private|clear]

Each run of each way is taken in turn, so that a noisy machine disturbs all alike; what counts is the
ratio of the medians. A read ends in /dev/null; a write is done when the bytes are on the server,
whose copy is compared by sha256. The page cache knows nothing of a file read for the first time
after a fresh mount, which each run makes.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "integration"))

from box import Box, sha256  # noqa: E402
from pki import Pki  # noqa: E402
from servers import PASSWORD, SERVERS, USER  # noqa: E402

MEBIBYTE = 1 << 20


def timed(action):
    started = time.monotonic()
    action()
    return time.monotonic() - started


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.folder = Path(tempfile.mkdtemp(prefix="ftpsfs-bench-"))
        self.folder.chmod(0o755)
        self.server = SERVERS[arguments.server](self.folder / "server", Pki(self.folder / "pki"))
        self.memory = 0
        self.cpu = {}

    def curl(self, *more):
        protection = [] if self.arguments.prot == "private" else ["--ftp-ssl-control"]
        subprocess.run(["curl", "-s", "--ssl-reqd", *protection, "--cacert", str(self.server.pki.ca),
                        "--user", f"{USER}:{PASSWORD}", *more], check=True)

    def url(self, name):
        return f"ftp://localhost:{self.server.port}/{self.box.name}/{name}"

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
        self.server.start()
        (self.folder / "box").mkdir()
        self.box = Box(self.server, self.folder / "box", "bench", prot=self.arguments.prot)
        source = self.folder / "source"
        subprocess.run(["dd", "if=/dev/urandom", f"of={source}", "bs=1M", f"count={size}", "status=none"], check=True)
        self.digest = sha256(source)
        subprocess.run(["cp", str(source), str(self.box.remote / "big")], check=True)
        self.server.own(self.box.remote / "big")
        times = {}

        def copy(what, to):
            subprocess.run(["dd", f"if={what}", f"of={to}", "bs=1M", "status=none"], check=True)

        for number in range(self.arguments.runs):
            ways = {
                ("read", "curl"): lambda: timed(lambda: self.curl("-o", "/dev/null", self.url("big"))),
                ("read", "ftpsfs"): lambda: self.with_mount("read", lambda mnt: copy(mnt / "big", "/dev/null")),
                ("write", "curl"): lambda: timed(lambda: self.curl("-T", str(source), self.url("by-curl"))),
                ("write", "ftpsfs"): lambda: self.with_mount("write", lambda mnt: copy(source, mnt / "by-ftpsfs")),
            }
            for way, measure in ways.items():
                times.setdefault(way, []).append(measure())
                print(f"run {number + 1}: {way[0]:5} {way[1]:6} {size / times[way][-1]:7.0f} MiB/s", file=sys.stderr)
            for name in ("by-curl", "by-ftpsfs"):
                self.check(name)
                (self.box.remote / name).unlink()
        self.report(times)

    def report(self, times):
        size = self.arguments.size
        print(f"{self.server.name}, TLS {self.server.tls}, PROT {self.arguments.prot}, {size} MiB, "
              f"median of {self.arguments.runs}\n")
        print("| | curl MiB/s | ftpsfs MiB/s | ratio | ftpsfs CPU s/GiB |\n|---|---|---|---|---|")
        for what in ("read", "write"):
            curl, ours = (statistics.median(times[what, way]) for way in ("curl", "ftpsfs"))
            cpu = statistics.median(self.cpu[what]) * 1024 / size
            print(f"| {what} | {size / curl:.0f} | {size / ours:.0f} | {curl / ours:.2f} | {cpu:.2f} |")
        print(f"\npeak memory of ftpsfs: {self.memory / MEBIBYTE:.0f} MiB")

    def end(self):
        if hasattr(self, "box"):
            self.box.close(failed=True)
        self.server.kill()
        subprocess.run(["rm", "-rf", "--one-file-system", str(self.folder)], check=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--size", type=int, default=1024, metavar="MIB")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--server", choices=("vsftpd", "proftpd"), default="vsftpd")
    parser.add_argument("--prot", choices=("private", "clear"), default="private")
    bench = Bench(parser.parse_args())
    try:
        bench.run()
    finally:
        bench.end()


if __name__ == "__main__":
    main()
