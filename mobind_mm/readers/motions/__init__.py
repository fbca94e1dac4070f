"""Captured human motion: joints and segments of a body over time.

Whatever the source, a motion has the joints of :data:`.body.JOINTS` in
metres with z up, and the orientation of its :data:`.body.SEGMENTS`.
What a file leaves out (heads, hands, toes) is derived from what it has, with
a note.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from ...utils.errors import mistake
from ..headers import head
from ..unpickle import read_arrays
from .amass import amass_motion, is_amass
from .asf import read_amc
from .body import JOINTS, SEGMENTS, BodyMotion
from .bvh import read_bvh

_KINDS = ('.npz', '.bvh', '.amc')
FREE_LICENCES = ('PDDL', 'CMU: free for any use', 'CC0', 'CC BY 4.0')
"""Beginnings of licences under which trained weights may be shipped."""

_COMPACT = {
    'joints', 'segments', 'start', 'length', 'fps', 'clip', 'subject', 'label',
    'pos', 'quat',
}  # fmt: skip


def read_motions(
    path: str | Path, licences: Collection[str] | None = FREE_LICENCES
) -> list[BodyMotion]:
    """Read all clips of a file or folder.

    Args:
        path: A compact ``.npz``, BVH, AMC (its ASF is beside it) or AMASS
            ``.npz`` file, or a folder of them.
        licences: Beginnings of the licences to keep, for clips whose
            licence is known: those of compact files, from ``index.csv``
            beside them. None keeps all. A file without a licence is yours.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a file is damaged or of no known format, or no clip
            is left.

    >>> sorted(FREE_LICENCES)[-1]
    'PDDL'
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f'{path} does not exist.')
    inside = sorted(p for p in path.rglob('*') if p.suffix.lower() in _KINDS)
    paths = [path] if path.is_file() else inside
    motions = [motion for file in paths for motion in _read(file)]
    if not motions:
        raise mistake(
            path,
            'holds no motion capture',
            'Give a folder with .bvh, .amc (with its .asf), AMASS .npz or '
            'compact .npz files',
        )
    kept = [m for m in motions if _allowed(m.licence, licences)]
    if not kept:
        names = sorted({m.licence for m in motions})
        raise mistake(
            path,
            f'has clips under {names} alone, which licences='
            f'{list(licences or ())} leaves out',
            'Set licences=None for models that you do not publish',
        )
    return kept


def _allowed(licence: str, licences: Collection[str] | None) -> bool:
    return (
        licences is None
        or not licence
        or any(name in licence for name in licences)
    )


def _read(path: Path) -> Iterator[BodyMotion]:
    """Clips of one file, by its content."""
    if path.suffix.lower() == '.npz':
        arrays = read_arrays(path)
        if set(arrays) >= _COMPACT:
            yield from _read_compact(path, arrays)
            return
        if is_amass(arrays):
            yield amass_motion(path, arrays)
            return
        raise mistake(
            path,
            f'holds the arrays {sorted(arrays)[:12]}, not those of a motion',
            'Expected AMASS (poses, trans, mocap_framerate) or compact '
            f'motions ({", ".join(sorted(_COMPACT))})',
        )
    text = head(path)
    if text.lstrip().upper().startswith('HIERARCHY'):
        yield read_bvh(path)
    elif path.suffix.lower() == '.amc':
        yield read_amc(path)
    else:
        raise mistake(
            path,
            'is not a motion',
            'A BVH file starts with HIERARCHY; an AMC file ends in .amc',
        )


def _read_compact(
    path: Path, arrays: dict[str, np.ndarray]
) -> Iterator[BodyMotion]:
    """Clips of a compact file, see :func:`unpack_motion`.

    Positions are second differences in units of 10 um, those of all joints
    but the first relative to it; quaternions first differences in units of
    1/30000. Both are stored by byte planes.
    """
    for name, expected in (('joints', JOINTS), ('segments', SEGMENTS)):
        if tuple(str(x) for x in arrays[name]) != expected:
            raise mistake(
                path,
                f'has {name} {[str(x) for x in arrays[name]][:20]}, expected '
                f'{list(expected)}',
            )
    pos, quat = arrays['pos'], arrays['quat']
    count = len(arrays['start'])
    frames = pos.shape[-1] if pos.ndim == 4 else -1
    ends = arrays['start'].astype(np.int64) + arrays['length']
    good = (
        pos.dtype == quat.dtype == np.uint8
        and pos.shape[:3] == (4, len(JOINTS), 3)
        and quat.shape == (2, len(SEGMENTS), 4, frames)
        and all(len(arrays[k]) == count for k in ('length', 'fps', 'clip'))
        and all(len(arrays[k]) == count for k in ('subject', 'label'))
        and (arrays['start'] >= 0).all()
        and (arrays['length'] >= 2).all()
        and (ends <= frames).all()
        and (arrays['fps'] > 0).all()
    )
    if not good:
        raise mistake(
            path,
            'has arrays whose shapes do not fit each other',
            'Copy or download it again',
        )
    pos = np.ascontiguousarray(pos.transpose(1, 2, 3, 0)).view('<i4')[..., 0]
    quat = np.ascontiguousarray(quat.transpose(1, 2, 3, 0)).view('<i2')[..., 0]
    licences = _licences(path)
    for i in range(count):
        part = slice(int(arrays['start'][i]), int(ends[i]))
        clip = str(arrays['clip'][i])
        positions, orientations = unpack_motion(
            pos[:, :, part], quat[:, :, part]
        )
        yield BodyMotion(
            positions,
            orientations,
            float(arrays['fps'][i]),
            clip,
            str(arrays['subject'][i]),
            str(arrays['label'][i]),
            path.stem,
            licences.get((path.stem, clip), ''),
        )


def unpack_motion(
    pos: np.ndarray, quat: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Positions (T, J, 3) and unit quaternions (T, S, 4) of differences.

    Args:
        pos: (J, 3, T) integers, second differences in units of 10 um; of
            joints after the first relative to it.
        quat: (S, 4, T) 16-bit integers, first differences in units of
            1/30000, which wrap around.
    """
    second = pos.transpose(2, 0, 1).astype(np.int64)
    first = np.concatenate([second[:1], second[1:].cumsum(axis=0)])
    positions = first.cumsum(axis=0) * 1e-5
    positions[:, 1:] += positions[:, :1]
    turns = quat.transpose(2, 0, 1).astype(np.int64).cumsum(axis=0)
    turns = ((turns + 32768) % 65536 - 32768) / 30000.0
    size = np.linalg.norm(turns, axis=-1, keepdims=True)
    return positions, turns / np.maximum(size, 1e-9)


def _licences(path: Path) -> dict[tuple[str, str], str]:
    """Licence by source and clip, from ``index.csv`` beside a file."""
    index = path.parent / 'index.csv'
    if not index.is_file():
        return {}
    with open(index, encoding='utf-8', errors='replace', newline='') as file:
        return {
            (row.get('source') or '', row.get('clip') or ''): row.get(
                'licence'
            )
            or 'not stated'
            for row in csv.DictReader(file)
        }
