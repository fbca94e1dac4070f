"""Many recordings and many videos: which belong together, and their offsets.

``files`` finds what there is, ``signals`` reads it once, ``pairs`` compares
and synchronises two, ``matching`` decides who belongs to whom, and ``report``
writes the result.
"""

from typing import TYPE_CHECKING

from ...utils.lazy import lazy_names

if TYPE_CHECKING:
    from .files import Options, find_sources, read_study_table
    from .matching import Study, run_study
    from .pairs import Settings
    from .report import describe_study, write_report

__all__, __getattr__ = lazy_names(__name__)
