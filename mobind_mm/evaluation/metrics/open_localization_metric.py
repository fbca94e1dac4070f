"""Localisation with unmatched people and sensors as an MMEngine metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...registry import METRICS
from ..embedding_table import Table
from ..functional import assign, count_unmatched, fit_threshold
from ..functional.localization import Case
from .embedding_metric import write_cases
from .scene_metric import Scene, SceneMetric


@METRICS.register_module()
class OpenLocalizationMetric(SceneMetric):
    """Find who wears which sensors, when some people wear none or are away.

    Sensor sets and people of a window (same scene, camera and start) are
    matched one-to-one; whatever has no pair above a threshold is declared
    unmatched. The threshold maximises the F1 of unmatched sets and people
    on the scenes with ``role='gallery'``: those of the validation split,
    concatenated with the evaluated one. The transform ``HideModality`` makes
    such scenes from complete ones. Windows without any set or without any
    person leave nothing to decide and are skipped.

    - ``unmatched_people_f1``, ``…_precision``, ``…_recall``: people who
      wear nothing; ``unmatched_sensors_…``: sets whose wearer is out of
      view; ``unmatched_…``: both together.
    - ``open_match_f1``, …: sets given to their wearer.
    - ``num_unmatched_people``, ``num_unmatched_sensors``, ``num_open_scenes``
      and the ``open_threshold``.

    Args:
        threshold: Threshold to use; None fits it.
        **kwargs: ``similarity``, ``scale``, ``dump``, ``collect_device``
            and ``prefix`` of :class:`SceneMetric`.
    """

    roles = ('query', 'gallery')

    def __init__(self, threshold: float | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.threshold = threshold

    def evaluate_table(self, table: Table) -> dict[str, float]:
        """F1, precision and recall of what was declared unmatched.

        Raises:
            ValueError: If there is no scene to fit the threshold on, or
                nobody unmatched to find.
        """
        threshold = self.threshold
        if threshold is None:
            threshold = self._fit(table)
        scenes = _undecided(self.scenes_of(table, 'query'))
        counts = count_unmatched(list(map(_case, scenes)), threshold)
        num_people = counts.people.hits + counts.people.misses
        num_sensors = counts.sensors.hits + counts.sensors.misses
        if not num_people + num_sensors:
            raise ValueError(
                f'Everybody in {len(scenes)} scenes is matched: there is '
                'nobody to find. Put HideModality into the pipeline.'
            )
        metrics: dict[str, float] = {}
        for name, part in (
            ('unmatched_people', counts.people),
            ('unmatched_sensors', counts.sensors),
            ('unmatched', counts.people + counts.sensors),
            ('open_match', counts.pairs),
        ):
            for key, value in part.scores().items():
                metrics[f'{name}_{key}'] = value
        metrics['num_unmatched_people'] = num_people
        metrics['num_unmatched_sensors'] = num_sensors
        metrics['num_open_scenes'] = len(scenes)
        metrics['open_threshold'] = threshold
        if self.dump is not None:
            lines = [line for s in scenes for line in _lines(s, threshold)]
            write_cases(
                self.dump, lines, lambda line: _badness(line, threshold)
            )
        return metrics

    def _fit(self, table: Table) -> float:
        scenes = []
        if (np.asarray(table['role']) == 'gallery').any():
            scenes = _undecided(self.scenes_of(table, 'gallery'))
        if not scenes:
            raise ValueError(
                'No scene to choose the threshold on: evaluate a '
                "ConcatDataset of the validation split with role='gallery' "
                'and the evaluated split, or set threshold.'
            )
        return fit_threshold(list(map(_case, scenes)))


def _undecided(scenes: list[Scene]) -> list[Scene]:
    return [s for s in scenes if len(s.sets) and len(s.people)]


def _case(scene: Scene) -> Case:
    return scene.subjects, scene.truth


def _lines(scene: Scene, threshold: float) -> list[dict]:
    """One line per sensor set, and one per person who wears nothing."""
    similarity, truth = _case(scene)
    matched = assign(similarity, threshold)
    lines = []
    for row, index in enumerate(scene.sets):
        lines.append(
            scene.ids(index)
            | dict(
                kind='sensors',
                true=_subject(scene, truth[row]),
                found=_subject(scene, matched[row]),
                best=float(similarity[row].max()),
                wrong=bool(matched[row] != truth[row]),
            )
        )
    for column, index in enumerate(scene.people):
        if column not in truth:
            given = np.flatnonzero(matched == column)
            names = scene.table['subject'][scene.sets[given]]
            lines.append(
                scene.ids(index)
                | dict(
                    kind='person',
                    true=None,
                    found=names[0] if len(given) else None,
                    best=float(similarity[:, column].max()),
                    wrong=len(given) > 0,
                )
            )
    return lines


def _badness(line: Mapping, threshold: float) -> float:
    """Errors first, then the closest decisions."""
    return 1e6 * line['wrong'] - abs(line['best'] - threshold)


def _subject(scene: Scene, column: int) -> str | None:
    if column < 0:
        return None
    return scene.table['subject'][scene.people[column]]
