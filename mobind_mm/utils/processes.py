"""Processes that end with the one that started them."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_SET_SIGNAL = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>


def follow_parent() -> None:
    """End this process when its parent is killed.

    Call it first in a worker: nobody else stops one whose parent got
    SIGKILL, and it would write files beside those of the next run. A worker
    of :mod:`multiprocessing` also ends if that happened while it started.
    """
    known = multiprocessing.parent_process()
    parent = os.getppid() if known is None else known.pid
    if sys.platform == 'linux':
        library = ctypes.CDLL(None, use_errno=True)
        library.prctl(_SET_SIGNAL, signal.SIGKILL)
    if os.name == 'posix':
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


@contextmanager
def sigint_blocked() -> Iterator[None]:
    """Processes started here leave Ctrl-C to this one, from the first."""
    if os.name != 'posix':
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _watch(parent: int | None) -> None:
    """Also for other systems, and for a parent that died before."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)
