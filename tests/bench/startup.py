#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How soon a mount is usable: from the command line to the first answer of the mount.

    tests/bench/run.sh startup [--rtt MS] [--runs N] [--server NAME]

The same over a link without delay and with it. Without it, what is left when the server's slowest reply is taken away is
ours, and the handshakes: start of the program, TLS, the mount itself. The difference of the two is the round trips of a login and a look.
"""

import os
import statistics
import subprocess
import time

from bench import Bench, parser_of
from mount import binary, status_of


class Startup(Bench):
    def begin(self):
        """@return (seconds until the mount has answered, of these the server's: its slowest reply)"""
        mount = self.folder / "mnt"
        mount.mkdir(exist_ok=True)
        options = f"credentials={self.box.credentials},cacert={self.server.pki.ca}"
        url = self.server.url(f"/{self.box.name}")
        started = time.monotonic()
        subprocess.run(["nsenter", f"--net={self.near}", binary(), url, mount, "-o", options], check=True)
        os.stat(mount / "hello")
        took = time.monotonic() - started
        # Where it checks the password, mostly: ProFTPD takes its time for that.
        server = max(verb["max_us"] for verb in status_of(mount)["verbs"]) / 1e6
        subprocess.run([binary(), "umount", mount], check=True)
        return took, server

    def run(self):
        self.box.put("hello", b"hello\n")
        near = [self.begin() for _ in self.runs()]
        self.slow_down()
        far = [self.begin()[0] for _ in self.runs()]
        took, server = (statistics.median(column) * 1000 for column in zip(*near))
        ours = statistics.median(took - server for took, server in near) * 1000
        trips = (statistics.median(far) * 1000 - took) / self.rtt_ms
        print(f"{self.where()}\n")
        print("| until the mount answers | |\n|---|---|")
        print(f"| without delay | {took:.0f} ms |\n| of this the server's slowest reply | {server:.0f} ms |")
        print(f"| the rest | {ours:.0f} ms |\n| with delay, on top | {trips:.1f} round trips |")


def main():
    with Startup(parser_of(__doc__, rtt=40).parse_args()) as startup:
        startup.run()


if __name__ == "__main__":
    main()
