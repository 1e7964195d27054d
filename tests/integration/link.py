# SPDX-License-Identifier: MIT
"""A network between the mount and its server, of the wanted delay, rate and loss: two network
namespaces joined by tests/support/link. All of it is gone when the emulator ends."""

import os
import subprocess
from pathlib import Path

from mount import binary, die_with_parent


def emulator():
    """The program, named by ctest or found beside ftpsfs, where the build puts it."""
    return Path(os.environ.get("FTPSFS_LINK_EMULATOR") or binary().parent / "tests/support/link_emulator")


class Link:
    """`left` and `right` are (address, namespace)."""

    def __init__(self, seed=1):
        self.process = subprocess.Popen([str(emulator()), str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, preexec_fn=die_with_parent)
        self.left = self._read_end("left")
        self.right = self._read_end("right")

    def _read_end(self, side):
        words = self.process.stdout.readline().split()
        if len(words) != 3 or words[0] != side:
            raise RuntimeError(f"the link emulator did not start: {words}")
        return words[1], words[2]

    def _order(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if not answer or answer[0] != "ok":
            raise RuntimeError(f"{line}: {' '.join(answer)}")
        return answer[1:]

    def set(self, **character):
        """delay_ms= (one way), jitter_ms=, mbit=, loss= (0 to 1), cut= (0 or 1)."""
        self._order("set " + " ".join(f"{name}={value}" for name, value in character.items()))

    def forget(self):
        """As a NAT router that was restarted: packets of all connections so far vanish, new ones are let through."""
        self._order("forget")

    def ip(self, end, *words):
        """ip(8) at one of the ends."""
        subprocess.run(["nsenter", f"--net={end[1]}", "ip", *words], check=True, timeout=20)

    def counters(self):
        """(packets, bytes, lost packets) so far."""
        return tuple(int(word) for word in self._order("counters"))

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)
        self.process.stdout.close()
