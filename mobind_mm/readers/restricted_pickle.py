"""Moved to :mod:`.unpickle`."""

from .unpickle import load_npy_objects, load_pickle  # noqa: F401
