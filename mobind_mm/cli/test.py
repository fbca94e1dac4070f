"""``mobind test`` and ``mobind eval``."""

from __future__ import annotations

import re
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..utils.files import check_output
from ..utils.results import format_metrics, prepare_results, write_json
from .arguments import flags
from .config import add_config_arguments, build_runner, load_config

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.evaluator import BaseMetric
    from mmengine.runner import TestLoop


def _test_arguments(parser: ArgumentParser) -> None:
    add_config_arguments(parser)
    flag = flags(parser)
    flag('checkpoint', 'checkpoint file or URL')
    flag('--out FILE', 'JSON file to write the metrics to')
    flag(
        '--tasks TASK ...',
        'evaluate only these, e.g. retrieval sync; default: all',
    )
    flag('--show-dir DIR', 'directory to write pictures to')
    flag('--show', 'show these pictures in windows')
    flag(
        '--dump FILE',
        "pickle file to write the predictions to, as MMAction2's does",
    )
    flag(
        '--dump-cases DIR',
        'write one CSV per metric with per-sample results, worst first',
    )
    flag(
        '--dump-embeddings FILE',
        '.safetensors file to write all embeddings to, for mobind eval',
    )
    flag(
        '--dump-tokens',
        'write the tokens there, too: some 60 times as much; mobind eval '
        '--similarity tokens and --localization need them',
    )


def evaluate_checkpoint(args: Namespace) -> None:
    """Evaluate a checkpoint on every task of a config's test."""
    from mmengine.dist import is_main_process

    from ..utils.checkpoint import check_checkpoint

    if args.dump:
        check_dump(args.dump)
    if args.dump_tokens and not args.dump_embeddings:
        raise ValueError(
            '--dump-tokens adds to a file of embeddings; name it: '
            '--dump-embeddings FILE.safetensors.'
        )
    cfg = load_config(args)
    cfg.load_from, cfg.resume = args.checkpoint, False
    if args.out:
        prepare_results(args.out)
    if args.tasks:
        select_tasks(cfg, args.tasks)
    if args.show_dir or args.show:
        add_pictures(cfg, args.show_dir, args.show)
    if args.dump:
        dump = dict(type='mmengine.DumpResults', out_file_path=args.dump)
        cfg.test_evaluator = [*_metrics(cfg), dump]
    if args.dump_embeddings:
        add_embeddings(cfg, args.dump_embeddings, args.dump_tokens)
    runner = build_runner(cfg, args.local_rank)
    check_checkpoint(runner.model, args.checkpoint)
    if args.dump_cases:
        dump_cases(runner.test_loop, args.dump_cases)
    metrics = runner.test()
    if args.out and is_main_process():
        write_json(args.out, metrics)


def select_tasks(cfg: Config, names: Sequence[str]) -> None:
    """Remove the metrics and tasks that are not asked for.

    A metric beside ``test_dataloader`` is named by the prefix of its keys
    (``retrieval``), a task of ``test_cfg`` by its name.

    Raises:
        ValueError: If a name is neither.
    """
    metrics = _metrics(cfg)
    tasks = cfg.test_cfg.get('tasks') or {}
    known = {_prefix(metric) for metric in metrics}
    known |= {name for name, task in tasks.items() if task is not None}
    if unknown := sorted(set(names) - known):
        raise ValueError(
            f'--tasks {" ".join(unknown)}: {cfg.filename} evaluates '
            f'{" ".join(sorted(known))}.'
        )
    cfg.test_evaluator = [m for m in metrics if _prefix(m) in names]
    for name in tasks:
        if name not in names:
            tasks[name] = None


def check_dump(file: str) -> None:
    """Refuse a name that is not that of a file of predictions.

    Raises:
        OSError: If it cannot be written.
        ValueError: If it does not end like a pickle file.
    """
    if not file.endswith(('.pkl', '.pickle')):
        raise ValueError(
            f'--dump {file}: predictions go to a pickle file, .pkl, as in '
            'MMAction2; --dump-cases DIR writes one CSV per metric.'
        )
    check_output(file, is_dir=False, flag='--dump')


def add_pictures(
    cfg: Config, show_dir: str | None, show: bool = False
) -> None:
    """Draw the pictures of the tasks into a directory, or show them.

    Raises:
        ValueError: If there is a file of that name, or no window can be
            opened.
    """
    if show_dir is not None:
        _check_directory('--show-dir', show_dir)
    if show:
        check_screen()
    visualizer = dict(cfg.get('visualizer') or {})
    cfg.visualizer = {**visualizer, 'type': 'mobind_mm.MoBindVisualizer'}
    hook = dict(type='mobind_mm.TaskPictureHook', show_dir=show_dir, show=show)
    cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), hook]


def add_embeddings(cfg: Config, file: str, tokens: bool = False) -> None:
    """Write the embeddings of ``test_dataloader`` to a file."""
    dump = dict(type='mobind_mm.DumpEmbeddings', out=file, tokens=tokens)
    cfg.test_evaluator = [*_metrics(cfg), dump]


def dump_cases(loop: TestLoop, directory: str) -> list[Path]:
    """Let every metric write a CSV of its per-sample results, if it can.

    Returns:
        The files that will be written; where two metrics would get the
        same name, the second adds the beginning of its keys.

    Raises:
        ValueError: If there is a file of the directory's name, or two
            tables would still be one.
    """
    _check_directory('--dump-cases', directory)
    from ..engine.loops import evaluators_of

    files: list[Path] = []
    for task, evaluator in evaluators_of(loop).items():
        metrics = [m for m in evaluator.metrics if hasattr(m, 'dump')]
        for metric in metrics:
            name = task
            if task == 'main':
                name = _file_name(metric)
            elif len(metrics) > 1:
                name = f'{task}_{_file_name(metric)}'
            if Path(directory, f'{name}.csv') in files:
                name = f'{name}_{metric.prefix}'
            file = Path(directory, f'{name}.csv')
            if file in files:
                raise ValueError(
                    f'--dump-cases: two metrics would write {file}; give one '
                    f'of them another prefix than {metric.prefix!r}.'
                )
            metric.dump = file
            files.append(file)
    return files


def check_screen() -> None:
    """Refuse to show pictures where no window can be opened.

    Raises:
        ValueError: If there is no screen, or Matplotlib draws to files only.
    """
    from matplotlib import pyplot

    try:
        figure = pyplot.figure()  # loads what opens windows
    except Exception:  # ImportError of MPLBACKEND, TclError without Tcl
        opens = False
    else:
        opens = figure.canvas.required_interactive_framework is not None
        pyplot.close(figure)
    if not opens:
        raise ValueError(
            '--show: Matplotlib can open no window here: there is no screen, '
            'or no toolkit such as tkinter or PyQt6; --show-dir DIR writes '
            'the pictures to files.'
        )


def _check_directory(flag: str, path: str) -> None:
    if Path(path).exists() and not Path(path).is_dir():
        raise ValueError(f'{flag} {path} is a file; give a directory.')


def _metrics(cfg: Config) -> list[dict]:
    """Configs of the metrics beside ``test_dataloader``."""
    evaluator = cfg.test_evaluator
    if isinstance(evaluator, dict):
        evaluator = evaluator.get('metrics', evaluator)
    return [evaluator] if isinstance(evaluator, dict) else list(evaluator)


def _prefix(metric: dict) -> str:
    """What the keys of a metric begin with."""
    from ..registry import METRICS

    kind = metric['type']
    kind = METRICS.get(kind) if isinstance(kind, str) else kind
    return metric.get('prefix') or getattr(kind, 'default_prefix', '') or ''


def _file_name(metric: BaseMetric) -> str:
    """``ActionKNNMetric`` to ``action_knn``."""
    name = type(metric).__name__.removesuffix('Metric')
    border = r'(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])'
    return re.sub(border, '_', name).lower()


def _eval_arguments(parser: ArgumentParser) -> None:
    flag = flags(parser)
    flag('file', 'safetensors file of embeddings')
    flag(
        '--gallery FILE',
        'embeddings of labelled windows to learn actions from; all windows of '
        'the first file are then queries',
    )
    flag(
        '--similarity',
        'what retrieval compares; tokens are in the file after mobind test '
        '--dump-tokens',
        choices=('embedding', 'tokens'),
        default='embedding',
    )
    flag(
        '--rerank K',
        'with --similarity tokens: compare them for the K best candidates of '
        'the embedding alone',
        type=int,
    )
    flag(
        '--localization',
        'evaluate localisation, too; needs mobind test --dump-tokens',
    )
    parser.add_argument(
        '--probe-C',
        type=float,
        nargs='+',
        default=[0.1],
        help='inverse penalty of the linear probe; the best of several is '
        'chosen by leaving gallery subjects out',
    )
    flag('--out FILE', 'JSON file of metrics')
    flag(
        '--dump-cases DIR',
        'write one CSV per metric with per-window results, worst first',
    )
    flag(
        '--neighbours FILE',
        'CSV file for the nearest pose windows of each IMU window',
    )
    flag('--k K', 'neighbours per window', default=5)


def evaluate_embeddings(args: Namespace) -> None:
    """Evaluate saved embeddings: retrieval, localisation, actions, search.

    The file is what mobind test --dump-embeddings writes. Frozen action
    recognition is evaluated if there are labelled gallery windows, in the
    file itself or in --gallery; localisation with --localization.
    """
    from ..evaluation import (
        ActionKNNMetric,
        ActionProbeMetric,
        LocalizationMetric,
        RetrievalMetric,
    )
    from ..evaluation.embedding_table import (
        join,
        list_neighbours,
        read_embeddings,
        select,
    )
    from ..evaluation.metrics.embedding_metric import write_cases

    if args.out:
        prepare_results(args.out)
    table, classes = read_embeddings(args.file)
    index = table
    if args.gallery:
        index, gallery_classes = read_embeddings(args.gallery)
        if classes != gallery_classes:
            raise ValueError(
                f'{args.file} and {args.gallery} name other actions: '
                f'{classes} and {gallery_classes}.'
            )
        table = join(table, index)
    if args.similarity == 'tokens' or args.localization:
        _check_tokens(args, table)
    metrics = [RetrievalMetric(similarity=args.similarity, rerank=args.rerank)]
    if (table['action'][table['role'] == 'gallery'] >= 0).any():
        choices = args.probe_C if len(args.probe_C) > 1 else args.probe_C[0]
        metrics += [ActionKNNMetric(), ActionProbeMetric(C=choices)]
    if args.localization:
        metrics.append(LocalizationMetric())
    results = {}
    for metric in metrics:
        if args.dump_cases:
            metric.dump = (
                Path(args.dump_cases) / f'{type(metric).__name__}.csv'
            )
        metric.dataset_meta = {'classes': classes}
        values = metric.evaluate_table(table)
        results.update({f'{metric.prefix}/{k}': v for k, v in values.items()})
    print(format_metrics(results, f'Embeddings of {args.file}'))
    if args.out:
        write_json(args.out, results)
    if args.neighbours:
        queries = select(table, table['role'] == 'query')
        rows = list_neighbours(queries, index, args.k)
        write_cases(args.neighbours, rows, lambda row: 0.0)


def _check_tokens(args: Namespace, table: Mapping[str, Any]) -> None:
    """Refuse files without tokens.

    Raises:
        ValueError: Naming the command that writes them.
    """
    if 'imu_tokens' in table:
        return
    files = ' or '.join(filter(None, (args.file, args.gallery)))
    raise ValueError(
        f'There are no tokens in {files}, which --similarity tokens and '
        '--localization compare; write the embeddings again with mobind '
        'test CONFIG CHECKPOINT --dump-embeddings FILE --dump-tokens.'
    )


COMMANDS = {
    'test': (_test_arguments, evaluate_checkpoint),
    'eval': (_eval_arguments, evaluate_embeddings),
}
