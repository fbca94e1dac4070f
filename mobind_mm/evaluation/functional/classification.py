"""Classification by the nearest neighbour."""

from __future__ import annotations

import numpy as np

from .similarity import cosine_similarity


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
    similarity = cosine_similarity(query, gallery, query_mask, gallery_mask)
    return np.asarray(gallery_labels)[similarity.argmax(axis=1)]


def accuracy(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Share of labels that are predicted.

    Raises:
        ValueError: If there is no label.
    """
    if len(labels) == 0:
        raise ValueError('No labelled window to classify.')
    return float(np.mean(np.asarray(predicted) == np.asarray(labels)))
