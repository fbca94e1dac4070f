"""Measure LiveSynchronizer: error, processor time and memory over time.

``python tools/analysis_tools/benchmark_live.py`` plays simulated people as if
they were being recorded: sensors in chunks of 0.1 s, the skeleton frame by
frame. With ``--people N``, it measures N short sessions of each kind instead
of one long session.
"""

from __future__ import annotations

import gc
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from mobind_mm.cli.arguments import flags
from mobind_mm.datasets.synthetic import SyntheticMotionDataset
from mobind_mm.recordings import PoseStream, Recording
from mobind_mm.synchronization import LiveSynchronizer
from mobind_mm.utils.cli import run_command

PLACES = ('left_wrist', 'right_wrist', 'left_knee', 'right_knee', 'head')
OFFSET = 1234.567
PIECE_SEC = 300.0
NEAR_SEC = 0.1
KINDS = ('five sensors', 'one wrist', 'clock jump', 'unrelated', 'still')


def person(seed: int, seconds: float, still: bool = False) -> Recording:
    """Somebody with sensors, simulated."""
    data = SyntheticMotionDataset(
        split='test',
        num_subjects=1,
        takes_per_subject=1,
        take_sec=seconds + 1,
        people=(1, 1),
        seed=seed,
        motion_kind='still' if still else 'acted',
        window_sec=5.0,
        stride_sec=5.0,
    )
    return data.get_recording(data.load_entries()[0])


def later(recording: Recording, by: float) -> Recording:
    """The recording with all times later by some seconds."""
    streams = {**recording.imu, 'pose': recording.pose}
    moved = {k: s.at_times(s.clock.at() + by) for k, s in streams.items()}
    return Recording(pose=moved.pop('pose'), imu=moved)


def play(
    live: LiveSynchronizer,
    imu: Recording,
    pose: PoseStream,
    span: tuple[float, float],
    clock: Callable[[np.ndarray], np.ndarray],
    noise_px: float,
    places: tuple[str, ...] = PLACES,
) -> Iterator[float]:
    """Push what comes in each second; gives the processor time of it.

    Args:
        live: What is measured.
        imu: Whose sensors.
        pose: Whose skeleton.
        span: From when to when, in seconds of the video.
        clock: Times of the sensors from those of the video.
        noise_px: Standard deviation of noise on keypoints.
        places: Sensors to use.
    """
    rng = np.random.default_rng(0)
    spent = 0.0
    for tenth in range(round(10 * span[0]), round(10 * span[1])):
        start, end = tenth / 10, (tenth + 1) / 10 - 1e-6
        chunks = []
        for name in places:
            stream = imu.imu[name]
            part = stream.clock.between(start, end)
            values = {k: stream.channels[k][part] for k in ('acc', 'gyro')}
            chunks.append((name, clock(stream.clock.at(part)), values))
        part = pose.clock.between(start, end)
        points = np.array(pose.keypoints[part])
        points += rng.normal(0, noise_px, points.shape)
        scores, times = pose.scores[part], pose.clock.at(part)
        began = time.process_time()
        for name, at, values in chunks:
            live.push_imu(name, at, **values)
        for k, at in enumerate(times):
            live.push_pose([at], points[k], scores[k])
        spent += time.process_time() - began
        if tenth % 10 == 9:
            yield spent
            spent = 0.0


def memory_mb() -> float:
    """Memory of this process in MB."""
    gc.collect()
    pages = Path('/proc/self/statm').read_text().split()[1]
    return int(pages) * 4096 / 1e6


def long_session(args: Namespace) -> None:
    """Error, processor time and memory over one session.

    A new person every five minutes, on the same clocks.
    """
    middle = 0.5 * args.seconds

    def clock(times: np.ndarray) -> np.ndarray:
        gained = times * (1 + args.drift_ppm * 1e-6)
        return OFFSET + gained + args.jump * (times >= middle)

    live = LiveSynchronizer(load=args.load)
    spent, errors, jumped = [], [], None
    for start in np.arange(0.0, args.seconds, PIECE_SEC):
        end = min(start + PIECE_SEC, args.seconds)
        seed = args.seed + int(start / PIECE_SEC)
        who = later(person(seed, PIECE_SEC), start)
        span = float(start), float(end)
        for cost in play(live, who, who.pose, span, clock, args.noise_px):
            spent.append(cost)
            state = live.state()
            at = np.array(state.video_s)
            error = state.offset - float(clock(at) - at)
            if not state.abstained:
                errors.append(abs(error))
            if state.jumps and jumped is None:
                jumped = len(spent) - middle
            if len(spent) in (15, 30, 60) or not len(spent) % args.every:
                print(
                    f'{len(spent):6d} s: error {1e3 * error:+6.1f} ms, drift '
                    f'{state.drift_ppm:+6.1f} ppm, confidence '
                    f'{state.confidence:.3f}, {1e3 * np.mean(spent):5.1f} '
                    f'ms/s, {memory_mb():.0f} MB {state.reason}',
                    flush=True,
                )
    answered = np.array(errors)
    print(
        f'answered {len(answered) / len(spent):.3f} of the time; error: '
        f'median {1e3 * np.median(answered):.1f} ms, 99 % '
        f'{1e3 * np.quantile(answered, 0.99):.1f} ms, over 0.1 s in '
        f'{(answered > NEAR_SEC).mean():.4f} of the answers'
    )
    print(f'processor time: {1e3 * np.mean(spent):.1f} ms per second')
    if args.jump:
        after = 'never' if jumped is None else f'after {jumped:.0f} s'
        print(f'jump of {args.jump:+.2f} s: reported {after}')


def short_sessions(args: Namespace) -> None:
    """What is answered, and when, in sessions of each kind."""
    size = args.jump or 2.0
    for kind in KINDS:
        places = PLACES[1:2] if kind == 'one wrist' else PLACES
        rows = []
        for seed in range(args.seed, args.seed + args.people):
            who = person(seed, args.seconds, kind == 'still')
            imu = who
            if kind == 'unrelated':
                imu = person(seed + 1000, args.seconds)
            sign = 1 if seed % 2 else -1
            middle = 0.5 * args.seconds
            jump = sign * size * (kind == 'clock jump')

            def clock(
                times: np.ndarray, jump: float = jump, middle: float = middle
            ) -> np.ndarray:
                return OFFSET + times + jump * (times >= middle)

            live = LiveSynchronizer(load=args.load)
            first, error15, after, wrong, answers, seconds = (
                *(np.nan,) * 3,
                *(0, 0, 0),
            )
            steps = play(
                live,
                imu,
                who.pose,
                (0.0, args.seconds),
                clock,
                args.noise_px,
                places,
            )
            for _ in steps:
                seconds += 1
                state = live.state()
                at = np.array(state.video_s)
                error = abs(state.offset - float(clock(at) - at))
                if seconds == 15 and not state.abstained:
                    error15 = error
                if state.jumps and np.isnan(after):
                    after = seconds - middle
                if state.abstained:
                    continue
                first = seconds if np.isnan(first) else first
                answers += 1
                wrong += error > NEAR_SEC or kind == 'unrelated'
            rows.append((first, error15, after, answers / seconds, wrong))
        table = np.array(rows, float)
        print(
            f'{kind:13s} answered from second {_middle(table[:, 0]):5.1f}, '
            f'{table[:, 3].mean():.2f} of the time; error at 15 s '
            f'{1e3 * _middle(table[:, 1]):5.1f} ms (largest '
            f'{1e3 * np.nanmax([*table[:, 1], 0]):.1f} ms, unanswered '
            f'{int(np.isnan(table[:, 1]).sum())} of {len(table)}); wrong '
            f'{int(table[:, 4].sum())} of '
            f'{round(table[:, 3].sum() * args.seconds)} answered seconds; '
            f'jumps reported after {np.sort(table[:, 2]).tolist()} s',
            flush=True,
        )


def _middle(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float('nan')


def main() -> None:
    """Command line."""
    parser = ArgumentParser(description=__doc__)
    flag = flags(parser)
    flag('--seconds SEC', 'an hour; 90 s of each with --people', type=float)
    flag('--people N', 'short sessions of each', type=int)
    flag('--drift-ppm PPM', '', default=50.0)
    flag('--jump SEC', 'seconds', default=0.0)
    flag('--noise-px PX', '', default=3.0)
    flag('--load SHARE', '', default=0.02)
    flag('--every N', 'of the rows', default=300)
    flag('--seed N', '', default=0)
    args = parser.parse_args()
    args.seconds = args.seconds or (90.0 if args.people else 3600.0)
    short_sessions(args) if args.people else long_session(args)


if __name__ == '__main__':
    run_command(main)
