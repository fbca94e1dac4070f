"""Subject and part localisation as an MMEngine metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...registry import METRICS
from ..embedding_table import Table
from ..functional import argmax_correct, assign, assignment_correct
from .embedding_metric import write_cases
from .scene_metric import Scene, SceneMetric

RULES = {'': argmax_correct, '_assigned': assignment_correct}
"""By the end of the key: independent argmax, one-to-one assignment."""
_KEPT_SCENES = 16


@METRICS.register_module()
class LocalizationMetric(SceneMetric):
    """Find who wears the sensors, and which limb carries which sensor.

    Windows with the same scene, camera and start show people together (see
    ``anchor='clock'`` of the data sets). Everybody in view is a candidate,
    with sensors or without. Only sensor sets whose wearer is in view and
    sensors whose limb is seen take part; :class:`OpenLocalizationMetric` is
    for the others. Each value is given by independent argmax, as published,
    and, as ``…_assigned``, by one-to-one assignment. Ties count as errors.

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
      gives; ``num_…``: the number of sets or sensors behind a value.

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
        multiple = [scene for scene in scenes if len(scene.people) > 1]
        metrics = summarize(cases, [joint_case(scene) for scene in multiple])
        if not metrics:
            raise ValueError(
                f'{len(table["role"])} windows show no two people together '
                'and no two limbs of a person with a sensor: there is '
                'nothing to localise.'
            )
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


def _badness(line: Mapping) -> float:
    """Wrong people before wrong parts."""
    part = line['part_right_assigned']
    wrong_parts = 0.0 if part is None else 1 - part
    wrong = 2 - line['subject_right'] - line['subject_right_assigned']
    return wrong + 0.5 * wrong_parts


def set_cases(scene: Scene) -> list[dict]:
    """Outcome for each sensor set of a scene."""
    similarity, truth = scene.subjects, scene.truth
    right_sets = {key: rule(similarity, truth) for key, rule in RULES.items()}
    cases = []
    for row, index in enumerate(scene.sets):
        parts, limbs = scene.parts(row)
        usable = parts.shape[1] > 1 and len(limbs) > 0
        case = scene.ids(index) | dict(
            people=len(scene.people),
            limbs=parts.shape[1],
            sensors=len(limbs) if usable else 0,
            margin=_margin(similarity[row], truth[row]),
        )
        for key, rule in RULES.items():
            case[f'subject_right{key}'] = bool(right_sets[key][row])
            right = rule(parts, limbs) if usable else np.zeros(0, bool)
            case[f'part_right{key}'] = right
            case[f'both_right{key}'] = right & case[f'subject_right{key}']
        cases.append(case)
    return cases


def _margin(similarity: np.ndarray, truth: int) -> float | None:
    """How far the wearer is ahead of everybody else."""
    if len(similarity) < 2:
        return None
    return float(similarity[truth] - np.delete(similarity, truth).max())


def joint_case(scene: Scene) -> dict[str, np.ndarray]:
    """Outcome for the unlabelled sensors of a scene."""
    evidence, slots = scene.slots()
    right = {key: rule(evidence, slots) for key, rule in RULES.items()}
    guess = np.full(len(slots), 1 / max(evidence.shape[1], 1))
    return {**right, 'guess': guess}


def summarize(
    cases: list[dict], joint: list[dict[str, np.ndarray]]
) -> dict[str, float]:
    """Accuracies, chances and counts; those without cases are left out.

    Args:
        cases: Of all scenes, from :func:`set_cases`.
        joint: Of scenes of two or more people, from :func:`joint_case`.
    """
    return {**_subjects(cases), **_parts(cases), **_joints(joint)}


def _subjects(cases: list[dict]) -> dict[str, float]:
    metrics: dict[str, float] = {}
    cases = [case for case in cases if case['people'] > 1]
    groups = {'': cases}
    for number in sorted({case['people'] for case in cases}):
        groups[f'_P{number}'] = [c for c in cases if c['people'] == number]
    for name, group in groups.items():
        if group:
            for key in RULES:
                right = [case[f'subject_right{key}'] for case in group]
                metrics[f'subject_acc{name}{key}'] = float(np.mean(right))
            metrics[f'num_subject{name}'] = len(group)
    if cases:
        chance = np.mean([1 / case['people'] for case in cases])
        metrics['subject_chance'] = float(chance)
    return metrics


def _parts(cases: list[dict]) -> dict[str, float]:
    metrics: dict[str, float] = {}
    cases = [case for case in cases if case['sensors']]
    if not cases:
        return metrics
    together = [case for case in cases if case['people'] > 1]
    identified = [case for case in together if case['subject_right']]
    for name, group in (
        ('', cases),
        ('_conditional', identified),
        ('_unconditional', together),
    ):
        if not group:
            continue
        for key in RULES:
            right = [case[f'part_right{key}'] for case in group]
            if name == '_unconditional':
                right = [case[f'both_right{key}'] for case in group]
            share = np.mean(np.concatenate(right))
            metrics[f'part_acc{name}{key}'] = float(share)
        metrics[f'num_part{name}'] = sum(case['sensors'] for case in group)
    guesses = [case['sensors'] / case['limbs'] for case in cases]
    metrics['part_chance'] = float(np.sum(guesses)) / metrics['num_part']
    return metrics


def _joints(scenes: list[dict[str, np.ndarray]]) -> dict[str, float]:
    pooled = {
        key: np.concatenate([scene[key] for scene in scenes])
        for key in (*RULES, 'guess')
        if scenes
    }
    if not pooled or not len(pooled['guess']):
        return {}
    metrics = {f'joint_acc{key}': float(pooled[key].mean()) for key in RULES}
    metrics['num_joint'] = len(pooled['guess'])
    metrics['joint_chance'] = float(pooled['guess'].mean())
    return metrics
