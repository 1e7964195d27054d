# SPDX-License-Identifier: MIT
"""A log on the server that is read through the mount while it is written."""

import os
import subprocess
import threading
import time

from box import wait_for


def difference(reading, content):
    at = next((i for i, (a, b) in enumerate(zip(reading, content)) if a != b), min(len(reading), len(content)))
    return f"{len(reading)} of {len(content)} bytes; at {at}: {reading[at:at + 40]}, {content[at:at + 40]}"


def read_a_growing_log(box):
    """Some lines a second; programs that read it to its end, two at a time, one that follows it, one that does so
    without a look at its size, and one that asks for its size all the time."""
    path = box.put("log", b"".join(b"line %06d, of those before\n" % number for number in range(3000)))
    mount = box.mount(attr_timeout=1, dir_cache_timeout=1)
    tail = box.start(["tail", "-n", "+1", "-s", "0.2", "-f", mount / "log"],
                     stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    over = threading.Event()

    def write():
        number = 0
        while not over.wait(0.05):
            with open(path, "ab") as file:
                file.write(b"line %06d, one of many\n" % number)
            number += 1

    def collect():
        while piece := tail.stdout.read1(1 << 16):
            seen.append(piece)

    def read():
        while not over.wait(0.01):
            readings.append(box.run(["cat", mount / "log"], check=False).stdout)

    def poll():
        with open(mount / "log", "rb", buffering=0) as file:
            while not over.wait(0.3):
                while piece := file.read(1 << 16):
                    polled.append(piece)

    def ask():
        while not over.wait(0.02):
            sizes.append(os.stat(mount / "log").st_size)

    seen, readings, polled, sizes = [], [], [], []
    threads = [threading.Thread(target=target) for target in (write, collect, read, read, poll, ask)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(6)
        assert wait_for(lambda: len(readings) >= 4, seconds=60)
        over.set()
        for thread in threads[2:] + threads[:1]:
            thread.join()
        content = path.read_bytes()
        assert wait_for(lambda: sum(map(len, seen)) >= len(content), seconds=60)
        assert tail.poll() is None, tail.stderr.read()
    finally:
        over.set()
        tail.terminate()
        for thread in threads:
            thread.join()
    assert b"".join(seen) == content
    for reading in readings:
        assert content.startswith(reading) and reading.endswith(b"\n"), difference(reading, content)
    assert max(map(len, readings)) > min(map(len, readings))
    polled = b"".join(polled)
    assert content.startswith(polled) and len(polled) > sizes[0], difference(polled, content)
    assert sizes == sorted(sizes) and sizes[-1] > sizes[0]
