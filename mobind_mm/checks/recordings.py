"""Check recordings: every question, over all takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..readers.convert import convert_all
from ..readers.files import RecordingReader
from ..recordings import (
    PoseStream,
    Recording,
    SensorStream,
    check_entry,
    read_annotations,
    read_pose,
)
from .agreement import (
    Agreement,
    evidence_at_rates,
    judge_rate,
    judge_rotation,
    measure_agreement,
    variants_of,
)
from .finding import Finding, Opinion, findings_of_takes
from .movement import judge_movement
from .plausibility import find_copies
from .reading import Reading
from .report import Report, SensorFit
from .sensors import SensorFacts, judge_sensors, sensor_facts
from .streams import (
    ImageFacts,
    StreamRow,
    corrected_pose,
    image_facts,
    judge_image,
    pose_row,
)

SPLITS = ('train', 'val', 'test')
_RATED = 4
"""Most videos of which the frame rate is asked."""
_FITS = 20.0
"""Evidence of a sensor and its limb from which the rate is not in doubt."""
_CLOCK = ('rate', 'gyro_gain')
"""Mistakes of a clock: such a sensor cannot be compared with a video."""
_SHARE = 0.5
"""Share of takes that must show a mistake to call it one of all takes."""

Run = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]
"""Calls a function for each item, like ``map``, in whatever process."""
Draw = Callable[[Recording, Agreement, str, Path], None]
"""Writes a picture of a recording and of its agreement, with a title, to a
PNG file: ``save_recording_check`` of :mod:`mobind_mm.visualization`."""


@dataclass(frozen=True)
class View:
    """One take in one camera, before anything of it is read.

    Args:
        name: Name of the take, with the camera if there are several.
        imu_name: Names the sensors' file; cameras share it.
        imu: Opens the sensors.
        pose: Opens the skeleton; None without.
        camera: Name of the camera.
    """

    name: str
    imu_name: str
    imu: Callable[[], Mapping[str, SensorStream]]
    pose: Callable[[], PoseStream] | None
    camera: str = ''

    def recording(self) -> Recording:
        """The streams as stored."""
        return Recording(self.imu(), self.pose() if self.pose else None)


def check_data_set(
    root: str | Path,
    splits: Sequence[str] | None = None,
    show_dir: str | Path | None = None,
    workers: int = 1,
    max_lag: float = 3.0,
    draw: Draw | None = None,
) -> Report:
    """Check the recordings of a data set directory.

    Args:
        root: Directory with ``annotations``, ``imu`` and ``pose``.
        splits: Names of annotation files; None: those that exist.
        show_dir: Directory for a picture of each take and camera.
        workers: Processes.
        max_lag: Largest lag in seconds to look for.
        draw: Draws the pictures for ``show_dir``, for instance
            :func:`mobind_mm.visualization.save_recording_check`.

    Raises:
        FileNotFoundError: If there are no annotations, or a file is
            missing.
        ValueError: If a file or an entry is invalid, or there is a
            ``show_dir`` without ``draw``.

    Example:
        >>> from mobind_mm.checks import check_data_set
        >>> report = check_data_set('data/mine')  # doctest: +SKIP
        >>> print(*report.findings)  # doctest: +SKIP
        left_wrist: acc looks like g, not m/s² (median |acc| 1). units.acc: g
    """
    if not max_lag > 0:
        raise ValueError(f'The largest lag must be > 0 s, got {max_lag}.')
    run = partial(_run, workers=workers)
    views = find_views(root, splits)
    if show_dir is not None:
        show_dir = Path(show_dir)
        show_dir.mkdir(parents=True, exist_ok=True)
    return check_recordings(views, max_lag, run, draw, show_dir)


def find_views(
    root: str | Path, splits: Sequence[str] | None = None
) -> list[View]:
    """Takes and cameras that the annotations of a directory name.

    Raises:
        FileNotFoundError: If an annotation file is missing.
        ValueError: If an entry is invalid.
    """
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(
            f'{root} is not a directory; give a data set with annotations/, '
            'imu/ and pose/.'
        )
    views: dict[tuple[str | None, str | None], View] = {}
    for path in _annotation_files(root, splits):
        metainfo, entries = read_annotations(path)
        for number, entry in enumerate(entries):
            where = f'{path}: entry {number}'
            check_entry(entry, where, len(metainfo.get('classes', ())))
            imu = _file_name(entry, 'imu', where)
            pose = _file_name(entry, 'pose', where)
            views.setdefault((imu, pose), _view(root, entry, imu, pose))
    if not views:
        raise ValueError(f'{root}/annotations name no take.')
    return list(views.values())


def _annotation_files(root: Path, splits: Sequence[str] | None) -> list[Path]:
    """Annotation files of the splits, or all that exist."""
    names = SPLITS if splits is None else splits
    paths = [root / 'annotations' / f'{name}.json' for name in names]
    existing = [path for path in paths if path.is_file()]
    missing = [path for path in paths if path not in existing]
    if splits is not None and missing:
        raise FileNotFoundError(
            f'{missing[0]} does not exist; choose other splits than '
            f'{list(splits)}.'
        )
    if not existing:
        raise FileNotFoundError(
            f'{root} has no annotations/train.json, val.json or test.json. '
            'Convert the data with `mobind convert`.'
        )
    return existing


def _file_name(entry: Mapping, key: str, where: str) -> str | None:
    """Name of the file of a modality, None if it has none."""
    name = entry.get(key)
    if name is not None and not isinstance(name, str):
        raise ValueError(
            f'{where} (take {entry["take"]!r}): {key} must be a path or '
            f'null, got {name!r}.'
        )
    return name


def _view(
    root: Path, entry: Mapping, imu: str | None, pose: str | None
) -> View:
    """A view named after its files, which are unique."""
    take = str(entry['take'])
    return View(
        name=Path(pose).stem if pose else take,
        imu_name=Path(imu).stem if imu else take,
        imu=RecordingReader(root / imu).read_imu if imu else dict,
        pose=partial(read_pose, root / pose) if pose else None,
        camera=str(entry.get('camera', '')),
    )


def _run(call: Callable, items: Sequence, workers: int) -> list:
    """Call with processes and progress, if there is something to do."""
    return convert_all(call, items, workers, 'Checking') if items else []


def check_recordings(
    views: Sequence[View],
    max_lag: float = 3.0,
    run: Run = map,
    draw: Draw | None = None,
    show_dir: Path | None = None,
) -> Report:
    """Check all recordings of a data set together.

    First every stream alone: units, gravity, frames, conventions of the
    quaternions, the image. Then the sensors against the limbs, corrected
    where a mistake was found, so that one mistake is named once.

    Args:
        views: Takes and cameras.
        max_lag: Largest lag in seconds to look for.
        run: Calls a function for each item; ``map``, or one with processes
            and progress.
        draw: Draws each view.
        show_dir: Directory for the pictures; needs ``draw``.

    Raises:
        ValueError: If there is a directory, but nothing that draws.

    Example:
        >>> import numpy as np
        >>> from mobind_mm.checks import View, check_recordings
        >>> from mobind_mm.recordings import Clock, SensorStream
        >>> angle = np.linspace(0, 20, 2000)
        >>> acc = np.stack([np.sin(angle), 0 * angle, np.cos(angle)], axis=1)
        >>> stream = SensorStream(Clock(2000, rate=100.0), {'acc': acc})
        >>> view = View('t1', 't1', lambda: {'left_wrist': stream}, None)
        >>> print(*check_recordings([view]).findings)
        left_wrist: acc looks like g, not m/s² (median |acc| 1). units.acc: g
    """
    if show_dir is not None and draw is None:
        raise ValueError(
            f'Pictures for {show_dir} need a function that draws; pass '
            'draw=mobind_mm.visualization.save_recording_check.'
        )
    report = Report()
    by_file = {view.imu_name: view for view in views}
    sensors: list[SensorFacts] = []
    for facts, copies in run(_measure_sensors, list(by_file.values())):
        sensors += facts
        report.findings += copies
    copied = {
        (copy.takes[0], name)
        for copy in report.findings
        for name in copy.where.split(', ')
    }
    filmed = [view for view in views if view.pose is not None]
    measured = list(run(_measure_pose, filmed))
    poses = [row for row, _ in measured]
    images = {view.name: image for view, (_, image) in zip(filmed, measured)}
    report.rows = [sensor.row for sensor in sensors] + poses
    verdict = judge_sensors(sensors)
    report.findings += verdict.findings
    report.unknown = verdict.unknown
    kinds = _judge_images(filmed, images, report)
    report.findings += _without_overlap(sensors, filmed, poses)
    timeless = {f.where for f in verdict.findings if f.kind in _CLOCK}
    comparable = {
        (take, placement): reading
        for (take, placement), reading in verdict.readings.items()
        if placement not in timeless and (take, placement) not in copied
    }
    jobs: list[_Job] = [
        (
            view,
            {p: r for (t, p), r in comparable.items() if t == view.imu_name},
            kinds[view.name],
        )
        for view in filmed
        if images[view.name].seen
    ]
    measure = partial(
        _measure_view, max_lag=max_lag, draw=draw, show_dir=show_dir
    )
    agreements = dict(zip([j[0].name for j in jobs], run(measure, jobs)))
    if agreements:
        _judge_agreements(agreements, jobs, images, max_lag, report)
    nothing = SensorFit(0.0, float('nan'), False)
    for sensor in sensors:
        report.fits.setdefault(sensor.row.stream, nothing)
    report.findings = _merged(report.findings)
    return report


_Job = tuple[View, dict[str, Reading], tuple[str, ...]]
"""A view, how to fix its sensors, and what is wrong with its image."""


def _judge_agreements(
    agreements: dict[str, Agreement],
    jobs: Sequence[_Job],
    images: Mapping[str, ImageFacts],
    max_lag: float,
    report: Report,
) -> None:
    """Judge how sensors and limbs move together, view by view."""
    rates = [row.rate for row in report.rows if row.rate > 0]
    slowest = min(rates, default=10.0)
    rotated = judge_rotation(agreements, images)
    report.findings += rotated
    findings, report.fits = judge_movement(agreements, slowest)
    for finding in rotated:  # one mistake is named once
        del agreements[finding.takes[0]]
    if rotated:
        findings, _ = judge_movement(agreements, slowest)
    report.findings += _of_rate(findings, agreements, jobs, max_lag)


def _of_rate(
    findings: Sequence[Finding],
    agreements: Mapping[str, Agreement],
    jobs: Sequence[_Job],
    max_lag: float,
) -> list[Finding]:
    """Findings of movement, or that of a wrong frame rate instead.

    Asked are some videos that hardly fit, or seem to be late.
    """
    late = {t for f in findings if f.where == 'pose' for t in f.takes or ['']}
    evidence: dict[str, np.ndarray] = {}
    stored = None  # one mistake, of one rate
    for job in jobs:
        name = job[0].name
        if name not in agreements or len(evidence) == _RATED:
            continue
        fits = [
            curve.max()
            for (sensor, limb), curve in agreements[name].curves.items()
            if sensor == limb
        ]
        if max(fits, default=0.0) < _FITS or {name, ''} & late:
            recording = _corrected(job)
            assert recording.pose is not None
            rate = recording.pose.clock.rate
            stored = stored or rate
            if rate is not None and rate == stored:
                evidence[name] = evidence_at_rates(recording, max_lag)
    finding = judge_rate(evidence, stored) if stored else None
    if finding is None or len(evidence) == len(jobs):
        return [*findings] if finding is None else [finding]
    return [replace(finding, takes=tuple(evidence)), *findings]


def _measure_sensors(view: View) -> tuple[list[SensorFacts], list[Finding]]:
    """Facts of the sensors of a take, and those that are copies."""
    imu, take = view.imu(), view.imu_name
    copies = [replace(copy, takes=(take,)) for copy in find_copies(imu)]
    return [sensor_facts(take, *sensor) for sensor in imu.items()], copies


def _measure_pose(view: View) -> tuple[StreamRow, ImageFacts]:
    assert view.pose is not None  # only views with a skeleton come here
    stream = view.pose()
    return pose_row(view.name, stream), image_facts(stream)


def _corrected(job: _Job) -> Recording:
    """The recording of a view, without the mistakes that were found."""
    view, readings, kinds = job
    recording = view.recording()
    assert recording.pose is not None  # only views with a skeleton come here
    imu = {
        placement: readings[placement].apply(stream)
        for placement, stream in recording.imu.items()
        if placement in readings
    }
    return Recording(imu, corrected_pose(recording.pose, kinds))


def _measure_view(
    job: _Job, max_lag: float, draw: Draw | None, show_dir: Path | None
) -> Agreement:
    view, readings, kinds = job
    recording = _corrected(job)
    variants = {name: variants_of(s) for name, s in recording.imu.items()}
    agreement = measure_agreement(recording, max_lag, variants)
    if draw is not None and show_dir is not None:
        title = view.name
        if kinds or any(r != Reading() for r in readings.values()):
            title += ' (as corrected)'
        draw(recording, agreement, title, show_dir / f'{view.name}.png')
    return agreement


def _judge_images(
    views: Sequence[View], images: Mapping[str, ImageFacts], report: Report
) -> dict[str, tuple[str, ...]]:
    """Judge the skeletons by camera, then by take; kinds by view."""
    cameras: dict[tuple, list[View]] = {}
    for view in views:
        key = (view.camera, images[view.name].img_shape)
        cameras.setdefault(key, []).append(view)
    kinds: dict[str, tuple[str, ...]] = {}
    single: list[tuple[str, Opinion]] = []
    for group in cameras.values():
        alone = {v.name: _wrong(judge_image([images[v.name]])) for v in group}
        common = [
            opinion
            for opinion in _wrong(judge_image([images[v.name] for v in group]))
            if sum(
                opinion.kind in {o.kind for o in opinions}
                for opinions in alone.values()
            )
            >= _SHARE * len(group)
        ]
        report.findings += [opinion.finding('pose') for opinion in common]
        showing = [opinion.kind for opinion in common]
        for name, opinions in alone.items():
            other = [o for o in opinions if o.kind not in showing]
            kinds[name] = (*showing, *(o.kind for o in other))
            single += [(name, opinion) for opinion in other]
    report.findings += findings_of_takes('pose', single)
    return kinds


def _wrong(opinions: Sequence[Opinion]) -> list[Opinion]:
    return [opinion for opinion in opinions if opinion.wrong]


def _without_overlap(
    sensors: Sequence[SensorFacts],
    views: Sequence[View],
    poses: Sequence[StreamRow],
) -> list[Finding]:
    """Sensors that record at another time than their camera films."""
    findings = []
    for view, pose in zip(views, poses):
        for sensor in sensors:
            span = sensor.row.span
            apart = span[1] < pose.span[0] or pose.span[1] < span[0]
            if sensor.row.take == view.imu_name and apart:
                findings.append(
                    Finding(
                        'no_overlap',
                        sensor.row.stream,
                        f'lasts from {span[0]:.1f} to {span[1]:.1f} s, the '
                        f'video from {pose.span[0]:.1f} to '
                        f'{pose.span[1]:.1f} s: they do not overlap',
                        'start_s, of the sensor or of pose',
                        (view.name,),
                    )
                )
    return findings


def _merged(findings: Sequence[Finding]) -> list[Finding]:
    """Findings that differ only in their take or numbers, as one."""
    groups: dict[tuple, list[Finding]] = {}
    for finding in findings:
        numbered = bool(finding.takes) and finding.kind != 'lag'
        key = (finding.kind, finding.where, numbered or finding.message)
        groups.setdefault(key, []).append(finding)
    return [
        replace(group[0], takes=tuple(t for f in group for t in f.takes))
        for group in groups.values()
    ]
