# SPDX-License-Identifier: MIT
"""A disk that is full, there or here, must reach the program that writes, and cost nothing else."""

import errno
import json
import os
import stat

import pytest

from box import wait_for
from mount import binary
from program import EXIT_FAILED, Program

pytestmark = pytest.mark.real

MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def small_server(make_server):
    server = make_server(disk_mib=8)
    yield server
    server.close()


@pytest.fixture
def small_box(small_server, box_on):
    return box_on(small_server)


def write_until_refused(path, mebibytes=24):
    """The error of the write or of the close that tells; fails when none does."""
    with pytest.raises(OSError) as refusal:
        with open(path, "wb", buffering=0) as file:
            for _ in range(mebibytes):
                view = memoryview(os.urandom(MEBIBYTE))
                while view:
                    view = view[file.write(view):]
    return refusal.value.errno


def full_on(server):
    """Some have words for a full disk; Pure-FTPd speaks of an error, and pyftpdlib hangs up."""
    return errno.ENOSPC if server.name in ("vsftpd", "proftpd") else errno.EIO


@pytest.mark.smoke
def test_a_full_server_is_told_to_the_writer(small_box):
    box = small_box
    mount = box.mount()
    assert write_until_refused(mount / "big") == full_on(box.server)
    # The mount lives, and there is room again once something is deleted.
    if (mount / "big").exists():
        os.unlink(mount / "big")
    (mount / "small").write_bytes(b"fits")
    assert (box.remote / "small").read_bytes() == b"fits"


def test_a_full_server_does_not_cost_the_old_content(small_box):
    box = small_box
    old = os.urandom(3 * MEBIBYTE)
    box.put("file", old)
    mount = box.mount()
    write_until_refused(mount / "file")
    assert (box.remote / "file").read_bytes() == old
    assert wait_for(lambda: os.listdir(box.remote) == ["file"]), "the part of the upload stays behind"


def test_a_full_staging_directory_is_told_to_the_writer(box):
    """Random writes need a local copy; where that finds no room, the file on the server stays as it is."""
    old = os.urandom(12 * MEBIBYTE)
    box.put("file", old)
    staging = box.folder / "staging"
    staging.mkdir(mode=0o700)
    box.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", staging])
    try:
        mount = box.mount(staging_dir=staging)
        with pytest.raises(OSError) as refusal:
            with open(mount / "file", "r+b") as file:
                file.seek(MEBIBYTE)
                file.write(b"in the middle")
        assert refusal.value.errno == errno.ENOSPC
        assert (box.remote / "file").read_bytes() == old
        (mount / "other").write_bytes(b"goes on")
        box.unmount()
    finally:
        box.run(["umount", "-l", staging])


def write_behind_the_close(path, bytes_written):
    """A child writes by a descriptor that it inherited: its last close is none that publishes, and when the
    upload then fails nobody is left to be told."""
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    go_on, closed = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.read(go_on, 1)
            os.pwrite(file, os.urandom(bytes_written - 1), 1)
        finally:
            os._exit(0)
    os.close(file)
    os.write(closed, b"x")
    os.waitpid(child, 0)
    os.close(go_on)
    os.close(closed)


@pytest.mark.smoke
def test_umount_tells_of_an_upload_that_failed_behind_the_last_close(small_box):
    box = small_box
    program = Program(box)
    try:
        program.mount()
        (program.mnt / "fits").write_bytes(b"fits")
        write_behind_the_close(program.mnt / "large", 16 * MEBIBYTE)
        done = program.run("umount", program.mnt)
        assert done.returncode == EXIT_FAILED, done.stderr
        (line,) = done.stderr.splitlines()
        assert "1 file is not whole on the server" in line and "log" in line
        assert program.ended()
    finally:
        program.tidy()
    assert (box.remote / "fits").read_bytes() == b"fits"
    (box.remote / "large").unlink(missing_ok=True)
    box.allow_leftovers = True


def test_umount_does_not_tell_again_what_the_writer_was_told(small_box):
    program = Program(small_box)
    try:
        program.mount()
        write_until_refused(program.mnt / "large")
        done = program.run("umount", program.mnt)
        assert done.returncode == 0, done.stderr
    finally:
        program.tidy()
    (small_box.remote / "large").unlink(missing_ok=True)


def test_what_a_full_server_refuses_of_a_local_copy_is_kept(small_box):
    box = small_box
    data = os.urandom(12 * MEBIBYTE)
    staging = box.folder / "staging"
    staging.mkdir(mode=0o700)
    mount = box.mount(staging_dir=staging)
    with pytest.raises(OSError) as refusal:
        with open(mount / "big", "w+b", buffering=0) as file:
            file.seek(MEBIBYTE)
            file.write(data[MEBIBYTE:])
            file.seek(0)
            file.write(data[:MEBIBYTE])
    assert refusal.value.errno == full_on(box.server)
    place = staging / f"recovery-{os.geteuid()}"
    assert wait_for(lambda: place.is_dir() and list(place.glob("*.json")), 90)
    (sidecar,) = place.glob("*.json")
    told = json.loads(sidecar.read_text())
    assert (told["path"], told["size"], told["complete"]) == (f"/{box.name}/big", len(data), True)
    assert sidecar.with_suffix(".data").read_bytes() == data
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert stat.S_IMODE(sidecar.with_suffix(".data").stat().st_mode) == 0o600

    def uploads(*words):
        return box.run([binary(), "uploads", *words, mount]).stdout.decode()

    shelf = box.folder / "shelf"
    shelf.mkdir()
    told = uploads()
    assert f"/{box.name}/big" in told and str(sidecar.with_suffix(".data")) in told and "1 refused" in told
    assert "1 refused" in uploads("--failed", f"--export={shelf}")
    assert (shelf / "big").read_bytes() == data
    assert "0 refused" in uploads("--discard")
    assert list(place.iterdir()) == []
    box.allow_leftovers = True
