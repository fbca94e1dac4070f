"""``mobind models`` and ``mobind import-weights``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ..utils.model_index import ZooModel, load_models


def _models_arguments(parser: ArgumentParser) -> None:
    """``mobind models`` has no flags of its own."""


def list_models(args: Namespace) -> None:
    """List the models of the zoo: tasks, data, and whether weights exist.

    "shipped" weights come with the package and need no download; without
    weights, train the model with its config.
    """
    rows = [('model', 'weights', 'data', 'tasks', 'config')]
    for model in load_models():
        rows.append(
            (
                model.name,
                _weights(model),
                ', '.join(_results(model, 'Dataset')),
                ', '.join(_results(model, 'Task')),
                f'{model.config.parent.name}/{model.config.name}',
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths))
        print('  '.join(cells).rstrip())


def _weights(model: ZooModel) -> str:
    """Where the weights are."""
    if model.shipped:
        return 'shipped'
    return 'download' if model.weights else 'none'


def _results(model: ZooModel, key: str) -> list[str]:
    """The different values that the results of a model have for a key."""
    results = model.entry.get('Results') or []
    results = results if isinstance(results, list) else [results]
    return list(dict.fromkeys(str(r[key]) for r in results if key in r))


def _import_arguments(parser: ArgumentParser) -> None:
    parser.add_argument('src', metavar='IN', help='.pt state dict or .npz')
    parser.add_argument('dst', metavar='OUT', help='checkpoint to write')
    parser.add_argument(
        '--num-heads',
        type=int,
        help='number of attention heads, which a state dict does not hold; '
        'default: the published 8',
    )


def import_weights(args: Namespace) -> None:
    """Convert the authors' released weights to an OpenMMLab checkpoint."""
    from ..apis import convert_official
    from ..utils.checkpoint import save_checkpoint

    checkpoint = convert_official(args.src, args.num_heads)
    save_checkpoint(checkpoint, args.dst)
    print(f'Wrote {args.dst}: {len(checkpoint["state_dict"])} tensors.')


COMMANDS = {
    'models': (_models_arguments, list_models),
    'import-weights': (_import_arguments, import_weights),
}
