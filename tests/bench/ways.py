# SPDX-License-Identifier: MIT
"""The programs that do rows: what all of them have in common, and ftpsfs itself. Others that mount
are in peers.py, those that copy without a mount in limits.py.

A way is made anew for each cell of the table. `with way as mnt` mounts for a row; a mountless way is
asked by name instead (Row.by_curl, Row.by_lftp)."""

import os
import re
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import bench  # noqa: F401  (finds the integration tests' modules)
from box import wait_for
from mount import Mount, MountFailed, die_with_parent, is_mounted, lazy_unmount
from servers.base import process_tree


class CannotRun(Exception):
    """The program does not mount this server, or does not end well."""


@dataclass
class Usage:
    """Of the processes of a mount, so far."""

    cpu_s: float
    peak_bytes: int
    resident_bytes: int
    wakeups: int  # times that a thread of theirs waited and was woken


def statuses_of_threads(pid):
    for thread in os.scandir(f"/proc/{pid}/task"):
        try:
            yield Path(thread, "status").read_text()
        except OSError:
            continue  # it has just ended, and its process has not


def usage_of(pid):
    """Of that process and those below it."""
    usage = Usage(0, 0, 0, 0)
    for each in process_tree(pid):
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            lines = Path(f"/proc/{each}/status").read_text().splitlines()
            threads = list(statuses_of_threads(each))
        except OSError:
            continue  # it has just ended; its parent has its time
        usage.cpu_s += sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")
        status = dict(line.split(":", 1) for line in lines)
        usage.peak_bytes += int(status["VmHWM"].split()[0]) * 1024
        usage.resident_bytes += int(status["VmRSS"].split()[0]) * 1024
        usage.wakeups += sum(int(line.split()[1]) for thread in threads for line in thread.splitlines()
                             if line.startswith("voluntary_ctxt_switches"))
    return usage


class Way:
    name = ""
    mountless = None  # or the name by which rows know it
    is_limit = False  # no mount of the server: what a mount can at best be as good as
    is_ours = False
    over_links = True
    takes_connections = False  # can be told how many connections it may have

    def __init__(self, bench, connections=None):
        self.bench = bench
        self.connections = connections
        self.expired = False

    @classmethod
    def available(cls):
        return True

    def abort(self):
        """The row has taken too long: whoever waits for this program gets an error."""
        self.expired = True
        self.end()

    def end(self):
        raise NotImplementedError

    def version(self):
        """For the report."""
        raise NotImplementedError


def version_told_by(*command):
    """The first number with a dot on the first line that has one behind the program's name."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True)
    name = os.path.basename(command[0])
    found = re.search(rf"^[^\n]*\b{re.escape(name)}\b[^\n]*?(\d+\.[\w.+~-]*)", done.stdout, re.IGNORECASE | re.MULTILINE)
    return found.group(1) if found else "?"


class MountWay(Way):
    def usage(self):
        return usage_of(self.pid())

    def pid(self):
        raise NotImplementedError


class QuietMount(Mount):
    """As users have it: what tests log would take time."""

    def command(self):
        return [word for word in super().command() if word not in ("-v", "--log-level=debug")]


class Ours(MountWay):
    name = "ftpsfs"
    is_ours = True
    takes_connections = True
    options = ""

    @classmethod
    def with_options(cls, options):
        """The same with other options, as a way of its own."""
        return type("OursWithOptions", (cls,), {"name": f"ftpsfs {options}", "options": options})

    def __enter__(self):
        bench = self.bench
        options = {"credentials": bench.credentials, "cacert": bench.server.pki.ca, "prot": bench.prot}
        if self.connections:
            options["max_conns"] = self.connections
        for word in filter(None, self.options.split(",")):
            name, equals, value = word.partition("=")
            options[name] = value if equals else True
        self.mount = QuietMount(tempfile.mkdtemp(prefix="by-ftpsfs-", dir=bench.folder),
                                bench.server.url(f"/{bench.name}"), options, network=bench.near)
        try:
            return self.mount.start()
        except MountFailed as failure:
            raise CannotRun(str(failure)) from None

    def __exit__(self, *_):
        if self.expired:
            return
        try:
            code = self.mount.unmount(seconds=120)
        finally:
            self.mount.kill()
        if code != 0:
            raise CannotRun(f"ftpsfs ended with {code}: {self.mount.log_tail(1)}")

    def end(self):
        self.mount.kill()

    def pid(self):
        return self.mount.process.pid

    def version(self):
        return version_told_by(os.environ["FTPSFS_BIN"], "--version")


class OtherMount(MountWay):
    """A program that stays in the foreground while it mounts."""

    process = None

    def command(self):
        """@return the words, without nsenter."""
        raise NotImplementedError

    def __enter__(self):
        self.mnt = Path(tempfile.mkdtemp(prefix=f"by-{self.name.replace(' ', '-')}-", dir=self.bench.folder))
        words = [str(word) for word in [*self.bench.enter_near(), *self.command()]]
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True, preexec_fn=die_with_parent)
        if not wait_for(lambda: is_mounted(self.mnt) or self.process.poll() is not None, 30, step=0.01) \
                or not is_mounted(self.mnt):
            self.end()
            raise CannotRun(f"{self.name} cannot mount {self.bench.server_name}")
        return self.mnt

    def __exit__(self, *_):
        deadline = time.monotonic() + 60
        while is_mounted(self.mnt) and not self.expired and time.monotonic() < deadline:
            if subprocess.run(["umount", str(self.mnt)], check=False, stderr=subprocess.DEVNULL).returncode:
                time.sleep(0.1)  # busy: a tool that has just ended may still hold it
        self.end()

    def end(self):
        if is_mounted(self.mnt):
            lazy_unmount(self.mnt)
        if self.process is None:
            return
        try:
            self.process.wait(0 if self.expired else 10)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(20)
        self.process = None

    def pid(self):
        return self.process.pid
