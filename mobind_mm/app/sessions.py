"""Who uses the app: files and work of each page, apart from all others."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ..utils.errors import mistake
from ..utils.locks import locked
from .work import run

MEGABYTE = 1_000_000
_MAX_SESSIONS = 20
_SILENT_SEC = 180.0
"""A page that says nothing for so long is closed; it calls every 20 s, or
every minute where the browser slows down a page in the background."""
_PREFIX, _LOCK = 'mobind-app-', '.lock'
_FRESH_SEC = 60.0
"""A folder may be so old without a lock of the app that made it."""
_DEEPEST = 5
_MOST_BYTES = 150
"""Of a name; disks take 255, and results add to it."""
_DEVICES = re.compile(r'^(con|prn|aux|nul|(com|lpt)\d)(?=\.|$)', re.IGNORECASE)
"""Names that Windows gives to devices, whatever their suffix."""


def safe_name(name: str) -> PurePosixPath:
    r"""A path below a folder, of harmless characters.

    Raises:
        ValueError: If nothing is left of it.

    >>> str(safe_name('../../etc/pass wd')), str(safe_name('take/imu.csv'))
    ('etc/pass wd', 'take/imu.csv')
    >>> str(safe_name('.ssh\\..\\a:b.csv')), str(safe_name('con.csv'))
    ('ssh/a_b.csv', '_con.csv')
    """
    parts = []
    for part in re.split(r'[\\/]+', name):
        part = re.sub(r'[^\w .,()+=@~-]', '_', part).strip(' .')
        if part:
            parts.append(_shortened(_DEVICES.sub(r'_\g<0>', part)))
    if not parts or len(parts) > _DEEPEST:
        raise mistake(
            'upload', 'is not a name of a file', 'Rename it', value=name[:80]
        )
    return PurePosixPath(*parts)


def _shortened(name: str) -> str:
    """A name of a length that every disk takes; its suffix stays."""
    suffix = PurePosixPath(name).suffix[:20]
    most = _MOST_BYTES - len(suffix.encode())
    stem = name.removesuffix(suffix).encode()[:most]
    return stem.decode(errors='ignore') + suffix


@dataclass
class Session:
    """One page in one browser.

    Args:
        token: Secret name of it, in all its addresses.
        folder: Its files: ``in`` is what was uploaded, ``out`` the results.
        touched: When it was last heard of.
        job: Process that works for it.
        uploads: Held while a file arrives.
    """

    token: str
    folder: Path
    touched: float = field(default_factory=time.monotonic)
    job: Any = None
    uploads: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def inputs(self) -> Path:
        """Folder of what was uploaded."""
        return self.folder / 'in'

    @property
    def outputs(self) -> Path:
        """Folder of the results."""
        return self.folder / 'out'

    def used(self) -> int:
        """Bytes of what was uploaded."""
        files = (p for p in self.inputs.rglob('*') if p.is_file())
        return sum(path.stat().st_size for path in files)

    def path(self, name: str) -> Path:
        """Where an upload of a name lies, always inside of the folder."""
        path = self.inputs / safe_name(name)
        if not path.resolve().is_relative_to(self.inputs.resolve()):
            raise mistake('upload', 'is not a name of a file', value=name[:80])
        return path

    def start(self, what: str, request: dict[str, Any]) -> Any:
        """Begin some work in a process; gives where its answer arrives."""
        self.cancel()
        there, here = _CONTEXT.Pipe(duplex=False)
        arguments = (here, what, str(self.folder), request)
        self.job = _CONTEXT.Process(target=run, args=arguments, daemon=True)
        self.job.start()
        here.close()
        return there

    def cancel(self) -> bool:
        """End the work; whether there was any."""
        job, self.job = self.job, None
        if job is None or not job.is_alive():
            return False
        job.kill()
        job.join(5)
        return True


class Sessions:
    """All pages that are open; each may upload ``max_mb`` megabytes."""

    def __init__(self, max_mb: float = 2000.0) -> None:
        self.max_bytes = int(max_mb * MEGABYTE)
        self._root = tempfile.TemporaryDirectory(prefix=_PREFIX)
        self.root = Path(self._root.name)
        self._held = ExitStack()
        self._held.enter_context(locked(self.root / _LOCK, 'is in use', ''))
        _remove_abandoned(self.root.parent)
        self._open: dict[str, Session] = {}

    def open(self) -> Session:
        """A new page.

        Raises:
            ValueError: If too many are open.
        """
        self.sweep()
        if len(self._open) >= _MAX_SESSIONS:
            raise ValueError(
                f'{_MAX_SESSIONS} pages of this app are open; close one.'
            )
        token = secrets.token_urlsafe(24)
        session = Session(token, self.root / secrets.token_hex(8))
        session.inputs.mkdir(parents=True)
        session.outputs.mkdir()
        self._open[token] = session
        return session

    def get(self, token: str) -> Session | None:
        """The page of a token; None if it was closed."""
        session = self._open.get(token)
        if session is not None:
            session.touched = time.monotonic()
        return session

    def close(self, token: str) -> None:
        """End the work of a page and remove its files."""
        session = self._open.pop(token, None)
        if session is not None:
            session.cancel()
            shutil.rmtree(session.folder, ignore_errors=True)

    def sweep(self) -> None:
        """Close the pages that have gone without a word."""
        oldest = time.monotonic() - _SILENT_SEC
        silent = [t for t, s in self._open.items() if s.touched < oldest]
        for token in silent:
            self.close(token)

    def close_all(self) -> None:
        """Close every page and remove the temporary folder."""
        for token in [*self._open]:
            self.close(token)
        self._held.close()
        self._root.cleanup()


def _remove_abandoned(place: Path) -> None:
    """Remove what people uploaded to apps that were killed."""
    if os.name != 'posix':
        return
    for folder in place.glob(f'{_PREFIX}*'):
        with suppress(OSError, ValueError):  # somebody else's; in use
            about = folder.lstat()
            if (
                not stat.S_ISDIR(about.st_mode)
                or about.st_uid != os.geteuid()
                or abs(time.time() - about.st_mtime) < _FRESH_SEC
            ):
                continue
            with locked(folder / _LOCK, 'is in use', '') as alone:
                if alone:
                    shutil.rmtree(folder, ignore_errors=True)


def _context() -> Any:
    """How processes start: from one that has loaded PyTorch, if possible."""
    if os.name != 'posix':
        return multiprocessing.get_context('spawn')
    context = multiprocessing.get_context('forkserver')
    rooms = ('apis', 'checks', 'visualization', 'app.work')
    context.set_forkserver_preload([f'mobind_mm.{room}' for room in rooms])
    return context


_CONTEXT = _context()
