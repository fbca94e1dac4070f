"""Subject and part localisation as an MMEngine metric."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...registry import METRICS
from ..dump import write_cases
from ..embedding_table import Table
from ..functional import assign
from ..localization_cases import RULES, joint_case, set_cases, summarize
from ..scene import Scene
from .scene_metric import SceneMetric

_KEPT_SCENES = 16


@METRICS.register_module()
class LocalizationMetric(SceneMetric):
    """Which person wears the sensors, and which limb carries which sensor.

    Windows with the same scene, camera and start show people together (see
    ``anchor='clock'`` of the data sets). Everybody in view is a candidate,
    with sensors or without. Only sensor sets whose wearer is in view and
    sensors whose limb is seen take part; :class:`OpenLocalizationMetric` is
    for the others. Each value exists by independent argmax, as published,
    and as ``…_assigned`` by one-to-one assignment. Ties count against.

    - ``subject_acc``: sets given to their wearer, in windows with two or
      more people; ``subject_acc_P2``, … by the number of people.
    - ``part_acc``: sensors given to their limb, among the limbs of their
      true wearer, in all windows; ``part_acc_conditional``: in windows of
      two or more people, only of sets whose wearer argmax finds, so that
      argmax and assignment of the limbs are compared on the same sensors;
      ``part_acc_unconditional``: both the person and the limb right.
    - ``joint_acc``: nothing known: each sensor of a window of two or more
      people, unlabelled, against each limb of everybody.
    - ``subject_chance``, ``part_chance``, ``joint_chance``: what guessing
      gives; ``num_…``: how many sets or sensors a value is of.

    What no window can show is left out (there is no subject accuracy where
    everybody is alone, no part accuracy where one limb is seen).

    After an evaluation ``scenes`` holds the worst windows of two or more
    people: ids, ``subjects`` of the sets, ``people``, ``similarity`` (M, P),
    ``truth`` and ``assigned`` (M,).

    Source: MoBind, localisation protocol.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scenes: list[dict] = []

    def evaluate_table(self, table: Table) -> dict[str, float]:
        """Accuracies of subjects and parts.

        Raises:
            ValueError: If no window shows anything that can be localised.
        """
        scenes = [s.closed() for s in self.scenes_of(table, 'query')]
        scenes = [scene for scene in scenes if len(scene.sets)]
        cases = [case for scene in scenes for case in set_cases(scene)]
        joint = [joint_case(s) for s in scenes if len(s.people) > 1]
        metrics = summarize(cases, joint)
        if not metrics:
            raise ValueError(
                f'{len(table["role"])} windows show no two people together '
                'and no two limbs of a person with a sensor: there is '
                'nothing to localise.'
            )
        multiple = [scene for scene in scenes if len(scene.people) > 1]
        self.scenes = sorted(map(_picture, multiple), key=_share_right)
        self.scenes = self.scenes[:_KEPT_SCENES]
        if self.dump is not None:
            write_cases(self.dump, [_line(case) for case in cases], _badness)
        return metrics


def _picture(scene: Scene) -> dict:
    table, similarity = scene.table, scene.subjects
    first = scene.sets[0]
    return dict(
        scene=table['scene'][first],
        camera=table['camera'][first],
        window_start=table['window_start'][first],
        subjects=[table['subject'][row] for row in scene.sets],
        people=[table['subject'][row] for row in scene.people],
        similarity=similarity,
        truth=scene.truth,
        assigned=assign(similarity),
    )


def _share_right(picture: dict) -> float:
    return float(np.mean(picture['assigned'] == picture['truth']))


def _line(case: dict) -> dict:
    """A case as a line of a table: shares of sensors instead of each."""
    shares = {
        f'{name}{key}': float(case[f'{name}{key}'].mean())
        if case['sensors']
        else None
        for name in ('part_right', 'both_right')
        for key in RULES
    }
    return {**case, **shares}


def _badness(line: dict) -> float:
    """Wrong people before wrong parts."""
    part = line['part_right_assigned']
    wrong_parts = 0.0 if part is None else 1 - part
    wrong = 2 - line['subject_right'] - line['subject_right_assigned']
    return wrong + 0.5 * wrong_parts
