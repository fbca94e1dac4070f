"""The recording format: clocks, streams, files and annotations."""

from .annotations import (
    check_covered,
    check_entry,
    common_span,
    read_annotations,
    write_annotations,
)
from .reading import LazyArray, read_imu, read_pose
from .schema import FORMAT_VERSION, IMU_CHANNELS, STANDARD_GRAVITY
from .streams import Clock, PoseStream, Recording, SensorStream, notes_of
from .writing import write_imu, write_pose

__all__ = [
    'FORMAT_VERSION',
    'IMU_CHANNELS',
    'STANDARD_GRAVITY',
    'Clock',
    'LazyArray',
    'PoseStream',
    'Recording',
    'SensorStream',
    'check_covered',
    'check_entry',
    'common_span',
    'notes_of',
    'read_annotations',
    'read_imu',
    'read_pose',
    'write_annotations',
    'write_imu',
    'write_pose',
]
