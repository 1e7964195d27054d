#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Plots of how costs grow, made of the results by gnuplot: plots.py RESULTS.json FOLDER. An SVG for
each series, server and link: a line for each program, with its smallest and largest run."""

import json
import shutil
import statistics
import subprocess
import sys
from pathlib import Path


def series_of(data):
    """@return {(series, server, place): {way: {x: [seconds]}}}, of the first value of each row."""
    found = {}
    for cell in data["cells"]:
        row = data["rows"][cell["row"]]
        if not row["series"] or "failed" in cell:
            continue
        name = row["values"][0]["name"]
        if name in cell["values"]:
            lines = found.setdefault((row["series"], cell["server"], cell["place"]), {})
            lines.setdefault(cell["way"], {}).setdefault(row["x"], []).append(cell["values"][name])
    order = list(data["ways"])  # each run begins with another one
    return {plot: dict(sorted(lines.items(), key=lambda line: order.index(line[0]))) for plot, lines in found.items()}


def file_name(series, server, place):
    words = f"{series.split(',')[0]} {server} {place}"
    return "-".join(filter(None, "".join(letter if letter.isalnum() else " " for letter in words.lower()).split())) + ".svg"


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def script_for(title, lines, target):
    """gnuplot's words: a data block and a line for each program."""
    words = ["set encoding utf8", "set terminal svg size 900,560 dynamic background 'white'",
             f"set output {quoted(str(target))}", f"set title {quoted(title)} noenhanced", "set logscale xy",
             "set ylabel 'seconds'", "set grid", "set key outside right noenhanced"]
    xs = sorted({x for points in lines.values() for x in points})
    words.append("set xtics (" + ", ".join(f"'{x:,}' {x}" for x in xs) + ")")
    words.append(f"set xrange [{min(xs) * 0.8}:{max(xs) * 1.25}]")
    for number, points in enumerate(lines.values()):
        words += [f"$way{number} << END",
                  *(f"{x} {statistics.median(all_of)} {min(all_of)} {max(all_of)}" for x, all_of in sorted(points.items())),
                  "END"]
    words.append("plot " + ", ".join(
        f"$way{number} using 1:2:3:4 with yerrorlines linewidth 1.5 pointtype 7 pointsize 0.5 title {quoted(way)}"
        for number, way in enumerate(lines)))
    return "\n".join(words) + "\n"


def plot(data, folder):
    """@return the files made. None where there is nothing to plot or no gnuplot."""
    made = []
    if shutil.which("gnuplot") is None:
        print("gnuplot is not installed: no plots", file=sys.stderr)
        return made
    for (series, server, place), lines in series_of(data).items():
        target = Path(folder) / file_name(series, server, place)
        subprocess.run(["gnuplot"], input=script_for(f"{series}; {server}, {place}", lines, target), text=True, check=True)
        made.append(target)
    return made


def main():
    if len(sys.argv) != 3:
        raise SystemExit(f"usage: {sys.argv[0]} RESULTS.json FOLDER")
    for path in plot(json.loads(Path(sys.argv[1]).read_text()), sys.argv[2]):
        print(path)


if __name__ == "__main__":
    main()
