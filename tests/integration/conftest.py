# SPDX-License-Identifier: MIT
"""Integration tests of ftpsfs: real servers on loopback, real mounts, ordinary tools.

    /usr/bin/python3 -m pytest tests/integration --server proftpd -k rename

runs what matches against one server. ctest runs the whole matrix. With FTPSFS_TEST_LOCAL=1 the served
directory itself takes the mount's place: that tests the tests.
"""

import itertools
import os
import re
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from box import Box  # noqa: E402
from link import Link  # noqa: E402
from mount import LOCAL, binary, lazy_unmount, patient  # noqa: E402
from pki import Pki  # noqa: E402
from program import Program  # noqa: E402
from servers import ALL_SERVERS, SERVERS  # noqa: E402

DEFAULT_SECONDS = 150

# No stall of a machine explains these: whoever reports one has no second try.
HARD = ["ftpsfs died", "Sanitizer", "runtime error: "]
MOST_TRIES = 100


def pytest_addoption(parser):
    group = parser.getgroup("ftpsfs")
    group.addoption("--server", choices=sorted(SERVERS), default="vsftpd", help="the server to mount")
    group.addoption("--tls", choices=["1.2", "1.3"], default="1.3", help="the only TLS version that it speaks")
    group.addoption("--implicit", action="store_true", help="TLS from the first byte (ftps://)")
    group.addoption("--prot", choices=["private", "clear"], default="private", help="protection of data connections")
    group.addoption("--set", choices=["all", "full", "smoke", "once", "faults", "timing"], default="all",
                    help="full: what differs between servers; smoke: a short choice of it; "
                         "once: what one server is enough for; faults: long rows of it, of mounts that are killed "
                         "and links that die; timing: what a busy machine may spoil")


def pytest_configure(config):
    config.addinivalue_line("markers", "smoke: part of the short set that runs for every combination")
    config.addinivalue_line("markers", "once: does not depend on the server, runs with one of them")
    config.addinivalue_line("markers", "faults: many crashes or long outages; runs with one of the servers, by itself")
    config.addinivalue_line("markers", "timing: counts time, and wants most of the machine for itself")
    config.addinivalue_line("markers", "content: compares what was written with what is read; a difference is one, "
                                       "however often it does not come about: one try")
    config.addinivalue_line("markers", "real: needs a real mount, makes no sense on a local directory")
    config.addinivalue_line("markers", f"seconds(n): the test's limit, if not {DEFAULT_SECONDS} s")


def pytest_collection_modifyitems(config, items):
    chosen = config.getoption("--set")
    keep = {"all": lambda item: True,
            "full": lambda item: not any(map(item.get_closest_marker, ("once", "faults", "timing"))),
            "smoke": lambda item: item.get_closest_marker("smoke"),
            "once": lambda item: item.get_closest_marker("once"),
            "faults": lambda item: item.get_closest_marker("faults"),
            "timing": lambda item: item.get_closest_marker("timing")}[chosen]
    dropped = [item for item in items if not keep(item)]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if keep(item)]
    for item in items:
        # A machine that stalls for some seconds spoils one measurement, not four, and lets a deadline of a
        # second or two pass. Nothing is silent: see pytest_runtest_logreport().
        item.add_marker(pytest.mark.flaky(reruns=3 if item.get_closest_marker("timing") else 1))
    if LOCAL:
        for item in items:
            if item.get_closest_marker("real"):
                item.add_marker(pytest.mark.skip(reason="needs a real mount"))


def pytest_report_header(config):
    option = config.getoption
    how = "implicit" if option("--implicit") else "explicit"
    what = "a local directory in place of a mount" if LOCAL else binary()
    return f"ftpsfs: {what}; {option('--server')}, TLS {option('--tls')} {how}, PROT {option('--prot')}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Lets fixtures know how their test went, and adds the logs to a failure's report."""
    outcome = yield
    report = outcome.get_result()
    setattr(item, f"report_{report.when}", report)
    if report.failed and (item.get_closest_marker("content") or any(word in report.longreprtext for word in HARD)):
        item.execution_count = MOST_TRIES
    if report.failed:
        for box in getattr(item, "boxes", []):
            for mount in box.mounts:
                report.sections.append((f"ftpsfs log ({mount.log})", mount.log_tail(80)))
            report.sections.append((f"{box.server.name} log", box.server.log_tail(20)))


def pytest_runtest_logreport(report):
    """A first try that failed is told of, also where the second passes: tests/run.sh shows it at its end."""
    told = os.environ.get("FTPSFS_SECOND_TRIES")
    if report.outcome == "rerun" and told:
        with open(told, "a") as file:
            file.write(f"{report.nodeid}: another try, behind\n{report.longreprtext[-1500:]}\n")


@pytest.fixture(scope="session")
def workspace():
    """One folder for everything of this run; the servers' user must be able to walk through it."""
    sweep_dead_runs()
    folder = Path(tempfile.mkdtemp(prefix=f"ftpsfs-it-{os.getpid()}-"))
    folder.chmod(0o755)
    yield folder
    unmount_below(folder)
    shutil.rmtree(folder, ignore_errors=True)


def unmount_below(folder):
    with open("/proc/self/mounts") as mounts:
        paths = [line.split()[1] for line in mounts]
    for path in paths:
        if path.startswith(f"{folder}/"):
            lazy_unmount(path)


def sweep_dead_runs():
    """Clears away what a run that was killed left behind: only folders whose process is gone. What a soak run has
    found wrong is kept."""
    for folder in Path(tempfile.gettempdir()).glob("ftpsfs-*"):
        owner = re.fullmatch(r"ftpsfs-(?:it|soak)-(\d+)-.*", folder.name)
        if owner and not Path(f"/proc/{owner[1]}").exists() and folder.stat().st_uid == os.geteuid():
            unmount_below(folder)
            if not any(folder.glob("wrong*.txt")):
                shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def pki(workspace):
    return Pki(workspace / "pki")


_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def make_server(request, workspace, pki):
    """Starts servers of the chosen kind, or another one, and stops them when the run ends."""
    started = []

    def make(name=None, **settings):
        option = request.config.getoption
        settings = {"tls": option("--tls"), "implicit": option("--implicit"), **settings}
        kind = ALL_SERVERS[name or option("--server")]
        server = kind(workspace / f"server{next(_numbers)}", pki, **settings)
        started.append(server)
        return server.start()

    yield make
    for server in started:
        server.thaw()
        server.close()


@pytest.fixture(scope="module")
def link():
    """A network between the mount and servers that a module has on its other side."""
    if LOCAL:
        pytest.skip("needs a network")
    made = Link()
    yield made
    made.close()


@pytest.fixture(scope="module")
def make_far_server(make_server, link):
    """As make_server(), on the other side of the link: to be mounted with `network=link.left[1]`."""
    started = []

    def make(name=None, **settings):
        started.append(make_server(name, host=link.right[0], address=link.right[0], network=link.right[1], **settings))
        return started[-1]

    yield make
    for server in started:
        server.kill()


@pytest.fixture(scope="session")
def server(make_server):
    """The server that most tests share; each has a directory of its own on it."""
    return make_server()


@pytest.fixture
def box_on(request, workspace):
    """Makes a box on the given server. It is closed, and looked over, when the test is done."""
    made = []

    def make(server, network=None):
        name = re.sub(r"[^A-Za-z0-9_]+", "-", request.node.name)[:60]
        number = next(_numbers)
        folder = workspace / f"box{number}"
        folder.mkdir()
        box = Box(server, folder, f"{name}-{number}", prot=request.config.getoption("--prot"), network=network)
        made.append(box)
        request.node.boxes = made
        return box

    yield make
    report = getattr(request.node, "report_call", None)
    complaints = []
    for box in made:
        box.server.thaw()
        complaints += box.close(failed=report is None or report.failed)
        box.server.clear_away(box.remote)
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)


@pytest.fixture
def box(box_on, server):
    return box_on(server)


@pytest.fixture
def program(box):
    program = Program(box)
    yield program
    program.tidy()


@pytest.fixture
def own_server(make_server):
    """A server of the test's own, which it may freeze, kill and start again."""
    server = make_server()
    yield server
    server.kill()


@pytest.fixture
def own_box(own_server, box_on):
    return box_on(own_server)


@pytest.fixture(autouse=True)
def watchdog(request):
    """Ends a test that hangs on a mount: without its process, whatever waits in the kernel gets an error."""
    marker = request.node.get_closest_marker("seconds")
    seconds = patient(marker.args[0] if marker else DEFAULT_SECONDS)
    finished = threading.Event()

    def watch():
        if not finished.wait(seconds):
            sys.__stderr__.write(f"\n{request.node.nodeid}: not done after {seconds} s, its mounts are ended\n")
            for box in getattr(request.node, "boxes", []):
                box.break_everything()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    started = time.monotonic()
    yield
    finished.set()
    if time.monotonic() - started >= seconds:
        pytest.fail(f"the test took more than {seconds} s", pytrace=False)
