#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What works with each of the real servers: a Markdown table, each cell of it tried on a mount.

    tests/integration/compatibility.py                  prints the table
    tests/integration/compatibility.py --write          puts it into contrib/doc/servers.md
    tests/integration/compatibility.py --server vsftpd  tries one server alone

Needs root, as the integration tests do, and a program: the release preset's, or FTPSFS_BIN.
"""

import argparse
import contextlib
import errno
import json
import os
import re
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from box import Box, sha256  # noqa: E402
from mount import binary, status_of  # noqa: E402
from pki import Pki  # noqa: E402
from servers import SERVERS  # noqa: E402

DOCUMENT = Path(__file__).resolve().parents[2] / "contrib/doc/servers.md"
BEGIN = "<!-- tests/integration/compatibility.py --write: begin -->"
END = "<!-- tests/integration/compatibility.py --write: end -->"

# A Saturday in 2009, to the second: no listing by LIST tells it so exactly.
LONG_AGO = 1_234_567_891
# What statfs says where the server does not tell.
UNKNOWN_SPACE = 1 << 50

FEATURES = []


def feature(name):
    """A row of the table: a function that tries it on a box, and gives a word or two, True or False."""
    def note(function):
        FEATURES.append((name, function))
        return function
    return note


def trace_of(box):
    """The commands that the mount has sent, without what else the trace tells."""
    text = (box.folder / "trace").read_text(errors="replace")
    return re.findall(r"^\S+ #\d+ > (.*)$", text, re.MULTILINE)


def options_of(box, **more):
    """Nothing is remembered: the rows put files behind the mount's back."""
    return {"trace": box.folder / "trace", "dir_cache_timeout": 0, "attr_timeout": 0, "entry_timeout": 0,
            "negative_timeout": 0, **more}


@feature("`ftpsfs check --write`")
def check(box):
    options = [f"-ocredentials={box.credentials},cacert={box.server.pki.ca}"]
    done = subprocess.run([str(binary()), "check", "--json", "--write", *options, box.url()], capture_output=True,
                          timeout=60)
    return json.loads(done.stdout)["good"] and done.returncode == 0


@feature("recognised as")
def recognised(box):
    return status_of(box.last.path)["server"].split(":")[0]


def resumed_of(box):
    """How many data connections of the mount resume the session of their control connection."""
    box.put("resumed", b"x" * 1000)
    (box.last.path / "resumed").read_bytes()
    status = status_of(box.last.path)
    total, full = status["data_connections"], status["full_handshakes"]
    return "none" if full == total else "all" if full == 0 else f"{total - full} of {total}"


@feature("data connections resumed, TLS 1.3")
def resumed_1_3(box):
    return resumed_of(box)


@feature("the same, TLS 1.2")
def resumed_1_2(box):
    with box_on(box.server.name, box.folder / "older", box.server.pki, tls="1.2") as older:
        return resumed_of(older)


@feature("directories listed by")
def listing_way(box):
    box.put("listing/name", b"")
    before = len(trace_of(box))
    os.listdir(box.last.path / "listing")
    found = []
    for line in trace_of(box)[before:]:
        way = re.match(r"(MLSD|LIST|NLST)\b.*|STAT( -a)? \.", line)
        if way and way[0].strip() not in found:
            found.append(way[0].strip())
    return ", ".join(f"`{way}`" for way in found)


@feature("times to the second")
def exact_times(box):
    box.put("times/exact", b"", mtime=LONG_AGO)
    return os.stat(box.last.path / "times/exact").st_mtime == LONG_AGO


@feature("modes shown")
def modes_shown(box):
    box.put("modes/shown", b"", mode=0o640)
    return stat.S_IMODE(os.stat(box.last.path / "modes/shown").st_mode) == 0o640


@feature("chmod")
def chmod(box):
    box.put("modes/set", b"", mode=0o644)
    os.chmod(box.last.path / "modes/set", 0o751)
    return stat.S_IMODE(os.stat(box.remote / "modes/set").st_mode) == 0o751


@feature("time set, files")
def file_time(box):
    box.put("times/set", b"x")
    os.utime(box.last.path / "times/set", (LONG_AGO, LONG_AGO))
    return os.stat(box.remote / "times/set").st_mtime == LONG_AGO


@feature("time set, directories")
def directory_time(box):
    box.put_directory("times/directory")
    os.utime(box.last.path / "times/directory", (LONG_AGO, LONG_AGO))
    return os.stat(box.remote / "times/directory").st_mtime == LONG_AGO


@feature("symbolic links shown")
def links_shown(box):
    box.put_directory("links")
    box.put_link("links/to", "some/where")
    return os.readlink(box.last.path / "links/to") == "some/where"


@feature("symbolic links made")
def links_made(box):
    box.put("made/target", b"x")
    os.symlink("target", box.last.path / "made/link")
    return os.path.realpath(box.remote / "made/link").endswith("/target")


@feature("`symlinks=follow`")
def links_followed(box):
    box.put("followed/target", b"four", mode=0o750, mtime=LONG_AGO)
    box.put_link("followed/link", "target")
    box.remount(**options_of(box, symlinks="follow"))
    try:
        seen = os.lstat(box.last.path / "followed/link")
        wanted = (4, LONG_AGO, stat.S_IFREG | 0o750)
        return (seen.st_size, int(seen.st_mtime), seen.st_mode) == wanted
    finally:
        box.remount(**options_of(box))


@feature("rename over a file")
def rename_over(box):
    box.put("over/old", b"old")
    box.put("over/new", b"new")
    before = len(trace_of(box))
    os.rename(box.last.path / "over/new", box.last.path / "over/old")
    sent = [line.split()[0] for line in trace_of(box)[before:]]
    if (box.remote / "over/old").read_bytes() != b"new":
        return False
    return "by the server" if sent.count("RNTO") == 1 else "by a backup"


@feature("replaced whole")
def replaced_whole(box):
    """The old content stays until the new one has arrived."""
    box.put("whole/file", b"old")
    with open(box.last.path / "whole/file", "wb") as file:
        file.write(b"n" * (4 << 20))
        file.flush()
        seen = (box.remote / "whole/file").read_bytes()
    return seen == b"old" and (box.remote / "whole/file").stat().st_size == 4 << 20


@feature("append sends the new bytes alone")
def append(box):
    box.put("append/file", b"x" * 1_000_000)
    before = status_of(box.last.path)["bytes_written"]
    with open(box.last.path / "append/file", "ab") as file:
        file.write(b"end")
    sent = status_of(box.last.path)["bytes_written"] - before
    return sent == 3 and (box.remote / "append/file").stat().st_size == 1_000_003


@feature("read from the middle")
def middle(box):
    data = secrets.token_bytes(8 << 20)
    box.put("middle/file", data)
    before = len(trace_of(box))
    with open(box.last.path / "middle/file", "rb") as file:
        file.seek(5 << 20)
        good = file.read(1000) == data[5 << 20:][:1000]
    verbs = {line.split()[0] for line in trace_of(box)[before:]} & {"REST", "RANG"}
    return "`" + "`, `".join(sorted(verbs)) + "`" if good and verbs else False


@feature("upload resumed after a restart of the server")
def resumed(box):
    data = secrets.token_bytes(6 << 20)
    path = box.last.path / "resumed-upload"
    with open(path, "wb", buffering=0) as file:
        for begin in range(0, 4 << 20, 1 << 18):
            file.write(data[begin:begin + (1 << 18)])
        box.server.kill()
        box.server.start()
        for begin in range(4 << 20, len(data), 1 << 18):
            file.write(data[begin:begin + (1 << 18)])
    (box.folder / "data").write_bytes(data)
    return sha256(box.remote / "resumed-upload") == sha256(box.folder / "data")


@feature("free space")
def space(box):
    seen = os.statvfs(box.last.path)
    return seen.f_bavail * seen.f_frsize < UNKNOWN_SPACE // 2


@feature("names in UTF-8")
def utf8_names(box):
    name = "grüße – 日本"
    (box.last.path / name).write_bytes(b"x")
    return (box.remote / name).exists() and name in os.listdir(box.last.path)


@feature("names with a dot in front")
def dot_names(box):
    box.put("dots/.hidden", b"x")
    return os.listdir(box.last.path / "dots") == [".hidden"]


@feature("names that are hard to quote")
def odd_names(box):
    refused = []
    (box.last.path / "odd").mkdir()
    for name in (" blank in front", "blank behind ", "two  blanks", "-rf", "[a]*?{b}", "a\\b", 'a"b', "a'b;c", "#&%~$(x)"):
        try:
            (box.last.path / "odd" / name).write_bytes(b"x")
            good = (box.remote / "odd" / name).read_bytes() == b"x" and name in os.listdir(box.last.path / "odd")
        except OSError:
            good = False
        if not good:
            refused.append(name)
    return True if not refused else "not " + ", ".join(f"`{name}`" for name in refused)


@feature("errors told apart")
def errors(box):
    """Not found, exists, not empty."""
    box.put("errors/full/x", b"x")
    path = box.last.path / "errors"
    tries = ((errno.ENOENT, lambda: os.unlink(path / "missing")), (errno.EEXIST, lambda: os.mkdir(path / "full")),
             (errno.ENOTEMPTY, lambda: os.rmdir(path / "full")), (errno.ENOTDIR, lambda: os.listdir(path / "full/x")))
    for wanted, attempt in tries:
        try:
            attempt()
            return False
        except OSError as problem:
            if problem.errno != wanted:
                return f"{errno.errorcode[problem.errno]} for {errno.errorcode[wanted]}"
    return True


@contextlib.contextmanager
def box_on(name, folder, pki, **settings):
    """A server of its own, and a mount of a directory of it."""
    server = SERVERS[name](folder / "server", pki, **settings)
    (folder / "box").mkdir()
    server.start()
    try:
        box = Box(server, folder / "box", "compatibility")
        try:
            box.mount(**options_of(box))
            yield box
        finally:
            for mount in box.mounts:
                mount.kill()
    finally:
        server.close()


def cell(function, box):
    try:
        word = function(box)
    except OSError as problem:
        return f"no ({errno.errorcode.get(problem.errno, problem.errno)})"
    return {True: "yes", False: "no"}.get(word, word)


def try_server(name, workspace, pki):
    """All rows of one server, in the order of FEATURES."""
    with box_on(name, workspace / name, pki) as box:
        return [cell(function, box) for _, function in FEATURES]


def table(columns):
    """`columns` has the cells of each server."""
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for row, (name, _) in enumerate(FEATURES):
        lines.append(f"| {name} | " + " | ".join(cells[row] for cells in columns.values()) + " |")
    return "\n".join(lines) + "\n"


def write(text):
    document = DOCUMENT.read_text()
    before, behind = document.split(BEGIN, 1)[0], document.split(END, 1)[1]
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{behind}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", choices=sorted(SERVERS), action="append", help="this one alone; may be repeated")
    parser.add_argument("--write", action="store_true", help=f"put the table into {DOCUMENT.name}")
    args = parser.parse_args()
    if args.write and args.server:
        parser.error("--write takes all servers")
    if os.geteuid() != 0:
        parser.error("run it as root: real servers want to start as root, and drop it")
    if not binary().exists():
        parser.error(f"there is no {binary()}: build it, or name another one in FTPSFS_BIN")
    workspace = Path(tempfile.mkdtemp(prefix=f"ftpsfs-it-{os.getpid()}-"))
    workspace.chmod(0o755)
    try:
        pki = Pki(workspace / "pki")
        columns = {}
        for name in args.server or SERVERS:
            print(f"{name} …", file=sys.stderr, flush=True)
            columns[name] = try_server(name, workspace, pki)
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
    text = table(columns)
    print(text)
    if args.write:
        write(text)


if __name__ == "__main__":
    main()
