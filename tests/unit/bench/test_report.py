# SPDX-License-Identifier: MIT
"""What the benchmark makes of its numbers: medians, ratios, bounds, cells that are void, what is
measured again when it is taken up, and links as they are named on the command line."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

from bench import Wan  # noqa: E402
from plots import script_for, series_of  # noqa: E402
from report import Report, better, micro_rows, short  # noqa: E402
from results import Results  # noqa: E402
from rows import described  # noqa: E402

WAYS = {"ftpsfs": (False, True), "sshfs": (False, False), "rclone off": (False, False), "curl": (True, False)}


DOCUMENT = Path(__file__).resolve().parents[3] / "contrib/doc/performance.md"


def data_of(cells, value=None, rtt_ms=0, **row):
    """Cells: (way, run, {value: number} or a failure)."""
    value = {"name": "", "unit": "s", "more_is_better": False, "bound": None, "has_limit": True, **(value or {})}
    told = []
    for way, run, outcome in cells:
        outcome = {"values": outcome} if isinstance(outcome, dict) else {"failed": outcome, "wrong": outcome == "other bytes"}
        told.append({"server": "vsftpd", "place": "here", "row": "r", "way": way, "run": run, **outcome})
    return {"machine": dict.fromkeys(("processor", "processors", "memory", "system", "kernel", "libfuse", "openssl"), "x")
            | {"load": 0.5}, "runs": 3, "command": ["run.sh"], "left_out": [], "micro": None,
            "places": {"here": {"rtt_ms": rtt_ms}},
            "ways": {name: {"version": "1", "is_limit": limit, "is_ours": ours} for name, (limit, ours) in WAYS.items()},
            "rows": {"r": {"group": "g", "title": "a row", "series": None, "x": None, "values": [value], **row}},
            "cells": told}


def row_in(text):
    return [cell.strip() for cell in next(line for line in text.splitlines() if line.startswith("| a row")).split("|")[1:-1]]


def test_a_cell_is_the_median_with_its_spread():
    cells = [("ftpsfs", 1, {"": 3.0}), ("ftpsfs", 2, {"": 1.0}), ("ftpsfs", 3, {"": 2.0})]
    assert row_in(Report(data_of(cells)).write()) == ["a row, s", "2.00 (1.00…3.00)", "", ""]


def test_ratios_are_to_the_best_mount_and_the_best_limit():
    cells = [("ftpsfs", 1, {"": 2.0}), ("sshfs", 1, {"": 3.0}), ("rclone off", 1, {"": 10.0}), ("curl", 1, {"": 1.0})]
    assert row_in(Report(data_of(cells)).write())[1:] == ["2.00", "3.00", "10.00", "1.00", "1.50", "0.50"]
    more = Report(data_of(cells, {"unit": "MB/s", "more_is_better": True})).write()
    assert row_in(more)[-2:] == ["0.20", "2.00"]


def test_what_no_limit_measures_is_not_set_beside_one():
    cells = [("ftpsfs", 1, {"": 2.0}), ("curl", 1, {"": 1.0})]
    assert row_in(Report(data_of(cells, {"has_limit": False})).write())[-1] == ""


def test_over_a_link_the_bound_counts_in_round_trips():
    text = Report(data_of([("ftpsfs", 1, {"": 0.3})], {"bound": 10}, rtt_ms=20)).write()
    assert row_in(text)[-2:] == ["10", "1.50"]


def test_one_wrong_result_voids_all_runs():
    cells = [("ftpsfs", 1, {"": 2.0}), ("sshfs", 1, {"": 1.0}), ("sshfs", 2, "other bytes")]
    assert row_in(Report(data_of(cells)).write())[1:] == ["2.00", "wrong: other bytes", "", ""]


def test_a_program_that_fails_is_told_and_does_not_count():
    cells = [("ftpsfs", 1, {"": 2.0}), ("sshfs", 1, "> 300 s"), ("rclone off", 1, {"": 4.0})]
    assert row_in(Report(data_of(cells)).write())[1:] == ["2.00", "> 300 s", "4.00", "2.00", ""]


def test_three_digits_count():
    assert [short(number) for number in (12345.6, 0, 12.345, 0.12345, 0.00012)] == ["12,346", "0", "12.35", "0.123", "0.0001"]


def test_nothing_is_better_than_nothing():
    assert better(None, 1, False) is None
    assert better(1, None, True) is None
    assert better(2, 1, True) == 2


def test_medians_of_google_benchmark_are_taken():
    rows = micro_rows({"benchmarks": [
        {"name": "A/real_time_mean", "run_name": "A/real_time", "aggregate_name": "mean", "real_time": 9, "time_unit": "ns"},
        {"name": "A/real_time_median", "run_name": "A/real_time", "aggregate_name": "median", "real_time": 2,
         "time_unit": "us", "bytes_per_second": 5e6, "bytes_over_the_name": 170}]})
    assert list(rows) == ["A"]
    assert rows["A"]["ns"] == 2000 and rows["A"]["counters"] == {"bytes_over_the_name": 170}


def test_a_plot_has_a_line_for_each_program():
    data = data_of([("ftpsfs", 1, {"": 2.0}), ("ftpsfs", 2, {"": 4.0}), ("sshfs", 1, "> 300 s")], series="growth", x=1000)
    (key, lines), = series_of(data).items()
    assert key == ("growth", "vsftpd", "here") and lines == {"ftpsfs": {1000: [2.0, 4.0]}}
    assert "1000 3.0 2.0 4.0" in script_for("it's", lines, "out.svg")


def test_what_is_measured_already_is_not_measured_again(tmp_path):
    cell = {"server": "vsftpd", "place": "here", "row": "r", "way": "ftpsfs", "run": 1}
    Results(tmp_path / "r.json", 5, ["run.sh"]).add(**cell, values={"": 1.0})
    again = Results.resume(tmp_path / "r.json", 5, ["run.sh"])
    assert again.has(**cell) and not again.has(**{**cell, "run": 2})
    with pytest.raises(SystemExit):
        Results.resume(tmp_path / "r.json", 5, ["run.sh", "--quick"])


def test_who_took_too_long_has_no_further_turn(tmp_path):
    results = Results(tmp_path / "r.json", 5, ["run.sh"])
    cell = {"server": "vsftpd", "place": "here", "row": "r", "way": "sshfs", "run": 1}
    results.add(**cell, failed="> 300 s", wrong=False)
    assert results.took_too_long(**{**cell, "run": 2})
    assert not results.took_too_long(**{**cell, "way": "ftpsfs"})


@pytest.mark.parametrize("text, wan", [("20", Wan(20, 1000, 0)), ("100:50", Wan(100, 50, 0)), ("20:0:0.5", Wan(20, 0, 0.5))])
def test_a_link_is_read(text, wan):
    assert Wan.parse(text) == wan


@pytest.mark.parametrize("text", ["", "0", "-1", "20:1:2:3", "fast", "20:1000:100", "nan"])
def test_what_is_no_link_is_refused(text):
    with pytest.raises(ValueError):
        Wan.parse(text)


def test_the_document_has_all_rows():
    """Else: `tests/bench/run.sh --list` says what belongs there."""
    assert "\n".join(described()) in DOCUMENT.read_text()
