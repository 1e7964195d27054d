# SPDX-License-Identifier: MIT
"""Calls inside another network namespace."""

import ctypes
import os
import threading

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


def in_network(path, function):
    """Calls the function inside the network namespace, or just calls it where there is none."""
    if path is None:
        return function()
    outcome = []

    def enter_and_call():
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"setns: {path}")
        finally:
            os.close(descriptor)
        outcome.append(function())

    thread = threading.Thread(target=enter_and_call)  # only that thread moves
    thread.start()
    thread.join()
    if not outcome:
        raise RuntimeError(f"a call inside {path} failed")
    return outcome[0]
