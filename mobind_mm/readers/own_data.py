"""Own recordings, described by one YAML file, and their reader."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from ..recordings import PoseStream, SensorStream
from .base import (
    BaseReader,
    Output,
    Plan,
    Streams,
    Take,
    get_reader,
    register_reader,
)
from .convert import SPLITS, fingerprint
from .errors import READ_ERRORS, mistake, prefixed, show
from .keys import check_keys, merged, read_yaml
from .mapping import (
    POSE_FORMATS,
    Part,
    SegmentTable,
    Sensor,
    Skeleton,
    SplitKeys,
    Study,
    TakeKeys,
)
from .mapping import Segment as SegmentKeys
from .sensors import read_sensors, shifted
from .skeletons import read_skeleton
from .tables import Dialect, is_date, read_table

Stream = TypeVar('Stream', SensorStream, PoseStream)
Segment = tuple[float, float, str]
"""Start and end in seconds, and label."""

_TEXTS = ('subject', 'scene', 'camera', 'split', 'label')
_FIELD = re.compile(r'\{(\w+)\}')
_NAME = re.compile(r'\w[\w.-]*')
_MAX_FILES = 100_000


@dataclass(frozen=True)
class OwnTake:
    """One take as the mapping describes it.

    Args:
        where: File and key of the mapping, for messages.
        name: Name of the take.
        texts: ``subject``, ``scene``, and perhaps ``camera`` and ``label``.
        split: ``train``, ``val`` or ``test``.
        origin: Second that becomes 0 of the clock; counted from 1970 if
            the streams have dates.
        imu: Checked keys of each sensor by placement.
        pose: Checked keys of the skeleton, or None.
        segments: Labelled segments on the clock of the files.
    """

    where: str
    name: str
    texts: Mapping[str, str]
    split: str
    origin: float
    imu: Mapping[str, Sensor]
    pose: Skeleton | None
    segments: Sequence[Segment]

    def foreign(self) -> list[Part | Skeleton]:
        """Keys of what registered readers read."""
        keys: list[Part | Skeleton] = [self.pose] if self.pose else []
        keys += [t for sensor in self.imu.values() for t in sensor.tables()]
        return [k for k in keys if k.format not in (None, *POSE_FORMATS)]


@register_reader
class OwnDataReader(BaseReader):
    """Reads the recordings that a mapping describes, see docs/own_data.md.

    Args:
        source: YAML file.
    """

    name = 'own_data'

    def __init__(self, source: str | Path) -> None:
        super().__init__(source)
        self.metainfo: Mapping[str, Any] = {}
        self.root = self.source.parent
        self.formats: list[type] = []

    def find(self) -> list[Take]:
        """Check the mapping, and that every file it names exists.

        Raises:
            FileNotFoundError: If a file does not exist.
            ValueError: Naming the YAML file, the key, the value and the fix.
        """
        path = self.source
        study = check_keys(Study, read_yaml(path), f'{path}:')
        self.root = path.parent / (study.root or '.')
        splits = Splits(study.split, f'{path}: split')
        takes = [
            self._resolve(keys, fields, where, splits)
            for keys, fields, where in self._described(study)
        ]
        _check_together(takes)
        splits.check_names(takes)
        classes = _classes(takes, study.classes, f'{path}: classes')
        name = study.name or 'own_data'
        self.metainfo = {'dataset_name': name, 'classes': classes}
        # Sent along to workers, which register the readers by importing them.
        self.formats = [
            get_reader(str(keys.format))
            for take in takes
            for keys in take.foreign()
        ]
        return [self._take(take) for take in takes]

    def plan(self, job: Take, dst: Path) -> Plan:
        """The job is a take."""
        return Plan([job])

    def read(
        self, job: Take, missing: Collection[str] | None
    ) -> tuple[Plan, Iterable[tuple[Output, Streams]]]:
        """Read sensors and skeleton, each if it is missing."""
        return Plan([job]), self._streams(job, missing)

    def segments(
        self, take: Take, start: float, end: float
    ) -> list[dict[str, Any]]:
        """Segments that overlap the recording, cut to it.

        Raises:
            ValueError: If none does.
        """
        own: OwnTake = take.source
        inside: list[Segment] = []
        if 'label' in own.texts:
            inside = [(start, end, own.texts['label'])]
        for first, last, label in own.segments:
            if is_date(first):
                first, last = first - own.origin, last - own.origin
            first, last = max(first, start), min(last, end)
            if first < last:
                inside.append((first, last, label))
        if own.segments and not inside:
            raise mistake(
                f'{own.where}.segments',
                'none lies in the recording, which goes from '
                f'{start:.3f} to {end:.3f} s; they must be on its clock '
                '(start_s of a table of segments is added)',
            )
        classes = self.metainfo['classes']
        return [
            {'start_s': first, 'end_s': last, 'label': classes.index(label)}
            for first, last, label in inside
        ]

    def _take(self, own: OwnTake) -> Take:
        """What the loop needs to know of a take."""
        base = {'dataset': self.metainfo['dataset_name']}
        imu, poses, camera = None, {}, own.texts.get('camera')
        if own.imu:
            files = {
                self.root / str(table.file)
                for sensor in own.imu.values()
                for table in sensor.tables()
            }
            made_of = {
                **base,
                'imu': {k: sensor.plain() for k, sensor in own.imu.items()},
                'fingerprint': fingerprint(sorted(files)),
                'origin': own.origin,
            }
            imu = Output(f'imu/{own.name}.safetensors', made_of)
        if own.pose is not None:
            made_of = {
                **base,
                'pose': own.pose.plain(),
                'fingerprint': fingerprint([self.root / str(own.pose.file)]),
                'origin': own.origin,
            }
            suffix = f'_{camera}' if camera else ''
            path = f'pose/{own.name}{suffix}.safetensors'
            poses = {camera: Output(path, made_of)}
        return Take(
            name=own.name,
            subject=own.texts['subject'],
            scene=own.texts['scene'],
            split=own.split,
            imu=imu,
            poses=poses,
            camera=camera,
            where=own.where,
            fix='Correct start_s, units.time or rate.',
            source=own,
        )

    def _streams(
        self, job: Take, missing: Collection[str] | None
    ) -> Iterator[tuple[Output, Streams]]:
        own: OwnTake = job.source
        for output in job.outputs:
            if missing is not None and output.path not in missing:
                continue
            if output is job.imu:
                where = f'{own.where}.imu'
                streams = read_sensors(own.imu, self.root, where)
                yield (
                    output,
                    {
                        placement: _from_origin(s, own, f'{where}.{placement}')
                        for placement, s in streams.items()
                    },
                )
            else:
                assert own.pose is not None  # it has an output
                where = f'{own.where}.pose'
                pose = read_skeleton(own.pose, self.root, where)
                yield output, _from_origin(pose, own, where)

    def _described(
        self, study: Study
    ) -> Iterable[tuple[dict[str, Any], dict[str, str], str]]:
        """Merged keys, placeholders and key path of each take."""
        path = self.source
        defaults = study.defaults.plain() if study.defaults else {}
        listed = [
            take.plain() if isinstance(take, TakeKeys) else {'take': take}
            for take in study.takes or ()
        ]
        places = [f'{path}: takes[{i}]' for i in range(len(listed))]
        for keys, place in zip(listed, places):
            if study.pattern is None:
                check_keys(TakeKeys, keys, place).require(['take'], place)
        if study.pattern is None:
            if not listed:
                raise mistake(
                    path,
                    'takes is missing',
                    "Add takes: [names], or pattern: 'raw/{take}.csv'",
                )
            return [
                (merged(defaults, keys), {}, place)
                for keys, place in zip(listed, places)
            ]
        where = f'{path}: pattern'
        takes: dict[str, tuple[dict, dict, str]] = {}
        for fields in find_fields(self.root, study.pattern, where):
            name = fill(defaults.get('take') or '{take}', fields, where)
            if name in takes:
                raise mistake(
                    where,
                    f'two files are take {name!r}',
                    'Set defaults.take from more placeholders, such as '
                    "'{subject}_{take}'",
                )
            keys = {**defaults, 'take': name}
            takes[name] = (keys, fields, f'{path}: take {name}')
        for keys, place in zip(listed, places):
            name = keys.get('take')
            if name not in takes:
                raise mistake(
                    place,
                    f'no file of pattern is take {name!r}',
                    'Correct take, or leave pattern out',
                    name=name,
                    known=takes,
                )
            before, fields, _ = takes[name]
            takes[name] = (merged(before, keys), fields, place)
        return list(takes.values())

    def _resolve(
        self,
        keys: dict[str, Any],
        fields: dict[str, str],
        where: str,
        splits: Splits,
    ) -> OwnTake:
        """Fill placeholders in and check one take."""
        keys = merged({}, keys)
        name = check_take_name(fill(keys['take'], fields, where), where)
        fields = {**fields, 'take': name}
        check_keys(TakeKeys, keys, where).require(['subject'], where)
        texts = {'scene': name, **{k: keys[k] for k in _TEXTS if k in keys}}
        for key in _TEXTS:
            if key in texts:
                texts[key] = fill(texts[key], fields, f'{where}.{key}')
                fields[key] = texts[key]
        if not keys.get('imu') and not keys.get('pose'):
            raise mistake(where, 'neither imu nor pose', 'Add one')
        imu = {}
        for placement, sensor in keys.get('imu', {}).items():
            place = f'{where}.imu.{placement}'
            content = merged(keys.get('sensor', {}), sensor)
            content = fill(content, fields, place)
            imu[placement] = check_keys(Sensor, content, place)
            imu[placement].check(place)
            for part in imu[placement].tables():
                self._check_file(part.file, place)
        pose = self._pose(keys.get('pose'), fields, f'{where}.pose')
        origin = keys.get('origin')
        if origin is None:  # the date of the video's first frame
            origin = (pose.start_s if pose else None) or 0.0
            origin = origin if is_date(origin) else 0.0
        return OwnTake(
            where=where,
            name=name,
            texts=texts,
            split=splits.of({**texts, 'take': name}, where),
            origin=origin,
            imu=imu,
            pose=pose,
            segments=self._segments(keys, texts, fields, f'{where}.segments'),
        )

    def _pose(
        self, keys: dict[str, Any] | None, fields: dict[str, str], where: str
    ) -> Skeleton | None:
        if not keys:
            return None
        if keys.get('format') == 'mmaction':
            keys = {'name': '{take}', **keys}
        pose = check_keys(Skeleton, fill(keys, fields, where), where)
        pose.check(where)
        self._check_file(pose.file, where)
        return pose

    def _check_file(self, name: str | None, where: str) -> None:
        if not (self.root / str(name)).is_file():
            raise mistake(
                f'{where}.file',
                f'{self.root / str(name)} does not exist',
                'Correct file or root (put names such as 001 in quotes)',
                kind=FileNotFoundError,
            )

    def _segments(
        self,
        keys: Mapping[str, Any],
        texts: Mapping[str, str],
        fields: dict[str, str],
        where: str,
    ) -> list[Segment]:
        """Segments of a take by time; dates count from 1970."""
        if 'segments' not in keys:
            return []
        if 'label' in texts:
            raise mistake(where, 'label is there too', 'Keep one of them')
        given = fill(keys['segments'], fields, where)
        if isinstance(given, Mapping):
            table = check_keys(SegmentTable, given, where)
            return sorted(_segments_of_table(table, self.root, where))
        segments = []
        for index, entry in enumerate(given):
            place = f'{where}[{index}]'
            segment = check_keys(SegmentKeys, entry, place)
            segment.require(('start_s', 'end_s', 'label'), place)
            start, end = entry['start_s'], entry['end_s']
            _check_order(start, end, place)
            segments.append((start, end, entry['label']))
        return sorted(segments)


def _segments_of_table(
    keys: SegmentTable, root: Path, where: str
) -> Iterator[Segment]:
    """Segments of a table, to whose times ``start_s`` is added."""
    keys.require(['file'], where)
    path, times = root / str(keys.file), ('start_s', 'end_s')
    dialect = Dialect(keys.delimiter, keys.decimal)
    try:
        table = read_table(path, (), times, ('label',), dialect=dialect)
    except READ_ERRORS as error:
        raise prefixed(error, where) from None
    shift = keys.start_s or 0.0
    for line, start, end, label in zip(
        table.lines,
        table.numbers['start_s'],
        table.numbers['end_s'],
        table.texts['label'],
    ):
        place = f'{where}: {table.path}, row {line}'
        _check_order(start, end, place)
        if not label:
            raise mistake(place, 'label is empty', 'Name the action')
        yield float(start) + shift, float(end) + shift, label


def _check_order(start: float, end: float, where: str) -> None:
    if not start < end:  # NaN where a cell is empty
        raise mistake(where, f'start_s {start} must be less than end_s {end}')


def _from_origin(stream: Stream, take: OwnTake, where: str) -> Stream:
    """Count the clock of a stream from the origin of its take."""
    first, origin = stream.clock.span[0], take.origin
    if is_date(origin) and not is_date(first):
        raise mistake(
            where,
            f'its times start at {first:.3f} s, but the clock of the take '
            'counts from a date',
            'Give its start_s as the date at which its times are 0',
        )
    if is_date(first) and not is_date(origin):
        raise mistake(
            where,
            f'its times are dates ({first:.3f} s since 1970)',
            'Give pose.start_s as the date of the first frame, or set origin '
            'to the date that becomes 0',
        )
    return replace(stream, clock=shifted(stream.clock, -origin))


def _check_together(takes: Sequence[OwnTake]) -> None:
    """Names are unique; people of a scene share the origin of their clock."""
    names: set[str] = set()
    scenes: dict[str, OwnTake] = {}
    for take in takes:
        if take.name in names:
            raise mistake(
                take.where,
                f'take {take.name!r} is there twice',
                'Give each a name of its own',
            )
        names.add(take.name)
        other = scenes.setdefault(take.texts['scene'], take)
        if other.origin != take.origin:
            raise mistake(
                take.where,
                f'its clock starts at {take.origin}, that of {other.name!r} '
                f'of the same scene at {other.origin}',
                'Give both the same origin',
            )


def _classes(
    takes: Sequence[OwnTake], given: Sequence[str] | None, where: str
) -> list[str]:
    """Labels by index: as given, or those of the takes, sorted."""
    labels: dict[str, str] = {}
    for take in takes:
        for *_, label in take.segments:
            labels.setdefault(label, take.where)
        if 'label' in take.texts:
            labels.setdefault(take.texts['label'], take.where)
    if given is None:
        return sorted(labels)
    if len(set(given)) < len(given):
        raise mistake(where, f'{show([*given])} names a label twice')
    for label, place in labels.items():
        if label not in given:
            raise mistake(
                place,
                f'label {label!r} is not in classes',
                'Correct one of them',
                name=label,
                known=given,
            )
    return list(given)


class Splits:
    """Splits by lists of subjects, scenes or takes, or take by take.

    Args:
        keys: Value of ``split``, None without one.
        where: File and key, for messages.

    Raises:
        ValueError: If a name is in two lists.
    """

    def __init__(self, keys: SplitKeys | None, where: str) -> None:
        self.where = where
        self.by = None
        self.table: dict[str, str] = {}
        if keys is None:
            return
        keys.require(['by'], where)
        self.by = keys.by
        for split in SPLITS:
            for name in getattr(keys, split) or ():
                if name in self.table:
                    raise mistake(
                        f'{where}.{split}',
                        f'{name!r} is in {self.table[name]} already',
                    )
                self.table[name] = split

    def of(self, texts: Mapping[str, str], where: str) -> str:
        """Split of a take, which its own ``split`` decides first.

        Args:
            texts: ``take``, ``subject``, ``scene`` and perhaps ``split``.
            where: File and key of the take, for messages.

        Raises:
            ValueError: If nothing says which.
        """
        split = texts.get('split')
        if split in SPLITS:
            return str(split)
        if split is not None:
            raise mistake(
                f'{where}.split',
                'is not known',
                f'Choose from {", ".join(SPLITS)}',
                value=split,
                name=split,
                known=SPLITS,
            )
        if self.by is None:
            raise mistake(
                where,
                'no split; add split: train, val or test to the take, or '
                'split: {by: subject, train: [...], test: [...]} at the top',
            )
        name = texts[self.by]
        if name not in self.table:
            raise mistake(
                where,
                f'{self.by} {name!r} is in no list of split',
                'Add it',
                name=name,
                known=self.table,
            )
        return self.table[name]

    def check_names(self, takes: Sequence[OwnTake]) -> None:
        """Check that every listed name is one of a take's.

        Raises:
            ValueError: Naming the first that is not: it is misspelt.
        """
        by = str(self.by)
        known = {{**take.texts, 'take': take.name}.get(by) for take in takes}
        for name, split in self.table.items():
            if name not in known:
                raise mistake(
                    f'{self.where}.{split}',
                    f'no take has the {by} {name!r}',
                    'Correct it',
                    name=name,
                    known=[*map(str, known)],
                )


def fill(value: Any, fields: Mapping[str, str], where: str) -> Any:
    """Replace placeholders in all texts of a value.

    ``columns`` are left alone: their placeholder is a keypoint.

    Raises:
        ValueError: If a field is unknown.

    >>> fill({'file': '{take}.csv'}, {'take': 'walk'}, 'a.yml')
    {'file': 'walk.csv'}
    """
    if isinstance(value, str):
        for name in _FIELD.findall(value):
            if name not in fields:
                raise mistake(
                    where,
                    f'{value!r} has the placeholder {{{name}}}; known are '
                    f'{", ".join(fields) or "none"}',
                )
        return _FIELD.sub(lambda match: fields[match[1]], value)
    if isinstance(value, dict):
        return {
            k: v if k == 'columns' else fill(v, fields, f'{where}.{k}')
            for k, v in value.items()
        }
    if isinstance(value, list):
        return [fill(v, fields, f'{where}[{i}]') for i, v in enumerate(value)]
    return value


def check_take_name(name: str, where: str) -> str:
    """A name that can be part of a file name."""
    if not _NAME.fullmatch(name) or len(name) > 150:
        raise mistake(
            where,
            f'take {name[:160]!r} must be letters, digits, _ . or -, because '
            'files are named after it',
        )
    return name


def find_fields(root: Path, pattern: str, where: str) -> list[dict[str, str]]:
    """Values of the placeholders, for each file that fits a pattern.

    Args:
        root: Directory to search.
        pattern: Path below it with placeholders and ``*``; each stands for
            one or more (``*``: any number of) characters but ``/``, the
            first ones for as few as possible.
        where: File and key of the pattern, for messages.

    Raises:
        ValueError: If the pattern is not usable or no file fits.
    """
    if pattern.startswith('/') or '..' in pattern or '**' in pattern:
        raise mistake(
            where,
            f'{pattern!r} must be a path below root without .. or **',
            'Set root',
        )
    if not _FIELD.search(pattern):
        raise mistake(
            where, f"{pattern!r} has no placeholder, such as '{{take}}'"
        )
    regex = _regex(pattern)
    glob = _FIELD.sub('*', re.sub(r'([\[\]?])', r'[\1]', pattern))
    fields = []
    for path in sorted(root.glob(glob)):
        match = regex.fullmatch(path.relative_to(root).as_posix())
        if match and path.is_file():
            fields.append(match.groupdict())
        if len(fields) > _MAX_FILES:
            raise mistake(where, f'more than {_MAX_FILES} files fit')
    if not fields:
        raise mistake(
            where,
            f'no file fits {pattern!r} below {root}',
            'Correct pattern or root',
        )
    return fields


def _regex(pattern: str) -> re.Pattern:
    """Regular expression; a repeated placeholder must repeat its text."""
    parts, seen = [], set()
    for index, part in enumerate(_FIELD.split(pattern)):
        if index % 2 and part in seen:
            parts.append(f'(?P={part})')
        elif index % 2:
            seen.add(part)
            parts.append(f'(?P<{part}>[^/]+?)')
        else:
            parts.append(re.escape(part).replace(r'\*', '[^/]*'))
    return re.compile(''.join(parts))
