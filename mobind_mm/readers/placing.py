"""Where the sensors of a file are worn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from ..skeleton import LIMBS, placement_name
from ..utils.errors import mistake

T = TypeVar('T')


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
    if isinstance(placement, str):
        if len(sensors) != 1:
            listed = ', '.join(sensors)
            raise mistake(
                where.rstrip(':'),
                f'holds {len(sensors)} sensors ({listed})',
                f'Say which is worn where: NAME={placement}',
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
