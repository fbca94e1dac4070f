"""Which way is up in a sequence of EgoHumans."""

from __future__ import annotations

import numpy as np

UP_RULES = ('axis', 'bodies')
"""The world axis nearest to the bodies' trunks, or their mean itself."""

_MAX_TILT = 30.0
"""Degrees between an axis and the mean trunk, to believe the axis."""


def find_up(trunks: np.ndarray, rule: str, where: str) -> np.ndarray:
    """Find the upward direction of a world from the people in it.

    The files do not say it, and gravity needs it. People are upright most
    of the time, so the mean direction of their trunks is close to it.

    Args:
        trunks: (N, 3) unit vectors from the hips to the head, of all people
            and frames.
        rule: ``axis`` takes the axis of the world (x, y or z, up or down)
            that is nearest to the mean, ``bodies`` the mean itself.
        where: Sequence, for the message.

    Returns:
        (3,) unit vector.

    Raises:
        ValueError: If people are not upright, or no axis is near.
    """
    mean = trunks.mean(axis=0)
    length = float(np.linalg.norm(mean))
    if length < 0.5:
        raise ValueError(
            f'{where}: the trunks of the bodies have no common direction '
            f'(their mean has length {length:.2f}, expected about 1), so '
            'which way is up is unknown. Move the sequence away.'
        )
    mean = mean / length
    if rule == 'bodies':
        return mean
    axis = int(np.argmax(np.abs(mean)))
    tilt = float(np.rad2deg(np.arccos(np.abs(mean[axis]))))
    if tilt > _MAX_TILT:
        raise ValueError(
            f'{where}: the bodies stand along {mean.round(2).tolist()}, '
            f'{tilt:.0f} degrees from the nearest axis of the world. Give '
            '--up bodies to take this direction as the vertical.'
        )
    up = np.zeros(3)
    up[axis] = np.sign(mean[axis])
    return up


def turn_upright(up: np.ndarray) -> np.ndarray:
    """The rotation (3, 3) by the smallest angle that turns ``up`` to z."""
    x, y, z = up
    if z < -1 + 1e-9:
        return np.diag([1.0, -1.0, -1.0])
    cross = np.array([[0, 0, -x], [0, 0, -y], [x, y, 0.0]])
    return np.eye(3) + cross + cross @ cross / (1 + z)
