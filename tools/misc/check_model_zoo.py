"""Check that configs, metafiles, READMEs and checkpoints agree."""

import argparse
import sys
from pathlib import Path

from zoo_check import check_zoo

import mobind_mm  # noqa: F401
from mobind_mm.utils.cli import run_command


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'root',
        nargs='?',
        type=Path,
        default=Path(__file__).resolve().parents[2],
        help='top of the checkout; default: the one of this command',
    )
    return parser.parse_args()


def main() -> None:
    """Check."""
    problems = check_zoo(parse_args().root)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        sys.exit(1)


if __name__ == '__main__':
    run_command(main)
