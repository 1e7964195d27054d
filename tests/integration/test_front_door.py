# SPDX-License-Identifier: MIT
"""How a mount is asked for and looked at: mount(8) with a real fstab, systemd, other users, logs, and the
commands for a running mount."""

import json
import os
import pty
import pwd
import re
import shlex
import shutil
import socket
import stat
import subprocess
import time
from pathlib import Path

import pytest

from box import wait_for
from mount import binary, is_mounted, processes_of, sanitized, status_of
from program import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, Program
from servers import PASSWORD, USER

pytestmark = [pytest.mark.once, pytest.mark.real]


class Machine:
    """A mount namespace in which ftpsfs is installed under /usr/sbin, as mount(8) wants it."""

    def __init__(self, folder):
        self.folder = folder
        self.sbin = folder / "sbin"
        self.real = folder / "real-sbin"
        self.sbin.mkdir()
        self.real.mkdir()

    def run(self, script, timeout=80):
        """Runs a script there; no HOME, no PATH, no terminal: as at boot."""
        install = f"""
            set -e
            export PATH=/usr/sbin:/usr/bin:/sbin:/bin
            # A copy of another test's mount would keep that alive after it was unmounted outside.
            umount --all --lazy --types fuse.ftpsfs || true
            mount --bind /usr/sbin {self.real}
            cp -asf {self.real}/. {self.sbin}/
            for helper in mount umount; do
                ln -sf {binary().resolve()} {self.sbin}/$helper.ftpsfs
                ln -sf {binary().resolve()} {self.sbin}/$helper.fuse.ftpsfs
            done
            mount --bind {self.sbin} /usr/sbin
            unset PATH
            cd /
            {script}
        """
        return subprocess.run(["/usr/bin/env", "-i", "/usr/bin/unshare", "--mount", "--propagation", "private",
                               "/bin/bash", "-c", install],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)


@pytest.fixture
def machine(box):
    return Machine(box.folder)


def fstab_line(box, mnt, url=None, more="", server_directory=""):
    """The user is in the credentials, as /proc/mounts does not show it: so mount(8) knows what is mounted."""
    url, mnt = ((text or box.url() + server_directory).replace(f"{USER}@", "").replace(" ", "\\040") for text in (url, str(mnt)))
    return (f"{url} {mnt} ftpsfs "
            f"credentials={box.credentials},cacert={box.server.pki.ca},_netdev,nofail,x-test.word=1{more} 0 0\n")


# -- mount(8) and fstab

def test_mount_a_and_umount_with_a_real_fstab(box, program, machine):
    box.put("a dir/hello", b"hello\n")
    mnt = box.folder / "mnt with blank"
    mnt.mkdir()
    fstab = box.folder / "fstab"
    fstab.write_text(fstab_line(box, mnt, server_directory="/a dir", more=",comment=\"a,b\""))
    done = machine.run(f"""
        /bin/mount -a -T {fstab}
        /bin/cat {shlex.quote(str(mnt))}/hello
        /bin/grep '{box.folder}/.* fuse.ftpsfs' /proc/self/mounts
        /bin/mount -a -T {fstab}                 # what is mounted stays as it is
        /bin/echo new > {shlex.quote(str(mnt))}/new
        /bin/umount {shlex.quote(str(mnt))}
    """)
    assert processes_of(mnt) == [], "umount waits for the end"
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "hello"
    assert len([line for line in lines if "fuse.ftpsfs" in line]) == 1
    assert USER not in lines[1].split()[0] and "a\\040dir" in lines[1]
    assert (box.remote / "a dir" / "new").read_bytes() == b"new\n"


def test_what_cannot_work_has_mounts_exit_code_and_one_line(box, program, machine):
    fstab = box.folder / "fstab"
    fstab.write_text(fstab_line(box, program.mnt, more=",frobnicate"))
    done = machine.run(f"/bin/mount -T {fstab} {program.mnt} || exit $?")
    assert done.returncode == EXIT_USAGE and "frobnicate" in done.stderr
    fstab.write_text(fstab_line(box, program.mnt, url="ftpes://localhost:1/").replace(",nofail", ""))
    done = machine.run(f"/bin/mount -T {fstab} {program.mnt} || exit $?")
    assert done.returncode == EXIT_FAILED and "refused" in done.stderr, f"{done.returncode}: {done.stderr}"
    assert len(done.stderr.splitlines()) == 1


def test_remount_is_refused_and_nothing_is_mounted_on_top(box, program, machine):
    fstab = box.folder / "fstab"
    fstab.write_text(fstab_line(box, program.mnt))
    done = machine.run(f"""
        /bin/mount -T {fstab} {program.mnt}
        /bin/mount -o remount,ro {program.mnt} && exit 99
        /bin/echo code $?
        /bin/grep -c {program.mnt} /proc/self/mounts
        /bin/umount {program.mnt}
    """)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == [f"code {EXIT_USAGE}", "1"]
    assert "remount is not possible" in done.stderr


def test_flags_of_mount(box, program, machine):
    options = f"credentials={box.credentials},cacert={box.server.pki.ca}"
    done = machine.run(f"""
        /usr/sbin/mount.ftpsfs {box.url()} {program.mnt} -f -o {options}
        /bin/grep -c {program.mnt} /proc/self/mounts || /bin/echo fake mounts nothing
        /bin/mount -t ftpsfs -s -n -r -o {options},frobnicate {box.url()} {program.mnt}
        /bin/grep -o '{program.mnt} fuse.ftpsfs ro' /proc/self/mounts
        /bin/umount -l {program.mnt}
    """)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == ["0", "fake mounts nothing", f"{program.mnt} fuse.ftpsfs ro"]


def test_both_types_and_commas_with_a_backslash(box, program, machine):
    box.put("hello", b"hello\n")
    comma = box.folder / "a,b"
    shutil.copy(box.credentials, comma)
    escaped = str(comma).replace(",", "\\,")
    options = f"'credentials={escaped},cacert={box.server.pki.ca},x-any=word'"
    script = ""
    for kind in ("ftpsfs", "fuse.ftpsfs"):
        script += f"""
            /bin/mount -t {kind} -o {options} {box.url()} {program.mnt}
            /bin/cat {program.mnt}/hello
            /bin/umount {program.mnt}
        """
    done = machine.run(script)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == ["hello", "hello"]
    assert processes_of(program.mnt) == []


def test_mount_a_knows_a_profile_that_is_mounted(box, program, machine):
    settings = box.folder / "ftpsfs.conf"
    settings.write_text(f"[partner]\nurl = {box.url()}\ncredentials = {box.credentials}\ncacert = {box.server.pki.ca}\n")
    fstab = box.folder / "fstab"
    fstab.write_text(f"partner: {program.mnt} ftpsfs _netdev 0 0\n")
    done = machine.run(f"""
        /bin/mkdir -p {box.folder}/etc
        /bin/cp {settings} {box.folder}/etc/
        /bin/mkdir -p /etc/ftpsfs
        /bin/mount --bind {box.folder}/etc /etc/ftpsfs
        /bin/mount -a -T {fstab}
        /bin/mount -a -T {fstab}
        /bin/grep -c '^partner: {program.mnt} fuse.ftpsfs' /proc/self/mounts
        /bin/umount {program.mnt}
    """)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == ["1"]


def test_a_user_mounts_what_fstab_lets_users_mount(box, program, machine):
    """mount(8) runs its helper with the user's rights; fusermount3 has those that are needed."""
    user = pwd.getpwnam("nobody")
    if not shutil.which("setpriv") or not os.stat("/bin/mount").st_mode & 0o4000:
        pytest.skip("needs setpriv, and a mount that users may run")
    device = box.folder / "fuse"
    os.mknod(device, 0o666 | stat.S_IFCHR, os.stat("/dev/fuse").st_rdev)
    device.chmod(0o666)  # as udev makes it; containers may be stricter
    box.folder.chmod(0o755)
    box.put("hello", b"hello\n")
    for path in (box.credentials, program.mnt):
        os.chown(path, user.pw_uid, user.pw_gid)
    (box.folder / "fstab").write_text(fstab_line(box, program.mnt, more=",noauto,user"))
    as_user = f"/usr/bin/setpriv --reuid={user.pw_uid} --regid={user.pw_gid} --clear-groups"
    done = machine.run(f"""
        /bin/mount --bind {box.folder}/fstab /etc/fstab
        /bin/mount --bind {device} /dev/fuse
        {as_user} /bin/mount {program.mnt}
        {as_user} /bin/cat {program.mnt}/hello
        {as_user} /bin/umount {program.mnt}
    """)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "hello\n"
    assert processes_of(program.mnt) == []


def test_a_signal_before_the_mount_stands_has_an_exit_code_of_its_own(own_server, box_on):
    box = box_on(own_server)
    program = Program(box)
    own_server.freeze()
    try:
        joined = ",".join(f"{name}={value}" for name, value in program.options(connect_timeout=30).items())
        process = box.start([binary(), "-f", box.url(), program.mnt, "-o", joined], stderr=subprocess.PIPE, text=True)
        assert wait_for(lambda: re.search(r"^SigCgt|^SigBlk:\t0*[1-9a-f]", open(f"/proc/{process.pid}/status").read(), re.M))
        time.sleep(0.3)
        process.terminate()
        assert process.wait(timeout=20) == EXIT_INTERRUPTED
        assert "interrupted" in process.stderr.read()
        assert not is_mounted(program.mnt)
    finally:
        own_server.thaw()
        program.tidy()


# -- another user serves

def test_setuid_gives_up_roots_rights_and_the_mount_is_the_users(box, program):
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root and setpriv")
    user = pwd.getpwnam("nobody")
    box.folder.chmod(0o755)
    box.put("hello", b"hello\n")
    program.mount(setuid="nobody")
    (pid,) = program.pids()
    status = open(f"/proc/{pid}/status").read()
    assert re.search(rf"^Uid:(\t{user.pw_uid}){{4}}$", status, re.M), status
    assert re.search(rf"^Gid:(\t{user.pw_gid}){{4}}$", status, re.M), status
    assert re.search(r"^CapEff:\t0+$", status, re.M) and re.search(r"^CapPrm:\t0+$", status, re.M)
    as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    script = f"cat {program.mnt}/hello && stat -c %u {program.mnt}/hello && echo new > {program.mnt}/new " \
             f"&& dd if=/dev/zero of={program.mnt}/new bs=1 seek=100 count=1 conv=notrunc status=none"
    done = subprocess.run([*as_user, "sh", "-c", script], capture_output=True, text=True, timeout=40)
    assert done.stdout.split() == ["hello", str(user.pw_uid)], done.stderr
    assert (box.remote / "new").stat().st_size == 101
    done = subprocess.run([*as_user, str(binary()), "status", "--json", str(program.mnt)],
                          capture_output=True, text=True, timeout=20)
    assert json.loads(done.stdout)["pid"] == pid, done.stderr
    marks = f"/var/cache/ftpsfs-{user.pw_uid}/mounts-{user.pw_uid}"
    mine = len(os.listdir(marks))
    assert program.run("umount", program.mnt).returncode == 0
    assert program.ended()
    assert len(os.listdir(marks)) == mine - 1, "an end that was clean leaves no mark"


def test_setuid_is_for_root_and_for_known_users(box, program):
    assert "54321" in program.fail(code=EXIT_USAGE, setuid=54321)


# -- the commands for a running mount

def test_refresh_of_a_place_shows_what_changed_there(box, program):
    box.put("dir/first", b"1")
    program.mount(dir_cache_timeout=600, attr_timeout=600, entry_timeout=600)
    assert os.listdir(program.mnt / "dir") == ["first"]
    box.put("dir/second", b"2")
    assert os.listdir(program.mnt / "dir") == ["first"]
    for place in ("dir", program.mnt / "dir"):
        done = program.run("refresh", program.mnt, place)
        assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(program.mnt / "dir")) == ["first", "second"]
    assert program.run("refresh", program.mnt, "/elsewhere").returncode == EXIT_USAGE


def test_status_watch_draws_again_and_shows_transfers(box, program):
    box.put("large", os.urandom(1 << 20) * 64)
    program.mount()
    watch = box.start([binary(), "status", "--watch=200ms", program.mnt], stdout=subprocess.PIPE, text=True)
    with open(program.mnt / "large", "rb") as file:
        for _ in range(20):
            file.read(1 << 20)
            time.sleep(0.05)
        told = status_of(program.mnt)
    watch.terminate()
    pictures = watch.communicate(timeout=20)[0]
    assert pictures.count("connections ") >= 3
    assert "/s read" in pictures
    assert re.search(r"down \[#*\.*\] +\d+% .*/large", pictures), pictures
    assert [one["path"].endswith("/large") and one["size"] == 64 << 20 for one in told["transfers"]] == [True]


def test_watch_ends_with_its_mount(program):
    program.mount()
    watch = program.box.start([binary(), "status", "--watch=100ms", program.mnt], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
    assert watch.stdout.readline()  # it has begun
    assert program.run("umount", program.mnt).returncode == 0
    _, told = watch.communicate(timeout=20)
    assert watch.returncode == EXIT_FAILED
    assert told.strip()


def test_the_log_goes_to_a_file(box, program):
    log = box.folder / "ftpsfs.log"
    program.mount(log=log, log_level="info")
    assert log.stat().st_mode & 0o777 == 0o600
    assert program.run("log-level", program.mnt, "debug").returncode == 0
    (program.mnt / "new").write_bytes(b"x")
    assert program.run("umount", program.mnt).returncode == 0
    text = log.read_text()
    for form in ("logged in to", "is mounted on", "log level debug", r"request \d+: #\d > ", r"#\d > STOR", "is unmounted",
                 r"request \d+, /\S+/new: #\d < "):
        assert re.search(form, text), f"{form} is not in\n{text}"
    assert PASSWORD not in text
    assert "No such file" in program.fail(code=EXIT_USAGE, log=box.folder / "nowhere" / "log")


def test_an_outage_is_told_once_and_so_is_its_end(own_server, box_on):
    box = box_on(own_server)
    box.put("hello", b"hello\n")
    program = Program(box)
    log = box.folder / "ftpsfs.log"
    try:
        program.mount(log=log, dir_cache_timeout=0, attr_timeout=0, entry_timeout=0, connect_timeout=1, timeout=1)
        own_server.kill()
        for _ in range(20):
            with pytest.raises(OSError):
                os.stat(program.mnt / "hello")
        status = status_of(program.mnt)
        assert "refused" in status["trouble"]
        own_server.start()
        assert wait_for(lambda: subprocess.run(["cat", program.mnt / "hello"], capture_output=True,
                                               timeout=20).stdout == b"hello\n", seconds=20, step=0.3)
        text = log.read_text()
        assert text.count("no connection: ") == 1, text
        assert text.count("reached again") == 1, text
        assert status_of(program.mnt)["trouble"] == ""
    finally:
        program.tidy()


# -- systemd

def test_readiness_and_the_end_are_told_to_systemd(box, program):
    box.put("hello", b"hello\n")
    path = box.folder / "notify"
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(path))
    manager.settimeout(20)
    joined = ",".join(f"{name}={value}" for name, value in program.options().items())
    process = box.start([binary(), "-f", box.url(), program.mnt, "-o", joined],
                        env={"NOTIFY_SOCKET": str(path), "PATH": os.environ["PATH"]})
    told = manager.recv(4096).decode()
    assert told.startswith("READY=1\nSTATUS=Serving ftpes://localhost") and USER not in told
    assert (program.mnt / "hello").read_bytes() == b"hello\n"
    process.terminate()
    assert manager.recv(4096).decode().startswith("STOPPING=1")
    assert process.wait(timeout=20) == 0
    assert not is_mounted(program.mnt)


def test_units_are_what_systemd_takes(box):
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze here")
    source = Path(__file__).resolve().parents[2]
    folder = box.folder / "units"
    folder.mkdir()
    template = (source / "contrib/systemd/ftpsfs@.service.in").read_text()
    (folder / "ftpsfs@.service").write_text(
        template.replace("@CMAKE_INSTALL_FULL_BINDIR@/ftpsfs", str(binary().resolve())))
    for unit in (source / "contrib/example/systemd").iterdir():
        shutil.copy(unit, folder)
    for unit in ("ftpsfs@partner.service", "mnt-partner.mount", "mnt-partner.automount"):
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", folder / unit],
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and not done.stderr.strip(), done.stderr


# -- shells

@pytest.mark.parametrize("line, expected", [
    ("ftpsfs sta", "status"), ("ftpsfs --verif", "--verify="), ("ftpsfs --verify=", "full"),
    ("ftpsfs -o ro,max_c", "ro,max_conns="), ("ftpsfs status --wa", "--watch"), ("ftpsfs umount ", "MNT"),
    ("ftpsfs log-level MNT de", "debug"), ("ftpsfs check --wri", "--write")])
def test_bash_completes(box, program, line, expected):
    library = "/usr/share/bash-completion/bash_completion"
    if not os.path.exists(library):
        pytest.skip("no bash-completion here")
    if "MNT" in line + expected:
        program.mount()
    line, expected = (text.replace("MNT", str(program.mnt)) for text in (line, expected))
    script = f"""
        source {library}
        source <({binary()} help --completion=bash)
        COMP_LINE={shlex.quote(line)}; COMP_POINT=${{#COMP_LINE}}; COMP_TYPE=9; COMP_KEY=9
        words={shlex.quote(line.replace("=", " = "))}
        read -r -a COMP_WORDS <<< "$words"; [[ $COMP_LINE == *' ' || $COMP_LINE == *= ]] && COMP_WORDS+=('')
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        compopt() {{ :; }}
        _ftpsfs
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=20)
    assert expected in done.stdout.split(), done.stdout + done.stderr


@pytest.mark.parametrize("shell, check", [("zsh", ["zsh", "-n"]), ("fish", ["fish", "--no-execute"])])
def test_completions_are_of_their_shells_grammar(box, program, shell, check):
    if not shutil.which(shell):
        pytest.skip(f"no {shell} here")
    script = box.folder / f"completion.{shell}"
    script.write_text(program.run("help", f"--completion={shell}").stdout)
    done = subprocess.run([*check, script], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and not done.stderr, done.stderr


def test_fish_completes(box, program):
    if not shutil.which("fish"):
        pytest.skip("no fish here")
    script = box.folder / "ftpsfs.fish"
    script.write_text(program.run("help", "--completion=fish").stdout)
    done = subprocess.run(["fish", "--no-config", "-c", f"source {script}; complete -C 'ftpsfs --verif'; complete -C 'ftpsfs sta'"],
                          capture_output=True, text=True, timeout=20, env={**os.environ, "HOME": str(box.folder)})
    assert "--verify" in done.stdout and "status" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("line, expected", [
    ("ftpsfs sta", "ftpsfs status "), ("ftpsfs --crl", "ftpsfs --crlfile="), ("ftpsfs --verify=f", "ftpsfs --verify=full "),
    ("ftpsfs status --wa", "ftpsfs status --watch"), ("ftpsfs log-level /any deb", "ftpsfs log-level /any debug ")])
def test_zsh_completes(box, program, line, expected):
    """It completes for its line editor alone, and that wants a terminal."""
    if not shutil.which("zsh"):
        pytest.skip("no zsh here")
    folder = box.folder / "zsh"
    folder.mkdir()
    (folder / "_ftpsfs").write_text(program.run("help", "--completion=zsh").stdout)
    (folder / ".zshrc").write_text(f"""
        fpath=({folder} $fpath)
        autoload -Uz compinit && compinit -u -D
        complete-and-tell() {{ zle complete-word; print -r -- "$BUFFER" > {folder}/told.new; mv {folder}/told.new {folder}/told }}
        zle -N complete-and-tell
        bindkey '^I' complete-and-tell
        precmd() {{ : > {folder}/ready }}
    """)
    ours, its = pty.openpty()
    try:
        box.start(["zsh", "--no-globalrcs", "-i"], stdin=its, stdout=its, stderr=its,
                  env={**os.environ, "ZDOTDIR": str(folder), "HOME": str(folder), "TERM": "dumb"})
        assert wait_for((folder / "ready").exists, seconds=20)
        os.write(ours, line.encode() + b"\t")
        assert wait_for((folder / "told").exists, seconds=20)
    finally:
        os.close(ours)
        os.close(its)
    assert (folder / "told").read_text().rstrip("\n").startswith(expected.rstrip()), (folder / "told").read_text()


# -- versions

def test_version_names_the_libraries(program):
    told = program.run("--version").stdout
    for name in (r"ftpsfs \d", r"libfuse 3\.\d", r"OpenSSL 3\.\d", r"Boost 1\.\d",
                 "^features: .*client certificates.*active mode, writing back, systemd$"):
        assert re.search(name, told, re.M), told


def test_one_version_is_told_everywhere(program):
    """CMake's, and neither the day of the build nor the machine is in it."""
    source = Path(__file__).resolve().parents[2]
    version = re.search(r"^project\(ftpsfs VERSION (\S+)", (source / "CMakeLists.txt").read_text(), re.M)[1]
    assert program.run("--version").stdout.splitlines()[0] == f"ftpsfs {version}"
    assert program.run("version").stdout == program.run("--version").stdout
    assert re.match(rf"ftpsfs \({re.escape(version)}-\d+\) ", (source / "contrib/debian/changelog").read_text())
    sources = [path for folder in ("src", "include") for path in (source / folder).rglob("*.?pp")]
    assert len(sources) > 100
    assert not [path for path in sources if re.search(r"__(DATE|TIME|TIMESTAMP)__", path.read_text())]


def test_the_program_does_not_tell_where_it_was_built(box):
    """As distributions ship it, without debug symbols: macros of OpenSSL and assert() put the names of files in."""
    if sanitized():
        pytest.skip("sanitizers name places in the sources")
    stripped = box.folder / "stripped"
    subprocess.run(["objcopy", "--strip-all", binary(), stripped], check=True, timeout=60)
    told = stripped.read_bytes()
    assert len(told) > 1 << 20
    assert not re.search(rb"/[^\0]*/src/\w+/\w+\.[ch]pp", told)
