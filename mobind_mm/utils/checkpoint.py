"""Read, check and write checkpoints.

MMEngine loads with ``strict=False`` and only logs what does not fit, so a
checkpoint of another architecture would run with random weights.

``mobind_mm/checkpoints/<name>.pth``, as the metafiles call a checkpoint that
comes with the package, is that file from any directory: for ``--load-from``,
``init_cfg`` of type ``Pretrained``, and MMEngine's
``get_model(..., pretrained=True)``.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .config_text import check_resumable_text
from .downloads import download
from .files import write_whole

SHIPPED = 'mobind_mm/checkpoints/'
"""What the names of shipped checkpoints begin with."""
_ROOT = Path(__file__).resolve().parents[2]

_LARGEST_REPEATED = 1 << 26
_SHOWN = 3
"""Mismatches that an error message names."""


def check_checkpoint(
    model: nn.Module, source: str, partial: bool = False
) -> None:
    """Read a checkpoint and check that it fits a model.

    Args:
        model: The model that is going to load it, wrapped or not.
        source: A file, or a URL that MMEngine can read.
        partial: See :func:`check_state_dict`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read, or does not fit.
    """
    checkpoint = read_checkpoint(source)
    state_dict = checkpoint.get('state_dict', checkpoint)
    check_state_dict(model, state_dict, source, partial)


def check_resumable(model: nn.Module, source: str) -> None:
    """Check that training can resume from a checkpoint.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read, does not fit, is unsafe, or holds
            weights alone.
    """
    check_state_dict(model, _read_resumable(source)['state_dict'], source)


def find_resumable(work_dir: str, warn: Callable[[str], None]) -> str | None:
    """Find the checkpoint from which training resumes.

    It is the one that ``last_checkpoint`` names. If that is damaged, the
    latest intact one of the others.

    Args:
        work_dir: Directory of checkpoints.
        warn: Called with a message for each checkpoint that is skipped.

    Returns:
        A file, or None if there is no checkpoint.

    Raises:
        ValueError: If there are checkpoints and none can be resumed.
    """
    folder = Path(work_dir)
    others = [*folder.glob('epoch_*.pth'), *folder.glob('iter_*.pth')]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    paths = [str(path) for path in others]
    pointer = folder / 'last_checkpoint'
    if pointer.is_file():
        last = pointer.read_text('utf-8', errors='replace').strip()
        paths = [last, *(path for path in paths if path != last)]
    problems = []
    for path in paths:
        try:
            _read_resumable(path)
        except (OSError, ValueError) as error:
            problems.append(str(error))
            warn(f'{error} Trying the one before it.')
        else:
            return path
    if problems:
        raise ValueError(
            f'{work_dir} has no checkpoint that can be resumed: '
            f'{problems[0]} To start anew, give another --work-dir or omit '
            '--resume.'
        )
    return None


def _read_resumable(source: str) -> dict[str, Any]:
    """Read a checkpoint with a training state.

    MMEngine 0.10.7 executes the text under ``meta.config`` when it resumes,
    see :func:`.config_text.check_resumable_text`.
    """
    checkpoint = read_checkpoint(source)
    missing = [
        key
        for key in ('state_dict', 'meta', 'optimizer', 'message_hub')
        if key not in checkpoint
    ]
    if missing:
        raise ValueError(
            f'{source} holds no training state (no {", ".join(missing)}), so '
            'it cannot be resumed; start from its weights with --load-from.'
        )
    if 'config' in checkpoint['meta']:
        check_resumable_text(checkpoint['meta']['config'], source)
    return checkpoint


def read_checkpoint(source: str) -> dict[str, Any]:
    """Read a checkpoint on the CPU, weights and plain containers only.

    Raises:
        ConnectionError: If it cannot be downloaded.
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, unsafe, or not a checkpoint.
    """
    if source.startswith(('http://', 'https://')):
        source = str(download(source))
    try:
        _check_sums(source)
        checkpoint = _load(source)
    except FileNotFoundError:
        raise FileNotFoundError(
            f'There is no checkpoint {source}; check the path.'
        ) from None
    except Exception as error:  # torch and pickle raise many kinds
        reason = show_reason(error)
        raise ValueError(
            f'{source} cannot be read as a checkpoint ({reason}). Check that '
            'the file is complete and was written by OpenMMLab or PyTorch.'
        ) from None
    if not isinstance(checkpoint, dict):
        raise ValueError(
            f'{source} holds a {type(checkpoint).__name__} instead of a '
            'checkpoint or a state dict; save model.state_dict().'
        )
    for key in ('state_dict', 'meta', 'optimizer', 'message_hub'):
        value = checkpoint.get(key, {})
        if not isinstance(value, Mapping):
            raise ValueError(
                f'{source}: {key} is a {type(value).__name__}, expected a '
                'dict; save it again with MMEngine or PyTorch.'
            )
    _check_tensors(checkpoint, source)
    return checkpoint


def _check_tensors(content: Any, source: str) -> None:
    """Refuse tensors that are larger in use than in the file.

    A tensor may repeat one number without end, or have a shape alone.

    Raises:
        ValueError: If there is one.
    """
    left, seen = [content], set()
    while left:
        value = left.pop()
        if isinstance(value, torch.Tensor):
            if value.layout != torch.strided or value.is_quantized:
                continue  # of no use as weights, see _check_values
            size = value.numel() * value.element_size()
            stored = 0 if value.is_meta else value.untyped_storage().nbytes()
            if size > max(stored, _LARGEST_REPEATED):
                raise ValueError(
                    f'{source} holds a tensor of shape {tuple(value.shape)} '
                    f'in {stored} bytes; take another checkpoint.'
                )
            continue
        inside = value.values() if isinstance(value, Mapping) else value
        plain = isinstance(value, (Mapping, list, tuple, set))
        if plain and id(value) not in seen:
            seen.add(id(value))
            left += inside


@contextmanager
def building(source: str, what: str) -> Iterator[None]:
    """Name the file whose config something cannot be built from.

    Args:
        source: The checkpoint.
        what: What is built, such as ``model``.

    Raises:
        ValueError: Instead of whatever PyTorch, MMEngine or a class raises
            for arguments of other types, names and values.
    """
    try:
        yield
    except Exception as error:
        text = str(error)
        if type(error) is ValueError and Path(source).name in text:
            raise
        raise ValueError(
            f'The config in {source} makes no {what} '
            f'({show_reason(error)}). Pass the config file that it was '
            'trained with as well, or take another checkpoint.'
        ) from error


def show_reason(error: Exception) -> str:
    """One line on why a file cannot be read."""
    text = ' '.join(str(error).split())
    if 'weights_only' in text or 'Unsupported operand' in text:
        return 'it holds more than tensors and plain containers'
    return f'{type(error).__name__}: {text[:200]}'


def _load(source: str) -> Any:
    """What MMEngine loads, without its runner for what lies here."""
    path = Path(os.path.expanduser(source))
    if source.startswith(SHIPPED):
        return load_from_shipped(source, 'cpu')
    if '://' not in source and path.is_file():
        return torch.load(path, map_location='cpu', weights_only=True)
    from mmengine.runner import CheckpointLoader

    return CheckpointLoader.load_checkpoint(source, 'cpu', logger='silent')


def load_from_shipped(filename: str, map_location: Any = None) -> dict:
    """Read a checkpoint that ships with the package.

    Args:
        filename: ``mobind_mm/checkpoints/<name>.pth``.
        map_location: Where the tensors go, as for :func:`torch.load`.

    Raises:
        FileNotFoundError: If this version does not ship it.
    """
    path = _ROOT / filename
    if not path.is_file():
        shipped = sorted(p.name for p in path.parent.glob('*.pth'))
        raise FileNotFoundError(
            f'{filename} is not a file of this version; it ships {shipped}.'
        )
    return torch.load(path, map_location=map_location, weights_only=True)


def _check_sums(source: str) -> None:
    """Compare the parts of a file with their checksums; PyTorch does not.

    PyTorch stores the parts as they are. A file that compresses them could
    be a thousand times as large in memory.

    Raises:
        ValueError: If a part differs, or is compressed.
        zipfile.BadZipFile: If the file is cut.
    """
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            parts = archive.infolist()
            packed = any(p.compress_type != zipfile.ZIP_STORED for p in parts)
            total = sum(part.file_size for part in parts)
            if packed or total > Path(source).stat().st_size:
                raise ValueError('its parts are compressed or overlap')
            damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(f'{damaged} differs from its checksum')


def save_checkpoint(checkpoint: dict[str, Any], path: str | Path) -> None:
    """Write a checkpoint under a temporary name, then rename it."""
    content = io.BytesIO()
    torch.save(checkpoint, content)
    write_whole(path, content.getvalue(), durable=True)


def check_state_dict(
    model: nn.Module,
    state_dict: Mapping[str, Any],
    source: str,
    partial: bool = False,
) -> None:
    """Refuse a state dict that does not fit a model.

    Names under ``data_preprocessor.`` are ignored (they hold statistics that
    the config sets), and so is the ``module.`` prefix of a wrapped model.

    Args:
        model: The model that is going to load it, wrapped or not.
        state_dict: Names and tensors.
        source: Where it comes from, for the message.
        partial: Accept missing and additional names, as for fine-tuning, as
            long as some fit and no shape differs.

    Raises:
        ValueError: If names or shapes differ; the message gives the first.
    """
    if not isinstance(state_dict, Mapping):
        raise ValueError(
            f'{source}: the state is a {type(state_dict).__name__}, expected '
            'a dict of tensors.'
        )
    model_shapes = _shapes(model.state_dict())
    file_shapes = _shapes(state_dict)
    _check_values(state_dict, model_shapes, source)
    common = [name for name in model_shapes if name in file_shapes]
    problems = [
        f'{name} has shape {file_shapes[name]} in the file and '
        f'{model_shapes[name]} in the model'
        for name in common
        if file_shapes[name] != model_shapes[name]
    ]
    if not (partial and common):
        problems += [
            *(f'{n} is missing' for n in model_shapes if n not in file_shapes),
            *(
                f'{n} is not in the model'
                for n in file_shapes
                if n not in model_shapes
            ),
        ]
    if problems:
        shown = '; '.join(problems[:_SHOWN])
        more = len(problems) - _SHOWN
        raise ValueError(
            f'The checkpoint {source} does not fit the model: {shown}'
            + (f'; and {more} more. ' if more > 0 else '. ')
            + 'Use the config that it was trained with. To start a new model '
            'from some of its weights, give that part of the model '
            "init_cfg=dict(type='Pretrained', checkpoint=..., prefix=...)."
        )


def _check_values(
    state_dict: Mapping[str, Any], wanted: Container[str], source: str
) -> None:
    """Refuse weights that a model cannot compute with."""
    for name, value in state_dict.items():
        if str(name).removeprefix('module.') not in wanted:
            continue
        problem = ''
        if not isinstance(value, torch.Tensor):
            problem = f'is a {type(value).__name__}, expected a tensor'
        elif (
            value.layout != torch.strided
            or value.is_quantized
            or value.is_meta
        ):
            problem = 'is a sparse or quantised tensor, expected a dense one'
        elif value.is_complex():
            problem = 'is complex, expected real numbers'
        elif value.is_floating_point() and not value.isfinite().all():
            problem = 'has NaN or infinite values'
        if problem:
            raise ValueError(
                f'The checkpoint {source} is of no use: {name} {problem}. '
                'Train again, or take another checkpoint.'
            )


def _shapes(state_dict: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Shapes by name, without wrapper prefix and data preprocessor."""
    shapes = {}
    for name, value in state_dict.items():
        name = str(name).removeprefix('module.')
        if not name.startswith('data_preprocessor.'):
            shapes[name] = tuple(getattr(value, 'shape', ()))
    return shapes
