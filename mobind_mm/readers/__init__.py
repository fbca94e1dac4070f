"""Foreign formats to recordings: one contract, one registry, one loop."""

from .base import (
    BaseReader,
    DataSetReader,
    FileReader,
    Output,
    Plan,
    Reader,
    Take,
    get_reader,
    readers,
    recognize,
    register_reader,
)
from .conformance import check_reader
from .convert import Converted, convert, fingerprint

__all__ = [
    'BaseReader',
    'Converted',
    'DataSetReader',
    'FileReader',
    'Output',
    'Plan',
    'Reader',
    'Take',
    'check_reader',
    'convert',
    'fingerprint',
    'get_reader',
    'readers',
    'recognize',
    'register_reader',
]
