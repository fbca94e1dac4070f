"""Files that lie beside the checkout, where they are."""

from pathlib import Path

import pytest


def shared_path(name):
    """Path of such a file or folder; skips the test where it is absent."""
    path = Path(__file__).parents[2] / '../shared' / name
    if not path.exists():
        pytest.skip(f'{name} is not beside the checkout')
    return path.resolve()
