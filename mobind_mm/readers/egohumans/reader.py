"""The reader of EgoHumans."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ...recordings.reading import read_source
from ..base import BaseReader, Output, Plan, Streams, Take, register_reader
from ..convert import fingerprint, is_converted
from ..public import EGO_HUMANS
from .people import UP_RULES, VERTICES, make_recordings
from .sequences import EgoSequence, find_sequences, read_bodies, read_poses
from .smpl_model import SMPLBody, read_smpl


@register_reader
class EgoHumansReader(BaseReader):
    """Reads a copy of EgoHumans.

    Source: Khirodkar, Bansal, Ma, Newcombe, Vo and Kitani, "EgoHumans: An
    Egocentric 3D Multi-Human Benchmark", ICCV 2023.

    Args:
        source: Directory that holds the activities, or one above it.
        smpl: SMPL model, see :func:`.smpl_model.read_smpl`.
        camera: Camera with the keypoints.
        up: One of :data:`.people.UP_RULES`, see :func:`.people.find_up`.

    Raises:
        ValueError: If an option is unknown.

    >>> EgoHumansReader('egohumans/data', 'SMPL_NEUTRAL.pkl').camera
    'cam03'
    """

    name = 'egohumans'
    metainfo = EGO_HUMANS.metainfo

    def __init__(
        self,
        source: str | Path,
        smpl: str | Path,
        camera: str = 'cam03',
        up: str = 'axis',
    ) -> None:
        if up not in UP_RULES:
            raise ValueError(f'--up {up!r} must be one of {UP_RULES}.')
        super().__init__(source)
        self.smpl = Path(smpl)
        self.camera = camera
        self.up = up

    @cached_property
    def body(self) -> SMPLBody:
        """The part of the SMPL model that carries sensors.

        Raises:
            FileNotFoundError: If there is no model.
            ValueError: If it is damaged or not a SMPL model.
        """
        return read_smpl(self.smpl, VERTICES)

    @cached_property
    def digest(self) -> str:
        """Digest of the numbers of the SMPL model."""
        digest = hashlib.sha256()
        for array in vars(self.body).values():
            digest.update(array.tobytes())
        return digest.hexdigest()[:16]

    def find(self) -> list[EgoSequence]:
        """Find the sequences, whose activities are classes, and the model.

        Raises:
            FileNotFoundError: If there is no data or no model.
            ValueError: If names are ambiguous, or the model is damaged.
        """
        sequences = find_sequences(self.source)
        activities = {seq.activity: seq.activity_name for seq in sequences}
        classes = [activities[number] for number in sorted(activities)]
        if len(set(classes)) < len(classes):
            raise ValueError(
                f'{self.source}: activities {activities} share a name; each '
                'needs its own, because it is a class.'
            )
        self.metainfo = {**EGO_HUMANS.metainfo, 'classes': classes}
        _ = self.digest  # read once, before workers are started
        return sequences

    def plan(self, job: EgoSequence, dst: Path) -> Plan | None:
        """Take the people from any converted file; its header lists all."""
        made_of = self._made_of(job)
        for path in sorted(dst.glob(f'imu/{job.name}_*.safetensors')):
            try:
                made_of['found'] = read_source(path).get('found')
            except ValueError:  # damaged
                continue
            if made_of['found'] and is_converted(path, made_of):
                return self._plan(job, made_of)
        return None

    def read(
        self, job: EgoSequence, missing: Collection[str] | None
    ) -> tuple[Plan, Iterable[tuple[Output, Streams]]]:
        """Read everyone in a sequence and simulate their sensors.

        Raises:
            ValueError: If a file is damaged, or which way is up is unknown.
        """
        recordings, left_out, up = make_recordings(
            read_poses(job.poses(self.camera)),
            read_bodies(job.bodies()),
            self.body,
            self.up,
            job.name,
        )
        people = sorted(recordings)
        facts = {'people': people, 'left_out': left_out, 'up': up}
        plan = self._plan(job, {**self._made_of(job), 'found': facts})
        contents: list[tuple[Output, Streams]] = []
        for take, person in zip(plan.takes, people):
            recording = recordings[person]
            assert take.imu is not None and recording.pose is not None
            contents.append((take.imu, recording.imu))
            contents.append((take.poses[self.camera], recording.pose))
        return plan, contents

    def check_entries(
        self, entries: Mapping[str, Sequence[Mapping]], notes: Sequence[str]
    ) -> None:
        """Refuse a copy in which nobody is usable.

        Raises:
            ValueError: Naming somebody who was left out, and why.
        """
        if not any(entries.values()):
            reason = next(iter(notes), 'all frames: nobody')
            raise ValueError(
                f'{self.source} has nobody with keypoints in {self.camera} '
                f'and a SMPL body; {reason}. Unpack more sequences or choose '
                'another --camera.'
            )

    def _made_of(self, job: EgoSequence) -> dict[str, Any]:
        """What a sequence is made of, without the people found in it."""
        poses, bodies = job.poses(self.camera), job.bodies()
        return {
            'dataset': 'egohumans',
            'imu': 'simulated',
            'smpl': self.digest,
            'up_rule': self.up,
            'camera': self.camera,
            'sequence': job.name,
            'frames': [len(poses), len(bodies)],
            'fingerprint': fingerprint([*poses.values(), *bodies.values()]),
        }

    def _plan(self, job: EgoSequence, made_of: Mapping[str, Any]) -> Plan:
        """Takes of the people found, and notes on the others."""
        takes = []
        for person in made_of['found']['people']:
            name = f'{job.name}_{person}'
            pose = f'pose/{name}_{self.camera}.safetensors'
            takes.append(
                Take(
                    name=name,
                    # The glasses have a name, not who wears them: another
                    # sequence may have somebody else with the same ones.
                    subject=name,
                    scene=job.name,
                    split=split_of(job.activity, job.number),
                    imu=Output(f'imu/{name}.safetensors', made_of),
                    poses={self.camera: Output(pose, made_of)},
                    label=self.metainfo['classes'].index(job.activity_name),
                )
            )
        left_out = made_of['found']['left_out']
        notes = [
            f'left out {job.name}_{person}: {reason}'
            for person, reason in left_out.items()
        ]
        return Plan(takes, notes)


def split_of(activity: int, sequence: int) -> str:
    """Published split: 1 to 4 test and 5 validates, but not of activity 2."""
    if activity in (1, 3, 4, 5, 6, 7) and sequence <= 5:
        return 'val' if sequence == 5 else 'test'
    return 'train'
