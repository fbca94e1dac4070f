"""Files of safetensors, written array by array."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .files import replacing

_NAMES = {'b': 'BOOL', 'i': 'I', 'u': 'U', 'f': 'F'}
"""Kinds of types; all but truth values are followed by their bits."""


def write_tensors(
    path: str | Path, arrays: Mapping[str, np.ndarray], header: str
) -> None:
    """Write arrays and a text to a file of safetensors, atomically.

    ``safetensors.save_file`` does so, too, but through a file of its own that
    stays if the process is killed, and that nobody else may read. The text is
    kept under ``header`` of the metadata.
    """
    about: dict[str, object] = {'__metadata__': {'header': header}}
    # The format wants no array before one of larger items: all lie aligned.
    names = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
    end = 0
    for name in names:
        array = arrays[name]
        kind = _NAMES[array.dtype.kind]
        bits = '' if kind == 'BOOL' else 8 * array.itemsize
        start, end = end, end + array.nbytes
        about[name] = {
            'dtype': f'{kind}{bits}',
            'shape': [*array.shape],
            'data_offsets': [start, end],
        }
    head = json.dumps(about, separators=(',', ':')).encode()
    head += b' ' * (-len(head) % 8)
    with replacing(path) as temporary, temporary.open('wb') as file:
        file.write(len(head).to_bytes(8, 'little') + head)
        for name in names:
            little = arrays[name].dtype.newbyteorder('<')
            file.write(np.ascontiguousarray(arrays[name], little).data)
