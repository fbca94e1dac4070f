"""Raw streams for what looks at signals beside the model."""

from __future__ import annotations

import numpy as np

from ...recordings import Clock, PoseStream, Recording, SensorStream
from ...registry import TRANSFORMS
from .base import BaseTransform

_EPS = 1e-9  # seconds; a sample on the border is inside


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
