# SPDX-License-Identifier: MIT
"""git and rsync, which do a little of everything."""

import os

from bench import LONG_AGO
from row import PER_WRITE, Failed, Row, Value, WritingRow, Wrong, sizes_of, thousands, timed, tree_digest, written

from .walk import Find

SMALL = 4096


class Repository:
    """A repository of small files in `path`, all committed. Names, sizes and whole seconds are what
    git compares there, as over any network."""

    def __init__(self, row, path, count):
        path.mkdir(parents=True)
        for number in range(count):
            file = path / f"d{number % 20:02}/file-{number:06}"
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(os.urandom(SMALL))
            os.utime(file, (LONG_AGO, LONG_AGO))
        for words in (["init", "-q", "-b", "main"], ["config", "core.checkStat", "minimal"],
                      ["config", "core.trustctime", "false"], ["add", "."], ["commit", "-q", "-m", "all"]):
            row.run("git", *words, cwd=path)


class Clone(WritingRow):
    group = "programs"

    @property
    def title(self):
        return f"git clone of {thousands(self.sizes.few)} files"

    @property
    def values(self):
        return written(PER_WRITE * self.sizes.few)  # those files alone, without git's own

    def prepare(self):
        self.source = self.bench.folder / "repository"
        if not self.source.exists():
            Repository(self, self.source, self.sizes.few)
        self.files = {name: size for name, size in sizes_of(self.source).items() if not name.startswith(".git/")}

    def sources(self):
        return [self.source]

    def before(self):
        self.name = self.new_slot()
        self.copy = self.there / self.name / "clone"

    def arrived(self):
        return {name: size for name, size in (sizes_of(self.copy) or {}).items()
                if not name.startswith(".git/")} == self.files

    def by_mount(self, mnt, way):
        taken = self.write(way, lambda: self.run("git", "clone", "-q", f"file://{self.source}",  # as one pack
                                                 mnt / self.name / "clone"), self.arrived)
        try:
            self.run("git", "fsck", "--full", cwd=self.copy)
        except Failed:
            raise Wrong("git fsck complains") from None
        if any(tree_digest(self.copy / name) != tree_digest(self.source / name)
               for name in os.listdir(self.source) if name != ".git"):
            raise Wrong("other bytes")
        return taken


class Status(Row):
    group = "programs"
    values = (Value("cold"), Value("warm"))

    @property
    def title(self):
        return f"git status of {thousands(self.sizes.repository)} files"

    def prepare(self):
        Repository(self, self.there / "repository", self.sizes.repository)
        for folder, _, names in os.walk(self.there):
            for path in [folder, *(os.path.join(folder, name) for name in names)]:
                self.bench.server.own(path)

    def by_mount(self, mnt, way):
        told = {}
        for name in ("cold", "warm"):
            changes = []
            # Without locks: it would else write a new index, which is not what is asked here.
            told[name] = timed(lambda: changes.append(self.run(  # noqa: B023
                "git", "--no-optional-locks", "status", "--porcelain", cwd=mnt / "repository", output=True)))
            if changes[0]:
                raise Wrong("files are told to have changed")
        return told


class NothingToCopy(Row):
    """rsync -a onto a copy that is up to date: it compares sizes and times."""

    group = "programs"
    values = (Value("", bound=Find.values[0].bound),)

    @property
    def title(self):
        directories, files = self.sizes.tree
        return f"rsync -a of {thousands(directories * files)} files with nothing to do"

    def prepare(self):
        directories, files = self.sizes.tree
        for number in range(directories):
            self.bench.put_files(self.there / f"tree/d{number:05}", files)
        self.copy = self.bench.folder / "up-to-date"
        self.run("cp", "-a", self.there / "tree", self.copy)

    def by_mount(self, mnt, way):
        changes = []
        # -n: should it find something to copy, the copy stays as it was for the next program.
        seconds = timed(lambda: changes.append(self.run(
            "rsync", "-a", "--no-owner", "--no-group", "--no-perms", "--omit-dir-times", "-in", f"{mnt}/tree/", self.copy,
            output=True)))
        copied = [line for line in changes[0].decode().splitlines() if line[:2] == ">f"]
        if copied:
            raise Failed(f"would copy {len(copied)} files: other times")
        return {"": seconds}


def rows(bench, sizes):
    return [Clone(bench, sizes), Status(bench, sizes), NothingToCopy(bench, sizes)]
