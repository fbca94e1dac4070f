"""When a model's evidence is enough: probabilities of its answers.

Each is a logistic regression on the evidence, fitted to simulated sensors of
motion capture people on whom the model was not trained, with
``tools/analysis_tools/fit_matching.py``. The evidence of another model has
another scale, so its answers have no probability, and it always answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

LEAST = 0.5
"""A person or limb that is less probably in view is not named, nor an action
that the gallery less probably has."""


@dataclass(frozen=True)
class Logistic:
    """Probability that an answer is right.

    Args:
        bias: Log odds if all features are 0.
        slopes: Of the features.
    """

    bias: float
    slopes: Mapping[str, float]

    def __call__(self, **features: float) -> float:
        """Probability, given the features of :func:`match_features`."""
        odds = sum(self.slopes[name] * x for name, x in features.items())
        return float(expit(self.bias + odds))


def match_features(
    evidence: float, margin: float, seconds: float, rivals: int
) -> dict[str, float]:
    """What decides whether a match is right.

    Args:
        evidence: Of the match.
        margin: What it has more than the next best one; without any, than a
            cosine of 0.
        seconds: For how long both were seen.
        rivals: Among how many possible matches it is the best.
    """
    longer = float(np.log(max(seconds, 1.0) / 5.0))
    return {
        'evidence': evidence,
        'margin': min(margin, evidence),
        'longer': longer,
        'evidence x longer': evidence * longer,
        'rivals': float(np.log(max(rivals, 1))),
    }


FEATURES = tuple(match_features(0.0, 0.0, 5.0, 1))
_FITTED = {
    'person': (-0.89, (-0.228, 4.813, -0.195, 1.115, 0.562)),
    'sensor': (-4.668, (8.686, -4.046, -0.82, 3.223, 0.686)),
    'limb': (-4.831, (6.573, 2.784, -0.017, 1.051, 0.176)),
}
CALIBRATED: dict[str, dict[str, Logistic]] = {
    'mobind_real': {
        name: Logistic(bias, dict(zip(FEATURES, slopes)))
        for name, (bias, slopes) in _FITTED.items()
    }
}
"""By model of the zoo: ``person``, that somebody wears the sensors;
``sensor``, that a limb in view carries it; ``limb``, that it is this one."""
