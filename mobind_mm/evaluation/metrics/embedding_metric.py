"""What metrics share: rows of embeddings, and tables of single results."""

from __future__ import annotations

import csv
import io
import json
import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from ...registry import METRICS
from ...utils.files import write_whole
from ..embedding_table import (
    EMBEDDINGS,
    IDS,
    MASKS,
    TOKENS,
    Table,
    check_embedding_path,
    stack_rows,
    write_embeddings,
)

CASE_IDS = ('take', 'subject', 'scene', 'camera', 'window_start', 'action')


class EmbeddingMetric(BaseMetric):
    """Collect the embeddings, masks, labels and ids of every window.

    Subclasses only compute, in :meth:`evaluate_table`, which works on saved
    embeddings too. A window is either a ``query`` (of the split that is
    evaluated) or ``gallery`` (reference windows, such as those of the
    training subjects), as its data set's ``role`` says.

    Args:
        dump: CSV file with the results of single windows, worst first.
        tokens: Collect the tokens too: float16, 2 * S * N * D * 2 bytes per
            window.
        **kwargs: ``collect_device`` and ``prefix`` of ``BaseMetric``.
    """

    def __init__(
        self,
        dump: str | Path | None = None,
        tokens: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dump = check_dump(dump)
        self.tokens = tokens

    def process(self, data_batch: object, data_samples: Sequence) -> None:
        """Keep what the metric needs of one batch, on the CPU.

        Exactly one row per sample, in order: from these, processes put the
        data set together and drop its padding.

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
    def evaluate_table(self, table: Table) -> dict[str, float]:
        """Values of the metric; keys without the prefix.

        Args:
            table: Columns of all windows, see
                :mod:`mobind_mm.evaluation.embedding_table`.
        """

    def dump_cases(
        self,
        table: Mapping[str, np.ndarray],
        columns: Mapping[str, Sequence | np.ndarray],
        worst: Callable[[Mapping[str, Any]], float],
    ) -> None:
        """Write the results of single windows where ``dump`` says.

        ``worst`` tells how bad a line is.
        """
        if self.dump is None:
            return
        columns = {**{key: table[key] for key in CASE_IDS}, **columns}
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
    """Row of a table of embeddings from a window's data sample, or its fields.

    Raises:
        ValueError: If the model gives no tokens and they are asked for.
    """
    row: dict[str, Any] = {
        key: sample[key].detach().float().cpu().numpy() for key in EMBEDDINGS
    }
    if tokens:
        row.update(_tokens(sample))
    for key in (*MASKS, 'pose_token_mask') if tokens else MASKS:
        row[key] = sample[key].detach().cpu().numpy()
    row.update({key: sample.get(key) for key in IDS})
    row['role'] = sample.get('role', 'query')
    row['action'] = int(sample.get('action', -1))
    return row


def _tokens(sample: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Unit tokens in float16, good for cosines within 2e-4."""
    if not set(TOKENS) <= sample.keys():
        raise ValueError(
            f'The model gives no tokens ({", ".join(TOKENS)}). Retrieval '
            "works without them (similarity='embedding'); localisation does "
            'not, leave its metrics out.'
        )
    out = {}
    for key in TOKENS:
        unit = torch.nn.functional.normalize(sample[key].float(), dim=-1)
        out[key] = unit.half().cpu().numpy()
    return out


@METRICS.register_module()
class DumpEmbeddings(EmbeddingMetric):
    """Write embeddings, masks, labels and ids of all windows, with roles.

    ``mobind eval`` evaluates the file.

    Args:
        out: File to write, see :mod:`mobind_mm.evaluation.embedding_table`.
        tokens: Write the tokens too, in float16.
        **kwargs: ``collect_device`` and ``prefix`` of ``BaseMetric``.

    Raises:
        ValueError: If ``out`` does not end in ``.safetensors``.
    """

    default_prefix = 'embeddings'

    def __init__(
        self, out: str | Path, tokens: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(None, tokens, **kwargs)
        del self.dump  # there are no results of single windows
        self.out = check_embedding_path(out)

    def evaluate_table(self, table: Table) -> dict[str, float]:
        """Write the file; the only value is the number of windows."""
        classes = (self.dataset_meta or {}).get('classes', ())
        write_embeddings(self.out, table, classes)
        print_log(f'Embeddings written to {self.out}.', logger='current')
        return {'num_windows': len(table['role'])}


def check_dump(path: str | Path | None) -> Path | None:
    """Refuse an unsuitable ``dump`` of a metric, before hours of work.

    Raises:
        ValueError: If the path does not end in ``.csv`` or is a directory.
    """
    if path is None:
        return None
    path = Path(path)
    if path.suffix != '.csv' or path.is_dir():
        raise ValueError(
            f'dump={str(path)!r} is not the name of a table; give a file '
            'that ends in .csv.'
        )
    return path


def write_cases(
    path: str | Path,
    rows: Sequence[Mapping[str, Any]],
    worst: Callable[[Mapping[str, Any]], float],
) -> None:
    """Write one CSV line per sample, worst first, atomically.

    Args:
        path: File to write; its directory is created.
        rows: Column to value. Columns are those of all rows in the order
            they appear; a value that a row lacks, or that is None, stays
            empty. Lists, arrays and dictionaries are written as JSON.
        worst: How bad a row is; the largest comes first, NaN (the sample
            could not be evaluated) before everything. Rows that are equally
            bad keep their order.

    Raises:
        ValueError: If ``path`` does not end in ``.csv``.
    """
    target = check_dump(path)
    assert target is not None
    columns = list(dict.fromkeys(key for row in rows for key in row))

    def badness(row: Mapping[str, Any]) -> float:
        value = float(worst(row))
        return math.inf if math.isnan(value) else value

    table = io.StringIO()
    writer = csv.writer(table, lineterminator='\n')
    if columns:
        writer.writerow(columns)
    for row in sorted(rows, key=badness, reverse=True):
        writer.writerow([_cell(row.get(key)) for key in columns])
    write_whole(target, table.getvalue().encode())


def _cell(value: Any) -> Any:
    """A value as CSV shows it."""
    value = value.tolist() if hasattr(value, 'tolist') else value
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(value)
    return value
