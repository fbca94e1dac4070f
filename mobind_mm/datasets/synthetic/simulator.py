"""Simulate the recording of a person's part in a scene."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...recordings import Clock, PoseStream, Recording
from ...utils.arguments import check_choice, check_rate
from .camera import Camera, Detector
from .imu import IMUNoise, sample_mountings, simulate_imu
from .motion import Motion, perform
from .noise import derive_rng
from .scenes import Part
from .subject import Subject

MOTIONS = ('acted', 'periodic', 'still')
"""What people do: act, repeat 0.8 to 2 s of it exactly, or stand still."""

_MARGIN = 1.0
"""Seconds by which the streams extend beyond a take on either side."""


@dataclass(frozen=True)
class Simulator:
    """Performs, measures and films takes.

    Args:
        take_sec: Length of a take in seconds.
        imu_rate: Samples per second of the IMUs.
        pose_rate: Frames per second of the camera.
        imu_noise: Errors of the IMUs.
        imu_jitter: Standard deviation in seconds of the sample times; if it
            is not 0, the streams have timestamps instead of a rate.
        detector: Errors of the keypoints.
        motion_kind: One of :data:`MOTIONS`; the last two test whether a
            synchroniser notices that it cannot know the offset.

    Raises:
        ValueError: If an argument is out of its range.
    """

    take_sec: float = 30.0
    imu_rate: float = 100.0
    pose_rate: float = 30.0
    imu_noise: IMUNoise = field(default_factory=IMUNoise)
    imu_jitter: float = 0.0
    detector: Detector = field(default_factory=Detector)
    motion_kind: str = 'acted'

    def __post_init__(self) -> None:
        check_choice('motion_kind', self.motion_kind, MOTIONS)
        for name in ('take_sec', 'imu_rate', 'pose_rate'):
            check_rate(name, getattr(self, name))
        if not 0 <= self.imu_jitter <= 0.1 / self.imu_rate:
            raise ValueError(
                f'imu_jitter must lie in [0, {0.1 / self.imu_rate}] s, a '
                f'tenth of a sample, got {self.imu_jitter}.'
            )

    def motion(self, part: Part) -> Motion:
        """Exact motion of a person in a take."""
        heading = part.rng('heading').uniform(-np.pi, np.pi)
        motion = perform(
            Subject.sample(part.seed, part.split, part.subject),
            part.segments(self.take_sec),
            part.rng('motion'),
            part.position(),
            heading,
        )
        if self.motion_kind == 'still':
            return motion.held()
        if self.motion_kind == 'periodic':
            return motion.repeated(part.rng('period').uniform(0.8, 2.0))
        return motion

    def camera(self, part: Part) -> Camera:
        """Camera of a part's scene."""
        return part.camera()

    def record(self, part: Part) -> Recording:
        """Measure and film a take; the arrays are read-only float32.

        The streams extend a second beyond the take on either side. Noise,
        mounting and camera are drawn independently of the motion.
        """
        motion = self.motion(part)
        mountings = sample_mountings(
            motion.body,
            derive_rng(part.seed, 'straps', part.subject_id),
            part.rng('mounting'),
        )
        rng = part.rng('imu')
        clock = self._clock(rng, self.imu_rate, self.imu_jitter)
        imu = simulate_imu(motion, clock, mountings, self.imu_noise, rng)
        camera = self.camera(part)
        clock = self._clock(part.scene_rng('frames'), self.pose_rate)
        times = clock.at()
        keypoints, scores = self.detector.detect(
            motion.kinematics(times).keypoints,
            camera,
            times,
            part.rng('detector'),
        )
        pose = PoseStream(clock, keypoints, scores, 'coco', camera.img_shape)
        return Recording(imu, pose)

    def _clock(
        self, rng: np.random.Generator, rate: float, jitter: float = 0.0
    ) -> Clock:
        """Clock that starts at a random time within one sample interval."""
        start = rng.uniform(0, 1 / rate) - _MARGIN
        count = int((self.take_sec + 2 * _MARGIN) * rate)
        if not jitter:
            return Clock(count, rate=rate, start=start)
        late = np.clip(rng.normal(0, jitter, count), -0.3 / rate, 0.3 / rate)
        return Clock(count, times=start + np.arange(count) / rate + late)
