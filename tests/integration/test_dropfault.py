# SPDX-License-Identifier: MIT
"""Connections that die: the pool replaces them, and programs notice nothing where nothing was lost."""

import os
import random
import subprocess
import threading
import time

import pytest

from box import sha256, wait_for

pytestmark = pytest.mark.real

MEBIBYTE = 1 << 20


@pytest.fixture
def dropping_box(own_box):
    if own_box.server.name == "pyftpdlib":
        pytest.skip("one process serves all connections: none can be killed by itself")
    return own_box


def test_dead_connections_are_replaced_between_commands(dropping_box):
    box = dropping_box
    box.put("file", b"content")
    mount = box.mount(attr_timeout=0, entry_timeout=0, dir_cache_timeout=0)
    for round_number in range(5):
        assert (mount / "file").read_bytes() == b"content"
        assert "file" in os.listdir(mount)
        (mount / f"new{round_number}").write_bytes(b"x" * round_number)
        box.server.drop_connections()
        time.sleep(0.1)
    box.sh("mkdir dir; mv new0 dir; rm new1; touch -d @1400000000 new2; chmod 600 new3; ls -l > /dev/null")
    assert sorted(os.listdir(box.remote)) == ["dir", "file", "new2", "new3", "new4"]


@pytest.mark.smoke
def test_a_read_goes_on_over_a_dropped_connection(dropping_box):
    box = dropping_box
    data = random.Random(5).randbytes(40 * MEBIBYTE)
    box.put("large", data)
    mount = box.mount()
    got = []
    with open(mount / "large", "rb", buffering=0) as file:
        while part := file.read(MEBIBYTE):
            got.append(part)
            if len(got) in (5, 20):
                box.server.drop_connections()
    assert b"".join(got) == data


def test_a_write_over_a_dropped_connection_is_whole_or_an_error(dropping_box):
    """What arrives under the name is what was written, or the program was told."""
    box = dropping_box
    box.put("existing", b"the old one")
    source = box.folder / "source"
    source.write_bytes(random.Random(6).randbytes(60 * MEBIBYTE))
    mount = box.mount()
    for name in ("existing", "fresh"):
        copy = box.start(["cp", source, mount / name], stderr=subprocess.DEVNULL)
        assert wait_for(lambda: sum(f.stat().st_size for f in box.remote.iterdir()) > 2 * MEBIBYTE)
        box.server.drop_connections()
        if copy.wait(timeout=60) == 0:
            assert sha256(box.remote / name) == sha256(source)
        elif name == "existing":
            assert (box.remote / name).read_bytes() == b"the old one"
        for file in list(box.remote.iterdir()):
            if file.name != "existing":
                file.unlink()
    box.allow_leftovers = True


@pytest.mark.seconds(120)
def test_work_goes_on_while_connections_die_all_the_time(dropping_box):
    """Reads and listings only: they may be repeated without harm."""
    box = dropping_box
    for number in range(20):
        box.put(f"dir/file{number}", random.Random(number).randbytes(300_000))
    mount = box.mount(attr_timeout=0, entry_timeout=0, dir_cache_timeout=0, max_conns=4)
    stop = threading.Event()

    def drop():
        while not stop.wait(0.7):
            box.server.drop_connections()

    thread = threading.Thread(target=drop)
    thread.start()
    failures = 0
    try:
        for _ in range(3):
            for number in range(20):
                try:
                    assert (mount / f"dir/file{number}").read_bytes() == random.Random(number).randbytes(300_000)
                    assert len(os.listdir(mount / "dir")) == 20
                except OSError:
                    failures += 1  # two drops in one request: an error is allowed, wrong bytes are not
    finally:
        stop.set()
        thread.join()
    assert failures <= 6, f"{failures} of 60 rounds failed"
    assert wait_for(lambda: len(os.listdir(mount / "dir")) == 20)
