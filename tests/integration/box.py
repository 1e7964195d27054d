# SPDX-License-Identifier: MIT
"""A test's own box: a directory on the server, a mount of it, and tools that run inside with a limit
on their time."""

import hashlib
import os
import signal
import subprocess
import time
from pathlib import Path

from mount import LOCAL, Mount, die_with_parent, write_credentials


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def wait_for(condition, seconds=10, step=0.02):
    """Waits until the condition holds; false if it never did."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(step)
    return bool(condition())


class ToolFailed(AssertionError):
    """A program in the box ended with an error, or did not end."""


class Box:
    """What a test works with: `remote` is the server's directory, `mount()` gives it as a filesystem."""

    def __init__(self, server, folder, name, prot="private", network=None):
        self.server = server
        self.folder = Path(folder)
        self.name = name
        self.prot = prot
        self.network = network
        self.remote = server.mkdir(name)
        self.start_path = f"/{name}"  # of the mount
        self.mounts = []
        self.children = []
        self.allow_leftovers = False
        self.credentials = write_credentials(self.folder / "credentials")

    # -- the server's side

    def put(self, name, data=b"", mtime=None, mode=None):
        """A file on the server, made behind the mount's back."""
        if isinstance(data, str):
            data = data.encode()
        return self.server.put(f"{self.name}/{name}", data, mtime=mtime, mode=mode)

    def put_directory(self, name):
        path = self.remote / name
        for parent in reversed([path, *path.parents]):
            if self.remote in parent.parents and not parent.is_dir():
                self.server.mkdir(parent.relative_to(self.server.root))
        return path

    def put_link(self, name, target):
        path = self.remote / name
        os.symlink(target, path)
        self.server.own(path)
        return path

    # -- the mount

    def url(self):
        return self.server.url(self.start_path)

    def default_options(self):
        return {"credentials": self.credentials, "cacert": self.server.pki.ca, "prot": self.prot,
                "timeout": 20, "connect_timeout": 10}

    def mount(self, *arguments, **options):
        """Mounts the box's directory and returns the mount point. Options are ftpsfs's."""
        if LOCAL:
            return self.remote
        return self.prepare_mount(*arguments, **options).start()

    def prepare_mount(self, *arguments, **options):
        """A mount that is not started yet."""
        folder = self.folder / f"mount{len(self.mounts)}"
        mount = Mount(folder, self.url(), {**self.default_options(), **options}, arguments, self.network)
        self.mounts.append(mount)
        return mount

    @property
    def last(self):
        return self.mounts[-1]

    def unmount(self):
        """Unmounts, and says that the program ended well."""
        if LOCAL:
            return
        code = self.last.unmount()
        assert code == 0, f"ftpsfs ended with {code}:\n{self.last.log_tail()}"

    def remount(self, **options):
        """A second life: nothing is cached."""
        self.unmount()
        return self.mount(**options)

    # -- tools

    def start(self, command, cwd=None, **more):
        """Starts a program that the box ends at the latest when the test does."""
        process = subprocess.Popen([str(word) for word in command], cwd=cwd, start_new_session=True,
                                   preexec_fn=die_with_parent, **more)
        self.children.append(process)
        return process

    def run(self, command, cwd=None, timeout=60, check=True, env=None, stdin=None):
        """Runs a program to its end, and gives its output as bytes in .stdout (errors included in .stderr)."""
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": str(self.folder), **(env or {})}
        process = self.start(command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL)
        try:
            output, errors = process.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired:
            self.end(process)
            raise ToolFailed(f"{command} did not end in {timeout} s") from None
        finally:
            self.children.remove(process)
        done = subprocess.CompletedProcess(command, process.returncode, output, errors)
        if check and process.returncode != 0:
            raise ToolFailed(f"{command} ended with {process.returncode}:\n{output.decode(errors='replace')[-2000:]}\n"
                             f"{errors.decode(errors='replace')[-4000:]}")
        return done

    def sh(self, script, cwd=None, **more):
        """Runs a shell script, inside the mount unless told otherwise."""
        return self.run(["bash", "-eu", "-o", "pipefail", "-c", script], cwd=cwd or self.here(), **more)

    def here(self):
        return self.remote if LOCAL else self.last.path

    @staticmethod
    def end(process):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            pass  # it waits for the filesystem, whose process is ended next

    def hidden(self):
        """Names on the server, in the box's directory itself, that no program made."""
        return [path.name for path in self.remote.iterdir() if path.name.startswith(".ftpsfs-")]

    # -- the end

    def break_everything(self):
        """Called by the watchdog: whatever hangs on the mount gets an error."""
        for mount in self.mounts:
            mount.kill()
        for process in list(self.children):
            self.end(process)

    def close(self, failed):
        """Takes everything down and returns complaints. After a failure only tidies up."""
        complaints = []
        for process in list(self.children):
            self.end(process)
        for mount in self.mounts:
            if mount.process is not None:
                if failed or not mount.alive():
                    if not failed:
                        complaints.append(f"ftpsfs died during the test:\n{mount.log_tail()}")
                    mount.kill()
                else:
                    try:
                        code = mount.unmount()
                        if code != 0:
                            complaints.append(f"ftpsfs ended with {code}:\n{mount.log_tail()}")
                    except (AssertionError, subprocess.TimeoutExpired) as problem:
                        complaints.append(f"unmounting: {problem}\n{mount.log_tail()}")
                        mount.kill()
            complaints += mount.sanitizer_reports()
        if not failed and not LOCAL and not self.allow_leftovers:
            leftovers = self.server.leftovers(self.remote)
            if leftovers:
                complaints.append(f"temporary files were left on the server: {leftovers}")
        return complaints
