"""Put the skeleton on the model's rate."""

from __future__ import annotations

import numpy as np

from ...registry import TRANSFORMS
from .base import BaseTransform, check_amount, check_rate
from .imu import check_margin
from .resampling import bracket, regularize, resample, support_sec


@TRANSFORMS.register_module()
class ResamplePose(BaseTransform):
    """Resample keypoints and scores to times ``k / rate`` of the window.

    Keypoints that were not detected are bridged linearly over time, then
    all are resampled like an IMU, see :mod:`.resampling`.

    Args:
        rate: New rate in Hz.
        score_thr: A keypoint with this score or less is missing.
        max_gap_sec: A keypoint is masked where it is missing for longer;
            never less than 1.5 source intervals.
    """

    needs = ('keypoints',)

    def __init__(
        self, rate: float, score_thr: float = 0.0, max_gap_sec: float = 0.25
    ) -> None:
        self.rate = check_rate('rate', rate)
        self.score_thr = check_amount('score_thr', score_thr)
        self.max_gap_sec = check_amount('max_gap_sec', max_gap_sec)

    def transform(self, results: dict) -> dict:
        """Resample ``keypoints`` (T_pose, K, 2) and ``scores`` (T_pose, K).

        Sets ``keypoint_mask`` (T_pose, K) and ``pose_rate``. Masked
        keypoints hold the bridge between their neighbours in time and score
        0, or zeros if they are missing in the whole window.
        """
        results['pose_rate'] = self.rate
        results['keypoint_mask'] = None
        if results['keypoints'] is None:
            return results
        times_out = np.arange(round(results['window_sec'] * self.rate))
        times_out = times_out / self.rate
        meta = results['pose_meta']
        times = meta['times']
        if not len(times):
            shape = (len(times_out), results['keypoints'].shape[1])
            results['keypoints'] = np.zeros((*shape, 2), np.float32)
            results['scores'] = np.zeros(shape, np.float32)
            results['keypoint_mask'] = np.zeros(shape, dtype=bool)
            return results
        check_margin(self, meta['rate'], self.rate, results)
        scores = results['scores']
        before, after = neighbours(scores > self.score_thr)
        keypoints = fill(results['keypoints'], times, before, after)
        mask = self._mask(meta, times_out, before, after)
        left, right, at = bracket(times, times_out)
        at = at.astype(np.float32)[:, None]
        scores = scores[left] * (1 - at) + scores[right] * at
        results['scores'] = np.where(mask, scores, np.float32(0))
        results['keypoint_mask'] = mask
        values, first = keypoints.reshape(len(times), -1), times[0]
        if not meta['regular']:
            reach = support_sec(meta['rate'], self.rate)
            values, first = regularize(
                values,
                times,
                meta['rate'],
                meta['origin'],
                (times_out[0] - reach, times_out[-1] + reach),
            )
        values = resample(values, first, meta['rate'], times_out, self.rate)
        results['keypoints'] = values.reshape(len(times_out), -1, 2)
        return results

    def _mask(
        self,
        meta: dict,
        times_out: np.ndarray,
        before: np.ndarray,
        after: np.ndarray,
    ) -> np.ndarray:
        """Whether a keypoint is known (T_pose, K) at the new times.

        Known is what lies in a gap of at most ``max_gap_sec``, or within
        half a source interval of a detection.
        """
        times = np.r_[meta['times'], -np.inf, np.inf]  # -2: never, -1: never
        left = np.searchsorted(meta['times'], times_out + 1e-9) - 1
        inside = np.minimum(left + 1, len(meta['times']) - 1)
        last = np.where(left[:, None] >= 0, before[left], -2)
        past_end = left[:, None] + 1 >= len(meta['times'])
        following = np.where(past_end, -1, after[inside])
        since = times_out[:, None] - times[last]
        until = times[following] - times_out[:, None]
        near = np.minimum(since, until) <= 0.5 / meta['rate'] + 1e-9
        limit = max(self.max_gap_sec, 1.5 / meta['rate'])
        return near | (since + until <= limit + 1e-9)


def neighbours(valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nearest valid rows at or before and at or after each row.

    Args:
        valid: (T, K) bool.

    Returns:
        Row indices (T, K) each; -2 and -1 where there is none before, after.
    """
    rows = np.arange(len(valid))[:, None]
    before = np.maximum.accumulate(np.where(valid, rows, -2), axis=0)
    after = np.where(valid, rows, len(valid))[::-1]
    after = np.minimum.accumulate(after, axis=0)[::-1]
    return before, np.where(after == len(valid), -1, after)


def fill(
    keypoints: np.ndarray,
    times: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
) -> np.ndarray:
    """Bridge missing keypoints (T, K, 2) linearly, hold them at the ends.

    A keypoint that is missing everywhere becomes zero.
    """
    row, joint = np.nonzero(before != after)
    if not len(row):
        return keypoints
    left, right = before[row, joint], after[row, joint]
    left = np.where(left < 0, right, left)
    right = np.where(right < 0, left, right)
    span = np.maximum(times[right] - times[left], 1e-12)
    at = np.minimum(np.maximum((times[row] - times[left]) / span, 0), 1)
    at = at.astype(np.float32)[:, None]
    start, end = keypoints[left, joint], keypoints[right, joint]
    filled = keypoints.copy()
    filled[row, joint] = start * (1 - at) + end * at
    filled[:, before.max(axis=0) < 0] = 0
    return filled
