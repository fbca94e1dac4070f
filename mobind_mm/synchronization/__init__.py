"""Time offsets between IMU streams and videos."""

from .clock import ClockMap, synchronize_clocks
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
    'synchronize_clocks',
]
