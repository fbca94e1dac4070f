"""The one place that downloads a file."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from urllib.parse import unquote, urlparse

_HASH = re.compile(r'-([0-9a-f]{8,64})\.')


def download(url: str, directory: str | Path | None = None) -> Path:
    """Fetch a file once, and check it against the hash in its name.

    OpenMMLab calls files ``<name>-<start of the SHA-256>.pth``. A file
    without one is taken as it comes.

    Args:
        url: Where it is, ``http://`` or ``https://``.
        directory: Where files are kept; the directory of
            :func:`torch.hub.get_dir` by default, which ``TORCH_HOME`` moves.

    Returns:
        The file, which is not fetched again if it is there and intact.

    Raises:
        ConnectionError: If it cannot be fetched.
        ValueError: If what came is not what the name says.
    """
    import torch

    if directory is None:
        directory = Path(torch.hub.get_dir(), 'checkpoints')
    name = Path(unquote(urlparse(url).path)).name
    file = Path(directory) / name
    match = _HASH.search(name)
    wanted = match[1] if match else ''
    if file.is_file() and _sha256(file).startswith(wanted):
        return file
    os.makedirs(directory, exist_ok=True)
    try:  # under a temporary name, checked, then renamed
        torch.hub.download_url_to_file(url, str(file), wanted or None)
    except OSError as error:
        raise ConnectionError(
            f'{url} cannot be downloaded ({error}); connect to the internet, '
            f'or put the file at {file}.'
        ) from None
    except RuntimeError as error:
        raise ValueError(
            f'{url} is not the file that its name promises ({error}); try '
            'again, and tell who hosts it if it stays so.'
        ) from None
    return file


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open('rb') as content:
        while block := content.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
