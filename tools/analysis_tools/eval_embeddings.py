"""Evaluate saved embeddings: retrieval, localisation, actions, search.

The file is what tools/test.py --dump-embeddings writes. Frozen action
recognition is evaluated if there are labelled gallery windows, in the file
itself or in --gallery; localisation with --localization.
"""

import argparse
from pathlib import Path

import mobind_mm  # noqa: F401
from mobind_mm.evaluation import (
    ActionKNNMetric,
    ActionProbeMetric,
    LocalizationMetric,
    RetrievalMetric,
)
from mobind_mm.evaluation.embedding_table import (
    join,
    list_neighbours,
    read_embeddings,
    select,
)
from mobind_mm.evaluation.metrics.embedding_metric import write_cases
from mobind_mm.utils.cli import run_command
from mobind_mm.utils.result_table import format_metrics
from mobind_mm.utils.results import prepare_results, write_results


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('file', help='safetensors file of embeddings')
    parser.add_argument(
        '--gallery',
        metavar='FILE',
        help='embeddings of the labelled windows to learn actions from; all '
        'windows of the first file are queries then',
    )
    parser.add_argument(
        '--similarity',
        choices=('embedding', 'tokens'),
        default='embedding',
        help='what retrieval compares; tokens must be in the file',
    )
    parser.add_argument(
        '--rerank',
        type=int,
        metavar='K',
        help='compare the tokens of the K best candidates only',
    )
    parser.add_argument(
        '--localization',
        action='store_true',
        help='evaluate localisation too; tokens must be in the file',
    )
    parser.add_argument(
        '--probe-C',
        type=float,
        nargs='+',
        default=[0.1],
        help='inverse penalty of the linear probe; the best of several is '
        'chosen by leaving gallery subjects out',
    )
    parser.add_argument('--out', metavar='FILE', help='JSON file of metrics')
    parser.add_argument(
        '--dump',
        metavar='DIR',
        help='directory for CSV files with per-window results, worst first',
    )
    parser.add_argument(
        '--neighbours',
        metavar='FILE',
        help='CSV file for the nearest pose windows of each IMU window',
    )
    parser.add_argument(
        '--k', type=int, default=5, help='neighbours of each window'
    )
    return parser.parse_args()


def main() -> None:
    """Evaluate."""
    args = parse_args()
    if args.out:
        prepare_results(args.out)
    table, classes = read_embeddings(args.file)
    index = table
    if args.gallery:
        index, gallery_classes = read_embeddings(args.gallery)
        if classes != gallery_classes:
            raise ValueError(
                f'{args.file} and {args.gallery} list different actions: '
                f'{classes} and {gallery_classes}.'
            )
        table = join(table, index)
    metrics = [RetrievalMetric(similarity=args.similarity, rerank=args.rerank)]
    if (table['action'][table['role'] == 'gallery'] >= 0).any():
        choices = args.probe_C if len(args.probe_C) > 1 else args.probe_C[0]
        metrics += [ActionKNNMetric(), ActionProbeMetric(C=choices)]
    if args.localization:
        metrics.append(LocalizationMetric())
    results = {}
    for metric in metrics:
        if args.dump:
            metric.dump = Path(args.dump) / f'{type(metric).__name__}.csv'
        metric.dataset_meta = {'classes': classes}
        values = metric.evaluate_table(table)
        results.update({f'{metric.prefix}/{k}': v for k, v in values.items()})
    print(format_metrics(results, f'Embeddings of {args.file}'))
    if args.out:
        write_results(args.out, results)
    if args.neighbours:
        queries = select(table, table['role'] == 'query')
        rows = list_neighbours(queries, index, args.k)
        write_cases(args.neighbours, rows, lambda row: 0.0)


if __name__ == '__main__':
    run_command(main)
