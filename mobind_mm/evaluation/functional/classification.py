"""Classification: the nearest neighbour, and scores of any classifier."""

from __future__ import annotations

import numpy as np

from ...utils.similarity import Vectors, check_comparable, chunks, vectors_of


def nearest_neighbour(
    query: np.ndarray,
    gallery: np.ndarray,
    gallery_labels: np.ndarray,
    query_mask: np.ndarray | None = None,
    gallery_mask: np.ndarray | None = None,
) -> np.ndarray:
    """Label of the most similar gallery item; the first one on ties.

    Args:
        query: (M, D) or (M, S, D) embeddings.
        gallery: (G, D) or (G, S, D) embeddings.
        gallery_labels: (G,) integer labels.
        query_mask: (M, S) boolean, limbs present.
        gallery_mask: (G, S) boolean.

    Returns:
        (M,) labels.

    Raises:
        ValueError: For an empty gallery, NaN, or shapes that do not fit.
    """
    if len(gallery) == 0:
        raise ValueError('The gallery of the nearest neighbour is empty.')
    check_comparable(query, gallery)
    items = Vectors.of(gallery, gallery_mask)
    nearest = [
        vectors_of(query, query_mask, rows).cosines(items).argmax(axis=1)
        for rows in chunks(query, max(1, 2**24 // len(gallery)))
    ]
    index = np.concatenate([np.zeros(0, dtype=np.int64), *nearest])
    return np.asarray(gallery_labels)[index]


def accuracy(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Share of labels that are predicted.

    Raises:
        ValueError: If there is no label, or the lengths differ.
    """
    predicted, labels = _checked(predicted, labels)
    return float(np.mean(predicted == labels))


def confusion_matrix(
    predicted: np.ndarray,
    labels: np.ndarray,
    num_classes: int | None = None,
) -> np.ndarray:
    """How often each class was taken for each.

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
            f'Label {wrong} is none of the {num_classes} classes '
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
