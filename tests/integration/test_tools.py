# SPDX-License-Identifier: MIT
"""The programs that people use, doing their day's work on a mount."""

import os
import random
import shutil
import sqlite3
import stat

import pytest

from box import sha256, wait_for


def make_tree(folder, with_modes=True):
    """A tree with some of everything."""
    chance = random.Random(4)
    files = {"README.md": b"# Title\n", "empty": b"", "src/main.c": b"int main(void) { return 0; }\n",
             "src/deep/er/file.txt": b"deep\n", "data/large.bin": chance.randbytes(1_500_000),
             "data/two words.txt": b"blank\n", "data/Grüße": "ü".encode(), ".hidden/config": b"[a]\n"}
    for number in range(40):
        files[f"many/file{number:02d}"] = chance.randbytes(chance.randrange(5000))
    for number, (name, content) in enumerate(sorted(files.items())):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (1_400_000_000 + number, 1_400_000_000 + number))
        if with_modes and number % 5 == 0:
            path.chmod(0o755)
    (folder / "nothing inside").mkdir()
    return files


def snapshot(folder, times=True, modes=False):
    """Everything below a folder: names, kinds, contents, and to the second the times of files."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        info = path.lstat()
        if stat.S_ISDIR(info.st_mode):
            found[name] = "directory"
        else:
            found[name] = (sha256(path), int(info.st_mtime) if times else None,
                           stat.S_IMODE(info.st_mode) if modes else None)
    return found


def only_directory_times_were_refused(errors):
    """Some servers cannot set a directory's time, and the copying program may be told so."""
    lines = [line for line in errors.decode().splitlines() if line.strip()]
    wanted = ("preserving times", "failed to set times", "Cannot utime", "Cannot change mode", "some files/attrs",
              "Exiting with failure status")
    return all(any(word in line for word in wanted) for line in lines)


def run_copying(box, command, **more):
    done = box.run(command, check=False, **more)
    tolerated = box.server.name in ("vsftpd", "pyftpdlib") and only_directory_times_were_refused(done.stderr)
    assert done.returncode == 0 or tolerated, done.stderr.decode()


@pytest.mark.smoke
def test_cp_a_of_a_tree_there_and_back(box):
    source = box.folder / "source"
    make_tree(source)
    mount = box.mount()
    run_copying(box, ["cp", "-a", source, mount / "tree"])
    modes = box.server.name != "pyftpdlib"
    assert snapshot(box.remote / "tree", modes=True) == snapshot(source, modes=True)
    assert snapshot(mount / "tree", modes=modes) == snapshot(source, modes=modes)
    mount = box.remount()
    run_copying(box, ["cp", "-a", mount / "tree", box.folder / "back"])
    assert snapshot(box.folder / "back", modes=modes) == snapshot(source, modes=modes)
    box.run(["diff", "-r", source, mount / "tree"])


def test_cp_r_inside_the_mount(box):
    make_tree(box.remote / "tree")
    box.run(["chown", "-R", "65534:65534", box.remote])
    box.mount()
    box.sh("cp -r tree copy; diff -r tree copy; mv copy moved; rm -r tree")
    assert sorted(os.listdir(box.remote)) == ["moved"]
    assert (box.remote / "moved/src/main.c").exists()


@pytest.mark.smoke
def test_tar(box):
    source = box.folder / "source"
    make_tree(source)
    mount = box.mount()
    archive = box.folder / "archive.tar"
    box.run(["tar", "cf", archive, "-C", source, "."])
    run_copying(box, ["tar", "xf", archive, "-C", mount, "--no-same-owner"])
    assert snapshot(box.remote) == snapshot(source)
    box.sh("tar cf /dev/null .")
    box.sh(f"tar cf - . > {box.folder}/again.tar; mkdir {box.folder}/again; tar xf {box.folder}/again.tar -C {box.folder}/again")
    assert snapshot(box.folder / "again") == snapshot(source)
    box.sh("mkdir sub; tar czf sub/all.tgz src data; tar tzf sub/all.tgz > sub/names; gzip -t sub/all.tgz")
    assert b"src/main.c" in (box.remote / "sub/names").read_bytes()


@pytest.mark.smoke
def test_rsync_twice_moves_nothing(box):
    source = box.folder / "source"
    make_tree(source)
    mount = box.mount()
    run_copying(box, ["rsync", "-a", f"{source}/", f"{mount}/tree/"])
    assert snapshot(box.remote / "tree") == snapshot(source)

    def changed_files():
        # -O leaves the times of directories alone: not every server can set them.
        out = box.run(["rsync", "-aOi", *([] if box.server.name != "pyftpdlib" else ["--no-perms"]),
                       f"{source}/", f"{mount}/tree/"], check=False)
        assert out.returncode == 0, out.stderr.decode()
        return [line for line in out.stdout.decode().splitlines() if not line.startswith(".d")]

    assert changed_files() == []
    mount = box.remount()
    assert changed_files() == []
    (source / "README.md").write_bytes(b"# Another title, another size\n")
    assert [line.split()[-1] for line in changed_files()] == ["README.md"]
    assert (box.remote / "tree/README.md").read_bytes() == b"# Another title, another size\n"
    assert changed_files() == []


def test_rsync_from_the_mount(box):
    make_tree(box.remote / "tree")
    box.run(["chown", "-R", "65534:65534", box.remote])
    mount = box.mount()
    target = box.folder / "target"
    box.run(["rsync", "-rt", f"{mount}/tree/", f"{target}/"])
    assert snapshot(target) == snapshot(box.remote / "tree")
    again = box.run(["rsync", "-rti", f"{mount}/tree/", f"{target}/"]).stdout
    assert again == b""


GIT = "git -c user.name=T -c user.email=t@example.org -c init.defaultBranch=main -c gc.auto=0"


@pytest.mark.seconds(150)
def test_git(box):
    box.mount()
    box.sh("mkdir repo")
    git = f"cd repo; export GIT_CONFIG_NOSYSTEM=1; git() {{ command {GIT} \"$@\"; }};"
    box.sh(f"{git} git init -q; echo one > a; mkdir d; echo two > d/b; git add .; git commit -qm first", timeout=100)
    assert box.sh(f"{git} git status --porcelain").stdout == b""
    box.sh(f"{git} echo changed >> a; git mv d/b d/c; git commit -qam second", timeout=100)
    assert box.sh(f"{git} git log --format=%s").stdout == b"second\nfirst\n"
    assert box.sh(f"{git} git status --porcelain; git fsck --strict 2>&1 | grep -v '^notice' || true").stdout == b""
    # What arrived on the server is a whole repository too.
    clone = box.folder / "clone"
    # The server's files belong to its user: git must be told, by a file, that we trust them.
    (box.folder / "gitconfig").write_text("[safe]\n\tdirectory = *\n")
    box.sh(f"git clone -q {box.remote}/repo {clone}", cwd=box.folder,
           env={"GIT_CONFIG_GLOBAL": str(box.folder / "gitconfig")})
    assert (clone / "a").read_bytes() == b"one\nchanged\n" and (clone / "d/c").read_bytes() == b"two\n"


@pytest.mark.smoke
def test_sqlite(box):
    mount = box.mount()
    sql = "create table t(a integer primary key, b text);" + "".join(
        f"insert into t(b) values('row {number}');" for number in range(20))
    box.run(["sqlite3", mount / "data.db", f"begin; {sql} commit;"])
    assert box.run(["sqlite3", mount / "data.db", "select count(*), max(b) from t"]).stdout == b"20|row 9\n"
    box.run(["sqlite3", mount / "data.db", "update t set b='new' where a=5; delete from t where a>15;"])
    assert box.run(["sqlite3", mount / "data.db", "pragma integrity_check; select count(*) from t where b='new';"]
                   ).stdout == b"ok\n1\n"
    copy = shutil.copy(box.remote / "data.db", box.folder / "copy.db")
    with sqlite3.connect(copy) as database:
        assert database.execute("select count(*) from t").fetchone() == (15,)
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
    # The journal was removed while open: its last close is the kernel's to tell, a moment later.
    assert wait_for(lambda: sorted(os.listdir(box.remote)) == ["data.db"])


def test_sqlite_transaction_by_transaction(box):
    """Each has a journal of its own, which is written, synced and removed."""
    mount = box.mount()
    box.run(["sqlite3", mount / "data.db", "pragma journal_mode=delete; create table t(a integer primary key, b text);"])
    inserts = "".join(f"insert into t(b) values('row {number}');" for number in range(200))
    box.run(["sqlite3", mount / "data.db", inserts], timeout=120)
    check = "pragma integrity_check; select count(*) from t;"
    assert box.run(["sqlite3", mount / "data.db", check]).stdout == b"ok\n200\n"
    shutil.copy(box.remote / "data.db", box.folder / "copy.db")
    assert box.run(["sqlite3", box.folder / "copy.db", check]).stdout == b"ok\n200\n"
    assert wait_for(lambda: sorted(os.listdir(box.remote)) == ["data.db"])


@pytest.mark.smoke
def test_sed_in_place(box):
    box.put("config", b"colour=red\nsize=5\n")
    box.mount()
    box.sh("sed -i s/red/blue/ config; sed -i.bak s/5/7/ config")
    assert (box.remote / "config").read_bytes() == b"colour=blue\nsize=7\n"
    assert (box.remote / "config.bak").read_bytes() == b"colour=blue\nsize=5\n"
    assert sorted(os.listdir(box.remote)) == ["config", "config.bak"]


@pytest.mark.parametrize("backupcopy", ["yes", "no"])
def test_vim_saves(box, backupcopy):
    """`yes` copies the old file away and writes over it, `no` renames it away and writes a new one."""
    vim = next(shutil.which(name) for name in ("vim.tiny", "vim", "vi") if shutil.which(name))
    box.put("text", b"hello\nworld\n", mode=0o644)
    mount = box.mount()
    box.run([vim, "-N", "-u", "NONE", "-i", "NONE", "-es", "-c", f"set writebackup backupcopy={backupcopy}",
             "-c", "%s/world/there/", "-c", "wq", mount / "text"], check=False, env={"TERM": "dumb"})
    assert (box.remote / "text").read_bytes() == b"hello\nthere\n"
    assert wait_for(lambda: sorted(os.listdir(box.remote)) == ["text"])
    assert (mount / "text").read_bytes() == b"hello\nthere\n"


def test_atomic_save_by_a_program(box):
    """Write beside, sync, rename over: what careful programs do."""
    box.put("state.json", b'{"n": 0}')
    mount = box.mount()
    for number in range(1, 8):
        with open(mount / "state.json.tmp", "wb") as file:
            file.write(b'{"n": %d}' % number)
            file.flush()
            os.fsync(file.fileno())
        os.replace(mount / "state.json.tmp", mount / "state.json")
        directory = os.open(mount, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)
        assert (box.remote / "state.json").read_bytes() == b'{"n": %d}' % number
    assert os.listdir(box.remote) == ["state.json"]


def test_backup_by_rename_then_a_new_file(box):
    box.put("notes", b"old\n")
    box.mount()
    box.sh("mv notes notes~; echo new > notes; cat notes~ notes > both")
    assert (box.remote / "both").read_bytes() == b"old\nnew\n"


def test_mv_between_filesystems(box):
    source = box.folder / "outside"
    make_tree(source)
    before = snapshot(source)
    mount = box.mount()
    run_copying(box, ["mv", source, mount / "inside"])
    if source.exists():
        shutil.rmtree(source)  # mv kept it where it could not set a directory's time
    assert snapshot(box.remote / "inside") == before
    run_copying(box, ["mv", mount / "inside", box.folder / "back"])
    assert snapshot(box.folder / "back") == before


def test_text_tools(box):
    box.put("words", b"".join(f"line {number}\n".encode() for number in range(20_000)))
    box.mount()
    assert box.sh("grep -c 99 words").stdout == b"%d\n" % sum("99" in str(number) for number in range(20_000))
    box.sh("sort -r words > sorted; tac sorted > back; split -l 5000 words part-; cat part-* > joined; cmp words joined;"
           "tee one two < words > /dev/null; cmp one two; wc -l words > count; gzip -k words; zcat words.gz | cmp - words;"
           "tr a-z A-Z < words > upper; paste <(head -n 3 words) <(head -n 3 upper) > pasted; install -m 644 words installed;"
           "cp --sparse=always words sparse; cmp words sparse; awk '{print $2}' words > numbers; cmp words installed")
    assert (box.remote / "joined").read_bytes() == (box.remote / "words").read_bytes()
    assert (box.remote / "count").read_bytes().split()[0] == b"20000"
    assert (box.remote / "pasted").read_bytes() == b"line 0\tLINE 0\nline 1\tLINE 1\nline 2\tLINE 2\n"


def test_a_c_program_is_built_on_the_mount(box):
    if not shutil.which("cc"):
        pytest.skip("no C compiler here")
    box.put("main.c", b'#include <stdio.h>\nint main(void) { puts("built here"); return 0; }\n')
    box.mount()
    box.sh("cc -c main.c -o main.o; cc main.o -o program; cp program /dev/null")
    assert (box.remote / "program").stat().st_size > 1000
    local = shutil.copy(box.remote / "program", box.folder / "program")
    os.chmod(local, 0o755)
    assert box.run([local]).stdout == b"built here\n"


def test_shell_locks_and_logs(box):
    """noclobber as a lock, flock, and several processes that append whole lines in turn."""
    box.mount()
    box.sh("set -C; echo $$ > lock; ! (echo 2 > lock) 2>/dev/null; rm lock")
    box.sh("exec 9> flocked; flock -n 9; ! flock -n flocked true")
    box.sh("for n in 1 2 3 4 5; do echo message $n >> log; done; test $(wc -l < log) = 5")
    assert (box.remote / "log").read_bytes() == b"".join(b"message %d\n" % n for n in range(1, 6))
    assert wait_for(lambda: (box.remote / "flocked").exists())


FIO = {"in-sequence": ["--rw=write", "--bs=64k"],
       "at-random": ["--rw=randwrite", "--bs=4k"],
       "of-many-sizes": ["--rw=randwrite", "--bsrange=512-32k"],
       "by-mapping": ["--rw=randwrite", "--bs=4k", "--ioengine=mmap"],
       "many-files": ["--rw=write", "--bs=10k", "--nrfiles=40", "--filesize=50k", "--openfiles=8", "--file_service_type=random"],
       "four-programs": ["--rw=randwrite", "--bs=16k", "--numjobs=4"]}


@pytest.mark.once
@pytest.mark.parametrize("job", FIO)
def test_fio_finds_what_it_wrote(box, job):
    """Every block bears a checksum and where it belongs: looked at once by the mount that wrote it, and once by a new one."""
    if shutil.which("fio") is None:
        pytest.skip("fio is not installed (contrib/install-deps.sh full)")
    options = ["fio", "--name=job", "--ioengine=psync", *FIO[job], "--size=6m", "--randseed=7", "--fallocate=none",
               "--verify=crc32c", "--verify_fatal=1", "--end_fsync=1", "--output-format=terse"]
    mount = box.mount()
    box.run([*options, f"--directory={mount}", "--do_verify=1"], cwd=box.folder)
    mount = box.remount()
    box.run([*options, f"--directory={mount}", "--verify_only=1"], cwd=box.folder)
