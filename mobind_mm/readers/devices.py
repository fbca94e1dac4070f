"""Exports of devices: tables whose mapping the reader knows.

A device writes its table in one way. So its reader recognises the file by its
content, and says how to read it in the keys that users write for tables of
their own (docs/own_data.md). Clocks, units, losses and notes are then those
of any table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from ..recordings import SensorStream
from ..skeleton import LIMBS, placement_name
from ..utils.errors import mistake
from .base import FileReader
from .keys import check_keys
from .mapping import Sensor
from .sensors import read_sensors


class DeviceReader(FileReader):
    """Reads the export of a device, a file or a folder.

    Derived classes set ``name`` and ``title``, and implement
    :meth:`recognizes` (by the content, see :mod:`.peek`) and
    :meth:`describe`.

    Attributes:
        title: What users call the device or app, such as ``Movella DOT``.

    Args:
        source: The file or folder.
        options: ``placement``: where the only sensor is worn, or a mapping
            of names in the file to placements. Any key of a sensor in a
            mapping overrides that of :meth:`describe`.
    """

    title: ClassVar[str]

    def describe(self) -> dict[str, dict[str, Any]]:
        """Keys of each sensor, as in a mapping, by its name in the file.

        ``file`` is absolute or relative to the working directory.
        ``_notes`` is a list of what is assumed or left out.

        Raises:
            ValueError: If the file is of this format, but damaged.
        """
        raise NotImplementedError

    def read_imu(self) -> dict[str, SensorStream]:
        """Sensors by placement; a name that is not a placement is unknown."""
        notes, keys = {}, {}
        given = {
            name: value
            for name, value in self.options.items()
            if name in Sensor.model_fields
        }
        where = f'{self.source}:'
        for name, content in place_sensors(
            self.describe(), self.options.get('placement'), where
        ).items():
            content = {**content, **given}
            notes[name] = tuple(content.pop('_notes', ()))
            keys[name] = check_keys(Sensor, content, f'{where} {name}')
            keys[name].check(f'{where} {name}')
        return {
            name: replace(stream, notes=(*notes[name], *stream.notes))
            for name, stream in read_sensors(keys, '.', where).items()
        }


def place_sensors(
    sensors: Mapping[str, Any],
    placement: str | Mapping[str, str] | None,
    where: str,
) -> dict[str, Any]:
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
    placed: dict[str, Any] = {}
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
