#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Many small changes over a link with delay: beside other mounts of the same server.

    tests/bench/run.sh writing [--server vsftpd|proftpd] [--rtt MS] [--runs N] [--peers [rclone] [sshfs]]

200 files of 4 KiB by cp -r, by eight cp at a time and by tar; 500 removed by rm -r; a line appended
to a file of 100 MiB. Each row twice, as a mount may write behind its programs: until the program
returns, and until all is on the server, where it is compared.
"""

import os
import subprocess
import time

from bench import parser_of
from compared import Compared, add_peers

FILES, REMOVED = 200, 500
SLOTS = 200
LARGE = 100 << 20


class Writing(Compared):
    read_only = False

    def run(self):
        source = self.folder / "two"
        source.mkdir()
        for number in range(FILES):
            (source / f"file{number:03}").write_bytes(os.urandom(4096))
        archive = self.folder / "two.tar"
        subprocess.run(["tar", "-C", self.folder, "-cf", archive, "two"], check=True)
        there = self.box.remote
        self.slow_down()

        # No mount has looked into them before their turn: what is put there behind its back is seen.
        slots = iter([f"slot{number}" for number in range(SLOTS)])
        for number in range(SLOTS):
            (there / f"slot{number}").mkdir()
            self.server.own(there / f"slot{number}")

        def both(program, arrived):
            begun = time.monotonic()
            program()
            returned = time.monotonic() - begun
            while not arrived():
                if time.monotonic() - begun > 600:
                    raise SystemExit("not all has arrived: this run says nothing")
                time.sleep(0.02)
            return returned, time.monotonic() - begun

        def shell(line):
            return lambda: subprocess.run(line, shell=True, check=True)

        def copied(how):
            def row(mnt):
                name = next(slots)
                target = mnt / name
                os.listdir(target)

                def all_there():
                    place = there / name / "two"
                    return place.is_dir() and sum(1 for entry in os.scandir(place) if entry.stat().st_size == 4096 and
                                                  not entry.name.startswith(".")) == FILES
                taken = both(shell(how(target)), all_there)
                if subprocess.run(["diff", "-rq", there / name / "two", source], check=False).returncode:
                    raise SystemExit("the copies differ: this run says nothing")
                return taken
            return row

        def removed(mnt):
            name = f"{next(slots)}/gone"
            target = there / name
            target.mkdir()
            for number in range(REMOVED):
                (target / f"f{number}").write_bytes(b"x")
                self.server.own(target / f"f{number}")
            self.server.own(target)
            return both(shell(f"rm -r {mnt}/{name}"), lambda: not target.exists())

        def appended(mnt):
            name = f"{next(slots)}/large"
            large = there / name
            with open(large, "wb") as file:
                file.truncate(LARGE)
            self.server.own(large)
            taken = both(shell(f"echo a line >> {mnt}/{name}"), lambda: large.stat().st_size == LARGE + 7)
            large.unlink()
            return taken

        rows = {
            "cp -r of 200": copied(lambda target: f"cp -r {source} {target}"),
            "8 copies side by side of 200": copied(
                lambda target: f"mkdir {target}/two && ls {source} | xargs -P8 -I@ cp {source}/@ {target}/two"),
            "tar xf of 200": copied(lambda target: f"tar -C {target} -xf {archive}"),
            "rm -r of 500": removed,
            "a line appended to 100 MiB": appended,
        }
        table = {}
        for what, row in rows.items():
            taken = self.measure(row, lambda each: sorted(each, key=lambda both: both[1])[len(each) // 2])
            table[f"{what}, s"] = {name: each[0] for name, each in taken.items()}
            table[f"{what}, s until it is on the server"] = {name: each[1] for name, each in taken.items()}
        self.report(table)


def main():
    parser = parser_of(__doc__, rtt=20)
    add_peers(parser)
    with Writing(parser.parse_args()) as writing:
        writing.run()


if __name__ == "__main__":
    main()
