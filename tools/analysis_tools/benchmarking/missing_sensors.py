"""Evaluate under subsets of the sensors; summarise by how many are kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from mobind_mm.datasets.transforms import KeepSensors

_LOWER_IS_BETTER = re.compile(r'medR|mae|error|_s$|_ms$|ece$|refused$')
_COUNT = re.compile(r'(^|/)(num|n)_')


def sensor_subsets(
    placements: Sequence[str],
    sizes: Sequence[int] | None = None,
    max_subsets: int | None = None,
) -> list[tuple[str, ...]]:
    """Every non-empty subset of the sensors, the largest first.

    Args:
        placements: All sensors S.
        sizes: How many sensors to keep; 1 to S if omitted.
        max_subsets: Largest number of subsets of one size, spread evenly
            over all of that size in the order of ``placements``.

    Raises:
        ValueError: If a size or ``max_subsets`` is out of range.
    """
    sizes = range(1, len(placements) + 1) if sizes is None else sizes
    wrong = [size for size in sizes if not 1 <= size <= len(placements)]
    if wrong:
        raise ValueError(
            f'sizes {wrong}: there are {len(placements)} sensors '
            f'{list(placements)}, so from 1 to {len(placements)} can be kept.'
        )
    if max_subsets is not None and max_subsets < 1:
        raise ValueError(f'max_subsets must be >= 1, got {max_subsets}.')
    chosen = []
    for size in sorted(set(sizes), reverse=True):
        subsets = list(combinations(placements, size))
        if max_subsets is not None and max_subsets < len(subsets):
            index = np.arange(max_subsets) * len(subsets) // max_subsets
            subsets = [subsets[i] for i in index]
        chosen += subsets
    return chosen


def packed_placements(cfg: Any) -> tuple[str, ...]:
    """Limbs of all ``PackIMUPose`` below a config node, in their order.

    Raises:
        ValueError: If there is none.
    """
    packs = [step for step in _steps(cfg) if _is(step, 'PackIMUPose')]
    names = [limb for pack in packs for limb in pack['placements']]
    if not names:
        raise ValueError(
            'The test dataloaders have no PackIMUPose in their pipelines, so '
            'there are no sensors to leave out.'
        )
    return tuple(dict.fromkeys(getattr(limb, 'name', limb) for limb in names))


def with_keep_sensors(
    cfg: Any, placements: Sequence[str], limbs_too: bool = False
) -> Any:
    """A copy of a config node with ``KeepSensors`` in every IMU pipeline.

    It goes before each ``LoadWindow``, wherever the pipeline is: in a
    dataset, a wrapper, a list of datasets or a task.
    """
    if isinstance(cfg, Mapping):
        return type(cfg)(
            {
                key: with_keep_sensors(value, placements, limbs_too)
                for key, value in cfg.items()
            }
        )
    if not isinstance(cfg, (list, tuple)):
        return cfg
    out = []
    for item in cfg:
        if _is(item, 'LoadWindow'):
            out.append(
                dict(
                    type='KeepSensors',
                    placements=tuple(placements),
                    limbs_too=limbs_too,
                )
            )
        out.append(with_keep_sensors(item, placements, limbs_too))
    return type(cfg)(out)


def keep_sensors(dataset: Dataset, placements: Sequence[str]) -> int:
    """Change what every ``KeepSensors`` of a built dataset keeps.

    Args:
        dataset: A dataset, or wrappers and concatenations of such.
        placements: Sensors to keep.

    Returns:
        How many transforms were changed.
    """
    count = 0
    for step in getattr(getattr(dataset, 'pipeline', None), 'transforms', ()):
        if isinstance(step, KeepSensors):
            step.placements = placements
            count += 1
    inner = list(getattr(dataset, 'datasets', ()))
    if hasattr(dataset, 'dataset'):
        inner.append(dataset.dataset)
    return count + sum(keep_sensors(each, placements) for each in inner)


def summarize_subsets(
    rows: Sequence[Mapping[str, Any]], metric: str
) -> list[dict[str, Any]]:
    """One metric by the number of sensors kept.

    Args:
        rows: One per subset: ``num_sensors``, ``sensors`` and the metrics.
            A row in which this metric is missing or not finite does not
            count.
        metric: Key of the metric. Of recall and accuracy the largest is
            best, of ranks and errors the smallest.

    Returns:
        By falling ``num_sensors``: ``subsets`` (how many), ``mean``,
        ``worst`` and ``best`` values, ``worst_sensors``, ``best_sensors``;
        the first of equal subsets.
    """
    sign = -1 if _LOWER_IS_BETTER.search(metric) else 1
    rows = [row for row in rows if _finite(row.get(metric))]
    table = []
    for size in sorted({row['num_sensors'] for row in rows}, reverse=True):
        group = [row for row in rows if row['num_sensors'] == size]
        best = max(group, key=lambda row: sign * row[metric])
        worst = min(group, key=lambda row: sign * row[metric])
        table.append(
            dict(
                num_sensors=size,
                subsets=len(group),
                mean=float(np.mean([row[metric] for row in group])),
                worst=worst[metric],
                worst_sensors=worst['sensors'],
                best=best[metric],
                best_sensors=best['sensors'],
            )
        )
    return table


def is_count(metric: str) -> bool:
    """Whether a key is a number of samples, not a result."""
    return bool(_COUNT.search(metric))


def _finite(value: Any) -> bool:
    return value is not None and bool(np.isfinite(value))


def _is(step: Any, name: str) -> bool:
    """Whether a config node is a transform, with or without a scope."""
    kind = step.get('type') if isinstance(step, Mapping) else None
    kind = getattr(kind, '__name__', kind)
    return isinstance(kind, str) and kind.split('.')[-1] == name


def _steps(node: Any) -> Iterator[Mapping]:
    """Every dict below a config node that has a type."""
    if isinstance(node, Mapping):
        if 'type' in node:
            yield node
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for child in node:
            yield from _steps(child)
