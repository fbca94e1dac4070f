"""Evaluate a checkpoint with the test set and metrics of a config."""

import argparse

from mmengine.dist import is_main_process

import mobind_mm  # noqa: F401
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
    return parser.parse_args()


def main() -> None:
    """Evaluate."""
    args = parse_args()
    cfg = load_config(args)
    cfg.load_from, cfg.resume = args.checkpoint, False
    if args.out:
        prepare_results(args.out)
    runner = build_runner(cfg, args.local_rank)
    check_checkpoint(runner.model, args.checkpoint)
    metrics = runner.test()
    if args.out and is_main_process():
        write_results(args.out, metrics)


if __name__ == '__main__':
    run_command(main)
