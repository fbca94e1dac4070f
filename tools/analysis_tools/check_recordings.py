"""Check the recordings of a data set directory, and name likely mistakes.

Exits with 1 if it names any, 0 if none, 2 if the data cannot be read.
"""

import argparse
import sys

from rich.console import Console

from mobind_mm.checks import check_data_set, print_report, report_values
from mobind_mm.utils.cli import run_command
from mobind_mm.utils.results import prepare_results, write_results
from mobind_mm.visualization.recording_check import save_recording_check


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('root', metavar='DST', help='data set directory')
    parser.add_argument(
        '--split',
        nargs='+',
        choices=('train', 'val', 'test'),
        help='splits to check; default: all that are there',
    )
    parser.add_argument(
        '--out', metavar='FILE', help='JSON file of the report'
    )
    parser.add_argument(
        '--show-dir', metavar='DIR', help='a picture of each take goes there'
    )
    parser.add_argument(
        '--max-lag',
        type=float,
        default=3.0,
        help='largest lag in seconds to look for; default: 3',
    )
    parser.add_argument(
        '--all-rows',
        action='store_true',
        help='print a row for every stream; default: the first 40',
    )
    parser.add_argument(
        '--workers', type=int, default=1, help='processes; default: 1'
    )
    return parser.parse_args()


def main() -> None:
    """Check, print, write."""
    args = parse_args()
    if args.out:
        prepare_results(args.out)
    report = check_data_set(
        args.root,
        args.split,
        args.show_dir,
        args.workers,
        args.max_lag,
        save_recording_check,
    )
    console = Console()
    if not console.is_terminal:  # a file or a pipe has no width
        console = Console(width=150)
    print_report(report, console, None if args.all_rows else 40)
    if args.out:
        write_results(args.out, report_values(report))
    sys.exit(1 if report.findings else 0)


if __name__ == '__main__':
    run_command(main)
