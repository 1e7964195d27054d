# SPDX-License-Identifier: MIT
"""The place of which the documents speak, so that their commands can be run as they stand there: the names
lead to a server, ftpsfs is installed, and the files in /etc/ftpsfs exist.

All of it in a mount namespace and a network namespace of its own: nothing is seen of it outside, and it is
gone with the process that holds them.
"""

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import termios
import time
from dataclasses import dataclass
from pathlib import Path

from box import wait_for
from mount import binary, die_with_parent
from servers.base import SERVER_UID

PASSWORD = "correct horse battery staple"  # the documents' own
PASSPHRASE = "open sesame"
HOSTS = ("ftp.partner.example", "old.partner.example", "archive.example", "gate.example", "localhost")
HIDDEN = ("/mnt", "/srv", "/home", "/root", "/run", "/etc/ftpsfs", "/var/cache/ftpsfs")
ANSWERS = ((r"Password for \S+: *$", PASSWORD),
           (r"(pass phrase|Import Password|PEM pass phrase)[^\n]*: *$", PASSPHRASE))


@dataclass(frozen=True)
class Ended:
    code: int
    output: str  # of both streams, as on a terminal


class Town:
    def __init__(self, folder, pki):
        self.folder = folder
        self.pki = pki
        self.served = folder / "served"
        self.sbin = folder / "sbin"
        # The project may lie in a place that is hidden here.
        self.program = Path(shutil.copy(binary(), folder / "ftpsfs"))
        here = Path(__file__).parent
        for source in ("wire.py", "servers/pyftpdlib_main.py", "servers/partner_main.py"):
            shutil.copy(here / source, folder)
        self.fill_server()
        (folder / "hosts").write_text("127.0.0.1 " + " ".join(HOSTS) + "\n")
        (folder / "fstab").write_text("")
        for name in ("passwd", "group"):
            extra = "orders:x:4711:4711::/:/bin/sh\n" if name == "passwd" else "orders:x:4711:\n"
            (folder / name).write_text(Path("/etc", name).read_text() + extra)
        self.holder = self.begin()
        self.server = self.begin_server()
        self.install_files()

    # -- making it

    def fill_server(self):
        for name, content in (("orders/4711.csv", "4711;1"), ("orders/2024/a.csv", "4711;2"), ("orders/2024/b.csv", "1;1"),
                              ("orders/reports/old", "old"), ("in/new", "new"), ("2023/file", "file"), ("file", "file")):
            path = self.served / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content + "\n")
        for path in (self.served, *self.served.rglob("*")):
            os.chown(path, SERVER_UID, SERVER_UID)
        self.served.chmod(0o755)

    def begin(self):
        """The process that holds both namespaces, until its input ends."""
        self.sbin.mkdir()
        real = self.folder / "real-sbin"
        real.mkdir()
        binds = {"hosts": "/etc/hosts", "fstab": "/etc/fstab", "passwd": "/etc/passwd", "group": "/etc/group"}
        # The namespace begins with a copy of every mount: those of other tests would not end where they are unmounted.
        script = "set -e\numount --all --lazy --types fuse.ftpsfs || true\n"
        for place in HIDDEN:
            script += f"mkdir -p {place}\nmount -t tmpfs -o mode=755 tmpfs {place}\n"
        for name, place in binds.items():
            script += f"touch {place}\nmount --bind {self.folder}/{name} {place}\n"
        script += f"""
            mount --bind {self.pki.capath} /etc/ssl/certs
            mount --bind /usr/sbin {real}
            cp -asf {real}/. {self.sbin}/
            for helper in ftpsfs mount.ftpsfs mount.fuse.ftpsfs umount.ftpsfs umount.fuse.ftpsfs; do
                ln -sf {self.program} {self.sbin}/$helper
            done
            printf '#!/bin/sh\\necho "{PASSWORD}"\\n' >{self.sbin}/pass
            chmod 755 {self.sbin}/pass
            mount --bind {self.sbin} /usr/sbin
            mkdir -p /mnt/partner /mnt/archive /srv/partner /srv/partner2 /srv/archive /home/alice/partner
            mkdir -p /root/reports /etc/ftpsfs/partner
            ip link set lo up
            echo ready
            exec cat
        """
        holder = subprocess.Popen(["unshare", "--mount", "--net", "--propagation", "private", "bash", "-c", script],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        if holder.stdout.readline() != "ready\n":
            raise RuntimeError("the place of the documents could not be made")
        return holder

    def enter(self):
        return ["nsenter", f"--target={self.holder.pid}", "--mount", "--net"]

    def begin_server(self):
        main = self.folder / "partner_main.py"
        certificate = self.pki.server_for(*HOSTS)
        server = subprocess.Popen([*self.enter(), sys.executable, "-B", str(main), "--root", self.served, "--cert", certificate.pem,
                                   "--password", PASSWORD, "alice", "orders", "ORDERS"],
                                  stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        if server.stdout.readline() != "ready\n":
            raise RuntimeError("the documents' server did not come up")
        return server

    def install_files(self):
        """What the documents take for granted in /etc/ftpsfs and in alice's home."""
        client = self.pki.client_certificate("alice", name="client-of-the-documents")
        export = self.pki.export(client, PASSPHRASE)
        ca = self.pki.ca
        for folder in ("/etc/ftpsfs", "/etc/ftpsfs/partner"):
            for source, name in ((client.cert, "me.pem"), (client.key, "me.key"), (export, "me.pfx"), (ca, "partner-ca.pem"),
                                 (ca, "partner-ca.cer"), (ca, "intermediate.pem"), (self.pki.good.cert, "partner.cer")):
                self.write(f"{folder}/{name}", source.read_bytes())
        self.write("/home/alice/partner-ca.pem", ca.read_bytes())
        self.write("/root/reports/new", b"report\n")
        self.write("/etc/ftpsfs/partner/login", self.credentials("ORDERS"))
        self.write("/home/alice/.partner", self.credentials("alice"))
        self.write("/etc/ftpsfs/archive.cred", self.credentials("alice"))
        self.set_partner("alice")

    @staticmethod
    def credentials(user):
        return f"username={user}\npassword={PASSWORD}\nkey_password={PASSPHRASE}\n".encode()

    def set_partner(self, user):
        """Whose login /etc/ftpsfs/partner.cred is: that differs from one example to the other."""
        self.write("/etc/ftpsfs/partner.cred", self.credentials(user))

    # -- using it

    def write(self, path, content):
        """A file that its owner alone can read."""
        subprocess.run([*self.enter(), "sh", "-c", f"umask 077; cat >{path}"], input=content, check=True, timeout=20)

    def run(self, command, cwd="/root", timeout=60):
        """Runs a command of a shell on a terminal, and types what it asks for."""
        master, slave = pty.openpty()

        def on_a_terminal_of_its_own():
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8",
                       "TERM": "dumb"}
        process = subprocess.Popen([*self.enter(), "bash", "-c", f"cd {cwd}\n{command}"], stdin=slave, stdout=slave, stderr=slave,
                                   env=environment, preexec_fn=on_a_terminal_of_its_own)
        os.close(slave)
        try:
            return self.converse(process, master, time.monotonic() + timeout)
        finally:
            os.close(master)

    @staticmethod
    def converse(process, terminal, deadline):
        seen, answered = "", 0
        while time.monotonic() < deadline:
            ended = process.poll() is not None
            ready, _, _ = select.select([terminal], [], [], 0 if ended else 0.05)
            try:
                part = os.read(terminal, 65536).decode(errors="replace") if ready else ""
            except OSError:  # nobody has the other end any more
                part, ended = "", process.wait(timeout=20) is not None
            seen += part
            for pattern, answer in ANSWERS:
                if re.search(pattern, seen[answered:]):
                    answered = len(seen)
                    os.write(terminal, f"{answer}\n".encode())
            if ended and not part:
                return Ended(process.returncode, seen.replace("\r\n", "\n"))
        process.kill()
        process.wait(timeout=20)
        raise AssertionError(f"it does not end:\n{seen}")

    def mounted(self):
        """The mount points of ftpsfs here."""
        table = Path(f"/proc/{self.holder.pid}/mounts").read_text().splitlines()
        return [line.split()[1] for line in table if line.split()[2] == "fuse.ftpsfs"]

    # -- the end

    def processes(self):
        """Everything that runs in the network namespace."""
        def network(pid):
            try:
                return os.readlink(f"/proc/{pid}/ns/net")
            except OSError:
                return None

        mine = network(self.holder.pid)
        return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and mine and network(pid) == mine]

    def end_mounts(self):
        for place in self.mounted():
            subprocess.run([*self.enter(), "umount", "-l", place], stderr=subprocess.DEVNULL, timeout=20)
        wait_for(lambda: not self.served_mounts(), seconds=5)
        for pid in self.served_mounts():
            os.kill(pid, signal.SIGKILL)

    def served_mounts(self):
        wanted = str(self.program)

        def executable(pid):
            try:
                return os.readlink(f"/proc/{pid}/exe")
            except OSError:
                return ""

        return [pid for pid in self.processes() if executable(pid) == wanted]

    def close(self):
        self.end_mounts()
        for process in (self.server, self.holder):
            process.kill()
            process.communicate(timeout=20)
        shutil.rmtree(self.served, ignore_errors=True)
