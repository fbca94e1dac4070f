"""A test of the contract that every pose estimator can be put to."""

from __future__ import annotations

import json

import numpy as np

from ...skeleton import get_layout
from .base import PoseEstimator


def check_estimator(
    estimator: PoseEstimator, image: np.ndarray | None = None
) -> None:
    """Put a pose estimator to the test of its contract.

    Args:
        estimator: The estimator.
        image: (H, W, 3) uint8 BGR with one person at least; None leaves out
            what needs one.

    Raises:
        AssertionError: Naming what the contract asks for.
    """
    kind = type(estimator)
    assert isinstance(estimator, PoseEstimator), (
        f'{kind.__name__} lacks one of the members of PoseEstimator: name, '
        'layout, settings, caution, load, reset, people.'
    )
    assert kind.name and isinstance(kind.name, str), 'It has a name.'
    settings = dict(estimator.settings)
    assert json.loads(json.dumps(settings)) == settings, (
        'settings are what JSON can hold.'
    )
    for _ in range(2):
        estimator.load()
    length = len(get_layout(estimator.layout))
    empty = np.zeros((96, 128, 3), np.uint8)
    estimator.reset()
    assert isinstance(estimator.people(empty), list), (
        'people() returns a list, also where nobody is.'
    )
    if image is None:
        return
    before = image.copy()
    runs = []
    for _ in range(2):
        estimator.reset()
        runs.append([estimator.people(image) for _ in range(2)])
    assert np.array_equal(image, before), 'people() leaves the image alone.'
    assert runs[0][0] and runs[0][1], 'It finds the person in the image.'
    for people in runs[0]:
        for person in people:
            at = np.asarray(person['keypoints'], float)
            scores = np.asarray(person['keypoint_scores'], float)
            assert at.shape == (length, 2) and scores.shape == (length,), (
                f'A person has {length} keypoints, those of the layout '
                f'{estimator.layout}.'
            )
            assert np.isfinite(at).all() and np.isfinite(scores).all(), (
                'Keypoints and scores are numbers.'
            )
            size = np.array(image.shape[1::-1])
            seen = at[scores > 0.3]
            assert ((seen > -size) & (seen < 2 * size)).all(), (
                'Keypoints are in pixels of the image.'
            )
    first, second = (
        [np.asarray(p['keypoints'], float) for p in run[0]] for run in runs
    )
    assert len(first) == len(second) and all(
        np.allclose(a, b, atol=0.1) for a, b in zip(first, second)
    ), 'After reset() the same image gives the same people.'
