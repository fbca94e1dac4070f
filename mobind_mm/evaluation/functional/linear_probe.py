"""Classification by a linear probe on frozen embeddings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...utils.similarity import check_finite


def probe_features(x: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Features of a fixed length, whichever limbs were seen.

    A clip embedding (D,) is its unit vector. Per-limb embeddings (S, D)
    are the mean unit vector over the limbs present, then the unit vector of
    each limb in its own slot, zeros where the limb is absent.

    Args:
        x: (M, D) or (M, S, D).
        mask: (M, S) boolean, limbs present; all if omitted.

    Returns:
        (M, D) or (M, (1 + S) * D).
    """
    unit = x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)
    if x.ndim == 2:
        return unit
    mask = np.ones(x.shape[:2], bool) if mask is None else mask
    unit = unit * mask[..., None]
    present = np.maximum(mask.sum(axis=1), 1)[:, None]
    return np.concatenate(
        [unit.sum(axis=1) / present, unit.reshape(len(x), -1)], axis=1
    )


def linear_probe(
    features: np.ndarray,
    labels: np.ndarray,
    query: np.ndarray,
    C: float | Sequence[float] = 0.1,  # noqa: N803
    groups: Sequence | None = None,
) -> np.ndarray:
    """Labels by a logistic regression on standardised features.

    Multinomial, with an L2 penalty on the weights. Mean and standard
    deviation of the features are those of the training windows.

    Args:
        features: (G, F) of the training windows.
        labels: (G,) integer labels.
        query: (M, F) features of the windows to label.
        C: Inverse strength of the penalty, or several of which the best
            accuracy in a cross-validation is taken (the smallest, if
            equal). Its folds leave whole groups out, five at most.
        groups: (G,) subjects, for the cross-validation.

    Returns:
        (M,) labels.

    Raises:
        ValueError: For NaN, fewer than two labels, or a cross-validation
            of fewer than two groups.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    check_finite('The features of the training windows', features)
    check_finite('The features of the evaluated windows', query)
    if len(np.unique(labels)) < 2:
        raise ValueError(
            'A linear probe needs at least two actions among the training '
            f'windows, got {np.unique(labels).tolist()}.'
        )
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    if np.ndim(C) == 0:
        probe.set_params(logisticregression__C=float(C))
        return probe.fit(features, labels).predict(query)
    groups = np.unique(
        [] if groups is None else np.asarray(groups, dtype=str),
        return_inverse=True,
    )[1]
    folds = min(5, len(np.unique(groups)))
    if folds < 2:
        raise ValueError(
            'C is chosen by leaving subjects out, which needs at least two '
            f'training subjects, got {folds}; give one value of C.'
        )
    grid = {'logisticregression__C': sorted(map(float, C))}
    search = GridSearchCV(probe, grid, cv=GroupKFold(folds))
    search.fit(features, labels, groups=groups)
    return search.predict(query)
