# SPDX-License-Identifier: MIT
"""Random operations by several processes on mounts of vsftpd and ProFTPD, while sessions are killed, servers hang and
are started anew, links are cut and routers forget connections.

Each process has a directory of its own, and the same tree on this machine's disk beside it, where each operation is
done, too. What succeeds on the mount must have succeeded there, with the same result. What fails as things do when a
link is down has left the tree as it was before, or as it is behind the operation; of a new file, or of what was
appended, a part may have arrived. In the end all of it is compared once more, on the mounts, on the servers'
disks, and on new mounts."""

import argparse
import collections
import contextlib
import errno
import hashlib
import itertools
import multiprocessing
import os
import queue
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

from box import Box, wait_for  # noqa: E402
from link import Link  # noqa: E402
from mount import binary, sanitized  # noqa: E402
from pki import Pki  # noqa: E402
from servers import SERVERS  # noqa: E402
from test_random_ops import Model, alike, contents, short_result  # noqa: E402

# What programs are told when the server cannot be reached, or an answer did not come.
OUTAGE = {errno.EIO, errno.ETIMEDOUT, errno.ECONNRESET, errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH,
          errno.EBUSY, errno.EAGAIN, errno.ESTALE}
# What a look meets where a name goes, or becomes another thing, between its listing and its opening.
MOVED = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR}
LARGE = ["large0", "large1"]
PATIENCE = 300  # seconds for a mount to answer again
# Servers must notice clients that have gone without a word, or their processes and locks would pile up.
SETTINGS = {"vsftpd": {"data_connection_timeout": 15, "idle_session_timeout": 90},
            "proftpd": {"TimeoutStalled": 15, "TimeoutIdle": 90, "TimeoutNoTransfer": 90}}


class Difference(Exception):
    """The mount has, or told, something that is not true."""


class LongModel(Model):
    """The operations of the integration tests, and large files, whose transfers meet faults in their middle."""

    def draw(self):
        if self.chance.random() < 0.06:
            return self.chance.choice(["send", "fetch"]), {
                "file": self.chance.choice(LARGE), "data": self.chance.randbytes(self.chance.randrange(1 << 20, 12 << 20))}
        return super().draw()

    @staticmethod
    def do(root, kind, a):
        path = root / a["file"]
        if kind == "send":
            with open(path, "wb", buffering=0) as file:
                rest = memoryview(a["data"])
                while rest:
                    rest = rest[os.write(file.fileno(), rest[:1 << 17]):]
        elif kind == "fetch":
            return hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            return Model.do(root, kind, a)
        return None


def seconds(duration):
    """Of an option of ftpsfs's: 6, 500ms, 30s, 5m, 1h."""
    text = str(duration)
    number = text.rstrip("hms")
    return float(number) * {"": 1, "ms": 0.001, "s": 1, "m": 60, "h": 3600}[text[len(number):]]


def shown(tree, name):
    if name not in tree:
        return "absent"
    data = tree[name]
    return "directory" if data is None else f"{len(data)} bytes {hashlib.sha256(data).hexdigest()[:8]}"


def odd(**trees):
    """Every name that is not the same thing in all of the trees, and what it is in each."""
    names = sorted(set().union(*trees.values()))
    lines = {name: {what: shown(tree, name) for what, tree in trees.items()} for name in names}
    return {name: line for name, line in lines.items() if len(set(line.values())) > 1}


def attempt(root, kind, arguments):
    try:
        return "done", LongModel.do(root, kind, arguments)
    except OSError as error:
        return "error", error.errno


class Worker:
    """One process's work: a directory on the mount, the same one on the disk."""

    def __init__(self, mount, name, reference, seed, timeout):
        self.mount = mount
        self.timeout = timeout  # the mount's, in seconds
        self.root = mount / name
        self.reference = reference
        self.model = LongModel(random.Random(seed))
        self.counts = collections.Counter()
        self.history = collections.deque(maxlen=40)

    def run(self, until):
        while time.monotonic() < until:
            self.step()
            self.counts["operations"] += 1
            if self.counts["operations"] % 100 == 0:
                there, wanted = self.look(), contents(self.reference)
                if there != wanted:
                    raise Difference(f"{self.root}: another tree: {odd(local=wanted, mount=there)}")

    def step(self):
        kind, arguments = self.model.draw()
        short = {key: value if key != "data" else len(value) for key, value in arguments.items()}
        got = attempt(self.root, kind, arguments)
        self.history.append(f"{time.strftime('%T')} {kind} {short}: {short_result(got)}")
        if got[0] == "error" and got[1] in OUTAGE:
            self.counts[errno.errorcode[got[1]]] += 1
            self.settle(kind, arguments)
            return
        expected = attempt(self.reference, kind, arguments)
        if expected != got and not (expected[0] == got[0] == "error" and alike(expected[1], got[1])):
            raise Difference(f"{self.root}: local {short_result(expected)}, mount {short_result(got)}")

    def settle(self, kind, arguments):
        """Which of the trees that an operation may leave when it fails is there? From now on that is the right one."""
        before = contents(self.reference)
        attempt(self.reference, kind, arguments)
        after = contents(self.reference)
        # What is under way may take half of `timeout` to see that its connection is dead, before it begins anew.
        there = self.look(still=2 * self.timeout)
        if there == after:
            return
        if there != before and not self.is_partial(before, there, kind, arguments):
            raise Difference(f"{self.root}: neither old nor new: {odd(old=before, new=after, actual=there)}")
        shutil.rmtree(self.reference)
        self.reference.mkdir()
        for name, data in there.items():
            (self.reference / name).parent.mkdir(parents=True, exist_ok=True)
            if data is None:
                (self.reference / name).mkdir(exist_ok=True)
            else:
                (self.reference / name).write_bytes(data)

    @staticmethod
    def is_partial(before, there, kind, arguments):
        """The beginning of a new file, or of what was to be appended."""
        name, old = arguments["file"], before.get(arguments["file"])
        rest = {path: data for path, data in there.items() if path != name}
        if rest != {path: data for path, data in before.items() if path != name} or there.get(name) is None:
            return False
        if kind == "append":
            return (there[name].startswith(old or b"")
                    and arguments["data"].startswith(there[name][len(old or b""):]))
        return kind in ("write", "send") and old is None and arguments["data"].startswith(there[name])

    def look(self, still=2):
        """The tree as the server has it, when nothing of what was under way changes it any more: it is the same
        behind that many seconds of standing still."""
        deadline = time.monotonic() + PATIENCE + 4 * still
        problem = None
        while time.monotonic() < deadline:
            try:
                subprocess.run([str(binary()), "refresh", str(self.mount)], check=True, timeout=60, capture_output=True)
                first = contents(self.root)
                time.sleep(still)
                subprocess.run([str(binary()), "refresh", str(self.mount)], check=True, timeout=60, capture_output=True)
                if contents(self.root) == first:
                    return first
            except OSError as error:
                if error.errno not in OUTAGE | MOVED:
                    raise
                problem = str(error)
            except subprocess.SubprocessError as error:
                problem = str(error)
            else:
                problem = "it goes on changing"
            time.sleep(0.5)
        raise Difference(f"{self.root}: no tree that stands still in {PATIENCE + 4 * still:g} s: {problem}")


def work(worker, until, answers, evidence):
    """A process's whole life. Its last word is (counts, what was wrong or None). What was wrong is in a file before:
    nobody may be left to ask for it."""
    problem = None
    try:
        worker.run(until)
    except Difference as difference:
        problem = str(difference)
    except Exception:  # noqa: BLE001
        problem = f"{worker.root}: {traceback.format_exc()}"
    if problem:
        lines = [f"{time.strftime('%T')} {problem}", "", "Its last operations:", *worker.history, ""]
        with contextlib.suppress(OSError):
            evidence.write_text("\n".join(lines))
        problem += f": {list(worker.history)[-8:]}"
    answers.put((worker.counts, problem))


class Place:
    """One server, the link to it, and the mount."""

    def __init__(self, name, folder, pki, options):
        folder.mkdir()
        self.name = name
        self.options = options
        self.link = Link()
        address, network = self.link.right
        self.server = SERVERS[name](folder / "server", pki, host=address, address=address, network=network,
                                    extra=SETTINGS[name]).start()
        self.link.set(delay_ms=1)
        box_folder = folder / "box"
        box_folder.mkdir()
        self.box = Box(self.server, box_folder, "soak", network=self.link.left[1])
        self.mnt = self.box.mount(**options)

    def close(self):
        for mount in self.box.mounts:
            mount.kill()
        self.server.thaw()
        self.server.close()
        self.link.close()

    # -- faults, each over when it returns

    def kill_sessions(self, chance):
        for _ in range(chance.choice([1, 1, 3])):
            self.server.drop_connections()
            time.sleep(chance.uniform(0, 1))

    def hang(self, chance):
        self.server.freeze()
        time.sleep(chance.uniform(0.5, 12))
        self.server.thaw()

    def restart(self, chance):
        self.server.kill()
        time.sleep(chance.uniform(0, 8))
        self.server.start()

    def cut_link(self, chance):
        self.link.set(cut=1)
        time.sleep(chance.uniform(0.5, 15))
        self.link.set(cut=0)

    def forget(self, chance):
        self.link.forget()
        time.sleep(chance.uniform(0, 5))

    def lose_packets(self, chance):
        self.link.set(loss=0.03, jitter_ms=2)
        time.sleep(chance.uniform(2, 8))
        self.link.set(loss=0, jitter_ms=0)

    FAULTS = (kill_sessions, hang, restart, cut_link, forget, lose_packets)

    # -- what it costs

    def usage(self):
        pid = self.box.last.process.pid
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        memory = {line.split(":")[0]: int(line.split()[1]) // 1024 for line in lines if line.startswith(("VmRSS", "VmHWM"))}
        return {**memory, "descriptors": len(os.listdir(f"/proc/{pid}/fd")), "threads": len(os.listdir(f"/proc/{pid}/task"))}


def digest(tree):
    return {name: None if data is None else hashlib.sha256(data).hexdigest() for name, data in tree.items()}


def compare(place, reference, where, root):
    wanted = digest(contents(reference))
    if not wait_for(lambda: safe_digest(root) == wanted, seconds=60, step=1):
        try:
            differences = odd(wanted=contents(reference), found=contents(root))
        except OSError as error:
            return [f"{place.name}, {where}: {root.name}: {error}"]
        return [f"{place.name}, {where}: {root.name}: {len(differences)} names differ: "
                f"{dict(itertools.islice(differences.items(), 10))}"]
    return []


def safe_digest(root):
    with contextlib.suppress(OSError):
        return digest(contents(root))
    return None


class Soak:
    def __init__(self, args, folder):
        self.folder = folder
        self.seed = args.seed
        self.chance = random.Random(args.seed)
        self.faults = collections.Counter()
        self.begun = time.monotonic()
        self.until = self.begun + args.minutes * 60
        self.usage_due = self.begun  # told twelve times, as time goes on
        self.answers = multiprocessing.Queue()
        pki = Pki(folder / "pki")
        options = {"timeout": 6, "connect_timeout": 6, **dict(word.partition("=")[::2] for word in args.option)}
        options = {name: value or True for name, value in options.items()}
        self.places = []
        self.workers = []
        self.processes = []
        for name in args.server or SETTINGS:
            places = {"staging_dir": self.new_folder(folder / f"staging-{name}")}
            if "writeback" in options:
                places["journal_dir"] = self.new_folder(folder / f"journal-{name}")
            place = Place(name, folder / name, pki, {**options, **places})
            self.places.append(place)
            for number in range(args.processes):
                reference = self.new_folder(folder / f"reference-{name}-{number}")
                place.box.put_directory(f"w{number}")
                self.workers.append((place, Worker(place.mnt, f"w{number}", reference, f"{args.seed} {name} {number}",
                                                   seconds(options["timeout"]))))

    @staticmethod
    def new_folder(path):
        path.mkdir(mode=0o700)
        return path

    def run(self):
        begun = {place.name: place.usage() for place in self.places}
        for place, worker in self.workers:
            evidence = self.folder / f"wrong-{place.name}-{worker.root.name}.txt"
            process = multiprocessing.Process(target=work, args=(worker, self.until, self.answers, evidence))
            process.start()
            self.processes.append(process)
        self.make_faults()
        wrong = self.join()
        ended = {place.name: place.usage() for place in self.places if place.box.last.alive()}
        if not wrong:
            wrong = self.leaks(begun) or self.check_end()
        self.report(begun, ended)
        return wrong

    def make_faults(self):
        while time.monotonic() < self.until and all(process.is_alive() for process in self.processes):
            time.sleep(self.chance.uniform(1, 10))
            self.tell_usage()
            place = self.chance.choice(self.places)
            fault = self.chance.choice(Place.FAULTS)
            self.faults[fault.__name__] += 1
            print(f"{time.strftime('%T')} {place.name}: {fault.__name__}", flush=True)
            fault(place, self.chance)

    def tell_usage(self):
        if time.monotonic() < self.usage_due:
            return
        self.usage_due += (self.until - self.begun) / 12
        for place in self.places:
            if place.box.last.alive():
                told = ", ".join(f"{what} {value}" for what, value in place.usage().items())
                print(f"{time.strftime('%T')} {place.name}: {told}", flush=True)

    def join(self):
        """Waits for all workers. @return what was wrong."""
        self.counts = collections.Counter()
        wrong = []
        for _ in self.processes:
            rest = max(0, self.until - time.monotonic())
            try:
                counts, problem = self.answers.get(timeout=rest + 2 * PATIENCE)
            except queue.Empty:
                return ["a process has not come to an end"]
            self.counts += counts
            if problem:
                wrong.append(problem)
                print(f"{time.strftime('%T')} WRONG: {problem}", flush=True)
                for process in self.processes:  # its traces are worth more than what the others find
                    process.kill()
                return wrong
        for process in self.processes:
            process.join(timeout=20)
        return wrong

    def leaks(self, begun):
        """What a mount that has come to rest holds, beside what it held in the beginning: its connections, the threads
        that have served, and what its caches may hold."""
        more = {"descriptors": 60, "threads": 60, **({} if sanitized() else {"VmRSS": 400})}

        def grown(place):
            now = place.usage()
            return {what: (begun[place.name][what], now[what]) for what, room in more.items()
                    if now[what] > begun[place.name][what] + room}

        return [f"{place.name} holds more than when it began: {grown(place)}" for place in self.places
                if not wait_for(lambda: not grown(place), seconds=60, step=1)]  # noqa: B023

    def check_end(self):
        wrong = []
        for place, worker in self.workers:
            wrong += compare(place, worker.reference, "on its mount", worker.root)
            wrong += compare(place, worker.reference, "on the server's disk", place.box.remote / worker.root.name)
        for place in self.places:
            code = place.box.last.unmount(seconds=120)
            rescued = sorted(path.name for path in place.options["staging_dir"].rglob("*.data"))
            print(f"{place.name}: ended with {code}; failed uploads kept for recovery: {len(rescued)}")
            place.mnt = place.box.mount(**place.options)
        for place, worker in self.workers:
            wrong += compare(place, worker.reference, "on a new mount", place.mnt / worker.root.name)
        for place in self.places:
            if not wait_for(lambda: not place.server.leftovers(place.box.remote), seconds=30, step=1):  # noqa: B023
                wrong.append(f"{place.name}: left on the server: {place.server.leftovers(place.box.remote)}")
            wrong += [f"{place.name}: {line}" for mount in place.box.mounts for line in mount.sanitizer_reports()]
            place.box.unmount()
        return wrong

    def report(self, begun, ended):
        print(f"seed {self.seed}")
        print(f"operations: {self.counts.pop('operations', 0)}; failed by faults: {dict(self.counts)}")
        print(f"faults: {dict(self.faults)}")
        for name, now in ended.items():
            print(f"{name}: " + ", ".join(f"{what} {begun[name][what]} -> {value}" for what, value in now.items())
                  + " (memory in MiB)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60, help="how long (60)")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000_007, help="of operations and faults")
    parser.add_argument("--processes", type=int, default=3, help="on each mount (3)")
    parser.add_argument("--server", choices=sorted(SETTINGS), action="append", help="this one alone")
    parser.add_argument("--option", action="append", default=[], metavar="NAME[=VALUE]", help="one more of ftpsfs's")
    parser.add_argument("--keep", action="store_true", help="keep logs and trees also where all was right")
    args = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("run it as root: servers want to start as root, and drop it")
    # The integration tests clear dead runs away, but not those that hold a wrong*.txt.
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background jobs begin deaf to the first
        signal.signal(number, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix=f"ftpsfs-soak-{os.getpid()}-"))
    folder.chmod(0o755)
    print(f"seed {args.seed}, {args.minutes:g} minutes, in {folder}", flush=True)
    soak = None
    wrong = ["it did not come to its end"]
    try:
        soak = Soak(args, folder)
        wrong = soak.run()
    except KeyboardInterrupt:
        wrong = [path.name for path in folder.glob("wrong*")]  # without them there is nothing to keep
        raise
    finally:
        for process in soak.processes if soak else []:
            process.kill()
        for place in soak.places if soak else []:
            place.close()
        if wrong:
            (folder / "wrong.txt").write_text("\n".join([f"seed {args.seed}", *wrong, ""]))
        if wrong or args.keep:
            print(f"kept: {folder} (wrong*.txt, */box/mount*/ftpsfs.log, and the servers' trees)")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    for line in wrong:
        print(f"WRONG: {line}")
    print("something was wrong" if wrong else "all content was right")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
