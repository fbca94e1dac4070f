"""An archive of embeddings on disk that is searched without reading it.

A directory::

    archive.json               what it holds: rows and files of the shards
    <shard>.safetensors        unit vectors (float16), masks, names, times
    <lists>.faiss              inverted lists of coarse codes of some shards
    <training>.faiss           the coarse codes, trained once

Files are written under a temporary name and never changed; what
``archive.json`` does not name does not exist. So a killed process leaves the
archive as it was, and adding to it needs no more memory than what is added.

A query scans the codes (32 bytes per vector of 128 numbers) of the nearest
lists, and compares the best candidates exactly, by vectors mapped from disk.
Vectors without a code are all compared: those that were added without faiss,
and every one below :data:`EXACT_BELOW` rows.
"""

from __future__ import annotations

import json
import re
import secrets
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from ..recordings.reading import open_file
from ..recordings.schema import read_field
from ..utils.errors import mistake
from ..utils.files import replacing, write_whole
from ..utils.similarity import Vectors, check_finite
from .embedding_table import Table

FORMAT, VERSION = 'mobind_mm/archive', 1
EXACT_BELOW = 50_000
"""Rows up to which everything is compared."""
_SHARD_ROWS = 500_000
_MOST_LISTS = 1024
"""More lists take longer to fill than their shorter scan saves."""
_PER_LIST = 64
"""Vectors per list from which the lists are trained."""
_CANDIDATES, _MOST_CANDIDATES = 400, 5000
"""Vectors compared exactly for each query, at least 20 times k."""
_PER_CANDIDATE = 3000
"""Vectors of an archive for each candidate: the more, the more are alike."""
_PROBES = 16
_BLOCK = 100_000
_ROWS_OF_LISTS = 16_000_000
"""Vectors whose codes stand in one file, and in memory while it is made."""


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


class EmbeddingArchive:
    """Windows of one modality, to search by embeddings of the other.

    Args:
        path: Directory of the archive.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is damaged or of another version.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.facts = _read_facts(self.path)
        self._shards = [
            _Shard(self.path, self.facts, shard)
            for shard in self.facts['shards']
        ]
        self._edges = np.cumsum([0, *map(len, self._shards)])
        self._indices: dict[str, Any] = {}

    @classmethod
    def create(
        cls, path: str | Path, modality: str, model: str = ''
    ) -> EmbeddingArchive:
        """Make an empty archive.

        Args:
            path: Directory that does not exist, or is empty.
            modality: ``imu`` or ``pose``, which its windows show.
            model: Name of the model that embeds them.

        Raises:
            ValueError: If there is something, or the modality is unknown.
        """
        path = Path(path)
        if modality not in ('imu', 'pose'):
            raise ValueError(
                f"modality must be 'imu' or 'pose', got {modality!r}."
            )
        if path.exists() and (not path.is_dir() or _holds_anything(path)):
            raise mistake(
                path, 'is not an empty directory', 'Give another place'
            )
        facts = {'format': FORMAT, 'version': VERSION, 'modality': modality}
        facts.update(model=model, width=[], training=None, shards=[], lists=[])
        facts['checks'] = {}
        path.mkdir(parents=True, exist_ok=True)
        _write_facts(path, facts)
        return cls(path)

    def __len__(self) -> int:
        """Number of windows."""
        return sum(shard['rows'] for shard in self.facts['shards'])

    def add(
        self,
        table: Table,
        classes: Sequence[str] = (),
        block: int = _SHARD_ROWS,
        encode: bool = True,
    ) -> int:
        """Add the windows of a table of embeddings; all of them or none.

        Windows that do not show the modality are left out.

        Args:
            table: See :mod:`.embedding_table`.
            classes: Names of the actions.
            block: Rows of a shard.
            encode: Whether to :meth:`encode` them at once. Who adds many
                tables does so once, after the last.

        Returns:
            Number of windows that were added.

        Raises:
            ValueError: If they are of another width, or not finite.
        """
        modality = self.facts['modality']
        x, mask = table[f'{modality}_embedding'], table[f'{modality}_mask']
        rows = np.flatnonzero(np.any(mask, axis=1))
        check_finite(f'{modality}_embedding', x[rows])
        width = [*x.shape[1:]]
        with _locked(self.path):
            facts = _read_facts(self.path)
            if facts['width'] and facts['width'] != width:
                raise ValueError(
                    f'{self.path} holds embeddings of shape '
                    f'{tuple(facts["width"])}, the new ones have '
                    f'{tuple(width)}; embed them with the model of the '
                    f'archive ({facts["model"] or "unknown"}).'
                )
            facts['width'] = width
            _remove_strays(self.path, facts)
            for first in range(0, len(rows), block):
                part = rows[first : first + block]
                name = f'{len(facts["shards"]):05d}-{secrets.token_hex(4)}'
                _write_shard(self.path / name, table, part, modality, classes)
                facts['shards'].append({'name': name, 'rows': len(part)})
            if encode:
                _encode(self.path, facts)
            _write_facts(self.path, facts)
        self.__init__(self.path)  # type: ignore[misc]
        return len(rows)

    def encode(self) -> None:
        """Write coarse codes of the vectors that have none, with faiss."""
        with _locked(self.path):
            facts = _read_facts(self.path)
            _encode(self.path, facts)
            _write_facts(self.path, facts)
        self.__init__(self.path)  # type: ignore[misc]

    def train(self) -> None:
        """Make all coarse codes anew, for an archive that has grown.

        Raises:
            ImportError: If faiss is not installed.
        """
        if not _has_faiss():
            raise ImportError(
                'Training an archive needs faiss: pip install '
                "'mobind_mm[faiss]'."
            )
        with _locked(self.path):
            facts = _read_facts(self.path)
            facts.update(training=None, lists=[], checks={})
            _encode(self.path, facts)
            _write_facts(self.path, facts)
            _remove_strays(self.path, facts)
        self.__init__(self.path)  # type: ignore[misc]

    def search(
        self,
        query: np.ndarray,
        k: int = 10,
        mask: np.ndarray | None = None,
        probes: int = _PROBES,
    ) -> list[list[Match]]:
        """The most similar windows, best first.

        Args:
            query: (M, D) embeddings of the other modality, or (M, S, D) of
                a per-limb model.
            k: Windows per query.
            mask: (M, S) boolean, limbs present in per-limb embeddings.
            probes: Lists that are scanned; more find more.

        Returns:
            For each query, up to ``k`` matches.

        Raises:
            ValueError: If the archive is empty, or the widths differ.
        """
        if k < 1:
            raise ValueError(f'k must be at least 1, got {k}.')
        if not len(self):
            raise ValueError(f'{self.path} holds no windows; add some.')
        if [*query.shape[1:]] != self.facts['width']:
            raise ValueError(
                f'{self.path} holds embeddings of shape '
                f'{tuple(self.facts["width"])}, the queries have '
                f'{tuple(query.shape[1:])}; embed them with the model of '
                f'the archive ({self.facts["model"] or "unknown"}).'
            )
        check_finite('query', query)
        asked = Vectors.of(query, mask)
        count = min(len(self) // _PER_CANDIDATE, _MOST_CANDIDATES)
        count = max(count, _CANDIDATES, 20 * k)
        chosen = self._candidates(asked.flat, count, probes)
        return [
            self._best(asked.rows(slice(i, i + 1)), rows, k)
            for i, rows in enumerate(chosen)
        ]

    @property
    def _coded(self) -> int:
        """Number of shards, the first ones, whose vectors have codes."""
        if not _has_faiss():
            return 0
        return sum(lists['shards'] for lists in self.facts['lists'])

    def _candidates(
        self, asked: np.ndarray, count: int, probes: int
    ) -> list[np.ndarray]:
        """Rows of coded vectors that may be among the best of each query."""
        if not self._coded:
            return [np.zeros(0, int)] * len(asked)
        queries = np.ascontiguousarray(asked, np.float32)
        scores, rows, shard = [], [], 0
        for lists in self.facts['lists']:
            name, next_shard = lists['name'], shard + lists['shards']
            path = self.path / f'{name}.faiss'
            total = int(self._edges[next_shard] - self._edges[shard])
            if name not in self._indices:
                self._indices[name] = _read_index(path, self.facts, total)
            index = self._indices[name]
            index.nprobe = probes
            score, row = index.search(queries, min(count, total))
            if row.size and row.max() >= total:
                raise _damaged(path, 'names rows that are not there')
            scores.append(np.where(row < 0, -np.inf, score))
            rows.append(np.where(row < 0, -1, row + self._edges[shard]))
            shard = next_shard
        score, row = np.concatenate(scores, 1), np.concatenate(rows, 1)
        best = np.argsort(-score, axis=1)[:, :count]
        row = np.take_along_axis(row, best, axis=1)
        return [np.sort(some[some >= 0]) for some in row]

    def _best(self, one: Vectors, rows: np.ndarray, k: int) -> list[Match]:
        """The best of some rows and of all that have no codes."""
        parts = [rows] if len(rows) else []
        first, last = self._edges[self._coded], self._edges[-1]
        for edge in range(first, last, _BLOCK):
            parts.append(np.arange(edge, min(edge + _BLOCK, last)))
        best: list[tuple[float, int]] = []
        for part in parts:
            scores = one.cosines(self._rows(part))[0]
            top = np.argsort(-scores, kind='stable')[:k]
            best += zip(scores[top].tolist(), part[top].tolist())
        best = sorted(best, key=lambda item: -item[0])[:k]
        matches = []
        for score, row in best:
            shard = int(np.searchsorted(self._edges, row, 'right')) - 1
            own = row - int(self._edges[shard])
            matches.append(self._shards[shard].match(own, score))
        return matches

    def _rows(self, rows: np.ndarray) -> Vectors:
        """Vectors of some rows, in increasing order, as float32."""
        cuts = np.searchsorted(rows, self._edges)
        vectors, masks = [], []
        for shard, first, stop, edge in zip(
            self._shards, cuts, cuts[1:], self._edges
        ):
            if first < stop:
                part = rows[first:stop] - edge
                vectors.append(shard.vectors(part))
                masks.append(shard.masks(part))
        if len(self.facts['width']) == 1:
            return Vectors(np.concatenate(vectors), None)
        return Vectors(np.concatenate(vectors), np.concatenate(masks))


_REBUILD = 'Build the archive again'
_ARRAYS = {
    'vectors': 'F16',
    'mask': 'BOOL',
    'take': 'I32',
    'window_start': 'F64',
    'action': 'I32',
}
"""Types of the arrays of a shard."""


@dataclass
class _Shard:
    """Windows that were added together."""

    root: Path
    facts: Mapping[str, Any]
    about: Mapping[str, Any]

    def __len__(self) -> int:
        return self.about['rows']

    @cached_property
    def _file(self) -> Any:
        path = self.root / f'{self.about["name"]}.safetensors'
        handle = open_file(path).handle
        width, names = self.facts['width'], set(handle.keys())
        for name, dtype in _ARRAYS.items():
            if name not in names:
                raise mistake(path, f'has no array {name!r}', _REBUILD)
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
                    path,
                    f'holds {name} of {array.get_dtype()} and shape {shape}, '
                    f'but archive.json makes it {dtype} of {wanted}',
                    _REBUILD,
                )
        return handle

    @cached_property
    def _names(self) -> dict[str, Any]:
        path = self.root / f'{self.about["name"]}.safetensors'
        try:
            text = (self._file.metadata() or {}).get('header', '')
            header = json.loads(text)
        except (ValueError, RecursionError):
            header = None
        if not isinstance(header, dict):
            raise mistake(path, 'has no header of a shard', _REBUILD)
        for key in ('takes', 'classes'):
            read_field(header, key, 'a list of texts', path)
        return header

    @cached_property
    def _columns(self) -> dict[str, np.ndarray]:
        names = ('take', 'window_start', 'action')
        columns = {name: self._file.get_tensor(name) for name in names}
        takes, most = columns['take'], len(self._names['takes'])
        if takes.min() < 0 or takes.max() >= most:
            path = self.root / f'{self.about["name"]}.safetensors'
            what = f'has a take that is none of its {most}'
            raise mistake(path, what, _REBUILD)
        return columns

    @cached_property
    def _place(self) -> tuple[Path, int, tuple[int, ...]]:
        """File, first byte and shape of the vectors."""
        path = self.root / f'{self.about["name"]}.safetensors'
        assert len(self._file.keys())  # the file is whole
        with path.open('rb') as file:
            size = int.from_bytes(file.read(8), 'little')
            about = json.loads(file.read(size))['vectors']
        return path, 8 + size + about['data_offsets'][0], tuple(about['shape'])

    @cached_property
    def _mapped(self) -> np.ndarray:
        """(rows, width) float16, mapped: rows are read when they are asked."""
        path, offset, shape = self._place
        return np.memmap(path, np.float16, 'r', offset, shape)

    def vectors(self, part: slice | np.ndarray) -> np.ndarray:
        """(n, width) float32 unit vectors."""
        vectors = self._mapped[part].astype(np.float32)
        if not np.isfinite(vectors).all():
            path = self.root / f'{self.about["name"]}.safetensors'
            raise mistake(path, 'has values that are not finite', _REBUILD)
        return vectors

    def blocks(self) -> Iterator[np.ndarray]:
        """All vectors, read one after the other and not mapped."""
        path, offset, (rows, width) = self._place
        with path.open('rb') as file:
            file.seek(offset)
            for start in range(0, rows, _BLOCK):
                count = min(_BLOCK, rows - start) * width
                values = np.fromfile(file, np.float16, count)
                yield values.reshape(-1, width).astype(np.float32)

    def masks(self, part: np.ndarray) -> np.ndarray:
        """(n, S) 1 where a limb is present."""
        return self._limbs[part].astype(np.float32)

    @cached_property
    def _limbs(self) -> np.ndarray:
        return self._file.get_tensor('mask')

    def match(self, row: int, score: float) -> Match:
        take = self._names['takes'][int(self._columns['take'][row])]
        action = int(self._columns['action'][row])
        classes = self._names['classes']
        return Match(
            take,
            float(self._columns['window_start'][row]),
            score,
            classes[action] if 0 <= action < len(classes) else None,
        )


def _write_shard(
    path: Path,
    table: Table,
    rows: np.ndarray,
    modality: str,
    classes: Sequence[str],
) -> None:
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
    with replacing(path.with_name(f'{path.name}.safetensors')) as temporary:
        save_file(arrays, temporary, {'header': json.dumps(header)})


def _encode(path: Path, facts: dict[str, Any]) -> None:
    """Write lists of the shards that are in none, a file for many shards."""
    shards = [_Shard(path, facts, about) for about in facts['shards']]
    total = sum(len(shard) for shard in shards)
    if not _has_faiss() or total < EXACT_BELOW:
        return

    if facts['training'] is None:
        facts['training'] = f'{total}-{secrets.token_hex(4)}'
        index = _trained(shards, total)
        file = path / f'{facts["training"]}.faiss'
        _write_index(index, file, facts)
    first = sum(lists['shards'] for lists in facts['lists'])
    while first < len(shards):
        index = _read_index(path / f'{facts["training"]}.faiss', facts, 0)
        name, count = f'{first:05d}-{secrets.token_hex(4)}', 0
        for shard in shards[first:]:
            if count and index.ntotal + len(shard) > _ROWS_OF_LISTS:
                break
            for vectors in shard.blocks():
                index.add(vectors)
            count += 1
        _write_index(index, path / f'{name}.faiss', facts)
        facts['lists'].append({'name': name, 'shards': count})
        first += count


def _trained(shards: Sequence[_Shard], total: int) -> Any:
    """An empty index of lists, trained on a sample of the vectors."""
    import faiss

    lists = 2 ** int(np.log2(4 * total**0.5))
    lists = min(lists, _MOST_LISTS)
    share = min(1.0, lists * _PER_LIST / total)
    rng = np.random.default_rng(0)
    parts = []
    for shard in shards:
        for vectors in shard.blocks():
            size = max(1, int(share * len(vectors)))
            rows = rng.choice(len(vectors), size, replace=False)
            parts.append(vectors[rows])
    sample = np.concatenate(parts)
    width = sample.shape[1]
    index = faiss.index_factory(
        width,
        f'IVF{lists},PQ{max(width // 2, 1)}x4fsr',
        faiss.METRIC_INNER_PRODUCT,
    )
    index.train(sample)
    return index


def _write_index(index: Any, path: Path, facts: dict[str, Any]) -> None:
    """Write an index, and its checksum into the list of the archive."""
    import faiss

    with replacing(path) as temporary:
        faiss.write_index(index, str(temporary))
        facts['checks'][path.name] = _checksum(temporary)


def _read_index(path: Path, facts: Mapping[str, Any], total: int) -> Any:
    """An index of ``total`` vectors of the archive's width.

    A flipped bit of a code would only make the search miss more, which
    nobody would see, and one of a size may ask for any memory.
    """
    import faiss

    if not path.is_file():
        raise mistake(
            path,
            'does not exist',
            'Run mobind index train on the archive',
            kind=FileNotFoundError,
        )
    if path.name not in facts['checks']:
        raise _damaged(path, 'is of an earlier version, without a checksum')
    if _checksum(path) != facts['checks'][path.name]:
        raise _damaged(path, 'is damaged')
    try:
        index = faiss.read_index(str(path))
    except Exception:  # RuntimeError, MemoryError, AssertionError
        raise _damaged(path, 'is damaged') from None
    shape = total, int(np.prod(facts['width']))
    if not isinstance(index, faiss.IndexIVF):
        raise _damaged(path, 'is no index of lists')
    if (index.ntotal, index.d) != shape:
        what = f'holds {index.ntotal} vectors of {index.d} numbers, not '
        raise _damaged(path, f'{what}{total} of {shape[1]}')
    return index


def _damaged(path: Path, what: str) -> Exception:
    return mistake(path, what, 'Delete it and run mobind index train')


def _checksum(path: Path) -> int:
    value = 0
    with path.open('rb') as file:
        while data := file.read(1 << 22):
            value = zlib.crc32(data, value)
    return value


def _has_faiss() -> bool:
    return find_spec('faiss') is not None


def _read_facts(path: Path) -> dict[str, Any]:
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
            'Build the archive again',
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
                or number < 1
            ):
                raise mistake(file, 'is damaged', 'Build the archive again')
    width, training = facts['width'], facts.setdefault('training', None)
    if (
        not all(isinstance(w, int) and 0 < w < 1e6 for w in width)
        or (facts['shards'] and len(width) not in (1, 2))
        or not isinstance(training, (str, type(None)))
        or (training and Path(training).name != training)
        or sum(x['shards'] for x in facts['lists']) > len(facts['shards'])
    ):
        raise mistake(file, 'is damaged', 'Build the archive again')
    return facts


def _write_facts(path: Path, facts: Mapping[str, Any]) -> None:
    write_whole(
        path / 'archive.json', json.dumps(facts, indent=1), durable=True
    )


def _holds_anything(path: Path) -> bool:
    """Whether a directory has more than what a killed creation leaves."""
    left = re.compile(r'\.archive\.json\..*\.tmp')
    return any(not left.fullmatch(entry.name) for entry in path.iterdir())


def _remove_strays(path: Path, facts: Mapping[str, Any]) -> None:
    """Files of an addition that was killed, and of an older training."""
    kept = {f'{shard["name"]}.safetensors' for shard in facts['shards']}
    kept |= {f'{lists["name"]}.faiss' for lists in facts['lists']}
    kept.add(f'{facts["training"]}.faiss')
    for file in [*path.glob('*.safetensors'), *path.glob('*.faiss')]:
        if file.name not in kept:
            with suppress(OSError):
                file.unlink()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes of this machine from changing the archive."""
    try:
        import fcntl
    except ImportError:  # Windows: opening the file is all there is
        yield
        return
    with (path / '.lock').open('w') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise mistake(
                path,
                'is being changed by another process',
                'Wait until it has ended',
            ) from None
        yield
