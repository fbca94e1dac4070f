"""What travels with a window from the pipeline to the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.structures import BaseDataElement


class MoBindDataSample(BaseDataElement):
    """Ids, labels and embeddings of one window.

    Meta information (set by ``PackIMUPose``): ``sample_idx``, ``take``,
    ``subject``, ``scene``, ``camera``, ``role`` (``query`` or ``gallery``),
    ``action`` (index, -1 if unlabelled), ``window_start`` and ``window_sec``
    in seconds, ``imu_rate`` and ``pose_rate`` in Hz, ``placements``.

    Data, set by the model in ``predict`` mode: ``imu_embedding`` and
    ``pose_embedding`` of shape (D,), or (S, D) for a per-limb model,
    ``imu_mask`` and ``pose_mask`` (S,) telling which limbs were seen,
    ``imu_tokens`` and ``pose_tokens`` (S, N, D), ``pose_token_mask``
    (S, N). Of a clip longer than the window they start with the axis W of
    its sub-windows, and ``window_starts`` (W,) says where these lie, in
    seconds from the start of the clip.
    """

    @classmethod
    def plain(cls, meta: Mapping[str, Any]) -> MoBindDataSample:
        """A sample of plain values, which need no deep copy."""
        sample = cls()
        sample.__dict__.update(meta)
        sample._metainfo_fields.update(meta)
        return sample
