"""Synchronise one recording of any length, and use the answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..checks.plausibility import comparable_sensors
from ..readers.files import write_imu_table
from ..recordings import Clock, Recording, SensorStream, notes_of
from ..recordings.streams import LARGEST_SEC, as_float
from ..synchronization import (
    ClockMap,
    Synchronizer,
    SynchronizerLike,
    build_synchronizer,
    synchronize_clip,
    synchronize_clocks,
)
from ..synchronization.breaks import without_sets
from ..synchronization.clock import CLIP_SEC, Feats, Track
from ..synchronization.clock_map import with_sets
from ..synchronization.coarse import coarse_offsets, offset_range
from ..utils.errors import first_few, show
from .embedder import Embedder
from .fitting import fit_sensors
from .sources import to_recording
from .sync_reasons import (
    WHY,
    check_beyond,
    check_sides,
    explain,
    explain_search,
    name_jumps,
)

CLOCK_SET = (
    'sensor second {time:.3f}: the clock of the sensors was set forward by '
    '{size:.3f} s; their motion goes on without a break, so nothing is missing'
)
LEFT_OUT = '{}: left out, its clock is not known.'
NEAR_SEC = 10.0
"""How far from a known offset is searched."""
WIDE_SEC = 120.0
"""Wider searches begin with a coarse one."""
LONG_SEC = 60.0
"""Longer recordings get a clock with drift."""
_NARROWEST_SEC = 0.05
"""Narrower searches have no two offsets to compare."""
WIDEST_SEC = 3600.0
"""A search may be so wide, or as wide as the recordings overlap."""
_LONGEST_TOKENS = 180.0
"""Longest clip, with its margins, that is encoded by the model."""
_MORE_ROWS = 1.05
"""So many rows, compared with those of its sensors, has a common table."""
_FEW_SENSORS = 2
"""The signals of more sensors say more than the model."""


def synchronize(
    embedder: Embedder,
    inputs: Any,
    max_offset: float | None = None,
    around: float | None = None,
    drift: bool | None = None,
    synchronizer: SynchronizerLike | None = None,
) -> tuple[dict[str, Any], ClockMap]:
    """See :meth:`MoBindInferencer.synchronize`.

    Returns:
        The answer, and the clock that it describes.
    """
    streams, notes = _prepared(embedder, to_recording(inputs))
    feats = embedder.clip_features()
    track = embedder.track if embedder.show_progress else None
    search = searched(streams, max_offset, around)
    clock = align(
        streams, max_offset, around, feats, drift, track, synchronizer
    )
    answer = plain_answer(clock, streams, search)
    answer['model_used'] = bool(feats and feats.answered)
    if answer['model_used']:
        notes = notes_of(notes, _model_notes(embedder, streams))
    answer['notes'] = [*notes, *answer['notes']]
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


def searched(
    streams: Recording,
    max_offset: float | None = None,
    around: float | None = None,
) -> tuple[float, float]:
    """What is searched: the middle, and the largest difference from it.

    Args:
        streams: The recording.
        max_offset: As the user says; None for every offset at which enough
            of the streams overlaps, or for 10 s if ``around`` is given.
        around: As the user says; None decides, see :func:`search_centre`.

    Raises:
        ValueError: If there is nothing to synchronise, or a number is out
            of range.
    """
    if around is None:
        streams, _ = without_sets(streams)
    return _bounds(streams, max_offset, around)


def _bounds(
    streams: Recording, max_offset: float | None, around: float | None
) -> tuple[float, float]:
    """See :func:`searched`, of streams whose clock was not set."""
    if max_offset is not None:
        given, max_offset = max_offset, as_float(max_offset)
        if not max_offset >= _NARROWEST_SEC:
            raise ValueError(
                f'max_offset must be positive, {_NARROWEST_SEC} s or more, '
                f'got {show(given)}.'
            )
    if around is not None:
        given, around = around, as_float(around)
        if not abs(around) < LARGEST_SEC:
            raise ValueError(
                f'around must be a number of seconds, got {show(given)}.'
            )
    if streams.pose is None or not streams.imu:
        raise ValueError(
            'Synchronising needs a skeleton and a sensor, and the recording '
            f'has {"no sensor" if streams.pose else "no skeleton"}.'
        )
    if max_offset is None and around is None:
        low, high = offset_range(streams)
        return 0.5 * (low + high), max(0.5 * (high - low), 0.5)
    if around is None:
        around = search_centre(streams)
    if max_offset is None:
        return around, NEAR_SEC
    farthest = max(abs(end - around) for end in offset_range(streams))
    check_reach(max_offset, max(farthest, WIDEST_SEC))
    return around, max_offset


def check_reach(max_offset: float, most: float = WIDEST_SEC) -> None:
    """Refuse a search that would take any amount of memory.

    Raises:
        ValueError: If it is larger.

    >>> check_reach(10.0)
    """
    if not max_offset <= most:
        raise ValueError(
            f'max_offset is {max_offset:g} s, expected at most {most:.0f} s; '
            'leave it out to look at every offset at which the recordings '
            'overlap.'
        )


def align(
    streams: Recording,
    max_offset: float | None = None,
    around: float | None = None,
    feats: Feats | None = None,
    drift: bool | None = None,
    track: Track | None = None,
    synchronizer: SynchronizerLike | None = None,
    explained: bool = True,
) -> ClockMap:
    """Find how the clocks of sensors and video relate.

    Args:
        streams: The recording.
        max_offset: Largest difference of the offset from ``around``; None
            for every offset at which enough of both streams overlaps.
        around: Offset in the middle of the search; None decides, see
            :func:`searched`.
        feats: Gives the model's features of a clip; signals only without.
        drift: Whether to look for drift; None does if the recording lasts
            :data:`LONG_SEC` or longer.
        track: Shows the progress.
        synchronizer: What weighs the evidence, see
            :func:`~mobind_mm.synchronization.build_synchronizer`; None
            takes ``signals``, then ``fused`` if they refuse to answer, there
            are at most two sensors, and the model can be asked.
        explained: Whether to look for the cause where nothing fits: another
            frame rate, another limb, an offset beyond the search.

    Raises:
        ValueError: If there is nothing to synchronise, or a number is out
            of range.
    """
    sets: list[tuple[float, float]] = []
    if around is None:  # or it is an offset of the clock as it is
        streams, sets = without_sets(streams)
    clock = _align(
        streams,
        (max_offset, around),
        feats,
        drift,
        track,
        synchronizer,
        explained,
    )
    notes = [CLOCK_SET.format(time=time, size=size) for time, size in sets]
    clock = replace(clock, notes=(*clock.notes, *notes))
    return with_sets(clock, sets)


def _align(
    streams: Recording,
    asked: tuple[float | None, float | None],
    feats: Feats | None,
    drift: bool | None,
    track: Track | None,
    synchronizer: SynchronizerLike | None,
    explained: bool,
) -> ClockMap:
    """See :func:`align`; ``asked`` is ``max_offset`` and ``around``."""
    narrowed = asked != (None, None)
    middle, reach = _bounds(streams, *asked)
    assert streams.pose is not None  # or _bounds has raised
    seconds = float(np.ptp(streams.pose.clock.span))
    if drift is None:
        drift = seconds >= LONG_SEC
    middles = [middle]
    if not narrowed and (drift or reach > WIDE_SEC):
        offsets = coarse_offsets(streams)
        if offsets:
            middles, reach = offsets, min(reach, NEAR_SEC)
    clip_sec = CLIP_SEC if drift else seconds
    if clip_sec + 2 * reach > _LONGEST_TOKENS:
        feats = None
    choices: list[SynchronizerLike] = ['signals']
    if synchronizer is not None:
        choices = [synchronizer]
    elif feats is not None and len(streams.imu) <= _FEW_SENSORS:
        choices.append('fused')
    for choice in choices:
        sync = build_synchronizer(choice)
        clock = _ask(streams, sync, middles, reach, feats, drift, track)
        if not clock.abstained:
            break
    if narrowed:
        clock = check_beyond(streams, clock, (middle, reach))
    if not explained:
        return clock
    if narrowed:
        clock = explain_search(streams, clock, (middle, reach))
    clock = check_sides(streams, explain(streams, clock))
    return name_jumps(streams, clock)


def _ask(
    streams: Recording,
    sync: Synchronizer,
    middles: list[float],
    reach: float,
    feats: Feats | None,
    drift: bool,
    track: Track | None,
) -> ClockMap:
    """The answer of one synchroniser, in one search after the other.

    Searches go from ``middles`` as far as ``reach``, in seconds.
    """
    if not sync.needs_feats:
        feats = None
    clocks = []
    for middle in middles:  # until one of them answers
        if drift:
            clock = synchronize_clocks(
                streams, sync, reach, feats, around=middle, track=track
            )
        else:
            clock = synchronize_clip(streams, sync, reach, feats, middle)
        clocks.append(clock)
        if not clock.abstained:
            break
    # An answer does not count if another search found more evidence.
    return max(clocks, key=_evidence)


def _evidence(clock: ClockMap) -> tuple[float, bool]:
    """What speaks for a clock; of ties, the one that is believed."""
    assert clock.result is not None
    return clock.result.evidence, not clock.abstained


def plain_answer(
    clock: ClockMap, streams: Recording, search: tuple[float, float]
) -> dict[str, Any]:
    """The answer as plain numbers and texts, as ``sync.json`` has it.

    ``search`` is its middle and half width, see :func:`searched`.
    """
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
        'clock': _points(clock),
        **_breaks(clock),
        'sensor_clocks': {
            name: _sensor_clock(clock.sensors.get(name, clock))
            for name in sorted(streams.imu)
        },
        'notes': list(clock.notes),
        'clips': {
            'video_s': clock.clip_times.tolist(),
            'offset_s': clock.clip_offsets.tolist(),
            'agrees': clock.agrees.tolist(),
        },
        'searched': {'around_s': search[0], 'max_offset_s': search[1]},
        'sensors': sorted(streams.imu),
    }


def pictures_of(clock: ClockMap) -> Iterator[tuple[str, dict[str, Any]]]:
    """What shows an answer: ``draw_<name>`` of the visualization, arguments.

    ``clock`` is what :func:`align` gives.
    """
    result = clock.result
    title = 'Offset of the sensors against the video'
    if np.ptp(clock.offsets):
        title += ' in its middle'
    if result is not None and len(result.offsets):
        if clock.abstained:
            title += f' (refused: {result.reason})'
        yield (
            'sync_curve',
            {
                'offsets': result.offsets,
                'log_posterior': result.log_posterior,
                'estimate': result.offset,
                'rivals': result.rivals,
                'title': title,
            },
        )
    if len(clock.clip_times) > 1:
        names = 'times', 'offsets', 'clip_times', 'clip_offsets', 'agrees'
        yield 'clock_drift', {name: getattr(clock, name) for name in names}


def _points(clock: ClockMap) -> dict[str, list[float]]:
    return {
        'video_s': clock.times.tolist(),
        'offset_s': clock.offsets.tolist(),
    }


def _sensor_clock(clock: ClockMap) -> dict[str, Any]:
    assert clock.result is not None
    return {
        'offset_s': float(clock.offsets[0]),
        'drift_ppm': float(clock.drift_ppm),
        'confidence': float(clock.result.confidence),
        'abstained': bool(clock.abstained),
        'reason': clock.result.reason,
        'clock': _points(clock),
        **_breaks(clock),
    }


def _breaks(clock: ClockMap) -> dict[str, Any]:
    return {
        'jumps': [
            {'video_s': float(time), 'seconds': float(size)}
            for time, size in clock.jumps
        ],
        'unknown': [list(map(float, part)) for part in clock.unknown],
    }


def clock_of(answer: Mapping[str, Any], sensor: str | None = None) -> ClockMap:
    """The clock of a plain answer.

    Args:
        answer: What ``MoBindInferencer.synchronize`` returns, or the content
            of ``sync.json``.
        sensor: Name of a sensor, whose clock may differ; None: the clock of
            the sensors that agree.
    """
    entry = answer.get('sensor_clocks', {}).get(sensor, answer)
    breaks = {  # files of earlier versions have them once, for all sensors
        key: entry.get(key, answer.get(key, ()))
        for key in ('jumps', 'unknown')
    }
    return ClockMap(
        times=np.array(entry['clock']['video_s'], np.float64),
        offsets=np.array(entry['clock']['offset_s'], np.float64),
        drift_ppm=float(entry['drift_ppm']),
        abstained=bool(entry['abstained']),
        jumps=tuple((j['video_s'], j['seconds']) for j in breaks['jumps']),
        unknown=tuple((start, end) for start, end in breaks['unknown']),
    )


def clock_known(answer: Mapping[str, Any], sensor: str) -> bool:
    """Whether the clock of a sensor is known, if that of the others is.

    One that shows too little to tell is taken to share theirs.
    """
    entry = answer.get('sensor_clocks', {}).get(sensor, answer)
    return not entry['abstained'] or entry.get('reason') == 'weak'


def on_video_clock(
    imu: Mapping[str, SensorStream], answer: Mapping[str, Any]
) -> dict[str, SensorStream]:
    """Sensors whose times are those of the video.

    Those whose clock alone is not known are left out, see
    :func:`clock_known`.

    Args:
        imu: Sensors by name, on their own clock.
        answer: What ``MoBindInferencer.synchronize`` returns.
    """
    moved = {}
    for name, stream in imu.items():
        clock = clock_of(answer, name)
        if answer['abstained'] or clock_known(answer, name):
            times = clock.to_pose_time(stream.clock.at())
            moved[name] = stream.at_times(times)
    return moved


def export_imu(
    imu: Mapping[str, SensorStream],
    answer: Mapping[str, Any],
    path: str | Path,
) -> list[Path]:
    """Write the sensors on the video's clock as CSV.

    Sensors whose samples are at the same times share a file, NaN where some
    lack a few; others get one each, whose name ends in theirs. No sample
    is interpolated. The files can be read without a mapping. Sensors
    whose clock alone is not known are left out.

    Args:
        imu: Sensors by name, on their own clock.
        answer: What ``MoBindInferencer.synchronize`` returns.
        path: CSV file to write.

    Returns:
        The files.
    """
    path = Path(path)
    groups: list[tuple[np.ndarray, dict[str, SensorStream]]] = []
    for name, stream in on_video_clock(imu, answer).items():
        times = stream.clock.at()
        for i, (shared, streams) in enumerate(groups):
            both = np.union1d(shared, times)
            if len(both) <= _MORE_ROWS * max(len(shared), len(times)):
                groups[i] = both, {**streams, name: stream}
                break
        else:
            groups.append((times, {name: stream}))
    files = []
    for times, streams in groups:
        file = path
        if len(groups) > 1:
            names = '_'.join(streams)
            file = path.with_name(f'{path.stem}_{names}{path.suffix}')
        rows = {name: _in_rows(s, times) for name, s in streams.items()}
        write_imu_table(file, rows, times)
        files.append(file)
    return files


def _in_rows(stream: SensorStream, times: np.ndarray) -> SensorStream:
    """A sensor at times that include its own, NaN at the others."""
    at = np.searchsorted(times, stream.clock.at())
    channels = {}
    for name, values in stream.channels.items():
        channels[name] = np.full((len(times), values.shape[1]), np.nan)
        channels[name][at] = values
    return replace(
        stream, clock=Clock(len(times), times=times), channels=channels
    )


def describe(answer: Mapping[str, Any]) -> str:
    """The answer in words, one fact per line."""
    searched = answer['searched']
    low = searched['around_s'] - searched['max_offset_s']
    high = searched['around_s'] + searched['max_offset_s']
    offset, drift = answer['offset_s'], answer['drift_ppm']
    equation = f'sensor time = video time {signed(offset)} s'
    if drift:
        start = answer['at_video_s']
        since = 'video time' if not start else f'(video time - {start:.3f} s)'
        equation += f' {signed(drift, 1)}e-6 x {since}'
    if answer['abstained']:
        lines = [
            f'refused: {WHY[answer["reason"]]}',
            f'best guess, not to be used: {equation}',
        ]
    else:
        lines = [
            equation,
            f'drift: {drift:+.1f} ppm'
            if len(answer['clips']['video_s']) > 1
            else 'drift: not looked for',
            f'confidence: {answer["confidence"]:.3f} (probability that the '
            'clock is never more than 0.1 s off)',
        ]
    lines += [
        f'jump of {jump["seconds"]:+.3f} s at video second '
        f'{jump["video_s"]:.1f}'
        for jump in answer.get('jumps', ())
    ]
    lines += [
        f'unknown: video second {start:.1f} to {end:.1f}'
        for start, end in answer.get('unknown', ())
    ]
    lines += [
        f'{name}: sensor time = video time {signed(entry["offset_s"])} s '
        f'(confidence {entry["confidence"]:.3f})'
        for name, entry in answer.get('sensor_clocks', {}).items()
        if entry['offset_s'] != offset and not entry['abstained']
    ]
    agrees = answer['clips']['agrees']
    if len(agrees) > 1 and not all(agrees):
        times = zip(answer['clips']['video_s'], agrees)
        others = [f'{time:.0f}' for time, agreed in times if not agreed]
        lines.append(
            f'{sum(agrees)} of {len(agrees)} clips agree; not those around '
            f'{first_few(others, 8)} s: nobody moved, or a clock jumped there'
        )
    if answer['model_used']:
        lines.append('the model was used as well')
    lines.append(
        f'searched: {low:+.1f} to {high:+.1f} s, with '
        + ', '.join(answer['sensors'])
    )
    if answer['rivals']:
        rivals = ', '.join(f'{r["offset_s"]:+.3f} s' for r in answer['rivals'])
        lines.append(f'would fit as well: {rivals}')
    return '\n'.join(lines)


def signed(value: float, digits: int = 3) -> str:
    """A number as the last term of a sum, such as ``+ 3.217``."""
    text = f'{value:+.{digits}f}'
    return f'{"+" if float(text) >= 0 else "-"} {text[1:]}'
