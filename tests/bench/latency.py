#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What small things cost over a link with delay, beside curl on the same server in the same run.

    tests/bench/run.sh latency [--rtt MS] [--runs N] [--server NAME]

curl does all operations of a row in one process over one connection, as a script that minds the
time would; ftpsfs does them through a mount, one program call after the other. The cost of an
operation is what each one more adds, so that logins and starts do not count. In round trips: a busy
machine adds to them, and the median of the runs counts.
"""

import os
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from bench import Bench, parser_of, timed

SMALL = 4096
FEW, MANY = 2, 10
NAMES = 1000
STATS = 64


class Latency(Bench):
    def prepare(self):
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
        self.slow_down()

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
        for _ in self.runs():
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
        self.report(costs)

    def report(self, costs):
        print(f"{self.where()}; in round trips for each operation\n")
        print("| | curl | ftpsfs | ratio |\n|---|---|---|---|")
        for row in self.curls(0):
            ours = statistics.median(costs[row, "ftpsfs"]) * 1000 / self.rtt_ms
            if costs[row, "curl"]:
                curl = statistics.median(costs[row, "curl"]) * 1000 / self.rtt_ms
                print(f"| {row} | {curl:.1f} | {ours:.2f} | {curl / ours:.1f} |")
            else:
                print(f"| {row} | fails | {ours:.2f} | |")


def main():
    with Latency(parser_of(__doc__, rtt=40).parse_args()) as latency:
        latency.run()


if __name__ == "__main__":
    main()
