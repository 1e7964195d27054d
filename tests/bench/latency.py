#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What small things cost over a link with delay, beside curl on the same server in the same run.

    tests/bench/run.sh latency [--rtt MS] [--runs N] [--server NAME]

curl does all operations of a row in one process over one connection, as a script that minds the
time would; ftpsfs does them through a mount, one program call after the other. The cost of an
operation is what each one more adds, so that logins and starts do not count. In round trips: a busy
machine adds to them, and the median of the runs counts.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "integration"))

from box import Box  # noqa: E402
from link import Link  # noqa: E402
from pki import Pki  # noqa: E402
from servers import PASSWORD, SERVERS, USER  # noqa: E402

SMALL = 4096
FEW, MANY = 2, 10
NAMES = 1000
STATS = 64


def timed(action):
    started = time.monotonic()
    action()
    return time.monotonic() - started


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.rtt = arguments.rtt / 1000
        self.folder = Path(tempfile.mkdtemp(prefix="ftpsfs-bench-"))
        self.folder.chmod(0o755)
        self.link = Link()
        (address, network), self.near = self.link.right, self.link.left[1]
        self.server = SERVERS[arguments.server](self.folder / "server", Pki(self.folder / "pki"), host=address,
                                                address=address, network=network)

    def curl(self, *more):
        subprocess.run(["nsenter", f"--net={self.near}", "curl", "-s", "--ssl-reqd", "--cacert",
                        str(self.server.pki.ca), "--user", f"{USER}:{PASSWORD}", *more],
                       check=True, stdout=subprocess.DEVNULL)

    def url(self, name):
        return f"ftp://{self.link.right[0]}:{self.server.port}/{self.box.name}/{name}"

    def prepare(self):
        self.server.start()
        (self.folder / "box").mkdir()
        self.box = Box(self.server, self.folder / "box", "bench", network=self.near)
        for number in range(MANY):
            self.box.put(f"read/{number}", os.urandom(SMALL))
            for name in range(NAMES):
                self.box.put(f"list{number}/file{name}", b"x")
        for number in range(STATS):
            self.box.put(f"stat/{number}", b"x")
        (self.box.remote / "write").mkdir()
        self.server.own(self.box.remote / "write")
        self.source = self.folder / "source"
        self.source.write_bytes(os.urandom(SMALL))
        self.link.set(delay_ms=self.arguments.rtt / 2)

    def curls(self, count):
        """Each row's operations by curl, `count` of them in one process."""
        several = range(count)
        return {
            "list 1,000 names": lambda: self.curl(*(self.url(f"list{n}/") for n in several)),
            "read 4 KiB": lambda: self.curl(*(self.url(f"read/{n}") for n in several)),
            "write 4 KiB": lambda: self.curl(*(word for n in several
                                               for word in ("-T", str(self.source), self.url(f"write/curl{n}")))),
            "look at one of 64": lambda: self.curl("--head", *(self.url(f"stat/{n}") for n in several)),
        }

    def ours(self, mount):
        """The same through a mount; the first call of each warms up what curl's login does."""
        def write(number):
            with open(mount / f"write/ours{number}", "wb", buffering=0) as file:
                file.write(self.source.read_bytes())

        def look_at_all():
            with ThreadPoolExecutor(STATS) as programs:
                list(programs.map(lambda n: os.stat(mount / f"stat/{n}"), range(STATS)))

        each = {"list 1,000 names": lambda n: os.listdir(mount / f"list{n}"),
                "read 4 KiB": lambda n: (mount / f"read/{n}").read_bytes(),
                "write 4 KiB": write}
        costs = {}
        for row, action in each.items():
            for number in range(FEW):
                action(number)
            costs[row] = timed(lambda: [action(n) for n in range(FEW, MANY)]) / (MANY - FEW)  # noqa: B023
        costs["look at one of 64"] = timed(look_at_all) / STATS
        return costs

    def run(self):
        self.prepare()
        costs = {}
        for number in range(self.arguments.runs):
            few, many = self.curls(FEW), self.curls(MANY)
            for row in few:
                costs.setdefault((row, "curl"), [])
                try:
                    costs[row, "curl"].append((timed(many[row]) - timed(few[row])) / (MANY - FEW))
                except subprocess.CalledProcessError as failure:  # an upload's tail lost, over TLS 1.3
                    print(f"curl, {row}: exit {failure.returncode}", file=sys.stderr)
            for row, cost in self.ours(self.box.mount()).items():
                costs.setdefault((row, "ftpsfs"), []).append(cost)
            self.box.unmount()
            for written in (self.box.remote / "write").iterdir():
                if written.name.startswith("ours") and written.read_bytes() != self.source.read_bytes():
                    raise SystemExit(f"{written.name}: the bytes on the server are wrong: this run says nothing")
                written.unlink()
            print(f"run {number + 1} of {self.arguments.runs}", file=sys.stderr)
        self.report(costs)

    def report(self, costs):
        print(f"{self.server.name}, TLS {self.server.tls}, a link of {self.arguments.rtt} ms round trip, "
              f"median of {self.arguments.runs}; in round trips for each operation\n")
        print("| | curl | ftpsfs | ratio |\n|---|---|---|---|")
        for row in self.curls(0):
            ours = statistics.median(costs[row, "ftpsfs"]) / self.rtt
            if costs[row, "curl"]:
                curl = statistics.median(costs[row, "curl"]) / self.rtt
                print(f"| {row} | {curl:.1f} | {ours:.2f} | {curl / ours:.1f} |")
            else:
                print(f"| {row} | fails | {ours:.2f} | |")

    def end(self):
        if hasattr(self, "box"):
            self.box.close(failed=True)
        self.server.kill()
        self.link.close()
        subprocess.run(["rm", "-rf", "--one-file-system", str(self.folder)], check=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rtt", type=float, default=40, metavar="MS")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--server", choices=sorted(SERVERS), default="vsftpd")
    bench = Bench(parser.parse_args())
    try:
        bench.run()
    finally:
        bench.end()


if __name__ == "__main__":
    main()
