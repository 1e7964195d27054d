# SPDX-License-Identifier: MIT
"""What all test servers have in common: a throw-away folder, a free port on loopback, a served
directory that the tests may look into, and processes that can be stopped, frozen or killed.

Servers run in the foreground as our own children, each in a session of its own. Their helper
processes are found through the process tree, never by name.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from network import in_network

from .freezer import Freezer

USER = "tester"
PASSWORD = "s3cret pass"  # with a blank, as people have them

# The system user that serves files: it exists everywhere. Servers are started by root, and drop to it.
SERVER_UID = 65534
SERVER_USER = "nobody"
SERVER_GROUP = "nogroup"


def free_port():
    """A port that was free a moment ago. It lies below the range from which the kernel takes ports for
    clients, so that it stays the server's when the server is stopped and started again."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def unpacked_root():
    """The folder where fetch-servers.sh unpacks Debian's servers."""
    cache = os.environ.get("FTPSFS_SERVER_CACHE")
    if not cache:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.environ.get("HOME", "/root"), ".cache")
        cache = os.path.join(base, "ftpsfs-test-servers")
    return Path(cache) / "root"


def library_path(root):
    """The unpacked libraries, to be searched before the system's."""
    found = sorted(str(p) for p in root.glob("usr/lib/*-linux-gnu")) + sorted(str(p) for p in root.glob("lib/*-linux-gnu"))
    return ":".join(found)


def process_tree(pid):
    """`pid` and all processes below it, and those in its session (children of dead children)."""
    parents, sessions = {}, {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            stat = Path(f"/proc/{entry}/stat").read_text()
        except OSError:
            continue
        fields = stat.rpartition(")")[2].split()
        parents[int(entry)] = int(fields[1])
        sessions[int(entry)] = int(fields[3])
    found = {pid}
    grew = True
    while grew:
        grew = False
        for child, parent in parents.items():
            if child not in found and (parent in found or sessions[child] == pid):
                found.add(child)
                grew = True
    return found


class Server:
    """One FTP server. Subclasses say how it is configured and started."""

    name = ""
    implicit_capable = False
    # What this server cannot do whatever the client does; the scenarios say the reason at the skip.
    has_symlink_command = False
    has_chmod = True
    has_set_mtime = True
    hides_dot_files_from_plain_list = False

    def __init__(self, folder, pki, tls="1.3", implicit=False, certificate=None, listing_limit=30000, extra=None,
                 host="localhost", address="127.0.0.1", network=None, disk_mib=None):
        self.folder = Path(folder)
        self.pki = pki
        self.tls = tls
        self.implicit = implicit
        self.certificate = certificate or pki.good
        self.listing_limit = listing_limit
        self.extra = extra or {}  # settings in the server's own words
        self.host = host
        self.address = address
        self.network = network  # a network namespace to live in, or None
        self.port = free_port()
        self.root = self.folder / "served"
        self.config = self.folder / "config"
        self.log = self.folder / f"{self.name}.log"
        self.process = None
        self._freezer = Freezer()
        for path in (self.folder, self.root, self.config):
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o755)
        self.has_own_disk = disk_mib is not None
        if self.has_own_disk:  # one that can be filled
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={disk_mib}m,mode=755", "tmpfs", self.root],
                           check=True, timeout=20)
        self.own(self.root)

    # -- for subclasses

    def command(self):
        """The command line that runs the server in the foreground."""
        raise NotImplementedError

    def environment(self):
        """What the server's process finds in its environment."""
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.folder), "LANG": "C.UTF-8", "TZ": "UTC"}
        if self.needs_openssl_conf():
            env["OPENSSL_CONF"] = str(self._openssl_conf())
        return env

    def needs_openssl_conf(self):
        """True where the server has no option of its own for the TLS version."""
        return False

    def _openssl_conf(self):
        path = self.config / "openssl.cnf"
        path.write_text(
            "openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = versions\n[versions]\n"
            f"MinProtocol = TLSv{self.tls}\nMaxProtocol = TLSv{self.tls}\nCipherString = DEFAULT:@SECLEVEL=1\n")
        return path

    def unpacked(self, path):
        """A file of the unpacked packages, and the environment entry that finds its libraries."""
        root = unpacked_root()
        target = root / path
        if not target.exists():
            raise FileNotFoundError(f"{target}: run tests/integration/fetch-servers.sh first")
        return target

    # -- life

    def start(self):
        """Starts the server (again, on the same port) and waits until it greets."""
        with open(self.log, "ab+") as log:
            # vsftpd says what is wrong with its settings on descriptor 0, as if to an FTP client.
            enter = ["nsenter", f"--net={self.network}"] if self.network else []
            self.process = subprocess.Popen(enter + self.command(), stdin=log, stdout=log, stderr=log,
                                            env=self.environment(), cwd=self.folder, start_new_session=True)
        self.wait_ready()
        return self

    def wait_ready(self, seconds=20):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            if in_network(self.network, self._greets):
                return
            time.sleep(0.05)
        tail = self.log_tail()
        self.kill()
        raise RuntimeError(f"{self.name} did not come up:\n{tail}")

    def _greets(self):
        try:
            with socket.create_connection((self.address, self.port), timeout=2) as probe:
                # An implicit server waits for a ClientHello; being connected is all there is to see.
                return self.implicit or bool(probe.recv(1))
        except OSError:
            return False

    def pids(self):
        """The server's processes, the listening one among them."""
        return process_tree(self.process.pid) if self.process else set()

    def signal_all(self, number):
        for pid in self.pids():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def freeze(self):
        """A black hole: connections are accepted by the kernel, and nothing ever answers."""
        while self._freezer.freeze(self.pids()):
            pass  # a process may have forked between the look and the stop

    def thaw(self):
        self._freezer.thaw()

    def kill(self):
        """Ends all processes at once, as a crash would."""
        if self.process is None:
            return
        # Twice: a process may have forked between the look and the kill.
        for _ in range(2):
            self.signal_all(signal.SIGKILL)
        self.process.wait(timeout=20)
        self.thaw()
        self.process = None

    def close(self):
        """Its end: nothing of it stays but files."""
        self.kill()
        if self.has_own_disk:
            subprocess.run(["umount", "-l", self.root], check=False, timeout=20)
            self.has_own_disk = False

    def drop_connections(self):
        """Kills what serves connections and leaves the listener, so that clients must log in anew."""
        listener = self.listener_pid()
        for pid in self.pids() - {self.process.pid, listener}:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def listener_pid(self):
        return self.process.pid

    stop = kill

    def clear_away(self, path):
        """Removes a test's own directory."""
        shutil.rmtree(path, ignore_errors=True)

    def leftovers(self, path):
        """What ftpsfs has left below it."""
        return [str(name) for name in path.rglob(".ftpsfs-*")]

    def clear(self):
        """Empties the served directory between scenarios."""
        for entry in list(self.root.iterdir()):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink()

    # -- looking in

    def url(self, path="/", user=USER):
        scheme = "ftps" if self.implicit else "ftpes"
        return f"{scheme}://{user}@{self.host}:{self.port}{path}"

    def log_tail(self, lines=40):
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return "(no log)"

    @staticmethod
    def own(path):
        """Hands a file that the test made to the user who serves it."""
        os.chown(path, SERVER_UID, SERVER_UID, follow_symlinks=False)

    def put(self, name, data=b"", mtime=None, mode=None):
        """Makes a file in the served directory, behind the mount's back."""
        path = self.root / name
        for parent in reversed(path.relative_to(self.root).parents[:-1]):
            self.mkdir(parent)
        with open(path, "wb") as file:
            file.write(data)
        self.own(path)
        if mode is not None:
            path.chmod(mode)
        if mtime is not None:
            os.utime(path, (mtime, mtime))
        return path

    def mkdir(self, name):
        path = self.root / name
        if not path.is_dir():
            path.mkdir()
            self.own(path)
        return path
