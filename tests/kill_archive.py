"""Kill the building of an archive and additions to it; print what was lost.

    python tests/kill_archive.py [--kills N] [--seed N]

As ``kill_table.py``, for archives of embeddings (``evaluation/archive.py``):
what ``archive.json`` names must be whole, and the run that goes on must end
with the very windows of one that was never killed.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

ROWS, BLOCK = 300, 50
PATH = 'out'


def table(first):
    """Embeddings of the windows of one addition."""
    rng = np.random.default_rng(first)
    x = rng.normal(size=(BLOCK, 16)).astype(np.float32)
    return {
        'pose_embedding': x,
        'pose_mask': np.ones((BLOCK, 1), bool),
        'take': np.array([f'take {first}'] * BLOCK),
        'window_start': np.arange(BLOCK) / 2,
        'action': np.full(BLOCK, -1),
    }


def go_on():
    """Build the archive, or add what is missing."""
    from mobind_mm.evaluation.archive import EmbeddingArchive

    if (Path(PATH) / 'archive.json').exists():
        archive = EmbeddingArchive(PATH)
    else:
        archive = EmbeddingArchive.create(PATH, 'pose')
    while len(archive) < ROWS:
        archive.add(table(len(archive)), block=BLOCK // 2)


class Archive:
    """Building an archive, with six additions of two shards each."""

    name = 'archive, `mobind index build` and `add`'
    command = [str(Path(__file__).resolve())]

    @staticmethod
    def content(folder):
        """What a search sees: vectors and names of all windows, in order."""
        from mobind_mm.evaluation.archive import EmbeddingArchive

        path = folder / PATH
        if not (path / 'archive.json').exists():
            return []
        archive, found = EmbeddingArchive(path), []
        for number in range(0, len(archive), BLOCK):
            query = table(number)['pose_embedding'][:3]
            found += [
                [(m.take, m.start_s, m.similarity) for m in some]
                for some in archive.search(query, 1)
            ]
        return [len(archive), found]

    @staticmethod
    def check(folder, reference):
        """Whole additions, each as it will be."""
        found = Archive.content(folder)
        rows = found[0] if found else 0
        assert rows % BLOCK == 0, rows
        assert not found or found[1] == reference[1][: len(found[1])]
        return f'{rows // BLOCK} of {ROWS // BLOCK} additions'


def main():
    """Kill, and print the row; any loss ends it with an error."""
    import kill_table

    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--kills', type=int, default=30)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        row = kill_table.kill_often(
            Archive, Path(folder) / 'a', args.kills, args.seed
        )
    print(kill_table.HEADER)
    print(kill_table.format_row(row))


if __name__ == '__main__':
    killed_here = Path(sys.argv[0]).resolve() == Path(__file__).resolve()
    if killed_here and 'kill_table' in sys.modules:
        go_on()  # in a fork of kill_table.run
    else:
        main()
