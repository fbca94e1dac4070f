"""Many recordings and many videos: which belong together, and their offsets.

Three steps, each of which keeps its results in files of their own and takes
up what an earlier run has left: streams and signals of every file, evidence
about all pairs, and the synchronisation of the likely pairs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import logit

from ...readers.convert import convert_all
from ...synchronization.assignment import assign, log_odds, probabilities
from ...utils.errors import first_few
from ..sync_reasons import WHY
from .files import Source
from .pairs import Likely, Settings, compare, synchronize_pair
from .signals import Prepared, prepare

SURE = 0.9
"""Pairs that are less probable are doubtful."""
TELLING_SEC = 20.0
"""Shorter recordings or videos may fit none although one is theirs: of
simulated pairs, 3 of 12 are found in 12 s, 11 in 20 s."""
LIKELY = 0.05
"""Pairs that are as probable are synchronised."""
_FITS = 0.25
"""What is as probable fits, even if another one fits better."""
_MOST = 0.999
_ASKED = 2
"""A recording is synchronised with the video that is best for it, and with the
one that it is best for; each is the less probable beforehand."""
_GIVEN = 60.0
"""Log odds of what the user says."""

COLUMNS = (
    'state', 'recording', 'video', 'person', 'confidence', 'offset_s',
    'at_video_s', 'drift_ppm', 'offset_confidence', 'reason', 'folder',
)  # fmt: skip
"""Keys of a row of :class:`Study`."""


@dataclass
class Study:
    """What belongs together.

    Args:
        rows: One mapping for each pair, and for each recording and video
            that is left over: ``state``, which is ``sure``, ``doubtful`` or
            ``left over``; ``recording``, ``video`` and ``person``;
            ``confidence``, the probability that they belong together, or
            that what is left over belongs to none of the others (None if it is
            too short to tell);
            ``offset_s``, ``at_video_s``, ``drift_ppm`` as in ``sync.json``,
            and ``offset_confidence``, how probable they are if the pair is
            right; ``reason``, why it is not sure, and what one offset does not
            say of the clocks; and ``folder`` of the files of the pair.
        recordings: The recordings.
        videos: The videos.
        others: Files that hold neither.
        probability: (N, V) that a recording belongs to a video.
    """

    rows: list[dict[str, Any]]
    recordings: list[Prepared]
    videos: list[Prepared]
    others: list[Prepared]
    probability: np.ndarray

    @property
    def is_certain(self) -> bool:
        """Whether everything has a partner, and surely."""
        return all(row['state'] == 'sure' for row in self.rows)

    @property
    def notes(self) -> list[str]:
        """What was repaired, left out or assumed."""
        files = [*self.recordings, *self.videos]
        return [note for file in files for note in file.notes]


def run_study(
    sources: Sequence[Source],
    out: str | Path,
    known: Collection[tuple[str, str]] = (),
    settings: Settings | None = None,
    workers: int = 1,
    shard: tuple[int, int] | None = None,
) -> Study | None:
    """Find which recordings and videos belong together.

    ``known`` are names of recordings and videos that belong together. Of a
    ``shard``, number from 1 and count, only that part of the recordings is
    compared, and nothing assigned.

    Returns:
        The result; None of a shard.

    Raises:
        ValueError: If there are no recordings or no videos.
    """
    out, settings = Path(out), settings or Settings()
    if not sources:
        raise ValueError('There is no file in this study; check the path.')
    made = convert_all(partial(prepare, out=out), sources, workers, 'Reading')
    recordings = [p for p in made if p.side == 'imu']
    videos = [p for p in made if p.side == 'pose']
    others = [p for p in made if not p.side]
    usable = [p for p in recordings if not p.problem]
    seen = [p for p in videos if not p.problem]
    _check(usable, seen, made)
    job = partial(compare, videos=seen, out=out, settings=settings)
    part = usable if shard is None else usable[shard[0] - 1 :: shard[1]]
    rows = convert_all(job, part, workers, 'Comparing') if part else []
    if shard is not None:
        return None
    people = [(video, person) for video in seen for person in video.members]
    odds = log_odds([[row[v.name][p] for v, p in people] for row in rows])
    _insist(odds, usable, people, known)
    answers: dict[tuple[int, int], dict[str, Any]] = {}
    table = _Table(usable, seen, people, odds)
    asked = table.likely()
    while asked:
        results = convert_all(
            partial(synchronize_pair, out=out, settings=settings),
            [*asked.values()],
            workers,
            'Synchronising',
        )
        answers.update(zip(asked, results))
        table = _Table(usable, seen, people, _confirmed(odds, answers))
        asked = {k: v for k, v in table.pairs().items() if k not in answers}
    pairs = list(table.rows(answers, set(known)))
    return Study(
        [*pairs, *map(_broken, (p for p in made if p.problem))],
        recordings,
        videos,
        others,
        table.by_video,
    )


def _check(
    recordings: Sequence[Prepared],
    videos: Sequence[Prepared],
    files: Sequence[Prepared],
) -> None:
    """Refuse a study without recordings or videos."""
    for side, what in ((recordings, 'recording'), (videos, 'video')):
        if side:
            continue
        reasons = [f'{p.name}: {p.problem}' for p in files if p.problem]
        rest = f' ({len(reasons) - 1} more like this)' if reasons[1:] else ''
        raise ValueError(
            f'No {what} of the {len(files)} files can be used.'
            + (f' {reasons[0]}{rest}' if reasons else '')
        )


def _insist(
    odds: np.ndarray,
    recordings: Sequence[Prepared],
    people: Sequence[tuple[Prepared, str]],
    known: Collection[tuple[str, str]],
) -> None:
    """Change the odds (N, P) as the user knows; who it is remains open."""
    videos = np.array([video.name for video, _ in people])
    for i, recording in enumerate(recordings):
        given = [v for r, v in known if r == recording.name and v in videos]
        if given:
            inside = np.isin(videos, given)
            odds[i] = np.where(inside, np.maximum(odds[i], -9.0), -np.inf)
            odds[i, inside] += _GIVEN


def _confirmed(
    odds: np.ndarray, answers: Mapping[tuple[int, int], Mapping[str, Any]]
) -> np.ndarray:
    """The odds (N, P), with what the synchronised pairs add.

    Where movements repeat themselves, as in walking, the quick look at all
    pairs tells which is best, but not how sure that is; the offset does.
    """
    odds = odds.copy()
    for pair, answer in answers.items():
        if 'problem' not in answer and not answer['abstained']:
            sure = float(logit(min(answer['confidence'], _MOST)))
            odds[pair] = max(odds[pair], sure - np.log(_ASKED))
    return odds


class _Table:
    """The assignment, and what is said of each recording and video.

    Of N recordings, V videos and P people, each with his video; ``odds`` are
    the (N, P) log odds of each pair.
    """

    def __init__(
        self,
        recordings: Sequence[Prepared],
        videos: Sequence[Prepared],
        people: Sequence[tuple[Prepared, str]],
        odds: np.ndarray,
    ) -> None:
        self.recordings, self.videos, self.people = recordings, videos, people
        self.odds, self.chance = odds, probabilities(odds)
        self.chosen = assign(odds)
        names = [video.name for video in videos]
        self.at = np.array([names.index(video.name) for video, _ in people])
        by_video = np.zeros((len(recordings), len(videos)))
        np.add.at(by_video.T, self.at, self.chance.T)
        self.by_video = np.minimum(by_video, _MOST)
        self.video_of = np.where(self.chosen >= 0, self.at[self.chosen], -1)

    def likely(self) -> dict[tuple[int, int], Likely]:
        """What is synchronised, by recording and person."""
        best = np.where(np.isfinite(self.odds), self.odds, -np.inf)
        wanted = (best == best.max(axis=1, keepdims=True)) & (best > -np.inf)
        for v in range(len(self.videos)):
            inside = np.where(self.at == v, best, -np.inf)
            wanted |= (inside == inside.max()) & (inside > -np.inf)
        explained = self.by_video >= LIKELY
        for i, v in np.argwhere(explained).tolist():
            wanted[i, self.who(i, v)] = True
        likely_pairs = {
            (i, p): Likely(
                self.recordings[i],
                *self.people[p],
                bool(explained[i, self.at[p]]),
            )
            for i, p in np.argwhere(wanted).tolist()
        }
        return {**likely_pairs, **self.pairs()}

    def pairs(self) -> dict[tuple[int, int], Likely]:
        """What belongs together, by recording and person."""
        return {
            (i, p): Likely(self.recordings[i], *self.people[p])
            for i, p in enumerate(self.chosen.tolist())
            if p >= 0
        }

    def who(self, i: int, v: int) -> int:
        """Who in a video wears the sensors, if anybody does."""
        if self.video_of[i] == v:
            return int(self.chosen[i])
        inside = np.where(self.at == v, self.odds[i], -np.inf)
        if np.isneginf(inside).all():
            return int(np.argmax(self.at == v))
        return int(np.argmax(inside))

    def rows(
        self,
        answers: Mapping[tuple[int, int], Mapping[str, Any]],
        known: Collection[tuple[str, str]],
    ) -> Iterator[dict[str, Any]]:
        """Pairs, sure ones first, then what is left over."""
        rows = [
            self._pair(*pair, answer=answers[pair], known=known)
            for pair in self.pairs()
        ]
        yield from sorted(rows, key=lambda row: row['state'] != 'sure')
        taken = {*self.video_of.tolist()}
        for i in np.flatnonzero(self.video_of < 0).tolist():
            one, chance = self.recordings[i], self.by_video[i]
            yield {
                **_EMPTY,
                'recording': one.name,
                **self._lonely(one, chance, self.videos, taken),
            }
        paired = {*np.flatnonzero(self.video_of >= 0).tolist()}
        for v in range(len(self.videos)):
            if v not in taken:
                one, chance = self.videos[v], self.by_video[:, v]
                yield {
                    **_EMPTY,
                    'video': one.name,
                    **self._lonely(one, chance, self.recordings, paired),
                }

    def _pair(
        self,
        i: int,
        p: int,
        answer: Mapping[str, Any],
        known: Collection[tuple[str, str]],
    ) -> dict[str, Any]:
        v = int(self.at[p])
        names = self.recordings[i].name, self.videos[v].name
        likely = Likely(self.recordings[i], *self.people[p])
        row: dict[str, Any] = {
            **_EMPTY,
            'recording': names[0],
            'video': names[1],
            'person': likely.person,
            'confidence': float(self.by_video[i, v]),
            'folder': f'pairs/{likely.folder}',
        }
        reasons = []
        if names in known:
            row['confidence'] = 1.0
        elif row['confidence'] < SURE:
            reasons.append(self._rivals(i, v))
        inside = self.chance[i][self.at == v].sum()
        share = self.chance[i, p] / max(inside, 1e-12)
        if share < SURE and (self.at == v).sum() > 1:
            reasons.append(
                f'of the people in this video, {likely.person} is '
                f'{share:.2f} probable'
            )
        if 'problem' in answer:
            reasons.append(f'cannot be synchronised: {answer["problem"]}')
        else:
            for key in ('offset_s', 'at_video_s', 'drift_ppm'):
                row[key] = answer[key]
            row['offset_confidence'] = answer['confidence']
            if answer['abstained']:
                reasons.append(
                    f'the offset is refused ({answer["reason"]}): '
                    f'{WHY[answer["reason"]]}'
                )
        row['state'] = 'doubtful' if reasons else 'sure'
        row['reason'] = '; '.join([*reasons, *answer.get('of_clock', ())])
        return row

    def _rivals(self, i: int, v: int) -> str:
        """What else may be true of a doubtful pair."""
        others = self.by_video.copy()
        others[i, v] = 0
        # Those of other people in it are no rivals.
        with_others = (self.video_of == v) & (self.chosen != self.chosen[i])
        others[with_others, v] = 0
        row, column = int(others[i].argmax()), int(others[:, v].argmax())
        texts = [
            (others[i, row], f'it fits {self.videos[row].name}, too'),
            (
                others[column, v],
                f'the video fits {self.recordings[column].name}, too',
            ),
        ]
        said = [f'{t} ({c:.2f})' for c, t in texts if c >= LIKELY]
        return '; '.join(said) or 'the movements agree too little to be sure'

    def _lonely(
        self,
        one: Prepared,
        chance: np.ndarray,
        partners: Sequence[Prepared],
        taken: Collection[int],
    ) -> dict[str, Any]:
        """Why something is left over, and how surely.

        ``taken`` are the indices of partners that belong to another one.
        """
        best = int(np.argmax(chance))
        name, share = partners[best].name, f'{chance[best]:.2f}'
        shared = min(one.seconds, max(other.seconds for other in partners))
        sure: float | None = 1 - min(float(chance.sum()), 1.0)
        if best in taken and chance[best] >= _FITS:
            reason = f'fits {name} ({share}), which another one fits, too'
        elif shared < TELLING_SEC:
            sure = None
            reason = (
                f'{shared:.1f} s are too short to tell what it belongs to; '
                f'compare {TELLING_SEC:g} s or more'
            )
        elif chance[best] >= LIKELY:
            reason = f'fits none of the others well; {name} best ({share})'
        else:
            reason = 'fits none of the others'
        short = [
            f'{other.name} ({other.seconds:.1f} s)'
            for i, other in enumerate(partners)
            if i not in taken and other.seconds < TELLING_SEC
        ]
        if sure is not None and short:
            sure = None
            reason += f'; too short to tell: {first_few(short, 3)}'
        return {'confidence': sure, 'reason': reason}


_EMPTY = {**dict.fromkeys(COLUMNS), 'state': 'left over', 'reason': ''}


def _broken(file: Prepared) -> dict[str, Any]:
    """The row of a file that cannot be used."""
    column = 'video' if file.side == 'pose' else 'recording'
    return {**_EMPTY, column: file.name, 'reason': file.problem}
