# SPDX-License-Identifier: MIT
"""In the manner of fsx: one file, read, written, cut, mapped, punched and opened anew by chance, through two
descriptors, and compared with an array of bytes at each step.

    fsx.py FILE SEED OPERATIONS [SERVED FILE]

A process of its own, so that a mount that hangs can be ended. It says what differs, and what was done before that."""

import collections
import ctypes
import mmap
import os
import random
import sys
import time

LARGEST = 400_000
KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE = 0x01, 0x02, 0x10
PATIENCE = 60  # seconds until what was closed is on the server

libc = ctypes.CDLL(None, use_errno=True)
libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_longlong, ctypes.c_longlong]


def fallocate(descriptor, mode, offset, size):
    if libc.fallocate(descriptor, mode, offset, size) != 0:
        raise OSError(ctypes.get_errno(), "fallocate")


class Difference(Exception):
    pass


def demand_same(found, wanted, offset):
    if found == wanted:
        return
    first = next((i for i, (a, b) in enumerate(zip(found, wanted)) if a != b), min(len(found), len(wanted)))
    raise Difference(f"at {offset + first}: {len(found)} bytes, {bytes(found[first:first + 16])!r}; "
                     f"wanted {len(wanted)}, {bytes(wanted[first:first + 16])!r}")


class Exerciser:
    def __init__(self, path, seed, served):
        self.path, self.served = path, served
        self.chance = random.Random(seed)
        self.model = bytearray()
        self.done = collections.deque(maxlen=25)
        self.descriptors = []
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644))
        self.open()

    def open(self):
        self.descriptors = [os.open(self.path, os.O_RDWR) for _ in range(2)]

    def close(self):
        while self.descriptors:
            os.close(self.descriptors.pop())

    def offset(self, below):
        return self.chance.randrange(max(1, below))

    def size(self):
        return self.chance.choice([1, 10, 511, 4096, 5000, 70_000])

    def grow(self, size):
        if len(self.model) < size:
            self.model.extend(bytes(size - len(self.model)))

    # -- what is done

    def read(self, fd):
        offset, size = self.offset(len(self.model) + 1000), self.size()
        self.note("read", offset, size)
        demand_same(os.pread(fd, size, offset), self.model[offset:offset + size], offset)

    def write(self, fd):
        offset, data = self.offset(min(len(self.model) + 5000, LARGEST - 70_000)), self.chance.randbytes(self.size())
        self.note("write", offset, len(data))
        self.write_at(fd, offset, data)

    def write_behind(self, fd):
        if len(self.model) < LARGEST - 70_000:
            data = self.chance.randbytes(self.size())
            self.note("write behind the end", len(self.model), len(data))
            self.write_at(fd, len(self.model), data)

    def write_at(self, fd, offset, data):
        if os.pwrite(fd, data, offset) != len(data):
            raise Difference("a short write")
        self.grow(offset + len(data))
        self.model[offset:offset + len(data)] = data

    def truncate(self, fd):
        size = self.offset(LARGEST) if self.chance.random() < 0.3 else self.offset(len(self.model) + 1)
        self.note("truncate", size)
        os.ftruncate(fd, size)
        del self.model[size:]
        self.grow(size)

    def read_mapped(self, fd):
        if self.model:
            offset, size = self.offset(len(self.model)), self.size()
            self.note("read mapped", offset, size)
            with mmap.mmap(fd, len(self.model), prot=mmap.PROT_READ) as pages:
                demand_same(pages[offset:offset + size], self.model[offset:offset + size], offset)

    def write_mapped(self, fd):
        if self.model:
            offset = self.offset(len(self.model))
            data = self.chance.randbytes(min(self.size(), len(self.model) - offset))
            self.note("write mapped", offset, len(data))
            with mmap.mmap(fd, len(self.model)) as pages:
                pages[offset:offset + len(data)] = data
                if self.chance.random() < 0.5:
                    pages.flush()
            self.model[offset:offset + len(data)] = data

    def punch(self, fd):
        offset, size = self.offset(len(self.model) + 1), self.size()
        self.note("punch", offset, size)
        fallocate(fd, PUNCH_HOLE | KEEP_SIZE, offset, size)
        end = min(len(self.model), offset + size)
        self.model[offset:end] = bytes(max(0, end - offset))

    def zero(self, fd):
        offset, size = self.offset(min(len(self.model) + 1, LARGEST - 70_000)), self.size()
        self.note("zero", offset, size)
        fallocate(fd, ZERO_RANGE, offset, size)
        self.grow(offset + size)
        self.model[offset:offset + size] = bytes(size)

    def sync(self, fd):
        self.note("sync")
        os.fsync(fd)

    def look(self, fd):
        self.note("stat")
        sizes = os.fstat(fd).st_size, os.stat(self.path).st_size
        if sizes != (len(self.model), len(self.model)):
            raise Difference(f"sizes are {sizes}, wanted {len(self.model)}")

    def open_anew(self, _):
        self.note("open anew")
        self.close()
        self.compare_served()
        self.open()

    # --

    def note(self, *what):
        self.done.append(" ".join(map(str, what)))

    def on_server(self):
        """What has been accepted may be on its way: then nothing is there yet, or the old file makes way."""
        try:
            with open(self.served, "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def compare_served(self):
        if self.served is None:
            return
        until = time.monotonic() + PATIENCE
        while True:
            found = self.on_server()
            if found == self.model or time.monotonic() > until:
                break
            time.sleep(0.02)
        if found is None:
            raise Difference("it is not on the server")
        demand_same(found, self.model, 0)

    def run(self, operations):
        ways = [(self.read, 20), (self.write, 20), (self.write_behind, 10), (self.truncate, 6), (self.read_mapped, 10),
                (self.write_mapped, 8), (self.punch, 4), (self.zero, 3), (self.look, 5), (self.sync, 1),
                (self.open_anew, 4)]
        deeds, weights = zip(*ways)
        for _ in range(operations):
            self.chance.choices(deeds, weights)[0](self.chance.choice(self.descriptors))
        self.close()
        with open(self.path, "rb") as file:
            demand_same(file.read(), self.model, 0)
        self.compare_served()


def main():
    path, seed, operations = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    exerciser = Exerciser(path, seed, sys.argv[4] if len(sys.argv) > 4 else None)
    try:
        exerciser.run(operations)
    except (Difference, OSError) as wrong:
        sys.exit("\n".join([f"seed {seed}: {wrong!r}, behind", *exerciser.done]))


if __name__ == "__main__":
    main()
