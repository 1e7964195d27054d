#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Markdown made of the results: report.py RESULTS.json. Pure: measures nothing.

A table for each server and link. A number is the median of the runs; behind it, in parentheses, are
the smallest and the largest. "beside the best mount" and "beside the best limit": how many times
better the first column is, above 1 when it is ahead; the limits are programs without a mount, and a
mount without a network."""

import json
import re
import statistics
import sys
from pathlib import Path

# Micro-benchmarks whose share of a limit counts: name of ours, name of the limit.
SHARES = [("TlsStreamRead", "RawSslRead"), ("CacheLookup", "UnorderedMapLookup")]


class Cell:
    """All runs of one program in one row, on one server and link: one of its values."""

    def __init__(self, runs, value):
        self.failure = next((run["failed"] for run in runs if "failed" in run), None)
        if any(run.get("wrong") for run in runs):
            self.failure = "wrong: " + next(run["failed"] for run in runs if run.get("wrong"))
        self.numbers = [] if self.failure else [run["values"][value] for run in runs if value in run["values"]]

    @property
    def median(self):
        return statistics.median(self.numbers) if self.numbers else None

    def __str__(self):
        if self.failure:
            return self.failure.replace("|", "/").replace("\n", " ")[:60]
        if not self.numbers:
            return ""
        if len(self.numbers) == 1:
            return short(self.median)
        return f"{short(self.median)} ({short(min(self.numbers))}…{short(max(self.numbers))})"


def short(number):
    """Three digits that count."""
    if number >= 100 or number == 0:
        return f"{number:,.0f}"
    if number < 0.001:
        return f"{number:.1g}"
    return f"{number:.{2 if number >= 1 else 3}f}"


def better(ours, other, more_is_better):
    """@return how many times better ours is, or None."""
    if not ours or not other:
        return None
    return ours / other if more_is_better else other / ours


class Report:
    def __init__(self, data):
        self.data = data
        self.lines = []
        self.runs = {}
        for cell in data["cells"]:
            place = (cell["server"], cell["place"], cell["row"], cell["way"])
            self.runs.setdefault(place, []).append(cell)

    def cell(self, server, place, row, way, value):
        return Cell(self.runs.get((server, place, row, way), []), value)

    def best(self, cells, ways, value):
        numbers = [cells[way].median for way in ways if cells[way].median]
        if not numbers:
            return None
        return (max if value["more_is_better"] else min)(numbers)

    def write(self):
        self.heading()
        for server, place in dict.fromkeys((cell["server"], cell["place"]) for cell in self.data["cells"]):
            self.table(server, place)
        self.left_out()
        self.micro()
        return "\n".join(self.lines) + "\n"

    def heading(self):
        machine = self.data["machine"]
        self.lines += [f"`{' '.join(self.data['command'])}`, {self.data['runs']} runs", "",
                       f"{machine['processor']}, {machine['processors']} processors, {machine['memory']}; "
                       f"{machine['system']}, Linux {machine['kernel']}, libfuse {machine['libfuse']}, "
                       f"OpenSSL {machine['openssl']}; load at the start {machine['load']:.2f}", ""]
        self.lines += [f"- {name}: {way['version']}" for name, way in self.data["ways"].items()]

    def table(self, server, place):
        rtt = self.data["places"][place]["rtt_ms"] / 1000
        seen = {cell["way"] for cell in self.data["cells"] if (cell["server"], cell["place"]) == (server, place)}
        ways = [name for name in self.data["ways"] if name in seen]
        ours = next((name for name in ways if self.data["ways"][name]["is_ours"]), None)
        mounts = [name for name in ways if not self.data["ways"][name]["is_limit"] and not self.data["ways"][name]["is_ours"]]
        limits = [name for name in ways if self.data["ways"][name]["is_limit"]]
        columns = [*ways, "beside the best mount", "beside the best limit", *(["bound, round trips", "× bound"] if rtt else [])]
        self.lines += ["", f"## {server}, {place}", "", f"| | {' | '.join(columns)} |",
                       "|---|" + "---:|" * len(columns)]
        rows = dict.fromkeys(cell["row"] for cell in self.data["cells"] if (cell["server"], cell["place"]) == (server, place))
        for key in rows:
            row = self.data["rows"][key]
            for number, value in enumerate(row["values"]):
                cells = {way: self.cell(server, place, key, way, value["name"]) for way in ways}
                if number and not any(cell.numbers for cell in cells.values()):
                    continue
                own = cells[ours].median if ours else None
                words = ["–" if number and cells[way].failure else str(cells[way]) for way in ways]
                for others in (mounts, limits if value["has_limit"] else []):
                    ratio = better(own, self.best(cells, others, value), value["more_is_better"])
                    words.append(f"{ratio:.2f}" if ratio else "")
                if rtt:
                    bound = value["bound"]
                    words.append("" if bound is None else f"{bound:g}")
                    words.append(f"{own / (bound * rtt):.2f}" if bound and own else "")
                name = ", ".join(filter(None, ["growth" if row["series"] else "", row["title"], value["name"], value["unit"]]))
                self.lines.append(f"| {name} | {' | '.join(words)} |")

    def left_out(self):
        if self.data["left_out"]:
            self.lines += ["", "Left out:", "", *(f"- {reason}" for reason in self.data["left_out"])]

    def micro(self):
        if not self.data["micro"]:
            return
        rows = micro_rows(self.data["micro"])
        self.lines += ["", "## In memory", "", "| | time, ns | MB/s | operations/s | more |", "|---|---:|---:|---:|---|"]
        for name, row in rows.items():
            more = ", ".join(f"{word.replace('_', ' ')}: {short(number)}" for word, number in row["counters"].items())
            self.lines.append(f"| {name} | {row['error'] or short(row['ns'])} | {per_second(row['bytes'], 1e6)} | "
                              f"{per_second(row['items'], 1)} | {more} |")
        for ours, limit in SHARES:
            pairs = [(name, other) for name in rows for other in rows
                     if name.startswith(ours) and other.startswith(limit) and name[len(ours):] == other[len(limit):]]
            for name, other in pairs:
                if rows[name]["ns"] and rows[other]["ns"]:
                    self.lines += ["", f"{name} runs at {rows[other]['ns'] / rows[name]['ns']:.2f} × the speed of {other}."]


def per_second(number, unit):
    return "" if number is None else f"{number / unit:,.0f}"


def micro_rows(benchmark_json):
    """The median of each benchmark, of what Google Benchmark writes."""
    known = {"family_index", "per_family_instance_index", "run_name", "run_type", "repetitions", "threads", "iterations",
             "real_time", "cpu_time", "time_unit", "bytes_per_second", "items_per_second", "name", "aggregate_name",
             "aggregate_unit", "repetition_index", "label", "error_occurred", "error_message"}
    units = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
    rows = {}
    for entry in benchmark_json["benchmarks"]:
        if entry.get("aggregate_name") not in (None, "median"):
            continue
        rows[re.sub(r"/(real_time|iterations:\d+)", "", entry.get("run_name", entry["name"]))] = {
            "ns": entry.get("real_time", 0) * units[entry.get("time_unit", "ns")],
            "bytes": entry.get("bytes_per_second"), "items": entry.get("items_per_second"),
            "error": entry.get("error_message"),
            "counters": {word: number for word, number in entry.items() if word not in known}}
    return rows


def main():
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: {sys.argv[0]} RESULTS.json")
    try:
        results = json.loads(Path(sys.argv[1]).read_text())
    except (OSError, ValueError) as reason:
        raise SystemExit(f"{sys.argv[0]}: these are no results: {reason}") from None
    sys.stdout.write(Report(results).write())


if __name__ == "__main__":
    main()
