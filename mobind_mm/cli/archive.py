"""``mobind index``: archives of windows on disk."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..utils.results import write_json
from .arguments import (
    add_input_arguments,
    add_model_arguments,
    add_placement_argument,
    add_pose_arguments,
    between,
    file_source,
    flags,
    imu_source,
    make_inferencer,
    pose_source,
)

if TYPE_CHECKING:
    from ..evaluation.archive.files import Match

_STEP_SEC = 0.2
_REACH_SEC = 1.0


def _source_arguments(parser: ArgumentParser) -> None:
    flag = flags(parser)
    flag('archive DIR', 'the archive')
    flag(
        'sources PATH',
        'data set directories, recordings, or embeddings (--dump-embeddings '
        'of mobind test)',
        nargs='*',
    )
    flag(
        '--stride-sec SEC',
        'seconds between windows of recordings',
        type=between(0.01, 86_400),
        default=1.0,
    )
    flag('--mapping YAML', 'of tables')
    add_placement_argument(parser)
    add_pose_arguments(parser)
    add_model_arguments(parser)


def _build_arguments(parser: ArgumentParser) -> None:
    flags(parser)(
        '--modality',
        'what its windows show; default: pose, searched by sensors',
        choices=('imu', 'pose'),
        default='pose',
    )
    _source_arguments(parser)


def build(args: Namespace) -> None:
    """Make an archive of the windows of recordings or of embeddings."""
    from ..evaluation.archive import EmbeddingArchive

    tables = _tables(args, args.modality)
    first = next(tables)  # nothing is left of an archive that cannot be made
    model = '' if first[0] else args.checkpoint or 'the default model'
    archive = EmbeddingArchive.create(args.archive, args.modality, model)
    _add(archive, chain([first], tables), encode=False)
    archive.encode()


def add(args: Namespace) -> None:
    """Add the windows of recordings or of embeddings to an archive."""
    from ..evaluation.archive import EmbeddingArchive

    archive = EmbeddingArchive(args.archive)
    _add(archive, _tables(args, archive.facts['modality']))


def _train_arguments(parser: ArgumentParser) -> None:
    flags(parser)('archive DIR', 'the archive')


def train(args: Namespace) -> None:
    """Make the search of an archive that has grown quick again."""
    from ..evaluation.archive import EmbeddingArchive

    archive = EmbeddingArchive(args.archive)
    archive.train()
    print(f'{args.archive}: {len(archive):,} windows')


def _search_arguments(parser: ArgumentParser) -> None:
    flag = flags(parser)
    flag('archive DIR', 'the archive')
    add_input_arguments(parser)
    flag('-k K', 'windows per query', type=between(1, 10_000, int), default=5)
    flag(
        '--probes PROBES',
        'lists that are scanned; more find more',
        type=between(1, 1_000_000, int),
        default=16,
    )
    flag('--out-dir DIR', 'where search.json goes', default='search')


def search(args: Namespace) -> None:
    """Find the windows of an archive that are most like a recording."""
    from ..evaluation.archive import EmbeddingArchive

    archive = EmbeddingArchive(args.archive)
    modality = {'pose': 'imu', 'imu': 'pose'}[archive.facts['modality']]
    if getattr(args, modality) is None:
        raise ValueError(
            f'{args.archive} is searched by {modality}; give --{modality}.'
        )
    source: dict[str, Any] = {'imu': imu_source, 'pose': pose_source}
    (answer,) = make_inferencer(args).embed(
        {'query': {modality: source[modality](args)}}, stride_sec=_STEP_SEC
    )
    mask = answer[f'{modality}_mask']
    since = answer['window_start'] - answer['window_start'][0]
    number, late = np.divmod(since + 1e-6, answer['window_sec'])
    # Windows of the archive begin anywhere: a query stands for those that
    # begin up to a second later, too.
    rows = mask.any(axis=1) & (late < _REACH_SEC)
    if not rows.any():
        raise ValueError(
            f'{getattr(args, modality)}: no window shows a limb of the model.'
        )
    results = archive.search(
        answer[modality][rows], args.k, mask[rows], args.probes
    )
    answers = []
    for window in np.unique(number[rows]):
        at = np.flatnonzero(number[rows] == window)
        matches = _best(results[i] for i in at)[: args.k]
        start = float(answer['window_start'][rows][at[0]])
        print(f'{start:8.2f} s')
        for place, match in enumerate(matches, 1):
            action = f', {match.action}' if match.action else ''
            print(
                f'  {place}. {match.take} at {match.start_s:.2f} s '
                f'({match.similarity:.3f}{action})'
            )
        answers.append({'start_s': start, 'found': [*map(vars, matches)]})
    out = Path(args.out_dir) / 'search.json'
    write_json(out, answers)
    print('written:', out)


def _best(results: Iterable[list[Match]]) -> list[Match]:
    """Each window that was found at its best, the most similar one first."""
    best: dict[tuple[str, float], Match] = {}
    for match in chain.from_iterable(results):
        known = best.setdefault((match.take, match.start_s), match)
        if known.similarity < match.similarity:
            best[match.take, match.start_s] = match
    return sorted(best.values(), key=lambda match: -match.similarity)


def _tables(
    args: Namespace, modality: str
) -> Iterator[tuple[bool, str, Any, Any]]:
    """Whether a source holds embeddings, its name, table and classes."""
    from ..evaluation.embedding_table import read_embeddings

    if not args.sources:
        raise ValueError('Give data sets, recordings or embeddings to add.')
    inferencer = None
    for path in args.sources:
        if _holds_embeddings(path):
            yield True, path, *read_embeddings(path)
            continue
        inferencer = inferencer or make_inferencer(args)
        takes, classes = _takes(args, path, modality)
        metainfo = {'classes': classes} if classes else None
        windows = inferencer.windows(takes, args.stride_sec, metainfo=metainfo)
        yield False, path, inferencer.embed_windows(windows), classes


def _takes(args: Namespace, path: str, modality: str) -> tuple[Any, Any]:
    from ..apis.retrieving import only
    from ..apis.takes import named_takes

    takes, classes = named_takes({path: file_source(args, path)})
    kept = {
        name: (entry, only(recording, modality))
        for name, (entry, recording) in takes.items()
    }
    return kept, classes


def _holds_embeddings(path: str) -> bool:
    file = Path(path)
    if file.suffix != '.safetensors' or not file.is_file():
        return False
    with file.open('rb') as opened:
        return b'mobind_mm/embeddings' in opened.read(1 << 16)


def _add(
    archive: Any,
    tables: Iterable[tuple[bool, str, Any, Any]],
    encode: bool = True,
) -> None:
    for _, name, table, classes in tables:
        count = archive.add(table, classes, encode=encode)
        print(f'{name}: {count:,} windows')
    print(f'{archive.path}: {len(archive):,} windows')


COMMANDS = {
    'build': (_build_arguments, build),
    'add': (_source_arguments, add),
    'train': (_train_arguments, train),
    'search': (_search_arguments, search),
}
