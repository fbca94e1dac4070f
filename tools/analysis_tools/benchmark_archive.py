"""Measure an archive of many windows: building, memory, recall, time.

    python tools/analysis_tools/benchmark_archive.py EMBEDDINGS --rows 10000000

The windows are real embeddings (of ``mobind test --dump-embeddings``), drawn
with replacement, plus noise. Recall is measured against comparing a query
with every window. Times are processor seconds of one thread.
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import faiss
import numpy as np
import pandas as pd
from benchmarking.settings import machine, memory_kib

from mobind_mm.cli.arguments import flags
from mobind_mm.evaluation.archive import EmbeddingArchive
from mobind_mm.evaluation.embedding_table import read_embeddings
from mobind_mm.utils.cli import run_command
from mobind_mm.utils.results import write_json
from mobind_mm.utils.similarity import Vectors

_BLOCK = 250_000


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    flag = flags(parser)
    flag('embeddings', 'file of real embeddings')
    flag('--rows N', '', default=1_000_000)
    flag('--queries N', '', default=200)
    flag(
        '--noise LENGTH',
        'length of the noise, of unit embeddings',
        default=0.5,
    )
    flag('--probes N ...', '', type=int, default=[8, 16, 32])
    flag('--seed N', '', default=0)
    flag(
        '--dir DIR',
        'where the archive goes, or stands from an earlier run, of the '
        'same windows; default: a temporary directory',
    )
    flag('--out FILE', 'JSON file to write')
    return parser.parse_args()


def noisy(
    real: np.ndarray, count: int, noise: float, rng: np.random.Generator
) -> np.ndarray:
    """Real embeddings plus noise, (count, D) float32."""
    x = real[rng.integers(len(real), size=count)]
    size = noise / x.shape[1] ** 0.5
    return x + size * rng.standard_normal(x.shape, dtype=np.float32)


def block_table(x: np.ndarray, number: int) -> dict[str, np.ndarray]:
    """Columns of a block of windows."""
    count = len(x)
    return {
        'pose_embedding': x,
        'pose_mask': np.ones((count, 1), bool),
        'take': np.full(count, str(number)),
        'window_start': np.arange(count, dtype=float),
        'action': np.zeros(count, int),
    }


def fill(
    archive: EmbeddingArchive,
    real: np.ndarray,
    args: argparse.Namespace,
    rng: np.random.Generator,
) -> float:
    """Add the windows; returns the processor seconds of adding alone."""
    seconds = 0.0
    for number, first in enumerate(range(0, args.rows, _BLOCK)):
        x = noisy(real, min(_BLOCK, args.rows - first), args.noise, rng)
        start = time.process_time()
        archive.add(block_table(x, number), encode=False)
        seconds += time.process_time() - start
    return seconds


def best_rows(archive: EmbeddingArchive, unit: np.ndarray) -> np.ndarray:
    """Rows (M, 10) of the stored vectors most similar to each query."""
    best = np.full((len(unit), 10), -2.0, np.float32)
    rows = np.full((len(unit), 10), -1)
    first = 0
    for shard in archive._shards:
        for vectors in shard.blocks():
            scores = unit @ vectors.T
            top = np.argpartition(scores, -10, axis=1)[:, -10:]
            best = np.hstack([best, np.take_along_axis(scores, top, axis=1)])
            rows = np.hstack([rows, first + top])
            top = np.argpartition(best, -10, axis=1)[:, -10:]
            best = np.take_along_axis(best, top, axis=1)
            rows = np.take_along_axis(rows, top, axis=1)
            first += len(vectors)
    return rows


def measure(args: argparse.Namespace, folder: Path) -> dict:
    """Build, search and compare."""
    table, _ = read_embeddings(args.embeddings)
    real = {
        name: Vectors.of(table[f'{name}_embedding']).flat
        for name in ('imu', 'pose')
    }
    rng = np.random.default_rng(args.seed)
    faiss.omp_set_num_threads(1)
    query = noisy(real['imu'], args.queries, args.noise, rng)
    unit = Vectors.of(query).flat
    result: dict = {'rows': args.rows, 'width': query.shape[1]}
    path = folder / 'archive'
    if path.exists():
        archive = EmbeddingArchive(path)
        result['rows'] = len(archive)
    else:
        archive = EmbeddingArchive.create(path, 'pose')
        result['add_s'] = fill(archive, real['pose'], args, rng)
    start = time.process_time()
    archive.train()
    result['encode_s'] = time.process_time() - start
    result['build_peak_mib'] = memory_kib('VmHWM') / 1024
    rows = best_rows(archive, unit)
    size = sum(f.stat().st_size for f in (folder / 'archive').iterdir())
    result['disk_gib'] = size / 2**30
    archive = EmbeddingArchive(folder / 'archive')
    archive.search(query[:1], 10)
    # What no file can give back.
    result['search_mib'] = memory_kib('RssAnon') / 1024
    result['searches'] = []
    for probes in args.probes:
        times, hits = [], 0.0
        for row in range(args.queries):
            start = time.process_time()
            (found,) = archive.search(query[row : row + 1], 10, probes=probes)
            times.append(time.process_time() - start)
            seen = [int(m.take) * _BLOCK + round(m.start_s) for m in found]
            hits += len({*seen} & {*rows[row].tolist()}) / 10
        result['searches'].append(
            {
                'probes': probes,
                'recall@10': hits / args.queries,
                'median_ms': 1e3 * float(np.median(times)),
                'p95_ms': 1e3 * float(np.quantile(times, 0.95)),
            }
        )
    return result


def main() -> None:
    """Measure, print and write."""
    args = parse_args()
    folder = Path(args.dir or tempfile.mkdtemp())
    try:
        result = {**measure(args, folder), 'machine': machine('cpu')}
    finally:
        if not args.dir:
            shutil.rmtree(folder)
    print(
        f'{result["rows"]:,} windows, D = {result["width"]}: added in '
        f'{result.get("add_s", 0):.0f} s, encoded in '
        f'{result["encode_s"]:.0f} s, '
        f'{result["disk_gib"]:.2f} GiB on disk; memory '
        f'{result["build_peak_mib"]:.0f} MiB to build, '
        f'{result["search_mib"]:.0f} MiB to search'
    )
    searches = pd.DataFrame(result['searches']).round(3)
    print(searches.to_string(index=False))
    if args.out:
        write_json(args.out, result)


if __name__ == '__main__':
    run_command(main)
