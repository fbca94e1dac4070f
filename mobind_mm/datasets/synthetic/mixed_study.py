"""Many recordings and videos, and nobody knows which belong together."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from ...readers.files import write_imu_table
from ...recordings import Clock, Recording
from ...utils.files import replacing
from .dataset import SyntheticMotionDataset
from .example import SENSORS, filmed, write_mmpose

_SLACK_SEC = 12.0
"""What is simulated beyond the length of the files."""
_LATEST_SEC = 30.0
"""Sensors start at most this long before or after their clock's zero."""
_CROWD = 0.25
"""Share of the videos with a bystander."""
COLUMNS = ('recording', 'video', 'person', 'offset_s')


def write_mixed_study(
    out: str | Path,
    pairs: int = 6,
    recordings: int = 1,
    videos: int = 1,
    seconds: float = 60.0,
    seed: int = 0,
) -> Path:
    """Write sensors and skeletons under names that say nothing.

    ``sensors/r<number>.csv`` are sensors of one person; ``videos/v<number>
    .json`` is what MMPose predicts for everybody in a video, at 30 frames
    per second and 1080 x 1920 pixels. In a quarter of the videos there is
    somebody without sensors, too. ``truth.csv`` tells what belongs together.

    Args:
        out: Directory to write to.
        pairs: Recordings whose video is there.
        recordings: Further recordings, whose video is missing.
        videos: Further videos, whose sensors are missing.
        seconds: Length of each; those of a pair start some seconds apart.
        seed: Another seed gives other people and another order.

    Returns:
        ``truth.csv``.

    Raises:
        ValueError: If there is nothing to write.
    """
    if min(pairs, recordings, videos) < 0 or pairs + recordings + videos < 1:
        raise ValueError(
            'A study needs recordings or videos, got '
            f'{pairs} pairs, {recordings} recordings and {videos} videos.'
        )
    out = Path(out)
    rng = np.random.default_rng(seed)
    count = pairs + recordings + videos
    numbers = {
        'r': rng.permutation(pairs + recordings) + 1,
        'v': rng.permutation(pairs + videos) + 1,
    }
    rows = []
    scenes = _scenes(count, seconds + _SLACK_SEC, seed, rng)
    console = Console(stderr=True)
    shown = track(scenes, 'Simulating', total=count, console=console)
    for people, index in zip(shown, rng.permutation(count).tolist()):
        starts = rng.uniform(0, _SLACK_SEC, 2)
        clock = rng.uniform(-_LATEST_SEC, _LATEST_SEC)
        row = dict.fromkeys(COLUMNS, '')
        if index < pairs + recordings:
            number = int(numbers['r'][index])
            row['recording'] = f'sensors/r{number:02}.csv'
            worn = {name: people[0].imu[name] for name in SENSORS}
            stream = next(iter(worn.values()))
            part = stream.clock.between(starts[0], starts[0] + seconds)
            cut = {
                name: replace(
                    stream.cut(part),
                    clock=Clock(part.stop - part.start, rate=1.0),
                )
                for name, stream in worn.items()
            }
            times = stream.clock.at(part) - starts[0] + clock
            write_imu_table(out / row['recording'], cut, times)
        if not pairs <= index < pairs + recordings:
            number = index if index < pairs else index - recordings
            number = int(numbers['v'][number])
            row['video'] = f'videos/v{number:02}.json'
            order = rng.permutation(len(people))
            end = starts[1] + seconds
            films, first = zip(
                *(filmed(people[i].pose, starts[1], end) for i in order)
            )
            write_mmpose(out / row['video'], films)
            if row['recording']:
                row['person'] = str(int(np.argmin(order)))
                row['offset_s'] = f'{first[0] - starts[0] + clock:.6f}'
        rows.append(row)
    with replacing(out / 'truth.csv') as path, path.open('w') as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator='\n')
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda row: str(row['recording'])))
    return out / 'truth.csv'


def _scenes(
    count: int, seconds: float, seed: int, rng: np.random.Generator
) -> Iterator[list[Recording]]:
    """Everybody in each of some videos; the first wears the sensors."""
    crowded = rng.random(count) < _CROWD
    for people in (1, 2):
        wanted = int((crowded == (people == 2)).sum())
        if not wanted:
            continue
        source = SyntheticMotionDataset(
            'test',
            num_subjects=wanted * people,
            takes_per_subject=1,
            take_sec=seconds,
            people=(people, people),
            seed=seed + people,
            lazy_init=True,
            cache_takes=1,
        )
        scenes: dict[str, list[dict]] = {}
        for entry in source.load_entries():
            scenes.setdefault(entry['scene'], []).append(entry)
        for entries in scenes.values():
            yield [source.get_recording(entry) for entry in entries]
