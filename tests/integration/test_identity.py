# SPDX-License-Identifier: MIT
"""Who a mount is to its server: client certificates in all the forms in which people have them, and what is
said when they are of no use."""

import hashlib
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

from box import sha256, wait_for
from mount import binary, is_mounted, status_of, write_credentials
from pki import Certificate
from program import EXIT_FAILED, EXIT_USAGE, Program
from servers import USER
from servers.base import free_port

pytestmark = [pytest.mark.once, pytest.mark.real]

PASSPHRASE = "open, sesame"


def demanding(pki, name):
    """Settings of a server that lets in none without a certificate. It knows the root of the clients' CAs alone:
    the one below must be sent."""
    return {"vsftpd": {"require_cert": "YES", "validate_cert": "YES", "ca_certs_file": pki.client_root},
            "proftpd": {"TLSVerifyClient": "on", "TLSCACertificateFile": pki.client_root}}[name]


@pytest.fixture(scope="module", params=["vsftpd", "proftpd"])
def demanding_server(request, make_server, pki):
    return make_server(request.param, extra=demanding(pki, request.param))


@pytest.fixture
def strict(demanding_server, box_on):
    """A box on a server that wants a certificate and a password."""
    box = box_on(demanding_server)
    box.put("hello", b"hello\n")
    return box


def with_passphrase(box, passphrase=PASSPHRASE):
    path = write_credentials(box.folder / "with-passphrase")
    with open(path, "a") as file:
        file.write(f"key_password={passphrase}\n")
    return path


def forms(pki, box):
    """The options for each form in which the client's certificate can be had."""
    client = pki.client
    der_cert, der_key = pki.der(client)
    credentials = with_passphrase(box)
    return {"pem": {"cert": client.cert, "key": client.key},
            "both in one": {"cert": client.pem},
            "encrypted": {"cert": client.cert, "key": pki.encrypted_key(client, PASSPHRASE), "credentials": credentials},
            "pkcs12": {"pkcs12": pki.export(client, PASSPHRASE), "credentials": credentials},
            "old pkcs12": {"pkcs12": pki.export(client, PASSPHRASE, old=True), "credentials": credentials},
            "der": {"cert": der_cert, "key": der_key}}


@pytest.mark.parametrize("form", ["pem", "both in one", "encrypted", "pkcs12", "old pkcs12"])
def test_a_certificate_in_any_form_is_shown_with_its_chain(strict, pki, form):
    mount = strict.mount(**forms(pki, strict)[form])
    assert (mount / "hello").read_bytes() == b"hello\n"
    (mount / "new").write_bytes(b"over a data connection")
    assert (strict.remote / "new").read_bytes() == b"over a data connection"
    log = strict.last.log.read_text()
    assert PASSPHRASE not in log and "PRIVATE KEY" not in log


def test_a_der_certificate_is_shown_alone(box_on, make_server, pki):
    """DER holds one certificate: the server must know its CA."""
    known = pki.folder / "client-authorities.pem"
    known.write_bytes(pki.client_root.read_bytes() + pki.client_ca.read_bytes())
    box = box_on(make_server("proftpd", extra={**demanding(pki, "proftpd"), "TLSCACertificateFile": known}))
    box.put("hello", b"hello\n")
    assert (box.mount(**forms(pki, box)["der"]) / "hello").read_bytes() == b"hello\n"


def test_no_certificate_where_one_is_wanted(strict):
    program = Program(strict)
    line = program.fail()
    assert "none without a client certificate" in line


def test_a_certificate_of_a_ca_that_the_server_does_not_know(strict, pki):
    line = Program(strict).fail(cert=pki.good.cert, key=private(pki.good.key, strict))
    assert "client certificate" in line and "CA" in line


def private(key, box):
    copy = box.folder / key.name
    copy.write_bytes(key.read_bytes())
    copy.chmod(0o600)
    return copy


def bad_identities(pki, box):
    """Options that cannot work, and words of the line that says so."""
    client, other = pki.client, private(pki.good.key, box)
    garbage = box.folder / "garbage"
    garbage.write_bytes(b"\x30\x03garbage")
    open_key = box.folder / "open.key"
    open_key.write_bytes(client.key.read_bytes())
    open_key.chmod(0o644)
    wrong = with_passphrase(box, "wrong")
    locked = pki.encrypted_key(client, PASSPHRASE)
    return {
        "another key": ({"cert": client.cert, "key": other}, "belong together"),
        "expired": ({"cert": pki.expired.cert, "key": private(pki.expired.key, box)}, "expired on 2020-02-01"),
        "wrong passphrase": ({"cert": client.cert, "key": locked, "credentials": wrong}, "passphrase"),
        "wrong passphrase of pkcs12": ({"pkcs12": pki.export(client, PASSPHRASE), "credentials": wrong}, "passphrase"),
        "no passphrase": ({"cert": client.cert, "key": locked}, "key_password="),
        "garbage": ({"cert": garbage, "key": client.key}, "holds no certificate"),
        "garbage for a key": ({"cert": client.cert, "key": garbage}, "holds no private key"),
        "no key": ({"cert": client.cert}, "key=FILE"),
        "no certificate": ({"key": client.key}, "cert=FILE"),
        "missing": ({"cert": "/no/such.pem", "key": client.key}, "/no/such.pem"),
        "readable by others": ({"cert": client.cert, "key": open_key}, "chmod 600"),
    }


@pytest.mark.parametrize("what", ["another key", "expired", "wrong passphrase", "wrong passphrase of pkcs12",
                                  "no passphrase", "garbage", "garbage for a key", "no key", "no certificate",
                                  "missing", "readable by others"])
def test_a_useless_identity_is_told_before_any_connection(box, program, pki, what):
    options, words = bad_identities(pki, box)[what]
    nowhere = f"ftpes://{USER}@localhost:{free_port()}/"  # a connection would be refused, and told first
    line = program.fail(url=nowhere, code=EXIT_USAGE, **options)
    assert words in line
    assert "wrong" not in line.replace("wrong)", "") and PASSPHRASE not in line


def test_the_passphrase_is_asked_for_on_a_terminal(strict, pki):
    program = Program(strict)
    options = program.options(cert=pki.client.cert, key=pki.encrypted_key(pki.client, PASSPHRASE))
    child, terminal = pty.fork()
    if child == 0:
        joined = ",".join(f"{name}={value}" for name, value in options.items())
        os.execv(binary(), [str(binary()), strict.url(), str(program.mnt), "-o", joined])
    try:
        shown = read_until(terminal, b": ")
        assert b"Passphrase of" in shown and b"encrypted.key" in shown
        os.write(terminal, f"{PASSPHRASE}\n".encode())
        assert wait_for(lambda: is_mounted(program.mnt)), read_until(terminal, b"\n")
        assert (program.mnt / "hello").read_bytes() == b"hello\n"
        assert PASSPHRASE.encode() not in shown + read_until(terminal, b"\xff", seconds=0.2)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
    finally:
        os.close(terminal)
        program.run("umount", program.mnt)
        assert program.ended()
        program.tidy()


def read_until(terminal, end, seconds=10):
    """What a program writes on its terminal, up to `end`, or until it hangs up or the time is over."""
    text = b""
    deadline = time.monotonic() + seconds
    while end not in text and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                text += os.read(terminal, 1000)
            except OSError:
                break
    return text


def test_two_identities_on_one_server_share_nothing(strict, pki):
    other = pki.client_certificate("other")
    mounts = [strict.mount(cert=each.cert, key=each.key) for each in (pki.client, other)]
    (mounts[0] / "new").write_bytes(b"1")
    assert (mounts[1] / "new").read_bytes() == b"1"
    strict.unmount()
    assert (mounts[0] / "hello").read_bytes() == b"hello\n"


# -- the certificate as login

@pytest.fixture
def by_certificate(box_on, make_server, pki):
    """A box on a server that takes the certificate's name for the user's."""
    box = box_on(make_server("proftpd", extra={**demanding(pki, "proftpd"), "TLSUserName": "CommonName"}))
    box.put("hello", b"hello\n")
    return box


def test_the_certificate_is_the_login(by_certificate, pki):
    mount = by_certificate.mount(credentials=no_password(by_certificate), cert=pki.client.cert, key=pki.client.key)
    assert (mount / "hello").read_bytes() == b"hello\n"
    (mount / "new").write_bytes(b"new")
    assert (by_certificate.remote / "new").read_bytes() == b"new"
    log = by_certificate.last.log.read_text()
    assert "232" in log and "PASS" not in log


def no_password(box):
    path = box.folder / "no-password"
    path.write_text(f"username={USER}\n")
    path.chmod(0o600)
    return path


def test_another_users_certificate_is_no_login(by_certificate, pki):
    other = pki.client_certificate("somebody")
    line = Program(by_certificate).fail(credentials=no_password(by_certificate), cert=other.cert, key=other.key)
    assert "331" in line and "password" in line and "credentials=FILE" in line


def test_a_server_that_wants_a_password_beside_the_certificate(strict, pki):
    line = Program(strict).fail(credentials=no_password(strict), cert=pki.client.cert, key=pki.client.key)
    assert "331" in line and "password" in line and "credentials=FILE" in line


# -- another identity while the mount lives

class Files:
    """A client's certificate and key, and a server's, that are replaced in their places."""

    def __init__(self, folder, pki):
        self.pki = pki
        self.cert, self.key = folder / "me.crt", folder / "me.key"
        self.ca = folder / "trusted.crt"
        self.server = Certificate(folder / "server.crt", folder / "server.key", folder / "server.pem")
        self.ca.write_bytes(pki.ca.read_bytes())
        self.key.touch(0o600)
        self.use(pki.client)
        self.serve(pki.good)

    def use(self, client):
        self.cert.write_bytes(client.cert.read_bytes())
        self.key.write_bytes(client.key.read_bytes())

    def serve(self, certificate):
        for name in ("cert", "key", "pem"):
            getattr(self.server, name).write_bytes(getattr(certificate, name).read_bytes())

    def options(self):
        return {"cert": self.cert, "key": self.key, "cacert": self.ca}


@pytest.fixture
def swap(tmp_path_factory, pki, make_server, box_on):
    """A box on a server that logs which certificates it is shown, and whose own can be replaced."""
    folder = tmp_path_factory.mktemp("swap")
    files = Files(folder, pki)
    server = make_server("proftpd", certificate=files.server,
                         extra={**demanding(pki, "proftpd"), "TLSUserName": "CommonName"})
    box = box_on(server)
    box.files = files
    box.put("hello", b"hello\n")
    return box


def reload(box, how="ftpsfs reload"):
    """Tells the mount, and gives the command's exit code and line."""
    if how == "SIGHUP":
        before = box.last.log.read_text().count("are read anew")
        os.kill(box.last.process.pid, signal.SIGHUP)
        assert wait_for(lambda: box.last.log.read_text().count("are read anew") > before), box.last.log_tail()
        return 0, ""
    done = subprocess.run([str(binary()), "reload", str(box.last.path)], capture_output=True, text=True, timeout=20)
    return done.returncode, done.stderr


def check_reload(box):
    code, line = reload(box)
    assert (code, line) == (0, ""), f"{code}: {line}\n{box.last.log_tail()}"


def shown_to(server):
    """The units (OU) of the client certificates that the server was shown, in their order."""
    return re.findall(r"Client: .*OU = ([\w-]+)", (server.folder / "proftpd-tls.log").read_text())


@pytest.mark.parametrize("how", ["ftpsfs reload", "SIGHUP"])
def test_certificates_are_swapped_under_running_copies(swap, pki, how):
    content = os.urandom(24 << 20)
    swap.put("large", content)
    mount = swap.mount(**swap.files.options())
    old = shown_to(swap.server)
    assert old and set(old) == {"client-tester"}
    with open(mount / "large", "rb") as source, open(mount / "copy", "wb") as target:
        for place in range(0, len(content), 1 << 20):
            if place == 8 << 20:
                swap.files.use(pki.client_certificate("tester", name="renewed"))
                swap.files.serve(pki.renewed_server())
                code, line = reload(swap, how)
                assert code == 0, line
            block = source.read(1 << 20)
            target.write(block)
            if place == 12 << 20:  # somebody else needs a connection meanwhile
                assert (mount / "hello").read_bytes() == b"hello\n"
    assert sha256(mount / "copy") == sha256(mount / "large") == hashlib.sha256(content).hexdigest()
    assert sha256(swap.remote / "copy") == hashlib.sha256(content).hexdigest()
    assert shown_to(swap.server)[-1] == "renewed"
    log = swap.last.log.read_text()
    assert " error: " not in log and "another session" not in log


def test_after_a_reload_no_connection_of_the_old_identity_is_left(swap, pki):
    mount = swap.mount(**swap.files.options())
    os.listdir(mount)
    sessions = len(swap.server.pids())
    swap.files.use(pki.client_certificate("tester", name="renewed"))
    check_reload(swap)
    assert wait_for(lambda: len(swap.server.pids()) < sessions), "idle connections of the old identity stay"
    assert (mount / "hello").read_bytes() == b"hello\n"
    assert shown_to(swap.server)[-1] == "renewed"


def test_useless_new_files_change_nothing(swap, pki):
    mount = swap.mount(**swap.files.options())
    swap.files.key.write_bytes(pki.good.key.read_bytes())
    code, line = reload(swap)
    assert code == EXIT_FAILED and "belong together" in line and "goes on as before" in line
    assert "belong together" in swap.last.log.read_text()
    swap.files.ca.write_text("nothing")
    swap.files.use(pki.client)
    code, line = reload(swap)
    assert code == EXIT_FAILED and "holds no certificate" in line
    swap.server.drop_connections()
    assert wait_for(lambda: (mount / "hello").read_bytes() == b"hello\n")
    assert set(shown_to(swap.server)) == {"client-tester"}


def test_another_ca_is_trusted_after_a_reload(swap, pki):
    mount = swap.mount(**swap.files.options(), dir_cache_timeout=0, attr_timeout=0, entry_timeout=0)
    swap.files.serve(pki.other_issuer)
    swap.files.ca.write_bytes(pki.other_ca.read_bytes())
    check_reload(swap)
    assert (mount / "hello").read_bytes() == b"hello\n"


def test_a_refused_password_is_tried_again_after_a_reload_alone(box_on, make_server):
    server = make_server("proftpd")
    box = box_on(server)
    box.put("hello", b"hello\n")
    mount = box.mount(dir_cache_timeout=0, attr_timeout=0, entry_timeout=0)
    write_credentials(box.credentials, password="wrong")
    check_reload(box)
    for _ in range(4):
        with pytest.raises(PermissionError):
            os.listdir(mount)
    refused = box.last.log.read_text().count("< 530")
    assert refused == 1, "each further try may lock the account"
    write_credentials(box.credentials)
    check_reload(box)
    assert os.listdir(mount) == ["hello"]


# -- the end of a certificate

def test_the_coming_end_of_a_certificate_is_told_in_the_log_and_by_status(box_on, make_server, pki):
    box = box_on(make_server("proftpd", extra=demanding(pki, "proftpd")))
    soon = pki.client_certificate("tester", name="ends-soon", days=5)
    mount = box.mount(cert=soon.cert, key=soon.key)
    log = box.last.log.read_text()
    assert re.search(r"warning: .*the client's certificate .*OU = ends-soon.* ends in 4 days, on .* UTC", log), log
    assert re.search(r"warning: .*the server's certificate .* ends in 29 days", log), "the test's own are for 30 days"
    done = subprocess.run([str(binary()), "status", str(mount)], capture_output=True, text=True, timeout=20)
    assert "OU = ends-soon" in done.stdout and "ends in 4 days" in done.stdout
    status = status_of(mount)
    assert "ends-soon" in status["client_certificate"] and status["client_certificate_ends"].endswith("UTC")
    assert "ends in 29 days" in status["certificate_warning"] and status["server_certificate_ends"].endswith("UTC")


def test_a_certificate_that_lasts_is_no_matter_for_a_warning(box_on, make_server, pki):
    server = make_server("proftpd", certificate=pki.lasting_server(), extra=demanding(pki, "proftpd"))
    lasting = pki.client_certificate("tester", name="lasting", days=300)
    box = box_on(server)
    mount = box.mount(cert=lasting.cert, key=lasting.key)
    assert "ends in" not in box.last.log.read_text()
    done = subprocess.run([str(binary()), "status", str(mount)], capture_output=True, text=True, timeout=20)
    assert "OU = lasting" in done.stdout and "WARNING" not in done.stdout


# -- whom the mount trusts

def test_the_pin_of_a_self_signed_server_is_enough(box_on, make_server, pki):
    first, second = pki.self_signed_server("self-signed-1"), pki.self_signed_server("self-signed-2")
    box = box_on(make_server("proftpd", certificate=first))
    box.put("hello", b"hello\n")
    program = Program(box)
    line = program.fail(cacert=None, verify="none", pin=pki.pin(second))
    assert pki.pin(first) in line and "pin=" in line
    # Both are named while the server's key is changed.
    mount = box.mount(f"--pin={pki.pin(second)}", f"--pin={pki.pin(first)}", cacert=first.cert)
    assert (mount / "hello").read_bytes() == b"hello\n"
    assert "pin=" in program.fail(cacert=first.cert, pin=pki.pin(second))


def test_revoked_certificates(box, program, pki):
    box.put("hello", b"hello\n")
    line = program.fail(crlfile=pki.revocations("revoked", [box.server.certificate]))
    assert "revoked by" in line and "ftpsfs test CA" in line
    assert "out of date" in program.fail(crlfile=pki.revocations("stale", stale=True))
    assert "/no/such.crl" in program.fail(crlfile="/no/such.crl", code=EXIT_USAGE)
    program.mount(crlfile=pki.revocations("clean", [pki.expired]))
    assert (program.mnt / "hello").read_bytes() == b"hello\n"


def test_session_reuse(box, program):
    """vsftpd and ProFTPD refuse data connections without it."""
    box.put("hello", b"hello\n")
    mount = box.mount(session_reuse="require")
    assert (mount / "hello").read_bytes() == b"hello\n"
    box.unmount()
    mount = box.mount(session_reuse="off")
    with pytest.raises(OSError):
        (mount / "hello").read_bytes()


def test_ciphers(box_on, make_server, pki):
    box = box_on(make_server("proftpd", tls="1.2"))
    program = Program(box)
    box.mount(ciphers="ECDHE-ECDSA-AES128-GCM-SHA256")
    assert "TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256" in box.last.log.read_text()
    assert "ciphers=ROT13" in program.fail(ciphers="ROT13", code=EXIT_USAGE)


def test_session_reuse_that_the_server_does_not_do(box_on, make_server):
    """Pure-FTPd gives no tickets in TLS 1.3."""
    box = box_on(make_server("pureftpd", tls="1.3"))
    box.put("hello", b"hello\n")
    mount = box.mount(session_reuse="require")
    with pytest.raises(OSError):
        (mount / "hello").read_bytes()
    assert "session_reuse=require" in box.last.log.read_text()
