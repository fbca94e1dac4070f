"""Pictures of the tasks, and the visualizer that MMEngine finds.

Names are imported on first use: drawing libraries are loaded when something
is drawn, MMEngine with the visualizer.
"""

from typing import TYPE_CHECKING

from ..utils.lazy import lazy_names

if TYPE_CHECKING:
    from .preview import write_preview
    from .recording_check import draw_recording_check, save_recording_check
    from .skeleton import draw_skeleton, scene_frames
    from .sync_pictures import (
        draw_clock_drift,
        draw_similarity_matrix,
        draw_sync_curve,
    )
    from .task_pictures import (
        draw_actions,
        draw_confusion_matrix,
        draw_localization,
        draw_recall_curves,
        draw_retrieval,
    )
    from .visualizer import MoBindVisualizer

__all__, __getattr__ = lazy_names(__name__)
