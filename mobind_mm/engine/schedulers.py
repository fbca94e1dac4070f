"""Parameter schedules that fit trainings of any length."""

from __future__ import annotations

from typing import Any

from mmengine.optim import CosineAnnealingLR

from ..registry import PARAM_SCHEDULERS


@PARAM_SCHEDULERS.register_module()
class CosineAfterWarmUpLR(CosineAnnealingLR):
    """Cosine decay from the end of a warm-up to the end of the training.

    MMEngine fills ``end`` in from ``max_epochs``, so configs leave it out.
    Unlike :class:`mmengine.optim.CosineAnnealingLR` it accepts a training
    that ends within the warm-up, such as one epoch to try a config out; the
    decay is then never reached.
    """

    def __init__(
        self, optimizer: Any, *, begin: int = 0, end: int, **kwargs: Any
    ) -> None:
        end = max(end, begin + 1)
        super().__init__(optimizer, begin=begin, end=end, **kwargs)
