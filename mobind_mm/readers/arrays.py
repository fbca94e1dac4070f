"""Arrays of NumPy, MATLAB, PyTorch, HDF5 and pickles as columns of a table.

An array ``acc`` of shape (T, 3) has the columns ``acc_1``, ``acc_2`` and
``acc_3``; one of shape (T, S, 3) has ``acc_1_1``, ... The only array of a
``.npy`` file has the columns ``1``, ``2``, ... What is nested, as in a
structure of MATLAB, is called by all names above it: ``S1.wrist.acc_1``.
Nothing in such files is executed.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import count, product
from pathlib import Path
from typing import Any

import numpy as np

from ..utils.errors import mistake, shown
from .foreign_values import as_numbers, consists_of
from .matlab import read_mat_file
from .unpickle import (
    MEMORY,
    array_shapes,
    load_npy_objects,
    load_pickle,
    read_arrays,
)

ARRAYS = (
    *('.npy', '.npz', '.mat', '.h5', '.hdf5'),
    *('.pkl', '.pickle', '.pt'),
)
HDF5 = b'\x89HDF\r\n\x1a\n'
"""What an HDF5 file begins with."""
_MOST_COLUMNS = 2000
"""Columns of an array; more are pictures or features."""
_FEWEST = 8
"""Samples of an array that may be a recording."""
_DEEPEST = 16
_MOST_BYTES = 1 << 30
_MOST_PARTS = 2_000_000
"""Entries of lists and dicts in a file of PyTorch."""
_NOT_READ = np.zeros(0, complex)
"""Stands for an array that is not read."""
_RATE = re.compile(
    r'(?:.*[\W_])?(fs|hz|rate|freq(uency)?|(sampling|sample|frame)_?'
    r'(rate|freq(uency)?)|samplerate|framerate|freq_?hz)(_?hz)?',
    re.IGNORECASE,
)
"""What a number of samples per second is called."""


def read_columns(
    path: Path, names: Sequence[str]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Rows from 1, and columns as float64, datetime64 or texts.

    Raises:
        ImportError: If HDF5 cannot be read here.
        ValueError: Naming the file, and a column that is not there or has
            another length.
    """
    there = {n: c for group in _content(path)[0] for n, c in group.items()}
    columns = {}
    for name in names:
        if name not in there:
            raise mistake(
                path,
                f'has no column {name!r}; it has {shown(there)}',
                'Correct columns',
                name=name,
                known=there,
            )
        values = there[name]
        if values.dtype.kind in 'biuf':
            values = values.astype(np.float64)
        elif values.dtype.kind != 'M':
            values = np.array([*map(_text, values)], object)
        columns[name] = values
    lengths = {name: len(column) for name, column in columns.items()}
    if len({*lengths.values()}) > 1:
        least, most = (f(lengths, key=lengths.get) for f in (min, max))  # type: ignore[arg-type]
        raise mistake(
            path,
            f'has {lengths[least]} samples of {least!r}, but {lengths[most]} '
            f'of {most!r}',
            'Give each its own part (parts, in a mapping)',
        )
    return np.arange(1, len(next(iter(columns.values()), ())) + 1), columns


def array_columns(path: Path) -> tuple[str, ...]:
    """Names of the columns of the arrays that are alike in length.

    Of arrays of several lengths, these are the ones with most columns.
    """
    return (*max(_content(path)[0], key=len, default={}),)


def other_columns(path: Path) -> list[str]:
    """Names of the columns that :func:`array_columns` leaves out."""
    known = {*array_columns(path)}
    groups = _content(path)[0]
    return [name for group in groups for name in group if name not in known]


def rate_said(path: Path) -> float | None:
    """Samples per second that a number in a file gives."""
    said = {n: v for n, v in _content(path)[1].items() if _RATE.fullmatch(n)}
    if len({*said.values()}) != 1:
        return None
    return next(iter(said.values()))


def not_read(path: Path) -> list[str]:
    """Names of arrays of complex numbers, of objects and of other kinds."""
    return _content(path)[3]


def why_no_columns(path: Path) -> str:
    """What a file without columns lacks."""
    what = f'has no array of {_FEWEST} or more samples of numbers or texts, '
    what += f'and no more than {_MOST_COLUMNS} columns'
    shapes = shapes_in(path)
    return f'{what}; it has {shapes}' if shapes else what


def shapes_in(path: Path) -> str:
    """What arrays a file holds, for a note."""
    shapes = [f'{name} {size}'.strip() for name, size in _content(path)[2]]
    shapes += [f'{n} (no real numbers)'.strip() for n in not_read(path)]
    more = f', ... ({len(shapes)})' if len(shapes) > 8 else ''
    return ', '.join(shapes[:8]) + more


_Content = tuple[
    list[dict[str, np.ndarray]],
    dict[str, float],
    list[tuple[str, tuple[int, ...]]],
    list[str],
]
"""Columns by their length; single numbers; arrays and their shapes; names of
arrays that are not read."""


def _content(path: Path) -> _Content:
    if not path.is_file():
        raise mistake(path, 'is in an archive', 'Unpack it, and give the file')
    facts = path.stat()
    _check_size(path, facts.st_size, _MOST_BYTES)
    return _read(path, facts.st_mtime_ns, facts.st_size)


def _check_size(path: Path, size: int, most: float) -> None:
    """Refuse what a file of its size cannot hold, or nobody records."""
    if size > most:
        what = f'holds {size / 2**30:.1f} GiB, more than a recording'
        raise mistake(path, what, 'Write its sensors into a file of their own')


def _allowed(path: Path) -> float:
    """Bytes that the arrays of a file may have."""
    return min(MEMORY[0] + MEMORY[1] * path.stat().st_size, _MOST_BYTES)


@lru_cache(maxsize=2)
def _read(path: Path, changed: int, size: int) -> _Content:
    arrays = dict(_flat(_load(path), '/' if _is_hdf5(path) else '.'))
    labels = [
        [*map(_text, values.ravel().tolist())]
        for values in arrays.values()
        if values.dtype.kind in 'SUO' and 1 < values.size <= _MOST_COLUMNS
    ]
    labels = [names for names in labels if len({*names}) == len(names)]
    numbers: dict[str, float] = {}
    groups: dict[int, dict[str, np.ndarray]] = {}
    shapes, others = [], []
    for name, values in arrays.items():
        if values.dtype.kind not in 'biufSUOM':
            others.append(name)
            continue
        if values.size == 1 and values.dtype.kind in 'iuf':
            numbers[name] = float(values.item())
        values = values.squeeze()
        if not values.ndim or max(values.shape) < _FEWEST:
            continue
        shapes.append((name, values.shape))
        axis = int(np.argmax(values.shape))
        values = np.moveaxis(values, axis, 0)
        if values[0].size > _MOST_COLUMNS:
            continue
        columns = groups.setdefault(len(values), {})
        for column, cells in _columns(name, values, labels):
            columns.setdefault(column, cells)
    return [*groups.values()], numbers, shapes, others


_ENDS_IN_AXIS = re.compile('(.*[^a-z])?[wxyz]|.*[WXYZ]').fullmatch


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode('utf-8', 'replace')
    return str(value)


def _columns(
    name: str, values: np.ndarray, labels: Sequence[Sequence[str]]
) -> Iterator[tuple[str, np.ndarray]]:
    """Columns of an array (T, ...) by name.

    Where the file has as many names as an axis has entries, and only once,
    they are those of the entries, instead of numbers from 1. Three or four
    entries of the last axis are x, y and z, and no sensors.
    """
    axes: list[Sequence[str]] = []
    for axis, size in enumerate(values.shape[1:], 2):
        fitting = [names for names in labels if len(names) == size]
        if axis == values.ndim and size in (3, 4):
            fitting = [n for n in fitting if all(map(_ENDS_IN_AXIS, n))]
        numbers = [str(i + 1) for i in range(size)]
        axes.append(fitting[0] if len(fitting) == 1 else numbers)
    flat = values.reshape(len(values), -1)
    for column, words in zip(flat.T, product(*axes)):
        yield '_'.join(filter(None, (name, *words))) or '1', column


def _flat(
    content: Any, mark: str, name: str = '', depth: int = _DEEPEST
) -> Iterator[tuple[str, np.ndarray]]:
    """Arrays in containers, by their names and all above them."""
    if isinstance(content, np.ndarray) and content.dtype.kind == 'O':
        cells = content.ravel().tolist()
        if any(isinstance(c, (np.ndarray, Mapping, list)) for c in cells):
            content = cells
    if isinstance(content, np.ndarray) and content.dtype.names:
        content = {field: content[field] for field in content.dtype.names}
    if isinstance(content, (list, tuple)):
        numbers = as_numbers(content)
        if numbers.size and numbers.dtype.kind != 'O':
            content = numbers
        elif consists_of(content, lambda value: isinstance(value, str), 1):
            content = np.array(content, object)
    parts: Iterable[tuple[Any, Any]] = ()
    if isinstance(content, Mapping):
        parts = content.items()
    elif isinstance(content, (list, tuple)):
        parts = zip(_names(content), content)
    elif isinstance(content, (int, float, np.generic, np.ndarray)):
        yield name, np.asarray(content)
    for key, part in parts if depth else ():
        below = f'{name}{mark}{key}' if name else str(key)
        yield from _flat(part, mark, below, depth - 1)


def _names(parts: Sequence[Any]) -> Iterable[Any]:
    """What to call the parts of a list: by texts in them, or from 1."""
    if all(isinstance(part, Mapping) for part in parts):
        for key in parts[0] if parts else ():
            names = [part.get(key) for part in parts]
            texts = all(isinstance(name, str) and name for name in names)
            if texts and len({*names}) == len(names):
                return names
    return range(1, len(parts) + 1)


def _is_hdf5(path: Path) -> bool:
    with path.open('rb') as file:
        start = file.read(520)
    return start[:8] == HDF5 or start[512:] == HDF5  # MATLAB 7.3


def _load(path: Path) -> Any:
    """What a file holds: arrays in dicts and lists."""
    suffix = path.suffix.lower()
    if _is_hdf5(path):
        return _load_hdf5(path)
    if suffix == '.npy':
        kind = array_shapes(path).get('', ((), 'O'))[1]
        objects = kind == 'O'
        return load_npy_objects(path) if objects else _load_npy(path)
    if suffix == '.npz':
        _check_unpacked(path)
        kinds = {n: kind for n, (_, kind) in array_shapes(path).items()}
        others = {n: _NOT_READ for n, kind in kinds.items() if kind == 'O'}
        return {**read_arrays(path), **others}
    if suffix == '.mat':
        return read_mat_file(path, int(_allowed(path)))
    if suffix == '.pt':
        return _load_torch(path)
    if suffix in ('.h5', '.hdf5'):
        raise mistake(path, 'is not HDF5', 'Download or export it again')
    return load_pickle(path)


def _check_unpacked(path: Path) -> None:
    """Refuse a ZIP file that holds far more than its size."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            size = sum(part.file_size for part in archive.infolist())
        _check_size(path, size, 2 * _allowed(path))


def _load_npy(path: Path) -> np.ndarray:
    try:  # mapped, as what the header says may fit in no memory
        return np.array(np.load(path, 'r', allow_pickle=False))
    except (ValueError, EOFError, OSError, OverflowError) as error:
        reason = ' '.join(str(error).split())[:100]
        if 'mmap length' in reason:
            reason = 'it is cut'
        what = f'is not a complete .npy file ({reason})'
        raise mistake(path, what, 'Download or export it again') from None


def _load_torch(path: Path) -> Any:
    """What ``torch.save`` wrote: tensors and plain containers."""
    import torch

    again = 'Write its arrays as .npz'
    parts = count()

    def plain(value: Any, depth: int) -> Any:
        if isinstance(value, torch.Tensor):
            _check_size(path, 8 * value.numel(), 2 * _allowed(path))
            dense = value.layout == torch.strided and not value.is_quantized
            if not dense or value.is_complex() or value.is_meta:
                return _NOT_READ
            return value.detach().double().numpy()
        if not depth or next(parts) > _MOST_PARTS:
            raise mistake(path, 'holds lists in lists without end', again)
        if isinstance(value, Mapping):
            return {k: plain(part, depth - 1) for k, part in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(part, depth - 1) for part in value]
        return value

    try:
        _check_unpacked(path)
        content = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # torch and pickle raise many kinds
        if type(error) is ValueError and str(path) in str(error):  # ours
            raise
        reason = ' '.join(str(error).split())[:100]
        what = f'is not a file of tensors and plain containers ({reason})'
        raise mistake(path, what, again) from None
    return plain(content, 4 * _DEEPEST)


def _load_hdf5(path: Path) -> dict[str, Any]:
    """Data sets of an HDF5 file by their paths.

    A group with a label in its configuration, as APDM names its sensors, is
    called by it.
    """
    try:
        import h5py
    except ImportError:
        raise ImportError(
            f'{path}: HDF5 needs h5py; run pip install h5py, or export the '
            'table as CSV.'
        ) from None
    arrays: dict[str, Any] = {}
    labels: dict[str, str] = {}
    size = 0

    def visit(place: str, node: Any) -> None:
        label = node.attrs.get('Label 0')
        if label is not None and place.endswith('/Configuration'):
            text = label.decode() if isinstance(label, bytes) else str(label)
            labels[place.rpartition('/')[0]] = text.strip(' \0')
        if isinstance(node, h5py.Dataset) and node.dtype.kind in 'biufS':
            if node.external or node.is_virtual:
                what = f'has the numbers of {place} in other files'
                raise mistake(path, what, 'Copy them into one file')
            nonlocal size
            size += node.nbytes
            _check_size(path, size, _allowed(path))
            arrays[place] = node[()]
        elif isinstance(node, h5py.Dataset):
            arrays[place] = _NOT_READ

    try:
        with h5py.File(path, 'r') as file:
            file.visititems(visit)
    except Exception as error:  # h5py raises many kinds
        if type(error) is ValueError and str(path) in str(error):  # ours
            raise
        reason = ' '.join(str(error).split())[:200]
        raise mistake(
            path,
            f'is not a complete HDF5 file ({reason})',
            'Download or export it again',
        ) from None
    for group, text in labels.items():
        for place in [p for p in arrays if p.startswith(f'{group}/')]:
            above = group.rpartition('/')[0]
            name = place[len(group) + 1 :]
            arrays[f'{above}/{text}/{name}'.lstrip('/')] = arrays.pop(place)
    return arrays
