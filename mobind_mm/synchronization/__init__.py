"""Time offsets between IMU streams and videos."""

from .clock import synchronize_clip, synchronize_clocks
from .clock_map import ClockMap
from .correlation import CorrelationSynchronizer
from .fused import FusedSynchronizer
from .result import SyncResult
from .vote import VoteSynchronizer

__all__ = [
    'ClockMap',
    'CorrelationSynchronizer',
    'FusedSynchronizer',
    'SyncResult',
    'VoteSynchronizer',
    'synchronize_clip',
    'synchronize_clocks',
]
