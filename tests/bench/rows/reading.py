# SPDX-License-Identifier: MIT
"""Reading here and there, and many small files."""

import os
import random
import statistics
import time

from row import PER_LEVEL, PER_READ, Row, Value, Wrong, rounds, thousands, timed, tree_digest

SMALL = 4096


class AtRandom(Row):
    """Each read is compared now and then; the file is larger than what is read of it."""

    group = "reading"
    values = (Value("", "IOPS", more_is_better=True), Value("peak memory", "MiB", has_limit=False))
    turns = 0

    def __init__(self, bench, sizes, block):
        self.block = block
        super().__init__(bench, sizes)

    @property
    def title(self):
        return f"{self.block >> 10} KiB at random in {self.mebibytes} MiB, for {self.sizes.random_s:g} s"

    @property
    def lasts_s(self):
        return self.sizes.random_s

    @property
    def mebibytes(self):
        return self.sizes.large_over_link_mib if self.bench.wan else self.sizes.large_mib

    def prepare(self):
        self.reference = self.bench.put_random(self.there / "big", self.mebibytes)

    def by_mount(self, mnt, way):
        self.turns += 1
        chance = random.Random(self.turns)
        blocks = (self.mebibytes << 20) // self.block
        done = 0
        with open(mnt / "big", "rb", buffering=0) as file, open(self.reference, "rb", buffering=0) as reference:
            begun = time.monotonic()
            while time.monotonic() - begun < self.sizes.random_s:
                offset = chance.randrange(blocks) * self.block
                data = os.pread(file.fileno(), self.block, offset)
                done += 1
                if done % 16 == 1 and data != os.pread(reference.fileno(), self.block, offset):
                    raise Wrong("other bytes")
            seconds = time.monotonic() - begun
        return {"": done / seconds, "peak memory": way.usage().peak_bytes / (1 << 20)}


class FirstByte(Row):
    group = "reading"
    title = "first byte of a file of 1 KiB whose directory is known"
    values = (Value("", bound=PER_READ),)
    times = 8

    def prepare(self):
        for number in range(self.times):
            self.bench.put(self.there / f"d{number}/file", os.urandom(1024))

    def by_mount(self, mnt, way):
        taken = []
        for number in range(self.times):
            path = mnt / f"d{number}/file"
            os.stat(path)
            time.sleep(max(0.2, 3 * self.bench.rtt))
            data = []
            taken.append(timed(lambda: data.append(path.read_bytes())))  # noqa: B023
            if data[0] != (self.there / f"d{number}/file").read_bytes():
                raise Wrong("other bytes")
        return {"": statistics.median(taken)}


class CopyFrom(Row):
    group = "reading"

    def __init__(self, bench, sizes, count, parallel=1):
        self.count = count
        self.parallel = parallel
        super().__init__(bench, sizes)

    @property
    def title(self):
        files = f"{thousands(self.count)} files of 4 KiB from the mount"
        return f"cp -r of {files}" if self.parallel == 1 else f"{self.parallel} cp at a time of {files}"

    @property
    def values(self):
        return (Value("", bound=PER_LEVEL + 1 + rounds(self.count, PER_READ)),)

    def prepare(self):
        self.digest = tree_digest(self.bench.put_files(self.there / "small", self.count, SMALL))

    def check(self, out):
        if tree_digest(out) != self.digest:
            raise Wrong("other bytes")

    def by_mount(self, mnt, way):
        out = self.out()
        if self.parallel == 1:
            seconds = timed(lambda: self.run("cp", "-r", mnt / "small", out))
        else:
            out.mkdir()
            seconds = timed(lambda: self.run(f"ls {mnt}/small | xargs -P{self.parallel} -I@ cp {mnt}/small/@ {out}",
                                             shell=True))
        self.check(out)
        return {"": seconds}

    def by_lftp(self, way):
        out = self.out()
        seconds = timed(lambda: way.run(f"mirror --parallel={way.parallel()} {self.key}/small {out}"))
        self.check(out)
        return {"": seconds}


class Grep(Row):
    """The word that is looked for stands in the last file alone."""

    group = "reading"

    @property
    def title(self):
        return f"grep -r through {thousands(self.sizes.grep)} files of 4 KiB"

    @property
    def values(self):
        return (Value("", bound=PER_LEVEL + 1 + rounds(self.sizes.grep, PER_READ)),)

    def prepare(self):
        self.bench.put_files(self.there / "small", self.sizes.grep - 1, SMALL)
        self.bench.put(self.there / "small/it", b"x" * (SMALL - 8) + b" needle\n")

    def by_mount(self, mnt, way):
        found = []
        seconds = timed(lambda: found.append(self.run("grep", "-rlaF", " needle", mnt / "small", output=True)))
        if found[0].decode().split() != [str(mnt / "small/it")]:
            raise Wrong("another file is found")
        return {"": seconds}


def rows(bench, sizes):
    return [AtRandom(bench, sizes, SMALL), AtRandom(bench, sizes, 128 << 10), FirstByte(bench, sizes),
            CopyFrom(bench, sizes, sizes.few), CopyFrom(bench, sizes, sizes.many),
            CopyFrom(bench, sizes, sizes.few, parallel=8), Grep(bench, sizes)]
