"""Checks whether recordings are what their headers say."""

from .finding import Finding
from .plausibility import check_inputs, settle_inputs
from .recordings import View, check_data_set, check_recordings, find_views
from .report import Report, print_report, report_values

__all__ = [
    'Finding',
    'Report',
    'View',
    'check_data_set',
    'check_inputs',
    'check_recordings',
    'find_views',
    'print_report',
    'report_values',
    'settle_inputs',
]
