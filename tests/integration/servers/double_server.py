# SPDX-License-Identifier: MIT
"""Servers that cannot be had for tests, in the manner of the real ones: IBM i, Microsoft IIS, z/OS. A program of
the tests (tests/support/double) with its files in memory, which it is told and shows over its standard input and
output."""

import os
import subprocess
import threading
from pathlib import Path, PurePosixPath

from .base import PASSWORD, USER, Server

LONG_AGO = 1_600_000_000  # the time of files that are given none


def _program():
    default = Path(os.environ.get("FTPSFS_BIN") or Path(__file__).resolve().parents[3] / "build/release/ftpsfs")
    return Path(os.environ.get("FTPSFS_SERVER_DOUBLE") or default.parent / "tests/support/server_double")


def _hex(data):
    return (data if isinstance(data, bytes) else str(data).encode()).hex()


class ServerDouble(Server):
    name = "double"
    implicit_capable = True

    def __init__(self, folder, pki, manner="ibmi", arguments=(), **settings):
        super().__init__(folder, pki, **settings)
        self.manner = manner
        self.arguments = [str(word) for word in arguments]
        self._directories = set()  # that were made by us
        self._one_at_a_time = threading.Lock()

    def command(self):
        return [str(_program()), "--manner", self.manner, "--certificate", str(self.certificate.cert),
                "--key", str(self.certificate.key), "--user", USER, "--password", PASSWORD,
                *(["--implicit"] if self.implicit else []), *self.arguments]

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                                            text=True, cwd=self.folder, start_new_session=True)
        words = self.process.stdout.readline().split()
        if words[:1] != ["port"]:
            raise RuntimeError(f"the double did not come up:\n{self.log_tail()}")
        self.port = int(words[1])
        return self

    def kill(self):
        if self.process is not None:
            self.process.stdin.close()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                super().kill()
            self.process = None

    # -- its files

    def _words(self, *words):
        """The words of the answer to an order."""
        with self._one_at_a_time:
            self.process.stdin.write(" ".join(map(str, words)) + "\n")
            self.process.stdin.flush()
            verdict, *answer = self.process.stdout.readline().split()
        if verdict != "ok":
            raise FileNotFoundError(" ".join(answer))
        return answer

    def _order(self, *words):
        return [bytes.fromhex(word) for word in self._words(*words)]

    def mkdir(self, name):
        path = PurePosixPath("/") / name
        self._order("directory", _hex(path))
        self._directories.add(str(path))
        return path

    def put(self, name, data=b"", mtime=None, mode=None):
        path = PurePosixPath("/") / name
        for parent in reversed(path.parents[:-1]):
            if str(parent) not in self._directories:
                self.mkdir(parent)
        self._order("file", _hex(path), LONG_AGO if mtime is None else mtime, _hex(data))
        return path

    def put_data_set(self, name, data=None):
        """A sequential data set or a member, or, without data, a partitioned one."""
        path = f"catalog:/{name.replace('(', '/').rstrip(')')}"
        self._order(*(["directory", _hex(path)] if data is None else ["file", _hex(path), LONG_AGO, _hex(data)]))

    def get(self, name):
        return (self._order("get", _hex(PurePosixPath("/") / name)) or [b""])[0]

    def tree(self, name="/"):
        """The paths of all that is below."""
        return [path.decode() for path in self._order("tree", _hex(name))]

    def contents(self, name="/"):
        """All that is below, by path: the content of files, None for directories."""
        words = iter(self._words("contents", _hex(name)))
        return {bytes.fromhex(path).decode(): None if content == "-" else bytes.fromhex(content.strip('"'))
                for path, content in zip(words, words)}

    def commands(self):
        return [line.decode(errors="replace") for line in self._order("commands")]

    def refuse(self, verb, reply, times=-1):
        self._order("fault", verb, times, reply)

    def halt(self, when, verb, nth=1, size=0):
        """From the nth command of that verb on (WORK: any but those of logins) nothing goes on: "before" it is
        carried out, "after" that, or "within" its transfer, after `size` bytes."""
        self._order("halt", when, verb, nth, size)

    def halted(self):
        """How many dialogues have come to a halt, ever."""
        return int(self._order("halted")[0])

    def go(self):
        """No more halts: those that have come to one end with their clients."""
        self._order("go")

    def leftovers(self, path):
        return [name for name in self.tree() if "/.ftpsfs-" in name]

    def clear_away(self, path):
        pass  # its files go with it
