"""Read the raw samples of a window, and keep them for signal methods."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...recordings import Clock, PoseStream, Recording, SensorStream
from ...recordings.derived import turning_rate
from ...recordings.schema import (
    check_keypoint_values,
    check_sensor_values,
    check_times,
)
from ...registry import TRANSFORMS
from ...utils.arguments import check_amount
from .base import BaseTransform, check_channels, check_placements
from .resampling import HALF_WIDTH
from .windowing import source_span

_EPS = 1e-9  # seconds; a sample on the border is inside
_Window = tuple[float, float, float]
"""Start and length in seconds in the recording, and the speed."""


@TRANSFORMS.register_module()
class LoadWindow(BaseTransform):
    """Read every stream over the window and a margin on either side.

    Resampling needs the margin; at the ends of the recording there is less.

    Args:
        margin_sec: Seconds on either side; slow streams get more, so that
            they can be interpolated.
        placements: Sensors to read; None reads all. Name those that are
            packed if the recordings have many more.
        channels: Channels to read from each sensor that has them; None
            reads all. A ``gyro`` that is named and missing is derived from
            ``quat``.

    Raises:
        ValueError: If there are NaN, infinity, quaternions that are not of
            unit norm or timestamps that do not increase.
    """

    needs = ('window_start', 'recording')

    def __init__(
        self,
        margin_sec: float = 0.5,
        placements: Sequence[str] | None = None,
        channels: Sequence[str] | None = None,
    ) -> None:
        self.margin_sec = check_amount('margin_sec', margin_sec)
        self.placements = check_placements(placements)
        self.channels = check_channels('channels', channels)

    def transform(self, results: dict) -> dict:
        """Replace ``recording`` by arrays of raw samples.

        Sets ``imu`` {placement: {channel: (T, c)}} and ``imu_meta``
        {placement: {times, rate, origin, regular, gravity, frame}} where
        times (T,) are seconds from the start of the IMU window;
        ``keypoints`` (T, K, 2) in pixels (None without a skeleton),
        ``scores`` (T, K), ``pose_meta``, ``layout`` and ``img_shape``.
        """
        recording = results.pop('recording')
        start, length = source_span(results)
        results['margin_sec'] = self.margin_sec
        pose_window = (start, length, results.get('speed', 1.0))
        imu_window = (start - results.get('offset', 0.0), *pose_window[1:])
        results['imu'], results['imu_meta'] = {}, {}
        for placement, stream in recording.imu.items():
            if self.placements is None or placement in self.placements:
                where = f'take {results["take"]!r}: {placement}'
                channels, meta = self._load_sensor(stream, imu_window, where)
                results['imu'][placement] = channels
                results['imu_meta'][placement] = meta
        results['keypoints'] = results['scores'] = None
        if recording.pose is not None:
            where = f'take {results["take"]!r}: pose'
            results.update(self._load_pose(recording.pose, pose_window, where))
        return results

    def _load_sensor(
        self, stream: SensorStream, window: _Window, where: str
    ) -> tuple[dict, dict]:
        part, times, meta = self._cut(stream.clock, window, where)
        channels = {
            name: np.asarray(array[part], dtype=np.float32)
            for name, array in stream.channels.items()
            if self.channels is None or name in self.channels
        }
        if 'gyro' in (self.channels or ()) and 'gyro' not in channels:
            quat = stream.channels.get('quat')
            if quat is not None:
                channels['gyro'] = turning_rate(times, quat[part])
        check_sensor_values(channels, times, where)
        speed = window[2]
        if speed != 1.0:
            if 'gyro' in channels:
                channels['gyro'] = channels['gyro'] * np.float32(speed)
            if 'acc' in channels and not stream.gravity:
                channels['acc'] = channels['acc'] * np.float32(speed**2)
        meta.update(gravity=stream.gravity, frame=stream.frame)
        return channels, meta

    def _load_pose(
        self, stream: PoseStream, window: _Window, where: str
    ) -> dict:
        part, times, meta = self._cut(stream.clock, window, where)
        keypoints = np.asarray(stream.keypoints[part], dtype=np.float32)
        scores = np.asarray(stream.scores[part], dtype=np.float32)
        check_keypoint_values(keypoints, scores, times, where)
        if not np.isfinite(keypoints).all():  # only where the score is 0
            keypoints = np.nan_to_num(keypoints, posinf=0, neginf=0)
        return dict(
            keypoints=keypoints,
            scores=scores,
            pose_meta=meta,
            layout=stream.layout,
            img_shape=tuple(stream.img_shape),
        )

    def _cut(
        self, clock: Clock, window: _Window, where: str
    ) -> tuple[slice, np.ndarray, dict]:
        """Samples of the window and its margins, and their times.

        Also the clock of the samples in seconds of the window.
        """
        start, length, speed = window
        rate = clock.mean_rate if clock.num_samples > 1 else 1.0
        margin = max(self.margin_sec * speed, (HALF_WIDTH + 1) / rate)
        part = clock.between(start - margin, start + length + margin)
        regular = clock.times is None
        if not regular:
            # One more on either side: a gap is bridged in the same way
            # wherever the window ends in it.
            stop = min(part.stop + 1, clock.num_samples)
            part = slice(max(part.start - 1, 0), stop)
        times = clock.at(part)
        if not regular:
            check_times(times, where)
        meta = dict(
            times=(times - start) / speed,
            rate=rate * speed,
            origin=-start / speed,
            regular=regular,
        )
        return part, times, meta


@TRANSFORMS.register_module()
class KeepStreams(BaseTransform):
    """Keep the raw streams of both windows, without the margins.

    Put it directly after ``LoadWindow`` and whatever removes sensors, and
    add ``streams`` to ``meta_keys`` of ``PackIMUPose``. The margins are cut
    off for the following transforms too: resampling then holds the first
    and last sample instead of looking beyond the clip, so neither the model
    nor a synchroniser sees anything outside the two windows.
    """

    needs = ('imu', 'imu_meta', 'keypoints')

    def transform(self, results: dict) -> dict:
        """Set ``streams``, trim ``imu``, ``keypoints`` and their clocks.

        ``streams`` is a :class:`~mobind_mm.recordings.Recording` at native
        rates. IMU clocks count seconds from the start of the IMU window,
        the pose clock from that of the pose window; every time lies in
        [0, window_sec).

        Raises:
            ValueError: If the streams have been resampled already.
        """
        if 'imu_mask' in results or 'keypoint_mask' in results:
            raise ValueError(
                'KeepStreams keeps raw samples: put it before ResampleIMU '
                'and ResamplePose.'
            )
        seconds = results['window_sec']
        imu = {}
        for placement, channels in results['imu'].items():
            meta = results['imu_meta'][placement]
            part = _trim(meta, seconds)
            channels = {name: x[part] for name, x in channels.items()}
            results['imu'][placement] = channels
            imu[placement] = SensorStream(
                _clock(meta), channels, meta['gravity'], meta['frame']
            )
        pose = None
        if results['keypoints'] is not None:
            meta = results['pose_meta']
            part = _trim(meta, seconds)
            for key in ('keypoints', 'scores'):
                results[key] = results[key][part]
            pose = PoseStream(
                _clock(meta),
                results['keypoints'],
                results['scores'],
                results['layout'],
                results['img_shape'],
            )
        results['streams'] = Recording(imu, pose)
        return results


def _trim(meta: dict, seconds: float) -> slice:
    """Cut a clock to [0, seconds) and return which samples remain."""
    times = meta['times']
    first, stop = np.searchsorted(times, (-_EPS, seconds - _EPS))
    meta['times'] = times[first:stop]
    return slice(int(first), int(stop))


def _clock(meta: dict) -> Clock:
    times = meta['times']
    if not meta['regular']:
        return Clock(len(times), times=times)
    start = float(times[0]) if len(times) else 0.0
    return Clock(len(times), rate=meta['rate'], start=start)
