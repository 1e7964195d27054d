# SPDX-License-Identifier: MIT
"""ProFTPD as it comes: what exists may be replaced, but nothing may be appended to it
(`AllowStoreRestart off`). Whatever programs append or go on with arrives all the same."""

import os
import random
import sqlite3

import pytest

from box import sha256, wait_for

pytestmark = [pytest.mark.real, pytest.mark.once]

MEBIBYTE = 1 << 20


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


@pytest.fixture(params=["on", "off"], ids=["overwrites", "never-overwrites"])
def box(make_server, box_on, request):
    """@param whether it lets an existing file be written over or renamed onto."""
    server = make_server("proftpd", implicit=False,
                         extra={"AllowStoreRestart": "off", "AllowOverwrite": request.param})
    box = box_on(server)
    yield box
    assert box.hidden() == []
    server.close()


def test_what_a_shell_appends_arrives(box):
    box.put("log", b"first\n")
    box.put("empty", b"")
    box.mount()
    box.sh("echo one >> log; echo two >> log; echo x >> empty; echo new >> fresh; echo more >> fresh")
    assert (box.remote / "log").read_bytes() == b"first\none\ntwo\n"
    assert (box.remote / "empty").read_bytes() == b"x\n"
    assert (box.remote / "fresh").read_bytes() == b"new\nmore\n"
    box.mount()  # which knows nothing yet
    box.sh("{ /bin/true; /bin/echo one; /bin/true; /bin/echo two; } >> log")
    assert (box.remote / "log").read_bytes() == b"first\none\ntwo\none\ntwo\n"


@pytest.mark.parametrize("options", [{}, {"upload": "atomic"}], ids=["plain", "atomic"])
def test_what_a_shell_redirects_arrives(box, options):
    box.put("old", b"old content\n")
    box.mount(**options)
    box.sh("{ /bin/true; echo a; /bin/true; echo b; } > old; { /bin/true; echo a; /bin/true; echo b; } > fresh; "
           "head -c 3000000 /dev/zero > large")
    assert (box.remote / "old").read_bytes() == b"a\nb\n"
    assert (box.remote / "fresh").read_bytes() == b"a\nb\n"
    assert (box.remote / "large").read_bytes() == bytes(3_000_000)


def test_the_same_arrives_with_writeback(box):
    box.put("log", b"first\n")
    box.put("old", b"old content\n")
    journal = box.folder / "journal"
    journal.mkdir(mode=0o700)
    box.mount(writeback=True, journal_dir=journal)
    box.sh("echo one >> log; { echo a; /bin/true; echo b; } > old; { echo a; /bin/true; echo b; } > fresh; "
           "echo two >> log; echo c >> fresh; head -c 3000000 /dev/zero >> log")
    expected = {"log": b"first\none\ntwo\n" + bytes(3_000_000), "old": b"a\nb\n", "fresh": b"a\nb\nc\n"}
    assert wait_for(lambda: {name: (box.remote / name).read_bytes() for name in expected
                             if (box.remote / name).exists()} == expected)


@pytest.mark.parametrize("size", [10, 3 * MEBIBYTE])
def test_what_is_written_behind_an_fsync_arrives(box, size):
    mount = box.mount()
    for name in ("one", "two"):  # the second time the server is known
        parts = [noise(size, seed) for seed in range(3)]
        with open(mount / name, "wb", buffering=0) as file:
            for number, part in enumerate(parts):
                file.write(part)
                os.fsync(file.fileno())
                assert (box.remote / name).read_bytes() == b"".join(parts[:number + 1])
            file.write(b"end")
        assert (box.remote / name).read_bytes() == b"".join(parts) + b"end"


def test_sqlite_commits_each_transaction(box):
    mount = box.mount()
    with sqlite3.connect(mount / "data.db", isolation_level=None) as database:
        database.execute("pragma journal_mode=delete")
        database.execute("create table t(a integer primary key, b)")
        for number in range(200):
            database.execute("insert into t values(?, ?)", (number, "x" * number))
        assert database.execute("pragma integrity_check").fetchall() == [("ok",)]
    database.close()
    copy = box.folder / "copy.db"
    copy.write_bytes((box.remote / "data.db").read_bytes())
    for path in (copy, mount / "data.db"):
        with sqlite3.connect(path) as database:
            assert database.execute("pragma integrity_check").fetchall() == [("ok",)]
            assert database.execute("select count(*), sum(length(b)) from t").fetchall() == [(200, 19900)]
        database.close()


@pytest.mark.parametrize("max_conns", [1, 2])
def test_more_large_files_than_connections_arrive(box, max_conns):
    source = box.folder / "source"
    source.write_bytes(noise(24 * MEBIBYTE))
    box.put("old", b"old")
    mount = box.mount(max_conns=max_conns)
    for round in range(2):  # the second one on a server that is known
        names = [f"copy{round}-{number}" for number in range(4)] + ["old"]
        copies = [box.start(["cp", source, mount / name]) for name in names]
        for copy in copies:
            assert copy.wait(timeout=120) == 0
        for name in names:
            assert sha256(box.remote / name) == sha256(source)
