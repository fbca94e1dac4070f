"""Synchronise one recording of any length, and use the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..checks.plausibility import comparable_sensors, without_gravity
from ..checks.refusals import explain_refusal
from ..readers.files import write_imu_table
from ..recordings import Clock, Recording, SensorStream, notes_of
from ..synchronization import (
    ClockMap,
    SynchronizerLike,
    build_synchronizer,
    synchronize_clip,
    synchronize_clocks,
)
from ..synchronization.clock import CLIP_SEC, Feats, Track
from .embedder import Embedder
from .fitting import fit_sensors
from .sources import to_recording

LONG_SEC = 60.0
"""Longer recordings get a clock with drift."""
_LONGEST_TOKENS = 180.0
"""Longest clip, with its margins, that is encoded by the model."""


def synchronize(
    embedder: Embedder,
    inputs: Any,
    max_offset: float = 10.0,
    around: float | None = None,
    drift: bool | None = None,
    synchronizer: SynchronizerLike | None = None,
) -> tuple[dict[str, Any], ClockMap]:
    """See :meth:`MoBindInferencer.synchronize`.

    Returns:
        The answer, and the clock that it describes.
    """
    streams, notes = _prepared(embedder, to_recording(inputs))
    if around is None and streams.imu and streams.pose is not None:
        around = search_centre(streams)
    feats = embedder.clip_features()
    track = embedder.track if embedder.show_progress else None
    clock = align(
        streams, max_offset, around, feats, drift, track, synchronizer
    )
    assert around is not None  # align has raised otherwise
    answer = plain_answer(clock, streams, max_offset, around)
    answer['model_used'] = bool(feats and feats.answered)
    if answer['model_used']:
        notes = notes_of(notes, _model_notes(embedder, streams))
    answer.update(notes=notes, findings=_findings(embedder, streams, answer))
    return answer, clock


def _prepared(
    embedder: Embedder, streams: Recording
) -> tuple[Recording, list[str]]:
    """Streams that can be compared, and the notes on all."""
    streams, about = comparable_sensors(embedder.settled(streams))
    return streams, notes_of(streams, about)


def _model_notes(embedder: Embedder, streams: Recording) -> list[str]:
    """How the model takes the sensors."""
    wanted = embedder.preparation
    return fit_sensors(streams.imu, wanted.placements, wanted.imu_channels)[1]


def _findings(
    embedder: Embedder, streams: Recording, answer: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """What would make streams fit that do not."""
    if not answer['abstained'] or not embedder.check:
        return []
    search = answer['searched']
    found = without_gravity(streams.imu) or explain_refusal(
        streams, search['max_offset_s'], search['around_s']
    )
    return [asdict(finding) for finding in found]


def search_centre(streams: Recording) -> float:
    """Offset in the middle of the search if the user gives none.

    Clocks that overlap are taken as they are. Clocks that never do, such as
    dates and seconds of a video, are assumed to have started together.
    """
    assert streams.pose is not None
    first, last = streams.pose.clock.span
    spans = [s.clock.span for s in streams.imu.values()]
    start, end = min(s[0] for s in spans), max(s[1] for s in spans)
    if start <= last and first <= end:
        return 0.0
    return start - first


def align(
    streams: Recording,
    max_offset: float = 10.0,
    around: float | None = None,
    feats: Feats | None = None,
    drift: bool | None = None,
    track: Track | None = None,
    synchronizer: SynchronizerLike | None = None,
) -> ClockMap:
    """Find how the clocks of sensors and video relate.

    Args:
        streams: The recording.
        max_offset: Largest difference of the offset from ``around``.
        around: Offset in the middle of the search; None decides, see
            :func:`search_centre`.
        feats: Gives the model's features of a clip; signals only without.
        drift: Whether to look for drift; None does if the recording lasts
            :data:`LONG_SEC` or longer.
        track: Shows the progress.
        synchronizer: What weighs the evidence, see
            :func:`~mobind_mm.synchronization.build_synchronizer`; None
            takes ``fused`` where the model can be asked, else ``signals``.

    Raises:
        ValueError: If there is nothing to synchronise, or a number is out
            of range.
    """
    if not max_offset > 0:
        raise ValueError(f'max_offset must be positive, got {max_offset} s.')
    if streams.pose is None or not streams.imu:
        raise ValueError(
            'Synchronising needs a skeleton and a sensor, and the recording '
            f'has {"no sensor" if streams.pose else "no skeleton"}.'
        )
    if around is None:
        around = search_centre(streams)
    seconds = float(np.ptp(streams.pose.clock.span))
    if drift is None:
        drift = seconds >= LONG_SEC
    clip_sec = CLIP_SEC if drift else seconds
    sync = None if synchronizer is None else build_synchronizer(synchronizer)
    wants_feats = sync is None or sync.needs_feats
    if not wants_feats or clip_sec + 2 * max_offset > _LONGEST_TOKENS:
        feats = None
    if sync is None:
        sync = build_synchronizer('signals' if feats is None else 'fused')
    if not drift:
        return synchronize_clip(streams, sync, max_offset, feats, around)
    return synchronize_clocks(
        streams, sync, max_offset, feats, around=around, track=track
    )


def plain_answer(
    clock: ClockMap, streams: Recording, max_offset: float, around: float
) -> dict[str, Any]:
    """The answer as plain numbers and texts, as ``sync.json`` has it."""
    result, first = clock.result, float(clock.times[0])
    assert result is not None
    return {
        'offset_s': float(clock.offsets[0]),
        'at_video_s': first,
        'drift_ppm': float(clock.drift_ppm),
        'confidence': float(result.confidence),
        'abstained': bool(result.abstained),
        'reason': result.reason,
        'rivals': [
            {'offset_s': float(offset), 'share': float(share)}
            for offset, share in result.rivals
        ],
        'clock': {
            'video_s': clock.times.tolist(),
            'offset_s': clock.offsets.tolist(),
        },
        'clips': {
            'video_s': clock.clip_times.tolist(),
            'offset_s': clock.clip_offsets.tolist(),
            'agrees': clock.agrees.tolist(),
        },
        'searched': {'around_s': around, 'max_offset_s': max_offset},
        'sensors': sorted(streams.imu),
    }


def clock_of(answer: Mapping[str, Any]) -> ClockMap:
    """The clock of a plain answer.

    Args:
        answer: What ``MoBindInferencer.synchronize`` returns, or the
            content of ``sync.json``.
    """
    return ClockMap(
        times=np.array(answer['clock']['video_s'], np.float64),
        offsets=np.array(answer['clock']['offset_s'], np.float64),
        drift_ppm=float(answer['drift_ppm']),
        abstained=bool(answer['abstained']),
    )


def on_video_clock(
    imu: Mapping[str, SensorStream], answer: Mapping[str, Any]
) -> dict[str, SensorStream]:
    """Sensors whose times are those of the video.

    Args:
        imu: Sensors by name, on their own clock.
        answer: What ``MoBindInferencer.synchronize`` returns.
    """
    clock, moved = clock_of(answer), {}
    for name, stream in imu.items():
        times = stream.clock.at()
        times = clock.to_pose_time(times)
        moved[name] = replace(stream, clock=Clock(len(times), times=times))
    return moved


def export_imu(
    imu: Mapping[str, SensorStream],
    answer: Mapping[str, Any],
    path: str | Path,
) -> list[Path]:
    """Write the sensors on the video's clock as CSV.

    Sensors that share a clock share a file; others get one each, whose name
    ends in theirs. No sample is interpolated. The files can be read without
    a mapping.

    Args:
        imu: Sensors by name, on their own clock.
        answer: What ``MoBindInferencer.synchronize`` returns.
        path: CSV file.

    Returns:
        The files.
    """
    path = Path(path)
    groups: dict[bytes, dict[str, SensorStream]] = {}
    for name, stream in on_video_clock(imu, answer).items():
        assert stream.clock.times is not None
        key = stream.clock.times.tobytes()
        groups.setdefault(key, {})[name] = stream
    files = []
    for times, streams in groups.items():
        file = path
        if len(groups) > 1:
            names = '_'.join(streams)
            file = path.with_name(f'{path.stem}_{names}{path.suffix}')
        write_imu_table(file, streams, np.frombuffer(times))
        files.append(file)
    return files


def describe(answer: Mapping[str, Any]) -> str:
    """The answer in words, one fact per line."""
    searched = answer['searched']
    low = searched['around_s'] - searched['max_offset_s']
    high = searched['around_s'] + searched['max_offset_s']
    offset, drift = answer['offset_s'], answer['drift_ppm']
    equation = f'sensor time = video time {_signed(offset)} s'
    if drift:
        start = answer['at_video_s']
        since = 'video time' if not start else f'(video time - {start:.3f} s)'
        equation += f' {_signed(drift, 1)}e-6 x {since}'
    if answer['abstained']:
        seen = [
            f'{f["where"]}: {f["message"]}. {f["fix"]}'
            for f in answer.get('findings', ())
        ]
        lines = [
            *(f'refused: {text}' for text in seen or [WHY[answer['reason']]]),
            f'best guess, not to be used: {equation}',
        ]
    else:
        lines = [
            equation,
            f'drift: {drift:+.1f} ppm'
            if len(answer['clips']['video_s']) > 1
            else 'drift: not looked for',
            f'confidence: {answer["confidence"]:.3f} (probability that the '
            'offset is less than 0.1 s wrong)',
        ]
    agrees = answer['clips']['agrees']
    if len(agrees) > 1 and not all(agrees):
        times = zip(answer['clips']['video_s'], agrees)
        others = [f'{time:.0f}' for time, agreed in times if not agreed]
        shown = ', '.join(others[:8]) + (', ...' if len(others) > 8 else '')
        lines.append(
            f'{sum(agrees)} of {len(agrees)} clips agree; not those around '
            f'{shown} s: nobody moved, or a clock jumped there'
        )
    if not answer['model_used']:
        lines.append(
            'by signals alone: the model was not used (not asked for, its '
            'sensors or channels are missing, or the search is too wide)'
        )
    lines.append(
        f'searched: {low:+.1f} to {high:+.1f} s, with '
        + ', '.join(answer['sensors'])
    )
    if answer['rivals']:
        rivals = ', '.join(f'{r["offset_s"]:+.3f} s' for r in answer['rivals'])
        lines.append(f'would fit as well: {rivals}')
    return '\n'.join(lines)


WHY = {
    'too short': (
        'sensors and skeleton share less than 1.5 s of data at the best '
        'offset; record longer, or widen the search (--max-offset, --around)'
    ),
    'still': 'nobody moves, so nothing can be compared',
    'periodic': (
        'the movement repeats itself, so several offsets fit as well; record '
        'something that happens once, such as a jump'
    ),
    'weak': (
        'no offset stands out; check the placements, that these sensors '
        'are on this person, and widen the search (--max-offset, --around)'
    ),
}
"""What a reason to abstain means."""


def _signed(value: float, digits: int = 3) -> str:
    text = f'{value:+.{digits}f}'
    return f'{"+" if float(text) >= 0 else "-"} {text[1:]}'
