import gc
import logging

import pytest
from mmengine.logging import MMLogger


@pytest.fixture(autouse=True, scope='module')
def quick_collection():
    """Spare the collector, which corruption.py calls, what is imported."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def logged():
    """What is logged meanwhile."""
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)
