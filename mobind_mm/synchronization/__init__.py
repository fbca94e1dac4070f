"""Time offsets between IMU streams and videos."""

from .correlation import CorrelationSynchronizer
from .fused import FusedSynchronizer
from .result import SyncResult
from .vote import VoteSynchronizer

__all__ = [
    'CorrelationSynchronizer',
    'FusedSynchronizer',
    'SyncResult',
    'VoteSynchronizer',
]
