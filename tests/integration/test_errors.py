# SPDX-License-Identifier: MIT
"""Things that go wrong inside a mount: told to the program that asked, and over when they are over."""

import errno
import os
import subprocess
import time

import pytest

from box import wait_for
from mount import LOCAL

pytestmark = pytest.mark.real


@pytest.mark.once
def test_a_listing_that_the_server_cut_off_is_an_error(make_server, box_on):
    """Pure-FTPd stops at a limit and says so in its last reply only."""
    box = box_on(make_server("pureftpd", listing_limit=100, implicit=False))
    for number in range(300):
        box.put(f"many/file{number}", b"")
    for number in range(20):
        box.put(f"few/file{number}", b"")
    mount = box.mount()
    assert len(os.listdir(mount / "few")) == 20
    with pytest.raises(OSError) as caught:
        os.listdir(mount / "many")
    assert caught.value.errno == errno.EIO
    assert (mount / "many/file299").exists(), "the files themselves can be reached"


def test_server_that_stops_and_comes_back(own_box):
    """A restart between two commands: the program notices nothing, or gets one error; then all is well."""
    box = own_box
    box.put("file", b"content")
    mount = box.mount(attr_timeout=0, entry_timeout=0, dir_cache_timeout=0, timeout=5)
    assert (mount / "file").read_bytes() == b"content"
    box.server.kill()
    with pytest.raises(OSError):
        (mount / "other").write_bytes(b"nobody is there")
    box.server.start()
    assert wait_for(lambda: os.path.exists(mount / "file"), seconds=20, step=0.3)
    (mount / "other").write_bytes(b"back again")
    assert (box.remote / "other").read_bytes() == b"back again"
    assert (mount / "file").read_bytes() == b"content"


def test_server_killed_while_a_file_is_copied_to_it(own_box):
    box = own_box
    source = box.folder / "source"
    with open(source, "wb") as file:
        file.truncate(400 << 20)
    mount = box.mount(timeout=5, connect_timeout=3)
    copy = box.start(["cp", source, mount / "copy"], stderr=subprocess.PIPE)
    assert wait_for(lambda: (box.remote / "copy").exists() and (box.remote / "copy").stat().st_size > 1_000_000)
    box.server.kill()
    started = time.monotonic()
    _, errors = copy.communicate(timeout=60)
    assert copy.returncode != 0, "cp believes that all is on the server"
    assert b"copy" in errors
    assert time.monotonic() - started < 45
    box.server.start()
    assert wait_for(lambda: _answers(mount), seconds=20, step=0.3)
    box.sh("echo healthy > after")
    assert (box.remote / "after").read_bytes() == b"healthy\n"
    box.allow_leftovers = True


def test_server_killed_while_an_existing_file_is_replaced(own_box):
    """Nobody may find half of the new one under the old one's name."""
    box = own_box
    box.put("precious", b"the old one")
    source = box.folder / "source"
    with open(source, "wb") as file:
        file.truncate(400 << 20)
    mount = box.mount(timeout=5, connect_timeout=3)
    copy = box.start(["cp", source, mount / "precious"], stderr=subprocess.DEVNULL)
    assert wait_for(lambda: sum(f.stat().st_size for f in box.remote.iterdir()) > 1_000_000)
    box.server.kill()
    assert copy.wait(timeout=60) != 0
    assert (box.remote / "precious").read_bytes() == b"the old one"
    box.server.start()
    assert wait_for(lambda: _answers(mount), seconds=20, step=0.3)
    assert (mount / "precious").read_bytes() == b"the old one"
    box.allow_leftovers = True


def test_server_killed_while_a_file_is_read(own_box):
    box = own_box
    with open(box.remote / "large", "wb") as file:
        file.truncate(800 << 20)
    mount = box.mount(timeout=5, connect_timeout=3, dir_cache_timeout=0)
    with open(mount / "large", "rb", buffering=0) as file:
        file.read(1 << 20)
        box.server.kill()
        started = time.monotonic()
        with pytest.raises(OSError) as caught:
            while file.read(1 << 20):
                pass
        assert caught.value.errno in (errno.EIO, errno.ETIMEDOUT, errno.ECONNREFUSED, errno.ENOTCONN)
        assert time.monotonic() - started < 45
    box.server.start()
    assert wait_for(lambda: _answers(mount), seconds=20, step=0.3)
    with open(mount / "large", "rb") as file:
        assert len(file.read(1 << 20)) == 1 << 20


def _answers(mount):
    try:
        os.listdir(mount)
    except OSError:
        return False
    return True


@pytest.mark.once
def test_nothing_is_left_in_clear(own_box):
    """The server insists on TLS for logins; with PROT P it sees encrypted data connections too."""
    box = own_box
    if LOCAL or box.server.name != "vsftpd":
        pytest.skip("read from vsftpd's protocol log")
    box.put("file", b"x")
    mount = box.mount()
    assert (mount / "file").read_bytes() == b"x"
    log = (box.server.folder / "vsftpd-protocol.log").read_text()
    assert '"PROT P"' in log and "PROT C" not in log
    assert log.index('"AUTH TLS"') < log.index('"USER')
