"""Files of a folder, or of a zip archive that is read without unpacking it.

Apps share a recording as a zip. A file in it has the path of the archive,
with its name in the archive below, such as ``take.zip/Gyroscope.csv``. It is
read in memory, within bounds; nothing is written.
"""

from __future__ import annotations

import io
import re
import zipfile
from functools import lru_cache
from itertools import islice
from os import stat_result
from pathlib import Path
from typing import BinaryIO

from ..utils.errors import mistake
from ..utils.files import is_special, leads_back

_MOST_FILES = 500
"""Files of a folder that are looked at; an export has a dozen."""
_DEEPEST = 4
_MOST_MEMBERS = 20_000
"""Files of an archive that is looked at: 11 minutes with a file a frame."""
_HIDDEN = re.compile(r'[.]|__MACOSX')
_END_BYTES = 22 + 65_535
"""Most bytes of the end of an archive, with its comment."""
_MOST_BYTES = 1 << 28
"""Of a file in an archive: ten hours of a phone at 100 Hz."""


def is_folder(path: Path) -> bool:
    """Whether a path is a folder, an archive, or a folder in one."""
    if path.is_dir() or _is_archive(path):
        return True
    archive = _archive_of(path)
    return archive is not None and path in _lookup(*_state(archive))[1]


def is_file(path: Path) -> bool:
    """Whether a path is a file, or one in an archive."""
    archive = _archive_of(path)
    if archive is None:
        return path.is_file()
    return path in _lookup(*_state(archive))[0]


def stat(path: Path) -> stat_result:
    """Facts of a file, or of the archive that holds it.

    Raises:
        OSError: If it does not exist.
    """
    return (_archive_of(path) or path).stat()


def open_file(path: Path, most: int | None = None) -> BinaryIO:
    """Open a file, or one in an archive, to read at most so many bytes.

    Raises:
        OSError: If it cannot be opened.
        ValueError: If it is damaged or too large.
    """
    archive = _archive_of(path)
    if archive is None:
        return path.open('rb')
    try:
        opened = _opened(*_state(archive))
        member = opened.getinfo(path.relative_to(archive).as_posix())
        if member.compress_type not in (0, zipfile.ZIP_DEFLATED):
            # Python unpacks gigabytes at once, whatever is asked for.
            what = 'is compressed by another method than Deflate'
            raise mistake(path, what, 'Unpack it and give the folder')
        if most is None and member.file_size > _MOST_BYTES:
            raise mistake(
                path,
                f'is larger than {_MOST_BYTES} bytes',
                'Unpack the archive and give the folder',
            )
        with opened.open(member) as file:
            return io.BytesIO(file.read(most or _MOST_BYTES))
    except Exception as error:  # zipfile and zlib raise many kinds
        if type(error) is ValueError or getattr(error, 'filename', None):
            raise  # ours; or the archive cannot be opened
        reason = ' '.join(str(error).split())[:200]
        raise mistake(
            path,
            f'cannot be read from its archive ({reason})',
            'Export it again, without a password',
        ) from None


def files_in(folder: Path, *suffixes: str) -> list[Path]:
    """Files of a folder or archive by name, without links and hidden files."""
    if _is_archive(folder):
        members = _members(folder)[:_MOST_FILES]
        inside = [p for p in members if p.parent == folder]
    else:
        inside = [
            p for p in _entries(folder) if p.is_file() and not p.is_symlink()
        ]
    return [
        path
        for path in inside
        if path.suffix.lower() in suffixes and path.name[0] != '.'
    ]


def files_of(path: Path, *suffixes: str, several: bool = False) -> list[Path]:
    """Files of a folder, or of the only folder in it, or those beside a file.

    Archives often unpack into a folder of their own. With ``several``, the
    files of several folders in it count together.
    """
    folder = path if is_folder(path) else path.parent
    files = files_in(folder, *suffixes)
    if folder != path:
        return files if path in files else [*files, path]
    if files:
        return files
    if _is_archive(path):
        members = _members(path)[:_MOST_FILES]
        members = tuple(p for p in members if p.suffix.lower() in suffixes)
        folders = {p.parent for p in members if p.parent.parent == path}
        folders = {p for p in folders if p.name[0] not in '._'}
        if several or len(folders) == 1:
            chosen = [p for p in members if p.parent in folders]
            return [p for p in chosen if p.name[0] != '.']
        return []
    inside = [p for p in _entries(path) if p.is_dir() and not p.is_symlink()]
    inside = [p for p in inside if p.name[0] not in '._']
    if not several and len(inside) != 1:
        return []
    return [file for place in inside for file in files_in(place, *suffixes)]


def only_folder(path: Path) -> Path:
    """The folder that is all that a folder or archive holds, however deep."""
    for _ in range(_DEEPEST):
        inside = listing(path, _MOST_FILES) if is_folder(path) else []
        if len(inside) != 1 or not is_folder(inside[0]):
            break
        path = inside[0]
    return path


def listing(folder: Path, most: int | None = None) -> list[Path]:
    """Paths in a folder, an archive, or a folder in one, in order.

    Hidden ones, pipes, devices and links that lead back are left out; at most
    ``most`` are looked at, in any order.
    """
    archive = folder if _is_archive(folder) else _archive_of(folder)
    if archive is not None:
        return [*_inside(folder, *_state(archive))]
    try:
        inside = sorted(islice(folder.iterdir(), most))
    except OSError:
        return []
    return [
        path
        for path in inside
        if not (_HIDDEN.match(path.name) or is_special(path))
        and not leads_back(path)
    ]


@lru_cache(maxsize=64)
def _inside(
    folder: Path, archive: Path, changed: int, size: int
) -> tuple[Path, ...]:
    """What :func:`listing` gives of an archive, or of a folder in one."""
    depth = len(folder.parts)
    members = _listed(archive, changed, size)
    names = {
        path.parts[depth]
        for path in members
        if folder == archive or folder in path.parents
    }
    return tuple(folder / n for n in sorted(names) if not _HIDDEN.match(n))


def _entries(path: Path) -> list[Path]:
    try:
        return sorted(path.iterdir())[:_MOST_FILES]
    except OSError:
        return []


def _is_archive(path: Path) -> bool:
    return path.suffix.lower() == '.zip' and path.is_file()


def _archive_of(path: Path) -> Path | None:
    """The archive that a path leads into."""
    for parent in path.parents:
        if _is_archive(parent):
            return parent
    return None


def _members(archive: Path) -> tuple[Path, ...]:
    """Paths of the files of an archive, none if it is damaged."""
    return _listed(*_state(archive))


def _state(archive: Path) -> tuple[Path, int, int]:
    """An archive, and by what its changes are noticed."""
    try:
        facts = archive.stat()
    except OSError:
        return archive, 0, -1
    return archive, facts.st_mtime_ns, facts.st_size


@lru_cache(maxsize=8)
def _lookup(
    archive: Path, changed: int, size: int
) -> tuple[frozenset[Path], frozenset[Path]]:
    """Files and folders of an archive, to look for one."""
    members = _listed(archive, changed, size)
    folders = {parent for path in members for parent in path.parents}
    return frozenset(members), frozenset(folders)


@lru_cache(maxsize=2)
def _opened(archive: Path, changed: int, size: int) -> zipfile.ZipFile:
    """An archive that stays open: to list it takes longer than to read."""
    return zipfile.ZipFile(archive)


def _count(archive: Path, size: int) -> int:
    """Files of an archive, as its end says; listing many takes minutes."""
    with archive.open('rb') as file:
        file.seek(max(size - _END_BYTES, 0))
        end = file.read()
    at = end.rfind(b'PK\5\6')
    return int.from_bytes(end[at + 10 : at + 12], 'little') if at >= 0 else 0


@lru_cache(maxsize=8)
def _listed(archive: Path, changed: int, size: int) -> tuple[Path, ...]:
    try:
        if _count(archive, size) > _MOST_MEMBERS:
            return ()
        with zipfile.ZipFile(archive) as opened:
            names = [m.filename for m in opened.infolist() if not m.is_dir()]
    except Exception:  # zipfile raises many kinds for damaged archives
        return ()
    fine = [
        name
        for name in names
        if name
        and '..' not in name
        and name[0] not in '/\\'
        and not name.startswith('__MACOSX/')
    ]
    return tuple(sorted(archive / name for name in fine))
