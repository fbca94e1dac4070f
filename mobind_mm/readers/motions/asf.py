"""Acclaim: an ASF skeleton, and AMC motions that refer to it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ...utils.errors import mistake
from .body import BodyMotion
from .tree import Node, body_motion, euler_matrices, forward

AMC_RATE = 120.0
"""Frames per second of CMU's motions; AMC files do not say."""


@dataclass
class _Bone:
    direction: np.ndarray = field(default_factory=lambda: np.zeros(3))
    length: float = 0.0
    axis: np.ndarray = field(default_factory=lambda: np.eye(3))
    dof: tuple[str, ...] = ()
    parent: str = ''


def read_amc(path: str | Path) -> BodyMotion:
    """Read an AMC file.

    Its skeleton is the ASF file beside it whose name the motion's begins with
    (``07.asf`` of ``07_01.amc``), or the only one.

    Raises:
        FileNotFoundError: If there is no skeleton.
        ValueError: If a file is damaged.
    """
    path = Path(path)
    asf = _beside(path)
    bones, order, degrees = _read_asf(asf)
    frames = _read_amc(path, bones)
    names = ['root', *[n for n in order if n != 'root']]
    index = {name: i for i, name in enumerate(names)}
    nodes, local = [], []
    for name in names:
        bone = bones[name]
        parent = index.get(bone.parent, -1) if name != 'root' else -1
        # A bone begins where its parent ends.
        base = bones.get(bone.parent, _Bone())
        offset = base.direction * base.length if parent > 0 else np.zeros(3)
        nodes.append(Node(name, parent, offset))
        values = frames[name]
        turns = [d for d in bone.dof if d[0] == 'r']
        angles = values[:, [bone.dof.index(d) for d in turns]]
        angles = angles if degrees else np.rad2deg(angles)
        # Rotations in the order x, y, z about fixed axes: Rz Ry Rx.
        turn = euler_matrices(
            ''.join(d[1].upper() for d in reversed(turns)), angles[:, ::-1]
        )
        local.append(bone.axis @ turn @ bone.axis.T)
    root = bones['root']
    at = [root.dof.index(d) for d in ('tx', 'ty', 'tz') if d in root.dof]
    start = frames['root'][:, at] if len(at) == 3 else np.zeros((1, 3))
    start = np.broadcast_to(start, (len(frames['root']), 3))
    positions, rotations = forward(nodes, start, np.stack(local, axis=1))
    # The end of the head and of the hands is where nothing begins.
    parents = {bone.parent for bone in bones.values()}
    tips = ('head', 'lhand', 'rhand', 'lfoot', 'rfoot')
    ends = [n for n in tips if n in index and n not in parents]
    for name in ends:
        bone, i = bones[name], index[name]
        end = positions[:, i] + rotations[:, i] @ (
            bone.direction * bone.length
        )
        positions = np.concatenate([positions, end[:, None]], axis=1)
        rotations = np.concatenate([rotations, rotations[:, [i]]], axis=1)
        names.append(f'{name}_end')
    notes = (f'{path.name}: {AMC_RATE:g} frames per second, as CMU records',)
    motion = body_motion(
        path, names, positions, rotations, AMC_RATE, notes=notes
    )
    return replace(motion, subject=asf.stem)


def _beside(path: Path) -> Path:
    files = [p for p in path.parent.iterdir() if p.suffix.lower() == '.asf']
    named = [p for p in files if path.stem.lower().startswith(p.stem.lower())]
    if not named and len(files) == 1:
        named = files
    if not named:
        raise FileNotFoundError(
            f'{path} needs its skeleton: put the .asf file beside it, with '
            f'the name that the motion begins with.'
        )
    return max(named, key=lambda p: len(p.stem))


def _read_asf(path: Path) -> tuple[dict[str, _Bone], list[str], bool]:
    """Bones by name, their names with parents first, and if in degrees."""
    bones: dict[str, _Bone] = {'root': _Bone(dof=('tx', 'ty', 'tz', 'rx',
                                                  'ry', 'rz'))}  # fmt: skip
    order, section, bone = ['root'], '', _Bone()
    degrees, bone_degrees, axis = True, True, ([0.0, 0.0, 0.0], 'XYZ')
    for number, line in enumerate(_lines(path), 1):
        words = line.split()
        if not words or words[0].startswith('#'):
            continue
        key, rest = words[0].lower(), words[1:]
        try:
            if key.startswith(':'):
                section = key[1:]
            elif section == 'units' and key == 'angle':
                degrees = bone_degrees = rest[0].lower().startswith('deg')
            elif section == 'root' and key == 'order':
                bones['root'].dof = tuple(w.lower() for w in rest)
            elif section == 'bonedata':
                if key == 'begin':
                    bone = _Bone()
                elif key == 'name':
                    bones[rest[0].lower()] = bone
                elif key == 'direction':
                    bone.direction = np.array([float(x) for x in rest[:3]])
                elif key == 'length':
                    bone.length = float(rest[0])
                elif key == 'axis':
                    axis = ([float(x) for x in rest[:3]], rest[3].upper())
                    angles = np.array([axis[0]])
                    if not bone_degrees:
                        angles = np.rad2deg(angles)
                    bone.axis = euler_matrices(axis[1][::-1],
                                               angles[:, ::-1])[0]  # fmt: skip
                elif key == 'dof':
                    bone.dof = tuple(w.lower() for w in rest)
            elif section == 'hierarchy' and key not in ('begin', 'end'):
                for child in rest:
                    bones[child.lower()].parent = key
                    order.append(child.lower())
        except (IndexError, KeyError, ValueError):
            raise mistake(
                path, f'cannot be understood: {line[:60]!r}', row=number
            ) from None
    if len(order) < 2 or len(order) > 1000:
        raise mistake(path, 'has no hierarchy of bones')
    return bones, order, degrees


def _read_amc(path: Path, bones: dict[str, _Bone]) -> dict[str, np.ndarray]:
    """Values (T, dof) of every bone."""
    rows: dict[str, list[list[float]]] = {name: [] for name in bones}
    count = 0
    for number, line in enumerate(_lines(path), 1):
        words = line.split()
        if not words or words[0][0] in '#:':
            continue
        if len(words) == 1 and words[0].isdecimal():
            count += 1
            continue
        name = words[0].lower()
        try:
            values = [float(x) for x in words[1:]]
            fits = len(values) == len(bones[name].dof)
        except (KeyError, ValueError):
            fits = False
        if not fits or not np.isfinite(values).all():
            raise mistake(
                path,
                f'does not fit the skeleton: {line[:60]!r}',
                'Give it the .asf file that it was captured with',
                row=number,
            )
        rows[name].append(values)
    if count < 2:
        raise mistake(path, 'holds no motion of two frames or more')
    frames = {}
    for name, numbers in rows.items():
        width = len(bones[name].dof)
        if width and len(numbers) != count:
            raise mistake(
                path,
                f'has {len(numbers)} rows of {name} in {count} frames',
                'It may be cut off: copy it again',
            )
        frames[name] = np.array(numbers, np.float64).reshape(count, width)
    return frames


def _lines(path: Path) -> list[str]:
    if path.stat().st_size > 1 << 30:
        raise mistake(path, 'is larger than 1 GiB', 'Cut it into clips')
    return path.read_text(encoding='utf-8', errors='replace').splitlines()
