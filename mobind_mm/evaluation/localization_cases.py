"""What became of the sensors of scenes, and the accuracies of it."""

from __future__ import annotations

import numpy as np

from .functional import argmax_correct, assignment_correct
from .scene import Scene

RULES = {'': argmax_correct, '_assigned': assignment_correct}
"""By the end of the key: independent argmax, one-to-one assignment."""


def set_cases(scene: Scene) -> list[dict]:
    """What became of each sensor set of a scene."""
    similarity, truth = scene.subjects, scene.truth
    found = {key: rule(similarity, truth) for key, rule in RULES.items()}
    cases = []
    for row, index in enumerate(scene.sets):
        parts, limbs = scene.parts(row)
        usable = parts.shape[1] > 1 and len(limbs) > 0
        case = {
            key: scene.table[key][index]
            for key in ('scene', 'camera', 'window_start', 'take', 'subject')
        }
        case.update(
            people=len(scene.people),
            limbs=parts.shape[1],
            sensors=len(limbs) if usable else 0,
            margin=_margin(similarity[row], truth[row]),
        )
        for key, rule in RULES.items():
            case[f'subject_right{key}'] = bool(found[key][row])
            right = rule(parts, limbs) if usable else np.zeros(0, bool)
            case[f'part_right{key}'] = right
            case[f'both_right{key}'] = right & case[f'subject_right{key}']
        cases.append(case)
    return cases


def _margin(similarity: np.ndarray, truth: int) -> float | None:
    """How far the wearer is above everybody else."""
    if len(similarity) < 2:
        return None
    return float(similarity[truth] - np.delete(similarity, truth).max())


def joint_case(scene: Scene) -> dict[str, np.ndarray]:
    """What became of the unlabelled sensors of a scene."""
    evidence, slots = scene.slots()
    right = {key: rule(evidence, slots) for key, rule in RULES.items()}
    guess = np.full(len(slots), 1 / max(evidence.shape[1], 1))
    return {**right, 'guess': guess}


def summarize(
    cases: list[dict], joint: list[dict[str, np.ndarray]]
) -> dict[str, float]:
    """Accuracies, chances and counts; what no case shows is left out.

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
    found = [case for case in together if case['subject_right']]
    for name, group in (
        ('', cases),
        ('_conditional', found),
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
