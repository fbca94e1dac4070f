"""What is measured, on what, and how: seconds and bytes."""

from __future__ import annotations

import ctypes
import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

_CLEAR = Path('/proc/self/clear_refs')
_STATUS = Path('/proc/self/status')


@dataclass(frozen=True)
class Settings:
    """Sizes of the benchmark.

    Args:
        device: ``cpu`` or ``cuda``.
        batch_size: Clips B of a training step and of inference.
        num_limbs: Limbs S.
        window_sec: Seconds of a window.
        repeats: Runs of which the median is taken.
        workers: Numbers of loader processes to try.
        windows: Windows of the data set that loading reads.
        minutes: Length of the recording to synchronise.
        reference_windows: Sub-windows that the reference encodes before its
            time is scaled to all of them.
        items: Gallery of retrieval.
        compiled: Whether to measure ``torch.compile``, which first compiles
            for a minute or two.
        batch_sizes, limbs, windows_sec, sync_minutes: Sizes for scaling.
    """

    device: str = 'cpu'
    batch_size: int = 32
    num_limbs: int = 4
    window_sec: float = 5.0
    repeats: int = 5
    workers: tuple[int, ...] = (0, 2)
    windows: int = 2048
    minutes: float = 10.0
    reference_windows: int = 64
    items: int = 100_000
    compiled: bool = False
    batch_sizes: tuple[int, ...] = (64, 128, 256, 512, 1024)
    limbs: tuple[int, ...] = (1, 2, 4, 8, 13)
    windows_sec: tuple[float, ...] = (2.0, 5.0, 10.0, 20.0)
    sync_minutes: tuple[float, ...] = (1.0, 5.0, 20.0, 60.0, 120.0)


def machine(device: str) -> dict:
    """What the numbers were measured on."""
    name = platform.processor() or platform.machine()
    if device == 'cuda':
        name = torch.cuda.get_device_name()
    return dict(
        device=device,
        name=name,
        cores=os.cpu_count(),
        threads=torch.get_num_threads(),
        load=os.getloadavg()[0],
        torch=torch.__version__,
        python=platform.python_version(),
    )


clock = time.perf_counter
"""What tells the time; ``time.process_time`` on a machine with other work."""


def synchronized(device: str) -> float:
    """Time in seconds, after what was launched on a GPU has ended."""
    if device == 'cuda':
        torch.cuda.synchronize()
    return clock()


def count_processor_time() -> None:
    """From now on measure the seconds of this process's one thread.

    They hardly depend on what else the machine does, but do not show what
    several threads or loader processes bring.
    """
    global clock
    clock = time.process_time
    torch.set_num_threads(1)


def interleaved(
    jobs: Mapping[str, Callable[[], Any]], repeats: int, device: str = 'cpu'
) -> dict[str, float]:
    """Median seconds of each job after one run that does not count.

    The jobs take turns, so that whatever else the machine does meets all
    of them.
    """
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(repeats + 1):
        for name, job in jobs.items():
            start = synchronized(device)
            job()
            if turn:
                seconds[name].append(synchronized(device) - start)
    return {name: float(np.median(all_)) for name, all_ in seconds.items()}


def peak_mib(job: Callable[[], Any], device: str = 'cpu') -> float | None:
    """Most memory in MiB that a job holds beyond what was held before.

    None where the system does not tell (a processor without Linux).
    """
    if device == 'cuda':
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        job()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    if not _CLEAR.exists():
        return None
    # Give back what earlier jobs freed, and forget their peak.
    ctypes.CDLL(None).malloc_trim(0)
    _CLEAR.write_text('5')
    before = memory_kib('VmRSS')
    job()
    return (memory_kib('VmHWM') - before) / 2**10


def memory_kib(name: str) -> int:
    """A line of the process status, such as ``VmHWM``, the peak."""
    lines = _STATUS.read_text().splitlines()
    return int(next(x for x in lines if x.startswith(name)).split()[1])


def exponent(sizes: list[float], costs: list[float]) -> float:
    """Slope of log cost over log size: 1 if cost is proportional to size."""
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])
