"""Pure functions behind the metrics."""

from ...utils.similarity import NO_SHARED_LIMB, cosine_similarity, flat_tokens
from .assignment import OffsetAssignment, assign, assign_with_offset
from .classification import (
    accuracy,
    confusion_matrix,
    linear_probe,
    macro_f1,
    nearest_neighbour,
    nearest_take,
    probe_features,
)
from .localization import (
    DetectionCounts,
    OpenSetCounts,
    argmax_correct,
    assignment_correct,
    count_unmatched,
    fit_threshold,
    person_similarity,
)
from .ranking import SIGNAL_WEIGHT, matrix_ranks, rank_by_both, search_index
from .retrieval import (
    count_rivals,
    disjoint_rivals,
    other_camera_rivals,
    recall_summary,
    rerank,
    retrieval_ranks,
    same_label_rivals,
)
from .sync import (
    abstention_precision,
    calibration_error,
    grid_floor,
    offset_error,
    sync_summary,
)
from .token_evidence import (
    anytime_similarity,
    lagged_evidence,
    lagged_similarity,
    token_evidence,
    whitened,
)

__all__ = [
    'NO_SHARED_LIMB',
    'SIGNAL_WEIGHT',
    'DetectionCounts',
    'OffsetAssignment',
    'OpenSetCounts',
    'abstention_precision',
    'accuracy',
    'anytime_similarity',
    'argmax_correct',
    'assign',
    'assign_with_offset',
    'assignment_correct',
    'calibration_error',
    'confusion_matrix',
    'cosine_similarity',
    'count_rivals',
    'count_unmatched',
    'disjoint_rivals',
    'fit_threshold',
    'flat_tokens',
    'grid_floor',
    'lagged_evidence',
    'lagged_similarity',
    'linear_probe',
    'macro_f1',
    'matrix_ranks',
    'nearest_neighbour',
    'nearest_take',
    'offset_error',
    'other_camera_rivals',
    'person_similarity',
    'probe_features',
    'rank_by_both',
    'recall_summary',
    'rerank',
    'retrieval_ranks',
    'same_label_rivals',
    'search_index',
    'sync_summary',
    'token_evidence',
    'whitened',
]
