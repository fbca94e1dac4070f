"""Pictures of the tasks, and the visualizer that MMEngine finds.

Drawing libraries are loaded when something is drawn, MMEngine with the
visualizer.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .skeleton import draw_skeleton, scene_frames
from .speed import draw_growth, draw_step_parts
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

if TYPE_CHECKING:
    from .preview import write_preview
    from .recording_check import draw_recording_check, save_recording_check
    from .visualizer import MoBindVisualizer

_LATER = {
    'MoBindVisualizer': 'visualizer',
    'draw_recording_check': 'recording_check',
    'save_recording_check': 'recording_check',
    'write_preview': 'preview',
}
"""Modules of names that are imported when they are asked for."""

__all__ = [
    'MoBindVisualizer',
    'draw_actions',
    'draw_clock_drift',
    'draw_confusion_matrix',
    'draw_growth',
    'draw_localization',
    'draw_recall_curves',
    'draw_recording_check',
    'draw_retrieval',
    'draw_similarity_matrix',
    'draw_skeleton',
    'draw_step_parts',
    'draw_sync_curve',
    'save_recording_check',
    'scene_frames',
    'write_preview',
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(f'{__name__}.{_LATER[name]}'), name)


def __dir__() -> list[str]:
    return __all__
