"""Data for development that lies beside the checkout, if it is there."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def shared_path(name: str) -> Path:
    """A file or folder of ``../shared``; skips the test without it."""
    for base in (ROOT.parent, *ROOT.parents):
        if (path := base / 'shared' / name).exists():
            return path
    pytest.skip(f'needs ../shared/{name}')
