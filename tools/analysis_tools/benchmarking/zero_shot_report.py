"""What the zero-shot tool found, as a file of results for the pages."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from mobind_mm.version import __version__

_ROWS = ('signals alone', 'learning alone', 'both')
_RECALLS = (*('imu2pose_R@1', 'imu2pose_R@5', 'pose2imu_R@1', 'pose2imu_R@5'),)


def write_report(
    path: Path, results: Mapping[str, Any], seed: int, command: Sequence[str]
) -> None:
    """Write the tables, and how they were made.

    Args:
        path: JSON file.
        results: What ``zero_shot.py`` prints.
        seed: Of the draws.
        command: How it was called; paths are reduced to their last part.
    """
    tables = {}
    if 'utd_mhad' in results or 'motion_capture' in results:
        tables['retrieval'] = _retrieval(results)
    if 'utd_mhad' in results:
        tables['actions'] = _actions(results['utd_mhad'])
    if 'motion_capture' in results or 'gait_video' in results:
        tables['limbs'] = _limbs(results)
    if 'gait_video' in results:
        tables['who'] = _who(results['gait_video'])
    if 'sync' in results:
        tables['sync'] = _sync(results['sync'])
    commit = subprocess.run(
        ['git', 'rev-parse', '--short', 'HEAD'],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
    ).stdout.strip()
    words = [Path(word).name if '/' in word else word for word in command]
    about = {
        'command': shlex.join(['python', *words]),
        'seed': seed,
        'data': 'UTD-MHAD subjects 2, 4, 6; walking passes of nine people; '
        'motion capture people who never train',
        'hardware': 'one CPU core',
        'date': date.today().isoformat(),
        'commit': commit,
        'version': __version__,
    }
    content = {'about': about, 'tables': tables, 'quoted': {}}
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, ensure_ascii=False, indent=1)
    path.write_text(text + '\n', encoding='utf-8')


def _retrieval(results: Mapping[str, Any]) -> dict[str, Any]:
    """Recalls, and the 95 % interval of what both kinds add to learning."""
    parts = {}
    if 'utd_mhad' in results:
        part = results['utd_mhad']
        parts['UTD-MHAD, 2 s', part['windows']] = part
    if 'motion_capture' in results:
        capture = results['motion_capture']
        for name, part in capture.items():
            if isinstance(part, Mapping) and 'both' in part:
                label = f'motion capture, 5 s, {name}'
                parts[label, part['windows']] = part
    rows = []
    for (label, windows), part in parts.items():
        for kind in _ROWS:
            low_high = part.get(f'both - {kind}, imu2pose_R@1')
            gain = None
            if low_high is not None:
                gain = f'{low_high[0]:+.3f} to {low_high[1]:+.3f}'
            found = [part[kind][key] for key in _RECALLS]
            rows.append([label, windows, kind, *found, gain])
    return {
        'columns': [
            *('data and sensors', 'windows', 'evidence'),
            *('IMU→pose R@1', 'R@5', 'pose→IMU R@1', 'pose→IMU R@5'),
            'both minus this, IMU→pose R@1 (95 %)',
        ],
        'digits': [None, 0, None, 3, 3, 3, 3, None],
        'rows': rows,
    }


def _actions(part: Mapping[str, Any]) -> dict[str, Any]:
    levels = (
        *('local', 'mean token', 'tokens', 'any order', 'whole recordings'),
    )
    names = ('imu', 'pose', 'imu + pose')
    rows = [
        [name, *(part[f'1nn {name}, {level}'] for level in levels)]
        for name in names
    ]
    return {
        'columns': [
            *('compared', 'limb features', 'mean token', 'tokens in order'),
            *('tokens in any order', 'the same, whole recordings'),
        ],
        'digits': [None, 3, 3, 3, 3, 3],
        'rows': rows,
    }


def _limbs(results: Mapping[str, Any]) -> dict[str, Any]:
    rows = []
    for key, part, name in (
        ('limb', 'motion_capture', 'motion capture, 15 sensors, 5 s'),
        (
            *('limb, whole take', 'motion_capture'),
            'motion capture, 15 sensors, take',
        ),
        ('limb, 4 s', 'gait_video', 'walking, 7 sensors, 4 s'),
        ('limb, whole pass', 'gait_video', 'walking, 7 sensors, pass'),
    ):
        found = results.get(part, {})
        for ending, kind in (('', 'learning alone'), (', both', 'both')):
            if key + ending in found:
                rows.append([name, kind, found[key + ending]])
    return {
        'columns': [
            *('data', 'evidence', 'sensors', 'argmax over 15', 'one to one')
        ],
        'digits': [None, None, 0, 3, 3],
        'rows': [
            [name, kind, x['sensors'], x['argmax'], x['one to one']]
            for name, kind, x in rows
        ],
    }


def _who(part: Mapping[str, Any]) -> dict[str, Any]:
    found = part['who of four']
    rows = [
        ['signals alone', found['signals alone']],
        ['learning alone', found['learning']],
        ['both', found['both']],
    ]
    return {
        'columns': ['evidence', 'who of four walkers'],
        'digits': [None, 3],
        'rows': rows,
    }


def _sync(part: Mapping[str, Any]) -> dict[str, Any]:
    rows = []
    for name, x in part.items():
        limb, kind = name.split(', ')
        rows.append(
            [
                limb.replace('_', ' '),
                kind,
                x['clips'],
                x['acc@0.1'],
                x['mae_s'],
                x['coverage'],
                None if x['coverage'] == 0 else x['answered_acc@0.1'],
            ]
        )
    return {
        'columns': [
            *('sensor', 'evidence', 'clips', 'Acc@0.1', 'MAE, s'),
            *('answered', 'Acc@0.1 of the answered'),
        ],
        'digits': [None, None, 0, 3, 'seconds', 2, 3],
        'rows': rows,
    }
