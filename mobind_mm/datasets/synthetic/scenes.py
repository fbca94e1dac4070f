"""The plan of a split: who performs what, when and with whom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .actions import ACTIONS
from .camera import Camera
from .noise import derive_rng

_APART = 2.6
"""Metres between neighbours in a scene."""

_LONGEST_MEAN = 7.5
"""Largest mean length of a take's segments in seconds."""


@dataclass(frozen=True)
class Part:
    """One person's part in a scene.

    Args:
        seed, split: Arguments of the dataset.
        subject: Index of the person in the split.
        take: Index of the person's take.
        scene: Index of the scene among those of the same take index.
        place: Index of the person's place in the scene.
        people: Number of people in the scene.
    """

    seed: int
    split: str
    subject: int
    take: int
    scene: int
    place: int
    people: int

    @property
    def subject_id(self) -> str:
        """Name of the person."""
        return f'{self.split}-{self.subject:03d}'

    @property
    def take_id(self) -> str:
        """Name of the take."""
        return f'{self.subject_id}_t{self.take:02d}'

    @property
    def scene_id(self) -> str:
        """Name of the scene."""
        return f'{self.split}_t{self.take:02d}_s{self.scene:03d}'

    def rng(self, use: str) -> np.random.Generator:
        """Random generator of this person's take for one use."""
        return derive_rng(
            self.seed, use, self.split, 'take', self.subject, self.take
        )

    def scene_rng(self, use: str) -> np.random.Generator:
        """Random generator that the people of the scene share for one use."""
        return derive_rng(
            self.seed, use, self.split, 'scene', self.take, self.scene
        )

    def segments(self, take_sec: float) -> list[tuple[float, float, str]]:
        """What the person does: (start, end, action) in seconds."""
        deck = derive_rng(
            self.seed, 'deck', self.split, self.subject
        ).permutation(list(ACTIONS))
        # The next take continues in the deck where the shortest one would
        # end, so that a person performs every action sooner or later.
        step = max(int(take_sec / _LONGEST_MEAN), 1)
        deck = np.roll(deck, -step * self.take).tolist()
        return plan_segments(self.rng('segments'), deck, take_sec)

    def position(self) -> tuple[float, float]:
        """Place of the person on the floor, in metres."""
        rng = self.scene_rng('places')
        first = rng.uniform(0, 2 * np.pi)
        jitter = rng.uniform(-0.2, 0.2, (self.people, 2))[self.place]
        angle = first + 2 * np.pi * self.place / self.people
        x, y = self._ring() * np.array([np.cos(angle), np.sin(angle)]) + jitter
        return float(x), float(y)

    def camera(self) -> Camera:
        """Camera of the scene."""
        return Camera.sample(self.scene_rng('camera'), self._ring() + 1.5)

    def _ring(self) -> float:
        """Radius of the circle of places."""
        if self.people == 1:
            return 0.0
        return 0.5 * _APART / np.sin(np.pi / self.people)


def plan_scenes(
    seed: int,
    split: str,
    num_subjects: int,
    takes_per_subject: int,
    people: tuple[int, int],
) -> list[Part]:
    """Group the takes of a split into scenes.

    For every take index, the people are shuffled and grouped; the last group
    gets the rest. Arguments are those of :class:`SyntheticMotionDataset`.
    Returns the parts, sorted by person and take.

    Raises:
        ValueError: If a number is below 1 or ``people`` is not a range.
    """
    for name, value in (
        ('num_subjects', num_subjects),
        ('takes_per_subject', takes_per_subject),
    ):
        if value < 1:
            raise ValueError(f'{name} must be at least 1, got {value}.')
    if not 1 <= people[0] <= people[1]:
        raise ValueError(
            'people must be the (smallest, largest) number of people in a '
            f'scene, at least 1, got {people}.'
        )
    parts = []
    for take in range(takes_per_subject):
        rng = derive_rng(seed, 'scenes', split, take, num_subjects)
        left = rng.permutation(num_subjects).tolist()
        scene = 0
        while left:
            group = left[: rng.integers(people[0], people[1] + 1)]
            left = left[len(group) :]
            for place, subject in enumerate(group):
                parts.append(
                    Part(seed, split, subject, take, scene, place, len(group))
                )
            scene += 1
    return sorted(parts, key=lambda p: (p.subject, p.take))


def plan_segments(
    rng: np.random.Generator, deck: list[str], take_sec: float
) -> list[tuple[float, float, str]]:
    """Tile a take with segments of 4 to 10 s: start, end (s) and action.

    Actions are performed in the order of ``deck``, which is repeated. Below 8
    s a take is one segment.
    """
    least, most = int(np.ceil(take_sec / 10)), int(take_sec / 4)
    count = np.clip(
        round(take_sec / rng.uniform(5, _LONGEST_MEAN)), least, most
    )
    count = max(int(count), 1)
    mean = take_sec / count
    spread = rng.uniform(-1, 1, count)
    spread -= spread.mean()
    low, high = np.maximum([-spread.min(), spread.max()], 1e-9)
    lengths = mean + spread * min(3, (mean - 4) / low, (10 - mean) / high)
    edges = np.concatenate([[0.0], np.cumsum(lengths)]).tolist()
    edges[-1] = float(take_sec)
    names = [deck[i % len(deck)] for i in range(count)]
    return list(zip(edges, edges[1:], names))
