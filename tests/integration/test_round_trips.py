# SPDX-License-Identifier: MIT
"""How many round trips things take, over a link whose delay dwarfs all else. A round trip saved is
what users feel; one lost by accident shows here."""

import os
import subprocess
import time

import pytest

from box import Box
from link import Link
from mount import LOCAL

pytestmark = pytest.mark.real

RTT = 0.040


@pytest.fixture(scope="module")
def link():
    if LOCAL:
        pytest.skip("needs a network")
    made = Link()
    made.set(delay_ms=RTT * 500)
    yield made
    made.close()


@pytest.fixture(scope="module")
def far_server(make_server, link):
    """On the other side of the link."""
    link.set(delay_ms=0)
    server = make_server(host=link.right[0], address=link.right[0], network=link.right[1])
    link.set(delay_ms=RTT * 500)
    yield server
    server.kill()


@pytest.fixture
def far_box(far_server, link, box_on):
    return box_on(far_server, network=link.left[1])


def trips(function):
    started = time.monotonic()
    function()
    return (time.monotonic() - started) / RTT


def test_baseline(far_box):
    box = far_box
    for index in range(20):
        box.put(f"dir/file{index}", b"x" * 4096)
    for index in range(1000):
        box.put(f"big/file{index}", b"x")
    box.put("f1", b"y" * 4096)
    box.put("f2", b"y" * 4096)
    box.put("f3", b"y" * 65536)
    print()
    mount = None

    def do_mount():
        nonlocal mount
        mount = box.mount(attr_timeout=0, entry_timeout=0)
    print("mount", trips(do_mount))
    print("stat f1", trips(lambda: os.stat(mount / "f1")))
    print("ls .", trips(lambda: os.listdir(mount)))
    print("ls big", trips(lambda: os.listdir(mount / "big")))
    time.sleep(1)
    print("read f1", trips(lambda: (mount / "f1").read_bytes()))
    time.sleep(0.5)
    print("read f2", trips(lambda: (mount / "f2").read_bytes()))
    time.sleep(0.5)
    print("read f3", trips(lambda: (mount / "f3").read_bytes()))
    time.sleep(0.5)
    print("write n1", trips(lambda: (mount / "n1").write_bytes(b"z" * 4096)))
    time.sleep(0.5)
    print("write n2", trips(lambda: (mount / "n2").write_bytes(b"z" * 4096)))
    time.sleep(0.5)
    print("over n2", trips(lambda: (mount / "n2").write_bytes(b"z" * 4096)))
    time.sleep(0.5)
    print("rename", trips(lambda: os.rename(mount / "n2", mount / "n3")))
    print("unlink", trips(lambda: os.unlink(mount / "n3")))
    print("mkdir", trips(lambda: os.mkdir(mount / "new")))
    print("rmdir", trips(lambda: os.rmdir(mount / "new")))
