"""Where the sensors of a file are worn, and what names say of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

from ..skeleton import LIMBS, placement_name
from ..utils.errors import mistake
from .keypoint_names import in_english

_SIDES = {
    **dict.fromkeys(('left', 'lt', 'l'), 'left'),
    **dict.fromkeys(('right', 'rt', 'r'), 'right'),
}
_ALSO = {
    'upper_spine': 'sternum',
    't8': 'sternum',
    'xiphoid': 'sternum',
    'lower_spine': 'pelvis',
    'lumbar': 'pelvis',
    'fore_arm': 'forearm',
    'femur': 'thigh',
}
"""Names of devices beside those of :func:`~mobind_mm.skeleton.placement_name`.
"""

T = TypeVar('T')


def placement_in(text: str) -> str | None:
    """Placement that a name speaks of, if it speaks of one.

    >>> placement_in('P03_RightShank_walk2'), placement_in('Foot LT')
    ('right_shank', 'left_foot')
    >>> placement_in('Sensors/Lumbar'), placement_in('D422CD00A1B2')
    ('pelvis', None)
    """
    text = in_english(text)
    words = re.findall(r'[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+', text)
    words = [word.lower() for word in words]
    sides = {_SIDES[word] for word in words if word in _SIDES}
    if len(sides) > 1:
        return None
    rest = [word for word in words if word not in _SIDES]
    pairs = [*zip(rest, rest[1:])]
    spans = [*map('_'.join, pairs), *map(''.join, pairs), *rest]
    side = ''.join(f'{side}_' for side in sides)
    spans = [_ALSO.get(span, span) for span in spans]
    named = {
        placement_name(name) for span in spans for name in (side + span, span)
    }
    limbs = named & {*LIMBS}
    return limbs.pop() if len(limbs) == 1 else None


def place_sensors(
    sensors: Mapping[str, T],
    placement: str | Mapping[str, str] | None,
    where: str,
) -> dict[str, T]:
    """Rename sensors by where they are worn.

    Args:
        sensors: Anything by the name of the sensor in the file.
        placement: Placement of the only sensor, or of each by its name.
        where: What to call the file in a message.

    Raises:
        ValueError: If a name is not one of the file, or not a placement, or
            if two sensors are worn in one place.

    >>> place_sensors({'dot': 1}, 'chest', 'dot.csv:')
    {'sternum': 1}
    """
    if placement is None:
        return {placement_name(name): s for name, s in sensors.items()}
    where = where.rstrip(':')
    if isinstance(placement, str):
        if len(sensors) != 1:
            listed = ', '.join(sensors)
            raise mistake(
                where,
                f'holds {len(sensors)} sensors ({listed})',
                f'Say which is worn where: --placement NAME={placement}',
            )
        placement = dict.fromkeys(sensors, placement)
    for name in placement:
        if name not in sensors:
            raise mistake(
                where,
                f'there is no sensor {name!r}',
                f'There are {", ".join(sensors)}',
                name=name,
                known=sensors,
            )
    placed: dict[str, T] = {}
    for name, sensor in sensors.items():
        place = placement_name(placement.get(name, name))
        if name in placement and place not in LIMBS:
            raise mistake(
                where,
                'is not a placement of a sensor',
                f'Choose from {", ".join(sorted(LIMBS))}',
                value=place,
                name=place,
                known=LIMBS,
            )
        if place in placed:
            raise mistake(
                where,
                f'two sensors are worn at {place}',
                'Give each a placement of its own',
            )
        placed[place] = sensor
    return placed
