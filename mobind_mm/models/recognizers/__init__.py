"""MoBind's encoders inside MMAction2's recognisers.

Needs MMAction2, which the rest of the package does not. A config of
MMAction2 names it once::

    custom_imports = dict(imports=['mobind_mm.models.recognizers'])

and then builds ``mobind_mm.PoseLimbBackbone`` and the others.
"""

from ...utils.compat import require_mmaction

require_mmaction()

from .imu_limb_backbone import IMULimbBackbone  # noqa: E402
from .limb_backbone import LimbBackbone  # noqa: E402
from .pose_limb_backbone import PoseLimbBackbone  # noqa: E402
from .two_stream_backbone import TwoStreamBackbone  # noqa: E402
from .two_stream_head import TwoStreamHead  # noqa: E402

__all__ = [
    'IMULimbBackbone',
    'LimbBackbone',
    'PoseLimbBackbone',
    'TwoStreamBackbone',
    'TwoStreamHead',
]
