"""Resample every IMU to the model's rate."""

from __future__ import annotations

import numpy as np

from ...registry import TRANSFORMS
from ...utils.arguments import check_prob, check_rate
from .base import BaseTransform
from .resampling import (
    normalize,
    resample_window,
    sign_continuous,
    support_sec,
)


@TRANSFORMS.register_module()
class ResampleIMU(BaseTransform):
    """Resample every IMU to the times ``k / rate`` of its window.

    Faster streams are low-pass filtered below the new Nyquist frequency, see
    :mod:`.resampling`. A quaternion is made sign-continuous, resampled as a
    vector and normalised (the chordal mean on the sphere; equal to Slerp at
    constant angular rate). An irregular stream is first interpolated onto a
    regular grid at its median rate, its quaternion with Slerp.

    Args:
        rate: New rate in Hz.
        max_gap_sec: A time farther than this from every source sample is in
            a gap; never less than 1.5 source intervals.
        max_missing: Fraction of the window that may lie in gaps; a sensor
            with more is masked.

    Example:
        >>> import numpy as np
        >>> from mobind_mm.datasets.transforms import ResampleIMU
        >>> clock = dict(
        ...     times=np.arange(200) / 100, rate=100.0, regular=True
        ... )
        >>> results = dict(
        ...     imu={'head': {'acc': np.ones((200, 3), np.float32)}},
        ...     imu_meta={'head': clock},
        ...     window_sec=2.0,
        ...     margin_sec=0.5,
        ... )
        >>> results = ResampleIMU(rate=25)(results)
        >>> results['imu']['head']['acc'].shape, results['imu_mask']
        ((50, 3), {'head': True})
    """

    needs = ('imu',)

    def __init__(
        self, rate: float, max_gap_sec: float = 0.1, max_missing: float = 0.25
    ) -> None:
        self.rate = check_rate('rate', rate)
        self.max_gap_sec = check_rate('max_gap_sec', max_gap_sec)
        self.max_missing = check_prob('max_missing', max_missing)

    def transform(self, results: dict) -> dict:
        """Resample ``imu``; set ``imu_mask`` {placement: bool}, ``imu_rate``.

        Every channel becomes (T_imu, c) with T_imu = window_sec * rate.
        """
        num_out = round(results['window_sec'] * self.rate)
        times_out = np.arange(num_out) / self.rate
        results['imu_rate'] = self.rate
        results['imu_mask'] = {}
        for group in _same_clock(results['imu'], results['imu_meta']):
            meta = results['imu_meta'][group[0]]
            streams = [results['imu'][placement] for placement in group]
            coverage = np.mean(self.near(meta, times_out))
            seen = len(meta['times']) and coverage >= 1 - self.max_missing
            if seen:
                check_margin(self, meta['rate'], self.rate, results)
                streams = self._resample(streams, meta, times_out)
            else:
                streams = [
                    {
                        name: np.zeros((num_out, x.shape[1]), np.float32)
                        for name, x in stream.items()
                    }
                    for stream in streams
                ]
            results['imu'].update(zip(group, streams))
            results['imu_mask'].update(dict.fromkeys(group, bool(seen)))
        return results

    def near(self, meta: dict, times_out: np.ndarray) -> np.ndarray:
        """Which times (T_out,) are near a source sample."""
        times = meta['times']
        if not len(times):
            return np.zeros(len(times_out), dtype=bool)
        after = np.searchsorted(times, times_out)
        before = np.maximum(after - 1, 0)
        after = np.minimum(after, len(times) - 1)
        distance = np.minimum(
            np.abs(times_out - times[before]), np.abs(times[after] - times_out)
        )
        return distance <= max(self.max_gap_sec, 1.5 / meta['rate'])

    def _resample(
        self, streams: list[dict], meta: dict, times_out: np.ndarray
    ) -> list[dict]:
        """Resample streams of one clock and the same channels together."""
        # In one matrix, because all share the weights; quaternions last.
        names = sorted(streams[0], key=lambda name: (name == 'quat', name))
        blocks = {
            name: np.stack([stream[name] for stream in streams], axis=1)
            for name in names
        }
        if 'quat' in blocks:
            blocks['quat'] = sign_continuous(blocks['quat'])
        flat = [x.reshape(len(x), -1) for x in blocks.values()]
        values = resample_window(
            np.concatenate(flat, axis=1),
            meta,
            times_out,
            self.rate,
            num_quats=len(streams) if 'quat' in blocks else 0,
        )
        start = 0
        for name, block in blocks.items():
            stop = start + block[0].size
            part = values[:, start:stop].reshape(-1, *block.shape[1:])
            blocks[name] = normalize(part) if name == 'quat' else part
            start = stop
        return [
            {name: block[:, row] for name, block in blocks.items()}
            for row in range(len(streams))
        ]


def _same_clock(imu: dict, metas: dict) -> list[list[str]]:
    """Group placements that share a regular clock and their channels."""
    groups: dict[tuple, list[str]] = {}
    for placement, meta in metas.items():
        times = meta['times']
        if meta['regular'] and len(times):
            key = (meta['rate'], times[0], len(times), *sorted(imu[placement]))
        else:
            key = (placement,)
        groups.setdefault(key, []).append(placement)
    return list(groups.values())


def check_margin(
    transform: BaseTransform, rate_in: float, rate_out: float, results: dict
) -> None:
    """Reject a low-pass filter that needs more than the loaded margin.

    Raises:
        ValueError: With the margin that ``LoadWindow`` needs.
    """
    reach = support_sec(rate_in, rate_out)
    loaded = max(results['margin_sec'], support_sec(rate_in, rate_in))
    if reach > loaded + 1e-9:
        raise ValueError(
            f'{type(transform).__name__}(rate={rate_out:g}) needs '
            f'{reach:.3f} s around each sample, but LoadWindow loads '
            f'{results["margin_sec"]} s; set LoadWindow(margin_sec='
            f'{reach:.3f}).'
        )
