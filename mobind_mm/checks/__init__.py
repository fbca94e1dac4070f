"""Is what recordings say about themselves true?"""

from .finding import Finding
from .recordings import View, check_data_set, check_recordings, find_views
from .report import Report, print_report, report_values

__all__ = [
    'Finding',
    'Report',
    'View',
    'check_data_set',
    'check_recordings',
    'find_views',
    'print_report',
    'report_values',
]
