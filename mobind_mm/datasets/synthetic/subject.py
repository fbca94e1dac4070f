"""A person: a body and a personal style of movement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .actions import ACTIONS, mirror
from .body import DOFS, Body
from .noise import derive_rng

_TRUNK = ('roll', 'lean', 'spine_side', 'spine_bend', 'spine_twist')
SPREAD = np.array([0.4 if name in _TRUNK else 1.0 for name in DOFS])
SPREAD[: DOFS.index('roll')] = 0.0
"""(len(DOFS),) how much a joint varies: the trunk less than a limb."""


@dataclass(frozen=True)
class Subject:
    """A person whose style is the same in all takes.

    Args:
        name: Subject id.
        body: Bone lengths.
        tempo: Speed by action, relative to the table.
        gain: (len(DOFS),) amplitude of every degree of freedom; left and
            right differ a little.
        posture: (len(DOFS),) offset in radians.
        lag: (len(DOFS),) seconds by which a joint follows the key poses.
        habits: Offsets in radians of an action's key poses: for every
            variant an array (n, len(DOFS)).
        left_handed: Whether one-sided actions are mirrored.
    """

    name: str
    body: Body
    tempo: dict[str, float]
    gain: np.ndarray
    posture: np.ndarray
    lag: np.ndarray
    habits: dict[str, list[np.ndarray]]
    left_handed: bool

    @classmethod
    def sample(cls, seed: int, split: str, index: int) -> Subject:
        """Draw the person at an index of a split."""
        name = f'{split}-{index:03d}'
        rng = derive_rng(seed, 'subject', split, index)
        body = Body.sample(rng)
        tempo = rng.lognormal(0, 0.10)
        tempos = {a: tempo * rng.lognormal(0, 0.08) for a in ACTIONS}
        habits = {
            action.name: [
                vary_keys(rng, poses, 4.0, 0.12)
                for _, poses in action.variants
            ]
            for action in ACTIONS.values()
        }
        # Half of the amplitude's spread is common to both sides.
        common = rng.normal(0, 0.10, len(DOFS))
        common = (common + np.abs(mirror(np.eye(len(DOFS)))) @ common) / 2
        gain = np.exp(common + rng.normal(0, 0.05, len(DOFS)))
        posture = rng.normal(0, np.deg2rad(3), len(DOFS)) * SPREAD
        # Arms follow the legs, forearms the arms: one lag per group.
        groups = np.array([_group(name) for name in DOFS])
        lag = rng.normal(0, 0.035, 5)[groups] * (groups > 0)
        left_handed = bool(rng.random() < 0.15)
        return cls(name, body, tempos, gain, posture, lag, habits, left_handed)


def vary_keys(
    rng: np.random.Generator, keys: np.ndarray, degrees: float, share: float
) -> np.ndarray:
    """Draw offsets (n, len(DOFS)) in radians of one cycle's key poses.

    A joint gets one offset with a standard deviation of ``degrees`` for the
    whole cycle, and one per key of ``share`` times its range, so that what an
    action keeps still stays still.
    """
    offset = rng.normal(0, np.deg2rad(degrees), (1, len(DOFS)))
    each = rng.normal(0, share, keys.shape) * np.ptp(keys, axis=0)
    return (offset + each) * SPREAD


def _group(name: str) -> int:
    """Group of degrees of freedom that shares a lag; 0: the legs."""
    if name.startswith(('spine', 'head')):
        return 1
    if 'arm' in name:
        return 2 if name.startswith('left') else 3
    return 4 if 'elbow' in name or 'pronation' in name else 0
