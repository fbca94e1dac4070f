"""Own recordings, described by one YAML file, and their reader."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from ..recordings import PoseStream, SensorStream
from ..utils.errors import mistake
from .base import (
    DataSetReader,
    Output,
    Plan,
    Streams,
    Take,
    get_reader,
    register_reader,
)
from .convert import fingerprint
from .dates import DAY, EPOCHS, is_date
from .keys import check_keys, merged, read_yaml
from .mapping import (
    POSE_FORMATS,
    Part,
    SegmentKeys,
    SegmentTable,
    Sensor,
    Skeleton,
    Study,
    TakeKeys,
)
from .own_takes import (
    OwnTake,
    Segment,
    Splits,
    check_order,
    check_together,
    classes_of,
    fill,
    find_fields,
    segments_of_table,
)
from .sensors import read_sensors, shifted
from .skeletons import read_skeleton

Stream = TypeVar('Stream', SensorStream, PoseStream)
_NAME = re.compile(r'\w[\w.-]{,149}')
_TEXTS = ('subject', 'scene', 'camera', 'split', 'label')


@register_reader
class OwnDataReader(DataSetReader):
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
        check_together(takes)
        splits.check_names(takes)
        classes = classes_of(takes, study.classes, f'{path}: classes')
        name = study.name or 'own_data'
        self.metainfo = {'dataset_name': name, 'classes': classes}
        # Sent along to workers, which register the readers by importing them.
        foreign = [keys for take in takes for keys in take.foreign()]
        self.formats = [get_reader(str(keys.format)) for keys in foreign]
        return [self._take(take) for take in takes]

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
        entry: OwnTake = take.source
        inside: list[Segment] = []
        if 'label' in entry.texts:
            inside = [(start, end, entry.texts['label'])]
        for first, last, label in entry.segments:
            if is_date(first):
                first, last = first - entry.origin, last - entry.origin
            first, last = max(first, start), min(last, end)
            if first < last:
                inside.append((first, last, label))
        if entry.segments and not inside:
            raise mistake(
                f'{entry.where}.segments',
                'none lies in the recording, which goes from '
                f'{start:.3f} to {end:.3f} s; they must be on its clock '
                '(start_s of a table of segments is added)',
            )
        classes = self.metainfo['classes']
        return [
            {'start_s': first, 'end_s': last, 'label': classes.index(label)}
            for first, last, label in inside
        ]

    def _take(self, entry: OwnTake) -> Take:
        """What the loop needs to know of a take."""
        imu, poses, camera = None, {}, entry.texts.get('camera')
        if entry.imu:
            tables = [
                t for sensor in entry.imu.values() for t in sensor.tables()
            ]
            content = {'imu': {k: s.plain() for k, s in entry.imu.items()}}
            path = f'imu/{entry.name}.safetensors'
            imu = self._output(path, entry, content, [t.file for t in tables])
        if entry.pose is not None:
            suffix = f'_{camera}' if camera else ''
            path = f'pose/{entry.name}{suffix}.safetensors'
            content = {'pose': entry.pose.plain()}
            poses[camera] = self._output(
                path, entry, content, [entry.pose.file, entry.pose.times]
            )
        return Take(
            name=entry.name,
            subject=entry.texts['subject'],
            scene=entry.texts['scene'],
            split=entry.split,
            imu=imu,
            poses=poses,
            camera=camera,
            where=entry.where,
            fix='Correct start_s, units.time or rate.',
            source=entry,
        )

    def _output(
        self, path: str, entry: OwnTake, content: dict, names: list[str | None]
    ) -> Output:
        """A file, made of files and of all files of folders."""
        paths = {self.root / name for name in names if name is not None}
        inside = {p for folder in paths for p in folder.rglob('*')}
        files = [file for file in {*paths, *inside} if file.is_file()]
        made_of = {
            'dataset': self.metainfo['dataset_name'],
            **content,
            'fingerprint': fingerprint(sorted(files)),
            'origin': entry.origin,
        }
        return Output(path, made_of)

    def _streams(
        self, job: Take, missing: Collection[str] | None
    ) -> Iterator[tuple[Output, Streams]]:
        entry: OwnTake = job.source
        for output in job.outputs:
            if missing is not None and output.path not in missing:
                continue
            if output is not job.imu:
                assert entry.pose is not None  # it has an output
                where = f'{entry.where}.pose'
                pose = read_skeleton(entry.pose, self.root, where)
                yield output, _from_origin(pose, entry, where)
                continue
            where = f'{entry.where}.imu'
            streams = read_sensors(entry.imu, self.root, where)
            for placement, stream in streams.items():
                place = f'{where}.{placement}'
                streams[placement] = _from_origin(stream, entry, place)
            yield output, streams

    def _described(
        self, study: Study
    ) -> Iterable[tuple[dict[str, Any], dict[str, str], str]]:
        """Merged keys, placeholders and key path of each take."""
        path = self.source
        defaults = study.defaults.plain() if study.defaults else {}
        listed = [
            (
                take.plain() if isinstance(take, TakeKeys) else {'take': take},
                f'{path}: takes[{index}]',
            )
            for index, take in enumerate(study.takes or ())
        ]
        if study.pattern is None:
            if not listed:
                raise mistake(
                    path,
                    'takes is missing',
                    "Add takes: [names], or pattern: 'raw/{take}.csv'",
                )
            for keys, place in listed:
                check_keys(TakeKeys, keys, place).require(['take'], place)
            return [(merged(defaults, k), {}, place) for k, place in listed]
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
        for keys, place in listed:
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
        name = fill(keys['take'], fields, where)
        if not _NAME.fullmatch(name):
            raise mistake(
                where,
                f'take {name[:160]!r} must be letters, digits, _ . or -, '
                'because files are named after it',
            )
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
                self._check_file(part, place)
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
        self._check_file(pose, where)
        return pose

    def _check_file(self, keys: Part | Skeleton, where: str) -> None:
        path = self.root / str(keys.file)
        foreign = keys.format not in (None, *POSE_FORMATS)  # may be a folder
        if not (path.exists() if foreign else path.is_file()):
            raise mistake(
                f'{where}.file',
                f'{path} does not exist',
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
            return sorted(segments_of_table(table, self.root, where))
        segments = []
        for index, entry in enumerate(given):
            place = f'{where}[{index}]'
            segment = check_keys(SegmentKeys, entry, place)
            segment.require(('start_s', 'end_s', 'label'), place)
            start, end = entry['start_s'], entry['end_s']
            check_order(start, end, place)
            segments.append((start, end, entry['label']))
        return sorted(segments)


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
    if isinstance(stream, SensorStream) and is_date(origin):
        for year, seconds in EPOCHS.items():
            apart = abs(first - origin)
            if seconds and apart > DAY and abs(apart - seconds) < DAY:
                note = (
                    f'times count from {year}, not from 1970: so they are '
                    'of the day of the take (give epoch to say so)'
                )
                stream = replace(
                    stream,
                    clock=shifted(stream.clock, seconds),
                    notes=(*stream.notes, note),
                )
    return replace(stream, clock=shifted(stream.clock, -origin))
