"""Plot curves of a training's log, or say how long its steps took.

MMAction2's tool of that name reads logs that name their mode, which MMEngine's
do not.

    python tools/analysis_tools/analyze_logs.py cal_train_time scalars.json
    python tools/analysis_tools/analyze_logs.py plot_curve scalars.json \
        --keys loss retrieval/imu2pose_R@1 --out curves.png
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

import pandas as pd

from mobind_mm.cli.arguments import flags
from mobind_mm.utils.cli import run_command
from mobind_mm.utils.errors import mistake
from mobind_mm.visualization.figures import (
    new_figure,
    plain,
    to_image,
    write_image,
)


def read_log(path: str) -> pd.DataFrame:
    """One row per line of a log, training and validation.

    Raises:
        ValueError: If it is not a log of MMEngine.
    """
    try:
        log = pd.read_json(path, lines=True)
    except ValueError:
        log = pd.DataFrame()
    if 'step' not in log:
        raise mistake(
            path,
            'is not a log of MMEngine, one JSON object per line',
            'Give vis_data/scalars.json of a work directory',
        )
    return log


def cal_train_time(args: Namespace) -> None:
    """Print the time of training steps, by epoch."""
    for path in args.json_logs:
        log = read_log(path)
        steps = log.dropna(subset=['time', 'epoch', 'loss'])
        if not args.include_outliers:  # the first line of each epoch
            steps = steps[steps.groupby('epoch').cumcount() > 0]
        epochs = steps.groupby('epoch')['time'].mean()
        if epochs.empty:
            raise mistake(path, 'has no epoch of two lines', 'Train longer')
        print(f'{path}: {len(epochs)} epochs')
        for name in ('idxmax', 'idxmin'):
            epoch = getattr(epochs, name)()
            word = 'slowest' if name == 'idxmax' else 'fastest'
            print(
                f'  {word} epoch {epoch:.0f}: {epochs[epoch]:.4f} s per step'
            )
        print(f'  all: {steps["time"].mean():.4f} s per step')


def plot_curve(args: Namespace) -> None:
    """Draw the keys of logs over the epochs."""
    curves = _curves(args.json_logs, args.keys)
    legend = args.legend or [f'{path} {key}' for path, key, _ in curves]
    if len(legend) != len(curves):
        raise ValueError(
            f'--legend has {len(legend)} names for {len(curves)} curves.'
        )
    figure = new_figure(7, 4, args.title or '')
    axes = figure.subplots()
    for label, (_, _, curve) in zip(legend, curves):
        axes.plot(curve.index, curve.values, label=label)
    axes.set(xlabel='epoch')
    plain(axes)
    axes.legend(fontsize=8)
    write_image(args.out, to_image(figure))
    print(f'Wrote {args.out}.')


def _curves(
    paths: Sequence[str], keys: Sequence[str]
) -> list[tuple[str, str, pd.Series]]:
    curves = []
    for path in paths:
        log = read_log(path)
        for key in keys:
            if key not in log:
                raise mistake(
                    path, f'has no {key}', '', name=key, known=list(log)
                )
            curve = pd.Series(log[key].values, index=_epochs(log)).dropna()
            curves.append((path, key, curve))
    return curves


def _epochs(log: pd.DataFrame) -> pd.Series:
    """Epoch of each line: its ``step`` is one of training, or an epoch."""
    if 'epoch' not in log:
        return log['step']
    steps = (log['step'] / log['epoch']).max()  # of an epoch
    return log['step'].where(log['epoch'].isna(), log['step'] / steps)


def main() -> None:
    """Run one of the two."""
    parser = ArgumentParser(description=(__doc__ or '').partition('\n')[0])
    tasks = parser.add_subparsers(required=True)
    for run in (cal_train_time, plot_curve):
        task = tasks.add_parser(run.__name__, help=run.__doc__)
        flag = flags(task)
        flag('json_logs', 'vis_data/scalars.json', nargs='+')
        task.set_defaults(run=run)
        if run is cal_train_time:
            flag('--include-outliers', '')
        else:
            flag('--keys KEY ...', '', default=['loss'])
            flag('--legend TEXT ...', '')
            flag('--title TEXT', '')
            flag('--out FILE', '', default='curves.png')
    args = parser.parse_args()
    args.run(args)


if __name__ == '__main__':
    run_command(main)
