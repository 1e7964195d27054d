# SPDX-License-Identifier: MIT
"""The way to the server: address families, a proxy, active mode; and what can be seen of it on the wire."""

import hashlib
import os
import re
import time

import pytest

from box import sha256
from mount import status_of
from program import EXIT_USAGE, Program
from servers import PASSWORD, USER
from wire import Capture, SocksProxy

pytestmark = [pytest.mark.once, pytest.mark.real]

SERVERS_OF_ALL_KINDS = ["vsftpd", "proftpd", "pureftpd", "pyftpdlib"]


def exercise(box, mount):
    """Something of everything that needs a data connection."""
    content = os.urandom(3 << 20)
    box.put("large", content)
    box.put("cut", content * 8)
    assert sha256(mount / "large") == hashlib.sha256(content).hexdigest()
    (mount / "new").write_bytes(content)
    assert (box.remote / "new").read_bytes() == content
    with open(mount / "cut", "rb") as file:  # a transfer that is cut, and another one at its place
        assert file.read(1000) == content[:1000]
        file.seek(23 << 20)
        assert file.read(1000) == content[2 << 20:(2 << 20) + 1000]
    assert {"large", "new", "cut"} <= set(os.listdir(mount))


# -- what is seen on the wire

def captured(box, prot):
    """Reads and writes a file with something in it; what of that, and of the login, passed in clear?"""
    read, written = f"read-{os.urandom(12).hex()}", f"written-{os.urandom(12).hex()}"
    box.put("file", read)
    with Capture(read, written, PASSWORD, "AUTH TLS") as capture:
        mount = box.mount(prot=prot)
        assert (mount / "file").read_text() == read
        (mount / "other").write_text(written)
        box.unmount()
    assert capture.saw("AUTH TLS"), "nothing was captured"
    assert not capture.saw(PASSWORD)
    return capture.saw(read), capture.saw(written)


@pytest.mark.parametrize("name", ["vsftpd", "proftpd"])
def test_clear_data_is_clear_on_the_wire_and_private_data_is_not(make_server, box_on, name):
    server = make_server(name, implicit=False)
    assert captured(box_on(server), "private") == (False, False)
    assert captured(box_on(server), "clear") == (True, True)


def test_the_wrong_kind_of_tls_is_told_promptly(make_server, box):
    program = Program(box)
    started = time.monotonic()
    assert "ftpes://" in program.fail(url=box.url().replace("ftpes:", "ftps:"))
    implicit = make_server("proftpd", implicit=True)
    line = program.fail(url=f"ftpes://{USER}@localhost:{implicit.port}/")
    assert f"ftps://localhost:{implicit.port}" in line, line
    assert time.monotonic() - started < 15


# -- IPv6

@pytest.fixture(scope="module", params=["vsftpd", "proftpd", "pyftpdlib"])
def server6(request, make_server, pki):
    extra = {"vsftpd": {"listen": "NO", "listen_ipv6": "YES", "listen_address6": "::1"},
             "proftpd": {"UseIPv6": "on"}}.get(request.param)
    return make_server(request.param, implicit=False, address="::1", host="[::1]", certificate=pki.ipv6_server(),
                       extra=extra)


@pytest.mark.parametrize("more", [{}, {"ipv6": True}, {"active": True}])
def test_everything_works_over_ipv6(server6, box_on, more):
    box = box_on(server6)
    if more.get("active") and server6.name == "pyftpdlib":
        more = {**more, "max_conns": 1}  # of two sessions one is not heard now and then
    exercise(box, box.mount(**more))


def test_the_other_family_is_refused(box):
    program = Program(box)
    line = program.fail(url=f"ftpes://{USER}@127.0.0.1:{box.server.port}/", ipv6=True)
    assert "ipv6 allows no other" in line
    assert "exclude" in program.fail(ipv4=True, ipv6=True, code=EXIT_USAGE)


# -- a proxy

@pytest.fixture
def proxy():
    proxy = SocksProxy()
    yield proxy
    proxy.close()


@pytest.mark.parametrize("kind,name", [("socks5h", "localhost"), ("socks5", "127.0.0.1")])
def test_every_connection_goes_through_the_proxy(box, proxy, kind, name):
    mount = box.mount(proxy=f"{kind}://127.0.0.1:{proxy.port}")
    exercise(box, mount)
    status = status_of(mount)
    control = [target for target in proxy.targets if target[1] == box.server.port]
    data = [target for target in proxy.targets if target[1] != box.server.port]
    assert {host for host, _ in proxy.targets} == {name}
    assert len(control) == status["logins"] >= 1
    assert len(data) == status["data_connections"] >= 3


def test_a_proxy_that_wants_a_login(box):
    guarded = SocksProxy("gate", "gate's word")
    where = f"127.0.0.1:{guarded.port}"
    program = Program(box)
    try:
        assert "proxy_password=" in program.fail(proxy=f"socks5h://{where}")
        with open(box.credentials, "a") as file:
            file.write("proxy_password=gate's word\n")
        box.put("hello", b"hello\n")
        mount = box.mount(proxy=f"socks5h://gate@{where}")
        assert (mount / "hello").read_bytes() == b"hello\n"
        assert "gate's word" not in box.last.log.read_text()
        guarded.login = (b"gate", b"another")
        guarded.refused_logins = 0
        line = program.fail(proxy=f"socks5h://gate@{where}")
        assert "refuses our user and password" in line and "gate's word" not in line
        assert guarded.refused_logins == 1, "each further try may lock somebody out"
    finally:
        guarded.close()


def test_what_the_proxy_says_is_told(box, proxy):
    program = Program(box)
    line = program.fail(url=f"ftpes://{USER}@localhost:1/", proxy=f"socks5h://127.0.0.1:{proxy.port}")
    assert "cannot reach localhost:1: connection refused" in line
    proxy.close()
    assert "the proxy: connection refused" in program.fail(proxy=f"socks5h://127.0.0.1:{proxy.port}")
    assert "socks5h://" in program.fail(proxy="http://127.0.0.1:80", code=EXIT_USAGE)
    # A server of FTP is no proxy.
    assert "not SOCKS5" in program.fail(proxy=f"socks5h://127.0.0.1:{box.server.port}")


# -- active mode

@pytest.mark.parametrize("name", SERVERS_OF_ALL_KINDS)
def test_active_mode(make_server, box_on, name):
    server = make_server(name, implicit=False, tls="1.2" if name == "pureftpd" else "1.3")
    box = box_on(server)
    trace = box.folder / "trace"
    # Two sessions of pyftpdlib at a time: every now and then one of them never hears the command behind a listing.
    more = {"max_conns": 1} if name == "pyftpdlib" else {}
    mount = box.mount(active=True, port_range="40000-40040", trace=trace, **more)
    exercise(box, mount)
    box.unmount()
    dialogue = trace.read_text()
    ports = [int(port) for port in re.findall(r"EPRT \|1\|127\.0\.0\.1\|(\d+)\|", dialogue)]
    assert len(ports) >= 3 and all(40000 <= port <= 40040 for port in ports)
    assert not re.search(r"> (EPSV|PASV)", dialogue)


def test_active_mode_where_no_interface_fits(box):
    program = Program(box)
    assert "give active" in program.fail(port_range="40000-40010", code=EXIT_USAGE)
    box.put("hello", b"hello\n")
    assert "interface=nosuch0" in program.fail(active=True, interface="nosuch0", code=EXIT_USAGE)
    mount = box.mount(active=True, interface="lo")
    assert (mount / "hello").read_bytes() == b"hello\n"


# -- how data ends, and TLS of old

def test_ends_that_are_authenticated_satisfy_the_strict(box):
    mount = box.mount(eof="strict")
    exercise(box, mount)


def test_a_server_as_old_as_tls_1_0(make_server, box_on):
    server = make_server("proftpd", implicit=False, tls="1", extra={"TLSCipherSuite": "ALL:@SECLEVEL=0"})
    box = box_on(server)
    program = Program(box)
    line = program.fail()
    assert "no TLS version in common" in line and "tls_legacy" in line
    assert "tls_legacy" in program.fail(tls_min="1.0", code=EXIT_USAGE)
    mount = box.mount(tls_min="1.0", tls_legacy=True)
    exercise(box, mount)
    log = box.last.log.read_text()
    assert "warning: tls_legacy" in log
    assert re.search(r"logged in to .*, TLSv1 ", log), log
