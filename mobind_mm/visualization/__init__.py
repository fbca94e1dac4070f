"""Pictures of the tasks, and the visualizer that MMEngine finds."""

from .confusion_matrix import draw_confusion_matrix
from .recall_curves import draw_recall_curves
from .scene_frames import scene_frames
from .similarity_matrix import draw_similarity_matrix
from .skeleton import draw_skeleton
from .sync_curve import draw_sync_curve
from .visualizer import MoBindVisualizer

__all__ = [
    'MoBindVisualizer',
    'draw_confusion_matrix',
    'draw_recall_curves',
    'draw_similarity_matrix',
    'draw_skeleton',
    'draw_sync_curve',
    'scene_frames',
]
