"""Make every picture of README and docs again, by the commands they show.

``python tools/misc/make_pictures.py [NAME …]`` writes ``docs/images``; names
are files there, all by default. Pictures of speed are drawn from
``docs/results/speed.json``. It takes ten minutes on two cores, and the first
picture needs the extra ``pose``. Look at what it made before you commit it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from mobind_mm.utils.model_index import load_models

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / 'docs/images'
VIDEO = '--fps 29.97 --img-shape 1080 1920'
(SHIPPED,) = [m.weights for m in load_models() if m.name == 'mobind_synthetic']
TESTED = f'mobind test configs/mobind/synthetic.py {SHIPPED} --show-dir pics'

DRIFT = (
    "python -c \"import pandas as p; t = p.read_csv('long/imu.csv'); "
    "t.time *= 1 + 40e-6; t.to_csv('long/imu.csv', index=False)\""
)
"""Let the sensors' clock run fast by 40 ppm."""
PARTS = dict(
    zip(
        ('IMU encoder', 'pose encoder', 'heads', 'backward', 'optimizer'),
        ('imu_backbone', 'pose_backbone', 'heads', 'backward', 'optimizer'),
    )
)
GROWTH = {
    'batch B, clips': 'batch',
    'limbs S': 'limbs',
    'window, s': 'window_s',
    'recording to synchronise, minutes': 'sync_minutes',
}


def _files(name: str) -> str:
    return f'--imu {name}/imu.csv --mapping {name}/imu.yml'


STEPS: tuple[tuple[str, Mapping[str, str]], ...] = (
    (
        'mobind example demo --video --seconds 20 && mobind sync '
        f'{_files("demo")} --video demo/take.mp4 --out-dir demo/sync '
        '--preview preview.webp --preview-start 4 --preview-sec 6',
        {'preview.webp': 'demo/sync/preview.webp'},
    ),
    (
        f'mobind example anna && mobind sync {_files("anna")} --pose '
        f'anna/pose.json {VIDEO} --out-dir anna --preview --preview-sec 10',
        {
            'preview.mp4': 'anna/preview.mp4',
            'sync_curve.png': 'anna/sync_curve.png',
        },
    ),
    (
        f'mobind example long --seconds 600 && {DRIFT} && mobind sync '
        f'{_files("long")} --pose long/pose.json {VIDEO} --out-dir long',
        {'clock_drift.png': 'long/clock_drift.png'},
    ),
    (
        'mobind example party --people 3 --seed 1 && mobind localize '
        f'{_files("party")} --pose party/pose.json {VIDEO} --max-offset 10',
        {'who_wears_what.png': 'localize/localization.png'},
    ),
    (
        'for s in 1 2 3; do mobind example g$s --seed $s; done && '
        f'mobind retrieve {_files("g2")} {VIDEO} '
        '--gallery g1/pose.json g2/pose.json g3/pose.json',
        {'found_windows.png': 'retrieve/retrieval.png'},
    ),
    (
        f'{TESTED} --tasks retrieval localization action sync',
        {
            'retrieval.png': 'pics/*similarity*.png',
            'localisation.png': 'pics/*skeleton*.png',
            'actions.png': 'pics/*confusion*knn*.png',
            'synchronisation.png': 'pics/*sync_curve*.png',
        },
    ),
)
"""Commands of a shell in an empty directory, and what they leave there."""


def _draw_speed(name: str) -> None:
    """The pictures of docs/performance.md, from the tables there."""
    sys.path.append(str(ROOT / 'tools/analysis_tools'))
    from benchmarking.pictures import draw_growth, draw_step_parts

    path = ROOT / 'docs/results/speed.json'
    tables = json.loads(path.read_text('utf-8'))['tables']
    if name == 'growth.png':
        powers = {row[0]: row[1:] for row in tables['exponents']['rows']}
        rows: dict[str, dict] = {}
        for varied, size, seconds, memory in tables['growth']['rows']:
            row = rows.setdefault(
                GROWTH[varied],
                dict(
                    sizes=[],
                    seconds=[],
                    memory_mib=[],
                    seconds_exponent=powers[varied][0],
                    memory_exponent=powers[varied][1],
                ),
            )
            row['sizes'].append(float(size))
            row['seconds'].append(float(seconds))
            row['memory_mib'].append(float(memory))
        draw_growth(rows).savefig(IMAGES / name)
    else:
        parts = [PARTS[part] for part in tables['step']['columns'][1:]]
        speeds = [row[1] for row in tables['two_cores']['rows']]
        draw_step_parts(
            {
                row[0]: dict(
                    clips_per_s=float(speed.strip('*')),
                    parts_s=dict(zip(parts, row[1:])),
                )
                for row, speed in zip(tables['step']['rows'], speeds)
            }
        ).savefig(IMAGES / name)


def main() -> None:
    """Make what was asked for."""
    wanted = set(sys.argv[1:])
    python = f'{sys.executable} -W ignore'
    call = (
        f'python() {{ {python} "$@"; }}; '
        f'mobind() {{ {python} -m mobind_mm "$@"; }}'
    )
    for name in ('growth.png', 'step_parts.png'):
        if name in wanted or not wanted:
            _draw_speed(name)
    for script, made in STEPS:
        if wanted and not wanted & set(made):
            continue
        with tempfile.TemporaryDirectory() as folder:
            print('+', script)
            subprocess.run(
                ['bash', '-euc', f'{call}\n{script}'], cwd=folder, check=True
            )
            for name, pattern in made.items():
                (path, *_) = sorted(Path(folder).glob(pattern))
                shutil.copy(path, IMAGES / name)
                print('made', IMAGES / name)


if __name__ == '__main__':
    main()
