"""Read the raw samples of a window, and keep them for synchronisers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...recordings import Clock, PoseStream, Recording, SensorStream
from ...recordings.schema import (
    check_keypoint_values,
    check_sensor_values,
    check_times,
)
from ...registry import TRANSFORMS
from .base import BaseTransform, check_amount, check_channels, check_placements
from .resampling import HALF_WIDTH
from .windowing import source_span

_EPS = 1e-9  # seconds; a sample on the border is inside


@TRANSFORMS.register_module()
class LoadWindow(BaseTransform):
    """Read every stream from a margin before the window to one after it.

    The margin is what resampling looks at beyond the window; at the ends of
    the recording there is less.

    Args:
        margin_sec: Seconds on either side; slow streams get more, so that
            they can be interpolated.
        placements: Sensors to read; None reads all that there are. Give
            those that are packed, if the recordings have many more.
        channels: Channels to read of each sensor that has them; None reads
            all.

    Raises:
        ValueError: On NaN, infinity, quaternions that are not unit or
            timestamps that do not increase.
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
        speed = results.get('speed', 1.0)
        start, length = source_span(results)
        results['margin_sec'] = self.margin_sec
        imu_start = start - results.get('offset', 0.0)
        results['imu'], results['imu_meta'] = {}, {}
        for placement, stream in recording.imu.items():
            if self.placements is None or placement in self.placements:
                where = f'take {results["take"]!r}: {placement}'
                channels, meta = self._load_sensor(
                    stream, imu_start, length, speed, where
                )
                results['imu'][placement] = channels
                results['imu_meta'][placement] = meta
        results['keypoints'] = results['scores'] = None
        if recording.pose is not None:
            results.update(
                self._load_pose(
                    recording.pose, start, length, speed, results['take']
                )
            )
        return results

    def _load_sensor(
        self,
        stream: SensorStream,
        start: float,
        length: float,
        speed: float,
        where: str,
    ) -> tuple[dict, dict]:
        part, times, meta = self._cut(
            stream.clock, start, length, speed, where
        )
        channels = {
            name: np.asarray(array[part], dtype=np.float32)
            for name, array in stream.channels.items()
            if self.channels is None or name in self.channels
        }
        check_sensor_values(channels, times, where)
        if speed != 1.0:
            if 'gyro' in channels:
                channels['gyro'] = channels['gyro'] * np.float32(speed)
            if 'acc' in channels and not stream.gravity:
                channels['acc'] = channels['acc'] * np.float32(speed**2)
        meta = _relative(times, meta, start, speed)
        meta.update(gravity=stream.gravity, frame=stream.frame)
        return channels, meta

    def _load_pose(
        self,
        stream: PoseStream,
        start: float,
        length: float,
        speed: float,
        take: str,
    ) -> dict:
        where = f'take {take!r}: pose'
        part, times, meta = self._cut(
            stream.clock, start, length, speed, where
        )
        keypoints = np.asarray(stream.keypoints[part], dtype=np.float32)
        scores = np.asarray(stream.scores[part], dtype=np.float32)
        check_keypoint_values(keypoints, scores, times, where)
        if not np.isfinite(keypoints).all():  # only where the score is 0
            keypoints = np.nan_to_num(keypoints, posinf=0, neginf=0)
        return dict(
            keypoints=keypoints,
            scores=scores,
            pose_meta=_relative(times, meta, start, speed),
            layout=stream.layout,
            img_shape=tuple(stream.img_shape),
        )

    def _cut(
        self,
        clock: Clock,
        start: float,
        length: float,
        speed: float,
        where: str,
    ) -> tuple[slice, np.ndarray, dict]:
        """Samples of the window and its margins, their times, the clock."""
        rate = clock.mean_rate if clock.num_samples > 1 else 1.0
        margin = max(self.margin_sec * speed, (HALF_WIDTH + 1) / rate)
        part = clock.between(start - margin, start + length + margin)
        regular = clock.times is None
        if not regular:
            # One more on either side: a gap is bridged the same way
            # wherever the window ends in it.
            part = slice(
                max(part.start - 1, 0),
                min(part.stop + 1, clock.num_samples),
            )
        times = clock.at(part)
        if not regular:
            check_times(times, where)
        return part, times, dict(rate=rate, regular=regular)


def _relative(
    times: np.ndarray, meta: dict, start: float, speed: float
) -> dict:
    """Express a clock in seconds of the window."""
    return dict(
        times=(times - start) / speed,
        rate=meta['rate'] * speed,
        origin=-start / speed,
        regular=meta['regular'],
    )


@TRANSFORMS.register_module()
class KeepStreams(BaseTransform):
    """Keep the raw streams of the two windows; cut the margins off.

    Put it directly after ``LoadWindow`` and whatever removes sensors, and
    add ``streams`` to ``meta_keys`` of ``PackIMUPose``. The margins that
    ``LoadWindow`` reads are cut off for the following transforms too:
    resampling then holds the first and last sample instead of looking
    beyond the clip, and neither the model nor a synchroniser sees anything
    outside the two windows.
    """

    needs = ('imu', 'imu_meta', 'keypoints')

    def transform(self, results: dict) -> dict:
        """Set ``streams``, trim ``imu``, ``keypoints`` and their clocks.

        ``streams`` is a :class:`~mobind_mm.structures.Recording` of native
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
    """Cut a clock to [0, seconds); which samples remain."""
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
