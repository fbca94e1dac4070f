"""Compare the synchronisers by sensors, keypoint noise, frame rate, length.

Rows are written as they are finished; a second run adds those that are
missing. Parts: ``table`` (all cells), ``abstention`` (still and
strictly periodic people), ``scenes`` (all people of a scene jointly),
``joint`` (who wears what, where and when), ``drift`` (ten simulated
minutes).

``--trust`` needs no model: recordings spoiled in thirteen ways, of simulated
people and, with ``--data``, of real ones. ``--speed`` needs none either:
processor time, memory and errors by length, from recordings and from CSV and
JSON, and ten minutes in which a clock drifts and jumps.
"""

import argparse
import hashlib
import itertools
import json
from pathlib import Path

import pandas as pd
from benchmarking.conditions import Condition, table_conditions
from benchmarking.sync_cells import run_cells, run_drift, run_joint, run_scenes
from benchmarking.sync_speed import exponent, run_speed
from benchmarking.trust_table import run_trust
from rich.progress import track

import mobind_mm  # noqa: F401
from mobind_mm.apis import init_model
from mobind_mm.cli.arguments import flags
from mobind_mm.synchronization import build_synchronizer
from mobind_mm.utils.cli import run_command
from mobind_mm.utils.files import write_whole
from mobind_mm.utils.results import prepare_results

PARTS = ('table', 'abstention', 'scenes', 'joint', 'drift')
JUMPS = (
    (50, 0.5),
    (-100, 1.0),
    (200, 2.0),
    (-300, 3.0),
    (400, 4.0),
    (500, 5.0),
)
"""Drift in ppm and jump in seconds of ten minutes."""
DRIFTS = (50, -50, 100, -100, 200, -200, 500, -500)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    flag = flags(parser)
    flag(
        'config',
        'config file of a synthetic training; the model of --trust',
        nargs='?',
    )
    flag('checkpoint', 'checkpoint file', nargs='?')
    flag(
        '--trust', 'only the table of trust; by signals alone without a model'
    )
    flag(
        '--speed MINUTES',
        'only time, memory and jumps; default: 1 10 60',
        nargs='*',
        type=float,
    )
    flag(
        '--data DIR',
        'folder of real data for --trust: mocap, utd_mhad, gait_video',
        type=Path,
    )
    flag('--count N', 'recordings per source (--trust)', default=12)
    flag('--seeds N ...', 'for --trust', type=int, default=[11])
    flag('--out FILE', 'JSON file of the rows', required=True)
    flag('--parts', '', nargs='+', choices=PARTS, default=PARTS)
    flag('--num-clips N', 'clips per cell; default: all 36', type=int)
    return parser.parse_args()


def cells(part: str) -> list[Condition]:
    """Conditions of a part."""
    if part == 'table':
        return table_conditions()
    return [
        Condition(noise, 30.0, length, motion)
        for motion, noise, length in itertools.product(
            ('still', 'periodic'), (0.0, 0.03, None), (20.0, 10.0)
        )
    ]


def show(rows: list[dict]) -> None:
    """Print rows as tables, those with the same columns as one."""
    for _, part in itertools.groupby(rows, key=list):
        table = pd.json_normalize(list(part)).round(4)
        print(table.to_string(index=False, line_width=110), end='\n\n')


def main() -> None:
    """Run what is missing, then print everything."""
    args = parse_args()
    prepare_results(args.out)
    out = Path(args.out)
    if args.trust:
        table, bins = run_trust(args.data, args.count, args.seeds, args.config)
        about = dict(model=args.config, count=args.count, seeds=args.seeds)
        rows = dict(about, rows=table, bins=bins)
        write_whole(out, json.dumps(rows, indent=1))
        show([*table, *bins])
        return
    if args.speed is not None:
        minutes = sorted(args.speed or [1.0, 10.0, 60.0])
        rows = [run_speed(m) for m in minutes]
        slope = exponent(rows) if len(rows) > 1 else 1.0
        if not args.speed:
            rows += [run_speed(10.0, p, j) for p, j in JUMPS]
        rows.append(run_speed(minutes[-1], from_files=True))
        write_whole(out, json.dumps(rows, indent=1))
        show(rows)
        print(f'time grows like length to the power of {slope:.2f}')
        return
    if args.config is None or args.checkpoint is None:
        raise ValueError(
            'Give a config and a checkpoint, or --trust, or --speed.'
        )
    done = json.loads(out.read_text('utf-8')) if out.exists() else {}
    settings = dict(
        weights=hashlib.sha256(Path(args.checkpoint).read_bytes()).hexdigest(),
        synchronizer=vars(build_synchronizer('fused')),
        num_clips=args.num_clips,
    )
    if done.setdefault('settings', settings) != settings:
        raise ValueError(
            f'{out} holds rows of another checkpoint, synchroniser or '
            '--num-clips; give another --out.'
        )

    def finish(key: str, rows: list[dict]) -> None:
        done[key] = rows
        write_whole(out, json.dumps(done, indent=1))

    jobs = {
        f'{part} {cell}': cell
        for part in args.parts
        if part in ('table', 'abstention')
        for cell in cells(part)
    }
    missing = {key: cell for key, cell in jobs.items() if key not in done}
    if missing or 'joint' in args.parts:
        model = init_model(args.config, args.checkpoint).eval()
        pipeline = model.cfg.test_dataloader.dataset.datasets[-1].pipeline
    if missing:
        for key, cell in track(missing.items(), 'conditions'):
            numbers = (5, 2, 1) if cell.motion == 'acted' else (5, 1)
            rows = run_cells(model, pipeline, cell, numbers, args.num_clips)
            finish(key, list(rows))
    if 'scenes' in args.parts:
        runs = [(Condition(0.03, 30.0, 10.0), n) for n in (5, 1)]
        for condition, number in track(runs, 'scenes'):
            key = f'scenes {condition} {number}'
            if key not in done:
                finish(key, [run_scenes(condition, number)])
    if 'joint' in args.parts:
        for number in track((5, 2, 1), 'joint'):
            if f'joint {number}' not in done:
                row = run_joint(model, pipeline, number)
                finish(f'joint {number}', [row])
    if 'drift' in args.parts:
        runs = itertools.product(enumerate(DRIFTS), (5, 1))
        for (person, ppm), number in track(list(runs), 'drift'):
            key = f'drift {ppm} {number}'
            if key not in done:
                finish(key, [run_drift(ppm, number, person)])
    del done['settings']
    show([row for rows in done.values() for row in rows])


if __name__ == '__main__':
    run_command(main)
