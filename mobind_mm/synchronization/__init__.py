"""Time offsets between IMU streams and videos."""

from .base import (
    ClipEvidence,
    Synchronizer,
    SynchronizerLike,
    SyncResult,
    build_synchronizer,
    synchronizer_names,
)
from .clock import synchronize_clip, synchronize_clocks
from .clock_map import ClockMap
from .conformance import check_synchronizer
from .correlation import CorrelationSynchronizer
from .fused import FusedSynchronizer
from .live import LiveSynchronizer
from .live_track import LiveState
from .vote import VoteSynchronizer

__all__ = [
    'ClipEvidence',
    'ClockMap',
    'CorrelationSynchronizer',
    'FusedSynchronizer',
    'LiveState',
    'LiveSynchronizer',
    'SyncResult',
    'Synchronizer',
    'SynchronizerLike',
    'VoteSynchronizer',
    'build_synchronizer',
    'check_synchronizer',
    'synchronize_clip',
    'synchronize_clocks',
    'synchronizer_names',
]
