"""``mobind models``, ``mobind export`` and ``mobind import-weights``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from itertools import chain

from ..utils.model_index import ZooModel, load_models
from .arguments import flags

_WEIGHTS = ('none', 'download')


def list_models(args: Namespace) -> None:
    """List the models of the zoo, and what they were measured on.

    "shipped" weights come with the package and need no download; without
    weights, train the model with its config.
    """
    rows = [('model', 'weights', 'measured on', 'tasks', 'config')]
    for model in load_models():
        rows.append(
            (
                model.name,
                'shipped' if model.shipped else _WEIGHTS[bool(model.weights)],
                ', '.join(_results(model, 'Dataset')),
                ', '.join(_results(model, 'Task')),
                f'{model.config.parent.name}/{model.config.name}',
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths))
        print('  '.join(cells).rstrip())


def _results(model: ZooModel, key: str) -> list[str]:
    """The different values that the results of a model have for a key."""
    results = model.entry.get('Results') or []
    results = results if isinstance(results, list) else [results]
    values = (str(r[key]).split(', ') for r in results if key in r)
    return list(dict.fromkeys(chain.from_iterable(values)))


def _import_arguments(parser: ArgumentParser) -> None:
    flag = flags(parser)
    flag('src IN', '.pt state dict or .npz')
    flag('dst OUT', 'checkpoint to write')
    flag(
        '--num-heads NUM_HEADS',
        'number of attention heads, which a state dict does not hold; '
        'default: the published 8',
        type=int,
    )


def import_weights(args: Namespace) -> None:
    """Convert the authors' released weights to an OpenMMLab checkpoint."""
    from ..apis import convert_official
    from ..utils.checkpoint import save_checkpoint

    checkpoint = convert_official(args.src, args.num_heads)
    save_checkpoint(checkpoint, args.dst)
    print(f'Wrote {args.dst}: {len(checkpoint["state_dict"])} tensors.')


def _export_arguments(parser: ArgumentParser) -> None:
    flag = flags(parser)
    flag(
        'model',
        'checkpoint, config, or name of a model (mobind models lists them); '
        'default: the model that ships with mobind_mm',
        nargs='?',
    )
    flag('--out FILE', '.onnx or .pt2 to write', required=True)
    flag(
        '--format',
        'default: what the name of the file says',
        choices=('onnx', 'torch'),
    )
    flag('--weights CKPT', 'checkpoint, where the model is a config')
    flag(
        '--part',
        'the whole model (default), or the encoder of one modality',
        choices=('model', 'imu', 'pose'),
        default='model',
    )


def export(args: Namespace) -> None:
    """Write a model as ONNX, or for torch.export.load.

    The batch may have any size, missing limbs and frames are masked by
    inputs, and the file says which limbs, channels and rates it is for.
    What was written is run and compared with the model.
    """
    from ..apis.embedder import find_parts
    from ..apis.exporting import check_export, export_model
    from ..apis.model import init_model

    check_export(args.out, args.format)
    name, config, weights = find_parts(args.model, args.weights)
    if weights is None and config.endswith('.py'):
        raise ValueError(
            f'{config} is a config without weights; give --weights, a '
            'checkpoint that was trained with it.'
        )
    model = init_model(config, weights)
    written = export_model(model, args.out, args.format, args.part, name)
    megabytes = written.file.stat().st_size / 1e6
    print(f'{written.file}: {name}, {megabytes:.1f} MB')
    for key, axes in written.inputs.items():
        print(f'  input   {key:<16} {" x ".join(map(str, axes))}')
    for key in written.outputs:
        print(f'  output  {key}')
    if written.difference is None:
        print(
            'Not compared with the model: onnxruntime is not installed '
            "(pip install 'mobind_mm[onnx]')."
        )
    else:
        print(
            'Greatest difference to the model on random clips: '
            f'{written.difference:.1e}'
        )


COMMANDS = {
    'models': (lambda parser: None, list_models),  # no flags of its own
    'export': (_export_arguments, export),
    'import-weights': (_import_arguments, import_weights),
}
