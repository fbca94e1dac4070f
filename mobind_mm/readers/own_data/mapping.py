"""The mapping that describes somebody's own recordings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..table_times import is_date
from . import values as v
from .keys import IMU, POSE, SENSOR, check_pose, check_sensor
from .names import check_take_name, fill, find_fields
from .segments import Segment, read_segments, segments
from .splits import SPLIT, Splits
from .yaml import read_yaml

_TEXTS = ('subject', 'scene', 'camera', 'split', 'label')
_TAKE = {
    'take': v.text,
    **dict.fromkeys(_TEXTS, v.text),
    'origin': v.moment,
    'sensor': SENSOR,
    'imu': IMU,
    'pose': POSE,
    'segments': segments,
}
_NAMES = v.list_of(v.text)
_TOP = {
    'name': v.text,
    'root': v.text,
    'classes': _NAMES,
    'split': SPLIT,
    'pattern': v.text,
    'defaults': v.keys(_TAKE),
    'takes': v.list_of(lambda value, where: _take(value, where)),
}


@dataclass(frozen=True)
class OwnTake:
    """One take as the mapping describes it.

    Args:
        where: File and key of the mapping, for messages.
        name: Name of the take.
        subject: Who wears the sensors.
        scene: People filmed together share it.
        camera: Name of the camera.
        split: ``train``, ``val`` or ``test``.
        origin: Second that becomes 0 of the clock; counted from 1970 if
            the streams have dates.
        imu: Checked keys of each sensor by placement.
        pose: Checked keys of the skeleton, or None.
        segments: Labelled segments on the clock of the files.
        label: Label of the whole take, or None.
    """

    where: str
    name: str
    subject: str
    scene: str
    camera: str | None
    split: str
    origin: float
    imu: dict[str, dict]
    pose: dict | None
    segments: tuple[Segment, ...]
    label: str | None


@dataclass(frozen=True)
class OwnDataMapping:
    """A checked mapping.

    Args:
        name: Name of the data set.
        root: Directory of the files.
        classes: Labels in the order of their indices.
        takes: The takes.
    """

    name: str
    root: Path
    classes: tuple[str, ...]
    takes: tuple[OwnTake, ...]


def load_mapping(path: str | Path) -> OwnDataMapping:
    """Read and check a mapping, and that every file it names exists.

    Args:
        path: YAML file; see docs/own_data.md for its keys.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: Naming the YAML file, the key, the value and the fix.
    """
    content = v.keys(_TOP)(read_yaml(path), f'{path}:')
    content = {k: value for k, value in content.items() if value is not None}
    root = Path(path).parent / content.get('root', '.')
    splits = Splits(content.get('split'), f'{path}: split')
    takes = [
        _resolve(spec, fields, where, root, splits)
        for spec, fields, where in _described(content, root, str(path))
    ]
    _check_together(takes)
    splits.check_names(takes)
    classes = _classes(takes, content.get('classes'), f'{path}: classes')
    return OwnDataMapping(
        name=content.get('name', 'own_data'),
        root=root,
        classes=classes,
        takes=tuple(takes),
    )


def _take(value: Any, where: str) -> dict:
    """A take is its name, or a mapping."""
    if isinstance(value, Mapping):
        return v.keys(_TAKE)(value, where)
    return {'take': v.text(value, where)}


def _described(
    content: Mapping, root: Path, path: str
) -> list[tuple[dict, dict, str]]:
    """Merged keys, placeholders and key path of each take."""
    defaults = content.get('defaults', {})
    listed = content.get('takes', [])
    places = [f'{path}: takes[{i}]' for i in range(len(listed))]
    if 'pattern' not in content:
        if not listed:
            raise ValueError(
                f'{path}: takes is missing; add takes: [names], or pattern: '
                "'raw/{take}.csv'."
            )
        for take, place in zip(listed, places):
            v.require(take, ('take',), place, {'take': 'its name'})
        return [
            (v.merged(defaults, take), {}, place)
            for take, place in zip(listed, places)
        ]
    where = f'{path}: pattern'
    found: dict[str, tuple[dict, dict, str]] = {}
    for fields in find_fields(root, content['pattern'], where):
        name = fill(defaults.get('take', '{take}'), fields, where)
        if name in found:
            raise ValueError(
                f'{where}: two files are take {name!r}; set defaults.take '
                "from more placeholders, such as '{subject}_{take}'."
            )
        spec = {**defaults, 'take': name}
        found[name] = (spec, fields, f'{path}: take {name}')
    for take, place in zip(listed, places):
        name = take.get('take')
        if name not in found:
            raise ValueError(
                f'{place}: no file of pattern is take {name!r}. '
                f'{v.nearest(name, found)}Correct take, or leave pattern out.'
            )
        spec, fields, _ = found[name]
        found[name] = (v.merged(spec, take), fields, place)
    return list(found.values())


def _resolve(
    spec: dict,
    fields: dict,
    where: str,
    root: Path,
    splits: Splits,
) -> OwnTake:
    """Fill placeholders in and check one take."""
    spec = v.merged({}, spec)
    name = check_take_name(fill(spec['take'], fields, where), where)
    fields = {**fields, 'take': name}
    v.require(spec, ('subject',), where, {'subject': 'who wears the sensors'})
    texts = {'scene': name, **{k: spec[k] for k in _TEXTS if k in spec}}
    for key in _TEXTS:
        if key in texts:
            texts[key] = fill(texts[key], fields, f'{where}.{key}')
            fields[key] = texts[key]
    imu = {
        placement: v.merged(spec.get('sensor', {}), sensor)
        for placement, sensor in spec.get('imu', {}).items()
    }
    pose = spec.get('pose')
    if not imu and not pose:
        raise ValueError(f'{where}: neither imu nor pose; add one.')
    imu = fill(imu, fields, f'{where}.imu')
    for placement, sensor in imu.items():
        place = f'{where}.imu.{placement}'
        check_sensor(sensor, place)
        for part in sensor.get('parts', [sensor]):
            _check_file(root, {**sensor, **part}['file'], place)
    if pose:
        if pose.get('format') == 'mmaction':
            pose = {'name': '{take}', **pose}
        pose = fill(pose, fields, f'{where}.pose')
        check_pose(pose, f'{where}.pose')
        _check_file(root, pose['file'], f'{where}.pose')
    labelled: list[Segment] = []
    if 'segments' in spec:
        place = f'{where}.segments'
        if 'label' in texts:
            raise ValueError(f'{place}: label is there too; keep one of them.')
        filled = fill(spec['segments'], fields, place)
        labelled = read_segments(filled, root, place)
    return OwnTake(
        where=where,
        name=name,
        subject=texts['subject'],
        scene=texts['scene'],
        camera=texts.get('camera'),
        split=splits.of({**texts, 'take': name}, where),
        origin=_origin(spec, pose),
        imu=imu,
        pose=pose,
        segments=tuple(labelled),
        label=texts.get('label'),
    )


def _check_file(root: Path, name: str, where: str) -> None:
    if not (root / name).is_file():
        raise FileNotFoundError(
            f'{where}.file: {root / name} does not exist; correct file or '
            'root (put names such as 001 in quotes).'
        )


def _origin(spec: Mapping, pose: Mapping | None) -> float:
    """``origin``, or the date of the video's first frame, or 0."""
    if 'origin' in spec:
        return spec['origin']
    start = (pose or {}).get('start_s', 0.0)
    return start if is_date(start) else 0.0


def _check_together(takes: list[OwnTake]) -> None:
    """Names are unique; people of a scene share the origin of their clock."""
    names: dict[str, OwnTake] = {}
    scenes: dict[str, OwnTake] = {}
    for take in takes:
        if take.name in names:
            raise ValueError(
                f'{take.where}: take {take.name!r} is there twice; give '
                'each a name of its own.'
            )
        names[take.name] = take
        other = scenes.setdefault(take.scene, take)
        if other.origin != take.origin:
            raise ValueError(
                f'{take.where}: its clock starts at {take.origin}, that of '
                f'{other.name!r} of the same scene at {other.origin}; give '
                'both the same origin.'
            )


def _classes(
    takes: list[OwnTake], named: list | None, where: str
) -> tuple[str, ...]:
    """Labels by index: as named, or those found, sorted."""
    found: dict[str, str] = {}
    for take in takes:
        for label in (*(s[2] for s in take.segments), take.label):
            if label is not None:
                found.setdefault(label, take.where)
    if named is None:
        return tuple(sorted(found))
    if len(set(named)) < len(named):
        raise ValueError(f'{where}: {v.show(named)} names a label twice.')
    for label, place in found.items():
        if label not in named:
            raise ValueError(
                f'{place}: label {label!r} is not in classes. '
                f'{v.nearest(label, named)}Correct one of them.'
            )
    return tuple(named)
