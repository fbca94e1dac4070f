"""The contract of synchronisers: evidence of each clip, then one decision.

Write a synchroniser of your own by deriving from :class:`Synchronizer`. It
then works in :func:`~mobind_mm.synchronization.synchronize_clip`,
:func:`~mobind_mm.synchronization.synchronize_clocks`, ``SyncMetric`` and the
commands. :func:`~mobind_mm.synchronization.check_synchronizer` tests it.
"""

from __future__ import annotations

import difflib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Union, runtime_checkable

import numpy as np

from ..recordings import Recording
from ..registry import TASK_UTILS

REASONS = (
    '',
    'still',
    'periodic',
    'too short',
    'weak',
    'out of reach',
    'wrong limb or person',
    'clock jumps',
    'frame rate',
    'no gravity or orientation',
)
"""Why a synchroniser abstains; empty where it does not."""

SHORT_NAMES: Mapping[str, Mapping[str, Any]] = {
    'fused': dict(type='mobind_mm.FusedSynchronizer'),
    'signals': dict(type='mobind_mm.FusedSynchronizer', use_feats=False),
    'vote': dict(type='mobind_mm.VoteSynchronizer'),
    'correlation': dict(type='mobind_mm.CorrelationSynchronizer'),
}
"""Configs of the package's synchronisers, by the names that commands use."""

Feats = Mapping[str, Any]
"""Model features of the W sub-windows of a clip, S limbs, N tokens a window.

==================================  =======================================
``imu_embedding pose_embedding``    (W, D), or (W, S, D) of per-limb models
``imu_mask pose_mask``              (W, S) boolean, limbs present
``imu_tokens pose_tokens``          (W, S, N, D)
``pose_token_mask``                 (W, S, N) boolean
``window_starts``                   (W,) seconds from the start of the clip
``placements``                      S names
==================================  =======================================
"""


@dataclass(frozen=True)
class SyncResult:
    """Estimated time offset between an IMU stream and a video.

    Args:
        offset: Seconds; positive if the pose window starts later in the
            recording than the IMU window, so ``t_imu = t_pose + offset``
            for clocks that start with their windows.
        confidence: Probability that the offset is off by less than 0.1 s.
        abstained: Whether the synchroniser advises against using the
            offset, which it states nevertheless.
        reason: Why it abstains: one of :data:`REASONS`.
        rivals: Other offsets that explain the streams too: (offset in
            seconds, probability), most probable first.
        offsets: (G,) seconds at which ``log_posterior`` is given, for
            pictures.
        log_posterior: (G,) score of each offset, the log posterior up to a
            constant where the synchroniser is probabilistic.
        drift_ppm: How much faster the IMU clock runs than the pose clock,
            in parts per million.
        evidence: Score of all clips at the offset, by which answers of
            different searches are compared; 0 if it is not known.

    Raises:
        ValueError: If ``reason`` and ``abstained`` contradict each other,
            or a number is out of range.

    >>> SyncResult(0.12, confidence=0.97).abstained
    False
    """

    offset: float
    confidence: float = 0.0
    abstained: bool = False
    reason: str = ''
    rivals: list[tuple[float, float]] = field(default_factory=list)
    offsets: np.ndarray = field(default_factory=lambda: np.empty(0))
    log_posterior: np.ndarray = field(default_factory=lambda: np.empty(0))
    drift_ppm: float = 0.0
    evidence: float = 0.0

    def __post_init__(self) -> None:
        if not np.isfinite(self.offset):
            raise ValueError(f'offset must be finite, got {self.offset}.')
        if not 0 <= self.confidence <= 1:
            raise ValueError(
                f'confidence must be in [0, 1], got {self.confidence}.'
            )
        if self.reason not in REASONS or bool(self.reason) != self.abstained:
            raise ValueError(
                f'reason must be one of {REASONS}, and given if and only if '
                f'abstained; got {self.reason!r} with abstained='
                f'{self.abstained}.'
            )
        if np.shape(self.offsets) != np.shape(self.log_posterior):
            raise ValueError(
                f'{np.shape(self.offsets)} offsets and '
                f'{np.shape(self.log_posterior)} log_posterior.'
            )

    def moved(self, by: float) -> SyncResult:
        """The same answer about an offset that is larger by some seconds."""
        return replace(
            self,
            offset=self.offset + by,
            rivals=[(offset + by, share) for offset, share in self.rivals],
            offsets=self.offsets + by,
        )

    def refused(
        self, reason: str, most: float = 1.0, **changes: Any
    ) -> SyncResult:
        """The same answer, which is not to be relied on.

        Args:
            reason: One of :data:`REASONS`.
            most: Most confidence that is left.
            **changes: Other fields to set.
        """
        return replace(
            self,
            abstained=True,
            reason=reason,
            confidence=min(self.confidence, most),
            **changes,
        )


@dataclass(frozen=True)
class ClipEvidence:
    """What the streams of one person say about the offset of a clip.

    Args:
        offsets: (G,) seconds, ascending and evenly spaced. Clips that are
            searched equally far have the same, so that evidence adds up.
        score: (G,) how well each offset explains the clip; larger is
            better, 0 says nothing. A log likelihood ratio in nats where the
            synchroniser is probabilistic; in a clock, the largest score of
            a clip, at most 30, is its weight.
        overlap: (G,) seconds in which both streams have data.
        usable: Whether the clip can be expected to show its offset; False
            if no sensor has its limb in view, or nobody moves.
        fine: (G,) score that places the offset between the samples of the
            grid; ``score`` if omitted.
        rows: (R, G) further curves that the decision needs.
        num_sensors: Sensors that were compared.
        motion: Largest standard deviation of a sensor's acceleration in
            m/s^2; NaN where it is not measured.
        part_times: (K,) middle of each part of the clip, in seconds of the
            recording's video; parts of several people have the same.
        parts: (K, G) score of each part.
        part_overlap: (K, G) seconds in which a part overlaps the sensors.
        control: (G,) score of the limbs' motion backwards in time, which
            shows how well streams agree by chance.
        alone: The evidence of each sensor, by name.
        sensor_steps: (2, T) times on the clock of the sensors, and how
            clearly samples seem to be missing there.
        video_steps: (2, T) the same of frames, on the clock of the video.
    """

    offsets: np.ndarray
    score: np.ndarray
    overlap: np.ndarray
    usable: bool = True
    fine: np.ndarray | None = None
    rows: np.ndarray | None = None
    num_sensors: int = 1
    motion: float = float('nan')
    part_times: np.ndarray = field(default_factory=lambda: np.empty(0))
    parts: np.ndarray | None = None
    part_overlap: np.ndarray | None = None
    control: np.ndarray | None = None
    alone: Mapping[str, ClipEvidence] = field(default_factory=dict)
    sensor_steps: np.ndarray = field(default_factory=lambda: np.empty((2, 0)))
    video_steps: np.ndarray = field(default_factory=lambda: np.empty((2, 0)))

    @property
    def fine_score(self) -> np.ndarray:
        """(G,) ``fine``, or ``score`` where it is omitted."""
        return self.score if self.fine is None else self.fine

    def shifted(self, by: float) -> ClipEvidence:
        """Evidence about ``offset - by`` instead of ``offset``.

        Args:
            by: Seconds, such as what a drifting clock has gained.
        """
        at = self.offsets + by

        def move(curves: np.ndarray) -> np.ndarray:
            flat = curves.reshape(-1, curves.shape[-1])
            moved = [
                np.interp(at, self.offsets, row, left=0, right=0)
                for row in flat
            ]
            return np.array(moved).reshape(curves.shape)

        curves = ['score', 'overlap', 'fine', 'rows', 'control']
        curves += ['parts', 'part_overlap']
        given: dict[str, Any] = {k: getattr(self, k) for k in curves}
        moved: dict[str, Any] = {
            k: move(v) for k, v in given.items() if v is not None
        }
        return replace(
            self,
            alone={k: clip.shifted(by) for k, clip in self.alone.items()},
            sensor_steps=later(self.sensor_steps, -by),
            **moved,
        )


def later(steps: np.ndarray, by: float) -> np.ndarray:
    """Steps (2, T) of a clip whose times are some seconds larger."""
    return np.stack([steps[0] + by, steps[1]])


@runtime_checkable
class Synchronizer(Protocol):
    """What finds the offset of a clip: evidence first, then a decision.

    The two steps are apart so that evidence of several people, or of many
    clips of a long recording, can be added before anything is decided.

    Derive from this class and write :meth:`evidence` and :meth:`decide`.
    Register the class, ``@TASK_UTILS.register_module()``, and its name
    works in configs and with ``--synchronizer``.
    """

    needs_streams: bool
    """Whether :meth:`evidence` reads the raw streams."""
    needs_feats: bool
    """Whether :meth:`evidence` uses features of the model.

    With ``needs_streams``, they are optional: in long recordings the model
    is asked about a few clips only, and ``feats`` is None in all others.
    """

    @abstractmethod
    def evidence(
        self, streams: Recording | None, feats: Feats | None, max_offset: float
    ) -> ClipEvidence:
        """Gather what one person's streams say, without deciding.

        Args:
            streams: Raw IMU and pose streams of the clip, whose clocks
                start with their windows; None if ``needs_streams`` is False.
            feats: The model's features of the clip, see :data:`Feats`.
            max_offset: Largest possible offset in seconds, either way.

        Returns:
            A score for each offset of a grid within ``max_offset``, where
            ``t_imu = t_pose + offset``.
        """
        ...

    @abstractmethod
    def decide(self, clips: Sequence[ClipEvidence]) -> SyncResult:
        """One offset for all clips, whose clocks are the same.

        Args:
            clips: Evidence of one person, of all people of a scene, or of
                many clips of a recording, in any order; may be empty.

        Returns:
            The offset. Abstain where it cannot be trusted.
        """
        ...

    def __call__(
        self, streams: Recording | None, feats: Feats | None, max_offset: float
    ) -> SyncResult:
        """Estimate the offset of one clip.

        Args:
            streams: As in :meth:`evidence`.
            feats: As in :meth:`evidence`.
            max_offset: Largest possible offset in seconds.
        """
        return self.decide([self.evidence(streams, feats, max_offset)])


SynchronizerLike = Union[str, Mapping[str, Any], Synchronizer]
"""A name, a config, or a synchroniser itself."""


def build_synchronizer(
    synchronizer: SynchronizerLike, **kwargs: Any
) -> Synchronizer:
    """Build a synchroniser from its name or config.

    Args:
        synchronizer: ``fused`` (signals and model), ``signals``, ``vote``,
            ``correlation``, the name of any synchroniser registered in
            ``TASK_UTILS``, a config with ``type``, or a synchroniser, which
            is returned as it is.
        **kwargs: Arguments of the class, added to those of the config.

    Raises:
        ValueError: If there is no synchroniser of that name.
        TypeError: If what was built does not fulfil :class:`Synchronizer`.

    >>> build_synchronizer('correlation', high_hz=4.0).high_hz
    4.0
    >>> build_synchronizer('signals').needs_feats
    False
    """
    built: Any = synchronizer
    if isinstance(synchronizer, (str, Mapping)):
        config: Mapping[str, Any] = {'type': synchronizer}
        if isinstance(synchronizer, Mapping):
            config = synchronizer
        elif synchronizer in SHORT_NAMES:
            config = SHORT_NAMES[synchronizer]
        name = config.get('type')
        named = name is None or isinstance(name, str)
        if named and TASK_UTILS.get(str(name)) is None:
            known = synchronizer_names()
            near = difflib.get_close_matches(str(name), known, 1, 0.5)
            raise ValueError(
                f'There is no synchronizer {name!r}'
                + (f'; did you mean {near[0]!r}?' if near else '.')
                + f' Known: {", ".join(known)}.'
            )
        built = TASK_UTILS.build({**config, **kwargs})
    elif kwargs:
        raise TypeError(
            f'{type(synchronizer).__name__} is built already; '
            f'{sorted(kwargs)} cannot be set.'
        )
    check_fulfilled(built)
    return built


def synchronizer_names() -> list[str]:
    """Names that :func:`build_synchronizer` knows.

    The short names, then the classes registered in ``TASK_UTILS``, yours
    included.

    >>> synchronizer_names()[:4]
    ['fused', 'signals', 'vote', 'correlation']
    """
    registries = [TASK_UTILS, TASK_UTILS.parent]
    classes = {
        name: kind
        for registry in registries
        if registry is not None
        for name, kind in registry.module_dict.items()
    }
    registered = sorted(
        name
        for name, kind in classes.items()
        if all(callable(getattr(kind, part, None)) for part in _METHODS)
    )
    return [*SHORT_NAMES, *registered]


_METHODS = ('evidence', 'decide')


def check_fulfilled(synchronizer: Any) -> None:
    """Refuse an object that is not a :class:`Synchronizer`.

    Raises:
        TypeError: Naming what it lacks.
    """
    parts = ('__call__', *_METHODS, 'needs_streams', 'needs_feats')
    lacking = [part for part in parts if not hasattr(synchronizer, part)]
    if lacking:
        raise TypeError(
            f'{type(synchronizer).__name__} is not a synchronizer: it lacks '
            f'{", ".join(lacking)}. Derive it from '
            'mobind_mm.synchronization.Synchronizer.'
        )
