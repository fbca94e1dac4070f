"""Pictures of the tasks, and the visualizer that MMEngine finds.

Names are imported on first use, each with the library that it draws with.
"""

from typing import TYPE_CHECKING

from ..utils.lazy import lazy_names

if TYPE_CHECKING:
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

__getattr__ = lazy_names(
    __name__,
    {
        'actions': ('draw_actions',),
        'clock_drift': ('draw_clock_drift',),
        'confusion_matrix': ('draw_confusion_matrix',),
        'localization': ('draw_localization',),
        'recall_curves': ('draw_recall_curves',),
        'retrieval': ('draw_retrieval',),
        'scene_frames': ('scene_frames',),
        'similarity_matrix': ('draw_similarity_matrix',),
        'skeleton': ('draw_skeleton',),
        'speed': ('draw_growth', 'draw_step_parts'),
        'sync_curve': ('draw_sync_curve',),
        'visualizer': ('MoBindVisualizer',),
    },
)
