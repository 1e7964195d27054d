# SPDX-License-Identifier: MIT
"""Random operations on the mount and on a local directory beside it: both must give the same results,
the same contents and the same kind of errors. FTPSFS_SEED repeats a run."""

import errno
import os
import random
import stat
import time

import pytest

from box import wait_for

OPERATIONS = 250
FILES = [f"f{number}" for number in range(6)] + ["d0/f", "d1/f", "d0/d2/f"]
DIRECTORIES = ["d0", "d1", "d0/d2", "d3"]

# Where several errors fit, which one a filesystem gives is its own choice.
ALIKE = [{errno.ENOTEMPTY, errno.EEXIST}, {errno.ENOTDIR, errno.ENOENT}, {errno.EISDIR, errno.EEXIST, errno.EPERM},
         {errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY, errno.EEXIST}]


def alike(one, other):
    return one == other or any(one in group and other in group for group in ALIKE)


class Model:
    """One operation, drawn by chance, done on any root."""

    def __init__(self, chance):
        self.chance = chance

    def draw(self):
        choose, chance = self.chance.choice, self.chance
        kind = chance.choices(
            ["write", "append", "patch", "truncate", "read", "delete", "rename", "mkdir", "rmdir", "list", "stat", "swap"],
            [20, 8, 12, 6, 12, 8, 12, 12, 4, 6, 6, 12])[0]
        data = chance.randbytes(choose([0, 1, 100, 5000, 70_000, 300_000]))
        # A directory mostly goes where another may be: an empty one that is there is replaced.
        others = DIRECTORIES if kind == "swap" and chance.random() < 0.8 else FILES + DIRECTORIES
        return kind, {"file": choose(FILES), "other": choose(others), "dir": choose(DIRECTORIES),
                      "data": data, "offset": chance.randrange(100_000), "size": choose([0, 10, 5000, 80_000])}

    @staticmethod
    def do(root, kind, a):
        path = root / a["file"]
        if kind == "write":
            with open(path, "wb") as file:
                file.write(a["data"])
        elif kind == "append":
            with open(path, "ab") as file:
                file.write(a["data"])
        elif kind == "patch":
            with open(path, "r+b", buffering=0) as file:
                # Where the kernel splits it, and not all parts succeed, less is written than was asked for. The soak
                # test does on the disk what was told by the mount; without faults, the other count is a difference.
                written = os.pwrite(file.fileno(), a["data"], a["offset"])
                a["data"] = a["data"][:written]
                return written, read_at(file.fileno(), 500, max(0, a["offset"] - 100))
        elif kind == "truncate":
            os.truncate(path, a["size"])
        elif kind == "read":
            with open(path, "rb", buffering=0) as file:
                return read_at(file.fileno(), 20_000, a["offset"] // 2), path.read_bytes()
        elif kind == "delete":
            os.unlink(path)
        elif kind == "rename":
            os.rename(path, root / a["other"])
        elif kind == "swap":
            os.rename(root / a["dir"], root / a["other"])
        elif kind == "mkdir":
            os.mkdir(root / a["dir"])
        elif kind == "rmdir":
            os.rmdir(root / a["dir"])
        elif kind == "list":
            return sorted(os.listdir(root / a["dir"]))
        elif kind == "stat":
            info = path.stat()
            return info.st_size if stat.S_ISREG(info.st_mode) else "directory"  # one look: a second one may fail
        return None


def read_at(descriptor, size, offset):
    """All that is there: a read that fails in a later page gives what it has, and its error to the next one."""
    found = b""
    while len(found) < size:
        block = os.pread(descriptor, size - len(found), offset + len(found))
        if not block:
            break
        found += block
    return found


def attempt(root, kind, arguments):
    try:
        return "done", Model.do(root, kind, arguments)
    except OSError as error:
        return "error", error.errno


def contents(root):
    def fail(error):
        raise error

    found = {}
    for folder, folders, files in os.walk(root, onerror=fail):
        for name in folders:
            found[os.path.relpath(os.path.join(folder, name), root)] = None
        for name in files:
            if not name.startswith(".ftpsfs-"):
                with open(os.path.join(folder, name), "rb") as file:
                    found[os.path.relpath(os.path.join(folder, name), root)] = file.read()
    return found


@pytest.mark.smoke
@pytest.mark.content
@pytest.mark.seconds(180)
@pytest.mark.parametrize("max_conns", [2, 8])
def test_random_operations_agree_with_a_local_directory(box, max_conns):
    seed = int(os.environ.get("FTPSFS_SEED") or time.time_ns() % 1_000_000_007)
    print(f"FTPSFS_SEED={seed}")
    model = Model(random.Random(seed))
    reference = box.folder / "reference"
    reference.mkdir()
    mount = box.mount(max_conns=max_conns)
    done = []
    for number in range(OPERATIONS):
        kind, arguments = model.draw()
        short = {key: value if key != "data" else len(value) for key, value in arguments.items()}
        done.append(f"{number}: {kind} {short}")
        expected, got = attempt(reference, kind, arguments), attempt(mount, kind, arguments)
        same = expected == got or (expected[0] == got[0] == "error" and alike(expected[1], got[1]))
        history = "\n".join(done[-12:])
        assert same, f"seed {seed}, {done[-1]}: local {short_result(expected)}, mount {short_result(got)}\n{history}"
        if number % 50 == 49:
            assert contents(mount) == contents(reference), f"seed {seed} after {number}\n{history}"
    assert contents(mount) == contents(reference), f"seed {seed}"
    assert wait_for(lambda: contents(box.remote) == contents(reference)), f"seed {seed}: the server has something else"
    mount = box.remount()
    assert contents(mount) == contents(reference), f"seed {seed}: another look shows something else"


def short_result(result):
    kind, value = result
    if kind == "error":
        return errno.errorcode.get(value, value)
    text = repr(value)
    return text if len(text) < 200 else f"{text[:200]}…"
