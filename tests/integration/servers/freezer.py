# SPDX-License-Identifier: MIT
"""Stops processes so that nobody notices, their parents least of all.

SIGSTOP will not do: it tells the parent by SIGCHLD, and vsftpd's privileged process takes that for the
end of its child and waits for ever. A tracer stops its tracees silently (ptrace(2), PTRACE_SEIZE).
"""

import ctypes
import os

_PTRACE_SEIZE, _PTRACE_INTERRUPT, _PTRACE_DETACH = 0x4206, 0x4207, 17
_WALL = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


def _ptrace(request, thread):
    if _libc.ptrace(request, thread, None, None) != 0:
        raise OSError(ctypes.get_errno(), f"ptrace({request:#x}, {thread})")


def _threads(pid):
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except FileNotFoundError:
        return []


def _has_ended(thread):
    """A zombie cannot be traced, and need not be."""
    try:
        with open(f"/proc/{thread}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


class Freezer:
    """Holds threads of other processes. To be used by one thread: a tracee belongs to the thread that
    stopped it."""

    def __init__(self):
        self._held = set()

    def freeze(self, pids):
        """Returns the number of threads that are held now and were not before."""
        before = len(self._held)
        for thread in {thread for pid in pids for thread in _threads(pid)} - self._held:
            try:
                _ptrace(_PTRACE_SEIZE, thread)
                _ptrace(_PTRACE_INTERRUPT, thread)
                os.waitpid(thread, _WALL)
            except OSError:
                if _has_ended(thread):
                    continue
                raise
            self._held.add(thread)
        return len(self._held) - before

    def thaw(self):
        for thread in self._held:
            try:
                _ptrace(_PTRACE_DETACH, thread)
            except ProcessLookupError:
                self._bury(thread)  # killed while it was held
        self._held.clear()

    @staticmethod
    def _bury(thread):
        try:
            os.waitpid(thread, _WALL)
        except ChildProcessError:
            pass
