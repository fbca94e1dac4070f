"""How commands end on an error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from .files import NO_SPACE

USER_ERRORS = (ValueError, TypeError, OSError, ImportError)
"""What the package raises when a file, a value or a flag is at fault."""

_PACKAGE = Path(__file__).resolve().parents[1]
_OURS = (_PACKAGE, _PACKAGE.parent / 'tools')  # the latter in a checkout


def run_command(main: Callable[[], None]) -> None:
    """Run a command; end on a user's mistake with one line and status 2.

    The line is ``error: <message>`` on standard error; a full disk is
    reported in the same way, whoever was writing. Any other error, one that
    another package raised, and every error while the environment variable
    ``MOBIND_DEBUG`` is set, keeps its traceback.
    """
    try:
        main()
    except USER_ERRORS as error:
        full = isinstance(error, OSError) and error.errno in NO_SPACE
        if os.environ.get('MOBIND_DEBUG') or not (full or _is_ours(error)):
            raise
        print(f'error: {error}', file=sys.stderr)
        sys.exit(2)


def _is_ours(error: BaseException) -> bool:
    """Whether this package or the running command raised the error."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    raised_in = Path(frames[-1].filename).resolve()
    command = Path(sys.argv[0]).resolve()
    ours = any(directory in raised_in.parents for directory in _OURS)
    return ours or raised_in == command
