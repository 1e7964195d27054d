# SPDX-License-Identifier: MIT
"""A mount that is killed (-9) at each step of what it does on the server: the server has the old file or the new
one, whole, and the next mount has everything that programs were told to be done.

The server is a double (tests/support/double). It comes to a halt at the n-th command behind the login, before it has
carried that out or after that, and n grows until all is over before."""

import itertools
import os
import queue
import random
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from box import wait_for
from mount import sanitized, status_of

pytestmark = [pytest.mark.faults, pytest.mark.real]


def noise(size, seed):
    return random.Random(seed).randbytes(size)


OLD, NEW, OTHER, PATCH = noise(30_000, 1), noise(50_000, 2), noise(20_000, 3), noise(5_000, 4)
LARGE = noise(100_000, 5)  # has a file of its own beside the journal
CHANGES = ("STOR", "APPE", "RNFR", "RNTO", "DELE", "MKD", "RMD", "MFMT", "SITE")


DIRECTORY = "a directory"
GONE = None


def changed(changes):
    """The next state of a tree."""
    return lambda state: {name: data for name, data in {**state, **changes}.items() if data is not GONE}


def patched(data, patch, at):
    return data[:at] + patch + data[at + len(patch):]


class Story:
    """What a program does, step by step, and what the tree is after each."""

    def __init__(self, begin, *steps):
        self.begin = begin
        self.script = "".join(f"{command}\necho done\n" for command, _ in steps)
        self.states = list(itertools.accumulate((change for _, change in steps), lambda state, change: change(state),
                                                initial=begin))


REPLACING = Story(
    {"file": OLD, "other": OTHER, "open": OLD},
    ("cp $SOURCES/new file", changed({"file": NEW})),
    ("dd if=$SOURCES/patch of=file bs=1000 seek=7 conv=notrunc status=none", changed({"file": patched(NEW, PATCH, 7000)})),
    ("mv other file", changed({"file": OTHER, "other": GONE})),
    ("exec 3<open; rm open; exec 3<&-", changed({"open": GONE})),
    ("mv file moved", changed({"file": GONE, "moved": OTHER})))

MAKING = Story(  # with upload=atomic new names are whole, too
    {"file": OLD},
    ("cp $SOURCES/new fresh", changed({"fresh": NEW})),
    ("cp $SOURCES/patch file", changed({"file": PATCH})),
    ("cp $SOURCES/large other", changed({"other": LARGE})),
    ("cp $SOURCES/patch fresh", changed({"fresh": PATCH})))

ACCEPTED = Story(
    {"file": OLD, "gone": OTHER},
    ("mkdir d", changed({"d": DIRECTORY})),
    ("cp $SOURCES/new d/new", changed({"d/new": NEW})),
    ("cp $SOURCES/patch file", changed({"file": PATCH})),
    ("rm gone", changed({"gone": GONE})),
    ("cp $SOURCES/large part", changed({"part": LARGE})),
    ("mv part d/large", changed({"part": GONE, "d/large": LARGE})),
    ("cp $SOURCES/patch d/new", changed({"d/new": PATCH})))


WORKERS = 4
# All steps in tests/run.sh --full, each third in every run: they take minutes. A sanitizer sees nothing of what is
# killed; behind some of the crashes it looks at what comes next.
STRIDE = 7 if sanitized() else 1 if os.environ.get("FTPSFS_EVERY_STEP") else 3
EVERY_COMMAND = [("before", "WORK", 0, first, WORKERS) for first in range(1, WORKERS + 1)]
BEFORE_CHANGES = [("before", verb) for verb in CHANGES]
AFTER_CHANGES = [("after", verb) for verb in CHANGES]
WITHIN_TRANSFERS = [("within", verb, 10_000) for verb in ("STOR", "APPE")]


def follow(crash, crashes, when, verb, size=0, first=1, step=1):
    """Halts at one command after the other, until all is over before one comes. @return how many came."""
    for number in itertools.count():
        if not crash(crashes, when, verb, first + number * step * STRIDE, size):
            return number
    return None


def crash_everywhere(crowd, ways, crash):
    """Each way by one of the crowd at a time. @return how many crashes there were."""
    idle = queue.SimpleQueue()
    for crashes in crowd:
        idle.put(crashes)

    def work(way):
        mine = idle.get()
        try:
            return follow(crash, mine, *way)
        finally:
            idle.put(mine)

    with ThreadPoolExecutor(len(crowd)) as workers:
        return sum(workers.map(work, ways))


class Crashes:
    """A box on a double, with a directory of its own for each crash."""

    def __init__(self, box):
        self.box = box
        self.sources = box.folder / "sources"
        self.sources.mkdir()
        for name, data in {"new": NEW, "patch": PATCH, "large": LARGE}.items():
            (self.sources / name).write_bytes(data)
        self.staging = box.folder / "staging"
        self.staging.mkdir(mode=0o700)
        self.numbers = itertools.count(1)

    def begin(self, tree):
        """A new directory, as it is before the first step."""
        self.box.start_path = f"/{self.box.name}/{next(self.numbers)}"
        self.box.server.mkdir(self.box.start_path.lstrip("/"))
        for name, data in tree.items():
            self.box.server.put(f"{self.box.start_path.lstrip('/')}/{name}", data)

    def on_server(self):
        """What the server has, hidden names included."""
        here = self.box.start_path
        return {path[len(here) + 1:]: DIRECTORY if content is None else content
                for path, content in self.box.server.contents(here).items()}

    def prepare(self, **options):
        return self.box.prepare_mount(staging_dir=self.staging, max_conns=4, **options)

    def halt(self, *how):
        self.before = self.box.server.halted()
        self.box.server.halt(*how)

    def wait_for_halt_or(self, condition):
        """Kills the mount when the server has come to a halt. @return whether it has, before the condition held."""
        server = self.box.server
        assert wait_for(lambda: server.halted() > self.before or condition(), seconds=20), "neither an end nor a halt"
        reached = server.halted() > self.before
        if reached:
            self.box.last.kill()
        server.go()
        return reached

    def start(self, script, mnt):
        return self.box.start(["bash", "-euc", script], cwd=mnt, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={**os.environ, "SOURCES": str(self.sources)})

    def steps_done(self, work, must_be_well):
        output, errors = work.communicate(timeout=20)
        self.box.children.remove(work)
        assert not must_be_well or work.returncode == 0, errors
        return output.count(b"done\n")

    def last_commands(self):
        return self.box.server.commands()[-8:]


def is_hidden(name):
    return name.rpartition("/")[2].startswith(".ftpsfs-")


def shown(mnt):
    return {str(path.relative_to(mnt)): DIRECTORY if path.is_dir() else path.read_bytes() for path in mnt.rglob("*")}


@pytest.fixture
def doubles(make_server, box_on):
    """Boxes, each on a double of its own."""
    def make(overwrites):
        words = ["--rename-overwrites", overwrites]
        return [box_on(make_server("double", manner="proftpd", arguments=words, implicit=False)) for _ in range(WORKERS)]
    return make


servers = pytest.mark.parametrize("overwrites", [1, 0], ids=["renames-over", "never-renames-over"])


@pytest.mark.seconds(300)
@pytest.mark.parametrize("upload, story", [("auto", REPLACING), ("atomic", MAKING)], ids=["auto", "atomic"])
@servers
def test_a_file_is_replaced_wholly_or_not_at_all(doubles, overwrites, upload, story):
    crowd = [Crashes(box) for box in doubles(overwrites)]

    def crash(crashes, *how):
        crashes.begin(story.begin)
        mnt = crashes.prepare(upload=upload).start()
        os.listdir(mnt)
        crashes.halt(*how)
        work = crashes.start(story.script, mnt)
        reached = crashes.wait_for_halt_or(lambda: work.poll() is not None)
        done = crashes.steps_done(work, must_be_well=not reached)
        allowed = story.states[done:done + 2]
        there = crashes.on_server()
        where = f"{how}, {done} steps done, {crashes.last_commands()}"
        if overwrites:
            assert {name: data for name, data in there.items() if not is_hidden(name)} in allowed, where
        if not reached:
            crashes.box.unmount()
        mnt = crashes.prepare(upload=upload).start()
        os.listdir(mnt)
        assert wait_for(lambda: not any(map(is_hidden, crashes.on_server()))), (where, crashes.on_server().keys())
        assert crashes.on_server() in allowed, where
        assert wait_for(lambda: shown(mnt) in allowed), where
        crashes.box.unmount()
        return reached

    assert crash_everywhere(crowd, EVERY_COMMAND + AFTER_CHANGES + WITHIN_TRANSFERS, crash) > 30 // STRIDE


def ways_for(overwrites):
    """Each command once; with the other kind of server, where it matters."""
    return (EVERY_COMMAND if overwrites else BEFORE_CHANGES) + AFTER_CHANGES + WITHIN_TRANSFERS


class Journals(Crashes):
    """The same with -o writeback."""

    def prepare(self):
        return super().prepare(writeback=True, journal_dir=self.journal)

    def begin(self, tree):
        super().begin(tree)
        self.journal = self.box.folder / f"journal{next(self.numbers)}"
        self.journal.mkdir()

    def owes_nothing(self):
        try:
            report = status_of(self.box.last.path)
        except subprocess.CalledProcessError:
            return False  # it is in the table a moment before it answers
        assert report["refused_changes"] == 0 and report["conflicts"] == 0, report
        return report["waiting_changes"] == 0

    def has_brought(self, tree):
        """All of it is on the server, and the mount knows. (To look at the server costs less than to ask the mount.)"""
        return self.on_server() == tree and self.owes_nothing()

    def check_end(self, allowed, where):
        """The next mount shows all at once, and brings it to the server."""
        mnt = self.prepare().start()
        seen = shown(mnt)
        assert seen in allowed, (where, summary(seen))
        assert wait_for(lambda: self.has_brought(seen), seconds=20), (where, summary(self.on_server()))
        self.box.unmount()


def summary(tree):
    return {name: len(data) for name, data in tree.items()}


@pytest.mark.seconds(300)
@servers
def test_what_was_accepted_arrives_wherever_its_mount_was_killed(doubles, overwrites):
    crowd = [Journals(box) for box in doubles(overwrites)]
    story = ACCEPTED

    def crash(crashes, *how):
        crashes.begin(story.begin)
        mnt = crashes.prepare().start()
        os.listdir(mnt)
        crashes.halt(*how)
        work = crashes.start(story.script, mnt)
        reached = crashes.wait_for_halt_or(lambda: work.poll() is not None and crashes.has_brought(story.states[-1]))
        done = crashes.steps_done(work, must_be_well=not reached)
        where = f"{how}, {done} steps done, {crashes.last_commands()}"
        if overwrites:
            assert crashes.on_server()["file"] in (OLD, PATCH), where
        if not reached:
            crashes.box.unmount()
        crashes.check_end(story.states[done:done + 2], where)
        return reached

    assert crash_everywhere(crowd, ways_for(overwrites), crash) > 30 // STRIDE


@pytest.mark.seconds(300)
@servers
def test_a_journal_that_is_gone_on_with_may_be_killed_too(doubles, overwrites):
    crowd = [Journals(box) for box in doubles(overwrites)]
    story = ACCEPTED

    def crash(crashes, *how):
        crashes.begin(story.begin)
        mnt = crashes.prepare().start()
        os.listdir(mnt)
        for verb in CHANGES:
            crashes.box.server.halt("before", verb)
        done = crashes.steps_done(crashes.start(story.script, mnt), must_be_well=True)
        assert done == len(story.states) - 1
        crashes.box.last.kill()
        crashes.box.server.go()
        assert crashes.on_server() == story.begin
        crashes.halt(*how)
        crashes.prepare().launch()
        reached = crashes.wait_for_halt_or(lambda: crashes.has_brought(story.states[-1]))
        where = f"{how}, {crashes.last_commands()}"
        if overwrites:
            assert crashes.on_server()["file"] in (OLD, PATCH), where
        if not reached:
            crashes.box.unmount()
        crashes.check_end(story.states[-1:], where)
        return reached

    assert crash_everywhere(crowd, ways_for(overwrites), crash) > 30 // STRIDE
