# SPDX-License-Identifier: MIT
"""All rows, in the order of the report."""

from pathlib import Path
from types import SimpleNamespace

from bench import Wan
from row import Sizes

from . import growth, mounting, programs, reading, sequential, walk, writing

GROUPS = {
    "sequential": sequential.rows,
    "reading": reading.rows,
    "writing": writing.rows,
    "walk": walk.rows,
    "programs": programs.rows,
    "mounting": mounting.rows,
    "growth": growth.rows,
}


def rows_of(groups, bench, sizes):
    """@param groups: names."""
    return [row for name in GROUPS if name in groups for row in GROUPS[name](bench, sizes)]


def described():
    """All rows as they are over a link, as a Markdown table: what stands in contrib/doc/performance.md."""
    nowhere = SimpleNamespace(wan=Wan(20), rtt=0.02, remote=Path("/nowhere"))
    lines = ["| group | row | values | bound, round trips |", "|---|---|---|---:|"]
    for row in rows_of(GROUPS, nowhere, Sizes()):
        for number, value in enumerate(row.values):
            said = ", ".join(filter(None, [value.name, value.unit]))
            bound = "" if value.bound is None else f"{value.bound:g}"
            lines.append(f"| {'' if number else row.group} | {'' if number else row.title} | {said} | {bound} |")
    return lines
