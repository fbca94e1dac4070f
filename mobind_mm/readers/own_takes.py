"""What takes of a mapping have in common: names, splits, labels, scenes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..utils.errors import READ_ERRORS, mistake, prefixed, show
from .convert import SPLITS
from .dialects import Dialect
from .keys import unit_factor
from .mapping import (
    POSE_FORMATS,
    Part,
    SegmentTable,
    Sensor,
    Skeleton,
    SplitKeys,
)
from .tables import read_table
from .time_units import TIME_UNITS

Segment = tuple[float, float, str]
"""Start and end in seconds, and label."""

_FIELD = re.compile(r'\{(\w+)\}')
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


def segments_of_table(
    keys: SegmentTable, root: Path, where: str
) -> Iterator[Segment]:
    """Segments of a table, to whose times ``start_s`` is added."""
    keys.require(['file'], where)
    if keys.columns is not None:
        yield from _runs_of_labels(keys, root, where)
        return
    path, times = root / str(keys.file), ('start_s', 'end_s')
    dialect = Dialect(keys.delimiter, keys.decimal)
    try:
        table = read_table(
            path, (), times, ('label',), dialect=dialect, repair=False
        )
    except READ_ERRORS as error:
        raise prefixed(error, where) from None
    shift, labels = keys.start_s or 0.0, table.texts['label']
    starts, ends = (table.numbers[name].tolist() for name in times)
    for line, start, end, label in zip(table.lines, starts, ends, labels):
        place = f'{where}: {path}, row {line}'
        check_order(start, end, place)
        if not label:
            raise mistake(place, 'label is empty', 'Name the action')
        yield start + shift, end + shift, label


def _runs_of_labels(
    keys: SegmentTable, root: Path, where: str
) -> Iterator[Segment]:
    """Segments of a table whose rows have a label each."""
    assert keys.columns is not None
    keys.require(['columns.label'], where)
    path, time = root / str(keys.file), keys.columns.time
    if (time is None) == (keys.rate is None):
        what = 'give either columns.time or rate in Hz'
        raise mistake(where, what)
    label = str(keys.columns.label)
    dialect = Dialect(keys.delimiter, keys.decimal, keys.header)
    try:
        table = read_table(
            path, (), [time] if time else (), [label], dialect=dialect
        )
    except READ_ERRORS as error:
        raise prefixed(error, where) from None
    texts = np.array([t.removesuffix('.0') for t in table.texts[label]])
    if time is None:
        times = np.arange(len(texts)) / (keys.rate or 1.0)
    else:
        times = table.numbers[time]
        if time not in table.dates | table.hours:
            keys.require(['units.time'], where)
            unit = keys.units.time if keys.units else None
            times = times * unit_factor(unit or 's', TIME_UNITS)
    known = np.isfinite(times)
    times, texts = times[known] + (keys.start_s or 0.0), texts[known]
    changes = np.flatnonzero(texts[1:] != texts[:-1]) + 1
    ends = [*changes, len(texts) - 1]
    for first, last in zip([0, *changes], ends):
        text = str(texts[first])
        start, end = float(times[first]), float(times[last])
        if first < last and text and text not in (keys.without or ()):
            check_order(start, end, f'{where}: {path}, label {text}')
            yield start, end, text


def check_order(start: float, end: float, where: str) -> None:
    """Refuse a segment that does not end after its start."""
    if not start < end:  # NaN where a cell is empty
        raise mistake(where, f'start_s {start} must be less than end_s {end}')


def check_together(takes: Sequence[OwnTake]) -> None:
    """Names are unique; people of a scene share the origin of their clock."""
    names: set[str] = set()
    scenes: dict[str, OwnTake] = {}
    for take in takes:
        if take.name in names:
            what = f'take {take.name!r} is there twice'
            raise mistake(take.where, what, 'Give each a name of its own')
        names.add(take.name)
        other = scenes.setdefault(take.texts['scene'], take)
        if other.origin != take.origin:
            what = (
                f'its clock starts at {take.origin}, that of {other.name!r} '
                f'of the same scene at {other.origin}'
            )
            raise mistake(take.where, what, 'Give both the same origin')


def classes_of(
    takes: Sequence[OwnTake], given: Sequence[str] | None, where: str
) -> list[str]:
    """Labels by index: as given, or those of the takes, sorted."""
    labels: dict[str, str] = {}
    for take in takes:
        whole = [take.texts['label']] if 'label' in take.texts else []
        for label in (*(label for *_, label in take.segments), *whole):
            labels.setdefault(label, take.where)
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

    Raises:
        ValueError: If a name is in two lists.
    """

    def __init__(self, keys: SplitKeys | None, where: str) -> None:
        self.where = where
        self.by = str(keys.by) if keys else None
        self.table: dict[str, str] = {}
        if keys is None:
            return
        keys.require(['by'], where)
        for split in SPLITS:
            for name in getattr(keys, split) or ():
                if name in self.table:
                    what = f'{name!r} is in {self.table[name]} already'
                    raise mistake(f'{where}.{split}', what)
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
            what = f'{self.by} {name!r} is in no list of split'
            raise mistake(where, what, 'Add it', name=name, known=self.table)
        return self.table[name]

    def check_names(self, takes: Sequence[OwnTake]) -> None:
        """Refuse a listed name that no take has: it is misspelt."""
        texts = [{**take.texts, 'take': take.name} for take in takes]
        known = [text.get(str(self.by), '') for text in texts]
        for name, split in self.table.items():
            if name not in known:
                raise mistake(
                    f'{self.where}.{split}',
                    f'no take has the {self.by} {name!r}',
                    'Correct it',
                    name=name,
                    known=known,
                )


def fill(value: Any, fields: Mapping[str, str], where: str) -> Any:
    """Replace placeholders in all texts of a value.

    ``columns`` are left alone: their placeholder is a keypoint.

    >>> fill({'file': '{take}.csv'}, {'take': 'walk'}, 'a.yml')
    {'file': 'walk.csv'}
    """
    if isinstance(value, str):
        for name in _FIELD.findall(value):
            if name not in fields:
                known = ', '.join(fields) or 'none'
                what = f'{value!r} has the placeholder {{{name}}}; known are '
                raise mistake(where, what + known)
        return _FIELD.sub(lambda match: fields[match[1]], value)
    if isinstance(value, dict):
        return {
            k: v if k == 'columns' else fill(v, fields, f'{where}.{k}')
            for k, v in value.items()
        }
    if isinstance(value, list):
        return [fill(v, fields, f'{where}[{i}]') for i, v in enumerate(value)]
    return value


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
        what = f'{pattern!r} must be a path below root without .. or **'
        raise mistake(where, what, 'Set root')
    names = _FIELD.findall(pattern)
    if not names or not all(map(str.isidentifier, names)):
        what = f"{pattern!r} has no placeholder, such as '{{take}}'"
        raise mistake(where, what)
    parts = _FIELD.split(pattern)  # texts and, between them, placeholders
    texts = [re.escape(text).replace(r'\*', '[^/]*') for text in parts[::2]]
    regex = texts[0]
    for index, name in enumerate(parts[1::2]):
        group = f'(?P<{name}>[^/]+?)'
        regex += f'(?P={name})' if group in regex else group
        regex += texts[index + 1]
    glob = _FIELD.sub('*', re.sub(r'([\[\]?])', r'[\1]', pattern))
    fields = []
    for path in sorted(root.glob(glob)):
        match = re.fullmatch(regex, path.relative_to(root).as_posix())
        if match and path.is_file():
            fields.append(match.groupdict())
        if len(fields) > _MAX_FILES:
            raise mistake(where, f'more than {_MAX_FILES} files fit')
    if not fields:
        what = f'no file fits {pattern!r} below {root}'
        raise mistake(where, what, 'Correct pattern or root')
    return fields
