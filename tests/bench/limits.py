# SPDX-License-Identifier: MIT
"""Programs that copy without a mount: what an FTP client can do when no file system is in between.
Their logins are inside what is measured."""

import os
import shutil
import subprocess

from mount import die_with_parent
from servers import PASSWORD, USER
from ways import Way, version_told_by


class Mountless(Way):
    is_limit = True

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.children = []

    @classmethod
    def available(cls):
        return shutil.which(cls.mountless) is not None

    def start(self, *words, **more):
        process = subprocess.Popen([*self.bench.enter_near(), *(str(word) for word in words)], stdin=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, preexec_fn=die_with_parent,
                                   **{"stdout": subprocess.DEVNULL, **more})
        self.children.append(process)
        return process

    def await_all(self):
        codes = [process.wait() for process in self.children]
        self.children.clear()
        if any(codes):
            raise subprocess.CalledProcessError(max(codes, key=abs), self.mountless)

    def end(self):
        for process in self.children:
            process.kill()

    def cpu_s(self):
        """Of all that have ended."""
        times = os.times()
        return times.children_user + times.children_system

    def version(self):
        return version_told_by(self.mountless, "--version")


class Curl(Mountless):
    name = "curl"
    mountless = "curl"

    def url(self, path):
        """@param path: below the bench's directory; a directory ends with a slash."""
        return f"ftp://{self.bench.host}:{self.bench.server.port}/{self.bench.name}/{path}"

    def begin(self, *words, **more):
        protection = [] if self.bench.prot == "private" else ["--ftp-ssl-control"]
        return self.start("curl", "-sS", "--ssl-reqd", *protection, "--cacert", self.bench.server.pki.ca,
                          "--user", f"{USER}:{PASSWORD}", *words, **more)

    def run(self, *words, **more):
        self.begin(*words, **more)
        self.await_all()


class Lftp(Mountless):
    name = "lftp"
    mountless = "lftp"
    takes_connections = True

    def begin(self, script):
        """@param script: lftp's commands; the bench's directory is the current one."""
        bench = self.bench
        protect = "yes" if bench.prot == "private" else "no"
        start = (f"set ssl:ca-file {bench.server.pki.ca}; set ssl:check-hostname no; set ftp:ssl-force yes; "
                 f"set ftp:ssl-protect-data {protect}; set net:max-retries 2; set cmd:fail-exit yes; "
                 f"open -u \"{USER},{PASSWORD}\" ftp://{bench.host}:{bench.server.port}/{bench.name}; ")
        self.start("lftp", "--norc", "-c", start + script)

    def run(self, script):
        self.begin(script)
        self.await_all()

    def parallel(self, usual=8):
        return self.connections or usual


LIMITS = [Curl, Lftp]
