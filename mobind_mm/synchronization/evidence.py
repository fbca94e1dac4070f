"""Evidence from the signals: how well each offset explains a clip.

For every band of frequencies, the part of a limb's motion that a sensor
measures is compared with what the video shows of it. If the two agree up to
an unknown gain and Gaussian noise, n independent samples with correlation r
support an offset with the log likelihood ratio ``-n/2 log(1 - r^2)``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from ..recordings import Recording
from .correlate import bandpass, filter_bank, without_edges
from .kinds import (
    ACC_BANDS,
    KINDS,
    SIGNAL_NAMES,
    imu_rows,
    limb_noise,
    limb_rows,
)
from .pairs import Pair, logs
from .signals import (
    RATE,
    IMUMotion,
    LimbMotion,
    imu_motion,
    limb_motion,
    make_grid,
)


@dataclass(frozen=True)
class SensorEvidence:
    """Evidence of one sensor and its limb about the offset of a clip.

    Args:
        signals: (len(SIGNAL_NAMES), G) log likelihood ratios by offset.
        overlap: (G,) seconds in which both streams have data.
        motion: Standard deviation of the sensor's acceleration in m/s^2.
        parts: (K, len(SIGNAL_NAMES), G) the same of parts of the clip.
        control: (len(SIGNAL_NAMES), G) the same of the limb's motion
            backwards in time: what agrees by chance; 0 without parts.
        part_overlap: (K, G) seconds in which a part overlaps the sensor.
    """

    signals: np.ndarray
    overlap: np.ndarray
    motion: float
    parts: np.ndarray
    control: np.ndarray
    part_overlap: np.ndarray


def offset_grid(max_offset: float, rate: float = RATE) -> np.ndarray:
    """Offsets (G,) in seconds at which evidence is given, so many a second."""
    max_lag = round(max_offset * rate)
    return np.arange(-max_lag, max_lag + 1) / rate


def clip_seconds(streams: Recording) -> float:
    """Length of a clip in seconds: to the end of its longest stream."""
    clocks = [stream.clock for stream in streams.imu.values()]
    if streams.pose is not None:
        clocks.append(streams.pose.clock)
    ends = [clock.span[1] for clock in clocks if clock.num_samples]
    return max(ends, default=0.0)


def limb_pairs(
    streams: Recording, turning: bool = True
) -> dict[str, tuple[IMUMotion, LimbMotion]]:
    """Motions of the sensors and limbs that can be compared, by placement.

    ``turning`` tells whether orientations and angular rates are wanted, too.
    """
    if streams.pose is None:
        return {}
    grid = make_grid(clip_seconds(streams))
    pairs = {}
    motions = {
        id(stream): imu_motion(stream, grid, turning)
        for stream in {id(s): s for s in streams.imu.values()}.values()
    }  # one sensor may stand for several limbs
    for placement, stream in streams.imu.items():
        imu = motions[id(stream)]
        limb = limb_motion(streams.pose, placement, grid)
        if imu is not None and limb is not None:
            pairs[placement] = imu, limb
    return pairs


def signal_evidence(
    streams: Recording,
    max_offset: float,
    part_sec: float | None = None,
    rate: float = RATE,
) -> dict[str, SensorEvidence]:
    """Compare every sensor with its limb.

    Args:
        streams: A clip's raw streams; each clock starts with its window.
        max_offset: Largest offset in seconds.
        part_sec: Length of the parts that are compared, too; none if None.
        rate: Offsets per second; 100 divided by a whole number.

    Returns:
        Evidence by placement, of the sensors that can be compared.
    """
    evidence = {}
    for placement, (imu, limb) in limb_pairs(streams).items():
        assert streams.pose is not None  # or there are no pairs
        pose_rate = streams.pose.clock.mean_rate
        rates = pose_rate, streams.imu[placement].clock.mean_rate
        evidence[placement] = _compare(
            imu,
            limb,
            rates,
            round(max_offset * rate),
            part_sec,
            streams.pose.clock.span,
            round(RATE / rate),
        )
    return evidence


@dataclass(frozen=True)
class _Bands:
    """B bands: channels (B, C, T) of a sensor, and (B, T) of its limb.

    ``rows`` (B,) are those of :data:`SIGNAL_NAMES`, ``width`` (B,) is in Hz,
    ``noise`` (B,) the variance of the limb's.
    """

    rows: np.ndarray
    width: np.ndarray
    xs: np.ndarray
    y: np.ndarray
    noise: np.ndarray


def _kinds(
    imu: IMUMotion,
    limb: LimbMotion,
    rates: tuple[float, float],
    step: int = 1,
    turning: bool = True,
) -> list[_Bands]:
    """All that is compared, by the number of the sensor's channels.

    Rates are those of pose and IMU in Hz.
    """
    noise = limb_noise(limb, rates[0])
    sensor, seen = imu_rows(imu), limb_rows(limb)
    kinds = []
    for names in _TOGETHER[: None if turning else 1]:
        bands = KINDS[names[0]].shown(min(rates))
        if KINDS[names[0]].of_bone and not limb.length:
            continue
        if not bands or ('spin' in names and not imu.gyro.any()):
            continue
        rows = [sensor[KINDS[name].imu] for name in names]
        rows += [seen[[KINDS[name].limb]] for name in names]
        together = np.vstack(rows).astype(np.float32)
        filtered = filter_bank(together, bands, KINDS[names[0]].slow, step)
        width = np.array([high - low for low, high in bands], np.float32)
        ends = np.cumsum([len(each) for each in rows])
        for i, name in enumerate(names):
            kinds.append(
                _Bands(
                    _FIRST[name] + np.arange(len(bands)),
                    width,
                    filtered[:, ends[i] - len(rows[i]) : ends[i]],
                    filtered[:, ends[len(names) + i] - 1],
                    noise[name][: len(bands)].astype(np.float32),
                )
            )
    return [
        _Bands(
            *(
                np.concatenate([getattr(kind, field.name) for kind in alike])
                for field in fields(_Bands)
            )
        )
        for count in {kind.xs.shape[1] for kind in kinds}
        if (alike := [k for k in kinds if k.xs.shape[1] == count])
    ]


def _compare(
    imu: IMUMotion,
    limb: LimbMotion,
    rates: tuple[float, float],
    max_lag: int,
    part_sec: float | None = None,
    span: tuple[float, float] = (0.0, 0.0),
    step: int = 1,
) -> SensorEvidence:
    """Evidence of one sensor; rates are those of pose and IMU in Hz."""
    kinds = _kinds(imu, limb, rates, step)
    masks = [
        without_edges(mask)[::step].astype(np.float32)
        for mask in (imu.mask, limb.mask)
    ]
    rate = RATE / step
    ys = [kind.y[:, None] for kind in kinds]
    seen, motion = masks[1][None], _motion(imu)
    if part_sec is None:
        pair = Pair(masks[0], seen, max_lag, rate)
        (signals,) = _ratios(pair, kinds, ys, heading=True)
        none = np.zeros((0, *signals.shape), np.float32)
        return SensorEvidence(
            signals, pair.seen[0], motion, none, 0 * signals, none[:, 0]
        )
    # Backwards in time, streams agree by chance only.
    both = np.concatenate([seen, seen[:, ::-1]])
    pair = Pair(masks[0], both, max_lag, rate)
    twice = [np.concatenate([y, y[..., ::-1]], axis=1) for y in ys]
    signals, control = _ratios(pair, kinds, twice, heading=True)
    inside = part_masks(len(limb.mask), span, part_sec)[:, ::step]
    few = Pair(masks[0], seen * inside, max_lag, rate)
    return SensorEvidence(
        signals,
        pair.seen[0],
        motion,
        _ratios(few, kinds, ys, heading=False),
        control,
        few.seen,
    )


def piece_evidence(
    streams: Recording, max_offset: float, piece_sec: float, rate: float = RATE
) -> dict[str, SensorEvidence]:
    """Compare every sensor with its limb, in one piece after the other.

    The streams are filtered once for all pieces, and only accelerations are
    compared, which locate an offset best: this takes a fraction of the time
    of :func:`signal_evidence` of each.

    Args:
        streams: A clip's raw streams; each clock starts with its window.
        max_offset: Largest offset in seconds.
        piece_sec: Length of a piece.
        rate: Offsets per second; 100 divided by a whole number.

    Returns:
        ``parts`` and ``part_overlap`` by placement; the rest is 0.
    """
    evidence, step = {}, round(RATE / rate)
    for placement, (imu, limb) in limb_pairs(streams, turning=False).items():
        assert streams.pose is not None  # or there are no pairs
        clock = streams.pose.clock
        rates = clock.mean_rate, streams.imu[placement].clock.mean_rate
        kinds = _kinds(imu, limb, rates, step, turning=False)
        inside = part_masks(len(limb.mask), clock.span, piece_sec)
        masks = (without_edges(limb.mask) * inside)[:, ::step]
        seen = without_edges(imu.mask)[::step].astype(np.float32)
        pair = Pair(seen, masks, round(max_offset * rate), rate)
        ys = [kind.y[:, None] for kind in kinds]
        parts = _ratios(pair, kinds, ys, heading=True)
        none = np.zeros_like(parts[0])
        evidence[placement] = SensorEvidence(
            none, none[0], _motion(imu), parts, none, pair.seen
        )
    return evidence


def part_borders(span: tuple[float, float], part_sec: float) -> np.ndarray:
    """Borders (K + 1,) in seconds of the parts of a clip's video."""
    count = max(round((span[1] - span[0]) / part_sec), 1)
    return np.linspace(span[0], span[1], count + 1)


def part_masks(
    size: int, span: tuple[float, float], part_sec: float
) -> np.ndarray:
    """Parts (K, T) of a clip's video: 1 inside, else 0."""
    borders = np.round(part_borders(span, part_sec) * RATE)
    borders[-1] += 1
    at = np.arange(size)
    inside = (at >= borders[:-1, None]) & (at < borders[1:, None])
    return inside.astype(np.float32)


def _ratios(
    pair: Pair, kinds: list[_Bands], ys: list[np.ndarray], heading: bool
) -> np.ndarray:
    """Log likelihood ratios (K, len(SIGNAL_NAMES), G) of pieces.

    ``ys`` are channels (B, K or 1, T) of the limb, of each kind. With
    ``heading`` it is the same in all bands; parts of a clip, of which a wrong
    offset may have chosen it, look for their own.
    """
    count = len(pair.first)
    rows = np.zeros((count, len(SIGNAL_NAMES), pair.seen.shape[1]), np.float32)
    for kind, y in zip(kinds, ys):
        piece = pair.pieces(y) * pair.masks
        scale = pair.scale(piece, kind.noise, kind.width)
        channels = kind.xs.shape[1]
        if channels == 1:
            r = np.maximum(pair.correlation(kind.xs, piece), 0)
            ratios = logs(r * r) * scale
        elif channels == 2 and heading:
            ratios = pair.best_heading(kind.xs, piece, scale)
        else:
            ratios = logs(pair.best_mixture(kind.xs, piece)) * scale
        rows[:, kind.rows] = np.moveaxis(ratios, 1, 0)
    return rows


_FIRST = {
    name.split('_')[0]: i for i, name in reversed([*enumerate(SIGNAL_NAMES)])
}
"""First row of each kind."""
_TOGETHER = ('up', 'side'), ('tilt', 'turn'), ('spin', 'speed')
"""Kinds of the same bands, which are filtered together; accelerations are the
first."""


def _motion(imu: IMUMotion) -> float:
    """Standard deviation of a sensor's acceleration in m/s^2."""
    band = bandpass(imu.acc, ACC_BANDS[0][0], ACC_BANDS[-1][1])[
        :, imu.mask > 0
    ]
    return float(np.sqrt((band**2).sum(axis=0).mean())) if band.size else 0.0
