# SPDX-License-Identifier: MIT
"""Sizes, times, modes and owners: what the mount shows is what the server has."""

import errno
import os
import stat
import time

import pytest

from mount import LOCAL
from servers.base import SERVER_UID

# In the time zone of the tests' servers (UTC). Old, of this year, recent: listings write them differently.
TIMES = [1, 86_400 * 365, 999_999_999, 1_500_000_000]


def fails_with(numbers, action, *args, **more):
    with pytest.raises(OSError) as caught:
        action(*args, **more)
    assert caught.value.errno in numbers, caught.value


@pytest.mark.smoke
def test_sizes_times_and_types_are_the_servers(box):
    now = int(time.time())
    times = TIMES + [now - 86_400 * 100, now - 86_400 * 10, now - 3600, now - 61]
    for number, mtime in enumerate(times):
        box.put(f"file{number}", b"x" * number * 1000, mtime=mtime)
    box.put_directory("directory")
    mount = box.mount()
    for number, mtime in enumerate(times):
        seen = (mount / f"file{number}").stat()
        assert seen.st_size == number * 1000
        assert int(seen.st_mtime) == mtime, f"file{number}"
        assert stat.S_ISREG(seen.st_mode) and seen.st_nlink == 1
    seen = (mount / "directory").stat()
    assert stat.S_ISDIR(seen.st_mode) and seen.st_nlink >= 2
    listed = box.sh("ls -l --time-style=+%s").stdout.decode().splitlines()[1:]
    by_name = {line.split()[6]: int(line.split()[5]) for line in listed}
    assert [by_name[f"file{number}"] for number in range(len(times))] == times


def test_the_time_after_a_write_is_the_servers(box):
    """Else make, git and rsync would see changes where there are none."""
    box.put("old", b"x", mtime=1_000_000_000)
    mount = box.mount()
    box.sh("echo new > new; echo more > old; echo appended >> appended")
    seen = {name: int((mount / name).stat().st_mtime) for name in ("new", "old", "appended")}
    on_server = {name: int((box.remote / name).stat().st_mtime) for name in seen}
    assert seen == on_server
    mount = box.remount()
    assert {name: int((mount / name).stat().st_mtime) for name in seen} == on_server


@pytest.mark.smoke
def test_setting_the_time_of_a_file(box):
    box.put("file", b"x")
    mount = box.mount()
    box.sh("touch -d '2020-02-03 04:05:06 UTC' file")
    assert int((box.remote / "file").stat().st_mtime) == 1_580_702_706
    assert int((mount / "file").stat().st_mtime) == 1_580_702_706
    source = box.folder / "source"
    source.write_bytes(b"copied with its time")
    os.utime(source, (1_234_567_890, 1_234_567_890))
    box.run(["cp", "-p", source, mount / "copy"])
    assert int((box.remote / "copy").stat().st_mtime) == 1_234_567_890
    assert int((mount / "copy").stat().st_mtime) == 1_234_567_890
    mount = box.remount()
    assert int((mount / "copy").stat().st_mtime) == 1_234_567_890


def test_setting_the_time_of_an_open_file(box):
    """tar and rsync set the time before or after the close; the later close must not undo it."""
    mount = box.mount()
    with open(mount / "open", "wb") as file:
        file.write(b"data")
        file.flush()
        os.utime(file.fileno(), (1_111_111_111, 1_111_111_111))
    assert int((box.remote / "open").stat().st_mtime) == 1_111_111_111
    assert int((mount / "open").stat().st_mtime) == 1_111_111_111


def test_touch_now_works_everywhere(box):
    box.put("file", b"x", mtime=1_000_000_000)
    mount = box.mount()
    before = int(time.time()) - 2
    box.sh("touch file; touch new")
    assert int((mount / "file").stat().st_mtime) >= before
    assert (box.remote / "new").exists()
    if not LOCAL:
        assert int((box.remote / "file").stat().st_mtime) >= before


@pytest.mark.smoke
def test_modes_are_shown_and_set(box):
    box.put("file", b"x", mode=0o644)
    box.put("script", b"x", mode=0o755)
    mount = box.mount()
    if box.server.name != "pyftpdlib":  # it does not tell modes unless asked to
        assert stat.S_IMODE((mount / "file").stat().st_mode) == 0o644
        assert stat.S_IMODE((mount / "script").stat().st_mode) == 0o755
    box.sh("chmod 600 file; chmod 700 script")
    assert stat.S_IMODE((box.remote / "file").stat().st_mode) == 0o600
    assert stat.S_IMODE((box.remote / "script").stat().st_mode) == 0o700
    if box.server.name != "pyftpdlib":
        assert stat.S_IMODE((mount / "file").stat().st_mode) == 0o600
    # To what is shown already: always a success.
    os.chmod(mount / "file", stat.S_IMODE((mount / "file").stat().st_mode))


def test_chmod_of_a_directory(box):
    box.put_directory("dir")
    mount = box.mount()
    os.chmod(mount / "dir", 0o700)
    assert stat.S_IMODE((box.remote / "dir").stat().st_mode) == 0o700


def test_chown_to_what_is_shown_succeeds(box):
    box.put("file", b"x")
    mount = box.mount()
    seen = (mount / "file").stat()
    os.chown(mount / "file", seen.st_uid, seen.st_gid)
    os.chown(mount / "file", -1, -1)
    if not LOCAL:
        fails_with((errno.EPERM, errno.EOPNOTSUPP), os.chown, mount / "file", seen.st_uid + 1234, -1)
    assert (box.remote / "file").stat().st_uid == SERVER_UID


@pytest.mark.real
def test_owner_and_masks_come_from_the_options(box):
    box.put("file", b"x", mode=0o644)
    box.put_directory("dir")
    mount = box.mount(uid=1234, gid=4321, fmask="0137", dmask="0027")
    file, directory = (mount / "file").stat(), (mount / "dir").stat()
    assert (file.st_uid, file.st_gid) == (1234, 4321)
    assert (directory.st_uid, directory.st_gid) == (1234, 4321)
    assert stat.S_IMODE(file.st_mode) & 0o137 == 0
    assert stat.S_IMODE(directory.st_mode) & 0o027 == 0
    assert stat.S_IMODE(directory.st_mode) & 0o700 == 0o700
    box.unmount()
    mount = box.mount(uid="nobody", gid="nogroup", umask="077")
    file = (mount / "file").stat()
    assert (file.st_uid, file.st_gid) == (65534, 65534)
    assert stat.S_IMODE(file.st_mode) & 0o077 == 0


@pytest.mark.smoke
def test_statfs_gives_numbers_that_tools_can_work_with(box):
    mount = box.mount()
    numbers = os.statvfs(mount)
    assert numbers.f_bsize > 0 and numbers.f_blocks > 0
    assert numbers.f_bavail * numbers.f_frsize > 1 << 30
    assert numbers.f_namemax >= 255
    assert str(mount).encode() in box.run(["df", mount]).stdout or LOCAL


@pytest.mark.real
def test_denied_files_and_directories(box):
    secret = box.put("secret", b"not for you")
    os.chown(secret, 0, 0)
    secret.chmod(0o600)
    locked = box.put_directory("locked")
    (locked / "inside").write_bytes(b"x")
    os.chown(locked, 0, 0)
    locked.chmod(0o700)
    mount = box.mount()
    assert sorted(os.listdir(mount)) == ["locked", "secret"]
    fails_with((errno.EACCES,), lambda: (mount / "secret").read_bytes())
    fails_with((errno.EACCES,), os.listdir, mount / "locked")
    fails_with((errno.EACCES, errno.ENOENT), os.stat, mount / "locked/inside")


@pytest.mark.real
def test_changes_in_a_read_only_directory_are_denied(box):
    fixed = box.put_directory("fixed")
    box.put("fixed/file", b"x")
    box.put("mine", b"y")
    os.chown(fixed, 0, 0)
    mount = box.mount()
    denied = (errno.EACCES, errno.EPERM)
    fails_with(denied, os.mkdir, mount / "fixed/new")
    fails_with(denied, os.unlink, mount / "fixed/file")
    fails_with(denied, os.rename, mount / "fixed/file", mount / "stolen")
    fails_with(denied, os.rename, mount / "mine", mount / "fixed/mine")
    assert os.listdir(fixed) == ["file"] and (mount / "mine").read_bytes() == b"y"


def test_times_of_directories(box):
    """A server may have no way to set them; then the program is told, or shown what it asked for."""
    box.put_directory("dir")
    mount = box.mount()
    try:
        os.utime(mount / "dir", (1_300_000_000, 1_300_000_000))
    except OSError as error:
        assert error.errno in (errno.EOPNOTSUPP, errno.EPERM)
        assert box.server.name in ("vsftpd", "pyftpdlib"), "this server can"
    else:
        assert int((mount / "dir").stat().st_mtime) == 1_300_000_000
        if box.server.name in ("proftpd", "pureftpd"):
            assert int((box.remote / "dir").stat().st_mtime) == 1_300_000_000
