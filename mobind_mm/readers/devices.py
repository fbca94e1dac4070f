"""Exports of devices: tables whose mapping the reader knows.

A device writes its table in one way. So its reader recognises the file by its
content, and says how to read it in the keys that users write for tables of
their own (docs/own_data.md). Clocks, units, losses and notes are then those
of any table.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from ..recordings import SensorStream
from .base import FileReader
from .keys import check_keys
from .mapping import Sensor
from .placing import place_sensors
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


__all__ = ['DeviceReader', 'place_sensors']
