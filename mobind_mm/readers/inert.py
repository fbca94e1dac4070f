"""Moved to :mod:`.unpickle`."""

from .unpickle import Inert  # noqa: F401
