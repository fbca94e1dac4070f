"""How commands end on an error."""

from __future__ import annotations

import atexit
import errno
import gc
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from .errors import is_memory, printable, shortened
from .files import NO_SPACE

USER_ERRORS = (ValueError, OSError, ImportError)
"""What the package raises when a file, a value or a flag is at fault."""

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""

_PACKAGE = Path(__file__).resolve().parents[1]
_OURS = (_PACKAGE, _PACKAGE.parent / 'tools')  # the latter in a checkout


def run_command(main: Callable[[], None]) -> None:
    """Run a command; end on a user's mistake with one line and status 2.

    The line is ``error: <message>`` on standard error; a full disk, too
    little memory, and a file that may not be read or written, are reported in
    the same way, whoever met them. Any other error, one that another package
    raised, and every error while the environment variable ``MOBIND_DEBUG`` is
    set, keeps its traceback. Ctrl-C ends with one line and status 130,
    SIGTERM with 143; a second one ends it at once. Characters that the
    terminal does not have are written as escapes, and a reader that has seen
    enough (``| head``) ends the command.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors='backslashreplace')
    try:
        with _ended_by_sigterm():
            main()
            _leave_group()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        print('\ninterrupted', file=sys.stderr)
        sys.exit(INTERRUPTED)
    except _Terminated:
        os.write(2, b'\nterminated\n')  # print() may be what it interrupts
        raise
    except BrokenPipeError:
        # Python would write it all again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        message = _of_the_system(error)
        if isinstance(error, USER_ERRORS) and _is_ours(error):
            message = message or str(error)
        if os.environ.get('MOBIND_DEBUG') or not message:
            raise
        message = printable(shortened(message), keep='\n')
        print(f'error: {message}', file=sys.stderr)
        sys.exit(2)
    finally:
        atexit.unregister(_ended)
        atexit.register(_ended)  # it is called first


def _leave_group() -> None:
    """End the threads of a distributed run, which may hold tensors.

    A thread of Gloo that lets one go while Python ends aborts the process:
    "terminate called without an active exception".
    """
    dist = sys.modules.get('torch.distributed')
    if dist is not None and dist.is_available() and dist.is_initialized():
        gc.collect()  # models that were wrapped for the run keep its group
        dist.destroy_process_group()


def _ended() -> None:
    """Ctrl-C while Python ends needs no traceback of what is cleaned up."""
    ours = threading.current_thread() is threading.main_thread()
    if ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Remove what is half-written first, unless somebody else cares."""
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


class _Terminated(SystemExit):
    """SIGTERM arrived."""


def _terminate(number: int, _: object) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)
    raise _Terminated(128 + number)


def _of_the_system(error: BaseException) -> str:
    """What the system refused, if it did."""
    if is_memory(error):
        return (
            'there is too little memory. Close other programs, allow more '
            '(ulimit -v, the job of a cluster), or give shorter recordings '
            f'or smaller batches ({type(error).__name__}: {error}).'
        )
    if not isinstance(error, OSError):
        return ''
    if error.errno in NO_SPACE:
        return str(error)
    if error.filename is not None and error.errno != errno.ENOENT:
        return f'{error.filename}: {error.strerror}.'
    return ''


def _is_ours(error: BaseException) -> bool:
    """Whether this package or the running command raised the error."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    raised_in = Path(frames[-1].filename).resolve()
    ours = any(directory in raised_in.parents for directory in _OURS)
    return ours or raised_in == Path(sys.argv[0]).resolve()
