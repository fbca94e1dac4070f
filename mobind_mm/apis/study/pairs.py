"""Evidence about the pairs of a study, and the answers of likely ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...checks.plausibility import comparable_sensors
from ...recordings import Recording, notes_of, read_imu, read_pose
from ...synchronization.pairing import PairEvidence, pair_evidence
from ...utils.errors import READ_ERRORS
from ...utils.results import write_json
from ..sync_reasons import check_sides, name_jumps
from ..synchronizing import align, pictures_of, plain_answer, searched
from .signals import Prepared, load_limbs, load_sensors

VERSION = 2
Row = dict[str, dict[str, PairEvidence]]
"""Evidence of a recording, by video and person."""


@dataclass(frozen=True)
class Settings:
    """How pairs are synchronised; see :func:`..synchronizing.align`."""

    max_offset: float | None = None
    around: float | None = None
    drift: bool | None = None
    synchronizer: str = 'signals'

    @property
    def search(self) -> tuple[float, float] | None:
        """Smallest and largest offset; None for all."""
        if self.max_offset is None and self.around is None:
            return None
        reach = 10.0 if self.max_offset is None else self.max_offset
        middle = self.around or 0.0
        return middle - reach, middle + reach


def compare(
    recording: Prepared,
    videos: Sequence[Prepared],
    out: Path,
    settings: Settings,
) -> Row:
    """Evidence of a recording about everybody in all videos.

    It is kept in one file for each recording; what is there of the same
    content is not made again.

    Args:
        recording: Its signals are known.
        videos: Likewise.
        out: Directory of the results.
        settings: How far to search.
    """
    path = out / 'evidence' / f'{recording.source.slug}.json'
    made_of = [VERSION, recording.made_of, settings.search]
    kept = _read(path)
    known = kept.get('videos')
    same = kept.get('made_of') == json.loads(json.dumps(made_of))
    if not same or not isinstance(known, dict):
        known = {}
    sensors: dict[str, Any] = {}
    result: dict[str, Any] = {}
    for video in videos:
        before = known.get(video.name)
        if _is_evidence(before, video):
            result[video.name] = before
            continue
        sensors = sensors or load_sensors(recording, out)
        people = {
            person: asdict(pair_evidence(sensors, limbs, settings.search))
            for person, limbs in load_limbs(video, out, [*sensors]).items()
        }
        result[video.name] = {'made_of': video.made_of, 'people': people}
    if sensors or {*known} != {*result}:
        write_json(path, {'made_of': made_of, 'videos': result})
    return {
        video: {
            person: PairEvidence(**numbers)
            for person, numbers in row['people'].items()
        }
        for video, row in result.items()
    }


def _is_evidence(row: Any, video: Prepared) -> bool:
    """Whether a row of a file is evidence about a video as it is now."""
    try:
        people = row['people']
        every = [asdict(PairEvidence(**people[n])) for n in video.members]
        numbers = [x for one in every for x in one.values()]
        fine = all(isinstance(x, (int, float)) for x in numbers)
        return fine and row['made_of'] == video.made_of
    except (KeyError, TypeError):
        return False


def _read(path: Path) -> dict[str, Any]:
    """A file that is there and whole, else nothing."""
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


@dataclass(frozen=True)
class Likely:
    """A recording, a video, and who may wear the sensors.

    ``explained``: whether to find out why there is no answer.
    """

    recording: Prepared
    video: Prepared
    person: str
    explained: bool = True

    @property
    def folder(self) -> str:
        """Name of the folder of its results."""
        who = ''
        if len(self.video.members) > 1:
            who = f'-{[*self.video.members].index(self.person)}'
        return f'{self.recording.source.slug}--{self.video.source.slug}{who}'


def synchronize_pair(
    pair: Likely, out: Path, settings: Settings
) -> dict[str, Any]:
    """Synchronise a likely pair as ``mobind sync`` does, by signals alone.

    Writes ``sync.json``, the last of its files, and pictures. Where there is
    no answer, ``problem`` says why.
    """
    path = out / 'pairs' / pair.folder / 'sync.json'
    made_of = {
        'version': VERSION,
        'recording': [pair.recording.name, pair.recording.made_of],
        'video': [pair.video.name, pair.video.made_of],
        'person': pair.person,
        'explained': pair.explained,
        **asdict(settings),
    }
    kept = _read(path)
    if kept.get('made_of') == made_of:
        return kept
    try:
        answer = _answer(pair, out, settings)
    except READ_ERRORS as error:
        return {'problem': str(error)}
    write_json(path, {**answer, 'made_of': made_of})
    return answer


def _answer(pair: Likely, out: Path, settings: Settings) -> dict[str, Any]:
    from ... import visualization
    from ...visualization.figures import to_image, write_image

    streams = read_pair(pair, out)
    notes = notes_of(streams)
    streams, about = comparable_sensors(streams)
    search = searched(streams, settings.max_offset, settings.around)
    clock = align(streams, **asdict(settings), explained=False)
    if not clock.abstained:
        clock = name_jumps(streams, check_sides(streams, clock))
    elif pair.explained:  # it takes long to find out why
        clock = align(streams, **asdict(settings))
    answer = plain_answer(clock, streams, search)
    answer['model_used'] = False
    answer['of_clock'] = answer['notes']
    answer['notes'] = [*notes, *about, *answer['notes']]
    folder = out / 'pairs' / pair.folder
    for kind, picture in pictures_of(clock):
        draw = getattr(visualization, f'draw_{kind}')
        write_image(folder / f'{kind}.png', to_image(draw(**picture)))
    return answer


def read_pair(pair: Likely, out: Path) -> Recording:
    """Sensors and one person, as they were read."""
    sensors = next(iter(pair.recording.streams(out).values()))
    return Recording(
        read_imu(sensors), read_pose(pair.video.streams(out)[pair.person])
    )
