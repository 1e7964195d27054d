# SPDX-License-Identifier: MIT
"""No secret is where others can read it: not in the log at its most talkative, not in /proc, not in the memory that a
debugger of the same user could look at."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from box import wait_for
from mount import Mount, sanitized, status_of, write_credentials
from program import EXIT_FAILED
from servers import PASSWORD
from test_identity import PASSPHRASE, check_reload, demanding, reload
from wire import SocksProxy

pytestmark = [pytest.mark.once, pytest.mark.real]

ACCOUNT = "books of account"
GATE = "word of the gate"


@pytest.fixture
def mounted(make_server, box_on, pki):
    """A mount that needs a password, a passphrase, an account and the password of a proxy."""
    proxy = SocksProxy("gate", GATE)
    box = box_on(make_server("proftpd", implicit=False, extra=demanding(pki, "proftpd")))
    write_credentials(box.credentials)
    with open(box.credentials, "a") as file:
        file.write(f"account={ACCOUNT}\nkey_password={PASSPHRASE}\nproxy_password={GATE}\n")
    box.put("hello", b"hello\n")
    box.trace = box.folder / "trace"
    box.mount("-d", "--log-level=trace", trace=box.trace, cert=pki.client.cert,
              key=pki.encrypted_key(pki.client, PASSPHRASE), proxy=f"socks5h://gate@127.0.0.1:{proxy.port}")
    yield box
    proxy.close()


def test_a_whole_run_shows_no_secret(mounted):
    box = mounted
    mount = box.last.path
    assert (mount / "hello").read_bytes() == b"hello\n"
    (mount / "new").write_bytes(b"x")
    check_reload(box)
    assert (mount / "new").read_bytes() == b"x"
    write_credentials(box.credentials, password="hunter2")
    with open(box.credentials, "a") as file:
        file.write(f"key_password=hunter3\nproxy_password={GATE}\n")
    code, line = reload(box)
    assert code == EXIT_FAILED and "passphrase" in line
    process = box.last.process.pid
    seen = {
        "the log": box.last.log.read_text(errors="replace"),
        "the trace": box.trace.read_text(errors="replace"),
        "the reload's line": line,
        "its status": json.dumps(status_of(mount)),
        "/proc/mounts": open("/proc/mounts").read(),
        "its command line": open(f"/proc/{process}/cmdline", errors="replace").read(),
        "its environment": open(f"/proc/{process}/environ", errors="replace").read(),
    }
    assert "USER" in seen["the log"] and "PASS" in seen["the trace"], "nothing to search in"
    for place, text in seen.items():
        for secret in (PASSWORD, PASSPHRASE, ACCOUNT, GATE, "hunter2", "hunter3", "PRIVATE KEY"):
            assert secret not in text, f"{secret!r} in {place}"


def test_a_password_in_an_argument_is_overwritten_at_once(box):
    """Not a good idea, but people do it."""
    box.put("hello", b"hello\n")
    proxy = SocksProxy("gate", GATE.replace(" ", "-"))
    mount = box.mount(proxy=f"socks5h://gate:{GATE.replace(' ', '-')}@127.0.0.1:{proxy.port}")
    assert (mount / "hello").read_bytes() == b"hello\n"
    assert GATE.replace(" ", "-") not in open(f"/proc/{box.last.process.pid}/cmdline").read()
    assert "warning: a password in proxy=" in box.last.log.read_text()
    box.unmount()
    proxy.close()


def test_no_memory_of_it_gets_into_a_core(box):
    box.mount()
    assert int(Path(f"/proc/{box.last.process.pid}/coredump_filter").read_text(), 16) == 0


@pytest.mark.skipif(sanitized(), reason="a sanitizer's leak check reads its own process as a debugger does")
def test_its_memory_is_closed_to_debuggers_and_core_dumps(box):
    """PR_SET_DUMPABLE 0 is what keeps core dumps away, and what can be seen of it is that the same user may not look in."""
    if not shutil.which("setpriv"):
        pytest.skip("no setpriv to give rights up with")
    fence = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]

    class Fenced(Mount):
        """Has no more rights than who looks."""

        def command(self):
            return [*fence, *super().command()]

    mount = Fenced(box.folder / "fenced", box.url(), box.default_options())
    box.mounts.append(mount)
    mount.start()
    bystander = box.start([*fence, "sleep", "60"])

    def may_look_into(process):
        return subprocess.run([*fence, "sh", "-c", f": </proc/{process}/mem"], capture_output=True,
                              timeout=20).returncode == 0

    assert wait_for(lambda: may_look_into(bystander.pid)), "the look itself does not work"
    assert not may_look_into(mount.process.pid)
