"""How well the signals of many sensors fit those of many limbs, in step.

The evidence is that of :mod:`.evidence` at offset 0. Of windows that are in
step, correlations are products of matrices: all pairs of some hundred windows
take a second, where :func:`.evidence.signal_evidence` would take minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..recordings import PoseStream, SensorStream
from ..skeleton import get_limb, keypoint_indices
from .correlate import bandpass, without_edges
from .fused import SENSORS_POWER
from .kinds import KINDS, imu_rows, limb_noise, limb_rows, signal_name
from .pairs import AGREE, RIDGE, whitened
from .signals import RATE, imu_motion, limb_motion, make_grid

MATCHING_WEIGHTS: Mapping[str, float] = {
    'up_0.3-0.8Hz': 0.205,
    'up_0.8-1.6Hz': 0.369,
    'up_1.6-2.6Hz': 0.123,
    'up_2.6-4Hz': 0.038,
    'up_4-6.5Hz': 0.021,
    'up_6.5-11Hz': 0.012,
    'side_0.3-0.8Hz': 0.161,
    'side_0.8-1.6Hz': 0.126,
    'side_1.6-2.6Hz': 0.16,
    'side_2.6-4Hz': 0.035,
    'side_4-6.5Hz': 0.021,
    'side_6.5-11Hz': 0.013,
    'tilt_0.15-0.8Hz': 0.340,
    'tilt_0.8-2.6Hz': 0.115,
    'turn_0.15-0.8Hz': 0.319,
    'turn_0.8-2.6Hz': 0.143,
    'spin_0.3-1.2Hz': 0.113,
    'spin_1.2-3Hz': 0.095,
    'spin_3-6Hz': 0.033,
    'speed_0.3-1.2Hz': 0.12,
    'speed_1.2-3Hz': 0.078,
    'speed_3-6Hz': 0.04,
}
"""What the signals count when offsets are known. To tell whose sensors these
are, or which limb has them, orientation is worth more than to find an offset:
with the weights of the synchroniser, R@1 of UTD-MHAD by signals alone falls
from 0.20 to 0.17."""
_HEADINGS = 16

_LAG = 2  # samples between offsets that are tried
_EVERY = 2  # of the grid's samples: all bands end below a fourth of its rate


@dataclass
class Signals:
    """What M windows of one sensor, or of one limb, show in each band.

    Args:
        masks: (M, T) 1 where there is data.
        rates: (M,) samples per second of the streams.
        bands: (M, C, T) by name of
            :data:`~mobind_mm.synchronization.kinds.SIGNAL_NAMES`, 0 where
            there is no data.
        noise: (M,) variance of a limb's channel, by name.
    """

    masks: np.ndarray
    rates: np.ndarray
    bands: dict[str, np.ndarray] = field(default_factory=dict)
    noise: dict[str, np.ndarray] = field(default_factory=dict)

    def __getitem__(self, rows: slice | np.ndarray) -> Signals:
        """Some of the windows."""
        return Signals(
            self.masks[rows],
            self.rates[rows],
            {name: x[rows] for name, x in self.bands.items()},
            {name: x[rows] for name, x in self.noise.items()},
        )


def sensor_signals(
    streams: Sequence[SensorStream | None], seconds: float
) -> Signals:
    """Signals of each window's sensor, whose clock begins with the window."""
    grid = make_grid(seconds)
    motions = [None if s is None else imu_motion(s, grid) for s in streams]
    rates = [0.0 if s is None else s.clock.mean_rate for s in streams]
    out = _empty(motions, rates, len(grid))
    whole = _stacked(motions, imu_rows, 16, len(grid))
    _filter(out, {name: whole[:, kind.imu] for name, kind in KINDS.items()})
    for name, x in out.bands.items():
        if x.shape[1] > 1 and not name.startswith('side'):
            out.bands[name] = whitened(x)
    return out


def limb_signals(
    streams: Sequence[PoseStream | None], placement: str, seconds: float
) -> Signals:
    """Signals of a limb of each window's skeleton, likewise."""
    grid = make_grid(seconds)
    motions = [
        limb_motion(s, placement, grid)
        if s is not None and _has_limb(s.layout, placement)
        else None
        for s in streams
    ]
    rates = [0.0 if s is None else s.clock.mean_rate for s in streams]
    out = _empty(motions, rates, len(grid))
    whole = _stacked(motions, limb_rows, 6, len(grid))
    of_bone = any(m is not None and m.length for m in motions)
    channels = {
        name: whole[:, [kind.limb]]
        for name, kind in KINDS.items()
        if of_bone or not kind.of_bone
    }
    _filter(out, channels)
    out.noise.update({name: np.zeros(len(motions)) for name in out.bands})
    for row, motion in enumerate(motions):
        if motion is None:
            continue
        noise = limb_noise(motion, rates[row])
        for kind in channels:
            for band, variance in zip(KINDS[kind].bands, noise[kind]):
                out.noise[signal_name(kind, band)][row] = variance
    return out


def _has_limb(layout: str, placement: str) -> bool:
    """Whether a skeleton layout has the keypoints of a limb."""
    try:
        keypoint_indices(layout, get_limb(placement).seen_by(layout).keypoints)
    except ValueError:
        return False
    return True


def pair_ratios(sensors: Signals, limbs: Signals) -> np.ndarray:
    """Log likelihood ratios (A, B) that a sensor is on a limb.

    Of A windows of the sensor and B of the limb, of the same length.
    """
    seen = sensors.masks @ limbs.masks.T * (_EVERY / RATE)
    lower = np.minimum(sensors.rates[:, None], limbs.rates)
    pair = _Pairs(sensors, limbs, seen)
    total = np.zeros_like(seen)
    side = []
    for kind, how in KINDS.items():
        for band in how.bands:
            name = signal_name(kind, band)
            if name not in sensors.bands or name not in limbs.bands:
                continue
            weight = MATCHING_WEIGHTS[name] * how.shows(band, lower)
            ratio = pair.ratios(name, kind, band[1] - band[0])
            if kind == 'side':
                side.append((weight, ratio * (weight > 0)))
            else:
                total += weight * ratio
    if side:  # one heading for all bands
        best = np.argmax(sum(ratio for _, ratio in side), axis=0)[None]
        for weight, ratio in side:
            total += weight * np.take_along_axis(ratio, best, 0)[0]
    return total


def signal_ratios(
    sensors: Sequence[Mapping[str, SensorStream]],
    poses: Sequence[PoseStream | None],
    seconds: float,
    max_offset: float = 0.0,
) -> np.ndarray:
    """Log likelihood ratios (A, B) that somebody wears some sensors.

    Of A windows the sensors by placement, of B windows the skeleton; clocks
    count from the start of the windows. These may be out of step by
    ``max_offset`` seconds; of all offsets, the one with the most evidence
    counts.
    """
    lags = range(0, round(max_offset * RATE / _EVERY) + 1, _LAG)
    lags_both = [*(-lag for lag in lags if lag), *lags]
    shape = len(lags_both), len(sensors), len(poses)
    total, count = np.zeros(shape), np.zeros(shape[1:])
    for name in dict.fromkeys(name for worn in sensors for name in worn):
        a = sensor_signals([worn.get(name) for worn in sensors], seconds)
        b = limb_signals(poses, name, seconds)
        for number, lag in enumerate(lags_both):
            total[number] += pair_ratios(a, _moved(b, lag))
        count += np.logical_and.outer(a.masks.any(axis=1), b.masks.any(axis=1))
    return total.max(axis=0) / np.maximum(count, 1) ** SENSORS_POWER


def _moved(signals: Signals, by: int) -> Signals:
    """Signals that show everything some samples later."""
    if not by:
        return signals
    size = signals.masks.shape[-1]

    def move(x: np.ndarray) -> np.ndarray:
        out = np.zeros_like(x)
        if by > 0:
            out[..., by:] = x[..., : size - by]
        else:
            out[..., :by] = x[..., -by:]
        return out

    bands = {name: move(x) for name, x in signals.bands.items()}
    return replace(signals, masks=move(signals.masks), bands=bands)


class _Pairs:
    """Correlations of all pairs, see :class:`.pairs.Pair`."""

    def __init__(
        self, sensors: Signals, limbs: Signals, seen: np.ndarray
    ) -> None:
        self.sensors, self.limbs, self.seen = sensors, limbs, seen
        of_limb = limbs.masks.sum(axis=1)
        self.frames = np.maximum(of_limb, 1)
        of_sensor = np.maximum(sensors.masks.sum(axis=1), 1)
        self.share = of_limb / of_sensor[:, None]

    def ratios(self, name: str, kind: str, width: float) -> np.ndarray:
        """Log likelihood ratios (A, B); of all headings for ``side``."""
        x, y = self.sensors.bands[name], self.limbs.bands[name][:, 0]
        whole = (y * y).sum(axis=1)
        pose = np.maximum(self.sensors.masks @ (y * y).T, 0) + RIDGE * whole
        if kind == 'side':
            r = self._headings(x, y, pose)
        else:
            square = np.zeros_like(self.seen)
            for channel in range(x.shape[1]):
                part = x[:, channel]
                norm = self._energy(part * part) * pose
                cross = part @ y.T
                if x.shape[1] == 1:
                    cross = np.maximum(cross, 0)
                square += cross**2 / np.maximum(norm, 1e-12)
            r = np.sqrt(square)
        energy = np.maximum(whole / self.frames, 1e-12)
        agree = np.clip(1 - self.limbs.noise[name] / energy, 0, 1) * AGREE**2
        r = np.clip(r, 0, 0.98)
        return -width * self.seen * np.log1p(-r * r) * agree

    def _energy(self, square: np.ndarray, ridge: float = RIDGE) -> np.ndarray:
        """Energy (A, B) of a sensor's channel where the limb is seen."""
        energy = square @ self.limbs.masks.T
        if not ridge:
            return energy
        whole = square.sum(axis=1)[:, None]
        return np.maximum(energy, 0) + ridge * whole * self.share

    def _headings(
        self, x: np.ndarray, y: np.ndarray, pose: np.ndarray
    ) -> np.ndarray:
        east, north = x[:, 0], x[:, 1]
        cross = east @ y.T, north @ y.T
        energy = self._energy(east**2), self._energy(north**2)
        mixed = self._energy(east * north, ridge=0.0)
        angles = np.arange(_HEADINGS) * 2 * np.pi / _HEADINGS
        out = np.zeros((_HEADINGS, *self.seen.shape), np.float32)
        for i, (c, s) in enumerate(zip(np.cos(angles), np.sin(angles))):
            norm = c * c * energy[0] + 2 * c * s * mixed + s * s * energy[1]
            norm = np.sqrt(np.maximum(norm * pose, 1e-12))
            out[i] = (c * cross[0] + s * cross[1]) / norm
        return out


def _empty(motions: Sequence, rates: list[float], size: int) -> Signals:
    masks = np.zeros((len(motions), len(range(0, size, _EVERY))), np.float32)
    for i, motion in enumerate(motions):
        if motion is not None:
            masks[i] = without_edges(motion.mask)[::_EVERY]
    return Signals(masks, np.array(rates))


def _stacked(
    motions: Sequence, rows: Callable, channels: int, size: int
) -> np.ndarray:
    """Rows (M, C, T) of all motions, 0 where there is none."""
    out = np.zeros((len(motions), channels, size))
    for row, motion in enumerate(motions):
        if motion is not None:
            out[row] = rows(motion)
    return out


def _filter(out: Signals, channels: Mapping[str, np.ndarray]) -> None:
    """Set the bands of channels (M, C, T) of each kind."""
    for kind, x in channels.items():
        for band in KINDS[kind].bands:
            y = bandpass(x, *band, KINDS[kind].slow)[..., ::_EVERY]
            y = (y * out.masks[:, None]).astype(np.float32)
            out.bands[signal_name(kind, band)] = y
