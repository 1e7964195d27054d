# SPDX-License-Identifier: MIT
"""Runs the ftpsfs program for a test: mounts, waits until the mount answers, unmounts, and makes sure
that neither a process nor a mount stays behind."""

import ctypes
import json
import os
import signal
import subprocess
import time
from pathlib import Path

from servers import PASSWORD, USER

LOCAL = os.environ.get("FTPSFS_TEST_LOCAL") == "1"
_libc = ctypes.CDLL(None)


def binary():
    """The program under test, named by ctest or found where the release preset puts it."""
    default = Path(__file__).resolve().parents[2] / "build/release/ftpsfs"
    return Path(os.environ.get("FTPSFS_BIN") or default)


def sanitized():
    """True where the program was built with a sanitizer: slower, and fonder of memory."""
    return os.environ.get("FTPSFS_SANITIZED") == "1"


def patient(seconds):
    """How long something may take that takes so many seconds at most, of a program that is not sanitized."""
    return seconds * (3 if sanitized() else 1)


def die_with_parent():
    """Runs in a child before exec: a test run that is killed takes its mounts and tools along."""
    pr_set_pdeathsig = 1
    _libc.prctl(pr_set_pdeathsig, signal.SIGKILL)


def is_mounted(path):
    """Looks in the mount table alone: a look at the path itself may hang."""
    wanted = str(path).replace(" ", "\\040")
    with open("/proc/self/mounts") as mounts:
        return any(line.split()[1] == wanted for line in mounts)


def lazy_unmount(path):
    subprocess.run(["umount", "-l", str(path)], stderr=subprocess.DEVNULL, timeout=20)


def processes_of(path):
    """The ids of all ftpsfs processes whose command line names this mount point."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            words = Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
            executable = os.readlink(f"/proc/{entry}/exe")
        except OSError:
            continue
        if str(path).encode() in words and executable == str(binary().resolve()):
            found.append(int(entry))
    return found


class MountFailed(Exception):
    """ftpsfs ended instead of mounting."""

    def __init__(self, code, output):
        super().__init__(f"ftpsfs ended with {code}:\n{output}")
        self.code = code
        self.output = output


def status_of(path):
    """What `ftpsfs status --json` tells of the mount there."""
    done = subprocess.run([str(binary()), "status", "--json", str(path)], check=True, capture_output=True, timeout=20)
    return json.loads(done.stdout)


def write_credentials(path, user=USER, password=PASSWORD):
    path.write_text(f"username={user}\npassword={password}\n")
    path.chmod(0o600)
    return path


class Mount:
    """One mount, by a process in the foreground whose log goes to a file."""

    def __init__(self, folder, url, options, arguments=(), network=None):
        self.folder = Path(folder)
        self.path = self.folder / "mnt"
        self.log = self.folder / "ftpsfs.log"
        self.url = url
        self.options = dict(options)
        self.arguments = list(arguments)
        self.network = network  # a network namespace; the mount itself is seen everywhere
        self.process = None
        self.path.mkdir(parents=True, exist_ok=True)

    def command(self):
        joined = ",".join(name if value is True else f"{name}={value}" for name, value in self.options.items())
        enter = ["nsenter", f"--net={self.network}"] if self.network else []
        return [*enter, str(binary()), self.url, str(self.path), "-f", "-v", "--log-level=debug", *self.arguments,
                *(["-o", joined] if joined else [])]

    def launch(self):
        """Starts the process alone: the mount comes when the server has been seen."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True, preexec_fn=die_with_parent)

    def start(self, seconds=30):
        self.launch()
        deadline = time.monotonic() + seconds
        while not is_mounted(self.path):
            code = self.process.poll()
            if code is not None:
                raise MountFailed(code, self.log_tail())
            if time.monotonic() > deadline:
                self.kill()
                raise MountFailed("no mount in time", self.log_tail())
            time.sleep(0.01)
        return self.path

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def unmount(self, seconds=30):
        """The ordinary way out. Returns the process's exit code."""
        deadline = time.monotonic() + seconds
        while is_mounted(self.path):
            done = subprocess.run(["fusermount3", "-u", str(self.path)], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, timeout=seconds)
            if done.returncode == 0 or time.monotonic() > deadline:
                break
            time.sleep(0.1)  # busy: a tool that has just ended may still hold it
        code = self.process.wait(timeout=max(1, deadline - time.monotonic()))
        if is_mounted(self.path):
            raise AssertionError(f"{self.path} is still mounted after its process ended")
        self.process = None
        return code

    def kill(self):
        """The way out that always works; requests that wait in the kernel fail."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait(timeout=20)
            self.process = None
        if is_mounted(self.path):
            lazy_unmount(self.path)

    def peak_memory(self):
        """The most memory that the process has had in use, in bytes."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("no VmHWM")

    def log_tail(self, lines=60):
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return "(no log)"

    def sanitizer_reports(self):
        marks = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", "runtime error:")
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return [line for line in text.splitlines() if any(mark in line for mark in marks)]
