# SPDX-License-Identifier: MIT
"""Many things at once on few connections: with one, two or eight of them nothing may ever hang."""

import os
import random
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from box import sha256
from mount import status_of

MEBIBYTE = 1 << 20

pytestmark = pytest.mark.seconds(120)
connections = pytest.mark.parametrize("max_conns", [1, 2, 8])


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


@connections
def test_listing_while_a_reading_handle_is_open(box, max_conns):
    data = noise(6 * MEBIBYTE)
    box.put("large", data)
    box.put("dir/inner", b"inner")
    mount = box.mount(max_conns=max_conns)
    with open(mount / "large", "rb", buffering=0) as file:
        got = file.read(200_000)
        assert os.listdir(mount / "dir") == ["inner"]
        got += file.read(200_000)
        assert (mount / "dir/inner").read_bytes() == b"inner"
        box.sh("ls -lR > /dev/null; mkdir new; echo x > new/file")
        while part := file.read(MEBIBYTE):
            got += part
    assert got == data


@pytest.mark.smoke
@connections
def test_twenty_files_written_in_turn_by_one_program(box, max_conns):
    mount = box.mount(max_conns=max_conns)
    chunks = [[noise(50_000, seed=100 * turn + number) for number in range(20)] for turn in range(4)]
    files = [open(mount / f"file{number:02d}", "wb", buffering=0) for number in range(20)]
    for turn in chunks:
        for file, chunk in zip(files, turn):
            file.write(chunk)
    for file in files:
        file.close()
    for number in range(20):
        expected = b"".join(turn[number] for turn in chunks)
        assert (box.remote / f"file{number:02d}").read_bytes() == expected, number


@pytest.mark.smoke
@connections
def test_tar_from_the_mount_into_the_mount(box, max_conns):
    for number in range(6):
        box.put(f"a/file{number}", noise(MEBIBYTE, seed=number))
    box.mount(max_conns=max_conns)
    box.sh("tar c a > b; mkdir out; tar x -C out < b")
    for number in range(6):
        assert (box.remote / f"out/a/file{number}").read_bytes() == noise(MEBIBYTE, seed=number)


@connections
def test_copying_within_the_mount(box, max_conns):
    box.put("source", noise(8 * MEBIBYTE))
    box.mount(max_conns=max_conns)
    box.sh("cat source > copy1; cp source copy2; dd if=source of=copy3 bs=100k status=none")
    for number in (1, 2, 3):
        assert sha256(box.remote / f"copy{number}") == sha256(box.remote / "source")


@connections
def test_twenty_readers_in_turn(box, max_conns):
    contents = [noise(700_000, seed=number) for number in range(20)]
    for number, content in enumerate(contents):
        box.put(f"file{number}", content)
    mount = box.mount(max_conns=max_conns)
    files = [open(mount / f"file{number}", "rb", buffering=0) for number in range(20)]
    got = [b""] * 20
    while True:
        parts = [file.read(100_000) for file in files]
        if not any(parts):
            break
        got = [so_far + part for so_far, part in zip(got, parts)]
    for file in files:
        file.close()
    assert got == contents


@connections
def test_a_crowd_of_programs(box, max_conns):
    for number in range(10):
        box.put(f"in/file{number}", noise(400_000, seed=number))
    mount = box.mount(max_conns=max_conns)

    def work(number):
        box.sh(f"mkdir out{number}; cp in/file{number} out{number}/copy; cat in/* > out{number}/all; ls -l in > /dev/null;"
               f"mv out{number}/copy out{number}/moved; rm out{number}/all; stat in/file{number} > /dev/null")

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(work, range(10)))
    for number in range(10):
        assert (box.remote / f"out{number}/moved").read_bytes() == noise(400_000, seed=number)
        assert os.listdir(mount / f"out{number}") == ["moved"]


@connections
def test_eight_readers_eight_writers_and_ls(box, max_conns):
    """All hold their file open at the same time, and go on piece by piece."""
    pieces, piece = 6, 300_000
    contents = [noise(pieces * piece, seed=number) for number in range(8)]
    for number, content in enumerate(contents):
        box.put(f"in{number}", content)
    mount = box.mount(max_conns=max_conns)

    def read(number):
        with open(mount / f"in{number}", "rb", buffering=0) as file:
            return b"".join(file.read(piece) for _ in range(pieces)) == contents[number]

    def write(number):
        with open(mount / f"out{number}", "wb", buffering=0) as file:
            for at in range(0, pieces * piece, piece):
                file.write(contents[number][at:at + piece])
        return True

    def look(_):
        return {f"in{number}" for number in range(8)} <= set(os.listdir(mount))

    with ThreadPoolExecutor(17) as programs:
        jobs = [programs.submit(work, number) for number in range(8) for work in (read, write)]
        jobs += [programs.submit(look, number) for number in range(5)]
        assert all(job.result(timeout=80) for job in jobs)
    for number, content in enumerate(contents):
        assert (box.remote / f"out{number}").read_bytes() == content


@pytest.mark.real
def test_no_more_connections_than_allowed(box):
    for number in range(8):
        box.put(f"file{number}", noise(3 * MEBIBYTE, seed=number))
    mount = box.mount(max_conns=2)
    port = f":{box.server.port:04X}"

    def control_connections():
        count = 0
        with open("/proc/net/tcp") as table:
            for line in table.readlines()[1:]:
                fields = line.split()
                count += fields[2].endswith(port) and fields[3] == "01"
        return count

    before = control_connections()  # other boxes of this run have none: they are unmounted

    def read(number):
        (mount / f"file{number}").read_bytes()
        return control_connections()

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(read, range(8)))
    assert before <= 2 and max(seen) <= 2, (before, seen)


READER = 'exec 3<"$1"; dd bs=700k count=1 iflag=fullblock status=none <&3 >"$2"; echo ready; read -r _; cat <&3 >>"$2"'
WRITER = 'exec 3>"$2"; dd bs=700k count=1 iflag=fullblock status=none if="$1" >&3; echo ready; read -r _; tail -c +716801 "$1" >&3'


@pytest.mark.once
@pytest.mark.real
@pytest.mark.parametrize("max_conns, let_in", [(1, 0), (2, 0), (8, 0), (8, 3)])
def test_sixty_four_programs_with_their_files_open(make_server, box_on, max_conns, let_in):
    """Also where the server lets in fewer connections (0: as many as one likes) than the mount would make."""
    box = box_on(make_server("vsftpd", implicit=False, extra={"max_clients": let_in}))
    contents = [noise(1_000_000 + number, seed=number) for number in range(32)]
    sources = box.folder / "sources"
    sources.mkdir()
    for number, content in enumerate(contents):
        box.put(f"in{number}", content)
        (sources / f"{number}").write_bytes(content)
    mount = box.mount(max_conns=max_conns)

    def start(script, source, target):
        return box.start(["bash", "-euc", script, "program", source, target], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    programs = [start(READER, mount / f"in{number}", sources / f"read{number}") for number in range(32)]
    programs += [start(WRITER, sources / f"{number}", mount / f"out{number}") for number in range(32)]
    for program in programs:
        assert program.stdout.readline() == b"ready\n"
    started = time.monotonic()
    assert len(box.run(["ls", "-l", mount], timeout=30).stdout.splitlines()) == 65
    assert time.monotonic() - started < 20, "ls had to wait for them"
    for program in programs:
        program.stdin.write(b"go on\n")
        program.stdin.flush()
    for program in programs:
        program.communicate(timeout=60)
        assert program.returncode == 0
    for number, content in enumerate(contents):
        assert (sources / f"read{number}").read_bytes() == content
        assert (box.remote / f"out{number}").read_bytes() == content
    if let_in:
        assert status_of(mount)["connections_limit"] == let_in, "the server's limit was never met"
