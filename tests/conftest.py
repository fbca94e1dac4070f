"""What the tests of several parts share."""

from pathlib import Path

import pytest


@pytest.fixture(scope='session')
def utd_mhad_root() -> Path:
    """Raw UTD-MHAD beside the checkout; skips where it is absent."""
    root = Path(__file__).parents[2] / 'shared/data/utd_mhad'
    if not root.is_dir():
        pytest.skip(f'UTD-MHAD is not at {root}')
    return root
