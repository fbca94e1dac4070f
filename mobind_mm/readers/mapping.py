"""The YAML with which users describe their files, held by pydantic.

Every key is optional here, and null removes a key that defaults set: a
mapping is checked as it is written, then merged; what a sensor or a skeleton
needs is checked on the result, by :meth:`Sensor.check` and
:meth:`Skeleton.check`. The descriptions are those of docs/own_data.md and of
the JSON schema.
"""

# No postponed annotations: pydantic reads them, and Python 3.9 has no X | Y.
import datetime
import numbers
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Callable,
    Literal,
    Optional,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PrivateAttr,
    Tag,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from ..skeleton import LIMBS
from .base import FileReader, readers
from .errors import below, mistake, show
from .tables import Dialect, parse_date

UNITS = {
    'acc': {'m/s2': 1.0, 'g': 9.80665, 'mg': 9.80665e-3},
    'gyro': {'rad/s': 1.0, 'deg/s': 3.141592653589793 / 180},
    'mag': {'uT': 1.0, 'mT': 1e3, 'gauss': 100.0},
}
"""What one unit is in ours: m/s^2, rad/s and uT."""
CHANNELS = ('acc', 'gyro', 'quat', 'mag')
POSE_FORMATS = ('mmpose', 'table', 'mmaction')

_MAX_BYTES = 10_000_000
_MAX_KEYS = 10_000
_COUNT = ('is not a whole number from 0', '')
_WORDING = {
    'string_type': ('is not text', 'Put it in quotes'),
    'list_type': ('must be a list with an entry', ''),
    'dict_type': ('must be a mapping with an entry', ''),
    'int_type': _COUNT,
    'greater_than_equal': _COUNT,
    'less_than': _COUNT,
    'greater_than': ('must be greater than 0', ''),
    'literal_error': ('is not known', 'Choose from {known}'),
}
"""What pydantic's kinds of errors are called here, and the fix."""

M = TypeVar('M', bound='Keys')


def _wrong(what: str, fix: str = '', **facts: Any) -> PydanticCustomError:
    """An error in the terms of :func:`.errors.mistake`."""
    facts.update(what=what, fix=fix)
    return PydanticCustomError('wrong', 'wrong', facts)


def _as_text(value: Any) -> Any:
    """A whole number is taken as text, as it is written."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if whole else value


def _filled(value: str) -> str:
    if not value.strip():
        raise _wrong('is empty', 'Give it a text')
    return value


def _as_number(value: Any) -> float:
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not real or not abs(value) < 1e18:
        raise _wrong('is not a number')
    return float(value)


def _as_moment(value: Any) -> float:
    """Seconds; of a date, those since 1970."""
    if isinstance(value, datetime.datetime):
        value = value.isoformat()
    if not isinstance(value, str):
        return _as_number(value)
    seconds = parse_date(value)
    if seconds is None:
        raise _wrong(
            'is neither a number of seconds nor a date such as '
            "'2024-05-01T10:00:00.000Z'"
        )
    return seconds


def _list_of(length: int, what: str) -> BeforeValidator:
    def check(value: Any) -> Any:
        if not isinstance(value, list) or len(value) != length:
            raise _wrong(f'must be {what}')
        return value

    return BeforeValidator(check)


def _different(names: list[str]) -> list[str]:
    if len({name.lstrip('-') for name in names}) < len(names):
        raise _wrong('names a column twice')
    return names


def _positive(sides: list[int]) -> list[int]:
    if min(sides) < 1:
        raise _wrong('must be greater than 0')
    return sides


def _template(value: str) -> str:
    if re.findall(r'\{(\w*)\}', value) != ['keypoint']:
        raise _wrong("must hold {keypoint} once, such as '{keypoint}_x'")
    return value


def _one_of(value: Any, known: Iterable[str], what: str) -> str:
    known = list(dict.fromkeys(known))
    if isinstance(value, str) and value in known:
        return value
    fix = f'Choose from {", ".join(known)}'
    raise _wrong(what, fix, name=value, known=known)


def _placement(value: Any) -> str:
    return _one_of(value, sorted(LIMBS), 'is not a placement of a sensor')


def _format(*built_in: str) -> BeforeValidator:
    """A format of the package, or one whose reader is registered."""

    def check(value: Any) -> str:
        files = [n for n, c in readers().items() if issubclass(c, FileReader)]
        return _one_of(value, [*built_in, *files], 'is not known')

    return BeforeValidator(check)


def _tag_count(value: Any) -> str:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return '<count>' if whole else '<rule>'


def _tag_keys(value: Any) -> str:
    return '<keys>' if isinstance(value, Mapping) else '<other>'


_Word = Annotated[str, BeforeValidator(_as_text), AfterValidator(_filled)]
_Count = Annotated[int, Field(ge=0, lt=10**9)]
_Limb = Annotated[str, BeforeValidator(_placement)]
_SEVERAL = Field(min_length=1)
_COLUMNS = AfterValidator(_different)

Text = Optional[_Word]
Texts = Optional[Annotated[list[_Word], _SEVERAL]]
Names = Optional[Annotated[dict[_Word, _Word], _SEVERAL]]
Template = Optional[Annotated[_Word, AfterValidator(_template)]]
Count = Optional[_Count]
Number = Optional[Annotated[float, BeforeValidator(_as_number)]]
Positive = Optional[Annotated[float, BeforeValidator(_as_number), Field(gt=0)]]
Moment = Optional[
    Annotated[
        float,
        BeforeValidator(_as_moment),
        WithJsonSchema({'type': ['number', 'string']}),
    ]
]
Three = Optional[
    Annotated[list[_Word], _list_of(3, 'a list of 3 columns'), _COLUMNS]
]
Four = Optional[
    Annotated[list[_Word], _list_of(4, 'a list of 4 columns'), _COLUMNS]
]
ImgShape = Optional[
    Annotated[
        list[_Count],
        _list_of(2, '[height, width] in pixels'),
        AfterValidator(_positive),
    ]
]
Person = Optional[
    Annotated[
        Union[
            Annotated[Literal['longest', 'largest'], Tag('<rule>')],
            Annotated[_Count, Tag('<count>')],
        ],
        Discriminator(_tag_count),
    ]
]
Delimiter = Optional[Literal[',', ';', '\t', '|', ' ']]
Decimal = Optional[Literal['.', ',']]
TimeUnit = Optional[Literal['s', 'ms', 'us', 'ns']]


def key(description: str = '', example: str = '') -> Any:
    """A key that may be absent."""
    examples = [example] if example else None
    return Field(None, description=description or None, examples=examples)


class Keys(BaseModel):
    """A mapping with known keys, none of which is required."""

    model_config = ConfigDict(
        extra='forbid', frozen=True, strict=True, defer_build=True
    )
    _order: tuple = PrivateAttr(())

    @model_validator(mode='wrap')
    @classmethod
    def _check_keys(cls, value: Any, handler: Callable) -> Any:
        known = [*cls.model_fields]
        if not isinstance(value, Mapping):
            raise _wrong(f'must be a mapping of {", ".join(known)}')
        for key in value:
            if key not in known:
                raise PydanticCustomError(
                    'unknown_key', 'wrong', {'name': key, 'known': known}
                )
        model = handler(dict(value))
        model._order = tuple(value)
        return model

    def plain(self) -> dict[str, Any]:
        """The keys as they were given, values in their final types."""
        return {key: _plain(getattr(self, key)) for key in self._order}

    def require(self, names: Iterable[str], where: str) -> None:
        """Check that keys are there.

        Args:
            names: Keys, those below another as ``'units.acc'``.
            where: File and key of this mapping.

        Raises:
            ValueError: Naming the first key that is missing.
        """
        for name in names:
            value: Any = self
            for part in name.split('.'):
                value = getattr(value, part, None)
            if value is None:
                raise mistake(
                    where,
                    f'{name} is missing',
                    f'Add {name}: {self._example(name)}',
                )

    @classmethod
    def _example(cls, name: str) -> str:
        """What could stand under a key, such as ``'units.acc'``."""
        first, *rest = name.split('.', 1)
        field = cls.model_fields[first]
        for kind in get_args(field.annotation):
            if rest and isinstance(kind, type) and issubclass(kind, Keys):
                return kind._example(rest[0])
            if get_origin(kind) is Literal and not field.examples:
                return ' or '.join(get_args(kind))
        return (field.examples or ['...'])[0]


def _plain(value: Any) -> Any:
    if isinstance(value, Keys):
        return value.plain()
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value


class Columns(Keys):
    """Columns of a sensor's table."""

    time: Text = key(example='the column of the times')
    acc: Three = None
    gyro: Three = None
    quat: Four = None
    mag: Three = None


class Units(Keys):
    """Units of a sensor's table."""

    time: TimeUnit = None
    acc: Optional[Literal['m/s2', 'g', 'mg']] = None
    gyro: Optional[Literal['rad/s', 'deg/s']] = None
    mag: Optional[Literal['uT', 'mT', 'gauss']] = None


class TableKeys(Keys):
    """Keys of any table."""

    file: Text = key(
        'CSV, or Parquet (`.parquet`, `.pq`; needs `pip install '
        'pyarrow`), below `root`',
        'a path below root, such as raw/{take}.csv',
    )
    rate: Positive = key(
        'Hz, where the table has no times', 'frames per second of the video'
    )
    start_s: Moment = key('added to the times of the file')
    where: Names = key(
        '`{column: value}`: only such rows, for a table of several sensors'
    )
    delimiter: Delimiter = key(
        'comma, semicolon, tab, pipe or space; found if not given'
    )
    decimal: Decimal = key('`.` or `,`; found if not given')
    header: Count = key(
        'row of the names, found if not given; 0: none, columns go by number'
    )
    skip_rows: Count = key('rows to leave out after the names, such as units')

    def dialect(self) -> Dialect:
        """How the text file is written."""
        return Dialect(
            self.delimiter, self.decimal, self.header, self.skip_rows or 0
        )

    def check_clock(self, where: str) -> None:
        """Check that a stream has times or a rate, not both.

        Raises:
            ValueError: Naming both keys.
        """
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

    format: Optional[Annotated[str, _format('table')]] = key(
        '`table`, or the name of a registered reader '
        '([extending.md](extending.md)), which then needs `file` alone; '
        '`table`'
    )
    columns: Optional[Columns] = key(
        '`time`, and three each for `acc`, `gyro`, `mag`, four '
        'for `quat`; `-ax` negates a column',
        '{time: t, acc: [ax, ay, az]}',
    )
    units: Optional[Units] = key(
        '`time`: `s` `ms` `us` `ns`; `acc`: `m/s2` `g` `mg`; '
        '`gyro`: `rad/s` `deg/s`; `mag`: `uT` `mT` `gauss`. Dates such as '
        '`2024-05-01T10:00:00.020Z` need no unit'
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
        named = {c: getattr(self.columns, c, None) for c in CHANNELS}
        return {c: names for c, names in named.items() if names is not None}

    def check_part(self, where: str) -> None:
        """Check that one table has every key that it needs.

        Raises:
            ValueError: Naming the key that is missing or contradicts another.
        """
        if self.format not in (None, 'table'):
            return self.require(['file'], where)
        self.require(('file', 'columns'), where)
        assert self.columns is not None
        channels = self.channels()
        if not channels:
            raise mistake(
                f'{where}.columns',
                'no channel',
                f'Name the columns of {", ".join(CHANNELS)}',
            )
        needed = [f'units.{c}' for c in channels if c != 'quat']
        if 'acc' in channels:
            needed += ['gravity', 'frame']
        if 'quat' in channels:
            needed += ['quat_order', 'quat_direction']
        self.require(needed, where)
        names = [n.lstrip('-') for some in channels.values() for n in some]
        names += [self.columns.time] if self.columns.time else []
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise mistake(
                f'{where}.columns',
                f'{twice[0]!r} serves two purposes',
                'Correct one',
            )
        self.check_clock(where)
        return None


class Sensor(Part):
    """Keys of one sensor."""

    parts: Optional[Annotated[list[Part], _SEVERAL]] = key(
        'list of tables (keys above) with a channel each; all '
        'are brought to the times of the first'
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
        if self.parts is None:
            return self.check_part(where)
        seen: dict[str, int] = {}
        for index, part in enumerate(self.tables()):
            place = f'{where}.parts[{index}]'
            part.check_part(place)
            for channel in part.channels():
                if channel in seen:
                    raise mistake(
                        place,
                        f'parts[{seen[channel]}] has {channel} already',
                        'Name each channel in one part',
                    )
                seen[channel] = index
        return None


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

    format: Optional[Annotated[str, _format(*POSE_FORMATS)]] = key(
        "`mmpose`: MMPose's JSON ([mmpose.md](mmpose.md)); "
        "`table`: CSV or Parquet; `mmaction`: MMAction2's pickle, which "
        'is read without executing anything; or the name of a registered '
        'reader ([extending.md](extending.md))',
        ' or '.join(POSE_FORMATS),
    )
    rate: Positive = key(
        'frames per second of the video; of a table, where it has no times',
        'frames per second of the video',
    )
    img_shape: ImgShape = key(
        '`[height, width]` of the video in pixels; of `mmaction` '
        'where the pickle does not say',
        '[height, width] of the video in pixels',
    )
    layout: Text = key(
        'name of the keypoints, such as `coco`; a table needs '
        'it, other formats tell',
        'the skeleton, such as coco',
    )
    person: Person = key(
        '`mmpose`, `mmaction`: `longest`, `largest` or a number '
        '(an id; in a pickle it counts from 0); default `longest`'
    )
    max_gap_sec: Positive = key(
        '`mmpose`: seconds without the person after which '
        'whoever comes is somebody else'
    )
    first_frame: Count = key(
        "`mmpose`: `frame_id` of the video's first frame; else found"
    )
    num_frames: Count = key(
        '`mmpose`: number of frames of the video; by default up to the last one in the file'
    )
    name: Text = key(
        "`mmaction`: `frame_dir` of the take; default: the take's name",
        'frame_dir of the take in the pickle',
    )
    columns: Optional[PoseColumns] = key(
        "`table`: `{time: t, x: '{keypoint}_x', y: "
        "'{keypoint}_y', score: '{keypoint}_score'}`, with the names of "
        '`layout`. Empty cells: not detected. The other keys of a table '
        '(`where`, `delimiter`, ...) are as above'
    )
    units: Optional[PoseUnits] = key(
        '`table`: `time` as above; `keypoints`: `px`, or '
        '`fraction` for 0 to 1 of the image'
    )
    keypoint_names: Names = key(
        "`table`: other names than the layout's, such as "
        '`{left_wrist: LWrist}`'
    )

    def check(self, where: str) -> None:
        """Check that a skeleton has the keys that its format needs.

        Raises:
            ValueError: Naming the key that is missing or belongs to another
                format.
        """
        self.require(('file', 'format'), where)
        common = ('file', 'format', 'layout', 'img_shape', 'rate', 'start_s')
        tracked = ('person', 'max_gap_sec', 'first_frame', 'num_frames')
        table = (*TableKeys.model_fields, 'columns', 'units', 'keypoint_names')
        allowed, needed = {
            'mmpose': (tracked, ('img_shape', 'rate')),
            'table': (
                table,
                ('layout', 'img_shape', 'columns.x', 'columns.y'),
            ),
            'mmaction': (('person', 'name'), ('rate', 'name')),
        }.get(str(self.format), (tracked, ()))
        known = list(dict.fromkeys((*common, *allowed)))
        for key in self._order:
            if key not in known:
                raise mistake(
                    where,
                    f'format {self.format} has no key {key}',
                    f'Known: {", ".join(known)}',
                )
        self.require(needed, where)
        if self.format == 'table':
            self.check_clock(where)


class Segment(Keys):
    """A labelled segment."""

    start_s: Moment = None
    end_s: Moment = None
    label: Text = None


class SegmentTable(Keys):
    """A table of segments."""

    file: Text = key(example='a CSV of start_s,end_s,label')
    start_s: Number = None
    delimiter: Delimiter = None
    decimal: Decimal = None


class TakeKeys(Keys):
    """Keys of a take."""

    take: Text = key('its name, which files are named after', 'its name')
    subject: Text = key('who wears the sensors', 'who wears the sensors')
    scene: Text = key(
        'people filmed together share it; by default each take is its own'
    )
    camera: Text = key('which camera filmed')
    split: Text = key('`train`, `val` or `test`, before the list above')
    imu: Optional[Annotated[dict[_Limb, Sensor], _SEVERAL]] = key(
        'placement to keys of a sensor'
    )
    sensor: Optional[Sensor] = key('keys that all its sensors share')
    pose: Optional[Skeleton] = key('keys of the skeleton')
    label: Text = key('action of the whole take; or else')
    segments: Optional[
        Annotated[
            Union[
                Annotated[SegmentTable, Tag('<keys>')],
                Annotated[list[Segment], _SEVERAL, Tag('<other>')],
            ],
            Discriminator(_tag_keys),
        ]
    ] = key(
        'list of `{start_s, end_s, label}`, or `{file: '
        'labels.csv}` with these columns (`start_s` beside `file` is added '
        'to its times)'
    )
    origin: Moment = key('time that becomes 0')


class SplitKeys(Keys):
    """Keys of ``split`` at the top."""

    by: Optional[Literal['subject', 'scene', 'take']] = key(
        example='subject, scene or take'
    )
    train: Texts = None
    val: Texts = None
    test: Texts = None


class Study(Keys):
    """Keys of the whole file."""

    name: Text = key('name of the data set; default `own_data`')
    root: Text = key(
        'directory of the files, relative to the YAML; default `.`'
    )
    takes: Optional[
        Annotated[
            list[
                Annotated[
                    Union[
                        Annotated[TakeKeys, Tag('<keys>')],
                        Annotated[_Word, Tag('<other>')],
                    ],
                    Discriminator(_tag_keys),
                ]
            ],
            _SEVERAL,
        ]
    ] = key('list of names, or of mappings with the keys below')
    pattern: Text = key(
        'instead of names: each file that fits is a take; `{…}` '
        'and `*` stand for text without `/`. With `takes` as well, these '
        'override single takes of the pattern'
    )
    split: Optional[SplitKeys] = key(
        '`{by: subject, train: […], val: […], test: […]}`; by '
        '`subject`, `scene` or `take`'
    )
    classes: Texts = key(
        'labels in the order of their indices; by default those found, sorted'
    )
    defaults: Optional[TakeKeys] = key('keys of takes')


class ImuFile(Sensor):
    """Keys that describe a single file: one sensor, or several."""

    placement: Optional[_Limb] = key('where the only sensor is worn')
    imu: Optional[Annotated[dict[_Word, Sensor], _SEVERAL]] = key(
        'several sensors: placement to its keys'
    )
    sensor: Optional[Sensor] = key('keys that several sensors share')

    def sensors(self, where: str) -> dict[str, dict[str, Any]]:
        """Keys of each sensor by name.

        Raises:
            ValueError: If neither or both of ``placement`` and ``imu`` are
                there, or shared keys are at the wrong place.
        """
        content = merged({}, self.plain())
        several, placement = content.pop('imu', None), self.placement
        if (several is None) == (placement is None):
            raise mistake(
                where.rstrip(':'),
                'give either placement (and the keys of that sensor), or '
                'imu: {placement: keys, ...} for several sensors; '
                f'{"neither is" if several is None else "both are"} there',
            )
        shared = content.pop('sensor', {})
        if several is None:
            del content['placement']
            return {str(placement): merged(shared, content)}
        if content:
            raise mistake(
                below(where, min(content)),
                'put what all sensors share below sensor',
            )
        return {n: merged(shared, spec) for n, spec in several.items()}


def check_keys(model: type[M], content: Any, where: str) -> M:
    """Check the values of a mapping.

    Args:
        model: What it describes.
        content: The mapping.
        where: File and key of it, such as ``study.yml:``.

    Raises:
        ValueError: Naming file, key path, value, allowed values and the
            nearest name.

    >>> check_keys(Sensor, {'units': {'acc': 'G'}}, 'a.yml:')
    Traceback (most recent call last):
    ...
    ValueError: a.yml: units.acc: 'G' is not known. Choose from m/s2, g, mg.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    raise _explained(first, where)


def _explained(error: ErrorDetails, where: str) -> Exception:
    """An error of pydantic in our words."""
    value = error['input']
    for part in error['loc']:
        if isinstance(part, int):
            where = f'{where}[{part}]'
        elif part == '[key]':
            where = where.rpartition('.')[0]
        elif not re.fullmatch(r'<\w+>', part):
            where = below(where, part)
    kind, facts = error['type'], error.get('ctx', {})
    if kind == 'unknown_key':
        return mistake(
            where.rstrip(':'),
            f'unknown key {show(facts["name"])}',
            f'Known: {", ".join(facts["known"])}',
            name=facts['name'],
            known=facts['known'],
        )
    what, fix = facts.get('what'), facts.get('fix', '')
    known = facts.get('known', ())
    if kind == 'literal_error':
        quoted = re.findall(r"'((?:\\t|[^'])+)'", facts['expected'])
        known = [text.replace('\\t', '\t') for text in quoted]
    if what is None:
        if kind.startswith('too_'):  # short, long
            kind = 'list_type' if isinstance(value, list) else 'dict_type'
        what, fix = _WORDING.get(kind, (error['msg'], ''))
        fix = fix.format(known=', '.join(known))
    name = value if known else None
    return mistake(where, what, fix, value=value, name=name, known=known)


def merged(base: Mapping, over: Mapping) -> dict[str, Any]:
    """Mapping whose values in ``over`` win; there, None removes a key.

    >>> merged({'a': {'b': 1, 'c': 2}}, {'a': {'b': None}, 'd': 3})
    {'a': {'c': 2}, 'd': 3}
    """
    result = dict(base)
    for key, value in over.items():
        if isinstance(value, Mapping):
            before = result.get(key)
            known = before if isinstance(before, Mapping) else {}
            value = merged(known, value)
        result[key] = value
    return {key: value for key, value in result.items() if value is not None}


def mapping_schema() -> dict[str, Any]:
    """JSON schema of the YAML, with which editors complete and check it.

    >>> sorted(mapping_schema()['properties'])
    ['classes', 'defaults', 'name', 'pattern', 'root', 'split', 'takes']
    """
    return Study.model_json_schema()


def key_tables() -> dict[str, str]:
    """Markdown tables of the keys, which docs/own_data.md prints."""
    tables = {}
    for title, model in (
        ('key', Study),
        ('key of a take', TakeKeys),
        ('key of a sensor', Sensor),
        ('key of a skeleton', Skeleton),
    ):
        above = {*TableKeys.model_fields} - {'file', 'rate'}
        fields = sorted(
            model.model_fields.items(), key=lambda f: f[0] in above
        )
        rows = [
            f'| `{name}` | {field.description} |'
            for name, field in fields
            if model is not Skeleton or name not in above
        ]
        tables[title] = '\n'.join([f'| {title} | |', '|---|---|', *rows, ''])
    return tables


class _Loader(yaml.SafeLoader):
    """The safe loader, which also refuses a key that is there twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict:
        """Check the keys, then construct."""
        if isinstance(node, yaml.MappingNode):
            seen = set()
            for key_node, _ in node.value:
                key = (key_node.tag, str(key_node.value)[:200])
                if key in seen and not key_node.tag.endswith(':merge'):
                    line = key_node.start_mark.line + 1
                    raise ValueError(
                        f'key {key[1]!r} is there twice, line {line}'
                    )
                seen.add(key)
        return super().construct_mapping(node, deep)

    def flatten_mapping(self, node: Any) -> None:
        """Merge ``<<``; nested merges can double the keys each time."""
        super().flatten_mapping(node)
        if len(node.value) > _MAX_KEYS:
            raise ValueError(f'more than {_MAX_KEYS} keys in one mapping')


def read_yaml(path: Union[str, Path]) -> dict[str, Any]:
    """Read a mapping; nothing in it can execute code.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: Naming file, line and mistake.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist; give a YAML file.')
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f'{path} is larger than {_MAX_BYTES} bytes.')
    try:
        content = yaml.load(
            path.read_text(encoding='utf-8-sig'), Loader=_Loader
        )
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f', line {mark.line + 1}' if mark else ''
        raise ValueError(
            f'{path}{line}: not YAML ({error.problem}). Check indentation, '
            'colons and quotes there.'
        ) from None
    except Exception as error:  # values that the loader cannot make
        reason = ' '.join(str(error).split())[:200] or type(error).__name__
        raise ValueError(f'{path}: not YAML ({reason}).') from None
    if not isinstance(content, dict):
        raise ValueError(
            f'{path} holds {type(content).__name__}, expected a mapping with '
            'takes.'
        )
    return content
