"""IMU and pose side by side."""

from __future__ import annotations

import torch
from mmengine.model import BaseModule

from ...registry import MODELS


@MODELS.register_module()
class TwoStreamBackbone(BaseModule):
    """One backbone for each modality, for MMAction2's ``MMRecognizer3D``.

    Its arguments are the names under which ``PackActionInputs`` collects
    the inputs and ``MultiModalDataPreprocessor`` prepares them. A modality
    may be missing in a clip (all its scores are 0) or altogether (it is not
    collected).

    Args:
        imu: Config of the backbone of ``imu``, :class:`IMULimbBackbone`.
        pose: Config of that of ``keypoint``, :class:`PoseLimbBackbone`.
        init_cfg: MMEngine initialisation config.
    """

    def __init__(
        self, imu: dict, pose: dict, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.imu = MODELS.build({'_scope_': 'mobind_mm', **imu})
        self.pose = MODELS.build({'_scope_': 'mobind_mm', **pose})

    def forward(
        self,
        imu: torch.Tensor | None = None,
        keypoint: torch.Tensor | None = None,
    ) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
        """Describe the clips by each modality that is given.

        Args:
            imu: (N, M, T_imu, S, C_imu + 1).
            keypoint: (N, M, T_pose, V, 3).

        Returns:
            ``imu`` and ``pose``: vectors (N, D), and which clips have the
            modality, (N,) boolean.

        Raises:
            ValueError: If neither is given.
        """
        features = {}
        if imu is not None:
            features['imu'] = self.imu.embed(imu)
        if keypoint is not None:
            features['pose'] = self.pose.embed(keypoint)
        if not features:
            raise ValueError(
                "TwoStreamBackbone got neither 'imu' nor 'keypoint'; name "
                'one or both in collect_keys of PackActionInputs.'
            )
        return features
