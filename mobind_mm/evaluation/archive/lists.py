"""Inverted lists of coarse codes, which faiss makes and searches."""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ...utils.errors import mistake
from ...utils.files import replacing
from .files import Shard

EXACT_BELOW = 50_000
"""Rows up to which everything is compared."""
_MOST_LISTS = 1024
"""More lists take longer to fill than their shorter scan saves."""
_PER_LIST = 64
"""Vectors per list from which the lists are trained."""
_ROWS_OF_LISTS = 16_000_000
"""Vectors whose codes are in one file, and in memory while it is made."""


def make_lists(path: Path, facts: dict[str, Any]) -> None:
    """Write lists of the shards that are in none, a file for many shards."""
    shards = [Shard(path, facts, about) for about in facts['shards']]
    total = sum(len(shard) for shard in shards)
    if not has_faiss() or total < EXACT_BELOW:
        return
    if facts['training'] is None:
        facts['training'] = f'{total}-{secrets.token_hex(4)}'
        index = _trained(shards, total)
        file = path / f'{facts["training"]}.faiss'
        write_index(index, file, facts)
    first = sum(lists['shards'] for lists in facts['lists'])
    while first < len(shards):
        index = read_index(path / f'{facts["training"]}.faiss', facts, 0)
        name, count = f'{first:05d}-{secrets.token_hex(4)}', 0
        for shard in shards[first:]:
            if count and index.ntotal + len(shard) > _ROWS_OF_LISTS:
                break
            for vectors in shard.blocks():
                index.add(vectors)
            count += 1
        write_index(index, path / f'{name}.faiss', facts)
        facts['lists'].append({'name': name, 'shards': count})
        first += count


def _trained(shards: Sequence[Shard], total: int) -> Any:
    """An empty index of lists, trained on a sample of the vectors."""
    import faiss

    lists = min(2 ** int(np.log2(4 * total**0.5)), _MOST_LISTS)
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


def write_index(index: Any, path: Path, facts: dict[str, Any]) -> None:
    """Write an index, and its checksum into the list of the archive."""
    import faiss

    with replacing(path) as temporary:
        faiss.write_index(index, str(temporary))
        facts['checks'][path.name] = _checksum(temporary)


def read_index(path: Path, facts: Mapping[str, Any], total: int) -> Any:
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
        raise damaged(path, 'is of an earlier version, without a checksum')
    if _checksum(path) != facts['checks'][path.name]:
        raise damaged(path, 'is damaged')
    try:
        index = faiss.read_index(str(path))
    except (RuntimeError, AssertionError):
        raise damaged(path, 'is damaged') from None
    shape = total, int(np.prod(facts['width']))
    if not isinstance(index, faiss.IndexIVF):
        raise damaged(path, 'is not an index of lists')
    if (index.ntotal, index.d) != shape:
        what = f'holds {index.ntotal} vectors of {index.d} numbers, not '
        raise damaged(path, f'{what}{total} of {shape[1]}')
    return index


def damaged(path: Path, what: str) -> Exception:
    """The error of a file of lists, and how to make it anew."""
    return mistake(path, what, 'Delete it and run mobind index train')


def _checksum(path: Path) -> int:
    value = 0
    with path.open('rb') as file:
        while data := file.read(1 << 22):
            value = zlib.crc32(data, value)
    return value


def has_faiss() -> bool:
    """Whether lists can be made and searched here."""
    return find_spec('faiss') is not None
