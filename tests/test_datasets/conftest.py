import gc

import pytest


@pytest.fixture(autouse=True, scope='module')
def quick_collection():
    """Spare the collector, which corruption.py calls, what is imported."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
