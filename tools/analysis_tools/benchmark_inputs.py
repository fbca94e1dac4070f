"""Read long inputs: hours of keypoints and of a sensor, in little memory.

    python tools/analysis_tools/benchmark_inputs.py --hours 3 --people 1 2

Writes files of 60 frames a second and 1,000 rows a second as pose tools and
loggers do, and reads each in a process of its own. Times are processor
seconds of one thread, the import of the libraries left out; memory is the
peak of the process.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from benchmarking.settings import machine

from mobind_mm.cli.arguments import flags
from mobind_mm.utils.cli import run_command
from mobind_mm.utils.results import write_json

FPS, ROWS = 60, 1000
_CYCLE = 500  # frames after which the movement repeats
_READ = """
import resource, sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from mobind_mm.readers.files import Video, load_people, read_imu_tables
kind, path = sys.argv[1:]
start = time.process_time()
if kind == 'imu':
    found = read_imu_tables(Path(path))
else:
    video = Video(rate=60.0, img_shape=(1080, 1920))
    found = load_people(path, video)
spent = time.process_time() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(len(found), spent, peak)
"""


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    flag = flags(parser)
    flag('--hours HOURS', '', default=0.1)
    flag('--people N ...', '', type=int, default=[1, 2])
    flag(
        '--formats',
        '',
        nargs='+',
        choices=[*FORMATS, 'imu'],
        default=[*FORMATS, 'imu'],
    )
    flag('--out FILE', 'JSON file to write')
    return parser.parse_args()


def walkers(people: int) -> np.ndarray:
    """Pixels (cycle, people, 17, 2) of people who walk to and fro."""
    rng = np.random.default_rng(0)
    phase = 2 * np.pi * np.arange(_CYCLE)[:, None] / _CYCLE
    place = np.arange(people) * 1700 / people + 150
    x = place + 60 * np.sin(phase + np.arange(people))
    body = rng.uniform((-60, -200), (60, 200), (people, 17, 2))
    points = np.stack([x, np.full_like(x, 500.0)], axis=2)[:, :, None] + body
    return points + rng.normal(0, 1, points.shape)


def frames_of(
    person: Callable[[np.ndarray], dict], people: int
) -> list[list[dict]]:
    """The people of each frame of a cycle, as a tool writes them."""
    points = np.round(walkers(people), 2)
    scores = np.full((17, 1), 0.87)
    return [
        [person(np.concatenate([one, scores], 1)) for one in frame]
        for frame in points
    ]


def mmpose(frames: int, people: int) -> Iterator[str]:
    """Items of MMPose's predictions."""
    cycle = frames_of(
        lambda p: {
            'keypoints': p[:, :2].tolist(),
            'keypoint_scores': p[:, 2].tolist(),
            'bbox': [[*p[:, :2].min(0), *p[:, :2].max(0)]],
            'bbox_score': 0.9,
        },
        people,
    )
    texts = [json.dumps(frame) for frame in cycle]
    for frame in range(frames):
        text = texts[frame % _CYCLE]
        yield f'{{"frame_id": {frame + 1}, "instances": {text}}}'


def alphapose(frames: int, people: int) -> Iterator[str]:
    """Items of AlphaPose's results, which name no identity."""
    cycle = frames_of(lambda p: {'keypoints': p.ravel().tolist()}, people)
    texts = [[json.dumps(p)[1:-1] for p in frame] for frame in cycle]
    for frame in range(frames):
        for text in texts[frame % _CYCLE]:
            yield (
                f'{{"image_id": "{frame}.jpg", "category_id": 1, {text}, '
                '"score": 2.5}'
            )


FORMATS = {'mmpose': mmpose, 'alphapose': alphapose}


def write_people(path: Path, kind: str, frames: int, people: int) -> None:
    """A list of items."""
    with path.open('w', encoding='utf-8') as file:
        file.write('[')
        for number, item in enumerate(FORMATS[kind](frames, people)):
            file.write(f'{"," if number else ""}\n{item}')
        file.write('\n]\n')


def write_imu(path: Path, rows: int) -> None:
    """A table of a sensor on the left wrist."""
    axes = [f'{c}_{a}' for c in ('acc', 'gyro') for a in 'xyz']
    rng = np.random.default_rng(0)
    values = rng.normal((0, 0, 9.81, 0, 0, 0), 3, (ROWS, 6))
    lines = [','.join(f'{v:.5f}' for v in row) for row in values]
    with path.open('w', encoding='utf-8') as file:
        names = [f'left_wrist_{axis}' for axis in axes]
        file.write(','.join(['time', *names]) + '\n')
        for row in range(rows):
            file.write(f'{row / ROWS:.3f},{lines[row % ROWS]}\n')


def read(kind: str, path: Path) -> dict[str, float]:
    """Read a file in a process of its own."""
    done = subprocess.run(
        [sys.executable, '-c', _READ, kind, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    count, spent, peak = done.stdout.split()[-3:]
    return {
        'streams': int(count),
        'processor_s': float(spent),
        'peak_mib': float(peak),
        'mb': path.stat().st_size / 1e6,
    }


def main() -> None:
    """Write, read, print."""
    args = parse_args()
    rows = []
    for kind in args.formats:
        for people in [1] if kind == 'imu' else args.people:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / 'input.csv'
                if kind == 'imu':
                    write_imu(path, round(args.hours * 3600 * ROWS))
                else:
                    path = path.with_suffix('.json')
                    frames = round(args.hours * 3600 * FPS)
                    write_people(path, kind, frames, people)
                found = read(kind, path)
            rows.append({'input': kind, 'people': people, **found})
            print(rows[-1], flush=True)
    print(f'{args.hours:g} hours')
    print(pd.DataFrame(rows).round(1).to_string(index=False))
    if args.out:
        result = {'hours': args.hours, 'rows': rows, 'machine': machine('cpu')}
        write_json(args.out, result)


if __name__ == '__main__':
    run_command(main)
