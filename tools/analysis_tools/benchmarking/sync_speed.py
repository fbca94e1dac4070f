"""How long synchronising takes, and how clocks that jump are followed."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarking.conditions import drifting_person
from benchmarking.settings import exponent as slope
from benchmarking.settings import peak_mib
from mobind_mm.apis.sources import to_recording
from mobind_mm.apis.synchronizing import align
from mobind_mm.readers.files import write_imu_table
from mobind_mm.recordings import Recording

_NEAR_JUMP_SEC = 2.0
"""Around a jump the clock need not be right."""


def run_speed(
    minutes: float,
    ppm: float = 40.0,
    jump: float = 0.0,
    subject: int = 0,
    from_files: bool = False,
) -> dict:
    """Processor time, memory and errors of one recording.

    Args:
        minutes: Its length.
        ppm: Drift in parts per million.
        jump: Seconds by which the clock of the sensors jumps once.
        subject: Which simulated person acts.
        from_files: Whether to read it from CSV and MMPose's JSON.
    """
    recording, offset, at = drifting_person(minutes, ppm, subject, jump=jump)
    assert recording.pose is not None
    with tempfile.TemporaryDirectory() as folder:
        inputs: object = recording
        if from_files:
            inputs = _write(recording, Path(folder))
        found: list = []

        def job() -> None:
            streams = to_recording(inputs)
            found.extend((streams, align(streams)))

        start = time.process_time()
        peak = peak_mib(job)
        spent = time.process_time() - start
    streams, clock = found
    assert clock.result is not None and streams.pose is not None
    # Files of keypoints do not say when the video began.
    shift = streams.pose.clock.span[0] - recording.pose.clock.span[0]
    times = np.linspace(*recording.pose.clock.span, 2000)
    truth = times * (1 + ppm * 1e-6) + offset + jump * (times >= at)
    far = np.abs(times - at) > (_NEAR_JUMP_SEC if jump else 0.0)
    error = np.abs(clock.to_imu_time(times + shift) - truth)[far]
    return dict(
        speed_minutes=minutes,
        ppm=ppm,
        jump_s=jump,
        subject=subject,
        source='files' if from_files else 'recording',
        seconds=spent,
        peak_mib=float('nan') if peak is None else peak,
        largest_error_s=float(error.max()),
        confidence=float(clock.result.confidence),
        abstained=bool(clock.abstained),
    )


def exponent(rows: list[dict]) -> float:
    """How the time grows with the length: 1 if in proportion."""
    even = [row for row in rows if not row['jump_s']]
    lengths, spent = (
        [row[key] for row in even] for key in ('speed_minutes', 'seconds')
    )
    return slope(lengths, spent)


def _write(recording: Recording, folder: Path) -> dict:
    pose = recording.pose
    assert pose is not None
    imu, frames = folder / 'imu.csv', folder / 'pose.json'
    first = next(iter(recording.imu.values()))
    write_imu_table(imu, recording.imu, first.clock.at())
    people = [
        dict(
            frame_id=i,
            instances=[
                dict(keypoints=points.tolist(), keypoint_scores=seen.tolist())
            ],
        )
        for i, (points, seen) in enumerate(zip(pose.keypoints, pose.scores))
    ]
    frames.write_text(json.dumps(people), 'utf-8')
    settings = dict(rate=pose.clock.mean_rate, img_shape=pose.img_shape)
    return dict(imu=str(imu), pose=dict(file=str(frames), **settings))
