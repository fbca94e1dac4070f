"""The synthetic dataset: simulated people, IMUs and cameras, no files."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, ClassVar

from ...recordings import Recording
from ...registry import DATASETS
from ...utils.arguments import check_choice
from ..imu_pose_dataset import IMUPoseDataset
from .actions import ACTIONS
from .camera import Camera, Detector
from .imu import IMUNoise
from .motion import Motion
from .scenes import Part, plan_scenes
from .simulator import Simulator


@DATASETS.register_module()
class SyntheticMotionDataset(IMUPoseDataset):
    """Simulated people who move, wear six IMUs and are filmed.

    The people of a scene share a clock and a camera. The numbers depend on
    the arguments only: seed, split, subject and take determine the random
    generators, so neither the process nor the order of access matters. The
    splits have different people.

    All recordings are made once, by ``full_init`` (about 60 ms and 1 MB per
    take), and forked workers share them. With a ``cache_takes`` limit they
    are made on access and the latest are kept. A spawned worker starts with
    an empty cache and makes takes on access.

    Args:
        split: ``train``, ``val`` or ``test``.
        num_subjects: Number of people; by default 24, 6 and 12.
        takes_per_subject: Takes per person.
        take_sec: Length of a take in seconds; it is filled with actions of
            4 to 10 s.
        seed: Another seed gives another dataset.
        people: Smallest and largest number of people in a scene.
        imu_noise: Factor on the sensors' usual errors; 0 for perfect sensors.
        detector: Arguments of :class:`Detector`, None for the usual errors,
            or ``'ideal'``.
        imu_rate, pose_rate, imu_jitter: See :class:`.simulator.Simulator`.
        motion_kind: Likewise.
        cache_takes: Number of takes to keep in memory; None keeps all.
        **kwargs: ``window_sec``, ``stride_sec``, ``pipeline`` and the other
            arguments of :class:`IMUPoseDataset`.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> from mobind_mm.datasets import SyntheticMotionDataset
        >>> dataset = SyntheticMotionDataset(
        ...     'test',
        ...     num_subjects=2,
        ...     takes_per_subject=1,
        ...     take_sec=12,
        ...     window_sec=5,
        ...     stride_sec=2,
        ...     cache_takes=2,
        ... )
        >>> len(dataset), dataset.metainfo['classes'][:3]
        (8, ['walk', 'run_in_place', 'wave'])
        >>> recording = dataset[0]['recording']
        >>> sorted(recording.imu)[:3], recording.pose.keypoints.shape
        (['head', 'left_knee', 'left_wrist'], (420, 17, 2))
    """

    SOURCE = 'generated'
    NUM_SUBJECTS: ClassVar[dict[str, int]] = dict(train=24, val=6, test=12)

    def __init__(
        self,
        split: str = 'train',
        num_subjects: int | None = None,
        takes_per_subject: int = 4,
        take_sec: float = 30.0,
        seed: int = 0,
        people: tuple[int, int] = (1, 4),
        imu_noise: float = 1.0,
        detector: dict | str | None = None,
        imu_rate: float = 100.0,
        pose_rate: float = 30.0,
        imu_jitter: float = 0.0,
        motion_kind: str = 'acted',
        cache_takes: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_choice('split', split, list(self.NUM_SUBJECTS))
        self.simulator = Simulator(
            take_sec=float(take_sec),
            imu_rate=float(imu_rate),
            pose_rate=float(pose_rate),
            imu_noise=IMUNoise.scaled(imu_noise),
            imu_jitter=imu_jitter,
            detector=_make_detector(detector),
            motion_kind=motion_kind,
        )
        if num_subjects is None:
            num_subjects = self.NUM_SUBJECTS[split]
        parts = plan_scenes(
            seed,
            split,
            num_subjects,
            takes_per_subject,
            (people[0], people[1]),
        )
        self._parts = {part.take_id: part for part in parts}
        self._cache = RecordingCache(cache_takes)
        super().__init__(**kwargs)

    def load_entries(self) -> list[dict]:
        """One entry per person and take."""
        defaults = dict(
            dataset_name='synthetic',
            classes=list(ACTIONS),
            skeleton='coco',
            format_version=1,
        )
        for key, value in defaults.items():
            self._metainfo.setdefault(key, value)
        return [self._entry(part) for part in self._parts.values()]

    def full_init(self) -> None:
        """Make the windows and, unless ``cache_takes`` is set, the takes."""
        if self._fully_initialized:
            return
        super().full_init()
        if self._cache.size is None:
            for entry in self.load_entries():
                self.get_recording(entry)

    def get_recording(self, entry: dict) -> Recording:
        """Recording of an entry; its arrays are read-only."""
        part = self._part(entry['take'])
        return self._cache.get(
            part.take_id, lambda: self.simulator.record(part)
        )

    def get_motion(self, take: str) -> Motion:
        """Exact motion of a take (an entry's ``take``)."""
        return self.simulator.motion(self._part(take))

    def get_camera(self, take: str) -> Camera:
        """Camera that filmed a take."""
        return self.simulator.camera(self._part(take))

    def _part(self, take: str) -> Part:
        if take not in self._parts:
            raise ValueError(
                f'No take {take!r}; the split has {list(self._parts)}.'
            )
        return self._parts[take]

    def _entry(self, part: Part) -> dict:
        classes, take_sec = list(ACTIONS), self.simulator.take_sec
        return dict(
            take=part.take_id,
            imu=None,
            pose=None,
            subject=part.subject_id,
            scene=part.scene_id,
            camera=f'{part.scene_id}_cam',
            start_s=0.0,
            end_s=take_sec,
            segments=[
                dict(start_s=start, end_s=end, label=classes.index(name))
                for start, end, name in part.segments(take_sec)
            ],
        )


def _make_detector(detector: dict | str | None) -> Detector:
    if detector == 'ideal':
        return Detector.ideal()
    if isinstance(detector, str):
        raise ValueError(
            f"detector must be a dict, None or 'ideal', got {detector!r}."
        )
    return Detector(**(detector or {}))


class RecordingCache:
    """Keep recordings that can be made again at any time.

    Forked workers share the content with their parent, because nobody writes
    to it. A pickled cache is empty and keeps at most ``PICKLED_SIZE``
    recordings, so a spawned worker never holds a copy of the whole dataset.
    A deep copy is the cache itself.

    Args:
        size: Largest number of recordings to keep; None keeps all.
    """

    PICKLED_SIZE = 16

    def __init__(self, size: int | None = None) -> None:
        if size is not None and size < 1:
            raise ValueError(f'A cache holds at least 1 take, got {size}.')
        self.size = size
        self._items: OrderedDict[str, Recording] = OrderedDict()

    def __len__(self) -> int:
        return len(self._items)

    def get(self, key: str, make: Callable[[], Recording]) -> Recording:
        """Recording of a key, made by ``make()`` if it is not in the cache."""
        if key not in self._items:
            self._items[key] = make()
            if self.size is not None and len(self._items) > self.size:
                self._items.popitem(last=False)
        elif self.size is not None:
            self._items.move_to_end(key)
        return self._items[key]

    def __deepcopy__(self, memo: dict) -> RecordingCache:
        return self

    def __reduce__(self) -> tuple:
        size = self.PICKLED_SIZE
        return (RecordingCache, (min(self.size or size, size),))
