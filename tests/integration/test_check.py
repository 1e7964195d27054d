# SPDX-License-Identifier: MIT
"""ftpsfs check: each step on the way to a mount, and the line of fstab that works."""

import json

import pytest

from program import EXIT_FAILED, EXIT_USAGE
from servers import PASSWORD, USER
from servers.base import free_port

pytestmark = [pytest.mark.once, pytest.mark.real]


def steps(done):
    """Mark and name of each line of steps."""
    lines = done.stdout.split("\n\n")[0].splitlines()
    return [(line[0], line[2:18].strip()) for line in lines]


def test_a_good_server_passes_every_step_and_gets_a_line_for_fstab(box, program):
    box.put("hello", b"hello\n")
    done = program.run("check", box.url(), program.mnt, **program.options())
    assert done.returncode == 0, done.stdout + done.stderr
    told = steps(done)
    assert [name for mark, name in told if mark == "✗"] == []
    good = ["name", "TCP", "TLS", "certificate", "chain", "public key", "login", "FEAT", "profile", "PROT", "data connection",
            "session reuse", "2 connections", "listing", "read"]
    assert [name for mark, name in told if mark == "✓" and name != "ALPN"] == good, done.stdout
    assert "ALPN" in [name for _, name in told]
    line = done.stdout.splitlines()[-1].split()
    assert line[1:3] == [str(program.mnt), "ftpsfs"]
    program.mount("-o", line[3], url=line[0])
    assert (program.mnt / "hello").read_bytes() == b"hello\n"


def test_it_writes_nothing_unless_told_to(box, program):
    assert program.run("check", box.url(), **program.options()).returncode == 0
    box.remote.chmod(0o555)
    assert program.run("check", box.url(), **program.options()).returncode == 0
    done = program.run("check", "--write", box.url(), **program.options())
    assert done.returncode == EXIT_FAILED and ("✗", "write") in steps(done)
    box.remote.chmod(0o755)
    done = program.run("check", "--write", box.url(), **program.options())
    assert done.returncode == 0 and ("✓", "write") in steps(done), done.stdout
    assert list(box.remote.iterdir()) == []
    assert program.run("check", "--write", "--ro", box.url(), **program.options()).returncode == EXIT_USAGE


def test_json_tells_the_same(box, program):
    done = program.run("check", "--json", box.url(), **program.options())
    told = json.loads(done.stdout)
    assert done.returncode == 0 and told["good"] and told["fstab"].startswith(box.url().replace(f"{USER}@", ""))
    assert {"name": "login", "outcome": "good"}.items() <= {
        step["name"]: step for step in told["steps"]}["login"].items()


@pytest.mark.parametrize("options, failed", [({"cacert": None}, "certificate"), ({"tls_max": "1.2"}, "TLS")])
def test_the_failing_step_is_the_last(box, program, options, failed):
    done = program.run("check", box.url(), **program.options(**options))
    assert done.returncode == EXIT_FAILED
    assert steps(done)[-1] == ("✗", failed), done.stdout
    assert "fstab" not in done.stdout


def test_a_wrong_password_and_a_closed_port(box, program):
    done = program.run("check", box.url(), **program.options(credentials=program.other_credentials(password="wrong")))
    assert done.returncode == EXIT_FAILED and steps(done)[-1] == ("✗", "login")
    done = program.run("check", f"ftpes://tester@localhost:{free_port()}/", **program.options())
    assert done.returncode == EXIT_FAILED and steps(done)[-1] == ("✗", "TCP")


def test_a_password_that_was_typed_is_in_no_line_for_fstab(box, program):
    url = box.url().replace(f"{USER}@", f"{USER}:{PASSWORD.replace(' ', '%20')}@")
    done = program.run("check", url, **program.options(credentials=None))
    assert done.returncode == 0, done.stdout + done.stderr
    assert PASSWORD not in done.stdout and PASSWORD.replace(" ", "%20") not in done.stdout
    assert "credentials=/etc/ftpsfs/localhost.cred" in done.stdout


def test_without_a_url_it_says_what_is_missing(program):
    done = program.run("check")
    assert done.returncode == EXIT_USAGE and "ftpsfs check" in done.stderr
