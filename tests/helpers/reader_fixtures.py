import gc
import logging

import numpy as np
import pytest
from mmengine.logging import MMLogger
from raw_devices import G, motion


@pytest.fixture(autouse=True, scope='module')
def quick_collection():
    """Spare the collector, which corruption.py calls, what is imported."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope='module')
def worn():
    """A sensor that turns by its angular rate, 20 s, and rests twice."""
    times = np.arange(2000) / 100
    active = np.clip(3 * np.sin(2 * np.pi * (times - 2) / 10), 0, 1) ** 2
    angle = active * np.sin(4 * times)
    m = motion(2000)
    m.acc = G * np.stack([np.sin(angle), 0 * angle, np.cos(angle)], axis=1)
    m.acc[:, 0] += active * np.sin(9 * times)
    m.gyro = np.outer(-np.gradient(angle, times), [0, 1, 0])
    return m


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
