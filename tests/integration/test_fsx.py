# SPDX-License-Identifier: MIT
"""One file under random reads, writes, cuts, maps and holes, as fsx does it. FTPSFS_SEED repeats a run,
FTPSFS_FSX_OPERATIONS makes it longer (tests/run.sh --full: 50,000)."""

import os
import sys
import time
from pathlib import Path

import pytest

OPERATIONS = int(os.environ.get("FTPSFS_FSX_OPERATIONS") or 1500)


@pytest.mark.content
@pytest.mark.seconds(60 + OPERATIONS // 20)
@pytest.mark.parametrize("options", [{}, {"writeback": True}], ids=["through", "writeback"])
def test_one_file_in_the_manner_of_fsx(box, options):
    seed = int(os.environ.get("FTPSFS_SEED") or time.time_ns() % 1_000_000_007)
    places = {name: box.folder / name for name in ["staging_dir", *(["journal_dir"] if options else [])]}
    for place in places.values():
        place.mkdir(mode=0o700)
    mount = box.mount(**places, **options)
    fsx = [sys.executable, "-B", Path(__file__).parent / "fsx.py"]
    done = box.run([*fsx, mount / "file", seed, OPERATIONS, box.remote / "file"], check=False, timeout=50 + OPERATIONS // 20)
    assert done.returncode == 0, done.stderr.decode()
