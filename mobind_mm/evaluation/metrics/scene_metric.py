"""The people who are in view together: scenes, and metrics over them."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ...utils.arguments import check_choice, check_rate
from ...utils.similarity import cosine_similarity
from ..embedding_table import Table, modality, select, stack_rows
from ..functional.localization import person_similarity
from ..functional.token_evidence import TOKEN_KINDS, token_evidence
from .embedding_metric import EmbeddingMetric

SIMILARITIES = (*TOKEN_KINDS, 'embedding')
_TOKEN_KEYS = ('imu_tokens', 'pose_tokens', 'pose_token_mask')


def limbs_seen(table: Table, row: int | slice = slice(None)) -> np.ndarray:
    """Limbs (..., S) of windows that have a known token."""
    return table['pose_mask'][row] & table['pose_token_mask'][row].any(axis=-1)


@dataclass(frozen=True)
class Scene:
    """The sensor sets and the people of one window of one camera.

    Both are in an uninformative order: that of a hash of their names, a
    different one for sets and for people.

    Args:
        table: Columns of the windows of all people.
        sets: (M,) rows of the windows with sensors.
        people: (P,) rows of the windows with a person in view.
        similarity: One of :data:`SIMILARITIES`, of sets and people.
        part_similarity: One of the token kinds, of sensors and limbs.
        scale: Of :func:`.functional.token_evidence.token_evidence`.
    """

    table: Table
    sets: np.ndarray
    people: np.ndarray
    similarity: str
    part_similarity: str
    scale: float

    @property
    def truth(self) -> np.ndarray:
        """(M,) person who wears each set, -1 if out of view."""
        column = {row: i for i, row in enumerate(self.people.tolist())}
        return np.array([column.get(i, -1) for i in self.sets.tolist()], int)

    @property
    def imu_mask(self) -> np.ndarray:
        """(M, S) sensors present."""
        return self.table['imu_mask'][self.sets]

    @property
    def pose_mask(self) -> np.ndarray:
        """(P, S) limbs seen."""
        return limbs_seen(self.table)[self.people]

    def ids(self, row: int) -> dict:
        """What names the window in a row of ``table``."""
        keys = ('scene', 'camera', 'window_start', 'take', 'subject')
        return {key: self.table[key][row] for key in keys}

    def closed(self) -> Scene:
        """The scene without the sets whose wearer is out of view."""
        return replace(self, sets=self.sets[self.truth >= 0])

    @cached_property
    def subjects(self) -> np.ndarray:
        """(M, P) similarity of sensor sets and people."""
        if self.similarity == 'embedding':
            imu, imu_mask = modality(select(self.table, self.sets), 'imu')
            pose, pose_mask = modality(select(self.table, self.people), 'pose')
            return cosine_similarity(imu, pose, imu_mask, pose_mask)
        imu, pose, mask = self._tokens()
        evidence = [
            token_evidence(
                imu[:, s], pose[:, s], mask[:, s], self.similarity, self.scale
            )
            for s in range(imu.shape[1])
        ]
        return person_similarity(
            np.stack(evidence, axis=2), self.imu_mask, self.pose_mask
        )

    @cached_property
    def part_evidence(self) -> np.ndarray:
        """(M, S, P, S) of every sensor with every limb."""
        imu, pose, mask = self._tokens()
        evidence = token_evidence(
            imu.reshape(-1, *imu.shape[2:]),
            pose.reshape(-1, *pose.shape[2:]),
            mask.reshape(-1, *mask.shape[2:]),
            self.part_similarity,
            self.scale,
        )
        return evidence.reshape(*imu.shape[:2], *pose.shape[:2])

    def _tokens(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of the sets, of the people, and which of these are known."""
        return (
            self.table['imu_tokens'][self.sets].astype(np.float32),
            self.table['pose_tokens'][self.people].astype(np.float32),
            self.table['pose_token_mask'][self.people],
        )

    def parts(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        """Evidence (k, L) and true limb (k,) of k sensors of one wearer.

        Sensors on a limb that is not seen are left out.
        """
        person = self.truth[row]
        limbs = np.flatnonzero(self.pose_mask[person])
        sensors = np.flatnonzero(self.imu_mask[row] & self.pose_mask[person])
        evidence = self.part_evidence[row, :, person][np.ix_(sensors, limbs)]
        return evidence, np.searchsorted(limbs, sensors)

    def slots(self) -> tuple[np.ndarray, np.ndarray]:
        """All sensors, unlabelled, against all limbs of all people.

        (k, L) evidence and (k,) true slot of k sensors whose wearer and limb
        are seen.
        """
        num_sets, num_limbs, num_people, _ = self.part_evidence.shape
        seen = self.pose_mask
        worn_seen = self.imu_mask & seen[self.truth]
        worn_seen &= (self.truth >= 0)[:, None]
        slots = np.flatnonzero(seen)
        true = self.truth[:, None] * num_limbs + np.arange(num_limbs)
        flat = self.part_evidence.reshape(
            num_sets * num_limbs, num_people * num_limbs
        )
        flat = flat[np.ix_(np.flatnonzero(worn_seen), slots)]
        return flat, np.searchsorted(slots, true[worn_seen])


def group_scenes(
    table: Table,
    similarity: str = 'token_posterior',
    part_similarity: str = 'tokens',
    scale: float = 10.0,
) -> list[Scene]:
    """Group windows by scene, camera and start.

    Args:
        table: Columns with tokens, see
            :mod:`mobind_mm.evaluation.embedding_table`.
        similarity: ``token_posterior``, ``tokens`` or ``embedding``.
        part_similarity: ``token_posterior`` or ``tokens``.
        scale: Inverse temperature of ``token_posterior``.

    Raises:
        ValueError: If tokens or an id are missing, a person is in a window
            twice, or the windows of people who share a scene do not start
            together.
    """
    if 'imu_tokens' not in table:
        raise ValueError(
            'Localisation compares tokens, and these embeddings have none; '
            'write them with DumpEmbeddings(..., tokens=True) (mobind test '
            '--dump-tokens).'
        )
    groups: dict[tuple, list[int]] = {}
    for row in range(len(table['role'])):
        groups.setdefault(_place(table, row), []).append(row)
    _check_groups(table, groups)
    scenes = []
    for rows in groups.values():
        worn = [row for row in rows if table['imu_mask'][row].any()]
        seen = [row for row in rows if limbs_seen(table, row).any()]
        scenes.append(
            Scene(
                table,
                sets=_mixed(table, worn, 'imu'),
                people=_mixed(table, seen, 'pose'),
                similarity=similarity,
                part_similarity=part_similarity,
                scale=scale,
            )
        )
    return scenes


def _place(table: Table, row: int) -> tuple:
    """Scene, camera and start in ms of a window."""
    for key in ('scene', 'window_start'):
        if table[key][row] is None:
            raise ValueError(
                f'Localisation needs {key!r} of every window: keep it in '
                'meta_keys of PackIMUPose.'
            )
    start = round(float(table['window_start'][row]) * 1000)
    return table['scene'][row], table['camera'][row], start


def _check_groups(table: Table, groups: dict[tuple, list[int]]) -> None:
    people: dict[tuple, dict[tuple, list[int]]] = {}
    for place, rows in groups.items():
        names = [_name(table, row) for row in rows]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(
                f'scene {place[0]!r}, camera {place[1]!r} at '
                f'{place[2] / 1000} s has subject {twice[1]!r}, take '
                f'{twice[0]!r} twice; evaluate each window once.'
            )
        starts = people.setdefault(place[:2], {})
        for name in names:
            starts.setdefault(name, []).append(place[2])
    together = max(map(len, groups.values()), default=0)
    for (scene, camera), starts in people.items():
        if len(starts) > 1 and (together < 2 or _has_strides_apart(starts)):
            raise ValueError(
                f'scene {scene!r}, camera {camera!r} has {len(starts)} '
                'people whose windows do not start together; set '
                "anchor='clock' and a stride_sec in the data set."
            )


def _has_strides_apart(starts: dict[tuple, list[int]]) -> bool:
    """Whether somebody's windows (starts in ms) lie on a grid of their own."""
    gaps = [gap for ts in starts.values() for gap in np.diff(sorted(ts))]
    if not gaps:
        return False
    stride = min(gaps)
    for name, times in starts.items():
        others = [t for n, ts in starts.items() if n != name for t in ts]
        if set(times) & set(others):
            continue
        count = min(abs(t - times[0]) for t in others) / stride
        # Starts and stride are rounded to ms.
        if abs(count - round(count)) > (count + 2) / stride:
            return True
    return False


def _name(table: Table, row: int) -> tuple:
    return table['take'][row], table['subject'][row]


def _mixed(table: Table, rows: list[int], use: str) -> np.ndarray:
    """Rows in the order of a hash of their names."""

    def digest(row: int) -> bytes:
        name = repr((use, *_place(table, row), *_name(table, row)))
        return hashlib.sha256(name.encode()).digest()

    return np.array(sorted(rows, key=digest), int)


class SceneMetric(EmbeddingMetric):
    """What the localisation metrics share.

    Args:
        similarity: How a sensor set is compared with a person:
            ``token_posterior``, how probably the tokens of one stream find
            the simultaneous ones of the other; ``tokens``, the mean cosine
            of simultaneous tokens, both averaged over the sensors at their
            own limbs; ``embedding``, the cosine of the clip embeddings.
        part_similarity: How a sensor is compared with a limb:
            ``token_posterior`` or ``tokens``.
        scale: Inverse temperature of ``token_posterior``.
        **kwargs: ``dump``, ``collect_device`` and ``prefix`` of
            :class:`EmbeddingMetric`.

    Raises:
        ValueError: If an argument is unknown or not positive.
    """

    default_prefix = 'localization'
    roles: ClassVar[tuple[str, ...]] = ('query',)
    """Roles of the windows that take part."""

    def __init__(
        self,
        similarity: str = 'token_posterior',
        part_similarity: str = 'tokens',
        scale: float = 10.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(tokens=True, **kwargs)
        self.similarity = check_choice('similarity', similarity, SIMILARITIES)
        self.part_similarity = check_choice(
            'part_similarity', part_similarity, TOKEN_KINDS
        )
        self.scale = check_rate('scale', scale)

    def process(self, data_batch: object, data_samples: Sequence) -> None:
        """Keep one batch; windows of other roles without their tokens."""
        first = len(self.results)
        super().process(data_batch, data_samples)
        for row in self.results[first:]:
            if row['role'] not in self.roles:
                for key in _TOKEN_KEYS:
                    del row[key]

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Values of the metric from the rows of all processes.

        Raises:
            ValueError: If no window has a role that takes part.
        """
        rows = [row for row in results if row['role'] in self.roles]
        if not rows:
            raise ValueError(
                f'None of {len(results)} windows has a role of {self.roles}; '
                "check the data set's role."
            )
        return self.evaluate_table(stack_rows(rows))

    def scenes_of(self, table: Table, role: str) -> list[Scene]:
        """Scenes of the windows of one role."""
        table = select(table, np.asarray(table['role']) == role)
        return group_scenes(
            table, self.similarity, self.part_similarity, self.scale
        )

    @abstractmethod
    def evaluate_table(self, table: Table) -> dict[str, float]:
        """Values of the metric; keys without the prefix."""
