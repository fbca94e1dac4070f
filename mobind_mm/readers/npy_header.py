"""Moved to :mod:`.foreign_values`."""

from .foreign_values import read_npy_header  # noqa: F401
