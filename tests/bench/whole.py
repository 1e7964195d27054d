#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The benchmark: ftpsfs and what people would use instead, on real servers, row by row.

    tests/bench/run.sh [GROUP…] [--quick] [--peers NAME…] [--wan RTT_MS[:MBIT[:LOSS_PERCENT]]]… …

All programs do a row in turn, and then all again, each time on a fresh mount and after the page
cache was dropped (the server's files are read into it again). What comes out is compared by sha256
or name by name; a wrong result voids the cell. Progress goes to standard error, results to
build/bench-results: results.json, tables.md and a plot (SVG) for each way to grow."""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from bench import Bench, Wan, remove_tree
from limits import LIMITS
from peers import PEERS
from plots import plot
from report import Report
from results import Results
from row import QUICK, Sizes, read_all
from rows import GROUPS, described, rows_of
from servers import SERVERS
from ways import CannotRun, Ours

WANS = [Wan(20), Wan(100), Wan(20, loss_percent=0.5)]
MICRO = "micro"
OTHERS = {peer.name.replace(" ", "-"): peer for peer in [*PEERS, *LIMITS]}


def wan(text):
    try:
        return Wan.parse(text)
    except (ValueError, TypeError):
        raise argparse.ArgumentTypeError(f"{text}: not RTT_MS[:MBIT[:LOSS_PERCENT]]") from None


def arguments_of(words):
    parser = argparse.ArgumentParser(prog="tests/bench/run.sh", description=__doc__.split("\n", 1)[0])
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of the rows: {', '.join([*GROUPS, MICRO])} (default: all)")
    parser.add_argument("--quick", action="store_true", help="one run, small files, loopback and 20 ms: does it all work?")
    parser.add_argument("--runs", type=int, metavar="N", help="of each cell (default: 5; --quick: 1)")
    parser.add_argument("--peers", nargs="*", metavar="NAME", choices=OTHERS, default=list(OTHERS),
                        help=f"the other programs, of {', '.join(OTHERS)} (default: those that are installed; no name: none)")
    parser.add_argument("--also", action="append", default=[], metavar="OPTIONS",
                        help="ftpsfs once more, with these options, e.g. times=listing; may be given several times")
    parser.add_argument("--server", nargs="+", choices=sorted(SERVERS), default=["vsftpd", "proftpd"])
    parser.add_argument("--wan", action="append", type=wan, metavar="RTT_MS[:MBIT[:LOSS_PERCENT]]",
                        help="a link; may be given several times (default: 20, 100 and 20:1000:0.5; MBIT: 1000, 0: no limit)")
    parser.add_argument("--no-loopback", action="store_true", help="the links alone")
    parser.add_argument("--no-links", action="store_true", help="loopback alone")
    parser.add_argument("--prot", choices=("private", "clear"), default="private", help="of data connections")
    parser.add_argument("--tls", choices=("1.2", "1.3"), default="1.3")
    parser.add_argument("--rows", metavar="PATTERN", default="", help="those whose title matches the regular expression")
    parser.add_argument("--limit", type=float, metavar="S",
                        help="for a program's turn, when it takes longer it is ended, and has no further turn in that row (300; --quick: 60)")
    parser.add_argument("--out", type=Path, default=Path("build/bench-results"), metavar="DIR",
                        help="for the results (build/bench-results)")
    parser.add_argument("--list", action="store_true", help="say which rows there are, and measure nothing")
    parser.add_argument("--resume", action="store_true", help="measure only what is not in the results yet")
    arguments = parser.parse_args(words)
    unknown = set(arguments.groups) - {*GROUPS, MICRO}
    if unknown:
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    arguments.groups = arguments.groups or [*GROUPS, MICRO]
    arguments.limit = arguments.limit or (60 if arguments.quick else 300)
    arguments.runs = arguments.runs or (1 if arguments.quick else 5)
    links = arguments.wan if arguments.wan is not None else WANS[:1] if arguments.quick else WANS
    arguments.places = [*([] if arguments.no_loopback else [None]), *([] if arguments.no_links else links)]
    return arguments


class Whole:
    def __init__(self, arguments, command):
        self.arguments = arguments
        self.sizes = QUICK if arguments.quick else Sizes()
        begin = Results.resume if arguments.resume else Results
        self.results = begin(arguments.out / "results.json", arguments.runs, command)
        self.begun = time.monotonic()

    def say(self, *words):
        passed = time.monotonic() - self.begun
        print(f"[{passed / 60:5.1f} min]", *words, file=sys.stderr, flush=True)

    def ways(self, bench):
        """Those that can be used here, ours first, in the report's order."""
        wanted = [Ours, *(Ours.with_options(options) for options in self.arguments.also),
                  *(OTHERS[name] for name in self.arguments.peers if OTHERS[name].available())]
        ways = []
        for kind in wanted:
            if bench.wan and not kind.over_links:
                continue
            way = kind(bench)
            self.results.data["ways"].setdefault(
                kind.name, {"version": way.version(), "is_limit": kind.is_limit, "is_ours": kind.is_ours})
            if self.can_run(way):
                ways.append(kind)
        return ways

    def can_run(self, way):
        if way.mountless:
            return True
        try:
            with way as mnt:
                os.listdir(mnt)
            return True
        except (CannotRun, OSError) as reason:
            if way.is_ours:
                raise
            reason = f"{way.name}, {way.bench.server_name}, {way.bench.place}: {reason}"
            if reason not in self.results.data["left_out"]:
                self.results.data["left_out"].append(reason)
            self.say("left out:", reason)
            return False

    def chosen(self, bench):
        rows = rows_of(self.arguments.groups, bench, self.sizes)
        return [row for row in rows if re.search(self.arguments.rows, row.title)]

    def run(self):
        for server in self.arguments.server:
            for place in self.arguments.places:
                if set(self.arguments.groups) != {MICRO}:
                    with Bench(server, place, self.arguments.prot, self.arguments.tls) as bench:
                        self.measure(bench)
        if MICRO in self.arguments.groups:
            self.micro()
        self.finish()

    def measure(self, bench):
        self.results.data["places"][bench.place] = {
            "rtt_ms": bench.wan.rtt_ms if bench.wan else 0, "wan": vars(bench.wan) if bench.wan else None}
        ways = self.ways(bench)
        rows = self.chosen(bench)
        for number, row in enumerate(rows, 1):
            row.limit_s = self.arguments.limit + row.lasts_s
            self.say(f"{bench.server_name}, {bench.place}: row {number} of {len(rows)}: {row.title}")
            self.results.tell_row(row)
            self.measure_row(bench, row, ways)

    def measure_row(self, bench, row, ways):
        able = [kind for kind in ways if row.can_be_done_by(kind)]
        place = {"server": bench.server_name, "place": bench.place, "row": row.key}
        if all(self.results.has(**place, way=kind.name, run=run)
               for kind in able for run in range(1, self.arguments.runs + 1)):
            return
        row.prepare()
        for run in range(1, self.arguments.runs + 1):
            for kind in able[run % len(able):] + able[:run % len(able)]:  # each is first now and then
                cell = {**place, "way": kind.name, "run": run}
                if self.results.has(**cell) or self.results.took_too_long(**cell):
                    continue
                self.forget(row)
                outcome = row.turn(kind(bench, row.connections))
                self.results.add(**cell, **outcome)
                told = outcome.get("failed") or ", ".join(f"{name or 'it'} {number:.3g}"
                                                          for name, number in outcome["values"].items())
                self.say(f"    run {run} of {self.arguments.runs}: {kind.name}: {told}")
        remove_tree(row.there)

    def forget(self, row):
        """The page cache, and then back what the server and the sources would have in theirs. A quick
        run, of which no figure is believed, leaves the machine's alone."""
        if not self.arguments.quick:
            os.sync()
            Path("/proc/sys/vm/drop_caches").write_text("3\n")
            read_all([path for path in [row.there, *row.sources()] if path.exists()])

    def micro(self):
        program = os.environ.get("FTPSFS_MICRO_BENCH")
        if not program:
            raise SystemExit("FTPSFS_MICRO_BENCH names no program: tests/bench/run.sh builds one")
        self.say("in memory")
        how = ["--benchmark_min_time=0.05"] if self.arguments.quick else [
            f"--benchmark_repetitions={self.arguments.runs}", "--benchmark_enable_random_interleaving=true"]
        target = self.arguments.out.absolute() / "micro.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([program, f"--benchmark_out={target}", "--benchmark_out_format=json", *how], check=True,
                       stdout=sys.stderr)
        self.results.data["micro"] = json.loads(target.read_text())

    def finish(self):
        self.results.save()
        tables = self.arguments.out / "tables.md"
        text = Report(self.results.data).write()
        plots = plot(self.results.data, self.arguments.out)
        if plots:
            text += "\n## How the cost grows\n\n" + "\n\n".join(f"![]({path.name})" for path in plots) + "\n"
        tables.write_text(text)
        print(text)
        self.say(f"written: {', '.join(str(path) for path in [self.results.path, tables, *plots])}")


def main():
    words = sys.argv[1:]
    arguments = arguments_of(words)
    if arguments.list:
        print("\n".join(described()))
        return
    if os.geteuid() != 0:
        raise SystemExit("run.sh: real servers and links want to be started by root")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # mounts, servers and links go with us
        signal.signal(number, lambda *_: sys.exit("run.sh: broken off; --resume goes on"))
    command = ["tests/bench/run.sh", *(word for word in words if word != "--resume")]
    Whole(arguments, command).run()


if __name__ == "__main__":
    main()
