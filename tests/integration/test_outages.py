# SPDX-License-Identifier: MIT
"""Links that go down for a while, addresses that change, routers that forget connections: programs go on where
that can be, are told in time where it cannot, and no content is ever wrong."""

import os
import random
import signal
import subprocess
import time

import pytest

from box import sha256, wait_for
from mount import patient

pytestmark = [pytest.mark.faults, pytest.mark.real, pytest.mark.seconds(150)]

MEBIBYTE = 1 << 20
PATIENT = {"timeout": 6, "connect_timeout": 10}  # whoever waits in vain waits for the first; to dial may take long
UNCACHED = {"attr_timeout": 0, "entry_timeout": 0, "dir_cache_timeout": 0, "negative_timeout": 0}


@pytest.fixture(scope="module")
def far_server(make_far_server, link):
    """ProFTPD: vsftpd keeps a file locked whose upload has died without a word, for five minutes."""
    link.set(delay_ms=1, mbit=80)
    return make_far_server("proftpd", implicit=False)


@pytest.fixture
def far_box(far_server, box_on, link):
    return box_on(far_server, network=link.left[1])


class Outage:
    """Ways for the link to be down."""

    def __init__(self, link, kind):
        self.link = link
        self.kind = kind

    def begin(self):
        if self.kind == "silent":
            self.link.set(cut=1)
        else:
            self.link.ip(self.link.left, "link", "set", "link0", "down")

    def end(self):
        if self.kind == "silent":
            self.link.set(cut=0)
        else:
            self.link.ip(self.link.left, "link", "set", "link0", "up")


class ServerGone:
    """It refuses connections."""

    def __init__(self, server):
        self.server = server

    def begin(self):
        self.server.kill()

    def end(self):
        if self.server.process is None:
            self.server.start()


@pytest.fixture(params=["silent", "interface-down"])
def outage(request, link):
    """Packets vanish, or the machine knows that there is no network."""
    made = Outage(link, request.param)
    yield made
    made.end()


class Copies:
    """A `cp` from the mount and one to it, both under way. 80 Mbit/s let them take a few seconds."""

    def __init__(self, box, mount):
        self.box = box
        self.theirs = box.folder / "theirs"
        self.ours = box.folder / "ours"
        self.ours.write_bytes(random.Random(2).randbytes(12 * MEBIBYTE))
        self.expected = sha256(box.remote / "there")
        self.fetching = self.start(mount / "there", self.theirs)
        self.sending = self.start(self.ours, mount / "here")
        assert wait_for(lambda: self.arrived() > MEBIBYTE and self.fetched() > MEBIBYTE)
        assert self.fetching.poll() is None and self.sending.poll() is None, "they are over already"

    def start(self, source, target):
        return self.box.start(["cp", source, target], stderr=subprocess.PIPE)

    def arrived(self):
        return sum(path.stat().st_size for path in self.box.remote.iterdir() if path.name != "there")

    def fetched(self):
        return self.theirs.stat().st_size if self.theirs.exists() else 0

    def finish(self):
        """The exit codes of both. What says that it is well must be right."""
        for copy in (self.fetching, self.sending):
            copy.communicate(timeout=60)
        if self.fetching.returncode == 0:
            assert sha256(self.theirs) == self.expected
        if self.sending.returncode == 0:
            assert sha256(self.box.remote / "here") == sha256(self.ours)
        return self.fetching.returncode, self.sending.returncode


def furnish(box):
    box.put("there", random.Random(1).randbytes(12 * MEBIBYTE))
    box.put("small", b"small\n")


def answers(path):
    try:
        return path.read_bytes() == b"small\n"
    except OSError:
        return False


def test_copies_go_on_after_an_outage_shorter_than_the_timeout(far_box, outage):
    box = far_box
    furnish(box)
    mount = box.mount(timeout=20, connect_timeout=5)
    copies = Copies(box, mount)
    outage.begin()
    time.sleep(4)
    before = copies.arrived()
    outage.end()
    assert copies.finish() == (0, 0), box.last.log_tail()
    assert before < 12 * MEBIBYTE, "the copy was over before the outage"


class Reading:
    """A `cat` of a file that is under way, and a `ls` that is begun when the link is down."""

    def __init__(self, box, mount):
        self.box = box
        self.mount = mount
        self.theirs = box.folder / "theirs"
        self.cat = box.start(["bash", "-c", f"cat {mount}/there > {self.theirs}"], stderr=subprocess.PIPE)
        assert wait_for(lambda: self.theirs.exists() and self.theirs.stat().st_size > MEBIBYTE)

    def list(self):
        self.ls = self.box.start(["ls", self.mount], stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def waits(self):
        return self.cat.poll() is None and self.ls.poll() is None

    def finish(self):
        names, errors = self.ls.communicate(timeout=60)
        assert (self.ls.returncode, names) == (0, b"small\nthere\n"), errors
        errors = self.cat.communicate(timeout=60)[1]
        assert self.cat.returncode == 0, errors
        assert sha256(self.theirs) == sha256(self.box.remote / "there")


def read_through(box, absence):
    furnish(box)
    reading = Reading(box, box.mount(timeout=20, connect_timeout=5, **UNCACHED))
    absence.begin()
    try:
        reading.list()
        time.sleep(13)
        waited = reading.waits()
    finally:
        absence.end()
    assert waited, box.last.log_tail()
    reading.finish()


def test_an_interface_may_be_down_for_most_of_the_timeout(far_box, link):
    read_through(far_box, Outage(link, "interface-down"))


def test_a_server_may_be_away_for_most_of_the_timeout(far_box, far_server):
    """It refuses connections: nobody has to wait for that, but everybody for the server."""
    read_through(far_box, ServerGone(far_server))


def test_an_outage_longer_than_the_timeout_is_told_in_time_and_then_over(far_box, outage):
    box = far_box
    furnish(box)
    box.put("here", b"the old one")
    mount = box.mount(timeout=2, connect_timeout=2, **UNCACHED)
    copies = Copies(box, mount)
    outage.begin()
    started = time.monotonic()
    listing = box.run(["ls", mount], check=False, timeout=60)
    assert listing.returncode != 0, "it listed what it cannot have seen"
    assert time.monotonic() - started < 10, "ls waited for too long"
    finished = copies.finish()
    assert time.monotonic() - started < 40
    assert finished == (1, 1), "nothing of it can have passed"
    assert (box.remote / "here").read_bytes() == b"the old one"
    outage.end()
    assert wait_for(lambda: answers(mount / "small"), seconds=20, step=0.2)
    assert {"small", "there", "here"} <= set(os.listdir(mount))
    box.run(["cp", mount / "there", copies.theirs])
    box.run(["cp", copies.ours, mount / "here"])
    assert sha256(copies.theirs) == copies.expected
    assert sha256(box.remote / "here") == sha256(copies.ours)
    box.allow_leftovers = True  # of the upload that failed, whose removal had no link either


HARD = {"timeout": 2, "connect_timeout": 2}


@pytest.fixture(params=["silent", "interface-down", "server-gone"])
def absence(request, link, far_server):
    """All ways for a server to be away."""
    made = ServerGone(far_server) if request.param == "server-gone" else Outage(link, request.param)
    yield made
    made.end()


class Waiting:
    """Programs that are begun while the server is away."""

    def __init__(self, box, mount):
        self.box = box
        self.ours = box.folder / "ours"
        self.ours.write_bytes(random.Random(3).randbytes(2 * MEBIBYTE))
        self.theirs = box.folder / "theirs"
        self.all = {name: box.start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for name, command in {
            "ls": ["ls", mount], "cat": ["cat", mount / "small"], "fetch": ["cp", mount / "there", self.theirs],
            "send": ["cp", self.ours, mount / "sent"], "mkdir": ["mkdir", mount / "made"]}.items()}

    def over(self):
        return [name for name, process in self.all.items() if process.poll() is not None]

    def finish(self):
        told = {name: (*process.communicate(timeout=60), process.returncode) for name, process in self.all.items()}
        assert [name for name, end in told.items() if end[2] != 0] == [], told
        assert told["cat"][0] == b"small\n"
        assert {b"small", b"there"} <= set(told["ls"][0].split())
        assert sha256(self.theirs) == sha256(self.box.remote / "there")
        assert sha256(self.ours) == sha256(self.box.remote / "sent")
        assert (self.box.remote / "made").is_dir()


def test_who_mounts_hard_waits_for_the_server(far_box, absence):
    box = far_box
    furnish(box)
    mount = box.mount("--hard", **HARD, **UNCACHED)
    absence.begin()
    time.sleep(1)
    waiting = Waiting(box, mount)
    time.sleep(12)
    over = waiting.over()
    absence.end()
    assert over == [], box.last.log_tail()
    waiting.finish()


def test_copies_under_way_wait_for_the_server_where_it_is_mounted_hard(far_box, absence):
    box = far_box
    furnish(box)
    copies = Copies(box, box.mount("--hard", **HARD))
    absence.begin()
    time.sleep(12)
    under_way = copies.fetching.poll() is None and copies.sending.poll() is None
    absence.end()
    assert under_way, box.last.log_tail()
    assert copies.finish() == (0, 0), box.last.log_tail()


def test_with_writeback_a_hard_mount_accepts_at_once_and_waits_for_what_is_read(far_box, far_server):
    box = far_box
    furnish(box)
    journal = box.folder / "journal"
    journal.mkdir()
    mount = box.mount("--hard", **HARD, writeback=True, journal_dir=journal)
    assert sorted(os.listdir(mount)) == ["small", "there"]  # what has to be asked for waits, too
    absence = ServerGone(far_server)
    absence.begin()
    try:
        (mount / "new").write_bytes(b"accepted")
        fetching = box.start(["cp", mount / "there", box.folder / "theirs"], stderr=subprocess.PIPE)
        moving = box.start(["mv", mount / "small", mount / "moved"], stderr=subprocess.PIPE)
        time.sleep(8)
        waited = fetching.poll() is None and moving.poll() is None
    finally:
        absence.end()
    assert waited, box.last.log_tail()
    for process in (fetching, moving):
        errors = process.communicate(timeout=60)[1]
        assert process.returncode == 0, errors
    assert sha256(box.folder / "theirs") == sha256(box.remote / "there")
    assert wait_for(lambda: (box.remote / "new").exists() and (box.remote / "new").read_bytes() == b"accepted", seconds=30)
    assert (box.remote / "moved").read_bytes() == b"small\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_who_waits_on_a_hard_mount_can_be_ended(far_box, absence, number):
    box = far_box
    furnish(box)
    mount = box.mount("--hard", **HARD, **UNCACHED)
    absence.begin()
    time.sleep(1)
    waiting = Waiting(box, mount)
    time.sleep(6)  # three times the timeout
    assert waiting.over() == [], box.last.log_tail()
    for process in waiting.all.values():
        os.killpg(process.pid, number)
    ended = wait_for(lambda: len(waiting.over()) == len(waiting.all), seconds=patient(2))
    absence.end()
    assert ended, f"{waiting.over()} of {list(waiting.all)} have ended"
    assert wait_for(lambda: answers(mount / "small"), seconds=20, step=0.2)
    box.allow_leftovers = True


def test_a_hard_mount_can_be_ended_while_programs_wait(far_box, absence):
    box = far_box
    furnish(box)
    mount = box.mount("--hard", **HARD, **UNCACHED)
    absence.begin()
    time.sleep(1)
    waiting = Waiting(box, mount)
    time.sleep(6)
    assert waiting.over() == [], box.last.log_tail()
    box.last.process.terminate()
    try:
        box.last.process.wait(timeout=patient(20))
    finally:
        absence.end()
    for name, process in waiting.all.items():
        assert process.wait(timeout=5) != 0, f"{name}\n{box.last.log_tail()}"
    box.last.kill()  # clears the mount point away
    box.allow_leftovers = True


def test_a_router_that_forgets_goes_unnoticed_by_who_asks(far_box, link):
    """Also over a connection that was in use a moment ago."""
    box = far_box
    furnish(box)
    mount = box.mount(**PATIENT, **UNCACHED)
    assert sorted(os.listdir(mount)) == ["small", "there"]
    link.forget()
    assert answers(mount / "small"), box.last.log_tail()
    link.forget()
    assert sorted(os.listdir(mount)) == ["small", "there"]


def test_a_router_that_forgot_idle_connections_goes_unnoticed_by_who_writes(far_box, link):
    """What must be sent once is sent over a connection that has been tried, after ten seconds."""
    box = far_box
    furnish(box)
    mount = box.mount(**PATIENT, **UNCACHED)
    assert sorted(os.listdir(mount)) == ["small", "there"]
    link.forget()
    time.sleep(11)
    os.mkdir(mount / "d")
    assert (box.remote / "d").is_dir()
    link.forget()
    time.sleep(11)
    (mount / "here").write_bytes(b"behind it")
    assert (box.remote / "here").read_bytes() == b"behind it"


def test_copies_go_on_when_a_router_forgets_their_connections(far_box, link):
    box = far_box
    furnish(box)
    mount = box.mount(**PATIENT)
    copies = Copies(box, mount)
    link.forget()
    assert copies.finish() == (0, 0), box.last.log_tail()


@pytest.fixture
def own_address(link):
    """Changes the mount's address, and back in the end."""
    address = link.left[0]
    others = [f"{address.rpartition('.')[0]}.{number}" for number in (11, 12, 13)]
    used = [address]

    def change(to):
        link.ip(link.left, "address", "del", f"{used[-1]}/24", "dev", "link0")
        link.ip(link.left, "address", "add", f"{to}/24", "dev", "link0")
        used.append(to)

    yield lambda: change(others[len(used) - 1])
    change(address)


def test_copies_go_on_from_another_address(far_box, own_address):
    box = far_box
    furnish(box)
    mount = box.mount(**PATIENT)
    copies = Copies(box, mount)
    own_address()
    assert copies.finish() == (0, 0), box.last.log_tail()


def test_an_idle_mount_goes_on_from_another_address(far_box, own_address):
    box = far_box
    furnish(box)
    mount = box.mount(**PATIENT, **UNCACHED)
    assert sorted(os.listdir(mount)) == ["small", "there"]
    own_address()
    assert answers(mount / "small"), box.last.log_tail()
    (mount / "here").write_bytes(b"from elsewhere")
    assert (box.remote / "here").read_bytes() == b"from elsewhere"
    own_address()
    assert sorted(os.listdir(mount)) == ["here", "small", "there"]


def test_what_was_accepted_in_an_outage_arrives_behind_it(far_box, outage):
    box = far_box
    box.put("small", b"small\n")
    journal = box.folder / "journal"
    journal.mkdir()
    mount = box.mount(timeout=2, connect_timeout=2, writeback=True, journal_dir=journal)
    os.listdir(mount)
    outage.begin()
    box.sh("mkdir d; for i in $(seq 5); do echo $i > d/$i; done; head -c 3000000 /dev/urandom > large")
    expected = sha256(mount / "large")
    time.sleep(5)
    assert sorted(path.name for path in box.remote.iterdir()) == ["small"]
    outage.end()
    assert wait_for(lambda: len(list(box.remote.rglob("*"))) == 8, seconds=30), list(box.remote.rglob("*"))
    box.unmount()
    assert sha256(box.remote / "large") == expected
    assert [(box.remote / f"d/{number}").read_text() for number in range(1, 6)] == [f"{n}\n" for n in range(1, 6)]


def test_a_command_that_was_given_up_is_not_carried_out_later(far_box, link):
    """What waits in this machine for the link to come back must not empty a file that has been sent again since."""
    box = far_box
    box.put("small", b"small\n")
    mount = box.mount(timeout=4, connect_timeout=8, negative_timeout=60)
    assert os.listdir(mount) == ["small"]
    assert not (mount / "new").exists()
    link.set(cut=1)
    try:
        writer = box.start(["bash", "-c", f"echo content > {mount}/new"])
        assert wait_for(lambda: "timed out" in box.last.log.read_text(), seconds=20)
    finally:
        link.set(cut=0)
    assert writer.wait(timeout=40) == 0, box.last.log_tail()
    for _ in range(20):  # the kernel tries again in longer and longer intervals
        assert (box.remote / "new").read_bytes() == b"content\n"
        time.sleep(0.5)
