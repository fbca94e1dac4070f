"""Takes made of captured clips: cut, sped up, mirrored, joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.interpolate import make_interp_spline

from ...readers.motions.body import BodyMotion
from ...readers.motions.tree import quaternions
from ..synthetic.body import axis_rotation
from ..transforms.resampling import sign_continuous
from .anatomy import matrices, mirrored, torso_frame

RATE = 60.0
"""Frames per second of a take."""

BLEND_SEC = 0.9
"""Seconds in which one piece turns into the next."""

_SHORTEST, _LEFT_OVER = 1.0, 4.0
"""Seconds of a piece, and of what is left of a clip, to be one of its own."""


class Body(NamedTuple):
    """A body over time at :data:`RATE`.

    Attributes:
        positions: (T, 20, 3) joints in metres.
        orientations: (T, 15, 4) segments, w x y z.
    """

    positions: np.ndarray
    orientations: np.ndarray


@dataclass(frozen=True)
class Piece:
    """A part of a clip.

    Args:
        clip: Index of the clip.
        start: Where it starts in the clip, in seconds.
        seconds: How long it lasts in the take.
        speed: How much faster than captured.
    """

    clip: int
    start: float
    seconds: float
    speed: float = 1.0


@dataclass(frozen=True)
class Variation:
    """How much a take may differ from what was captured.

    Args:
        speed: Range of the factor on the speed.
        size: Range of the factor on the body's size.
        mirror: Probability that left and right are exchanged. Mirrored
            segments have other axes, so this holds for a whole take.
    """

    speed: tuple[float, float] = (0.8, 1.25)
    size: tuple[float, float] = (0.92, 1.08)
    mirror: float = 0.5

    @classmethod
    def none(cls) -> Variation:
        """People as they were captured."""
        return cls((1.0, 1.0), (1.0, 1.0), 0.0)


def plan_takes(
    motions: Sequence[BodyMotion],
    rng: np.random.Generator,
    take_sec: float,
    piece_sec: tuple[float, float] = (6.0, 20.0),
    variation: Variation = Variation(),
) -> list[list[Piece]]:
    """Cut one person's clips into pieces, and join these into takes.

    Everything is used once, in a random order. Who has less than a take
    repeats it in another order. A piece names a clip by its index; its length
    is in the range ``piece_sec``.
    """
    pieces = _cut(motions, rng, piece_sec, variation)
    total = sum(p.seconds - BLEND_SEC for p in pieces)
    while pieces and total < take_sec:
        more = _cut(motions, rng, piece_sec, variation)
        pieces += more
        total += sum(p.seconds - BLEND_SEC for p in more)
    takes: list[list[Piece]] = []
    left = 0.0
    for piece in pieces:
        if left <= 0:
            if total < take_sec and takes:
                break
            takes.append([])
            left = take_sec
        takes[-1].append(piece)
        left -= piece.seconds - BLEND_SEC
        total -= piece.seconds - BLEND_SEC
    return takes


def _cut(
    motions: Sequence[BodyMotion],
    rng: np.random.Generator,
    piece_sec: tuple[float, float],
    variation: Variation,
) -> list[Piece]:
    pieces = []
    for index, motion in enumerate(motions):
        speed = float(np.exp(rng.uniform(*np.log(variation.speed))))
        start = 0.0
        while (motion.seconds - start) / speed >= _SHORTEST:
            left = (motion.seconds - start) / speed
            seconds = min(float(rng.uniform(*piece_sec)), left)
            if left - seconds < _LEFT_OVER:
                seconds = left
            pieces.append(Piece(index, start, seconds, speed))
            start += seconds * speed
    rng.shuffle(pieces)
    return pieces


def make_take(
    motions: Sequence[BodyMotion],
    pieces: Sequence[Piece],
    size: float = 1.0,
    mirror: bool = False,
) -> tuple[Body, list[tuple[float, float]]]:
    """The body of a take, and where its pieces start and end in seconds.

    A piece starts where and facing as the previous one ends; for
    :data:`BLEND_SEC` one fades into the other.
    """
    body = _played(motions[pieces[0].clip], pieces[0])
    edges = [0.0]
    for piece in pieces[1:]:
        following = _played(motions[piece.clip], piece)
        body, joint = _joined(body, following)
        edges.append(joint)
    edges.append((len(body.positions) - 1) / RATE)
    body = Body(body.positions * size, body.orientations)
    if mirror:
        body = Body(*mirrored(*body))
    return body, list(zip(edges, edges[1:]))


def _played(motion: BodyMotion, piece: Piece) -> Body:
    """A piece at the rate of takes, at its speed."""
    count = int(piece.seconds * RATE) + 1
    times = piece.start + np.arange(count) / RATE * piece.speed
    at = times * motion.rate
    first = max(int(at[0]) - 3, 0)
    stop = min(int(at[-1]) + 5, len(motion.positions))
    values = np.concatenate(
        [
            motion.positions[first:stop].reshape(stop - first, -1),
            sign_continuous(motion.orientations[first:stop]).reshape(
                stop - first, -1
            ),
        ],
        axis=1,
    ).astype(np.float64)
    if piece.speed != 1.0 or motion.rate != RATE or piece.start:
        at = np.clip(at - first, 0, stop - first - 1)
        values = make_interp_spline(np.arange(stop - first), values, 3)(at)
    else:
        values = values[:count]
    joints = motion.positions.shape[1] * 3
    positions = values[:, :joints].reshape(len(values), -1, 3)
    quats = values[:, joints:].reshape(len(values), -1, 4)
    quats = quats / np.linalg.norm(quats, axis=-1, keepdims=True)
    return Body(positions, quats)


def _joined(first: Body, second: Body) -> tuple[Body, float]:
    """Two bodies one after the other, and when the second takes over."""
    blend = min(
        int(BLEND_SEC * RATE),
        len(first.positions) // 2,
        len(second.positions) // 2,
    )
    middle = blend // 2
    end = len(first.positions) - blend + middle
    yaw = _yaw(first.positions[end]) - _yaw(second.positions[middle])
    turn = axis_rotation(2, np.array([yaw]))[0]
    positions = second.positions @ turn.T
    shift = first.positions[end, 0] - positions[middle, 0]
    positions = positions + shift * np.array([1.0, 1.0, 0.0])
    quats = quaternions(turn @ matrices(second.orientations))
    at = (np.arange(blend) + 0.5) / blend
    weight = at**3 * (10 - 15 * at + 6 * at**2)  # smooth to the 2nd degree
    a, b = first.positions[-blend:], positions[:blend]
    mixed = a + weight[:, None, None] * (b - a)
    p, q = first.orientations[-blend:], quats[:blend]
    q = np.where((p * q).sum(axis=-1, keepdims=True) < 0, -q, q)
    turned = p + weight[:, None, None] * (q - p)
    turned /= np.linalg.norm(turned, axis=-1, keepdims=True)
    return (
        Body(
            np.concatenate(
                [first.positions[:-blend], mixed, positions[blend:]]
            ),
            np.concatenate(
                [first.orientations[:-blend], turned, quats[blend:]]
            ),
        ),
        end / RATE,
    )


def _yaw(joints: np.ndarray) -> float:
    """Direction that the trunk of joints (20, 3) faces, in radians."""
    forward = torso_frame(joints[None])[0, :, 0]
    return float(np.arctan2(forward[1], forward[0]))
