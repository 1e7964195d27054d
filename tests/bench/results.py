# SPDX-License-Identifier: MIT
"""What was measured, as JSON: written after each cell, so that a run of hours that is broken off can
be taken up again."""

import json
import os
import platform
import subprocess
from pathlib import Path

FORMAT = 1


def _first_of(path, word):
    try:
        for line in Path(path).read_text().splitlines():
            if line.startswith(word):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return "?"


def _distribution():
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return "?"


def _package(name):
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", name], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "?"


def machine():
    return {"processor": _first_of("/proc/cpuinfo", "model name"), "processors": os.cpu_count(),
            "memory": _first_of("/proc/meminfo", "MemTotal"), "kernel": platform.release(),
            "system": _distribution(), "load": os.getloadavg()[0], "libfuse": _package("libfuse3-3"),
            "openssl": _package("libssl3")}


class Results:
    """cells: server, place, row, way, run, and values or a failure. rows, ways, places: what is told of
    each, in the order of the report."""

    def __init__(self, path, runs, command):
        self.path = Path(path)
        self.data = {"format": FORMAT, "machine": machine(), "runs": runs, "command": command, "ways": {},
                     "places": {}, "rows": {}, "cells": [], "left_out": [], "micro": None}
        self.have = set()

    @classmethod
    def resume(cls, path, runs, command):
        results = cls(path, runs, command)
        if results.path.exists():
            data = json.loads(results.path.read_text())
            if data.get("format") != FORMAT:
                raise SystemExit(f"{path} is of another version of this benchmark")
            if data["command"] != command:
                raise SystemExit(f"{path} is of another command: {' '.join(data['command'])}")
            results.data = data
            results.have = {results._place_of(cell) for cell in data["cells"]}
        return results

    @staticmethod
    def _place_of(cell):
        return tuple(cell[word] for word in ("server", "place", "row", "way", "run"))

    def has(self, **cell):
        return self._place_of(cell) in self.have

    def tell_row(self, row):
        self.data["rows"][row.key] = {
            "group": row.group, "title": row.title, "series": row.series, "x": row.x,
            "values": [vars(value) for value in row.values]}

    def add(self, **cell):
        self.data["cells"].append(cell)
        self.have.add(self._place_of(cell))
        self.save()

    def took_too_long(self, **cell):
        """In an earlier run of the same cell?"""
        return any(other.get("failed", "").startswith("> ") for other in self.data["cells"]
                   if all(other[word] == cell[word] for word in ("server", "place", "row", "way")))

    def save(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        whole = self.path.with_suffix(".new")
        whole.write_text(json.dumps(self.data, indent=1) + "\n")
        whole.replace(self.path)
