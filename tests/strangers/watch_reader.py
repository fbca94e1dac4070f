"""A reader as somebody outside of the package would write it.

A sports watch that writes ``WATCH <rate>`` and then ``ax ay az`` in g.
"""

import numpy as np

from mobind_mm.readers import FileReader, register_reader
from mobind_mm.recordings import Clock, SensorStream


@register_reader
class WatchReader(FileReader):
    name = 'watch'

    @classmethod
    def recognizes(cls, path):
        return path.is_file() and path.read_bytes()[:6] == b'WATCH '

    def read_imu(self):
        header, *rows = self.source.read_text().splitlines()
        try:
            acc = np.array([row.split() for row in rows], np.float32)
        except ValueError:
            raise ValueError(f'{self.source}: a row is damaged.') from None
        clock = Clock(len(acc), rate=float(header.split()[1]))
        placement = self.options.get('placement', 'right_wrist')
        notes = ('the watch has no gyroscope',)
        channels = {'acc': acc * np.float32(9.80665)}
        return {placement: SensorStream(clock, channels, notes=notes)}
