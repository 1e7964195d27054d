# SPDX-License-Identifier: MIT
"""What was written is on the server when close() has returned, and nobody ever sees half of it in the
place of a whole file."""

import errno
import os
import random
import stat
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from box import sha256, wait_for
from mount import LOCAL, sanitized

MEBIBYTE = 1 << 20


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


@pytest.mark.smoke
def test_new_files_are_there_when_close_returns(box):
    mount = box.mount()
    for size in (0, 1, 4096, 100_000, 3 * MEBIBYTE + 5):
        with open(mount / f"new{size}", "wb") as file:
            file.write(noise(size, seed=size))
        assert (box.remote / f"new{size}").read_bytes() == noise(size, seed=size)
        assert (mount / f"new{size}").stat().st_size == size
        assert (mount / f"new{size}").read_bytes() == noise(size, seed=size)


@pytest.mark.smoke
def test_existing_files_are_replaced_as_a_whole(box):
    box.put("shrinks", b"x" * 100_000)
    box.put("grows", b"y")
    mount = box.mount()
    box.sh("echo short > shrinks; seq 100000 > grows")
    assert (box.remote / "shrinks").read_bytes() == b"short\n"
    assert (box.remote / "grows").read_bytes() == "".join(f"{n}\n" for n in range(1, 100001)).encode()
    assert (mount / "shrinks").read_bytes() == b"short\n"


def test_large_copy_has_the_same_sha256(box):
    source = box.folder / "source"
    source.write_bytes(noise(24 * MEBIBYTE))
    mount = box.mount()
    box.run(["cp", source, mount / "copy"])
    assert sha256(box.remote / "copy") == sha256(source)
    box.run(["cmp", source, mount / "copy"])


@pytest.mark.real
def test_memory_stays_bounded_while_a_large_file_is_written(box):
    if sanitized():
        pytest.skip("a sanitizer multiplies memory")
    mount = box.mount()
    box.run(["dd", "if=/dev/zero", f"of={mount}/large", "bs=1M", "count=300", "status=none"])
    assert (box.remote / "large").stat().st_size == 300 * MEBIBYTE
    assert box.last.peak_memory() < 64 * MEBIBYTE


@pytest.mark.smoke
def test_rewriting_a_file_is_never_seen_empty_or_partial_from_outside(box):
    versions = [(f"version {number} " * 2000).encode() for number in range(25)]
    path = box.put("watched", versions[0])
    mount = box.mount()
    whole = set(versions)
    bad, stop = [], threading.Event()

    def watch():
        while not stop.is_set():
            try:
                seen = path.read_bytes()
            except FileNotFoundError:
                seen = b"(no file)"
            if seen not in whole:
                bad.append(seen[:40])

    if LOCAL:
        pytest.skip("an ordinary directory does show half files")
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for version in versions[1:]:
            box.run(["bash", "-c", 'cat > "$0"', mount / "watched"], stdin=version)
    finally:
        stop.set()
        watcher.join()
    assert not bad, f"{len(bad)} times something else was seen, first {bad[0]!r}"
    assert path.read_bytes() == versions[-1]


@pytest.mark.smoke
def test_children_of_a_redirected_group_do_not_cut_the_file(box):
    box.put("existing", b"old content\n")
    box.mount()
    box.sh("{ echo a; /bin/true; echo b; } > existing; { echo a; /bin/true; echo b; } > fresh")
    assert (box.remote / "existing").read_bytes() == b"a\nb\n"
    assert (box.remote / "fresh").read_bytes() == b"a\nb\n"
    box.sh("{ /bin/true; /bin/echo one; /bin/true; /bin/echo two; /bin/true; } >> existing")
    assert (box.remote / "existing").read_bytes() == b"a\nb\none\ntwo\n"


@pytest.mark.smoke
def test_append(box):
    box.put("log", b"first\n")
    mount = box.mount()
    for number in range(5):
        box.sh(f"echo line {number} >> log")
        assert (box.remote / "log").read_bytes().endswith(f"line {number}\n".encode())
    box.sh("echo new >> begun; echo more >> begun")
    assert (box.remote / "begun").read_bytes() == b"new\nmore\n"
    assert (mount / "log").read_bytes() == b"first\n" + b"".join(f"line {n}\n".encode() for n in range(5))


def test_appenders_at_once_mix_whole_lines(box):
    """Two that open the file for each line, and two that keep it open."""
    mount = box.mount()
    box.put("log", b"first\n")
    lines = 40
    one_by_one = f'for i in $(seq {lines}); do echo "$0 $i of those that are opened each time" >>log; done'
    kept_open = f'for i in $(seq {lines}); do echo "$0 $i of those behind one opening"; done >>log'
    box.sh(f"""
        for who in a b; do bash -c '{one_by_one}' $who & done
        for who in c d; do bash -c '{kept_open}' $who & done
        wait
        """)
    wanted = [f"{who} {i} of those {how}".encode() for whose, how in [("ab", "that are opened each time"),
              ("cd", "behind one opening")] for who in whose for i in range(1, lines + 1)]
    for path in (mount / "log", box.remote / "log"):
        found = path.read_bytes().splitlines()
        assert found[0] == b"first"
        assert sorted(found[1:]) == sorted(wanted), f"{path}: {len(found)} lines"
        for who in b"abcd":
            own = [int(line.split()[1]) for line in found[1:] if line[0] == who]
            assert own == sorted(own), "each one's lines are in their order"


def test_append_in_one_handle_with_pauses(box):
    box.put("log", b"begin\n")
    mount = box.mount()
    with open(mount / "log", "ab", buffering=0) as file:
        for number in range(4):
            file.write(f"entry {number}\n".encode())
            time.sleep(0.3)
        os.fsync(file.fileno())
        assert (box.remote / "log").read_bytes().endswith(b"entry 3\n")
        file.write(b"after the sync\n")
    expected = b"begin\n" + b"".join(f"entry {n}\n".encode() for n in range(4)) + b"after the sync\n"
    assert (box.remote / "log").read_bytes() == expected


@pytest.mark.smoke
def test_random_writes_into_an_existing_file(box):
    data = bytearray(noise(MEBIBYTE))
    box.put("random", bytes(data))
    mount = box.mount()
    chance = random.Random(3)
    with open(mount / "random", "r+b", buffering=0) as file:
        for _ in range(40):
            offset, part = chance.randrange(len(data) - 5000), chance.randbytes(chance.randrange(1, 5000))
            os.pwrite(file.fileno(), part, offset)
            data[offset:offset + len(part)] = part
        assert os.pread(file.fileno(), 1000, 500_000) == bytes(data[500_000:501_000])
    assert (box.remote / "random").read_bytes() == bytes(data)
    assert (mount / "random").read_bytes() == bytes(data)


def test_dd_writes_blocks_in_place(box):
    box.put("disk", bytes(64 * 4096))
    box.mount()
    box.sh("printf 'BLOCK' | dd of=disk bs=4096 seek=10 conv=notrunc status=none;"
           "printf 'LAST' | dd of=disk bs=4096 seek=70 conv=notrunc status=none")
    expected = bytearray(70 * 4096) + b"LAST"
    expected[40960:40965] = b"BLOCK"
    assert (box.remote / "disk").read_bytes() == bytes(expected)


def test_create_write_seek_and_read_back_in_one_handle(box):
    mount = box.mount()
    with open(mount / "both", "w+b", buffering=0) as file:
        file.write(b"0123456789" * 1000)
        file.seek(5)
        assert file.read(10) == b"5678901234"
        file.seek(2)
        file.write(b"XY")
        file.seek(0)
        assert file.read(6) == b"01XY45"
    assert (box.remote / "both").read_bytes() == b"01XY456789" + b"0123456789" * 999


def test_writing_backwards(box):
    mount = box.mount()
    data = noise(500_000)
    with open(mount / "backwards", "wb", buffering=0) as file:
        for offset in range(400_000, -1, -100_000):
            os.pwrite(file.fileno(), data[offset:offset + 100_000], offset)
    assert (box.remote / "backwards").read_bytes() == data


def test_holes_are_zeros(box):
    mount = box.mount()
    with open(mount / "holes", "wb", buffering=0) as file:
        os.pwrite(file.fileno(), b"end", 200_000)
        os.pwrite(file.fileno(), b"begin", 0)
    assert (box.remote / "holes").read_bytes() == b"begin" + bytes(199_995) + b"end"


@pytest.mark.smoke
def test_truncate_to_any_size(box):
    box.put("file", b"0123456789" * 100)
    mount = box.mount()
    box.sh("truncate -s 15 file")
    assert (box.remote / "file").read_bytes() == b"012345678901234"
    box.sh("truncate -s 20 file")
    assert (box.remote / "file").read_bytes() == b"012345678901234\0\0\0\0\0"
    assert (mount / "file").stat().st_size == 20
    box.sh(": > file")
    assert wait_for(lambda: (box.remote / "file").read_bytes() == b"")
    box.sh("truncate -s 5 fresh")
    assert (box.remote / "fresh").read_bytes() == bytes(5)


def test_ftruncate_of_an_open_file(box):
    box.put("open", b"0123456789" * 1000)
    mount = box.mount()
    with open(mount / "open", "r+b", buffering=0) as file:
        os.ftruncate(file.fileno(), 12)
        assert os.fstat(file.fileno()).st_size == 12
        os.pwrite(file.fileno(), b"tail", 12)
        assert os.pread(file.fileno(), 100, 0) == b"012345678901tail"
    assert (box.remote / "open").read_bytes() == b"012345678901tail"
    with open(mount / "open", "wb") as file:
        file.write(b"some bytes to be thrown away")
        file.truncate(4)
    assert (box.remote / "open").read_bytes() == b"some"


@pytest.mark.smoke
def test_fsync_means_the_server_has_it(box):
    mount = box.mount()
    with open(mount / "synced", "wb", buffering=0) as file:
        file.write(b"first part ")
        os.fsync(file.fileno())
        assert (box.remote / "synced").read_bytes() == b"first part "
        file.write(b"second part")
        os.fsync(file.fileno())
        assert (box.remote / "synced").read_bytes() == b"first part second part"
        file.write(b" third part")
    assert (box.remote / "synced").read_bytes() == b"first part second part third part"


def test_fsync_of_a_file_being_replaced(box):
    box.put("replaced", b"the old one")
    mount = box.mount()
    with open(mount / "replaced", "wb", buffering=0) as file:
        file.write(b"new ")
        os.fsync(file.fileno())
        assert (box.remote / "replaced").read_bytes() == b"new "
        file.write(b"one")
    assert (box.remote / "replaced").read_bytes() == b"new one"


MMAP_WRITER = """
import mmap, os, sys
with open(sys.argv[1], "r+b") as file:
    pages = mmap.mmap(file.fileno(), 0)
    pages[10:14] = b"MMAP"
    pages[-4:] = b"LAST"
    if sys.argv[2] == "msync":
        pages.flush()
        os.fsync(file.fileno())
    if sys.argv[2] == "close first":
        file.close()
        pages[20:24] = b"LATE"
    pages.close()
"""


@pytest.mark.parametrize("way", ["msync", "close first", "plain"])
def test_shared_mappings_are_written_back(box, way):
    data = bytearray(noise(300_000))
    box.put("mapped", bytes(data))
    mount = box.mount()
    box.run(["/usr/bin/python3", "-c", MMAP_WRITER, mount / "mapped", way])
    data[10:14], data[-4:] = b"MMAP", b"LAST"
    if way == "close first":
        data[20:24] = b"LATE"
    # Without a sync the pages arrive with the last close, which does not wait for the server.
    assert wait_for(lambda: (box.remote / "mapped").read_bytes() == bytes(data))


def test_many_small_writes(box):
    mount = box.mount()
    with open(mount / "bytes", "wb", buffering=0) as file:
        for number in range(3000):
            file.write(bytes([number % 256]))
    assert (box.remote / "bytes").read_bytes() == bytes(n % 256 for n in range(3000))


def test_parallel_writers(box):
    mount = box.mount()

    def write(number):
        (mount / f"parallel{number}").write_bytes(noise(2 * MEBIBYTE, seed=number))

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(write, range(12)))
    for number in range(12):
        assert (box.remote / f"parallel{number}").read_bytes() == noise(2 * MEBIBYTE, seed=number)


def test_readers_and_writers_at_once(box):
    for number in range(4):
        box.put(f"in{number}", noise(3 * MEBIBYTE, seed=number))
    mount = box.mount()

    def copy(number):
        box.run(["cp", mount / f"in{number}", mount / f"out{number}"])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(copy, range(4)))
    for number in range(4):
        assert sha256(box.remote / f"out{number}") == sha256(box.remote / f"in{number}")


def test_a_reader_beside_the_writer(box):
    """A file that is being written can be opened: what is read is old, or new, and never garbage."""
    box.put("shared", b"A" * 100_000)
    mount = box.mount()
    with open(mount / "shared", "r+b", buffering=0) as writer:
        os.pwrite(writer.fileno(), b"B" * 1000, 0)
        seen = (mount / "shared").read_bytes()
        assert seen in (b"A" * 100_000, b"B" * 1000 + b"A" * 99_000)
    assert (box.remote / "shared").read_bytes() == b"B" * 1000 + b"A" * 99_000
    assert (mount / "shared").read_bytes() == b"B" * 1000 + b"A" * 99_000


def test_what_was_written_is_seen_before_the_close(box):
    """By the writer and by others on this mount, in stat and in listings."""
    mount = box.mount()
    with open(mount / "growing", "wb", buffering=0) as file:
        assert os.listdir(mount) == ["growing"]
        for number in range(1, 4):
            file.write(b"x" * 50_000)
            assert os.fstat(file.fileno()).st_size == number * 50_000
            assert (mount / "growing").stat().st_size == number * 50_000
    assert (box.remote / "growing").stat().st_size == 150_000


def test_appending_and_reading_in_one_handle(box):
    box.put("journal", b"one\n")
    mount = box.mount()
    with open(mount / "journal", "a+b", buffering=0) as file:
        file.write(b"two\n")
        file.seek(0)
        assert file.read() == b"one\ntwo\n"
        file.seek(0)
        file.write(b"three\n")  # at the end, wherever the position is
    assert (box.remote / "journal").read_bytes() == b"one\ntwo\nthree\n"


def test_two_writers_of_one_file_in_turn(box):
    """Each opens, writes and closes: the last close wins, whole."""
    mount = box.mount()
    for number in range(6):
        (mount / "turns").write_bytes(b"%d" % number * (10_000 - 1000 * number))
        assert (box.remote / "turns").read_bytes() == b"%d" % number * (10_000 - 1000 * number)
        assert (mount / "turns").read_bytes() == b"%d" % number * (10_000 - 1000 * number)


def test_exclusive_creation(box):
    box.put("taken", b"mine")
    mount = box.mount()
    with pytest.raises(FileExistsError):
        os.open(mount / "taken", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    os.close(os.open(mount / "lock", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    with pytest.raises(FileExistsError):
        os.open(mount / "lock", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    assert (box.remote / "taken").read_bytes() == b"mine"
    assert (box.remote / "lock").exists()


def test_replacing_keeps_the_mode(box):
    if box.server.name == "pyftpdlib":
        pytest.skip("pyftpdlib does not tell modes by default: there is nothing to keep")
    box.put("private", b"old", mode=0o600)
    box.put("script", b"old", mode=0o755)
    box.mount()
    box.sh("echo new > private; echo new > script")
    assert stat.S_IMODE((box.remote / "private").stat().st_mode) == 0o600
    assert stat.S_IMODE((box.remote / "script").stat().st_mode) == 0o755


@pytest.mark.real
def test_a_write_that_the_server_refuses_is_an_error(box):
    """At open, write or close: but never silence."""
    locked = box.put_directory("locked")
    (locked / "file").write_bytes(b"theirs")
    os.chown(locked, 0, 0)
    os.chown(locked / "file", 0, 0)
    mount = box.mount()
    for name in ("locked/file", "locked/new"):
        with pytest.raises(OSError) as caught:
            with open(mount / name, "wb") as file:
                file.write(b"mine")
        assert caught.value.errno in (errno.EACCES, errno.EPERM), name
        assert box.sh(f"echo mine > {name}", check=False).returncode != 0
    assert (locked / "file").read_bytes() == b"theirs"
    assert os.listdir(locked) == ["file"]


@pytest.mark.real
def test_a_killed_writer_leaves_no_rubbish(box):
    box.put("target", b"old\n")
    mount = box.mount()
    writer = box.start(["dd", "if=/dev/zero", f"of={mount}/fresh", "bs=64k"], stderr=subprocess.DEVNULL)
    assert wait_for(lambda: (mount / "fresh").exists())
    time.sleep(0.3)
    box.end(writer)
    box.sh("echo healthy > target")
    assert (box.remote / "target").read_bytes() == b"healthy\n"
    box.sh("rm -f fresh")
    assert wait_for(lambda: os.listdir(box.remote) == ["target"])


def test_hundreds_of_small_files(box):
    mount = box.mount()
    box.sh("for n in $(seq 200); do echo content $n > file$n; done")
    assert len(os.listdir(box.remote)) == 200
    for number in (1, 100, 200):
        assert (box.remote / f"file{number}").read_bytes() == f"content {number}\n".encode()
    assert len(os.listdir(mount)) == 200


def test_fallocate_grows_punches_and_zeroes(box):
    old = noise(100_000)
    box.put("file", old)
    box.mount()
    box.sh("fallocate -p -o 4096 -l 8192 file; fallocate -z -o 50000 -l 10 file; fallocate -l 200000 file;"
           "fallocate -n -l 500000 file")
    expected = bytearray(old) + bytes(100_000)
    expected[4096:12288] = bytes(8192)
    expected[50_000:50_010] = bytes(10)
    assert (box.remote / "file").read_bytes() == expected


def test_what_is_cut_off_or_written_over_is_not_fetched(box):
    """2 GiB would take minutes on a slow link."""
    with open(box.put("file"), "r+b") as file:
        file.write(b"head")
        file.truncate(2 << 30)
    box.put("whole", noise(3 * MEBIBYTE, seed=2))
    mount = box.mount(staging_dir=staging_of(box), staging_size="16M")
    os.truncate(mount / "file", 6)
    assert (box.remote / "file").read_bytes() == b"head\0\0"
    data = noise(3 * MEBIBYTE)
    with open(mount / "whole", "r+b", buffering=0) as file:
        for offset in reversed(range(0, len(data), MEBIBYTE)):
            file.seek(offset)
            file.write(data[offset:offset + MEBIBYTE])
    assert (box.remote / "whole").read_bytes() == data


def test_staging_size_bounds_local_copies(box):
    old = noise(4 * MEBIBYTE)
    box.put("file", old)
    mount = box.mount(staging_dir=staging_of(box), staging_size="2M")
    with pytest.raises(OSError) as refusal:
        with open(mount / "file", "r+b", buffering=0) as file:
            file.seek(MEBIBYTE)
            file.write(b"in the middle")
    assert refusal.value.errno == errno.ENOSPC
    assert (box.remote / "file").read_bytes() == old


def staging_of(box):
    path = box.folder / "staging"
    path.mkdir(mode=0o700)
    return path
