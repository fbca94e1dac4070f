"""Evaluate a checkpoint on every task of a config's test, in one go."""

import argparse

from mmengine.dist import is_main_process

import mobind_mm  # noqa: F401
from mobind_mm.apis.test_options import (
    add_embeddings,
    add_pictures,
    dump_cases,
    select_tasks,
)
from mobind_mm.utils.checkpoint import check_checkpoint
from mobind_mm.utils.cli import run_command
from mobind_mm.utils.config import add_config_arguments, load_config
from mobind_mm.utils.launch import build_runner
from mobind_mm.utils.results import prepare_results, write_results


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file or URL')
    add_config_arguments(parser)
    parser.add_argument(
        '--out', metavar='FILE', help='JSON file to write the metrics to'
    )
    parser.add_argument(
        '--tasks',
        nargs='+',
        metavar='TASK',
        help='evaluate these alone, e.g. retrieval sync; default: all',
    )
    parser.add_argument(
        '--show-dir', metavar='DIR', help='directory to write pictures to'
    )
    parser.add_argument(
        '--dump',
        metavar='DIR',
        help='directory for one table a metric of the single results, worst '
        'first',
    )
    parser.add_argument(
        '--dump-embeddings',
        metavar='FILE',
        help='.safetensors file to write all embeddings to',
    )
    return parser.parse_args()


def main() -> None:
    """Evaluate."""
    args = parse_args()
    cfg = load_config(args)
    cfg.load_from, cfg.resume = args.checkpoint, False
    if args.out:
        prepare_results(args.out)
    if args.tasks:
        select_tasks(cfg, args.tasks)
    if args.show_dir:
        add_pictures(cfg, args.show_dir)
    if args.dump_embeddings:
        add_embeddings(cfg, args.dump_embeddings)
    runner = build_runner(cfg, args.local_rank)
    check_checkpoint(runner.model, args.checkpoint)
    if args.dump:
        dump_cases(runner.test_loop, args.dump)
    metrics = runner.test()
    if args.out and is_main_process():
        write_results(args.out, metrics)


if __name__ == '__main__':
    run_command(main)
