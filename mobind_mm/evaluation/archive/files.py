"""Files of an archive: what it lists, and windows that were added together."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ...recordings.reading import open_file
from ...recordings.schema import read_field
from ...utils.errors import mistake
from ...utils.files import write_whole
from ...utils.locks import locked
from ...utils.similarity import Vectors
from ...utils.tensors import write_tensors
from ..embedding_table import Table

FORMAT, VERSION = 'mobind_mm/archive', 1
BLOCK = 100_000
"""Vectors that are read at once."""
_REBUILD = 'Build the archive again'
_ARRAYS = {
    'vectors': 'F16',
    'mask': 'BOOL',
    'take': 'I32',
    'window_start': 'F64',
    'action': 'I32',
}
"""Types of the arrays of a shard."""


@dataclass(frozen=True)
class Match:
    """A window that was found.

    Args:
        take: Name of its recording.
        start_s: Its start in seconds on the clock of the recording.
        similarity: Cosine to the query, the mean over shared limbs.
        action: Name of its action, None if unlabelled.
    """

    take: str
    start_s: float
    similarity: float
    action: str | None = None


@dataclass
class Shard:
    """Windows that were added together."""

    root: Path
    facts: Mapping[str, Any]
    about: Mapping[str, Any]

    def __len__(self) -> int:
        return self.about['rows']

    @property
    def path(self) -> Path:
        """Its file."""
        return self.root / f'{self.about["name"]}.safetensors'

    @cached_property
    def _file(self) -> Any:
        handle = open_file(self.path).handle
        width, names = self.facts['width'], set(handle.keys())
        for name, dtype in _ARRAYS.items():
            if name not in names:
                raise mistake(self.path, f'has no array {name!r}', _REBUILD)
            array = handle.get_slice(name)
            shape = tuple(array.get_shape())
            wanted: tuple[int, ...] = (len(self),)
            if name == 'vectors':
                wanted = (len(self), int(np.prod(width)))
            elif name == 'mask':
                limbs = width[0] if len(width) == 2 else (*shape, 0, 0)[1]
                wanted = (len(self), limbs)
            if shape != wanted or array.get_dtype() != dtype:
                raise mistake(
                    self.path,
                    f'holds {name} of {array.get_dtype()} and shape {shape}, '
                    f'but archive.json makes it {dtype} of {wanted}',
                    _REBUILD,
                )
        return handle

    @cached_property
    def _names(self) -> dict[str, Any]:
        try:
            text = (self._file.metadata() or {}).get('header', '')
            header = json.loads(text)
        except (ValueError, RecursionError):
            header = None
        if not isinstance(header, dict):
            raise mistake(self.path, 'has no header of a shard', _REBUILD)
        for key in ('takes', 'classes'):
            read_field(header, key, 'a list of texts', self.path)
        return header

    @cached_property
    def _columns(self) -> dict[str, np.ndarray]:
        names = ('take', 'window_start', 'action')
        columns = {name: self._file.get_tensor(name) for name in names}
        takes, most = columns['take'], len(self._names['takes'])
        if takes.min() < 0 or takes.max() >= most:
            what = f'has a take that is none of its {most}'
            raise mistake(self.path, what, _REBUILD)
        return columns

    @cached_property
    def _place(self) -> tuple[int, tuple[int, ...]]:
        """First byte and shape of the vectors."""
        self._file.keys()  # opened: the file is whole
        with self.path.open('rb') as file:
            size = int.from_bytes(file.read(8), 'little')
            about = json.loads(file.read(size))['vectors']
        return 8 + size + about['data_offsets'][0], tuple(about['shape'])

    @cached_property
    def _mapped(self) -> np.ndarray:
        """(rows, width) float16, mapped: rows are read when they are asked."""
        return np.memmap(self.path, np.float16, 'r', *self._place)

    def vectors(self, part: slice | np.ndarray) -> np.ndarray:
        """(n, width) float32 unit vectors."""
        vectors = self._mapped[part].astype(np.float32)
        if not np.isfinite(vectors).all():
            what = 'has values that are not finite'
            raise mistake(self.path, what, _REBUILD)
        return vectors

    def blocks(self) -> Iterator[np.ndarray]:
        """All vectors, read one after the other and not mapped."""
        offset, (rows, width) = self._place
        with self.path.open('rb') as file:
            file.seek(offset)
            for start in range(0, rows, BLOCK):
                count = min(BLOCK, rows - start) * width
                values = np.fromfile(file, np.float16, count)
                yield values.reshape(-1, width).astype(np.float32)

    def masks(self, part: np.ndarray) -> np.ndarray:
        """(n, S) 1 where a limb is present."""
        return self._limbs[part].astype(np.float32)

    @cached_property
    def _limbs(self) -> np.ndarray:
        return self._file.get_tensor('mask')

    def match(self, row: int, score: float) -> Match:
        """A window, with its similarity to a query."""
        take = self._names['takes'][int(self._columns['take'][row])]
        action = int(self._columns['action'][row])
        classes = self._names['classes']
        return Match(
            take,
            float(self._columns['window_start'][row]),
            score,
            classes[action] if 0 <= action < len(classes) else None,
        )


def write_shard(
    path: Path,
    table: Table,
    rows: np.ndarray,
    modality: str,
    classes: Sequence[str],
) -> None:
    """Write some windows of a table to ``<path>.safetensors``."""
    mask = np.asarray(table[f'{modality}_mask'][rows], bool)
    vectors = Vectors.of(table[f'{modality}_embedding'][rows], mask)
    takes, numbers = np.unique(
        np.asarray(table['take'][rows], str), return_inverse=True
    )
    starts = [np.nan if t is None else t for t in table['window_start'][rows]]
    arrays = {
        'vectors': vectors.flat.astype(np.float16),
        'mask': mask,
        'take': numbers.astype(np.int32),
        'window_start': np.array(starts, np.float64),
        'action': np.asarray(table['action'][rows], np.int32),
    }
    header = {'takes': takes.tolist(), 'classes': [*classes]}
    file = path.with_name(f'{path.name}.safetensors')
    write_tensors(file, arrays, json.dumps(header))


def read_facts(path: Path) -> dict[str, Any]:
    """What ``archive.json`` says."""
    file = path / 'archive.json'
    if not file.is_file():
        raise mistake(
            path,
            'is not an archive',
            'Make one with mobind index build',
            kind=FileNotFoundError,
        )
    try:
        facts = json.loads(file.read_text(encoding='utf-8'))
    except (ValueError, RecursionError):
        facts = None
    if not isinstance(facts, dict) or facts.get('format') != FORMAT:
        raise mistake(file, 'is not the list of an archive', 'Build it again')
    if facts.get('version') != VERSION:
        raise mistake(
            f'{file}: version',
            f'is not {VERSION}, the one that is read',
            _REBUILD,
            value=facts.get('version'),
        )
    for key in ('modality', 'model'):
        read_field(facts, key, 'text', file)
    for key in ('width', 'shards', 'lists'):
        read_field(facts, key, 'a list', file)
    facts.setdefault('checks', {})
    read_field(facts, 'checks', 'a mapping', file)
    for key, count in (('shards', 'rows'), ('lists', 'shards')):
        for part in facts[key]:
            read_field({key: part}, key, 'a mapping', file)
            name = read_field(part, 'name', 'text', file)
            number = read_field(part, count, 'a number above 0', file)
            if (
                Path(name).name != name
                or type(number) is not int
                or not 0 < number < 1 << 40
            ):
                raise mistake(file, 'is damaged', _REBUILD)
    width, training = facts['width'], facts.setdefault('training', None)
    if (
        not all(isinstance(w, int) and 0 < w < 1e6 for w in width)
        or (facts['shards'] and len(width) not in (1, 2))
        or not isinstance(training, (str, type(None)))
        or (training and Path(training).name != training)
        or sum(x['shards'] for x in facts['lists']) > len(facts['shards'])
    ):
        raise mistake(file, 'is damaged', _REBUILD)
    return facts


def write_facts(path: Path, facts: Mapping[str, Any]) -> None:
    """Write ``archive.json``, by which files begin to exist."""
    write_whole(
        path / 'archive.json', json.dumps(facts, indent=1), durable=True
    )


def holds_anything(path: Path) -> bool:
    """Whether a directory has more than what a killed creation leaves."""
    left = re.compile(r'\.archive\.json\..*\.tmp')
    return any(not left.fullmatch(entry.name) for entry in path.iterdir())


def remove_strays(path: Path, facts: Mapping[str, Any]) -> None:
    """Files of an addition that was killed, and of an older training."""
    kept = {f'{shard["name"]}.safetensors' for shard in facts['shards']}
    kept |= {f'{lists["name"]}.faiss' for lists in facts['lists']}
    kept.add(f'{facts["training"]}.faiss')
    for file in [*path.glob('*.safetensors'), *path.glob('*.faiss')]:
        if file.name not in kept:
            with suppress(OSError):
                file.unlink()


def changing(path: Path) -> AbstractContextManager[bool]:
    """Keep other processes of this machine from changing the archive."""
    return locked(
        path / '.lock',
        'is being changed by another process',
        'Wait until it has ended',
    )
