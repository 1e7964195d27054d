# SPDX-License-Identifier: MIT
"""Rows of a benchmark that ftpsfs and its peers do in turn, each time on a fresh mount."""

import os
import statistics
import sys

from bench import Bench
from peers import PEERS, CannotMount


class Ours:
    name = "ftpsfs"
    options = {}

    def __init__(self, bench):
        self.box = bench.box

    def __enter__(self):
        return self.box.mount(**self.options)

    def __exit__(self, *_):
        self.memory = self.box.last.peak_memory()
        self.box.unmount()


def add_peers(parser):
    names = [peer.name for peer in PEERS]
    parser.add_argument("--peers", nargs="*", choices=names, default=names, help="the other programs; --peers with no name: none")


class Compared(Bench):
    read_only = True
    ours = [Ours]
    peers = None

    def mounts(self):
        if self.peers is None:
            self.peers = [peer for peer in PEERS if peer.name in self.arguments.peers and self.can_mount(peer)]
        return [*self.peers, *self.ours]

    def can_mount(self, peer):
        try:
            with peer(self):
                return True
        except CannotMount as reason:
            print(reason, file=sys.stderr)
            return False

    def measure(self, row, middle=statistics.median):
        """@return by name of the program, the middle one of what the row returns."""
        taken = {}
        for _ in self.runs():
            for way in self.mounts():
                with way(self) as mnt:
                    os.listdir(mnt)
                    taken.setdefault(way.name, []).append(row(mnt))
        return {name: middle(each) for name, each in taken.items()}

    def report(self, rows):
        names = [way.name for way in self.mounts()]
        print(f"\n{self.where()}\n\n| | {' | '.join(names)} |\n|{'---|' * (len(names) + 1)}")
        for what, taken in rows.items():
            print(f"| {what} | {' | '.join(f'{taken[name]:.2f}' for name in names)} |")
