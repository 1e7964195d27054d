# SPDX-License-Identifier: MIT
"""Large files from one end to the other: how fast, and what the mount's process takes for it."""

import subprocess
import threading
import time

from box import sha256
from row import Failed, Row, Value, Wrong

GIBIBYTE = 1 << 30
RATE = Value("", "MB/s", more_is_better=True)
COST = (Value("CPU", "s/GiB"), Value("peak memory", "MiB", has_limit=False))


class Sequential(Row):
    group = "sequential"

    @property
    def mebibytes(self):
        return self.sizes.large_over_link_mib if self.bench.wan else self.sizes.large_mib

    @property
    def bytes(self):
        return self.mebibytes << 20

    def rate(self, seconds):
        return self.bytes / 1e6 / seconds

    def cost(self, way, before):
        usage = way.usage()
        return {"CPU": (usage.cpu_s - before.cpu_s) * GIBIBYTE / self.bytes,
                "peak memory": usage.peak_bytes / (1 << 20)}

    def copy(self, source, target):
        self.run("dd", f"if={source}", f"of={target}", "bs=1M", "status=none")

    def in_parallel(self, actions):
        """Threads that wait for programs. @raises what the first of them raised."""
        failures = []

        def guarded(action):
            try:
                action()
            except Failed as failure:
                failures.append(failure)

        threads = [threading.Thread(target=guarded, args=(action,)) for action in actions]
        begun = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return time.monotonic() - begun


class Reading(Sequential):
    """By so many programs at a time, each its own file."""

    def __init__(self, bench, sizes, readers):
        self.readers = readers
        super().__init__(bench, sizes)

    @property
    def title(self):
        if self.readers == 1:
            return f"read {self.mebibytes} MiB in sequence"
        return f"{self.readers} programs read {self.mebibytes // self.readers} MiB each"

    @property
    def values(self):
        return (RATE, *COST)

    def prepare(self):
        self.digests = {}
        for number in range(self.readers):
            path = self.bench.put_random(self.there / f"big{number}", self.mebibytes // self.readers)
            self.digests[path.name] = sha256(path)

    def by_mount(self, mnt, way):
        before = way.usage()
        seconds = self.in_parallel([lambda name=name: self.copy(mnt / name, "/dev/null") for name in self.digests])
        told = {"": self.rate(seconds), **self.cost(way, before)}
        for name, digest in self.digests.items():  # from the page cache, where what was read still is
            if sha256(mnt / name) != digest:
                raise Wrong("other bytes")
        return told

    def by_curl(self, way):
        begun, cpu = time.monotonic(), way.cpu_s()
        for name in self.digests:
            way.begin("-o", "/dev/null", way.url(f"{self.key}/{name}"))
        way.await_all()
        seconds = time.monotonic() - begun
        told = {"": self.rate(seconds), "CPU": (way.cpu_s() - cpu) * GIBIBYTE / self.bytes}
        for name, digest in self.digests.items():
            copy = self.bench.folder / "by-curl"
            way.run("-o", copy, way.url(f"{self.key}/{name}"))
            if sha256(copy) != digest:
                raise Wrong("other bytes")
        return told

    def by_lftp(self, way):
        begun, cpu = time.monotonic(), way.cpu_s()
        for name in self.digests:
            way.begin(f"cat {self.key}/{name}")
        way.await_all()
        seconds = time.monotonic() - begun
        return {"": self.rate(seconds), "CPU": (way.cpu_s() - cpu) * GIBIBYTE / self.bytes}


class Writing(Sequential):
    @property
    def title(self):
        return f"write {self.mebibytes} MiB in sequence"

    @property
    def values(self):
        return (RATE, Value("until the program returns", "MB/s", more_is_better=True), *COST)

    def prepare(self):
        self.source = self.bench.folder / "large-source"
        subprocess.run(["dd", "if=/dev/urandom", f"of={self.source}", "bs=1M", f"count={self.mebibytes}",
                        "status=none"], check=True)
        self.digest = sha256(self.source)

    def sources(self):
        return [self.source]

    def before(self):
        for old in self.there.glob("*"):
            old.unlink() if old.is_file() else None
        self.target = self.bench.make_directory(self.there) / "new"

    def arrived(self):
        return self.target.exists() and self.target.stat().st_size == self.bytes

    def check(self):
        if sha256(self.target) != self.digest:
            raise Wrong("other bytes")

    def by_mount(self, mnt, way):
        before = way.usage()
        begun = time.monotonic()
        self.copy(self.source, mnt / "new")
        returned = time.monotonic() - begun
        self.until(way, self.arrived)
        told = {"": self.rate(time.monotonic() - begun), "until the program returns": self.rate(returned),
                **self.cost(way, before)}
        self.check()
        return told

    def by_client(self, way, upload):
        begun, cpu = time.monotonic(), way.cpu_s()
        upload()
        seconds = time.monotonic() - begun
        self.check()
        return {"": self.rate(seconds), "CPU": (way.cpu_s() - cpu) * GIBIBYTE / self.bytes}

    def by_curl(self, way):
        return self.by_client(way, lambda: way.run("-T", self.source, way.url(f"{self.key}/new")))

    def by_lftp(self, way):
        return self.by_client(way, lambda: way.run(f"put {self.source} -o {self.key}/new"))


def rows(bench, sizes):
    return [Reading(bench, sizes, 1), Writing(bench, sizes), Reading(bench, sizes, 2), Reading(bench, sizes, 4)]
