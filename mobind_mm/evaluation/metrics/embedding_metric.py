"""Collects embeddings; what the metrics over them share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric

from ..dump import check_dump, write_cases
from ..embedding_table import EMBEDDINGS, IDS, MASKS, TOKENS, stack_rows

CASE_IDS = ('take', 'subject', 'scene', 'camera', 'window_start', 'action')


class EmbeddingMetric(BaseMetric):
    """Collect the embeddings, masks, labels and ids of every window.

    Subclasses only compute, in :meth:`evaluate_table`, which works on saved
    embeddings too. A window is either a ``query`` (of the split that is
    evaluated) or ``gallery`` (reference windows, such as those of the
    training subjects), as its data set's ``role`` says.

    Args:
        dump: CSV file for the results of single windows, worst first.
        tokens: Collect the tokens, too: float16, 2 * S * N * D * 2 bytes a
            window.
        collect_device: Device on which processes gather results.
        prefix: Prefix of the keys.
    """

    def __init__(
        self,
        dump: str | Path | None = None,
        tokens: bool = False,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix)
        self.dump = check_dump(dump)
        self.tokens = tokens

    def process(self, data_batch: object, data_samples: Sequence) -> None:
        """Keep what the metric needs of one batch, on the CPU.

        Exactly one row a sample, in its order: from these, processes put
        together the data set and drop its padding.

        Raises:
            ValueError: For a clip cut into sub-windows, or a model without
                tokens where they are needed.
        """
        for sample in data_samples:
            # BaseMetric's loop hands samples over as plain dictionaries.
            if 'window_starts' in sample:
                raise ValueError(
                    f'{type(self).__name__} compares windows, and take '
                    f'{sample.get("take")!r} came as a clip longer than the '
                    "model's window; set window_sec of the data set to it."
                )
            self.results.append(embedding_row(sample, self.tokens))

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Values of the metric from the rows of all processes."""
        return self.evaluate_table(stack_rows(results))

    @abstractmethod
    def evaluate_table(self, table: dict[str, np.ndarray]) -> dict[str, float]:
        """Values of the metric; keys without the prefix.

        Args:
            table: Columns of all windows, see
                :mod:`mobind_mm.evaluation.embedding_table`.
        """

    def dump_cases(
        self,
        table: Mapping[str, np.ndarray],
        columns: Mapping[str, Sequence],
        worst: Callable[[Mapping[str, Any]], float],
    ) -> None:
        """Write the results of single windows where ``dump`` says.

        Args:
            table: Columns of the windows, for their ids.
            columns: Results, one a window.
            worst: How bad a line is.
        """
        if self.dump is None:
            return
        ids = {key: table[key] for key in CASE_IDS}
        columns = {**ids, **columns}
        lines = zip(*columns.values())
        rows = [dict(zip(columns, line)) for line in lines]
        write_cases(self.dump, rows, worst)

    def class_names(self, actions: np.ndarray) -> list[str]:
        """Names of actions, numbers where the data set has none."""
        names = (self.dataset_meta or {}).get('classes', ())
        return [
            names[i] if 0 <= i < len(names) else str(i)
            for i in actions.tolist()
        ]


def embedding_row(sample: Mapping[str, Any], tokens: bool = False) -> dict:
    """Row of a table of embeddings from a window's data sample.

    Args:
        sample: Data sample, or a dictionary of its fields.
        tokens: Keep the tokens, too.

    Raises:
        ValueError: If the model gives no tokens and they are asked for.
    """
    row = {key: _float(sample[key]) for key in EMBEDDINGS}
    keys = MASKS
    if tokens:
        row.update(_tokens(sample))
        keys = (*MASKS, 'pose_token_mask')
    for key in keys:
        row[key] = sample[key].detach().cpu().numpy()
    row.update({key: sample.get(key) for key in IDS})
    row['role'] = sample.get('role', 'query')
    row['action'] = int(sample.get('action', -1))
    return row


def _float(x: torch.Tensor) -> np.ndarray:
    return x.detach().float().cpu().numpy()


def _tokens(sample: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Unit tokens in float16, good for cosines within 2e-4."""
    if not set(TOKENS) <= sample.keys():
        raise ValueError(
            f'The model gives no tokens ({", ".join(TOKENS)}). Retrieval can '
            "do without (similarity='embedding'); localisation cannot, leave "
            'its metrics out.'
        )
    out = {}
    for key in TOKENS:
        unit = torch.nn.functional.normalize(sample[key].float(), dim=-1)
        out[key] = unit.half().cpu().numpy()
    return out
