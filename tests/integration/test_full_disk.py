# SPDX-License-Identifier: MIT
"""A disk that is full, there or here, must reach the program that writes, and cost nothing else."""

import errno
import json
import os
import signal
import stat

import pytest

from box import wait_for
from mount import binary, status_of
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
    told = write_until_refused(mount / "big")
    assert told == full_on(box.server), os.strerror(told)
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


@pytest.mark.once
def test_umount_tells_of_what_a_shell_did_not_look_at(small_box):
    """dash opens the file of a redirection itself, and does not look at what its own close says."""
    box = small_box
    program = Program(box)
    try:
        program.mount()
        write_until_refused(program.mnt / "large")
        for _ in range(50):  # until the refusal comes behind head's last write
            shell = box.run(["dash", "-c", 'head -c 30000 /dev/urandom > "$1"; echo behind', "-", program.mnt / "by-dash"])
            assert shell.stdout == b"behind\n"
            if status_of(program.mnt)["lost_files"]:
                break
        assert status_of(program.mnt)["lost_files"] == 1
        # What the documentation says to do instead.
        told = box.run(["dash", "-c", 'head -c 30000 /dev/urandom | dd status=none bs=1M of="$1"', "-", program.mnt / "by-dd"],
                       check=False)
        assert told.returncode != 0, told.stderr
        done = program.run("umount", program.mnt)
        assert done.returncode == EXIT_FAILED
        (line,) = done.stderr.splitlines()
        assert "1 file is not whole on the server" in line
        assert program.ended()
    finally:
        program.tidy()
    for name in ("large", "by-dash", "by-dd"):
        (box.remote / name).unlink(missing_ok=True)
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
    assert refusal.value.errno == full_on(box.server), refusal.value
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
    retried = box.run([binary(), "uploads", "--retry", mount], check=False)
    assert retried.returncode == 32 and b"without -o writeback" in retried.stderr
    assert "1 refused" in uploads("--failed", f"--export={shelf}")
    assert (shelf / "big").read_bytes() == data
    assert "0 refused" in uploads("--discard")
    assert list(place.iterdir()) == []
    box.allow_leftovers = True


@pytest.fixture
def small_journal(own_box):
    """A directory for journals on a disk of its own, which is small."""
    box = own_box
    place = box.folder / "journal"
    place.mkdir(mode=0o700)
    box.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", place])
    yield place
    for mount in box.mounts:
        mount.kill()
    box.run(["umount", "-l", place])


class Writers:
    """Files that are made while the server answers, and written when it does not."""

    def __init__(self, folder):
        self.folder = folder
        self.files = {}

    def make(self, prefix, size, count):
        for number in range(count):
            name = f"{prefix}{number}"
            self.files[name] = (os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL), os.urandom(size))

    def write_all(self):
        """Returns what was accepted and what was refused."""
        accepted, refused = {}, []
        for name, (file, data) in self.files.items():
            try:
                try:
                    assert os.write(file, data) == len(data)
                finally:
                    os.close(file)
                accepted[name] = data
            except OSError as refusal:
                assert refusal.errno == errno.ENOSPC
                refused.append(name)
        return accepted, refused


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def all_has_arrived(mount):
    report = status_of(mount)
    return report["waiting_changes"] == 0 and report["refused_changes"] == 0


@pytest.mark.once
@pytest.mark.parametrize("is_killed", [False, True], ids=["goes-on", "killed"])
def test_a_full_disk_under_the_journal_is_told_and_loses_nothing(own_box, small_journal, is_killed):
    box = own_box
    mount = box.mount(writeback=True, journal_dir=small_journal)
    assert os.listdir(mount) == []
    writers = Writers(mount)
    for prefix, size, count in (("large", 300_000, 14), ("middle", 30_000, 40), ("small", 1000, 100)):
        writers.make(prefix, size, count)
    box.server.freeze()
    accepted, refused = writers.write_all()
    assert {name.rstrip("0123456789") for name in refused} == {"large", "middle", "small"}
    assert len(accepted) > 12
    if is_killed:
        os.kill(box.last.process.pid, signal.SIGKILL)
        box.last.process.wait(timeout=20)
        box.last.kill()
        box.server.thaw()
        mount = box.mount(writeback=True, journal_dir=small_journal)
        assert contents(mount) == accepted
    box.server.thaw()
    assert wait_for(lambda: all_has_arrived(mount), seconds=60)
    assert contents(box.remote) == accepted
    more = os.urandom(MEBIBYTE)
    (mount / "more").write_bytes(more)
    box.unmount()
    assert contents(box.remote) == {**accepted, "more": more}
