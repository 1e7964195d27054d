# SPDX-License-Identifier: MIT
"""Every command in README.md, in contrib/doc and in the man pages is run, as it stands there: in the place that
the documents speak of (town.py), or with stand-ins for what takes minutes (builds) or is not here (systemd).

A block of code that nobody knows how to try makes the test fail: so no command gets into a document untried.
"""

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from mount import is_mounted, patient
from town import HIDDEN, Town

pytestmark = [pytest.mark.once, pytest.mark.real]

SOURCE = Path(__file__).resolve().parents[2]
DOCUMENTS = ["README.md", *sorted(f"contrib/doc/{path.name}" for path in (SOURCE / "contrib/doc").glob("*.md")),
             *sorted(f"contrib/man/{path.name}" for path in (SOURCE / "contrib/man").glob("*.scd"))]
PROGRAMS = ("ftpsfs", "mount", "openssl", "umask", "mkdir", "cat", "chmod", "grep", "rsync", "systemctl", "journalctl", "cmake",
            "sudo", "cp", "dpkg-buildpackage", "contrib/quickstart.sh", "tests/run.sh", "tests/bench/run.sh", "tests/bench/report.py")
MOUNT = "/mnt/partner"
URL = "ftpes://alice@ftp.partner.example/orders"
USUAL = f"ftpsfs -o credentials=/etc/ftpsfs/partner.cred,cacert=/etc/ftpsfs/partner-ca.pem {URL} {MOUNT}"


@dataclass(frozen=True)
class Example:
    document: str
    text: str

    def __str__(self):
        return f"{self.document}: {self.text[:60]}"


def blocks(document):
    """The blocks of code, without their fences."""
    text = (SOURCE / document).read_text()
    return [block.strip("\n") for block in re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)]


def kind_of(block):
    """Commands, or what else may stand in a block."""
    lines = [line for line in block.splitlines() if line.strip() and not line.startswith("#")]
    first = lines[0].split()[0]
    if first == "$" or (first in PROGRAMS and "[options]" not in lines[0]):
        return "commands"
    if all(len(line.split()) == 6 and line.split()[2] == "ftpsfs" for line in lines):
        return "fstab"
    if first.startswith("["):
        return "profiles"
    if first.startswith("username="):
        return "credentials"
    if lines[0] == "ftpsfs [options] URL MOUNTPOINT":
        return "usage"
    return "drawing" if "⇄" in block else "unknown"


def commands_in(block):
    """One logical line each: with what a backslash joins, and with the document that << begins."""
    lines = block.splitlines()
    is_dialogue = lines[0].startswith("$ ")
    commands, at = [], 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if is_dialogue and not line.startswith("$ "):
            continue  # what the program says
        line = line.removeprefix("$ ")
        while line.endswith("\\"):
            line, at = line[:-1] + lines[at].lstrip(), at + 1
        here = re.search(r"<<'(\w+)'", line)
        while here and not line.endswith(f"\n{here[1]}"):
            line, at = f"{line}\n{lines[at]}", at + 1
        if line.strip() and not line.startswith("#"):
            commands.append(line)
    return commands


def variants(command):
    """With and without what stands in brackets."""
    without_comment = re.sub(r"\s+# .*$", "", command)
    if not re.search(r"\[[^]]*\](?=\s|$)", without_comment):
        return [command]
    return [re.sub(r"[][]", "", without_comment), re.sub(r"\s*\[[^]]*\]", "", without_comment)]


def inline_commands(document):
    """In the text: those of ftpsfs and openssl that are whole."""
    text = (SOURCE / document).read_text()
    text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    told = re.findall(r"`((?:ftpsfs|openssl) [^`…]+)`", text)
    names = r"ftpsfs (status|umount|reload|refresh|uploads|check|check --write|log-level)|openssl (genpkey|req -new|x509 -outform DER)"
    return [command for command in told if not re.fullmatch(names, command)]


def examples(kind):
    return [Example(document, block) for document in DOCUMENTS for block in blocks(document) if kind_of(block) == kind]


def all_commands():
    found = [Example(each.document, variant) for each in examples("commands") for command in commands_in(each.text)
             for variant in variants(command)]
    found += [Example(document, command) for document in DOCUMENTS for command in inline_commands(document)]
    return list(dict.fromkeys(found))


# -- how each is tried

@pytest.fixture(scope="module")
def town(workspace, pki):
    if any(str(workspace).startswith(f"{place}/") for place in HIDDEN):
        pytest.skip("temporary files lie in a place that is hidden there: set TMPDIR")
    folder = workspace / "town"
    folder.mkdir()
    town = Town(folder, pki)
    yield town
    town.close()


@pytest.fixture
def tidy_town(town):
    yield town
    town.end_mounts()


def succeed(town, command, cwd="/root"):
    done = town.run(command, cwd=cwd)
    assert done.code == 0, f"{command}\nended with {done.code}:\n{done.output}"
    return done.output


def with_mount(town):
    if MOUNT not in town.mounted():
        town.set_partner("alice")
        succeed(town, USUAL)


def mounts(town, command):
    """A command that mounts: what is asked for is there, and it can be unmounted."""
    words = shlex.split(command, comments=True)
    place = next(word for word in reversed(words) if word.startswith(("/mnt/", "/srv/", "/home/alice/partner")))
    # A profile with a user of its own wants that one's password; the certificate alone is for ORDERS.
    town.set_partner("orders" if any(word == "partner:" for word in words) else "alice")
    write_profiles(town, examples("profiles")[0].text)
    output = succeed(town, command)
    assert place in town.mounted(), output
    assert succeed(town, f"ls -A {place}").strip()
    assert f" {place} fuse.ftpsfs " in succeed(town, "cat /proc/mounts")
    succeed(town, f"ftpsfs umount {place}")
    assert town.mounted() == []


def acts_on_a_mount(town, command):
    with_mount(town)
    command = command.replace("/srv/partner", MOUNT).replace("MOUNTPOINT", MOUNT).replace("MNT", MOUNT).replace("PATH", "2024")
    if "--watch" in command:
        done = town.run(f"timeout --signal=INT {patient(2)} {command}")
        assert done.code in (124, 130) and done.output.count("connections ") >= 2, done.output
        return
    output = succeed(town, command)
    assert "connections" in output or "status" not in command
    assert (MOUNT not in town.mounted()) == command.startswith("ftpsfs umount")


def asks_what_is_owed(town, command):
    town.set_partner("alice")
    succeed(town, USUAL.replace("-o ", "-o writeback,", 1))
    succeed(town, re.sub(r"\s+#.*", "", command).replace("MOUNTPOINT", MOUNT).replace(" DIR ", " /tmp "))
    succeed(town, f"ftpsfs umount {MOUNT}")


def checks(town, command):
    output = succeed(town, command.replace(" URL", f" -o credentials=/etc/ftpsfs/partner.cred {URL}"))
    assert "This line of /etc/fstab mounts it:" in output and "✗" not in output


def prints_itself(town, command):
    assert len(succeed(town, command.replace("SHELL", "bash")).splitlines()) > 20


def uses_the_mount(town, command):
    with_mount(town)
    output = succeed(town, command)
    if command.startswith("grep"):
        assert output.split() == [f"{MOUNT}/2024/a.csv"]
    else:
        assert (town.served / "orders/reports/new").read_text() == "report\n"


def works_on_certificates(town, command):
    command = command.replace("HOST:", "ftp.partner.example:")
    reads_a_terminal = "s_client" not in command or "</dev/null" in command
    output = succeed(town, command if reads_a_terminal else f"{command} </dev/null", cwd="/etc/ftpsfs/partner")
    if "s_client" in command:
        assert "BEGIN CERTIFICATE" in output and "TLSv1" in output


def enables_a_unit(town, command):
    """The unit as it is installed; systemd itself need not run for that."""
    if not shutil.which("systemctl"):
        pytest.skip("no systemctl here")
    units = town.folder / "root/lib/systemd/system"
    units.mkdir(parents=True, exist_ok=True)
    template = (SOURCE / "contrib/systemd/ftpsfs@.service.in").read_text()
    (units / "ftpsfs@.service").write_text(template.replace("@CMAKE_INSTALL_FULL_BINDIR@", "/usr/bin"))
    words = shlex.split(command)
    words.remove("--now")
    done = subprocess.run([words[0], f"--root={town.folder}/root", *words[1:]], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    assert (town.folder / "root/etc/systemd/system/multi-user.target.wants/ftpsfs@partner.service").is_symlink()


def reads_the_journal(town, command):
    """It may be empty here: what counts is that its options are known."""
    if not shutil.which("journalctl"):
        pytest.skip("no journalctl here")
    done = town.run(f"timeout 2 {command}")
    assert not re.search("unrecognized|invalid|unknown", done.output), done.output


def builds(town, command):
    """All of the sources, but ninja only says what it would do; and the program under test is what is installed."""
    tree = town.folder / "tree"
    if not tree.exists():
        copy_sources(tree)
    environment = {**os.environ, "DESTDIR": str(town.folder / "installed")}
    words = shlex.split(command)
    if words[0] == "sudo":
        build = tree / "build/release"
        subprocess.run(["cmake", "--build", build, "--target", "man"], check=True, capture_output=True, timeout=60)
        shutil.copy(town.program, build / "ftpsfs")
        words = words[1:]
    elif "--build" in words:
        words += ["--", "-n"]
    done = subprocess.run(words, cwd=tree, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    if "--install" in words:
        assert_installed(town.folder / "installed")


def assert_installed(root):
    """What a distribution expects, and where."""
    for link in ("mount.ftpsfs", "mount.fuse.ftpsfs", "umount.ftpsfs", "umount.fuse.ftpsfs"):
        assert os.readlink(root / "usr/sbin" / link) == "../bin/ftpsfs"
        assert (root / "usr/sbin" / link).resolve() == root / "usr/bin/ftpsfs"
        assert (root / f"usr/share/man/man8/{link}.8").is_file()
    for path in ("usr/bin/ftpsfs", "usr/share/man/man1/ftpsfs.1", "usr/share/man/man5/ftpsfs.conf.5",
                 "usr/lib/systemd/system/ftpsfs@.service", "usr/share/bash-completion/completions/ftpsfs",
                 "usr/share/zsh/site-functions/_ftpsfs", "usr/share/fish/vendor_completions.d/ftpsfs.fish",
                 "usr/share/doc/ftpsfs/README.md", "usr/share/doc/ftpsfs/troubleshooting.md",
                 "usr/share/doc/ftpsfs/examples/fstab", "usr/share/doc/ftpsfs/examples/ftpsfs.conf",
                 "usr/share/doc/ftpsfs/examples/systemd/mnt-partner.mount"):
        assert (root / path).is_file(), path
    unit = (root / "usr/lib/systemd/system/ftpsfs@.service").read_text()
    assert "ExecStart=/usr/bin/ftpsfs " in unit and "@CMAKE" not in unit


def copy_sources(tree):
    tree.mkdir()
    listed = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=SOURCE,
                            check=True, capture_output=True, timeout=20).stdout
    subprocess.run(["xargs", "-0", "cp", "--parents", "-t", str(tree)], input=listed, cwd=SOURCE, check=True, timeout=60)


def starts_quickly(town, command):
    """contrib/quickstart.sh, with a build that is there already, and nothing to install."""
    tree = town.folder / "quick"
    if not tree.exists():
        copy_sources(tree)
        (tree / "contrib/install-deps.sh").write_text("#!/bin/sh\n")
        (tree / "build/quickstart").mkdir(parents=True)
        shutil.copy(town.program, tree / "build/quickstart/ftpsfs")
        stubs = tree / "stubs"
        stubs.mkdir()
        (stubs / "cmake").write_text("#!/bin/sh\n")
        (stubs / "cmake").chmod(0o755)
    command = re.sub(r"\s+#.*", "", command).replace("URL", URL).replace("MOUNTPOINT", MOUNT)
    stubs = f"export PATH={tree}/stubs:$PATH"
    if MOUNT in command:
        succeed(town, f"{stubs}\n{command} -o credentials=/etc/ftpsfs/partner.cred", cwd=str(tree))
        assert town.mounted() == [MOUNT]
        succeed(town, f"umount {MOUNT}")
    else:
        starts_the_demo(tree, f"{stubs}\n{command}")


def starts_the_demo(tree, command):
    """It has a server of its own, and names what to try."""
    def run(script):
        done = subprocess.run(["bash", "-euc", script], cwd=tree, env={**os.environ, "TMPDIR": str(tree)}, timeout=60,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    try:
        tries = re.findall(r"^  ((?:ls|cat|echo|cp|/\S+/ftpsfs) .*)$", run(command), re.M)
        assert len(tries) == 5
        for each in tries:
            run(each)
    finally:
        run(f"{command} stop")
    assert not is_mounted(tree / f"ftpsfs-demo-{os.getuid()}/mnt")


def is_run_elsewhere(town, command):
    """What builds everything, or tests everything, is run by hand, by continuous integration and by tests/package/build.sh."""
    words = re.sub(r"\s+#.*", "", command)
    runs = (SOURCE / "tests/package/build.sh").read_text() + (SOURCE / ".ci/run").read_text()
    takes_it_from_here = "commands_of_readme dpkg-buildpackage" in runs and words in (SOURCE / "README.md").read_text()
    assert words in runs or takes_it_from_here, words


def names_rows(_town, command):
    """The benchmark runs for hours: its arguments must be good, and name rows."""
    program, *arguments = shlex.split(re.sub(r"\s+#.*", "", command))
    assert os.access(SOURCE / program, os.X_OK)
    if program.endswith("run.sh"):
        listed = subprocess.run([SOURCE / program, *arguments, "--list"], check=True, capture_output=True, text=True, timeout=30)
        assert listed.stdout.strip()


WAYS = [
    (r"ftpsfs check ", checks),
    (r"ftpsfs help ", prints_itself),
    (r"ftpsfs (status|umount|refresh|reload|log-level)\b", acts_on_a_mount),
    (r"ftpsfs uploads ", asks_what_is_owed),
    (r"(ftpsfs|mount -t ftpsfs) ", mounts),
    (r"(grep|rsync) .*/mnt/partner", uses_the_mount),
    (r"(openssl|umask|mkdir|cat|chmod) ", works_on_certificates),
    (r"systemctl enable ", enables_a_unit),
    (r"journalctl ", reads_the_journal),
    (r"(sudo )?cmake ", builds),
    (r"contrib/quickstart.sh", starts_quickly),
    (r"tests/bench/", names_rows),
    (r"(tests/run.sh|cp -r contrib/debian debian|dpkg-buildpackage)", is_run_elsewhere),
]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_block_of_code_is_of_a_known_kind(document):
    unknown = [block for block in blocks(document) if kind_of(block) == "unknown"]
    assert unknown == []


@pytest.mark.parametrize("example", all_commands(), ids=str)
def test_every_command_works_as_it_stands_in_the_documents(tidy_town, example):
    way = next((way for pattern, way in WAYS if re.match(pattern, example.text)), None)
    assert way, f"nobody knows how to try: {example.text}"
    way(tidy_town, example.text)


def fstab_lines():
    found = [Example(each.document, line) for each in examples("fstab") for line in each.text.splitlines()]
    found += [Example("contrib/example/fstab", line) for line in (SOURCE / "contrib/example/fstab").read_text().splitlines()]
    return [each for each in found if each.text.strip() and not each.text.startswith("#")]


@pytest.mark.parametrize("example", fstab_lines(), ids=str)
def test_every_line_for_fstab_mounts(tidy_town, example):
    town = tidy_town
    source, place, _, options = example.text.split()[:4]
    town.set_partner("orders" if source == "partner:" else "alice")
    write_profiles(town, examples("profiles")[0].text)
    town.run(f"mkdir -p {place}")
    (town.folder / "fstab").write_text(example.text + "\n")
    succeed(town, "mount -a")
    assert (place in town.mounted()) == ("noauto" not in options.split(","))
    succeed(town, f"mount {place}" if "noauto" in options else "mount -a")
    assert town.mounted() == [place], "once, whatever is said twice"
    assert succeed(town, f"ls -A {place}").strip()
    succeed(town, f"umount {place}")
    assert town.mounted() == [] and town.served_mounts() == []


def write_profiles(town, text):
    town.write("/etc/ftpsfs/ftpsfs.conf", text.encode())


def profile_texts():
    return [*examples("profiles"), Example("contrib/example/ftpsfs.conf", (SOURCE / "contrib/example/ftpsfs.conf").read_text())]


@pytest.mark.parametrize("example", profile_texts(), ids=str)
def test_every_profile_mounts(tidy_town, example):
    town = tidy_town
    town.set_partner("orders")
    write_profiles(town, example.text)
    for name in re.findall(r"^\[(\w+)\]", example.text, re.M):
        succeed(town, f"ftpsfs {name}: /mnt/{name}")
        assert town.mounted() == [f"/mnt/{name}"]
        succeed(town, f"ftpsfs umount /mnt/{name}")


def test_the_credentials_of_the_documents_are_understood(tidy_town):
    town = tidy_town
    texts = [each.text for each in examples("credentials")] + [(SOURCE / "contrib/example/credentials").read_text()]
    assert len(texts) >= 2
    for text in texts:
        town.write("/etc/ftpsfs/partner.cred", text.encode() + b"\n")
        succeed(town, USUAL.replace("alice@", ""))
        succeed(town, f"ftpsfs umount {MOUNT}")
