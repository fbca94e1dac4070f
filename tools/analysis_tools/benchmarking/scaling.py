"""How cost grows with batch, limbs, window and recording."""

from __future__ import annotations

from collections.abc import Callable

from benchmarking.models import efficient, random_inputs, random_recording
from benchmarking.settings import Settings, exponent, interleaved, peak_mib
from benchmarking.step import Trainer
from benchmarking.sync import synchronize_random


def measure_scaling(settings: Settings) -> dict:
    """Seconds and memory by size, and the exponent fitted to them.

    A training step of the efficient encoder: 64 clips, 4 limbs and 5 s
    unless that is what grows. Synchronisation: everything, of recordings
    of so many minutes.
    """
    first = settings.batch_sizes[0]
    seconds, limbs = settings.window_sec, settings.num_limbs

    def step(batch: int, limbs: int, seconds: float) -> Callable[[], None]:
        size = (limbs, seconds, settings.device)
        return Trainer(
            efficient(*size), random_inputs(batch, *size), settings.device
        )

    def sync(minutes: float) -> Callable[[], object]:
        recording = random_recording(minutes * 60, limbs)
        model = efficient(limbs, seconds, settings.device).eval()
        return lambda: synchronize_random(
            model, recording, limbs, settings.device
        )

    rows = {}
    for name, sizes, make in (
        ('batch', settings.batch_sizes, lambda b: step(b, limbs, seconds)),
        ('limbs', settings.limbs, lambda s: step(first, s, seconds)),
        ('window_s', settings.windows_sec, lambda w: step(first, limbs, w)),
        ('sync_minutes', settings.sync_minutes, sync),
    ):
        costs = [_cost(make(size), settings.device) for size in sizes]
        row = dict(
            sizes=list(sizes),
            seconds=[cost[0] for cost in costs],
            memory_mib=[cost[1] for cost in costs],
        )
        row['seconds_exponent'] = exponent(row['sizes'], row['seconds'])
        if None not in row['memory_mib']:
            row['memory_exponent'] = exponent(row['sizes'], row['memory_mib'])
        rows[name] = row
    return rows


def _cost(job: Callable[[], object], device: str) -> tuple:
    """Seconds of the second run, and memory of the third."""
    seconds = interleaved({'job': job}, 1, device)['job']
    memory = peak_mib(job, device)
    return seconds, None if memory is None else max(memory, 0.1)
