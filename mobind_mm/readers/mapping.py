"""The keys with which users describe their own recordings.

What a sensor or a skeleton needs is checked by :meth:`Sensor.check` and
:meth:`Skeleton.check`. The descriptions are those of docs/own_data.md and of
the JSON schema.
"""

# No postponed annotations: pydantic reads them, and Python 3.9 has no X | Y.
from typing import Annotated, Any, Literal, Optional, Union

from ..recordings import STANDARD_GRAVITY
from ..utils.errors import below, mistake
from .dialects import Dialect
from .keys import (
    KEYS,
    KEYS_OR_OTHER,
    OTHER,
    SEVERAL,
    Count,
    Encoding,
    Epoch,
    Keys,
    Limb,
    Moment,
    Names,
    Nine,
    Number,
    Orientation,
    Person,
    Positive,
    Size,
    Template,
    Text,
    Texts,
    Three,
    Word,
    Zone,
    format_of,
    key,
    merged,
    unit_of,
)
from .time_units import TIME_UNITS

UNITS = {
    'acc': {'m/s2': 1.0, 'g': STANDARD_GRAVITY, 'mg': STANDARD_GRAVITY / 1000},
    'gyro': {'rad/s': 1.0, 'deg/s': 3.141592653589793 / 180},
    'mag': {'uT': 1.0, 'mT': 1e3, 'gauss': 100.0},
}
"""What one unit is in ours: m/s^2, rad/s and uT."""
CHANNELS = ('acc', 'gyro', 'quat', 'mag')
ORIENTATIONS = ('quat', 'matrix', 'euler')
"""Columns that become the channel ``quat``."""
GRAVITY = 'gravity'
"""Columns that are added to ``acc``, which comes without gravity."""
POSE_FORMATS = ('mmpose', 'table', 'mmaction')

Delimiter = Optional[Literal[',', ';', '\t', '|', ' ']]
Decimal = Optional[Literal['.', ',']]
TimeUnit = Optional[Annotated[Union[str, float], unit_of(TIME_UNITS)]]


class Columns(Keys):
    """Columns of a sensor's table."""

    time: Text = None
    fraction: Text = None
    counter: Text = None
    acc: Three = None
    gravity: Three = None
    gyro: Three = None
    quat: Orientation = None
    matrix: Nine = None
    euler: Three = None
    mag: Three = None


class Units(Keys):
    """Units of a sensor's table."""

    time: TimeUnit = key(example='s or ms or us or ns')
    fraction: TimeUnit = key(example='ns or us or ms')
    acc: Optional[Annotated[Union[str, float], unit_of(UNITS['acc'])]] = key(
        example='m/s2 or g or mg'
    )
    gyro: Optional[Annotated[Union[str, float], unit_of(UNITS['gyro'])]] = key(
        example='rad/s or deg/s'
    )
    mag: Optional[Annotated[Union[str, float], unit_of(UNITS['mag'])]] = key(
        example='uT or mT or gauss'
    )


class TableKeys(Keys):
    """Keys of any table."""

    file: Text = key(
        'CSV, Parquet (`.parquet`, `.pq`; needs `pip install pyarrow`), or '
        'a file of [arrays](#arrays)',
        'a path below root, such as raw/{take}.csv',
    )
    rate: Positive = key(
        'samples per second (of a video: frames), where the file has no times',
        'frames per second of the video',
    )
    start_s: Moment = key('seconds, or a date, added to the times of the file')
    where: Names = key(
        '`{column: value}`: only such rows, for a table of several sensors'
    )
    delimiter: Delimiter = key('`;` for example; found if not given')
    decimal: Decimal = key('`.` or `,`; found if not given')
    header: Count = key(
        'row of the names, found if not given; 0: none, columns go by number'
    )
    skip_rows: Count = key('rows to leave out after the names, such as units')
    encoding: Encoding = key(
        'such as `cp1252`; UTF-8 or UTF-16 is found if not given'
    )
    time_format: Text = key(
        'how dates are written: `dd/mm/yyyy` or `mm/dd/yyyy` where the file '
        "does not tell, or as `'%d.%m.%y %H:%M:%S.%f'`"
    )
    timezone: Zone = key(
        'of dates without one, such as `+02:00` or `Europe/London`; UTC if '
        'not given'
    )
    epoch: Epoch = key(
        'what numbers of `time` count from: `1970`, `1980` (GPS), `2000` '
        '(Polar), `2001` (Apple) or a date'
    )

    def dialect(self) -> Dialect:
        """How the text file is written."""
        return Dialect(
            self.delimiter,
            self.decimal,
            self.header,
            self.skip_rows or 0,
            self.encoding,
        )

    def check_clock(self, where: str) -> None:
        """Check that a stream has times or a rate, not both."""
        columns = getattr(self, 'columns', None)
        timed = columns is not None and columns.time is not None
        if timed == (self.rate is not None):
            raise mistake(
                where,
                'give either columns.time (with units.time) or rate in Hz; '
                f'{"both are" if timed else "neither is"} there',
            )


class Part(TableKeys):
    """Keys of one table of a sensor."""

    rate: Positive = key(
        'samples per second, where the file has no times; beside times or a '
        'counter, what the device is set to',
        'samples per second',
    )
    format: Optional[Annotated[str, format_of('table')]] = key(
        '`table` (the default), or the name of a registered reader '
        '([extending.md](extending.md)), which needs no other key than `file`'
    )
    columns: Optional[Columns] = key(
        '`time`, and three each for `acc`, `gyro`, `mag`, four for `quat`; '
        '`-ax` negates a column. `fraction`: a column that is added to '
        '`time`, such as nanoseconds beside seconds. `counter`: a column that '
        'counts samples or packets. `gravity`: three columns that are added '
        'to `acc`. Instead of `quat`: `matrix`, nine columns, row by row; '
        '`euler`, degrees about x, y and z, of which z turns first; or x, y '
        'and z of `quat`',
        '{time: t, acc: [ax, ay, az]}',
    )
    units: Optional[Units] = key(
        '`time`, `fraction`: `s` `ms` `us` `ns`; `acc`: `m/s2` `g` `mg`; '
        '`gyro`: `rad/s` `deg/s`; `mag`: `uT` `mT` `gauss`. Of counts also '
        '`1/64 g`, or a number: what 1 is in s, m/s², rad/s, µT. Dates need '
        'no unit'
    )
    clock: Optional[Literal['samples', 'arrival']] = key(
        '`samples`: times are those of the samples; `arrival`: those at '
        'which packets arrived; found if not given'
    )
    counter_bits: Count = key(
        'bits of `counter`, such as 16; found if not given'
    )
    gravity: Optional[Literal['included', 'removed']] = key(
        '`included` (a still sensor shows 9.81 m/s²) or `removed`',
        "included (a still sensor's acc is 9.81 m/s2) or removed",
    )
    frame: Optional[Literal['sensor', 'world']] = key(
        'of `acc`: `sensor` or `world`', 'sensor or world, the frame of acc'
    )
    quat_order: Optional[Literal['wxyz', 'xyzw']] = key('`wxyz` or `xyzw`')
    quat_direction: Optional[Literal['sensor_to_world', 'world_to_sensor']] = (
        key('`sensor_to_world` or `world_to_sensor`')
    )

    def channels(self) -> dict[str, list[str]]:
        """Columns by channel."""
        every = (*CHANNELS, *ORIENTATIONS[1:], GRAVITY)
        named = {c: getattr(self.columns, c, None) for c in every}
        return {c: names for c, names in named.items() if names is not None}

    def check_clock(self, where: str) -> None:
        """Check that there are times, a rate, or a counter with either."""
        columns = self.columns
        assert columns is not None
        if columns.time is not None or self.rate is not None:
            return
        raise mistake(
            where,
            'give either columns.time (with units.time), or rate in Hz, '
            'alone or for columns.counter; neither is there',
        )

    def check_part(self, where: str) -> None:
        """Check that one table has every key that it needs."""
        self.require(['file'], where)
        if self.format not in (None, 'table'):
            return
        self.require(['columns'], where)
        assert self.columns is not None
        channels, time = self.channels(), self.columns.time
        place = f'{where}.columns'
        if self.counter_bits is not None and not 4 <= self.counter_bits <= 64:
            raise mistake(
                f'{where}.counter_bits',
                'is not a number of bits',
                'Give 8, 16 or 32, for example, or leave it out',
                value=self.counter_bits,
            )
        if not channels:
            fix = f'Name the columns of {", ".join(CHANNELS)}'
            raise mistake(place, 'no channel', fix)
        units = {'acc' if c == GRAVITY else c: c for c in channels}
        turns = [c for c in channels if c in ORIENTATIONS]
        if len(turns) > 1:
            what = f'{" and ".join(turns)} are both orientations'
            raise mistake(place, what, 'Name one')
        needed = [f'units.{c}' for c in units if c not in ORIENTATIONS]
        needed += ['frame'] if 'acc' in channels else []
        if 'acc' in channels and GRAVITY not in channels:
            needed += ['gravity']
        if turns:
            needed += ['quat_direction']
        if len(channels.get('quat', ())) == 4:
            needed += ['quat_order']
        self.require(needed, where)
        if GRAVITY in channels and self.gravity == 'included':
            what = 'included contradicts columns.gravity, which is added'
            raise mistake(f'{where}.gravity', what, 'Leave one of them out')
        names = [n.lstrip('-') for some in channels.values() for n in some]
        if (fraction := self.columns.fraction) is not None:
            self.require(['columns.time', 'units.fraction'], where)
        names += [n for n in (time, fraction, self.columns.counter) if n]
        for name in sorted(names):
            if names.count(name) > 1:
                what = f'{name!r} serves two purposes'
                raise mistake(place, what, 'Correct one')
        self.check_clock(where)


class Sensor(Part):
    """Keys of one sensor."""

    parts: Optional[Annotated[list[Part], SEVERAL]] = key(
        'list of tables (same keys) with some of the channels each; all are '
        'brought to the times of the first'
    )

    def tables(self) -> list[Part]:
        """The tables of the sensor, with the keys that they share."""
        if self.parts is None:
            return [self]
        shared = {k: v for k, v in self.plain().items() if k != 'parts'}
        return [
            Part.model_validate(merged(shared, part.plain()))
            for part in self.parts
        ]

    def check(self, where: str) -> None:
        """Check that a sensor has every key that it needs.

        Raises:
            ValueError: Naming the key that is missing or contradicts another.
        """
        seen: dict[str, int] = {}
        for index, part in enumerate(self.tables()):
            place = where if self.parts is None else f'{where}.parts[{index}]'
            part.check_part(place)
            for channel in part.channels():
                if channel in seen:
                    what = f'parts[{seen[channel]}] has {channel} already'
                    fix = 'Name each channel in one part'
                    raise mistake(place, what, fix)
                seen[channel] = index


class PoseColumns(Keys):
    """Columns of a skeleton's table."""

    time: Text = None
    x: Template = key(example="'{keypoint}_x'")
    y: Template = key(example="'{keypoint}_y'")
    score: Template = None


class PoseUnits(Keys):
    """Units of a skeleton's table."""

    time: TimeUnit = None
    keypoints: Optional[Literal['px', 'fraction']] = None


class Skeleton(TableKeys):
    """Keys of a skeleton, of any format."""

    format: Optional[Annotated[str, format_of(*POSE_FORMATS)]] = key(
        "`mmpose`: MMPose's JSON ([mmpose.md](mmpose.md)); `table`: CSV or "
        "Parquet, with the keys of any table; `mmaction`: MMAction2's "
        'pickle, read without executing anything; or the name of another '
        'reader ([pose_tools.md](pose_tools.md)), such as `openpose`',
        ' or '.join((*POSE_FORMATS, 'openpose')),
    )
    img_shape: Size = key(
        '`[height, width]` of the video in pixels; of `mmaction` where the '
        'pickle does not say',
        '[height, width] of the video in pixels',
    )
    layout: Text = key(
        'names of the keypoints, such as `coco`; needed by a table, found '
        'in other files',
        'the skeleton, such as coco',
    )
    times: Text = key(
        'instead of `rate`: CSV with the time of each frame, for a video '
        'whose frames are not even',
        'a CSV with the time of each frame',
    )
    person: Person = key(
        'not of a table: `longest` (the default), `largest`, or an id, which '
        'counts from 0 in a pickle'
    )
    max_gap_sec: Positive = key(
        'seconds without the person after which whoever appears is somebody '
        'else; 1 if not given, 60 if two people are never seen at once'
    )
    first_frame: Count = key(
        "of numbered frames: number of the video's first frame, found if not "
        'given'
    )
    num_frames: Count = key(
        'of numbered frames: frames of the video, up to the last of the file '
        'if not given'
    )
    name: Text = key(
        "of `mmaction`: `frame_dir` of the take; the take's name if not given",
        'frame_dir of the take in the pickle',
    )
    columns: Optional[PoseColumns] = key(
        "of a table: `{time: t, x: '{keypoint}_x', y: '{keypoint}_y', score: "
        "'{keypoint}_score'}` with the names of `layout`. Empty cells and "
        '(0, 0): not detected'
    )
    units: Optional[PoseUnits] = key(
        'of a table: `time` as above; `keypoints`: `px`, or `fraction` for 0 '
        'to 1 of the image; found if not given'
    )
    keypoint_names: Names = key(
        "of a table, TRC or DeepLabCut: names other than the layout's, such "
        'as `{left_wrist: LWrist}`'
    )

    def check(self, where: str) -> None:
        """Check that a skeleton has the keys of its format, and no others.

        Raises:
            ValueError: Naming the key.
        """
        self.require(('file', 'format'), where)
        common = ('file', 'format', 'layout', 'img_shape', 'rate', 'start_s')
        tracked = ('person', 'max_gap_sec', 'first_frame', 'num_frames')
        table = (*TableKeys.model_fields, 'columns', 'units', 'keypoint_names')
        axes = ('columns.x', 'columns.y')
        clock = () if self.times is not None else ('rate',)
        allowed, needed = {
            'mmpose': (tracked, ('img_shape', *clock)),
            'table': (table, ('layout', 'img_shape', *axes)),
            'mmaction': (('person', 'name'), clock),
        }.get(str(self.format), ((*tracked, 'keypoint_names'), ()))
        known = list(dict.fromkeys((*common, 'times', *allowed)))
        for name in self._order:
            if name not in known:
                what = f'format {self.format} has no key {name}'
                raise mistake(where, what, f'Known: {", ".join(known)}')
        self.require(needed, where)
        if self.times is not None:
            for other in ('rate', 'columns.time'):
                if self.has(other):
                    what = f'both times and {other} are there'
                    raise mistake(where, what, 'Keep one of them')
        elif self.format == 'table':
            self.check_clock(where)


class SegmentKeys(Keys):
    """A labelled segment."""

    start_s: Moment = None
    end_s: Moment = None
    label: Text = None


class LabelColumns(Keys):
    """Columns of a table with a label in each row."""

    time: Text = None
    label: Text = key(example='activity')


class LabelUnits(Keys):
    """Units of a table with a label in each row."""

    time: TimeUnit = key(example='s or ms or us or ns')


class SegmentTable(Keys):
    """A table of segments, or of labels row by row."""

    file: Text = key(example='a CSV of start_s,end_s,label')
    start_s: Number = None
    delimiter: Delimiter = None
    decimal: Decimal = None
    header: Count = None
    columns: Optional[LabelColumns] = None
    units: Optional[LabelUnits] = None
    rate: Positive = None
    without: Texts = None


class TakeKeys(Keys):
    """Keys of a take."""

    take: Text = key('its name, after which files are named', 'its name')
    subject: Text = key('who wears the sensors', 'who wears the sensors')
    scene: Text = key(
        'people filmed together share it; by default the take alone'
    )
    camera: Text = key('name of the camera')
    split: Text = key('`train`, `val` or `test`, before the list above')
    imu: Optional[Annotated[dict[Limb, Sensor], SEVERAL]] = key(
        'placement to keys of a sensor'
    )
    sensor: Optional[Sensor] = key('keys that all its sensors share')
    pose: Optional[Skeleton] = key('keys of the skeleton')
    label: Text = key('action of the whole take, instead of `segments`')
    segments: Optional[
        Annotated[
            Union[
                Annotated[SegmentTable, KEYS],
                Annotated[list[SegmentKeys], SEVERAL, OTHER],
            ],
            KEYS_OR_OTHER,
        ]
    ] = key(
        'list of `{start_s, end_s, label}`, or `{file: labels.csv}` with '
        'these columns (`start_s` beside `file` is added to its times); or '
        '[a label in each row](#labels-in-each-row)'
    )
    origin: Moment = key('time that becomes 0')


class SplitKeys(Keys):
    """Keys of ``split`` at the top."""

    by: Optional[Literal['subject', 'scene', 'take']] = None
    train: Texts = None
    val: Texts = None
    test: Texts = None


_TakeOrName = Annotated[
    Union[Annotated[TakeKeys, KEYS], Annotated[Word, OTHER]], KEYS_OR_OTHER
]


class Study(Keys):
    """Keys of the whole file."""

    name: Text = key('name of the data set, by default `own_data`')
    root: Text = key('directory of the files, relative to the YAML')
    takes: Optional[Annotated[list[_TakeOrName], SEVERAL]] = key(
        'list of names, or of mappings with the keys below'
    )
    pattern: Text = key(
        'instead of names: each file that fits is a take; `{…}` and `*` stand '
        'for text without `/`. With `takes` as well, these override single '
        'takes of the pattern'
    )
    split: Optional[SplitKeys] = key(
        '`{by: subject, train: […], val: […], test: […]}`; by `subject`, '
        '`scene` or `take`'
    )
    classes: Texts = key(
        'labels in the order of their indices; by default those found, sorted'
    )
    defaults: Optional[TakeKeys] = key('keys of takes')


class ImuFile(Sensor):
    """Keys that describe a single file: one sensor, or several."""

    placement: Optional[Limb] = key('where the only sensor is worn')
    imu: Optional[Annotated[dict[Word, Sensor], SEVERAL]] = key(
        'several sensors: placement to its keys'
    )
    sensor: Optional[Sensor] = key('keys that several sensors share')

    def sensors(self, where: str) -> dict[str, dict[str, Any]]:
        """Keys of each sensor by name."""
        content = merged({}, self.plain())
        several, placement = content.pop('imu', None), self.placement
        if (several is None) == (placement is None):
            raise mistake(
                where.rstrip(':'),
                'give either placement (here or as --placement, and the keys '
                'of that sensor), or '
                'imu: {placement: keys, ...} for several sensors; '
                f'{"neither is" if several is None else "both are"} there',
            )
        shared = content.pop('sensor', {})
        if several is None:
            del content['placement']
            return {str(placement): merged(shared, content)}
        if content:
            what = 'put what all sensors share below sensor'
            raise mistake(below(where, min(content)), what)
        return {n: merged(shared, spec) for n, spec in several.items()}


def mapping_schema() -> dict[str, Any]:
    """JSON schema of the YAML, with which editors complete and check it.

    >>> sorted(mapping_schema()['properties'])
    ['classes', 'defaults', 'name', 'pattern', 'root', 'split', 'takes']
    """
    return Study.model_json_schema()
