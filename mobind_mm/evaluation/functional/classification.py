"""Classification: nearest neighbours, linear probes, scores of either."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from ...utils.similarity import (
    Vectors,
    check_comparable,
    check_finite,
    chunks,
    vectors_of,
)
from .token_evidence import anytime_similarity


def nearest_neighbour(
    query: np.ndarray,
    gallery: np.ndarray,
    gallery_labels: np.ndarray,
    query_mask: np.ndarray | None = None,
    gallery_mask: np.ndarray | None = None,
) -> np.ndarray:
    """Label of the most similar gallery item; the first one on ties.

    Args:
        query: (M, D) or (M, S, D) embeddings, or (M, S, N, D) tokens, which
            are compared in any order (:func:`anytime_similarity`).
        gallery: (G, D), (G, S, D) or (G, S, N, D).
        gallery_labels: (G,) integer labels.
        query_mask: (M, S) boolean, limbs present; (M, S, N) for tokens.
        gallery_mask: (G, S) or (G, S, N) boolean.

    Returns:
        (M,) labels.

    Raises:
        ValueError: For an empty gallery, NaN, or shapes that do not fit.
    """
    similar = _similar(query, gallery, query_mask, gallery_mask)
    nearest = [
        similar(rows).argmax(axis=1)
        for rows in chunks(query, max(1, 2**24 // len(gallery)))
    ]
    index = np.concatenate([np.zeros(0, dtype=np.int64), *nearest])
    return np.asarray(gallery_labels)[index]


def nearest_take(
    query: np.ndarray,
    gallery: np.ndarray,
    gallery_labels: np.ndarray,
    query_takes: np.ndarray,
    gallery_takes: np.ndarray,
    query_mask: np.ndarray | None = None,
    gallery_mask: np.ndarray | None = None,
) -> np.ndarray:
    """Label of the most similar gallery take of each query take.

    Each window of a take is compared with the most similar window of the
    other one, in both directions; the means over the windows of both takes
    count alike.

    Args:
        query: (M, ...) windows, as in :func:`nearest_neighbour`.
        gallery: (G, ...) windows.
        gallery_labels: (G,) integer labels, one for all windows of a take.
        query_takes: (M,) number of the take of a window: 0, 1, …
        gallery_takes: (G,) the same of the gallery.
        query_mask: As in :func:`nearest_neighbour`.
        gallery_mask: As in :func:`nearest_neighbour`.

    Returns:
        (number of query takes,) labels.

    Raises:
        ValueError: For an empty gallery, NaN, or shapes that do not fit.

    >>> windows = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
    >>> takes = np.array([0, 0, 1])
    >>> nearest_take(windows[::-1], windows, np.array([7, 7, 9]), takes, takes)
    array([9, 7])
    """
    similar = _similar(query, gallery, query_mask, gallery_mask)
    order = np.argsort(gallery_takes, kind='stable')
    _, first, count = np.unique(
        gallery_takes[order], return_index=True, return_counts=True
    )
    nearest = []
    for take in range(int(query_takes.max(initial=-1)) + 1):
        windows = similar(np.flatnonzero(query_takes == take))[:, order]
        there = np.maximum.reduceat(windows, first, axis=1).mean(axis=0)
        back = np.add.reduceat(windows.max(axis=0), first) / count
        nearest.append(int(np.argmax(there + back)))
    return np.asarray(gallery_labels)[order][first][nearest]


def numbered(names: Iterable[Hashable]) -> np.ndarray:
    """Numbers (M,) of names, in the order in which they first occur.

    >>> numbered(['b', 'a', 'b'])
    array([0, 1, 0])
    """
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names])


def _similar(
    query: np.ndarray,
    gallery: np.ndarray,
    query_mask: np.ndarray | None,
    gallery_mask: np.ndarray | None,
) -> Callable[[slice | np.ndarray], np.ndarray]:
    """Similarities (m, G) of some rows of the query with the gallery.

    Raises:
        ValueError: For an empty gallery, NaN, or shapes that do not fit.
    """
    if len(gallery) == 0:
        raise ValueError('The gallery of the nearest neighbour is empty.')
    if query.ndim == 4:
        check_finite('The tokens of the evaluated windows', query)
        check_finite('The tokens of the gallery', gallery)
        seen, known = (
            np.ones(x.shape[:3], dtype=bool) if mask is None else mask
            for x, mask in ((query, query_mask), (gallery, gallery_mask))
        )
        return lambda rows: anytime_similarity(
            query[rows], gallery, seen[rows], known
        )
    check_comparable(query, gallery)
    items = Vectors.of(gallery, gallery_mask)
    return lambda rows: vectors_of(query, query_mask, rows).cosines(items)


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
    groups: ArrayLike | None = None,
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
    strengths = sorted(np.atleast_1d(np.asarray(C, dtype=float)).tolist())
    if np.ndim(C) == 0:
        probe.set_params(logisticregression__C=strengths[0])
        return probe.fit(features, labels).predict(query)
    subjects = np.asarray([] if groups is None else groups, dtype=str)
    subjects = np.unique(subjects, return_inverse=True)[1]
    folds = min(5, len(np.unique(subjects)))
    if folds < 2:
        raise ValueError(
            'C is chosen by leaving subjects out, which needs at least two '
            f'training subjects, got {folds}; give one value of C.'
        )
    grid = {'logisticregression__C': strengths}
    search = GridSearchCV(probe, grid, cv=GroupKFold(folds))
    search.fit(features, labels, groups=subjects)
    return search.predict(query)


def accuracy(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Share of labels that are predicted.

    Raises:
        ValueError: If there is no label, or the lengths differ.
    """
    predicted, labels = _checked(predicted, labels)
    return float(np.mean(predicted == labels))


def confusion_matrix(
    predicted: np.ndarray, labels: np.ndarray, num_classes: int | None = None
) -> np.ndarray:
    """Count how often each class was predicted as each class.

    Args:
        predicted: (M,) integer labels from 0.
        labels: (M,) integer labels from 0.
        num_classes: Number of classes; by default up to the largest label.

    Returns:
        (C, C) counts: row is the true class, column the predicted one.

    Raises:
        ValueError: If there is no label, the lengths differ, or a label is
            not a class.
    """
    predicted, labels = _checked(predicted, labels)
    largest = int(max(predicted.max(), labels.max()))
    num_classes = largest + 1 if num_classes is None else num_classes
    smallest = int(min(predicted.min(), labels.min()))
    if smallest < 0 or largest >= num_classes:
        wrong = smallest if smallest < 0 else largest
        raise ValueError(
            f'Label {wrong} is not one of the {num_classes} classes '
            f'(0 to {num_classes - 1}); leave unlabelled windows out.'
        )
    cells = labels * num_classes + predicted
    counts = np.bincount(cells, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def macro_f1(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Mean F1 over the classes that occur, as label or as prediction.

    A class that is predicted but never right, or never predicted, has F1 0.

    Args:
        predicted: (M,) integer labels from 0.
        labels: (M,) integer labels from 0.

    Raises:
        ValueError: As :func:`confusion_matrix`.

    >>> round(macro_f1(np.array([0, 0, 1]), np.array([0, 1, 1])), 3)
    0.667
    """
    counts = confusion_matrix(predicted, labels)
    occurs = counts.sum(axis=0) + counts.sum(axis=1)
    occurring = occurs > 0
    f1 = 2 * np.diag(counts)[occurring] / occurs[occurring]
    return float(f1.mean())


def _checked(
    predicted: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    predicted, labels = np.asarray(predicted), np.asarray(labels)
    if len(labels) == 0:
        raise ValueError('No labelled window to classify.')
    if predicted.shape != labels.shape:
        raise ValueError(
            f'{predicted.shape} predictions for {labels.shape} labels.'
        )
    return predicted, labels
