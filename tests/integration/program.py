# SPDX-License-Identifier: MIT
"""Runs ftpsfs as a person does: it goes into the background by itself, or ends with a line on stderr."""

import os
import signal
import subprocess
import time

from box import wait_for
from mount import binary, is_mounted, lazy_unmount, processes_of, write_credentials

EXIT_USAGE, EXIT_INTERRUPTED, EXIT_FAILED = 1, 8, 32


class Program:
    """ftpsfs, a mount point, and the tidying up afterwards."""

    def __init__(self, box):
        self.box = box
        self.mnt = box.folder / "daemon-mnt"
        self.mnt.mkdir()

    def options(self, **more):
        """Options that suit the box's server; None removes one."""
        options = {"credentials": self.box.credentials, "cacert": self.box.server.pki.ca, "connect_timeout": 5,
                   "timeout": 10, **more}
        return {name: value for name, value in options.items() if value is not None}

    def run(self, *words, stdin=None, timeout=40, env=None, **options):
        """Runs `ftpsfs WORDS… -o OPTIONS`. The daemon must not hold our pipes, or this would never return."""
        joined = ",".join(name if value is True else f"{name}={value}" for name, value in options.items())
        command = [str(binary()), *map(str, words), *(["-o", joined] if joined else [])]
        return subprocess.run(command, input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=timeout,
                              env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})})

    def mount(self, *words, url=None, stdin=None, env=None, **options):
        """Mounts in the background and says that it worked: usable the moment the program has returned."""
        done = self.run(url or self.box.url(), self.mnt, *words, stdin=stdin, env=env, **self.options(**options))
        assert done.returncode == 0, done.stderr
        assert is_mounted(self.mnt)
        assert self.pids(), "no process serves the mount"
        return done

    def fail(self, *words, url=None, stdin=None, code=EXIT_FAILED, **options):
        """Expects a refusal: the exit code, one clear line, no mount, no process. Returns the line."""
        started = time.monotonic()
        done = self.run(url or self.box.url(), self.mnt, *words, stdin=stdin, **self.options(**options))
        assert done.returncode == code, f"exit {done.returncode}: {done.stderr}"
        assert not is_mounted(self.mnt)
        assert wait_for(lambda: not self.pids(), seconds=5)
        assert time.monotonic() - started < 20
        lines = [line for line in done.stderr.splitlines() if line.strip() and "warning:" not in line]
        assert len(lines) == 1, f"not one line: {done.stderr}"
        return lines[0]

    def pids(self):
        return processes_of(self.mnt)

    def ended(self, seconds=20):
        return wait_for(lambda: not self.pids() and not is_mounted(self.mnt), seconds=seconds)

    def tidy(self):
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)
        if is_mounted(self.mnt):
            lazy_unmount(self.mnt)

    def other_credentials(self, **more):
        return write_credentials(self.box.folder / "other-credentials", **more)
