# SPDX-License-Identifier: MIT
"""How one file takes the place of another: servers that will not rename over a file, upload=, and what a
mount that was killed leaves behind."""

import os
import random
import subprocess
import time

import pytest

from box import sha256, wait_for

pytestmark = pytest.mark.real

MEBIBYTE = 1 << 20


@pytest.fixture
def strict_box(make_server, box_on):
    """ProFTPD as it comes: neither STOR nor RNTO onto an existing file."""
    server = make_server("proftpd", implicit=False, extra={"AllowOverwrite": "off"})
    yield box_on(server)
    server.close()


@pytest.mark.once
def test_files_are_replaced_where_the_server_never_overwrites(strict_box):
    box = strict_box
    box.put("file", b"old")
    box.put("other", b"other")
    box.mount()
    box.sh("echo new > file; mv other renamed; echo more > other; mv other renamed; echo end >> renamed")
    assert (box.remote / "file").read_bytes() == b"new\n"
    assert (box.remote / "renamed").read_bytes() == b"more\nend\n"
    assert box.hidden() == []
    box.sh("for i in 1 2 3 4 5; do echo $i > file; done; dd if=/dev/zero of=file bs=1 seek=1 count=1 conv=notrunc 2>&1")
    assert (box.remote / "file").read_bytes() == b"5\0"
    assert box.hidden() == []


@pytest.mark.once
def test_git_works_where_the_server_never_overwrites(strict_box):
    box = strict_box
    box.mount()
    box.sh("git init -q r; cd r; git config user.email a@b; git config user.name n; seq 100 > f; git add f; "
           "git commit -qm 1; seq 200 > f; git commit -qam 2; git fsck --strict; git log --oneline | wc -l")


def test_upload_atomic_shows_new_names_whole(box):
    box.mount(upload="atomic")
    # The shell itself opens the file: a descriptor of ours would publish what has been written when we close it.
    copy = box.start(["bash", "-c", '{ head -c 3000000 /dev/zero; sleep 1; head -c 1000 /dev/zero; } > "$0"',
                      box.here() / "new"])
    assert wait_for(lambda: box.hidden())
    assert not (box.remote / "new").exists()
    assert copy.wait(timeout=30) == 0
    assert wait_for(lambda: (box.remote / "new").exists() and not box.hidden())
    assert (box.remote / "new").stat().st_size == 3001000


def test_upload_direct_makes_no_other_name(box):
    box.put("file", b"the old one")
    box.mount(upload="direct")
    with open(box.here() / "file", "wb") as file:
        file.write(random.Random(1).randbytes(3 * MEBIBYTE))
        assert box.hidden() == []
    assert (box.remote / "file").stat().st_size == 3 * MEBIBYTE
    box.sh("echo short > file; printf x | dd of=file bs=1 seek=2 conv=notrunc 2>&1")
    assert (box.remote / "file").read_bytes() == b"shxrt\n"


def test_what_a_killed_mount_left_is_cleared_away_by_the_next(box):
    box.put("file", b"the old one")
    staging = box.folder / "staging"
    staging.mkdir(mode=0o700)
    mount = box.mount(staging_dir=staging)
    writer = box.start(["bash", "-c", f"{{ head -c 3000000 /dev/zero; sleep 60; }} > {mount}/file"],
                       stderr=subprocess.DEVNULL)
    assert wait_for(lambda: box.hidden())
    box.last.kill()
    box.end(writer)
    left = box.hidden()
    assert left
    mark = left[0].split("-")[1]
    (box.remote / left[0]).rename(box.remote / f".ftpsfs-{mark}-77.part")
    # As if it had been killed while it replaced another file, on a server that does not do that at once.
    box.put(f".ftpsfs-{mark}-99.kept-aside", b"only copy")
    box.put(".ftpsfs-00000000000000aa-1.part", b"of a mount elsewhere")
    mount = box.mount(staging_dir=staging)
    assert "file" in os.listdir(mount)
    assert wait_for(lambda: box.hidden() == [".ftpsfs-00000000000000aa-1.part"], seconds=20)
    assert (box.remote / "aside").read_bytes() == b"only copy"
    assert wait_for(lambda: "aside" in os.listdir(mount))
    box.allow_leftovers = True


@pytest.mark.parametrize("existing", [False, True])
def test_a_large_copy_survives_a_restart_of_the_server(own_box, tmp_path, existing):
    box = own_box
    source = tmp_path / "source"
    source.write_bytes(random.Random(7).randbytes(96 * MEBIBYTE))
    if existing:
        box.put("copy", b"the old one")
    mount = box.mount(timeout=20, connect_timeout=5)
    copy = box.start(["cp", source, mount / "copy"], stderr=subprocess.PIPE)
    assert wait_for(lambda: sum(f.stat().st_size for f in box.remote.iterdir()) > 8 * MEBIBYTE)
    box.server.kill()
    arrived = sum(f.stat().st_size for f in box.remote.iterdir())
    assert arrived < 96 * MEBIBYTE, "the copy was over before the server was killed"
    time.sleep(0.5)
    box.server.start()
    _, errors = copy.communicate(timeout=60)
    assert copy.returncode == 0, errors
    assert sha256(box.remote / "copy") == sha256(source)
    assert box.hidden() == []
    assert "have arrived" in box.last.log.read_text(), "it was not taken up again"


def test_a_large_copy_survives_dropped_connections(own_box, tmp_path):
    box = own_box
    if box.server.name == "pyftpdlib":
        pytest.skip("one process serves all connections: none can be killed by itself")
    source = tmp_path / "source"
    source.write_bytes(random.Random(8).randbytes(96 * MEBIBYTE))
    mount = box.mount(timeout=20)
    copy = box.start(["cp", source, mount / "copy"], stderr=subprocess.PIPE)
    for part in (8, 40):
        assert wait_for(lambda: (box.remote / "copy").exists()
                        and (box.remote / "copy").stat().st_size > part * MEBIBYTE)
        box.server.drop_connections()
    _, errors = copy.communicate(timeout=60)
    assert copy.returncode == 0, errors
    assert sha256(box.remote / "copy") == sha256(source)
