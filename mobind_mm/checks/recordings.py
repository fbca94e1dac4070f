"""Check recordings: every question, over all takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..recordings import PoseStream, Recording, SensorStream
from .agreement import Agreement, measure_agreement
from .finding import Finding, Opinion
from .image import ImageFacts, image_facts, judge_image, mended_pose
from .movement import SensorFit, judge_movement
from .reading import Reading
from .sensors import SensorFacts, judge_sensors, sensor_facts
from .stream_row import StreamRow, pose_row
from .variants import variants_of

_CLOCK = ('rate', 'gyro_gain')
"""Mistakes of a clock: such a sensor cannot be compared with a video."""

Run = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]
"""Calls a function for each item, like ``map``, in whatever process."""


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


@dataclass
class Report:
    """What a check found.

    Args:
        rows: One for each stream of each take.
        findings: Likely mistakes.
        fits: How each sensor fits its limb.
        unknown: Questions without an answer, by placement.
    """

    rows: list[StreamRow] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    fits: dict[str, SensorFit] = field(default_factory=dict)
    unknown: dict[str, list[str]] = field(default_factory=dict)


def check_recordings(
    views: Sequence[View],
    max_lag: float = 3.0,
    run: Run = map,
    show_dir: Path | None = None,
) -> Report:
    """Check all recordings of a data set together.

    First every stream alone: units, gravity, frames, conventions of the
    quaternions, the image. Then the sensors against the limbs, mended
    where a mistake was found, so that one mistake is named once.

    Args:
        views: Takes and cameras.
        max_lag: Largest lag in seconds to look for.
        run: Calls a function for each item; ``map``, or one with processes
            and progress.
        show_dir: Directory for a picture of each view.
    """
    report = Report()
    sensors: list[SensorFacts] = []
    by_file = {view.imu_name: view for view in views}
    for found in run(_measure_sensors, list(by_file.values())):
        sensors += found
    filmed = [view for view in views if view.pose is not None]
    images: dict[str, ImageFacts] = {}
    poses: list[StreamRow] = []
    for view, (row, facts) in zip(filmed, run(_measure_pose, filmed)):
        poses.append(row)
        images[view.name] = facts
    report.rows = [facts.row for facts in sensors] + poses
    verdict = judge_sensors(sensors)
    report.findings += verdict.findings
    report.unknown = verdict.unknown
    kinds = _judge_images(filmed, images, report)
    report.findings += _without_overlap(sensors, filmed, poses)
    timeless = {f.where for f in verdict.findings if f.kind in _CLOCK}
    jobs = [
        _Job(
            view,
            {
                placement: reading
                for (take, placement), reading in verdict.readings.items()
                if take == view.imu_name and placement not in timeless
            },
            kinds[view.name],
        )
        for view in filmed
        if images[view.name].seen
    ]
    measure = partial(_measure_view, max_lag=max_lag, show_dir=show_dir)
    found = dict(zip([j.view.name for j in jobs], run(measure, jobs)))
    if found:
        rates = [row.rate for row in report.rows if row.rate > 0]
        movement = judge_movement(found, min(rates, default=10.0))
        report.findings += movement.findings
        report.fits = movement.fits
    for facts in sensors:
        report.fits.setdefault(
            facts.placement, SensorFit(0.0, float('nan'), False)
        )
    report.findings = _merged(report.findings)
    return report


@dataclass(frozen=True)
class _Job:
    """A view, how to mend its sensors, and what is wrong with its image."""

    view: View
    readings: dict[str, Reading]
    kinds: tuple[str, ...]


def _measure_sensors(view: View) -> list[SensorFacts]:
    return [
        sensor_facts(view.imu_name, placement, stream)
        for placement, stream in view.imu().items()
    ]


def _measure_pose(view: View) -> tuple[StreamRow, ImageFacts]:
    stream = view.pose()
    return pose_row(view.name, stream), image_facts(stream)


def _measure_view(
    job: _Job, max_lag: float, show_dir: Path | None
) -> Agreement:
    recording = job.view.recording()
    imu = {
        placement: job.readings[placement].apply(stream)
        for placement, stream in recording.imu.items()
        if placement in job.readings
    }
    recording = Recording(imu, mended_pose(recording.pose, job.kinds))
    variants = {
        placement: variants_of(s.gravity, s.frame, tuple(s.channels))
        for placement, s in imu.items()
    }
    found = measure_agreement(recording, max_lag, variants)
    if show_dir is not None:
        from ..visualization.recording_check import save_recording_check

        path = Path(show_dir) / f'{job.view.name}.png'
        mended = any(r != Reading() for r in job.readings.values())
        title = job.view.name + (' (as mended)' if mended or job.kinds else '')
        save_recording_check(recording, found, title, path)
    return found


def _judge_images(
    views: Sequence[View], images: Mapping[str, ImageFacts], report: Report
) -> dict[str, tuple[str, ...]]:
    """Judge the skeletons by camera, then by take; kinds by view."""
    cameras: dict[tuple, list[View]] = {}
    for view in views:
        key = (view.camera, images[view.name].img_shape)
        cameras.setdefault(key, []).append(view)
    kinds: dict[str, tuple[str, ...]] = {}
    single: dict[str, list[tuple[str, Opinion]]] = {}
    for group in cameras.values():
        common = _wrong(judge_image([images[v.name] for v in group]))
        alone = {v.name: _wrong(judge_image([images[v.name]])) for v in group}
        showing = {o.kind for o in common}
        for kind in list(showing):
            count = sum(
                kind in {o.kind for o in own} for own in alone.values()
            )
            if count < 0.5 * len(group):
                showing.discard(kind)
        report.findings += [
            o.finding('pose') for o in common if o.kind in showing
        ]
        for view in group:
            own = [o for o in alone[view.name] if o.kind not in showing]
            kinds[view.name] = (*showing, *(o.kind for o in own))
            for opinion in own:
                single.setdefault(opinion.kind, []).append(
                    (view.name, opinion)
                )
    for rows in single.values():
        names = tuple(name for name, _ in rows)
        report.findings.append(rows[0][1].finding('pose', names))
    return kinds


def _wrong(opinions: Sequence[Opinion]) -> list[Opinion]:
    return [opinion for opinion in opinions if opinion.status == 'wrong']


def _without_overlap(
    sensors: Sequence[SensorFacts],
    views: Sequence[View],
    poses: Sequence[StreamRow],
) -> list[Finding]:
    """Sensors that record at another time than their camera films."""
    found = []
    for view, pose in zip(views, poses):
        for facts in sensors:
            span = facts.row.span
            apart = span[1] < pose.span[0] or pose.span[1] < span[0]
            if facts.take == view.imu_name and apart:
                found.append(
                    Finding(
                        'no_overlap',
                        facts.placement,
                        f'lasts from {span[0]:.1f} to {span[1]:.1f} s, the '
                        f'video from {pose.span[0]:.1f} to '
                        f'{pose.span[1]:.1f} s: they share nothing',
                        'start_s, of the sensor or of pose',
                        (view.name,),
                    )
                )
    return found


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
