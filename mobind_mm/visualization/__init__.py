"""Pictures of the tasks, and the visualizer that MMEngine finds."""

from .actions import draw_actions
from .clock_drift import draw_clock_drift
from .confusion_matrix import draw_confusion_matrix
from .localization import draw_localization
from .recall_curves import draw_recall_curves
from .retrieval import draw_retrieval
from .scene_frames import scene_frames
from .similarity_matrix import draw_similarity_matrix
from .skeleton import draw_skeleton
from .speed import draw_growth, draw_step_parts
from .sync_curve import draw_sync_curve
from .visualizer import MoBindVisualizer

__all__ = [
    'MoBindVisualizer',
    'draw_actions',
    'draw_clock_drift',
    'draw_confusion_matrix',
    'draw_growth',
    'draw_localization',
    'draw_recall_curves',
    'draw_retrieval',
    'draw_similarity_matrix',
    'draw_skeleton',
    'draw_step_parts',
    'draw_sync_curve',
    'scene_frames',
]
