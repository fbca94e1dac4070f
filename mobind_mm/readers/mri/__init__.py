"""mRI to recordings."""

from .reader import MRIReader

__all__ = ['MRIReader']
