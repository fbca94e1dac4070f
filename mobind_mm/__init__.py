"""MoBind for OpenMMLab: one embedding space for IMUs and 2D skeletons."""

from .utils import compat
from .version import __version__

compat.apply()  # work-arounds for other packages, each with its reason

__all__ = ['__version__']
