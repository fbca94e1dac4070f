"""A small study as a lab would record it: phone logs, poses, labels."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from ...recordings import STANDARD_GRAVITY, Recording, SensorStream
from ...utils.files import replacing, write_whole
from .actions import ACTIONS
from .dataset import SyntheticMotionDataset
from .example import filmed, write_mmpose

PEOPLE = {
    'train': ('anna', 'ben', 'cleo', 'dan'),
    'val': ('eve',),
    'test': ('finn', 'gina'),
}
"""Participants by split."""

EARLY_SEC = 1.5
"""Seconds by which the app is started before the camera."""

RANGE = {'acc': 8 * STANDARD_GRAVITY, 'gyro': float(np.radians(2000))}
"""Largest value that a phone shows on an axis: 8 g and 2000 deg/s."""

MAPPING = """\
name: study
pattern: raw/{subject}_{trial}/Accelerometer.csv   # one take per matching file
split: {by: subject, train: [anna, ben, cleo, dan], val: [eve], test: [finn, gina]}
defaults:
  take: '{subject}_{trial}'
  subject: '{subject}'
  imu:
    right_wrist:
      parts:                                       # one file per channel
        - file: raw/{take}/Accelerometer.csv
          columns: {time: Time (s), acc: [X (m/s^2), Y (m/s^2), Z (m/s^2)]}
        - file: raw/{take}/Gyroscope.csv
          columns: {time: Time (s), gyro: [X (rad/s), Y (rad/s), Z (rad/s)]}
      units: {time: s, acc: m/s2, gyro: rad/s}
      gravity: included
      frame: sensor
      start_s: -1.5                                # the app ran 1.5 s before the video
  pose: {file: 'pose/{take}.json', format: mmpose, img_shape: [1080, 1920], rate: 30}
  segments: {file: 'labels/{take}.csv'}
"""  # noqa: E501
"""The mapping file; docs/own_data.md explains it."""


def write_phone_study(
    out: str | Path, takes: int = 2, take_sec: float = 45.0, seed: int = 0
) -> list[str]:
    """Write simulated files like those that docs/own_data.md starts from.

    These are ``raw/<take>/{Accelerometer,Gyroscope}.csv`` as logged by a phone
    on the right wrist, ``pose/<take>.json`` as predicted by MMPose,
    ``labels/<take>.csv`` and ``study.yml``.

    Args:
        out: Directory to write to.
        takes: Takes per person.
        take_sec: Length of a take, and of the phone's log, in seconds.
        seed: Another seed gives other people.

    Returns:
        Names of the takes.

    Raises:
        ValueError: If a take is too short for a video.
    """
    if take_sec <= 2 * EARLY_SEC:
        raise ValueError(
            f'take_sec must be longer than {2 * EARLY_SEC} s, got {take_sec}.'
        )
    out = Path(out)
    todo = []
    for split, names in PEOPLE.items():
        source = SyntheticMotionDataset(
            split=split,
            num_subjects=len(names),
            takes_per_subject=takes,
            take_sec=take_sec,
            people=(1, 1),
            seed=seed,
            lazy_init=True,
        )
        trials: dict[str, int] = {}
        for entry in source.load_entries():
            subject = names[int(entry['subject'].split('-')[-1])]
            trials[subject] = trials.get(subject, 0) + 1
            name = f'{subject}_t{trials[subject]}'
            todo.append((name, source, entry))
    console = Console(stderr=True)
    for name, source, entry in track(todo, 'Simulating', console=console):
        _write_take(out, name, source.get_recording(entry), entry['segments'])
    write_whole(out / 'study.yml', MAPPING)
    return [name for name, *_ in todo]


def _write_take(
    out: Path, name: str, recording: Recording, segments: Iterable[dict]
) -> None:
    pose, phone = recording.pose, recording.imu['right_wrist']
    assert pose is not None  # simulated with one
    start = max(pose.clock.span[0], phone.clock.span[0] + EARLY_SEC)
    video, start = filmed(pose, start, pose.clock.span[1])
    for file, channel, unit in (
        ('Accelerometer', 'acc', 'm/s^2'),
        ('Gyroscope', 'gyro', 'rad/s'),
    ):
        names = ('Time (s)', *(f'{axis} ({unit})' for axis in 'XYZ'))
        rows = _log(phone, channel, start - EARLY_SEC)
        _write_table(out / f'raw/{name}/{file}.csv', names, rows)
    write_mmpose(out / f'pose/{name}.json', [video])
    classes = list(ACTIONS)
    labels = [
        (
            round(max(segment['start_s'] - start, 0.0), 3),
            round(segment['end_s'] - start, 3),
            classes[segment['label']],
        )
        for segment in segments
        if segment['end_s'] > start
    ]
    names = ('start_s', 'end_s', 'label')
    _write_table(out / f'labels/{name}.csv', names, labels)


def _log(
    stream: SensorStream, channel: str, start: float
) -> list[tuple[float, ...]]:
    """Rows (time, x, y, z) that the app exports of a sensor."""
    times = stream.clock.at() - start
    values = np.asarray(stream.channels[channel], dtype=np.float64)
    values = values.clip(-RANGE[channel], RANGE[channel]).round(5)
    table = np.column_stack([times.round(6), values])
    return list(map(tuple, table[times >= 0].tolist()))


def _write_table(path: Path, names: Sequence[str], rows: Iterable) -> None:
    with replacing(path) as temporary, temporary.open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)
