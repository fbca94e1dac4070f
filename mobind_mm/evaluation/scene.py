"""One window of the people who are in view together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..utils.similarity import cosine_similarity
from .embedding_table import Table, modality, select
from .functional.localization import person_similarity
from .functional.token_evidence import TOKEN_KINDS, token_evidence

SIMILARITIES = (*TOKEN_KINDS, 'embedding')


def limbs_seen(table: Table, row: int | slice = slice(None)) -> np.ndarray:
    """Limbs of windows of which some token is known: (..., S)."""
    return table['pose_mask'][row] & table['pose_token_mask'][row].any(axis=-1)


@dataclass(frozen=True)
class Scene:
    """The sensor sets and the people of one window of one camera.

    Both are in an order that says nothing: that of a hash of their names,
    another one for sets and for people.

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
        own = [
            token_evidence(
                imu[:, s], pose[:, s], mask[:, s], self.similarity, self.scale
            )
            for s in range(imu.shape[1])
        ]
        evidence = np.stack(own, axis=2)
        return person_similarity(evidence, self.imu_mask, self.pose_mask)

    @cached_property
    def part_evidence(self) -> np.ndarray:
        """(M, S, P, S) of every sensor with every limb."""
        tokens = self._tokens()
        shape = (*tokens[0].shape[:2], *tokens[1].shape[:2])
        flat = [x.reshape(-1, *x.shape[2:]) for x in tokens]
        evidence = token_evidence(*flat, self.part_similarity, self.scale)
        return evidence.reshape(shape)

    def _tokens(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of the sets, of the people, and which of these are known."""
        return (
            self.table['imu_tokens'][self.sets].astype(np.float32),
            self.table['pose_tokens'][self.people].astype(np.float32),
            self.table['pose_token_mask'][self.people],
        )

    def parts(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        """The sensors of one set against the limbs of their wearer.

        Sensors on a limb that is not seen are left out.

        Returns:
            (k, L) evidence and (k,) true limb of k sensors.
        """
        person = self.truth[row]
        limbs = np.flatnonzero(self.pose_mask[person])
        sensors = np.flatnonzero(self.imu_mask[row] & self.pose_mask[person])
        evidence = self.part_evidence[row, :, person][np.ix_(sensors, limbs)]
        return evidence, np.searchsorted(limbs, sensors)

    def slots(self) -> tuple[np.ndarray, np.ndarray]:
        """All sensors, unlabelled, against all limbs of all people.

        Returns:
            (k, L) evidence and (k,) true slot of k sensors whose wearer
            and limb are seen.
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
