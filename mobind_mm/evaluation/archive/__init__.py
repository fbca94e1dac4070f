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
and every one below :data:`.lists.EXACT_BELOW` rows.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ...utils.arguments import check_count
from ...utils.errors import mistake
from ...utils.similarity import Vectors, check_finite
from ..embedding_table import Table
from .files import (
    BLOCK,
    FORMAT,
    VERSION,
    Match,
    Shard,
    changing,
    holds_anything,
    read_facts,
    remove_strays,
    write_facts,
    write_shard,
)
from .lists import damaged, has_faiss, make_lists, read_index

_SHARD_ROWS = 500_000
_CANDIDATES, _MOST_CANDIDATES = 400, 5000
"""Vectors compared exactly for each query, at least 20 times k."""
_PER_CANDIDATE = 3000
"""Vectors of an archive for each candidate: the more, the more are alike."""
_PROBES = 16


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
        self._open()

    def _open(self) -> None:
        self.facts = read_facts(self.path)
        self._shards = [
            Shard(self.path, self.facts, shard)
            for shard in self.facts['shards']
        ]
        self._edges = np.cumsum([0, *map(len, self._shards)])
        self._indices: dict[str, Any] = {}

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        """What ``archive.json`` says, which is written if nothing fails."""
        with changing(self.path):
            facts = read_facts(self.path)
            yield facts
            write_facts(self.path, facts)
        self._open()

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
        if path.exists() and (not path.is_dir() or holds_anything(path)):
            fix = 'Give another place, or remove what a killed build left'
            raise mistake(path, 'is not an empty directory', fix)
        facts = {'format': FORMAT, 'version': VERSION, 'modality': modality}
        facts.update(model=model, width=[], training=None, shards=[], lists=[])
        facts['checks'] = {}
        path.mkdir(parents=True, exist_ok=True)
        write_facts(path, facts)
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
            encode: Whether to :meth:`encode` them at once. Of many tables,
                do so once, after the last.

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
        with self._changing() as facts:
            if facts['width']:
                self._check_width(facts, width, 'new ones')
            facts['width'] = width
            remove_strays(self.path, facts)
            for first in range(0, len(rows), block):
                part = rows[first : first + block]
                name = f'{len(facts["shards"]):05d}-{secrets.token_hex(4)}'
                write_shard(self.path / name, table, part, modality, classes)
                facts['shards'].append({'name': name, 'rows': len(part)})
            if encode:
                make_lists(self.path, facts)
        return len(rows)

    def encode(self) -> None:
        """Write coarse codes of the vectors that have none, with faiss."""
        with self._changing() as facts:
            make_lists(self.path, facts)

    def train(self) -> None:
        """Make all coarse codes anew, for an archive that has grown.

        Raises:
            ImportError: If faiss is not installed.
        """
        if not has_faiss():
            raise ImportError(
                'Training an archive needs faiss: pip install '
                "'mobind_mm[faiss]'."
            )
        with self._changing() as facts:
            facts.update(training=None, lists=[], checks={})
            make_lists(self.path, facts)
        with changing(self.path):
            remove_strays(self.path, read_facts(self.path))

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
        check_count('k', k)
        if not len(self):
            raise ValueError(f'{self.path} holds no windows; add some.')
        self._check_width(self.facts, [*query.shape[1:]], 'queries')
        check_finite('query', query)
        asked = Vectors.of(query, mask)
        count = min(len(self) // _PER_CANDIDATE, _MOST_CANDIDATES)
        count = max(count, _CANDIDATES, 20 * k)
        chosen = self._candidates(asked.flat, count, probes)
        return [
            self._best(asked.rows(slice(i, i + 1)), rows, k)
            for i, rows in enumerate(chosen)
        ]

    def _check_width(
        self, facts: Mapping[str, Any], width: list[int], what: str
    ) -> None:
        known = facts['width']
        if width != known:
            raise ValueError(
                f'{self.path} holds embeddings of shape {tuple(known)}, the '
                f'{what} have {tuple(width)}; embed them with the model of '
                f'the archive ({facts["model"] or "unknown"}).'
            )

    @property
    def _coded(self) -> int:
        """Number of shards, the first ones, whose vectors have codes."""
        if not has_faiss():
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
                self._indices[name] = read_index(path, self.facts, total)
            index = self._indices[name]
            index.nprobe = probes
            score, row = index.search(queries, min(count, total))
            if row.size and row.max() >= total:
                raise damaged(path, 'names rows that are not there')
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
        for edge in range(first, last, BLOCK):
            parts.append(np.arange(edge, min(edge + BLOCK, last)))
        best: list[tuple[float, int]] = []
        for part in parts:
            scores = one.cosines(self._rows(part))[0]
            top = np.argsort(-scores, kind='stable')[:k]
            best += zip(scores[top].tolist(), part[top].tolist())
        best = sorted(best, key=lambda item: -item[0])[:k]
        matches = []
        for score, row in best:
            shard = int(np.searchsorted(self._edges, row, 'right')) - 1
            inside = row - int(self._edges[shard])
            matches.append(self._shards[shard].match(inside, score))
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
