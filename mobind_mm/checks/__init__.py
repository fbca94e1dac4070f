"""Is what recordings say about themselves true?"""

from .data_set import check_data_set, find_views
from .finding import Finding
from .recordings import Report, View, check_recordings

__all__ = [
    'Finding',
    'Report',
    'View',
    'check_data_set',
    'check_recordings',
    'find_views',
]
