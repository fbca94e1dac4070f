"""Captured people with simulated sensors and cameras, as a dataset."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from mmengine.logging import print_log

from ...readers.motions import FREE_LICENCES, read_motions
from ...readers.motions.body import SEGMENT, BodyMotion
from ...recordings import Recording
from ...registry import DATASETS
from ...utils.arguments import check_choice, check_rate
from ...utils.errors import mistake
from ..imu_pose_dataset import IMUPoseDataset
from ..synthetic.dataset import RecordingCache
from ..synthetic.motion import LEAD, perform
from ..synthetic.noise import derive_rng
from ..synthetic.scenes import plan_segments
from ..synthetic.subject import ACTIONS, Subject
from .anatomy import PLACES, SHIPPED_PLACEMENTS
from .bodies import captured
from .filming import PoseErrors, look_at, simulate_pose
from .sensors import EDGE_SEC, SensorErrors, simulate_sensors
from .takes import (
    BLEND_SEC,
    RATE,
    Body,
    Piece,
    Variation,
    make_take,
    plan_takes,
)

HELD_OUT: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    'ui_prmd': {'val': ('prmd08',), 'test': ('prmd09', 'prmd10')},
    # Another studio and other actions. Nobody of CMU's is held out, since
    # half of its clips do not say who moves.
    'hdm05': {'test': ('*',)},
    'procedural': {},
}
"""Subjects of a source that do not train, by split; ``*`` is everybody."""

SPLITS = ('train', 'val', 'test')
_IMU_RATES = (25.0, 30.0, 50.0, 60.0, 64.0, 100.0, 128.0, 200.0)
_FRAME_RATES = (20.0, 25.0, 30.0, 30.0, 50.0, 60.0)
_FASTEST = 28.0
"""Radians per second; a thrower's forearm reaches about 25."""
_COARSE = {'forearm': 'wrist', 'shank': 'knee'}


@dataclass(frozen=True)
class _Take:
    """Who does what in a take; enough to make it again."""

    name: str
    subject: str
    pieces: tuple[Piece, ...]


@DATASETS.register_module()
class MotionCaptureDataset(IMUPoseDataset):
    """People of motion capture who wear simulated sensors and are filmed.

    Clips are cut into pieces, which are joined into takes. In training the
    pieces are mirrored, sped up or slowed down, and every take has other
    straps, sensors, rates, cameras and errors of the pose estimator. The
    numbers depend on the arguments only.

    Args:
        sources: Files or folders of motion capture, see
            :func:`~mobind_mm.readers.motions.read_motions`. ``procedural``
            stands for the people of :class:`SyntheticMotionDataset`.
        split: ``train``, ``val`` or ``test``. Splits have different people.
        held_out: Subjects of a source by split, see :data:`HELD_OUT`; all
            others train.
        licences: Beginnings of the licences that may be used, see
            :func:`~mobind_mm.readers.motions.read_motions`; None for all.
        placements: Sensors that people wear.
        variants: How often everything is used, each time anew.
        take_sec: Least length of a take in seconds.
        num_procedural: Number of procedural people, if they are a source.
        imu_rate: Samples per second; drawn for each take if None.
        pose_rate: Frames per second; drawn for each take if None.
        seed: Another seed gives other takes.
        cache_takes: Number of takes to keep in memory.
        **kwargs: ``window_sec``, ``stride_sec``, ``pipeline`` and the other
            arguments of :class:`IMUPoseDataset`.

    Raises:
        FileNotFoundError: If a source is missing.
        ValueError: If an argument is wrong or nobody is left.

    Example:
        >>> dataset = MotionCaptureDataset(
        ...     ['procedural'], num_procedural=1, take_sec=12,
        ...     placements=['left_wrist', 'head'], window_sec=5,
        ...     stride_sec=5,
        ... )
        >>> recording = dataset[0]['recording']
        >>> sorted(recording.imu), recording.pose.layout
        (['head', 'left_wrist'], 'coco')
    """

    SOURCE: ClassVar[str] = 'motion capture, see docs/motion_capture.md'

    def __init__(
        self,
        sources: Sequence[str],
        split: str = 'train',
        held_out: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
        licences: Collection[str] | None = FREE_LICENCES,
        placements: Sequence[str] = SHIPPED_PLACEMENTS,
        variants: int = 1,
        take_sec: float = 30.0,
        num_procedural: int = 24,
        imu_rate: float | None = None,
        pose_rate: float | None = None,
        seed: int = 0,
        cache_takes: int = 16,
        **kwargs: Any,
    ) -> None:
        self.sources = [sources] if isinstance(sources, str) else [*sources]
        self.split = check_choice('split', split, SPLITS)
        self.held_out = HELD_OUT if held_out is None else held_out
        self.licences = None if licences is None else tuple(licences)
        self.placements = tuple(placements)
        self.variants = variants
        self.take_sec = check_rate('take_sec', take_sec)
        self.num_procedural = num_procedural
        self.rates = (imu_rate, pose_rate)
        self.seed = seed
        self._takes: dict[str, _Take] = {}
        self._people: dict[str, list[BodyMotion]] = {}
        self._cache = RecordingCache(cache_takes)
        super().__init__(**kwargs)

    def load_entries(self) -> list[dict]:
        """One entry per take."""
        self._people = self._find_people()
        labels = {m.label for people in self._people.values() for m in people}
        actions = set(ACTIONS) if 'procedural' in self.sources else set()
        classes = sorted({plain_label(x) for x in labels if x} | actions)
        for key, value in dict(
            dataset_name='motion_capture', classes=classes, skeleton='coco'
        ).items():
            self._metainfo.setdefault(key, value)
        entries = []
        for subject, motions in self._people.items():
            for variant in range(self.variants):
                rng = self._rng('plan', subject, variant)
                plan = plan_takes(
                    motions, rng, self.take_sec, variation=self._variation
                )
                for number, pieces in enumerate(plan):
                    name = f'{subject}_v{variant}_t{number:03d}'
                    take = _Take(name, subject, tuple(pieces))
                    entries.append(self._entry(take, motions))
        if 'procedural' in self.sources:
            for index in range(self.num_procedural):
                for variant in range(self.variants):
                    entries.append(self._procedural_entry(index, variant))
        return entries

    def get_recording(self, entry: dict) -> Recording:
        """Recording of an entry; its arrays are read-only."""
        if not self._takes:
            self.load_entries()
        take = self._takes[entry['take']]
        return self._cache.get(take.name, lambda: self._record(take))

    def get_body(self, take: str) -> Body:
        """Ground truth of a take, at :data:`.takes.RATE`."""
        return self._body(self._takes[take])[0]

    @property
    def _variation(self) -> Variation:
        return Variation() if self.split == 'train' else Variation.none()

    def _rng(self, *names: str | int) -> np.random.Generator:
        return derive_rng(self.seed, 'mocap', self.split, *names)

    def _find_people(self) -> dict[str, list[BodyMotion]]:
        """Clips of this split's people, by source and subject."""
        people: dict[str, list[BodyMotion]] = defaultdict(list)
        everybody = set()
        for source in self.sources:
            if source == 'procedural':
                continue
            for motion in _read_once(str(source), self.licences):
                subject = f'{motion.source}/{motion.subject}'
                everybody.add(subject)
                if self._split_of(motion) == self.split:
                    people[subject.replace('/', '-')].append(motion)
        if not people and 'procedural' not in self.sources:
            raise mistake(
                f'{type(self).__name__}({self.sources})',
                f'has nobody in split {self.split!r}',
                'Name people of that split in held_out; there are '
                f'{sorted(everybody)[:20]}',
            )
        if people:
            seconds = sum(m.seconds for ms in people.values() for m in ms)
            print_log(
                f'{type(self).__name__}: {self.split}: {len(people)} '
                f'captured people, {seconds / 60:.1f} min.',
                logger='current',
                level=logging.INFO,
            )
        return dict(people)

    def _split_of(self, motion: BodyMotion) -> str:
        for split, subjects in self.held_out.get(motion.source, {}).items():
            if '*' in subjects or motion.subject in subjects:
                return split
        return 'train'

    def _entry(self, take: _Take, motions: Sequence[BodyMotion]) -> dict:
        edges = _edges(take.pieces)
        labels = [plain_label(motions[p.clip].label) for p in take.pieces]
        acts = [(*edge, label) for edge, label in zip(edges, labels)]
        return self._remember(take, edges[-1][1], acts)

    def _procedural_entry(self, index: int, variant: int) -> dict:
        name = f'procedural-{index:03d}'
        take = _Take(f'{name}_v{variant}', name, ())
        return self._remember(take, self.take_sec, self._acts(take))

    def _remember(
        self,
        take: _Take,
        seconds: float,
        acts: Sequence[tuple[float, float, str]],
    ) -> dict:
        """Entry of a take, of which both edges are left out."""
        self._takes[take.name] = take
        classes = self._metainfo['classes']
        edge = EDGE_SEC + 0.05
        seconds = seconds - edge
        segments = [
            dict(
                start_s=max(start, edge),
                end_s=min(end, seconds),
                label=classes.index(label),
            )
            for start, end, label in acts
            if label in classes
        ]
        return dict(
            take=take.name,
            imu=None,
            pose=None,
            subject=take.subject,
            scene=take.name,
            camera=f'{take.name}_cam',
            start_s=edge,
            end_s=seconds,
            segments=[s for s in segments if s['end_s'] > s['start_s']],
        )

    def _acts(self, take: _Take) -> list[tuple[float, float, str]]:
        """What a procedural person does."""
        rng = self._rng('acts', take.name)
        deck = rng.permutation(list(ACTIONS)).tolist()
        return plan_segments(rng, deck, self.take_sec)

    def _body(self, take: _Take) -> tuple[Body, np.random.Generator]:
        rng = self._rng('take', take.name)
        size = float(rng.uniform(*self._variation.size))
        mirror = bool(rng.random() < self._variation.mirror)
        if take.pieces:
            motions = self._people[take.subject]
            return make_take(motions, take.pieces, size, mirror)[0], rng
        index = int(take.subject.rpartition('-')[2])
        person = Subject.sample(self.seed, self.split, index)
        motion = perform(
            person, self._acts(take), rng, (0.0, 0.0), rng.uniform(-3, 3)
        )
        times = np.arange(int(self.take_sec * RATE) + 1) / RATE
        assert LEAD > 0  # the motion continues at both ends
        return Body(*captured(motion, times)), rng

    def _record(self, take: _Take) -> Recording:
        body, rng = self._body(take)
        errors, mistakes = SensorErrors.sample(rng), PoseErrors.sample(rng)
        if not take.pieces:  # procedural people have no markers
            errors = replace(errors, smooth_hz=None)
        imu_rate = self.rates[0] or float(rng.choice(_IMU_RATES))
        pose_rate = self.rates[1] or float(rng.choice(_FRAME_RATES))
        good = sound_segments(body)
        worn = {
            finer: name
            for name in self.placements
            if PLACES[finer := self._finer(name, rng)].segment in good
        }
        sensors = simulate_sensors(
            *body, RATE, list(worn), rng, imu_rate, errors
        )
        pose = simulate_pose(
            body.positions,
            look_at(body.positions, rng),
            pose_rate,
            rng,
            RATE,
            body.orientations,
            mistakes,
            errors.smooth_hz,
        )
        imu = {worn[name]: stream for name, stream in sensors.items()}
        return Recording(imu, pose)

    def _finer(self, name: str, rng: np.random.Generator) -> str:
        """Where a sensor of a placement is; a wrist's up to the elbow."""
        side, _, part = name.partition('_')
        for finer, coarse in _COARSE.items():
            other = f'{side}_{finer}'
            free = part == coarse and other not in self.placements
            if free and self.split == 'train' and rng.random() < 0.4:
                return other
        return name


def sound_segments(body: Body) -> set[str]:
    """Segments that never turn faster than people do.

    Where markers are mixed up, a segment flips within a few frames. The
    sensors on it are left out of the take.
    """
    quats = body.orientations
    cosine = np.abs((quats[1:] * quats[:-1]).sum(axis=-1)).min(axis=0)
    fastest = 2 * np.arccos(np.clip(cosine, 0, 1)) * RATE
    return {n for n, i in SEGMENT.items() if fastest[i] <= _FASTEST}


def plain_label(label: str) -> str:
    """Class of a clip: what it is called, however well it is done."""
    return label.replace(' (non-optimal)', '').strip()


def _edges(pieces: Sequence[Piece]) -> list[tuple[float, float]]:
    """Where pieces begin and end in a take, without making it."""
    frames = [int(p.seconds * RATE) + 1 for p in pieces]
    total, edges = frames[0], [0.0]
    for count in frames[1:]:
        blend = min(int(BLEND_SEC * RATE), total // 2, count // 2)
        edges.append((total - blend + blend // 2) / RATE)
        total += count - blend
    edges.append((total - 1) / RATE)
    return list(zip(edges, edges[1:]))


@lru_cache(maxsize=8)
def _read_once(
    source: str, licences: tuple[str, ...] | None
) -> list[BodyMotion]:
    """Motions of a source, in single precision, shared by the splits."""
    return [
        replace(
            motion,
            positions=motion.positions.astype(np.float32),
            orientations=motion.orientations.astype(np.float32),
        )
        for motion in read_motions(Path(source), licences)
    ]
