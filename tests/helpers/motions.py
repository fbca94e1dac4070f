"""Write compact files of motion capture."""

import numpy as np

from mobind_mm.readers.motions.body import JOINTS, SEGMENTS


def compact(path, motions, licence='PDDL v1.0', fps=60.0, subjects=None):
    """Write clips {name: (positions, quats)} as compact files have them."""
    pos, quat, start = [], [], [0]
    for positions, quats in motions.values():
        grid = np.round(positions / 1e-5).astype(np.int64)
        grid[:, 1:] -= grid[:, :1]
        first = np.diff(grid, axis=0, prepend=0 * grid[:1])
        second = first.copy()
        second[2:] = np.diff(first[1:], axis=0)
        # The first value, the first difference, then second differences.
        pos.append(second)
        turns = np.round(quats * 30000).astype(np.int64)
        quat.append(np.diff(turns, axis=0, prepend=0 * turns[:1]))
        start.append(start[-1] + len(positions))

    def planes(x, kind):
        bytes_ = np.ascontiguousarray(
            np.concatenate(x).astype(kind).transpose(1, 2, 0)
        )
        width = np.dtype(kind).itemsize
        split = bytes_.view(np.uint8).reshape(*bytes_.shape, width)
        return split.transpose(3, 0, 1, 2)

    np.savez_compressed(
        path, pos=planes(pos, '<i4'), quat=planes(quat, '<i2'),
        joints=np.array(JOINTS), segments=np.array(SEGMENTS),
        start=np.array(start[:-1]), length=np.diff(start),
        fps=np.full(len(motions), fps, np.float32),
        clip=np.array(list(motions)),
        subject=np.array(
            subjects or [f's{i}' for i in range(len(motions))]
        ),
        label=np.array(['walk'] * len(motions)),
    )  # fmt: skip
    rows = [f'{path.stem},{name},{licence}' for name in motions]
    text = '\n'.join(['source,clip,licence', *rows]) + '\n'
    (path.parent / 'index.csv').write_text(text)
