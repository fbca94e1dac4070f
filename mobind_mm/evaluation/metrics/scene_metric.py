"""Collects the tokens of the people of scenes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ..embedding_table import Table, select, stack_rows
from ..functional.token_evidence import TOKEN_KINDS
from ..scene import SIMILARITIES, Scene
from ..scenes import group_scenes
from .embedding_metric import EmbeddingMetric

_TOKEN_KEYS = ('imu_tokens', 'pose_tokens', 'pose_token_mask')


class SceneMetric(EmbeddingMetric):
    """What the localisation metrics share.

    Args:
        similarity: How a sensor set is compared with a person:
            ``token_posterior``, how probably the tokens of one stream find
            the simultaneous ones of the other; ``tokens``, the mean cosine
            of simultaneous tokens, both averaged over the sensors at their
            own limbs; ``embedding``, the cosine of the clip embeddings.
        part_similarity: How a sensor is compared with a limb:
            ``token_posterior`` or ``tokens``.
        scale: Inverse temperature of ``token_posterior``.
        **kwargs: ``dump``, ``collect_device`` and ``prefix`` of
            :class:`EmbeddingMetric`.

    Raises:
        ValueError: If an argument is unknown or not positive.
    """

    default_prefix = 'localization'
    roles: ClassVar[tuple[str, ...]] = ('query',)
    """Roles of the windows that take part."""

    def __init__(
        self,
        similarity: str = 'token_posterior',
        part_similarity: str = 'tokens',
        scale: float = 10.0,
        **kwargs: Any,
    ) -> None:
        if similarity not in SIMILARITIES:
            raise ValueError(
                f'similarity must be one of {SIMILARITIES}, got '
                f'{similarity!r}.'
            )
        if part_similarity not in TOKEN_KINDS:
            raise ValueError(
                f'part_similarity must be one of {TOKEN_KINDS}, got '
                f'{part_similarity!r}.'
            )
        if not scale > 0:
            raise ValueError(f'scale must be > 0, got {scale}.')
        super().__init__(tokens=True, **kwargs)
        self.similarity = similarity
        self.part_similarity = part_similarity
        self.scale = scale

    def process(self, data_batch: object, data_samples: Sequence) -> None:
        """Keep one batch; windows of other roles without their tokens."""
        first = len(self.results)
        super().process(data_batch, data_samples)
        for row in self.results[first:]:
            if row['role'] not in self.roles:
                for key in _TOKEN_KEYS:
                    del row[key]

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Values of the metric from the rows of all processes.

        Raises:
            ValueError: If no window has a role that takes part.
        """
        rows = [row for row in results if row['role'] in self.roles]
        if not rows:
            raise ValueError(
                f'None of {len(results)} windows has a role of {self.roles}; '
                "check the data set's role."
            )
        return self.evaluate_table(stack_rows(rows))

    def scenes_of(self, table: Table, role: str) -> list[Scene]:
        """Scenes of the windows of one role."""
        table = select(table, np.asarray(table['role']) == role)
        return group_scenes(
            table, self.similarity, self.part_similarity, self.scale
        )

    @abstractmethod
    def evaluate_table(self, table: Table) -> dict[str, float]:
        """Values of the metric; keys without the prefix."""
