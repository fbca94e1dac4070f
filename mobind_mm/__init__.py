"""MoBind for OpenMMLab: one embedding space for IMUs and 2D skeletons."""

from .utils import compat
from .version import __version__

compat.apply()

__all__ = ['__version__']
