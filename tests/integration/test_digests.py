# SPDX-License-Identifier: MIT
"""verify_upload=hash: the server says what it has, and is asked in the flight behind the upload."""

import random

import pytest

from box import sha256

pytestmark = pytest.mark.real

MEBIBYTE = 1 << 20


@pytest.fixture
def make_box(make_server, box_on):
    """ProFTPD with mod_digest, as that comes: it keeps digests in the memory of each session."""
    servers = []

    def make(**extra):
        servers.append(make_server("proftpd", implicit=False, extra={"LoadModule": "mod_digest.c", **extra}))
        return box_on(servers[-1])

    yield make
    for server in servers:
        server.close()


@pytest.mark.once
def test_uploads_are_compared_by_digest(make_box):
    box = make_box()
    box.put("there", b"old")
    mount = box.mount(verify_upload="hash")
    for name, size in (("empty", 0), ("small", 10), ("two words 0 5", 1000), ("large", 12 * MEBIBYTE), ("there", 70_000)):
        (box.folder / "source").write_bytes(random.Random(size).randbytes(size))
        box.run(["cp", box.folder / "source", mount / name])
        assert sha256(box.remote / name) == sha256(box.folder / "source")
    # From a local copy, too.
    box.sh("printf X | dd of=large bs=1 seek=5000000 conv=notrunc status=none; echo more >> small")
    assert (box.remote / "large").read_bytes()[5_000_000:5_000_001] == b"X"
    log = box.last.log.read_text()
    assert log.count("OPTS HASH SHA-256") == 5, "of four files with content, and one of them changed"
    assert "[warning]" not in log


@pytest.mark.once
def test_a_digest_out_of_the_servers_memory_is_no_verdict(make_box):
    """Written again within the second, at the same length, under the same name."""
    box = make_box()
    box.mount(verify_upload="hash", upload="direct", max_conns=3)
    box.sh("for i in 1 2 3 4 5 6 7 8 9; do echo $i > file; done")
    assert (box.remote / "file").read_bytes() == b"9\n"


@pytest.mark.once
def test_one_algorithm_alone(make_box):
    box = make_box(DigestAlgorithms="md5")
    box.mount(verify_upload="hash")
    box.sh("echo content > file; echo other > file")
    assert (box.remote / "file").read_bytes() == b"other\n"
    assert " MD5 0-6 " in box.last.log.read_text()


@pytest.mark.once
def test_writing_back_compares_what_it_brings(make_box):
    box = make_box()
    (box.folder / "journal").mkdir(mode=0o700)
    box.mount("--writeback", verify_upload="hash", journal_dir=box.folder / "journal")
    box.sh("echo content > file; sync file")
    assert (box.remote / "file").read_bytes() == b"content\n"
    assert " SHA-256 0-8 " in box.last.log.read_text()


def test_a_server_without_digests_is_told_once(box):
    box.mount(verify_upload="hash")
    box.sh("echo content > file; echo other > file")
    assert (box.remote / "file").read_bytes() == b"other\n"
    assert box.last.log.read_text().count("verified by their sizes alone") == 1
