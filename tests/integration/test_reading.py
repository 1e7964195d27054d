# SPDX-License-Identifier: MIT
"""What is read through the mount is what lies on the server, however it is asked for."""

import errno
import hashlib
import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from box import sha256, wait_for
from growing_log import read_a_growing_log
from mount import LOCAL, sanitized, status_of

MEBIBYTE = 1 << 20


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


@pytest.mark.smoke
def test_files_of_many_sizes_read_as_they_are(box):
    sizes = [0, 1, 511, 4095, 4096, 4097, 65536, 131072, 131073, 262144, MEBIBYTE + 1, 3 * MEBIBYTE]
    for size in sizes:
        box.put(f"file{size}", noise(size, seed=size), mtime=1_500_000_000 + size)
    mount = box.mount()
    assert sorted(os.listdir(mount)) == sorted(f"file{size}" for size in sizes)
    for size in sizes:
        seen = (mount / f"file{size}").stat()
        assert (seen.st_size, int(seen.st_mtime)) == (size, 1_500_000_000 + size)
        assert (mount / f"file{size}").read_bytes() == noise(size, seed=size)


def test_large_file_has_the_same_sha256(box):
    box.put("large", noise(24 * MEBIBYTE))
    mount = box.mount()
    out = box.run(["sha256sum", mount / "large"]).stdout.split()[0].decode()
    assert out == sha256(box.remote / "large")
    assert sha256(mount / "large") == out  # from the kernel's cache, or read again: the same


@pytest.mark.real
def test_memory_stays_bounded_while_a_large_file_is_read(box):
    if sanitized():
        pytest.skip("a sanitizer multiplies memory")
    with open(box.remote / "large", "wb") as file:
        file.truncate(300 * MEBIBYTE)
    mount = box.mount()
    box.run(["dd", f"if={mount}/large", "of=/dev/null", "bs=1M"])
    assert box.last.peak_memory() < 64 * MEBIBYTE


@pytest.mark.real
@pytest.mark.once
def test_memory_stays_bounded_while_many_files_are_open(box):
    if sanitized():
        pytest.skip("a sanitizer multiplies memory")
    files, buffers = 400, 32 * MEBIBYTE
    for number in range(files):
        with open(box.remote / f"file{number}", "wb") as file:
            file.write(b"first %d" % number)
            file.seek(MEBIBYTE * 3 // 2)
            file.write(b"later %d" % number)
            file.truncate(2 * MEBIBYTE)
    mount = box.mount(buffer_size=buffers)
    opened = [os.open(mount / f"file{number}", os.O_RDONLY) for number in range(files)]
    try:
        for number, file in enumerate(opened):
            start = os.pread(file, MEBIBYTE, 0)
            assert len(start) == MEBIBYTE and start.startswith(b"first %d\0" % number)
        for number, file in enumerate(opened):
            assert os.pread(file, 20, MEBIBYTE * 3 // 2).startswith(b"later %d\0" % number)
        assert box.last.peak_memory() < buffers + 64 * MEBIBYTE
    finally:
        for file in opened:
            os.close(file)


def test_dd_reads_any_block(box):
    data = noise(5 * MEBIBYTE)
    box.put("blocks", data)
    mount = box.mount()
    for skip, count in [(0, 1), (7, 3), (639, 1), (600, 100), (1, 1), (300, 2)]:
        got = box.run(["dd", f"if={mount}/blocks", "bs=8192", f"skip={skip}", f"count={count}", "status=none"]).stdout
        assert got == data[skip * 8192:(skip + count) * 8192], (skip, count)


def test_jumps_forth_and_back_give_the_right_bytes(box):
    data = noise(8 * MEBIBYTE)
    box.put("jumps", data)
    mount = box.mount()
    chance = random.Random(2)
    with open(mount / "jumps", "rb", buffering=0) as file:
        for _ in range(60):
            offset, length = chance.randrange(len(data)), chance.randrange(1, 200_000)
            assert os.pread(file.fileno(), length, offset) == data[offset:offset + length]


def test_reading_backwards(box):
    data = noise(MEBIBYTE)
    box.put("back", data)
    mount = box.mount()
    with open(mount / "back", "rb", buffering=0) as file:
        parts = [os.pread(file.fileno(), 65536, offset) for offset in range(len(data) - 65536, -1, -65536)]
    assert b"".join(reversed(parts)) == data


def test_reading_past_the_end_gives_nothing(box):
    box.put("short", b"0123456789")
    mount = box.mount()
    with open(mount / "short", "rb", buffering=0) as file:
        assert os.pread(file.fileno(), 100, 5) == b"56789"
        assert os.pread(file.fileno(), 100, 10) == b""
        assert os.pread(file.fileno(), 100, 10**12) == b""


def test_a_reader_that_stops_early_does_no_harm(box):
    box.put("large", noise(16 * MEBIBYTE))
    box.put("other", b"other\n")
    mount = box.mount()
    for _ in range(5):
        assert len(box.sh("head -c 100000 large || true").stdout) == 100_000
        assert (mount / "other").read_bytes() == b"other\n"


def test_parallel_readers_of_several_files(box):
    for number in range(12):
        box.put(f"part{number}", noise(2 * MEBIBYTE, seed=number))
    mount = box.mount()

    def check(number):
        return box.run(["sha256sum", mount / f"part{number}"]).stdout.split()[0].decode()

    with ThreadPoolExecutor(12) as pool:
        sums = list(pool.map(check, range(12)))
    assert sums == [sha256(box.remote / f"part{number}") for number in range(12)]


def test_parallel_readers_of_one_file(box):
    data = noise(6 * MEBIBYTE)
    box.put("shared", data)
    mount = box.mount()

    def read(start):
        with open(mount / "shared", "rb") as file:
            file.seek(start)
            return hashlib.sha256(file.read()).digest()

    starts = [index * MEBIBYTE for index in range(6)]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(read, starts)) == [hashlib.sha256(data[start:]).digest() for start in starts]


@pytest.mark.smoke
def test_file_over_four_gibibytes(box):
    size = (5 << 30) + 123
    path = box.put("huge")
    with open(path, "r+b") as file:
        file.truncate(size)
        file.seek((4 << 30) - 4)
        file.write(b"boundary")
        file.seek(size - 7)
        file.write(b"the end")
    mount = box.mount()
    assert (mount / "huge").stat().st_size == size
    assert box.run(["tail", "-c", "7", mount / "huge"]).stdout == b"the end"
    middle = box.run(["dd", f"if={mount}/huge", "bs=4", f"skip={(1 << 30) - 1}", "count=2", "status=none"]).stdout
    assert middle == b"boundary"


MMAP_READER = """
import mmap, sys, hashlib
with open(sys.argv[1], "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as pages:
    assert pages[1000000:1000010] == bytes.fromhex(sys.argv[2])
    print(hashlib.sha256(pages).hexdigest())
"""


def test_mmap_reads(box):
    data = noise(2 * MEBIBYTE + 77)
    box.put("mapped", data)
    mount = box.mount()
    out = box.run(["/usr/bin/python3", "-c", MMAP_READER, mount / "mapped", data[1000000:1000010].hex()]).stdout
    assert out.split()[0].decode() == hashlib.sha256(data).hexdigest()


@pytest.mark.smoke
def test_tail_follows_a_growing_file(box):
    path = box.put("log", b"line 1\n")
    mount = box.mount(attr_timeout=1, dir_cache_timeout=1)
    tail = box.start(["tail", "-n", "+1", "-s", "0.2", "-f", mount / "log"], stdout=subprocess.PIPE)
    os.set_blocking(tail.stdout.fileno(), False)
    seen = b""

    def has(line):
        def look():
            nonlocal seen
            seen += tail.stdout.read() or b""
            return line in seen
        return look

    assert wait_for(has(b"line 1\n"))
    for number in range(2, 5):
        with open(path, "ab") as file:
            file.write(f"line {number}\n".encode())
        assert wait_for(has(f"line {number}\n".encode()), seconds=20), seen
    assert seen == b"line 1\nline 2\nline 3\nline 4\n"


def test_a_file_that_has_grown_is_mapped_whole(box):
    """The kernel must know of the size that the program is told, or touching the new end is SIGBUS."""
    path = box.put("log", b"a" * 5000)
    mount = box.mount(attr_timeout=0, dir_cache_timeout=0)
    with open(mount / "log", "rb") as older:
        assert len(older.read()) == 5000
        for size in (100_000, 300_000):
            path.write_bytes(b"a" * size)
            program = ("import mmap, sys; file = open(sys.argv[1], 'rb');"
                       "print(len(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)[:]))")
            assert int(box.run([sys.executable, "-c", program, mount / "log"]).stdout) == size


@pytest.mark.smoke
@pytest.mark.content
def test_a_log_is_read_while_it_is_written(box):
    read_a_growing_log(box)


@pytest.mark.smoke
def test_a_new_open_sees_what_was_changed_elsewhere(box):
    path = box.put("page", b"old " * 5000, mtime=1_600_000_000)
    mount = box.mount(attr_timeout=1, entry_timeout=1, dir_cache_timeout=1)
    assert (mount / "page").read_bytes() == b"old " * 5000
    path.write_bytes(b"newer " * 7000)
    os.utime(path, (1_600_000_100, 1_600_000_100))
    time.sleep(1.5)
    assert (mount / "page").read_bytes() == b"newer " * 7000
    path.write_bytes(b"short")
    os.utime(path, (1_600_000_200, 1_600_000_200))
    time.sleep(1.5)
    assert (mount / "page").read_bytes() == b"short"


@pytest.mark.smoke
def test_a_file_that_has_grown_since_it_was_listed_is_read_whole(box):
    """What the kernel remembers (for 30 s) must not end the reading there."""
    path = box.put("log", b"a" * 100, mtime=1_600_000_000)
    mount = box.mount()
    assert os.stat(mount / "log").st_size == 100
    with open(path, "ab") as file:
        file.write(b"b" * 50)
    time.sleep(1.5)  # a listing is believed for a second
    fd = os.open(mount / "log", os.O_RDONLY)
    try:
        assert os.read(fd, 4096) == b"a" * 100 + b"b" * 50  # without a question for the size
    finally:
        os.close(fd)
    assert os.stat(mount / "log").st_size == 150


def test_an_open_file_never_mixes_two_versions(box):
    old, new = noise(8 * MEBIBYTE, seed=1), noise(6 * MEBIBYTE, seed=2)
    path = box.put("versions", old, mtime=1_600_000_000)
    mount = box.mount(attr_timeout=1, entry_timeout=1, dir_cache_timeout=1)
    with open(mount / "versions", "rb", buffering=0) as early:
        assert os.pread(early.fileno(), 4096, 0) == old[:4096]
        replacement = box.put("replacement", new, mtime=1_600_000_100)
        replacement.rename(path)
        time.sleep(1.5)
        assert (mount / "versions").read_bytes() == new
        if LOCAL:
            return
        for offset in (0, 3 * MEBIBYTE, 5 * MEBIBYTE):
            try:
                got = os.pread(early.fileno(), 65536, offset)
            except OSError as error:
                assert error.errno in (errno.ESTALE, errno.EIO)
            else:
                assert got == old[offset:offset + 65536], "bytes of the new version through the old handle"


def test_what_is_read_at_random_and_written_agree(box):
    """Pages that the kernel is given ahead of its asking never hide what was written since."""
    chance = random.Random(11)
    data = bytearray(noise(12 * MEBIBYTE))
    box.put("mixed", bytes(data), mtime=1_600_000_000)
    mount = box.mount()

    def compare(descriptor, rounds):
        for _ in range(rounds):
            offset = chance.randrange(len(data) - 5000)
            assert os.pread(descriptor, 5000, offset) == data[offset:offset + 5000], offset

    reader = os.open(mount / "mixed", os.O_RDONLY)
    try:
        compare(reader, 150)
        writer = os.open(mount / "mixed", os.O_RDWR)
        try:
            for number in range(40):
                offset, piece = chance.randrange(len(data) - 9000), chance.randbytes(chance.randrange(1, 9000))
                assert os.pwrite(writer, piece, offset) == len(piece)
                data[offset:offset + len(piece)] = piece
                assert os.pread(reader, len(piece), offset) == piece
                compare(reader, 5)
            os.fsync(writer)
        finally:
            os.close(writer)
        compare(reader, 150)
    finally:
        os.close(reader)
    assert (box.remote / "mixed").read_bytes() == bytes(data)
    assert (mount / "mixed").read_bytes() == bytes(data)


@pytest.mark.smoke
def test_small_files_that_are_opened_in_a_row_are_read_ahead(box):
    def content(number, seed=0):
        return noise(1 + 977 * number % 9000, seed=1000 * seed + number)

    count = 120
    for number in range(count):
        box.put(f"many/file{number:03}", content(number), mtime=1_600_000_000)
    mount = box.mount()
    names = sorted(os.listdir(mount / "many"))
    for number, name in enumerate(names[:60]):
        assert (mount / "many" / name).read_bytes() == content(number), name
    # Changed elsewhere, some of them already read ahead: believed for a second at most.
    for number in range(60, count):
        box.put(f"many/file{number:03}", content(number, seed=1), mtime=1_600_000_100)
    time.sleep(1.2)
    for number, name in enumerate(names[60:], start=60):
        assert (mount / "many" / name).read_bytes() == content(number, seed=1), name
    if not LOCAL:
        # Of the first half nothing may be ahead: on loopback it may be read before the pool's
        # other connections have logged in.
        status = status_of(mount)
        assert status["read_ahead_used"] > count / 4, status


def test_pause_between_reads(box):
    """The stream may be parked or lost meanwhile: the next read goes on where it stood."""
    data = noise(4 * MEBIBYTE)
    box.put("slow", data)
    mount = box.mount()
    with open(mount / "slow", "rb", buffering=0) as file:
        got = file.read(100_000)
        time.sleep(2)
        while part := file.read(100_000):
            got += part
    assert got == data
