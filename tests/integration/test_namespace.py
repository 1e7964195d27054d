# SPDX-License-Identifier: MIT
"""Directories, names, renames and deletions, and the errors that tell them apart."""

import ctypes
import errno
import os
import stat
import time

import pytest

from box import wait_for
from mount import LOCAL

RENAME_NOREPLACE, RENAME_EXCHANGE = 1, 2
_libc = ctypes.CDLL(None, use_errno=True)


def renameat2(old, new, flags):
    at_fdcwd = -100
    if _libc.renameat2(at_fdcwd, os.fsencode(old), at_fdcwd, os.fsencode(new), flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def fails_with(number, action, *args):
    expected = number if isinstance(number, tuple) else (number,)
    with pytest.raises(OSError) as caught:
        action(*args)
    assert caught.value.errno in expected, f"{caught.value} in place of {[errno.errorcode[n] for n in expected]}"


@pytest.mark.smoke
def test_directories_are_made_and_removed(box):
    mount = box.mount()
    os.mkdir(mount / "one")
    assert (box.remote / "one").is_dir()
    os.makedirs(mount / "a/b/c")
    assert (box.remote / "a/b/c").is_dir()
    assert sorted(os.listdir(mount)) == ["a", "one"]
    assert os.listdir(mount / "one") == []
    os.rmdir(mount / "one")
    assert not (box.remote / "one").exists()
    assert os.listdir(mount) == ["a"]


@pytest.mark.smoke
def test_errors_of_directories_tell_why(box):
    box.put("file", b"x")
    box.put("full/inside", b"x")
    mount = box.mount()
    fails_with(errno.EEXIST, os.mkdir, mount / "full")
    fails_with(errno.EEXIST, os.mkdir, mount / "file")
    fails_with(errno.ENOENT, os.mkdir, mount / "missing/new")
    fails_with(errno.ENOTDIR, os.mkdir, mount / "file/new")
    fails_with(errno.ENOTEMPTY, os.rmdir, mount / "full")
    fails_with(errno.ENOENT, os.rmdir, mount / "missing")
    fails_with(errno.ENOTDIR, os.rmdir, mount / "file")
    fails_with(errno.EISDIR, os.unlink, mount / "full")
    fails_with(errno.ENOENT, os.unlink, mount / "missing")
    fails_with(errno.ENOENT, os.listdir, mount / "missing")
    fails_with(errno.ENOTDIR, os.listdir, mount / "file")
    fails_with(errno.ENOENT, os.stat, mount / "missing")
    fails_with(errno.ENOTDIR, os.stat, mount / "file/x")
    fails_with(errno.EISDIR, os.open, mount / "full", os.O_WRONLY)
    fails_with(errno.ENOENT, os.open, mount / "missing", os.O_RDONLY)
    fails_with(errno.ENOENT, os.open, mount / "missing/file", os.O_CREAT | os.O_WRONLY)
    assert sorted(os.listdir(box.remote)) == ["file", "full"]


@pytest.mark.smoke
def test_rename(box):
    box.put("a", b"content of a")
    box.put("old", b"to be replaced")
    box.put("dir/inner", b"inner")
    box.put_directory("other")
    mount = box.mount()
    os.rename(mount / "a", mount / "b")
    assert (box.remote / "b").read_bytes() == b"content of a"
    assert not (mount / "a").exists()
    os.rename(mount / "b", mount / "old")
    assert (box.remote / "old").read_bytes() == b"content of a"
    assert (mount / "old").read_bytes() == b"content of a"
    os.rename(mount / "old", mount / "other/moved")
    assert (box.remote / "other/moved").read_bytes() == b"content of a"
    os.rename(mount / "dir", mount / "other/dir2")
    assert (box.remote / "other/dir2/inner").read_bytes() == b"inner"
    assert (mount / "other/dir2/inner").read_bytes() == b"inner"
    assert sorted(os.listdir(mount / "other")) == ["dir2", "moved"]
    assert os.listdir(mount) == ["other"]


def test_rename_of_a_directory_over_an_empty_one(box):
    box.put("from/file", b"x")
    box.put_directory("to")
    mount = box.mount()
    os.rename(mount / "from", mount / "to")
    assert (box.remote / "to/file").read_bytes() == b"x"
    assert os.listdir(mount) == ["to"]


@pytest.mark.smoke
def test_errors_of_rename_tell_why(box):
    box.put("file", b"x")
    box.put("full/inside", b"x")
    box.put_directory("empty")
    mount = box.mount()
    fails_with(errno.ENOENT, os.rename, mount / "missing", mount / "new")
    fails_with(errno.ENOENT, os.rename, mount / "file", mount / "missing/new")
    fails_with(errno.EISDIR, os.rename, mount / "file", mount / "empty")
    fails_with(errno.ENOTDIR, os.rename, mount / "empty", mount / "file")
    fails_with((errno.ENOTEMPTY, errno.EEXIST), os.rename, mount / "empty", mount / "full")
    fails_with(errno.EINVAL, os.rename, mount / "full", mount / "full/deeper")
    assert sorted(os.listdir(box.remote)) == ["empty", "file", "full"]
    os.rename(mount / "file", mount / "file")
    assert (box.remote / "file").read_bytes() == b"x"


def test_rename_with_flags(box):
    box.put("one", b"1")
    box.put("two", b"2")
    mount = box.mount()
    fails_with(errno.EEXIST, renameat2, mount / "one", mount / "two", RENAME_NOREPLACE)
    assert (box.remote / "two").read_bytes() == b"2"
    renameat2(mount / "one", mount / "three", RENAME_NOREPLACE)
    assert (box.remote / "three").read_bytes() == b"1"
    if not LOCAL:
        fails_with(errno.EINVAL, renameat2, mount / "two", mount / "three", RENAME_EXCHANGE)


@pytest.mark.smoke
def test_delete(box):
    box.put("file", b"x")
    box.put("tree/a/b", b"x")
    box.put("tree/c", b"x")
    mount = box.mount()
    os.unlink(mount / "file")
    assert not (box.remote / "file").exists()
    fails_with(errno.ENOENT, os.stat, mount / "file")
    box.sh("rm -r tree")
    assert os.listdir(box.remote) == [] and os.listdir(mount) == []


@pytest.mark.smoke
def test_an_open_file_stays_usable_when_it_is_deleted(box):
    data = b"0123456789" * 50_000
    box.put("dir/victim", data)
    mount = box.mount()
    with open(mount / "dir/victim", "rb", buffering=0) as file:
        assert file.read(10) == data[:10]
        os.unlink(mount / "dir/victim")
        assert os.listdir(mount / "dir") == []
        fails_with(errno.ENOENT, os.stat, mount / "dir/victim")
        assert os.pread(file.fileno(), 1000, 400_000) == data[400_000:401_000]
        assert os.fstat(file.fileno()).st_size == len(data)
    # The last close deletes it for good, a moment later.
    assert wait_for(lambda: os.listdir(box.remote / "dir") == [])
    os.rmdir(mount / "dir")


def test_a_file_deleted_while_it_is_written(box):
    mount = box.mount()
    with open(mount / "scratch", "w+b", buffering=0) as file:
        file.write(b"scratch data")
        os.unlink(mount / "scratch")
        file.write(b" and more")
        file.seek(0)
        assert file.read() == b"scratch data and more"
    assert wait_for(lambda: os.listdir(box.remote) == [])


def test_a_deleted_open_file_does_not_hold_its_directory(box):
    """Programs remove a tree while one of its files is open (a log, a lock)."""
    box.put("dir/held", b"x" * 1000)
    mount = box.mount()
    with open(mount / "dir/held", "rb") as file:
        box.sh("rm -r dir")
        assert os.listdir(mount) == []
        assert file.read() == b"x" * 1000
    assert wait_for(lambda: os.listdir(box.remote) == [])


def test_an_open_file_that_is_renamed_goes_on(box):
    box.put("before", b"0123456789" * 100_000)
    mount = box.mount()
    with open(mount / "before", "rb", buffering=0) as file:
        file.read(100)
        os.rename(mount / "before", mount / "after")
        assert os.pread(file.fileno(), 10, 900_000) == b"0123456789"
    with open(mount / "draft", "wb", buffering=0) as file:
        file.write(b"part one, ")
        os.rename(mount / "draft", mount / "final")
        file.write(b"part two")
    assert (box.remote / "final").read_bytes() == b"part one, part two"
    assert not (box.remote / "draft").exists()


def test_replacing_a_file_that_is_open(box):
    """The reader of the old one goes on with the old one, or is told; the name shows the new one."""
    box.put("config", b"old " * 1000)
    mount = box.mount()
    with open(mount / "config", "rb", buffering=0) as file:
        file.read(4)
        (mount / "config.new").write_bytes(b"new " * 1000)
        os.rename(mount / "config.new", mount / "config")
        assert (mount / "config").read_bytes() == b"new " * 1000
        try:
            assert os.pread(file.fileno(), 4, 3000) == b"old "
        except OSError as error:
            assert error.errno in (errno.ESTALE, errno.EIO)


def test_what_ftp_cannot_make_is_refused(box):
    if LOCAL:
        pytest.skip("a local directory can")
    box.put("file", b"x")
    mount = box.mount()
    fails_with(errno.EPERM, os.link, mount / "file", mount / "hard")
    fails_with(errno.EPERM, os.mkfifo, mount / "fifo")
    fails_with(errno.EPERM, os.mknod, mount / "device", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    assert os.listdir(box.remote) == ["file"]


@pytest.mark.seconds(180)
def test_directory_of_twenty_thousand_entries(box):
    directory = box.put_directory("many")
    names = [f"entry-{number:05d}.data" for number in range(20_000)]
    for name in names:
        (directory / name).touch()
    mount = box.mount()
    assert sorted(os.listdir(mount / "many")) == names
    assert len(box.run(["ls", "-l", mount / "many"], timeout=120).stdout.splitlines()) == 20_001
    (mount / "many/one more").write_bytes(b"x")
    os.unlink(mount / "many/entry-10000.data")
    seen = os.listdir(mount / "many")
    assert len(seen) == 20_000 and "one more" in seen and "entry-10000.data" not in seen


def test_deep_paths(box):
    mount = box.mount()
    path = "/".join(f"level-{number:02d}-with-a-longer-name" for number in range(30))
    os.makedirs(mount / path)
    (mount / path / "bottom").write_bytes(b"deep")
    assert (box.remote / path / "bottom").read_bytes() == b"deep"
    box.remount()
    assert (box.here() / path / "bottom").read_bytes() == b"deep"
    assert box.sh("find . -name bottom").stdout.decode().strip() == f"./{path}/bottom"
    box.sh("rm -r level-*")
    assert os.listdir(box.remote) == []


def test_empty_files_and_directories(box):
    box.put("empty", b"")
    box.put_directory("nothing")
    mount = box.mount()
    assert (mount / "empty").read_bytes() == b"" and (mount / "empty").stat().st_size == 0
    assert os.listdir(mount / "nothing") == []
    box.sh("touch touched; mkdir made; cp empty copied")
    assert sorted(os.listdir(box.remote)) == ["copied", "empty", "made", "nothing", "touched"]
    assert (box.remote / "touched").stat().st_size == 0 and (box.remote / "copied").stat().st_size == 0


@pytest.mark.smoke
def test_dot_files_are_shown(box):
    box.put(".hidden", b"1")
    box.put("..odd", b"2")
    box.put(".config/inner", b"3")
    mount = box.mount()
    assert sorted(os.listdir(mount)) == ["..odd", ".config", ".hidden"]
    assert (mount / ".hidden").read_bytes() == b"1" and (mount / "..odd").read_bytes() == b"2"
    assert os.listdir(mount / ".config") == ["inner"]


def test_local_changes_are_seen_at_once(box):
    """However long the caches hold."""
    box.put("there", b"1")
    mount = box.mount(dir_cache_timeout=600, attr_timeout=600, entry_timeout=600, negative_timeout=600)
    assert os.listdir(mount) == ["there"]
    assert not (mount / "new").exists()
    (mount / "new").write_bytes(b"12345")
    assert (mount / "new").stat().st_size == 5
    assert sorted(os.listdir(mount)) == ["new", "there"]
    os.rename(mount / "new", mount / "renamed")
    assert sorted(os.listdir(mount)) == ["renamed", "there"]
    assert not (mount / "new").exists()
    box.sh("echo longer content > renamed")
    assert (mount / "renamed").stat().st_size == 15
    os.unlink(mount / "there")
    os.mkdir(mount / "there")
    assert (mount / "there").is_dir()
    assert sorted(os.listdir(mount)) == ["renamed", "there"]


@pytest.mark.smoke
def test_changes_made_elsewhere_appear_after_the_cache_time(box):
    box.put("first", b"1")
    mount = box.mount(dir_cache_timeout=1, attr_timeout=1, entry_timeout=1, negative_timeout=1)
    assert os.listdir(mount) == ["first"]
    assert not (mount / "second").exists()
    box.put("second", b"22")
    (box.remote / "first").unlink()
    assert wait_for(lambda: os.listdir(mount) == ["second"], seconds=5)
    assert wait_for(lambda: (mount / "second").exists(), seconds=5)
    assert wait_for(lambda: not (mount / "first").exists(), seconds=5)


def test_symbolic_links_of_the_server(box):
    box.put("target", b"through the link")
    box.put("dir/inner", b"inner")
    box.put_link("link", "target")
    box.put_link("dirlink", "dir")
    mount = box.mount()
    assert (mount / "link").read_bytes() == b"through the link"
    assert (mount / "dirlink/inner").read_bytes() == b"inner"
    if box.server.name == "pyftpdlib":
        return  # it shows what a link leads to in the link's place
    assert os.readlink(mount / "link") == "target"
    assert os.readlink(mount / "dirlink") == "dir"
    assert stat.S_ISLNK((mount / "link").lstat().st_mode)
    os.unlink(mount / "link")
    assert not os.path.lexists(box.remote / "link") and (box.remote / "target").exists()


def test_dangling_links_of_the_server(box):
    if box.server.name in ("proftpd", "pyftpdlib"):
        pytest.skip("its MLSD leaves dangling links out")
    box.put_link("dangling", "nowhere")
    mount = box.mount()
    assert os.listdir(mount) == ["dangling"]
    assert os.readlink(mount / "dangling") == "nowhere"
    fails_with(errno.ENOENT, os.stat, mount / "dangling")
    os.unlink(mount / "dangling")
    assert not os.path.lexists(box.remote / "dangling")


def test_making_symbolic_links(box):
    box.put("target", b"content")
    mount = box.mount()
    if not box.server.has_symlink_command and not LOCAL:
        fails_with((errno.EOPNOTSUPP, errno.EPERM), os.symlink, "target", mount / "link")
        assert os.listdir(box.remote) == ["target"]
        return
    os.symlink("target", mount / "link")
    assert os.path.islink(box.remote / "link")
    # ProFTPD turns the target into a path from its root.
    assert os.path.basename(os.readlink(box.remote / "link")) == "target"
    assert os.path.islink(mount / "link")


def test_inode_numbers_are_stable(box):
    box.put("a", b"1")
    box.put("dir/b", b"2")
    mount = box.mount(dir_cache_timeout=1, attr_timeout=1, entry_timeout=1)
    before = {name: (mount / name).stat().st_ino for name in ("a", "dir", "dir/b")}
    assert len(set(before.values())) == 3
    time.sleep(1.5)
    box.sh("ls -lR > /dev/null")
    assert {name: (mount / name).stat().st_ino for name in before} == before
    with os.scandir(mount) as entries:
        assert {entry.name: entry.inode() for entry in entries} == {"a": before["a"], "dir": before["dir"]}


def test_seeking_in_a_directory_listing(box):
    """A program that rewinds sees everything again; one that deletes as it goes misses nothing."""
    for number in range(300):
        box.put(f"file{number}", b"")
    mount = box.mount()
    box.sh("find . -type f -delete")
    assert os.listdir(box.remote) == [] and os.listdir(mount) == []
