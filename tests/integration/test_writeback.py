# SPDX-License-Identifier: MIT
"""-o writeback: what close() promises, and what becomes of it when servers and processes die."""

import os
import pwd
import random
import signal
import subprocess

import pytest

from box import sha256, wait_for
from mount import MountFailed, binary, is_mounted, status_of

pytestmark = pytest.mark.real


def ftpsfs(*words):
    return subprocess.run([str(binary()), *map(str, words)], capture_output=True, text=True, timeout=120)


def journal_of(box):
    path = box.folder / "journal"
    path.mkdir(exist_ok=True)
    return path


def mount(box, **options):
    return box.mount(writeback=True, journal_dir=journal_of(box), **options)


def status(path):
    """A mount is in the table a moment before it answers."""
    assert wait_for(lambda: ftpsfs("status", path).returncode == 0)
    return status_of(path)


def names(path):
    return sorted(entry.name for entry in path.iterdir())


def all_there(box):
    report = status(box.last.path)
    return report["waiting_changes"] == 0 and report["refused_changes"] == 0


def test_what_is_written_back_is_what_was_written(box):
    box.put("old", b"old")
    box.put("gone", b"gone")
    mnt = mount(box)
    box.sh("""mkdir -p d/e; for i in $(seq 20); do echo "$i" > d/e/$i; done
              head -c 3000000 /dev/urandom > large; echo newer > old; rm gone
              echo text > part; mv part final; echo 1 > short; rm short; echo a >> final; chmod 600 d/e/7
              cp -p large copy; touch -d @1000000000 d/e/8; truncate -s 10 old""")
    assert names(mnt) == ["copy", "d", "final", "large", "old"]
    assert sha256(mnt / "large") == sha256(mnt / "copy")
    expected = {str(path.relative_to(mnt)): sha256(path) for path in mnt.rglob("*") if path.is_file()}
    assert ftpsfs("umount", mnt).returncode == 0
    assert box.last.process.wait(timeout=30) == 0
    box.last.process = None
    seen = {str(path.relative_to(box.remote)): sha256(path) for path in box.remote.rglob("*") if path.is_file()}
    assert seen == expected
    if box.server.has_set_mtime:
        assert (box.remote / "d/e/8").stat().st_mtime == 1000000000
    if box.server.has_chmod:
        assert (box.remote / "d/e/7").stat().st_mode & 0o777 == 0o600
    mnt = mount(box)
    assert {name: sha256(mnt / name) for name in expected} == expected


def test_times_that_were_told_stay(box):
    if not box.server.has_set_mtime:
        pytest.skip("this server sets no times")
    mnt = mount(box)
    (mnt / "f").write_bytes(b"content")
    told = (mnt / "f").stat().st_mtime
    assert wait_for(lambda: all_there(box), seconds=30)
    ftpsfs("refresh", mnt)
    assert int((mnt / "f").stat().st_mtime) == int(told)


def test_fsync_waits_for_the_server(box):
    mnt = mount(box)
    with open(mnt / "f", "wb") as file:
        file.write(b"content")
        file.flush()
        os.fsync(file.fileno())
        assert (box.remote / "f").read_bytes() == b"content"


def test_programs_that_make_a_file_and_rename_it_work(box):
    mount(box)
    box.sh("git init -q r; cd r; git config user.email a@b; git config user.name n; seq 100 > f; git add f; "
           "git commit -qm 1; seq 200 > f; git commit -qam 2; git fsck --strict; git log --oneline | wc -l", timeout=120)
    assert box.sh("cd r; git status --porcelain").stdout == b""
    box.unmount()
    box.run(["git", "-c", "safe.directory=*", "fsck", "--strict"], cwd=box.remote / "r", timeout=60)


def test_trees_are_removed_and_unpacked_while_the_server_hangs(own_box):
    box = own_box
    box.put_directory("old/empty")
    for number in range(30):
        box.put(f"old/deep/{number % 3}/{number}", b"content")
    box.run(["bash", "-euc", "mkdir -p new/sub; seq 9 > new/sub/f; chmod 750 new/sub; chmod 700 new; tar cf new.tar new"],
            cwd=box.folder)
    mnt = mount(box, dir_cache_timeout="10m", attr_timeout="10m", entry_timeout="10m", negative_timeout="10m")
    box.sh("ls -lR > /dev/null")
    box.server.freeze()
    box.sh(f"rm -r old; tar xf {box.folder}/new.tar; mkdir old; rmdir old; mkdir gone; echo x > gone/f; ! rmdir gone; rm -r gone",
           timeout=20)
    assert names(mnt) == ["new"]
    assert status(mnt)["waiting_changes"] > 0
    box.server.thaw()
    assert wait_for(lambda: all_there(box), seconds=60)
    assert names(box.remote) == ["new"] and names(mnt) == ["new"]
    assert (box.remote / "new/sub/f").read_bytes() == (box.folder / "new/sub/f").read_bytes()
    if box.server.has_chmod:
        assert (box.remote / "new/sub").stat().st_mode & 0o777 == 0o750
        assert (box.remote / "new").stat().st_mode & 0o777 == 0o700
    assert status(mnt)["given_up_changes"] == 0
    box.unmount()


@pytest.mark.once
def test_a_directory_that_others_have_filled_meanwhile_stays(own_box):
    box = own_box
    box.put("d/f", b"ours")
    mnt = mount(box)
    assert names(mnt) == ["d"] and names(mnt / "d") == ["f"]
    box.server.freeze()
    box.sh("rm -r d", timeout=20)
    assert names(mnt) == []
    box.put("d/theirs", b"theirs")
    box.server.thaw()
    assert wait_for(lambda: status(mnt)["given_up_changes"] == 1, seconds=60)
    assert wait_for(lambda: names(mnt) == ["d"], seconds=10), "the server's truth shows again"
    assert names(mnt / "d") == ["theirs"] == names(box.remote / "d")
    done = ftpsfs("umount", mnt)
    assert done.returncode == 32 and "1 change was refused, and given up" in done.stderr
    assert box.last.process.wait(timeout=30) == 32
    box.last.process = None


def test_a_server_that_is_away_is_waited_for(own_box):
    box = own_box
    mnt = mount(box, dir_cache_timeout="10m", attr_timeout="10m", entry_timeout="10m", negative_timeout="10m")
    assert names(mnt) == []
    box.server.kill()
    box.sh("mkdir d; for i in 1 2 3; do echo $i > d/$i; done; mv d/3 d/4; rm d/2")
    assert names(mnt / "d") == ["1", "4"]
    assert (mnt / "d/4").read_text() == "3\n"
    owed = ftpsfs("uploads", mnt)
    assert owed.returncode == 0 and "upload" in owed.stdout and "/d/1" in owed.stdout
    assert status(mnt)["waiting_changes"] > 0
    box.server.start()
    assert wait_for(lambda: all_there(box), seconds=90)
    assert names(box.remote / "d") == ["1", "4"]
    assert (box.remote / "d/4").read_text() == "3\n"


@pytest.mark.parametrize("existing", [False, True])
def test_a_large_upload_that_is_cut_goes_on_where_it_ended(own_box, existing):
    box = own_box
    content = random.Random(7).randbytes(96 << 20)
    if existing:
        box.put("copy", b"the old one")
    mnt = mount(box, timeout=20, connect_timeout=5)
    assert names(mnt) == (["copy"] if existing else [])
    (mnt / "copy").write_bytes(content)

    def arrived():
        return sum(path.stat().st_size for path in box.remote.iterdir())

    assert wait_for(lambda: arrived() > 8 << 20)
    box.server.kill()
    assert arrived() < len(content), "the upload was over before the server was killed"
    box.server.start()
    assert wait_for(lambda: all_there(box), seconds=90)
    assert (box.remote / "copy").read_bytes() == content
    assert names(box.remote) == ["copy"] and status(mnt)["conflicts"] == 0
    assert "have arrived already" in box.last.log.read_text(), "it was not taken up again"
    box.unmount()


def owe_to_a_frozen_server(box, mnt):
    """Files 1 to 30 in d, each with its number in it, and a large one. @return that one's digest."""
    assert names(mnt) == []
    box.server.freeze()
    box.sh("mkdir d; for i in $(seq 30); do echo $i > d/$i; done; head -c 1000000 /dev/urandom > large", timeout=60)
    return sha256(mnt / "large")


@pytest.mark.once
def test_a_killed_mount_loses_nothing(own_box):
    box = own_box
    mnt = mount(box)
    whole = owe_to_a_frozen_server(box, mnt)
    os.kill(box.last.process.pid, signal.SIGKILL)
    box.last.process.wait(timeout=20)
    box.last.kill()
    box.server.thaw()
    told = status(box.mount())["idle_journals"]
    assert str(journal_of(box)) in told and "mount that directory with -o writeback,journal_dir=" in told
    box.unmount()
    mnt = mount(box)
    assert status(mnt)["idle_journals"] == ""
    assert names(mnt) == ["d", "large"] and sha256(mnt / "large") == whole
    assert wait_for(lambda: all_there(box), seconds=60)
    assert sha256(box.remote / "large") == whole
    assert sorted(int(name) for name in names(box.remote / "d")) == list(range(1, 31))
    assert [(box.remote / f"d/{i}").read_text() for i in (1, 30)] == ["1\n", "30\n"]
    assert status(mnt)["conflicts"] == 0


def unmount_plainly(path):
    """As umount(8) and users do, who do not wait for ftpsfs."""
    assert wait_for(lambda: subprocess.run(["fusermount3", "-u", str(path)], timeout=20).returncode == 0)
    assert wait_for(lambda: not is_mounted(path))


def test_a_plain_umount_leaves_a_process_that_brings_what_is_owed(own_box):
    box = own_box
    mnt = mount(box)
    whole = owe_to_a_frozen_server(box, mnt)
    unmount_plainly(mnt)
    assert names(box.remote) == [] and box.last.alive()
    box.server.thaw()
    assert box.last.process.wait(timeout=60) == 0
    box.last.process = None
    assert sha256(box.remote / "large") == whole
    assert {name: (box.remote / "d" / name).read_text() for name in names(box.remote / "d")} == {
        str(number): f"{number}\n" for number in range(1, 31)}


@pytest.mark.once
def test_while_an_unmounted_process_uploads_the_journal_is_its_own(make_far_server, box_on, link):
    box = box_on(make_far_server("proftpd", implicit=False), network=link.left[1])
    link.set(delay_ms=1, mbit=1)
    content = random.Random(3).randbytes(8 << 20)
    mnt = mount(box)
    first = box.last
    assert names(mnt) == []
    (mnt / "large").write_bytes(content)
    unmount_plainly(mnt)
    with pytest.raises(MountFailed) as refusal:
        mount(box)
    box.mounts.pop()
    assert first.alive(), "all was uploaded before the second mount had asked"
    assert f"in use by process {first.process.pid}, which may still be uploading" in refusal.value.output
    link.set(delay_ms=1, mbit=1000)
    assert first.process.wait(timeout=60) == 0
    first.process = None
    assert (box.remote / "large").read_bytes() == content
    mnt = mount(box)
    assert sha256(mnt / "large") == sha256(box.remote / "large")


@pytest.mark.once
def test_umount_tells_what_waits_and_what_was_refused(own_box):
    box = own_box
    box.put_directory("closed")
    mnt = mount(box)
    assert names(mnt) == ["closed"] and names(mnt / "closed") == []
    os.chmod(box.remote / "closed", 0o555)
    (mnt / "closed/f").write_bytes(b"content")
    assert wait_for(lambda: status(mnt)["refused_changes"] == 1, seconds=30)
    told = ftpsfs("uploads", "--failed", mnt)
    assert "closed/f" in told.stdout and "\n1 refused\n" in told.stdout
    assert wait_for(lambda: names(mnt / "closed") == [], seconds=10), "the server's truth shows again"
    shelf = box.folder / "shelf"
    shelf.mkdir()
    assert ftpsfs("uploads", "--export", shelf, mnt).returncode == 0
    assert (shelf / "f").read_bytes() == b"content"
    done = ftpsfs("umount", mnt)
    assert done.returncode == 32 and "1 change was refused, and is kept in the journal" in done.stderr
    assert box.last.process.wait(timeout=30) == 32
    box.last.process = None
    mnt = mount(box)
    assert status(mnt)["refused_changes"] == 1
    os.chmod(box.remote / "closed", 0o755)
    assert ftpsfs("uploads", "--retry", mnt).returncode == 0
    assert wait_for(lambda: all_there(box), seconds=30)
    assert (box.remote / "closed/f").read_bytes() == b"content"
    box.unmount()


@pytest.mark.once
def test_others_who_change_a_file_meanwhile_lose_nothing(own_box):
    box = own_box
    mnt = mount(box)
    assert names(mnt) == []
    box.server.freeze()
    (mnt / "new").write_bytes(b"ours")
    box.put("new", b"theirs, longer")
    box.server.thaw()
    assert wait_for(lambda: status(mnt)["conflicts"] == 1, seconds=60)
    assert (box.remote / "new").read_bytes() == b"theirs, longer"
    copies = [name for name in names(box.remote) if name.startswith("new.conflict-")]
    assert len(copies) == 1 and (box.remote / copies[0]).read_bytes() == b"ours"
    done = ftpsfs("umount", mnt)
    assert done.returncode == 32 and "1 change met one of others" in done.stderr
    assert box.last.process.wait(timeout=30) == 32
    box.last.process = None


@pytest.mark.once
def test_umount_tells_what_was_refused_and_given_up(own_box):
    box = own_box
    box.put("closed/f", b"content")
    mnt = mount(box)
    assert names(mnt / "closed") == ["f"]
    os.chmod(box.remote / "closed", 0o555)
    (mnt / "closed/f").unlink()
    assert wait_for(lambda: status(mnt)["given_up_changes"] == 1, seconds=30)
    done = ftpsfs("umount", mnt)
    assert done.returncode == 32 and "1 change was refused, and given up" in done.stderr
    assert box.last.process.wait(timeout=30) == 32
    box.last.process = None
    os.chmod(box.remote / "closed", 0o755)


@pytest.mark.once
def test_one_journal_has_one_mount(box, program):
    mount(box)
    assert "journal" in program.fail(writeback=True, journal_dir=journal_of(box))


@pytest.mark.once
def test_the_journal_is_the_users_who_serves(box, program):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    user = pwd.getpwnam("nobody")
    box.folder.chmod(0o755)
    journal = journal_of(box)
    os.chown(journal, user.pw_uid, user.pw_gid)
    program.mount(setuid="nobody", writeback=True, journal_dir=journal)
    done = subprocess.run(["sh", "-c", f"echo text > {program.mnt}/f"], user=user.pw_uid, group=user.pw_gid,
                          extra_groups=[], capture_output=True, text=True, timeout=40)
    assert done.returncode == 0, done.stderr
    assert {path.stat().st_uid for path in journal.rglob("*")} == {user.pw_uid}
    assert program.run("umount", program.mnt).returncode == 0
    assert program.ended()
    assert (box.remote / "f").read_bytes() == b"text\n"


@pytest.mark.once
def test_files_are_replaced_where_the_server_never_overwrites(make_server, box_on):
    server = make_server("proftpd", implicit=False, extra={"AllowOverwrite": "off"})
    try:
        box = box_on(server)
        box.put("file", b"old")
        mount(box)
        box.sh("ls > /dev/null; echo new > file; echo more > other; mv other file; echo again > file")
        box.unmount()
        assert (box.remote / "file").read_bytes() == b"again\n"
        assert names(box.remote) == ["file"]
    finally:
        server.close()


def test_random_changes_arrive(box):
    mnt = mount(box)
    rng = random.Random(20)
    tree = {}
    for _ in range(150):
        name = f"{rng.randrange(12)}"
        what = rng.randrange(6)
        if what < 3:
            tree[name] = rng.randbytes(rng.choice([0, 10, 5000, 200_000]))
            (mnt / name).write_bytes(tree[name])
        elif name in tree and what == 3:
            (mnt / name).unlink()
            del tree[name]
        elif name in tree and what == 4:
            other = f"{rng.randrange(12)}"
            os.rename(mnt / name, mnt / other)
            tree[other] = tree.pop(name)
        elif name in tree:
            with open(mnt / name, "ab") as file:
                file.write(b"more")
            tree[name] += b"more"
        probe = rng.choice(sorted(tree) or [None])
        if probe is not None:
            assert (mnt / probe).read_bytes() == tree[probe]
    assert names(mnt) == sorted(tree)
    box.unmount()
    assert names(box.remote) == sorted(tree)
    assert {name: (box.remote / name).read_bytes() for name in tree} == tree
