"""The fused synchroniser: model and signals as one posterior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy.special import log_softmax

from ..recordings import Recording
from ..registry import TASK_UTILS
from .base import ClipEvidence, Feats, Synchronizer, SyncResult
from .breaks import sensor_steps, video_steps
from .correlate import find_rivals, peak_offset
from .evidence import (
    offset_grid,
    part_borders,
    piece_evidence,
    signal_evidence,
)
from .kinds import SIGNAL_NAMES
from .learned import LEARNED_NAMES, learned_evidence
from .signals import RATE
from .trust import doubtful, features, trust

EVIDENCE_NAMES = (*SIGNAL_NAMES, *LEARNED_NAMES)
"""What :attr:`FusedSynchronizer.weights` weighs."""

SENSORS_POWER = 0.92
"""The sum over S sensors is divided by ``S ** SENSORS_POWER``."""

WEIGHTS: Mapping[str, float] = {
    'up_0.3-0.8Hz': 0.092,
    'up_0.8-1.6Hz': 0.396,
    'up_1.6-2.6Hz': 0.509,
    'up_2.6-4Hz': 0.271,
    'up_4-6.5Hz': 0.143,
    'up_6.5-11Hz': 0.087,
    'side_0.3-0.8Hz': 0.282,
    'side_0.8-1.6Hz': 0.364,
    'side_1.6-2.6Hz': 0.242,
    'side_2.6-4Hz': 0.161,
    'side_4-6.5Hz': 0.085,
    'side_6.5-11Hz': 0.087,
    'tilt_0.15-0.8Hz': 0.147,
    'tilt_0.8-2.6Hz': 0.150,
    'turn_0.15-0.8Hz': 0.228,
    'turn_0.8-2.6Hz': 0.080,
    'spin_0.3-1.2Hz': 0.136,
    'spin_1.2-3Hz': 0.057,
    'spin_3-6Hz': 0.065,
    'speed_0.3-1.2Hz': 0.101,
    'speed_1.2-3Hz': 0.080,
    'speed_3-6Hz': 0.078,
    'tokens': 0.03,
}
"""Fitted by ``tools/analysis_tools/fit_synchronizer.py`` to matched recordings
of ``benchmarking.trust`` (simulated people, motion capture, UTD-MHAD; subjects
for fitting). ``tokens``: on motion capture, 0.05 to 0.1 are likeliest (the
same tool with ``--mocap``), but of one sensor of a real walk, the more they
count the fewer offsets are right (0.89 without, 0.78 with 0.05)."""

MIN_MOTION = 0.15
"""Least motion of the most moved sensor in m/s^2. Down to half of it, a sure
offset is believed: slow movements are seen from start to end."""
PART_SEC = 5.0
"""Length of the parts of a clip that must agree on its offset."""
_CLOSE_SEC = 0.1
"""An offset nearer than this to the truth counts as right."""
_MOST_PARTS = 24
"""Parts of a clip, whose evidence must fit in memory."""
_PIECE_HZ = 50.0
"""Offsets a second in :meth:`FusedSynchronizer.pieces`."""
_DOUBTED = 0.49
"""Most confidence in an offset of too little data or movement."""
_FINE_TOKENS = 0.1
"""Factor on the weight of tokens in the last step."""
_FINE_SEC = 0.15
"""How far the last step may move the most probable offset."""
_STEADY = 2.0
"""A jump that gains more than this is likelier than chance."""
_PERIODS = 3
"""So many rivals at whole periods are not chance."""


@TASK_UTILS.register_module()
class FusedSynchronizer(Synchronizer):
    """Fuse model and signal evidence into a calibrated posterior.

    Every kind of evidence is a log likelihood ratio for each offset of a
    10 ms grid: correlation of accelerations by band and direction,
    correlation of orientations (:mod:`.evidence`), similarity of tokens
    (:mod:`.learned`). Their weighted sum is a log posterior; the weights
    were fitted by maximum likelihood (conditional logit), so the posterior
    within 0.1 s of its top is a calibrated confidence. Learned similarity
    finds the rough offset reliably; the signals locate it exactly. The last
    step, within 0.15 s of the top and between the samples of the grid,
    therefore relies on the signals.

    A posterior over offsets knows no "none of these". So the confidence is
    the probability that the top is right and holds from the start of the
    clip to its end and for every sensor but those in doubt, which are
    left out (:mod:`.trust`). Where the motion is
    periodic, it is shared with the other periods, whose evidence per second
    is about the same.

    It abstains if the confidence is below ``min_confidence``, naming the
    reason: ``too short`` if sensor and limb share less than
    ``min_overlap_sec`` of data, ``still`` if nobody moves, ``periodic`` if
    other offsets explain what overlaps as well (they are listed as rivals),
    ``weak`` if there is no such reason. The most probable offset is stated
    nevertheless.

    Args:
        weights: Weight by name of :data:`EVIDENCE_NAMES`; those left out
            keep their default of :data:`WEIGHTS`.
        sensors_power: The sum over S sensors is divided by ``S ** power``:
            sensors of one body do not speak independently.
        min_confidence: Abstain below this confidence.
        min_overlap_sec: Least overlap of data at the best offset.
        token_sec: Seconds that a token of the model stands for.
        use_feats: Whether to use the model; without it, signals only.

    Raises:
        ValueError: If a weight has an unknown name or is negative.

    >>> from mobind_mm.synchronization.conformance import simulate_recording
    >>> recording = simulate_recording(seed=0, seconds=12.0, offset=0.5)
    >>> sync = FusedSynchronizer(use_feats=False)
    >>> result = sync(recording, None, max_offset=2.0)
    >>> round(result.offset, 2), result.confidence > 0.9, result.reason
    (0.5, True, '')
    """

    needs_streams = True

    def __init__(
        self,
        weights: Mapping[str, float] | None = None,
        sensors_power: float = SENSORS_POWER,
        min_confidence: float = 0.65,
        min_overlap_sec: float = 1.5,
        token_sec: float = 0.2,
        use_feats: bool = True,
    ) -> None:
        weights = dict(weights or {})
        if unknown := sorted(set(weights) - set(EVIDENCE_NAMES)):
            raise ValueError(
                f'Unknown weights {unknown}; choose from {EVIDENCE_NAMES}.'
            )
        self.weights = {**WEIGHTS, **weights}
        if min(self.weights.values()) < 0:
            raise ValueError(f'Weights must be >= 0, got {weights}.')
        self.sensors_power = sensors_power
        self.min_confidence = min_confidence
        self.min_overlap_sec = min_overlap_sec
        self.token_sec = token_sec
        self.part_sec: float | None = PART_SEC  # None: no parts, quicker
        self.grid_hz = RATE  # less is quicker, and coarser
        self.needs_feats = use_feats

    def evidence(
        self, streams: Recording | None, feats: Feats | None, max_offset: float
    ) -> ClipEvidence:
        """Log likelihood ratios of one clip; signals only without feats."""
        offsets = offset_grid(max_offset, self.grid_hz)
        if streams is None or streams.pose is None:
            return self.combine(offsets, {})
        span = streams.pose.clock.span
        part_sec = self.part_sec
        if part_sec is not None:
            part_sec = max(part_sec, (span[1] - span[0]) / _MOST_PARTS)
        signals = signal_evidence(streams, max_offset, part_sec, self.grid_hz)
        borders = part_borders(span, part_sec or PART_SEC)
        middles = 0.5 * (borders[:-1] + borders[1:])
        num = len(SIGNAL_NAMES)
        weights = np.array([self.weights[name] for name in SIGNAL_NAMES])
        learned = {}
        if feats is not None and self.needs_feats:
            learned = learned_evidence(
                feats, feats['placements'], self.token_sec, offsets
            )
        alone = {}
        if part_sec is not None:
            steps = sensor_steps(streams.imu)
            frames = video_steps(streams.pose)
        for name, sensor in signals.items():
            rows = np.zeros((len(EVIDENCE_NAMES), len(offsets)))
            rows[:num], rows[num:] = sensor.signals, learned.get(name, 0.0)
            clip = self.weigh(offsets, rows, sensor.overlap, 1, sensor.motion)
            alone[name] = clip
            if part_sec is None:
                continue
            alone[name] = replace(
                clip,
                part_times=middles,
                parts=np.tensordot(weights, sensor.parts, (0, 1)),
                part_overlap=sensor.part_overlap,
                control=weights @ sensor.control,
                sensor_steps=steps[name],
                video_steps=frames,
            )
        return self.combine(offsets, alone)

    def pieces(
        self, streams: Recording, max_offset: float, piece_sec: float
    ) -> list[ClipEvidence]:
        """Evidence of one piece of a recording after the other.

        From signals alone, without parts; streams are filtered once.

        Args:
            streams: As in :meth:`evidence`.
            max_offset: As there.
            piece_sec: About the length of a piece.
        """
        assert streams.pose is not None
        offsets, num = offset_grid(max_offset, _PIECE_HZ), len(SIGNAL_NAMES)
        sensors = piece_evidence(streams, max_offset, piece_sec, _PIECE_HZ)
        clips = []
        borders = part_borders(streams.pose.clock.span, piece_sec)
        for k in range(len(borders) - 1):
            alone = {}
            for name, sensor in sensors.items():
                rows = np.zeros((len(EVIDENCE_NAMES), len(offsets)))
                rows[:num] = sensor.parts[k]
                seen = sensor.part_overlap[k]
                alone[name] = self.weigh(offsets, rows, seen, 1, sensor.motion)
            clips.append(self.combine(offsets, alone))
        return clips

    def combine(
        self, offsets: np.ndarray, alone: Mapping[str, ClipEvidence]
    ) -> ClipEvidence:
        """Evidence of sensors that share a clock.

        Args:
            offsets: (G,) seconds.
            alone: Evidence of each sensor.
        """
        clips = list(alone.values())
        count = len(clips)
        if not count:
            rows = np.zeros((len(EVIDENCE_NAMES), len(offsets)))
            return self.weigh(offsets, rows, rows[0], 0, 0.0)
        share = count**self.sensors_power

        def total(name: str) -> np.ndarray:
            return np.sum([getattr(clip, name) for clip in clips], axis=0)

        motion = max(clip.motion for clip in clips)
        whole = self.weigh(
            offsets, total('rows'), total('overlap') / count, count, motion
        )
        if clips[0].parts is None:
            return replace(whole, alone=dict(alone))
        return replace(
            whole,
            part_times=clips[0].part_times,
            parts=total('parts') / share,
            part_overlap=total('part_overlap') / count,
            control=total('control') / share,
            alone=dict(alone),
            sensor_steps=total('sensor_steps') / count,
            video_steps=clips[0].video_steps,
        )

    def weigh(
        self,
        offsets: np.ndarray,
        rows: np.ndarray,
        overlap: np.ndarray,
        num_sensors: int,
        motion: float,
    ) -> ClipEvidence:
        """Evidence of one person from its rows.

        Args:
            offsets: (G,) seconds.
            rows: (len(EVIDENCE_NAMES), G) log likelihood ratios, summed over
                the sensors.
            overlap: (G,) seconds in which a sensor and its limb have data.
            num_sensors: Sensors with a limb in view.
            motion: Largest standard deviation of a sensor's acceleration in
                m/s^2.
        """
        return ClipEvidence(
            offsets=offsets,
            score=self._total(rows, num_sensors),
            overlap=overlap,
            usable=num_sensors > 0 and motion >= MIN_MOTION,
            fine=self._total(rows, num_sensors, _FINE_TOKENS),
            rows=rows,
            num_sensors=num_sensors,
            motion=motion,
        )

    def decide(self, clips: Sequence[ClipEvidence]) -> SyncResult:
        """One offset for all clips, whose posteriors multiply."""
        used = [clip for clip in clips if clip.num_sensors]
        if not used:
            return SyncResult(0.0, abstained=True, reason='too short')
        offsets = used[0].offsets
        used, total, doubted = self.without_doubtful(used)
        motion = max(clip.motion for clip in used)
        still, standing = motion < MIN_MOTION, motion < 0.5 * MIN_MOTION
        if not np.ptp(total):
            reason = 'still' if still else 'weak'
            return SyncResult(0.0, abstained=True, reason=reason)
        # Every person whose sensors overlap counts.
        overlap = np.max([clip.overlap for clip in used], axis=0)
        log_posterior = log_softmax(total)
        best = int(np.argmax(log_posterior))
        rivals = find_rivals(offsets, total, overlap, best)
        judged = all(clip.parts is not None for clip in used)
        regular = _regular(offsets[best], rivals)
        steady = True
        if judged:
            signals = np.sum([self._of(clip, 0.0) for clip in used], axis=0)
            learned = float(total[best] - signals[best])
            weights = self.row_weights()
            numbers = features(used, total, best, weights, learned, doubted)
            confidence, steady = trust(numbers), numbers['jump'] < _STEADY
            if regular and len(rivals) >= _PERIODS:
                # A longer overlap does not tell periods apart.
                confidence *= 1 - sum(share for _, share in rivals)
        else:
            near = np.abs(offsets - offsets[best]) < _CLOSE_SEC - 1e-9
            mass = float(np.exp(log_posterior[near]).sum())
            confidence = mass / (1 + len(rivals))
        low = confidence < self.min_confidence
        reason = ''
        if overlap[best] < self.min_overlap_sec:
            no_room = overlap.max() < self.min_overlap_sec
            reason = 'still' if still and not no_room else 'too short'
        elif standing or (still and (low or not judged)):
            reason = 'still'
        elif low:
            # Rivals of what fits nowhere for long are chance.
            reason = 'periodic' if regular and steady else 'weak'
        if reason in ('too short', 'still'):
            confidence = min(confidence, _DOUBTED)
        return SyncResult(
            offset=self._refine(used, offsets, best),
            confidence=float(min(confidence, 1.0)),
            abstained=bool(reason),
            reason=reason,
            rivals=rivals if reason in ('', 'periodic') else [],
            offsets=offsets,
            log_posterior=log_posterior,
            evidence=float(total[best]),
        )

    def without_doubtful(
        self, clips: Sequence[ClipEvidence]
    ) -> tuple[list[ClipEvidence], np.ndarray, float]:
        """Clips without the sensors of :func:`.trust.doubtful`.

        Returns:
            The clips, their evidence (G,) together, and the share of the
            sensors that is left out.
        """
        total = np.sum([self._of(clip) for clip in clips], axis=0)
        names = doubtful(clips, int(np.argmax(total)))
        if not names:
            return [*clips], total, 0.0
        everyone = {name for clip in clips for name in clip.alone}
        kept = [
            {k: v for k, v in clip.alone.items() if k not in names}
            for clip in clips
        ]
        left = [
            self.combine(clip.offsets, alone)
            for clip, alone in zip(clips, kept)
            if alone
        ]
        total = np.sum([self._of(clip) for clip in left], axis=0)
        return left, total, len(names) / len(everyone)

    def _of(self, clip: ClipEvidence, tokens: float = 1.0) -> np.ndarray:
        """Weighted evidence (G,) of the rows, which a shift has moved."""
        assert clip.rows is not None
        return self._total(clip.rows, clip.num_sensors, tokens)

    def _total(
        self, rows: np.ndarray, num_sensors: int, tokens: float = 1.0
    ) -> np.ndarray:
        """Weighted rows (G,); a factor says how much tokens count."""
        weights = self.row_weights()
        weights[len(SIGNAL_NAMES) :] *= tokens
        return weights @ rows / max(num_sensors, 1) ** self.sensors_power

    def row_weights(self) -> np.ndarray:
        """What the rows (R,) count."""
        return np.array([self.weights[name] for name in EVIDENCE_NAMES])

    def _refine(
        self, clips: Sequence[ClipEvidence], offsets: np.ndarray, best: int
    ) -> float:
        """Offset near the top of the posterior where the signals agree."""
        reach = max(round(_FINE_SEC / (offsets[1] - offsets[0])), 1)
        part = slice(max(best - reach, 0), best + reach + 1)
        score = np.sum(
            [self._of(clip, _FINE_TOKENS) for clip in clips], axis=0
        )
        return peak_offset(offsets[part], score[part])


def _regular(offset: float, rivals: list[tuple[float, float]]) -> bool:
    """Whether most rivals are whole periods away from an offset."""
    if not rivals:
        return False
    distance = np.sort([abs(rival - offset) for rival, _ in rivals])
    periods = distance / distance[0]
    if len(periods) > 2:
        periods = periods[1:]  # the nearest is a whole period anyway
    return bool(np.mean(np.abs(periods - np.round(periods)) < 0.12) >= 0.6)
