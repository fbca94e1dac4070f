"""MoBind for OpenMMLab: one embedding space for IMUs and 2D skeletons."""

from .utils import compat
from .version import __version__

compat.apply_with_mmengine()

__all__ = ['__version__']
