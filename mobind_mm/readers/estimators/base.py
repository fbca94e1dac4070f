"""The contract of pose estimators, and their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np

from ...utils.errors import mistake
from ...utils.lazy import import_all

Instance = dict[str, Any]
"""A person in an image as MMPose writes one: ``keypoints`` (K, 2) in pixels
of the upright image, ``keypoint_scores`` (K,) in [0, 1], and, if known,
``bbox`` [[x0, y0, x1, y1]] and ``bbox_score``."""


@runtime_checkable
class PoseEstimator(Protocol):
    """Finds the 2D skeletons of everybody in the frames of a video.

    Attributes:
        name: As users type it.
        layout: Name of the skeleton layout; may be known only after
            :meth:`load`.
        settings: What decides on the result besides the images, such as
            models and versions, as JSON can hold it. Results of other
            settings are estimated again.
        caution: What is noted where it sees several people; may be empty.

    An estimator is made from keywords, which all have defaults.
    """

    name: ClassVar[str]
    layout: str
    settings: Mapping[str, Any]
    caution: str

    def load(self) -> None:
        """Load the models, unless they are; ``people`` does so, too.

        Raises:
            ImportError: If a package is missing; says how to install it.
            ValueError: If the models cannot be had.
        """

    def reset(self) -> None:
        """Forget what was seen: the next image begins another video."""

    def people(self, image: np.ndarray) -> list[Instance]:
        """Find everybody in the next frame.

        Args:
            image: (H, W, 3) uint8 BGR, upright.
        """


E = TypeVar('E', bound='type[PoseEstimator]')

_MODULES = {name: name for name in ('mediapipe', 'rtmlib', 'mmpose')}
"""Our own estimators by name: their modules in this package."""
_ESTIMATORS: dict[str, type[Any]] = {}
DEFAULT = 'mediapipe'


def register_estimator(cls: E) -> E:
    """Make an estimator known under its ``name``; used as a decorator.

    Raises:
        ValueError: If another one has the name.
    """
    if not cls.__module__.startswith(__package__ or ''):
        _load(cls.name)
    known = _ESTIMATORS.setdefault(cls.name, cls)
    if known.__qualname__ != cls.__qualname__ or (
        known.__module__ != cls.__module__
    ):
        raise ValueError(
            f'A pose estimator called {cls.name!r} is registered already: '
            f'{known.__module__}.{known.__qualname__}; choose another name.'
        )
    return cls


def _load(name: str) -> None:
    if name in _MODULES and name not in _ESTIMATORS:
        import_all(f'{__package__}.{_MODULES[name]}')


def estimators() -> list[str]:
    """Names of all estimators, whether or not they can run here."""
    return sorted({*_MODULES, *_ESTIMATORS})


def make_estimator(name: str | None = None, **options: Any) -> PoseEstimator:
    """Make an estimator.

    Args:
        name: See :func:`estimators`; None: the one of the extra ``pose``.
        **options: Its keywords; those that are None are left out.

    Raises:
        ValueError: If there is no such estimator, or it has no such option.
    """
    name = name or DEFAULT
    _load(name)
    if name not in _ESTIMATORS:
        raise mistake(
            'estimator',
            'is not a pose estimator',
            f'Choose from {", ".join(estimators())}',
            value=name,
            name=name,
            known=estimators(),
        )
    given = {k: v for k, v in options.items() if v is not None}
    try:
        return _ESTIMATORS[name](**given)
    except TypeError as error:
        if 'unexpected keyword' not in str(error):
            raise
        raise mistake(
            'estimator',
            f'{name} does not take {", ".join(given)} ({error})',
            'Leave that option out, or choose another estimator',
        ) from None
