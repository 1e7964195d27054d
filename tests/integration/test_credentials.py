# SPDX-License-Identifier: MIT
"""Where user and password of a mount come from, besides the credentials file; and partners' options under a name."""

import os
import subprocess

import pytest

from mount import binary
from program import EXIT_FAILED, EXIT_USAGE
from servers import PASSWORD, USER

pytestmark = [pytest.mark.once, pytest.mark.real]


@pytest.fixture
def program(box, program):
    box.put("hello", b"hello\n")
    return program


def nobodys_url(box):
    """Without a user."""
    return box.url().replace(f"{USER}@", "")


def write_private(path, text, mode=0o600):
    path.write_text(text)
    path.chmod(mode)
    return path


def reload(program):
    done = subprocess.run([str(binary()), "reload", str(program.mnt)], capture_output=True, text=True, timeout=40)
    return done.returncode, done.stderr


def test_netrc_is_read_when_it_is_asked_for(box, program):
    write_private(box.folder / ".netrc", f'machine other login x password y\n'
                                         f'machine localhost login {USER} password "{PASSWORD}"\n')
    env = {"HOME": str(box.folder)}
    program.mount(url=nobodys_url(box), credentials=None, netrc=True, env=env)
    assert (program.mnt / "hello").read_bytes() == b"hello\n"
    assert reload(program) == (0, "")


def test_a_user_in_the_url_selects_the_entry_of_netrc(box, program):
    netrc = write_private(box.folder / "netrc", f'machine localhost login other password wrong\n'
                                                f'machine localhost login {USER} password "{PASSWORD}"\n')
    program.mount(credentials=None, netrc=netrc)
    assert (program.mnt / "hello").read_bytes() == b"hello\n"


def test_a_netrc_that_others_can_read_is_refused(box, program):
    netrc = write_private(box.folder / "netrc", "machine other login x password hunter2\n", 0o644)
    line = program.fail(credentials=None, netrc=netrc, code=EXIT_USAGE)
    assert "chmod 600" in line and "hunter2" not in line


def test_a_command_tells_the_password_and_again_at_each_reload(box, program):
    told = write_private(box.folder / "told", f"{PASSWORD}\nnot this\n")
    program.mount(credentials=None, password_command=f"cat {told}")
    assert (program.mnt / "hello").read_bytes() == b"hello\n"
    assert reload(program) == (0, "")
    told.unlink()
    code, line = reload(program)
    assert code == EXIT_FAILED and "password_command" in line and "goes on as before" in line
    assert (program.mnt / "hello").read_bytes() == b"hello\n"


def test_a_command_that_fails_is_told_before_any_connection(box, program):
    done = program.run(box.url(), program.mnt,
                       **program.options(credentials=None, password_command="echo no luck >&2; exit 3"))
    assert done.returncode == EXIT_USAGE
    assert "no luck" in done.stderr and "password_command: ended with exit code 3" in done.stderr


def test_the_commands_environment_holds_no_secret(box, program):
    seen = box.folder / "seen"
    program.mount(credentials=None, password_command=f"env >{seen}; cat /proc/$PPID/cmdline >>{seen}; echo '{PASSWORD}'"
                  .replace(PASSWORD, "$(cat " + str(write_private(box.folder / "p", PASSWORD)) + ")").replace("'", '"'))
    assert PASSWORD not in seen.read_text(errors="replace")


def test_systemds_credentials_are_used_when_nothing_else_gives_them(box, program):
    folder = box.folder / "systemd"
    folder.mkdir(mode=0o700)
    write_private(folder / "ftpsfs.username", USER, 0o400)
    write_private(folder / "ftpsfs.password", f"{PASSWORD}\n", 0o400)
    program.mount(url=nobodys_url(box), credentials=None, env={"CREDENTIALS_DIRECTORY": str(folder)})
    assert (program.mnt / "hello").read_bytes() == b"hello\n"


# -- profiles

@pytest.fixture
def profiles(box, program):
    """Writes ~/.config/ftpsfs.conf, and gives the environment in which it counts."""
    folder = box.folder / "config"
    folder.mkdir()

    def write(text, mode=0o600):
        write_private(folder / "ftpsfs.conf", text, mode)
        return {"XDG_CONFIG_HOME": str(folder)}

    return write


def nothing(**more):
    """No option of the command line but these."""
    return {"credentials": None, "cacert": None, "connect_timeout": None, "timeout": None, **more}


def test_the_name_of_a_profile_is_enough(box, program, profiles):
    box.put_directory("sub")
    box.put("sub/inner", b"inner\n")
    env = profiles(f"[partner]\nurl = {box.url()}\ncacert = {box.server.pki.ca}\npassword = {PASSWORD}\nro = yes\n")
    program.mount(url="partner:", env=env, **nothing())
    assert (program.mnt / "hello").read_bytes() == b"hello\n"
    with pytest.raises(OSError):
        (program.mnt / "new").write_bytes(b"")
    assert PASSWORD not in open("/proc/mounts").read()
    program.run("umount", program.mnt)
    assert program.ended()
    program.mount(url="partner:/sub", env=env, **nothing())
    assert (program.mnt / "inner").read_bytes() == b"inner\n"


def test_a_profile_in_fstab(box, program, profiles):
    env = profiles(f"[partner]\nurl = {box.url()}\ncacert = {box.server.pki.ca}\ncredentials = {box.credentials}\nro = yes\n")
    helper = box.folder / "mount.ftpsfs"
    helper.symlink_to(binary())
    done = subprocess.run([str(helper), "partner:", str(program.mnt), "-o", "rw,_netdev"], capture_output=True, text=True,
                          timeout=40, env={**os.environ, **env}, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    assert (program.mnt / "hello").read_bytes() == b"hello\n"
    with pytest.raises(OSError):
        (program.mnt / "new").write_bytes(b"mount(8) says rw without being asked")


def test_mistakes_in_profiles_are_told_with_their_place(box, program, profiles):
    def line_of(text, url="partner:", mode=0o600, **more):
        done = program.run(url, program.mnt, env=profiles(text, mode),
                           **{name: value for name, value in nothing(**more).items() if value is not None})
        assert done.returncode == EXIT_USAGE
        assert len(done.stderr.splitlines()) == 1
        assert "ftpsfs.conf" in done.stderr
        return done.stderr

    url = f"url = {box.url()}\n"
    assert "line 3, [partner]: unknown option max_con;" in line_of(f"[partner]\n{url}max_con = 1\n")
    assert "no section [other]" in line_of(f"[partner]\n{url}", url=box.url(), profile="other")
    assert "no url =" in line_of("[partner]\nro = yes\n")
    assert "chmod 600" in line_of(f"[partner]\n{url}password = hunter2\n", mode=0o644)
