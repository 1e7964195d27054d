# SPDX-License-Identifier: MIT
"""Names and attributes: long directories, and trees."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

from row import PER_LEVEL, Row, Value, Wrong, thousands, timed

# A listing of a directory: on the control connection 1, on a data connection made ahead of need 2.
LISTING = 1
EXACT_TIMES = 1  # where a listing has them to the minute alone, they take a flight of their own


class LongList(Row):
    group = "walk"

    def __init__(self, bench, sizes, count):
        self.count = count
        super().__init__(bench, sizes)

    @property
    def title(self):
        return f"ls -l of {thousands(self.count)} entries"

    values = (Value("", bound=PER_LEVEL + LISTING + EXACT_TIMES),)

    def prepare(self):
        self.bench.put_files(self.there / "long", self.count)
        self.expected = sorted(f"{entry.stat().st_size} {entry.name}" for entry in os.scandir(self.there / "long"))

    def by_mount(self, mnt, way):
        shown = []
        seconds = timed(lambda: shown.append(self.run("ls", "-l", mnt / "long", output=True)))
        lines = [line.split() for line in shown[0].decode().splitlines()[1:]]
        if sorted(f"{words[4]} {words[-1]}" for words in lines) != self.expected:
            raise Wrong("other names or sizes")
        return {"": seconds}

    def by_curl(self, way):
        return {"": timed(lambda: way.run(way.url(f"{self.key}/long/")))}

    def by_lftp(self, way):
        return {"": timed(lambda: way.run(f"ls {self.key}/long"))}


class FirstName(Row):
    """How long a program waits before it sees anything."""

    group = "walk"

    @property
    def title(self):
        return f"first name of {thousands(self.sizes.long_lists[-1])}"

    values = (Value("", bound=PER_LEVEL + LISTING),)

    def prepare(self):
        self.bench.put_files(self.there / "long", self.sizes.long_lists[-1])

    def by_mount(self, mnt, way):
        begun = time.monotonic()
        with os.scandir(mnt / "long") as names:
            next(names)
            return {"": time.monotonic() - begun}


class Looks(Row):
    """Programs that look at one name each, all at the same moment, in a directory that nobody has
    listed."""

    group = "walk"
    programs = 64
    values = (Value("", bound=1),)

    @property
    def title(self):
        return f"stat of {self.programs} names by as many programs at once"

    def prepare(self):
        folder = self.bench.put_files(self.there / "names", self.programs)
        self.expected = [(path, path.stat().st_size) for path in sorted(folder.iterdir())]

    def by_mount(self, mnt, way):
        os.stat(mnt / "names")
        seen = []
        with ThreadPoolExecutor(self.programs) as programs:
            seconds = timed(lambda: seen.extend(programs.map(
                lambda each: os.stat(mnt / "names" / each[0].name).st_size == each[1], self.expected)))
        if not all(seen):
            raise Wrong("other sizes")
        return {"": seconds}


class Find(Row):
    """With sizes and times. The kernel's cache of names is the mount's own, so a fresh one has none."""

    group = "walk"

    def __init__(self, bench, sizes, directories, files):
        self.directories, self.files = directories, files
        super().__init__(bench, sizes)

    @property
    def title(self):
        return f"find over {thousands(self.directories)} directories of {thousands(self.files)} files"

    # The directory of directories, all of them in one flight, and the times of their files.
    values = (Value("cold", bound=PER_LEVEL + 2 * LISTING + EXACT_TIMES), Value("warm", bound=0))

    def prepare(self):
        for number in range(self.directories):
            self.bench.put_files(self.there / f"tree/d{number:05}", self.files)
        self.expected = self.sizes_in(self.find(self.there))

    def find(self, place):
        return self.run("find", place / "tree", "-type", "f", "-printf", "%P %s %T@\n", output=True)

    @staticmethod
    def sizes_in(output):
        return sorted(line.rsplit(" ", 1)[0] for line in output.decode().splitlines())

    def by_mount(self, mnt, way):
        told = {}
        for name in ("cold", "warm"):
            found = []
            told[name] = timed(lambda: found.append(self.find(mnt)))  # noqa: B023
            if self.sizes_in(found[0]) != self.expected:
                raise Wrong("other names or sizes")
        return told

    def by_curl(self, way):
        """Names and minutes alone, one directory after the other over one connection."""
        urls = [way.url(f"{self.key}/tree/d{number:05}/") for number in range(self.directories)]
        return {"cold": timed(lambda: way.run(way.url(f"{self.key}/tree/"), *urls))}

    def by_lftp(self, way):
        return {"cold": timed(lambda: way.run(f"find {self.key}/tree"))}


def rows(bench, sizes):
    return [*(LongList(bench, sizes, count) for count in sizes.long_lists), FirstName(bench, sizes), Looks(bench, sizes),
            Find(bench, sizes, *sizes.tree)]
