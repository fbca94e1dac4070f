"""A test of the contract that any synchroniser can be put to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..recordings import (
    STANDARD_GRAVITY,
    Clock,
    PoseStream,
    Recording,
    SensorStream,
)
from ..skeleton import get_layout
from .base import ClipEvidence, Feats, Synchronizer, check_fulfilled
from .clips import cut_clip
from .clock import synchronize_clocks

_PLACEMENT = 'right_wrist'
_IMU_RATE, _POSE_RATE = 50.0, 30.0
_PIXELS = 300.0  # per metre
_WINDOW_SEC, _TOKEN_SEC = 2.0, 0.2
_TOLERANCE_SEC = 0.15
"""Half the grid of the published vote, and some more."""
_DOUBT = 0.5
"""Confidence that a synchroniser may state where nothing can be known."""
_CLIP_SEC, _MAX_OFFSET = 12.0, 2.0


def check_synchronizer(synchronizer: Synchronizer) -> None:
    """Check that a synchroniser fulfils the contract.

    Simulated people with one wrist sensor are synchronised, one by one,
    together, and over a recording whose clocks drift apart. The model's
    features are made up from the same movement. It takes some seconds.

    Args:
        synchronizer: What to check.

    Raises:
        TypeError: If a method or flag is missing.
        AssertionError: Naming the rule that is broken.

    >>> from mobind_mm.synchronization import CorrelationSynchronizer
    >>> check_synchronizer(CorrelationSynchronizer())
    """
    check_fulfilled(synchronizer)
    _Check(synchronizer).run()


def simulate_recording(
    seed: int,
    seconds: float,
    offset: float = 0.0,
    drift_ppm: float = 0.0,
    still: bool = False,
) -> Recording:
    """A wrist that shakes in front of a camera, with a sensor on it.

    ``offset`` is ``t_imu - t_pose`` at the start, in seconds; the IMU clock
    runs faster by ``drift_ppm``.
    """
    rng = np.random.default_rng(seed)
    speed = 2 * np.pi * rng.uniform(0.4, 3.0, (24, 3))
    phase = rng.uniform(0, 2 * np.pi, (24, 3))
    size = 0.0 if still else 0.1 * rng.normal(size=(24, 3)) / speed

    def path(times: np.ndarray, order: int) -> np.ndarray:
        angle = speed * times[:, None, None] + phase + order * np.pi / 2
        return (size * speed**order * np.sin(angle)).sum(axis=1)

    times = np.arange(round(seconds * _IMU_RATE)) / _IMU_RATE
    acc = path(times, 2) + np.array([0.0, 0.0, STANDARD_GRAVITY])
    acc += rng.normal(0, 0.02, acc.shape)
    rate = 1 + drift_ppm * 1e-6
    sensor = SensorStream(
        Clock(len(times), rate=_IMU_RATE / rate, start=offset),
        {
            'acc': acc.astype(np.float32),
            'gyro': np.zeros((len(times), 3), np.float32),
            'quat': np.eye(1, 4, dtype=np.float32).repeat(len(times), 0),
        },
    )
    times = np.arange(round(seconds * _POSE_RATE)) / _POSE_RATE
    names = get_layout('coco')
    points = np.zeros((len(times), len(names), 2))
    scores = np.zeros((len(times), len(names)), np.float32)
    for name, rise in (('shoulder', 0.4), ('elbow', 0.2), ('wrist', 0.0)):
        place = path(times, 0)[:, [0, 2]] + [0.0, rise]
        index = names.index(f'right_{name}')
        points[:, index] = _PIXELS * place * [1, -1] + [960, 540]
        points[:, index] += rng.normal(0, 0.3, place.shape)
        scores[:, index] = 1
    pose = PoseStream(
        Clock(len(times), rate=_POSE_RATE),
        points.astype(np.float32),
        scores,
        'coco',
        (1080, 1920),
    )
    return Recording({_PLACEMENT: sensor}, pose)


def simulate_feats(clip: Recording) -> Feats:
    """Features of a clip of :func:`simulate_recording`, as of a perfect model.

    Windows of 2 s every 0.2 s; embeddings and tokens are the smoothed vertical
    acceleration that either modality shows.
    """
    pose, imu = clip.pose, clip.imu[_PLACEMENT]
    assert pose is not None
    index = get_layout('coco').index('right_wrist')
    times = pose.clock.at()
    imu_times = imu.clock.at()
    height = _smoothed(-pose.keypoints[:, index, 1] / _PIXELS, _POSE_RATE)
    curves = {
        'imu': (
            imu_times,
            _smoothed(imu.channels['acc'][:, 2] - STANDARD_GRAVITY, _IMU_RATE),
        ),
        'pose': (times, np.gradient(np.gradient(height, times), times)),
    }
    end = max(times[-1], imu_times[-1])
    starts = np.arange(0.0, end - _WINDOW_SEC + 1e-6, _TOKEN_SEC)
    feats: dict = {'window_starts': starts, 'placements': (_PLACEMENT,)}
    inside = np.arange(0.0, _WINDOW_SEC, 0.05)
    tokens = np.arange(0.0, _WINDOW_SEC - 1e-6, _TOKEN_SEC)
    around = np.arange(-0.4, 0.6, 0.05)
    windows = starts[:, None] + inside
    token_times = starts[:, None, None] + tokens[:, None] + around
    for name, (at, curve) in curves.items():
        seen, seen_tokens = (
            (where >= at[0] - 0.05) & (where <= at[-1] + 0.05)
            for where in (windows, token_times)
        )
        embedding, values = (
            np.interp(where, at, curve, left=0, right=0)
            for where in (windows, token_times)
        )
        feats[f'{name}_embedding'] = embedding.astype(np.float32)
        feats[f'{name}_mask'] = seen.all(axis=1)[:, None]
        feats[f'{name}_tokens'] = values[:, None]
        feats['pose_token_mask'] = seen_tokens.all(axis=2)[:, None]
    return feats


def _smoothed(curve: np.ndarray, rate: float) -> np.ndarray:
    """Weighted mean over a second: what a grid of 0.2 s can tell apart."""
    width = round(0.5 * rate)
    window = np.hanning(2 * width + 1)
    padded = np.pad(curve.astype(float), width, mode='edge')
    return np.convolve(padded, window / window.sum(), 'valid')


class _Check:
    """The rules, one method each."""

    def __init__(self, synchronizer: Synchronizer) -> None:
        self.synchronizer = synchronizer
        self.name = type(synchronizer).__name__

    def run(self) -> None:
        """All of them."""
        self.check_offsets_of_clips()
        self.check_several_people()
        self.check_what_cannot_be_known()
        self.check_clocks()

    def clip(
        self, seed: int, offset: float, still: bool = False
    ) -> tuple[Recording | None, Feats | None]:
        """Streams and features of a clip, as far as they are asked for."""
        margin = _MAX_OFFSET + 0.5
        seconds = _CLIP_SEC + 2 * margin
        recording = simulate_recording(seed, seconds, offset, still=still)
        clip = cut_clip(recording, margin, _CLIP_SEC, _MAX_OFFSET)
        feats = simulate_feats(clip) if self.synchronizer.needs_feats else None
        return clip if self.synchronizer.needs_streams else None, feats

    def evidence(self, seed: int, offset: float) -> ClipEvidence:
        """Evidence of one moving person."""
        return self.synchronizer.evidence(
            *self.clip(seed, offset), _MAX_OFFSET
        )

    def rule(self, holds: bool | np.bool_, text: str) -> None:
        """Fail with the rule that is broken."""
        if not holds:
            raise AssertionError(f'{self.name}: {text}')

    def near(self, estimate: float, truth: float, what: str) -> None:
        """Fail unless an offset is right."""
        self.rule(
            abs(estimate - truth) <= _TOLERANCE_SEC,
            f'{what}: got {estimate:+.3f} s, expected {truth:+.3f} s. The '
            'offset is what is added to the pose clock to get the IMU clock.',
        )

    def check_offsets_of_clips(self) -> None:
        """Sign, size, range and shape."""
        grids = []
        for seed, offset in ((0, 0.8), (1, -1.2)):
            clip = self.evidence(seed, offset)
            grids.append(clip.offsets)
            shape = clip.offsets.shape
            steps = np.diff(clip.offsets)
            self.rule(
                len(shape) == 1
                and (steps > 0).all()
                and bool(np.ptp(steps) < 1e-6),
                'offsets must be (G,), ascending and evenly spaced.',
            )
            self.rule(
                bool(np.abs(clip.offsets).max() <= _MAX_OFFSET + 0.01),
                f'offsets must lie within max_offset={_MAX_OFFSET} s.',
            )
            for key in ('score', 'overlap', 'fine_score'):
                curve = getattr(clip, key)
                self.rule(
                    curve.shape == shape and bool(np.isfinite(curve).all()),
                    f'{key} must be finite, with the shape of offsets.',
                )
            self.rule(clip.usable, 'a clip that moves must be usable.')
            result = self.synchronizer(*self.clip(seed, offset), _MAX_OFFSET)
            self.near(result.offset, offset, 'offset of one clip')
            self.rule(not result.abstained, 'it abstains on a clear clip.')
            decided = self.synchronizer.decide([clip])
            self.rule(
                decided.offset == result.offset
                and decided.confidence == result.confidence,
                'calling it must be decide([evidence(...)]).',
            )
            self.near(
                self.synchronizer.decide([clip.shifted(0.4)]).offset,
                offset - 0.4,
                'offset of shifted evidence (are all curves in rows?)',
            )
        self.rule(
            grids[0].shape == grids[1].shape
            and np.allclose(grids[0], grids[1], atol=1e-6),
            'clips searched equally far must have the same offsets.',
        )

    def check_several_people(self) -> None:
        """Evidence adds up, in any order."""
        clips = [self.evidence(seed, 0.6) for seed in (2, 3, 4)]
        forth = self.synchronizer.decide(clips)
        back = self.synchronizer.decide(clips[::-1])
        self.near(forth.offset, 0.6, 'offset of three people')
        self.rule(
            abs(forth.offset - back.offset) < 1e-6,
            'the order of clips must not matter.',
        )
        # Two who agree outvote the third.
        clips[1] = self.evidence(5, -1.0)
        self.near(
            self.synchronizer.decide(clips).offset,
            0.6,
            'offset of two people who agree, and one who does not',
        )

    def check_what_cannot_be_known(self) -> None:
        """It abstains, or says so by its confidence."""
        result = self.synchronizer.decide([])
        self.rule(result.abstained, 'decide([]) must abstain.')
        result = self.synchronizer(*self.clip(6, 0.5, True), _MAX_OFFSET)
        self.rule(
            result.abstained or result.confidence < _DOUBT,
            f'nobody moves: it must abstain, or state a confidence below '
            f'{_DOUBT}, got {result.confidence:.2f}.',
        )
        streams, _ = self.clip(7, 0.5)
        if streams is None:
            return
        for part in (replace(streams, imu={}), replace(streams, pose=None)):
            result = self.synchronizer(part, None, _MAX_OFFSET)
            self.rule(
                result.abstained, 'without sensor or skeleton it must abstain.'
            )
        # The model is not asked about every clip of a recording.
        evidence = self.synchronizer.evidence(streams, None, _MAX_OFFSET)
        self.near(
            self.synchronizer.decide([evidence]).offset,
            0.5,
            'offset by the streams alone, with feats=None',
        )

    def check_clocks(self) -> None:
        """It follows clocks that drift apart."""
        recording = simulate_recording(8, 80.0, 0.4, drift_ppm=500.0)
        clock = synchronize_clocks(
            recording,
            self.synchronizer,
            _MAX_OFFSET,
            simulate_feats if self.synchronizer.needs_feats else None,
            clip_sec=15.0,
        )
        times = np.array([10.0, 40.0, 70.0])
        expected = times * (1 + 5e-4) + 0.4
        for got, truth in zip(clock.to_imu_time(times), expected):
            self.near(got, truth, 'IMU time of synchronize_clocks')
        self.rule(not clock.abstained, 'synchronize_clocks abstained.')
