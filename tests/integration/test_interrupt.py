# SPDX-License-Identifier: MIT
"""A server that has become a black hole must not take programs, or the machine's patience, with it."""

import os
import signal
import subprocess
import time

import pytest

from box import wait_for
from mount import binary, is_mounted, patient

pytestmark = pytest.mark.real


def gone_within(process, seconds):
    started = time.monotonic()
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    return time.monotonic() - started < seconds


def waiting_program(box, command):
    """A program that hangs on the frozen server."""
    process = box.start(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    assert process.poll() is None, "it did not wait at all"
    return process


WAITING = [("reading", signal.SIGKILL), ("listing", signal.SIGKILL), ("stat", signal.SIGKILL),
           ("writing", signal.SIGKILL), ("reading", signal.SIGINT), ("listing", signal.SIGINT), ("writing", signal.SIGINT)]


@pytest.mark.parametrize("what, number", [
    pytest.param(what, number, id=f"{what}-{number.name}", marks=pytest.mark.smoke if index == 0 else ())
    for index, (what, number) in enumerate(WAITING)])
def test_a_signal_ends_a_waiting_program_at_once(own_box, what, number):
    box = own_box
    with open(box.remote / "large", "wb") as file:
        file.truncate(20 << 30)  # takes long enough to be caught in the middle
    for index in range(10):
        box.put(f"dir/file{index}", b"x")
    mount = box.mount(timeout=15, attr_timeout=0, entry_timeout=0, dir_cache_timeout=0)
    commands = {"reading": ["dd", f"if={mount}/large", "of=/dev/null", "bs=1M"], "listing": ["ls", "-l", mount / "dir"],
                "stat": ["stat", mount / "dir/file3"],
                "writing": ["dd", "if=/dev/zero", f"of={mount}/new", "bs=1M", "count=20000"]}
    if what in ("reading", "writing"):
        process = box.start(commands[what], stderr=subprocess.DEVNULL)
        time.sleep(0.3)
        box.server.freeze()
        time.sleep(0.7)
        assert process.poll() is None
    else:
        os.listdir(mount)
        box.server.freeze()
        process = waiting_program(box, commands[what])
    os.killpg(process.pid, number)
    assert gone_within(process, patient(3)), f"still there long after {number.name}"
    box.server.thaw()
    assert wait_for(lambda: "large" in os.listdir(mount), seconds=15)
    box.sh("echo healthy > healthy")
    assert (box.remote / "healthy").read_bytes() == b"healthy\n"
    box.allow_leftovers = True


@pytest.mark.smoke
def test_what_is_cached_is_served_while_another_program_waits(own_box):
    """The thread that reads from the kernel never waits for the server."""
    box = own_box
    box.put("known", b"x")
    box.put("dir/unknown", b"x")
    mount = box.mount(timeout=60, attr_timeout=300, entry_timeout=300, dir_cache_timeout=300)
    assert os.listdir(mount) and (mount / "known").stat().st_size == 1
    box.server.freeze()
    waiting = [waiting_program(box, ["ls", mount / "dir"]) for _ in range(3)]
    started = time.monotonic()
    assert sorted(box.run(["ls", mount], timeout=10).stdout.split()) == [b"dir", b"known"]
    box.run(["df", mount], timeout=10)
    assert time.monotonic() - started < 5
    box.server.thaw()
    for process in waiting:
        assert process.wait(timeout=30) == 0


def test_a_black_hole_is_an_error_after_the_timeout(own_box):
    box = own_box
    box.put("file", b"x")
    mount = box.mount(timeout=3, connect_timeout=3, attr_timeout=0, entry_timeout=0, dir_cache_timeout=0)
    assert os.listdir(mount) == ["file"]
    box.server.freeze()
    started = time.monotonic()
    done = box.run(["ls", "-l", mount], check=False, timeout=60)
    assert done.returncode != 0 and done.stderr
    assert time.monotonic() - started < 30
    box.server.thaw()
    assert wait_for(lambda: box.run(["ls", mount], check=False).stdout == b"file\n", seconds=30, step=0.3)


@pytest.mark.smoke
def test_unmounting_while_the_server_is_a_black_hole(own_box):
    box = own_box
    box.put("dir/file", b"x")
    mount = box.mount(timeout=10, attr_timeout=0, entry_timeout=0, dir_cache_timeout=0)
    assert os.listdir(mount) == ["dir"]
    box.server.freeze()
    process = waiting_program(box, ["ls", mount / "dir"])
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=5)
    started = time.monotonic()
    subprocess.run(["fusermount3", "-u", str(mount)], check=True, timeout=20)
    assert not is_mounted(mount)
    assert box.last.process.wait(timeout=60) == 0
    assert time.monotonic() - started < 30
    box.last.process = None


def test_sigterm_while_the_server_is_a_black_hole(own_box):
    box = own_box
    box.put("dir/file", b"x")
    mount = box.mount(timeout=10, attr_timeout=0, entry_timeout=0, dir_cache_timeout=0)
    assert os.listdir(mount) == ["dir"]
    box.server.freeze()
    process = waiting_program(box, ["ls", mount / "dir"])
    started = time.monotonic()
    os.kill(box.last.process.pid, signal.SIGTERM)
    assert box.last.process.wait(timeout=60) == 0
    assert time.monotonic() - started < 40
    assert not is_mounted(mount)
    assert gone_within(process, patient(5))
    box.last.process = None


def test_a_killed_ftpsfs_gives_errors_and_no_hang(own_box):
    box = own_box
    box.put("file", b"x")
    mount = box.mount()
    assert os.listdir(mount) == ["file"]
    os.kill(box.last.process.pid, signal.SIGKILL)
    box.last.process.wait(timeout=10)
    with pytest.raises(OSError):
        os.listdir(mount)
    box.last.kill()
    assert not is_mounted(mount)


WAYS_OUT = {"umount": ["umount"], "umount -f": ["umount", "-f"], "umount -l": ["umount", "-l"],
            "fusermount3 -u": ["fusermount3", "-u"], "fusermount3 -z": ["fusermount3", "-uz"],
            "ftpsfs umount": [str(binary()), "umount"]}


@pytest.mark.faults
@pytest.mark.parametrize("writes", [False, True], ids=["idle", "with-an-upload"])
@pytest.mark.parametrize("way", WAYS_OUT)
def test_each_way_out_of_a_black_hole(own_box, way, writes):
    """None takes longer than the deadlines, with an upload under way or without, and the process ends by itself."""
    box = own_box
    mount = box.mount(timeout=2, connect_timeout=2)
    assert os.listdir(mount) == []
    box.allow_leftovers = True
    writer = box.start(["dd", "if=/dev/zero", f"of={mount}/file", "bs=1M", "count=20000"], stderr=subprocess.DEVNULL) if writes else None
    time.sleep(0.3)
    box.server.freeze()
    if writer:
        os.killpg(writer.pid, signal.SIGKILL)
        assert gone_within(writer, patient(3))
    started = time.monotonic()
    done = subprocess.run([*WAYS_OUT[way], str(mount)], capture_output=True, timeout=60)
    assert time.monotonic() - started < patient(20), done.stderr
    assert not is_mounted(mount), done.stderr
    box.last.process.wait(timeout=patient(40))
    box.last.process = None


def test_other_mounts_do_not_notice_a_black_hole(make_server, box_on):
    stuck, well = box_on(make_server()), box_on(make_server())
    try:
        stuck.put("dir/file", b"x")
        well.put("dir/file", b"x")
        black = stuck.mount(timeout=20, attr_timeout=0, entry_timeout=0, dir_cache_timeout=0)
        healthy = well.mount(attr_timeout=0, entry_timeout=0, dir_cache_timeout=0)
        assert os.listdir(black) == os.listdir(healthy) == ["dir"]
        stuck.server.freeze()
        waiting = [waiting_program(stuck, ["ls", "-l", black / "dir"]) for _ in range(8)]
        for deed in (["ls", "-l", healthy / "dir"], ["cp", healthy / "dir/file", healthy / "copy"], ["df", healthy]):
            started = time.monotonic()
            well.run(deed, timeout=20)
            assert time.monotonic() - started < patient(5), deed
        assert all(process.poll() is None for process in waiting)
    finally:
        stuck.server.thaw()
