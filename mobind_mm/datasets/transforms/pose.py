"""Resample, smooth and normalise skeletons."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ...recordings.streams import undetected
from ...registry import TRANSFORMS
from ...skeleton import find_keypoints, get_layout, keypoint_indices
from ...utils.arguments import check_amount, check_choice, check_rate
from .base import BaseTransform, WindowBatch
from .imu import check_margin
from .resampling import bracket, resample_window


@TRANSFORMS.register_module()
class ResamplePose(BaseTransform):
    """Resample keypoints and scores to the times ``k / rate`` of the window.

    Keypoints that were not detected are bridged linearly over time; then all
    are resampled like an IMU, see :mod:`.resampling`.

    Args:
        rate: New rate in Hz.
        score_thr: A keypoint with this score or less is missing; so is one
            that is NaN or exactly (0, 0).
        max_gap_sec: A keypoint is masked where it is missing for longer;
            never less than 1.5 source intervals.

    Example:
        >>> import numpy as np
        >>> from mobind_mm.datasets.transforms import ResamplePose
        >>> scores = np.ones((60, 17), np.float32)
        >>> scores[20:40, 9] = 0  # the left wrist is hidden
        >>> results = dict(
        ...     keypoints=np.ones((60, 17, 2), np.float32),
        ...     scores=scores,
        ...     pose_meta=dict(
        ...         times=np.arange(60) / 30, rate=30.0, regular=True
        ...     ),
        ...     window_sec=2.0,
        ...     margin_sec=0.5,
        ... )
        >>> results = ResamplePose(rate=20)(results)
        >>> results['keypoints'].shape
        (40, 17, 2)
        >>> int(results['keypoint_mask'][:, 9].sum())
        27
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
        keypoints hold the bridge between their neighbours in time, or zeros
        if they are missing in the whole window; their score is 0.
        """
        results['pose_rate'] = self.rate
        results['keypoint_mask'] = None
        if results['keypoints'] is None:
            return results
        num_out = round(results['window_sec'] * self.rate)
        times_out = np.arange(num_out) / self.rate
        meta = results['pose_meta']
        times = meta['times']
        if not len(times):
            shape = (num_out, results['keypoints'].shape[1])
            results['keypoints'] = np.zeros((*shape, 2), np.float32)
            results['scores'] = np.zeros(shape, np.float32)
            results['keypoint_mask'] = np.zeros(shape, dtype=bool)
            return results
        check_margin(self, meta['rate'], self.rate, results)
        gone = undetected(results['keypoints'])
        scores = np.where(gone, np.float32(0), results['scores'])
        before, after = neighbours((scores > self.score_thr) & ~gone)
        keypoints = fill(results['keypoints'], times, before, after)
        mask = self.known_at(meta, times_out, before, after)
        left, right, at = bracket(times, times_out)
        at = at.astype(np.float32)[:, None]
        scores = scores[left] * (1 - at) + scores[right] * at
        results['scores'] = np.where(mask, scores, np.float32(0))
        results['keypoint_mask'] = mask
        values = keypoints.reshape(len(times), -1)
        values = resample_window(values, meta, times_out, self.rate)
        results['keypoints'] = values.reshape(num_out, -1, 2)
        return results

    def known_at(
        self,
        meta: dict,
        times_out: np.ndarray,
        before: np.ndarray,
        after: np.ndarray,
    ) -> np.ndarray:
        """Whether keypoints are known (T_pose, K) at the new times.

        A keypoint is known within half a source interval of a detection, and
        in gaps of at most ``max_gap_sec``.
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
    """Nearest rows of ``valid`` (T, K) at or before, at or after each row.

    (T, K) indices each; -2 where there is none before, -1 none after.
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
    """Bridge missing keypoints (T, K, 2) linearly; hold them at the ends.

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


@TRANSFORMS.register_module()
class SmoothKeypoints(BaseTransform):
    """Smooth every keypoint over time with a Gaussian.

    Skeletons jitter from frame to frame, which velocity and acceleration
    channels amplify. Missing frames count with their bridged values.

    Args:
        sigma_sec: Standard deviation of the Gaussian in seconds.
    """

    needs = ('keypoint_mask',)

    def __init__(self, sigma_sec: float) -> None:
        self.sigma_sec = check_rate('sigma_sec', sigma_sec)

    def transform(self, results: dict) -> dict:
        """Change ``keypoints``; the ends of the window are held."""
        if results['keypoints'] is not None:
            results['keypoints'] = gaussian_filter1d(
                results['keypoints'],
                self.sigma_sec * results['pose_rate'],
                axis=0,
                mode='nearest',
            )
        return results

    def transform_batch(self, batch: WindowBatch) -> None:
        """Change ``keypoints``."""
        count = batch.keypoints.shape[3]
        matrix = _gaussian(count, self.sigma_sec * batch.pose_rate)
        batch.keypoints = batch.keypoints @ matrix


@cache
def _gaussian(count: int, sigma: float) -> np.ndarray:
    """(T, T) whose product with rows of T samples smooths them."""
    return gaussian_filter1d(
        np.eye(count, dtype=np.float32), sigma, axis=1, mode='nearest'
    )


_BONES: tuple[tuple[tuple[str, ...], float], ...] = (
    (('left_hip', 'right_hip', 'left_shoulder', 'right_shoulder'), 1.0),
    *(
        ((f'{side}_{a}', f'{side}_{b}'), ratio)
        for side in ('left', 'right')
        for a, b, ratio in (
            ('hip', 'knee', 0.85),
            ('knee', 'ankle', 0.85),
            ('shoulder', 'elbow', 0.65),
            ('elbow', 'wrist', 0.51),
        )
    ),
    (('left_eye', 'right_eye'), 0.127),
)
"""Keypoints whose halves are the ends of a bone, and its length in torsos:
Winter's proportions, as in :data:`..synthetic.body.RATIOS`."""


@TRANSFORMS.register_module()
class NormalizeKeypoints(BaseTransform):
    """Express keypoints in units that do not depend on the image size.

    - ``image``: x / width and y / height, not centred (as published).
    - ``torso``: the origin is the median midpoint of the hips over the
      window, the unit the median distance between the midpoints of shoulders
      and hips. Keeps how the body moves in the window; invariant to its
      place and size in the image. A window in which hips and shoulders are
      never all seen at once is masked: use ``bbox`` for footage without hips.
    - ``body``: the origin is the median midpoint of the hips, or else of
      all known keypoints; the unit is the length of a torso, from the bones
      that are seen. A bone looks shorter than it is, never longer, so the
      longest one in relation to a body's usual proportions counts. Serves
      people without hips, shoulders or legs in view.
    - ``bbox``: the origin is the centre and the unit the longer side of the
      box around all keypoints of the window.

    Args:
        mode: One of these names.
    """

    MODES = ('image', 'torso', 'body', 'bbox')
    needs = ('keypoint_mask',)

    def __init__(self, mode: str = 'image') -> None:
        self.mode = check_choice('mode', mode, self.MODES)
        self.looks_at_all = self.mode != 'image'

    def transform(self, results: dict) -> dict:
        """Change ``keypoints``, or mask them where that is impossible."""
        if results['keypoints'] is None:
            return results
        if self.mode == 'image':
            height, width = results['img_shape']
            origin, unit = np.zeros(2), np.array([width, height])
        else:  # a batch of one
            origin, unit = (
                value[0]
                for value in _FRAMES[self.mode](
                    results['keypoints'].T[None],
                    results['keypoint_mask'].T[None],
                    results['layout'],
                )
            )
        if (unit > 0).all() and np.isfinite(unit).all():
            results['keypoints'] -= origin.astype(np.float32)
            results['keypoints'] /= unit.astype(np.float32)
        else:
            results['keypoint_mask'][:] = False
            results['keypoints'][:] = 0
        return results

    def transform_batch(self, batch: WindowBatch) -> None:
        """Change ``keypoints``, or mask them where that is impossible."""
        count = len(batch.keypoints)
        origin, unit = np.zeros((count, 2)), batch.img_size.astype(float)
        if self.mode != 'image':
            origin, unit = _FRAMES[self.mode](
                batch.keypoints, batch.keypoint_mask, batch.layout
            )
        bad = ~((unit > 0).all(axis=1) & np.isfinite(unit).all(axis=1))
        origin, unit = (
            np.where(bad[:, None], 0, origin),
            np.where(bad[:, None], 1, unit),
        )
        batch.keypoints -= origin.astype(np.float32)[:, :, None, None]
        batch.keypoints *= (1 / unit).astype(np.float32)[:, :, None, None]
        if bad.any():
            batch.keypoints[bad] = 0
            batch.keypoint_mask[bad] = False


def _torsos(
    points: np.ndarray, known: np.ndarray, layout: str
) -> tuple[np.ndarray, np.ndarray]:
    """Origin (B, 2) and unit (B, 1) of mode ``torso``; inf where unknown.

    Of points (B, 2, K, T), of which those (B, K, T) are known.
    """
    names = ('left_hip', 'right_hip', 'left_shoulder', 'right_shoulder')
    torso = keypoint_indices(layout, names)
    valid = np.asarray(known[:, torso].all(axis=1))
    points = points[:, :, torso]
    hips = points[:, :, :2].mean(axis=2)
    size = np.linalg.norm(points[:, :, 2:].mean(axis=2) - hips, axis=1)
    return (
        _medians(hips, valid[:, None]),
        _medians(size[:, None], valid[:, None]),
    )


def _bodies(
    points: np.ndarray, known: np.ndarray, layout: str
) -> tuple[np.ndarray, np.ndarray]:
    """The same of mode ``body``."""
    unit = np.zeros(len(points))
    for names, ratio in _BONES:
        at = find_keypoints(layout, names)
        if not at:
            continue
        seen = np.asarray(known[:, at].all(axis=1))
        ends = points[:, :, at]
        ends = ends.reshape(*ends.shape[:2], 2, len(at) // 2, -1).mean(axis=3)
        length = np.hypot(*(ends[:, :, 0] - ends[:, :, 1]).swapaxes(0, 1))
        length = np.sort(np.where(seen, length, np.float32(np.inf)), axis=1)
        count = seen.sum(axis=1)
        row = (0.85 * np.maximum(count - 1, 0)).astype(int)
        length = np.take_along_axis(length, row[:, None], axis=1)[:, 0]
        used = count >= 3
        if ratio < 0.2:  # the face, if nothing else is seen
            used &= unit == 0
        size = np.where(used, length / ratio, 0)
        unit = np.maximum(unit, size)
    every = np.asarray(known.any(axis=(1, 2)))
    hips = find_keypoints(layout, _BONES[0][0][:2])
    origin = np.zeros((len(unit), 2))
    seen = np.zeros((len(unit), known.shape[2]), dtype=bool)
    if hips:
        seen = np.asarray(known[:, hips].all(axis=1))
        origin = _medians(points[:, :, hips].mean(axis=2), seen[:, None])
    for row in np.flatnonzero(every & ~seen.any(axis=1)):
        origin[row] = np.median(points[row][:, known[row]], axis=1)
    return origin, unit[:, None]


def _medians(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """(B, C) median over time of values (B, C, T) that are valid."""
    ordered = np.sort(np.where(valid, values, np.float32(np.inf)), axis=2)
    count = valid.sum(axis=2, keepdims=True)
    middle = np.concatenate([(count - 1) // 2, count // 2], axis=2)
    middle = np.broadcast_to(
        np.maximum(middle, 0), (*ordered.shape[:2], middle.shape[2])
    )
    return np.take_along_axis(ordered, middle, axis=2).mean(axis=2)


def _boxes(
    points: np.ndarray, known: np.ndarray, layout: str
) -> tuple[np.ndarray, np.ndarray]:
    """The same of mode ``bbox``."""
    known, far = known[:, None], np.float32(np.inf)
    low = np.where(known, points, far).min(axis=(2, 3))
    high = np.where(known, points, -far).max(axis=(2, 3))
    size = (high - low).max(axis=1, keepdims=True)
    with np.errstate(invalid='ignore'):  # nothing is known
        return (low + high) / 2, size


_FRAMES = {'torso': _torsos, 'body': _bodies, 'bbox': _boxes}
"""Origin and unit of windows, by mode."""


@TRANSFORMS.register_module()
class NormalizeSkeleton(BaseTransform):
    """:class:`NormalizeKeypoints` for the samples of ``PoseDataset``.

    Replaces MMAction2's ``PreNormalize2D``. Each person is normalised
    separately; one who cannot be, for example without hips in mode
    ``torso``, gets score 0 and counts as missing.

    Args:
        mode: See :class:`NormalizeKeypoints`.
        layout: Skeleton layout of the pickle.
    """

    def __init__(self, mode: str = 'torso', layout: str = 'coco') -> None:
        self.normalize = NormalizeKeypoints(mode)
        self.layout = layout
        self.num_keypoints = len(get_layout(layout))

    def transform(self, results: dict) -> dict:
        """Change ``keypoint`` (M, T, V, 2) and ``keypoint_score``.

        A keypoint that is NaN or exactly (0, 0) or (-1, -1) is missing,
        whatever its score. Sets ``video_id``, by which errors name the sample.

        Raises:
            ValueError: If the skeletons are not 2D ones of ``layout``.
        """
        keypoint = results['keypoint'].astype(np.float32)
        if keypoint.shape[2:] != (self.num_keypoints, 2):
            raise ValueError(
                f'NormalizeSkeleton takes 2D skeletons of {self.layout!r}, '
                f'(M, T, {self.num_keypoints}, 2), got {keypoint.shape}; set '
                'layout to that of the pickle.'
            )
        gone = undetected(keypoint) | (keypoint == -1).all(axis=-1)
        score = results.get('keypoint_score')
        score = np.ones(gone.shape) if score is None else score
        score = np.where(gone | ~np.isfinite(score), 0, score)
        score = score.astype(np.float32)
        keypoint[gone] = 0
        if 'frame_dir' in results:
            results.setdefault('video_id', results['frame_dir'])
        for person in range(len(keypoint)):
            part = self.normalize(
                dict(
                    keypoints=keypoint[person],
                    keypoint_mask=score[person] > 0,
                    layout=self.layout,
                    img_shape=results.get('img_shape'),
                )
            )
            keypoint[person] = part['keypoints']
            score[person] *= part['keypoint_mask']
        results['keypoint'], results['keypoint_score'] = keypoint, score
        return results
