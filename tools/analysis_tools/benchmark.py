"""Measure how fast everything is, against the published recipe.

Every ratio is against a reference that computes as the released recipe
does, on the same machine in the same run. Without arguments it takes a few
minutes on two cores.
"""

import argparse
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from benchmarking import PARTS, Settings
from benchmarking.pictures import draw_growth, draw_step_parts
from benchmarking.settings import count_processor_time, machine
from benchmarking.step import measure_encoders
from benchmarking.sync import measure_sync_error
from rich.console import Console
from rich.table import Table

import mobind_mm  # noqa: F401
from mobind_mm.cli.arguments import flags
from mobind_mm.utils.cli import run_command
from mobind_mm.utils.files import write_whole
from mobind_mm.visualization.figures import to_image, write_image


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    flag = flags(parser)
    flag('--out FILE', 'JSON file to write')
    flag('--show-dir DIR', 'directory to write pictures to')
    flag(
        '--parts',
        'what to measure; default: all but scaling and precision',
        nargs='*',
        choices=list(PARTS),
        default=[p for p in PARTS if p not in ('scaling', 'precision')],
    )
    flag('--scaling', 'how cost grows with size')
    flag('--compiled', 'torch.compile too')
    flag(
        '--device',
        '',
        choices=['cpu', 'cuda'],
        default='cuda' if torch.cuda.is_available() else 'cpu',
    )
    flag('--batch-size N', '', type=int)
    flag('--repeats N', '', type=int)
    flag('--minutes MIN', 'recording to sync', type=float)
    flag('--items N', 'gallery of retrieval', type=int)
    flag(
        '--sync-error CONFIG CHECKPOINT',
        'synchronise simulated recordings with a model of the synthetic '
        'dataset, both ways',
    )
    flag(
        '--encoders CONFIG ...',
        'training steps of the models of configs, on random streams of '
        'their sizes',
    )
    flag(
        '--processor-time',
        'count the processor time of one thread, without loader '
        'processes: for a machine that does other work too',
    )
    flag('--quick', 'tiny sizes, to try it out')
    return parser.parse_args()


def settings_of(args: argparse.Namespace) -> Settings:
    """Sizes that the flags ask for.

    Raises:
        ValueError: If there is no such device, or a size is not positive.
    """
    if args.device == 'cuda' and not torch.cuda.is_available():
        raise ValueError('--device cuda: PyTorch finds no GPU; use cpu.')
    settings = Settings(device=args.device, compiled=args.compiled)
    if args.quick:
        settings = replace(
            settings,
            batch_size=2,
            num_limbs=2,
            window_sec=2.0,
            repeats=1,
            workers=(0,),
            windows=8,
            minutes=0.5,
            items=300,
            reference_windows=4,
            batch_sizes=(1, 2),
            limbs=(1, 2),
            windows_sec=(1.0, 2.0),
            sync_minutes=(0.3, 0.6),
        )
    if args.processor_time:
        settings = replace(settings, workers=(0,))
    names = ('batch_size', 'repeats', 'minutes', 'items')
    given = {name: getattr(args, name) for name in names}
    for name, value in given.items():
        if value is not None and not value > 0:
            raise ValueError(f'--{name.replace("_", "-")} must be > 0.')
    return replace(
        settings, **{k: v for k, v in given.items() if v is not None}
    )


def show(name: str, rows: dict) -> None:
    """Print one part: one line per number."""
    table = Table(title=name, title_justify='left', show_header=False)
    for key, value in _flat(rows):
        text = f'{value:.4g}' if isinstance(value, float) else str(value)
        table.add_row(key, text)
    Console(width=100).print(table)


def _flat(rows: dict, prefix: str = '') -> list[tuple[str, object]]:
    flat = []
    for key, value in rows.items():
        if isinstance(value, dict):
            flat += _flat(value, f'{prefix}{key} ')
        else:
            flat.append((prefix + key, value))
    return flat


def write_pictures(result: dict, folder: Path) -> None:
    """Draw the parts that were measured and have a picture."""
    if 'step' in result:
        rows = result['step']
        models = {k: v for k, v in rows.items() if isinstance(v, dict)}
        picture = to_image(draw_step_parts(models))
        write_image(folder / 'step_parts.png', picture)
    if 'scaling' in result:
        picture = to_image(draw_growth(result['scaling']))
        write_image(folder / 'growth.png', picture)


def main() -> None:
    """Measure, print, write."""
    args = parse_args()
    settings = settings_of(args)
    if args.processor_time:
        count_processor_time()
    parts = list(args.parts) + ['scaling'] * args.scaling
    result = dict(
        machine=machine(args.device),
        processor_time=args.processor_time,
        settings=vars(settings),
    )
    jobs = {part: partial(PARTS[part], settings) for part in parts}
    if args.sync_error:
        jobs['sync_error'] = partial(
            measure_sync_error, *args.sync_error, settings.minutes
        )
    if args.encoders:
        jobs['encoders'] = partial(
            measure_encoders, args.encoders, settings.device, settings.repeats
        )
    for part, job in jobs.items():
        result[part] = job()
        show(part, result[part])
        if args.out:
            write_whole(Path(args.out), json.dumps(result, indent=1))
    if args.show_dir:
        write_pictures(result, Path(args.show_dir))


if __name__ == '__main__':
    run_command(main)
