# SPDX-License-Identifier: MIT
"""One row of the benchmark: files on the server, what programs do with them, whether the result is
right, and what is told of it."""

import hashlib
import os
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass

from bench import remove_tree, timed  # noqa: F401  (timed: for the rows)
from box import sha256
from ways import CannotRun

CONNECTIONS = 10  # what a mount has by default, and so what the bounds reckon with
PER_READ = 2  # round trips: the TLS handshake on a data connection made ahead of need; RETR goes along
PER_WRITE = 2  # the same with STOR: the content goes with the client's last word, the 226 comes back
# Of a connection at work the next port comes with the last transfer's 226, and TCP's handshake follows.
PER_FURTHER = 1
PER_LEVEL = 1  # to find a name in a directory that the mount has not seen


@dataclass(frozen=True)
class Value:
    """One number that a row tells, and so one line of the table.

    bound: round trips without which no FTP client can do it, with all that a connection can be made
    ready for done before, commands in one flight where none needs another's answer, and
    CONNECTIONS connections. None: it is not a matter of round trips."""

    name: str
    unit: str = "s"
    more_is_better: bool = False
    bound: float = None
    has_limit: bool = True  # does it say something to set it beside programs without a mount?


class Failed(Exception):
    """The program did not do it; the reason, short enough for a table."""


class Wrong(Failed):
    """It did something else, and said that all is well."""


@dataclass(frozen=True)
class Sizes:
    large_mib: int = 1024
    large_over_link_mib: int = 256
    append_mib: int = 100
    few: int = 200
    many: int = 2000
    grep: int = 500
    remove: int = 500
    repository: int = 2000
    long_lists: tuple = (1000, 20_000)
    tree: tuple = (100, 50)  # directories of files each
    random_s: float = 10
    idle_s: float = 60
    directories: tuple = (1000, 10_000, 100_000)  # entries
    trees: tuple = (1000, 10_000, 100_000)  # files
    connections: tuple = (1, 2, 4, 8, 16)


QUICK = Sizes(large_mib=64, large_over_link_mib=16, append_mib=10, few=20, many=50, grep=30, remove=30, repository=40,
              long_lists=(100, 500), tree=(10, 10), random_s=1, idle_s=3, directories=(100, 500), trees=(100, 500),
              connections=(1, 4))


def thousands(number):
    return f"{number:,}"


def rounds(files, each, at_a_time=CONNECTIONS):
    """Round trips for so many transfers, so many of which programs want at a time: what programs
    wait for one after the other, or what each connection does, if that is more."""
    programs = each * -(-files // at_a_time)
    connection = (each + PER_FURTHER) * -(-files // CONNECTIONS) - PER_FURTHER
    return max(programs, connection)


def tree_digest(root):
    """sha256 over names and contents of all files below."""
    digest = hashlib.sha256()
    for folder, directories, files in os.walk(root):
        directories.sort()
        for name in sorted(files):
            path = os.path.join(folder, name)
            digest.update(f"{os.path.relpath(path, root)}\0{sha256(path)}\n".encode())
    return digest.hexdigest()


def sizes_of(root):
    """Names and sizes of all files below; None while it changes under our eyes."""
    try:
        return {os.path.relpath(os.path.join(folder, name), root): os.lstat(os.path.join(folder, name)).st_size
                for folder, _, names in os.walk(root) for name in names}
    except FileNotFoundError:
        return None


def read_all(paths):
    """The server's files back into the page cache: its disk is not what is measured."""
    for path in paths:
        for folder, _, names in os.walk(path) if path.is_dir() else [(path.parent, [], [path.name])]:
            for name in names:
                with open(os.path.join(folder, name), "rb", buffering=0) as file:
                    while file.read(1 << 20):
                        pass


class Row:
    group = ""
    title = ""
    values = (Value(""),)
    limit_s = 300.0  # for one program's turn, without mounting
    lasts_s = 0.0  # of that turn, whoever's it is: counts for nobody's limit
    series = None  # growth: the plot that this row is a point of,
    x = None  # and where
    connections = None  # that the program may have; None: its default

    def __init__(self, bench, sizes):
        self.bench = bench
        self.sizes = sizes
        self.there = bench.remote / self.key
        self.slot = 0

    @property
    def key(self):
        return "".join(letter if letter.isalnum() else "-" for letter in f"{self.group} {self.title}".lower())

    # -- what rows say

    def prepare(self):
        """Makes the server's files, in self.there."""

    def before(self):
        """Before each program's turn."""

    def by_mount(self, mnt, way):
        """@param mnt: where self.there is mounted.  @return by name of the value, the number."""
        raise NotImplementedError

    # by_curl(way) and by_lftp(way): the same without a mount, where that says something.

    def sources(self):
        """What is read, besides self.there: to be in the page cache."""
        return []

    def can_be_done_by(self, way):
        if self.connections and not way.takes_connections:
            return False
        return hasattr(self, f"by_{way.mountless}") if way.mountless else True

    # -- what rows use

    def run(self, *words, cwd=None, shell=False, output=False):
        """A program of the user's. @return its output, where that is wanted.  @raises Failed"""
        command = words[0] if shell else [str(word) for word in words]
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": str(self.bench.home)}
        done = subprocess.run(command, shell=shell, cwd=cwd, env=environment, check=False, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE if output else subprocess.DEVNULL, stderr=subprocess.PIPE)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            reason = said[-1].rsplit(": ", 1)[-1][:100] if said else f"exit {done.returncode}"  # without the path
            raise Failed(reason if shell else f"{words[0]}: {reason}")
        return done.stdout

    def new_slot(self):
        """A directory of this turn's own, that no mount has seen: its name."""
        self.slot += 1
        name = f"slot{self.slot}"
        self.bench.make_directory(self.there / name)
        return name

    def until(self, way, condition):
        while not condition():
            if way.expired:
                raise Failed("it does not arrive")
            time.sleep(0.01)

    def out(self):
        """A directory on this machine's disk that does not exist yet."""
        path = self.bench.folder / "out"
        remove_tree(path)
        return path

    # -- the turn of one program

    def settle(self, mnt, way):
        """Logged in, and with a second connection where it makes one: not what is measured."""
        os.listdir(mnt)
        time.sleep(max(0.3, 10 * self.bench.rtt))

    def measure(self, way):
        if way.mountless:
            return getattr(self, f"by_{way.mountless}")(way)
        with way as mnt:
            with limited(way, self.limit_s):
                self.settle(mnt, way)
                return self.by_mount(mnt / self.key, way)

    def turn(self, way):
        """@return {"values": …} or {"failed": reason, "wrong": bool}."""
        try:
            self.before()
            if way.mountless:
                with limited(way, self.limit_s):
                    return {"values": self.measure(way)}
            return {"values": self.measure(way)}
        except Exception as failure:  # noqa: BLE001
            if way.expired:  # then its processes are gone, and anything may have come of it
                return {"failed": f"> {self.limit_s:g} s", "wrong": False}
            if not isinstance(failure, (Failed, CannotRun, OSError, subprocess.SubprocessError)):
                raise
            return {"failed": str(failure)[:160], "wrong": isinstance(failure, Wrong)}


@contextmanager
def limited(way, seconds):
    """Whoever waits for longer gets an error: the program is ended."""
    alarm = threading.Timer(seconds, way.abort)
    alarm.daemon = True
    alarm.start()
    try:
        yield
    finally:
        alarm.cancel()


class WritingRow(Row):
    """Twice: until the program returns, and until all is on the server, as a mount may write behind
    its programs' backs."""

    def write(self, way, program, arrived):
        begun = time.monotonic()
        program()
        returned = time.monotonic() - begun
        self.until(way, arrived)
        return {"until it is on the server": time.monotonic() - begun, "until the program returns": returned}


def written(bound):
    """@param bound: round trips until it is on the server."""
    return (Value("until it is on the server", bound=bound), Value("until the program returns"))
