"""Stack a list of packed windows into batch tensors."""

from __future__ import annotations

import torch
from mmengine.model import BaseDataPreprocessor

from ..registry import MODELS


@MODELS.register_module()
class MoBindDataPreprocessor(BaseDataPreprocessor):
    """Stack what ``pseudo_collate`` leaves as lists, move it to the device.

    ``inputs`` may also come stacked, as tensors (B, ...).
    """

    def forward(self, data: dict, training: bool = False) -> dict:
        """Prepare one batch.

        Args:
            data: ``inputs``: name to tensor (B, ...) or to B tensors;
                ``data_samples``: list of B samples, optional.
            training: Unused; nothing differs between the phases.

        Returns:
            The same keys, with ``inputs`` as batch tensors.

        Raises:
            ValueError: If the windows of a batch differ in shape.
        """
        inputs = {
            name: self._stack(name, value)
            for name, value in data['inputs'].items()
        }
        return self.cast_data({**data, 'inputs': inputs})

    @staticmethod
    def _stack(name: str, value: list | torch.Tensor) -> torch.Tensor:
        if isinstance(value, torch.Tensor):
            return value
        shapes = {tuple(v.shape) for v in value}
        if len(shapes) > 1:
            raise ValueError(
                f'Windows of one batch differ in the shape of {name!r}: '
                f'{sorted(shapes)}; all data sets of a batch need the same '
                'placements, channels, rates and window_sec.'
            )
        return torch.stack(list(value))
