"""What is in a file or folder, and what would be assumed of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..readers import FileReader, recognize
from ..readers.archives import is_folder, listing
from ..readers.arrays import ARRAYS, shapes_in
from ..readers.files import TableReader, Video, load_people, skeletons_in
from ..readers.headers import head
from ..readers.keys import check_keys, read_yaml
from ..readers.mapping import ImuFile, Study
from ..readers.pose_frames import VIDEOS
from ..readers.sensors import UnknownColumnsError, read_imu_file
from ..readers.sync_annotations import read_sync_file
from ..readers.trc import TRCReader
from ..recordings import PoseStream, SensorStream, read_annotations
from ..skeleton import LIMBS
from ..utils.errors import READ_ERRORS, mistake
from ..utils.files import is_special, leads_back
from .finding import Finding
from .guessed_folders import read_guessed_folder
from .guessed_mapping import to_yaml
from .guessing import guess_mapping
from .plausibility import check_inputs
from .streams import clock_facts, seen_keypoints
from .table_layout import why_no_table

TITLES = {
    'recording': 'recording of mobind_mm',
    'table': 'table',
    'mmpose': 'MMPose predictions',
    'mmaction': 'MMAction2 skeletons',
    'video': 'video',
}
"""What formats are called whose readers do not say it."""
FOLDERS = {('Inertial', 'Skeleton'): ('UTD-MHAD', 'mobind convert utd_mhad')}
"""Data sets by what is in their folder."""
_UTD_MHAD = {'d_iner': 'inertial', 'd_skel': 'skeleton'}
"""Variables of its files."""
MOST_FILES = 200
"""Files of a folder that are looked at one by one."""

_MOST_IN_ALL = 400
"""Files and folders that are looked at in all."""
_DEEPEST = 8
"""Folders in folders that are looked at."""
_PEOPLE_SHOWN = 20
_LINES_SHOWN = 200
"""Lines about the files of a folder; --json has all."""
_ALIKE_SHOWN = 3
"""Files in a row of which nothing but the same can be said."""
_TOLD = ('sensors', 'people', 'findings', 'mapping')
_MAX_NOTES = 20
_SI = dict(time='s', acc='m/s2', gyro='rad/s', mag='uT')
"""Units of the numbers that a mapping gives as units."""
_UNKNOWN_VIDEO = {
    'frames per second': ('rate', 30.0, '--fps'),
    'img_shape': ('img_shape', (1080, 1920), '--img-shape'),
}
"""What a file of skeletons may not tell, and what stands for it here."""


def inspect_path(
    path: str | Path, mapping: str | Path | None = None
) -> dict[str, Any]:
    """Say what a file or folder is, what it holds, and what is assumed.

    Args:
        path: The file or folder.
        mapping: Mapping of a table, as for ``--mapping``.

    Returns:
        ``path``; ``title``, what it is; ``use``, the flag that takes it, or
        ``''``; ``sensors`` and ``people`` by name, with rates, spans, losses
        and channels; ``untold``, ``rate`` or ``img_shape`` if a file of
        skeletons lacks it; ``notes``, what is repaired, left out or assumed;
        ``findings``, likely mistakes; ``mapping``, a first mapping of a
        table of an unknown format (YAML, guesses marked); ``problem``, why it
        cannot be read; ``files``, the same of the files of a folder that is
        not an export as a whole.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f'{path} does not exist; check the path.')
    return _inspected(path, mapping, _DEEPEST, iter(range(_MOST_IN_ALL)))


def _inspected(
    path: Path, mapping: str | Path | None, depth: int, turns: Iterator[int]
) -> dict[str, Any]:
    """What a file is, or a folder and what is in it.

    Folders are looked at ``depth`` deep; ``turns`` has one for each file that
    may yet be looked at.
    """
    facts = _facts(path)
    if is_special(path):
        facts['title'] = 'neither a file nor a folder, which is not read'
        return facts
    try:
        if not _look(path, mapping, facts):
            _look_inside(path, facts, depth, turns)
    except READ_ERRORS as error:
        facts['problem'] = str(error)
    return facts


def _facts(path: Path) -> dict[str, Any]:
    return {
        'path': str(path),
        'title': 'unknown',
        'use': '',
        'sensors': {},
        'people': {},
        'untold': [],
        'notes': [],
        'findings': [],
        'mapping': '',
        'problem': '',
    }


def _look(
    path: Path, mapping: str | Path | None, facts: dict[str, Any]
) -> bool:
    """Fill in the facts; whether that is all, or what is inside counts."""
    if path.suffix in ('.yml', '.yaml'):
        _look_at_mapping(path, facts)
    elif mapping is not None:
        facts.update(title='table, with a mapping', use='--imu, --mapping')
        _add_sensors(read_imu_file(path, mapping), facts)
    elif path.suffix.lower() in VIDEOS:
        _look_at_video(path, facts)
    elif path.is_dir() and (path / 'annotations').is_dir():
        _look_at_data_set(path, facts)
    else:
        kind = recognize(path)
        if kind is None and is_folder(path) and not path.is_dir():
            path = skeletons_in(path)  # of an archive
            kind = recognize(path)
        if kind is not None and kind.name == 'table':
            _look_at_table(path, facts)
        elif kind is not None and issubclass(kind, FileReader):
            try:
                _look_by_reader(path, kind, facts)
            except READ_ERRORS as error:
                note = f'not one export: {error}'
                if path.is_dir():
                    facts['notes'].append(note)
                    return False
                guess = guess_mapping(path)
                keys = guess.mapping if guess is not None else {}
                arrays = path.suffix.lower() in ARRAYS
                unknown = isinstance(error, UnknownColumnsError)
                single = 'placement' in keys and arrays
                markers = issubclass(kind, TRCReader)
                if markers or not ('imu' in keys or single or unknown):
                    raise
                facts.update(use='', notes=[] if arrays else [note])
                _look_at_table(path, facts)
        elif path.is_dir() or (is_folder(path) and listing(path)):
            return False
        else:
            _look_at_others(path, facts)
    return True


def _look_by_reader(
    path: Path, kind: type[FileReader], facts: dict[str, Any]
) -> None:
    """A file of a registered format."""
    title = getattr(kind, 'title', None) or TITLES.get(kind.name, kind.name)
    facts['title'] = title
    if kind.name == 'video':
        _look_at_video(path, facts)
        return
    imu, people = what_it_holds(path, kind)
    if imu:
        facts['use'] = '--imu'
        describe: Any = getattr(kind, 'describe', None)
        if describe is not None:
            described = kind(path).describe()  # type: ignore[attr-defined]
            facts['described'] = _described(described)
        _add_sensors(kind(path).read_imu(), facts)
    elif people:
        facts['use'] = '--pose'
        _add_people(path, facts)


def what_it_holds(path: Path, kind: type[FileReader]) -> tuple[bool, bool]:
    """Whether a file of a format holds sensors, and whether people."""
    imu = kind.read_imu is not FileReader.read_imu
    people = kind.read_people is not FileReader.read_people
    if imu and people:  # a recording is one of both
        text = path.open('rb').read(1 << 16) if path.is_file() else b''
        imu, people = (b'mobind_mm/' + k in text for k in (b'imu', b'pose'))
    return imu, people


def _described(sensors: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of a mapping, as a reader of a device gives them."""
    return {
        name: {k: v for k, v in keys.items() if not k.startswith('_')}
        for name, keys in sensors.items()
    }


def _look_at_table(path: Path, facts: dict[str, Any]) -> None:
    """A table: with our names of columns, or one that nobody knows."""
    if path.suffix.lower() in ARRAYS:
        shapes = shapes_in(path)
        facts['notes'] += [f'arrays: {shapes}'] if shapes else []
        for name, what in _UTD_MHAD.items():
            if shapes.startswith(f'{name} '):
                facts['title'] = f'UTD-MHAD, {what}'
                facts['use'] = 'mobind convert utd_mhad (the folder above)'
                return
    try:
        streams = read_imu_file(path)
    except READ_ERRORS as error:
        guess = guess_mapping(path)
        if guess is None or not guess.mapping:
            arrays = path.suffix.lower() in ARRAYS
            facts['title'] = 'arrays' if arrays else 'text'
            if path.suffix.lower() in TableReader.suffixes:
                why: Exception = error
                if isinstance(error, UnknownColumnsError):
                    why = mistake(path, *why_no_table(path))
                facts['problem'] = str(why)
            return
        facts['title'] = 'table of an unknown format'
        if 'placement' not in guess.mapping and 'imu' not in guess.mapping:
            facts['title'] = 'table without columns of a sensor'
            facts['notes'] += guess.notes
            with suppress(*READ_ERRORS):
                clips = read_sync_file(str(path), 'seconds')
                facts['title'] = 'list of clips for synchronisation'
                facts['notes'] = [f'names {len(clips)} clips']
            if guess.only_times:
                facts['title'] = 'column of times, perhaps of frames'
                facts.update(use='--frame-times', notes=[])
            return
        facts.update(use='--imu, --mapping', mapping=to_yaml(guess, path))
        guessed = [f'guess: {k}: {why}' for k, why in guess.reasons.items()]
        facts['guesses'] = guessed
        facts['notes'] += [f'in doubt: {doubt}' for doubt in guess.doubts]
        _add_sensors(read_imu_file(path, guess.mapping), facts)
        return
    facts.update(title='table with the columns of mobind_mm', use='--imu')
    _add_sensors(streams, facts)


def _look_at_mapping(path: Path, facts: dict[str, Any]) -> None:
    """A YAML that describes tables."""
    content = read_yaml(path)
    if 'takes' in content or 'pattern' in content:
        facts['title'] = 'mapping of recordings'
        facts['use'] = 'mobind convert tables'
        study = check_keys(Study, content, f'{path}:')
        count = len(study.takes or [1])
        facts['notes'].append(f'names {count} takes or patterns')
        return
    if not content.keys() & ImuFile.model_fields.keys():
        facts['title'] = 'YAML, but no mapping'
        return
    facts['title'] = 'mapping of a file of sensors'
    keys = check_keys(ImuFile, content, f'{path}:')
    sensors = [keys, keys.sensor, *(keys.imu or {}).values()]
    if not any(keys and (keys.file or keys.parts) for keys in sensors):
        facts['use'] = '--mapping'
        facts['notes'].append('names no file: give the table, too (--imu)')
        return
    facts['use'] = '--imu'
    _add_sensors(read_imu_file(path), facts)


def _look_at_video(path: Path, facts: dict[str, Any]) -> None:
    """A video: only its frames, nobody is looked for."""
    from ..utils.video import open_video

    facts.update(title='video', use='--video')
    with open_video(path) as video:
        height, width = video.img_shape
        facts['video'] = {
            'rate_hz': video.rate,
            'height': height,
            'width': width,
        }


def _look_at_data_set(path: Path, facts: dict[str, Any]) -> None:
    """A data set of ours."""
    facts.update(title='data set of mobind_mm', use='mobind check, --gallery')
    for file in sorted((path / 'annotations').glob('*.json')):
        _, entries = read_annotations(file)
        facts['notes'].append(f'{file.name}: {len(entries)} entries')


def _look_inside(
    path: Path, facts: dict[str, Any], depth: int, turns: Iterator[int]
) -> None:
    """A folder or archive that is no export as a whole: what is in it."""
    found = path.iterdir() if path.is_dir() else listing(path)
    parts = sorted(p for p in found if not p.name.startswith('.'))
    kind = 'archive' if path.is_file() else 'folder'
    facts['title'] = f'{kind} of {len(parts)} files and folders'
    names = {part.name for part in parts}
    for inside, (title, use) in FOLDERS.items():
        if names >= {*inside}:
            facts.update(title=title, use=use)
            return
    if not depth:
        facts['notes'].append('what is in it was not looked at: too deep')
        return
    parts = [p for p in parts if not leads_back(p)]
    facts['files'] = [
        _inspected(part, None, depth - 1, turns)
        for part, _ in zip(parts[:MOST_FILES], turns)
    ]
    if depth == _DEEPEST:
        _look_at_whole(path, facts)
    if (count := len(facts['files'])) < len(parts):
        facts['notes'].append(f'only the first {count} were looked at')


def _look_at_whole(path: Path, facts: dict[str, Any]) -> None:
    """What ``--imu`` reads of a folder, with the names for ``--placement``."""
    with suppress(*READ_ERRORS):
        streams = read_guessed_folder(path)
        _add_sensors(streams, facts)
        facts['use'] = '--imu'


def _look_at_others(path: Path, facts: dict[str, Any]) -> None:
    """What no reader knows."""
    suffix = path.suffix.lower()
    if suffix == '.sensors':
        facts['title'] = 'TotalCapture, sensors'
        facts['use'] = 'mobind convert totalcapture (the folder above)'
    elif suffix in ARRAYS:
        shapes_in(path)  # which says why they cannot be read
    elif suffix == '.json':
        facts['title'] = 'JSON that no reader knows'
    elif not head(path):
        facts['title'] = 'binary file that no reader knows'
    else:
        _look_at_table(path, facts)


def _add_sensors(
    streams: Mapping[str, SensorStream], facts: dict[str, Any]
) -> None:
    """Describe sensors, with their notes and likely mistakes."""
    for name, stream in streams.items():
        rate, jitter, gaps, longest, span = clock_facts(stream.clock)
        facts['sensors'][name] = {
            'placement': name if name in LIMBS else None,
            'channels': sorted(stream.channels),
            'samples': stream.clock.num_samples,
            'rate_hz': rate,
            'start_s': span[0],
            'end_s': span[1],
            'jitter_s': jitter,
            'gaps': gaps,
            'longest_gap_s': longest,
            'gravity': 'included' if stream.gravity else 'removed',
            'frame': stream.frame,
        }
        facts['notes'] += stream.notes
        if name not in LIMBS:
            facts['notes'].append(
                f'{name}: it is not known where it is worn: give --placement'
                f'{f" {name}=NAME" if len(streams) > 1 else ""}.'
            )
    facts['findings'] += map(str, check_inputs(streams))


def _add_people(path: Path, facts: dict[str, Any]) -> None:
    """Describe skeletons; what the file does not tell of its video, too."""
    given: dict[str, Any] = {}
    while True:
        try:
            people = load_people(path, Video(**given), min_sec=0.0)
            break
        except ValueError as error:
            lacking = [k for k in _UNKNOWN_VIDEO if k in str(error)]
            fresh = [k for k in lacking if _UNKNOWN_VIDEO[k][0] not in given]
            if not fresh:
                raise
            key, value, flag = _UNKNOWN_VIDEO[fresh[0]]
            given[key] = value
            facts['untold'].append(key)
            word = fresh[0].replace('img_shape', 'size')
            facts['notes'].append(
                f'{path}: does not give the {word} of its video: give '
                f'it ({flag}), or the video (--video).'
            )
    for name, pose in islice(people.items(), _PEOPLE_SHOWN):
        facts['people'][name] = _person(pose, given)
        sized = 'img_shape' not in given
        notes = (n for n in pose.notes if sized or '--img-shape' not in n)
        facts['notes'] += notes
        findings = check_inputs({}, pose)
        if 'img_shape' in given:
            findings = [
                _sizeless(f) for f in findings if f.kind not in _OF_SIZE
            ]
        facts['findings'] += [f'{name}: {finding}' for finding in findings]
    if len(people) > _PEOPLE_SHOWN:
        facts['notes'].append(f'{path}: holds {len(people)} people.')


_OF_SIZE = ('img_shape', 'normalised')


def _sizeless(finding: Finding) -> Finding:
    """The finding without a size of the image that was only assumed."""
    if finding.kind != 'rotated':
        return finding
    message = re.sub(r' of \d+ x \d+ \(height x width\)', '', finding.message)
    fix = finding.fix.partition('; or')[0]
    return replace(finding, message=message, fix=fix)


def _person(pose: PoseStream, assumed: Mapping[str, Any]) -> dict[str, Any]:
    rate, _, gaps, longest, span = clock_facts(pose.clock)
    seen = seen_keypoints(pose)
    there = seen.any(axis=1)
    unknown = 'rate' in assumed
    return {
        'layout': pose.layout,
        'keypoints': seen.shape[1],
        'frames': pose.clock.num_samples,
        'frames_seen': int(there.sum()),
        'undetected': float(1 - seen[there].mean()) if there.any() else 1.0,
        'rate_hz': None if unknown else rate,
        'start_s': None if unknown else span[0],
        'end_s': None if unknown else span[1],
        'gaps': gaps,
        'longest_gap_s': longest,
        'img_shape': None if 'img_shape' in assumed else list(pose.img_shape),
    }


def describe_facts(facts: Mapping[str, Any]) -> list[str]:
    """What :func:`inspect_path` found, as lines of text."""
    lines = [f'{facts["path"]}: {facts["title"]}']
    if facts['use']:
        lines[0] += f' ({facts["use"]})'
    for name, s in facts['sensors'].items():
        text = (
            f'  sensor {name}: {", ".join(s["channels"])}; '
            f'{_rate(s["rate_hz"])}, {s["samples"]} samples, '
            f'{s["end_s"] - s["start_s"]:.1f} s from {s["start_s"]:.3f} s; '
            f'gravity {s["gravity"]}'
        )
        if s['gaps']:
            gap = f'{s["longest_gap_s"]:.2f} s'
            text += f'; {s["gaps"]} gaps, the longest {gap}'
        lines.append(text)
    for name, p in facts['people'].items():
        rate = _rate(p['rate_hz'], 'frames per second')
        lines.append(
            f'  {name}: {p["layout"]}, {p["keypoints"]} keypoints, '
            f'{p["frames_seen"]} of {p["frames"]} frames, {rate}, '
            f'{100 * p["undetected"]:.1f} % undetected'
        )
    if 'video' in facts:
        v = facts['video']
        size = f'{v["height"]} x {v["width"]}'
        rate = _rate(v['rate_hz'], 'frames per second')
        lines.append(f'  {size} (height x width), {rate}')
    for name, keys in facts.get('described', {}).items():
        units = keys.get('units') or {}
        shown = ', '.join(
            f'{k} {v}' if isinstance(v, str) else f'{k} {v:g} {_SI[k]}'
            for k, v in units.items()
        )
        lines.append(f'  as {name}: {shown or "see --json"}')
    lines += [f'  {text}' for text in facts.get('guesses', ())]
    here = f'{facts["path"]}: '
    notes = list(dict.fromkeys(n.removeprefix(here) for n in facts['notes']))
    lines += [f'  note: {note}' for note in notes[:_MAX_NOTES]]
    if len(notes) > _MAX_NOTES:
        lines.append(f'  and {len(notes) - _MAX_NOTES} more notes (--json)')
    lines += [f'  likely mistake: {text}' for text in facts['findings']]
    if facts['problem']:
        lines.append(f'  cannot be read: {facts["problem"]}')
    alike = 0
    parts = facts.get('files', ())
    for part, before in zip(parts, (None, *parts)):
        same = before and _said(before) == _said(part)
        both = (part, before or part)
        plain = not any(facts[key] for facts in both for key in _TOLD)
        alike = alike + 1 if same and plain else 0
        if alike < _ALIKE_SHOWN:
            lines += describe_facts(part)
        elif part is parts[-1] or alike == _ALIKE_SHOWN:
            said = f'{part["title"]}{part["problem"] and ", likewise"}'
            lines.append(f'{part["path"]}, ...: {said}')
    if len(lines) > _LINES_SHOWN:
        more = len(lines) - _LINES_SHOWN
        lines[_LINES_SHOWN:] = [f'and {more} more lines (--json)']
    return lines


def _said(facts: Mapping[str, Any]) -> tuple[str, str]:
    """What a file is, and why it cannot be read, without its name."""
    return facts['title'], facts['problem'].replace(facts['path'], '')


def _rate(rate: float | None, unit: str = 'Hz') -> str:
    known = rate and np.isfinite(rate)
    return f'{rate:.5g} {unit}' if known else 'unknown rate'
