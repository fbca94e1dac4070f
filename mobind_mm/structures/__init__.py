"""Typed samples that travel beyond the pipeline."""

from .data_sample import MoBindDataSample
from .recording import Clock, PoseStream, Recording, SensorStream

__all__ = [
    'Clock',
    'MoBindDataSample',
    'PoseStream',
    'Recording',
    'SensorStream',
]
