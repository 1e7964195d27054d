# SPDX-License-Identifier: MIT
"""The command itself: it returns when the mount is usable, says what is wrong when it is not, and ends
cleanly however it is told to."""

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import threading
import time
from pathlib import Path

import pytest

from box import wait_for
from mount import binary, is_mounted
from program import EXIT_FAILED, EXIT_USAGE, Program
from servers import PASSWORD, USER
from servers.base import free_port

pytestmark = [pytest.mark.once, pytest.mark.real]


# -- coming up

def test_it_returns_when_the_mount_is_usable_and_serves_in_the_background(box, program):
    box.put("hello", b"hello\n")
    program.mount()
    assert (program.mnt / "hello").read_bytes() == b"hello\n"
    (pid,) = program.pids()
    assert os.getsid(pid) != os.getsid(0), "still part of the caller's session"
    assert os.readlink(f"/proc/{pid}/cwd") == "/"


def test_options_may_stand_before_and_behind_and_in_both_forms(box, program):
    box.put("hello", b"hello\n")
    done = program.run(f"--credentials={box.credentials}", "--max_conns=2", box.url(), program.mnt,
                       f"--cacert={box.server.pki.ca}", "--attr_timeout=3")
    assert done.returncode == 0, done.stderr
    assert (program.mnt / "hello").read_bytes() == b"hello\n"


def test_bare_host_and_path_mean_explicit_tls_on_port_21(program):
    """`host:/path` has no place for a port: all there is to see here is where it goes."""
    line = program.fail(url=f"{USER}@127.0.0.7:/path")
    assert "127.0.0.7" in line and "21" in line


def test_user_from_the_options(box, program):
    box.put("hello", b"hello\n")
    only_password = box.folder / "only-password"
    only_password.write_text(f"password={PASSWORD}\n")
    only_password.chmod(0o600)
    program.mount(url=box.url().replace(f"{USER}@", ""), username=USER, credentials=only_password)
    assert (program.mnt / "hello").exists()


def test_user_from_the_credentials(box, program):
    box.put("hello", b"hello\n")
    program.mount(url=box.url().replace(f"{USER}@", ""))
    assert (program.mnt / "hello").exists()


def test_user_and_password_from_standard_input(box, program):
    box.put("hello", b"hello\n")
    program.mount(stdin=f"{PASSWORD}\n", credentials=None, password_stdin=True)
    assert (program.mnt / "hello").exists()


def test_password_in_the_url_works_and_warns(box, program):
    box.put("hello", b"hello\n")
    url = box.url().replace(f"{USER}@", f"{USER}:{PASSWORD.replace(' ', '%20')}@")
    done = program.mount(url=url, credentials=None)
    assert "warning" in done.stderr.lower() and PASSWORD not in done.stderr
    assert (program.mnt / "hello").exists()


def test_relative_mount_points_and_files_work(box, program):
    """Paths are made absolute before the daemon leaves its folder."""
    box.put("hello", b"hello\n")
    done = subprocess.run([str(binary()), box.url(), program.mnt.name, "-o",
                           f"credentials={box.credentials.name},cacert={os.path.relpath(box.server.pki.ca, box.folder)}"],
                          cwd=box.folder, capture_output=True, text=True, timeout=40)
    assert done.returncode == 0, done.stderr
    assert (program.mnt / "hello").read_bytes() == b"hello\n"
    subprocess.run(["fusermount3", "-u", program.mnt], check=True, timeout=20)
    assert wait_for(lambda: not is_mounted(program.mnt))


def test_a_sub_directory_and_the_root_can_be_mounted(box, program):
    box.put("sub dir/inner", b"inner")
    program.mount(url=box.server.url(f"/{box.name}/sub%20dir"))
    assert os.listdir(program.mnt) == ["inner"]
    subprocess.run(["fusermount3", "-u", program.mnt], check=True, timeout=20)
    assert program.ended()
    program.mount(url=box.server.url("/"))
    assert (program.mnt / box.name / "sub dir/inner").read_bytes() == b"inner"


def test_read_only_mounts_refuse_changes(box, program):
    box.put("file", b"x")
    program.mount(ro=True)
    assert (program.mnt / "file").read_bytes() == b"x"
    for action in (lambda: (program.mnt / "file").write_bytes(b"y"), lambda: (program.mnt / "new").write_bytes(b"y"),
                   lambda: os.unlink(program.mnt / "file"), lambda: os.mkdir(program.mnt / "dir")):
        with pytest.raises(OSError) as caught:
            action()
        assert caught.value.errno == 30  # EROFS
    assert os.listdir(box.remote) == ["file"]


def test_other_users_are_let_in_by_allow_other_alone(box, program):
    box.put("file", b"x")
    if not shutil.which("setpriv"):
        pytest.skip("no setpriv to become someone else with")
    someone = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "cat", str(program.mnt / "file")]
    box.folder.chmod(0o755)
    program.mount()
    assert subprocess.run(someone, capture_output=True, timeout=20).returncode != 0
    subprocess.run(["fusermount3", "-u", program.mnt], check=True, timeout=20)
    assert program.ended()
    program.mount(allow_other=True)
    assert subprocess.run(someone, capture_output=True, timeout=20).stdout == b"x"


def test_others_who_are_let_in_are_held_to_the_modes(box, program):
    if not shutil.which("setpriv"):
        pytest.skip("no setpriv to become someone else with")
    box.put("ours", b"x", mode=0o600)
    box.put("everyones", b"x", mode=0o644)
    box.folder.chmod(0o755)
    program.mount(allow_other=True)

    def by_someone(*command):
        return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command],
                              capture_output=True, timeout=20)

    assert by_someone("cat", program.mnt / "everyones").stdout == b"x"
    refused = by_someone("cat", program.mnt / "ours")
    assert refused.returncode != 0 and b"ermission denied" in refused.stderr
    for deed in (["rm", "-f", program.mnt / "everyones"], ["touch", program.mnt / "new"],
                 ["cp", "/etc/hostname", program.mnt / "everyones"]):
        assert by_someone(*deed).returncode != 0, deed
    assert sorted(os.listdir(box.remote)) == ["everyones", "ours"]


def test_mount_helper_line_as_in_fstab(box, program):
    """mount(8) calls `ftpsfs SOURCE TARGET -o rw,…` with options that mean nothing to us."""
    box.put("hello", b"hello\n")
    program.mount("-o", "rw,nosuid,nodev,noatime,noexec,_netdev,nofail,x-systemd.automount,users,noauto")
    assert (program.mnt / "hello").exists()


def test_fuse_helper_mounts_it(box, program):
    if not shutil.which("mount.fuse3"):
        pytest.skip("no mount.fuse3 here")
    box.put("hello", b"hello\n")
    options = ",".join(f"{name}={value}" for name, value in program.options().items())
    done = subprocess.run(["mount", "-t", "fuse3", f"{binary()}#{box.url()}", program.mnt, "-o", options],
                          capture_output=True, text=True, timeout=40)
    assert done.returncode == 0, done.stderr
    assert (program.mnt / "hello").exists()


def test_clear_data_connections_on_request(box, program):
    box.put("hello", b"hello\n")
    program.mount(prot="clear")
    assert (program.mnt / "hello").read_bytes() == b"hello\n"


def test_passive_mode_where_the_server_has_no_epsv(make_server, box_on):
    box = box_on(make_server("vsftpd", extra={"cmds_denied": "EPSV"}))
    box.put("hello", b"hello\n")
    mount = box.mount()
    assert (mount / "hello").read_bytes() == b"hello\n"
    (mount / "new").write_bytes(b"by PASV")
    assert (box.remote / "new").read_bytes() == b"by PASV"


# -- going down

@pytest.mark.parametrize("way", ["umount", "fusermount3 -u", "SIGTERM", "SIGINT", "ftpsfs umount"])
def test_every_way_to_end_is_clean(box, program, way):
    box.put("hello", b"hello\n")
    program.mount()
    (program.mnt / "new").write_bytes(b"new")
    assert os.listdir(program.mnt)
    (pid,) = program.pids()
    if way.startswith("SIG"):
        os.kill(pid, getattr(signal, way))
    elif way == "ftpsfs umount":
        done = program.run("umount", program.mnt)
        assert done.returncode == 0, done.stderr
        assert not is_mounted(program.mnt)
    else:
        subprocess.run([*way.split(), program.mnt], check=True, timeout=20)
    assert program.ended(), f"still there: {program.pids()}, mounted: {is_mounted(program.mnt)}"
    assert (box.remote / "new").read_bytes() == b"new"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_foreground_ends_by_signal_with_success(box, number):
    box.mount()
    process = box.last.process
    os.kill(process.pid, number)
    assert process.wait(timeout=20) == 0, box.last.log_tail()
    assert not is_mounted(box.last.path)
    box.last.process = None


def test_hangup_does_not_end_it(box, program):
    box.put("hello", b"hello\n")
    program.mount()
    (pid,) = program.pids()
    os.kill(pid, signal.SIGHUP)
    time.sleep(0.5)
    assert (program.mnt / "hello").read_bytes() == b"hello\n"


def test_a_busy_mount_says_so_and_goes_on(box, program):
    box.put("hello", b"hello\n")
    program.mount()
    with open(program.mnt / "hello", "rb") as file:
        assert subprocess.run(["fusermount3", "-u", program.mnt], capture_output=True, timeout=20).returncode != 0
        done = program.run("umount", program.mnt)
        assert done.returncode != 0 and "busy" in done.stderr.lower()
        assert file.read() == b"hello\n"
    assert program.run("umount", program.mnt).returncode == 0
    assert program.ended()


def test_sigterm_finishes_an_upload_under_way(box, program):
    program.mount()
    writer = box.start(["bash", "-c", 'head -c 3000000 /dev/zero > "$0"', program.mnt / "upload"])
    assert wait_for(lambda: (box.remote / "upload").exists() or writer.poll() is not None)
    (pid,) = program.pids()
    os.kill(pid, signal.SIGTERM)
    code = writer.wait(timeout=30)
    assert program.ended(seconds=40)
    if code == 0:
        assert (box.remote / "upload").stat().st_size == 3_000_000


def test_umount_does_not_call_a_death_a_good_end(program):
    program.mount()
    (pid,) = program.pids()
    os.kill(pid, signal.SIGSTOP)
    killer = threading.Timer(1, os.kill, [pid, signal.SIGKILL])
    killer.start()
    done = program.run("umount", program.mnt)
    killer.join()
    assert done.returncode == EXIT_FAILED
    assert "without a word" in done.stderr or "does not answer" in done.stderr


# -- the sub-commands

def test_status_tells_about_the_mount(box, program):
    program.mount(max_conns=3)
    os.listdir(program.mnt)
    done = program.run("status", program.mnt)
    assert done.returncode == 0, done.stderr
    assert f"localhost:{box.server.port}" in done.stdout or "localhost" in done.stdout
    assert PASSWORD not in done.stdout
    done = program.run("status", "--json", program.mnt)
    assert done.returncode == 0, done.stderr
    verbs = {verb["verb"]: verb for verb in json.loads(done.stdout)["verbs"]}
    assert verbs["USER"]["count"] >= 1
    assert 0 < verbs["USER"]["mean_us"] <= verbs["USER"]["max_us"] < 20_000_000


def test_trace_writes_the_dialogue_down(box, program):
    box.put("hello", b"hello\n")
    trace = box.folder / "trace.log"
    program.mount(trace=trace)
    assert (program.mnt / "hello").read_bytes() == b"hello\n"
    assert program.run("umount", program.mnt).returncode == 0
    assert trace.stat().st_mode & 0o7777 == 0o600
    text = trace.read_text()
    assert PASSWORD not in text
    stamp = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z #\d "  # whichever connection was free
    for form in (r"> AUTH TLS$", r"< 220[ -]", rf"> USER {USER}$", r"> PASS \*\*\*$",
                 r"< 230[ -].* \(PASS after [\d.]+ ms\)$", r"> RETR .*hello$", r"< 226[ -].* \(RETR after [\d.]+ ms\)$"):
        assert re.search(stamp + form, text, re.M), f"{form} is not in\n{text}"


def test_a_trace_that_cannot_be_written_is_told_before_anything_is_mounted(box, program):
    target = box.folder / "target"
    target.write_text("precious")
    link = box.folder / "link"
    link.symlink_to(target)
    assert "symbolic link" in program.fail(code=EXIT_USAGE, trace=link)
    assert target.read_text() == "precious"
    assert "No such file" in program.fail(code=EXIT_USAGE, trace=box.folder / "nowhere" / "trace")


def test_refresh_shows_at_once_what_changed_elsewhere(box, program):
    box.put("first", b"1")
    program.mount(dir_cache_timeout=600, attr_timeout=600, entry_timeout=600, negative_timeout=600)
    assert os.listdir(program.mnt) == ["first"]
    assert not (program.mnt / "second").exists()
    box.put("second", b"22")
    box.put("first", b"longer now")
    done = program.run("refresh", program.mnt)
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(program.mnt)) == ["first", "second"]
    assert (program.mnt / "second").read_bytes() == b"22"
    assert (program.mnt / "first").stat().st_size == 10


@pytest.mark.parametrize("command", ["umount", "status", "refresh"])
def test_subcommands_on_what_is_no_mount(program, command):
    done = program.run(command, program.mnt)
    assert done.returncode != 0
    assert done.stderr.strip()


def test_two_mounts_live_side_by_side(box, workspace):
    box.put("hello", b"hello\n")
    first, second = box.mount(), box.mount()
    (first / "new").write_bytes(b"from the first")
    assert (second / "new").read_bytes() == b"from the first"
    box.unmount()
    assert (first / "hello").read_bytes() == b"hello\n"


# -- what is refused

def test_help_and_version(program):
    done = program.run("-h")
    assert done.returncode == 0
    for option in ("credentials", "cacert", "verify", "prot", "max_conns", "dir_cache_timeout", "umask", "password_stdin"):
        assert option in done.stdout, option
    done = program.run("--version")
    assert done.returncode == 0 and re.search(r"\d+\.\d+", done.stdout)
    assert program.run("-V").stdout == done.stdout


def test_no_arguments_is_a_usage_error(program):
    done = program.run()
    assert done.returncode == EXIT_USAGE and "usage" in (done.stderr + done.stdout).lower()


def test_unknown_options_are_named_with_the_nearest_known_one(box, program):
    line = program.fail(code=EXIT_USAGE, max_cons=4)
    assert "max_cons" in line and "max_conns" in line
    line = program.fail("--cacrt=/x", code=EXIT_USAGE)
    assert "cacrt" in line and "cacert" in line


@pytest.mark.parametrize("options", [{"max_conns": "many"}, {"max_conns": 0}, {"umask": "9"}, {"verify": "maybe"},
                                     {"prot": "secret"}, {"attr_timeout": "soon"}, {"uid": "no-such-user-here"}])
def test_bad_values_are_usage_errors(program, options):
    line = program.fail(code=EXIT_USAGE, **options)
    (name,) = options
    assert name in line


def test_clear_ftp_is_refused_with_a_hint(box, program):
    line = program.fail(url=box.url().replace("ftpes:", "ftp:"), code=EXIT_USAGE)
    assert "ftpes://" in line


def test_credentials_that_others_can_read_are_refused(box, program):
    box.credentials.chmod(0o644)
    line = program.fail(code=EXIT_USAGE)
    assert str(box.credentials) in line
    assert "chmod" in line or "readable" in line or "permission" in line.lower()


def test_missing_files_are_named(box, program):
    line = program.fail(code=EXIT_USAGE, credentials="/no/such/credentials")
    assert "/no/such/credentials" in line
    assert "/no/such/ca.pem" in program.fail(code=EXIT_USAGE, cacert="/no/such/ca.pem")


def test_a_mount_point_that_is_no_directory(box, program):
    for bad in (box.folder / "missing", box.credentials):
        done = program.run(box.url(), bad, **program.options())
        assert done.returncode in (EXIT_USAGE, EXIT_FAILED)
        assert str(bad) in done.stderr and not is_mounted(bad)


def test_wrong_password_gives_the_servers_words(box, program):
    line = program.fail(credentials=program.other_credentials(password="wrong"))
    assert "530" in line or "Login incorrect" in line
    assert "wrong" not in line.replace("wrong password", "")


def test_missing_remote_path(box, program):
    line = program.fail(url=box.server.url(f"/{box.name}/no such dir"))
    assert "no such dir" in line


def test_a_file_as_remote_path(box, program):
    box.put("file", b"x")
    assert "file" in program.fail(url=box.server.url(f"/{box.name}/file"))


def test_unknown_host(program):
    line = program.fail(url="ftpes://tester@no-such-host.invalid/")
    assert "no-such-host.invalid" in line


def test_refused_connection(program):
    port = free_port()
    line = program.fail(url=f"ftpes://tester@localhost:{port}/")
    assert "refused" in line.lower() and str(port) in line


# -- certificates

def test_unknown_issuer_names_it_and_the_option(box, program):
    line = program.fail(cacert=box.server.pki.other_ca)
    assert "ftpsfs test CA" in line or "issuer" in line.lower()
    assert "cacert" in line


def test_without_a_ca_the_systems_are_used(box, program):
    assert "cacert" in program.fail(cacert=None)


def test_ca_folder(box, program):
    box.put("hello", b"hello\n")
    program.mount(cacert=None, capath=box.server.pki.capath)
    assert (program.mnt / "hello").exists()


@pytest.fixture
def odd_server(request, pki, make_server, box_on):
    """A box on a server with the certificate of the given name."""
    box = box_on(make_server("proftpd", certificate=getattr(pki, request.param), implicit=False))
    box.put("hello", b"hello\n")
    program = Program(box)
    yield box, program
    program.tidy()


@pytest.mark.parametrize("odd_server", ["wrong_name"], indirect=True)
def test_wrong_name_is_told_and_can_be_waived(odd_server):
    box, program = odd_server
    line = program.fail()
    assert "localhost" in line and "ftp.elsewhere.example" in line and "verify" in line
    program.mount(verify="ca")
    assert (program.mnt / "hello").exists()


@pytest.mark.parametrize("odd_server", ["name_only"], indirect=True)
def test_address_that_the_certificate_does_not_name(odd_server):
    box, program = odd_server
    assert "127.0.0.1" in program.fail(url=box.url().replace("localhost", "127.0.0.1"))
    program.mount()
    assert (program.mnt / "hello").exists()


def test_address_that_the_certificate_names(box, program):
    box.put("hello", b"hello\n")
    program.mount(url=box.url().replace("localhost", "127.0.0.1"))
    assert (program.mnt / "hello").exists()


@pytest.mark.parametrize("odd_server", ["expired"], indirect=True)
def test_expired_certificate(odd_server):
    box, program = odd_server
    assert "expired" in program.fail().lower()
    assert "expired" in program.fail(verify="ca").lower()
    program.mount(verify="none")
    assert (program.mnt / "hello").exists()


@pytest.mark.parametrize("odd_server", ["other_issuer"], indirect=True)
def test_no_verification_on_request(odd_server):
    box, program = odd_server
    assert "some other CA" in program.fail()
    program.mount(verify="none")
    assert (program.mnt / "hello").read_bytes() == b"hello\n"


# -- the wrong kind of server

def test_implicit_url_on_an_explicit_server(box, program):
    line = program.fail(url=box.url().replace("ftpes:", "ftps:"))
    assert "ftpes://" in line or "explicit" in line


def test_explicit_url_on_an_implicit_server(make_server, box, program):
    implicit = make_server("vsftpd", implicit=True)
    line = program.fail(url=f"ftpes://tester@localhost:{implicit.port}/")
    assert "ftps://" in line or "implicit" in line


def test_tls_versions_that_do_not_meet(make_server, box, program):
    old = make_server("vsftpd", tls="1.2", implicit=False)
    line = program.fail(url=f"ftpes://tester@localhost:{old.port}/", tls_min="1.3")
    assert "TLS" in line or "protocol" in line.lower()
    program.mount(url=f"ftpes://tester@localhost:{old.port}/", tls_min="1.2")
    assert os.listdir(program.mnt) == []


# -- what others may see

def test_the_control_socket_is_private(box, program):
    """Whoever can talk to it can refresh or unmount."""
    program.mount()
    (pid,) = program.pids()
    sockets = set()
    with open("/proc/net/unix") as table:
        for line in table.readlines()[1:]:
            fields = line.split()
            if len(fields) > 7 and "ftpsfs" in fields[7] and not fields[7].startswith("@"):
                sockets.add(Path(fields[7]))
    sockets = {path for path in sockets if path.exists()}  # others are bound in other places
    assert sockets
    for path in sockets:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700, path.parent


def test_the_password_is_in_no_log_and_no_process_list(box):
    box.put("hello", b"hello\n")
    mount = box.mount()
    assert (mount / "hello").exists()
    log = box.last.log.read_text(errors="replace")
    assert PASSWORD not in log and "USER" in log
    assert PASSWORD.encode() not in open(f"/proc/{box.last.process.pid}/cmdline", "rb").read()
