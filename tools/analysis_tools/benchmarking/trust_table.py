"""The table of trust: what is answered, and how much of it is wrong."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarking.trust import (
    CONDITIONS,
    Trial,
    another_time,
    gather,
    largest_error,
    someone_else,
)
from benchmarking.trust_sources import walking
from mobind_mm.apis.embedder import Embedder
from mobind_mm.apis.synchronizing import align
from mobind_mm.recordings import Clock, Recording

_RIGHT_SEC = 0.1
_TRUTH_SEC = {'walking': 0.1, 'utd': 0.1}
"""How well the true offset is known: the walking passes have a common clock of
their own, the takes of UTD-MHAD are in step by their length."""
_BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0 + 1e-9)


def right_within(trial: Trial) -> float:
    """Seconds by which a right answer may differ from the truth."""
    return _RIGHT_SEC + _TRUTH_SEC.get(trial.source, 0.0)


def walking_trials(folder: Path, seed: int) -> Iterator[Trial]:
    """Passes of people who walk, searched within 4 s.

    Matched, and with the sensors of a pass of somebody else, or of another
    pass of the same person.
    """
    rng = np.random.default_rng(seed)
    passes = [(name.split('-')[0], r) for name, r in walking(folder)]
    matched = [_walk(r, r, rng) for _, r in passes]
    for offset, streams in matched:

        def truth(
            times: np.ndarray,
            offset: float = offset,
            names: tuple = (*streams.imu,),
        ) -> dict[str, np.ndarray]:
            return dict.fromkeys(names, np.full(len(times), offset))

        yield Trial('walking', 'matched', streams, truth, 4.0)
    for person, recording in passes:
        other = someone_else(passes, person, rng)
        assert other is not None  # nine people walk
        streams = _walk(recording, other, rng)[1]
        yield Trial('walking', 'wrong person', streams, None, 4.0)
    for person, recording in passes:
        same = another_time(passes, person, recording, rng)
        if same is not None:
            streams = _walk(recording, same, rng)[1]
            yield Trial('walking', 'another time', streams, None, 4.0)


def _walk(
    filmed: Recording, worn: Recording, rng: np.random.Generator
) -> tuple[float, Recording]:
    """The video of one pass with the sensors of another, and their offset."""
    assert filmed.pose is not None and worn.pose is not None
    offset = float(rng.uniform(-3, 3))
    by = offset + filmed.pose.clock.span[0] - worn.pose.clock.span[0]
    imu = {
        name: replace(
            stream,
            clock=Clock(
                stream.clock.num_samples,
                rate=stream.clock.rate,
                start=stream.clock.start + by,
            ),
        )
        for name, stream in worn.imu.items()
    }
    return offset, Recording(imu, filmed.pose)


def _trials(
    data: Path | None, count: int, seeds: Sequence[int], unseen: bool
) -> Iterator[Trial]:
    for seed in seeds:
        yield from gather(data, False, count, seed, unseen)
        if data is not None and (data / 'gait_video').exists():
            yield from walking_trials(data / 'gait_video', seed)


def run_trust(
    data: Path | None,
    count: int,
    seeds: Sequence[int],
    model: str | None = None,
) -> tuple[list[dict], list[dict]]:
    """Rows by source and condition, and the reliability of the confidence.

    Args:
        data: Folder of real data; simulated people only if None.
        count: Recordings per source and seed.
        seeds: Of everything.
        model: Its config, checkpoint or name; None for signals alone. The
            people are those whom the shipped model has not seen.
    """
    embedder = None
    if model is not None:
        embedder = Embedder(model, None, show_progress=False)
    rows: dict[tuple[str, str], list] = defaultdict(list)
    for trial in _trials(data, count, seeds, embedder is not None):
        clock = align(
            trial.streams,
            trial.max_offset,
            feats=embedder and embedder.clip_features(),
            explained=False,
        )
        result = clock.result
        assert result is not None
        error = largest_error(trial, clock, dict(clock.sensors))
        right = error < right_within(trial)
        rows[trial.source, trial.condition].append(
            (right, result.confidence, not clock.abstained, result.reason)
        )
    table = []
    for (source, condition), answers in rows.items():
        right, sure, answered = (
            np.array([a[i] for a in answers]) for i in range(3)
        )
        certain = answered & (sure >= 0.9)
        table.append(
            dict(
                source=source,
                condition=condition,
                count=len(answers),
                answered=int(answered.sum()),
                wrong=int((answered & ~right).sum()),
                certain=int(certain.sum()),
                certain_wrong=int((certain & ~right).sum()),
                best_guess_right=int(right.sum()),
                reasons=dict(Counter(a[3] for a in answers if a[3])),
            )
        )
    table.sort(
        key=lambda row: (row['source'], CONDITIONS.index(row['condition']))
    )
    every = [a for answers in rows.values() for a in answers]
    right, sure = (np.array([a[i] for a in every], float) for i in range(2))
    bins = []
    for low, high in zip(_BINS[:-1], _BINS[1:]):
        inside = (sure >= low) & (sure < high)
        if inside.any():
            bins.append(
                dict(
                    confidence_from=low,
                    reliability_count=int(inside.sum()),
                    mean_confidence=float(sure[inside].mean()),
                    right=float(right[inside].mean()),
                )
            )
    return table, bins
