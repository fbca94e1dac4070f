"""Pure functions behind the metrics."""

from .classification import accuracy, nearest_neighbour
from .retrieval import recall_summary, retrieval_ranks
from .similarity import NO_SHARED_LIMB, cosine_similarity

__all__ = [
    'NO_SHARED_LIMB',
    'accuracy',
    'cosine_similarity',
    'nearest_neighbour',
    'recall_summary',
    'retrieval_ranks',
]
