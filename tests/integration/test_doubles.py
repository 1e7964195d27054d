# SPDX-License-Identifier: MIT
"""Mounts of servers that cannot be had for tests: doubles that answer in the manner of IBM i, Microsoft IIS and
z/OS (tests/support/double)."""

import errno
import os
import re
import tarfile
import time

import pytest

from servers import USER
from servers.double_server import LONG_AGO

pytestmark = [pytest.mark.once, pytest.mark.real]

MEMBERS = "/QSYS.LIB/ORDERS.LIB/IN.FILE"
BINARY = bytes(range(256)) * 700


def names(path):
    return sorted(os.listdir(path))


# -- IBM i

def furnish_ibm_i(server):
    for directory in ("/home", "/home/tester", "/home/tester/empty", "/QSYS.LIB", "/QSYS.LIB/ORDERS.LIB", MEMBERS,
                      "/QDLS", "/QDLS/FOLDER", "/QOpenSys", "/QOpenSys/usr"):
        server.mkdir(directory.lstrip("/"))
    server.put("home/tester/Report.txt", b"report\n")
    server.put("home/tester/large", BINARY)
    server.put("QSYS.LIB/ORDERS.LIB/BACKUP.SAVF", b"s" * 1056)
    server.put(f"{MEMBERS}/FIRST.MBR", b"first\n")
    server.put("QDLS/FOLDER/NOTE.DOC", b"note")
    server.put("QOpenSys/usr/profile", b"export A=1\n")


@pytest.fixture(scope="module")
def ibm_i(make_server):
    """Makes one with the given arguments, and with something on it."""
    def make(*arguments, **settings):
        server = make_server("double", manner="ibmi", arguments=["--home", "/home/tester", *arguments],
                             **{"implicit": False, **settings})
        furnish_ibm_i(server)
        return server
    return make


@pytest.fixture(scope="module", params=[1, 0], ids=["listfmt1", "listfmt0"])
def either_format(request, ibm_i):
    return ibm_i("--list-format", request.param)


@pytest.fixture(scope="module")
def plain_ibm_i(ibm_i):
    return ibm_i()


def logins_on(server):
    return sum(line.startswith("USER") for line in server.commands())


def at(box, path, **options):
    """Mounts a directory of the server."""
    box.start_path = path
    return box.mount(**options)


def test_all_of_ibm_i_is_one_tree(either_format, box_on):
    mount = at(box_on(either_format), "/")
    assert {"home", "QSYS.LIB", "QDLS", "QOpenSys"} <= set(names(mount))
    assert names(mount / "QSYS.LIB/ORDERS.LIB") == ["BACKUP.SAVF", "IN.FILE"]
    assert names(mount / MEMBERS.lstrip("/")) == ["FIRST.MBR"]
    assert names(mount / "home/tester") == ["Report.txt", "empty", "large"]
    assert names(mount / "home/tester/empty") == []
    assert (mount / "QDLS/FOLDER/NOTE.DOC").read_bytes() == b"note"
    assert (mount / "QOpenSys/usr/profile").read_bytes() == b"export A=1\n"
    assert (mount / MEMBERS.lstrip("/")).is_dir()
    assert (mount / "QSYS.LIB/ORDERS.LIB/BACKUP.SAVF").is_file()
    assert not (mount / "home/tester/missing").exists()


def test_files_under_home_are_copied_by_any_tool(either_format, box_on):
    box = box_on(either_format)
    mount = at(box, "/home/tester")
    assert box.run(["cat", mount / "Report.txt"]).stdout == b"report\n"
    box.run(["cp", mount / "large", box.folder / "copy"])
    assert (box.folder / "copy").read_bytes() == BINARY
    box.run(["tar", "-cf", box.folder / "all.tar", "."], cwd=mount)
    with tarfile.open(box.folder / "all.tar") as archive:
        assert archive.extractfile("./large").read() == BINARY
        assert archive.extractfile("./Report.txt").read() == b"report\n"


def test_files_under_home_are_written_and_changed(either_format, box_on):
    box = box_on(either_format)
    mount = at(box, f"/{box.name}")
    (mount / "new").write_bytes(BINARY)
    assert either_format.get(f"{box.name}/new") == BINARY
    box.sh("echo more >> new; mkdir d; mv new d/newer; echo x > d/short; rm d/short")
    assert either_format.get(f"{box.name}/d/newer") == BINARY + b"more\n"
    box.sh("rm d/newer; rmdir d")
    assert either_format.tree(f"/{box.name}") == []


def test_a_refused_rename_becomes_two(plain_ibm_i, box_on):
    """IBM i renames nothing over an existing name: the old file steps aside, and goes when the new one is there."""
    box = box_on(plain_ibm_i)
    box.put("file", b"old\n")
    box.put("other", b"other\n")
    mount = at(box, f"/{box.name}")
    (mount / "file").write_bytes(b"new\n")
    assert plain_ibm_i.get(f"{box.name}/file") == b"new\n"
    box.sh("mv -f other file")
    assert plain_ibm_i.get(f"{box.name}/file") == b"other\n"
    assert plain_ibm_i.tree(f"/{box.name}") == [f"/{box.name}/file"]


@pytest.mark.parametrize("content", [b"LINE 1\nLINE 2\n", BINARY], ids=["text", "binary"])
def test_members_are_written_and_read(either_format, box_on, content):
    box = box_on(either_format)
    mount = at(box, MEMBERS, upload="direct")
    for name in ("FIRST.MBR", "SECOND.MBR"):  # one that was there, and a new one
        with open(mount / name, "wb") as member:
            member.write(content)
        assert either_format.get(f"{MEMBERS}/{name}") == content
        assert box.run(["cat", mount / name]).stdout == content
    (mount / "SECOND.MBR").unlink()
    assert names(mount) == ["FIRST.MBR"]


def test_implicit_tls_on_a_port_of_its_own(ibm_i, box_on):
    server = ibm_i(implicit=True)
    assert server.url().startswith("ftps://")
    mount = at(box_on(server), "/home/tester")
    assert (mount / "Report.txt").read_bytes() == b"report\n"
    (mount / "new").write_bytes(BINARY)
    assert server.get("home/tester/new") == BINARY


def test_a_certificate_is_a_login(ibm_i, box_on, pki):
    server = ibm_i("--client-ca", pki.client_root, "--certificate-login")
    box = box_on(server)
    alone = box.folder / "user-alone"
    alone.write_text(f"username={USER}\n")
    alone.chmod(0o600)
    mount = at(box, "/home/tester", credentials=alone, cert=pki.client.cert, key=pki.client.key)
    assert (mount / "Report.txt").read_bytes() == b"report\n"
    (mount / "new").write_bytes(b"new")
    assert server.get("home/tester/new") == b"new"
    assert not [line for line in server.commands() if line.startswith("PASS")]


def test_the_mount_outlives_the_idle_limit(ibm_i, box_on):
    """Each connection that is idle for a second is closed: the next one is made without a word."""
    server = ibm_i("--idle-limit", 1000)
    box = box_on(server)
    mount = at(box, "/home/tester")
    for turn in range(3):
        (mount / "file").write_bytes(b"turn %d\n" % turn)
        logins = logins_on(server)
        time.sleep(1.5)
        assert (mount / "file").read_bytes() == b"turn %d\n" % turn
        assert names(mount) == ["Report.txt", "empty", "file", "large"]
        (mount / "file").unlink()
        assert logins_on(server) > logins


def test_every_connection_is_in_the_same_format(plain_ibm_i, box_on):
    box = box_on(plain_ibm_i)
    before = plain_ibm_i.commands()
    mount = at(box, "/home/tester", max_conns=4)
    with open(mount / "large", "rb") as one, open(mount / "Report.txt", "rb") as two:
        assert one.read(10) == BINARY[:10]
        assert two.read() == b"report\n"
        assert names(mount / "empty") == []
    lines = plain_ibm_i.commands()[len(before):]
    logins = sum(line.startswith("USER") for line in lines)
    assert lines.count("SITE NAMEFMT 1") == lines.count("SITE LISTFMT 1") == logins


# -- Microsoft IIS

@pytest.fixture(scope="module")
def iis(make_server):
    return make_server("double", manner="iis", implicit=False)


def test_iis_is_listed_and_copied(iis, box_on):
    box = box_on(iis)
    box.put("Hello World.txt", b"hello\r\n")
    box.put("large", BINARY)
    box.put(".dot", b"1")
    box.put("Sub Dir/inner", b"2")
    mount = at(box, f"/{box.name}")
    assert names(mount) == [".dot", "Hello World.txt", "Sub Dir", "large"]
    assert (mount / "Sub Dir").is_dir()
    assert os.stat(mount / "Hello World.txt").st_size == 7
    assert os.stat(mount / "Hello World.txt").st_mtime == LONG_AGO
    box.run(["cp", "-r", mount, box.folder / "copy"])
    assert (box.folder / "copy/large").read_bytes() == BINARY
    assert (box.folder / "copy/Sub Dir/inner").read_bytes() == b"2"


def test_iis_files_are_edited_in_place(iis, box_on):
    box = box_on(iis)
    box.put("file", b"one\ntwo\n")
    mount = at(box, f"/{box.name}")
    with open(mount / "file", "r+b") as file:
        file.seek(4)
        file.write(b"TWO")
    assert iis.get(f"{box.name}/file") == b"one\nTWO\n"
    box.sh("sed -i s/one/1/ file; echo end >> file")
    assert iis.get(f"{box.name}/file") == b"1\nTWO\nend\n"


def test_iis_files_are_moved_onto_existing_ones(iis, box_on):
    box = box_on(iis)
    box.put("old", b"old")
    box.put("new", b"new")
    at(box, f"/{box.name}")
    box.sh("mv -f new old")
    assert iis.get(f"{box.name}/old") == b"new"
    assert iis.tree(f"/{box.name}") == [f"/{box.name}/old"]


def test_iis_names_are_the_same_in_any_case(iis, box_on):
    box = box_on(iis)
    box.put("Readme.TXT", b"read me")
    box.put("Dir/File", b"1")
    mount = at(box, f"/{box.name}")
    assert (mount / "README.txt").read_bytes() == b"read me"
    assert (mount / "dir/file").read_bytes() == b"1"
    assert os.stat(mount / "readme.txt").st_ino == os.stat(mount / "Readme.TXT").st_ino
    assert not (mount / "other").exists()
    (mount / "README.TXT").write_bytes(b"changed")
    assert iis.tree(f"/{box.name}") == [f"/{box.name}/Dir", f"/{box.name}/Dir/File", f"/{box.name}/Readme.TXT"]
    assert iis.get(f"{box.name}/Readme.TXT") == b"changed"
    assert (mount / "Readme.TXT").read_bytes() == b"changed"


def test_iis_makes_no_file_of_a_name_in_another_case(iis, box_on):
    box = box_on(iis)
    box.put("Lock", b"1")
    mount = at(box, f"/{box.name}")
    with pytest.raises(FileExistsError):
        os.close(os.open(mount / "LOCK", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    box.sh("mv Lock other; mv other LOCK")  # for the kernel both names are one file
    assert names(mount) == ["LOCK"]
    assert iis.tree(f"/{box.name}") == [f"/{box.name}/LOCK"]


# -- z/OS

@pytest.fixture(scope="module")
def zos(make_server):
    server = make_server("double", manner="zos", implicit=False)
    server.mkdir("u")
    server.mkdir("u/tester")
    server.put("u/tester/hello.txt", b"hello\n")
    server.put("u/tester/large", BINARY)
    server.put_data_set("TESTER.LOG", b"log")
    server.put_data_set("TESTER.CNTL")
    server.put_data_set("TESTER.CNTL(JOB)", b"//JOB")
    server.put_data_set("TESTER.CNTL(JOB2)", b"//JOB2")
    return server


def test_zos_files_of_hfs_are_read_and_written(zos, box_on):
    box = box_on(zos)
    mount = at(box, "/u/tester")
    assert names(mount) == ["hello.txt", "large"]
    assert (mount / "hello.txt").read_bytes() == b"hello\n"
    box.run(["cp", mount / "large", mount / "copy"])
    assert zos.get("u/tester/copy") == BINARY
    (mount / "hello.txt").write_bytes(b"other\n")
    assert zos.get("u/tester/hello.txt") == b"other\n"
    box.sh("echo more >> copy; mv copy moved; mkdir d; mv moved d")
    assert zos.get("u/tester/d/moved") == BINARY + b"more\n"
    box.sh("rm -r d; printf 'hello\\n' > hello.txt")
    assert names(mount) == ["hello.txt", "large"]
    assert not (mount / "missing").exists()


def test_zos_data_sets_are_listed(zos, box_on):
    box = box_on(zos)
    mount = at(box, "/", list_command="LIST 'TESTER.*'")
    assert names(mount) == ["TESTER.CNTL", "TESTER.LOG"]
    assert (mount / "TESTER.CNTL").is_dir()
    with pytest.raises(OSError):  # its name is no path: it cannot be read for its size
        (mount / "TESTER.LOG").stat()


def test_zos_members_are_listed(zos, box_on):
    mount = at(box_on(zos), "/", list_command="LIST 'TESTER.CNTL(*)'")
    assert names(mount) == ["JOB", "JOB2"]


def test_zos_finds_nothing_and_calls_it_no_empty_directory(zos, box_on):
    mount = at(box_on(zos), "/", list_command="LIST 'NOBODY.*'")
    with pytest.raises(OSError) as failed:
        names(mount)
    assert failed.value.errno in (errno.EIO, errno.EACCES)


# -- NLST alone

def test_a_server_that_lists_names_alone(make_server, box_on):
    server = make_server("double", manner="proftpd", implicit=False)
    for verb in ("MLSD", "MLST", "STAT", "LIST"):
        server.refuse(verb, "502 Not here.")
    box = box_on(server)
    box.put("a file", b"content\n")
    box.put("dir/inner", BINARY)
    mount = at(box, f"/{box.name}")
    assert names(mount) == ["a file", "dir"]
    assert os.stat(mount / "a file").st_size == 8
    box.run(["cp", "-r", mount, box.folder / "copy"])
    assert (box.folder / "copy/dir/inner").read_bytes() == BINARY
    box.sh("echo more >> 'a file'; mv 'a file' dir/moved; rm dir/inner")
    assert server.get(f"{box.name}/dir/moved") == b"content\nmore\n"
    assert not (mount / "missing").exists()
    assert names(mount) == ["dir"]
    assert any(re.match(r"NLST\b", line) for line in server.commands())
