"""BVH: a hierarchy of joints, and a row of channels for each frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...utils.errors import mistake
from .body import BodyMotion
from .tree import Node, body_motion, euler_matrices, forward

_MOST_JOINTS, _MOST_BYTES = 1000, 1 << 30


def read_bvh(path: str | Path) -> BodyMotion:
    """Read a BVH file.

    Raises:
        ValueError: If the file is damaged, or its joints are not a person's.
    """
    path = Path(path)
    if path.stat().st_size > _MOST_BYTES:
        raise mistake(path, 'is larger than 1 GiB', 'Cut it into clips')
    text = path.read_text(encoding='utf-8', errors='replace')
    hierarchy, separator, motion = text.partition('MOTION')
    if not separator:
        raise mistake(path, 'has no line MOTION', 'Export it again as BVH')
    nodes, channels = _hierarchy(path, hierarchy.split())
    rate, values = _frames(path, motion, sum(len(c) for c in channels))
    root, local = np.zeros((len(values), 3)), []
    column = 0
    for i, names in enumerate(channels):
        part = values[:, column : column + len(names)]
        column += len(names)
        moves = [k for k, name in enumerate(names) if 'position' in name]
        if moves:
            place = np.zeros((len(values), 3))
            for k in moves:
                place[:, 'XYZ'.index(names[k][0])] = part[:, k]
            if i == 0:
                root = place
            elif len(moves) == 3:  # instead of the offset
                nodes[i] = Node(nodes[i].name, nodes[i].parent, place)
        turns = [k for k, name in enumerate(names) if 'rotation' in name]
        order = ''.join(names[k][0] for k in turns)
        local.append(euler_matrices(order, part[:, turns]))
    root = root + nodes[0].offset
    positions, rotations = forward(nodes, root, np.stack(local, axis=1))
    names = [node.name for node in nodes]
    return body_motion(path, names, positions, rotations, rate)


def _hierarchy(
    path: Path, words: list[str]
) -> tuple[list[Node], list[list[str]]]:
    """Nodes, end sites included, and the names of their channels."""
    nodes: list[Node] = []
    channels: list[list[str]] = []
    parents: list[int] = []
    at = 1

    def number(k: int) -> float:
        try:
            value = float(words[k])
        except (IndexError, ValueError):
            value = np.nan
        if not np.isfinite(value):
            raise mistake(
                path,
                f'has an OFFSET of {nodes[-1].name if nodes else "nothing"} '
                'that is not three numbers',
            )
        return value

    while at < len(words):
        word = words[at]
        if word in ('ROOT', 'JOINT', 'End'):
            name = words[at + 1] if at + 1 < len(words) else ''
            if word == 'End':
                name = f'{nodes[parents[-1]].name}_end' if parents else 'end'
            if len(nodes) >= _MOST_JOINTS or (word == 'ROOT' and nodes):
                raise mistake(path, 'has more than one person or 1000 joints')
            parent = parents[-1] if parents else -1
            nodes.append(Node(name, parent, np.zeros(3)))
            channels.append([])
            at += 2
        elif word == '{':
            parents.append(len(nodes) - 1)
            at += 1
        elif word == '}':
            if not parents:
                raise mistake(path, 'has one } too many')
            parents.pop()
            at += 1
        elif word == 'OFFSET' and parents:
            node = nodes[parents[-1]]
            offset = np.array([number(at + k) for k in (1, 2, 3)])
            nodes[parents[-1]] = Node(node.name, node.parent, offset)
            at += 4
        elif word == 'CHANNELS' and parents and at + 1 < len(words):
            names = _channels(words[at + 1 : at + 8])
            if not names:
                raise mistake(
                    path,
                    f'has the channels {words[at + 1 : at + 8]} of '
                    f'{nodes[parents[-1]].name}, which are not known',
                )
            channels[parents[-1]] = names
            at += 2 + len(names)
        else:
            raise mistake(path, f'has {word!r} in its hierarchy')
    if not nodes or parents:
        raise mistake(path, 'has a hierarchy that does not end')
    return nodes, channels


_CHANNELS = {f'{axis}{k}' for axis in 'XYZ' for k in ('position', 'rotation')}


def _channels(words: list[str]) -> list[str]:
    """Names behind their number, from 1 to 6; none if one is not known."""
    count = int(words[0]) if words[0] in {*'123456'} else 0
    names = words[1 : 1 + count]
    return names if {*names} <= _CHANNELS else []


def _frames(path: Path, text: str, width: int) -> tuple[float, np.ndarray]:
    """Frames per second, and channels (T, width)."""
    head, _, body = text.partition('Frame Time:')
    words = head.replace('Frames:', ' ').split()
    first, _, rows = body.lstrip().partition('\n')
    try:
        count, seconds = int(words[0]), float(first)
        values = np.array(rows.split(), dtype=np.float64)
    except (ValueError, IndexError):
        raise mistake(
            path,
            'has no numbers behind Frames:, Frame Time: or in its motion',
            'Export it again as BVH',
        ) from None
    if not 1e-4 < seconds < 1:
        raise mistake(path, f'has a Frame Time of {seconds} s')
    if width == 0 or len(values) != count * width:
        raise mistake(
            path,
            f'has {len(values)} numbers in its motion, but {count} frames of '
            f'{width} channels are {count * width}',
            'It may be cut off: copy it again',
        )
    return 1 / seconds, values.reshape(count, width)
