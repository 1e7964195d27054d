# SPDX-License-Identifier: MIT
"""Many small changes."""

import hashlib
import os

from box import sha256
from row import PER_LEVEL, PER_READ, PER_WRITE, WritingRow, Wrong, rounds, sizes_of, thousands, timed, tree_digest, written

SMALL = 4096
LINE = "a line\n"


class NewFiles(WritingRow):
    """Files that come to the server in a directory of the turn's own, by `program`."""

    group = "writing"

    def __init__(self, bench, sizes, count):
        self.count = count
        super().__init__(bench, sizes)

    def prepare(self):
        self.source = self.bench.folder / f"small-{self.count}"
        if not self.source.exists():
            self.source.mkdir()
            for number in range(self.count):
                (self.source / f"file-{number:06}").write_bytes(os.urandom(SMALL))
        self.digest = tree_digest(self.source)
        self.expected = sizes_of(self.source)

    def sources(self):
        return [self.source]

    def before(self):
        self.name = self.new_slot()
        self.target = self.there / self.name / self.source.name

    def arrived(self):
        return sizes_of(self.target) == self.expected

    def check(self):
        if tree_digest(self.target) != self.digest:
            raise Wrong("other bytes")

    def program(self, place):
        """@param place: the turn's directory."""
        raise NotImplementedError

    def by_mount(self, mnt, way):
        os.listdir(mnt / self.name)
        taken = self.write(way, lambda: self.program(mnt / self.name), self.arrived)
        self.check()
        return taken


class CopyTo(NewFiles):
    def __init__(self, bench, sizes, count, parallel=1):
        self.parallel = parallel
        super().__init__(bench, sizes, count)

    @property
    def title(self):
        files = f"{thousands(self.count)} files of 4 KiB to the mount"
        return f"cp -r of {files}" if self.parallel == 1 else f"{self.parallel} cp at a time of {files}"

    @property
    def values(self):
        return written(1 + rounds(self.count, PER_WRITE, self.parallel))

    def program(self, place):
        if self.parallel == 1:
            self.run("cp", "-r", self.source, place)
        else:
            self.run(f"mkdir {place}/{self.source.name} && ls {self.source} | "
                     f"xargs -P{self.parallel} -I@ cp {self.source}/@ {place}/{self.source.name}", shell=True)

    def by_lftp(self, way):
        seconds = timed(lambda: way.run(
            f"mirror -R --parallel={self.parallel} {self.source} {self.key}/{self.name}/{self.source.name}"))
        self.check()
        return {"until it is on the server": seconds}


class Untar(NewFiles):
    @property
    def title(self):
        return f"tar xf of {thousands(self.count)} files of 4 KiB"

    @property
    def values(self):
        return written(1 + rounds(self.count, PER_WRITE, 1))

    def prepare(self):
        super().prepare()
        self.archive = self.bench.folder / "small.tar"
        self.run("tar", "-C", self.bench.folder, "-cf", self.archive, self.source.name)

    def sources(self):
        return [self.archive]

    def program(self, place):
        self.run("tar", "-C", place, "-xf", self.archive)


class RemoveTree(WritingRow):
    group = "writing"

    @property
    def title(self):
        return f"rm -r of {thousands(self.sizes.remove)} files"

    @property
    def values(self):
        return written(2 * PER_LEVEL + 1 + self.sizes.remove + 1)  # the listing, each file, the directory

    def before(self):
        self.name = f"{self.new_slot()}/gone"
        self.bench.put_files(self.there / self.name, self.sizes.remove, 1)

    def by_mount(self, mnt, way):
        gone = self.there / self.name
        return self.write(way, lambda: self.run("rm", "-r", mnt / self.name), lambda: not gone.exists())

    def by_lftp(self, way):
        seconds = timed(lambda: way.run(f"rm -r {self.key}/{self.name}"))
        if (self.there / self.name).exists():
            raise Wrong("not all is removed")
        return {"until it is on the server": seconds}


class Append(WritingRow):
    group = "writing"
    values = written(2 * PER_LEVEL + PER_WRITE)  # with its name comes the size

    @property
    def title(self):
        return f"a line appended to {self.sizes.append_mib} MiB"

    def prepare(self):
        self.size = self.sizes.append_mib << 20
        digest = hashlib.sha256()
        for _ in range(self.sizes.append_mib):
            digest.update(bytes(1 << 20))
        digest.update(LINE.encode())
        self.digest = digest.hexdigest()

    def before(self):
        self.name = f"{self.new_slot()}/log"
        self.file = self.there / self.name
        with open(self.file, "wb") as file:
            file.truncate(self.size)
        self.bench.server.own(self.file)

    def by_mount(self, mnt, way):
        taken = self.write(way, lambda: self.run(f"printf 'a line\\n' >> {mnt}/{self.name}", shell=True),
                           lambda: self.file.stat().st_size == self.size + len(LINE))
        if sha256(self.file) != self.digest:
            raise Wrong("other bytes")
        self.file.unlink()
        return taken


class EditSave(WritingRow):
    """As editors do: read, write a new file beside it, rename it over the old one."""

    group = "writing"
    title = "sed -i of a file of 4 KiB"
    values = written(2 * PER_LEVEL + PER_READ + PER_WRITE + 1)  # and renamed

    def before(self):
        self.name = f"{self.new_slot()}/text"
        self.file = self.bench.put(self.there / self.name, b"old\n" * (SMALL // 4))

    def by_mount(self, mnt, way):
        os.listdir((mnt / self.name).parent)
        wanted = b"new\n" * (SMALL // 4)

        def arrived():
            try:
                return self.file.read_bytes() == wanted
            except FileNotFoundError:
                return False

        taken = self.write(way, lambda: self.run("sed", "-i", "s/old/new/", mnt / self.name), arrived)
        if [path.name for path in self.file.parent.iterdir()] != ["text"]:
            raise Wrong("other files stay behind")
        return taken


def rows(bench, sizes):
    return [CopyTo(bench, sizes, sizes.few), CopyTo(bench, sizes, sizes.many),
            CopyTo(bench, sizes, sizes.few, parallel=8), Untar(bench, sizes, sizes.few), RemoveTree(bench, sizes),
            Append(bench, sizes), EditSave(bench, sizes)]
