#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Small files in a row, and reading at random, beside rclone mount on the same server.

    tests/bench/run.sh reading [--server vsftpd|proftpd] [--rtt MS] [--runs N] [--seconds S] [--size MIB] [--peers [rclone] [sshfs]]

Small files (4 KiB) over a link with delay: cp -r of 200, grep -r through 500, 8 copies side by side,
and the first byte of one file on a warm mount, in round trips. At random (4 KiB and 128 KiB, each
read checked now and then) without the link, for some seconds on a fresh mount.
"""

import os
import random
import shutil
import statistics
import subprocess
import time

from bench import parser_of, timed
from compared import Compared, add_peers

MEBIBYTE = 1 << 20


class SmallFiles(Compared):
    def run(self):
        for name, count in (("two", 200), ("five", 500)):
            for number in range(count):
                self.box.put(f"{name}/file{number:03}", os.urandom(4096))
        for number in range(8):
            self.box.put(f"cold{number}/file", b"x" * 1024)
        self.slow_down()
        out = self.folder / "out"

        def copied(how, mnt):
            shutil.rmtree(out, ignore_errors=True)
            seconds = timed(lambda: subprocess.run(how(mnt), shell=True, check=True))
            if subprocess.run(["diff", "-rq", str(self.box.remote / "two"), str(out)], check=False).returncode:
                raise SystemExit("the copies differ: this run says nothing")
            return seconds

        def first_byte(mnt):
            taken = []
            for number in range(8):
                path = mnt / f"cold{number}/file"
                os.stat(path)
                time.sleep(0.2)
                taken.append(timed(lambda: path.read_bytes()) * 1000 / self.rtt_ms)
            return statistics.median(taken)

        rows = {
            "cp -r of 200 files, s": lambda mnt: copied(lambda mnt: f"cp -r {mnt}/two {out}", mnt),
            "grep -r through 500, s": lambda mnt: timed(
                lambda: subprocess.run(["grep", "-rq", "no such word", str(mnt / "five")], check=False)),
            "8 copies side by side of 200, s": lambda mnt: copied(
                lambda mnt: f"mkdir {out} && ls {mnt}/two | xargs -P8 -I@ cp {mnt}/two/@ {out}", mnt),
            "first byte of 1 KiB, round trips": first_byte,
        }
        self.report({what: self.measure(row) for what, row in rows.items()})


class AtRandom(Compared):
    def run(self):
        size = self.arguments.size * MEBIBYTE
        big = self.box.remote / "big"
        subprocess.run(["dd", "if=/dev/urandom", f"of={big}", "bs=1M", f"count={self.arguments.size}", "status=none"], check=True)
        self.server.own(big)
        names = [way.name for way in self.mounts()]
        print(f"\n{self.where()}; {self.arguments.size} MiB, {self.arguments.seconds:g} s on a fresh mount\n")
        print(f"| reads a second | {' | '.join(names)} | peak memory of ftpsfs |\n|{'---|' * (len(names) + 2)}")
        for block in (4096, 128 << 10):
            taken, memory = {}, 0
            for number in self.runs():
                for way in self.mounts():
                    mount = way(self)
                    with mount as mnt:
                        taken.setdefault(way.name, []).append(self.read_at_random(mnt / "big", big, size, block, number))
                    memory = max(memory, getattr(mount, "memory", 0))
            row = " | ".join(f"{statistics.median(taken[name]):.0f}" for name in names)
            print(f"| {block >> 10} KiB | {row} | {memory / MEBIBYTE:.0f} MiB |")

    def read_at_random(self, path, same, size, block, seed):
        chance = random.Random(seed)
        done = 0
        with open(path, "rb", buffering=0) as file, open(same, "rb", buffering=0) as reference:
            begun = time.monotonic()
            while time.monotonic() - begun < self.arguments.seconds:
                offset = chance.randrange(size // block) * block
                data = os.pread(file.fileno(), block, offset)
                done += 1
                if done % 64 == 0 and data != os.pread(reference.fileno(), block, offset):
                    raise SystemExit("wrong bytes: this run says nothing")
            return done / (time.monotonic() - begun)


def main():
    parser = parser_of(__doc__, rtt=20)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--size", type=int, default=1024, metavar="MIB", help="of the file that is read at random")
    add_peers(parser)
    arguments = parser.parse_args()
    with SmallFiles(arguments) as small:
        small.run()
    arguments.rtt = 0
    with AtRandom(arguments) as at_random:
        at_random.run()


if __name__ == "__main__":
    main()
