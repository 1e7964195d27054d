# SPDX-License-Identifier: MIT
"""Coming up, and doing nothing."""

import os
import time

from row import Row, Value, limited

LOGIN = 4  # with TLS 1.3: TCP, AUTH, the handshake, USER to PWD in one record


class Mounting(Row):
    """Until the first listing: some programs say that they have mounted before they have asked the
    server anything."""

    group = "mounting"
    title = "mount, and the first ls"
    values = (Value("", bound=LOGIN + 1),)

    def prepare(self):
        self.bench.put(self.there / "file", b"x")

    def measure(self, way):
        begun = time.monotonic()
        with way as mnt, limited(way, self.limit_s):
            os.listdir(mnt)
            return {"": time.monotonic() - begun}


class Idle(Row):
    group = "mounting"
    values = (Value("memory", "MiB", has_limit=False), Value("wake-ups", "/s", has_limit=False))

    @property
    def title(self):
        return f"idle for {self.sizes.idle_s:g} s"

    @property
    def lasts_s(self):
        return self.sizes.idle_s

    def by_mount(self, mnt, way):
        before = way.usage()
        time.sleep(self.sizes.idle_s)
        after = way.usage()
        return {"memory": after.resident_bytes / (1 << 20),
                "wake-ups": (after.wakeups - before.wakeups) / self.sizes.idle_s}


def rows(bench, sizes):
    return [Mounting(bench, sizes), Idle(bench, sizes)]
