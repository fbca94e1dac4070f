"""Train on all subjects but one, test on it; for every subject.

All recordings of the config's datasets take part, whatever split they are
in. Finished folds are not repeated, so an interrupted command resumes where
it stopped. Weights that the config starts from (load_from) must not
have seen the subject that is tested: '{subject}' in load_from stands for it.
"""

import argparse
import hashlib
import io
import json
from pathlib import Path

from benchmarking.cross_validation import (
    SubjectFolds,
    check_disjoint,
    summarize,
)
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.runner import find_latest_checkpoint
from rich.console import Console
from rich.table import Table

import mobind_mm  # noqa: F401
from mobind_mm.cli.arguments import flags
from mobind_mm.cli.config import (
    add_config_arguments,
    build_runner,
    load_config,
)
from mobind_mm.utils.checkpoint import check_checkpoint, check_resumable
from mobind_mm.utils.cli import run_command
from mobind_mm.utils.files import write_whole
from mobind_mm.utils.results import prepare_results, write_json


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_config_arguments(parser)
    flag = flags(parser)
    flag('--out FILE', 'JSON file for the table')
    flag(
        '--metrics KEY ...',
        'columns of the table by fold; default: those of action '
        'recognition, or all if there are none',
    )
    return parser.parse_args()


def run_fold(cfg: Config, work_dir: Path, local_rank: int) -> dict:
    """Train one fold, or resume it, and test its last weights."""
    cfg.work_dir = str(work_dir)
    # MMEngine keeps one logger and visualizer for each name.
    cfg.experiment_name = f'{work_dir.parent}_{work_dir.name}'
    latest = find_latest_checkpoint(cfg.work_dir)
    cfg.resume = latest is not None
    cfg.load_from = latest or cfg.get('load_from')
    runner = build_runner(cfg, local_rank)
    if latest is not None:
        check_resumable(runner.model, latest)
    elif cfg.load_from is not None:
        check_checkpoint(runner.model, cfg.load_from, partial=True)
    runner.train()
    # From the file, which holds the averaged weights if there are such.
    cfg.load_from, cfg.resume = find_latest_checkpoint(cfg.work_dir), False
    cfg.experiment_name += '_test'
    return dict(build_runner(cfg, local_rank).test())


def read_state(path: Path, fingerprint: str) -> dict:
    """Metrics of the folds that are finished.

    Raises:
        ValueError: If they are of another config.
    """
    if not path.exists():
        return {}
    state = json.loads(path.read_text(encoding='utf-8'))
    if state['config'] != fingerprint:
        raise ValueError(
            f'{path} has folds of another config or other options; choose '
            'another --work-dir, or delete that directory.'
        )
    return state['folds']


def format_folds(folds: dict, metrics: list[str]) -> str:
    """The table by fold, with mean and standard deviation."""
    table = Table(title='leave one subject out')
    table.add_column('subject')
    for name in metrics:
        table.add_column(name, justify='right')
    rows = {**folds, **summarize(folds)}
    for subject, values in rows.items():
        if subject == 'mean':
            table.add_section()
        shown = [values.get(name) for name in metrics]
        cells = ['-' if v is None else f'{v:.3f}' for v in shown]
        table.add_row(subject, *cells)
    out = io.StringIO()
    Console(file=out, width=max(79, 12 + 24 * len(metrics))).print(table)
    return out.getvalue()


def choose_metrics(folds: dict, asked: list[str] | None) -> list[str]:
    """Columns of the table.

    Raises:
        ValueError: If a metric that was asked for is not there.
    """
    known = list(summarize(folds)['mean'])
    if unknown := sorted(set(asked or ()) - set(known)):
        raise ValueError(f'--metrics {unknown}: choose among {known}.')
    return asked or [k for k in known if k.startswith('action/')] or known


def main() -> None:
    """Run all folds."""
    args = parse_args()
    cfg = load_config(args)
    if args.out:
        prepare_results(args.out)
    work_dir = Path(cfg.pop('work_dir'))
    text = json.dumps(cfg.to_dict(), sort_keys=True, default=str)
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    state = work_dir / 'folds.json'
    folds = read_state(state, fingerprint)
    splits = SubjectFolds(cfg)
    for subject in splits.subjects:
        if subject in folds:
            continue
        fold = splits.config(subject)
        check_disjoint(fold)
        metrics = run_fold(fold, work_dir / subject, args.local_rank)
        folds[subject] = metrics
        if is_main_process():
            write_whole(
                state, json.dumps({'config': fingerprint, 'folds': folds})
            )
    if not is_main_process():
        return
    folds = {subject: folds[subject] for subject in splits.subjects}
    print(format_folds(folds, choose_metrics(folds, args.metrics)))
    if args.out:
        rows = {**folds, **summarize(folds)}
        write_json(
            args.out,
            {
                f'{row}/{name}': value
                for row, values in rows.items()
                for name, value in values.items()
            },
        )


if __name__ == '__main__':
    run_command(main)
