"""Moved to :mod:`.mmpose`."""

from .mmpose import collect_results  # noqa: F401
